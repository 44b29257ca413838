//! Conduct of those who offer something for nothing: quotas a day by level, and flags for behaviour that only machines show.
//!
//! Pure integers, for any pallet that takes offers. Times are in blocks, from whatever clock the pallet counts by.
//!
//! **Levels.** Successes in a row raise by one level, failures lower. **Flags** last until the day ends:
//!
//! | flag | raised when |
//! |---|---|
//! | hasty | an offer comes sooner after the last one than `gap` |
//! | burst | more than `burst` offers within `burst_window` |
//! | regular | the last [`RECENT`] offers keep their distance to within a twentieth: a timer, not a person |
//! | rejected | of the last decisions, [`DECISIONS_MIN`] at least, more than `rejected_max` were failures |
//!
//! Two flags block until the next day. Gap and burst are those of the lowest level; higher ones scale with their quota, or the quota
//! could never be used: at 1,000 a day an offer comes every 86 seconds.

use crate::dataset::MILLIONTHS;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Offers whose distances are compared.
pub const RECENT: usize = 6;
/// Decisions that the share of failures is of.
pub const DECISIONS: u32 = 20;
/// Decisions below which there is no share of failures.
pub const DECISIONS_MIN: u32 = 5;
/// Flags that block.
pub const FLAGS_MAX: u32 = 2;

macro_rules! record {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
			TypeInfo, Serialize, Deserialize,
		)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

record! {
	/// Level of an account.
	#[derive(PartialOrd, Ord)]
	pub enum Level {
		/// Has shown nothing yet, or failed again and again.
		#[default]
		Newbie,
		/// Has shown something.
		Trusted,
		/// Has shown something for long.
		Expert,
	}
}

impl Level {
	fn raised(self) -> Self {
		match self {
			Self::Newbie => Self::Trusted,
			Self::Trusted | Self::Expert => Self::Expert,
		}
	}

	fn lowered(self) -> Self {
		match self {
			Self::Expert => Self::Trusted,
			Self::Trusted | Self::Newbie => Self::Newbie,
		}
	}
}

record! {
	/// Flags of a day.
	pub struct Flags {
		/// Two offers too close to each other.
		pub hasty: bool,
		/// Too many in a short time.
		pub burst: bool,
		/// At regular intervals.
		pub regular: bool,
		/// Nearly everything was rejected.
		pub rejected: bool,
	}
}

impl Flags {
	/// Number of flags.
	pub fn count(self) -> u32 {
		[self.hasty, self.burst, self.regular, self.rejected].into_iter().map(u32::from).sum()
	}

	fn or(self, other: Self) -> Self {
		Self {
			hasty: self.hasty || other.hasty,
			burst: self.burst || other.burst,
			regular: self.regular || other.regular,
			rejected: self.rejected || other.rejected,
		}
	}
}

/// Limits by which conduct is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConductRules {
	/// Offers a day of each level, lowest first.
	pub quotas: [u32; 3],
	/// Successes in a row that raise.
	pub raise_after: u32,
	/// Failures in a row that lower.
	pub lower_after: u32,
	/// Blocks of a day.
	pub day: u32,
	/// Least distance of two offers, in blocks, at the lowest level.
	pub gap: u32,
	/// Most offers within `burst_window`, at the lowest level.
	pub burst: u32,
	/// Blocks of a burst.
	pub burst_window: u32,
	/// Largest share of failures, in millionths.
	pub rejected_max: u32,
}

impl ConductRules {
	/// Offers a day of a level.
	pub fn quota(&self, level: Level) -> u32 {
		let [newbie, trusted, expert] = self.quotas;
		match level {
			Level::Newbie => newbie,
			Level::Trusted => trusted,
			Level::Expert => expert,
		}
	}

	/// The day that a block is in.
	pub fn day_of(&self, now: u32) -> u32 {
		now.checked_div(self.day).unwrap_or(0)
	}

	/// Blocks until quotas are full again; at least one.
	pub fn renews_in(&self, now: u32) -> u32 {
		let day = self.day.max(1);
		day.saturating_sub(now.checked_rem(day).unwrap_or(0))
	}

	/// `gap` of a level: smaller by as much as its quota is larger.
	fn gap_of(&self, level: Level) -> u32 {
		let [newbie, ..] = self.quotas;
		let gap = u64::from(self.gap).saturating_mul(newbie.into());
		u32::try_from(gap.checked_div(self.quota(level).into()).unwrap_or(0)).unwrap_or(u32::MAX)
	}

	/// `burst` of a level: larger by as much as its quota is.
	fn burst_of(&self, level: Level) -> u32 {
		let [newbie, ..] = self.quotas;
		let burst = u64::from(self.burst).saturating_mul(self.quota(level).into());
		u32::try_from(burst.checked_div(newbie.into()).unwrap_or(0)).unwrap_or(u32::MAX)
	}
}

/// Refusal of an offer by its account's conduct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
	/// Today's quota is used up.
	QuotaExceeded,
	/// Two flags were raised today.
	Blocked,
}

/// Consequence of what was offered, for the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
	/// It was taken.
	Success,
	/// It was not, by its own fault.
	Failure,
	/// It ended through no fault of the account.
	Neutral,
}

record! {
	/// Conduct of an account.
	pub struct ConductRecord {
		/// Its level.
		pub level: Level,
		/// Successes since the last failure or change of level.
		pub successes: u32,
		/// Failures since the last success or change of level.
		pub failures: u32,
		/// Recent decisions, one bit each, the newest lowest: 1 is a failure.
		pub history: u32,
		/// Number of decisions in `history`, at most [`DECISIONS`].
		pub decided: u32,
		/// The day that the following fields are about.
		pub day: u32,
		/// Offers of that day.
		pub offers: u32,
		/// Flags of that day.
		pub flags: Flags,
		/// Blocks of the last offers, the newest first.
		pub recent: [u32; RECENT],
		/// Number of entries in `recent` that count.
		pub recent_count: u32,
		/// First block of the burst window that is being counted.
		pub burst_from: u32,
		/// Offers in it.
		pub burst_count: u32,
	}
}

impl ConductRecord {
	/// As it is at block `now`: yesterday's offers and flags are forgotten.
	pub fn at(mut self, rules: &ConductRules, now: u32) -> Self {
		let day = rules.day_of(now);
		if self.day != day {
			self.day = day;
			self.offers = 0;
			self.flags = Flags::default();
		}
		self
	}

	/// Reports whether two flags were raised on the day.
	pub fn is_blocked(&self) -> bool {
		self.flags.count() >= FLAGS_MAX
	}

	/// Counts an offer at block `now`.
	///
	/// # Errors
	///
	/// Refuses beyond the quota, and after two flags. The offer that raises the second flag is still taken.
	pub fn offer(self, rules: &ConductRules, now: u32) -> Result<Self, Refused> {
		let mut next = self.at(rules, now);
		if next.is_blocked() {
			return Err(Refused::Blocked);
		}
		if next.offers >= rules.quota(next.level) {
			return Err(Refused::QuotaExceeded);
		}
		next.offers = next.offers.saturating_add(1);
		next.note_time(rules, now);
		let flags = next.flags_now(rules);
		next.flags = next.flags.or(flags);
		Ok(next)
	}

	/// Gives an offer of the day back: it came to nothing through no fault of the account.
	pub fn give_back(self, rules: &ConductRules, now: u32, offered_at: u32) -> Self {
		let mut next = self.at(rules, now);
		if rules.day_of(offered_at) == next.day {
			next.offers = next.offers.saturating_sub(1);
		}
		next
	}

	/// Draws the consequence of a decision.
	pub fn decide(mut self, rules: &ConductRules, consequence: Consequence) -> Self {
		match consequence {
			Consequence::Neutral => return self,
			Consequence::Success => {
				self.failures = 0;
				self.successes = self.successes.saturating_add(1);
				if self.successes >= rules.raise_after {
					self.successes = 0;
					self.level = self.level.raised();
				}
			}
			Consequence::Failure => {
				self.successes = 0;
				self.failures = self.failures.saturating_add(1);
				if self.failures >= rules.lower_after {
					self.failures = 0;
					self.level = self.level.lowered();
				}
			}
		}
		let bit = u32::from(consequence == Consequence::Failure);
		// DECISIONS is below 32, so the mask keeps just as many bits.
		let mask = 1u32.wrapping_shl(DECISIONS).saturating_sub(1);
		self.history = (self.history.wrapping_shl(1) | bit) & mask;
		self.decided = self.decided.saturating_add(1).min(DECISIONS);
		self
	}

	fn note_time(&mut self, rules: &ConductRules, now: u32) {
		self.recent.rotate_right(1);
		if let Some(newest) = self.recent.first_mut() {
			*newest = now;
		}
		self.recent_count = self.recent_count.saturating_add(1).min(RECENT as u32);
		if self.burst_count == 0 || now.saturating_sub(self.burst_from) >= rules.burst_window {
			self.burst_from = now;
			self.burst_count = 0;
		}
		self.burst_count = self.burst_count.saturating_add(1);
	}

	fn flags_now(&self, rules: &ConductRules) -> Flags {
		let gap = match self.recent {
			[newest, before, ..] if self.recent_count > 1 => Some(newest.saturating_sub(before)),
			_ => None,
		};
		let failures = u64::from(self.history.count_ones()).saturating_mul(MILLIONTHS.into());
		let allowed = u64::from(self.decided).saturating_mul(rules.rejected_max.into());
		Flags {
			hasty: gap.is_some_and(|gap| gap < rules.gap_of(self.level)),
			burst: self.burst_count > rules.burst_of(self.level),
			regular: self.is_regular(),
			rejected: self.decided >= DECISIONS_MIN && failures > allowed,
		}
	}

	/// Reports whether the distances of the last offers differ by less than a twentieth. Offers in one block are hasty, not regular.
	fn is_regular(&self) -> bool {
		if self.recent_count < RECENT as u32 {
			return false;
		}
		let gaps =
			|| self.recent.iter().zip(self.recent.iter().skip(1)).map(|(new, old)| new.saturating_sub(*old));
		let (Some(least), Some(most)) = (gaps().min(), gaps().max()) else { return false };
		least > 0 && most.saturating_sub(least).saturating_mul(20) <= most
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const RULES: ConductRules = ConductRules {
		quotas: [20, 200, 1_000],
		raise_after: 3,
		lower_after: 5,
		day: 14_400,
		gap: 50,
		burst: 10,
		burst_window: 600,
		rejected_max: 800_000,
	};

	fn offers_at(times: impl IntoIterator<Item = u32>) -> (ConductRecord, u32, Option<Refused>) {
		let mut record = ConductRecord::default();
		let mut taken = 0;
		for time in times {
			match record.offer(&RULES, time) {
				Ok(next) => record = next,
				Err(refused) => return (record, taken, Some(refused)),
			}
			taken += 1;
		}
		(record, taken, None)
	}

	#[test]
	fn offers_of_a_person_raise_no_flag_up_to_the_quota() {
		let breaks = [120, 1_150, 480, 700, 260].into_iter().cycle().take(21);
		let times = breaks.scan(100, |time, pause| {
			*time += pause;
			Some(*time)
		});
		let (record, taken, refused) = offers_at(times);
		assert_eq!((taken, refused), (20, Some(Refused::QuotaExceeded)));
		assert_eq!(record.flags, Flags::default());
	}

	#[test]
	fn a_flood_is_hasty_then_a_burst_then_blocked_until_the_next_day() {
		let (record, taken, refused) = offers_at(core::iter::repeat_n(7, 50));
		assert_eq!((taken, refused), (11, Some(Refused::Blocked)));
		assert_eq!(record.flags, Flags { hasty: true, burst: true, ..Flags::default() });
		assert_eq!(record.offer(&RULES, RULES.day - 1), Err(Refused::Blocked));
		assert!(record.offer(&RULES, RULES.day).is_ok());
	}

	#[test]
	fn a_timer_is_regular() {
		let (record, ..) = offers_at((0..6).map(|place| 10 + place * 700));
		assert_eq!(record.flags, Flags { regular: true, ..Flags::default() });
		let (record, ..) = offers_at((0..5).map(|place| 10 + place * 700));
		assert_eq!(record.flags, Flags::default());
	}

	#[test]
	fn an_account_whose_offers_are_rejected_is_flagged() {
		let mut record = ConductRecord::default();
		for _ in 0..4 {
			record = record.decide(&RULES, Consequence::Failure);
		}
		assert!(!record.offer(&RULES, 1).unwrap().flags.rejected, "four decisions are no share");
		record = record.decide(&RULES, Consequence::Failure);
		assert!(record.offer(&RULES, 1).unwrap().flags.rejected);
		let mended = record.decide(&RULES, Consequence::Success);
		assert!(mended.offer(&RULES, 1).unwrap().flags.rejected, "five of six");
		let mended = mended.decide(&RULES, Consequence::Success);
		assert!(!mended.offer(&RULES, 1).unwrap().flags.rejected, "five of seven");
	}

	#[test]
	fn three_successes_raise_and_five_failures_lower() {
		let many = |record: ConductRecord, consequence, count| {
			(0..count).fold(record, |record, _| record.decide(&RULES, consequence))
		};
		let record = many(ConductRecord::default(), Consequence::Success, 2);
		assert_eq!(record.level, Level::Newbie);
		let record = many(record, Consequence::Neutral, 9);
		let record = many(record, Consequence::Success, 1);
		assert_eq!(record.level, Level::Trusted);
		let record = many(record, Consequence::Success, 3);
		assert_eq!(record.level, Level::Expert);
		let record = many(record, Consequence::Failure, 4);
		assert_eq!(record.level, Level::Expert);
		let record = many(record, Consequence::Failure, 1);
		assert_eq!(record.level, Level::Trusted);
	}

	#[test]
	fn quotas_of_every_level_can_be_used_up() {
		for level in [Level::Newbie, Level::Trusted, Level::Expert] {
			let mut record = ConductRecord { level, ..ConductRecord::default() };
			let quota = RULES.quota(level);
			let step = RULES.day / quota;
			for place in 0..quota {
				// As a person would: not on the minute.
				let jitter = (place * 7) % (step / 2);
				record = record.offer(&RULES, place * step + jitter).unwrap_or_else(|refused| {
					panic!("{level:?}, offer {place}: {refused:?}, {:?}", record.flags)
				});
			}
			assert_eq!(record.offers, quota);
		}
	}

	#[test]
	fn an_offer_is_given_back_on_its_day_only() {
		let record = ConductRecord::default().offer(&RULES, 5).unwrap();
		assert_eq!(record.give_back(&RULES, 10, 5).offers, 0);
		let next_day = record.offer(&RULES, RULES.day + 5).unwrap();
		assert_eq!(next_day.give_back(&RULES, RULES.day + 10, 5).offers, 1);
		assert_eq!(RULES.renews_in(RULES.day + 5), RULES.day - 5);
	}

	proptest! {
		/// Gain of any rhythm of offers and outcomes: never more than a level's quota a day.
		#[test]
		fn no_rhythm_exceeds_the_quota(steps in proptest::collection::vec((0u32..900, 0u8..6), 1..400)) {
			let mut record = ConductRecord::default();
			let (mut now, mut taken) = (0u32, std::collections::BTreeMap::<u32, u32>::new());
			let mut best = Level::Newbie;
			for (wait, what) in steps {
				now += wait;
				match what {
					0 => record = record.decide(&RULES, Consequence::Success),
					1 => record = record.decide(&RULES, Consequence::Failure),
					_ => if let Ok(next) = record.offer(&RULES, now) {
						prop_assert!(!record.at(&RULES, now).is_blocked());
						record = next;
						*taken.entry(RULES.day_of(now)).or_default() += 1;
					},
				}
				best = best.max(record.level);
				prop_assert!(record.successes < RULES.raise_after && record.failures < RULES.lower_after);
				prop_assert!(record.history.count_ones() <= record.decided && record.decided <= DECISIONS);
			}
			prop_assert!(taken.values().all(|taken| *taken <= RULES.quota(best)));
		}
	}
}
