#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod allowance;
mod answers;
pub mod book;
pub mod cashier;
pub mod config;
pub mod credentials;
mod desk;
pub mod kept;
pub mod keys;
pub mod receipt;
mod refusal;
mod scores;
mod settlement;
mod store;
pub mod x402;

pub use book::{Ages, BookError, SessionBook, SessionRecord};
pub use cashier::{Cashier, OpenError};
pub use config::{system_clock, Clock, Config};
pub use credentials::write as write_voucher;
pub use kept::{KeptAnswer, StoreRoom};
pub use keys::{ApiKey, ApiKeys, Budget, KeysError};
pub use receipt::{KeyError, ReceiptError, ServingPair};
pub use settlement::Round;
pub use store::StoreError;
