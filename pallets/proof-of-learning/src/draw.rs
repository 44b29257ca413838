//! Drawing a committee: plain values in, plain values out, the same on every machine.

use crate::math::two_thirds;
use alloc::vec::Vec;
use blyan_primitives::traits::EligibleOperator;
use blyan_support::sampling::{total, uniform, winner};
use sp_core::H256;

/// Rounds of a draw for each of its seats, for want of operators that are still there.
pub const ROUNDS_PER_SEAT: u32 = 4;

/// Up to `count` accounts of `candidates`, each drawn in proportion to its weight among those who may still be drawn.
///
/// One seat a hardware identifier, at most `per_owner` seats an owner: whoever runs many operators gets no more seats
/// by it. Operators that gave no hardware identifier (zero) are limited by their owner alone.
///
/// **Regions.** The last seats, those without which two thirds of the committee can still decide, prefer regions that
/// have no seat yet: operators of a known region that has one are passed over, as long as the others hold at least
/// half of the weight of those who may still be drawn. An unknown region limits nobody. Nobody checks what
/// an operator says about its region, so this is all that saying it can change: the seats that decide are drawn by weight
/// alone, and in the others no operator's chance more than doubles.
///
/// Uniform numbers are the first 16 bytes, little endian, of `blake2_256("committee" ++ seed ++ round as u32 LE)`
/// modulo the total weight of those who may be drawn in the round: with totals below 2^64 the bias is below 2^-64.
/// Candidates of weight zero are never drawn. The order of `candidates` matters, so it must be the same for everybody.
pub fn draw_committee<A: Clone + PartialEq>(
	seed: &H256,
	candidates: Vec<EligibleOperator<A>>,
	count: u32,
	per_owner: u32,
) -> Vec<A> {
	draw_present(seed, candidates, count, per_owner, |_| true)
}

/// [`draw_committee`] from candidates of which some may have left since the list was made.
///
/// One that is drawn and is not there takes no seat, and there is a round more, up to [`ROUNDS_PER_SEAT`] for each seat. In
/// everything else it counts as seated: who wins which round does not depend on who is there. So an operator
/// that leaves when it knows the seed gives up its own seat to the next in a row that is known, and changes no other.
pub fn draw_present<A: Clone + PartialEq>(
	seed: &H256,
	mut candidates: Vec<EligibleOperator<A>>,
	count: u32,
	per_owner: u32,
	is_present: impl Fn(&A) -> bool,
) -> Vec<A> {
	candidates.retain(|candidate| candidate.weight > 0 && per_owner > 0);
	let deciding = two_thirds(count);
	let mut drawn: Vec<EligibleOperator<A>> = Vec::new();
	let mut seated: Vec<A> = Vec::new();
	for round in 0..count.saturating_mul(ROUNDS_PER_SEAT) {
		if u32::try_from(seated.len()).map_or(true, |seats| seats >= count) {
			break;
		}
		let is_passed = passed_over(&candidates, &drawn, round >= deciding);
		let may_win = |candidate: &EligibleOperator<A>| !(is_passed && has_seat(&drawn, candidate));
		// One that is passed over has no ticket.
		let tickets = |candidate: &EligibleOperator<A>| if may_win(candidate) { candidate.weight } else { 0 };
		let number = uniform(&preimage(seed, round));
		let Some(winner) = winner(number, candidates.iter().map(tickets)) else { break };
		let winner = candidates.remove(winner);
		let hardware = winner.hardware;
		let owner = winner.owner.clone();
		if is_present(&winner.account) {
			seated.push(winner.account.clone());
		}
		drawn.push(winner);
		let seats = drawn.iter().filter(|member| member.owner == owner).count();
		let is_owner_full = u32::try_from(seats).map_or(true, |seats| seats >= per_owner);
		candidates.retain(|candidate| {
			let is_same_machine = !hardware.is_zero() && candidate.hardware == hardware;
			let is_over = is_owner_full && candidate.owner == owner;
			!is_same_machine && !is_over
		});
	}
	seated
}

/// Whether the operators of regions that have a seat are passed over: in a seat `is_spare`, if the others hold at least
/// half of the weight.
fn passed_over<A>(candidates: &[EligibleOperator<A>], drawn: &[EligibleOperator<A>], is_spare: bool) -> bool {
	let elsewhere = weight_of(candidates.iter().filter(|candidate| !has_seat(drawn, candidate)));
	is_spare && elsewhere.saturating_mul(2) >= weight_of(candidates.iter())
}

/// Whether the candidate's region is known and has a seat.
fn has_seat<A>(drawn: &[EligibleOperator<A>], candidate: &EligibleOperator<A>) -> bool {
	candidate.region.is_known() && drawn.iter().any(|member| member.region == candidate.region)
}

fn weight_of<'a, A: 'a>(candidates: impl Iterator<Item = &'a EligibleOperator<A>>) -> u128 {
	total(candidates.map(|candidate| candidate.weight))
}

/// Names the number of a round.
fn preimage(seed: &H256, round: u32) -> Vec<u8> {
	let mut input = b"committee".to_vec();
	input.extend_from_slice(seed.as_bytes());
	input.extend_from_slice(&round.to_le_bytes());
	input
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{Region, REGION_UNKNOWN};
	use proptest::prelude::*;
	use std::collections::{BTreeMap, BTreeSet};

	/// An operator that belongs to nobody else.
	fn independent(account: usize, weight: u32) -> EligibleOperator<usize> {
		EligibleOperator::independent(account, weight)
	}

	/// An operator that says where it is; region 0 says nothing.
	fn at(region: u8, account: usize, weight: u32) -> EligibleOperator<usize> {
		let region = if region == 0 { REGION_UNKNOWN } else { Region([b'A', b'A' + region]) };
		EligibleOperator { region, ..independent(account, weight) }
	}

	fn numbered(number: u32) -> H256 {
		H256(sp_io::hashing::blake2_256(&number.to_le_bytes()))
	}

	#[test]
	fn draw_is_pinned_by_a_golden_vector() {
		let candidates = (0..6).map(|i| independent(i, 10 + i as u32)).collect();
		assert_eq!(draw_committee(&H256([7; 32]), candidates, 4, 1), GOLDEN);
	}
	// Computed independently with a dozen lines of Python over hashlib.blake2b.
	const GOLDEN: [usize; 4] = [0, 1, 3, 5];

	#[test]
	fn draw_with_regions_is_pinned_by_a_golden_vector() {
		// Three in one country, two in another, one each in two more, and one that says nothing.
		let regions = [1, 1, 1, 2, 2, 0, 3, 4];
		let candidates =
			|| regions.iter().enumerate().map(|(i, region)| at(*region, i, 10 + i as u32)).collect();
		let drawn = [7u8, 8, 9].map(|seed| draw_committee(&H256([seed; 32]), candidates(), 5, 1));
		assert_eq!(drawn, GOLDEN_REGIONS);
	}
	// By the same dozen lines of Python.
	const GOLDEN_REGIONS: [[usize; 5]; 3] = [[4, 3, 1, 2, 7], [0, 4, 3, 5, 6], [0, 5, 6, 7, 3]];

	#[test]
	fn a_committee_reaches_beyond_one_country_where_half_of_the_weight_does() {
		for number in 0..200 {
			let candidates: Vec<_> = (0..20).map(|i| at(1 + (i % 2) as u8, i, 10)).collect();
			let drawn = draw_committee(&numbered(number), candidates.clone(), 5, 1);
			let regions: BTreeSet<_> = drawn.iter().map(|account| candidates[*account].region).collect();
			assert_eq!(regions.len(), 2, "seed {number}");
		}
	}

	#[test]
	fn invented_countries_win_nothing_against_a_country_of_more_weight() {
		// Ten honest operators in one country, and nine that invent a country each.
		let candidates = |regions: bool| -> Vec<_> {
			(0..19usize).map(|i| at(if regions { 1 + i.saturating_sub(9) as u8 } else { 0 }, i, 10)).collect()
		};
		for number in 0..200 {
			let seed = numbered(number);
			// The honest ones hold ten of nineteen parts at first, so it depends on who sits already.
			let with = draw_committee(&seed, candidates(true), 5, 1);
			let without = draw_committee(&seed, candidates(false), 5, 1);
			assert_eq!(with[..4], without[..4], "the seats that decide are the same");
		}
	}

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

		/// Gain of a coalition from having some of its members leave when the seed is known: nothing.
		#[test]
		fn attack_leave_when_the_seed_is_known(
			seed: [u8; 32],
			crowd in proptest::collection::vec((1u32..50, 0usize..6, 0u8..4, any::<bool>(), any::<bool>()), 1..30),
			count in 1u32..8,
		) {
			let candidates = || -> Vec<_> {
				crowd
					.iter()
					.enumerate()
					.map(|(account, (weight, owner, region, ..))| EligibleOperator {
						// Some belong together, the others to themselves.
						owner: if *owner == 0 { 1_000 } else { account },
						..at(*region, account, *weight)
					})
					.collect()
			};
			let is_colluding = |account: &usize| crowd[*account].3;
			let leaves = |account: &usize| is_colluding(account) && crowd[*account].4;
			let before = draw_committee(&H256(seed), candidates(), count, 1);
			let after = draw_present(&H256(seed), candidates(), count, 1, |account| !leaves(account));
			let honest = |drawn: &[usize]| drawn.iter().filter(|one| !is_colluding(one)).copied().collect::<Vec<_>>();
			prop_assert!(honest(&after).starts_with(&honest(&before)), "an honest member lost its seat");
			let colluding = |drawn: &[usize]| drawn.len() - honest(drawn).len();
			prop_assert!(colluding(&after) <= colluding(&before), "the coalition won a seat");
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

		#[test]
		fn saying_where_one_is_changes_the_spare_seats_only(
			seed: [u8; 32], crowd in proptest::collection::vec((0u32..50, 0u8..5), 0..30), count in 0u32..12,
		) {
			let candidates = |says: bool| -> Vec<_> {
				crowd.iter().enumerate().map(|(i, (weight, region))| at(if says { *region } else { 0 }, i, *weight)).collect()
			};
			let with = draw_committee(&H256(seed), candidates(true), count, 1);
			let without = draw_committee(&H256(seed), candidates(false), count, 1);
			let deciding = with.len().min(two_thirds(count) as usize);
			prop_assert_eq!(&with[..deciding], &without[..deciding]);
			prop_assert_eq!(with.len(), without.len());
		}

		#[test]
		fn a_spare_seat_is_of_a_new_region_exactly_where_the_rule_says(
			seed: [u8; 32], crowd in proptest::collection::vec((1u32..50, 0u8..5), 1..30), count in 1u32..12,
		) {
			let candidates: Vec<_> =
				crowd.iter().enumerate().map(|(i, (weight, region))| at(*region, i, *weight)).collect();
			let drawn = draw_committee(&H256(seed), candidates.clone(), count, 1);
			for round in two_thirds(count) as usize..drawn.len() {
				let seated: Vec<_> = drawn[..round].iter().map(|account| candidates[*account].region).collect();
				let is_new = |one: &EligibleOperator<usize>| !one.region.is_known() || !seated.contains(&one.region);
				let left = || candidates.iter().filter(|one| !drawn[..round].contains(&one.account));
				let elsewhere: u32 = left().filter(|one| is_new(one)).map(|one| one.weight).sum();
				let all: u32 = left().map(|one| one.weight).sum();
				prop_assert!(is_new(&candidates[drawn[round]]) || 2 * elsewhere < all);
			}
		}

		#[test]
		fn one_country_and_no_country_are_the_same(
			seed: [u8; 32], weights in proptest::collection::vec(1u32..50, 0..20), count in 0u32..12,
		) {
			let all = |region| weights.iter().enumerate().map(|(i, weight)| at(region, i, *weight)).collect();
			prop_assert_eq!(
				draw_committee(&H256(seed), all(1), count, 1),
				draw_committee(&H256(seed), all(0), count, 1)
			);
		}
	}
}
