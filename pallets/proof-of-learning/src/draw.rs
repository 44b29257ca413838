//! Drawing a committee: plain values in, plain values out, the same on every machine.

use alloc::vec::Vec;
use sp_core::H256;

/// Up to `count` of `candidates`, each drawn in proportion to its weight among those not drawn before.
///
/// Uniform numbers are the first 16 bytes, little endian, of `blake2_256("committee" ++ seed ++ round as u32 LE)`
/// modulo the total weight of those left: with totals below 2^64 the bias is below 2^-64. Candidates of weight
/// zero are never drawn. The order of `candidates` matters, so it must be the same for everybody.
pub fn draw_weighted<A>(seed: &H256, mut candidates: Vec<(A, u32)>, count: u32) -> Vec<A> {
	candidates.retain(|(_, weight)| *weight > 0);
	let mut drawn = Vec::new();
	for round in 0..count {
		let total = candidates.iter().fold(0u128, |sum, (_, weight)| sum.saturating_add((*weight).into()));
		let Some(mut ticket) = uniform(seed, round).checked_rem(total) else { break };
		let winner = candidates.iter().position(|(_, weight)| match ticket.checked_sub((*weight).into()) {
			Some(rest) => {
				ticket = rest;
				false
			}
			None => true,
		});
		// The ticket is below the total, so somebody holds it.
		let Some(winner) = winner else { break };
		drawn.push(candidates.remove(winner).0);
	}
	drawn
}

fn uniform(seed: &H256, round: u32) -> u128 {
	let mut input = b"committee".to_vec();
	input.extend_from_slice(seed.as_bytes());
	input.extend_from_slice(&round.to_le_bytes());
	let digest = sp_io::hashing::blake2_256(&input);
	let mut word = [0u8; 16];
	word.copy_from_slice(digest.split_at(16).0);
	u128::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn draw_is_pinned_by_a_golden_vector() {
		let candidates = (0u8..6).map(|i| (i, 10 + u32::from(i))).collect();
		assert_eq!(draw_weighted(&H256([7; 32]), candidates, 4), GOLDEN);
	}
	// Computed independently with a dozen lines of Python over hashlib.blake2b.
	const GOLDEN: [u8; 4] = [0, 1, 3, 5];

	#[test]
	fn weight_is_the_chance_of_the_first_seat() {
		let mut first = [0u32; 3];
		for i in 0..6_000u32 {
			let seed = H256(sp_io::hashing::blake2_256(&i.to_le_bytes()));
			let drawn = draw_weighted(&seed, vec![(0usize, 1), (1, 2), (2, 3)], 1);
			first[drawn[0]] += 1;
		}
		// Expected 1,000, 2,000 and 3,000; 150 is four standard deviations of the widest.
		for (seen, expected) in first.iter().zip([1_000u32, 2_000, 3_000]) {
			assert!(seen.abs_diff(expected) < 160, "{first:?}");
		}
	}

	proptest! {
		#[test]
		fn nobody_sits_twice_and_nobody_without_weight(
			seed: [u8; 32], weights in proptest::collection::vec(0u32..5, 0..20), count in 0u32..25,
		) {
			let able = weights.iter().filter(|weight| **weight > 0).count() as u32;
			let candidates: Vec<(usize, u32)> = weights.iter().copied().enumerate().collect();
			let mut drawn = draw_weighted(&H256(seed), candidates, count);
			prop_assert_eq!(drawn.len() as u32, count.min(able));
			prop_assert!(drawn.iter().all(|i| weights[*i] > 0));
			drawn.sort();
			drawn.dedup();
			prop_assert_eq!(drawn.len() as u32, count.min(able));
		}
	}
}
