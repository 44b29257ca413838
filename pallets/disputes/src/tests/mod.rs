//! Stories, one file a theme.

mod appeals;
mod candidates;
mod cases;
mod challenges;
mod clocks;
mod demands;
mod descents;
mod equivocations;
mod exact;
mod findings;
mod floods;
mod mock;
mod money;
mod sweeps;
mod sybils;
mod voids;
mod worker;
mod world;

pub(crate) use mock::*;
pub(crate) use world::*;
