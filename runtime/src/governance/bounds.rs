//! Bounds of parameters: what their readers make of a value that no majority may set.
//!
//! `Parameters::set_parameter` accepts any value, and root's calls meet no filter. So those that read a window in which an
//! honest side must be able to act, or a bond that it must be able to pay, take the nearest value within these bounds. A
//! referendum that sets a dispute's clock to nothing passes, and changes the clock to its least.

use super::Day;
use crate::{Balance, BlockNumber, UNIT};
use core::marker::PhantomData;
use frame_support::{parameter_types, traits::Get};
use sp_runtime::Perbill;

/// Parameter `P`, but at least `Least`.
pub struct AtLeast<P, Least>(PhantomData<(P, Least)>);

impl<V: Ord, P: Get<V>, Least: Get<V>> Get<V> for AtLeast<P, Least> {
	fn get() -> V {
		P::get().max(Least::get())
	}
}

/// Parameter `P`, but at most `Most`.
pub struct AtMost<P, Most>(PhantomData<(P, Most)>);

impl<V: Ord, P: Get<V>, Most: Get<V>> Get<V> for AtMost<P, Most> {
	fn get() -> V {
		P::get().min(Most::get())
	}
}

/// Ten minutes of a governance day: the least time to notice a wrong answer, and to move in a game.
pub struct TenMinutes;

impl Get<BlockNumber> for TenMinutes {
	fn get() -> BlockNumber {
		Day::get().checked_div(144).unwrap_or(1).max(1)
	}
}

/// A minute of a governance day: the least time to evaluate, and to open what was sealed.
pub struct OneMinute;

impl Get<BlockNumber> for OneMinute {
	fn get() -> BlockNumber {
		Day::get().checked_div(1_440).unwrap_or(1).max(1)
	}
}

parameter_types! {
	/// Largest bond of a dispute: more would keep those who are right from saying so.
	pub const DisputeBondMax: Balance = 100 * UNIT;
	/// Largest bond of a submission.
	pub const SubmissionBondMax: Balance = 1_000 * UNIT;
	/// Largest share of a payment that the network takes: more would take what sessions promised to operators that have served already.
	pub const NetworkShareMax: Perbill = Perbill::from_percent(20);
	/// Fewest operators that judge, or examine data: one alone would decide about itself.
	pub const CommitteeMin: u32 = 2;
}
