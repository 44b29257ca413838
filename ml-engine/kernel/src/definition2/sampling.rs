//! Mass of the tokens that are near to the favourite: the part of sampling that looks at the whole vocabulary.

use super::Kernel;
use crate::math::exp2_neg;

/// Bounds of one call of [`masses`].
pub const MASSES: usize = 6;
/// Distance from the favourite (Q16) from which on a token's term is zero: 2^-25 in Q24.
pub const TERM_DISTANCE_MAX: u64 = 25 << 16;
/// Logits whose terms fit 32 bits together: at most 2^24 each.
const CHUNK: usize = 128;

/// Computes the terms `exp2_neg(distance) >> 6` (Q24) of all tokens, `distance = (largest - z) * 256 / temperature` rounded
/// down, and returns for each bound the sum over the logits that are not below it.
///
/// `largest` is the largest logit; the temperature is at least 1.
pub fn masses(
	kernel: Kernel,
	logits: &[i32],
	largest: i32,
	temperature: u16,
	bounds: &[i32; MASSES],
) -> [u64; MASSES] {
	assert!(temperature > 0, "a temperature of zero takes the favourite");
	// The first difference whose distance is past the last term. At most 2^21 * 2^16 / 2^8.
	let end = ((TERM_DISTANCE_MAX + 1) * u64::from(temperature)).div_ceil(256) as u32;
	let mut masses = [0; MASSES];
	for logits in logits.chunks(CHUNK) {
		let part = part(kernel, logits, largest, 1.0 / f64::from(temperature), end, bounds);
		masses.iter_mut().zip(part).for_each(|(mass, part)| *mass += u64::from(part));
	}
	masses
}

crate::versions! {
	/// Computes [`masses`] of at most [`CHUNK`] logits.
	///
	/// With n = 256 times the difference, at most 2^37, and d the temperature, n + 1/2 over d lies at least 1 / 2d >= 2^-17 from
	/// every integer and has the same integer part as n / d. Doubles err by less than 2^-30, the quotient being below 2^21.
	pub fn part(
		logits: &[i32], largest: i32, reciprocal: f64, end: u32, bounds: &[i32; MASSES],
	) -> [u32; MASSES] {
		let mut sums = [0_u32; MASSES];
		for &z in logits {
			let difference = (largest.wrapping_sub(z) as u32).min(end) as i32;
			let quotient = (f64::from(difference) * 256.0 + 0.5) * reciprocal;
			// SAFETY: below 2^22.
			let distance: i32 = unsafe { quotient.to_int_unchecked() };
			let term = exp2_neg(distance as u32) >> 6;
			for (sum, &bound) in sums.iter_mut().zip(bounds) {
				*sum += if z >= bound { term } else { 0 };
			}
		}
		sums
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::tests::Source;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn masses_are_sums_of_the_definitions_terms(
			seed: u64, len in 1_usize..300, spread in 1_u32..31, temperature in prop_oneof![1_u16..=2_000, Just(u16::MAX)],
		) {
			let mut source = Source(seed);
			let logits: Vec<i32> = (0..len).map(|_| source.within(1 << (spread - 1)) as i32).collect();
			let largest = logits.iter().copied().max().unwrap();
			let bounds = std::array::from_fn(|index| match index {
				0 => i32::MIN,
				index => logits[index % len],
			});
			let expected = bounds.map(|bound| {
				let near = logits.iter().filter(|z| **z >= bound);
				near.map(|z| {
					let distance = (u64::from(largest.abs_diff(*z)) << 8) / u64::from(temperature);
					let distance = distance.min(u64::from(u32::MAX)) as u32;
					u64::from(blyan_exact::exponential::exp2_neg(distance) >> 6)
				}).sum::<u64>()
			});
			for kernel in Kernel::available() {
				prop_assert_eq!(masses(kernel, &logits, largest, temperature, &bounds), expected, "{}", kernel);
			}
		}
	}
}
