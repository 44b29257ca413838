//! State of the rounds of one run of `mine --repeat`.

use crate::mining::{journal::Journal, strategy::Strategy};
use std::sync::atomic::{AtomicBool, AtomicU32};

/// Rounds of one run of the command.
pub struct Rounds {
	/// Money that is set aside and spent, and what earlier rounds came to.
	pub(super) journal: Journal,
	/// Most that all rounds may spend; no limit if none.
	pub(super) limit: Option<u128>,
	/// Rule by which a slot is chosen.
	pub(super) strategy: Strategy,
	/// True once the round that is under way has come to its end, whatever that was.
	pub(super) has_ended: AtomicBool,
	/// Rounds that are over.
	pub(super) made: AtomicU32,
}
