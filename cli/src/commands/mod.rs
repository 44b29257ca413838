//! One file a command.

pub mod account;
pub mod chat;
pub mod keys;
pub mod lists;
pub mod network;
pub mod status;
