//! TensorBlock: where every tensor lies in the one file of a trunk or an expert, and when such a file is valid.
//!
//! ```text
//! 0    magic "TBLOCK01" | kind u8 | quantisation u8 | version u16 | config 11 bytes | 0
//! 24   section count u32 | tile bytes u32 | payload offset u64 | payload length u64
//! 48   index offset u64 | tile count u32 | 0 (4 bytes)
//! 64   Merkle root of the tiles
//! 96   tensor root = blake2_256("blyan/tensorblock/1" ++ bytes 0..64 ++ root of the tiles)
//! 128  payload: sections, each padded with zeros to 64 bytes
//!      trunk   scales | embedding | rotary |
//!              a layer: attn_gain | wq | wk | wv | wo | attn_out_gain | ffn_gain | router |
//!              final_gain | head
//!      expert  scales | up | gain | down
//! ...  Merkle index: one Blake2b-256 leaf for each 64 KiB tile of the payload
//! ```
//!
//! All numbers are little endian. Bytes 0..64 follow from kind and configuration, so they are compared, not
//! interpreted: nothing a file says is ever used as a length.

use crate::{
	config::{ConfigError, ModelConfig, VOCAB},
	hash::{blake2_256, Hash},
	linear::Matrix,
	merkle,
	number::Scale,
	weights::{Expert, ModelError, Trunk},
};
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// Magic bytes at the start of a file.
pub const MAGIC: [u8; 8] = *b"TBLOCK01";
/// Bytes of the header; the payload starts right behind it.
pub const HEADER_BYTES: usize = 128;
/// Bytes of the part of the header that follows from the shape.
pub const DESCRIPTOR_BYTES: usize = 64;
/// Bytes of a tile, the unit of verification; the last one may be shorter.
pub const TILE_BYTES: usize = 64 * 1024;
/// Sections start at multiples of this, counted from the start of the payload and thus of the file.
pub const ALIGNMENT: usize = 64;
/// Bytes of one hash in the Merkle index.
pub const HASH_BYTES: usize = 32;
/// Domain separator of [`tensor_root`].
const ROOT_CONTEXT: &[u8] = b"blyan/tensorblock/1";

/// Content of a block, and the architecture it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockShape {
	/// Everything of a model that is not an expert.
	Trunk(ModelConfig),
	/// One expert. Only the widths matter: it fits any slot of any model that shares them.
	Expert {
		/// Width of the residual stream.
		d_model: u16,
		/// Width of the hidden layer.
		d_ff: u16,
	},
}

impl BlockShape {
	/// Returns the shape of the experts of a model.
	pub fn expert_of(config: &ModelConfig) -> Self {
		Self::Expert { d_model: config.d_model, d_ff: config.d_ff }
	}

	/// Returns the shape that a file's first bytes claim, for an [`Extent`] to compare the file with.
	pub fn claimed_by(header: &[u8]) -> Option<Self> {
		if !header.starts_with(&MAGIC) {
			return None;
		}
		let number = |at: usize| Some(u16::from_le_bytes([*header.get(at)?, *header.get(at + 1)?]));
		// The configuration as `ModelConfig::to_bytes` writes it, from byte 12 on.
		let config = ModelConfig {
			d_model: number(12)?,
			d_ff: number(14)?,
			layers: *header.get(16)?,
			heads: *header.get(17)?,
			experts: number(18)?,
			top_k: *header.get(20)?,
			context: number(21)?,
		};
		match header.get(8)? {
			0 => Some(Self::Trunk(config)),
			1 => Some(Self::expert_of(&config)),
			_ => None,
		}
	}

	/// Returns the configuration as the header spells it. An expert's has zeros wherever it does not care.
	fn header_config(&self) -> ModelConfig {
		match *self {
			Self::Trunk(config) => config,
			Self::Expert { d_model, d_ff } => {
				ModelConfig { d_model, d_ff, layers: 0, heads: 0, experts: 0, top_k: 0, context: 0 }
			}
		}
	}

	/// Returns the byte that names the kind.
	fn kind(&self) -> u8 {
		match self {
			Self::Trunk(_) => 0,
			Self::Expert { .. } => 1,
		}
	}

	fn validate(&self) -> Result<(), ConfigError> {
		let config = match *self {
			Self::Trunk(config) => config,
			// The widths are checked as those of the smallest model that could hold the expert.
			Self::Expert { d_model, d_ff } => ModelConfig {
				d_model,
				d_ff,
				layers: 1,
				heads: u8::try_from(d_model / 64).unwrap_or(0),
				experts: 1,
				top_k: 1,
				context: 1,
			},
		};
		config.validate()
	}

	/// Returns the number of sections.
	fn section_count(&self) -> usize {
		match self {
			Self::Trunk(config) => 5 + 8 * usize::from(config.layers),
			Self::Expert { .. } => 4,
		}
	}

	/// Returns the length in bytes of a section, counted in the order of the file. The first holds all scales.
	fn section_len(&self, section: usize) -> usize {
		let table = |rows: usize, cols: usize| rows * cols;
		let ternary = |rows: usize, cols: usize| rows * (cols / 4);
		let gains = |len: usize| 2 * len;
		match *self {
			Self::Trunk(config) => {
				let (d, layers) = (usize::from(config.d_model), usize::from(config.layers));
				match section {
					0 => Scale::BYTES * (2 + 5 * layers),
					1 => table(VOCAB, d),
					2 => 4 * (usize::from(config.context) * config.head_size() / 2),
					_ if section == 3 + 8 * layers => gains(d),
					_ if section > 3 + 8 * layers => table(VOCAB, d),
					_ => match (section - 3) % 8 {
						1..=4 => ternary(d, d),
						7 => table(usize::from(config.experts), d),
						_ => gains(d),
					},
				}
			}
			Self::Expert { d_model, d_ff } => {
				let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
				match section {
					0 => Scale::BYTES * 2,
					1 => ternary(hidden, d),
					2 => gains(hidden),
					_ => ternary(d, hidden),
				}
			}
		}
	}

	/// Returns the sections that hold ternary weights.
	pub fn ternary_sections(&self) -> Vec<usize> {
		match self {
			Self::Trunk(config) => {
				(0..usize::from(config.layers)).flat_map(|layer| 4 + 8 * layer..8 + 8 * layer).collect()
			}
			Self::Expert { .. } => vec![1, 3],
		}
	}
}

/// Size and header of a block: everything that a file has to agree with before memory is set aside for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
	/// Shape that it is the extent of.
	pub shape: BlockShape,
	/// Number of sections.
	pub sections: usize,
	/// Bytes between header and index, a multiple of [`ALIGNMENT`].
	pub payload_len: usize,
	/// Number of tiles.
	pub tiles: usize,
}

impl Extent {
	/// Refuses shapes outside the bounds of the architecture, so a block is always of modest size:
	/// at most 18 MiB for a trunk and 520 KiB for an expert.
	pub fn new(shape: BlockShape) -> Result<Self, ConfigError> {
		shape.validate()?;
		let sections = shape.section_count();
		let payload_len = (0..sections)
			.map(|section| shape.section_len(section).next_multiple_of(ALIGNMENT))
			.sum::<usize>();
		Ok(Self { shape, sections, payload_len, tiles: payload_len.div_ceil(TILE_BYTES) })
	}

	/// Returns the offset of the Merkle index.
	pub fn index_offset(&self) -> usize {
		HEADER_BYTES + self.payload_len
	}

	/// Returns the length of the whole file.
	pub fn file_len(&self) -> usize {
		self.index_offset() + self.tiles * HASH_BYTES
	}

	/// Returns the 64 bytes in front of the roots: everything that the header says about shape and layout.
	pub fn descriptor(&self) -> [u8; DESCRIPTOR_BYTES] {
		let mut bytes = [0; DESCRIPTOR_BYTES];
		bytes[..8].copy_from_slice(&MAGIC);
		bytes[8] = self.shape.kind();
		// Quantisation 1: ternary matrices in 2 bits, 8-bit tables, 16-bit gains and angles.
		bytes[9] = 1;
		bytes[10..12].copy_from_slice(&1_u16.to_le_bytes());
		bytes[12..23].copy_from_slice(&self.shape.header_config().to_bytes());
		// Every number below is bounded by the file's length, at most 2^26.
		bytes[24..28].copy_from_slice(&(self.sections as u32).to_le_bytes());
		bytes[28..32].copy_from_slice(&(TILE_BYTES as u32).to_le_bytes());
		bytes[32..40].copy_from_slice(&(HEADER_BYTES as u64).to_le_bytes());
		bytes[40..48].copy_from_slice(&(self.payload_len as u64).to_le_bytes());
		bytes[48..56].copy_from_slice(&(self.index_offset() as u64).to_le_bytes());
		bytes[56..60].copy_from_slice(&(self.tiles as u32).to_le_bytes());
		bytes
	}
}

/// The layout of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
	/// Shape that it is the layout of.
	pub shape: BlockShape,
	/// Byte range of each section within the file.
	pub sections: Vec<Range<usize>>,
	/// Bytes between header and index, a multiple of [`ALIGNMENT`].
	pub payload_len: usize,
	/// Number of tiles.
	pub tiles: usize,
}

/// Reason why bytes are not a block of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFault {
	/// There are fewer or more bytes than a block of this shape has.
	Length,
	/// The first 64 bytes say something else than they must; where they first differ.
	Header(usize),
	/// The index does not match the root in the header.
	Index,
	/// The tensor root in the header is not that of header and index.
	TensorRoot,
	/// A tile does not match its entry in the index.
	Tile(usize),
	/// Bytes behind a section are not zero.
	Padding(usize),
	/// A scale is not normalised.
	Scale(usize),
	/// A ternary section holds the code 3, which stands for no weight.
	NotTernary(usize),
}

impl Layout {
	/// Refuses the shapes that [`Extent::new`] refuses.
	pub fn new(shape: BlockShape) -> Result<Self, ConfigError> {
		let Extent { payload_len, tiles, .. } = Extent::new(shape)?;
		let mut at = HEADER_BYTES;
		let section = |index| {
			let len = shape.section_len(index);
			let range = at..at + len;
			at += len.next_multiple_of(ALIGNMENT);
			range
		};
		Ok(Self { shape, sections: (0..shape.section_count()).map(section).collect(), payload_len, tiles })
	}

	/// Returns the extent: the layout without the places of the sections.
	pub fn extent(&self) -> Extent {
		let Self { shape, payload_len, tiles, .. } = *self;
		Extent { shape, sections: self.sections.len(), payload_len, tiles }
	}

	/// Returns the offset of the Merkle index.
	pub fn index_offset(&self) -> usize {
		self.extent().index_offset()
	}

	/// Returns the length of the whole file.
	pub fn file_len(&self) -> usize {
		self.extent().file_len()
	}

	/// Returns the byte range of a tile within the file.
	pub fn tile(&self, index: usize) -> Range<usize> {
		let start = HEADER_BYTES + index * TILE_BYTES;
		start..(start + TILE_BYTES).min(self.index_offset())
	}

	/// Returns the tiles that hold a byte range of the payload.
	pub fn tiles_of(&self, range: &Range<usize>) -> Range<usize> {
		(range.start - HEADER_BYTES) / TILE_BYTES..(range.end - HEADER_BYTES).div_ceil(TILE_BYTES)
	}

	/// Returns the 64 bytes in front of the roots: everything that the header says about shape and layout.
	pub fn descriptor(&self) -> [u8; DESCRIPTOR_BYTES] {
		self.extent().descriptor()
	}

	/// Returns the leaf hashes of the tiles of a file of this layout.
	pub fn leaves(&self, file: &[u8]) -> Vec<Hash> {
		(0..self.tiles).map(|tile| merkle::leaf(&file[self.tile(tile)])).collect()
	}

	/// Returns whether a tile is in the block that a tensor root names.
	///
	/// `tiles` is the root over the block's tiles, `path` the tile's path to it.
	pub fn proves_tile(
		&self,
		tensor_root: &Hash,
		tile: usize,
		bytes: &[u8],
		tiles: &Hash,
		path: &[Hash],
	) -> bool {
		tile < self.tiles
			&& bytes.len() == self.tile(tile).len()
			&& self::tensor_root(&self.descriptor(), tiles) == *tensor_root
			&& merkle::verify(tiles, self.tiles, tile, &merkle::leaf(bytes), path)
	}

	/// Checks everything about a file: header, roots, index, tiles, padding, every scale and every ternary weight.
	///
	/// Returns its tensor root. Two machines that check the same bytes find the same first fault.
	pub fn check(&self, file: &[u8]) -> Result<Hash, BlockFault> {
		if file.len() != self.file_len() {
			return Err(BlockFault::Length);
		}
		let descriptor = self.descriptor();
		if let Some(at) = descriptor.iter().zip(file).position(|(a, b)| a != b) {
			return Err(BlockFault::Header(at));
		}
		let index: Vec<Hash> = file[self.index_offset()..].as_chunks().0.to_vec();
		let tiles = merkle::root(&index);
		if tiles != file[64..96] {
			return Err(BlockFault::Index);
		}
		let root = tensor_root(&descriptor, &tiles);
		if root != file[96..128] {
			return Err(BlockFault::TensorRoot);
		}
		if let Some(tile) = self.leaves(file).iter().zip(&index).position(|(leaf, entry)| leaf != entry) {
			return Err(BlockFault::Tile(tile));
		}
		self.check_values(file)?;
		Ok(root)
	}

	/// Checks padding, scales and ternary weights of a file of the right length.
	pub fn check_values(&self, file: &[u8]) -> Result<(), BlockFault> {
		let ends = self.sections.iter().skip(1).map(|range| range.start).chain([self.index_offset()]);
		for (section, (range, end)) in self.sections.iter().zip(ends).enumerate() {
			if file[range.end..end].iter().any(|&byte| byte != 0) {
				return Err(BlockFault::Padding(section));
			}
		}
		let scales = file[self.sections[0].clone()].as_chunks::<{ Scale::BYTES }>().0;
		if let Some(scale) = scales.iter().position(|bytes| Scale::from_bytes(*bytes).is_none()) {
			return Err(BlockFault::Scale(scale));
		}
		for section in self.shape.ternary_sections() {
			// Piece by piece, because a search that may end at any byte is one that no vector unit takes part in.
			if file[self.sections[section].clone()].chunks(ALIGNMENT).any(hold_no_weight) {
				return Err(BlockFault::NotTernary(section));
			}
		}
		Ok(())
	}
}

/// Returns whether one of the four codes of a byte is 3, which stands for no weight: both bits of a pair are set.
pub fn holds_no_weight(codes: u8) -> bool {
	codes & (codes >> 1) & 0x55 != 0
}

/// Returns whether [`holds_no_weight`] is true of any of these bytes.
fn hold_no_weight(codes: &[u8]) -> bool {
	codes.iter().fold(0, |found, &codes| found | (codes & (codes >> 1) & 0x55)) != 0
}

/// Returns the root that names a block's tensors: over what the header says of their shape, and over the tiles.
pub fn tensor_root(descriptor: &[u8; DESCRIPTOR_BYTES], tiles: &Hash) -> Hash {
	blake2_256(&[ROOT_CONTEXT, descriptor, tiles])
}

/// Writes header and index for the payload that is already in `file`.
///
/// The file has the length that the layout says.
pub fn seal(layout: &Layout, file: &mut [u8]) {
	let leaves = layout.leaves(file);
	let tiles = merkle::root(&leaves);
	let descriptor = layout.descriptor();
	file[..64].copy_from_slice(&descriptor);
	file[64..96].copy_from_slice(&tiles);
	file[96..128].copy_from_slice(&tensor_root(&descriptor, &tiles));
	file[layout.index_offset()..].copy_from_slice(leaves.as_flattened());
}

/// Writes the file of a trunk.
pub fn write_trunk(trunk: &Trunk, config: &ModelConfig) -> Result<Vec<u8>, ModelError> {
	trunk.validate(config)?;
	let mut scales = vec![trunk.embedding.scale];
	for layer in &trunk.layers {
		scales.extend([&layer.wq, &layer.wk, &layer.wv, &layer.wo, &layer.router].map(|m| m.scale));
	}
	scales.push(trunk.head.scale);
	let angles = trunk.rotary.iter().flatten().copied().collect::<Vec<i16>>();
	let mut sections = vec![scale_bytes(&scales), table_bytes(&trunk.embedding), integer_bytes(&angles)];
	for layer in &trunk.layers {
		sections.push(integer_bytes(&layer.attn_gain));
		sections.extend([&layer.wq, &layer.wk, &layer.wv, &layer.wo].map(|m| pack(&m.weights)));
		sections.push(integer_bytes(&layer.attn_out_gain));
		sections.push(integer_bytes(&layer.ffn_gain));
		sections.push(table_bytes(&layer.router));
	}
	sections.extend([integer_bytes(&trunk.final_gain), table_bytes(&trunk.head)]);
	assemble(BlockShape::Trunk(*config), &sections)
}

/// Writes the file of an expert.
pub fn write_expert(expert: &Expert, config: &ModelConfig) -> Result<Vec<u8>, ModelError> {
	expert.validate(config)?;
	let sections = [
		scale_bytes(&[expert.up.scale, expert.down.scale]),
		pack(&expert.up.weights),
		integer_bytes(&expert.gain),
		pack(&expert.down.weights),
	];
	assemble(BlockShape::expert_of(config), &sections)
}

fn assemble(shape: BlockShape, sections: &[Vec<u8>]) -> Result<Vec<u8>, ModelError> {
	let layout = Layout::new(shape)?;
	let mut file = vec![0; layout.file_len()];
	for (section, range) in sections.iter().zip(&layout.sections) {
		file[range.clone()].copy_from_slice(section);
	}
	seal(&layout, &mut file);
	Ok(file)
}

fn scale_bytes(scales: &[Scale]) -> Vec<u8> {
	scales.iter().flat_map(|scale| scale.to_bytes()).collect()
}

fn integer_bytes(entries: &[i16]) -> Vec<u8> {
	entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

fn table_bytes(matrix: &Matrix) -> Vec<u8> {
	matrix.weights.iter().map(|&weight| weight as u8).collect()
}

/// Packs four ternary weights to a byte, the first in the lowest bits, each as `weight + 1`. They come in multiples of
/// four.
pub fn pack(weights: &[i8]) -> Vec<u8> {
	weights
		.chunks_exact(4)
		.map(|four| four.iter().rev().fold(0, |byte, &weight| (byte << 2) | (weight + 1) as u8))
		.collect()
}

/// Unpacks what [`pack`] has packed; `None` if a code is 3.
pub fn unpack(codes: &[u8]) -> Option<Vec<i8>> {
	if codes.chunks(ALIGNMENT).any(hold_no_weight) {
		return None;
	}
	let four = |byte: &u8| [*byte, byte >> 2, byte >> 4, byte >> 6].map(|code| (code & 3) as i8 - 1);
	Some(codes.iter().flat_map(four).collect())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::golden;

	#[test]
	fn check_finds_each_fault() {
		let golden = golden::model();
		let layout = Layout::new(BlockShape::expert_of(&golden.config)).unwrap();
		let file = write_expert(&golden.experts[0], &golden.config).unwrap();
		assert_eq!(layout.check(&file).unwrap(), file[96..128]);
		let damaged = |at: usize, byte: u8, sealed: bool| {
			let mut file = file.clone();
			file[at] = byte;
			if sealed {
				seal(&layout, &mut file);
			}
			layout.check(&file)
		};
		let section = |index: usize| layout.sections[index].clone();
		assert_eq!(layout.check(&file[1..]), Err(BlockFault::Length));
		assert_eq!(damaged(3, 0, false), Err(BlockFault::Header(3)));
		assert_eq!(damaged(70, !file[70], false), Err(BlockFault::Index));
		assert_eq!(damaged(100, !file[100], false), Err(BlockFault::TensorRoot));
		assert_eq!(damaged(section(2).start, !file[section(2).start], false), Err(BlockFault::Tile(0)));
		assert_eq!(damaged(section(0).end, 1, true), Err(BlockFault::Padding(0)));
		assert_eq!(damaged(section(0).start + 4, 63, true), Err(BlockFault::Scale(0)));
		assert_eq!(damaged(section(3).start, 0b1100, true), Err(BlockFault::NotTernary(3)));
	}

	#[test]
	fn tiles_are_proven_against_the_tensor_root() {
		let config = ModelConfig { d_model: 256, d_ff: 1_024, heads: 4, ..golden::CONFIG };
		let layout = Layout::new(BlockShape::expert_of(&config)).unwrap();
		let file = write_expert(&golden::random_expert(&config, b"tiles"), &config).unwrap();
		let root = layout.check(&file).unwrap();
		let leaves = layout.leaves(&file);
		assert!(layout.tiles > 2);
		for tile in 0..layout.tiles {
			let (bytes, path) = (&file[layout.tile(tile)], merkle::prove(&leaves, tile).unwrap());
			let tiles = merkle::root(&leaves);
			assert!(layout.proves_tile(&root, tile, bytes, &tiles, &path));
			assert!(!layout.proves_tile(&[0; 32], tile, bytes, &tiles, &path));
			assert!(!layout.proves_tile(&root, tile, &bytes[1..], &tiles, &path));
			assert!(!layout.proves_tile(&root, layout.tiles - 1 - tile + layout.tiles, bytes, &tiles, &path));
		}
	}
}
