//! Which experts are used, how much of late, and which follow which.

use sp_core::H256;
use std::collections::HashMap;

/// Uses after which an expert that is used no more has half of its heat left.
const HALF_LIFE_USES: f64 = 4_096.0;
/// Experts whose heat is kept; the coldest go. The slots of a model at its bounds fit.
const HEATS_MAX: usize = 32_768;
/// Experts of the next layer that are remembered for each expert.
const FOLLOWERS: usize = 8;
/// A follower is worth loading from this many times on, and from this share of what followed at all.
const FOLLOWED_TIMES_MIN: u32 = 4;
const FOLLOWED_SHARE_MIN: f64 = 0.2;
/// Counts are halved when one of them passes this, so that the present outweighs the past.
const FOLLOWED_TIMES_MAX: u32 = 1 << 12;

#[derive(Clone, Copy, Debug)]
struct Heat {
	value: f64,
	at: u64,
	/// Uses since it is known.
	uses: u64,
}

/// Decayed counts of uses, by tensor root: each use adds one, and [`HALF_LIFE_USES`] uses of anything halve it.
#[derive(Debug, Default)]
pub struct Heats {
	clock: u64,
	heats: HashMap<H256, Heat>,
}

impl Heats {
	fn now(&self, heat: Heat) -> f64 {
		heat.value * (-((self.clock - heat.at) as f64) / HALF_LIFE_USES).exp2()
	}

	/// Counts a use; returns the heat after it, and how many uses that were.
	pub fn note(&mut self, root: H256) -> (f64, u64) {
		self.clock += 1;
		let value = self.of(&root) + 1.0;
		let uses = self.heats.get(&root).map_or(0, |heat| heat.uses) + 1;
		self.heats.insert(root, Heat { value, at: self.clock, uses });
		if self.heats.len() > HEATS_MAX {
			let mut values: Vec<f64> = self.heats.values().map(|heat| self.now(*heat)).collect();
			let (_, median, _) = values.select_nth_unstable_by(HEATS_MAX / 2, f64::total_cmp);
			let (median, clock) = (*median, self.clock);
			self.heats.retain(|_, heat| {
				heat.value * (-((clock - heat.at) as f64) / HALF_LIFE_USES).exp2() > median
			});
		}
		(value, uses)
	}

	/// Heat of an expert now.
	pub fn of(&self, root: &H256) -> f64 {
		self.heats.get(root).map_or(0.0, |heat| self.now(*heat))
	}

	/// The hottest experts, hottest first.
	pub fn hottest(&self, count: usize) -> Vec<(H256, f64)> {
		let mut all: Vec<_> = self.heats.iter().map(|(root, heat)| (*root, self.now(*heat))).collect();
		all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
		all.truncate(count);
		all
	}
}

/// The experts of the next layer that tokens went to most after one expert.
#[derive(Clone, Copy, Debug, Default)]
struct Followers {
	slots: [(u32, u32); FOLLOWERS],
	total: u32,
}

impl Followers {
	/// Counts one more; an expert not among those counted takes the place, and the count, of the rarest.
	fn note(&mut self, slot: u32) {
		self.total += 1;
		let place = self.slots.iter().position(|(known, times)| *known == slot && *times != 0);
		let rarest = || (0..FOLLOWERS).min_by_key(|&index| self.slots[index].1).unwrap_or(0);
		let place = place.unwrap_or_else(rarest);
		let (known, times) = &mut self.slots[place];
		(*known, *times) = (slot, *times + 1);
		if self.total > FOLLOWED_TIMES_MAX {
			self.total /= 2;
			self.slots.iter_mut().for_each(|(_, times)| *times /= 2);
		}
	}

	fn likely(&self) -> impl Iterator<Item = usize> + '_ {
		let least = FOLLOWED_TIMES_MIN.max((f64::from(self.total) * FOLLOWED_SHARE_MIN) as u32);
		self.slots.iter().filter(move |(_, times)| *times >= least).map(|(slot, _)| *slot as usize)
	}
}

/// The way of tokens through the layers of one model.
#[derive(Debug)]
pub struct Trail {
	experts: usize,
	layer: usize,
	/// Slots used in the layer before.
	before: Vec<usize>,
	/// Slots used in this layer.
	current: Vec<usize>,
	followers: HashMap<usize, Followers>,
}

impl Trail {
	/// For a model with so many experts in a layer.
	pub fn new(experts: usize) -> Self {
		let (before, current) = (Vec::new(), Vec::new());
		Self { experts: experts.max(1), layer: 0, before, current, followers: HashMap::new() }
	}

	/// Notes that a slot is used, and hands back the slots of the next layer that are likely to be.
	pub fn note(&mut self, slot: usize) -> Vec<usize> {
		let layer = slot / self.experts;
		if layer != self.layer || self.current.contains(&slot) {
			// The next layer, or the next token in a model that has only one.
			let current = std::mem::take(&mut self.current);
			self.before = if layer == self.layer + 1 { current } else { Vec::new() };
			self.layer = layer;
		}
		self.current.push(slot);
		for before in &self.before {
			// Slots are at most 16,384.
			self.followers.entry(*before).or_default().note(slot as u32);
		}
		self.followers.get(&slot).map(|followers| followers.likely().collect()).unwrap_or_default()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn heat_grows_with_use_and_fades_without() {
		let (often, once) = (H256([1; 32]), H256([2; 32]));
		let mut heats = Heats::default();
		heats.note(once);
		for _ in 0..4_096 {
			heats.note(often);
		}
		assert!((heats.of(&once) - 0.5).abs() < 1e-9);
		assert!(heats.of(&often) > 1_000.0);
		assert_eq!(heats.hottest(1)[0].0, often);
		assert_eq!(heats.of(&H256::zero()), 0.0);
	}

	#[test]
	fn heats_are_bounded_and_the_coldest_go() {
		let mut heats = Heats::default();
		let hot = H256::repeat_byte(0xff);
		for index in 0..3 * HEATS_MAX as u64 {
			heats.note(hot);
			heats.note(H256::from_low_u64_be(index));
		}
		assert!(heats.heats.len() <= HEATS_MAX);
		assert_eq!(heats.hottest(1)[0].0, hot);
	}

	#[test]
	fn experts_that_follow_each_other_are_foretold() {
		let mut trail = Trail::new(4);
		// Tokens go from 1 to 6, and from 2 to 5 or 7.
		for token in 0..40 {
			trail.note(1);
			trail.note(6);
			trail.note(2);
			trail.note(if token % 2 == 0 { 5 } else { 7 });
		}
		assert_eq!(trail.note(1), vec![6]);
		trail.note(6);
		let mut after = trail.note(2);
		after.sort_unstable();
		assert_eq!(after, vec![5, 7]);
		// Nothing follows the last layer.
		assert_eq!(trail.note(6), Vec::<usize>::new());
	}

	#[test]
	fn what_follows_by_chance_is_not_foretold() {
		let mut trail = Trail::new(64);
		let mut state = 1_u64;
		let mut foretold = 0;
		for _ in 0..2_000 {
			state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
			foretold += trail.note(0).len();
			trail.note(64 + (state >> 58) as usize);
		}
		// Of 64 that are as likely as each other, hardly one passes a fifth.
		assert!(foretold < 200, "{foretold}");
	}
}
