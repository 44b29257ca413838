//! Reasons why an evaluation has no result.

use blyan_exact::definition2::{block::Fault, ArchitectureError, Role};

/// Reason why an evaluation has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
	/// The architecture is out of bounds, or sequences are longer than its context.
	#[error("the model cannot read these sequences: {0}")]
	Architecture(#[from] ArchitectureError),
	/// The weights lack a tensor that an operator reads.
	#[error("the weights lack a tensor that {0:?} reads: load them with the architecture of this model")]
	Weights(Role),
	/// The model has no such expert.
	#[error("the model has no expert {expert} in layer {layer}: name a slot of a routed layer")]
	Slot {
		/// The layer.
		layer: u8,
		/// The expert.
		expert: u16,
	},
	/// The candidate's bytes are not an expert for its slot.
	#[error(
		"the candidate is not an expert for its slot: {0}. Submit the file that `blyan` wrote for this slot"
	)]
	Candidate(Fault),
	/// The holdout has no such sequence.
	#[error("the holdout has {sequences} sequences, none of index {index}: draw again from this holdout")]
	Sequence {
		/// Index that was asked for.
		index: u32,
		/// Number of sequences.
		sequences: u32,
	},
	/// The holdout's ids are those of another tokenizer.
	#[error("the holdout has ids of a vocabulary of {holdout}, the model's has {model}: use the model's own tokenizer")]
	Vocabulary {
		/// Vocabulary of the holdout.
		holdout: u32,
		/// Vocabulary of the model.
		model: u32,
	},
	/// An answer is shorter than two ids, or has one that the model does not know.
	#[error(
		"these {ids} ids, the largest of them {largest}, are not an answer of a model of {vocabulary} tokens: use the record of an answer of this very model"
	)]
	Answer {
		/// Number of ids.
		ids: usize,
		/// Largest id.
		largest: u32,
		/// Tokens of the model.
		vocabulary: u32,
	},
	/// The program has no such operator, row or block.
	#[error(
		"a trace of this model has no operator {operator}, row {row}, block {block}: look at the program"
	)]
	Place {
		/// Place of the operator.
		operator: usize,
		/// The row.
		row: usize,
		/// The block.
		block: usize,
	},
	/// A part's file cannot be had, or is not the part's.
	#[error("the files of this model do not hold what operator {operator} reads: get its parts again")]
	Files {
		/// Place of the operator.
		operator: usize,
	},
	/// The caller asked to stop.
	#[error("cancelled")]
	Cancelled,
	/// The threads cannot be started.
	#[error("cannot start {threads} threads: {reason}")]
	Threads {
		/// Number of threads.
		threads: usize,
		/// Message of the system.
		reason: String,
	},
}
