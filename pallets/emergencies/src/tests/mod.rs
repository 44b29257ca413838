//! Stories of the pallet, one file per subject.

mod actions;
mod calls;
mod invariants;
pub(crate) mod mock;
mod proposals;
mod rules;
