//! Stories of delegation.

mod attacks;
mod commission;
mod delegate;
mod income;
mod invariants;
pub mod mock;
mod slash;
mod undelegate;
