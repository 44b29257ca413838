//! Stories of the pallet, one file per concern.

mod attacks;
mod epochs;
mod evaluations;
mod feasibility;
mod invariants;
pub(crate) mod mock;
mod network;
mod proposals;
mod records;
mod reservations;
mod rules;
mod worker;
