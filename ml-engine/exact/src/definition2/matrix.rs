//! Matrices of ternary, 8-bit and 4-bit weights, borrowed from a model's files.

use super::{
	architecture::WeightKind,
	real::{f16, Real},
};
use alloc::vec::Vec;
use core::ops::Range;

/// Peak of every matrix of 8-bit weights: -128 times the largest factor, in magnitude.
pub const INT8_PEAK: u32 = 128 * 65_535;
/// Bound of a group's factor and minimum in units of 2^-24.
pub const GROUP_MAX: i64 = (1 << 28) - 1;
/// Bound of the peak of a matrix of 4-bit weights.
pub const INT4_PEAK_MAX: u32 = (1 << 31) - 1;

/// A matrix in place: real weights are `scale * 2^-unit * integer`, the unit that of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix<'a> {
	/// Storage of its weights.
	pub kind: WeightKind,
	/// Outputs.
	pub rows: usize,
	/// Inputs.
	pub cols: usize,
	/// Rows as they are stored, [`WeightKind::row_bytes`] each: the codes, then the factors, little endian. A `u16` a
	/// row of 8-bit weights; a factor and a minimum, both halves, for each group of 4-bit ones.
	pub bytes: &'a [u8],
	/// Real value of one unit.
	pub scale: Real,
	/// Bound of every weight's integer.
	pub peak: u32,
}

/// A matrix that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedMatrix {
	/// Storage of its weights.
	pub kind: WeightKind,
	/// Outputs.
	pub rows: usize,
	/// Inputs.
	pub cols: usize,
	/// Rows, as in [`Matrix`].
	pub bytes: Vec<u8>,
	/// Real value of one unit.
	pub scale: Real,
	/// Bound of every weight's integer.
	pub peak: u32,
}

/// Reason why the bytes of a matrix are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixError {
	/// Rows are not as many bytes as the shape says.
	Length,
	/// Two bits that are no ternary weight.
	Code,
	/// A factor or minimum that is infinite, no number, or 2^28 or more in units of 2^-24.
	Group,
	/// The peak is not the kind's, zero or 2^31 or more, or a group lies beyond it.
	Peak,
	/// The scale lies outside of what a file may hold.
	Scale,
}

impl OwnedMatrix {
	/// Borrows the matrix.
	pub fn view(&self) -> Matrix<'_> {
		let Self { kind, rows, cols, ref bytes, scale, peak } = *self;
		Matrix { kind, rows, cols, bytes, scale, peak }
	}
}

/// Returns the rows as they are stored, from all codes and all factors.
pub fn stored_rows(kind: WeightKind, cols: usize, codes: &[u8], scales: &[u8]) -> Vec<u8> {
	let (of_codes, of_scales) = (kind.code_bytes(cols), kind.scale_bytes(cols));
	let row = |(row, codes): (usize, &[u8])| {
		[codes, scales.get(row * of_scales..(row + 1) * of_scales).unwrap_or_default()].concat()
	};
	codes.chunks(of_codes.max(1)).enumerate().flat_map(row).collect()
}

impl<'a> Matrix<'a> {
	/// Checks lengths, codes, factors, peak and scale.
	pub fn validate(&self) -> Result<(), MatrixError> {
		if self.bytes.len() != self.rows * self.kind.row_bytes(self.cols) {
			return Err(MatrixError::Length);
		}
		if !self.scale.is_storable() {
			return Err(MatrixError::Scale);
		}
		match self.kind {
			WeightKind::Ternary => self.validate_ternary(),
			WeightKind::Int8 if self.peak == INT8_PEAK => Ok(()),
			WeightKind::Int8 => Err(MatrixError::Peak),
			WeightKind::Int4By32 | WeightKind::Int4By64 => self.validate_groups(),
		}
	}

	fn validate_ternary(&self) -> Result<(), MatrixError> {
		if self.peak != 1 {
			return Err(MatrixError::Peak);
		}
		// Both bits of a pair are set only in the code 3.
		if self.bytes.iter().any(|byte| byte & (byte >> 1) & 0x55 != 0) {
			return Err(MatrixError::Code);
		}
		Ok(())
	}

	fn validate_groups(&self) -> Result<(), MatrixError> {
		if self.peak == 0 || self.peak > INT4_PEAK_MAX {
			return Err(MatrixError::Peak);
		}
		match self.group_peak() {
			None => Err(MatrixError::Group),
			Some(peak) if peak > u64::from(self.peak) => Err(MatrixError::Peak),
			Some(_) => Ok(()),
		}
	}

	/// Returns the largest magnitude of a weight's integer over all groups of 4-bit weights: what `peak` must bound.
	/// `None` if a group's factor or minimum is refused.
	pub fn group_peak(&self) -> Option<u64> {
		let mut groups = (0..self.rows).flat_map(|row| self.row_scales(row).as_chunks::<4>().0);
		groups.try_fold(0, |peak: u64, group| {
			let (factor, minimum) = group_of(group)?;
			// At most 16 * 2^28.
			Some(peak.max(minimum.unsigned_abs()).max((15 * factor + minimum).unsigned_abs()))
		})
	}

	/// Borrows some rows: a matrix of the same columns, scale and peak. `None` past the last row.
	pub fn slice(&self, rows: Range<usize>) -> Option<Matrix<'a>> {
		let stride = self.kind.row_bytes(self.cols);
		let bytes = self.bytes.get(rows.start * stride..rows.end * stride)?;
		Some(Matrix { rows: rows.len(), bytes, ..*self })
	}

	/// Returns the codes of a row.
	pub fn row_codes(&self, row: usize) -> &'a [u8] {
		let start = row * self.kind.row_bytes(self.cols);
		&self.bytes[start..start + self.kind.code_bytes(self.cols)]
	}

	/// Returns the factors of a row.
	pub fn row_scales(&self, row: usize) -> &'a [u8] {
		let end = (row + 1) * self.kind.row_bytes(self.cols);
		&self.bytes[end - self.kind.scale_bytes(self.cols)..end]
	}

	/// Returns the codes of a row, one a column: -1 to 1, -128 to 127, or 0 to 15.
	pub fn row_weights(&self, row: usize) -> Vec<i8> {
		let codes = self.row_codes(row);
		match self.kind {
			WeightKind::Ternary => {
				let four =
					|byte: &u8| [*byte, byte >> 2, byte >> 4, byte >> 6].map(|code| (code & 3) as i8 - 1);
				codes.iter().flat_map(four).collect()
			}
			WeightKind::Int8 => codes.iter().map(|&byte| byte as i8).collect(),
			WeightKind::Int4By32 | WeightKind::Int4By64 => {
				codes.iter().flat_map(|byte| [(byte & 15) as i8, (byte >> 4) as i8]).collect()
			}
		}
	}

	/// Returns the integers of a row's weights, one a column, each at most `peak` in magnitude.
	pub fn row_integers(&self, row: usize) -> Vec<i64> {
		let (weights, scales) = (self.row_weights(row), self.row_scales(row));
		match self.kind.group() {
			None => {
				let factor = row_factor(scales);
				weights.iter().map(|&c| factor * i64::from(c)).collect()
			}
			Some(group) => weights
				.chunks(group)
				.zip(scales.as_chunks::<4>().0)
				.flat_map(|(codes, group)| {
					let (factor, minimum) = group_of(group).unwrap_or_default();
					codes.iter().map(move |&c| factor * i64::from(c) + minimum)
				})
				.collect(),
		}
	}

	/// Computes the sum of products of a row's integers and activations: below 2^31 * 2^11 * 2^16 = 2^58 in magnitude.
	pub fn accumulate(&self, row: usize, q: &[i16]) -> i64 {
		let (weights, scales) = (self.row_weights(row), self.row_scales(row));
		match self.kind.group() {
			None => row_factor(scales) * dot(&weights, q),
			Some(size) => weights
				.chunks(size)
				.zip(q.chunks(size))
				.zip(scales.as_chunks::<4>().0)
				.map(|((codes, q), group)| {
					let (factor, minimum) = group_of(group).unwrap_or_default();
					factor * dot(codes, q) + minimum * q.iter().map(|&q| i64::from(q)).sum::<i64>()
				})
				.sum(),
		}
	}
}

/// Returns the factor of a row without groups: one for ternary weights.
fn row_factor(scales: &[u8]) -> i64 {
	scales.first_chunk().map_or(1, |bytes| i64::from(u16::from_le_bytes(*bytes)))
}

/// Returns factor and minimum of a group in units of 2^-24; `None` for what a file must not hold.
pub fn group_of(&[a, b, c, d]: &[u8; 4]) -> Option<(i64, i64)> {
	let factor = f16(u16::from_le_bytes([a, b]))?;
	let minimum = f16(u16::from_le_bytes([c, d]))?;
	(factor.abs() <= GROUP_MAX && minimum.abs() <= GROUP_MAX).then_some((factor, minimum))
}

/// Computes the sum of products: below 2^7 * 2^11 * 2^16 = 2^34 in magnitude.
fn dot(weights: &[i8], q: &[i16]) -> i64 {
	weights.iter().zip(q).map(|(&c, &q)| i64::from(i32::from(c) * i32::from(q))).sum()
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	fn owned(kind: WeightKind, cols: usize, code: u8, factors: &[u16]) -> OwnedMatrix {
		let scales: Vec<u8> = factors.iter().flat_map(|f| f.to_le_bytes()).collect();
		let mut bytes = vec![code; kind.code_bytes(cols)];
		bytes.extend(scales.repeat(kind.scale_bytes(cols) / scales.len().max(1)));
		let peak = match kind {
			WeightKind::Ternary => 1,
			WeightKind::Int8 => INT8_PEAK,
			_ => INT4_PEAK_MAX,
		};
		OwnedMatrix { kind, rows: 1, cols, bytes, scale: Real::from_integer(1), peak }
	}

	#[test]
	fn accumulate_holds_at_the_extremes() {
		let q = [-2_047_i16; 65_536];
		let ternary = owned(WeightKind::Ternary, 65_536, 0b1010_1010, &[]);
		assert_eq!(ternary.view().accumulate(0, &q), -2_047 * 65_536);
		let int8 = owned(WeightKind::Int8, 65_536, 0x80, &[u16::MAX]);
		assert_eq!(int8.view().accumulate(0, &q), i64::from(INT8_PEAK) * 2_047 * 65_536);
		// The largest halves below 16: d = 7.996 at c = 15 and m = 8 come to 127.95, just below 2^31 units.
		let int4 = owned(WeightKind::Int4By32, 65_536, 0xff, &[0x47ff, 0x47ff]);
		assert_eq!(int4.view().validate(), Ok(()));
		let weight = 16 * (2_047 << 16);
		assert_eq!(int4.view().accumulate(0, &q), -weight * 2_047 * 65_536);
		assert_eq!(int4.view().group_peak(), Some(weight as u64));
	}

	#[test]
	fn validate_refuses_each_fault() {
		let refused = |mut matrix: OwnedMatrix, damage: fn(&mut OwnedMatrix)| {
			damage(&mut matrix);
			matrix.view().validate()
		};
		let ternary = owned(WeightKind::Ternary, 64, 0b1001_0100, &[]);
		let int8 = owned(WeightKind::Int8, 64, 0x80, &[5]);
		let int4 = owned(WeightKind::Int4By64, 64, 0x71, &[0x3c00, 0xbc00]);
		for matrix in [&ternary, &int8, &int4] {
			assert_eq!(refused(matrix.clone(), |_| ()), Ok(()));
			assert_eq!(refused(matrix.clone(), |m| m.bytes.push(0)), Err(MatrixError::Length));
			assert_eq!(refused(matrix.clone(), |m| m.peak = 0), Err(MatrixError::Peak));
			let far = |m: &mut OwnedMatrix| m.scale = m.scale.shifted(200);
			assert_eq!(refused(matrix.clone(), far), Err(MatrixError::Scale));
		}
		assert_eq!(refused(ternary, |m| m.bytes[3] = 0b0000_1100), Err(MatrixError::Code));
		assert_eq!(refused(int4.clone(), |m| m.bytes[33] = 0x7c), Err(MatrixError::Group));
		assert_eq!(refused(int4.clone(), |m| m.bytes[35] = 0x4c), Err(MatrixError::Group));
		assert_eq!(refused(int4.clone(), |m| m.peak = 14 << 24), Ok(()));
		assert_eq!(refused(int4, |m| m.peak = (14 << 24) - 1), Err(MatrixError::Peak));
	}

	proptest! {
		#[test]
		fn accumulate_is_the_sum_over_the_integers(
			codes in prop::collection::vec(any::<u8>(), 64),
			factor in 0_u16..0x4c00,
			minimum in 0_u16..0x4c00,
			q in prop::collection::vec(-2_047_i16..=2_047, 128),
		) {
			for kind in [WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64] {
				let cols = 64 * 64 / kind.code_bytes(64);
				let mut matrix = owned(kind, cols, 0, &[factor, minimum | 0x8000][..kind.scale_bytes(64).min(4) / 2]);
				matrix.bytes[..codes.len()].copy_from_slice(&codes);
				let q = [q.as_slice(), &q].concat();
				let view = matrix.view();
				let sum: i64 = view.row_integers(0).iter().zip(&q).map(|(w, &q)| w * i64::from(q)).sum();
				prop_assert_eq!(view.accumulate(0, &q[..cols]), sum);
			}
		}
	}
}
