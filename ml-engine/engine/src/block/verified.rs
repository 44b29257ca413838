//! Set of verified tiles.

use std::sync::atomic::{AtomicU64, Ordering};

/// Set of verified tiles, one bit each.
#[derive(Debug)]
pub struct VerifiedTiles(Box<[AtomicU64]>);

impl VerifiedTiles {
	/// Creates the empty set for so many tiles.
	pub fn none(tiles: usize) -> Self {
		Self((0..tiles.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
	}

	/// Returns whether a tile has been verified.
	pub fn contains(&self, tile: usize) -> bool {
		self.0.get(tile / 64).is_some_and(|bits| bits.load(Ordering::Acquire) >> (tile % 64) & 1 == 1)
	}

	/// Marks a tile as verified.
	pub fn insert(&self, tile: usize) {
		if let Some(bits) = self.0.get(tile / 64) {
			bits.fetch_or(1 << (tile % 64), Ordering::Release);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_tile_is_verified_once_it_was_noted_and_no_other_is() {
		let tiles = VerifiedTiles::none(130);
		for tile in [0, 63, 64, 129] {
			assert!(!tiles.contains(tile));
			tiles.insert(tile);
			assert!(tiles.contains(tile));
		}
		assert_eq!((0..1_000).filter(|tile| tiles.contains(*tile)).count(), 4);
	}
}
