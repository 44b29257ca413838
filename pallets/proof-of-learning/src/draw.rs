//! Drawing a committee: plain values in, plain values out, the same on every machine.

use alloc::vec::Vec;
use blyan_primitives::traits::EligibleOperator;
use sp_core::H256;

/// Up to `count` accounts of `candidates`, each drawn in proportion to its weight among those who may still be drawn.
///
/// One seat a hardware identifier, at most `per_owner` seats an owner: whoever runs many operators gets no more seats
/// by it. Operators that gave no hardware identifier (zero) are limited by their owner alone.
///
/// Uniform numbers are the first 16 bytes, little endian, of `blake2_256("committee" ++ seed ++ round as u32 LE)`
/// modulo the total weight of those left: with totals below 2^64 the bias is below 2^-64. Candidates of weight
/// zero are never drawn. The order of `candidates` matters, so it must be the same for everybody.
pub fn draw_committee<A: Clone + PartialEq>(
	seed: &H256,
	mut candidates: Vec<EligibleOperator<A>>,
	count: u32,
	per_owner: u32,
) -> Vec<A> {
	candidates.retain(|candidate| candidate.weight > 0 && per_owner > 0);
	let mut drawn: Vec<EligibleOperator<A>> = Vec::new();
	for round in 0..count {
		let total = candidates.iter().fold(0u128, |sum, other| sum.saturating_add(other.weight.into()));
		let Some(mut ticket) = uniform(seed, round).checked_rem(total) else { break };
		let winner =
			candidates.iter().position(|candidate| match ticket.checked_sub(candidate.weight.into()) {
				Some(rest) => {
					ticket = rest;
					false
				}
				None => true,
			});
		// The ticket is below the total, so somebody holds it.
		let Some(winner) = winner else { break };
		let winner = candidates.remove(winner);
		let hardware = winner.hardware;
		let owner = winner.owner.clone();
		drawn.push(winner);
		let seats = drawn.iter().filter(|member| member.owner == owner).count();
		let is_owner_full = u32::try_from(seats).map_or(true, |seats| seats >= per_owner);
		candidates.retain(|candidate| {
			let is_same_machine = !hardware.is_zero() && candidate.hardware == hardware;
			let is_over = is_owner_full && candidate.owner == owner;
			!is_same_machine && !is_over
		});
	}
	drawn.into_iter().map(|member| member.account).collect()
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
	use std::collections::BTreeMap;

	/// An operator that belongs to nobody else.
	fn independent(account: usize, weight: u32) -> EligibleOperator<usize> {
		EligibleOperator::independent(account, weight)
	}

	#[test]
	fn draw_is_pinned_by_a_golden_vector() {
		let candidates = (0..6).map(|i| independent(i, 10 + i as u32)).collect();
		assert_eq!(draw_committee(&H256([7; 32]), candidates, 4, 1), GOLDEN);
	}
	// Computed independently with a dozen lines of Python over hashlib.blake2b.
	const GOLDEN: [usize; 4] = [0, 1, 3, 5];

	#[test]
	fn weight_is_the_chance_of_the_first_seat() {
		let mut first = [0u32; 3];
		for i in 0..6_000u32 {
			let seed = H256(sp_io::hashing::blake2_256(&i.to_le_bytes()));
			let drawn = draw_committee(&seed, (0..3).map(|i| independent(i, i as u32 + 1)).collect(), 1, 1);
			first[drawn[0]] += 1;
		}
		// Expected 1,000, 2,000 and 3,000; 150 is four standard deviations of the widest.
		for (seen, expected) in first.iter().zip([1_000u32, 2_000, 3_000]) {
			assert!(seen.abs_diff(expected) < 160, "{first:?}");
		}
	}

	#[test]
	fn a_crowd_of_one_owner_gets_the_seats_of_one() {
		// Ninety operators of one owner against ten others.
		let crowd = (0..100).map(|account| EligibleOperator {
			owner: if account < 90 { 0 } else { account },
			..independent(account, 10)
		});
		for i in 0..100u32 {
			let seed = H256(sp_io::hashing::blake2_256(&i.to_le_bytes()));
			let drawn = draw_committee(&seed, crowd.clone().collect(), 5, 1);
			assert_eq!(drawn.len(), 5);
			assert!(drawn.iter().filter(|account| **account < 90).count() <= 1);
		}
	}

	proptest! {
		#[test]
		fn nobody_sits_twice_and_nobody_without_weight(
			seed: [u8; 32], weights in proptest::collection::vec(0u32..5, 0..20), count in 0u32..25,
		) {
			let able = weights.iter().filter(|weight| **weight > 0).count() as u32;
			let candidates = weights.iter().enumerate().map(|(i, weight)| independent(i, *weight)).collect();
			let mut drawn = draw_committee(&H256(seed), candidates, count, 1);
			prop_assert_eq!(drawn.len() as u32, count.min(able));
			prop_assert!(drawn.iter().all(|i| weights[*i] > 0));
			drawn.sort();
			drawn.dedup();
			prop_assert_eq!(drawn.len() as u32, count.min(able));
		}

		#[test]
		fn owners_and_machines_get_no_more_than_their_seats(
			seed: [u8; 32],
			crowd in proptest::collection::vec((0u32..4, 0usize..5, 0u8..4), 0..30),
			count in 0u32..12,
			per_owner in 0u32..4,
		) {
			let candidates: Vec<_> = crowd
				.iter()
				.enumerate()
				.map(|(account, (weight, owner, hardware))| EligibleOperator {
					account,
					weight: *weight,
					owner: *owner,
					hardware: H256([*hardware; 32]),
					..independent(account, 0)
				})
				.collect();
			let drawn = draw_committee(&H256(seed), candidates.clone(), count, per_owner);
			let (mut owners, mut machines) = (BTreeMap::new(), BTreeMap::new());
			for account in &drawn {
				*owners.entry(candidates[*account].owner).or_insert(0u32) += 1;
				if !candidates[*account].hardware.is_zero() {
					*machines.entry(candidates[*account].hardware).or_insert(0u32) += 1;
				}
			}
			prop_assert!(owners.values().all(|seats| *seats <= per_owner));
			prop_assert!(machines.values().all(|seats| *seats == 1));
			// A seat stays empty only if nobody may take it.
			let may_sit = |other: &EligibleOperator<usize>| {
				other.weight > 0
					&& !drawn.contains(&other.account)
					&& owners.get(&other.owner).copied().unwrap_or(0) < per_owner
					&& !machines.contains_key(&other.hardware)
			};
			prop_assert!(drawn.len() as u32 == count || !candidates.iter().any(may_sit));
		}
	}
}
