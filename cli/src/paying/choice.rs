//! Choice between operators of one model: by price, speed, spread, history and nearness, in whole numbers.
//!
//! | weight | of 1,000 | is all of it for |
//! |---|---|---|
//! | price | 300 | the cheapest, for twice as many tokens read as written |
//! | speed | 200 | the one whose first words came soonest, by a running mean |
//! | spread | 200 | one that had none of the last answers: no operator sees, or can lose, all of them |
//! | history | 150 | one with the chain's best reputation that never broke an answer off |
//! | nearness | 150 | the one whose health check returned soonest: a place that is measured, not one that is claimed |
//!
//! What is not measured yet counts as the best, so that a new operator is tried. All facts are this payer's own or the chain's; none is what an operator says
//! of itself, but for its price, which it is held to.

use std::{
	cmp::Reverse,
	time::{Duration, Instant},
};

/// Weight of the price, of a thousand in all.
const PRICE: u64 = 300;
/// Weight of the time to the first words.
const SPEED: u64 = 200;
/// Weight of the share of the last answers that were another's.
const SPREAD: u64 = 200;
/// Weight of reputation and answers that came to their end.
const HISTORY: u64 = 150;
/// Weight of the time that a health check takes.
const NEARNESS: u64 = 150;
/// The chain's best reputation.
pub const REPUTATION_MAX: u32 = 1_000_000;
/// Pause after the first failure; each further one doubles it.
const BACK_OFF: Duration = Duration::from_secs(5);
/// Longest pause.
const BACK_OFF_MAX: Duration = Duration::from_secs(300);

/// Facts about one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
	/// Price of 2,000 tokens read and 1,000 written, in planck.
	pub cost: u128,
	/// Mean time to the first words, in milliseconds.
	pub first_words_ms: Option<u64>,
	/// Mean time of a health check, in milliseconds.
	pub round_trip_ms: Option<u64>,
	/// Answers of the last ones that were this operator's.
	pub recent: u64,
	/// Answers that came to their end.
	pub whole: u64,
	/// Answers that this operator broke off.
	pub broken: u64,
	/// Reputation on the chain, up to [`REPUTATION_MAX`].
	pub reputation: u32,
}

/// Returns the score of each operator, up to 1,000.
pub fn scores(facts: &[Facts]) -> Vec<u64> {
	let cheapest = facts.iter().map(|facts| facts.cost).min().unwrap_or(0);
	let soonest = facts.iter().filter_map(|facts| facts.first_words_ms).min();
	let nearest = facts.iter().filter_map(|facts| facts.round_trip_ms).min();
	let recent = facts.iter().fold(0_u64, |sum, facts| sum.saturating_add(facts.recent));
	let score = |facts: &Facts| {
		let price = part(PRICE, cheapest, facts.cost);
		let speed = measured(SPEED, soonest, facts.first_words_ms);
		let spread = part(SPREAD, recent.saturating_sub(facts.recent).into(), recent.into());
		let reputation = u64::from(facts.reputation.min(REPUTATION_MAX));
		let trusted = part(HISTORY, reputation.into(), REPUTATION_MAX.into());
		// One more than came: the first failure halves, and does not end.
		let whole = facts.whole.saturating_add(1);
		let history = part(trusted, whole.into(), whole.saturating_add(facts.broken).into());
		price + speed + spread + history + measured(NEARNESS, nearest, facts.round_trip_ms)
	};
	facts.iter().map(score).collect()
}

/// Share of a weight, rounded down; all of it where there is nothing to be shared.
fn part(weight: u64, of: u128, whole: u128) -> u64 {
	let share = u128::from(weight).saturating_mul(of).checked_div(whole);
	share.and_then(|share| u64::try_from(share).ok()).map_or(weight, |share| share.min(weight))
}

/// Share of a weight by a time; all of it where none was measured.
fn measured(weight: u64, best: Option<u64>, own: Option<u64>) -> u64 {
	best.zip(own).map_or(weight, |(best, own)| part(weight, best.into(), own.into()))
}

/// Returns the places of operators, the best first: those that are up in the order of their scores, then those that are not. `facts`: of each, with whether
/// it is up.
pub fn order(facts: &[(Facts, bool)]) -> Vec<usize> {
	let all: Vec<Facts> = facts.iter().map(|(facts, _)| *facts).collect();
	let scored = scores(&all).into_iter().zip(facts).enumerate();
	let mut ranked: Vec<(bool, u64, usize)> =
		scored.map(|(place, (score, (_, is_up)))| (*is_up, score, place)).collect();
	// Of equals the first in the order in which they were named.
	ranked.sort_by_key(|(is_up, score, place)| (Reverse(*is_up), Reverse(*score), *place));
	ranked.into_iter().map(|(_, _, place)| place).collect()
}

/// Health of an operator, as its payer sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Health {
	/// Mean time to the first words, in milliseconds.
	pub first_words_ms: Option<u64>,
	/// Mean time of a health check, in milliseconds.
	pub round_trip_ms: Option<u64>,
	/// Answers that came to their end.
	pub whole: u64,
	/// Answers that it broke off.
	pub broken: u64,
	/// Failures since it last did what it was asked.
	failures: u32,
	/// End of the pause behind the last of them.
	rests_until: Option<Instant>,
}

impl Health {
	/// Reports whether it may be asked: it has not failed, or its pause is over.
	pub fn is_up(&self, now: Instant) -> bool {
		self.rests_until.is_none_or(|until| until <= now)
	}

	/// Notes the time from a request to its first words.
	pub fn note_first_words(&mut self, time: Duration) {
		self.first_words_ms = Some(mean(self.first_words_ms, time));
	}

	/// Notes a health check that was answered. It makes no failure good: an operator that is always there and breaks off every answer rests longer each time.
	pub fn note_round_trip(&mut self, time: Duration) {
		self.round_trip_ms = Some(mean(self.round_trip_ms, time));
	}

	/// Notes an answer that came to its end.
	pub fn note_whole(&mut self) {
		self.whole = self.whole.saturating_add(1);
		(self.failures, self.rests_until) = (0, None);
	}

	/// Notes an answer that was broken off.
	pub fn note_broken(&mut self, now: Instant) {
		self.broken = self.broken.saturating_add(1);
		self.note_failure(now);
	}

	/// Notes that it could not be reached, or gave no answer.
	pub fn note_failure(&mut self, now: Instant) {
		let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
		let pause = BACK_OFF.saturating_mul(factor).min(BACK_OFF_MAX);
		self.failures = self.failures.saturating_add(1);
		self.rests_until = now.checked_add(pause);
	}
}

/// Running mean of times, in milliseconds: a quarter of it is the newest.
fn mean(known: Option<u64>, time: Duration) -> u64 {
	let new = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
	known.map_or(new, |known| known.saturating_mul(3).saturating_add(new).div_ceil(4))
}

#[cfg(test)]
mod tests {
	use super::*;

	const FACTS: Facts = Facts {
		cost: 1_000,
		first_words_ms: None,
		round_trip_ms: None,
		recent: 0,
		whole: 0,
		broken: 0,
		reputation: REPUTATION_MAX,
	};

	#[test]
	fn an_operator_that_is_best_in_everything_has_a_thousand() {
		assert_eq!(scores(&[FACTS, Facts { cost: 2_000, ..FACTS }]), [1_000, 850]);
		assert_eq!(scores(&[]), Vec::<u64>::new());
	}

	#[test]
	fn each_fact_weighs_what_the_table_says() {
		let worst = Facts {
			cost: u128::MAX,
			first_words_ms: Some(u64::MAX),
			round_trip_ms: Some(u64::MAX),
			recent: 64,
			whole: 0,
			broken: u64::MAX - 1,
			reputation: 0,
		};
		let best = Facts { first_words_ms: Some(1), round_trip_ms: Some(1), ..FACTS };
		assert_eq!(scores(&[best, worst]), [1_000, 0]);
		let lost = |facts: Facts| 1_000 - scores(&[best, facts])[1];
		assert_eq!(lost(Facts { cost: u128::MAX, ..best }), PRICE);
		assert_eq!(lost(Facts { first_words_ms: Some(u64::MAX), ..best }), SPEED);
		assert_eq!(lost(Facts { recent: 64, ..best }), SPREAD);
		assert_eq!(lost(Facts { reputation: 0, ..best }), HISTORY);
		assert_eq!(lost(Facts { broken: 1, ..best }), HISTORY / 2);
		assert_eq!(lost(Facts { round_trip_ms: Some(2), ..best }), NEARNESS / 2);
	}

	#[test]
	fn attack_by_an_operator_that_gives_its_service_away_and_breaks_off_is_asked_behind_the_others() {
		let cheap = Facts { cost: 0, broken: 9, reputation: 0, recent: 64, ..FACTS };
		assert_eq!(
			order(&[(cheap, true), (FACTS, true)]),
			[1, 0],
			"free is cheaper than anything, and not enough"
		);
	}

	#[test]
	fn those_that_rest_come_last_and_equals_in_their_order() {
		assert_eq!(order(&[(FACTS, false), (FACTS, true), (FACTS, true)]), [1, 2, 0]);
		assert_eq!(order(&[(FACTS, false), (FACTS, false)]), [0, 1], "none is left out");
	}

	#[test]
	fn answers_are_spread_over_operators_that_are_alike() {
		let mut recent = [0_u64; 3];
		for _ in 0..30 {
			let facts = recent.map(|recent| (Facts { recent, ..FACTS }, true));
			recent[order(&facts)[0]] += 1;
		}
		assert_eq!(recent, [10, 10, 10]);
	}

	#[test]
	fn pauses_double_up_to_five_minutes_until_an_answer_comes_to_its_end() {
		let now = Instant::now();
		let mut health = Health::default();
		assert!(health.is_up(now));
		let pauses: Vec<u64> = (0..9)
			.map(|_| {
				health.note_failure(now);
				health.rests_until.unwrap().duration_since(now).as_secs()
			})
			.collect();
		assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
		assert!(!health.is_up(now + Duration::from_secs(299)) && health.is_up(now + BACK_OFF_MAX));
		health.note_round_trip(Duration::from_millis(3));
		assert!(!health.is_up(now), "a health check makes nothing good");
		health.note_whole();
		assert!(health.is_up(now));
		health.note_broken(now);
		assert_eq!((health.broken, health.rests_until), (1, Some(now + BACK_OFF)));
	}

	#[test]
	fn times_are_a_running_mean_of_milliseconds() {
		let mut health = Health::default();
		for _ in 0..3 {
			health.note_first_words(Duration::from_micros(10));
		}
		assert_eq!(health.first_words_ms, Some(1), "nothing takes no time at all");
		health.note_first_words(Duration::from_millis(401));
		assert_eq!(health.first_words_ms, Some(101));
	}
}
