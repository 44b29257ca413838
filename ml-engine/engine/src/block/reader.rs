//! From files to weights.

use super::{mapping::Bytes, verified::VerifiedTiles, BlockError, BlockShape, Layout, HEADER_BYTES};
use crate::kernel::{hash::hash_leaves, Kernel};
use blyan_exact::{
	block::{tensor_root, unpack, Extent, HASH_BYTES},
	merkle, Expert, Hash, Layer, Matrix, Scale, Trunk,
};
use sp_core::H256;
use std::{fs::File, io::Read, ops::Range, path::Path, sync::OnceLock};

/// Fields of the 64 descriptive bytes, for error messages: name and end.
const FIELDS: [(&str, usize); 13] = [
	("magic", 8),
	("kind", 9),
	("quantisation", 10),
	("version", 12),
	("config", 23),
	("reserved", 24),
	("section count", 28),
	("tile size", 32),
	("payload offset", 40),
	("payload length", 48),
	("index offset", 56),
	("tile count", 60),
	("reserved", 64),
];

/// An open block: header checked, tensors read in place, tiles verified when touched or all at once.
#[derive(Debug)]
pub struct TensorBlock {
	bytes: Bytes,
	layout: Layout,
	/// Set at the first touch: whether index and roots agree, and from then on which tiles agree with them.
	verified: OnceLock<Result<VerifiedTiles, Damage>>,
}

/// The part of [`BlockError`] that can be remembered.
#[derive(Clone, Copy, Debug)]
enum Damage {
	Index,
	TensorRoot,
}

impl TensorBlock {
	/// Maps a file and checks its header. The cost depends neither on its length nor on the number of its tiles.
	///
	/// The file must not be truncated while the block is open; see [`mapping`](super) for files that are not the
	/// blob store's.
	pub fn open(path: &Path, shape: BlockShape) -> Result<Self, BlockError> {
		let extent = Extent::new(shape)?;
		let file = File::open(path)?;
		ensure_length(&extent, file.metadata()?.len())?;
		Self::new(Bytes::map_file(&file, extent.file_len())?, &extent)
	}

	/// Opens bytes in memory.
	pub fn from_bytes(bytes: Vec<u8>, shape: BlockShape) -> Result<Self, BlockError> {
		Self::new(Bytes::Owned(bytes), &Extent::new(shape)?)
	}

	/// Refuses everything that may be refused without reading tiles, before memory is set aside.
	fn new(bytes: Bytes, extent: &Extent) -> Result<Self, BlockError> {
		ensure_length(extent, bytes.len() as u64)?;
		let expected = extent.descriptor();
		if let Some(at) = expected.iter().zip(bytes.iter()).position(|(a, b)| a != b) {
			let field = FIELDS.iter().find(|(_, end)| at < *end).map_or("reserved", |(name, _)| name);
			return Err(BlockError::Header { field });
		}
		Ok(Self { bytes, layout: Layout::new(extent.shape)?, verified: OnceLock::new() })
	}

	/// Returns the shape of the block.
	pub fn shape(&self) -> BlockShape {
		self.layout.shape
	}

	/// Returns the layout of its sections and tiles.
	pub fn layout(&self) -> &Layout {
		&self.layout
	}

	/// Returns the whole file.
	pub fn bytes(&self) -> &[u8] {
		&self.bytes
	}

	/// Returns the root in the header. It names the tensors once [`Self::verify_all`] has succeeded.
	pub fn tensor_root(&self) -> H256 {
		H256(self.stored_hash(96))
	}

	fn stored_hash(&self, at: usize) -> Hash {
		let mut hash = [0; HASH_BYTES];
		hash.copy_from_slice(&self.bytes[at..at + HASH_BYTES]);
		hash
	}

	fn leaves(&self) -> &[Hash] {
		self.bytes[self.layout.index_offset()..].as_chunks().0
	}

	/// Checks that the index has the root in the header, and that the tensor root binds both; once.
	fn verified(&self) -> Result<&VerifiedTiles, BlockError> {
		let outcome = self.verified.get_or_init(|| {
			let root = merkle::root(self.leaves());
			if root != self.stored_hash(64) {
				return Err(Damage::Index);
			}
			if tensor_root(&self.layout.descriptor(), &root) != self.stored_hash(96) {
				return Err(Damage::TensorRoot);
			}
			Ok(VerifiedTiles::none(self.layout.tiles))
		});
		outcome.as_ref().map_err(|damage| match damage {
			Damage::Index => BlockError::Index,
			Damage::TensorRoot => BlockError::TensorRoot,
		})
	}

	/// Checks that the index has the root in the header, and that the tensor root binds both.
	pub fn verify_index(&self) -> Result<(), BlockError> {
		self.verified().map(drop)
	}

	/// Verifies those tiles of a range that have not been, as many at once as the processor hashes together.
	fn verify_tiles(&self, tiles: Range<usize>) -> Result<(), BlockError> {
		let verified = self.verified()?;
		let pending: Vec<usize> = tiles.filter(|tile| !verified.contains(*tile)).collect();
		if pending.is_empty() {
			return Ok(());
		}
		let bytes: Vec<&[u8]> = pending.iter().map(|tile| &self.bytes[self.layout.tile(*tile)]).collect();
		let mut found = Vec::with_capacity(pending.len());
		hash_leaves(Kernel::best(), &bytes, &mut found);
		let entries = self.leaves();
		for (&tile, leaf) in pending.iter().zip(&found) {
			if entries[tile] != *leaf {
				return Err(BlockError::Tile(tile));
			}
			verified.insert(tile);
		}
		Ok(())
	}

	/// Returns a tile, verified on first touch. `None` if there is no such tile.
	pub fn tile(&self, index: usize) -> Option<Result<&[u8], BlockError>> {
		let verified = (index < self.layout.tiles).then(|| self.verify_tiles(index..index + 1))?;
		Some(verified.map(|()| &self.bytes[self.layout.tile(index)]))
	}

	/// Siblings that prove a tile against the root over the tiles.
	pub fn tile_proof(&self, index: usize) -> Option<Vec<H256>> {
		merkle::prove(self.leaves(), index).map(|proof| proof.into_iter().map(H256).collect())
	}

	/// Returns a section, its tiles verified on first touch. `None` if there is no such section.
	pub fn section(&self, index: usize) -> Option<Result<&[u8], BlockError>> {
		let range = self.layout.sections.get(index)?.clone();
		let verified = self.verify_tiles(self.layout.tiles_of(&range));
		Some(verified.map(|()| &self.bytes[range]))
	}

	/// Verifies every tile and every value, so that nothing read later can fail.
	pub fn verify_all(&self) -> Result<(), BlockError> {
		self.verify_tiles(0..self.layout.tiles)?;
		Ok(self.layout.check_values(&self.bytes)?)
	}

	/// Returns a scale by its place in the first section; `None` if it is not normalised or not there.
	pub(crate) fn scale(&self, index: usize) -> Option<Scale> {
		let bytes = self.bytes[self.layout.sections[0].clone()].chunks_exact(Scale::BYTES).nth(index)?;
		Scale::from_bytes(bytes.try_into().ok()?)
	}

	/// Returns the 16-bit integers of a section.
	pub(crate) fn integers(&self, section: usize) -> Vec<i16> {
		self.bytes[self.layout.sections[section].clone()]
			.chunks_exact(2)
			.map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
			.collect()
	}

	/// Returns the (cos, sin) pairs of a section.
	pub(crate) fn angles(&self, section: usize) -> Vec<[i16; 2]> {
		self.integers(section).chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
	}

	fn table(&self, section: usize, scale: usize, rows: usize, cols: usize) -> Result<Matrix, BlockError> {
		let bytes = &self.bytes[self.layout.sections[section].clone()];
		let scale = self.scale(scale).ok_or(BlockError::Scale(scale))?;
		Ok(Matrix { rows, cols, weights: bytes.iter().map(|&byte| byte as i8).collect(), scale })
	}

	fn ternary(&self, section: usize, scale: usize, rows: usize, cols: usize) -> Result<Matrix, BlockError> {
		let bytes = &self.bytes[self.layout.sections[section].clone()];
		let scale = self.scale(scale).ok_or(BlockError::Scale(scale))?;
		let weights = unpack(bytes).ok_or(BlockError::NotTernary(section))?;
		Ok(Matrix { rows, cols, weights, scale })
	}

	/// Converts to the trunk in the form of the definition, after verifying everything.
	pub fn to_trunk(&self) -> Result<Trunk, BlockError> {
		self.verify_all()?;
		let BlockShape::Trunk(config) = self.layout.shape else {
			return Err(BlockError::Header { field: "kind" });
		};
		let (d, layer_count) = (usize::from(config.d_model), usize::from(config.layers));
		let vocabulary = blyan_exact::VOCAB;
		let mut layers = Vec::new();
		for layer in 0..layer_count {
			let (section, scale) = (3 + 8 * layer, 1 + 5 * layer);
			layers.push(Layer {
				attn_gain: self.integers(section),
				wq: self.ternary(section + 1, scale, d, d)?,
				wk: self.ternary(section + 2, scale + 1, d, d)?,
				wv: self.ternary(section + 3, scale + 2, d, d)?,
				wo: self.ternary(section + 4, scale + 3, d, d)?,
				attn_out_gain: self.integers(section + 5),
				ffn_gain: self.integers(section + 6),
				router: self.table(section + 7, scale + 4, usize::from(config.experts), d)?,
			});
		}
		Ok(Trunk {
			embedding: self.table(1, 0, vocabulary, d)?,
			rotary: self.angles(2),
			layers,
			final_gain: self.integers(3 + 8 * layer_count),
			head: self.table(4 + 8 * layer_count, 1 + 5 * layer_count, vocabulary, d)?,
		})
	}

	/// Converts to the expert in the form of the definition, after verifying everything.
	pub fn to_expert(&self) -> Result<Expert, BlockError> {
		self.verify_all()?;
		let BlockShape::Expert { d_model, d_ff } = self.layout.shape else {
			return Err(BlockError::Header { field: "kind" });
		};
		let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
		Ok(Expert {
			up: self.ternary(1, 0, hidden, d)?,
			gain: self.integers(2),
			down: self.ternary(3, 1, d, hidden)?,
		})
	}
}

fn ensure_length(extent: &Extent, found: u64) -> Result<(), BlockError> {
	let expected = extent.file_len() as u64;
	if found == expected {
		Ok(())
	} else {
		Err(BlockError::Length { found, expected })
	}
}

/// Opens a block whose shape only its header tells, from a file that others may change: it is read, not mapped.
///
/// The header's word only says what to compare the file with, so no more is read than a block of that shape has.
pub fn read(path: &Path) -> Result<TensorBlock, BlockError> {
	let mut file = File::open(path)?;
	let found = file.metadata()?.len();
	let mut bytes = Vec::new();
	file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut bytes)?;
	let shape = BlockShape::claimed_by(&bytes).ok_or(BlockError::NotABlock)?;
	let extent = Extent::new(shape)?;
	ensure_length(&extent, found)?;
	bytes.reserve_exact(extent.file_len() - bytes.len());
	file.take((extent.file_len() - bytes.len()) as u64).read_to_end(&mut bytes)?;
	TensorBlock::new(Bytes::Owned(bytes), &extent)
}
