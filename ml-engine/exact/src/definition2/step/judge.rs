//! Inputs out of a witness, each checked against what the parties agree on or against the statement's roots.

use super::{
	evidence::{token_ids, Evidence, Inputs},
	layout_of,
};
use crate::{
	definition2::{
		block::{leaf_from, Layout, SectionScale, CHUNK_BYTES, TILE_BYTES},
		model::{architecture_hash, model_root_over},
		program::{Program, Shape},
		root::{place, PartPlace},
		span::root_of_span,
		tensors::{Name, Part},
	},
	hash::{blake2_256, Hash},
	merkle,
	step::{CandidateSlot, Commitments, StepError},
	tree,
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// Chunks of a tile.
const CHUNKS: usize = (TILE_BYTES / CHUNK_BYTES) as usize;

/// Preimage of a part's root, proven.
#[derive(Clone, Copy)]
struct Shown<'a> {
	scales: &'a [u8],
	tiles: Hash,
}

/// Checks every input against what is agreed on.
pub(super) struct Judge<'a> {
	program: &'a Program,
	commitments: &'a Commitments,
	agreed: &'a [Hash],
	evidence: core::slice::Iter<'a, Evidence>,
	/// Root over the parts, root over the experts.
	model: Option<(Hash, Hash)>,
	parts: BTreeMap<Part, Shown<'a>>,
	/// Chunks by their place in a part's payload.
	chunks: BTreeMap<(Part, usize), &'a [u8]>,
	sequence: Option<&'a [u8]>,
}

impl<'a> Judge<'a> {
	pub(super) fn new(
		program: &'a Program,
		commitments: &'a Commitments,
		agreed: &'a [Hash],
		evidence: &'a [Evidence],
	) -> Self {
		Self {
			program,
			commitments,
			agreed,
			evidence: evidence.iter(),
			model: None,
			parts: BTreeMap::new(),
			chunks: BTreeMap::new(),
			sequence: None,
		}
	}

	/// Returns the shape of an earlier operator's output and the root that both parties gave for it.
	fn agreed(&self, operator: usize) -> Result<(Shape, Hash), StepError> {
		let shape = self.program.operator(operator).map(|operator| operator.shape);
		let root = self.agreed.get(operator).copied();
		shape.zip(root).ok_or(StepError::NoSuchPlace)
	}

	/// Returns whether all of the witness has been read.
	pub(super) fn is_done(&self) -> bool {
		self.evidence.as_slice().is_empty()
	}

	fn model(&mut self) -> Result<(Hash, Hash), StepError> {
		if let Some(model) = self.model {
			return Ok(model);
		}
		let Some(Evidence::Model { parts, experts }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let architecture = architecture_hash(self.program.architecture());
		if model_root_over(&architecture, parts, experts) != self.commitments.model_root {
			return Err(StepError::WitnessUnproven);
		}
		self.model = Some((*parts, *experts));
		Ok((*parts, *experts))
	}

	/// Returns whether a tensor root with this path is that of a part.
	fn is_root_of(&mut self, part: Part, root: &Hash, path: &[Hash]) -> Result<bool, StepError> {
		if let Some(candidate) = self.candidate(part) {
			return Ok(candidate.tensor_root == *root && path.is_empty());
		}
		let architecture = self.program.architecture();
		let (parts, experts) = self.model()?;
		let leaf = merkle::leaf(root);
		Ok(match place(architecture, part).ok_or(StepError::NoSuchPlace)? {
			PartPlace::Fixed(index) => {
				merkle::verify(&parts, architecture.layers.len() + 2, index, &leaf, path)
			}
			PartPlace::Expert(index) => {
				merkle::verify(&experts, architecture.experts() as usize, index, &leaf, path)
			}
		})
	}

	/// Returns the candidate, if this is its slot.
	fn candidate(&self, part: Part) -> Option<CandidateSlot> {
		let Part::Expert { layer, expert } = part else { return None };
		self.commitments.candidate.filter(|slot| (slot.layer, slot.expert) == (layer, expert))
	}

	fn part(&mut self, layout: &Layout, part: Part) -> Result<Shown<'a>, StepError> {
		if let Some(shown) = self.parts.get(&part) {
			return Ok(*shown);
		}
		if self.candidate(part).is_none() {
			self.model()?;
		}
		let Some(Evidence::Part { scales, tiles, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let root = layout.root(scales, tiles).ok_or(StepError::WitnessMalformed)?;
		if !self.is_root_of(part, &root, path)? {
			return Err(StepError::WitnessUnproven);
		}
		let shown = Shown { scales, tiles: *tiles };
		self.parts.insert(part, shown);
		Ok(shown)
	}

	/// Takes the next piece of evidence for these chunks of a tile, unless they are known.
	fn show(
		&mut self,
		layout: &Layout,
		part: Part,
		tile: usize,
		chunks: &Range<usize>,
	) -> Result<(), StepError> {
		let first = tile * CHUNKS;
		if chunks.clone().all(|chunk| self.chunks.contains_key(&(part, first + chunk))) {
			return Ok(());
		}
		let shown = self.part(layout, part)?;
		let Some(Evidence::Chunks { bytes, others, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let place = layout.chunk_range(tile, chunks);
		if bytes.len() as u64 != place.end - place.start {
			return Err(StepError::WitnessMalformed);
		}
		let leaf =
			leaf_from(layout.chunks(tile), chunks, bytes, others).ok_or(StepError::WitnessMalformed)?;
		if !merkle::verify(&shown.tiles, layout.tiles(), tile, &leaf, path) {
			return Err(StepError::WitnessUnproven);
		}
		for (chunk, bytes) in chunks.clone().zip(bytes.chunks(CHUNK_BYTES as usize)) {
			self.chunks.insert((part, first + chunk), bytes);
		}
		Ok(())
	}
}

impl Inputs for Judge<'_> {
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let (shape, root) = self.agreed(operator)?;
		let Some(Evidence::Blocks { bytes, row: others, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let len = (blocks.end * shape.block_bytes).min(shape.row_bytes) - blocks.start * shape.block_bytes;
		if bytes.len() != len {
			return Err(StepError::WitnessMalformed);
		}
		let read: Vec<Hash> = bytes.chunks(shape.block_bytes).map(|block| blake2_256(&[block])).collect();
		let hash = root_of_span(shape.blocks(), blocks.start, &read, others);
		let hash = hash.ok_or(StepError::WitnessMalformed)?;
		if !tree::verify(&root, shape.rows, row, &hash, path) {
			return Err(StepError::WitnessUnproven);
		}
		Ok(bytes.clone())
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let (shape, root) = self.agreed(operator)?;
		let Some(Evidence::Output(bytes)) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		if bytes.len() != shape.rows * shape.row_bytes {
			return Err(StepError::WitnessMalformed);
		}
		if shape.root(bytes) != root {
			return Err(StepError::WitnessUnproven);
		}
		Ok(bytes.clone())
	}

	fn tensor(&mut self, part: Part, range: Range<u64>) -> Result<Vec<u8>, StepError> {
		let layout = layout_of(self.program, part)?;
		let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
		for (tile, chunks) in layout.pieces(&range) {
			self.show(&layout, part, tile, &chunks)?;
			for chunk in chunks {
				let place = layout.chunk_range(tile, &(chunk..chunk + 1));
				let (start, end) = (range.start.max(place.start), range.end.min(place.end));
				let known =
					self.chunks.get(&(part, tile * CHUNKS + chunk)).ok_or(StepError::WitnessMalformed)?;
				// Both lie within the chunk, which is 4 KiB at most.
				let within = (start - place.start) as usize..(end - place.start) as usize;
				bytes.extend_from_slice(known.get(within).ok_or(StepError::WitnessMalformed)?);
			}
		}
		Ok(bytes)
	}

	fn scale(&mut self, part: Part, name: Name) -> Result<SectionScale, StepError> {
		let layout = layout_of(self.program, part)?;
		let shown = self.part(&layout, part)?;
		layout.scale_among(shown.scales, name).ok_or(StepError::TensorInvalid)
	}

	fn sequence(&mut self) -> Result<Vec<u32>, StepError> {
		if let Some(bytes) = self.sequence {
			return Ok(token_ids(bytes));
		}
		let Some(Evidence::Sequence { bytes, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let Commitments { holdout_root, holdout_sequences, sequence, .. } = self.commitments;
		let (count, index) = (*holdout_sequences as usize, *sequence as usize);
		let is_proven = bytes.len() == 4 * (self.program.positions() + 1)
			&& merkle::verify(holdout_root, count, index, &merkle::leaf(bytes), path);
		if !is_proven {
			return Err(StepError::WitnessUnproven);
		}
		self.sequence = Some(bytes);
		Ok(token_ids(bytes))
	}
}
