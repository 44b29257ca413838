//! The Merkle tree over a model's heads, kept node by node: reading a model's root costs one node whatever the model's
//! size, and replacing a head a path of them.

use crate::{Config, HeadTree, Pallet};
use alloc::vec::Vec;
use blyan_exact::merkle;
use blyan_primitives::{BlockRef, ExpertSlot, ModelId, Slots};
use sp_core::H256;

impl<T: Config> Pallet<T> {
	/// Writes the tree of a new model; a model without experts has no nodes.
	pub(crate) fn plant_tree(model: ModelId, heads: &[BlockRef]) {
		let mut nodes: Vec<_> = heads.iter().map(|head| merkle::leaf(head.tensor_root.as_bytes())).collect();
		for level in 0u8.. {
			for (index, node) in (0u32..).zip(&nodes) {
				HeadTree::<T>::insert(model, (level, index), H256(*node));
			}
			if nodes.len() <= 1 {
				break;
			}
			// The root of two is their parent, and of one that one: an odd node moves up unchanged.
			nodes = nodes.chunks(2).map(merkle::root).collect();
		}
	}

	/// Replaces one leaf and what is above it.
	pub(crate) fn replace_leaf(slot: ExpertSlot, slots: &Slots, head: BlockRef) {
		let Some(mut index) = slots.index(slot.layer, slot.expert) else { return };
		let mut hash = merkle::leaf(head.tensor_root.as_bytes());
		let mut width = slots.count();
		for level in 0u8.. {
			HeadTree::<T>::insert(slot.model, (level, index), H256(hash));
			if width <= 1 {
				break;
			}
			// An odd node at the end has no sibling.
			if let Some(H256(sibling)) = HeadTree::<T>::get(slot.model, (level, index ^ 1)) {
				let pair = if index & 1 == 0 { [hash, sibling] } else { [sibling, hash] };
				hash = merkle::root(&pair);
			}
			index >>= 1;
			width = width.div_ceil(2);
		}
	}

	/// Root over the heads of a model with so many slots.
	pub(crate) fn heads_root(model: ModelId, slots: u32) -> Option<H256> {
		if slots == 0 {
			return Some(H256(merkle::EMPTY));
		}
		// The level whose width is one: ceil(log2(slots)).
		let levels = u32::BITS.saturating_sub(slots.saturating_sub(1).leading_zeros());
		HeadTree::<T>::get(model, (u8::try_from(levels).ok()?, 0))
	}
}
