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
mod migrations;
mod mock;
mod money;
mod second;
mod sizes;
mod sweeps;
mod sybils;
mod traces;
mod voids;
mod worker;
mod world;

pub(crate) use mock::*;
pub(crate) use traces::*;
pub(crate) use world::*;
