//! Choice of the slot of a round, in integers: the same knowledge leads to the same choice on every machine.

use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use clap::ValueEnum;

/// Rule by which the slot of a round is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
	/// One slot after the other: the one with the fewest rounds.
	RoundRobin,
	/// In proportion to how often the router chooses an expert on the miner's text.
	Hot,
	/// Largest expected improvement an hour, with an upper confidence bound for what was tried little.
	#[default]
	Auto,
}

/// Bits behind the point of a logarithm or root.
const FRACTION: u32 = 10;
/// The natural logarithm of 2, with [`FRACTION`] bits behind the point.
const LN_2: u128 = 710;
/// Least spread of rates that chance is measured by, in Q16 bits an hour: where no submission has gained anything yet, slots
/// that were tried less still come first.
const SPREAD_MIN: u128 = 1 << 10;
/// Seconds of an hour.
const HOUR: u128 = 3_600;

/// Experience with one slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arm {
	/// Layer and expert.
	pub slot: (u8, u16),
	/// Rounds of this miner.
	pub rounds: u64,
	/// Submissions of which the improvement is known, by this miner or others.
	pub tries: u64,
	/// Seconds of training that these took.
	pub seconds: u64,
	/// Their improvements in bits per byte, Q16; nothing for those that were refused.
	pub gain: u64,
	/// Choices of the router on the miner's text.
	pub uses: u64,
}

impl Arm {
	/// Counts a submission.
	pub fn note(&mut self, seconds: u64, gain: u64) {
		self.tries = self.tries.saturating_add(1);
		self.seconds = self.seconds.saturating_add(seconds.max(1));
		self.gain = self.gain.saturating_add(gain);
	}

	/// Returns the improvement an hour.
	fn rate(&self) -> u128 {
		rate(self.gain.into(), self.seconds.into())
	}
}

fn rate(gain: u128, seconds: u128) -> u128 {
	gain.saturating_mul(HOUR) / seconds.max(1)
}

/// Returns the improvement by which a slot's prospects are judged; `None` for submissions that say nothing about the slot.
pub fn gain_of(outcome: &SubmissionOutcome) -> Option<u64> {
	match outcome {
		SubmissionOutcome::Accepted { improvement, .. } => Some(*improvement),
		SubmissionOutcome::Rejected(
			RejectReason::NotBetter { .. } | RejectReason::NotCertain { .. } | RejectReason::Regressed { .. },
		) => Some(0),
		SubmissionOutcome::Rejected(_) | SubmissionOutcome::Expired(_) | SubmissionOutcome::Withdrawn => None,
	}
}

/// Chooses a slot; `None` if there is none. Of slots that are equal, the more used one, then the first.
pub fn choose(strategy: Strategy, arms: &[Arm]) -> Option<(u8, u16)> {
	let best = match strategy {
		Strategy::RoundRobin => arms.iter().min_by_key(|arm| (arm.rounds, arm.slot)),
		Strategy::Hot => arms.iter().reduce(|best, arm| if is_hotter(arm, best) { arm } else { best }),
		Strategy::Auto => by_confidence(arms),
	};
	best.map(|arm| arm.slot)
}

/// Compares the quotients of uses and rounds (D'Hondt's): slots get rounds in proportion to their use.
fn is_hotter(arm: &Arm, best: &Arm) -> bool {
	let quotient = |uses: u64, rounds: u64| u128::from(uses) * (u128::from(rounds) + 1);
	quotient(arm.uses, best.rounds) > quotient(best.uses, arm.rounds)
}

/// Returns the slot with the highest upper confidence bound (UCB1, [Auer et al., 2002](https://doi.org/10.1023/A:1013689704352)).
///
/// Each slot has one try more than it had, with its layer's mean rate: what is known of a layer says something of an expert that
/// no one has trained.
fn by_confidence(arms: &[Arm]) -> Option<&Arm> {
	let tries: u128 = arms.iter().map(|arm| u128::from(arm.tries) + 1).sum();
	let spread = arms.iter().map(Arm::rate).max().unwrap_or(0).max(SPREAD_MIN);
	let bound = |arm: &Arm| {
		let count = u128::from(arm.tries) + 1;
		let known = arm.rate().saturating_mul(u128::from(arm.tries));
		let mean = known.saturating_add(rate_of_layer(arms, arm.slot.0)) / count;
		// sqrt(2 ln(N) / n), with FRACTION bits behind the point.
		let chance = ((2 * ln(tries)) << FRACTION).checked_div(count).unwrap_or(0).isqrt();
		mean.saturating_add(spread.saturating_mul(chance) >> FRACTION)
	};
	arms.iter().max_by_key(|arm| (bound(arm), arm.uses, std::cmp::Reverse(arm.slot)))
}

/// Returns the mean improvement an hour in a layer, or in all if it has none.
fn rate_of_layer(arms: &[Arm], layer: u8) -> u128 {
	let mean = |of: &dyn Fn(&&Arm) -> bool| {
		let tried: Vec<&Arm> = arms.iter().filter(|arm| arm.tries > 0).filter(|arm| of(arm)).collect();
		let gain: u128 = tried.iter().map(|arm| u128::from(arm.gain)).sum();
		let seconds: u128 = tried.iter().map(|arm| u128::from(arm.seconds)).sum();
		(!tried.is_empty()).then(|| rate(gain, seconds))
	};
	mean(&|arm: &&Arm| arm.slot.0 == layer).or_else(|| mean(&|_: &&Arm| true)).unwrap_or(0)
}

/// Returns the natural logarithm with [`FRACTION`] bits behind the point; linear between powers of two, which is less by 6 % at most
/// from 2 on.
fn ln(number: u128) -> u128 {
	let Some(log) = number.checked_ilog2() else { return 0 };
	let power = 1_u128 << log;
	let part = ((number - power) << FRACTION) / power;
	(((u128::from(log) << FRACTION) + part) * LN_2) >> FRACTION
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest, Strategy as Generator};

	fn arms(layers: u8, experts: u16) -> Vec<Arm> {
		let slots = (0..layers).flat_map(|layer| (0..experts).map(move |expert| (layer, expert)));
		slots.map(|slot| Arm { slot, ..Arm::default() }).collect()
	}

	/// Makes rounds; each gains what its slot gives. Returns the rounds of each slot.
	fn play(
		strategy: Strategy,
		mut arms: Vec<Arm>,
		rounds: usize,
		gain: impl Fn((u8, u16)) -> u64,
	) -> Vec<u64> {
		for _ in 0..rounds {
			let slot = choose(strategy, &arms).unwrap();
			let arm = arms.iter_mut().find(|arm| arm.slot == slot).unwrap();
			arm.rounds += 1;
			arm.note(120, gain(slot));
		}
		arms.iter().map(|arm| arm.rounds).collect()
	}

	#[test]
	fn round_robin_gives_every_slot_the_same() {
		assert_eq!(play(Strategy::RoundRobin, arms(2, 3), 13, |_| 0), [3, 2, 2, 2, 2, 2]);
	}

	#[test]
	fn hot_gives_rounds_in_proportion_to_use() {
		let mut arms = arms(1, 3);
		for (arm, uses) in arms.iter_mut().zip([600, 300, 0]) {
			arm.uses = uses;
		}
		assert_eq!(play(Strategy::Hot, arms, 9, |_| 0), [6, 3, 0]);
	}

	#[test]
	fn auto_begins_with_the_most_used_slot_and_tries_all_before_long() {
		let mut arms = arms(2, 4);
		arms[5].uses = 7;
		assert_eq!(choose(Strategy::Auto, &arms), Some((1, 1)));
		let rounds = play(Strategy::Auto, arms, 16, |_| 0);
		assert_eq!(rounds, [2; 8], "where nothing gains anything, no slot is better than another");
	}

	#[test]
	fn auto_comes_back_to_the_slot_that_improves_most_and_does_not_forget_the_others() {
		let rounds = play(Strategy::Auto, arms(1, 4), 400, |(_, expert)| if expert == 2 { 400 } else { 40 });
		assert!(rounds[2] > 300, "{rounds:?}");
		assert!(rounds.iter().all(|rounds| *rounds > 2), "{rounds:?}");
	}

	#[test]
	fn auto_counts_time_and_not_rounds() {
		let mut arms = arms(1, 2);
		for _ in 0..50 {
			arms[0].note(600, 200);
			arms[1].note(60, 100);
		}
		assert_eq!(choose(Strategy::Auto, &arms), Some((0, 1)));
	}

	#[test]
	fn a_layer_that_improves_recommends_its_untried_experts() {
		let mut arms = arms(2, 2);
		arms[0].note(60, 0);
		arms[2].note(60, 500);
		assert_eq!(choose(Strategy::Auto, &arms), Some((1, 1)));
	}

	#[test]
	fn refusals_for_other_reasons_say_nothing_about_a_slot() {
		assert_eq!(gain_of(&SubmissionOutcome::Accepted { version: 1, improvement: 9, reward: 0 }), Some(9));
		assert_eq!(
			gain_of(&SubmissionOutcome::Rejected(RejectReason::NotBetter { improvement: -4 })),
			Some(0)
		);
		assert_eq!(gain_of(&SubmissionOutcome::Rejected(RejectReason::Stale)), None);
		assert_eq!(gain_of(&SubmissionOutcome::Withdrawn), None);
	}

	#[test]
	fn the_logarithm_is_near_the_true_one() {
		for number in [1_u128, 2, 3, 10, 1_000, 1 << 40] {
			let expected = (number as f64).ln() * 1_024.0;
			assert!((ln(number) as f64 - expected).abs() <= 0.07 * expected + 1.0, "{number}");
		}
		assert_eq!(ln(0), 0);
	}

	fn arm() -> impl Generator<Value = Arm> {
		(0..4_u8, 0..8_u16, any::<[u64; 5]>()).prop_map(
			|(layer, expert, [rounds, tries, seconds, gain, uses])| Arm {
				slot: (layer, expert),
				rounds,
				tries,
				seconds,
				gain,
				uses,
			},
		)
	}

	proptest! {
		#[test]
		fn a_slot_of_the_list_is_chosen_whatever_was_noted(arms in proptest::collection::vec(arm(), 1..40)) {
			for strategy in [Strategy::RoundRobin, Strategy::Hot, Strategy::Auto] {
				let slot = choose(strategy, &arms).unwrap();
				prop_assert!(arms.iter().any(|arm| arm.slot == slot));
				prop_assert_eq!(choose(strategy, &arms), Some(slot));
			}
			prop_assert_eq!(choose(Strategy::Auto, &[]), None);
		}
	}
}
