//! Stories of the pallet, one file per concern.

mod attacks;
mod invariants;
mod keepers;
pub(crate) mod mock;
mod rounds;
mod sealing;
mod worker;
