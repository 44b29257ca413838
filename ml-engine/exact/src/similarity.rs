//! Likeness of two experts, by what they change in their parents: the measure by which a near copy is told from work of
//! its own.
//!
//! Two experts of one slot share most of their weights because they share a parent, so equal weights say nothing. Counted is
//! what each of them *changed*. With `a` and `b` the two vectors of changes,
//!
//! ```text
//! likeness = cos(a, b) = sum(a b) / sqrt(sum(a a) sum(b b))
//! ```
//!
//! A copy that takes back a share `r` of the changes has a likeness of `sqrt(1 - r)`, one that adds as many changes of its own
//! as it copied of `sqrt(1 / 2)`. Trained apart, two experts agree where the gradients do.
//!
//! One tile of each block is compared at a time, neuron by neuron: a row of a matrix that lies in the tile as a whole. The
//! rows of `up` may stand elsewhere in the copy, because a permutation of the neurons changes no result. Rows that have
//! nothing in common with the parent's are left out on both sides: they are no changes of it.

use crate::{
	block::{BlockShape, Layout},
	hash::Hash,
};
use core::ops::Range;

/// Sums over the weights that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
	/// Squares of the original's changes.
	pub original: u64,
	/// Squares of the copy's changes.
	pub copy: u64,
	/// Products of both.
	pub common: i64,
}

/// Least [`Overlap::original`] that says anything: chance alone moves a likeness of so many changes by about a sixteenth.
pub const CHANGES_MIN: u64 = 256;

/// Squared likeness, in percent, from which on an expert is a copy. `scripts/simulate copies` measures it.
pub const COPY_PERCENT: u128 = 12;

impl Overlap {
	/// Returns whether there are enough changes to judge by.
	pub fn is_enough(&self) -> bool {
		self.original >= CHANGES_MIN
	}

	/// Returns whether the changes are so alike that one expert is a copy of the other.
	pub fn is_copy(&self) -> bool {
		// A tile has at most 2^18 weights, and a change is at most 2: sums are below 2^20, products of three below 2^47.
		let (a, b) = (u128::from(self.original), u128::from(self.copy));
		let Ok(common) = u128::try_from(self.common) else { return false };
		self.is_enough() && 100 * common * common >= COPY_PERCENT * a * b
	}

	/// Returns the likeness in thousandths, rounded down; negative where changes are opposed.
	pub fn likeness_milli(&self) -> i32 {
		let (a, b) = (u128::from(self.original), u128::from(self.copy));
		let common = u128::from(self.common.unsigned_abs());
		let Some(square) = (1_000_000 * common * common).checked_div(a * b) else { return 0 };
		let root = i32::try_from(square.isqrt()).unwrap_or(i32::MAX);
		if self.common < 0 {
			-root
		} else {
			root
		}
	}
}

/// A tile of a block, with its path to the root that names the block.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
	/// Its number.
	pub index: usize,
	/// The bytes.
	pub bytes: &'a [u8],
	/// Root over the block's tiles.
	pub tiles: &'a Hash,
	/// Siblings from the tile up to it.
	pub path: &'a [Hash],
}

impl Tile<'_> {
	/// Returns whether it is in the block that `tensor_root` names.
	pub fn is_of(&self, layout: &Layout, tensor_root: &Hash) -> bool {
		layout.proves_tile(tensor_root, self.index, self.bytes, self.tiles, self.path)
	}
}

/// Bytes of the tiles that are compared. The first three are of one index; without moved neurons all are.
#[derive(Clone, Copy, Debug)]
pub struct Tiles<'a> {
	/// Index of the original's tile.
	pub at: usize,
	/// The original's.
	pub original: &'a [u8],
	/// Its parent's.
	pub original_parent: &'a [u8],
	/// The copy's parent's.
	pub copy_parent: &'a [u8],
	/// Index of the copy's tile.
	pub copy_at: usize,
	/// The copy's.
	pub copy: &'a [u8],
}

/// A neuron that stands elsewhere in the copy: its row of `up` in the original, and in the copy.
pub type Moved = (u16, u16);

/// The rows of a ternary section that lie whole in a tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
	/// Their numbers.
	pub numbers: Range<usize>,
	/// Bytes of a row.
	pub bytes: usize,
	/// Where the section would start, counted from the start of the tile.
	start: isize,
}

impl Rows {
	/// Returns the rows of the first or the second matrix of an expert in a tile.
	pub fn of(layout: &Layout, tile: usize, is_down: bool) -> Option<Self> {
		let BlockShape::Expert { d_model, d_ff } = layout.shape else { return None };
		let (section, cols) = if is_down { (3, d_ff) } else { (1, d_model) };
		let (section, bytes) = (layout.sections.get(section)?, usize::from(cols) / 4);
		let place = layout.tile(tile);
		let within = |end: usize| end.clamp(section.start, section.end) - section.start;
		let numbers = within(place.start).div_ceil(bytes)..within(place.end) / bytes;
		let start = section.start as isize - place.start as isize;
		Some(Self { numbers, bytes, start })
	}

	/// Returns a row of a tile's bytes.
	pub fn row<'a>(&self, tile: &'a [u8], number: usize) -> Option<&'a [u8]> {
		if !self.numbers.contains(&number) {
			return None;
		}
		let at = usize::try_from(self.start + (number * self.bytes) as isize).ok()?;
		tile.get(at..at + self.bytes)
	}
}

/// Compares tiles of two experts. `None` if they are not tiles of experts of this layout, or the moved neurons are not in
/// them, not in rising order of the copy, twice in the original, or did not move.
pub fn overlap(layout: &Layout, tiles: &Tiles<'_>, moved: &[Moved]) -> Option<Overlap> {
	let Tiles { at, copy_at, .. } = *tiles;
	let (here, there) = (Rows::of(layout, at, false)?, Rows::of(layout, copy_at, false)?);
	let mut sum = Overlap::default();
	if !moved.windows(2).all(|pair| pair[0].1 < pair[1].1) {
		return None;
	}
	let mut taken = [false; 1 << 12];
	for &(from, to) in moved {
		let (from, to) = (usize::from(from), usize::from(to));
		let is_new = !core::mem::replace(taken.get_mut(from)?, true);
		if from == to || !is_new {
			return None;
		}
		let row = |tile| here.row(tile, from);
		sum.add(
			row(tiles.original)?,
			row(tiles.original_parent)?,
			row(tiles.copy_parent)?,
			there.row(tiles.copy, to)?,
			true,
		);
	}
	if at == copy_at {
		let has_moved = |number: usize| moved.binary_search_by_key(&number, |pair| pair.1.into()).is_ok();
		for (rows, is_up) in [(here, true), (Rows::of(layout, at, true)?, false)] {
			for number in rows.numbers.clone().filter(|number| !(is_up && has_moved(*number))) {
				let row = |tile| rows.row(tile, number);
				sum.add(
					row(tiles.original)?,
					row(tiles.original_parent)?,
					row(tiles.copy_parent)?,
					row(tiles.copy)?,
					false,
				);
			}
		}
	}
	Some(sum)
}

impl Overlap {
	/// Counts one row, if both experts' rows come from their parents'. A moved one must have weights to be known by.
	fn add(
		&mut self,
		original: &[u8],
		original_parent: &[u8],
		copy_parent: &[u8],
		copy: &[u8],
		is_moved: bool,
	) {
		let mut row = Self::default();
		let (mut changed, mut copied, mut weights) = (0_usize, 0_usize, 0_usize);
		for (((o, p), q), c) in original.iter().zip(original_parent).zip(copy_parent).zip(copy) {
			let mut at = 0;
			while at < 8 {
				let code = |byte: &u8| i64::from((byte >> at) & 3);
				let (a, b) = (code(o) - code(p), code(c) - code(q));
				row.original += (a * a) as u64;
				row.copy += (b * b) as u64;
				row.common += a * b;
				changed += usize::from(a != 0);
				copied += usize::from(b != 0);
				weights += usize::from(code(q) != 1);
				at += 2;
			}
		}
		// Unrelated rows differ in more than half of their weights, trained ones in a tenth.
		let bound = original.len();
		let is_known = !is_moved || 2 * weights >= bound;
		if changed <= bound && copied <= bound && is_known {
			self.original += row.original;
			self.copy += row.copy;
			self.common += row.common;
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{block::write_expert, golden, weights::Expert, ModelConfig};
	use std::vec::Vec;

	/// Experts of five tiles, whose rows end inside of tiles and across them.
	const CONFIG: ModelConfig = ModelConfig { d_model: 512, d_ff: 1_024, heads: 8, ..golden::CONFIG };

	fn layout() -> Layout {
		Layout::new(BlockShape::expert_of(&CONFIG)).unwrap()
	}

	fn changed(parent: &Expert, every: usize) -> Vec<u8> {
		let mut expert = parent.clone();
		for weight in expert.up.weights.iter_mut().chain(&mut expert.down.weights).step_by(every) {
			*weight = if *weight == 1 { 0 } else { *weight + 1 };
		}
		write_expert(&expert, &CONFIG).unwrap()
	}

	#[test]
	fn likeness_is_the_cosine_of_the_changes() {
		let alike = Overlap { original: 400, copy: 900, common: 300 };
		assert_eq!(alike.likeness_milli(), 500);
		assert!(alike.is_copy());
		let opposed = Overlap { common: -300, ..alike };
		assert_eq!(opposed.likeness_milli(), -500);
		assert!(!opposed.is_copy());
		let few = Overlap { original: CHANGES_MIN - 1, copy: CHANGES_MIN - 1, common: 255 };
		assert!(!few.is_copy());
		assert_eq!(Overlap::default().likeness_milli(), 0);
	}

	#[test]
	fn rows_of_all_tiles_are_those_of_the_matrix_without_the_ones_that_are_cut() {
		let (layout, file) = (layout(), changed(&golden::random_expert(&CONFIG, b"rows"), 10));
		for (is_down, section, rows) in [(false, 1, 1_024), (true, 3, 512)] {
			let mut seen = 0;
			for tile in 0..layout.tiles {
				let found = Rows::of(&layout, tile, is_down).unwrap();
				for number in found.numbers.clone() {
					let start = layout.sections[section].start + number * found.bytes;
					let row = found.row(&file[layout.tile(tile)], number).unwrap();
					assert_eq!(row, &file[start..start + found.bytes]);
					seen += 1;
				}
				assert_eq!(found.row(&file[layout.tile(tile)], found.numbers.end), None);
			}
			assert!(seen <= rows && seen + layout.tiles >= rows, "{seen} of {rows}");
		}
		let trunk = Layout::new(BlockShape::Trunk(golden::CONFIG)).unwrap();
		assert_eq!(Rows::of(&trunk, 0, false), None);
	}

	#[test]
	fn a_copy_that_takes_back_half_of_the_changes_has_the_root_of_one_half() {
		let parent = golden::random_expert(&CONFIG, b"parent");
		let files = [write_expert(&parent, &CONFIG).unwrap(), changed(&parent, 10), changed(&parent, 20)];
		let layout = layout();
		for at in 0..layout.tiles {
			let [parent, original, copy] = files.each_ref().map(|file| &file[layout.tile(at)]);
			let tiles =
				Tiles { at, original, original_parent: parent, copy_parent: parent, copy_at: at, copy };
			let found = overlap(&layout, &tiles, &[]).unwrap();
			if found.is_enough() {
				assert!((700..715).contains(&found.likeness_milli()), "{found:?}");
			}
		}
	}
}
