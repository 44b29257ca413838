//! Bytes that follow from a model's root and a slot: the same on every machine.

use blyan_exact::{blake2_256, Hash};

/// Domain separator.
const CONTEXT: &[u8] = b"blyan/upcycle/1";

/// Purpose of a stream.
#[derive(Clone, Copy)]
pub enum Purpose {
	/// Row of a router.
	Router = 0,
	/// First matrices of an expert's adapters.
	Adapter = 1,
	/// Token ids, where the calibration text has none.
	Ids = 2,
	/// Halves of a down projection's columns, where a hidden layer grows.
	Split = 3,
	/// Codes of an added expert.
	Copy = 4,
	/// Row of an added expert in the router.
	Row = 5,
	/// Token ids of prompts on which a grown model is compared.
	Prompt = 6,
}

/// Endless bytes of a slot: the hashes of a counter.
pub struct Noise {
	key: Hash,
	block: Hash,
	/// Hashes so far.
	count: u64,
	/// Bytes of the present hash that were read.
	read: usize,
}

impl Noise {
	/// Begins the stream of a slot.
	pub fn new(root: &Hash, purpose: Purpose, layer: u8, expert: u16) -> Self {
		let key = blake2_256(&[CONTEXT, root, &[purpose as u8, layer], &expert.to_le_bytes()]);
		Self { key, block: Hash::default(), count: 0, read: Hash::default().len() }
	}

	/// Returns the next byte.
	pub fn byte(&mut self) -> u8 {
		if self.read == self.block.len() {
			self.block = blake2_256(&[&self.key, &self.count.to_le_bytes()]);
			(self.count, self.read) = (self.count + 1, 0);
		}
		self.read += 1;
		self.block[self.read - 1]
	}

	/// Returns the next code between -127 and 127. Zero is twice as likely as any other, so that the mean is zero.
	pub fn code(&mut self) -> i8 {
		match self.byte() as i8 {
			i8::MIN => 0,
			code => code,
		}
	}

	/// Returns the next number below `end`, nearly evenly: `end` is far below 2^32.
	pub fn below(&mut self, end: u32) -> u32 {
		u32::from_le_bytes([(); 4].map(|()| self.byte())) % end.max(1)
	}
}
