//! Jobs about models of the second definition: loaded from blobs, evaluated and opened by [`blyan_open_model::evaluate`].
//!
//! A model is loaded whole, and the one used last stays loaded: openings of one dispute, and jobs that follow each other, are
//! about one model. Of files, only the pages that are read take memory. Items are journalled, so that an evaluation that was
//! interrupted goes on.

mod files;
mod job;
mod journal;
mod model;
mod opening;
mod pause;
#[cfg(test)]
mod tests;

pub(super) use job::evaluate_job;
pub(super) use opening::{candidate_layout, candidate_tile, find};

use crate::blobs::BlobStore;
use blyan_exact::{
	definition2::{model_root, Architecture},
	Hash,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	evaluate::{self, EvaluateError},
	run::Weights,
};
use blyan_primitives::{BlockRef, EngineError};
use model::{ModelBlocks, OpenModel};
use parking_lot::Mutex;
use sp_core::H256;
use std::{fmt, sync::Arc};

/// Bytes in front of the token ids of a holdout: [`blyan_open_model::evaluate::Holdout`].
const HOLDOUT_HEADER_BYTES: u64 = 96;

/// Evaluator of models of the second definition, with the model that it used last.
pub(super) struct SecondEvaluator {
	evaluator: evaluate::Evaluator,
	/// Name of the model that is loaded, and the model.
	loaded: Mutex<Option<(H256, Arc<OpenModel>)>>,
}

impl fmt::Debug for SecondEvaluator {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("SecondEvaluator").field("kernel", &self.evaluator.kernel()).finish_non_exhaustive()
	}
}

impl SecondEvaluator {
	/// Starts `threads` threads that use `kernel`; they inherit the priority of the calling thread.
	pub(super) fn new(kernel: Kernel, threads: usize) -> Result<Self, EngineError> {
		let evaluator = evaluate::Evaluator::new(kernel, threads).map_err(|error| engine_error(&error))?;
		Ok(Self { evaluator, loaded: Mutex::new(None) })
	}
}

/// Loads a model that is put to benchmarks, every byte checked, on so many threads: its weights, and the root that names it. The
/// model that evaluations used last stays loaded beside it.
pub(crate) fn open_model_weights(
	record: &[u8],
	parts: &[BlockRef],
	heads: &[BlockRef],
	blobs: &BlobStore,
	threads: usize,
) -> Result<(Weights, Hash), EngineError> {
	let pool = rayon::ThreadPoolBuilder::new()
		.num_threads(threads)
		.thread_name(|index| format!("blyan-load-{index}"))
		.build();
	let pool = pool.map_err(|error| {
		log::error!("cannot start the threads that load a model: {error}");
		EngineError::Internal
	})?;
	let model = pool.install(|| OpenModel::load(ModelBlocks { record, parts, heads }, blobs))?;
	let root = model_root(&model.architecture, &model.roots.parts, &model.roots.experts);
	Ok((model.weights, root))
}

/// Reads the record of an architecture; `None` if it is not one, or is out of bounds.
pub(super) fn architecture(record: &[u8]) -> Option<Architecture> {
	Architecture::from_bytes(record).ok().filter(|architecture| architecture.validate().is_ok())
}

/// Returns the bytes of a holdout of so many sequences of so many token ids.
pub(super) fn holdout_bytes(sequences: u32, sequence_len: u16) -> u64 {
	HOLDOUT_HEADER_BYTES + u64::from(sequences) * 4 * (u64::from(sequence_len) + 1)
}

/// Translates the reason why an evaluation has no result.
fn engine_error(error: &EvaluateError) -> EngineError {
	match error {
		EvaluateError::Candidate(_) => {
			log::info!("the candidate is invalid: {error}");
			EngineError::CandidateInvalid
		}
		EvaluateError::Cancelled => EngineError::Cancelled,
		EvaluateError::Architecture(_)
		| EvaluateError::Slot { .. }
		| EvaluateError::Sequence { .. }
		| EvaluateError::Vocabulary { .. }
		| EvaluateError::Answer { .. }
		| EvaluateError::Place { .. } => {
			log::info!("the job cannot be evaluated: {error}");
			EngineError::JobMalformed
		}
		EvaluateError::Weights(_) | EvaluateError::Files { .. } | EvaluateError::Threads { .. } => {
			log::error!("an evaluation failed: {error}");
			EngineError::Internal
		}
	}
}
