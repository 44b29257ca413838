//! The acceptance rule in integers: plain numbers in, plain numbers out.
//!
//! A sample of n sequences of T bytes gives S1, the sum of the per-sequence improvements (bits, Q16), and S2, the
//! sum of their squares (Q32). With a requirement of d a sequence, D = S1 - n d and Q = n S2 - S1^2, Student's statistic
//! of "the mean exceeds d" has the square t^2 = (n - 1) D^2 / Q, and v = n - 1 degrees of freedom. Its chance under the
//! null hypothesis is bounded from above: integrating the density by parts once, and with its constant at most
//! 1 / sqrt(2 pi),
//!
//! ```text
//! P(T > t) <= f(t) (v + t^2) / (v t) <= (1 + x)^(-(v - 1) / 2) / sqrt(2 pi v x),      x = t^2 / v = D^2 / Q
//! ```
//!
//! so the lower confidence bound of the mean at level alpha exceeds d if
//!
//! ```text
//! (v - 1) log2(1 + x) + log2(v x) + log2(2 pi) >= -2 log2(alpha)
//! ```
//!
//! Logarithms are fixed point and rounded against the candidate. No root, no quantile, no table. Against the exact
//! quantile the bound asks for about one percent more at t = 3, and for less than that further out.
//!
//! **Spending.** Attempt i since a miner's last acceptance is judged at `alpha_i = alpha 6 / (pi^2 i^2)`. These add up
//! to alpha, so by the union bound, whatever the attempts have to do with each other, a miner whose experts are no
//! better has a chance of at most alpha of ever being accepted, however often it tries.

use blyan_primitives::{EvaluationOutcome, Score};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::U256;
use sp_runtime::{traits::AtLeast32BitUnsigned, Perbill};

/// Why a candidate that was measured is not accepted, or how much better it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
	/// The improvement is real. Mean in bits per byte, Q16, rounded down.
	Accept(u64),
	/// The mean does not exceed the requirement. Mean in bits per byte, Q16, rounded down.
	NotBetter(i64),
	/// The mean does, the lower confidence bound does not. Mean in bits per byte, Q16, rounded down.
	NotCertain(i64),
	/// Better on the target, but it cannot be ruled out that it is worse elsewhere. Mean on the guard sample in bits
	/// per byte, Q16, rounded down.
	Regressed(i64),
}

/// What an expert must show to be accepted.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Rule {
	/// Required mean improvement in bits per byte, Q16.
	pub delta: u32,
	/// The budget: the permitted chance of ever accepting from a miner that never improves, in millionths.
	pub alpha: u32,
	/// Which attempt this is since the miner's last acceptance, counted from one.
	pub attempt: u32,
	/// How much worse on the guard sample is still tolerable, in bits per byte, Q16.
	pub guard_tolerance: u32,
	/// Remainder of the model's guard budget: how much worse all sequences of the guard sample may become together,
	/// in bits, Q16.
	pub guard_left: u64,
}

/// Distance of a model on its guard sample from the best it ever was there, in bits, Q16, over all sequences.
///
/// A guard that compares with the current head only is a ratchet: each acceptance may be a little worse than the one before
/// it. The sample is the same for all candidates, so differences add up to the exact distance, without noise. What
/// improves the model on the guard sample pays back what was lost; what goes beyond that is not saved up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct GuardLoss(pub u64);

impl GuardLoss {
	/// Remainder of a budget.
	pub fn left(self, budget: u64) -> u64 {
		budget.saturating_sub(self.0)
	}

	/// Counts an acceptance that improved the guard sample by `gain`. Returns by how much the loss grew, which is negative
	/// where it shrank.
	pub fn note(&mut self, gain: i64) -> i64 {
		let before = self.0;
		self.0 = before.saturating_add_signed(gain.saturating_neg());
		let change = i128::from(self.0).saturating_sub(before.into());
		i64::try_from(change).unwrap_or(i64::MAX)
	}

	/// Takes back what [`GuardLoss::note`] returned.
	pub fn undo(&mut self, change: i64) {
		self.0 = self.0.saturating_add_signed(change.saturating_neg());
	}
}

/// A budget in bits per byte, over a whole sample.
///
/// - `per_byte`: the budget, Q16.
pub fn guard_budget(per_byte: u32, sequences: u32, sequence_len: u16) -> u64 {
	u64::from(per_byte).saturating_mul(u64::from(sequences)).saturating_mul(sequence_len.into())
}

/// Bits after the point of the logarithms below.
const LOG_BITS: u32 = 48;
/// log2(2 pi), rounded down.
const LOG2_TWO_PI: i128 = 746_329_811_291_615;
/// log2(pi^2 / 6), rounded up.
const LOG2_ZETA: i128 = 202_107_409_473_513;

/// Base-2 logarithm of a positive number, Q48, rounded down by less than 2^-46; `None` for zero.
fn log2_floor(value: U256) -> Option<i128> {
	let exponent = value.bits().checked_sub(1)?;
	// The leading 64 bits, cut off below: 1 <= mantissa / 2^63 < 2. Multiplying by a power of two that fits is a shift
	// without loss; dividing by one cuts off.
	let power = |exponent: usize| U256::from(2u32).checked_pow(exponent.into());
	let aligned = match exponent.checked_sub(63) {
		Some(surplus) => value.checked_div(power(surplus)?)?,
		None => value.checked_mul(power(63usize.checked_sub(exponent)?)?)?,
	};
	let mut mantissa = u128::from(aligned.low_u64());
	let mut log = i128::try_from(exponent).ok()?;
	for _ in 0..LOG_BITS {
		// Below 2^128, and cutting off only ever makes the logarithm smaller.
		mantissa = mantissa.saturating_mul(mantissa) >> 63;
		log = log.saturating_mul(2);
		if mantissa >> 64 != 0 {
			mantissa >>= 1;
			log = log.saturating_add(1);
		}
	}
	Some(log)
}

/// Base-2 logarithm of a positive number, Q48, rounded up.
fn log2_ceil(value: U256) -> Option<i128> {
	// What the floor loses: less than a unit by the last bit, and less than a unit by the bits cut off on the way.
	Some(log2_floor(value)?.saturating_add(4))
}

/// `-2 log2` of the chance that attempt number `attempt` may have, Q48, rounded up; `None` if it may have none.
///
/// - `alpha`: the budget in millionths.
/// - `attempt`: counted from one; zero is the budget undivided.
fn required_evidence(alpha: u32, attempt: u32) -> Option<i128> {
	let whole = log2_ceil(1_000_000u32.into())?.saturating_sub(log2_floor(alpha.into())?).saturating_mul(2);
	if attempt == 0 {
		return Some(whole);
	}
	let share = log2_ceil(attempt.into())?.saturating_mul(4).saturating_add(LOG2_ZETA.saturating_mul(2));
	Some(whole.saturating_add(share))
}

/// The left side of the rule at the top, Q48, rounded down, where `excess` is D > 0 and `spread` is Q > 0.
fn evidence(excess: U256, spread: U256, degrees: u32) -> Option<i128> {
	let squared = excess.checked_mul(excess)?;
	let ratio = log2_floor(spread.checked_add(squared)?)?.saturating_sub(log2_ceil(spread)?);
	let lead = i128::from(degrees).saturating_sub(1).saturating_mul(ratio.max(0));
	let tail = log2_floor(squared.checked_mul(degrees.into())?)?.saturating_sub(log2_ceil(spread)?);
	Some(lead.saturating_add(tail).saturating_add(LOG2_TWO_PI))
}

/// Mean improvement in bits per byte, Q16, rounded towards minus infinity; zero for no bytes.
pub fn mean_per_byte(outcome: &EvaluationOutcome) -> i64 {
	let bytes = i128::from(outcome.bytes);
	let mean = i128::from(outcome.sum_diff).checked_div_euclid(bytes).unwrap_or(0);
	// |mean| <= |sum_diff|, which is an i64.
	i64::try_from(mean).unwrap_or(0)
}

/// Applies the rule to a consistent score: better on the target by more than `delta` at the attempt's share of alpha,
/// and on the guard sample, if there is one, not worse by `guard_tolerance` at the undivided alpha, nor by more than what is
/// left of the budget.
///
/// - `target_len`, `guard_len`: bytes of a sequence in either sample.
pub fn judge(score: &Score, target_len: u16, guard_len: u16, rule: &Rule) -> Judgement {
	let mean = mean_per_byte(&score.target);
	let target = Sums::new(&score.target, target_len);
	let delta = i64::from(rule.delta);
	if target.excess(delta) <= 0 {
		return Judgement::NotBetter(mean);
	}
	if target.is_certain(delta, rule.alpha, rule.attempt.max(1)) != Some(true) {
		return Judgement::NotCertain(mean);
	}
	if let Some(guard) = &score.guard {
		let tolerated = i64::from(rule.guard_tolerance).saturating_neg();
		let is_paid = guard.sum_diff >= 0 || guard.sum_diff.unsigned_abs() <= rule.guard_left;
		if !is_paid || Sums::new(guard, guard_len).is_certain(tolerated, rule.alpha, 0) != Some(true) {
			return Judgement::Regressed(mean_per_byte(guard));
		}
	}
	// The excess is positive and delta is not negative, so the sum is positive and so is the mean.
	Judgement::Accept(mean.unsigned_abs())
}

/// Standard errors, in thousandths and rounded up, by which the mean of `sequences` differences must exceed the
/// requirement on attempt number `attempt`; `None` if nothing would do. For people: the rule itself never needs it.
pub fn standard_errors(alpha: u32, attempt: u32, sequences: u32) -> Option<u32> {
	let degrees = sequences.checked_sub(1).filter(|degrees| *degrees > 0)?;
	let required = required_evidence(alpha, attempt)?;
	// D^2 / Q = t^2 / v, with t in thousandths.
	let spread = U256::from(degrees).checked_mul(1_000_000u32.into())?;
	let suffices = |milli: u32| {
		milli > 0 && evidence(milli.into(), spread, degrees).is_some_and(|evidence| evidence >= required)
	};
	let (mut low, mut high) = (0u32, u32::MAX);
	if !suffices(high) {
		return None;
	}
	while low < high {
		let middle = low.midpoint(high);
		if suffices(middle) {
			high = middle;
		} else {
			low = middle.saturating_add(1);
		}
	}
	Some(high)
}

/// The sums that the rule needs.
struct Sums {
	n: u32,
	sum: i128,
	squares: u128,
	sequence_len: u16,
}

impl Sums {
	fn new(outcome: &EvaluationOutcome, sequence_len: u16) -> Self {
		Self {
			n: outcome.sequences,
			sum: outcome.sum_diff.into(),
			squares: outcome.sum_diff_sq,
			sequence_len,
		}
	}

	/// By how much the sum exceeds what a mean of `required` bits per byte (Q16) makes.
	fn excess(&self, required: i64) -> i128 {
		// At most 2^32 x 2^63 x 2^16.
		let required = i128::from(self.n)
			.saturating_mul(i128::from(required))
			.saturating_mul(i128::from(self.sequence_len));
		self.sum.saturating_sub(required)
	}

	/// Whether the lower confidence bound of the mean exceeds `required`. `None` on overflow, on fewer than two
	/// sequences, and for sums that no numbers have.
	///
	/// One sequence has no variance, so fewer than two are never enough.
	fn is_certain(&self, required: i64, alpha: u32, attempt: u32) -> Option<bool> {
		let degrees = self.n.checked_sub(1).filter(|degrees| *degrees > 0)?;
		let excess = self.excess(required);
		let sum = U256::from(self.sum.unsigned_abs());
		let spread =
			U256::from(self.squares).checked_mul(self.n.into())?.checked_sub(sum.checked_mul(sum)?)?;
		let needed = required_evidence(alpha, attempt)?;
		if excess <= 0 || spread.is_zero() {
			return Some(excess > 0);
		}
		Some(evidence(U256::from(excess.unsigned_abs()), spread, degrees)? >= needed)
	}
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

/// What an evaluation costs its miner when `ahead` submissions wait in front: `base (1 + ahead / 16)^2`, rounded down.
///
/// An evaluation takes a serial resource, the one committee that a model has at a time. A place in an empty queue is nearly
/// free, so that a newcomer can afford it; whoever wants to fill the queue pays the square of its length for each place.
pub fn evaluation_fee<Balance>(base: Balance, ahead: u32) -> Balance
where
	Balance: AtLeast32BitUnsigned + Copy,
{
	const UNIT: u32 = 16;
	let factor = UNIT.saturating_add(ahead);
	let square = factor.saturating_mul(factor);
	base.saturating_mul(square.into()).checked_div(&UNIT.saturating_mul(UNIT).into()).unwrap_or(base)
}

/// The most that an acceptance may pay: what those who agreed lose together if their verdict is false.
///
/// - `stakes`: of those who agreed, at the draw.
/// - `share`: of its stake that a false verdict costs.
pub fn reward_cap(stakes: impl Iterator<Item = u128>, share: Perbill) -> u128 {
	share.mul_floor(stakes.fold(0u128, u128::saturating_add))
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const ALPHA: u32 = 1_350;

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
		let lax = |delta| Rule {
			delta,
			alpha: 1,
			attempt: u32::MAX,
			guard_tolerance: u32::MAX,
			guard_left: u64::MAX,
		};
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

	proptest! {
		/// Whatever is offered in whatever order, by any account: the accepted changes between any two moments
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
}
