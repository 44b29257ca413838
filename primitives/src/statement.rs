//! Statements of claims: what was to be computed, by roots, and the program that computes it.

use crate::{
	architecture::ArchitectureRegistry,
	computation::Computation,
	job::{EvaluationJob, HoldoutRef, JobBody},
	model::{blocks_root, wire, ArchitectureId, BlockRef, ExpertIndex, LayerIndex, ModelBody, ModelInfo},
	serving::{Receipt, RECEIPT_VERSION},
	slots::ExpertShape,
	TraceIndex,
};
use blyan_exact::{
	definition2::{self, Answer, Architecture},
	step::{CandidateSlot, Commitments},
	ModelConfig, Program, Sampling,
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

wire! {
	/// "This model of the second definition, having read these token ids, chooses those with this seed and these settings."
	///
	/// The ids are one sequence, the only one under their root. Both traces of its item are the same: there is no candidate. An outcome's
	/// losses are the number of tokens that the model would not have chosen.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct AnswerStatement {
		/// Revision of the second definition that the choices follow: `blyan_exact::definition2::REVISION`.
		pub revision: u32,
		/// Architecture.
		pub architecture: ArchitectureId,
		/// Root of the model: `blyan_exact::definition2::model_root`.
		pub model_root: H256,
		/// Merkle root over the sequence: the ids that the model read, then those that it chose.
		pub tokens_root: H256,
		/// Ids in all.
		pub tokens: u32,
		/// Ids that the model read before it chose one.
		pub prompt_tokens_seen: u32,
		/// Seed of the noise, whose key is `Sampling::key_of(seed)`.
		pub seed: u64,
		/// Temperature, in 256ths.
		pub temperature_q8: u16,
		/// Share of probability that is sampled from, in 256ths.
		pub top_p_q8: u16,
	}
}

// A receipt names no revision of the definition; its version stands for one. Otherwise right answers from before an upgrade would be judged by the
// revision that came with it, and every operator punished for them.
const _: () = assert!(
	RECEIPT_VERSION as u32 == definition2::REVISION,
	"a new revision of the definition needs a new version of receipts"
);

impl AnswerStatement {
	/// The statement that a receipt makes about a model of this architecture.
	pub fn of(receipt: &Receipt, architecture: ArchitectureId) -> Self {
		Self {
			revision: definition2::REVISION,
			architecture,
			model_root: receipt.model_root,
			tokens_root: receipt.tokens_root,
			tokens: receipt.prompt_tokens_seen.saturating_add(receipt.answer_tokens),
			prompt_tokens_seen: receipt.prompt_tokens_seen,
			seed: receipt.seed,
			temperature_q8: receipt.temperature_q8,
			top_p_q8: receipt.top_p_q8,
		}
	}

	/// Tokens that the model chose.
	pub fn chosen(&self) -> u32 {
		self.tokens.saturating_sub(self.prompt_tokens_seen)
	}

	/// The operators that check the answer; `None` if nothing was read or chosen, or if there are more ids than the context has.
	pub fn program(&self, architecture: &Architecture) -> Option<definition2::Program> {
		let first = self.prompt_tokens_seen.checked_sub(1).filter(|_| self.chosen() > 0)?;
		let sampling = Sampling {
			temperature: self.temperature_q8,
			top_p: self.top_p_q8,
			seed: Sampling::key_of(self.seed),
		};
		let positions = self.tokens.checked_sub(1)?;
		definition2::Program::answer_check(architecture, positions, Answer { first, sampling }).ok()
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
	/// An answer of a model of the second definition.
	Answer(AnswerStatement),
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

	/// Items of the computation, each with traces of its own: the sequences of the sample, or the one of an answer.
	pub fn items(&self) -> u32 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sample.min(evaluation.holdout_sequences),
			Self::TokenEvaluation(evaluation) => evaluation.sample.min(evaluation.holdout_sequences),
			Self::Answer(_) => 1,
		}
	}

	/// Which sequence of the holdout an item is about; `None` if there is no such item.
	pub fn sequence(&self, item: u32) -> Option<u32> {
		let drawn = match self {
			Self::Evaluation(EvaluationStatement { seed, holdout_sequences, sample, .. })
			| Self::TokenEvaluation(TokenEvaluationStatement { seed, holdout_sequences, sample, .. }) => {
				crate::draw_indices(seed, *holdout_sequences, *sample)
			}
			Self::Answer(_) => return (item == 0).then_some(0),
		};
		drawn.get(usize::try_from(item).ok()?).copied()
	}

	/// Architecture of a computation under the second definition.
	pub fn architecture(&self) -> Option<ArchitectureId> {
		match self {
			Self::Evaluation(_) => None,
			Self::TokenEvaluation(evaluation) => Some(evaluation.architecture),
			Self::Answer(answer) => Some(answer.architecture),
		}
	}

	/// Token ids or bytes of a sequence; of an answer that is longer than any game holds, the largest number.
	pub fn sequence_len(&self) -> u16 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sequence_len,
			Self::TokenEvaluation(evaluation) => evaluation.sequence_len,
			Self::Answer(answer) => u16::try_from(answer.tokens).unwrap_or(u16::MAX),
		}
	}

	/// Predicted positions of an item: what an outcome counts as `bytes`.
	pub fn positions(&self) -> u16 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sequence_len,
			Self::TokenEvaluation(_) | Self::Answer(_) => self.sequence_len().saturating_sub(1),
		}
	}

	/// The slot of the candidate, and its tensor root; `None` of an answer, which has no candidate.
	pub fn candidate(&self) -> Option<(LayerIndex, ExpertIndex, H256)> {
		match self {
			Self::Evaluation(EvaluationStatement { layer, expert, candidate, .. })
			| Self::TokenEvaluation(TokenEvaluationStatement { layer, expert, candidate, .. }) => {
				Some((*layer, *expert, *candidate))
			}
			Self::Answer(_) => None,
		}
	}

	/// Shape that the candidate must have, if there is one.
	pub fn shape(&self) -> Option<ExpertShape> {
		Some(match self {
			Self::Evaluation(evaluation) => ExpertShape::First(evaluation.config),
			Self::TokenEvaluation(TokenEvaluationStatement { architecture, layer, .. }) => {
				ExpertShape::Second { architecture: *architecture, layer: *layer }
			}
			Self::Answer(_) => return None,
		})
	}

	/// The operators of every trace; `None` if the statement is out of bounds, or its architecture is not in the registry.
	pub fn computation<R: ArchitectureRegistry>(&self) -> Option<Computation> {
		self.computation_of(self.architecture().and_then(|id| R::architecture(&id)).as_ref())
	}

	/// The operators of every trace under an architecture that the caller has at hand; the first definition needs none. `None` if
	/// the statement is out of bounds, or names another architecture.
	pub fn computation_of(&self, architecture: Option<&Architecture>) -> Option<Computation> {
		let is_named = |architecture: &&Architecture| {
			Some(H256(definition2::model::architecture_hash(architecture))) == self.architecture()
		};
		match self {
			Self::Evaluation(evaluation) => {
				Program::new(evaluation.config, evaluation.sequence_len).map(Computation::First)
			}
			Self::TokenEvaluation(_) => {
				definition2::Program::new(architecture.filter(is_named)?, self.positions().into())
					.ok()
					.map(Computation::Second)
			}
			Self::Answer(answer) => answer.program(architecture.filter(is_named)?).map(Computation::Second),
		}
	}

	/// Returns the commitments that the inputs of one trace of one item are checked against.
	pub fn commitments(&self, item: u32, trace: TraceIndex) -> Option<Commitments> {
		let sequence = self.sequence(item)?;
		let candidate = self.candidate().filter(|_| trace == 1);
		let candidate =
			candidate.map(|(layer, expert, root)| CandidateSlot { layer, expert, tensor_root: root.0 });
		let (model_root, holdout_root, holdout_sequences) = match self {
			Self::Evaluation(EvaluationStatement { model_root, holdout_root, holdout_sequences, .. })
			| Self::TokenEvaluation(TokenEvaluationStatement {
				model_root,
				holdout_root,
				holdout_sequences,
				..
			}) => (model_root.0, holdout_root.0, *holdout_sequences),
			Self::Answer(answer) => (answer.model_root.0, answer.tokens_root.0, 1),
		};
		Some(Commitments { model_root, candidate, holdout_root, holdout_sequences, sequence })
	}

	/// The version of its definition that the computation follows.
	pub fn definition(&self) -> u32 {
		match self {
			Self::Evaluation(evaluation) => evaluation.definition,
			Self::TokenEvaluation(evaluation) => evaluation.revision,
			Self::Answer(answer) => answer.revision,
		}
	}

	/// Reports whether this runtime computes by the same definition. Claims under another can be neither proven nor refuted.
	pub fn is_current(&self) -> bool {
		match self {
			Self::Evaluation(evaluation) => evaluation.definition == blyan_exact::DEFINITION,
			Self::TokenEvaluation(evaluation) => evaluation.revision == definition2::REVISION,
			Self::Answer(answer) => answer.revision == definition2::REVISION,
		}
	}

	/// The job that this states, once its baseline is known with every head; `None` if that is a model of another definition or
	/// architecture, or the registry does not have it. An answer is not a job of a node's engine.
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
			Self::Answer(_) => None,
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
