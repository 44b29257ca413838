//! The acceptance rule in integers: plain numbers in, plain numbers out.
//!
//! A sample of n sequences of T bytes gives S1, the sum of the per-sequence improvements (bits, Q16), and S2, the
//! sum of their squares (Q32). With d = delta x T, mean m = S1 / n and variance s^2 = (S2 - S1^2 / n) / (n - 1), the
//! candidate is accepted iff the lower confidence bound of the mean exceeds the requirement:
//!
//! ```text
//! m - z s / sqrt(n) > d   <=>   D = S1 - n d > 0   and   D^2 (n - 1) > z^2 (n S2 - S1^2)
//! ```
//!
//! Nothing is divided and no root is taken, so nothing is rounded.

use blyan_primitives::EvaluationOutcome;
use sp_core::U256;

/// Why a candidate that was measured is not accepted, or how much better it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
	/// The improvement is real. Mean in bits per byte, Q16, rounded down.
	Accept(u64),
	/// The mean does not exceed the requirement. Mean in bits per byte, Q16, rounded down.
	NotBetter(i64),
	/// The mean does, the lower confidence bound does not. Mean in bits per byte, Q16, rounded down.
	NotCertain(i64),
}

/// Square of the z that attempt number `attempt` must clear, in millionths (z in thousandths, squared).
///
/// `z^2 + 4 ln 2 x ceil(log2(attempt))`. By the Gaussian tail bound exp(-z^2 / 2) each doubling of the number
/// divides the chance of a lucky acceptance by four; attempts 1, 2, 3-4, 5-8, ... together have the chance
/// of the first times 1 + 1/4 + 2/16 + 4/64 + ... < 1.5.
pub fn z_squared(z_milli: u32, attempt: u32) -> u64 {
	/// 4 ln 2, in millionths, rounded up.
	const STEP: u64 = 2_772_589;
	// ceil(log2 a) is the number of bits of a - 1.
	let doublings = u32::BITS.saturating_sub(attempt.saturating_sub(1).leading_zeros());
	u64::from(z_milli)
		.saturating_mul(u64::from(z_milli))
		.saturating_add(STEP.saturating_mul(u64::from(doublings)))
}

/// Mean improvement in bits per byte, Q16, rounded towards minus infinity; zero for no bytes.
pub fn mean_per_byte(outcome: &EvaluationOutcome) -> i64 {
	let bytes = i128::from(outcome.bytes);
	let mean = i128::from(outcome.sum_diff).checked_div_euclid(bytes).unwrap_or(0);
	// |mean| <= |sum_diff|, which is an i64.
	i64::try_from(mean).unwrap_or(0)
}

/// Applies the rule at the top to a consistent outcome over sequences of `sequence_len` bytes.
///
/// - `delta`: required mean improvement in bits per byte, Q16.
/// - `z_squared`: see [`z_squared`].
///
/// One sequence has no variance, so fewer than two are never enough.
pub fn judge(outcome: &EvaluationOutcome, sequence_len: u16, delta: u32, z_squared: u64) -> Judgement {
	let mean = mean_per_byte(outcome);
	let n = outcome.sequences;
	let sum = i128::from(outcome.sum_diff);
	// At most 2^32 x 2^32 x 2^16.
	let required = i128::from(n).saturating_mul(i128::from(delta)).saturating_mul(i128::from(sequence_len));
	let excess = sum.saturating_sub(required);
	if excess <= 0 {
		return Judgement::NotBetter(mean);
	}
	match is_certain(excess.unsigned_abs(), sum.unsigned_abs(), outcome.sum_diff_sq, n, z_squared) {
		// The excess is positive, so the sum is positive and so is the mean.
		Some(true) => Judgement::Accept(mean.unsigned_abs()),
		_ => Judgement::NotCertain(mean),
	}
}

/// `D^2 (n - 1) 10^6 > z2 (n S2 - S1^2)`; `None` on overflow, on fewer than two sequences, and for sums that no
/// numbers have.
fn is_certain(excess: u128, sum: u128, squares: u128, n: u32, z_squared: u64) -> Option<bool> {
	let degrees = n.checked_sub(1).filter(|degrees| *degrees > 0)?;
	let sum = U256::from(sum);
	let spread = U256::from(squares).checked_mul(n.into())?.checked_sub(sum.checked_mul(sum)?)?;
	let right = spread.checked_mul(z_squared.into())?;
	let excess = U256::from(excess);
	let left = excess.checked_mul(excess)?.checked_mul(degrees.into())?.checked_mul(1_000_000u32.into())?;
	Some(left > right)
}

/// Whether the numbers of an outcome can belong to `sequences` sequences of `sequence_len` bytes.
///
/// Counts match the sample, the difference of the sums is the sum of the differences, and the squares are at
/// least what that sum implies (Cauchy-Schwarz).
pub fn is_consistent(outcome: &EvaluationOutcome, sequences: u32, sequence_len: u16) -> bool {
	let bytes = u64::from(sequences).saturating_mul(u64::from(sequence_len));
	let difference = i128::from(outcome.baseline_loss).saturating_sub(i128::from(outcome.candidate_loss));
	let sum = U256::from(outcome.sum_diff.unsigned_abs());
	let squares = U256::from(outcome.sum_diff_sq);
	outcome.sequences == sequences
		&& outcome.bytes == bytes
		&& i128::from(outcome.sum_diff) == difference
		&& sum.saturating_mul(sum) <= squares.saturating_mul(sequences.into())
}

/// Least number of equal verdicts that decide for a committee of `members`: two thirds, rounded up.
pub fn two_thirds(members: u32) -> u32 {
	members.saturating_mul(2).div_ceil(3)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

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

	#[test]
	fn z_grows_by_four_ln_two_a_doubling() {
		let extra = |attempt| z_squared(3_000, attempt) - 9_000_000;
		let seen: Vec<u64> = (0..=9).map(|attempt| extra(attempt) / 2_772_589).collect();
		assert_eq!(seen, [0, 0, 1, 2, 2, 3, 3, 3, 3, 4]);
		assert_eq!(z_squared(u32::MAX, u32::MAX), u64::from(u32::MAX).pow(2) + 32 * 2_772_589);
	}

	#[test]
	fn two_thirds_are_rounded_up() {
		let needed: Vec<u32> = (0..=7).map(two_thirds).collect();
		assert_eq!(needed, [0, 1, 2, 2, 3, 4, 4, 5]);
	}

	#[test]
	fn mean_is_rounded_down_on_both_sides_of_zero() {
		assert_eq!(mean_per_byte(&outcome(&[7, 0], 3)), 1);
		assert_eq!(mean_per_byte(&outcome(&[-7, 0], 3)), -2);
		assert_eq!(mean_per_byte(&EvaluationOutcome::default()), 0);
	}

	#[test]
	fn one_sequence_is_never_enough() {
		assert_eq!(judge(&outcome(&[1 << 40], 64), 64, 1, 0), Judgement::NotCertain(1 << 34));
	}

	#[test]
	fn equal_improvements_are_certain_as_soon_as_they_exceed_the_requirement() {
		let exact = outcome(&[640, 640, 640], 64);
		assert_eq!(judge(&exact, 64, 10, 9_000_000), Judgement::NotBetter(10));
		assert_eq!(judge(&exact, 64, 9, 9_000_000), Judgement::Accept(10));
	}

	#[test]
	fn noise_with_a_lucky_mean_is_not_certain() {
		// Mean 10 with a standard deviation of about 1,000 over 4 sequences.
		assert_eq!(
			judge(&outcome(&[1_010, -990, 1_010, -990], 1), 1, 1, 9_000_000),
			Judgement::NotCertain(10)
		);
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
		assert_eq!(judge(&huge, u16::MAX, 0, u64::MAX), Judgement::NotCertain(0));
		assert_eq!(judge(&huge, u16::MAX, u32::MAX, u64::MAX), Judgement::NotBetter(0));
		let worst = EvaluationOutcome { sum_diff: i64::MIN, ..huge };
		assert_eq!(judge(&worst, u16::MAX, u32::MAX, 0), Judgement::NotBetter(-1));
	}

	#[test]
	fn impossible_sums_are_inconsistent_and_never_accepted() {
		let good = outcome(&[5, 7], 64);
		assert!(is_consistent(&good, 2, 64));
		let few_squares = EvaluationOutcome { sum_diff_sq: 71, ..good };
		assert!(!is_consistent(&few_squares, 2, 64));
		assert_eq!(judge(&few_squares, 64, 0, 0), Judgement::NotCertain(0));
		for wrong in [
			EvaluationOutcome { sequences: 3, ..good },
			EvaluationOutcome { bytes: 127, ..good },
			EvaluationOutcome { sum_diff: 13, ..good },
			EvaluationOutcome { candidate_loss: good.candidate_loss + 1, ..good },
		] {
			assert!(!is_consistent(&wrong, 2, 64));
		}
	}

	proptest! {
		/// Against the textbook formula in f64. Cases where both sides agree to nine digits are left out:
		/// there the float, not the rule, is in doubt.
		#[test]
		fn judge_agrees_with_the_textbook(
			differences in proptest::collection::vec(-2_000_000i64..3_000_000, 2..200),
			delta in 0u32..20_000,
			z_milli in 0u32..6_000,
			attempt in 1u32..40,
		) {
			let (sequence_len, n) = (64u16, differences.len() as f64);
			let z2 = z_squared(z_milli, attempt);
			let mean = differences.iter().sum::<i64>() as f64 / n;
			let variance = differences.iter().map(|d| (*d as f64 - mean).powi(2)).sum::<f64>() / (n - 1.0);
			let margin = (z2 as f64 / 1e6).sqrt() * (variance / n).sqrt();
			let bound = mean - margin - f64::from(delta) * f64::from(sequence_len);
			prop_assume!(bound.abs() > 1e-9 * (mean.abs() + margin + 1.0));
			let seen = outcome(&differences, sequence_len);
			prop_assert!(is_consistent(&seen, differences.len() as u32, sequence_len));
			let accepted = matches!(judge(&seen, sequence_len, delta, z2), Judgement::Accept(_));
			prop_assert_eq!(accepted, bound > 0.0);
		}

		/// Asking for more never turns a refusal into an acceptance.
		#[test]
		fn judge_is_monotonous(
			differences in proptest::collection::vec(-1_000i64..4_000, 2..50),
			delta in 0u32..50,
			more in 0u32..50,
			attempt in 1u32..100,
		) {
			let seen = outcome(&differences, 8);
			let strict = judge(&seen, 8, delta + more, z_squared(3_000, attempt + more));
			if let Judgement::Accept(mean) = strict {
				prop_assert_eq!(judge(&seen, 8, delta, z_squared(3_000, attempt)), Judgement::Accept(mean));
			}
		}

		#[test]
		fn any_numbers_are_judged_without_a_panic(
			sum_diff: i64, sum_diff_sq: u128, sequences: u32, bytes: u64, len: u16, delta: u32, z2: u64,
		) {
			let seen = EvaluationOutcome { sum_diff, sum_diff_sq, sequences, bytes, ..Default::default() };
			let _ = judge(&seen, len, delta, z2);
			let _ = is_consistent(&seen, sequences, len);
		}
	}
}
