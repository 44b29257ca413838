//! Retention: which blobs go first when the room runs out.

use super::{BlobError, BlobStore};
use sp_core::H256;

/// Retention tier of a blob, the most dispensable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
	/// Nothing on chain names it any more.
	History,
	/// The chain remembers it: a version that was replaced not long ago.
	Recent,
	/// The chain works with it now: part of a model, or of a submission that can still be judged or disputed.
	Pinned,
}

impl BlobStore {
	/// Makes room for `size` more bytes and returns what had to go for it: the lowest tier first, within a tier what
	/// was not used for longest. Nothing that is pinned goes, and nothing at all if that would not be enough.
	///
	/// `tier` is asked without any lock held.
	pub fn make_room(&self, size: u64, tier: impl Fn(&H256) -> Tier) -> Result<Vec<H256>, BlobError> {
		let (free, blobs) = {
			let state = self.state.lock();
			let used = |hash| state.last_used.get(hash).copied().unwrap_or_default();
			let blobs: Vec<_> = state.sizes.iter().map(|(hash, size)| (*hash, *size, used(hash))).collect();
			(self.bytes_max.saturating_sub(state.used), blobs)
		};
		if free >= size {
			return Ok(Vec::new());
		}
		let mut candidates: Vec<_> = blobs
			.into_iter()
			.map(|(hash, size, used)| (tier(&hash), used, hash, size))
			.filter(|(tier, ..)| *tier < Tier::Pinned)
			.collect();
		candidates.sort_unstable();
		let evictable: u64 = candidates.iter().map(|(.., size)| size).sum();
		if free.saturating_add(evictable) < size {
			let pinned = self.bytes_max.saturating_sub(free).saturating_sub(evictable);
			return Err(BlobError::Pinned { size, pinned, bytes_max: self.bytes_max });
		}
		let mut evicted = Vec::new();
		for (_, _, hash, _) in candidates {
			if self.bytes_max.saturating_sub(self.used_bytes()) >= size {
				break;
			}
			self.remove(&hash)?;
			evicted.push(hash);
		}
		Ok(evicted)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use std::collections::HashMap;

	fn store(bytes_max: u64) -> (tempfile::TempDir, BlobStore) {
		let dir = tempfile::tempdir().unwrap();
		let store = BlobStore::open(dir.path(), bytes_max).unwrap();
		(dir, store)
	}

	#[test]
	fn history_goes_before_what_is_recent_and_the_unused_before_the_used() {
		let (_dir, store) = store(10);
		let [old, new, recent, pinned] = [b"old", b"new", b"rec", b"p.."].map(|bytes| {
			let bytes: &[u8] = if bytes == b"p.." { b"p" } else { bytes };
			store.put(bytes).unwrap()
		});
		let tier = |hash: &H256| match *hash {
			hash if hash == pinned => Tier::Pinned,
			hash if hash == recent => Tier::Recent,
			_ => Tier::History,
		};
		assert!(store.make_room(0, tier).unwrap().is_empty());
		store.get(&old).unwrap();
		assert_eq!(store.make_room(2, tier).unwrap(), [new]);
		assert_eq!(store.make_room(9, tier).unwrap(), [old, recent]);
		let refused = store.make_room(10, tier);
		assert!(matches!(refused, Err(BlobError::Pinned { size: 10, pinned: 1, bytes_max: 10 })));
		assert!(store.has(&pinned));
	}

	#[test]
	fn the_order_of_use_survives_a_restart_as_the_order_of_storing() {
		let (dir, store) = store(10);
		let first = store.put(b"first").unwrap();
		std::fs::File::open(dir.path().join(format!("{first:x}")))
			.unwrap()
			.set_modified(std::time::SystemTime::UNIX_EPOCH)
			.unwrap();
		store.put(b"later").unwrap();
		let store = BlobStore::open(dir.path(), 10).unwrap();
		assert_eq!(store.make_room(5, |_| Tier::History).unwrap(), [first]);
	}

	proptest! {
		#[test]
		fn pinned_blobs_stay_and_room_is_made_or_nothing_goes(
			blobs in prop::collection::vec((1_usize..40, 0_u8..3), 1..12), size in 0_u64..200,
		) {
			let (_dir, store) = store(500);
			let tiers: HashMap<H256, Tier> = blobs.iter().enumerate().map(|(i, (len, tier))| {
				let hash = store.put(&vec![i as u8; *len]).unwrap();
				(hash, [Tier::History, Tier::Recent, Tier::Pinned][usize::from(*tier)])
			}).collect();
			let (before, all) = (store.used_bytes(), store.hashes());
			// The store as it would be with less room.
			let filler = 500 - before;
			store.state.lock().used += filler;
			let outcome = store.make_room(size, |hash| tiers[hash]);
			for hash in &all {
				prop_assert!(tiers[hash] != Tier::Pinned || store.has(hash));
			}
			match outcome {
				Ok(gone) => {
					prop_assert!(500 - store.used_bytes() >= size);
					let highest = gone.iter().map(|hash| tiers[hash]).max();
					let left = all.iter().filter(|hash| store.has(hash)).map(|hash| tiers[hash]).min();
					prop_assert!(highest.zip(left).is_none_or(|(highest, left)| highest <= left));
				}
				Err(BlobError::Pinned { .. }) => prop_assert_eq!(store.hashes().len(), all.len()),
				Err(error) => prop_assert!(false, "{error}"),
			}
		}
	}
}
