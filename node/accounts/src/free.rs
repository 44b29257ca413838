//! Tokens that an operator gives away each day, and the share of them that one block of addresses can have.

use crate::neighbours::block;
use std::{collections::HashMap, net::IpAddr};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Part of the tokens that one block of addresses can have.
const SHARES: u64 = 20;
/// Tokens that it can have where that is less: some ten requests.
const SHARE_MIN: u64 = 10_000;
/// Blocks whose use is known; further ones have nothing left until the next day.
const BLOCKS_MAX: usize = 200_000;

/// Tokens of a day.
#[derive(Clone, Debug, Default)]
pub struct FreeTokens {
	per_day: u64,
	day: u64,
	used: u64,
	held: u64,
	by_block: HashMap<IpAddr, u64>,
}

/// Reason why no free tokens are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
	/// Those of all.
	All,
	/// Those of the block of addresses.
	Block,
}

impl FreeTokens {
	/// Begins with what was used of a day's tokens, by a store.
	pub fn new(per_day: u64, (day, used): (u64, u64)) -> Self {
		Self { per_day, day, used, ..Self::default() }
	}

	/// Returns the tokens of a day.
	pub fn per_day(&self) -> u64 {
		self.per_day
	}

	/// Returns the tokens that are left.
	pub fn left(&mut self, now: u64) -> u64 {
		self.turn(now);
		self.per_day.saturating_sub(self.used.saturating_add(self.held))
	}

	/// Holds what a request may use at most.
	pub fn hold(&mut self, client: IpAddr, tokens: u64, now: u64) -> Result<(), Exhausted> {
		if tokens > self.left(now) {
			return Err(Exhausted::All);
		}
		let block = block(client);
		if self.by_block.len() >= BLOCKS_MAX && !self.by_block.contains_key(&block) {
			return Err(Exhausted::Block);
		}
		let share = (self.per_day / SHARES).max(SHARE_MIN);
		let used = self.by_block.entry(block).or_default();
		if used.saturating_add(tokens) > share {
			return Err(Exhausted::Block);
		}
		*used = used.saturating_add(tokens);
		self.held = self.held.saturating_add(tokens);
		Ok(())
	}

	/// Takes what a request has used of what was held, and gives the rest back. Returns the day with what is used of it, for the store.
	pub fn settle(&mut self, client: IpAddr, held: u64, used: u64, now: u64) -> (u64, u64) {
		self.turn(now);
		let used = used.min(held);
		self.held = self.held.saturating_sub(held);
		self.used = self.used.saturating_add(used);
		if let Some(of_block) = self.by_block.get_mut(&block(client)) {
			*of_block = of_block.saturating_sub(held - used);
		}
		(self.day, self.used)
	}

	/// Begins another day. What is held is used on the day on which its answer ends.
	fn turn(&mut self, now: u64) {
		let day = now / DAY_MS;
		if day > self.day {
			(self.day, self.used) = (day, 0);
			self.by_block.clear();
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn attack_take_all_free_tokens_from_one_block_of_addresses_leaves_most_to_others() {
		let mut free = FreeTokens::new(1_000_000, (0, 0));
		let mut taken = 0;
		for index in 0..=255 {
			while free.hold([192, 0, 2, index].into(), 1_000, 0).is_ok() {
				taken += 1_000;
			}
		}
		assert_eq!(taken, 50_000);
		assert_eq!(free.hold([198, 51, 100, 1].into(), 1_000, 0), Ok(()));
	}

	#[test]
	fn what_was_used_before_a_restart_counts_and_a_day_begins_with_all() {
		let client: IpAddr = [192, 0, 2, 1].into();
		let mut free = FreeTokens::new(20_000, (1, 19_000));
		assert_eq!(free.hold(client, 1_001, DAY_MS), Err(Exhausted::All));
		assert_eq!(free.hold(client, 1_000, DAY_MS), Ok(()));
		assert_eq!(free.settle(client, 1_000, 10, DAY_MS), (1, 19_010));
		assert_eq!(free.left(2 * DAY_MS), 20_000);
	}

	proptest! {
		#[test]
		fn no_order_of_requests_uses_more_than_the_day_has(
			steps in prop::collection::vec((0..3_000_u64, 0..3_000_u64, 0..4_u8, any::<bool>()), 0..60), per_day in 0..40_000_u64,
		) {
			let (mut free, mut held) = (FreeTokens::new(per_day, (0, 0)), Vec::new());
			for (tokens, used, block, is_end) in steps {
				let client: IpAddr = [10, 0, block, 1].into();
				if is_end && !held.is_empty() {
					let (client, tokens) = held.remove(0);
					free.settle(client, tokens, used, 0);
				} else if free.hold(client, tokens, 0).is_ok() {
					held.push((client, tokens));
				}
				prop_assert!(free.used + free.held <= per_day);
				prop_assert_eq!(free.held, held.iter().map(|(_, tokens)| *tokens).sum::<u64>());
			}
		}
	}
}
