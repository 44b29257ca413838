//! Stories of the pallet, one file per subject.

mod electorates;
mod invariants;
pub(crate) mod mock;
mod polls;
mod tally;
mod turnout;
mod vote;
