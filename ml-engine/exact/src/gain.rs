//! Gain of a model over another one in suites of tasks, in parts per million: what decides about a promotion.
//!
//! ```text
//! gain of a suite   (new - old) / max(old, tasks / 10)     if new >= old, at most 100 %
//!                   (new - old) / old                      otherwise
//! gain              mean over all suites
//! ```
//!
//! Rounded down at each step, so that rounding promotes no model. Two bounds keep one suite from deciding for all of them: a suite
//! that the old model hardly solves counts as if it solved a tenth of it, or two lucky answers would be a gain of 200 %; and a suite
//! adds no more than 100 %, or one that the new model was made for would outweigh losses in all others. Both only lower a gain, never
//! a loss. A suite that one side lacks fails the comparison.

/// Parts per million.
const MILLION: i128 = 1_000_000;
/// Largest gain of one suite, in parts per million: twice as many right tasks.
pub const GAIN_MAX_PPM: i64 = 1_000_000;
/// Share of a suite's tasks that a gain is measured against at least: a tenth.
const FLOOR: u64 = 10;

/// Returns the gain in a suite of `tasks`, from `old` to `new` right ones, in parts per million: -1,000,000 to [`GAIN_MAX_PPM`].
pub fn suite_gain_ppm(old: u64, new: u64, tasks: u64) -> i64 {
	let floor = tasks.div_ceil(FLOOR).max(1);
	let against = if new >= old { old.max(floor) } else { old };
	// Differences of 64-bit numbers times a million stay below 2^85; `against` is not 0, since `old` is above `new` or replaced.
	let gain = ((i128::from(new) - i128::from(old)) * MILLION).div_euclid(i128::from(against.max(1)));
	i64::try_from(gain).unwrap_or(GAIN_MAX_PPM).min(GAIN_MAX_PPM)
}

/// Returns the mean of the suites' gains, rounded down; `None` if a suite is missing, and without a suite.
pub fn mean_gain_ppm(gains: &[Option<i64>]) -> Option<i64> {
	let sum = gains.iter().try_fold(0_i128, |sum, gain| Some(sum + i128::from((*gain)?)))?;
	let count = i128::try_from(gains.len()).ok().filter(|count| *count > 0)?;
	i64::try_from(sum.div_euclid(count)).ok()
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn gains_are_pinned_by_golden_vectors() {
		let golden = [
			// old, new, tasks, gain
			(40, 60, 100, 500_000),
			(50, 40, 100, -200_000),
			(3, 4, 10, 333_333),
			(7, 6, 10, -142_858),
			(0, 0, 100, 0),
			(0, 3, 100, 300_000),
			(0, 2, 200, 100_000),
			(1, 0, 200, -1_000_000),
			(5, 100, 100, 1_000_000),
			(0, 0, 0, 0),
			(u64::MAX, 0, u64::MAX, -1_000_000),
			(0, u64::MAX, u64::MAX, 1_000_000),
		];
		for (old, new, tasks, gain) in golden {
			assert_eq!(suite_gain_ppm(old, new, tasks), gain, "{old} {new} {tasks}");
		}
	}

	#[test]
	fn a_missing_suite_has_no_mean_however_large_the_others_are() {
		assert_eq!(mean_gain_ppm(&[Some(500_000), Some(-200_000)]), Some(150_000));
		assert_eq!(mean_gain_ppm(&[Some(1), Some(0)]), Some(0));
		assert_eq!(mean_gain_ppm(&[Some(-1), Some(0)]), Some(-1), "rounded down");
		assert_eq!(mean_gain_ppm(&[Some(1_000_000), None]), None);
		assert_eq!(mean_gain_ppm(&[]), None);
	}

	#[test]
	fn no_gain_in_one_suite_outweighs_losing_two_others() {
		let gains = [suite_gain_ppm(1, 1_000, 1_000), suite_gain_ppm(50, 0, 100), suite_gain_ppm(50, 0, 100)];
		assert!(mean_gain_ppm(&gains.map(Some)).unwrap() < 0);
	}

	proptest! {
		#[test]
		fn a_gain_is_never_more_than_the_exact_share(old in 1..1_u64 << 20, new in 0..1_u64 << 20, tasks in 0..1_u64 << 20) {
			let gain = i128::from(suite_gain_ppm(old, new, tasks));
			let exact = (i128::from(new) - i128::from(old)) * MILLION;
			prop_assert!(gain * i128::from(old) <= exact);
			prop_assert!(gain >= -MILLION && gain <= i128::from(GAIN_MAX_PPM));
		}

		#[test]
		fn one_more_right_task_never_lowers_a_gain(old in 0..1_000_u64, new in 0..1_000_u64, tasks in 1_000..2_000_u64) {
			prop_assert!(suite_gain_ppm(old, new + 1, tasks) >= suite_gain_ppm(old, new, tasks));
		}
	}
}
