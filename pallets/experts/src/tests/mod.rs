//! Stories of the pallet, one file per call.

mod blobs;
mod genesis;
mod head_tree;
mod history;
mod invariants;
pub(crate) mod mock;
mod promote;
mod register_model;
mod revert;
