//! Sizes of disputes about a model's evaluations.

use blyan_exact::definition2::{
	step::{leaf_sizes, StepError, LEAF_MAX},
	Architecture, ArchitectureError, Program,
};
use serde::Serialize;

/// Reason why the sizes of disputes cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum DisputesError {
	/// The architecture, or the number of positions, is outside of the definition's bounds.
	#[error("{0}")]
	Architecture(#[from] ArchitectureError),
	/// A block cannot be computed.
	#[error("a block of this architecture cannot be computed: {0:?}")]
	Step(StepError),
}

/// Sizes of disputes about sequences of one length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disputes {
	/// Positions of a sequence.
	pub positions: u32,
	/// Operators of its evaluation.
	pub operators: usize,
	/// Rounds behind the sequence: one for the list of operators, and the levels of the deepest output.
	pub rounds: u32,
	/// Bytes of the largest witness.
	pub witness_bytes: usize,
	/// Operator that has it.
	pub witness_of: String,
	/// Reports whether every witness is one that a chain takes.
	pub is_disputable: bool,
	/// Bytes that one token adds to a trace: all of them are hashed.
	pub trace_bytes: u64,
}

impl Disputes {
	/// Computes the sizes of disputes about sequences of this many positions.
	pub fn of(architecture: &Architecture, positions: u32) -> Result<Self, DisputesError> {
		let program = Program::new(architecture, positions)?;
		let leaves = leaf_sizes(&program).map_err(DisputesError::Step)?;
		let largest = leaves.iter().max_by_key(|leaf| leaf.bytes);
		let bytes = largest.map_or(0, |leaf| leaf.bytes);
		let shapes = program.operators().iter().map(|operator| operator.shape);
		let trace: u64 = shapes.map(|shape| (shape.rows * shape.row_bytes) as u64).sum();
		Ok(Self {
			positions,
			operators: program.operators().len(),
			rounds: 1 + leaves.iter().map(|leaf| leaf.rounds).max().unwrap_or(0),
			witness_bytes: bytes,
			witness_of: largest.map(|leaf| format!("{:?}", leaf.role)).unwrap_or_default(),
			is_disputable: bytes <= LEAF_MAX,
			trace_bytes: trace / u64::from(positions),
		})
	}
}
