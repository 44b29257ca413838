//! Stories of the pallet, one file per call.

mod backing;
mod chill;
mod displacement;
mod electorate;
mod eligible;
mod exit;
mod genesis;
mod hardware;
mod heartbeat;
mod invariants;
pub(crate) mod mock;
mod ownership;
mod price;
mod quarantine;
mod register;
mod rotate_key;
mod silence;
mod slash;
mod uid;
mod update_capabilities;
mod voters;
mod worker;
