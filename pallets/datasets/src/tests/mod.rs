//! Stories of the pallet, one file per concern.

mod appeals;
mod attacks;
mod audits;
mod invariants;
mod lineage;
pub(crate) mod mock;
mod offers;
mod rescans;
mod rules;
mod votes;
mod worker;
