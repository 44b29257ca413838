//! LRU cache of loaded blocks, by bytes, within a cap that is never exceeded.

use std::{collections::HashMap, hash::Hash};

/// Something that may be in use outside of the cache.
pub trait Pinned {
	/// Reports whether dropping it here would not give its memory back.
	fn is_pinned(&self) -> bool;
}

/// Bytes that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
	/// Bytes that are wanted.
	pub needed: u64,
	/// Bytes that are in use, or set aside for what is being loaded.
	pub in_use: u64,
	/// The cap.
	pub bytes_max: u64,
}

struct Entry<V> {
	value: V,
	bytes: u64,
	last_used: u64,
	/// Loaded because something else was used, and not asked for since.
	is_guess: bool,
}

/// Counts of a cache since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
	/// Requests for entries that were there.
	pub hits: u64,
	/// Requests for entries that had to be loaded.
	pub misses: u64,
	/// Entries dropped to make room.
	pub evictions: u64,
	/// Loads refused because all that would have had to go was in use.
	pub refusals: u64,
	/// Entries prefetched: loaded before a request for them.
	pub guesses: u64,
	/// Of these, entries that were requested before they were dropped.
	pub guesses_used: u64,
}

/// Least recently used goes first, unless it is in use. Entries in use, idle ones and what is being loaded are all
/// counted, and together they never exceed the cap.
pub struct Cache<K, V> {
	entries: HashMap<K, Entry<V>>,
	/// Keys that are being loaded, with the bytes set aside for each.
	loading: HashMap<K, u64>,
	bytes: u64,
	bytes_max: u64,
	clock: u64,
	counts: Counts,
}

impl<K: Copy + Eq + Hash, V: Clone + Pinned> Cache<K, V> {
	/// An empty cache of so many bytes.
	pub fn new(bytes_max: u64) -> Self {
		let (entries, loading) = (HashMap::new(), HashMap::new());
		Self { entries, loading, bytes: 0, bytes_max, clock: 0, counts: Counts::default() }
	}

	/// Bytes of everything loaded and being loaded.
	pub fn bytes(&self) -> u64 {
		self.bytes
	}

	/// Bytes that may be loaded.
	pub fn bytes_max(&self) -> u64 {
		self.bytes_max
	}

	/// Number of entries.
	pub fn len(&self) -> usize {
		self.entries.len()
	}

	/// Counts since the start.
	pub fn counts(&self) -> Counts {
		self.counts
	}

	/// Reports whether it is loaded or being loaded.
	pub fn is_known(&self, key: &K) -> bool {
		self.entries.contains_key(key) || self.loading.contains_key(key)
	}

	/// Reports whether a thread is loading it.
	pub fn is_loading(&self, key: &K) -> bool {
		self.loading.contains_key(key)
	}

	/// Returns the value loaded under a key, and marks it as the one used last.
	pub fn get(&mut self, key: &K) -> Option<V> {
		self.clock += 1;
		let entry = self.entries.get_mut(key)?;
		entry.last_used = self.clock;
		self.counts.hits += 1;
		self.counts.guesses_used += u64::from(std::mem::take(&mut entry.is_guess));
		Some(entry.value.clone())
	}

	/// Sets bytes aside for what is about to be loaded, and drops what was used least recently until they are free.
	pub fn begin(&mut self, key: K, bytes: u64) -> Result<(), NoRoom> {
		self.counts.misses += 1;
		let outcome = self.make_room(bytes, |_| true);
		match outcome {
			Ok(()) => self.set_aside(key, bytes),
			Err(_) => self.counts.refusals += 1,
		}
		outcome
	}

	/// The same for a guess, which drops only what `may_go`.
	pub fn begin_guess(&mut self, key: K, bytes: u64, may_go: impl Fn(&K) -> bool) -> Result<(), NoRoom> {
		self.make_room(bytes, may_go)?;
		self.set_aside(key, bytes);
		Ok(())
	}

	fn set_aside(&mut self, key: K, bytes: u64) {
		self.bytes += bytes;
		self.loading.insert(key, bytes);
	}

	/// Drops nothing at all if that does not make enough room.
	fn make_room(&mut self, bytes: u64, may_go: impl Fn(&K) -> bool) -> Result<(), NoRoom> {
		let needed = |held: u64| (held + bytes).saturating_sub(self.bytes_max);
		if needed(self.bytes) == 0 {
			return Ok(());
		}
		let goes = |(key, entry): &(&K, &Entry<V>)| !entry.value.is_pinned() && may_go(key);
		let mut idle: Vec<(u64, K, u64)> = self
			.entries
			.iter()
			.filter(goes)
			.map(|(key, entry)| (entry.last_used, *key, entry.bytes))
			.collect();
		idle.sort_unstable_by_key(|(last_used, ..)| *last_used);
		let mut freed = 0;
		let mut count = 0;
		for (.., bytes) in &idle {
			if needed(self.bytes - freed) == 0 {
				break;
			}
			freed += bytes;
			count += 1;
		}
		if needed(self.bytes - freed) != 0 {
			return Err(NoRoom { needed: bytes, in_use: self.bytes - freed, bytes_max: self.bytes_max });
		}
		for (_, key, _) in &idle[..count] {
			self.drop_entry(key);
			self.counts.evictions += 1;
		}
		Ok(())
	}

	/// Ends what [`Self::begin`] or [`Self::begin_guess`] began, with what was loaded or without.
	pub fn end(&mut self, key: K, value: Option<V>, is_guess: bool) {
		let Some(bytes) = self.loading.remove(&key) else { return };
		match value {
			Some(value) => {
				self.counts.guesses += u64::from(is_guess);
				let entry = Entry { value, bytes, last_used: self.clock, is_guess };
				if let Some(before) = self.entries.insert(key, entry) {
					self.bytes -= before.bytes;
				}
			}
			None => self.bytes -= bytes,
		}
	}

	/// Replaces a value that is not in use, if there is room for the new one; reports whether it did.
	pub fn replace_idle(&mut self, key: K, value: V, bytes: u64) -> bool {
		let Some(entry) = self.entries.get(&key).filter(|entry| !entry.value.is_pinned()) else {
			return false;
		};
		let (before, last_used) = (entry.bytes, entry.last_used);
		if self.make_room(bytes.saturating_sub(before), |other| *other != key).is_err() {
			return false;
		}
		self.bytes = self.bytes - before + bytes;
		self.entries.insert(key, Entry { value, bytes, last_used, is_guess: false });
		true
	}

	/// Drops all that is not in use; returns how many bytes that were.
	pub fn drop_idle(&mut self) -> u64 {
		let before = self.bytes;
		let idle: Vec<K> =
			self.entries.iter().filter(|(_, entry)| !entry.value.is_pinned()).map(|(key, _)| *key).collect();
		for key in &idle {
			self.drop_entry(key);
		}
		before - self.bytes
	}

	fn drop_entry(&mut self, key: &K) {
		if let Some(entry) = self.entries.remove(key) {
			self.bytes -= entry.bytes;
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use std::sync::Arc;

	impl Pinned for Arc<u64> {
		fn is_pinned(&self) -> bool {
			Arc::strong_count(self) > 1
		}
	}

	fn load(cache: &mut Cache<u64, Arc<u64>>, key: u64, bytes: u64) -> Result<Arc<u64>, NoRoom> {
		if let Some(value) = cache.get(&key) {
			return Ok(value);
		}
		cache.begin(key, bytes)?;
		let value = Arc::new(key);
		cache.end(key, Some(value.clone()), false);
		Ok(value)
	}

	#[test]
	fn one_entry_larger_than_the_cap_is_refused_and_drops_nothing() {
		let mut cache = Cache::new(100);
		load(&mut cache, 1, 60).unwrap();
		assert_eq!(load(&mut cache, 2, 101), Err(NoRoom { needed: 101, in_use: 0, bytes_max: 100 }));
		assert_eq!((cache.bytes(), cache.len(), cache.counts().refusals), (60, 1, 1));
	}

	#[test]
	fn what_is_in_use_is_counted_and_stays() {
		let mut cache = Cache::new(100);
		let held = load(&mut cache, 1, 60).unwrap();
		load(&mut cache, 2, 40).unwrap();
		load(&mut cache, 3, 40).unwrap();
		assert!(cache.is_known(&1) && !cache.is_known(&2) && cache.is_known(&3));
		assert_eq!(load(&mut cache, 4, 41), Err(NoRoom { needed: 41, in_use: 60, bytes_max: 100 }));
		drop(held);
		load(&mut cache, 4, 41).unwrap();
		assert!(!cache.is_known(&1));
	}

	#[test]
	fn a_guess_drops_only_what_may_go() {
		let mut cache = Cache::new(100);
		load(&mut cache, 1, 60).unwrap();
		assert!(cache.begin_guess(2, 50, |key| *key != 1).is_err());
		cache.begin_guess(2, 50, |_| true).unwrap();
		cache.end(2, Some(Arc::new(2)), true);
		assert!(!cache.is_known(&1));
		assert_eq!(cache.counts().guesses_used, 0);
		cache.get(&2).unwrap();
		assert_eq!((cache.counts().guesses, cache.counts().guesses_used), (1, 1));
	}

	#[test]
	fn a_value_is_replaced_when_nobody_uses_it_and_its_bytes_can_be_had() {
		let mut cache = Cache::new(100);
		let held = load(&mut cache, 1, 60).unwrap();
		assert!(!cache.replace_idle(1, Arc::new(7), 10));
		drop(held);
		let other = load(&mut cache, 2, 40).unwrap();
		assert!(!cache.replace_idle(1, Arc::new(7), 61));
		drop(other);
		assert!(cache.replace_idle(1, Arc::new(7), 61));
		assert_eq!((cache.bytes(), cache.is_known(&2), *cache.get(&1).unwrap()), (61, false, 7));
		assert!(!cache.replace_idle(3, Arc::new(7), 1));
	}

	#[test]
	fn what_cannot_be_loaded_gives_its_bytes_back() {
		let mut cache: Cache<u64, Arc<u64>> = Cache::new(100);
		cache.begin(1, 70).unwrap();
		assert!(cache.is_loading(&1) && cache.begin(2, 70).is_err());
		cache.end(1, None, false);
		assert_eq!((cache.bytes(), cache.is_known(&1)), (0, false));
	}

	proptest! {
		#[test]
		fn the_cap_holds_whatever_happens(steps in prop::collection::vec((0_u64..12, 1_u64..60, any::<bool>()), 1..200)) {
			let mut cache = Cache::new(100);
			let mut held: Vec<(Arc<u64>, u64)> = Vec::new();
			let sizes: Vec<u64> = (0..12).map(|key| key * 37 % 59 + 1).collect();
			for (key, _, keep) in steps {
				let loaded = load(&mut cache, key, sizes[key as usize]);
				if let (Ok(value), true) = (loaded, keep) {
					held.push((value, key));
				}
				if held.len() > 3 {
					held.remove(0);
				}
				prop_assert!(cache.bytes() <= 100);
				let mut alive: Vec<u64> = held.iter().map(|(_, key)| *key).collect();
				alive.sort_unstable();
				alive.dedup();
				// Every value that is held is in the cache's books.
				prop_assert!(alive.iter().all(|key| cache.is_known(key)));
			}
			drop(held);
			cache.drop_idle();
			prop_assert_eq!(cache.bytes(), 0);
		}
	}
}
