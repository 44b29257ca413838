//! Governance: which referendum may do what, and what it takes to pass. See `docs/governance.md`.
//!
//! - [`origins`] names the powers that a referendum can have besides root's;
//! - [`tracks`] says what each of them takes;
//! - [`brakes`] lists the calls that no brake stops;
//! - [`bounds`] keeps parameters within what no majority may leave.

pub mod bounds;
pub mod brakes;
pub mod origins;
pub mod tracks;

pub use brakes::is_unstoppable;
pub use tracks::{Plan, Tracks, PLANS};

use crate::{BlockNumber, RankedCollective, Runtime};
use frame_support::traits::Get;

/// Blocks in a day of governance: a real day, but minutes on development chains.
pub struct Day;

impl Get<BlockNumber> for Day {
	fn get() -> BlockNumber {
		pallet_operator_voting::DayLength::<Runtime>::get()
	}
}

/// Days after its submission in which a referendum must begin to be decided.
pub const UNDECIDING_DAYS: u32 = 14;

/// Blocks after its submission in which a referendum must begin to be decided.
pub struct UndecidingTimeout;

impl Get<BlockNumber> for UndecidingTimeout {
	fn get() -> BlockNumber {
		RankedCollective::days(UNDECIDING_DAYS, 1)
	}
}
