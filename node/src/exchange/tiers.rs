//! Retention tiers of the blobs in the store, cached between looks at the chain.

use blyan_engine::blobs::Tier;
use sp_core::H256;
use std::{
	collections::{HashMap, HashSet},
	sync::Arc,
	time::Duration,
};

/// Lifetime of a cached answer about a blob that the chain does not work with. Every such blob costs a runtime call.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Which blobs the chain works with, and what it said about stored blobs that it does not.
#[derive(Clone, Debug, Default)]
pub struct Tiers {
	pinned: Arc<HashSet<H256>>,
	others: Arc<HashMap<H256, (Tier, Duration)>>,
}

impl Tiers {
	/// Returns the present tiers: `ask` is called for those of `stored` that are not `pinned`, unless that was done
	/// a short while ago.
	pub fn renewed(
		&self,
		now: Duration,
		pinned: impl Iterator<Item = H256>,
		stored: impl IntoIterator<Item = H256>,
		ask: impl Fn(&H256) -> Tier,
	) -> Self {
		let pinned: HashSet<H256> = pinned.collect();
		let others = stored.into_iter().filter(|hash| !pinned.contains(hash)).map(|hash| {
			let known = self.others.get(&hash).filter(|(_, at)| now.saturating_sub(*at) < ANSWER_MAX);
			(hash, known.copied().unwrap_or_else(|| (ask(&hash), now)))
		});
		Self { others: Arc::new(others.collect()), pinned: Arc::new(pinned) }
	}

	/// Bytes by tier: pinned, recent, history. A blob that is new in the store and not pinned counts as recent.
	pub fn bytes(&self, stored: impl IntoIterator<Item = (H256, u64)>) -> [u64; 3] {
		let mut bytes = [0; 3];
		for (hash, size) in stored {
			let tier = match self.pinned.contains(&hash) {
				true => Tier::Pinned,
				false => self.others.get(&hash).map_or(Tier::Recent, |(tier, _)| *tier),
			};
			bytes[match tier {
				Tier::Pinned => 0,
				Tier::Recent => 1,
				Tier::History => 2,
			}] += size;
		}
		bytes
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::cell::Cell;

	fn hash(byte: u8) -> H256 {
		H256([byte; 32])
	}

	#[test]
	fn stored_bytes_are_told_by_tier_and_the_chain_is_asked_once_a_minute() {
		let asked = Cell::new(0);
		let ask = |of: &H256| {
			asked.set(asked.get() + 1);
			match *of == hash(2) {
				true => Tier::Recent,
				false => Tier::History,
			}
		};
		let at = Duration::from_secs;
		let stored = || [1, 2, 3].map(hash);
		let named = || [hash(1), hash(9)].into_iter();
		let tiers = Tiers::default().renewed(at(0), named(), stored(), ask);
		let sizes = [(hash(1), 1), (hash(2), 10), (hash(3), 100), (hash(4), 1_000), (hash(9), 10_000)];
		assert_eq!(tiers.bytes(sizes), [10_001, 1_010, 100]);
		assert_eq!(asked.get(), 2);
		// With every block, but not about the same again.
		let tiers = (1..10).fold(tiers, |tiers, second| tiers.renewed(at(second), named(), stored(), ask));
		assert_eq!(asked.get(), 2);
		let tiers = tiers.renewed(at(10), named(), stored().into_iter().chain([hash(4)]), ask);
		assert_eq!((asked.get(), tiers.bytes(sizes)), (3, [10_001, 10, 1_100]));
		tiers.renewed(at(65), named(), stored().into_iter().chain([hash(4)]), ask);
		assert_eq!(asked.get(), 5, "the answer about the newest is not a minute old");
	}
}
