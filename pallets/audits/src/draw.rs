//! Drawing a setter and auditors that have nothing to do with each other: plain values in, plain values out.

use alloc::vec::Vec;
use blyan_primitives::traits::EligibleOperator;
use blyan_support::sampling::{uniform, winner};
use codec::Encode;
use sp_core::H256;

/// Draws a setter among those for whom `may_set` holds, and up to `auditors` others for whom `may_vote` holds, each in
/// proportion to its weight.
///
/// No two of them share an account, an owner or a hardware identifier (zero stands for "unknown" and is
/// shared with no one). `None` if no operator may set.
///
/// The seed puts all candidates into two rows, one to set and one to vote, and seats go to the first in each that may
/// have one. The rows depend on nothing but the seed and the candidates, so an operator that steps aside when it
/// knows the seed gives up its own seat and changes no other. The first in the row to set has no vote in any case, or it
/// could step aside to vote.
///
/// Each place in a row is drawn among those that have none: numbers are the first 16 bytes, little endian, of
/// `blake2_256("blyan/audit/draw" ++ row as u8 ++ seed ++ place as u32 LE)` modulo their total weight, so the bias is
/// below 2^-64. The order of `candidates` matters and must be the same for everybody.
pub fn draw<A: Clone + Eq>(
	seed: &H256,
	candidates: &[EligibleOperator<A>],
	may_set: impl Fn(&A) -> bool,
	may_vote: impl Fn(&A) -> bool,
	auditors: u32,
) -> Option<(A, Vec<A>)> {
	let first = row(seed, 0, candidates).next()?;
	let setter = row(seed, 0, candidates).find(|one| may_set(&one.account))?;
	let mut drawn: Vec<&EligibleOperator<A>> = Vec::new();
	for one in row(seed, 1, candidates) {
		if u32::try_from(drawn.len()).map_or(true, |seats| seats >= auditors) {
			break;
		}
		let is_stranger = one.account != first.account
			&& !is_related(one, setter)
			&& !drawn.iter().any(|other| is_related(one, other));
		if is_stranger && may_vote(&one.account) {
			drawn.push(one);
		}
	}
	Some((setter.account.clone(), drawn.into_iter().map(|one| one.account.clone()).collect()))
}

/// All candidates of any weight, in an order in which each place is drawn by weight among those that have none yet.
fn row<'a, A>(
	seed: &'a H256,
	row: u8,
	candidates: &'a [EligibleOperator<A>],
) -> impl Iterator<Item = &'a EligibleOperator<A>> {
	let mut left: Vec<_> = candidates.iter().collect();
	let places = 0..u32::try_from(candidates.len()).unwrap_or(u32::MAX);
	places.map_while(move |place| {
		let number = uniform(&(*b"blyan/audit/draw", row, seed, place).encode());
		let index = winner(number, left.iter().map(|one| one.weight))?;
		Some(left.remove(index))
	})
}

fn is_related<A: Eq>(one: &EligibleOperator<A>, other: &EligibleOperator<A>) -> bool {
	one.account == other.account
		|| one.owner == other.owner
		|| (one.hardware == other.hardware && !one.hardware.is_zero())
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use sp_io::hashing::blake2_256;

	fn operator(account: u32, weight: u32, owner: u32, hardware: u8) -> EligibleOperator<u32> {
		EligibleOperator {
			owner,
			hardware: H256([hardware; 32]),
			..EligibleOperator::independent(account, weight)
		}
	}

	#[test]
	fn weight_is_the_chance_to_set() {
		let candidates: Vec<_> = (0..3).map(|i| operator(i, i + 1, i, 0)).collect();
		let mut set = [0u32; 3];
		for i in 0..6_000u32 {
			let seed = H256(blake2_256(&i.to_le_bytes()));
			set[draw(&seed, &candidates, |_| true, |_| true, 2).unwrap().0 as usize] += 1;
		}
		// Expected 1,000, 2,000 and 3,000; 160 is four standard deviations of the widest.
		for (seen, expected) in set.iter().zip([1_000u32, 2_000, 3_000]) {
			assert!(seen.abs_diff(expected) < 160, "{set:?}");
		}
	}

	#[test]
	fn nobody_sets_without_leave() {
		let candidates = [operator(0, 9, 0, 0), operator(1, 9, 1, 0)];
		assert_eq!(draw(&H256::zero(), &candidates, |_| false, |_| true, 2), None);
		for number in 0..20u32 {
			let seed = H256(blake2_256(&number.to_le_bytes()));
			let (setter, auditors) = draw(&seed, &candidates, |who| *who == 1, |_| true, 2).unwrap();
			assert_eq!(setter, 1);
			// Where the other one was the first that might have set, it has no vote.
			assert!(auditors == [0] || auditors.is_empty());
		}
	}

	proptest! {
		/// Gain of a coalition by having members leave, or occupy themselves otherwise, when the seed is known: nothing.
		#[test]
		fn attack_step_aside_when_the_seed_is_known(
			seed: [u8; 32],
			crowd in proptest::collection::vec((1u32..50, any::<bool>(), any::<bool>(), any::<bool>()), 1..24),
			auditors in 0u32..6,
		) {
			let candidates: Vec<_> =
				crowd.iter().zip(0..).map(|((weight, ..), account)| operator(account, *weight, account, 0)).collect();
			let of = |who: &u32| crowd[*who as usize];
			let is_colluding = |who: &u32| of(who).1;
			let sets = |who: &u32| !(is_colluding(who) && of(who).2);
			let votes = |who: &u32| !(is_colluding(who) && of(who).3);
			let seed = H256(seed);
			let (setter, before) = draw(&seed, &candidates, |_| true, |_| true, auditors).unwrap();
			let Some((other, after)) = draw(&seed, &candidates, sets, votes, auditors) else {
				prop_assert!(crowd.iter().all(|one| one.1 && one.2), "an honest operator could set");
				return Ok(());
			};
			let seats = |setter: u32, drawn: Vec<u32>| core::iter::once(setter).chain(drawn).collect::<Vec<_>>();
			prop_assert!(is_colluding(&setter) || setter == other, "an honest setter lost its seat");
			let (before, after) = (seats(setter, before), seats(other, after));
			for who in before.iter().filter(|who| !is_colluding(who)) {
				prop_assert!(after.contains(who), "an honest operator lost its seat");
			}
			let colluding = |seats: &[u32]| seats.iter().filter(|who| is_colluding(who)).count();
			prop_assert!(colluding(&after) <= colluding(&before), "the coalition won a seat");
		}

		#[test]
		fn nobody_meets_itself_under_another_name(
			seed: [u8; 32],
			crowd in proptest::collection::vec((0u32..4, 0u32..8, 0u8..6), 0..24),
			auditors in 0u32..6,
		) {
			let crowd: Vec<_> = crowd.into_iter().zip(0..).map(|((weight, owner, hardware), account)| {
				operator(account, weight, owner, hardware)
			}).collect();
			let Some((setter, drawn)) = draw(&H256(seed), &crowd, |_| true, |_| true, auditors) else {
				prop_assert!(crowd.iter().all(|one| one.weight == 0));
				return Ok(());
			};
			prop_assert!(drawn.len() as u32 <= auditors);
			let seated: Vec<_> = core::iter::once(setter).chain(drawn).map(|who| &crowd[who as usize]).collect();
			for (i, one) in seated.iter().enumerate() {
				prop_assert!(one.weight > 0);
				prop_assert!(seated[..i].iter().all(|other| !is_related(one, other)));
			}
		}
	}
}
