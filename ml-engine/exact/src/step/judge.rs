//! Inputs out of a witness, each checked against what the parties agree on or against the statement's roots.

use super::{layout_of, Commitments, Evidence, Inputs, StepError, Tensors};
use crate::{
	block::Layout,
	hash::{blake2_256, Hash},
	merkle,
	program::Program,
	tree,
	weights::model_root_over,
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// Checks every input against what is agreed on.
pub(super) struct Judge<'a> {
	pub(super) program: &'a Program,
	pub(super) commitments: &'a Commitments,
	pub(super) agreed: &'a [Hash],
	pub(super) evidence: core::slice::Iter<'a, Evidence>,
	/// Tensor root of the trunk, root over the heads.
	pub(super) model: Option<(Hash, Hash)>,
	pub(super) heads: BTreeMap<(u8, u16), Hash>,
	pub(super) tiles: BTreeMap<(Tensors, usize), &'a [u8]>,
	pub(super) sequence: Option<&'a [u8]>,
}

impl<'a> Judge<'a> {
	fn model(&mut self) -> Result<(Hash, Hash), StepError> {
		if let Some(model) = self.model {
			return Ok(model);
		}
		let Some(Evidence::Model { trunk, heads }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		if model_root_over(self.program.config(), trunk, heads) != self.commitments.model_root {
			return Err(StepError::WitnessUnproven);
		}
		self.model = Some((*trunk, *heads));
		Ok((*trunk, *heads))
	}

	fn tensor_root(&mut self, tensors: Tensors) -> Result<Hash, StepError> {
		let Tensors::Expert { layer, expert } = tensors else { return Ok(self.model()?.0) };
		if let Some(candidate) = &self.commitments.candidate {
			if (candidate.layer, candidate.expert) == (layer, expert) {
				return Ok(candidate.tensor_root);
			}
		}
		if let Some(root) = self.heads.get(&(layer, expert)) {
			return Ok(*root);
		}
		let (_, heads) = self.model()?;
		let Some(Evidence::Head { tensor_root, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let config = self.program.config();
		let slot = config.slot_index(layer, expert).ok_or(StepError::InputImpossible)? as usize;
		let leaf = merkle::leaf(tensor_root);
		if !merkle::verify(&heads, config.slots() as usize, slot, &leaf, path) {
			return Err(StepError::WitnessUnproven);
		}
		self.heads.insert((layer, expert), *tensor_root);
		Ok(*tensor_root)
	}

	fn tile(&mut self, layout: &Layout, tensors: Tensors, tile: usize) -> Result<&'a [u8], StepError> {
		if let Some(bytes) = self.tiles.get(&(tensors, tile)) {
			return Ok(bytes);
		}
		let root = self.tensor_root(tensors)?;
		let Some(Evidence::Tile { bytes, tiles, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		if !layout.proves_tile(&root, tile, bytes, tiles, path) {
			return Err(StepError::WitnessUnproven);
		}
		self.tiles.insert((tensors, tile), bytes);
		Ok(bytes)
	}
}

impl Inputs for Judge<'_> {
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let shape = self.program.shape_at(operator).ok_or(StepError::NoSuchPlace)?;
		let root = self.agreed.get(operator).ok_or(StepError::NoSuchPlace)?;
		let Some(Evidence::Blocks { bytes, others, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let len = (blocks.end * shape.block_bytes).min(shape.row_bytes) - blocks.start * shape.block_bytes;
		if bytes.len() != len || others.len() + blocks.len() != shape.blocks() {
			return Err(StepError::WitnessMalformed);
		}
		let mut hashes = others.clone();
		let read = bytes.chunks(shape.block_bytes).map(|block| blake2_256(&[block]));
		hashes.splice(blocks.start..blocks.start, read);
		if !tree::verify(root, shape.rows, row, &tree::root(&hashes), path) {
			return Err(StepError::WitnessUnproven);
		}
		Ok(bytes.clone())
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let shape = self.program.shape_at(operator).ok_or(StepError::NoSuchPlace)?;
		let root = self.agreed.get(operator).ok_or(StepError::NoSuchPlace)?;
		let Some(Evidence::Output(bytes)) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		if bytes.len() != shape.rows * shape.row_bytes {
			return Err(StepError::WitnessMalformed);
		}
		if shape.root(bytes) != *root {
			return Err(StepError::WitnessUnproven);
		}
		Ok(bytes.clone())
	}

	fn tensor(&mut self, tensors: Tensors, range: Range<usize>) -> Result<Vec<u8>, StepError> {
		let layout = layout_of(self.program, tensors)?;
		let mut bytes = Vec::with_capacity(range.len());
		for tile in layout.tiles_of(&range) {
			let place = layout.tile(tile);
			let (start, end) = (range.start.max(place.start), range.end.min(place.end));
			let tile = self.tile(&layout, tensors, tile)?;
			bytes.extend_from_slice(&tile[start - place.start..end - place.start]);
		}
		Ok(bytes)
	}

	fn sequence(&mut self) -> Result<Vec<u8>, StepError> {
		if let Some(bytes) = self.sequence {
			return Ok(bytes.to_vec());
		}
		let Some(Evidence::Sequence { bytes, path }) = self.evidence.next() else {
			return Err(StepError::WitnessMalformed);
		};
		let Commitments { holdout_root, holdout_sequences, sequence, .. } = self.commitments;
		let (count, index) = (*holdout_sequences as usize, *sequence as usize);
		let is_proven = bytes.len() == self.program.positions()
			&& merkle::verify(holdout_root, count, index, &merkle::leaf(bytes), path);
		if !is_proven {
			return Err(StepError::WitnessUnproven);
		}
		self.sequence = Some(bytes);
		Ok(bytes.clone())
	}
}
