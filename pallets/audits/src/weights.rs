//! Weight functions of `pallet_audits`.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

use frame_support::weights::Weight;

macro_rules! weights {
	($($(#[$doc:meta])* $name:ident;)*) => {
		/// Weights this pallet needs.
		pub trait WeightInfo {
			$($(#[$doc])* fn $name() -> Weight;)*
		}

		/// For mocks.
		impl WeightInfo for () {
			$(fn $name() -> Weight {
				Weight::from_parts(1_000, 0)
			})*
		}
	};
}

weights! {
	/// `enrol`.
	enrol;
	/// Checks before an `enrol` enters the pool, and again in the block.
	authorize_enrol;
	/// `present`.
	present;
	/// Checks before a `present`.
	authorize_present;
	/// `vote`.
	vote;
	/// Checks before a `vote`.
	authorize_vote;
	/// `reveal_setter`.
	reveal_setter;
	/// Checks before a `reveal_setter`.
	authorize_reveal_setter;
	/// `reveal_vote`.
	reveal_vote;
	/// Checks before a `reveal_vote`.
	authorize_reveal_vote;
	/// `forget`.
	forget;
	/// The opening of one audit, or an attempt at it.
	open;
	/// The settlement of an audit that pays everybody.
	step_paying;
	/// The settlement of an audit that reports everybody.
	step_reporting;
	/// A block in which nothing is due.
	idle;
}
