//! Differential tests: every kernel of this machine against the reference functions of the definition.

mod adapter;
mod attention;
mod linear;
mod rows;

use super::*;
use blyan_exact::definition2::{matrix::INT8_PEAK, OwnedMatrix};

/// Numbers from a seed: property tests shrink the seed and the shapes instead of long vectors.
pub(super) struct Source(pub u64);

impl Source {
	pub fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		self.0 >> 24
	}

	pub fn within(&mut self, bound: i64) -> i64 {
		(self.next() as i64) % (2 * bound + 1) - bound
	}

	/// Mostly moderate numbers, now and then a bound itself.
	pub fn uneven(&mut self, bits: u64) -> i64 {
		let bound = 1_i64 << (self.next() % (bits + 1));
		match self.next() % 16 {
			0 => bound,
			1 => -bound,
			_ => self.within(bound),
		}
	}

	pub fn real(&mut self, exponents: std::ops::Range<i64>) -> Real {
		let exponent = exponents.start + self.next() as i64 % (exponents.end - exponents.start);
		let mantissa = self.next() as u32 | 1 << 31;
		Real::new(mantissa, exponent as i16).unwrap()
	}

	/// A half below `most` in bits, of either sign.
	fn half(&mut self, most: u16) -> u16 {
		(self.next() as u16 % (most + 1)) | (self.next() as u16 & 0x8000)
	}

	pub fn matrix(&mut self, kind: WeightKind, rows: usize, cols: usize) -> OwnedMatrix {
		// From subnormal numbers up to what the peak allows.
		let most = [0x03ff, 0x2400, 0x3c00, 0x47ff][self.next() as usize % 4];
		let mut bytes = Vec::new();
		for _ in 0..rows {
			bytes.extend((0..kind.code_bytes(cols)).map(|_| match (kind, self.next() as u8) {
				// The code 3 becomes a 1.
				(WeightKind::Ternary, byte) => byte & !((byte & (byte >> 1) & 0x55) << 1),
				(_, byte) => byte,
			}));
			bytes.extend((0..kind.scale_bytes(cols) / 2).flat_map(|_| {
				let scale = match kind {
					WeightKind::Int8 => self.next() as u16,
					_ => self.half(most),
				};
				scale.to_le_bytes()
			}));
		}
		let mut matrix = OwnedMatrix { kind, rows, cols, bytes, scale: self.real(20..50), peak: 1 };
		matrix.peak = match kind {
			WeightKind::Ternary => 1,
			WeightKind::Int8 => INT8_PEAK,
			_ => matrix.view().group_peak().unwrap().max(1) as u32,
		};
		assert_eq!(matrix.view().validate(), Ok(()));
		matrix
	}
}

/// All encodings.
pub(super) const KINDS: [WeightKind; 4] =
	[WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64];
