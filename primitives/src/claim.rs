//! Claims that can be disputed: the result that an operator claims, and how the two parties of a dispute open what they
//! committed to.

use crate::{
	job::EvaluationOutcome,
	score::{DrawId, SubmissionId, Verdict},
	AuditId,
};
use alloc::vec::Vec;
use blyan_exact::{
	definition2, step,
	tree::{Item, SumNode, Totals},
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
	/// An answer that an operator signed a receipt for, by the receipt's name on chain. An outcome about it counts in both of its losses the
	/// tokens that the model would not have chosen.
	Answer(H256),
}

/// Which of a verdict's measurements: 0 is the target sample, 1 the guard sample.
pub type PartIndex = u8;

/// Which trace of an item: 0 is the baseline's, 1 the candidate's.
pub type TraceIndex = u8;

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
	/// Children of a node of the tree over the blocks of a row that has more than 16.
	BlockNodes {
		/// The item.
		item: u32,
		/// Which of its traces.
		trace: TraceIndex,
		/// The operator's place in the program.
		operator: u16,
		/// The row.
		row: u32,
		/// Level of the node, at least 1.
		level: u8,
		/// Its place in the level.
		index: u32,
	},
}

/// Everything that computing one block reads, under either definition.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum BlockWitness {
	/// Of the first definition.
	First(step::Witness),
	/// Of the second definition.
	Second(definition2::step::Witness),
}

/// One input of a block, under either definition: a piece of the candidate, where only that is in question.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum TileEvidence {
	/// Of the first definition.
	First(step::Evidence),
	/// Of the second definition.
	Second(definition2::step::Evidence),
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
	Witness(BlockWitness),
	/// The candidate's bytes.
	Candidate(Vec<u8>),
}
