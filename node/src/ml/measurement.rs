//! Performance of this machine, measured once after the start, for the operator whose node this is.

use blyan_engine::{eval::Evaluator, kernel::Kernel, queue::Turn};
use blyan_primitives::{EngineError, Measurement};
use std::time::Duration;

/// Duration of the workload.
const WORKLOAD: Duration = Duration::from_secs(1);

/// Runs the workload whenever nothing else wants to run, and adds what the engine may use.
///
/// The speed is that of evaluation jobs with commitments to both traces. Graphics cards and bandwidth are not measured.
pub fn take(turn: &Turn<'_>, threads: usize, store_bytes: u64) -> Result<Measurement, EngineError> {
	let evaluator = Evaluator::new(Kernel::best(), threads)?;
	Ok(Measurement {
		cpu_tokens_per_second: evaluator.tokens_per_second(WORKLOAD, &|| turn.wait())?,
		disk_gib: u32::try_from(store_bytes >> 30).unwrap_or(u32::MAX),
		compute_units: u32::try_from(threads).unwrap_or(u32::MAX),
		..Measurement::default()
	})
}
