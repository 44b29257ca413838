//! Score and reward of a dataset by what it taught: integers in, integers out.
//!
//! ```text
//! score  = (0.3 quality + 0.3 diversity + 0.3 usefulness + 0.1 (1 - toxicity)) x size multiplier      0..1
//! reward = 100 + 900 score^2 coins a dataset; nothing where the gain is not positive
//! ```
//!
//! The chain pays nothing by it yet. A reward with a floor a dataset pays those who cut one dataset into many, and one that
//! follows usefulness pays those who measure it; docs/datasets.md says what is missing.

use crate::dataset::{Millionths, MILLIONTHS};

/// Reward of a dataset with a positive gain whose score is zero, in coins.
pub const REWARD_MIN: u128 = 100;
/// Reward on top of it for a score of one, in coins.
pub const REWARD_OF_SCORE: u128 = 900;

/// Weights of quality, diversity, usefulness and the absence of toxicity, in tenths.
const WEIGHTS: [u64; 4] = [3, 3, 3, 1];
/// The sum of [`WEIGHTS`].
const WEIGHTS_SUM: u64 = 10;
/// Exponent of the bytes that have half the multiplier: 1 MiB.
const HALF_LOG2: u32 = 20;
/// The bytes that have half the multiplier.
const HALF_BYTES: u64 = 1 << HALF_LOG2;
/// Doublings from half the multiplier to all of it: 1 GiB.
const DOUBLINGS: u64 = 10;

/// Figures that a dataset's score is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LearningFigures {
	/// Share of the records that pass the filter.
	pub quality: Millionths,
	/// Entropy of the tokens as a part of the largest that is possible.
	pub diversity: Millionths,
	/// Measured gain as a part of the largest gain of a dataset of the same era.
	pub usefulness: Millionths,
	/// Share of toxic records.
	pub toxicity: Millionths,
	/// Bytes of text.
	pub bytes: u64,
}

/// Multiplier for a dataset's size: proportional up to 1 MiB, which has a half; then a twentieth for each doubling, in a straight
/// line between them, up to one at 1 GiB.
pub fn size_multiplier(bytes: u64) -> Millionths {
	let whole = u64::from(MILLIONTHS);
	let half = whole.checked_div(2).unwrap_or_default();
	let log2 = bytes.checked_ilog2().unwrap_or_default();
	// `log2` is below 64, and `bytes` at least that power of two unless it is zero.
	let power = 1u64.checked_shl(log2).unwrap_or(u64::MAX);
	let millionths_of = |part: u64, of: u64| {
		let share = u128::from(part).saturating_mul(whole.into()).checked_div(of.into()).unwrap_or_default();
		u64::try_from(share).unwrap_or(whole)
	};
	let multiplier = match log2.checked_sub(HALF_LOG2) {
		None => millionths_of(bytes, HALF_BYTES).checked_div(2).unwrap_or_default(),
		Some(doublings) => {
			let between = millionths_of(bytes.saturating_sub(power), power);
			let doublings = u64::from(doublings).saturating_mul(whole).saturating_add(between);
			half.saturating_add(doublings.checked_div(DOUBLINGS.saturating_mul(2)).unwrap_or_default())
		}
	};
	Millionths::try_from(multiplier.min(whole)).unwrap_or(MILLIONTHS)
}

/// Score of a dataset, rounded down; at most [`MILLIONTHS`].
pub fn learning_score(figures: &LearningFigures) -> Millionths {
	let LearningFigures { quality, diversity, usefulness, toxicity, bytes } = *figures;
	let clean = MILLIONTHS.saturating_sub(toxicity);
	let parts = [quality, diversity, usefulness, clean];
	let sum = parts.iter().zip(WEIGHTS).fold(0u64, |sum, (part, weight)| {
		sum.saturating_add(weight.saturating_mul((*part).min(MILLIONTHS).into()))
	});
	// At most 10^7 times 10^6.
	let scaled = sum.saturating_mul(size_multiplier(bytes).into());
	let score = scaled.checked_div(WEIGHTS_SUM.saturating_mul(MILLIONTHS.into())).unwrap_or_default();
	Millionths::try_from(score).unwrap_or(MILLIONTHS)
}

/// Reward of a dataset, rounded down, in the unit of which a coin has `unit`. Nothing for a gain that is not positive: such a
/// dataset taught nothing.
pub fn learning_reward(score: Millionths, gain: i64, unit: u128) -> u128 {
	if gain <= 0 {
		return 0;
	}
	let score = u128::from(score.min(MILLIONTHS));
	let whole = u128::from(MILLIONTHS);
	let square = score.saturating_mul(score);
	let of_score = REWARD_OF_SCORE
		.saturating_mul(unit)
		.saturating_mul(square)
		.checked_div(whole.saturating_mul(whole))
		.unwrap_or_default();
	REWARD_MIN.saturating_mul(unit).saturating_add(of_score)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const COIN: u128 = 1_000_000_000_000;

	fn figures(quality: u32, diversity: u32, usefulness: u32, toxicity: u32, bytes: u64) -> LearningFigures {
		LearningFigures { quality, diversity, usefulness, toxicity, bytes }
	}

	#[test]
	fn scores_and_rewards_are_pinned_by_golden_vectors() {
		for (of, score, reward) in GOLDEN {
			assert_eq!(learning_score(&of), score, "{of:?}");
			assert_eq!(learning_reward(score, 1, COIN), reward, "{of:?}");
		}
	}

	// Computed independently in Python with whole numbers.
	const GOLDEN: [(LearningFigures, Millionths, u128); 5] = [
		(
			LearningFigures { quality: 0, diversity: 0, usefulness: 0, toxicity: 1_000_000, bytes: 0 },
			0,
			100_000_000_000_000,
		),
		(
			LearningFigures {
				quality: 1_000_000,
				diversity: 1_000_000,
				usefulness: 1_000_000,
				toxicity: 0,
				bytes: 1_073_741_824,
			},
			1_000_000,
			1_000_000_000_000_000,
		),
		(
			LearningFigures {
				quality: 900_000,
				diversity: 800_000,
				usefulness: 500_000,
				toxicity: 10_000,
				bytes: 40_000_000,
			},
			576_539,
			399_157_496_668_900,
		),
		(
			LearningFigures {
				quality: 950_000,
				diversity: 700_000,
				usefulness: 250_000,
				toxicity: 0,
				bytes: 500_000,
			},
			159_740,
			122_965_180_840_000,
		),
		(
			LearningFigures {
				quality: 123_456,
				diversity: 654_321,
				usefulness: 777_777,
				toxicity: 50_000,
				bytes: 1_048_577,
			},
			280_833,
			170_980_456_500_100,
		),
	];

	#[test]
	fn a_dataset_that_taught_nothing_is_paid_nothing() {
		assert_eq!(learning_reward(MILLIONTHS, 0, COIN), 0);
		assert_eq!(learning_reward(MILLIONTHS, -1, COIN), 0);
		assert_eq!(learning_reward(0, 1, COIN), 100 * COIN);
		assert_eq!(learning_reward(MILLIONTHS, 1, COIN), 1_000 * COIN);
	}

	#[test]
	fn attack_a_dataset_cut_into_many_earns_more_so_nothing_is_paid_by_this_formula_alone() {
		let whole = figures(900_000, 800_000, 500_000, 0, 1 << 30);
		let part = LearningFigures { bytes: whole.bytes / 100, ..whole };
		let paid = |of: &LearningFigures| learning_reward(learning_score(of), 1, COIN);
		assert!(100 * paid(&part) > paid(&whole), "the floor pays for cutting: see docs/datasets.md");
	}

	proptest! {
		#[test]
		fn scores_are_shares_and_rise_with_what_is_good(
			quality in 0..=MILLIONTHS, diversity in 0..=MILLIONTHS, usefulness in 0..=MILLIONTHS,
			toxicity in 0..=MILLIONTHS, bytes: u64, more in 0..=MILLIONTHS,
		) {
			let of = figures(quality, diversity, usefulness, toxicity, bytes);
			let score = learning_score(&of);
			prop_assert!(score <= MILLIONTHS);
			let rises = |other: LearningFigures| learning_score(&other) >= score;
			let figures = LearningFigures { quality: quality.saturating_add(more), ..of };
			prop_assert!(rises(figures));
			let figures = LearningFigures { diversity: diversity.saturating_add(more), ..of };
			prop_assert!(rises(figures));
			let figures = LearningFigures { usefulness: usefulness.saturating_add(more), ..of };
			prop_assert!(rises(figures));
			let figures = LearningFigures { toxicity: toxicity.saturating_sub(more), ..of };
			prop_assert!(rises(figures));
			let figures = LearningFigures { bytes: bytes.saturating_add(more.into()), ..of };
			prop_assert!(rises(figures));
		}

		#[test]
		fn any_figures_whatever_stay_within_the_whole(
			quality: u32, diversity: u32, usefulness: u32, toxicity: u32, bytes: u64, gain: i64,
		) {
			let score = learning_score(&figures(quality, diversity, usefulness, toxicity, bytes));
			prop_assert!(score <= MILLIONTHS);
			prop_assert!(learning_reward(score, gain, COIN) <= 1_000 * COIN);
		}

		#[test]
		fn multipliers_never_fall_with_the_size(bytes: u64, more: u64) {
			prop_assert!(size_multiplier(bytes) <= size_multiplier(bytes.saturating_add(more)));
		}
	}
}
