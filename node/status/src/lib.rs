#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod amount;
mod facts;
#[cfg(feature = "server")]
mod guide;
#[cfg(feature = "server")]
mod html;
pub mod outcome;
#[cfg(feature = "server")]
mod page;
pub mod projection;
mod schema;
#[cfg(feature = "server")]
mod server;

pub use facts::{Facts, LATEST, NEWCOMER, PAGE};
pub use schema::{Block, Head, Model, Network, Node, Operators, QueueEntry, Status, Terms, Verdict, SCHEMA};
#[cfg(feature = "server")]
pub use server::{serve, Access, Pages};
