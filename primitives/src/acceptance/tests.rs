//! The rule against Student's distribution, and at its edges.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn rule(delta: u32, attempt: u32) -> Rule {
	Rule { delta, alpha: ALPHA, attempt, guard_tolerance: 656, guard_left: u64::MAX }
}

fn outcome(differences: &[i64], sequence_len: u16) -> EvaluationOutcome {
	let sum: i64 = differences.iter().sum();
	let baseline = 1u64 << 50;
	EvaluationOutcome {
		baseline_loss: baseline,
		candidate_loss: baseline.checked_add_signed(-sum).unwrap(),
		sum_diff: sum,
		sum_diff_sq: differences.iter().map(|d| u128::from(d.unsigned_abs()).pow(2)).sum(),
		sequences: differences.len() as u32,
		bytes: differences.len() as u64 * u64::from(sequence_len),
		job_root: Default::default(),
	}
}

fn target(outcome: EvaluationOutcome) -> Score {
	Score { target: outcome, guard: None }
}

fn log2(value: U256) -> f64 {
	log2_floor(value).unwrap() as f64 / (1u64 << LOG_BITS) as f64
}

/// P(T > t) with `degrees` degrees of freedom, by Simpson's rule over the angle: t = sqrt(v) tan(a) makes the
/// density proportional to cos(a)^(v - 1).
fn student_tail(t: f64, degrees: u32) -> f64 {
	let power = f64::from(degrees) - 1.0;
	let integral = |from: f64, to: f64| {
		let steps = 20_000;
		let width = (to - from) / f64::from(steps);
		let weight = |i| if i == 0 || i == steps { 1.0 } else { 2.0 + 2.0 * f64::from(i % 2) };
		let at = |i: i32| (from + f64::from(i) * width).cos().max(0.0).powf(power);
		(0..=steps).map(|i| weight(i) * at(i)).sum::<f64>() * width / 3.0
	};
	let quarter = core::f64::consts::FRAC_PI_2;
	integral((t / f64::from(degrees).sqrt()).atan(), quarter) / (2.0 * integral(0.0, quarter))
}

#[test]
fn constants_are_rounded_against_the_candidate() {
	use core::f64::consts::PI;
	let unit = (1u64 << LOG_BITS) as f64;
	let two_pi = (2.0 * PI).log2() * unit;
	assert!(LOG2_TWO_PI as f64 <= two_pi + 1.0 && LOG2_TWO_PI as f64 >= two_pi - 2.0, "{two_pi}");
	let zeta = (PI * PI / 6.0).log2() * unit;
	assert!(LOG2_ZETA as f64 >= zeta - 1.0 && LOG2_ZETA as f64 <= zeta + 2.0, "{zeta}");
}

#[test]
fn logarithms_of_powers_of_two_are_exact() {
	for exponent in 0..256u32 {
		assert_eq!(log2_floor(U256::one() << exponent), Some(i128::from(exponent) << LOG_BITS));
	}
	assert_eq!(log2_floor(U256::zero()), None);
	assert!((log2(U256::MAX) - 256.0).abs() < 1e-12);
}

#[test]
fn shares_of_the_budget_never_add_up_to_more_than_it() {
	let share = |attempt| {
		let evidence = required_evidence(ALPHA, attempt).unwrap() as f64 / (1u64 << LOG_BITS) as f64;
		(-evidence / 2.0).exp2()
	};
	let spent: f64 = (1..=100_000).map(share).sum();
	assert!(spent <= 1_350e-6, "{spent}");
	// The rest of the series is about alpha x 0.6 / 100,000: nothing is left unspent either.
	assert!(spent > 1_349.9e-6, "{spent}");
	assert!(share(0) <= 1_350e-6 && share(0) > 1_349.999e-6);
}

#[test]
fn standard_errors_are_those_of_student_rounded_up() {
	for sequences in [16u32, 64, 256, 1_024, 4_096] {
		for attempt in [0u32, 1, 2, 3, 10, 50, 1_000] {
			let share = match attempt {
				0 => 1_350e-6,
				i => 1_350e-6 * 6.0 / (core::f64::consts::PI * f64::from(i)).powi(2),
			};
			let t = f64::from(standard_errors(ALPHA, attempt, sequences).unwrap()) / 1_000.0;
			let chance = student_tail(t, sequences - 1);
			assert!(chance <= share, "n {sequences} attempt {attempt}: t {t} has {chance:e} > {share:e}");
			// The bound is not paid for dearly: two percent fewer standard errors would not do.
			let less = student_tail(t * 0.98, sequences - 1);
			assert!(less > share, "n {sequences} attempt {attempt}: {less:e} <= {share:e}");
		}
	}
	assert_eq!(standard_errors(0, 1, 256), None);
	assert_eq!(standard_errors(ALPHA, 1, 1), None);
}

#[test]
fn later_attempts_need_slowly_more() {
	let needed = [1, 2, 5, 10, 50, 1_000].map(|attempt| standard_errors(ALPHA, attempt, 256).unwrap());
	assert_eq!(needed, NEEDED);
}
const NEEDED: [u32; 6] = [3_207, 3_599, 4_073, 4_404, 5_110, 6_263];

#[test]
fn mean_is_rounded_down_on_both_sides_of_zero() {
	assert_eq!(mean_per_byte(&outcome(&[7, 0], 3)), 1);
	assert_eq!(mean_per_byte(&outcome(&[-7, 0], 3)), -2);
	assert_eq!(mean_per_byte(&EvaluationOutcome::default()), 0);
}

#[test]
fn one_sequence_is_never_enough() {
	let one = target(outcome(&[1 << 40], 64));
	assert_eq!(judge(&one, 64, 0, &rule(1, 1)), Judgement::NotCertain(1 << 34));
}

#[test]
fn equal_improvements_are_certain_as_soon_as_they_exceed_the_requirement() {
	let exact = target(outcome(&[640, 640, 640], 64));
	assert_eq!(judge(&exact, 64, 0, &rule(10, 1)), Judgement::NotBetter(10));
	assert_eq!(judge(&exact, 64, 0, &rule(9, 1)), Judgement::Accept(10));
	let never = Rule { alpha: 0, ..rule(9, 1) };
	assert_eq!(judge(&exact, 64, 0, &never), Judgement::NotCertain(10));
}

#[test]
fn noise_with_a_lucky_mean_is_not_certain() {
	// Mean 10 with a standard deviation of about 1,000 over 4 sequences.
	let lucky = target(outcome(&[1_010, -990, 1_010, -990], 1));
	assert_eq!(judge(&lucky, 1, 0, &rule(1, 1)), Judgement::NotCertain(10));
}

#[test]
fn a_better_target_does_not_excuse_a_worse_guard() {
	let better = outcome(&[640; 64], 64);
	let guarded = |differences: &[i64]| {
		let score = Score { target: better, guard: Some(outcome(differences, 16)) };
		judge(&score, 64, 16, &rule(0, 1))
	};
	assert_eq!(guarded(&[0; 64]), Judgement::Accept(10));
	assert_eq!(guarded(&[-655 * 16; 64]), Judgement::Accept(10));
	assert_eq!(guarded(&[-656 * 16; 64]), Judgement::Regressed(-656));
	// Unchanged on average, but so uneven that a loss beyond the tolerance cannot be ruled out.
	let uneven: Vec<i64> = (0..64).map(|i| if i % 2 == 0 { 60_000 } else { -60_000 }).collect();
	assert_eq!(guarded(&uneven), Judgement::Regressed(0));
}

#[test]
fn a_loss_beyond_what_is_left_is_refused_however_certain_it_is() {
	let score = |per_sequence: i64| Score {
		target: outcome(&[640; 64], 64),
		guard: Some(outcome(&[per_sequence; 64], 16)),
	};
	let left = |guard_left| Rule { guard_left, ..rule(0, 1) };
	assert_eq!(judge(&score(-16), 64, 16, &left(64 * 16)), Judgement::Accept(10));
	assert_eq!(judge(&score(-16), 64, 16, &left(64 * 16 - 1)), Judgement::Regressed(-1));
	assert_eq!(judge(&score(0), 64, 16, &left(0)), Judgement::Accept(10));
	assert_eq!(guard_budget(1_312, 256, 256), 1_312 * 65_536);
	assert_eq!(guard_budget(u32::MAX, u32::MAX, u16::MAX), u64::MAX);
}

#[test]
fn gains_pay_back_and_are_not_saved_up() {
	let mut loss = GuardLoss::default();
	assert_eq!((loss.note(50), loss), (0, GuardLoss(0)));
	assert_eq!((loss.note(-30), loss, loss.left(100)), (30, GuardLoss(30), 70));
	assert_eq!((loss.note(50), loss), (-30, GuardLoss(0)));
	loss.undo(-30);
	assert_eq!((loss, loss.left(20)), (GuardLoss(30), 0));
	loss.undo(30);
	assert_eq!(loss, GuardLoss(0));
	assert_eq!((loss.note(i64::MIN), loss.note(i64::MAX)), (i64::MAX, -i64::MAX));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
	let huge = EvaluationOutcome {
		baseline_loss: u64::MAX,
		candidate_loss: u64::MAX / 2 + 1,
		sum_diff: i64::MAX,
		sum_diff_sq: u128::MAX,
		sequences: u32::MAX,
		bytes: u64::MAX,
		job_root: Default::default(),
	};
	let lax =
		|delta| Rule { delta, alpha: 1, attempt: u32::MAX, guard_tolerance: u32::MAX, guard_left: u64::MAX };
	assert_eq!(judge(&target(huge), u16::MAX, 0, &lax(0)), Judgement::NotCertain(0));
	assert_eq!(judge(&target(huge), u16::MAX, 0, &lax(u32::MAX)), Judgement::NotBetter(0));
	let worst = EvaluationOutcome { sum_diff: i64::MIN, ..huge };
	assert_eq!(judge(&target(worst), u16::MAX, 0, &lax(u32::MAX)), Judgement::NotBetter(-1));
	let guarded = Score { target: outcome(&[640; 9], 64), guard: Some(worst) };
	assert_eq!(judge(&guarded, 64, u16::MAX, &rule(0, 1)), Judgement::Regressed(-1));
}

#[test]
fn impossible_sums_are_inconsistent_and_never_accepted() {
	let good = outcome(&[5, 7], 64);
	assert!(is_consistent(&good, 2, 64));
	let few_squares = EvaluationOutcome { sum_diff_sq: 71, ..good };
	assert!(!is_consistent(&few_squares, 2, 64));
	assert_eq!(judge(&target(few_squares), 64, 0, &rule(0, 1)), Judgement::NotCertain(0));
	for wrong in [
		EvaluationOutcome { sequences: 3, ..good },
		EvaluationOutcome { bytes: 127, ..good },
		EvaluationOutcome { sum_diff: 13, ..good },
		EvaluationOutcome { candidate_loss: good.candidate_loss + 1, ..good },
	] {
		assert!(!is_consistent(&wrong, 2, 64));
	}
}

#[test]
fn a_new_chain_has_room_for_one_tolerated_loss_on_its_guard() {
	let rule = Rule::of_new_chain(64 * 16);
	let guarded =
		|loss: i64| Score { target: outcome(&[64_000; 64], 64), guard: Some(outcome(&[-loss * 16; 64], 16)) };
	assert_eq!(judge(&guarded(327), 64, 16, &rule), Judgement::Accept(1_000));
	assert_eq!(judge(&guarded(328), 64, 16, &rule), Judgement::Regressed(-328));
}

proptest! {
	/// Candidates may be offered in any order, by any account: the accepted changes between any two moments
	/// never add up to a loss beyond the budget.
	#[test]
	fn guard_losses_never_add_up_to_more_than_the_budget(
		gains in proptest::collection::vec(-60i64..40, 0..200),
		budget in 0u64..200,
	) {
		let (mut loss, mut level, mut best) = (GuardLoss::default(), 0i64, 0i64);
		for gain in gains {
			let score = Score {
				target: outcome(&[640; 8], 1),
				guard: Some(outcome(&[gain; 8], 1)),
			};
			let rule = Rule { guard_tolerance: 1_000, guard_left: loss.left(budget), ..rule(0, 1) };
			if judge(&score, 1, 1, &rule) != Judgement::Accept(640) {
				prop_assert!(8 * gain < 0);
				continue;
			}
			loss.note(8 * gain);
			level += 8 * gain;
			best = best.max(level);
			prop_assert!((best - level) as u64 <= budget);
			prop_assert_eq!((best - level) as u64, loss.0);
		}
	}

	#[test]
	fn logarithms_are_floors_of_the_real_ones(high: u128, low: u128, shift in 0u32..256) {
		let value = ((U256::from(high) << 128) + U256::from(low)) >> shift;
		prop_assume!(!value.is_zero());
		let bits = value.bits() as i32;
		let leading = (value >> (bits - 64).max(0) as usize).as_u64() as f64;
		let real = leading.log2() + f64::from((bits - 64).max(0));
		prop_assert!((log2(value) - real).abs() < 1e-12);
		prop_assert!(log2_ceil(value) > log2_floor(value));
	}

	/// Against Student's t in f64. Cases within three percent of the line are left out: there the bound may say no
	/// where the exact tail says yes. It must never say yes where the exact tail says no.
	#[test]
	fn judge_agrees_with_student(
		differences in proptest::collection::vec(-2_000_000i64..3_000_000, 8..200),
		delta in 0u32..20_000,
		attempt in 1u32..40,
	) {
		let (sequence_len, n) = (64u16, differences.len() as f64);
		let mean = differences.iter().sum::<i64>() as f64 / n;
		let variance = differences.iter().map(|d| (*d as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
		let t = (mean - f64::from(delta) * f64::from(sequence_len)) / (variance / n).sqrt();
		let share = 1_350e-6 * 6.0 / (core::f64::consts::PI * f64::from(attempt)).powi(2);
		let seen = outcome(&differences, sequence_len);
		prop_assert!(is_consistent(&seen, differences.len() as u32, sequence_len));
		let judged = judge(&target(seen), sequence_len, 0, &rule(delta, attempt));
		let accepted = matches!(judged, Judgement::Accept(_));
		let degrees = differences.len() as u32 - 1;
		let passes = |t: f64| t > 0.0 && student_tail(t, degrees) <= share;
		prop_assert!(!accepted || passes(t * 1.000_001), "t {}", t);
		prop_assert!(accepted || !passes(t * 0.97), "t {}", t);
	}

	/// Asking for more never turns a refusal into an acceptance.
	#[test]
	fn judge_is_monotonous(
		differences in proptest::collection::vec(-1_000i64..4_000, 2..50),
		delta in 0u32..50,
		more in 0u32..50,
		attempt in 1u32..100,
	) {
		let seen = target(outcome(&differences, 8));
		let strict = judge(&seen, 8, 0, &rule(delta + more, attempt + more));
		if let Judgement::Accept(mean) = strict {
			prop_assert_eq!(judge(&seen, 8, 0, &rule(delta, attempt)), Judgement::Accept(mean));
		}
	}

	#[test]
	fn any_numbers_are_judged_without_a_panic(
		sum_diff: i64, sum_diff_sq: u128, sequences: u32, bytes: u64, len: u16, delta: u32, alpha: u32, attempt: u32,
	) {
		let seen = EvaluationOutcome { sum_diff, sum_diff_sq, sequences, bytes, ..Default::default() };
		let rule = Rule { delta, alpha, attempt, guard_tolerance: delta, guard_left: u64::from(alpha) };
		let _ = judge(&Score { target: seen, guard: Some(seen) }, len, len, &rule);
		let _ = is_consistent(&seen, sequences, len);
	}
}
