//! Jobs and openings as runtimes encoded them while every model followed the first definition.
//!
//! A node is updated before the chain's runtime is, so for a while it serves a runtime that knows no other.

#[cfg(test)]
pub(super) use blyan_primitives::legacy::Job;
use blyan_primitives::{BlockWitness, EngineError, Opening};
use codec::{Encode, Output};
#[cfg(not(substrate_runtime))]
pub(super) use job::decode_job;

/// Place of the witness among the kinds of openings.
const WITNESS: u8 = 3;

/// Answer to such a runtime's query: witnesses do not name their definition.
// The interface names it on both sides; only hosts make one.
#[cfg_attr(substrate_runtime, allow(dead_code))]
pub struct Opened(pub(super) Result<Option<Opening>, EngineError>);

impl Encode for Opened {
	fn encode_to<O: Output + ?Sized>(&self, dest: &mut O) {
		match &self.0 {
			Ok(Some(Opening::Witness(BlockWitness::First(witness)))) => {
				// Ok, Some, and the kind of opening.
				[0, 1, WITNESS].encode_to(dest);
				witness.encode_to(dest);
			}
			// No job of such a runtime leads to one.
			Ok(Some(Opening::Witness(BlockWitness::Second(_)))) => {
				Result::<Option<Opening>, EngineError>::Err(EngineError::JobMalformed).encode_to(dest);
			}
			opened => opened.encode_to(dest),
		}
	}
}

#[cfg(not(substrate_runtime))]
mod job {
	use crate::{decode_whole, JOB_BYTES_MAX};
	use blyan_primitives::{legacy::Job, EngineError, EvaluationJob};

	/// Decodes such a job; all of the input must belong to it.
	pub(crate) fn decode_job(bytes: &[u8]) -> Result<EvaluationJob, EngineError> {
		if bytes.len() > JOB_BYTES_MAX {
			return Err(EngineError::JobMalformed);
		}
		decode_whole::<Job>(bytes).map(Into::into)
	}
}
