//! L1: what three small classifiers say of a record's text, beside the rules of the filter.
//!
//! ```text
//! text ──> features, integers (here) ──> a process of its own: ONNX files, floats ──> scores in thousandths ──> findings (here)
//! ```
//!
//! Findings are advice for those who offer or audit data. Nothing is left out by them, and nothing on the chain follows from them: the
//! scores are of floats, and two machines may differ in their last digits. A figure that is to be voted on is combined by a median, and
//! never slashes.
//!
//! The files run in a process of their own, `blyan-gate` (see `runner/`), which is built with resolved dependencies of its own. One that
//! crashes, or a native library that does, takes nothing else with it.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod features;
mod figures;
mod finding;
mod gate;
mod process;
// The runner reads questions and writes answers, with the same file.
#[allow(dead_code)]
mod wire;

pub use figures::Figures;
pub use finding::GateFinding;
pub use gate::{Gate, Judgement, Options, Record, Thresholds};
pub use process::{program, GateError};
