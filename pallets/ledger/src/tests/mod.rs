//! Stories of the pallet, one file per call.

mod advance;
mod end_era;
mod fees;
mod fund;
mod genesis;
mod invariants;
pub(crate) mod mock;
mod pay;
mod set_budget;
