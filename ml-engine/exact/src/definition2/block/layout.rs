//! Where every section of a part lies in its file, and what its header says.

use super::{
	header::{header_of, root_of, HEADER_BYTES, SCALE_BYTES},
	shape::{tensor_bytes, PartShape, ShapeError},
	tile::{chunks_in, CHUNK_BYTES, TILE_BYTES},
};
use crate::{
	definition2::{
		architecture::Architecture,
		tensors::{Name, Part, TensorShape},
	},
	hash::Hash,
};
use alloc::vec::Vec;
use core::ops::Range;

/// Sections start at multiples of this, counted from the start of the file.
pub const ALIGNMENT: u64 = 64;
/// Bytes of one hash in the Merkle index.
pub const HASH_BYTES: u64 = 32;

/// One section in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
	/// Tensor.
	pub name: Name,
	/// Kind and dimensions.
	pub shape: TensorShape,
	/// Its bytes within the file, without padding.
	pub range: Range<u64>,
}

/// Layout of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
	shape: PartShape,
	sections: Vec<Placed>,
	payload_bytes: u64,
	descriptor: [u8; HEADER_BYTES],
}

impl Layout {
	/// Refuses the shapes that [`PartShape::validate`] refuses.
	pub fn new(shape: PartShape) -> Result<Self, ShapeError> {
		shape.validate()?;
		let mut at = HEADER_BYTES as u64;
		let mut sections = Vec::with_capacity(shape.sections.len());
		for section in &shape.sections {
			// 26 sections of at most 2^35 bytes.
			let range = at..at + tensor_bytes(&section.shape);
			at = range.end.next_multiple_of(ALIGNMENT);
			sections.push(Placed { name: section.name, shape: section.shape, range });
		}
		let payload_bytes = at - HEADER_BYTES as u64;
		let descriptor = header_of(&shape, payload_bytes);
		Ok(Self { shape, sections, payload_bytes, descriptor })
	}

	/// Returns the layout of a part of a model; `None` if the model has no such part. The architecture is valid.
	pub fn of(architecture: &Architecture, part: Part) -> Option<Self> {
		Self::new(PartShape::of(architecture, part)?).ok()
	}

	/// Returns the shape that it is the layout of.
	pub fn shape(&self) -> &PartShape {
		&self.shape
	}

	/// Returns the sections in the order of the file.
	pub fn sections(&self) -> &[Placed] {
		&self.sections
	}

	/// Returns a section; `None` if parts of this shape have no such tensor.
	pub fn section(&self, name: Name) -> Option<&Placed> {
		self.sections.get(self.shape.index(name)?)
	}

	/// Returns the bytes between header and index, a multiple of [`ALIGNMENT`].
	pub fn payload_bytes(&self) -> u64 {
		self.payload_bytes
	}

	/// Returns the number of tiles.
	pub fn tiles(&self) -> usize {
		// At most 26 * 2^35 / 2^16 < 2^24.
		self.payload_bytes.div_ceil(TILE_BYTES) as usize
	}

	/// Returns the offset of the Merkle index.
	pub fn index_offset(&self) -> u64 {
		HEADER_BYTES as u64 + self.payload_bytes
	}

	/// Returns the length of the whole file.
	pub fn file_bytes(&self) -> u64 {
		self.index_offset() + self.tiles() as u64 * HASH_BYTES
	}

	/// Returns the header with zeros for the scales and the roots: everything that it says about the shape.
	pub fn descriptor(&self) -> &[u8; HEADER_BYTES] {
		&self.descriptor
	}

	/// Returns the byte range of a tile within the file.
	pub fn tile(&self, index: usize) -> Range<u64> {
		let start = HEADER_BYTES as u64 + index as u64 * TILE_BYTES;
		start..(start + TILE_BYTES).min(self.index_offset())
	}

	/// Returns the number of chunks of a tile.
	pub fn chunks(&self, tile: usize) -> usize {
		let range = self.tile(tile);
		chunks_in(range.end - range.start)
	}

	/// Returns the byte range of some chunks of a tile within the file.
	pub fn chunk_range(&self, tile: usize, chunks: &Range<usize>) -> Range<u64> {
		let place = self.tile(tile);
		let at = |chunk: usize| (place.start + chunk as u64 * CHUNK_BYTES).min(place.end);
		at(chunks.start)..at(chunks.end)
	}

	/// Returns the pieces of the payload that hold a byte range of the file: tiles, each with its chunks.
	pub fn pieces(&self, range: &Range<u64>) -> Vec<(usize, Range<usize>)> {
		let first = |at: u64| at.saturating_sub(HEADER_BYTES as u64) / CHUNK_BYTES;
		let end = range.end.min(self.index_offset()).max(HEADER_BYTES as u64);
		let (start, end) = (first(range.start), (end - HEADER_BYTES as u64).div_ceil(CHUNK_BYTES));
		let per_tile = TILE_BYTES / CHUNK_BYTES;
		let mut pieces = Vec::new();
		let mut at = if range.is_empty() { end } else { start };
		while at < end {
			let (tile, next) = (at / per_tile, (at / per_tile + 1) * per_tile);
			let base = tile * per_tile;
			pieces.push((tile as usize, (at - base) as usize..(next.min(end) - base) as usize));
			at = next;
		}
		pieces
	}

	/// Returns the bytes of the scales in the header.
	pub fn scale_bytes(&self) -> usize {
		self.sections.len() * SCALE_BYTES
	}

	/// Returns the root that a header's scales and the root over the tiles lead to.
	pub fn root(&self, scales: &[u8], tiles: &Hash) -> Option<Hash> {
		root_of(&self.descriptor, self.sections.len(), scales, tiles)
	}
}
