//! Matrices of the second definition in the order in which vectors want them: sixteen rows side by side.
//!
//! A line of 64 bytes holds four bytes of each of sixteen rows, so that a 32-bit lane of a vector is a row: what a
//! dot-product instruction adds up stays in its lane, and a group's scales meet sixteen rows at once. A block of sixteen
//! rows is its lines one behind the other:
//!
//! ```text
//! ternary   byte 4 r + b of line i, bits 2 j and 2 j + 1: code of row r, column 16 i + 4 j + b
//! int8      a line of sixteen row scales (u16); byte 4 r + b of line i: code of row r, column 4 i + b, plus 128
//! int4      per group a line of sixteen d and sixteen m (f16); byte 4 r + b of line i: the codes of row r, column
//!           8 i + b in the low half and 8 i + 4 + b in the high half
//! ```
//!
//! Codes keep their size, and all of a block is read once and in order. Rows past the last one are zeros.

use blyan_exact::definition2::{real::f16, Matrix, Real, WeightKind};
use std::ops::Range;

/// Rows of a block.
pub const ROWS: usize = 16;

/// Cache line of weights.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

/// Returns the lines of a block.
pub(crate) fn block_lines(kind: WeightKind, columns: usize) -> usize {
	match (kind, kind.group()) {
		(_, Some(group)) => columns / group * (1 + group / 8),
		(WeightKind::Int8, None) => 1 + columns / 4,
		(_, None) => columns / 16,
	}
}

/// A matrix in the order of execution.
#[derive(Clone, Debug)]
pub struct Packed {
	kind: WeightKind,
	rows: usize,
	columns: usize,
	scale: Real,
	peak: u32,
	lines: Vec<Line>,
}

impl Packed {
	/// Creates a matrix without weights, to be filled by [`Self::set_rows`]. Columns are a multiple of 32 and of the
	/// group.
	pub fn new(kind: WeightKind, rows: usize, columns: usize, scale: Real, peak: u32) -> Self {
		let whole = kind.group().unwrap_or(32);
		assert!(columns.is_multiple_of(whole), "{columns} columns are not a multiple of {whole}");
		let lines = vec![Line([0; 64]); rows.div_ceil(ROWS) * block_lines(kind, columns)];
		Self { kind, rows, columns, scale, peak, lines }
	}

	/// Packs a whole matrix.
	pub fn pack(matrix: &Matrix<'_>) -> Self {
		let mut packed = Self::new(matrix.kind, matrix.rows, matrix.cols, matrix.scale, matrix.peak);
		packed.set_rows(0, matrix.bytes);
		packed
	}

	/// Packs some stored rows, from a multiple of [`ROWS`] on: whole blocks, or all that are left.
	///
	/// Infinite scales and those of 2^28 and more are refused by [`Matrix::validate`]; they are not looked at here.
	pub fn set_rows(&mut self, first: usize, stored: &[u8]) {
		let (kind, columns) = (self.kind, self.columns);
		let bytes = kind.row_bytes(columns);
		let rows = stored.len() / bytes;
		assert!(stored.len() == rows * bytes, "whole rows of {bytes} bytes");
		assert!(first.is_multiple_of(ROWS) && first + rows <= self.rows, "rows from a block's first one on");
		assert!(
			first + rows == self.rows || rows.is_multiple_of(ROWS),
			"whole blocks, or all rows that are left"
		);
		let lines = block_lines(kind, columns);
		let blocks = self.lines[first / ROWS * lines..].chunks_exact_mut(lines);
		for (rows, block) in stored.chunks(ROWS * bytes).zip(blocks) {
			let rows = Rows { stored: rows, bytes, codes: kind.code_bytes(columns) };
			match kind {
				WeightKind::Ternary => pack_ternary(rows, block),
				WeightKind::Int8 => pack_int8(rows, block),
				WeightKind::Int4By32 => pack_int4(rows, 32, block),
				WeightKind::Int4By64 => pack_int4(rows, 64, block),
			}
		}
	}

	/// Returns the whole matrix.
	pub fn view(&self) -> PackedView<'_> {
		let Self { kind, rows, columns, scale, peak, ref lines } = *self;
		PackedView { kind, rows, columns, scale, peak, lines }
	}

	/// Returns the bytes in memory.
	pub fn bytes(&self) -> usize {
		size_of_val(self.lines.as_slice())
	}

	/// Returns the bytes in memory of a matrix that need not exist.
	pub fn bytes_of(kind: WeightKind, rows: usize, columns: usize) -> usize {
		rows.div_ceil(ROWS) * block_lines(kind, columns) * size_of::<Line>()
	}
}

/// Stored rows of one block.
#[derive(Clone, Copy)]
struct Rows<'a> {
	stored: &'a [u8],
	/// Bytes of a row.
	bytes: usize,
	/// Bytes of its codes, which its scales follow.
	codes: usize,
}

impl<'a> Rows<'a> {
	/// Returns `N` bytes of each row, from `at` on.
	fn bytes_at<const N: usize>(&self, at: usize) -> impl Iterator<Item = [u8; N]> + use<'a, N> {
		self.stored.chunks_exact(self.bytes).map(move |row| std::array::from_fn(|i| row[at + i]))
	}

	/// Fills the lanes of a line with four bytes of each row, from `at` on.
	fn fill(&self, line: &mut Line, at: usize, order: impl Fn([u8; 4]) -> [u8; 4]) {
		for (lane, four) in line.0.as_chunks_mut::<4>().0.iter_mut().zip(self.bytes_at(at)) {
			*lane = order(four);
		}
	}
}

fn pack_ternary(rows: Rows<'_>, block: &mut [Line]) {
	for (i, line) in block.iter_mut().enumerate() {
		rows.fill(line, 4 * i, |four| crate::packed::transpose(u32::from_le_bytes(four)).to_le_bytes());
	}
}

fn pack_int8(rows: Rows<'_>, block: &mut [Line]) {
	let Some((first, codes)) = block.split_first_mut() else { return };
	for (lane, factor) in first.0.as_chunks_mut::<2>().0.iter_mut().zip(rows.bytes_at(rows.codes)) {
		*lane = factor;
	}
	for (i, line) in codes.iter_mut().enumerate() {
		rows.fill(line, 4 * i, |four| four.map(|code| code ^ 0x80));
	}
}

fn pack_int4(rows: Rows<'_>, group: usize, block: &mut [Line]) {
	for (g, lines) in block.chunks_exact_mut(1 + group / 8).enumerate() {
		let Some((first, codes)) = lines.split_first_mut() else { return };
		let (d, m) = first.0.split_at_mut(32);
		let lanes = d.as_chunks_mut::<2>().0.iter_mut().zip(m.as_chunks_mut::<2>().0);
		for ((d, m), [a, b, c, e]) in lanes.zip(rows.bytes_at(rows.codes + 4 * g)) {
			(*d, *m) = ([a, b], [c, e]);
		}
		for (i, line) in codes.iter_mut().enumerate() {
			rows.fill(line, g * group / 2 + 4 * i, |[a, b, c, d]| {
				[a & 15 | c << 4, a >> 4 | c & 0xf0, b & 15 | d << 4, b >> 4 | d & 0xf0]
			});
		}
	}
}

/// Some rows of a packed matrix.
#[derive(Clone, Copy, Debug)]
pub struct PackedView<'a> {
	pub(crate) kind: WeightKind,
	pub(crate) rows: usize,
	pub(crate) columns: usize,
	pub(crate) scale: Real,
	pub(crate) peak: u32,
	pub(crate) lines: &'a [Line],
}

impl<'a> PackedView<'a> {
	/// Returns the rows in `range`, which begins at a multiple of [`ROWS`].
	pub fn part(self, range: Range<usize>) -> Self {
		assert!(range.start.is_multiple_of(ROWS) && range.end <= self.rows, "whole blocks of rows");
		let lines = block_lines(self.kind, self.columns);
		let lines = &self.lines[range.start / ROWS * lines..range.end.div_ceil(ROWS) * lines];
		Self { rows: range.len(), lines, ..self }
	}

	/// Replaces the scale, as a head does that is tied to the embedding.
	pub fn with_scale(self, scale: Real) -> Self {
		Self { scale, ..self }
	}

	/// Returns the outputs.
	pub fn rows(&self) -> usize {
		self.rows
	}

	/// Returns the inputs.
	pub fn columns(&self) -> usize {
		self.columns
	}

	/// Returns the encoding.
	pub fn kind(&self) -> WeightKind {
		self.kind
	}

	pub(crate) fn block(&self, index: usize) -> &'a [Line] {
		let lines = block_lines(self.kind, self.columns);
		&self.lines[index * lines..(index + 1) * lines]
	}

	/// Returns the lines of some blocks, or of as many as there are.
	#[cfg(target_arch = "x86_64")]
	pub(crate) fn lines_from(&self, index: usize, blocks: usize) -> &'a [Line] {
		let lines = block_lines(self.kind, self.columns);
		let last = self.lines.len();
		&self.lines[last.min(index * lines)..last.min((index + blocks) * lines)]
	}

	pub(crate) fn blocks(&self) -> usize {
		self.rows.div_ceil(ROWS)
	}
}

/// Returns the half at an index of a line, as a multiple of 2^-24.
pub(crate) fn scale(line: &Line, index: usize) -> i64 {
	f16(u16::from_le_bytes([line.0[2 * index], line.0[2 * index + 1]])).unwrap_or(0)
}

/// Returns the factor of an int8 row, from the first line of its block.
pub(crate) fn row_scale(line: &Line, row: usize) -> i64 {
	i64::from(u16::from_le_bytes([line.0[2 * row], line.0[2 * row + 1]]))
}
