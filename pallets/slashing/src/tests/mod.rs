//! Stories of the pallet, told with the real operators and balances.

mod appeal;
mod apply;
mod ban;
mod bounds;
mod invariants;
pub(crate) mod mock;
mod report;
