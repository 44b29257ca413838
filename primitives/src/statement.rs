//! Statements of claims: what was to be computed, by roots, and the program that computes it.

use crate::{
	architecture::ArchitectureRegistry,
	computation::Computation,
	job::{EvaluationJob, HoldoutRef, JobBody},
	model::{blocks_root, wire, ArchitectureId, BlockRef, ExpertIndex, LayerIndex, ModelBody, ModelInfo},
	slots::ExpertShape,
	TraceIndex,
};
use blyan_exact::{
	definition2::{self, Architecture},
	step::{CandidateSlot, Commitments},
	ModelConfig, Program,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

wire! {
	/// "The losses of this model, and of it with this candidate, on these sequences."
	///
	/// Everything a computation depends on, by roots. An [`EvaluationJob`] says the same with every head spelt out.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct EvaluationStatement {
		/// Version of the definition that the numbers follow: `blyan_exact::DEFINITION`.
		pub definition: u32,
		/// Architecture.
		pub config: ModelConfig,
		/// Root of the baseline: `blyan_exact::model_root`.
		pub model_root: H256,
		/// Layer of the candidate's slot.
		pub layer: LayerIndex,
		/// Expert index of the candidate's slot.
		pub expert: ExpertIndex,
		/// Tensor root of the candidate.
		pub candidate: H256,
		/// Merkle root over the sequences of the holdout.
		pub holdout_root: H256,
		/// Sequences in the holdout.
		pub holdout_sequences: u32,
		/// Bytes of a sequence.
		pub sequence_len: u16,
		/// Seed of the sample.
		pub seed: H256,
		/// Sequences in the sample.
		pub sample: u32,
	}
}

wire! {
	/// "The losses of this model of the second definition, and of it with this candidate, on these sequences of token ids."
	///
	/// An [`EvaluationStatement`] whose architecture is named by its hash.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct TokenEvaluationStatement {
		/// Revision of the second definition that the numbers follow: `blyan_exact::definition2::REVISION`.
		pub revision: u32,
		/// Architecture.
		pub architecture: ArchitectureId,
		/// Root of the baseline: `blyan_exact::definition2::model_root`.
		pub model_root: H256,
		/// Layer of the candidate's slot.
		pub layer: LayerIndex,
		/// Expert index of the candidate's slot.
		pub expert: ExpertIndex,
		/// Tensor root of the candidate.
		pub candidate: H256,
		/// Merkle root over the sequences of the holdout.
		pub holdout_root: H256,
		/// Sequences in the holdout.
		pub holdout_sequences: u32,
		/// Token ids in a sequence: one more than there are predicted positions.
		pub sequence_len: u16,
		/// Seed of the sample.
		pub seed: H256,
		/// Sequences in the sample.
		pub sample: u32,
	}
}

/// Statement of a claim: a program of exact operators, and the roots of everything it reads.
///
/// Disputes know statements by the methods below only, so another kind of computation is another variant.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum Statement {
	/// The evaluation of a candidate under the first definition.
	Evaluation(EvaluationStatement),
	/// The evaluation of a candidate under the second definition.
	TokenEvaluation(TokenEvaluationStatement),
}

impl Statement {
	/// The statement of a candidate's evaluation, under the definition of `body`: that for a slot, named by layer and
	/// expert, of the model of this root, on a sample of the holdout, named by its seed and its number of sequences.
	pub fn evaluation(
		definition: u32,
		body: &ModelBody,
		model_root: H256,
		(layer, expert): (LayerIndex, ExpertIndex),
		candidate: H256,
		holdout: &HoldoutRef,
		(seed, sample): (H256, u32),
	) -> Self {
		let (holdout_root, holdout_sequences) = (holdout.root, holdout.sequences);
		let sequence_len = holdout.sequence_len;
		match *body {
			ModelBody::First { config, .. } => Self::Evaluation(EvaluationStatement {
				definition,
				config,
				model_root,
				layer,
				expert,
				candidate,
				holdout_root,
				holdout_sequences,
				sequence_len,
				seed,
				sample,
			}),
			ModelBody::Second { architecture, .. } => Self::TokenEvaluation(TokenEvaluationStatement {
				revision: definition,
				architecture,
				model_root,
				layer,
				expert,
				candidate,
				holdout_root,
				holdout_sequences,
				sequence_len,
				seed,
				sample,
			}),
		}
	}

	/// Items of the computation, each with traces of its own: the sequences of the sample.
	pub fn items(&self) -> u32 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sample.min(evaluation.holdout_sequences),
			Self::TokenEvaluation(evaluation) => evaluation.sample.min(evaluation.holdout_sequences),
		}
	}

	/// Which sequence of the holdout an item is about; `None` if there is no such item.
	pub fn sequence(&self, item: u32) -> Option<u32> {
		let drawn = match self {
			Self::Evaluation(EvaluationStatement { seed, holdout_sequences, sample, .. })
			| Self::TokenEvaluation(TokenEvaluationStatement { seed, holdout_sequences, sample, .. }) => {
				crate::draw_indices(seed, *holdout_sequences, *sample)
			}
		};
		drawn.get(usize::try_from(item).ok()?).copied()
	}

	/// Architecture of a computation under the second definition.
	pub fn architecture(&self) -> Option<ArchitectureId> {
		match self {
			Self::Evaluation(_) => None,
			Self::TokenEvaluation(evaluation) => Some(evaluation.architecture),
		}
	}

	/// Token ids or bytes of a sequence.
	pub fn sequence_len(&self) -> u16 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sequence_len,
			Self::TokenEvaluation(evaluation) => evaluation.sequence_len,
		}
	}

	/// Predicted positions of an item: what an outcome counts as `bytes`.
	pub fn positions(&self) -> u16 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sequence_len,
			Self::TokenEvaluation(evaluation) => evaluation.sequence_len.saturating_sub(1),
		}
	}

	/// The slot of the candidate, and its tensor root.
	pub fn candidate(&self) -> (LayerIndex, ExpertIndex, H256) {
		match self {
			Self::Evaluation(EvaluationStatement { layer, expert, candidate, .. })
			| Self::TokenEvaluation(TokenEvaluationStatement { layer, expert, candidate, .. }) => {
				(*layer, *expert, *candidate)
			}
		}
	}

	/// Shape that the candidate must have.
	pub fn shape(&self) -> ExpertShape {
		match self {
			Self::Evaluation(evaluation) => ExpertShape::First(evaluation.config),
			Self::TokenEvaluation(TokenEvaluationStatement { architecture, layer, .. }) => {
				ExpertShape::Second { architecture: *architecture, layer: *layer }
			}
		}
	}

	/// The operators of every trace; `None` if the statement is out of bounds, or its architecture is not in the registry.
	pub fn computation<R: ArchitectureRegistry>(&self) -> Option<Computation> {
		self.computation_of(self.architecture().and_then(|id| R::architecture(&id)).as_ref())
	}

	/// The operators of every trace under an architecture that the caller has at hand; the first definition needs none. `None` if
	/// the statement is out of bounds, or names another architecture.
	pub fn computation_of(&self, architecture: Option<&Architecture>) -> Option<Computation> {
		match self {
			Self::Evaluation(evaluation) => {
				Program::new(evaluation.config, evaluation.sequence_len).map(Computation::First)
			}
			Self::TokenEvaluation(evaluation) => {
				let id = |architecture: &&Architecture| {
					definition2::model::architecture_hash(architecture) == evaluation.architecture.0
				};
				definition2::Program::new(architecture.filter(id)?, self.positions().into())
					.ok()
					.map(Computation::Second)
			}
		}
	}

	/// Returns the commitments that the inputs of one trace of one item are checked against.
	pub fn commitments(&self, item: u32, trace: TraceIndex) -> Option<Commitments> {
		let sequence = self.sequence(item)?;
		let (layer, expert, candidate) = self.candidate();
		let candidate = (trace == 1).then_some(CandidateSlot { layer, expert, tensor_root: candidate.0 });
		let (model_root, holdout_root, holdout_sequences) = match self {
			Self::Evaluation(EvaluationStatement { model_root, holdout_root, holdout_sequences, .. })
			| Self::TokenEvaluation(TokenEvaluationStatement {
				model_root,
				holdout_root,
				holdout_sequences,
				..
			}) => (model_root.0, holdout_root.0, *holdout_sequences),
		};
		Some(Commitments { model_root, candidate, holdout_root, holdout_sequences, sequence })
	}

	/// The version of its definition that the computation follows.
	pub fn definition(&self) -> u32 {
		match self {
			Self::Evaluation(evaluation) => evaluation.definition,
			Self::TokenEvaluation(evaluation) => evaluation.revision,
		}
	}

	/// Reports whether this runtime computes by the same definition. Claims under another can be neither proven nor refuted.
	pub fn is_current(&self) -> bool {
		match self {
			Self::Evaluation(evaluation) => evaluation.definition == blyan_exact::DEFINITION,
			Self::TokenEvaluation(evaluation) => evaluation.revision == definition2::REVISION,
		}
	}

	/// The job that this states, once its baseline is known with every head; `None` if that is a model of another definition or
	/// architecture, or the registry does not have it.
	pub fn job<R: ArchitectureRegistry>(
		&self,
		model: ModelInfo,
		candidate: BlockRef,
		holdout: HoldoutRef,
	) -> Option<EvaluationJob> {
		match self {
			Self::Evaluation(evaluation) => evaluation.job(model, candidate, holdout),
			Self::TokenEvaluation(evaluation) => {
				evaluation.job(&R::architecture(&evaluation.architecture)?, model, candidate, holdout)
			}
		}
	}

	/// Blake2b-256 of the SCALE encoding.
	pub fn id(&self) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

impl EvaluationStatement {
	/// The job that this states, once its baseline is known with every head; `None` if that is a model of the second definition.
	pub fn job(&self, model: ModelInfo, candidate: BlockRef, holdout: HoldoutRef) -> Option<EvaluationJob> {
		let ModelBody::First { config, trunk } = model.body else { return None };
		Some(EvaluationJob {
			definition: self.definition,
			model: model.id,
			body: JobBody::First { config, trunk },
			heads: model.heads.into_iter().map(|head| head.block).collect(),
			layer: self.layer,
			expert: self.expert,
			candidate,
			holdout,
			seed: self.seed,
			sample: self.sample,
		})
	}
}

impl TokenEvaluationStatement {
	/// The job that this states, once its baseline is known with every head and the architecture from the registry; `None` if that is
	/// another architecture, or a model of the first definition.
	pub fn job(
		&self,
		architecture: &Architecture,
		model: ModelInfo,
		candidate: BlockRef,
		holdout: HoldoutRef,
	) -> Option<EvaluationJob> {
		let is_same = definition2::model::architecture_hash(architecture) == self.architecture.0;
		let is_own = model.body.architecture() == Some(self.architecture);
		(is_same && is_own).then(|| EvaluationJob {
			definition: self.revision,
			model: model.id,
			body: JobBody::Second { architecture: architecture.to_bytes(), parts: model.parts },
			heads: model.heads.into_iter().map(|head| head.block).collect(),
			layer: self.layer,
			expert: self.expert,
			candidate,
			holdout,
			seed: self.seed,
			sample: self.sample,
		})
	}
}

impl EvaluationJob {
	/// The statement that an outcome of this job is about; `None` if the record of its architecture does not decode.
	pub fn statement(&self) -> Option<Statement> {
		let body = self.body.model_body();
		if body.is_second() {
			self.body.architecture()?;
		}
		Some(Statement::evaluation(
			self.definition,
			&body,
			body.model_root(&blocks_root(&self.heads)),
			(self.layer, self.expert),
			self.candidate.tensor_root,
			&self.holdout,
			(self.seed, self.sample),
		))
	}
}

#[cfg(test)]
mod tests;
