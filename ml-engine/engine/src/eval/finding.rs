//! Computations that queries need, and their results.

use crate::{blobs::BlobStore, model::LoadError};
use blyan_exact::{tree::Item, Hash};
use blyan_primitives::{BlockWitness, EngineError, EvaluationJob, TraceIndex};

/// Computation that a query needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
	/// All items of the job.
	Items,
	/// The operator roots of one item's traces.
	Traces {
		/// The item.
		item: u32,
	},
	/// The output of one operator.
	Output {
		/// The item.
		item: u32,
		/// Trace of the item: 0 for the baseline, 1 for the candidate.
		trace: TraceIndex,
		/// The operator's place in the program.
		operator: u16,
	},
	/// The inputs of one block.
	Witness {
		/// The item.
		item: u32,
		/// Trace of the item: 0 for the baseline, 1 for the candidate.
		trace: TraceIndex,
		/// The operator's place in the program.
		operator: u16,
		/// The row.
		row: u32,
		/// The block.
		block: u32,
	},
	/// The candidate's bytes, whatever they are.
	Candidate,
	/// A tile of the candidate's block.
	Tile {
		/// Index of the tile.
		tile: u32,
	},
}

/// Result of a [`Need`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
	/// All items of the job.
	Items(Vec<Item>),
	/// One item.
	Traces {
		/// The leaf.
		item: Item,
		/// Operator roots of the baseline's trace.
		baseline: Vec<Hash>,
		/// Operator roots of the candidate's trace.
		candidate: Vec<Hash>,
	},
	/// An operator's output.
	Output(Vec<u8>),
	/// The inputs of a block, or a tile.
	Witness(BlockWitness),
	/// The candidate's bytes.
	Candidate(Vec<u8>),
}

impl Finding {
	/// Returns the approximate bytes that it takes in memory.
	pub fn size(&self) -> usize {
		match self {
			Self::Items(items) => size_of_val(items.as_slice()),
			Self::Traces { baseline, candidate, .. } => {
				size_of::<Item>() + size_of::<Hash>() * (baseline.len() + candidate.len())
			}
			Self::Output(bytes) | Self::Candidate(bytes) => bytes.len(),
			Self::Witness(witness) => codec::Encode::encoded_size(witness),
		}
	}
}

/// Loads the candidate's bytes as they were submitted. A damaged copy was dropped, so a good one can be fetched.
pub(super) fn candidate(job: &EvaluationJob, blobs: &BlobStore) -> Result<Vec<u8>, EngineError> {
	let hash = job.candidate.blob.hash;
	blobs.get(&hash).map_err(|error| match LoadError::from(error) {
		LoadError::BlobCorrupt(hash) => EngineError::BlobMissing(hash),
		error => error.as_engine_error(),
	})
}
