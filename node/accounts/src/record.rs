//! Record of an account, and what follows from it: how much it may ask, and how much of that is free.

use codec::{Decode, Encode};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * HOUR_MS;
/// Free requests of a demo account, in all.
pub const DEMO_FREE: u32 = 5;
/// Answers that one failure outweighs.
const FAILURE_WEIGHT: u32 = 10;
/// Answers and days from which on an account is trusted. Days, since answers alone are bought by asking.
const TRUSTED_FROM: (u32, u32) = (50, 7);
/// The same for an expert.
const EXPERT_FROM: (u32, u32) = (1_000, 30);

/// Trust in an account, by its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
	/// Every account at first, and a demo account always.
	Newbie,
	/// Fifty answers on seven days.
	Trusted,
	/// A thousand answers on thirty days.
	Expert,
}

impl Level {
	/// Returns the name for programs.
	pub fn name(self) -> &'static str {
		match self {
			Self::Newbie => "newbie",
			Self::Trusted => "trusted",
			Self::Expert => "expert",
		}
	}

	/// Returns the free requests of a day.
	pub fn free_per_day(self) -> u32 {
		match self {
			Self::Newbie => 5,
			Self::Trusted => 50,
			Self::Expert => 500,
		}
	}

	/// Returns the requests of an hour, those that are paid for included.
	pub fn requests_per_hour(self) -> u32 {
		match self {
			Self::Newbie => 100,
			Self::Trusted => 1_000,
			Self::Expert => 10_000,
		}
	}
}

/// Standing of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
	/// It may ask.
	#[default]
	Good,
	/// It was put aside by the ladder, until the operator has looked at it.
	Quarantined {
		/// Time, in milliseconds since 1970.
		since: u64,
		/// Reasons in words.
		reasons: Vec<String>,
		/// Words of its owner against that.
		appeal: Option<String>,
	},
	/// It was put aside by the operator.
	Banned {
		/// Time, in milliseconds since 1970.
		since: u64,
	},
}

/// Record of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct AccountRecord {
	/// Made without a wallet.
	pub is_demo: bool,
	/// Milliseconds since 1970 at which it was made.
	pub created_at: u64,
	/// The same of its last request.
	pub seen_at: u64,
	day: u64,
	/// Free requests of this day; of a demo account, of all days.
	free_used: u32,
	hour: u64,
	requests: u32,
	/// Whole answers.
	pub successes: u32,
	/// Challenges, and times in quarantine.
	pub failures: u32,
	/// Days with a whole answer.
	pub days: u32,
	last_day: u64,
	/// Entries of its history that were ever written.
	pub entries: u64,
	/// Standing.
	pub standing: Standing,
}

/// Limit that an account has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
	/// Requests of this hour.
	Hour {
		/// Requests that it has.
		limit: u32,
		/// Seconds until there are more.
		retry_after: u32,
	},
	/// Free requests of this day, or of a demo account.
	Free {
		/// Free requests that it has.
		limit: u32,
		/// Free requests that are left, which are fewer than this request has answers.
		left: u32,
	},
}

impl AccountRecord {
	/// Makes the record of a new account.
	pub fn new(is_demo: bool, now: u64) -> Self {
		Self { is_demo, created_at: now, seen_at: now, ..Self::default() }
	}

	/// Returns the trust in it.
	pub fn level(&self) -> Level {
		let points = self.successes.saturating_sub(self.failures.saturating_mul(FAILURE_WEIGHT));
		let reaches = |(answers, days): (u32, u32)| points >= answers && self.days >= days;
		match self.is_demo {
			true => Level::Newbie,
			false if reaches(EXPERT_FROM) => Level::Expert,
			false if reaches(TRUSTED_FROM) => Level::Trusted,
			false => Level::Newbie,
		}
	}

	/// Returns the free requests that it has: a day, or in all.
	pub fn free_limit(&self) -> u32 {
		if self.is_demo {
			DEMO_FREE
		} else {
			self.level().free_per_day()
		}
	}

	/// Returns the free requests that are left.
	pub fn free_left(&mut self, now: u64) -> u32 {
		self.turn(now);
		self.free_limit().saturating_sub(self.free_used)
	}

	/// Returns the requests of this hour that are left.
	pub fn requests_left(&mut self, now: u64) -> u32 {
		self.turn(now);
		self.level().requests_per_hour().saturating_sub(self.requests)
	}

	/// Counts so many requests of this hour.
	pub fn take(&mut self, answers: u32, now: u64) -> Result<(), Reached> {
		let left = self.requests_left(now);
		if answers > left {
			let retry_after = u32::try_from((HOUR_MS - now % HOUR_MS).div_ceil(1_000)).unwrap_or(u32::MAX);
			return Err(Reached::Hour { limit: self.level().requests_per_hour(), retry_after });
		}
		self.requests = self.requests.saturating_add(answers);
		self.seen_at = now;
		Ok(())
	}

	/// Counts so many free requests.
	pub fn take_free(&mut self, answers: u32, now: u64) -> Result<(), Reached> {
		let left = self.free_left(now);
		if answers > left {
			return Err(Reached::Free { limit: self.free_limit(), left });
		}
		self.free_used = self.free_used.saturating_add(answers);
		Ok(())
	}

	/// Gives a free request back that had no answer.
	pub fn give_back(&mut self) {
		self.free_used = self.free_used.saturating_sub(1);
	}

	/// Counts a whole answer.
	pub fn note_success(&mut self, now: u64) {
		self.successes = self.successes.saturating_add(1);
		let day = now / DAY_MS;
		if day > self.last_day {
			(self.last_day, self.days) = (day, self.days.saturating_add(1));
		}
	}

	/// Puts the account aside. Its record begins again: what a program has earned is worth nothing.
	pub fn quarantine(&mut self, reasons: &[&str], now: u64) {
		self.failures = self.failures.saturating_add(1);
		(self.successes, self.days) = (0, 0);
		let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
		self.standing = Standing::Quarantined { since: now, reasons, appeal: None };
	}

	/// Takes over what a demo account has used: who signs in goes on, and does not begin again.
	pub fn take_over(&mut self, demo: &Self, now: u64) {
		self.turn(now);
		self.free_used = self.free_used.saturating_add(demo.free_used);
		self.requests = self.requests.saturating_add(if demo.hour == self.hour { demo.requests } else { 0 });
		self.failures = self.failures.saturating_add(demo.failures);
	}

	/// Begins another hour and another day. A clock that goes back begins nothing, and a demo account has no other day.
	fn turn(&mut self, now: u64) {
		let (day, hour) = (now / DAY_MS, now / HOUR_MS);
		if day > self.day {
			self.day = day;
			if !self.is_demo {
				self.free_used = 0;
			}
		}
		if hour > self.hour {
			(self.hour, self.requests) = (hour, 0);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn answers_on_many_days_earn_trust_and_failures_cost_it() {
		let mut record = AccountRecord::new(false, 0);
		(0..2_000).for_each(|_| record.note_success(DAY_MS));
		assert_eq!(record.level(), Level::Newbie, "all on one day");
		(2..8).for_each(|day| record.note_success(day * DAY_MS));
		assert_eq!(record.level(), Level::Trusted);
		(8..40).for_each(|day| record.note_success(day * DAY_MS));
		assert_eq!(record.level(), Level::Expert);
		record.failures = 150;
		assert_eq!(record.level(), Level::Trusted);
		record.quarantine(&["signs"], 1);
		assert_eq!(record.level(), Level::Newbie);
	}

	#[test]
	fn a_demo_account_has_five_free_requests_in_all_and_another_one_as_many_every_day() {
		let (mut demo, mut other) = (AccountRecord::new(true, 0), AccountRecord::new(false, 0));
		for record in [&mut demo, &mut other] {
			(0..5).for_each(|_| record.take_free(1, DAY_MS).unwrap());
			assert_eq!(record.take_free(1, DAY_MS), Err(Reached::Free { limit: 5, left: 0 }));
		}
		assert!(demo.take_free(1, 9 * DAY_MS).is_err());
		assert!(other.take_free(5, 9 * DAY_MS).is_ok());
		assert_eq!(other.take_free(1, 9 * DAY_MS), Err(Reached::Free { limit: 5, left: 0 }));
	}

	#[test]
	fn attack_sign_in_with_a_used_demo_account_gives_no_second_helping_on_the_same_day() {
		let (mut demo, mut wallet) = (AccountRecord::new(true, 0), AccountRecord::new(false, 0));
		demo.take_free(4, DAY_MS).unwrap();
		wallet.take_over(&demo, DAY_MS);
		assert_eq!((wallet.free_left(DAY_MS), wallet.free_left(2 * DAY_MS)), (1, 5));
	}

	#[test]
	fn requests_come_back_with_the_hour() {
		let mut record = AccountRecord::new(false, 0);
		record.take(100, HOUR_MS).unwrap();
		let reached = record.take(1, 2 * HOUR_MS - 1_500);
		assert_eq!(reached, Err(Reached::Hour { limit: 100, retry_after: 2 }));
		assert!(record.take(1, 2 * HOUR_MS).is_ok());
	}

	proptest! {
		#[test]
		fn no_order_of_requests_has_more_than_the_limits(
			steps in prop::collection::vec((1..8_u32, 0..HOUR_MS, any::<bool>()), 0..80), is_demo: bool,
		) {
			let mut record = AccountRecord::new(is_demo, 0);
			let (mut now, mut free) = (0, std::collections::BTreeMap::<u64, u32>::new());
			for (answers, pause, is_given_back) in steps {
				now += pause;
				if record.take_free(answers, now).is_ok() {
					let used = free.entry(if is_demo { 0 } else { now / DAY_MS }).or_default();
					*used += answers;
					if is_given_back {
						record.give_back();
						*used -= 1;
					}
				}
				prop_assert!(free.values().all(|used| *used <= 5));
			}
		}
	}
}
