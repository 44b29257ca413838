//! Random numbers that are the same on every machine.

use sp_core::H256;

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
	/// A stream of its own for each purpose.
	pub fn new(seed: u64, purpose: &str) -> Self {
		// FNV-1a; the generator mixes it further.
		let name = purpose.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
			(hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
		});
		let mut dice = Self(name ^ seed);
		Self(dice.next() ^ seed.rotate_left(32))
	}

	/// The next 64 bits.
	pub fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	/// Uniform below `bound`.
	pub fn below(&mut self, bound: u32) -> u32 {
		((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
	}

	/// Uniform in (0, 1].
	pub fn uniform(&mut self) -> f64 {
		((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64
	}

	/// True with this chance.
	pub fn hits(&mut self, chance: f64) -> bool {
		self.uniform() <= chance
	}

	/// Standard normal.
	pub fn normal(&mut self) -> f64 {
		let radius = (-2.0 * self.uniform().ln()).sqrt();
		radius * (core::f64::consts::TAU * self.uniform()).cos()
	}

	/// Exponential with mean one.
	pub fn exponential(&mut self) -> f64 {
		-self.uniform().ln()
	}

	/// Returns the seed that the chain takes from the relay chain.
	pub fn seed(&mut self) -> H256 {
		let mut seed = H256::zero();
		for word in seed.0.chunks_exact_mut(8) {
			word.copy_from_slice(&self.next().to_le_bytes());
		}
		seed
	}
}
