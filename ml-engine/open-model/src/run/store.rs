//! Keys and values of sequences, wherever they lie.

use super::Sequence;
use blyan_kernel::definition2::HeadCache;

/// KV caches of the sequences of a batch.
pub trait Store: Send + Sync {
	/// Returns the caches, one a key/value head of a layer, that take the keys and values of a sequence's position. Positions
	/// come in order.
	fn place(&mut self, sequence: usize, layer: usize, position: usize) -> &mut [HeadCache];

	/// Appends the caches of one key/value head of a sequence, in the order of their positions. All but the last one hold a
	/// multiple of 16.
	fn pieces<'a>(&'a self, sequence: usize, layer: usize, head: usize, out: &mut Vec<&'a HeadCache>);
}

/// The only sequence, number 0.
impl Store for Sequence {
	fn place(&mut self, _sequence: usize, layer: usize, _position: usize) -> &mut [HeadCache] {
		&mut self.caches[layer * self.kv_heads..(layer + 1) * self.kv_heads]
	}

	fn pieces<'a>(&'a self, _sequence: usize, layer: usize, head: usize, out: &mut Vec<&'a HeadCache>) {
		out.push(&self.caches[layer * self.kv_heads + head]);
	}
}
