//! What governance can tune without an upgrade. Each default here holds until it is overridden.

use crate::*;
use frame_support::{
	dynamic_params::{dynamic_pallet_params, dynamic_params},
	traits::EnsureOriginWithArg,
};

#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
pub mod dynamic_params {
	use super::*;

	/// Proof of Learning: how candidates are judged, and what it takes to submit one.
	#[dynamic_pallet_params]
	#[codec(index = 0)]
	pub mod learning {
		/// Least mean improvement that is accepted, bits per byte in Q16: 32 is about 0.0005.
		#[codec(index = 0)]
		pub static Delta: u32 = 32;
		/// Standard errors by which the mean must exceed it, in thousandths.
		#[codec(index = 1)]
		pub static ZMilli: u32 = 3_000;
		/// Sequences drawn for one evaluation.
		#[codec(index = 2)]
		pub static SampleSize: u32 = 256;
		/// Blocks between a submission and the draw of its committee and sample.
		#[codec(index = 3)]
		pub static Delay: BlockNumber = 2;
		/// Blocks the committee has for its reports.
		#[codec(index = 4)]
		pub static ReportWindow: BlockNumber = 100;
		/// Operators drawn for one submission, where there are that many.
		#[codec(index = 5)]
		pub static CommitteeSize: u32 = 5;
		/// Operators without whom nothing is drawn. Two thirds of two are both.
		#[codec(index = 6)]
		pub static MinCommittee: u32 = 2;
		/// Leading zero bits of a newcomer's proof of work: a fraction of a second.
		#[codec(index = 7)]
		pub static PowBits: u32 = 16;
		/// Leading zero bits of a trusted miner's proof of work.
		#[codec(index = 8)]
		pub static TrustedPowBits: u32 = 8;
		/// Bond of a submission, lost if its bytes are no expert.
		#[codec(index = 9)]
		pub static Bond: Balance = UNIT;
		/// Submissions a newcomer may make in a day.
		#[codec(index = 10)]
		pub static NewcomerQuota: u32 = 20;
		/// Submissions a trusted miner may make in a day.
		#[codec(index = 11)]
		pub static TrustedQuota: u32 = 200;
		/// Acceptances in a row that make a miner trusted.
		#[codec(index = 12)]
		pub static TrustAfter: u32 = 3;
		/// Failures in a row that make it a newcomer again.
		#[codec(index = 13)]
		pub static DistrustAfter: u32 = 5;
	}

	/// Ledger: what work earns.
	#[dynamic_pallet_params]
	#[codec(index = 1)]
	pub mod ledger {
		/// What an improvement of exactly [`learning::Delta`] earns.
		#[codec(index = 0)]
		pub static LearningBase: Balance = 10 * UNIT;
		/// Largest learning reward, in multiples of [`LearningBase`].
		#[codec(index = 1)]
		pub static LearningMultipleMax: u32 = 100;
		/// What one report that agreed with the decision earns.
		#[codec(index = 2)]
		pub static ValidationReward: Balance = UNIT;
	}

	/// Serving: what an answer costs.
	#[dynamic_pallet_params]
	#[codec(index = 2)]
	pub mod serving {
		/// Price of one byte, read or generated. A quote: nothing is charged yet.
		#[codec(index = 0)]
		pub static PricePerByte: Balance = 10 * MICROUNIT;
	}
}

pub use dynamic_params::{learning, ledger, serving};

/// Every parameter belongs to root.
pub struct EnsureRootForAll;

impl EnsureOriginWithArg<RuntimeOrigin, RuntimeParametersKey> for EnsureRootForAll {
	type Success = ();

	fn try_origin(origin: RuntimeOrigin, _: &RuntimeParametersKey) -> Result<(), RuntimeOrigin> {
		frame_system::ensure_root(origin.clone()).map_err(|_| origin)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn try_successful_origin(_: &RuntimeParametersKey) -> Result<RuntimeOrigin, ()> {
		Ok(RuntimeOrigin::root())
	}
}

#[cfg(feature = "runtime-benchmarks")]
impl Default for RuntimeParameters {
	fn default() -> Self {
		RuntimeParameters::Learning(learning::Parameters::Delta(learning::Delta, Some(32)))
	}
}
