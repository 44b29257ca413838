#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod accounts;
mod admission;
pub mod captcha;
mod captcha_step;
pub mod challenge;
pub mod config;
pub mod free;
pub mod guard;
mod holds;
pub mod message;
pub mod neighbours;
pub mod nonces;
pub mod record;
mod refusal;
pub mod review;
mod routes;
pub mod session;
pub mod sessions;
mod sign_in;
pub mod signals;
pub mod sketch;
pub mod store;
pub mod till;
pub mod wallet;

pub use accounts::Accounts;
pub use admission::FREE_ANSWER_MAX;
pub use captcha::Captcha;
pub use config::{system_clock, Clock, Config};
pub use routes::router;
pub use sign_in::SignInRequest;
pub use store::StoreError;
pub use till::AccountsTill;
