//! Binary Merkle trees over bytes: tiles of a TensorBlock, heads of a model, sequences of a holdout.
//!
//! Leaves and nodes are hashed under different first bytes, so none can pass for another.
//! An odd node at the end of a level is promoted unchanged.

use crate::hash::{blake2_256, Hash};
use alloc::vec::Vec;

/// Root of no leaves.
pub const EMPTY: Hash = [0; 32];

/// Returns the hash of a leaf's bytes.
pub fn leaf(bytes: &[u8]) -> Hash {
	blake2_256(&[&[0], bytes])
}

fn node(left: &Hash, right: &Hash) -> Hash {
	blake2_256(&[&[1], left, right])
}

fn level_above<T: Copy>(level: &[T], join: impl Fn(&T, &T) -> T) -> Vec<T> {
	level
		.chunks(2)
		.map(|pair| match pair {
			[left, right] => join(left, right),
			_ => pair[0],
		})
		.collect()
}

/// Returns the root over leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
	let mut level = leaves.to_vec();
	while level.len() > 1 {
		level = level_above(&level, node);
	}
	level.first().copied().unwrap_or(EMPTY)
}

/// Returns the root over leaves given as bytes.
pub fn root_of<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Hash {
	root(&leaves.into_iter().map(leaf).collect::<Vec<_>>())
}

/// Siblings from the leaf up to the root; levels at which the node was promoted have none.
pub fn prove(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
	if index >= leaves.len() {
		return None;
	}
	let mut proof = Vec::new();
	let mut level = leaves.to_vec();
	let mut at = index;
	while level.len() > 1 {
		proof.extend(level.get(at ^ 1));
		level = level_above(&level, node);
		at >>= 1;
	}
	Some(proof)
}

/// Returns whether `leaf` is at `index` of the `count` leaves under `root`.
pub fn verify(root: &Hash, count: usize, index: usize, leaf: &Hash, proof: &[Hash]) -> bool {
	if index >= count {
		return false;
	}
	let mut siblings = proof.iter();
	let (mut hash, mut at, mut len) = (*leaf, index, count);
	while len > 1 {
		if at ^ 1 < len {
			let Some(sibling) = siblings.next() else { return false };
			hash = if at & 1 == 0 { node(&hash, sibling) } else { node(sibling, &hash) };
		}
		at >>= 1;
		len = len.div_ceil(2);
	}
	siblings.next().is_none() && hash == *root
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn root_of_one_leaf_is_the_leaf() {
		assert_eq!(root(&[]), EMPTY);
		assert_eq!(root_of([b"x".as_slice()]), leaf(b"x"));
	}

	#[test]
	fn root_promotes_an_odd_node() {
		let leaves = [leaf(b"a"), leaf(b"b"), leaf(b"c")];
		assert_eq!(root(&leaves), node(&node(&leaves[0], &leaves[1]), &leaves[2]));
	}

	proptest! {
		#[test]
		fn proofs_verify_for_their_leaf_only(count in 1_usize..40, index in 0_usize..40, other: u8) {
			let leaves: Vec<Hash> = (0..count).map(|i| leaf(&[i as u8])).collect();
			let root = root(&leaves);
			prop_assert_eq!(prove(&leaves, index).is_some(), index < count);
			let Some(proof) = prove(&leaves, index) else { return Ok(()) };
			prop_assert!(verify(&root, count, index, &leaves[index], &proof));
			prop_assert!(!verify(&root, count, index, &leaf(&[other, 1]), &proof));
			prop_assert!(!verify(&root, count, count, &leaves[index], &proof));
			let mut longer = proof.clone();
			longer.push(EMPTY);
			prop_assert!(!verify(&root, count, index, &leaves[index], &longer));
			if count > 1 {
				prop_assert!(!verify(&root, count, index ^ 1, &leaves[index], &proof));
				prop_assert!(!verify(&root, count, index, &leaves[index], &proof[1..]));
			}
		}
	}
}
