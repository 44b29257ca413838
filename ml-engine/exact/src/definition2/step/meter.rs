//! Sizes of witnesses, without a model: zeros for every input, and a count of what their proofs would take.

use super::{compute, evidence::Inputs, layout_of};
use crate::{
	definition2::{
		answer::Favourite,
		block::{Layout, SectionScale},
		loss::CHUNK,
		matrix::INT8_PEAK,
		program::{Kind, Operator, Program, Role, Shape},
		tensors::{Name, Part, TensorShape},
	},
	step::{Place, StepError},
	tree,
};
use alloc::{collections::BTreeSet, vec, vec::Vec};
use core::ops::Range;

/// Bytes of the largest witness that a chain takes.
pub const LEAF_MAX: usize = 256 * 1024;
/// Operators of a program that a dispute can be about, at most: two lists of their roots are one move.
pub const OPERATORS_MAX: usize = 4_096;
/// Positions of a sequence that a dispute can be about, at most.
pub const POSITIONS_MAX: usize = 4_096;
/// Bytes of tags and lengths of a witness's pieces, at most: there are fewer than 64 pieces of fewer than 16 bytes each.
const FRAMING: usize = 1_024;
/// Bytes of a hash.
const HASH: usize = 32;

/// Witness and bisection of one operator's worst block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafSize {
	/// The operator.
	pub role: Role,
	/// Bytes of the largest witness of one of its blocks.
	pub bytes: usize,
	/// Rounds from the operator to a block: levels of its rows, then of a row's blocks.
	pub rounds: u32,
}

/// Returns the size of the largest witness of each operator of a program, for the first layer of each shape.
///
/// Sizes do not depend on values, so this is exact, but for a tag and lengths of a few bytes a piece of evidence, and
/// for the embedding, whose rows may lie in one chunk more than that of the first token.
pub fn leaf_sizes(program: &Program) -> Result<Vec<LeafSize>, StepError> {
	distinct(program).map(|(index, operator)| leaf_size(program, index, operator.role)).collect()
}

/// Returns whether a dispute can be about any block of a program: it has at most [`OPERATORS_MAX`] operators and [`POSITIONS_MAX`]
/// positions, and every witness fits [`LEAF_MAX`]. A model that is evaluated over longer sequences could be lied about with impunity.
///
/// Products with matrices and sums of columns fit within the bounds of the definition (a test holds it for the widest networks), so only
/// operators that read whole rows or all positions are measured, each by its first block, which is as large as any.
pub fn is_disputable(program: &Program) -> bool {
	let fits = |index| metered(program, index, 0).is_ok_and(|bytes| bytes + FRAMING <= LEAF_MAX);
	program.operators().len() <= OPERATORS_MAX
		&& program.positions() <= POSITIONS_MAX
		&& distinct(program).filter(|(_, operator)| !is_narrow(operator.kind)).all(|(index, _)| fits(index))
}

/// Returns whether the blocks of operators of this kind read some columns and rows of matrices only.
fn is_narrow(kind: Kind) -> bool {
	matches!(
		kind,
		Kind::Embed
			| Kind::Linear { .. }
			| Kind::LinearAdd { .. }
			| Kind::AdapterIn { .. }
			| Kind::AdaptedLinear { .. }
			| Kind::Mix { .. }
	)
}

/// Returns the operators in front of the layers, of the first layer of each shape, and behind the layers.
fn distinct(program: &Program) -> impl Iterator<Item = (usize, &Operator)> {
	let layers = &program.architecture().layers;
	let repeats = move |layer: u8| {
		let shape = layers.get(usize::from(layer));
		layers.iter().position(|other| Some(other) == shape) != Some(usize::from(layer))
	};
	let operators = program.operators().iter().enumerate();
	operators.filter(move |(_, operator)| !layer_of(operator.role).is_some_and(repeats))
}

/// Returns the layer that an operator is of.
fn layer_of(role: Role) -> Option<u8> {
	use Role::*;
	match role {
		AttentionInput(layer)
		| Query(layer)
		| Key(layer)
		| Value(layer)
		| QueryHeads(layer)
		| KeyHeads(layer)
		| ValueHeads(layer)
		| Attention(layer)
		| AttentionOutput(layer)
		| AttentionResidual(layer)
		| FeedForwardInput(layer)
		| RouterLogits(layer)
		| Route(layer)
		| GateIn(layer, _)
		| Gate(layer, _)
		| UpIn(layer, _)
		| Up(layer, _)
		| Hidden(layer, _)
		| DownIn(layer, _)
		| Down(layer, _)
		| Mix(layer) => Some(layer),
		Embed | HeadInput | Logits | LogitPeaks | LogitSums | Loss | Total => None,
		Buckets(_) | Narrow(_) | Cut | Best | Miss => None,
	}
}

pub(super) fn leaf_size(program: &Program, index: usize, role: Role) -> Result<LeafSize, StepError> {
	let shape = shape_at(program, index)?;
	let mut bytes = 0;
	for block in 0..shape.blocks() {
		bytes = bytes.max(metered(program, index, block)?);
	}
	let rounds = tree::levels(shape.rows) + tree::levels(shape.blocks());
	Ok(LeafSize { role, bytes, rounds })
}

/// Returns the bytes of the witness of a block of an operator's last row.
fn metered(program: &Program, index: usize, block: usize) -> Result<usize, StepError> {
	// The last position reads the most.
	let place = Place { operator: index, row: shape_at(program, index)?.rows - 1, block };
	let mut meter = Meter { program, bytes: 0, seen: BTreeSet::new() };
	compute(program, place, &mut meter)?;
	Ok(meter.bytes)
}

/// Piece of evidence that has been counted already.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
	Model,
	Part(Part),
	Chunk(Part, usize, usize),
	Sequence,
}

/// Counts what a witness would hold.
struct Meter<'a> {
	program: &'a Program,
	bytes: usize,
	seen: BTreeSet<Counted>,
}

impl Meter<'_> {
	fn part(&mut self, layout: &Layout, part: Part) {
		if !self.seen.insert(Counted::Part(part)) {
			return;
		}
		if self.seen.insert(Counted::Model) {
			self.bytes += 2 * HASH;
		}
		let architecture = self.program.architecture();
		let parts = match part {
			Part::Expert { .. } => architecture.experts() as usize,
			_ => architecture.layers.len() + 2,
		};
		self.bytes += layout.scale_bytes() + HASH + HASH * binary_levels(parts);
	}
}

fn shape_at(program: &Program, index: usize) -> Result<Shape, StepError> {
	program.operator(index).map(|operator| operator.shape).ok_or(StepError::NoSuchPlace)
}

/// Returns the siblings on the longest path of a binary tree.
fn binary_levels(leaves: usize) -> usize {
	leaves.next_power_of_two().trailing_zeros() as usize
}

/// Returns the hashes of the proof of a span in a tree of arity 16.
fn span_hashes(count: usize, span: Range<usize>) -> usize {
	let (mut span, mut width, mut hashes) = (span, count, 0);
	while width > 1 {
		let start = span.start / tree::ARITY * tree::ARITY;
		let end = span.end.next_multiple_of(tree::ARITY).min(width);
		hashes += (end - start) - span.len();
		span = span.start / tree::ARITY..span.end.div_ceil(tree::ARITY);
		width = width.div_ceil(tree::ARITY);
	}
	hashes
}

impl Inputs for Meter<'_> {
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let shape = shape_at(self.program, operator)?;
		let len = (blocks.end * shape.block_bytes).min(shape.row_bytes) - blocks.start * shape.block_bytes;
		let hashes = span_hashes(shape.blocks(), blocks) + span_hashes(shape.rows, row..row + 1);
		self.bytes += len + HASH * hashes;
		let mut bytes = vec![0; len];
		match self.program.operator(operator).map(|operator| operator.kind) {
			Some(Kind::Route { .. }) => {
				// Chosen experts differ.
				for (rank, choice) in bytes.as_chunks_mut::<6>().0.iter_mut().enumerate() {
					choice[..2].copy_from_slice(&(rank as u16).to_le_bytes());
				}
			}
			// The beginning of a descent, a sum of terms and a need of one, and a favourite in every chunk.
			Some(Kind::Buckets { .. }) => bytes[..8].copy_from_slice(&(1_u64 << 24).to_le_bytes()),
			Some(Kind::Narrow { .. }) => bytes[12] = 1,
			Some(Kind::Cut) => bytes[8] = 1,
			Some(Kind::Best) => {
				for (chunk, best) in bytes.as_chunks_mut::<{ Favourite::BYTES }>().0.iter_mut().enumerate() {
					best[8..].copy_from_slice(&((chunk * CHUNK) as u32).to_le_bytes());
				}
			}
			_ => {}
		}
		Ok(bytes)
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let shape = shape_at(self.program, operator)?;
		self.bytes += shape.rows * shape.row_bytes;
		Ok(vec![0; shape.rows * shape.row_bytes])
	}

	fn tensor(&mut self, part: Part, range: Range<u64>) -> Result<Vec<u8>, StepError> {
		let layout = layout_of(self.program, part)?;
		for (tile, chunks) in layout.pieces(&range) {
			let is_new = |chunk| !self.seen.contains(&Counted::Chunk(part, tile, chunk));
			if !chunks.clone().any(is_new) {
				continue;
			}
			self.part(&layout, part);
			let place = layout.chunk_range(tile, &chunks);
			let others = layout.chunks(tile) - chunks.len();
			// A chunk has 4 KiB.
			self.bytes +=
				(place.end - place.start) as usize + HASH * (others + binary_levels(layout.tiles()));
			self.seen.extend(chunks.map(|chunk| Counted::Chunk(part, tile, chunk)));
		}
		Ok(vec![0; (range.end - range.start) as usize])
	}

	fn scale(&mut self, part: Part, name: Name) -> Result<SectionScale, StepError> {
		let layout = layout_of(self.program, part)?;
		self.part(&layout, part);
		let section = layout.section(name).ok_or(StepError::NoSuchPlace)?;
		let peak = match section.shape {
			TensorShape::Matrix { kind, .. } if kind.unit() == 16 => INT8_PEAK,
			TensorShape::Matrix { .. } => 1,
			_ => 0,
		};
		Ok(SectionScale { peak, ..SectionScale::default() })
	}

	fn sequence(&mut self) -> Result<Vec<u32>, StepError> {
		let ids = self.program.positions() + 1;
		if self.seen.insert(Counted::Sequence) {
			// A holdout of up to 2^20 sequences.
			self.bytes += 4 * ids + HASH * 20;
		}
		Ok(vec![0; ids])
	}
}
