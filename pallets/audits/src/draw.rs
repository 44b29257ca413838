//! Drawing a setter and auditors that have nothing to do with each other: plain values in, plain values out.

use alloc::vec::Vec;
use blyan_primitives::traits::EligibleOperator;
use codec::Encode;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Draws a setter among those for whom `may_set` holds, and up to `auditors` others, each in proportion to its weight.
///
/// No two of them share an account, an owner or a hardware identifier (zero stands for "unknown" and is
/// shared with no one). `None` if no operator may set. Numbers are the first 16 bytes, little endian, of
/// `blake2_256("blyan/audit/draw" ++ seed ++ seat as u32 LE)` modulo the total weight of those left, so the bias is
/// below 2^-64. The order of `candidates` matters and must be the same for everybody.
pub fn draw<A: Clone + Eq>(
	seed: &H256,
	candidates: &[EligibleOperator<A>],
	may_set: impl Fn(&A) -> bool,
	auditors: u32,
) -> Option<(A, Vec<A>)> {
	let setters = candidates.iter().filter(|one| may_set(&one.account)).collect::<Vec<_>>();
	let setter = pick(seed, 0, &setters)?;
	let mut left: Vec<_> = candidates.iter().filter(|one| !is_related(one, setter)).collect();
	let mut drawn = Vec::new();
	for seat in 1..=auditors {
		let Some(auditor) = pick(seed, seat, &left) else { break };
		left.retain(|one| !is_related(one, auditor));
		drawn.push(auditor.account.clone());
	}
	Some((setter.account.clone(), drawn))
}

fn is_related<A: Eq>(one: &EligibleOperator<A>, other: &EligibleOperator<A>) -> bool {
	one.account == other.account
		|| one.owner == other.owner
		|| (one.hardware == other.hardware && !one.hardware.is_zero())
}

fn pick<'a, A>(seed: &H256, seat: u32, among: &[&'a EligibleOperator<A>]) -> Option<&'a EligibleOperator<A>> {
	let total = among.iter().fold(0u128, |sum, one| sum.saturating_add(one.weight.into()));
	let mut ticket = uniform(seed, seat).checked_rem(total)?;
	among.iter().copied().find(|one| match ticket.checked_sub(one.weight.into()) {
		Some(rest) => {
			ticket = rest;
			false
		}
		None => true,
	})
}

fn uniform(seed: &H256, seat: u32) -> u128 {
	let digest = blake2_256(&(*b"blyan/audit/draw", seed, seat).encode());
	let mut word = [0u8; 16];
	word.copy_from_slice(digest.split_at(16).0);
	u128::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

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
			set[draw(&seed, &candidates, |_| true, 2).unwrap().0 as usize] += 1;
		}
		// Expected 1,000, 2,000 and 3,000; 160 is four standard deviations of the widest.
		for (seen, expected) in set.iter().zip([1_000u32, 2_000, 3_000]) {
			assert!(seen.abs_diff(expected) < 160, "{set:?}");
		}
	}

	#[test]
	fn nobody_sets_without_leave() {
		let candidates = [operator(0, 9, 0, 0), operator(1, 9, 1, 0)];
		assert_eq!(draw(&H256::zero(), &candidates, |_| false, 2), None);
		assert_eq!(draw(&H256::zero(), &candidates, |who| *who == 1, 2), Some((1, vec![0])));
	}

	proptest! {
		#[test]
		fn nobody_meets_itself_under_another_name(
			seed: [u8; 32],
			crowd in proptest::collection::vec((0u32..4, 0u32..8, 0u8..6), 0..24),
			auditors in 0u32..6,
		) {
			let crowd: Vec<_> = crowd.into_iter().zip(0..).map(|((weight, owner, hardware), account)| {
				operator(account, weight, owner, hardware)
			}).collect();
			let Some((setter, drawn)) = draw(&H256(seed), &crowd, |_| true, auditors) else {
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
