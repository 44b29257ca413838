//! One block of one operator, computed again from proven inputs: how the chain settles a dispute.

use crate::{hash::Hash, program::Program};
use alloc::vec::Vec;

/// Where the candidate takes the place of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CandidateSlot {
	/// Layer of the slot.
	pub layer: u8,
	/// Expert index of the slot.
	pub expert: u16,
	/// Tensor root of the candidate.
	pub tensor_root: Hash,
}

/// What the inputs of a trace are checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitments {
	/// Root of the model: [`model_root`](crate::model_root).
	pub model_root: Hash,
	/// The candidate, in a trace of the model with it.
	pub candidate: Option<CandidateSlot>,
	/// Merkle root over the sequences of the holdout.
	pub holdout_root: Hash,
	/// Sequences in the holdout.
	pub holdout_sequences: u32,
	/// Index of the sequence in it.
	pub sequence: u32,
}

/// A block of a program's execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
	/// The operator's place in the program.
	pub operator: usize,
	/// The row of its output.
	pub row: usize,
	/// The block of the row.
	pub block: usize,
}

/// Everything that computing one block reads, with proofs, in the order in which it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo)
)]
pub struct Witness(pub Vec<Evidence>);

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo)
)]
pub enum Evidence {
	/// Consecutive blocks of a row of an earlier operator.
	Blocks {
		/// Their bytes.
		bytes: Vec<u8>,
		/// Hashes of the row's other blocks, in order.
		others: Vec<Hash>,
		/// Path of the row to the operator's root: [`tree::prove`](crate::tree::prove).
		path: Vec<Hash>,
	},
	/// The whole output of an earlier operator.
	Output(Vec<u8>),
	/// What the model root is made of.
	Model {
		/// Tensor root of the trunk.
		trunk: Hash,
		/// Merkle root over the tensor roots of the heads.
		heads: Hash,
	},
	/// A head of the model.
	Head {
		/// Its tensor root.
		tensor_root: Hash,
		/// Its path to the root over the heads: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
	/// A tile of a TensorBlock.
	Tile {
		/// Its bytes.
		bytes: Vec<u8>,
		/// Merkle root over the block's tiles.
		tiles: Hash,
		/// The tile's path to it: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
	/// The sequence.
	Sequence {
		/// Its bytes.
		bytes: Vec<u8>,
		/// Its path to the root of the holdout: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
}

/// Why a block cannot be computed from a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepError {
	/// The program has no such operator, row or block.
	NoSuchPlace,
	/// The witness ends early, goes on too long, or holds another kind of evidence than is read next.
	WitnessMalformed,
	/// Bytes of the witness do not lead to what both parties agreed on, or to the statement's roots.
	WitnessUnproven,
	/// Proven bytes are no valid tensor: whoever claims a score over them is wrong.
	TensorInvalid,
}

/// Computes the block at `place` from a witness and returns its hash.
///
/// `agreed` are the roots of the outputs of all operators in front of it, which both parties share.
/// Reads nothing but its arguments; takes time and memory in proportion to the witness.
pub fn execute(
	_program: &Program,
	_commitments: &Commitments,
	_agreed: &[Hash],
	_place: Place,
	_witness: &Witness,
) -> Result<Hash, StepError> {
	Err(StepError::WitnessMalformed)
}
