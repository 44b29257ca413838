//! Drawing a sample without replacement, the same on every machine.

use alloc::{collections::BTreeSet, vec::Vec};
use sp_core::H256;

/// `count` different indices below `population`, in ascending order; all of them if `count` is not
/// smaller than `population`.
///
/// Robert Floyd's algorithm (Bentley and Floyd, "A sample of brilliance", 1987): for j in
/// `population - count .. population` take t uniform in `0..=j`, and j itself if t was taken before.
/// Uniform numbers are the first 8 bytes, little endian, of `blake2_256(seed ++ j as u32 LE)`, reduced
/// modulo `j + 1`: the bias is below 2^-31.
pub fn draw_indices(seed: &H256, population: u32, count: u32) -> Vec<u32> {
	let count = count.min(population);
	let mut taken = BTreeSet::new();
	for j in population.saturating_sub(count)..population {
		let mut input = [0u8; 36];
		let (head, tail) = input.split_at_mut(32);
		head.copy_from_slice(seed.as_bytes());
		tail.copy_from_slice(&j.to_le_bytes());
		let digest = sp_crypto_hashing::blake2_256(&input);
		let mut word = [0u8; 8];
		word.copy_from_slice(digest.split_at(8).0);
		let bound = u64::from(j).saturating_add(1);
		let t = u64::from_le_bytes(word).checked_rem(bound).unwrap_or(0);
		// t <= j < 2^32, so the conversion keeps its value.
		let t = u32::try_from(t).unwrap_or(j);
		if !taken.insert(t) {
			taken.insert(j);
		}
	}
	taken.into_iter().collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn draw_is_pinned_by_a_golden_vector() {
		assert_eq!(draw_indices(&H256([7; 32]), 1_000, 8), GOLDEN);
	}
	// Computed independently with a dozen lines of Python over hashlib.blake2b.
	const GOLDEN: [u32; 8] = [132, 312, 357, 361, 631, 723, 850, 984];

	proptest! {
		#[test]
		fn draw_gives_distinct_indices_in_range(seed: [u8; 32], population in 0u32..5_000, count in 0u32..600) {
			let drawn = draw_indices(&H256(seed), population, count);
			prop_assert_eq!(drawn.len() as u32, count.min(population));
			prop_assert!(drawn.windows(2).all(|w| w[0] < w[1]));
			prop_assert!(drawn.iter().all(|&i| i < population));
		}
	}
}
