//! Weighted sampling without replacement: plain values in, plain values out, the same on every machine.
//!
//! Each pallet draws in its own way and names its draws in its own bytes, so that no two draws share their numbers. What they
//! have in common is the number ([`uniform`]) and the one that holds its ticket ([`winner`]).

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
