//! Weight of an operator in draws: stake, times verified work, times reputation. Plain integers.
//!
//! **Stake counts linearly.** A sum then weighs the same in one account as in a hundred, so splitting it gains nothing.
//! Were it sublinear, a hundred accounts would weigh more than one; were it superlinear, the richest would win more than
//! its share. One account still gets one seat of a committee, however much it has.
//!
//! **Verified work counts linearly, from one to 64.** A newcomer weighs a 64th of what it will weigh. A crowd of
//! newcomers is therefore outweighed by a few operators that have worked, and each member of it has to earn its weight by
//! work of its own. Where all are newcomers all weigh alike, so a new network draws from its first block on.

use crate::{Reputation, REPUTATION_MAX, VIOLATIONS_TOLERATED};

/// Verified work after which there is nothing more to earn: 63 reports or audits beside the one that all start with.
pub const VERIFIED_MAX: u32 = 63;
/// The largest stake that weighs, in basic stakes: the product below stays within 32 bits.
pub const STAKES_MAX: u32 = 4_096;

/// Thousandths of the usual stake that an operator needs which has worked as much as counts.
pub const REQUIRED_MILLI_MIN: u32 = 750;
/// Thousandths of the usual stake that an operator needs whose record could not be worse.
pub const REQUIRED_MILLI_MAX: u32 = 2_000;

/// Stake that an operator needs, in thousandths of the usual stake: 1,000 for a newcomer, less with verified work, more with
/// violations.
///
/// `1,000 - 250 x verified / 63 + 1,000 x (violations - tolerated) / (1,000,000 - tolerated)`. A lie voids all work and adds half of the
/// scale, so who lies needs 1,444; it falls again as violations fade.
pub fn required_milli(verified: u32, violations: u32) -> u32 {
	let scaled = |part: u32, of: u32, span: u32| {
		let scaled = u64::from(part.min(of)).saturating_mul(span.into()).checked_div(of.into());
		u32::try_from(scaled.unwrap_or(0)).unwrap_or(span)
	};
	let fall = scaled(verified, VERIFIED_MAX, 1_000u32.saturating_sub(REQUIRED_MILLI_MIN));
	let counted = violations.saturating_sub(VIOLATIONS_TOLERATED);
	let rise = scaled(
		counted,
		REPUTATION_MAX.saturating_sub(VIOLATIONS_TOLERATED),
		REQUIRED_MILLI_MAX.saturating_sub(1_000),
	);
	1_000u32.saturating_add(rise).saturating_sub(fall).clamp(REQUIRED_MILLI_MIN, REQUIRED_MILLI_MAX)
}

/// Thousandths of a basic stake that `stake` is.
pub fn stake_milli(stake: u128, basic: u128) -> u64 {
	let milli = stake.saturating_mul(1_000).checked_div(basic).unwrap_or(0);
	u64::try_from(milli).unwrap_or(u64::MAX)
}

/// The weight of an operator, at most 4,096,000,000; zero only if reputation or stake is.
///
/// `reputation * (1 + verified) / 64 * stake_milli / 1,000`, rounded down but not to zero.
pub fn weight(reputation: Reputation, verified: u32, stake_milli: u64) -> u32 {
	let reputation = u128::from(reputation.min(REPUTATION_MAX));
	let worked = u128::from(verified.min(VERIFIED_MAX)).saturating_add(1);
	let stake = u128::from(stake_milli).min(u128::from(STAKES_MAX).saturating_mul(1_000));
	let product = reputation.saturating_mul(worked).saturating_mul(stake);
	if product == 0 {
		return 0;
	}
	let full = u128::from(VERIFIED_MAX).saturating_add(1).saturating_mul(1_000);
	u32::try_from(product.checked_div(full).unwrap_or(0)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::REPUTATION_INITIAL;
	use proptest::prelude::*;

	const BASIC: u128 = 1_000_000_000_000;

	fn of(coins: u128, verified: u32) -> u32 {
		weight(REPUTATION_INITIAL, verified, stake_milli(coins * BASIC, BASIC))
	}

	#[test]
	fn newcomers_weigh_a_64th_and_nobody_weighs_nothing() {
		assert_eq!(of(1, 0), 7_812);
		assert_eq!(of(1, VERIFIED_MAX), REPUTATION_INITIAL);
		assert_eq!(of(100, 0), 781_250);
		assert_eq!(weight(1, 0, 1), 1);
		assert_eq!((weight(0, 5, 1_000), weight(5, 5, 0)), (0, 0));
		assert_eq!(weight(u32::MAX, u32::MAX, u64::MAX), 4_096_000_000);
		assert_eq!(stake_milli(u128::MAX, 1), u64::MAX);
		assert_eq!(stake_milli(5, 0), 0);
	}

	#[test]
	fn what_is_needed_falls_with_work_and_rises_with_lies() {
		assert_eq!(required_milli(0, 0), 1_000);
		assert_eq!(required_milli(VERIFIED_MAX, 0), REQUIRED_MILLI_MIN);
		assert_eq!(required_milli(u32::MAX, u32::MAX), 1_750);
		assert_eq!(required_milli(0, VIOLATIONS_TOLERATED), 1_000);
		// A failed verification, and a false score.
		assert_eq!((required_milli(0, 200_000), required_milli(0, 500_000)), (1_111, 1_444));
		assert_eq!(required_milli(0, REPUTATION_MAX), REQUIRED_MILLI_MAX);
	}

	#[test]
	fn a_crowd_of_newcomers_is_outweighed_by_the_few_that_worked() {
		// All places but twenty, at the same stake each.
		assert!(236 * of(1, 0) < 4 * of(1, VERIFIED_MAX));
	}

	proptest! {
		#[test]
		fn splitting_a_stake_gains_nothing(coins in 1u128..64, parts in 2u32..16, verified in 0u32..64) {
			let whole = weight(REPUTATION_INITIAL, verified, stake_milli(coins * BASIC, BASIC));
			let part = weight(REPUTATION_INITIAL, verified, stake_milli(coins * BASIC / u128::from(parts), BASIC));
			prop_assert!(u64::from(part) * u64::from(parts) <= u64::from(whole));
		}

		#[test]
		fn required_stakes_stay_within_their_bounds(verified in 0u32..100, violations in 0..=REPUTATION_MAX, more in 0u32..1_000) {
			let needed = required_milli(verified, violations);
			prop_assert!((REQUIRED_MILLI_MIN..=REQUIRED_MILLI_MAX).contains(&needed));
			prop_assert!(required_milli(verified + more, violations) <= needed);
			prop_assert!(required_milli(verified, violations.saturating_add(more)) >= needed);
		}

		#[test]
		fn more_of_anything_never_weighs_less(
			reputation in 0..=REPUTATION_MAX, verified in 0u32..100, stake in 0u64..10_000_000, more in 0u32..1_000,
		) {
			let before = weight(reputation, verified, stake);
			prop_assert!(weight(reputation.saturating_add(more), verified, stake) >= before);
			prop_assert!(weight(reputation, verified + more, stake) >= before);
			prop_assert!(weight(reputation, verified, stake + u64::from(more)) >= before);
			prop_assert_eq!(before > 0, reputation > 0 && stake > 0);
		}
	}
}
