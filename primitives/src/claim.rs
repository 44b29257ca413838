//! Claims that can be disputed: what was to be computed, the result that an operator claims, and how the two parties
//! of a dispute open what they committed to.

use crate::{
	job::{EvaluationJob, EvaluationOutcome, HoldoutRef},
	model::{wire, BlockRef, ExpertIndex, LayerIndex, ModelInfo},
	score::{DrawId, SubmissionId, Verdict},
	AuditId,
};
use alloc::vec::Vec;
use blyan_exact::{
	step::{CandidateSlot, Commitments, Witness},
	tree::{Item, SumNode, Totals},
	ModelConfig, Program,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Subject of a dispute.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
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
pub enum Subject {
	/// The score of a submission in one of its draws. A submission can be drawn again; what was computed, and so what can
	/// be refuted, is another thing then.
	Submission(SubmissionId, DrawId),
	/// An answer in an audit.
	Audit(AuditId),
}

/// Which of a verdict's measurements: 0 is the target sample, 1 the guard sample.
pub type PartIndex = u8;

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
	/// The evaluation of a candidate.
	Evaluation(EvaluationStatement),
}

/// Which trace of an item: 0 is the baseline's, 1 the candidate's.
pub type TraceIndex = u8;

impl Statement {
	/// Items of the computation, each with traces of its own: the sequences of the sample.
	pub fn items(&self) -> u32 {
		match self {
			Self::Evaluation(evaluation) => evaluation.sample.min(evaluation.holdout_sequences),
		}
	}

	/// Which sequence of the holdout an item is about; `None` if there is no such item.
	pub fn sequence(&self, item: u32) -> Option<u32> {
		match self {
			Self::Evaluation(EvaluationStatement { seed, holdout_sequences, sample, .. }) => {
				let drawn = crate::draw_indices(seed, *holdout_sequences, *sample);
				drawn.get(usize::try_from(item).ok()?).copied()
			}
		}
	}

	/// The operators of every trace; `None` if the statement is out of bounds.
	pub fn program(&self) -> Option<Program> {
		match self {
			Self::Evaluation(evaluation) => Program::new(evaluation.config, evaluation.sequence_len),
		}
	}

	/// Returns the commitments that the inputs of one trace of one item are checked against.
	pub fn commitments(&self, item: u32, trace: TraceIndex) -> Option<Commitments> {
		let sequence = self.sequence(item)?;
		match self {
			Self::Evaluation(evaluation) => Some(Commitments {
				model_root: evaluation.model_root.0,
				candidate: (trace == 1).then_some(CandidateSlot {
					layer: evaluation.layer,
					expert: evaluation.expert,
					tensor_root: evaluation.candidate.0,
				}),
				holdout_root: evaluation.holdout_root.0,
				holdout_sequences: evaluation.holdout_sequences,
				sequence,
			}),
		}
	}

	/// The version of the definition that the computation follows.
	pub fn definition(&self) -> u32 {
		match self {
			Self::Evaluation(evaluation) => evaluation.definition,
		}
	}

	/// Reports whether this runtime computes by the same definition. Claims under another can be neither proven nor refuted.
	pub fn is_current(&self) -> bool {
		self.definition() == blyan_exact::DEFINITION
	}

	/// Blake2b-256 of the SCALE encoding.
	pub fn id(&self) -> H256 {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

impl EvaluationStatement {
	/// The job that this states, once its baseline is known with every head.
	pub fn job(&self, model: ModelInfo, candidate: BlockRef, holdout: HoldoutRef) -> EvaluationJob {
		EvaluationJob {
			definition: self.definition,
			model: model.id,
			config: model.config,
			trunk: model.trunk,
			heads: model.heads.into_iter().map(|head| head.block).collect(),
			layer: self.layer,
			expert: self.expert,
			candidate,
			holdout,
			seed: self.seed,
			sample: self.sample,
		}
	}
}

impl EvaluationJob {
	/// The statement that an outcome of this job is about.
	pub fn statement(&self) -> Statement {
		let heads: Vec<_> = self.heads.iter().map(|head| head.tensor_root.0).collect();
		Statement::Evaluation(EvaluationStatement {
			definition: self.definition,
			config: self.config,
			model_root: H256(blyan_exact::model_root(&self.config, &self.trunk.tensor_root.0, &heads)),
			layer: self.layer,
			expert: self.expert,
			candidate: self.candidate.tensor_root,
			holdout_root: self.holdout.root,
			holdout_sequences: self.holdout.sequences,
			sequence_len: self.holdout.sequence_len,
			seed: self.seed,
			sample: self.sample,
		})
	}
}

impl EvaluationOutcome {
	/// The root of the tree over the job's sequences, as this outcome commits to it.
	pub fn root(&self) -> SumNode {
		SumNode {
			hash: self.job_root.0,
			totals: Totals {
				baseline: self.baseline_loss,
				candidate: self.candidate_loss,
				squares: self.sum_diff_sq,
			},
		}
	}
}

impl Verdict {
	/// The outcome of one part; `None` if there is none.
	pub fn part(&self, part: PartIndex) -> Option<&EvaluationOutcome> {
		match (self, part) {
			(Self::Scored(score), 0) => Some(&score.target),
			(Self::Scored(score), 1) => score.guard.as_ref(),
			_ => None,
		}
	}
}

/// A place in a committed computation that a party is asked to open.
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
pub enum Query {
	/// Children of a node of the tree over the items. Levels count from the leaves, as in `blyan_exact::tree`.
	Items {
		/// Level of the node, at least 1.
		level: u8,
		/// Its place in the level.
		index: u32,
	},
	/// An item with the operator roots of its traces.
	Item {
		/// The item.
		item: u32,
	},
	/// Children of a node of the tree over the rows of an operator's output.
	Rows {
		/// The item.
		item: u32,
		/// Which of its traces.
		trace: TraceIndex,
		/// The operator's place in the program.
		operator: u16,
		/// Level of the node, at least 1.
		level: u8,
		/// Its place in the level.
		index: u32,
	},
	/// Hashes of the blocks of a row.
	Blocks {
		/// The item.
		item: u32,
		/// Which of its traces.
		trace: TraceIndex,
		/// The operator's place in the program.
		operator: u16,
		/// The row.
		row: u32,
	},
	/// Everything that is needed to compute one block again.
	Witness {
		/// The item.
		item: u32,
		/// Which of its traces.
		trace: TraceIndex,
		/// The operator's place in the program.
		operator: u16,
		/// The row.
		row: u32,
		/// The block.
		block: u32,
	},
	/// The candidate's bytes, as its blob's hash names them.
	Candidate,
	/// A tile of the candidate's block, with its path: a witness of one piece of evidence.
	Tile {
		/// Which one.
		tile: u32,
	},
}

/// Answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum Opening {
	/// Children in the tree over the items.
	Items(Vec<SumNode>),
	/// An item, and the roots of all operators' outputs of its two traces.
	Item {
		/// The leaf.
		item: Item,
		/// Operator roots of the baseline's trace.
		baseline: Vec<[u8; 32]>,
		/// Operator roots of the candidate's trace.
		candidate: Vec<[u8; 32]>,
	},
	/// Children in a tree over rows, or the blocks of a row.
	Hashes(Vec<[u8; 32]>),
	/// The inputs of a block, or a tile.
	Witness(Witness),
	/// The candidate's bytes.
	Candidate(Vec<u8>),
}
