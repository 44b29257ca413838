//! Trees of arity 16: what the two parties of a dispute descend together, one level a move.
//!
//! The shape follows from the number of leaves alone, and every reader knows that number, so no byte of an
//! inner node could pass for a leaf: neither is marked. Levels are counted from the leaves, which are level 0;
//! the root is the only node of level [`levels`]. A tree of one leaf is that leaf.
//!
//! Two kinds: hashes over hashes (rows of an operator's output, blocks of a row), and sums over the items of a
//! job, which bind the totals that a score reports.

use crate::hash::{blake2_256, Hash};
use alloc::vec::Vec;
use core::ops::Range;

/// Children of a node, at most.
pub const ARITY: usize = 16;

/// Returns the number of levels above the leaves: the moves of a bisection over `count` leaves.
pub fn levels(count: usize) -> u32 {
	let (mut levels, mut width) = (0, count);
	while width > 1 {
		width = width.div_ceil(ARITY);
		levels += 1;
	}
	levels
}

/// Returns the number of nodes of a level in a tree of `count` leaves; zero above the root.
pub fn width(count: usize, level: u32) -> usize {
	if level > levels(count) {
		return 0;
	}
	(0..level).fold(count, |width, _| width.div_ceil(ARITY))
}

/// Returns the places, one level down, of the children of node `index` of `level`; empty if there is no such node.
pub fn children(count: usize, level: u32, index: usize) -> Range<usize> {
	match level.checked_sub(1) {
		Some(below) if index < width(count, level) => {
			index * ARITY..((index + 1) * ARITY).min(width(count, below))
		}
		_ => 0..0,
	}
}

/// Returns the node over up to 16 children.
pub fn node(children: &[Hash]) -> Hash {
	blake2_256(&[children.as_flattened()])
}

/// Returns all nodes of a level over these leaves; empty above the root.
pub fn level(leaves: &[Hash], level: u32) -> Vec<Hash> {
	if level > levels(leaves.len()) {
		return Vec::new();
	}
	(0..level).fold(leaves.to_vec(), |nodes, _| nodes.chunks(ARITY).map(node).collect())
}

/// Returns the root over leaf hashes; all zeros for none.
pub fn root(leaves: &[Hash]) -> Hash {
	level(leaves, levels(leaves.len())).first().copied().unwrap_or_default()
}

/// Siblings of leaf `index`, level by level from the bottom, left to right; `None` if there is no such leaf.
pub fn prove(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
	if index >= leaves.len() {
		return None;
	}
	let mut proof = Vec::new();
	let (mut nodes, mut at) = (leaves.to_vec(), index);
	while nodes.len() > 1 {
		let family = &nodes[at / ARITY * ARITY..(at / ARITY * ARITY + ARITY).min(nodes.len())];
		proof.extend(family.iter().enumerate().filter(|(i, _)| *i != at % ARITY).map(|(_, hash)| *hash));
		nodes = nodes.chunks(ARITY).map(node).collect();
		at /= ARITY;
	}
	Some(proof)
}

/// Returns whether `leaf` is leaf `index` of the `count` under `root`, by the siblings that [`prove`] lists.
pub fn verify(root: &Hash, count: usize, index: usize, leaf: &Hash, proof: &[Hash]) -> bool {
	if index >= count {
		return false;
	}
	let (mut siblings, mut hash, mut at, mut width) = (proof, *leaf, index, count);
	while width > 1 {
		let family = (width - at / ARITY * ARITY).min(ARITY);
		let Some((here, rest)) = siblings.split_at_checked(family - 1) else { return false };
		let mut nodes = here.to_vec();
		nodes.insert(at % ARITY, hash);
		hash = node(&nodes);
		siblings = rest;
		at /= ARITY;
		width = width.div_ceil(ARITY);
	}
	siblings.is_empty() && hash == *root
}

/// Sums of a job over its sequences. Losses are bits in Q16, squares Q32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(
		codec::Encode,
		codec::Decode,
		codec::DecodeWithMemTracking,
		codec::MaxEncodedLen,
		scale_info::TypeInfo
	),
	scale_info(capture_docs = "always")
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Totals {
	/// Loss of the model as it is.
	pub baseline: u64,
	/// Loss of the model with the candidate.
	pub candidate: u64,
	/// Squared differences of the two.
	pub squares: u128,
}

impl Totals {
	/// Returns the sums, saturating: a sequence's loss is below 2^40, so honest totals of up to 2^23 sequences never
	/// do.
	pub fn plus(&self, other: &Self) -> Self {
		Self {
			baseline: self.baseline.saturating_add(other.baseline),
			candidate: self.candidate.saturating_add(other.candidate),
			squares: self.squares.saturating_add(other.squares),
		}
	}

	fn to_bytes(self) -> [u8; 32] {
		let mut bytes = [0; 32];
		bytes[..8].copy_from_slice(&self.baseline.to_le_bytes());
		bytes[8..16].copy_from_slice(&self.candidate.to_le_bytes());
		bytes[16..].copy_from_slice(&self.squares.to_le_bytes());
		bytes
	}
}

/// A node of the tree over a job's sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(
		codec::Encode,
		codec::Decode,
		codec::DecodeWithMemTracking,
		codec::MaxEncodedLen,
		scale_info::TypeInfo
	),
	scale_info(capture_docs = "always")
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SumNode {
	/// Binds everything below.
	pub hash: Hash,
	/// Sums of everything below.
	pub totals: Totals,
}

/// One sequence of a job: a leaf of its tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(
		codec::Encode,
		codec::Decode,
		codec::DecodeWithMemTracking,
		codec::MaxEncodedLen,
		scale_info::TypeInfo
	),
	scale_info(capture_docs = "always")
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Item {
	/// Index of the sequence in the holdout.
	pub sequence: u32,
	/// Loss of the model as it is, bits in Q16.
	pub baseline: u64,
	/// Loss of the model with the candidate, bits in Q16.
	pub candidate: u64,
	/// Root of the trace of the first: [`trace_root`] over its operators.
	pub baseline_trace: Hash,
	/// Root of the trace of the second.
	pub candidate_trace: Hash,
}

impl Item {
	/// Returns the leaf of the job's tree.
	pub fn node(&self) -> SumNode {
		let hash = blake2_256(&[
			&self.sequence.to_le_bytes(),
			&self.baseline.to_le_bytes(),
			&self.candidate.to_le_bytes(),
			&self.baseline_trace,
			&self.candidate_trace,
		]);
		let squares = u128::from(self.baseline.abs_diff(self.candidate)).saturating_pow(2);
		SumNode { hash, totals: Totals { baseline: self.baseline, candidate: self.candidate, squares } }
	}
}

/// Returns the node over up to 16 children, sums included.
pub fn sum_node(children: &[SumNode]) -> SumNode {
	let mut bytes = Vec::with_capacity(64 * children.len());
	let mut totals = Totals::default();
	for child in children {
		bytes.extend_from_slice(&child.hash);
		bytes.extend_from_slice(&child.totals.to_bytes());
		totals = totals.plus(&child.totals);
	}
	SumNode { hash: blake2_256(&[&bytes]), totals }
}

/// Returns all nodes of a level over these leaves; empty above the root.
pub fn sum_level(leaves: &[SumNode], level: u32) -> Vec<SumNode> {
	if level > levels(leaves.len()) {
		return Vec::new();
	}
	(0..level).fold(leaves.to_vec(), |nodes, _| nodes.chunks(ARITY).map(sum_node).collect())
}

/// Returns the root over a job's sequences in the order of the draw: its hash is the job's root, its totals the score.
pub fn sum_root(items: &[Item]) -> SumNode {
	let leaves: Vec<SumNode> = items.iter().map(Item::node).collect();
	sum_level(&leaves, levels(leaves.len())).first().copied().unwrap_or_default()
}

/// Returns the root that names one sequence's trace: the hash over the roots of its operators' outputs, in order.
pub fn trace_root(operators: &[Hash]) -> Hash {
	blake2_256(&[operators.as_flattened()])
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	fn leaves(count: usize) -> Vec<Hash> {
		(0..count).map(|i| blake2_256(&[&(i as u32).to_le_bytes()])).collect()
	}

	fn item(sequence: u32, baseline: u64, candidate: u64) -> Item {
		Item { sequence, baseline, candidate, ..Item::default() }
	}

	#[test]
	fn five_hundred_and_twelve_leaves_take_three_moves() {
		assert_eq!([0, 1, 2, 16, 17, 256, 257, 512, 4_096].map(levels), [0, 0, 1, 1, 2, 2, 3, 3, 3]);
		assert_eq!([0, 1, 2, 3, 4].map(|level| width(512, level)), [512, 32, 2, 1, 0]);
		assert_eq!(children(512, 1, 31), 496..512);
		assert_eq!(children(20, 1, 1), 16..20);
		assert_eq!((children(20, 1, 2), children(20, 0, 0), children(1, 1, 0)), (0..0, 0..0, 0..0));
	}

	#[test]
	fn a_tree_of_one_leaf_is_the_leaf() {
		let leaves = leaves(1);
		assert_eq!(root(&leaves), leaves[0]);
		assert_eq!(prove(&leaves, 0), Some(vec![]));
		assert_eq!(root(&[]), [0; 32]);
		let one = item(3, 10, 7);
		assert_eq!(sum_root(&[one]), one.node());
		assert_eq!(one.node().totals, Totals { baseline: 10, candidate: 7, squares: 9 });
	}

	#[test]
	fn sum_root_commits_to_sequences_losses_traces_and_order() {
		let (a, b) = (item(1, 10, 9), item(2, 20, 21));
		let roots = [
			sum_root(&[a]),
			sum_root(&[a, b]),
			sum_root(&[b, a]),
			sum_root(&[item(3, 10, 9), b]),
			sum_root(&[Item { baseline_trace: [1; 32], ..a }, b]),
			sum_root(&[Item { candidate_trace: [1; 32], ..a }, b]),
			sum_root(&[item(1, 10, 8), item(2, 20, 22)]),
		];
		for (i, root) in roots.iter().enumerate() {
			assert!(!roots[..i].iter().any(|other| other.hash == root.hash), "root {i}");
		}
		assert_eq!(roots[1].totals, Totals { baseline: 30, candidate: 30, squares: 2 });
	}

	proptest! {
		#[test]
		fn every_opening_leads_from_the_root_to_its_leaf(count in 1_usize..600, target in 0_usize..600) {
			let (leaves, target) = (leaves(count), target % count);
			let mut hash = root(&leaves);
			let mut index = 0;
			for above in (1..=levels(count)).rev() {
				let opened = &level(&leaves, above - 1)[children(count, above, index)];
				prop_assert_eq!(node(opened), hash);
				index = target / ARITY.pow(above - 1);
				hash = opened[index % ARITY];
			}
			prop_assert_eq!(hash, leaves[target]);
		}

		#[test]
		fn proofs_verify_for_their_leaf_only(count in 1_usize..600, index in 0_usize..600, byte: u8) {
			let (leaves, root) = (leaves(count), root(&leaves(count)));
			prop_assert_eq!(prove(&leaves, index).is_some(), index < count);
			let Some(proof) = prove(&leaves, index) else { return Ok(()) };
			prop_assert!(verify(&root, count, index, &leaves[index], &proof));
			prop_assert!(!verify(&root, count, index, &blake2_256(&[&[byte]]), &proof));
			prop_assert!(!verify(&root, count, count, &leaves[index], &proof));
			let longer = [proof.clone(), vec![[0; 32]]].concat();
			prop_assert!(!verify(&root, count, index, &leaves[index], &longer));
			if count > 1 {
				prop_assert!(!verify(&root, count, index, &leaves[index], &proof[1..]));
				prop_assert!(!verify(&root, count, (index + 1) % count, &leaves[index], &proof));
			}
		}

		#[test]
		fn totals_of_the_root_are_the_sums(losses in prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 40), 1..300)) {
			let items: Vec<Item> = losses.iter().map(|&(b, c)| item(0, b, c)).collect();
			let totals = sum_root(&items).totals;
			prop_assert_eq!(totals.baseline, losses.iter().map(|(b, _)| b).sum::<u64>());
			prop_assert_eq!(totals.candidate, losses.iter().map(|(_, c)| c).sum::<u64>());
			prop_assert_eq!(totals.squares, losses.iter().map(|(b, c)| u128::from(b.abs_diff(*c)).pow(2)).sum::<u128>());
		}
	}
}
