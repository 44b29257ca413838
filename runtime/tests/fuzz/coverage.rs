//! All that a run has seen: how often each call was tried and succeeded, each refusal, each event.

use std::{
	collections::{BTreeMap, BTreeSet},
	time::Duration,
};

/// Counts of one call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
	/// Times that it was sent.
	pub tried: u64,
	/// Times that it did what it says.
	pub ok: u64,
	/// Time that successes took, and what their weights said they may, in nanoseconds.
	pub took: [u64; 2],
}

/// All that was seen so far.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
	/// By pallet and call.
	pub calls: BTreeMap<String, Tally>,
	/// Calls with what came of them.
	pub outcomes: BTreeSet<(String, String)>,
	/// By pallet and event.
	pub events: BTreeMap<String, u64>,
	/// Blocks with every invariant checked.
	pub blocks: u64,
	/// Inputs that were played.
	pub episodes: u64,
	/// Second tries of what was free.
	pub replays: u64,
	/// Blocks at their limit.
	pub full_blocks: u64,
}

impl Coverage {
	/// Notes what came of a call.
	pub fn note(&mut self, call: &str, outcome: &str, took: Duration, declared: u64) {
		let tally = self.calls.entry(call.to_string()).or_default();
		tally.tried += 1;
		if outcome == "Ok" {
			tally.ok += 1;
			tally.took[0] += took.as_nanos() as u64;
			tally.took[1] += declared;
		}
		let pair = (call.to_string(), outcome.to_string());
		self.outcomes.insert(pair);
	}

	/// Notes an event.
	pub fn event(&mut self, name: String) {
		*self.events.entry(name).or_default() += 1;
	}

	/// Calls sent in all.
	pub fn tried(&self) -> u64 {
		self.calls.values().map(|tally| tally.tried).sum()
	}

	/// Calls that succeeded in all.
	pub fn succeeded(&self) -> u64 {
		self.calls.values().map(|tally| tally.ok).sum()
	}

	/// Adds what another run has seen.
	pub fn absorb(&mut self, other: Self) {
		for (call, tally) in other.calls {
			let mine = self.calls.entry(call).or_default();
			mine.tried += tally.tried;
			mine.ok += tally.ok;
			mine.took[0] += tally.took[0];
			mine.took[1] += tally.took[1];
		}
		self.outcomes.extend(other.outcomes);
		for (event, count) in other.events {
			*self.events.entry(event).or_default() += count;
		}
		self.blocks += other.blocks;
		self.episodes += other.episodes;
		self.replays += other.replays;
		self.full_blocks += other.full_blocks;
	}

	/// The whole as a table.
	pub fn report(&self, seconds: f64) {
		println!(
			"{} calls, {} Ok, {} blocks ({} full), {} episodes, {} replays of what was free, {} outcomes, {seconds:.1} s",
			self.tried(),
			self.succeeded(),
			self.blocks,
			self.full_blocks,
			self.episodes,
			self.replays,
			self.outcomes.len()
		);
		println!("{:<58} {:>9} {:>9} {:>9} {:>9}", "call", "tried", "Ok", "us each", "declared");
		for (call, tally) in &self.calls {
			let each = |total: u64| total.checked_div(tally.ok * 1_000).unwrap_or(0);
			let [took, declared] = tally.took.map(each);
			println!("{call:<58} {:>9} {:>9} {took:>9} {declared:>9}", tally.tried, tally.ok);
		}
		for (event, count) in &self.events {
			println!("event {event:<58} {count:>9}");
		}
	}
}
