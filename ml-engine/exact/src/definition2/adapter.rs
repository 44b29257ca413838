//! Adapters: experts that add a matrix of low rank to the frozen one of their layer.
//!
//! An adapter of rank r of a matrix `[rows, cols]` is two matrices of 8-bit codes, `A: [r, cols]` and `B: [rows, r]`, and
//! one shift e. It adds `(B A) << e` to the integers of the matrix's weights, once these have
//! [`WeightKind::refinement`] more bits (LoRA: Hu et al., 2021, <https://arxiv.org/abs/2106.09685>, in integers). The
//! product with activations is computed through the r sums in between, so that nothing of `B A` is ever formed.

use super::{
	architecture::{WeightKind, RANK_MAX},
	matrix::Matrix,
};
use alloc::{vec, vec::Vec};
use core::{fmt, ops::Range};

/// Largest shift of an adapter.
pub const SHIFT_MAX: u8 = 12;
/// Bound of the sums between the two matrices of an adapter: 2^7 * 2^11 * 2^16.
pub const LOW_RANK_MAX: i64 = 1 << 34;
/// Bytes of one of these sums.
pub const LOW_RANK_BYTES: usize = 8;

/// One matrix of an adapter, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes<'a> {
	/// Outputs.
	pub rows: usize,
	/// Inputs.
	pub cols: usize,
	/// Codes of 8 bits in two's complement, row by row.
	pub bytes: &'a [u8],
	/// Bits that the adapter's product is shifted left by; zero for the second matrix.
	pub shift: u8,
}

/// One matrix of an adapter that owns its codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCodes {
	/// Outputs.
	pub rows: usize,
	/// Inputs.
	pub cols: usize,
	/// Codes, as in [`Codes`].
	pub bytes: Vec<u8>,
	/// Shift, as in [`Codes`].
	pub shift: u8,
}

/// Adapter of one matrix, in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapter<'a> {
	input: Codes<'a>,
	output: Codes<'a>,
}

/// Adapter of one matrix that owns its codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedAdapter {
	input: OwnedCodes,
	output: OwnedCodes,
}

/// Summand of a matrix's accumulators: the second matrix of an adapter over the sums that the first one came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction<'a> {
	/// Second matrix, `[rows, rank]`.
	pub output: Codes<'a>,
	/// Sums of [`low_rank`], `[rank]`.
	pub sums: &'a [i64],
	/// Shift of the adapter.
	pub shift: u8,
}

/// Reason why codes are not an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterError {
	/// The rank is zero or above 64.
	Rank(u8),
	/// A matrix has no codes, or not the same number in each of its rows or columns.
	Length {
		/// Codes of the matrix.
		codes: usize,
		/// Rank that must divide them.
		rank: u8,
	},
	/// The shift is above 12.
	Shift(u8),
}

impl fmt::Display for AdapterError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Rank(n) => write!(f, "an adapter of rank {n}: use 1 to 64"),
			Self::Length { codes, rank } => {
				write!(f, "{codes} codes for an adapter of rank {rank}: give a multiple of the rank")
			}
			Self::Shift(n) => write!(f, "an adapter with a shift of {n}: use 0 to 12"),
		}
	}
}

impl core::error::Error for AdapterError {}

impl<'a> Codes<'a> {
	/// Returns the codes of a row.
	pub fn row(&self, row: usize) -> impl Iterator<Item = i64> + 'a {
		self.bytes[row * self.cols..(row + 1) * self.cols].iter().map(|&code| i64::from(code as i8))
	}

	/// Borrows some rows. `None` past the last row.
	pub fn slice(&self, rows: Range<usize>) -> Option<Self> {
		let bytes = self.bytes.get(rows.start * self.cols..rows.end * self.cols)?;
		Some(Self { rows: rows.len(), bytes, ..*self })
	}
}

impl OwnedCodes {
	/// Borrows the codes.
	pub fn view(&self) -> Codes<'_> {
		let Self { rows, cols, ref bytes, shift } = *self;
		Codes { rows, cols, bytes, shift }
	}
}

/// Computes the products of an adapter's first matrix with activations: at most [`LOW_RANK_MAX`] in magnitude.
///
/// # Shapes
/// `input: [rank, cols]`, `q: [cols]`, output: `[rank]`.
pub fn low_rank(input: &Codes<'_>, q: &[i16]) -> Vec<i64> {
	let sum = |row| input.row(row).zip(q).map(|(code, &q)| code * i64::from(q)).sum();
	(0..input.rows).map(sum).collect()
}

/// Returns the bytes of low-rank sums, little endian.
pub fn low_rank_bytes(sums: &[i64]) -> Vec<u8> {
	sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

/// Reads what [`low_rank_bytes`] writes; refuses sums beyond [`LOW_RANK_MAX`].
pub fn low_rank_from_bytes(bytes: &[u8]) -> Option<Vec<i64>> {
	let (sums, rest) = bytes.as_chunks();
	let sums: Vec<i64> = sums.iter().map(|sum| i64::from_le_bytes(*sum)).collect();
	let fits = rest.is_empty() && sums.iter().all(|sum| (-LOW_RANK_MAX..=LOW_RANK_MAX).contains(sum));
	fits.then_some(sums)
}

impl Correction<'_> {
	/// Computes the summand of a row's accumulator: at most 2^6 * 2^7 * 2^34 * 2^12 = 2^59 in magnitude.
	pub fn of_row(&self, row: usize) -> i64 {
		self.output.row(row).zip(self.sums).map(|(code, sum)| code * sum).sum::<i64>() << self.shift
	}
}

impl<'a> Adapter<'a> {
	/// Pairs two matrices, `[rank, cols]` and `[rows, rank]`. `None` if they do not fit each other.
	pub fn new(input: Codes<'a>, output: Codes<'a>) -> Option<Self> {
		let fits = input.rows == output.cols && input.shift <= SHIFT_MAX && output.shift == 0;
		let is_whole = |codes: &Codes<'_>| codes.bytes.len() == codes.rows * codes.cols;
		(fits && is_whole(&input) && is_whole(&output)).then_some(Self { input, output })
	}

	/// Returns the first matrix, `[rank, cols]`.
	pub fn input(&self) -> Codes<'a> {
		self.input
	}

	/// Returns the second matrix, `[rows, rank]`.
	pub fn output(&self) -> Codes<'a> {
		self.output
	}

	/// Returns the shift.
	pub fn shift(&self) -> u8 {
		self.input.shift
	}

	/// Returns the summands of accumulators that low-rank sums lead to.
	pub fn correction<'s>(&self, sums: &'s [i64]) -> Correction<'s>
	where
		'a: 's,
	{
		Correction { output: self.output, sums, shift: self.shift() }
	}

	/// Computes a row of the product of the two matrices, shifted: what is added to the integers of weights. Each is at
	/// most 2^6 * 2^14 * 2^12 = 2^32 in magnitude.
	pub fn product(&self, row: usize) -> Vec<i64> {
		let mut product = vec![0; self.input.cols];
		for (inner, factor) in self.output.row(row).enumerate() {
			product.iter_mut().zip(self.input.row(inner)).for_each(|(sum, code)| *sum += factor * code);
		}
		product.into_iter().map(|sum: i64| sum << self.shift()).collect()
	}

	/// Returns the integers of a row of a matrix with the adapter in them. A real weight is
	/// `scale * 2^-(unit + refinement) * integer`.
	pub fn merge(&self, matrix: &Matrix<'_>, row: usize) -> Vec<i64> {
		let refinement = matrix.kind.refinement();
		let weights = matrix.row_integers(row).into_iter().zip(self.product(row));
		// Below 2^32 + 2^32.
		weights.map(|(weight, added)| (weight << refinement) + added).collect()
	}

	/// Returns the integers of a row as they were before [`Self::merge`]; `None` if they are no such row's.
	pub fn unmerge(&self, kind: WeightKind, row: usize, merged: &[i64]) -> Option<Vec<i64>> {
		let refinement = kind.refinement();
		let product = self.product(row);
		let weight = |(merged, added): (&i64, i64)| {
			let refined = merged.checked_sub(added)?;
			((refined >> refinement) << refinement == refined).then_some(refined >> refinement)
		};
		if merged.len() != product.len() {
			return None;
		}
		merged.iter().zip(product).map(weight).collect()
	}
}

impl OwnedAdapter {
	/// Makes an adapter of the codes of its two matrices, `[rank, cols]` and `[rows, rank]`, row by row.
	pub fn new(rank: u8, input: &[i8], output: &[i8], shift: u8) -> Result<Self, AdapterError> {
		if !(1..=RANK_MAX).contains(&rank) {
			return Err(AdapterError::Rank(rank));
		}
		if shift > SHIFT_MAX {
			return Err(AdapterError::Shift(shift));
		}
		let length = |codes: &[i8]| match codes.len() / usize::from(rank) {
			0 => Err(AdapterError::Length { codes: codes.len(), rank }),
			length if length * usize::from(rank) == codes.len() => Ok(length),
			_ => Err(AdapterError::Length { codes: codes.len(), rank }),
		};
		let (cols, rows) = (length(input)?, length(output)?);
		let bytes = |codes: &[i8]| codes.iter().map(|&code| code as u8).collect();
		let rank = usize::from(rank);
		Ok(Self {
			input: OwnedCodes { rows: rank, cols, bytes: bytes(input), shift },
			output: OwnedCodes { rows, cols: rank, bytes: bytes(output), shift: 0 },
		})
	}

	/// Returns the first matrix.
	pub fn input(&self) -> &OwnedCodes {
		&self.input
	}

	/// Returns the second matrix.
	pub fn output(&self) -> &OwnedCodes {
		&self.output
	}

	/// Borrows the adapter.
	pub fn view(&self) -> Adapter<'_> {
		Adapter { input: self.input.view(), output: self.output.view() }
	}
}

#[cfg(test)]
mod tests;
