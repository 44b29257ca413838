//! Stories, one file a call or phase.

mod decisions;
mod draws;
mod holdouts;
mod invariants;
mod mock;
mod reports;
mod submit;
mod trust;
mod worker;

pub(crate) use mock::*;
