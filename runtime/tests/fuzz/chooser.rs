//! Choices: from the bytes of an input as long as there are any, and from a stream that its first eight bytes seed.

use codec::Encode;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Makes every choice of an episode, and the same ones from the same input.
pub struct Chooser {
	script: std::vec::IntoIter<u8>,
	state: u64,
	seed: [u8; 32],
}

impl Chooser {
	/// Reads the seed from the first eight bytes; those behind it are the first choices.
	pub fn new(input: &[u8]) -> Self {
		let (seed, script) = input.split_at(input.len().min(8));
		let mut state = [0; 8];
		state[..seed.len()].copy_from_slice(seed);
		let state = u64::from_le_bytes(state);
		Self { script: Vec::from(script).into_iter(), state, seed: blake2_256(&state.to_le_bytes()) }
	}

	/// The next word of the stream (SplitMix64).
	pub fn word(&mut self) -> u64 {
		self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.state;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	/// A number below `bound`, which is not zero.
	pub fn below(&mut self, bound: usize) -> usize {
		let word = match self.script.next() {
			Some(byte) => byte.into(),
			None => self.word(),
		};
		(word % bound.max(1) as u64) as usize
	}

	/// True if a chance of one in `odds` comes true.
	pub fn one_in(&mut self, odds: usize) -> bool {
		self.below(odds) == 0
	}

	/// One of `all`, if there are any.
	pub fn pick<V: Clone>(&mut self, all: &[V]) -> Option<V> {
		if all.is_empty() {
			return None;
		}
		all.get(self.below(all.len())).cloned()
	}

	/// A hash that no account knows the origin of.
	pub fn hash(&mut self) -> H256 {
		H256(blake2_256(&self.word().to_le_bytes()))
	}

	/// All that an account decides about a thing: the same whenever it is asked.
	pub fn decided(&self, about: &impl Encode) -> u64 {
		let hash = blake2_256(&(self.seed, about).encode());
		u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
	}
}
