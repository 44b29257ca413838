//! Places for work under way: so many for all, so many for each who takes one, and some kept for newcomers.

use parking_lot::Mutex;
use std::{collections::HashMap, hash::Hash, sync::Arc};

/// Numbers of places.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
	/// Places in all.
	pub all: usize,
	/// Most that one may hold.
	pub each: usize,
	/// Of all places, those that only one who holds fewer than [`Self::few`] may take. A few greedy ones cannot take
	/// everything then.
	pub kept: usize,
	/// Places that count as few.
	pub few: usize,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
	/// All are taken, or those that are left are kept for newcomers.
	All,
	/// The one who asks holds as many as one may.
	Each,
}

#[derive(Debug)]
struct Taken<K> {
	all: usize,
	by: HashMap<K, usize>,
}

/// Places of one kind.
#[derive(Debug)]
pub struct Places<K> {
	bounds: Bounds,
	taken: Mutex<Taken<K>>,
}

impl<K: Copy + Eq + Hash> Places<K> {
	/// So many places, all free.
	pub fn new(bounds: Bounds) -> Arc<Self> {
		Arc::new(Self { bounds, taken: Mutex::new(Taken { all: 0, by: HashMap::new() }) })
	}

	/// Returns the numbers of places.
	pub fn bounds(&self) -> Bounds {
		self.bounds
	}

	/// Places that one holds.
	pub fn held_by(&self, holder: K) -> usize {
		self.taken.lock().by.get(&holder).copied().unwrap_or_default()
	}

	/// Takes a place, which is given back when it is dropped.
	pub fn take(self: &Arc<Self>, holder: K) -> Result<Place<K>, Full> {
		let Bounds { all, each, kept, few } = self.bounds;
		let mut taken = self.taken.lock();
		let held = taken.by.get(&holder).copied().unwrap_or_default();
		if held >= each {
			return Err(Full::Each);
		}
		let open = if held < few { all } else { all.saturating_sub(kept) };
		if taken.all >= open {
			return Err(Full::All);
		}
		taken.all += 1;
		taken.by.insert(holder, held + 1);
		Ok(Place { places: self.clone(), holder })
	}
}

/// One of the places; given back when dropped.
#[derive(Debug)]
pub struct Place<K: Copy + Eq + Hash> {
	places: Arc<Places<K>>,
	holder: K,
}

impl<K: Copy + Eq + Hash> Place<K> {
	/// Returns the one who holds it.
	pub fn holder(&self) -> K {
		self.holder
	}
}

impl<K: Copy + Eq + Hash> Drop for Place<K> {
	fn drop(&mut self) {
		let mut taken = self.places.taken.lock();
		taken.all -= 1;
		let held = taken.by.get(&self.holder).copied().unwrap_or_default();
		match held {
			0 | 1 => taken.by.remove(&self.holder),
			_ => taken.by.insert(self.holder, held - 1),
		};
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn places_are_bounded_for_each_and_for_all_and_come_back() {
		let places = Places::new(Bounds { all: 3, each: 2, kept: 0, few: 1 });
		let mut a = vec![places.take('a').expect("free"), places.take('a').expect("free")];
		assert_eq!(places.take('a').expect_err("full"), Full::Each);
		let mut b = vec![places.take('b').expect("free")];
		assert_eq!(places.take('b').expect_err("full"), Full::All);
		a.pop();
		b.push(places.take('b').expect("free"));
		assert_eq!(places.take('a').expect_err("full"), Full::All);
		assert_eq!((places.held_by('a'), places.held_by('b')), (1, 2));
		drop((a, b));
		let taken = places.taken.lock();
		assert!(taken.by.is_empty() && taken.all == 0);
	}

	#[test]
	fn greedy_holders_leave_room_for_newcomers() {
		let places = Places::new(Bounds { all: 64, each: 24, kept: 16, few: 2 });
		let mut held = Vec::new();
		for greedy in 0..3 {
			held.extend(std::iter::from_fn(|| places.take(greedy).ok()));
		}
		assert_eq!(held.len(), 48 + 2, "the third took its few");
		let newcomers: Vec<_> = (3..10).map(|newcomer| places.take(newcomer).expect("free")).collect();
		assert_eq!(newcomers.len(), 7);
		assert_eq!(places.take(0).expect_err("full"), Full::Each);
		assert_eq!(places.take(2).expect_err("full"), Full::All);
	}
}
