//! Where every tensor lies: a function of the kind of block and the configuration, never of the file.

use super::BlockError;
use blyan_exact::{ModelConfig, Scale, VOCAB};
use std::ops::Range;

/// Bytes of the header; the payload starts right behind it.
pub const HEADER_BYTES: usize = 128;
/// Bytes of a tile, the unit of verification; the last one may be shorter.
pub const TILE_BYTES: usize = 64 * 1024;
/// Sections start at multiples of this, counted from the start of the payload and thus of the file.
pub const ALIGNMENT: usize = 64;
/// Bytes of one hash in the Merkle index.
pub const HASH_BYTES: usize = 32;

/// What a block holds, and for which architecture.
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
	/// The shape of the experts of a model.
	pub fn expert_of(config: &ModelConfig) -> Self {
		Self::Expert { d_model: config.d_model, d_ff: config.d_ff }
	}

	/// The configuration as the header spells it. An expert's has zeros wherever it does not care.
	pub(super) fn header_config(&self) -> ModelConfig {
		match *self {
			Self::Trunk(config) => config,
			Self::Expert { d_model, d_ff } => {
				ModelConfig { d_model, d_ff, layers: 0, heads: 0, experts: 0, top_k: 0, context: 0 }
			}
		}
	}

	/// The byte that names the kind.
	pub(super) fn kind(&self) -> u8 {
		match self {
			Self::Trunk(_) => 0,
			Self::Expert { .. } => 1,
		}
	}

	fn validate(&self) -> Result<(), BlockError> {
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
		config.validate().map_err(BlockError::Config)
	}

	/// Lengths in bytes of the sections, in the order of the file. The first holds all scales.
	fn section_lengths(&self) -> Vec<usize> {
		let table = |rows: usize, cols: usize| rows * cols;
		let ternary = |rows: usize, cols: usize| rows * (cols / 4);
		let gains = |len: usize| 2 * len;
		match *self {
			Self::Trunk(config) => {
				let (d, experts) = (usize::from(config.d_model), usize::from(config.experts));
				let layers = usize::from(config.layers);
				let angles = usize::from(config.context) * config.head_size() / 2;
				let mut lengths = vec![Scale::BYTES * (2 + 5 * layers), table(VOCAB, d), 4 * angles];
				for _ in 0..layers {
					lengths.push(gains(d));
					lengths.extend([ternary(d, d); 4]);
					lengths.extend([gains(d), gains(d), table(experts, d)]);
				}
				lengths.extend([gains(d), table(VOCAB, d)]);
				lengths
			}
			Self::Expert { d_model, d_ff } => {
				let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
				vec![Scale::BYTES * 2, ternary(hidden, d), gains(hidden), ternary(d, hidden)]
			}
		}
	}
}

/// The layout of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
	/// What it is the layout of.
	pub shape: BlockShape,
	/// Byte range of each section within the file.
	pub sections: Vec<Range<usize>>,
	/// Bytes between header and index, a multiple of [`ALIGNMENT`].
	pub payload_len: usize,
	/// Number of tiles.
	pub tiles: usize,
}

impl Layout {
	/// Refuses shapes outside the bounds of the architecture, so a layout is always of modest size:
	/// at most 18 MiB for a trunk and 520 KiB for an expert.
	pub fn new(shape: BlockShape) -> Result<Self, BlockError> {
		shape.validate()?;
		let mut at = HEADER_BYTES;
		let mut sections = Vec::new();
		for len in shape.section_lengths() {
			sections.push(at..at + len);
			at += len.next_multiple_of(ALIGNMENT);
		}
		let payload_len = at - HEADER_BYTES;
		Ok(Self { shape, sections, payload_len, tiles: payload_len.div_ceil(TILE_BYTES) })
	}

	/// Offset of the Merkle index.
	pub fn index_offset(&self) -> usize {
		HEADER_BYTES + self.payload_len
	}

	/// Length of the whole file.
	pub fn file_len(&self) -> usize {
		self.index_offset() + self.tiles * HASH_BYTES
	}

	/// Byte range of a tile within the file.
	pub fn tile(&self, index: usize) -> Range<usize> {
		let start = HEADER_BYTES + index * TILE_BYTES;
		start..(start + TILE_BYTES).min(self.index_offset())
	}

	/// The 64 bytes in front of the roots: everything that the header says about shape and layout.
	pub(super) fn descriptor(&self) -> [u8; 64] {
		let mut bytes = [0; 64];
		bytes[..8].copy_from_slice(b"TBLOCK01");
		bytes[8] = self.shape.kind();
		// Quantisation 1: ternary matrices in 2 bits, 8-bit tables, 16-bit gains and angles.
		bytes[9] = 1;
		bytes[10..12].copy_from_slice(&1_u16.to_le_bytes());
		bytes[12..23].copy_from_slice(&self.shape.header_config().to_bytes());
		// Every number below is bounded by the file's length, at most 2^26.
		bytes[24..28].copy_from_slice(&(self.sections.len() as u32).to_le_bytes());
		bytes[28..32].copy_from_slice(&(TILE_BYTES as u32).to_le_bytes());
		bytes[32..40].copy_from_slice(&(HEADER_BYTES as u64).to_le_bytes());
		bytes[40..48].copy_from_slice(&(self.payload_len as u64).to_le_bytes());
		bytes[48..56].copy_from_slice(&(self.index_offset() as u64).to_le_bytes());
		bytes[56..60].copy_from_slice(&(self.tiles as u32).to_le_bytes());
		bytes
	}
}
