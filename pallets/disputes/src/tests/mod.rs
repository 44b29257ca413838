//! Stories, one file a theme.

mod appeals;
mod candidates;
mod challenges;
mod clocks;
mod demands;
mod descents;
mod equivocations;
mod exact;
mod mock;
mod money;
mod sweeps;
mod sybils;
mod worker;
mod world;

pub(crate) use mock::*;
pub(crate) use world::*;
