//! KV cache of one key/value head, in the order of the instructions that multiply it.
//!
//! Four neighbouring entries of a key are multiplied and added at once, and of values, whose weights have 15 bits, two
//! neighbouring positions. It grows by blocks of sixteen positions:
//!
//! ```text
//! keys    [block][head_size / 4][16][4]   entries 4j to 4j + 3 of sixteen positions, plus 128
//! values  [position / 2][head_size][2]    positions 2p and 2p + 1 of every entry
//! ```

use crate::definition2::{heads::value_step, Real};
use blyan_exact::definition2::attention::inverse_root;

/// Positions of a block.
pub(super) const POSITIONS: usize = 16;

/// KV cache of one head.
#[derive(Clone, Debug, Default)]
pub struct HeadCache {
	pub(super) size: usize,
	/// Of the size's square root.
	pub(super) inverse_root: Real,
	pub(super) len: usize,
	pub(super) keys: Vec<u8>,
	pub(super) maxima: Vec<i32>,
	pub(super) values: Vec<i8>,
	pub(super) steps: Vec<i32>,
}

/// Returns the entries of a key with its padding.
pub(super) fn key_size(head_size: usize) -> usize {
	head_size.next_multiple_of(4)
}

/// Returns the entries of a value with its padding.
pub(super) fn value_size(head_size: usize) -> usize {
	head_size.next_multiple_of(16)
}

impl HeadCache {
	/// Creates an empty cache for heads of this size.
	pub fn new(head_size: usize) -> Self {
		Self { size: head_size, inverse_root: inverse_root(head_size), ..Self::default() }
	}

	/// Returns the number of positions.
	pub fn len(&self) -> usize {
		self.len
	}

	/// Returns whether there is no position yet.
	pub fn is_empty(&self) -> bool {
		self.len == 0
	}

	/// Forgets positions past the first `positions`.
	pub fn truncate(&mut self, positions: usize) {
		self.len = self.len.min(positions);
	}

	/// Returns the bytes in memory.
	pub fn bytes(&self) -> usize {
		self.maxima.len() * Self::position_bytes(self.size)
	}

	/// Returns the bytes that one position takes, of a head of this size.
	pub fn position_bytes(head_size: usize) -> usize {
		key_size(head_size) + value_size(head_size) + 2 * size_of::<i32>()
	}

	/// Appends a position: quantised key and value with their largest magnitudes (Q12).
	pub fn push(&mut self, key: &[i8], key_maximum: i32, value: &[i8], value_maximum: i32) {
		assert!(key.len() == self.size && value.len() == self.size, "heads have one size");
		let (keys, values) = (key_size(self.size), value_size(self.size));
		let position = self.len;
		if self.maxima.len() == position {
			let places = position + POSITIONS;
			// Paddings are zeros.
			self.keys.resize(places * keys, 0);
			self.values.resize(places * values, 0);
			self.maxima.resize(places, 0);
			self.steps.resize(places, 0);
		}
		let block = position / POSITIONS * POSITIONS * keys;
		for (j, four) in key.chunks(4).enumerate() {
			let at = block + (j * POSITIONS + position % POSITIONS) * 4;
			for (place, &code) in self.keys[at..].iter_mut().zip(four) {
				*place = code as u8 ^ 0x80;
			}
		}
		let pair = &mut self.values[position / 2 * 2 * values..][..2 * values];
		for (places, &code) in pair.as_chunks_mut::<2>().0.iter_mut().zip(value) {
			places[position % 2] = code;
		}
		self.maxima[position] = key_maximum;
		self.steps[position] = value_step(value_maximum);
		self.len += 1;
	}
}
