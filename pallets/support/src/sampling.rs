//! Weighted sampling without replacement: plain values in, plain values out, the same on every machine.
//!
//! Each pallet draws in its own way and names its draws in its own bytes, so that no two draws share their numbers. What they
//! have in common is the number ([`uniform`]) and the one that holds its ticket ([`winner`]), or, where candidates could leave when the seed is
//! known, a number for each and the least time ([`waiting_time`]).

/// A uniform number: the first 16 bytes, little endian, of `blake2_256(preimage)`.
///
/// Reduced modulo a total weight below 2^64 its bias is below 2^-64.
pub fn uniform(preimage: &[u8]) -> u128 {
	let digest = sp_io::hashing::blake2_256(preimage);
	digest.first_chunk().map_or(0, |word| u128::from_le_bytes(*word))
}

/// Sum of weights.
pub fn total(weights: impl Iterator<Item = u32>) -> u128 {
	weights.fold(0, |sum: u128, weight| sum.saturating_add(weight.into()))
}

/// Place of the weight that holds the ticket `number` modulo all of them; `None` if all are zero. A weight of zero never wins.
pub fn winner(number: u128, weights: impl Iterator<Item = u32> + Clone) -> Option<usize> {
	let mut ticket = number.checked_rem(total(weights.clone()))?;
	weights.into_iter().position(|weight| match ticket.checked_sub(weight.into()) {
		Some(rest) => {
			ticket = rest;
			false
		}
		None => true,
	})
}

/// Fractional bits of a logarithm.
const LOG_BITS: u32 = 32;

/// Time until a candidate of this weight turns up, from its own uniform number: the least of several is drawn in proportion to the
/// weights, and one that is left out changes the time of none of the others. `None` for a weight of zero.
///
/// That is `-log2(number / 2^128) / weight`, with 96 fractional bits, of a logarithm with 32.
pub fn waiting_time(number: u128, weight: u32) -> Option<u128> {
	let whole = u128::from(u128::BITS) << LOG_BITS;
	let bits = whole.saturating_sub(log2(number.max(1)));
	(bits << 64).checked_div(weight.into())
}

/// Binary logarithm of a number that is not zero, with [`LOG_BITS`] fractional bits, rounded down.
fn log2(number: u128) -> u128 {
	let zeros = number.leading_zeros();
	let mut log = u128::from(u128::BITS.saturating_sub(1).saturating_sub(zeros));
	// From one to two, with 63 fractional bits.
	let mut mantissa = number.wrapping_shl(zeros) >> 64;
	for _ in 0..LOG_BITS {
		// Below 2^64 each, so the square fits.
		let square = mantissa.saturating_mul(mantissa);
		let bit = square >> 127;
		mantissa = if bit == 1 { square >> 64 } else { square >> 63 };
		log = (log << 1) | bit;
	}
	log
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn tickets_are_held_in_the_order_of_the_weights() {
		let weights = [2u32, 0, 3];
		let winners = [0, 1, 2, 3, 4, 5].map(|number| winner(number, weights.into_iter()));
		assert_eq!(winners, [Some(0), Some(0), Some(2), Some(2), Some(2), Some(0)]);
		assert_eq!(winner(0, core::iter::empty()), None);
		assert_eq!(winner(7, [0, 0].into_iter()), None);
	}

	#[test]
	fn logarithms_of_known_numbers() {
		for exponent in 0..128u32 {
			assert_eq!(log2(1 << exponent), u128::from(exponent) << LOG_BITS);
		}
		// log2(3) = 1.58496250072115618..., times 2^32.
		assert_eq!(log2(3), 6_807_362_105);
		assert_eq!(waiting_time(1, 0), None);
		assert!(waiting_time(u128::MAX, 1) < waiting_time(1 << 127, 1));
		assert_eq!(waiting_time(1 << 127, 1), Some(1 << 96));
		assert_eq!(waiting_time(1 << 127, 4), Some(1 << 94));
		assert_eq!(waiting_time(0, 1), Some(128 << 96));
	}

	#[test]
	fn the_least_time_is_drawn_in_proportion_to_the_weights() {
		let weights = [1u32, 2, 5];
		let mut won = [0u32; 3];
		for draw in 0..8_000u32 {
			let number = |place: u8| uniform(&[&draw.to_le_bytes()[..], &[place]].concat());
			let time = |place: &u8| waiting_time(number(*place), weights[usize::from(*place)]);
			won[usize::from((0..3u8).min_by_key(time).unwrap())] += 1;
		}
		// 1,000, 2,000 and 5,000 are expected; bounds of five standard deviations. The numbers are the same in every run.
		for (won, expected) in won.into_iter().zip([1_000u32, 2_000, 5_000]) {
			assert!(won.abs_diff(expected) < 225, "{won} of {expected}");
		}
	}

	#[test]
	fn a_number_is_the_beginning_of_its_hash() {
		let digest = sp_io::hashing::blake2_256(b"preimage");
		let expected = digest[..16].iter().rev().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
		assert_eq!(uniform(b"preimage"), expected);
	}

	proptest! {
		#[test]
		fn exactly_as_many_tickets_win_as_a_weight_has(weights in proptest::collection::vec(0u32..20, 1..8)) {
			let mut won = vec![0u32; weights.len()];
			for number in 0..total(weights.iter().copied()) {
				won[winner(number, weights.iter().copied()).unwrap()] += 1;
			}
			prop_assert_eq!(won, weights);
		}
	}
}
