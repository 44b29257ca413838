#![doc = include_str!("../README.md")]
#![cfg_attr(target_arch = "wasm32", no_std)]
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::expect_used))]

extern crate alloc;

mod check;
mod files;
#[cfg(any(target_arch = "wasm32", test))]
mod guest_record;
mod record;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
// `no_mangle` counts as such, since two functions of one name could meet; there is no other
mod guest;

pub use check::{Check, CheckError, Difference, Step};
pub use files::{FileError, Loaded, ModelFiles};
pub use record::{AnswerRecord, End, RecordError};
