//! Stories of the pallet.

mod attacks;
mod calls;
mod invariants;
pub(crate) mod mock;
mod rules;
