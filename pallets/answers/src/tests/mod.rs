//! Stories of the pallet: one file per call, the games, the roots of models, the rules and the invariants.

mod challenge;
mod defend;
mod games;
mod invariants;
pub(crate) mod mock;
mod roots;
mod rules;
mod world;

pub(crate) use mock::*;
pub(crate) use world::*;
