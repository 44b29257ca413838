//! The arithmetic, under properties.

use crate::{
	rules::{
		answer, commitment, distort, is_forced, is_plausible, judge, nodding_pays, present, standing, Answer,
		Ballot, Finding, MILLION,
	},
	Vote,
};
use blyan_primitives::EvaluationOutcome;
use proptest::prelude::*;
use sp_core::H256;
use sp_io::hashing::blake2_256;

const LEN: u16 = 64;

fn hash(i: u32, what: u8) -> H256 {
	H256(blake2_256(&[&i.to_le_bytes()[..], &[what]].concat()))
}

/// The outcome of these sequences: losses of the baseline, and what the candidate gains.
fn outcome(sequences: &[(u64, i64)]) -> EvaluationOutcome {
	let baseline: u64 = sequences.iter().map(|(loss, _)| loss).sum();
	let sum: i64 = sequences.iter().map(|(_, gain)| gain).sum();
	EvaluationOutcome {
		baseline_loss: baseline,
		candidate_loss: baseline.checked_add_signed(-sum).unwrap(),
		sum_diff: sum,
		sum_diff_sq: sequences.iter().map(|(_, gain)| u128::from(gain.unsigned_abs()).pow(2)).sum(),
		sequences: sequences.len() as u32,
		bytes: sequences.len() as u64 * u64::from(LEN),
		job_root: H256([7; 32]),
	}
}

fn sequences() -> impl Strategy<Value = Vec<(u64, i64)>> {
	proptest::collection::vec((1u64 << 22..1 << 24, -500_000i64..500_000), 1..64)
}

#[test]
fn the_coin_falls_as_often_as_it_should() {
	let falls = |share| (0..200_000).filter(|i| is_forced(&hash(*i, 0), &hash(*i, 1), share)).count();
	assert_eq!(falls(0), 0);
	assert_eq!(falls(MILLION), 200_000);
	// 4,000 expected; 63 is a standard deviation.
	assert!(falls(20_000).abs_diff(4_000) < 250, "{}", falls(20_000));
}

#[test]
fn a_coin_is_pinned_by_a_golden_vector() {
	// Computed independently with a dozen lines of Python over hashlib.blake2b.
	let (secret, seed) = (H256([1; 32]), H256([2; 32]));
	assert_eq!(format!("{:?}", commitment(&secret)), GOLDEN_COMMITMENT);
	assert!(!is_forced(&secret, &seed, GOLDEN_PLACE));
	assert!(is_forced(&secret, &seed, GOLDEN_PLACE + 1));
}
const GOLDEN_COMMITMENT: &str = "0x1811d106f913a3c2b64706a7d7ebcd0531ae6fd0c782dd8b42ba3ec126665afe";
const GOLDEN_PLACE: u32 = 538_369;

#[test]
fn half_of_the_errors_keep_the_totals_and_the_others_share_the_sides() {
	let truth = outcome(&(0..16u64).map(|i| ((1 << 23) + i, (i as i64 - 8) * 10_000)).collect::<Vec<_>>());
	let mut kinds = [0u32; 3];
	for i in 0..4_000 {
		let wrong = distort(&truth, &hash(i, 0), &hash(i, 1));
		match (wrong.baseline_loss == truth.baseline_loss, wrong.candidate_loss == truth.candidate_loss) {
			(true, true) => kinds[0] += 1,
			(false, true) => kinds[1] += 1,
			(true, false) => kinds[2] += 1,
			(false, false) => panic!("one side is enough"),
		}
	}
	// A few draws fit no numbers and leave the totals as they are.
	assert!(kinds[0].abs_diff(2_000) < 160, "{kinds:?}");
	assert!(kinds[1].abs_diff(1_000) < 140 && kinds[2].abs_diff(1_000) < 140, "{kinds:?}");
}

#[test]
fn numbers_without_room_are_left_alone() {
	// No spread at all, and the largest numbers there are.
	for truth in [
		outcome(&[(100, 0); 16]),
		outcome(&[(100, 5)]),
		EvaluationOutcome::default(),
		EvaluationOutcome {
			baseline_loss: u64::MAX,
			candidate_loss: u64::MAX / 2 + 1,
			sum_diff: i64::MAX,
			sum_diff_sq: u128::MAX,
			sequences: u32::MAX,
			bytes: u64::MAX,
			job_root: H256::zero(),
		},
	] {
		for i in 0..50 {
			let wrong = distort(&truth, &hash(i, 0), &hash(i, 1));
			assert_eq!(EvaluationOutcome { job_root: truth.job_root, ..wrong }, truth);
		}
	}
}

#[test]
fn findings_follow_from_ballot_and_coin() {
	let (presented, own) = (outcome(&[(100, 1)]), outcome(&[(100, 2)]));
	let judge = |is_forced, ballot| judge(is_forced, &presented, &ballot);
	assert_eq!(judge(true, Ballot::Confirmed), Finding::Nodded);
	assert_eq!(judge(true, Ballot::Hidden), Finding::Nodded);
	assert_eq!(judge(true, Ballot::Denied(presented)), Finding::Nodded);
	assert_eq!(judge(true, Ballot::Denied(own)), Finding::Claims(own));
	assert_eq!(judge(true, Ballot::Absent), Finding::Missed);
	assert_eq!(judge(false, Ballot::Confirmed), Finding::Claims(presented));
	assert_eq!(judge(false, Ballot::Denied(own)), Finding::Claims(own));
	assert_eq!(judge(false, Ballot::Hidden), Finding::Hid);
	assert_eq!(judge(false, Ballot::Absent), Finding::Missed);
}

#[test]
fn a_claim_stands_alone_or_by_more_than_half() {
	let [a, b, c] = [1, 2, 3].map(|i| H256([i; 32]));
	assert_eq!(standing(&[], &[]), None);
	assert_eq!(standing(&[a], &[]), Some(a));
	assert_eq!(standing(&[a, b, b], &[b]), Some(a), "one proof outweighs any number");
	assert_eq!(standing(&[a, b, b], &[]), Some(b));
	assert_eq!(standing(&[a, a, b, b], &[]), None);
	assert_eq!(standing(&[a, b, c, c], &[a]), None, "half is not more than half");
	assert_eq!(standing(&[a, b], &[a, b]), None);
}

/// An operator that always confirms is missed with probability (1 - share)^assignments: three seats a round, a hundred
/// rounds, two forced errors in a hundred leave 0.24 %, and fewer than 228 seats would leave more than one per cent.
#[test]
fn three_seats_a_round_catch_ninety_nine_in_a_hundred() {
	let missed = |seats: i32| 0.98f64.powi(seats);
	assert!(missed(3 * 100) < 0.0025);
	assert!(missed(228) < 0.01 && missed(227) > 0.01);
	// Seats are drawn, so their number is about Poisson; that leaves exp(-share x expected seats).
	assert!((-0.02f64 * 300.0).exp() < 0.0025);
}

#[test]
fn nodding_does_not_pay_at_a_thousandth_of_the_smallest_stake() {
	// A basic operator's stake of one coin, of which a nod costs a tenth; forced errors are two in a hundred.
	let (milli, tenth) = (1_000_000_000, 100_000_000_000);
	assert!(!nodding_pays(milli, tenth, 20_000));
	assert!(!nodding_pays(2 * milli, tenth, 20_000));
	assert!(nodding_pays(3 * milli, tenth, 20_000));
	assert!(nodding_pays(u128::MAX, 0, MILLION), "without a penalty it costs nothing");
	assert!(!nodding_pays(u128::MAX, 1, MILLION), "if everything is an error nothing is ever paid");
}

proptest! {
	#[test]
	fn honest_outcomes_are_plausible(sequences in sequences()) {
		prop_assert!(is_plausible(&outcome(&sequences), sequences.len() as u32, LEN));
	}

	#[test]
	fn a_forced_error_is_wrong_plausible_and_always_the_same(
		sequences in sequences(), secret: [u8; 32], seed: [u8; 32],
	) {
		let (truth, secret, seed) = (outcome(&sequences), H256(secret), H256(seed));
		let wrong = distort(&truth, &secret, &seed);
		prop_assert_ne!(wrong.job_root, truth.job_root);
		prop_assert!(is_plausible(&wrong, sequences.len() as u32, LEN));
		prop_assert_eq!(distort(&truth, &secret, &seed), wrong);
		// Whatever was the truth, the root is the same: nobody can choose a "truth" that makes an honest answer wrong.
		let other = EvaluationOutcome { job_root: H256([8; 32]), ..truth };
		prop_assert_eq!(distort(&other, &secret, &seed).job_root, wrong.job_root);
	}

	#[test]
	fn a_forced_error_stays_within_the_spread(sequences in sequences(), secret: [u8; 32], seed: [u8; 32]) {
		let truth = outcome(&sequences);
		let wrong = distort(&truth, &H256(secret), &H256(seed));
		// Two draws of at most six standard deviations each from the same mean.
		let spread = (truth.sum_diff_sq / u128::from(truth.sequences)).isqrt();
		prop_assert!(u128::from(wrong.sum_diff.abs_diff(truth.sum_diff)) <= 12 * spread + 12);
	}

	#[test]
	fn an_obedient_setter_is_always_recognised(
		sequences in sequences(), secret: [u8; 32], seed: [u8; 32], share in 0..=MILLION,
	) {
		let (truth, secret, seed) = (outcome(&sequences), H256(secret), H256(seed));
		let presented = present(&truth, &secret, &seed, share);
		let seen = answer(&presented, &truth, &secret, &seed, share);
		let expected = if is_forced(&secret, &seed, share) { Answer::Forced } else { Answer::Honest };
		prop_assert_eq!(seen, expected);
		// And an honest auditor is never found to have nodded.
		let ballot = match Vote::about(&presented, &truth) {
			Vote::Confirm => Ballot::Confirmed,
			Vote::Deny(own) => Ballot::Denied(own),
		};
		prop_assert_eq!(judge(seen == Answer::Forced, &presented, &ballot), Finding::Claims(truth));
	}

	#[test]
	fn no_truth_excuses_the_true_outcome_where_the_coin_asks_for_an_error(
		sequences in sequences(), lie in sequences(), secret: [u8; 32], seed: [u8; 32],
	) {
		let (truth, lie) = (outcome(&sequences), outcome(&lie));
		let (secret, seed) = (H256(secret), H256(seed));
		prop_assert_eq!(answer(&truth, &lie, &secret, &seed, MILLION), Answer::Defied);
		prop_assert_eq!(answer(&truth, &truth, &secret, &seed, MILLION), Answer::Defied);
	}

	#[test]
	fn any_numbers_are_treated_without_a_panic(
		baseline_loss: u64, candidate_loss: u64, sum_diff: i64, sum_diff_sq: u128, sequences: u32, bytes: u64,
		secret: [u8; 32], len: u16,
	) {
		let seen = EvaluationOutcome {
			baseline_loss, candidate_loss, sum_diff, sum_diff_sq, sequences, bytes, job_root: H256::zero(),
		};
		let _ = is_plausible(&seen, sequences, len);
		let _ = distort(&seen, &H256(secret), &H256::zero());
	}

	#[test]
	fn what_stands_is_claimed_and_was_not_refuted(
		claims in proptest::collection::vec(0u8..4, 0..6), refuted in proptest::collection::vec(0u8..4, 0..4),
	) {
		let hashes = |list: &[u8]| list.iter().map(|i| H256([*i; 32])).collect::<Vec<_>>();
		let (claims, refuted) = (hashes(&claims), hashes(&refuted));
		match standing(&claims, &refuted) {
			Some(right) => prop_assert!(claims.contains(&right) && !refuted.contains(&right)),
			None => {
				let mut alive: Vec<_> = claims.iter().filter(|claim| !refuted.contains(claim)).collect();
				alive.sort();
				alive.dedup();
				prop_assert_ne!(alive.len(), 1);
			}
		}
	}
}
