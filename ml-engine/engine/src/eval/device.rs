//! Interface of devices that compute exact losses.

use super::{Candidate, Checkpoint};
use crate::model::Model;
use blyan_primitives::EngineError;
use std::fmt::Debug;

/// Device that computes exact losses of whole batches, such as a GPU.
///
/// A device may stop early and return the losses of the first sequences only; the evaluator computes the rest. All
/// sequences have one length, from 1 to the context.
pub trait LossDevice: Debug + Send + Sync {
	/// Returns the bits, Q16, that the model needs for each sequence.
	fn losses(
		&self,
		model: &Model,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<u64>, EngineError>;

	/// Returns the losses of the model as it is and of `changed`, which has the candidate in its slot.
	fn paired_losses(
		&self,
		model: &Model,
		changed: &Model,
		candidate: &Candidate,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<(u64, u64)>, EngineError>;
}
