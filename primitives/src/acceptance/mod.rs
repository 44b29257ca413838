//! The acceptance rule in integers: plain numbers in, plain numbers out.
//!
//! A sample of n sequences gives S1, the sum of the per-sequence improvements (bits, Q16), and S2, the sum of their
//! squares (Q32). With a requirement of d a sequence, D = S1 - n d and Q = n S2 - S1^2, Student's statistic
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

//!
//! The requirement is one of bits per byte. Where all sequences have one length of T bytes, n d is that times n T; where they
//! are so many tokens, it is that times the bytes of the whole sample.
//!
//! The chain decides by these functions, and so do programs that want to know its decision before they ask for it.

use crate::{EvaluationOutcome, Score};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::U256;

#[cfg(test)]
mod tests;

/// Least mean improvement that a new chain accepts, bits per byte in Q16: about 0.0005.
pub const DELTA: u32 = 32;
/// Permitted chance of a new chain, in millionths, of ever accepting from a miner that never improves: the tail beyond three
/// standard errors.
pub const ALPHA: u32 = 1_350;
/// Loss on the guard sample that a new chain tolerates of one acceptance, bits per byte in Q16: about 0.005.
pub const GUARD_TOLERANCE: u32 = 328;
/// Loss on the guard sample that a new chain tolerates of all acceptances together, bits per byte in Q16: about 0.02.
pub const GUARD_BUDGET: u32 = 1_312;

/// Decision about a candidate that was measured: its improvement, or the reason why it is not accepted.
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

/// Requirements that an expert must meet to be accepted.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
// The place of this type in a chain's metadata is older than this module.
#[scale_info(
	capture_docs = "always",
	replace_segment("blyan_primitives", "pallet_proof_of_learning"),
	replace_segment("acceptance", "math")
)]
pub struct Rule {
	/// Required mean improvement in bits per byte, Q16.
	pub delta: u32,
	/// The budget: the permitted chance of ever accepting from a miner that never improves, in millionths.
	pub alpha: u32,
	/// Which attempt this is since the miner's last acceptance, counted from one.
	pub attempt: u32,
	/// Loss on the guard sample that is still tolerable, in bits per byte, Q16.
	pub guard_tolerance: u32,
	/// Remainder of the model's guard budget: how much worse all sequences of the guard sample may become together,
	/// in bits, Q16.
	pub guard_left: u64,
}

impl Rule {
	/// Rule of a new chain for a miner's first attempt at a model that has lost nothing on its guard sample.
	///
	/// - `guard_positions`: predicted positions of the guard sample; 0 without one.
	pub fn of_new_chain(guard_positions: u64) -> Self {
		Self {
			delta: DELTA,
			alpha: ALPHA,
			attempt: 1,
			guard_tolerance: GUARD_TOLERANCE,
			guard_left: u64::from(GUARD_BUDGET).saturating_mul(guard_positions),
		}
	}
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

/// Mean improvement in bits per predicted position (a byte or a token), Q16, rounded towards minus infinity; zero for none.
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
/// - `target_len`, `guard_len`: predicted positions of a sequence in either sample: bytes, or tokens under the second definition.
pub fn judge(score: &Score, target_len: u16, guard_len: u16, rule: &Rule) -> Judgement {
	let target = Sums::new(&score.target, target_len);
	let mean = mean_per_byte(&score.target);
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
	/// Predicted positions, which a requirement is one of.
	positions: u64,
}

impl Sums {
	fn new(outcome: &EvaluationOutcome, sequence_len: u16) -> Self {
		Self {
			n: outcome.sequences,
			sum: outcome.sum_diff.into(),
			squares: outcome.sum_diff_sq,
			positions: u64::from(outcome.sequences).saturating_mul(sequence_len.into()),
		}
	}

	/// By how much the sum exceeds what a mean of `required` bits per position (Q16) makes.
	fn excess(&self, required: i64) -> i128 {
		// At most 2^64 x 2^63.
		let required = i128::from(self.positions).saturating_mul(required.into());
		self.sum.saturating_sub(required)
	}

	/// Returns whether the lower confidence bound of the mean exceeds `required`. `None` on overflow, on fewer than two
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

/// Distance of a model on its guard sample from the best it ever was there, in bits, Q16, over all sequences.
///
/// A guard that compares with the current head only is a ratchet: each acceptance may be a little worse than the one before
/// it. The sample is the same for all candidates, so differences add up to the exact distance, without noise. What
/// improves the model on the guard sample pays back what was lost; what goes beyond that is not saved up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
// The place of this type in a chain's metadata is older than this module.
#[scale_info(
	capture_docs = "always",
	replace_segment("blyan_primitives", "pallet_proof_of_learning"),
	replace_segment("acceptance", "math")
)]
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

/// A budget in bits per predicted position, over a whole sample.
///
/// - `per_byte`: the budget, Q16.
pub fn guard_budget(per_byte: u32, sequences: u32, sequence_len: u16) -> u64 {
	u64::from(per_byte).saturating_mul(u64::from(sequences)).saturating_mul(sequence_len.into())
}

/// Returns whether the numbers of an outcome can belong to `sequences` sequences of `sequence_len` predicted positions.
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
