//! Stories of the pallet, one file per concern.

mod attacks;
mod epochs;
mod evaluations;
mod feasibility;
mod invariants;
pub(crate) mod mock;
mod proposals;
mod rules;
mod worker;
