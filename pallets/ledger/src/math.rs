//! The formulas of money: plain integers in, plain integers out. Everything rounds down.

use crate::types::{Balance, EnvelopeAmounts, EnvelopeShares, PartsPerMillion, MILLION};
use sp_runtime::{helpers_128bit::multiply_by_rational_with_rounding, Rounding};

/// `amount * numerator / denominator`, rounded down; `None` if that overflows or divides by zero.
pub fn rational(amount: Balance, numerator: u128, denominator: u128) -> Option<Balance> {
	if denominator == 0 {
		return None;
	}
	multiply_by_rational_with_rounding(amount, numerator, denominator, Rounding::Down)
}

/// `share` of `amount`; never more than `amount`, even for a share above the whole.
pub fn share(amount: Balance, share: PartsPerMillion) -> Balance {
	rational(amount, share.min(MILLION).into(), MILLION.into()).unwrap_or(0)
}

/// Most that a year may emit if `issuance` coins existed at its beginning.
pub fn year_limit(issuance: Balance, inflation: PartsPerMillion) -> Balance {
	share(issuance, inflation)
}

/// Returns the emission of one of a year's `eras`: an equal part of the year's limit, but neither more than the year
/// has left nor more than the cap leaves room for.
pub fn era_emission(limit: Balance, eras: u128, emitted: Balance, headroom: Balance) -> Balance {
	limit.checked_div(eras).unwrap_or(0).min(limit.saturating_sub(emitted)).min(headroom)
}

/// `amount` divided by `shares`; together at most `amount` if the shares are at most the whole.
pub fn divide(amount: Balance, shares: &EnvelopeShares) -> EnvelopeAmounts {
	shares.map(|part| share(amount, part))
}

/// `base * improvement / delta`, at most `multiple_max` times the base.
///
/// A threshold of zero makes any improvement infinitely many times as large, so it earns the maximum.
pub fn learning_reward(base: Balance, improvement: u64, delta: u64, multiple_max: u32) -> Balance {
	let most = base.saturating_mul(multiple_max.into());
	if improvement == 0 {
		return 0;
	}
	rational(base, improvement.into(), delta.into()).unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::types::{Budget, DATA_SHARE_MAX};
	use proptest::prelude::*;

	const CAP: Balance = 1_000_000_000 * 1_000_000_000_000;

	/// Shares that `Budget::is_valid` accepts.
	fn shares() -> impl Strategy<Value = EnvelopeShares> {
		(0..=DATA_SHARE_MAX, 0..=MILLION, 0..=MILLION, 0..=MILLION).prop_map(|(data, a, b, c)| {
			let mut cuts = [a, b, c].map(|cut| cut.min(MILLION - data));
			cuts.sort();
			let [a, b, c] = cuts;
			let rest = MILLION - data - c;
			EnvelopeShares { learning: a, validation: b - a, data, serving: c - b, treasury: rest }
		})
	}

	#[test]
	fn learning_reward_is_the_base_at_the_threshold() {
		assert_eq!(learning_reward(1_000, 32, 32, 5), 1_000);
		assert_eq!(learning_reward(1_000, 48, 32, 5), 1_500);
		assert_eq!(learning_reward(1_000, 16, 32, 5), 500);
		assert_eq!(learning_reward(1_000, 320, 32, 5), 5_000);
		assert_eq!(learning_reward(1_000, 1, 0, 5), 5_000);
		assert_eq!(learning_reward(1_000, 0, 0, 5), 0);
		assert_eq!(learning_reward(Balance::MAX, u64::MAX, 1, u32::MAX), Balance::MAX);
	}

	#[test]
	fn era_emission_stops_at_the_limit_and_at_the_cap() {
		assert_eq!(era_emission(1_000, 10, 0, CAP), 100);
		assert_eq!(era_emission(1_000, 10, 950, CAP), 50);
		assert_eq!(era_emission(1_000, 10, 1_000, CAP), 0);
		assert_eq!(era_emission(1_000, 10, 0, 7), 7);
		assert_eq!(era_emission(1_000, 0, 0, CAP), 0);
	}

	proptest! {
		#[test]
		fn divide_never_exceeds_the_whole(amount: Balance, shares in shares()) {
			let budget = Budget { inflation: 0, shares };
			prop_assert!(budget.is_valid(0));
			prop_assert!(divide(amount, &shares).total().unwrap() <= amount);
		}

		#[test]
		fn divide_grows_with_the_whole(amount in 0..CAP, more in 0..CAP, shares in shares()) {
			let (less, more) = (divide(amount, &shares), divide(amount + more, &shares));
			for envelope in crate::Envelope::ALL {
				prop_assert!(less.get(envelope) <= more.get(envelope));
			}
		}

		#[test]
		fn share_never_exceeds_the_amount(amount: Balance, part: PartsPerMillion) {
			prop_assert!(share(amount, part) <= amount);
		}

		#[test]
		fn eras_of_a_year_never_exceed_its_limit_nor_the_cap(
			issuance in 0..=CAP, inflation in 0..=MILLION, eras in 1u128..200, more in 0u32..50
		) {
			let limit = year_limit(issuance, inflation);
			let mut emitted = 0;
			for _ in 0..eras + u128::from(more) {
				emitted += era_emission(limit, eras, emitted, CAP - issuance - emitted);
			}
			prop_assert!(emitted <= limit);
			prop_assert!(issuance + emitted <= CAP);
		}

		#[test]
		fn learning_reward_is_monotone_and_capped(
			base in 0..CAP, improvement: u64, more: u64, delta: u64, multiple_max: u32
		) {
			let reward = learning_reward(base, improvement, delta, multiple_max);
			let larger = learning_reward(base, improvement.saturating_add(more), delta, multiple_max);
			prop_assert!(reward <= larger);
			prop_assert!(larger <= base.saturating_mul(multiple_max.into()));
			if delta < u64::MAX {
				prop_assert!(learning_reward(base, improvement, delta + 1, multiple_max) <= reward);
			}
		}
	}
}
