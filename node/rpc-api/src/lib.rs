#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
pub mod code;
mod generation;
mod json;
mod status;

#[cfg(feature = "client")]
pub use api::BlyanApiClient;
#[cfg(feature = "server")]
pub use api::BlyanApiServer;
pub use api::{BlobPiece, ExpertEntry, TileAnswer, Upload, BLOB_BYTES_MAX, CHUNK_BYTES_MAX};
pub use generation::{GenerateAnswer, GenerateEvent, GenerateRequest, GenerateSummary, Seconds};
/// Answers that keep coming, as clients read them.
#[cfg(feature = "client")]
pub use jsonrpsee::core::client::Subscription;
pub use status::{BlobProgress, EngineStatus, ExchangeFigures, ExchangeStatus};
