//! Weight functions of `pallet_datasets`.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

use frame_support::weights::Weight;

/// Weights this pallet needs.
pub trait WeightInfo {
	/// `offer`, with `b` blobs.
	fn offer(b: u32) -> Weight;
	/// `name_blobs`, with `b` blobs.
	fn name_blobs(b: u32) -> Weight;
	/// `begin_audit`.
	fn begin_audit() -> Weight;
	/// `seal`.
	fn seal() -> Weight;
	/// Checks before a `seal` enters the pool, and again in the block.
	fn authorize_seal() -> Weight;
	/// `reveal`.
	fn reveal() -> Weight;
	/// Checks before a `reveal` enters the pool, and again in the block.
	fn authorize_reveal() -> Weight;
	/// `vote`.
	fn vote() -> Weight;
	/// `appeal`.
	fn appeal() -> Weight;
	/// `withdraw`, from a vote.
	fn withdraw() -> Weight;
	/// `quarantine`.
	fn quarantine() -> Weight;
	/// `declare_manifest`, with `d` datasets.
	fn declare_manifest(d: u32) -> Weight;
	/// The costliest step of a dataset: a draw, the end of an audit that pays, or the removal of a chunk of blobs.
	fn step() -> Weight;
	/// A moment of the agenda in which nothing is due.
	fn idle() -> Weight;
}

/// For mocks.
impl WeightInfo for () {
	fn offer(_: u32) -> Weight {
		FIXED
	}
	fn name_blobs(_: u32) -> Weight {
		FIXED
	}
	fn begin_audit() -> Weight {
		FIXED
	}
	fn seal() -> Weight {
		FIXED
	}
	fn authorize_seal() -> Weight {
		FIXED
	}
	fn reveal() -> Weight {
		FIXED
	}
	fn authorize_reveal() -> Weight {
		FIXED
	}
	fn vote() -> Weight {
		FIXED
	}
	fn appeal() -> Weight {
		FIXED
	}
	fn withdraw() -> Weight {
		FIXED
	}
	fn quarantine() -> Weight {
		FIXED
	}
	fn declare_manifest(_: u32) -> Weight {
		FIXED
	}
	fn step() -> Weight {
		FIXED
	}
	fn idle() -> Weight {
		FIXED
	}
}

const FIXED: Weight = Weight::from_parts(1_000, 0);
