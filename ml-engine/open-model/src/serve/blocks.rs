//! Keys and values in blocks that conversations with the same beginning share.

use crate::run::{Shape, Store};
use blyan_exact::{blake2_256, Hash};
use blyan_kernel::definition2::HeadCache;
use blyan_text::TokenId;
use std::collections::{BTreeMap, HashMap};

/// Positions of a block.
pub const BLOCK_POSITIONS: usize = 64;

/// Keys and values of some consecutive positions, in all layers.
struct KvBlock {
	/// One a layer and key/value head.
	caches: Vec<HeadCache>,
	/// Conversations that read it.
	users: usize,
	/// Key of a whole block that others may share.
	key: Option<Hash>,
	/// Time of its last use, once it has no user.
	stamp: u64,
}

/// All blocks of a server.
///
/// A block is used by conversations, or cached (it has a key and no user), or free.
pub struct Blocks {
	kv_heads: usize,
	head_size: usize,
	caches: usize,
	blocks: Vec<KvBlock>,
	free: Vec<usize>,
	/// Used and cached blocks by their keys.
	known: HashMap<Hash, usize>,
	/// Cached blocks by the time of their last use.
	cached: BTreeMap<u64, usize>,
	clock: u64,
	limit: usize,
	used: usize,
	evicted: u64,
}

/// Returns the key of a block: it stands for all tokens up to the block's end.
///
/// `before` is the key of the block in front of it, zeros for the first one.
pub fn block_key(before: &Hash, ids: &[TokenId]) -> Hash {
	let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
	blake2_256(&[before, &bytes])
}

impl Blocks {
	/// Creates no block yet, for a model of so many layers; there may be as many as fit so many bytes.
	pub fn new(shape: &Shape, layers: usize, kv_bytes: usize) -> Self {
		let mut blocks = Self {
			kv_heads: shape.kv_heads,
			head_size: shape.head_size,
			caches: layers * shape.kv_heads,
			blocks: Vec::new(),
			free: Vec::new(),
			known: HashMap::new(),
			cached: BTreeMap::new(),
			clock: 0,
			limit: 0,
			used: 0,
			evicted: 0,
		};
		blocks.limit = kv_bytes / blocks.block_bytes();
		blocks
	}

	/// Returns the bytes of a block.
	pub fn block_bytes(&self) -> usize {
		self.caches * BLOCK_POSITIONS * HeadCache::position_bytes(self.head_size)
	}

	/// Returns the number of blocks that there may be.
	pub fn limit(&self) -> usize {
		self.limit
	}

	/// Returns the number of blocks that conversations use.
	pub fn used(&self) -> usize {
		self.used
	}

	/// Returns the number of blocks that are kept for later conversations.
	pub fn cached(&self) -> usize {
		self.cached.len()
	}

	/// Returns the number of cached blocks that were given up.
	pub fn evicted(&self) -> u64 {
		self.evicted
	}

	/// Returns the block of a key.
	pub fn find(&self, key: &Hash) -> Option<usize> {
		self.known.get(key).copied()
	}

	/// Reports whether a block is cached only.
	pub fn is_cached(&self, block: usize) -> bool {
		self.blocks[block].users == 0
	}

	/// Adds a user to a block of [`Self::find`].
	pub fn share(&mut self, block: usize) {
		let KvBlock { users, stamp, .. } = &mut self.blocks[block];
		if *users == 0 {
			self.cached.remove(stamp);
			self.used += 1;
		}
		*users += 1;
	}

	/// Returns an empty block with one user: a new one, a free one, or the cached one that was used least recently. `None` if
	/// conversations use all that there may be.
	pub fn allocate(&mut self) -> Option<usize> {
		let block = match self.free.pop() {
			Some(block) => block,
			None if self.blocks.len() < self.limit => {
				let caches = std::iter::repeat_with(|| HeadCache::new(self.head_size));
				let caches = caches.take(self.caches).collect();
				self.blocks.push(KvBlock { caches, users: 0, key: None, stamp: 0 });
				self.blocks.len() - 1
			}
			None => self.evict()?,
		};
		self.blocks[block].users = 1;
		self.used += 1;
		Some(block)
	}

	fn evict(&mut self) -> Option<usize> {
		let (_, block) = self.cached.pop_first()?;
		if let Some(key) = self.blocks[block].key.take() {
			self.known.remove(&key);
		}
		self.evicted += 1;
		self.empty(block);
		Some(block)
	}

	fn empty(&mut self, block: usize) {
		self.blocks[block].caches.iter_mut().for_each(|cache| cache.truncate(0));
	}

	/// Gives a whole block its key. If there is another one with that key, the user of `block` gets that one instead: they
	/// are equal.
	pub fn seal(&mut self, block: usize, key: Hash) -> usize {
		match self.find(&key) {
			Some(other) if other != block => {
				self.share(other);
				self.release(block);
				other
			}
			_ => {
				self.known.insert(key, block);
				self.blocks[block].key = Some(key);
				block
			}
		}
	}

	/// Removes a user from a block. One with a key and no user is cached, and used last now; without a key it is free.
	pub fn release(&mut self, block: usize) {
		let KvBlock { users, key, stamp, .. } = &mut self.blocks[block];
		*users -= 1;
		if *users > 0 {
			return;
		}
		self.used -= 1;
		if key.is_some() {
			self.clock += 1;
			*stamp = self.clock;
			self.cached.insert(self.clock, block);
		} else {
			self.empty(block);
			self.free.push(block);
		}
	}
}

/// Blocks of the conversations of a step, each by its list of blocks.
pub struct Tables<'a> {
	/// All blocks.
	pub blocks: &'a mut Blocks,
	/// Blocks of each sequence.
	pub tables: Vec<&'a [usize]>,
}

impl Store for Tables<'_> {
	fn place(&mut self, sequence: usize, layer: usize, position: usize) -> &mut [HeadCache] {
		let block = self.tables[sequence][position / BLOCK_POSITIONS];
		let heads = self.blocks.kv_heads;
		&mut self.blocks.blocks[block].caches[layer * heads..(layer + 1) * heads]
	}

	fn pieces<'a>(&'a self, sequence: usize, layer: usize, head: usize, out: &mut Vec<&'a HeadCache>) {
		let place = layer * self.blocks.kv_heads + head;
		out.extend(self.tables[sequence].iter().map(|block| &self.blocks.blocks[*block].caches[place]));
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::Activation;
	use proptest::prelude::*;

	fn blocks(limit: usize) -> Blocks {
		let shape = Shape {
			d_model: 32,
			heads: 2,
			kv_heads: 2,
			head_size: 16,
			vocabulary: 10,
			context: 1_000,
			fraction: 12,
			input_bits: 10,
			output_bits: 8,
			hidden_bits: 12,
			activation: Activation::SwiGlu,
		};
		let bytes = Blocks::new(&shape, 3, 0).block_bytes();
		Blocks::new(&shape, 3, limit * bytes + bytes / 2)
	}

	#[test]
	fn the_least_recently_used_block_makes_room() {
		let mut blocks = blocks(3);
		let keys: Vec<Hash> = (0..3).map(|id| block_key(&[0; 32], &[id; BLOCK_POSITIONS])).collect();
		let places: Vec<usize> = keys
			.iter()
			.map(|key| {
				let block = blocks.allocate().unwrap();
				blocks.seal(block, *key)
			})
			.collect();
		assert_eq!(blocks.allocate(), None);
		[1, 0, 2].into_iter().for_each(|index| blocks.release(places[index]));
		// Used again, and so the last to go.
		blocks.share(places[1]);
		blocks.release(places[1]);
		assert_eq!(blocks.allocate(), Some(places[0]));
		assert_eq!(
			keys.iter().map(|key| blocks.find(key).is_some()).collect::<Vec<_>>(),
			[false, true, true]
		);
		assert_eq!((blocks.used(), blocks.cached(), blocks.evicted()), (1, 2, 1));
	}

	#[test]
	fn equal_blocks_become_one() {
		let mut blocks = blocks(4);
		let key = block_key(&[0; 32], &[7; BLOCK_POSITIONS]);
		let (first, second) = (blocks.allocate().unwrap(), blocks.allocate().unwrap());
		assert_eq!(blocks.seal(first, key), first);
		assert_eq!(blocks.seal(second, key), first);
		assert_eq!(blocks.used(), 1);
		blocks.release(first);
		assert_eq!(blocks.used(), 1, "the other conversation still reads it");
		blocks.release(first);
		assert_eq!((blocks.used(), blocks.cached()), (0, 1));
	}

	#[test]
	fn a_key_stands_for_all_tokens_in_front_of_the_end() {
		let (a, b) = (block_key(&[0; 32], &[1; 64]), block_key(&[0; 32], &[2; 64]));
		assert_ne!(block_key(&a, &[3; 64]), block_key(&b, &[3; 64]));
		assert_ne!(a, block_key(&[0; 32], &[1; 63]));
	}

	proptest! {
		/// Whatever is allocated, sealed, shared and released: no block is lost, and none has two owners.
		#[test]
		fn blocks_are_used_cached_or_free(steps in prop::collection::vec((0_u8..3, 0_usize..8), 0..200)) {
			let mut blocks = blocks(5);
			let mut held: Vec<usize> = Vec::new();
			for (step, number) in steps {
				match step {
					0 => {
						let distinct: std::collections::HashSet<usize> = held.iter().copied().collect();
						let block = blocks.allocate();
						prop_assert_eq!(block.is_some(), distinct.len() < 5);
						if let Some(block) = block {
							prop_assert!(!held.contains(&block));
							let key = block_key(&[0; 32], &[number as u32]);
							held.push(if number < 6 { blocks.seal(block, key) } else { block });
						}
					}
					1 => if let Some(block) = blocks.find(&block_key(&[0; 32], &[number as u32])) {
						blocks.share(block);
						held.push(block);
					},
					_ => if !held.is_empty() {
						let block = held.swap_remove(number % held.len());
						blocks.release(block);
					},
				}
				let distinct: std::collections::HashSet<usize> = held.iter().copied().collect();
				prop_assert_eq!(blocks.used(), distinct.len());
				prop_assert_eq!(blocks.used() + blocks.cached() + blocks.free.len(), blocks.blocks.len());
				prop_assert!(blocks.blocks.len() <= 5);
			}
		}
	}
}
