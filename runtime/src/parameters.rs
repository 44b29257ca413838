//! What governance can tune without an upgrade. Each default here holds until it is overridden.

use crate::*;
use frame_support::{
	dynamic_params::{dynamic_pallet_params, dynamic_params},
	traits::EnsureOriginWithArg,
};

#[dynamic_params(RuntimeParameters, pallet_parameters::Parameters::<Runtime>)]
pub mod dynamic_params {
	use super::*;

	/// Proof of Learning: how candidates are judged.
	#[dynamic_pallet_params]
	#[codec(index = 0)]
	pub mod learning {
		/// Least mean improvement that is accepted, bits per byte in Q16.
		#[codec(index = 0)]
		pub static Delta: u32 = 32;
		/// Standard errors by which the mean must exceed it, in thousandths.
		#[codec(index = 1)]
		pub static ZMilli: u32 = 3_000;
		/// Sequences drawn for one evaluation.
		#[codec(index = 2)]
		pub static SampleSize: u32 = 64;
		/// Blocks between a submission and the draw of its committee and sample.
		#[codec(index = 3)]
		pub static Delay: BlockNumber = 2;
		/// Blocks the committee has for its reports.
		#[codec(index = 4)]
		pub static ReportWindow: BlockNumber = 100;
		/// Operators drawn for one submission.
		#[codec(index = 5)]
		pub static CommitteeSize: u32 = 3;
		/// Leading zero bits a submission's proof of work must have.
		#[codec(index = 6)]
		pub static PowBits: u32 = 8;
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

pub use dynamic_params::{learning, serving};

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
