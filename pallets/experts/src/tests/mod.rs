//! Stories of the pallet, one file per call.

mod blobs;
mod genesis;
mod head_tree;
mod history;
mod invariants;
mod migrations;
pub(crate) mod mock;
mod promote;
mod register_model;
mod register_open_model;
mod revert;
