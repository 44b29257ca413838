//! Likeness of two adapters, by what their *products* change in those of their parents.
//!
//! The two matrices of an adapter mean nothing alone: `B M` and `M^-1 A` are the adapter `B`, `A` for every invertible `M`, with
//! other codes, other signs, another order of the inner rows, or zeros up to the rank. Their product `D = B A` stays as it is, so
//! products are compared. With `P` the product of a parent,
//!
//! ```text
//! likeness = cos(D - P, D' - P')
//! <B A, B' A'> = sum over j, k of (B^T B')_jk (A A'^T)_jk
//! ```
//!
//! so the cosine over all `rows * cols` entries takes ten pairs of Gram matrices of `rank * rank`, and no entry of a product is
//! formed. Base and order of the neurons are frozen: there is nothing to permute. All sums are exact.

use super::{
	adapter::{Adapter, Codes},
	block::{hash_tile, Layout, HEADER_BYTES, TILE_BYTES},
	tensors::{Name, TensorShape},
};
use crate::{hash::Hash, merkle};
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// Squared likeness from which on an adapter is a copy, in 1/65,536: a likeness of 0.995. Honest adapters that go on from one
/// parent on one text are already at 0.9 and more, so only what hardly differs is refused: see the table of
/// `pallets/proof-of-learning/README.md`.
pub const COPY_Q16: u128 = 64_882;

/// Least part of its parent's square that the original's changes must come to, as one in so many. Codes that are written again
/// differ from the parent's by a fiftieth of its length, in the same way for everyone: changes of less than a sixteenth tell nothing.
pub const PARENT_PARTS: u128 = 256;

/// Least part of its parent's square that the copy's changes must come to: a thirty-second of its length. A projection that was
/// not trained, only written again, has less; otherwise that rounding, made larger, would be an original of it that anyone can submit.
pub const COPY_PARENT_PARTS: u128 = 1_024;

/// Least rank that is measured. A product of rank one has two directions to agree in, and honest adapters of one
/// text reach 0.967 after few steps already.
pub const RANK_MIN: usize = 4;
/// Tiles that a projection's two matrices may lie in.
pub const TILES_MAX: usize = 4;
/// Tiles that an expert may have.
pub const LEAVES_MAX: usize = 64;

/// Sums over all entries of the products: below 2^99, as codes are below 2^7 and dimensions 2^16, and shifts 12 at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
	/// Squares of the original's changes.
	pub original: u128,
	/// Squares of the copy's changes.
	pub copy: u128,
	/// Products of both.
	pub common: i128,
	/// Squares of the original's parent.
	pub parent: u128,
	/// Squares of the copy's parent.
	pub copy_parent: u128,
}

impl Overlap {
	/// Compares what two adapters change in their parents. `None` if their dimensions differ.
	pub fn of(
		original: &Adapter<'_>,
		original_parent: &Adapter<'_>,
		copy_parent: &Adapter<'_>,
		copy: &Adapter<'_>,
	) -> Option<Self> {
		let dimensions = |adapter: &Adapter<'_>| {
			let (input, output) = (adapter.input(), adapter.output());
			(input.rows, input.cols, output.rows)
		};
		let others = [original_parent, copy_parent, copy];
		if others.iter().any(|other| dimensions(other) != dimensions(original)) {
			return None;
		}
		let parent = dot(original_parent, original_parent);
		let copy_square = dot(copy_parent, copy_parent);
		let square = |own: &Adapter<'_>, before: &Adapter<'_>, before_square: i128| {
			dot(own, own) - 2 * dot(own, before) + before_square
		};
		let common = dot(original, copy) - dot(original, copy_parent) - dot(original_parent, copy)
			+ dot(original_parent, copy_parent);
		Some(Self {
			// Squares of lengths, so never negative.
			original: square(original, original_parent, parent).unsigned_abs(),
			copy: square(copy, copy_parent, copy_square).unsigned_abs(),
			common,
			parent: parent.unsigned_abs(),
			copy_parent: copy_square.unsigned_abs(),
		})
	}

	/// Returns whether both change enough to judge by.
	pub fn is_enough(&self) -> bool {
		self.original > 0
			&& PARENT_PARTS * self.original >= self.parent
			&& COPY_PARENT_PARTS * self.copy >= self.copy_parent
	}

	/// Returns whether the changes are so alike that one expert is a copy of the other.
	pub fn is_copy(&self) -> bool {
		if !self.is_enough() || self.copy == 0 || self.common <= 0 {
			return false;
		}
		let (squares, common) = self.scaled();
		(common * common) << 16 >= COPY_Q16 * squares
	}

	/// Returns the likeness in thousandths, rounded down; negative where changes are opposed.
	pub fn likeness_milli(&self) -> i32 {
		let (squares, common) = self.scaled();
		let Some(square) = (1_000_000 * common * common).checked_div(squares) else { return 0 };
		let root = i32::try_from(square.isqrt()).unwrap_or(i32::MAX);
		if self.common < 0 {
			-root
		} else {
			root
		}
	}

	/// Returns the product of both squares, and the magnitude of what is common, without their last bits: below 2^104 and 2^52.
	fn scaled(&self) -> (u128, u128) {
		let excess = |value: u128| (128 - value.leading_zeros()).saturating_sub(51);
		let (mut first, mut second) = (excess(self.original), excess(self.copy));
		// An even number of bits, and one more only of a sum that keeps its first 50.
		let odd = (first + second) % 2;
		if first > second {
			first += odd;
		} else {
			second += odd;
		}
		let squares = (self.original >> first) * (self.copy >> second);
		(squares, self.common.unsigned_abs() >> ((first + second) / 2))
	}
}

/// Scalar product of the products of two adapters of the same dimensions.
fn dot(one: &Adapter<'_>, other: &Adapter<'_>) -> i128 {
	let (rank, output, other_output) = (one.input().rows, one.output(), other.output());
	// Entries are below 2^14 * 2^16.
	let mut outer = vec![0_i64; rank * rank];
	for row in 0..output.rows {
		let codes: Vec<i64> = other_output.row(row).collect();
		for (sums, code) in outer.chunks_exact_mut(rank).zip(output.row(row)) {
			sums.iter_mut().zip(&codes).for_each(|(sum, other)| *sum += code * other);
		}
	}
	let (input, other_input) = (one.input(), other.input());
	let mut sum = 0_i128;
	for (row, sums) in outer.chunks_exact(rank).enumerate() {
		let codes: Vec<i64> = input.row(row).collect();
		for (other_row, outer) in sums.iter().enumerate() {
			let inner: i64 = codes.iter().zip(other_input.row(other_row)).map(|(a, b)| a * b).sum();
			sum += i128::from(inner) * i128::from(*outer);
		}
	}
	sum << (one.shift() + other.shift())
}

/// The tiles of an expert that hold one adapter, and what proves them.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a, 'p> {
	/// Entries of all sections' scales in the header.
	pub scales: &'p [u8],
	/// Hashes of all tiles.
	pub leaves: &'p [Hash],
	/// Bytes of the tiles of [`tiles_of`], one after the other.
	pub bytes: &'a [u8],
}

/// Returns the tiles that hold the adapter of a projection; `None` if experts of this layout have none, its rank is below
/// [`RANK_MIN`], it lies in more than [`TILES_MAX`], or the expert in more than [`LEAVES_MAX`].
pub fn tiles_of(layout: &Layout, projection: Name) -> Option<Range<usize>> {
	let (first, second) = projection.adapter()?;
	let (first, second) = (layout.section(first)?, layout.section(second)?);
	let TensorShape::Codes { rows: RANK_MIN.., .. } = first.shape else { return None };
	let start = first.range.start.min(second.range.start) - HEADER_BYTES as u64;
	let end = first.range.end.max(second.range.end) - HEADER_BYTES as u64;
	let tiles = (start / TILE_BYTES) as usize..end.div_ceil(TILE_BYTES) as usize;
	(tiles.len() <= TILES_MAX && layout.tiles() <= LEAVES_MAX).then_some(tiles)
}

/// Returns the bytes of some tiles within the file.
pub fn bytes_of(layout: &Layout, tiles: &Range<usize>) -> Range<u64> {
	layout.tile(tiles.start).start..layout.tile(tiles.end.saturating_sub(1)).end
}

/// Reads the adapter of a projection from tiles of the expert that `tensor_root` names; `None` if they are not its tiles.
pub fn open<'a>(
	layout: &Layout,
	projection: Name,
	shown: &Shown<'a, '_>,
	tensor_root: &Hash,
) -> Option<Adapter<'a>> {
	let tiles = tiles_of(layout, projection)?;
	let place = bytes_of(layout, &tiles);
	let is_whole =
		shown.bytes.len() as u64 == place.end - place.start && shown.leaves.len() == layout.tiles();
	if !is_whole || layout.root(shown.scales, &merkle::root(shown.leaves))? != *tensor_root {
		return None;
	}
	let hashes = shown.bytes.chunks(TILE_BYTES as usize).map(hash_tile);
	if !hashes.eq(shown.leaves.get(tiles)?.iter().copied()) {
		return None;
	}
	let codes = |name| {
		let section = layout.section(name)?;
		let TensorShape::Codes { rows, cols } = section.shape else { return None };
		let (start, end) = (section.range.start - place.start, section.range.end - place.start);
		let shift = u8::try_from(layout.scale_among(shown.scales, name)?.peak).ok()?;
		Some(Codes { rows, cols, bytes: shown.bytes.get(start as usize..end as usize)?, shift })
	};
	let (first, second) = projection.adapter()?;
	Adapter::new(codes(first)?, codes(second)?)
}

#[cfg(test)]
mod tests;
