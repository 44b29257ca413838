//! A tensor in place, by rows.

use crate::encoding::{Encoding, GroupKind, Groups};
use std::ops::Range;

/// Smallest mean magnitude by which BitNet divides.
const MEAN_MIN: f32 = 1e-5;
/// Rows that are decoded at a time where a whole tensor is read.
const BLOCK_ROWS: usize = 64;

/// A matrix, or a vector as a single row. Nothing is copied before rows are read.
///
/// Queries and keys, their biases and their norms come in interleaved order of pairs, whatever the file's order.
#[derive(Clone, Copy, Debug)]
pub struct Weight<'a> {
	bytes: &'a [u8],
	encoding: Encoding,
	rows: usize,
	columns: usize,
	/// Size of the heads whose halves are to be interleaved.
	split_heads: Option<usize>,
	/// Scale of ternary weights, which master weights are rounded to when they are read.
	ternary_scale: Option<f32>,
}

impl<'a> Weight<'a> {
	/// A tensor whose bytes are exactly its rows.
	pub(crate) fn new(bytes: &'a [u8], encoding: Encoding, rows: usize, columns: usize) -> Self {
		Self { bytes, encoding, rows, columns, split_heads: None, ternary_scale: None }
	}

	/// The same with the halves of its heads interleaved.
	pub(crate) fn interleaved(self, head_size: usize) -> Self {
		Self { split_heads: Some(head_size), ..self }
	}

	/// The same as ternary weights of a given scale.
	pub(crate) fn with_ternary_scale(self, scale: f32) -> Self {
		Self { ternary_scale: Some(scale), ..self }
	}

	/// The same with master weights rounded to ternary ones, as BitNet's training does: the scale is the mean magnitude,
	/// summed in the order of the file, so it is the same everywhere.
	pub(crate) fn rounded_to_ternary(self) -> Self {
		let (mut sum, mut count) = (0.0_f64, 0_u64);
		for (_, block) in self.blocks(BLOCK_ROWS) {
			sum += block.iter().map(|w| f64::from(w.abs())).sum::<f64>();
			count += block.len() as u64;
		}
		self.with_ternary_scale(((sum / count as f64) as f32).max(MEAN_MIN))
	}

	/// Number of rows: outputs of a matrix, 1 of a vector.
	pub fn rows(&self) -> usize {
		self.rows
	}

	/// Elements of a row.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// Encoding in the file.
	pub fn encoding(&self) -> Encoding {
		self.encoding
	}

	/// Reads the floats of one row.
	///
	/// # Panics
	/// If `row` is not below [`Self::rows`] or `out` not as long as [`Self::columns`].
	pub fn read_row(&self, row: usize, out: &mut [f32]) {
		assert_eq!(out.len(), self.columns, "a row has as many elements as columns");
		if let Some(scale) = self.ternary_scale {
			self.fill_ternary(row, out, scale);
		} else if self.is_permuted_vector() {
			let mut stored = vec![0.0; self.columns];
			self.encoding.decode(self.stored_row(0), &mut stored);
			out.iter_mut().enumerate().for_each(|(at, o)| *o = stored[self.stored_index(at)]);
		} else {
			self.encoding.decode(self.stored_row(row), out);
		}
	}

	/// Reads the floats of some rows, row after row.
	///
	/// # Panics
	/// If a row is not below [`Self::rows`] or `out` not as long as all of them.
	pub fn read_rows(&self, rows: Range<usize>, out: &mut [f32]) {
		assert_eq!(out.len(), rows.len() * self.columns, "rows times columns");
		rows.zip(out.chunks_exact_mut(self.columns)).for_each(|(row, out)| self.read_row(row, out));
	}

	/// Reads all floats.
	pub fn to_vec(&self) -> Vec<f32> {
		let mut out = vec![0.0; self.rows * self.columns];
		self.read_rows(0..self.rows, &mut out);
		out
	}

	/// Reads all floats, `rows` rows at a time, so that memory holds no more than these.
	pub fn blocks(&self, rows: usize) -> impl Iterator<Item = (Range<usize>, Vec<f32>)> + 'a {
		let (weight, rows) = (*self, rows.max(1));
		(0..weight.rows).step_by(rows).map(move |start| {
			let range = start..(start + rows).min(weight.rows);
			let mut block = vec![0.0; range.len() * weight.columns];
			weight.read_rows(range.clone(), &mut block);
			(range, block)
		})
	}

	/// Reads the groups of one row without dequantising them. `None` unless the encoding is Q4_0, Q4_1 or Q8_0.
	///
	/// # Panics
	/// If `row` is not below [`Self::rows`].
	pub fn read_groups(&self, row: usize, out: &mut Groups) -> Option<GroupKind> {
		let kind = GroupKind::of(self.encoding).filter(|_| !self.is_permuted_vector())?;
		out.read(kind, self.stored_row(row));
		Some(kind)
	}

	/// Scale of ternary weights, one a tensor: the weight is `scale * code`. `None` if the weights are not ternary.
	pub fn ternary_scale(&self) -> Option<f32> {
		self.ternary_scale
	}

	/// Reads one row of ternary codes, -1, 0 or 1. `None` if the weights are not ternary.
	///
	/// # Panics
	/// If `row` is not below [`Self::rows`] or `out` not as long as [`Self::columns`].
	pub fn read_ternary(&self, row: usize, out: &mut [i8]) -> Option<()> {
		let scale = self.ternary_scale?;
		assert_eq!(out.len(), self.columns, "a row has as many elements as columns");
		if self.encoding == Encoding::Ternary {
			let (bytes, shift) = self.packed_row(self.stored_index(row));
			out.iter_mut().zip(bytes).for_each(|(o, byte)| *o = (byte >> shift & 3) as i8 - 1);
		} else {
			let mut master = vec![0.0; self.columns];
			self.encoding.decode(self.stored_row(row), &mut master);
			let round = |w: f32| (w * (1.0 / scale)).round_ties_even().clamp(-1.0, 1.0) as i8;
			out.iter_mut().zip(master).for_each(|(o, w)| *o = round(w));
		}
		Some(())
	}

	/// Reports whether no packed code is 3, which stands for nothing.
	pub(crate) fn is_ternary(&self) -> bool {
		self.encoding != Encoding::Ternary || self.bytes.iter().all(|byte| byte & byte >> 1 & 0x55 == 0)
	}

	fn fill_ternary(&self, row: usize, out: &mut [f32], scale: f32) {
		let mut codes = vec![0; self.columns];
		if self.read_ternary(row, &mut codes).is_some() {
			out.iter_mut().zip(codes).for_each(|(o, code)| *o = f32::from(code) * scale);
		}
	}

	/// Reports whether the elements, not the rows, are in another order.
	fn is_permuted_vector(&self) -> bool {
		self.rows == 1 && self.split_heads.is_some()
	}

	/// Place in the file of a row, or of an element of a vector.
	fn stored_index(&self, index: usize) -> usize {
		match self.split_heads {
			Some(size) => index / size * size + index % size % 2 * (size / 2) + index % size / 2,
			None => index,
		}
	}

	/// Bytes of a row that is stored by itself.
	fn stored_row(&self, row: usize) -> &'a [u8] {
		assert!(row < self.rows, "row {row} of {}", self.rows);
		let row = if self.is_permuted_vector() { row } else { self.stored_index(row) };
		let bytes = self.columns / self.encoding.group() * self.encoding.group_bytes();
		&self.bytes[row * bytes..(row + 1) * bytes]
	}

	/// Bytes of a row of BitNet's packing, and where in each byte its elements are.
	fn packed_row(&self, row: usize) -> (&'a [u8], usize) {
		assert!(row < self.rows, "row {row} of {}", self.rows);
		let packed_rows = self.rows / 4;
		let at = row % packed_rows * self.columns;
		(&self.bytes[at..at + self.columns], row / packed_rows * 2)
	}
}
