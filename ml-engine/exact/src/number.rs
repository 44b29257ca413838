//! Rounding, square roots and scales: the arithmetic that every operator is written in.

/// Returns `numerator / denominator`, rounded to nearest, halves away from zero; `denominator` is positive.
///
/// Bounds: |numerator| <= 2^62 and 1 <= denominator <= 2^61, so that doubling stays inside `u64`.
pub fn div_round(numerator: i64, denominator: i64) -> i64 {
	let denominator = denominator.unsigned_abs();
	let quotient = (2 * numerator.unsigned_abs() + denominator) / (2 * denominator);
	if numerator < 0 {
		-(quotient as i64)
	} else {
		quotient as i64
	}
}

/// Returns `value / 2^shift`, rounded to nearest, halves away from zero: [`div_round`] by a power of two.
///
/// Bounds: |value| <= 2^62 and shift <= 62, so the sum below is at most 2^62 + 2^61.
pub fn shift_round(value: i64, shift: u32) -> i64 {
	let half = (1_u64 << shift) >> 1;
	let quotient = (value.unsigned_abs() + half) >> shift;
	if value < 0 {
		-(quotient as i64)
	} else {
		quotient as i64
	}
}

/// Returns the largest integer whose square is at most `n`.
pub fn isqrt(n: u64) -> u64 {
	n.isqrt()
}

/// Returns the square root of a small integer in Q16. Bound: n < 2^32, so that `n << 32` fits.
pub fn sqrt_q16(n: u32) -> u64 {
	isqrt(u64::from(n) << 32)
}

/// A positive real number: `mantissa * 2^-exponent`.
///
/// Either zero (both fields zero) or normalised: the mantissa has its top bit set and the exponent lies
/// in [`Scale::EXPONENTS`], so a scale is between 2^-31 and 2^12 and has exactly one representation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scale {
	mantissa: u32,
	exponent: u8,
}

impl Scale {
	/// Exponents that a scale may have. Below 20 a rescale could shift left, above 62 it would be noise.
	pub const EXPONENTS: core::ops::RangeInclusive<u8> = 20..=62;

	/// Bytes of a stored scale.
	pub const BYTES: usize = 8;

	/// Refuses what is not normalised.
	pub fn new(mantissa: u32, exponent: u8) -> Option<Self> {
		let is_zero = mantissa == 0 && exponent == 0;
		let is_normal = mantissa >> 31 == 1 && Self::EXPONENTS.contains(&exponent);
		(is_zero || is_normal).then_some(Self { mantissa, exponent })
	}

	/// Returns the scale nearest to the non-negative IEEE 754 double whose bits these are.
	///
	/// Integer arithmetic on the bits, so a trainer can hand its scales over without this crate touching
	/// a float. Numbers below the smallest scale become zero; negative, infinite and too large ones are refused.
	pub fn from_f64_bits(bits: u64) -> Option<Self> {
		let biased = (bits >> 52) & 0x7ff;
		if bits == 0 {
			return Some(Self::default());
		}
		if bits >> 63 == 1 || biased == 0x7ff {
			return None;
		}
		// Subnormal doubles have biased = 0 and are far below 2^-31, like everything this small.
		// value = significand * 2^(biased - 1075), the significand in [2^52, 2^53).
		let significand = (bits & ((1 << 52) - 1)) | (1 << 52);
		let mut mantissa = (significand + (1 << 20)) >> 21;
		let mut exponent = 1_054 - biased as i32;
		if mantissa >> 32 == 1 {
			mantissa >>= 1;
			exponent -= 1;
		}
		if exponent > i32::from(*Self::EXPONENTS.end()) {
			return Some(Self::default());
		}
		Self::new(mantissa as u32, u8::try_from(exponent).ok()?)
	}

	/// Returns the mantissa: zero, or at least 2^31.
	pub fn mantissa(self) -> u32 {
		self.mantissa
	}

	/// Returns the number of bits the mantissa is shifted right by.
	pub fn exponent(self) -> u8 {
		self.exponent
	}

	/// Returns the stored form: mantissa (little endian), exponent, three zero bytes.
	pub fn to_bytes(self) -> [u8; Self::BYTES] {
		let [a, b, c, d] = self.mantissa.to_le_bytes();
		[a, b, c, d, self.exponent, 0, 0, 0]
	}

	/// Reads the stored form; refuses every other byte string.
	pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
		let [a, b, c, d, exponent, 0, 0, 0] = bytes else { return None };
		Self::new(u32::from_le_bytes([a, b, c, d]), exponent)
	}
}

/// Fraction bits of the residual stream.
pub const RESIDUAL_BITS: u32 = 12;
/// Fraction bits of logits, in base-2 units.
pub const LOGIT_BITS: u32 = 16;

/// The factor that turns one token's accumulators of one matrix into outputs.
///
/// Outputs are `acc * activation scale * weight scale / 127`. The factor is folded once per token and
/// matrix into 31 bits and a shift, so that an output costs one 64-bit multiply and one rounding shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
	multiplier: u32,
	shift: u32,
}

impl Rescale {
	/// Folds the scale of the weights and the scale of the activations (Q16, below 2^22).
	/// `fraction_bits` is that of the output: [`RESIDUAL_BITS`] or [`LOGIT_BITS`].
	pub fn new(weights: Scale, activations_q16: u32, fraction_bits: u32) -> Self {
		// Below 2^22 * 2^32 = 2^54, and below 2^48 after the division.
		let product = div_round(i64::from(activations_q16) * i64::from(weights.mantissa), 127);
		let bits = 64 - product.leading_zeros();
		let excess = bits.saturating_sub(31);
		// At most 2^31: rounding may carry into the 32nd bit, which u32 holds.
		let multiplier = shift_round(product, excess) as u32;
		// At least 16 + 20 - 16 - 17 = 3 for a normalised scale; a zero multiplier has no use for it.
		let shift = (16 + u32::from(weights.exponent)).saturating_sub(fraction_bits + excess);
		// An output would be below 2^54 / 2^63: zero.
		if shift > 62 {
			return Self { multiplier: 0, shift: 0 };
		}
		Self { multiplier, shift }
	}

	/// Returns the output that `acc` (at most 2^23 in magnitude) stands for, clamped to `bound` in magnitude.
	pub fn apply(self, acc: i32, bound: i32) -> i32 {
		// At most 2^23 * 2^31 = 2^54.
		let product = i64::from(acc) * i64::from(self.multiplier);
		shift_round(product, self.shift).clamp(-i64::from(bound), i64::from(bound)) as i32
	}

	/// Returns the multiplier, at most 2^31, for vectorised copies of [`Self::apply`].
	pub fn multiplier(self) -> u32 {
		self.multiplier
	}

	/// Returns the shift, at most 62, for vectorised copies of [`Self::apply`].
	pub fn shift(self) -> u32 {
		self.shift
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn div_round_sends_halves_away_from_zero() {
		for (n, d, expected) in [(5, 2, 3), (-5, 2, -3), (4, 3, 1), (-4, 3, -1), (0, 7, 0), (7, 2, 4)] {
			assert_eq!(div_round(n, d), expected, "{n} / {d}");
		}
	}

	#[test]
	fn rounding_holds_at_the_extremes() {
		assert_eq!(div_round(1 << 62, 1), 1 << 62);
		assert_eq!(div_round(-(1 << 62), 1), -(1 << 62));
		assert_eq!(div_round(1 << 62, 1 << 61), 2);
		assert_eq!(shift_round(1 << 62, 62), 1);
		assert_eq!(shift_round(-(1 << 62), 0), -(1 << 62));
		assert_eq!(isqrt(u64::MAX), (1 << 32) - 1);
	}

	#[test]
	fn scale_refuses_what_is_not_normalised() {
		assert!(Scale::new(0, 0).is_some());
		assert!(Scale::new(0, 30).is_none());
		assert!(Scale::new(1 << 30, 30).is_none());
		assert!(Scale::new(1 << 31, 19).is_none());
		assert!(Scale::new(1 << 31, 63).is_none());
		assert!(Scale::from_bytes([0, 0, 0, 128, 30, 0, 0, 1]).is_none());
		assert!(Scale::from_f64_bits((-1.0_f64).to_bits()).is_none());
		assert!(Scale::from_f64_bits(f64::NAN.to_bits()).is_none());
		assert!(Scale::from_f64_bits(f64::INFINITY.to_bits()).is_none());
		assert!(Scale::from_f64_bits(8_192.0_f64.to_bits()).is_none());
		assert_eq!(Scale::from_f64_bits(1e-30_f64.to_bits()), Some(Scale::default()));
	}

	#[test]
	fn rescale_holds_at_the_extremes() {
		let largest = Scale::new(u32::MAX, 20).unwrap();
		let rescale = Rescale::new(largest, (1 << 22) - 1, LOGIT_BITS);
		assert_eq!(rescale.apply(1 << 23, 1 << 30), 1 << 30);
		assert_eq!(rescale.apply(-(1 << 23), 1 << 30), -(1 << 30));
		let smallest = Scale::new(1 << 31, 62).unwrap();
		assert_eq!(Rescale::new(smallest, 1, RESIDUAL_BITS).apply(1 << 23, 1 << 22), 0);
		assert_eq!(Rescale::new(Scale::default(), (1 << 22) - 1, RESIDUAL_BITS).apply(1 << 23, 1 << 22), 0);
	}

	proptest! {
		#[test]
		fn div_round_is_the_nearest(n in -(1_i64 << 62)..=1 << 62, d in 1_i64..=1 << 61) {
			let rest = i128::from(n) - i128::from(div_round(n, d)) * i128::from(d);
			prop_assert!(2 * rest.abs() <= i128::from(d));
		}

		#[test]
		fn shift_round_divides_by_a_power_of_two(n in -(1_i64 << 62)..=1 << 62, shift in 0_u32..=61) {
			prop_assert_eq!(shift_round(n, shift), div_round(n, 1 << shift));
		}

		#[test]
		fn isqrt_is_the_floor(n: u64) {
			let root = u128::from(isqrt(n));
			prop_assert!(root * root <= u128::from(n) && (root + 1) * (root + 1) > u128::from(n));
		}

		#[test]
		fn scale_round_trips(mantissa in 1_u32 << 31.., exponent in 20_u8..=62) {
			let scale = Scale::new(mantissa, exponent).unwrap();
			prop_assert_eq!(Scale::from_bytes(scale.to_bytes()), Some(scale));
			let real = f64::from(mantissa) * f64::from(-i32::from(exponent)).exp2();
			prop_assert_eq!(Scale::from_f64_bits(real.to_bits()), Some(scale));
		}

		#[test]
		fn rescale_follows_the_reals(
			mantissa in 1_u32 << 31.., exponent in 20_u8..=62, s in 1_u32..1 << 22, acc in -(1_i32 << 23)..=1 << 23,
		) {
			let scale = Scale::new(mantissa, exponent).unwrap();
			let got = f64::from(Rescale::new(scale, s, RESIDUAL_BITS).apply(acc, 1 << 22));
			let real = f64::from(acc) * f64::from(s) / 65_536.0 * f64::from(mantissa) * f64::from(-i32::from(exponent)).exp2() / 127.0 * 4_096.0;
			let real = real.clamp(-4_194_304.0, 4_194_304.0);
			// The multiplier keeps 31 bits unless the product is tiny, where the half of an ulp dominates.
			prop_assert!((got - real).abs() <= 0.5 + real.abs() * 1e-8, "{got} {real}");
		}
	}
}
