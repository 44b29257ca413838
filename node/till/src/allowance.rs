//! Use of an API key: tokens and planck of a day, requests of an hour.

use crate::keys::Budget;
use codec::{Decode, Encode};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * HOUR_MS;

/// Use of a key. Days and hours are those of UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Allowance {
	day: u64,
	hour: u64,
	/// Tokens charged this day.
	pub tokens: u64,
	/// Planck charged this day.
	pub planck: u128,
	/// Requests of this hour.
	pub requests: u32,
	#[codec(skip)]
	held_tokens: u64,
	#[codec(skip)]
	held_planck: u128,
}

/// Reason why a key does not pay for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
	/// The requests of this hour are used up.
	Requests {
		/// Requests that the key has.
		limit: u32,
		/// Seconds until there are more.
		retry_after: u32,
	},
	/// The tokens of this day are used up, or all that are left are held for requests that are computed.
	Tokens {
		/// Tokens that are left.
		left: u64,
	},
	/// The planck of this day are used up.
	Planck {
		/// Planck that are left.
		left: u128,
	},
}

impl Allowance {
	/// Holds what a request may use at most.
	pub fn hold(&mut self, budget: &Budget, tokens: u64, planck: u128, now: u64) -> Result<(), Exhausted> {
		self.turn(now);
		if let Some(limit) = budget.requests_per_hour.filter(|limit| self.requests >= *limit) {
			let left = HOUR_MS - now % HOUR_MS;
			let retry_after = u32::try_from(left.div_ceil(1_000)).unwrap_or(u32::MAX);
			return Err(Exhausted::Requests { limit, retry_after });
		}
		if let Some(limit) = budget.tokens_per_day {
			let left = limit.saturating_sub(self.tokens.saturating_add(self.held_tokens));
			if tokens > left {
				return Err(Exhausted::Tokens { left });
			}
		}
		if let Some(limit) = budget.planck_per_day {
			let left = limit.saturating_sub(self.planck.saturating_add(self.held_planck));
			if planck > left {
				return Err(Exhausted::Planck { left });
			}
		}
		self.requests = self.requests.saturating_add(1);
		self.held_tokens = self.held_tokens.saturating_add(tokens);
		self.held_planck = self.held_planck.saturating_add(planck);
		Ok(())
	}

	/// Gives held use back.
	pub fn release(&mut self, tokens: u64, planck: u128) {
		self.held_tokens = self.held_tokens.saturating_sub(tokens);
		self.held_planck = self.held_planck.saturating_sub(planck);
	}

	/// Charges an answer, on the day on which it ends.
	pub fn charge(&mut self, tokens: u64, planck: u128, now: u64) {
		self.turn(now);
		self.tokens = self.tokens.saturating_add(tokens);
		self.planck = self.planck.saturating_add(planck);
	}

	/// Begins another hour and another day. A clock that goes back begins nothing.
	fn turn(&mut self, now: u64) {
		let (day, hour) = (now / DAY_MS, now / HOUR_MS);
		if day > self.day {
			(self.day, self.tokens, self.planck) = (day, 0, 0);
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
	fn requests_come_back_with_the_hour_and_tokens_with_the_day() {
		let budget = Budget { requests_per_hour: Some(1), tokens_per_day: Some(10), planck_per_day: None };
		let mut allowance = Allowance::default();
		let now = DAY_MS + HOUR_MS - 1_500;
		allowance.hold(&budget, 6, 0, now).unwrap();
		assert_eq!(allowance.hold(&budget, 1, 0, now), Err(Exhausted::Requests { limit: 1, retry_after: 2 }));
		allowance.release(6, 0);
		allowance.charge(6, 0, now);
		assert_eq!(allowance.hold(&budget, 5, 0, now + HOUR_MS), Err(Exhausted::Tokens { left: 4 }));
		allowance.hold(&budget, 5, 0, now + DAY_MS).unwrap();
	}

	proptest! {
		#[test]
		fn no_order_of_requests_uses_more_than_the_budget(
			steps in prop::collection::vec((0..40_u64, 0..40_u128, 0..100_u64, any::<bool>()), 0..60),
			tokens_per_day in 0..300_u64, planck_per_day in 0..300_u128,
		) {
			let budget = Budget {
				tokens_per_day: Some(tokens_per_day), planck_per_day: Some(planck_per_day), requests_per_hour: None,
			};
			let (mut allowance, mut held) = (Allowance::default(), Vec::new());
			for (tokens, planck, share, is_end) in steps {
				if is_end && !held.is_empty() {
					let (tokens, planck): (u64, u128) = held.remove(0);
					allowance.release(tokens, planck);
					allowance.charge(tokens * share / 100, planck * u128::from(share) / 100, 0);
				} else if allowance.hold(&budget, tokens, planck, 0).is_ok() {
					held.push((tokens, planck));
				}
				prop_assert!(allowance.tokens + allowance.held_tokens <= tokens_per_day);
				prop_assert!(allowance.planck + allowance.held_planck <= planck_per_day);
			}
		}
	}
}
