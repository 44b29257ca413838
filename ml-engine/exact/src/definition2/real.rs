//! Scales as positive reals, half-precision numbers as integers, and what else the second definition counts with.

/// A positive real number: `mantissa * 2^-exponent`, or zero (both fields zero).
///
/// The mantissa has its top bit set, so that every number has one representation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Real {
	mantissa: u32,
	exponent: i16,
}

impl Real {
	/// Zero.
	pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };
	/// Exponents of the scales in a model's files: every normal `f32` is among these numbers.
	pub const STORED: core::ops::RangeInclusive<i16> = -96..=160;
	/// Exponents of activations' scales. Models within [`Self::STORED`] cannot come to others.
	pub const EXPONENTS: core::ops::RangeInclusive<i16> = -512..=512;
	/// Bytes of the stored form.
	pub const BYTES: usize = 6;

	/// Refuses what is not normalised or outside of [`Self::EXPONENTS`].
	pub fn new(mantissa: u32, exponent: i16) -> Option<Self> {
		let is_zero = mantissa == 0 && exponent == 0;
		let is_normal = mantissa >> 31 == 1 && Self::EXPONENTS.contains(&exponent);
		(is_zero || is_normal).then_some(Self { mantissa, exponent })
	}

	/// Returns the real nearest to an integer, halves up.
	pub fn from_integer(integer: u64) -> Self {
		Self::quotient(integer, 1)
	}

	/// Returns the real nearest to the exact `numerator / denominator`, halves up; `denominator` is positive.
	pub fn quotient(numerator: u64, denominator: u64) -> Self {
		if numerator == 0 {
			return Self::ZERO;
		}
		// So that the quotient is in (2^32, 2^34) before it is rounded to 32 bits. The numerator stays below 2^98.
		let shift = 33 + bits(denominator) as i32 - bits(numerator) as i32;
		let (mut dividend, mut divisor) = (u128::from(numerator), u128::from(denominator));
		if shift >= 0 {
			dividend <<= shift;
		} else {
			divisor <<= -shift;
		}
		let quotient = dividend / divisor;
		// The remainder only decides what is not a half, and halves go up: it may be dropped.
		Self::rounded(quotient as u64, shift)
	}

	/// Returns the real nearest to `value * 2^-exponent`, halves up; `value` is at least 2^31.
	fn rounded(value: u64, exponent: i32) -> Self {
		let excess = bits(value).saturating_sub(32);
		// Below 2^65 only if `value` has all 64 bits: then the half is added in u128.
		let half = (1_u128 << excess) >> 1;
		let mut mantissa = (u128::from(value) + half) >> excess;
		let mut exponent = exponent - excess as i32;
		if mantissa >> 32 == 1 {
			mantissa >>= 1;
			exponent -= 1;
		}
		Self { mantissa: mantissa as u32, exponent: exponent.clamp(i16::MIN.into(), i16::MAX.into()) as i16 }
	}

	/// Returns the product, rounded to 32 bits.
	#[must_use]
	pub fn times(self, other: Self) -> Self {
		if self.is_zero() || other.is_zero() {
			return Self::ZERO;
		}
		let product = u64::from(self.mantissa) * u64::from(other.mantissa);
		Self::rounded(product, i32::from(self.exponent) + i32::from(other.exponent))
	}

	/// Returns `self * 2^shift`.
	#[must_use]
	pub fn shifted(self, shift: i32) -> Self {
		if self.is_zero() {
			return self;
		}
		let exponent = i32::from(self.exponent).saturating_sub(shift);
		Self { exponent: exponent.clamp(i16::MIN.into(), i16::MAX.into()) as i16, ..self }
	}

	/// Returns whether the number is zero.
	pub fn is_zero(self) -> bool {
		self.mantissa == 0
	}

	/// Returns whether a model's file may hold the number: zero, or an exponent within [`Self::STORED`].
	pub fn is_storable(self) -> bool {
		self.is_zero() || Self::STORED.contains(&self.exponent)
	}

	/// Returns the mantissa: zero, or at least 2^31.
	pub fn mantissa(self) -> u32 {
		self.mantissa
	}

	/// Returns the number of bits that the mantissa is shifted right by.
	pub fn exponent(self) -> i16 {
		self.exponent
	}

	/// Returns the stored form: mantissa, then exponent, little endian.
	pub fn to_bytes(self) -> [u8; Self::BYTES] {
		let [a, b, c, d] = self.mantissa.to_le_bytes();
		let [e, f] = self.exponent.to_le_bytes();
		[a, b, c, d, e, f]
	}

	/// Reads the stored form; refuses what [`Self::new`] does.
	pub fn from_bytes([a, b, c, d, e, f]: [u8; Self::BYTES]) -> Option<Self> {
		Self::new(u32::from_le_bytes([a, b, c, d]), i16::from_le_bytes([e, f]))
	}

	/// Returns the real nearest to the non-negative IEEE 754 double whose bits these are.
	///
	/// Integer arithmetic on the bits, so that an importer can hand its scales over without this crate touching a float.
	/// Numbers below the smallest storable one become zero; negative, infinite and larger ones are refused.
	pub fn from_f64_bits(double: u64) -> Option<Self> {
		let biased = (double >> 52) & 0x7ff;
		if double == 0 {
			return Some(Self::ZERO);
		}
		if double >> 63 == 1 || biased == 0x7ff {
			return None;
		}
		// value = significand * 2^(biased - 1075), the significand in [2^52, 2^53). Subnormal doubles are far below.
		let significand = (double & ((1 << 52) - 1)) | (1 << 52);
		let real = Self::rounded(significand, 1_075 - biased as i32);
		if real.exponent > *Self::STORED.end() {
			return Some(Self::ZERO);
		}
		real.is_storable().then_some(real)
	}
}

/// Returns the length of a number in binary; 0 for 0.
pub fn bits(magnitude: u64) -> u32 {
	64 - magnitude.leading_zeros()
}

/// Returns the number that an IEEE 754 half stands for, in units of 2^-24; below 2^41 in magnitude.
/// Infinities and NaN are refused.
pub fn f16(half: u16) -> Option<i64> {
	let (exponent, fraction) = ((half >> 10) & 31, i64::from(half & 1_023));
	let magnitude = match exponent {
		0 => fraction,
		31 => return None,
		_ => (1_024 + fraction) << (exponent - 1),
	};
	Some(if half >> 15 == 1 { -magnitude } else { magnitude })
}

/// Returns the largest integer whose square is at most `n`.
pub fn isqrt(n: u128) -> u64 {
	n.isqrt() as u64
}

/// Returns the largest activation of `bits` bits: `2^(bits - 1) - 1`.
pub fn activation_max(bits: u8) -> i16 {
	((1_i32 << (bits - 1)) - 1) as i16
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn as_f64(real: Real) -> f64 {
		f64::from(real.mantissa()) * (-f64::from(real.exponent())).exp2()
	}

	#[test]
	fn reals_hold_at_the_extremes() {
		assert_eq!(Real::quotient(0, 5), Real::ZERO);
		assert_eq!(Real::from_integer(1), Real::new(1 << 31, 31).unwrap());
		assert_eq!(Real::from_integer(u64::MAX), Real::new(1 << 31, -33).unwrap());
		assert_eq!(Real::quotient(1, u64::MAX), Real::new(1 << 31, 95).unwrap());
		// 2^32 - 1/2: a half goes up and carries.
		assert_eq!(Real::quotient((1 << 33) - 1, 2), Real::new(1 << 31, -1).unwrap());
		let largest = Real::new(u32::MAX, -512).unwrap();
		assert_eq!(largest.times(largest).exponent(), -1_056);
		assert_eq!(largest.times(Real::ZERO), Real::ZERO);
		assert_eq!(Real::ZERO.shifted(40), Real::ZERO);
		assert_eq!(Real::new(1, 0), None);
		assert_eq!(Real::new(1 << 31, 513), None);
	}

	#[test]
	fn f16_is_a_multiple_of_its_smallest_number() {
		assert_eq!(f16(0x0001), Some(1));
		assert_eq!(f16(0x3c00), Some(1 << 24));
		assert_eq!(f16(0xc000), Some(-(1 << 25)));
		assert_eq!(f16(0x7bff), Some(65_504 << 24));
		assert_eq!((f16(0x7c00), f16(0xfe01)), (None, None));
	}

	#[test]
	fn from_f64_bits_is_the_nearest_real_that_a_file_may_hold() {
		let of = |value: f64| Real::from_f64_bits(value.to_bits());
		assert_eq!(of(0.0), Some(Real::ZERO));
		assert_eq!(of(1.0), Some(Real::from_integer(1)));
		assert_eq!(of(1e-60), Some(Real::ZERO));
		assert_eq!((of(-1.0), of(f64::NAN), of(1e60)), (None, None, None));
	}

	proptest! {
		#[test]
		fn reals_follow_the_reals(a in 1_u64.., b in 1_u64.., c in 1_u64..1 << 40) {
			let quotient = a as f64 / b as f64;
			prop_assert!((as_f64(Real::quotient(a, b)) / quotient - 1.0).abs() < 1.3e-10 * 2.0);
			let product = as_f64(Real::quotient(a, b)) * as_f64(Real::from_integer(c));
			prop_assert!((as_f64(Real::quotient(a, b).times(Real::from_integer(c))) / product - 1.0).abs() < 2.4e-10);
			let real = Real::quotient(a, b);
			prop_assert_eq!(Real::from_bytes(real.to_bytes()), Some(real));
		}

		#[test]
		fn isqrt_is_the_floor(n: u128) {
			let n = n >> 1;
			let root = u128::from(isqrt(n));
			prop_assert!(root * root <= n && n < (root + 1) * (root + 1));
		}
	}
}
