//! Stories of the pallet, one file per call.

mod eligible;
mod exit;
mod genesis;
mod heartbeat;
mod invariants;
pub(crate) mod mock;
mod register;
mod rotate_key;
mod update_capabilities;
mod worker;
