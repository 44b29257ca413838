//! Everything about a file that can be wrong.

use super::{
	header::{claimed_root, SectionScale, ROOT_OFFSET, SCALES_OFFSET, TILES_OFFSET},
	layout::{Layout, Placed, ALIGNMENT},
	tile::hash_tile,
};
use crate::{
	definition2::{
		architecture::WeightKind,
		linear::PROJECTION_MAX,
		matrix::{GROUP_MAX, INT4_PEAK_MAX, INT8_PEAK},
		model::GAIN_MAX,
		real::f16,
		tensors::{Name, TensorShape},
	},
	hash::Hash,
	merkle,
};
use alloc::vec::Vec;
use core::{fmt, ops::Range};

/// Reason why bytes are not a part of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
	/// There are fewer or more bytes than a part of this shape has.
	Length,
	/// A byte of the header that follows from the shape says something else; the first one.
	Header(usize),
	/// The index does not match the root in the header.
	Index,
	/// The tensor root in the header is not that of header and index.
	TensorRoot,
	/// A tile does not match its entry in the index.
	Tile(usize),
	/// The scale of a tensor is not normalised, out of bounds, or stands where there is none.
	Scale(Name),
	/// The peak of a tensor is not that of its kind, or out of bounds.
	Peak(Name),
	/// The shift of an adapter is above 12, or stands where there is none.
	Shift(Name),
	/// Bytes behind a section are not zero.
	Padding(Name),
	/// A ternary matrix holds the code 3, which stands for no weight.
	NotTernary(Name),
	/// A group holds a d or m that is infinite or not a number.
	NotFinite(Name),
	/// A group's d or m is 2^28 units of 2^-24 or more.
	Group(Name),
	/// A group's weights exceed the stored peak.
	BeyondPeak(Name),
	/// A gain is 2^24 or more in magnitude.
	Gain(Name),
	/// A bias is above 2^26 in magnitude.
	Bias(Name),
}

impl fmt::Display for Fault {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Length => f.write_str("the file is shorter or longer than a part of this shape"),
			Self::Header(at) => write!(f, "byte {at} of the header is not what the shape demands"),
			Self::Index => f.write_str("the index does not match the root in the header"),
			Self::TensorRoot => f.write_str("the tensor root is not that of header and index"),
			Self::Tile(tile) => write!(f, "tile {tile} does not match the index"),
			Self::Scale(name) => write!(f, "the scale of {name:?} is not normalised or out of bounds"),
			Self::Peak(name) => write!(f, "the peak of {name:?} is not that of its kind"),
			Self::Shift(name) => {
				write!(f, "the shift of {name:?} is above 12, or it is not the first matrix of an adapter")
			}
			Self::Padding(name) => write!(f, "the bytes behind {name:?} are not zero"),
			Self::NotTernary(name) => write!(f, "{name:?} holds the code 3, which stands for no weight"),
			Self::NotFinite(name) => write!(f, "{name:?} holds a group with an infinity or NaN"),
			Self::Group(name) => write!(f, "{name:?} holds a group whose d or m is 16 or more"),
			Self::BeyondPeak(name) => write!(f, "{name:?} holds a group beyond its peak"),
			Self::Gain(name) => write!(f, "{name:?} holds a gain of 2^24 or more"),
			Self::Bias(name) => write!(f, "{name:?} holds a bias above 2^26"),
		}
	}
}

impl core::error::Error for Fault {}

/// Returns the bytes of a file in a range of it.
pub(super) fn slice<'a>(file: &'a [u8], range: &Range<u64>) -> Option<&'a [u8]> {
	file.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

impl Layout {
	/// Checks everything about a file: header, roots, index, tiles, padding, every scale, and every weight that has a
	/// code or a bound.
	///
	/// Returns its tensor root. Two machines that check the same bytes find the same first fault.
	pub fn check(&self, file: &[u8]) -> Result<Hash, Fault> {
		let root = self.check_roots(file)?;
		let index = self.index(file).ok_or(Fault::Length)?;
		for (tile, entry) in index.iter().enumerate() {
			if self.hash_of_tile(file, tile).as_ref() != Some(entry) {
				return Err(Fault::Tile(tile));
			}
		}
		self.check_values(file)?;
		Ok(root)
	}

	/// Checks length, header and index of a file, but neither its tiles nor what they hold, and returns its tensor root.
	pub fn check_roots(&self, file: &[u8]) -> Result<Hash, Fault> {
		self.check_header(file)?;
		let index = self.index(file).ok_or(Fault::Length)?;
		let tiles = merkle::root(index);
		if tiles != file[TILES_OFFSET..ROOT_OFFSET] {
			return Err(Fault::Index);
		}
		let root = self.root(self.scales(file), &tiles);
		if root != claimed_root(file) {
			return Err(Fault::TensorRoot);
		}
		root.ok_or(Fault::TensorRoot)
	}

	/// Checks length and header of a file, but for its scales and roots: constant work for any file.
	pub fn check_header(&self, file: &[u8]) -> Result<(), Fault> {
		if file.len() as u64 != self.file_bytes() {
			return Err(Fault::Length);
		}
		let scales = SCALES_OFFSET..SCALES_OFFSET + self.scale_bytes();
		let differs = |&at: &usize| !scales.contains(&at) && file[at] != self.descriptor()[at];
		match (0..TILES_OFFSET).find(differs) {
			Some(at) => Err(Fault::Header(at)),
			None => Ok(()),
		}
	}

	/// Checks scales, padding, codes and bounds of a file of the right length.
	pub fn check_values(&self, file: &[u8]) -> Result<(), Fault> {
		if file.len() as u64 != self.file_bytes() {
			return Err(Fault::Length);
		}
		let ends = self.sections().iter().skip(1).map(|next| next.range.start).chain([self.index_offset()]);
		for (section, end) in self.sections().iter().zip(ends) {
			let scale = self.scale(file, section.name).ok_or(Fault::Scale(section.name))?;
			check_scale(section, &scale)?;
			let padding = slice(file, &(section.range.end..end)).ok_or(Fault::Length)?;
			if padding.iter().any(|&byte| byte != 0) {
				return Err(Fault::Padding(section.name));
			}
			check_content(section, slice(file, &section.range).ok_or(Fault::Length)?, scale.peak)?;
		}
		Ok(())
	}

	/// Returns the scales in the header of a file, one entry for each section.
	pub fn scales<'a>(&self, file: &'a [u8]) -> &'a [u8] {
		let end = SCALES_OFFSET + self.scale_bytes();
		file.get(SCALES_OFFSET..end).unwrap_or_default()
	}

	/// Returns the scale of a tensor; `None` if there is no such tensor, or the scale is not valid.
	pub fn scale(&self, file: &[u8], name: Name) -> Option<SectionScale> {
		self.scale_among(self.scales(file), name)
	}

	/// Returns the scale of a tensor among those that [`Self::scales`] returned.
	pub fn scale_among(&self, scales: &[u8], name: Name) -> Option<SectionScale> {
		SectionScale::from_bytes(scales.as_chunks().0.get(self.shape().index(name)?)?)
	}

	/// Returns the index of a file: one hash for each tile.
	pub fn index<'a>(&self, file: &'a [u8]) -> Option<&'a [Hash]> {
		let index = file.get(usize::try_from(self.index_offset()).ok()?..)?.as_chunks().0;
		(index.len() == self.tiles()).then_some(index)
	}

	/// Returns the hash of a tile of a file.
	pub fn hash_of_tile(&self, file: &[u8], tile: usize) -> Option<Hash> {
		slice(file, &self.tile(tile)).map(hash_tile)
	}

	/// Returns the hashes of all tiles of a file.
	pub fn leaves(&self, file: &[u8]) -> Option<Vec<Hash>> {
		(0..self.tiles()).map(|tile| self.hash_of_tile(file, tile)).collect()
	}
}

/// Checks the scale of a section against its kind.
pub fn check_scale(section: &Placed, scale: &SectionScale) -> Result<(), Fault> {
	let name = section.name;
	let peak = match section.shape {
		TensorShape::Matrix { kind: WeightKind::Ternary, .. } => scale.peak == 1,
		TensorShape::Matrix { kind: WeightKind::Int8, .. } => scale.peak == INT8_PEAK,
		TensorShape::Matrix { .. } => (1..=INT4_PEAK_MAX).contains(&scale.peak),
		TensorShape::Bias(_) | TensorShape::Frequencies(_) => {
			if *scale != SectionScale::default() {
				return Err(Fault::Scale(name));
			}
			true
		}
		TensorShape::Codes { .. } if !scale.scale.is_zero() => return Err(Fault::Scale(name)),
		TensorShape::Codes { .. } if scale.peak > name.shift_max().into() => return Err(Fault::Shift(name)),
		TensorShape::Codes { .. } => true,
		TensorShape::Gain(_) | TensorShape::Scale => scale.peak == 0,
	};
	if peak {
		Ok(())
	} else {
		Err(Fault::Peak(name))
	}
}

/// Checks codes and bounds of a section's bytes, or of whole rows of it.
pub fn check_content(section: &Placed, bytes: &[u8], peak: u32) -> Result<(), Fault> {
	let name = section.name;
	match section.shape {
		TensorShape::Matrix { kind: WeightKind::Ternary, .. } => {
			// Piece by piece, because a search that may end at any byte is one that no vector unit takes part in.
			if bytes.chunks(ALIGNMENT as usize).any(hold_no_weight) {
				return Err(Fault::NotTernary(name));
			}
			Ok(())
		}
		TensorShape::Matrix { kind, cols, .. } if kind.group().is_some() => {
			let codes = kind.code_bytes(cols);
			let rows = bytes.chunks_exact(kind.row_bytes(cols));
			rows.map(|row| &row[codes..]).try_for_each(|groups| check_groups(name, groups, peak))
		}
		TensorShape::Gain(_) => check_integers(bytes, GAIN_MAX.unsigned_abs(), Fault::Gain(name)),
		TensorShape::Bias(_) => check_integers(bytes, PROJECTION_MAX.unsigned_abs(), Fault::Bias(name)),
		// Any codes are an adapter.
		TensorShape::Matrix { .. }
		| TensorShape::Frequencies(_)
		| TensorShape::Scale
		| TensorShape::Codes { .. } => Ok(()),
	}
}

/// Returns whether one of the codes of these bytes is 3, which stands for no weight.
fn hold_no_weight(codes: &[u8]) -> bool {
	codes.iter().fold(0, |found, &codes| found | (codes & (codes >> 1) & 0x55)) != 0
}

/// Checks the groups of a row of an int4 matrix.
fn check_groups(name: Name, groups: &[u8], peak: u32) -> Result<(), Fault> {
	for &[a, b, c, d] in groups.as_chunks().0 {
		let number = |low, high| f16(u16::from_le_bytes([low, high])).ok_or(Fault::NotFinite(name));
		let (d, m) = (number(a, b)?, number(c, d)?);
		if d.abs() > GROUP_MAX || m.abs() > GROUP_MAX {
			return Err(Fault::Group(name));
		}
		// Below 2^28 * 16.
		if m.unsigned_abs().max((15 * d + m).unsigned_abs()) > u64::from(peak) {
			return Err(Fault::BeyondPeak(name));
		}
	}
	Ok(())
}

fn check_integers(bytes: &[u8], max: u32, fault: Fault) -> Result<(), Fault> {
	let integers = bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes));
	if integers.into_iter().any(|integer| integer.unsigned_abs() > max) {
		return Err(fault);
	}
	Ok(())
}
