//! The evaluation of one sequence as a list of operators, each with an output of known shape.
//!
//! A [`Program`] follows from the architecture and the length of the sequence, so two parties that agree on
//! those agree on every operator, every row and every block, and a dispute can only be about values.
//!
//! | operator | rows | a row |
//! |---|---|---|
//! | `Embed`, `AttentionResidual`, `Mix` | positions | residual stream, `i32[d_model]` |
//! | `AttentionInput`, `AttentionOutput`, `MixtureInput`, `HeadInput` | positions | `i8[d_model]`, then the scale as `u32` |
//! | `Query`, `Key`, `Value`, `Attention`, `Down` | positions | `i32[d_model]` |
//! | `QueryHeads` | positions | rotated and quantised `i8[d_model]`, then one maximum a head, `i32[heads]` |
//! | `KeyHeads` | heads | one entry a position: rotated and quantised `i8[head_size]`, then its maximum, `i32` |
//! | `ValueHeads` | heads | one entry a position: `i8[head_size]` |
//! | `RouterLogits` | positions | `i32[experts]` |
//! | `Route` | positions | one choice a rank: expert as `u16`, gate as `u32` |
//! | `Up` | positions | accumulators of the expert chosen at that rank, `i32[d_ff]` |
//! | `Hidden` | positions | `i8[d_ff]`, then the scale as `u32` |
//! | `Logits` | positions | `i32[256]` |
//! | `Loss` | positions | `u64` |
//! | `Total` | one | `u64` |
//!
//! All numbers are little endian. Keys and values are arranged by head because that is how attention reads
//! them. A row is cut into at most 16 blocks; rows that normalise are one block, since each of their entries
//! depends on all others.

use crate::{
	config::{ModelConfig, VOCAB},
	hash::{blake2_256, Hash},
	tree,
};
use alloc::vec::Vec;

/// Columns of a block where a row is cut, if 16 such blocks are enough for the row.
const BLOCK_COLUMNS: usize = 64;
/// Positions of a block where a row is one head's keys or values.
const BLOCK_POSITIONS: usize = 16;
/// Operators of a layer that come once.
const LAYER_FIXED: usize = 14;
/// Operators of a layer for each rank of its choices.
const LAYER_PER_RANK: usize = 3;
/// Operators behind the last layer.
const TAIL: usize = 4;

/// One step of an evaluation. Layers and ranks count from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
	/// Rows of the embedding.
	Embed,
	/// The stream, normalised for attention.
	AttentionInput(u8),
	/// Queries before rotation.
	Query(u8),
	/// Keys before rotation.
	Key(u8),
	/// Values before quantisation.
	Value(u8),
	/// Queries, rotated and quantised.
	QueryHeads(u8),
	/// Keys, rotated and quantised, by head.
	KeyHeads(u8),
	/// Values, quantised, by head.
	ValueHeads(u8),
	/// Output of the heads.
	Attention(u8),
	/// The same, normalised.
	AttentionOutput(u8),
	/// The stream behind attention.
	AttentionResidual(u8),
	/// The stream, normalised for router and experts.
	MixtureInput(u8),
	/// Router's logits for every expert.
	RouterLogits(u8),
	/// Chosen experts and their gates.
	Route(u8),
	/// Accumulators of the hidden layer of the expert chosen at a rank.
	Up(u8, u8),
	/// The same, squared, normalised.
	Hidden(u8, u8),
	/// Output of that expert.
	Down(u8, u8),
	/// The stream behind the layer.
	Mix(u8),
	/// The stream, normalised for the head.
	HeadInput,
	/// Logits of the next byte.
	Logits,
	/// Bits that the byte that came next costs.
	Loss,
	/// Their sum.
	Total,
}

/// Shape of an operator's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
	/// Rows, at most 256.
	pub rows: usize,
	/// Bytes of a row.
	pub row_bytes: usize,
	/// Bytes of a block; the last one of a row may be shorter.
	pub block_bytes: usize,
}

impl Shape {
	/// Returns the number of blocks of a row, at most 16.
	pub fn blocks(&self) -> usize {
		self.row_bytes.div_ceil(self.block_bytes)
	}

	/// Returns the leaf hashes of a row: one per block.
	pub fn block_hashes(&self, row: &[u8]) -> Vec<Hash> {
		row.chunks(self.block_bytes).map(|block| blake2_256(&[block])).collect()
	}

	/// Returns the hash of a row: the root over its blocks.
	pub fn row_hash(&self, row: &[u8]) -> Hash {
		tree::root(&self.block_hashes(row))
	}

	/// Returns the hashes of all rows of an output.
	pub fn row_hashes(&self, output: &[u8]) -> Vec<Hash> {
		output.chunks(self.row_bytes).map(|row| self.row_hash(row)).collect()
	}

	/// Returns the root of an output: what a trace lists for the operator.
	pub fn root(&self, output: &[u8]) -> Hash {
		tree::root(&self.row_hashes(output))
	}
}

/// The operators of one sequence's evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
	config: ModelConfig,
	positions: usize,
}

impl Program {
	/// Creates the program for sequences of `positions` bytes; `None` if the configuration or the length is out of
	/// bounds.
	pub fn new(config: ModelConfig, positions: u16) -> Option<Self> {
		let fits = config.validate().is_ok() && (1..=config.context).contains(&positions);
		fits.then_some(Self { config, positions: positions.into() })
	}

	/// Returns the architecture.
	pub fn config(&self) -> &ModelConfig {
		&self.config
	}

	/// Returns the length of the sequence in bytes.
	pub fn positions(&self) -> usize {
		self.positions
	}

	fn per_layer(&self) -> usize {
		LAYER_FIXED + LAYER_PER_RANK * usize::from(self.config.top_k)
	}

	/// Returns the number of operators: 165 for 8 layers with two experts a token, at most 645.
	pub fn operators(&self) -> usize {
		1 + usize::from(self.config.layers) * self.per_layer() + TAIL
	}

	/// Returns the operator at a place in the list.
	pub fn operator(&self, index: usize) -> Option<Operator> {
		use Operator::*;
		let Some(index) = index.checked_sub(1) else { return Some(Embed) };
		let (layer, step) = (index / self.per_layer(), index % self.per_layer());
		if layer >= usize::from(self.config.layers) {
			let tail = [HeadInput, Logits, Loss, Total];
			return tail.get(index - usize::from(self.config.layers) * self.per_layer()).copied();
		}
		// Layers are below 32 and ranks below 2.
		let layer = layer as u8;
		let ranked = step.checked_sub(LAYER_FIXED - 1).filter(|step| *step < self.per_layer() - LAYER_FIXED);
		if let Some(step) = ranked {
			let rank = (step / LAYER_PER_RANK) as u8;
			return [Up(layer, rank), Hidden(layer, rank), Down(layer, rank)]
				.get(step % LAYER_PER_RANK)
				.copied();
		}
		let fixed = [
			AttentionInput(layer),
			Query(layer),
			Key(layer),
			Value(layer),
			QueryHeads(layer),
			KeyHeads(layer),
			ValueHeads(layer),
			Attention(layer),
			AttentionOutput(layer),
			AttentionResidual(layer),
			MixtureInput(layer),
			RouterLogits(layer),
			Route(layer),
		];
		Some(fixed.get(step).copied().unwrap_or(Mix(layer)))
	}

	/// Returns the place of an operator in the list. The operator must be one of this program's.
	pub fn index_of(&self, operator: Operator) -> usize {
		use Operator::*;
		let (layer, step) = match operator {
			Embed => return 0,
			AttentionInput(layer) => (layer, 0),
			Query(layer) => (layer, 1),
			Key(layer) => (layer, 2),
			Value(layer) => (layer, 3),
			QueryHeads(layer) => (layer, 4),
			KeyHeads(layer) => (layer, 5),
			ValueHeads(layer) => (layer, 6),
			Attention(layer) => (layer, 7),
			AttentionOutput(layer) => (layer, 8),
			AttentionResidual(layer) => (layer, 9),
			MixtureInput(layer) => (layer, 10),
			RouterLogits(layer) => (layer, 11),
			Route(layer) => (layer, 12),
			Up(layer, rank) => (layer, 13 + LAYER_PER_RANK * usize::from(rank)),
			Hidden(layer, rank) => (layer, 14 + LAYER_PER_RANK * usize::from(rank)),
			Down(layer, rank) => (layer, 15 + LAYER_PER_RANK * usize::from(rank)),
			Mix(layer) => (layer, self.per_layer() - 1),
			HeadInput => return self.operators() - 4,
			Logits => return self.operators() - 3,
			Loss => return self.operators() - 2,
			Total => return self.operators() - 1,
		};
		1 + usize::from(layer) * self.per_layer() + step
	}

	/// Returns the operator whose output is the residual stream in front of a layer, or behind all for `layers`.
	pub fn stream_before(&self, layer: u8) -> Operator {
		layer.checked_sub(1).map_or(Operator::Embed, Operator::Mix)
	}

	/// Returns the shape of an operator's output.
	pub fn shape(&self, operator: Operator) -> Shape {
		use Operator::*;
		let (d, hidden) = (usize::from(self.config.d_model), usize::from(self.config.d_ff));
		let (heads, head_size) = (usize::from(self.config.heads), self.config.head_size());
		let positions = self.positions;
		let whole = |row_bytes| Shape { rows: positions, row_bytes, block_bytes: row_bytes };
		let columns = |columns: usize| {
			let block = columns.div_ceil(tree::ARITY).next_multiple_of(BLOCK_COLUMNS);
			Shape { rows: positions, row_bytes: 4 * columns, block_bytes: 4 * block }
		};
		let by_head = |entry: usize| Shape {
			rows: heads,
			row_bytes: positions * entry,
			block_bytes: BLOCK_POSITIONS * entry,
		};
		match operator {
			Embed | Query(_) | Key(_) | Value(_) | Attention(_) | AttentionResidual(_) | Down(..)
			| Mix(_) => columns(d),
			AttentionInput(_) | AttentionOutput(_) | MixtureInput(_) | HeadInput => whole(d + 4),
			QueryHeads(_) => whole(d + 4 * heads),
			KeyHeads(_) => by_head(head_size + 4),
			ValueHeads(_) => by_head(head_size),
			RouterLogits(_) => columns(usize::from(self.config.experts)),
			Route(_) => whole(6 * usize::from(self.config.top_k)),
			Up(..) => columns(hidden),
			Hidden(..) => whole(hidden + 4),
			Logits => columns(VOCAB),
			Loss => whole(8),
			Total => Shape { rows: 1, row_bytes: 8, block_bytes: 8 },
		}
	}

	/// Returns the shape of the output at a place in the list; `None` past its end.
	pub fn shape_at(&self, index: usize) -> Option<Shape> {
		self.operator(index).map(|operator| self.shape(operator))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const SMALL: ModelConfig =
		ModelConfig { d_model: 64, d_ff: 128, layers: 2, heads: 2, experts: 4, top_k: 2, context: 64 };
	const LARGE: ModelConfig =
		ModelConfig { d_model: 512, d_ff: 2_048, layers: 32, heads: 8, experts: 512, top_k: 2, context: 256 };

	#[test]
	fn places_and_operators_are_inverse() {
		for config in [SMALL, LARGE, ModelConfig { top_k: 1, layers: 1, ..SMALL }] {
			let program = Program::new(config, 32).unwrap();
			for index in 0..program.operators() {
				let operator = program.operator(index).unwrap();
				assert_eq!(program.index_of(operator), index, "{operator:?}");
			}
			assert_eq!(program.operator(program.operators()), None);
			assert_eq!(program.operator(0), Some(Operator::Embed));
			assert_eq!(program.operator(program.operators() - 1), Some(Operator::Total));
		}
	}

	/// Eight layers and 512 sequences of 256 bytes: three levels of sequences, one list of operators, two levels of
	/// rows and one of blocks.
	#[test]
	fn a_dispute_takes_at_most_eight_rounds() {
		let config = ModelConfig { layers: 8, ..LARGE };
		let program = Program::new(config, 256).unwrap();
		assert_eq!(program.operators(), 165);
		let deepest = (0..program.operators()).map(|index| {
			let shape = program.shape_at(index).unwrap();
			assert!(shape.rows <= 256 && shape.blocks() <= 16, "{:?}", program.operator(index));
			tree::levels(shape.rows) + tree::levels(shape.blocks())
		});
		assert_eq!(tree::levels(512) + 1 + deepest.max().unwrap(), 7);
	}

	#[test]
	fn new_refuses_what_no_model_runs() {
		assert_eq!(Program::new(SMALL, 0), None);
		assert_eq!(Program::new(SMALL, 65), None);
		assert_eq!(Program::new(ModelConfig { heads: 0, ..SMALL }, 8), None);
	}
}
