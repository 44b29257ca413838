//! Header of a file: what follows from the shape, the scales, and the roots.

use super::{
	shape::{PartKind, PartShape, Section, ENTRY_BYTES, SECTIONS_MAX},
	tile::TILE_BYTES,
};
use crate::{
	definition2::real::Real,
	hash::{blake2_256, Hash},
};
use alloc::vec::Vec;

/// Magic bytes at the start of a file.
pub const MAGIC: [u8; 8] = *b"TBLOCK02";
/// Bytes of the header; the payload starts right behind it.
pub const HEADER_BYTES: usize = 1_024;
/// Offset of the table of sections.
pub const TABLE_OFFSET: usize = 32;
/// Offset of the scales, one entry for each section.
pub const SCALES_OFFSET: usize = TABLE_OFFSET + SECTIONS_MAX * ENTRY_BYTES;
/// Bytes of a scale's entry.
pub const SCALE_BYTES: usize = 16;
/// Offset of the root over the tiles.
pub const TILES_OFFSET: usize = HEADER_BYTES - 64;
/// Offset of the tensor root.
pub const ROOT_OFFSET: usize = HEADER_BYTES - 32;
/// Domain separator of the tensor root.
const ROOT_CONTEXT: &[u8] = b"blyan/tensorblock/2";

/// Scale of one section: all zeros for biases, frequencies and the second matrix of an adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionScale {
	/// M of a matrix, G of gains.
	pub scale: Real,
	/// Bound of a weight's integer, of matrices; the shift, of the first matrix of an adapter; else zero.
	pub peak: u32,
}

impl SectionScale {
	/// Returns the stored form: scale, two zeros, peak, four zeros.
	pub fn to_bytes(&self) -> [u8; SCALE_BYTES] {
		let mut bytes = [0; SCALE_BYTES];
		bytes[..Real::BYTES].copy_from_slice(&self.scale.to_bytes());
		bytes[8..12].copy_from_slice(&self.peak.to_le_bytes());
		bytes
	}

	/// Reads the stored form; refuses every other byte string, and scales that a file may not hold.
	pub fn from_bytes(bytes: &[u8; SCALE_BYTES]) -> Option<Self> {
		let (scale, rest) = bytes.split_first_chunk()?;
		let [0, 0, a, b, c, d, 0, 0, 0, 0] = *rest else { return None };
		let scale = Real::from_bytes(*scale).filter(|scale| scale.is_storable())?;
		Some(Self { scale, peak: u32::from_le_bytes([a, b, c, d]) })
	}
}

/// Returns the header of a shape, with zeros for the scales and the roots.
pub(super) fn header_of(shape: &PartShape, payload_bytes: u64) -> [u8; HEADER_BYTES] {
	let mut bytes = [0; HEADER_BYTES];
	bytes[..8].copy_from_slice(&MAGIC);
	bytes[8] = shape.kind.to_byte();
	// At most 26 sections and 2^24 tiles.
	bytes[12..16].copy_from_slice(&(shape.sections.len() as u32).to_le_bytes());
	bytes[16..20].copy_from_slice(&(TILE_BYTES as u32).to_le_bytes());
	bytes[20..24].copy_from_slice(&(payload_bytes.div_ceil(TILE_BYTES) as u32).to_le_bytes());
	bytes[24..32].copy_from_slice(&payload_bytes.to_le_bytes());
	let table = bytes[TABLE_OFFSET..SCALES_OFFSET].as_chunks_mut::<ENTRY_BYTES>().0;
	for (entry, section) in table.iter_mut().zip(&shape.sections) {
		*entry = section.to_bytes();
	}
	bytes
}

/// Returns the tensor root of a descriptor with these scales, one entry for each of `sections`, and the root over the
/// tiles.
pub(super) fn root_of(
	descriptor: &[u8; HEADER_BYTES],
	sections: usize,
	scales: &[u8],
	tiles: &Hash,
) -> Option<Hash> {
	if scales.len() != sections * SCALE_BYTES {
		return None;
	}
	let mut header = *descriptor;
	header.get_mut(SCALES_OFFSET..SCALES_OFFSET + scales.len())?.copy_from_slice(scales);
	Some(blake2_256(&[ROOT_CONTEXT, &header[..TILES_OFFSET], tiles]))
}

/// Returns the shape that a file's first bytes claim, for a [`Layout`](super::Layout) to compare the file with.
pub fn claimed_shape(header: &[u8]) -> Option<PartShape> {
	if header.len() < HEADER_BYTES || !header.starts_with(&MAGIC) {
		return None;
	}
	let kind = *PartKind::ALL.get(usize::from(header[8]))?;
	let count = u32::from_le_bytes([header[12], header[13], header[14], header[15]]) as usize;
	let entries = header[TABLE_OFFSET..SCALES_OFFSET].as_chunks().0.get(..count)?;
	let sections = entries.iter().map(Section::from_bytes).collect::<Option<Vec<_>>>()?;
	Some(PartShape { kind, sections })
}

/// Returns the tensor root that a file's header claims.
pub fn claimed_root(file: &[u8]) -> Option<Hash> {
	file.get(ROOT_OFFSET..HEADER_BYTES)?.try_into().ok()
}
