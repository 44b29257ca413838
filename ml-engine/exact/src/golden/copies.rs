//! Experts with a common parent: an original, a near copy of it and work of its own, with what they have in common.

use super::random_expert;
use crate::{config::ModelConfig, similarity::Overlap, weights::Expert};

/// Architecture whose experts these are: of one tile each.
pub const CONFIG: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 2, top_k: 1, context: 32 };
/// Overlap of the original and the copy.
pub const LIKE: Overlap = Overlap { original: 1_630, copy: 2_002, common: 1_232 };
/// Overlap of the original and the stranger.
pub const UNLIKE: Overlap = Overlap { original: 1_630, copy: 1_825, common: 185 };

/// Experts of one slot.
#[derive(Clone, Debug)]
pub struct Family {
	/// Expert that the others descend from.
	pub parent: Expert,
	/// Descendant that changes every tenth weight.
	pub original: Expert,
	/// The original with a quarter of its changes taken back and half as many added.
	pub copy: Expert,
	/// Another descendant, which changes every ninth weight: some of them are the same.
	pub stranger: Expert,
}

/// Returns the golden family.
pub fn family() -> Family {
	let parent = random_expert(&CONFIG, b"parent");
	let original = changed(&parent, &parent, 0, 10);
	let returned = taken_back(&original, &parent, 40);
	let copy = changed(&returned, &parent, 3, 20);
	let stranger = changed(&parent, &parent, 4, 9);
	Family { parent, original, copy, stranger }
}

/// Changes every `step`th weight of both matrices from `first` on to another one than the parent has.
fn changed(expert: &Expert, parent: &Expert, first: usize, step: usize) -> Expert {
	let mut expert = expert.clone();
	for (own, old) in [(&mut expert.up, &parent.up), (&mut expert.down, &parent.down)] {
		for (own, old) in own.weights.iter_mut().zip(&old.weights).skip(first).step_by(step) {
			*own = if *old == 1 { -1 } else { *old + 1 };
		}
	}
	expert
}

/// Gives every `step`th weight of both matrices its parent's value again.
fn taken_back(expert: &Expert, parent: &Expert, step: usize) -> Expert {
	let mut expert = expert.clone();
	for (own, old) in [(&mut expert.up, &parent.up), (&mut expert.down, &parent.down)] {
		for (own, old) in own.weights.iter_mut().zip(&old.weights).step_by(step) {
			*own = *old;
		}
	}
	expert
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		block::{write_expert, BlockShape, Layout},
		similarity::{overlap, Tiles},
	};

	#[test]
	fn the_definition_finds_the_golden_overlaps() {
		let Family { parent, original, copy, stranger } = family();
		let layout = Layout::new(BlockShape::expert_of(&CONFIG)).unwrap();
		let tile = |expert: &Expert| write_expert(expert, &CONFIG).unwrap()[layout.tile(0)].to_vec();
		let (parent, original) = (tile(&parent), tile(&original));
		let found = |copy: &Expert| {
			let copy = tile(copy);
			let tiles = Tiles {
				at: 0,
				original: &original,
				original_parent: &parent,
				copy_parent: &parent,
				copy_at: 0,
				copy: &copy,
			};
			overlap(&layout, &tiles, &[]).unwrap()
		};
		assert_eq!((found(&copy), found(&stranger)), (LIKE, UNLIKE));
		assert!(LIKE.is_copy() && !UNLIKE.is_copy());
	}
}
