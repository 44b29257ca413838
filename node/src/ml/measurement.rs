//! What this machine can do, measured once after the start, for the operator whose node this is.

use blyan_engine::{eval::Evaluator, kernel::Kernel, queue::Turn};
use blyan_primitives::EngineError;
use codec::Encode;
use std::time::Duration;

/// Where off-chain workers find the measurement in their persistent local storage, SCALE-encoded.
pub const MEASUREMENT_KEY: &[u8] = b"blyan/operators/measurement";

/// How long the workload runs.
const WORKLOAD: Duration = Duration::from_secs(1);

/// What was measured. Zero means that it was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode)]
pub struct Measurement {
	/// Tokens of an evaluation job in a second, with commitments to both traces, on the engine's threads.
	pub cpu_tokens_per_second: u32,
	/// The same on a graphics card.
	pub gpu_tokens_per_second: u32,
	/// Gibibytes that the blob store may hold.
	pub disk_gib: u32,
	/// Megabits per second.
	pub bandwidth_mbit: u32,
	/// The engine's threads.
	pub compute_units: u32,
}

impl Measurement {
	/// Runs the workload whenever nothing else wants to run.
	pub fn take(turn: &Turn<'_>, threads: usize, store_bytes: u64) -> Result<Self, EngineError> {
		let evaluator = Evaluator::new(Kernel::best(), threads)?;
		Ok(Self {
			cpu_tokens_per_second: evaluator.tokens_per_second(WORKLOAD, &|| turn.wait())?,
			disk_gib: u32::try_from(store_bytes >> 30).unwrap_or(u32::MAX),
			compute_units: u32::try_from(threads).unwrap_or(u32::MAX),
			..Self::default()
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_encoding_is_five_numbers() {
		let measurement = Measurement { cpu_tokens_per_second: 1, disk_gib: 3, ..Measurement::default() };
		assert_eq!(measurement.encode(), (1_u32, 0_u32, 3_u32, 0_u32, 0_u32).encode());
	}
}
