//! Proofs of consecutive leaves of a tree of arity 16: the siblings of all of them together.

use crate::{
	hash::Hash,
	tree::{node, ARITY},
};
use alloc::vec::Vec;
use core::ops::Range;

/// Returns the families of a span on its level: the places of the children of all its parents.
fn families(span: &Range<usize>, width: usize) -> Range<usize> {
	span.start / ARITY * ARITY..span.end.next_multiple_of(ARITY).min(width)
}

/// Returns the hashes that lead from the leaves of a span to the root, level by level from the bottom, left to right;
/// `None` if the span is empty or there are no such leaves.
pub fn prove_span(leaves: &[Hash], span: Range<usize>) -> Option<Vec<Hash>> {
	if span.is_empty() || span.end > leaves.len() {
		return None;
	}
	let (mut nodes, mut span, mut proof) = (leaves.to_vec(), span, Vec::new());
	while nodes.len() > 1 {
		let around = families(&span, nodes.len());
		proof.extend_from_slice(&nodes[around.start..span.start]);
		proof.extend_from_slice(&nodes[span.end..around.end]);
		nodes = nodes.chunks(ARITY).map(node).collect();
		span = span.start / ARITY..span.end.div_ceil(ARITY);
	}
	Some(proof)
}

/// Returns the root of a tree of `count` leaves, from those from `first` on and what [`prove_span`] lists; `None` if
/// the numbers do not agree.
pub fn root_of_span(count: usize, first: usize, leaves: &[Hash], proof: &[Hash]) -> Option<Hash> {
	let (mut span, mut width, mut rest) = (first..first.checked_add(leaves.len())?, count, proof);
	if span.is_empty() || span.end > count {
		return None;
	}
	let mut nodes = leaves.to_vec();
	while width > 1 {
		let around = families(&span, width);
		let (before, others) = rest.split_at_checked(span.start - around.start)?;
		let (behind, others) = others.split_at_checked(around.end - span.end)?;
		rest = others;
		let family = [before, &nodes, behind].concat();
		nodes = family.chunks(ARITY).map(node).collect();
		span = span.start / ARITY..span.end.div_ceil(ARITY);
		width = width.div_ceil(ARITY);
	}
	rest.is_empty().then(|| nodes.first().copied()).flatten()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{hash::blake2_256, tree};
	use proptest::prelude::*;

	fn leaves(count: usize) -> Vec<Hash> {
		(0..count).map(|i| blake2_256(&[&(i as u32).to_le_bytes()])).collect()
	}

	proptest! {
		#[test]
		fn spans_lead_to_the_root_and_nothing_else_does(
			count in 1_usize..700, first in 0_usize..700, len in 1_usize..80, at: prop::sample::Index,
		) {
			let (first, leaves) = (first % count, leaves(count));
			let len = len.min(count - first);
			let (span, root) = (first..first + len, tree::root(&leaves));
			let proof = prove_span(&leaves, span.clone()).unwrap();
			prop_assert_eq!(root_of_span(count, first, &leaves[span.clone()], &proof), Some(root));
			if len == 1 {
				prop_assert_eq!(Some(proof.clone()), tree::prove(&leaves, first));
			}
			let mut other = leaves[span.clone()].to_vec();
			other[at.index(len)][7] ^= 1;
			prop_assert_ne!(root_of_span(count, first, &other, &proof), Some(root));
			prop_assert_ne!(root_of_span(count, first + 1, &leaves[span.clone()], &proof), Some(root));
			let longer = [proof.clone(), [[0; 32]].to_vec()].concat();
			prop_assert_eq!(root_of_span(count, first, &leaves[span.clone()], &longer), None);
			if !proof.is_empty() {
				prop_assert_eq!(root_of_span(count, first, &leaves[span], &proof[1..]), None);
			}
		}
	}

	#[test]
	fn spans_outside_the_tree_are_refused() {
		assert_eq!(prove_span(&leaves(5), 2..2), None);
		assert_eq!(prove_span(&leaves(5), 4..6), None);
		assert_eq!(root_of_span(5, 4, &leaves(2), &[]), None);
		assert_eq!(root_of_span(5, usize::MAX, &leaves(2), &[]), None);
		assert_eq!(root_of_span(1, 0, &leaves(1), &[]), Some(leaves(1)[0]));
	}
}
