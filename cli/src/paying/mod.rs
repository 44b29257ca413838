//! Payer's side of paid serving: what was promised, what was delivered for it, and when to stop.
//!
//! ```text
//! client --request--> connect, chat --request and voucher--> operator's gateway
//!                        |   <-- 402: the amount that is missing
//!                        |   voucher for exactly that, on disk before it is sent
//!                        |   <-- answer, unchanged
//!                        |   <-- receipt: signed, of this session, at its prices, of the tokens that came?
//! ```
//!
//! A voucher is cumulative: it promises the operator so much of the session's deposit in all. So a payer is at risk of one thing only:
//! the operator takes what was promised, and delivers less. [`channel`] bounds that to the ceilings of answers that are under way, and
//! [`check`] finds it out with the answer's receipt.

pub mod account;
pub mod attempts;
pub mod channel;
pub mod check;
pub mod choice;
pub mod delivery;
pub mod notice;
pub mod operators;
pub mod payer;
pub mod pieces;
pub mod prompt;
pub mod proxy;
pub mod refresh;
pub mod relay;
pub mod request;
pub mod seeds;
pub mod splice;
pub mod state;
pub mod store;
pub mod upstream;
pub mod wire;

#[cfg(test)]
mod tests;
