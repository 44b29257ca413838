//! Stories, one file a call or phase.

mod attacks;
mod commitments;
mod copies;
mod copy_reports;
mod decisions;
mod disputes;
mod draws;
mod electorate;
mod holdouts;
mod invariants;
mod late;
mod maturity;
mod mock;
mod open_copies;
mod open_copy_reports;
mod open_models;
mod outages;
mod retrials;
mod reveal;
mod seal;
mod sealed;
mod submissions;
mod submit;
mod trust;
mod votes;
mod worker;

pub(crate) use mock::*;
pub(crate) use submissions::*;
