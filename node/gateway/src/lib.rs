#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access;
mod access_log;
mod answer;
pub mod asked;
pub mod batched;
mod body;
mod clients;
pub mod engine;
mod error;
mod fields;
mod files;
pub mod gateway;
mod generation;
mod logprobs;
mod metrics;
pub mod model;
mod native;
mod page;
mod piece;
mod receipts;
mod redirect;
mod request;
mod routes;
mod server;
mod socket;
mod stored;
mod stream;
pub mod till;
pub mod tls;
mod transcript;

pub use access_log::{AccessLine, AccessLog};
pub use batched::Batched;
pub use clients::Peer;
pub use gateway::{Config, Gateway, BODY_MEMORY};
pub use model::ServedModel;
pub use receipts::line as receipt_line;
pub use redirect::redirect;
pub use server::{serve, serve_tls};
pub use till::{Free, Till};
pub use tls::{Tls, TlsError};
