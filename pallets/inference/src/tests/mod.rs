//! Stories of the pallet, one file per kind.

mod attacks;
mod expiry;
mod idempotency;
mod invariants;
mod keys;
mod leaving;
pub(crate) mod mock;
mod offers;
mod refusals;
mod requests;
mod rules;
mod sessions;
mod users;
