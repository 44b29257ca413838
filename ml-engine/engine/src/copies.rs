//! Search for near copies: the tiles, and the moved neurons, by which [`blyan_exact::similarity`] finds one.

use blyan_exact::{
	block::Layout,
	similarity::{overlap, Moved, Overlap, Rows, Tiles},
};
use std::collections::BTreeMap;

/// Files of two experts, and of what they were trained from.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
	/// The expert that was there first.
	pub original: &'a [u8],
	/// Its parent, if it is known and not the copy's.
	pub original_parent: Option<&'a [u8]>,
	/// The later expert.
	pub copy: &'a [u8],
	/// Its parent.
	pub copy_parent: &'a [u8],
}

/// The most telling tiles of two experts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
	/// Tile of the original, and of both parents.
	pub tile: usize,
	/// Tile of the copy.
	pub copy_tile: usize,
	/// Set if the original's changes are measured from its own parent.
	pub from_own_parent: bool,
	/// Neurons that stand elsewhere in the copy.
	pub moved: Vec<Moved>,
	/// Overlap of the two there.
	pub overlap: Overlap,
}

/// Returns where two experts are most alike; `None` if the original changes too little everywhere to be measured by, or
/// the files are not experts of this layout.
pub fn compare<'a>(layout: &Layout, files: &Files<'a>) -> Option<Finding> {
	let len = layout.file_len();
	let lengths = [Some(files.original), files.original_parent, Some(files.copy), Some(files.copy_parent)];
	if lengths.into_iter().flatten().any(|file| file.len() != len) {
		return None;
	}
	let in_place = (0..layout.tiles).map(|tile| (tile, tile, Vec::new()));
	let moved = moved(layout, files);
	let elsewhere = moved.into_iter().map(|((tile, copy_tile), moved)| (tile, copy_tile, moved));
	let findings = in_place.chain(elsewhere).flat_map(|(tile, copy_tile, moved)| {
		[false, true].into_iter().filter_map(move |from_own_parent| {
			let own = if from_own_parent { files.original_parent? } else { files.copy_parent };
			let part = |file: &'a [u8], tile| file.get(layout.tile(tile));
			let tiles = Tiles {
				at: tile,
				original: part(files.original, tile)?,
				original_parent: part(own, tile)?,
				copy_parent: part(files.copy_parent, tile)?,
				copy_at: copy_tile,
				copy: part(files.copy, copy_tile)?,
			};
			let overlap = overlap(layout, &tiles, &moved)?;
			let moved = moved.clone();
			overlap.is_enough().then_some(Finding { tile, copy_tile, from_own_parent, moved, overlap })
		})
	});
	findings.max_by_key(|finding| finding.overlap.likeness_milli())
}

/// Neurons of the copy whose rows come from another row of its parent, by the tiles of both.
fn moved<'a>(layout: &Layout, files: &Files<'a>) -> BTreeMap<(usize, usize), Vec<Moved>> {
	let tiles: Vec<_> =
		(0..layout.tiles).filter_map(|tile| Some((tile, Rows::of(layout, tile, false)?))).collect();
	let rows = |bytes: &'a [u8]| {
		let tiles = &tiles;
		tiles.iter().flat_map(move |(tile, rows)| {
			let part = bytes.get(layout.tile(*tile)).unwrap_or_default();
			rows.numbers.clone().filter_map(move |number| Some((*tile, number, rows.row(part, number)?)))
		})
	};
	let parents: Vec<_> = rows(files.copy_parent).collect();
	let mut taken = vec![false; parents.len()];
	let mut moved: BTreeMap<(usize, usize), Vec<Moved>> = BTreeMap::new();
	for (copy_tile, to, row) in rows(files.copy) {
		let at_home =
			parents.iter().find(|(_, number, _)| *number == to).map(|(.., parent)| distance(parent, row));
		// A quarter of a row's weights: what `overlap` counts as a descendant.
		if at_home.is_some_and(|distance| distance <= row.len()) {
			continue;
		}
		let nearest = parents
			.iter()
			.enumerate()
			.filter(|(index, (_, from, _))| !taken[*index] && *from != to)
			.min_by_key(|(_, (.., parent))| distance(parent, row));
		let Some((index, &(tile, from, parent))) = nearest else { continue };
		let is_descendant = distance(parent, row) <= row.len();
		let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(to)) else { continue };
		if is_descendant && weights(parent) * 2 >= parent.len() {
			taken[index] = true;
			moved.entry((tile, copy_tile)).or_default().push((from, to));
		}
	}
	moved
}

/// Weights in which two rows differ.
fn distance(a: &[u8], b: &[u8]) -> usize {
	let differing = |(a, b): (&u8, &u8)| {
		let bits = a ^ b;
		((bits | (bits >> 1)) & 0x55).count_ones() as usize
	};
	a.iter().zip(b).map(differing).sum()
}

/// Weights of a row that are not zero.
fn weights(row: &[u8]) -> usize {
	row.iter().map(|byte| (!byte & 0x55).count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::{write_expert, BlockShape};
	use blyan_exact::{golden::random_expert, Expert, ModelConfig};

	/// Experts of five tiles.
	const CONFIG: ModelConfig =
		ModelConfig { d_model: 512, d_ff: 1_024, layers: 1, heads: 8, experts: 1, top_k: 1, context: 64 };

	/// A descendant that changes every `every`th weight of both matrices, from `first` on.
	fn descendant(parent: &Expert, every: usize, first: usize) -> Expert {
		let mut expert = parent.clone();
		for matrix in [&mut expert.up, &mut expert.down] {
			for weight in matrix.weights.iter_mut().skip(first).step_by(every) {
				*weight = if *weight == 1 { -1 } else { *weight + 1 };
			}
		}
		expert
	}

	/// The same function with its neurons turned round.
	fn permuted(expert: &Expert, by: usize) -> Expert {
		let mut permuted = expert.clone();
		let (hidden, d) = (expert.up.rows, expert.up.cols);
		for to in 0..hidden {
			let from = (to + by) % hidden;
			permuted.up.weights[to * d..(to + 1) * d]
				.copy_from_slice(&expert.up.weights[from * d..(from + 1) * d]);
			permuted.gain[to] = expert.gain[from];
			for row in 0..d {
				permuted.down.weights[row * hidden + to] = expert.down.weights[row * hidden + from];
			}
		}
		permuted
	}

	fn finding(original: &Expert, copy: &Expert, parent: &Expert) -> Option<Finding> {
		let file = |expert: &Expert| write_expert(expert, &CONFIG).unwrap();
		let (original, copy, copy_parent) = (file(original), file(copy), file(parent));
		let files =
			Files { original: &original, original_parent: None, copy: &copy, copy_parent: &copy_parent };
		compare(&Layout::new(BlockShape::expert_of(&CONFIG)).unwrap(), &files)
	}

	#[test]
	fn a_copy_is_found_with_its_neurons_in_place_and_moved_and_a_stranger_is_not() {
		let parent = random_expert(&CONFIG, b"parent");
		let original = descendant(&parent, 20, 0);
		let mut copy = original.clone();
		copy.up.weights[7] = if copy.up.weights[7] == 0 { 1 } else { 0 };
		assert!(finding(&original, &copy, &parent).unwrap().overlap.likeness_milli() > 990);
		for by in [1, 300, 512] {
			let moved = finding(&original, &permuted(&copy, by), &parent).unwrap();
			assert!(moved.overlap.is_copy() && !moved.moved.is_empty(), "moved by {by}");
		}
		let stranger = descendant(&parent, 20, 3);
		let found = finding(&original, &stranger, &parent).unwrap();
		assert!(!found.overlap.is_copy(), "{found:?}");
		assert!(!finding(&original, &permuted(&stranger, 300), &parent).unwrap().overlap.is_copy());
		assert_eq!(finding(&parent, &copy, &parent), None, "the parent changes nothing");
	}

	#[test]
	fn changes_carried_over_to_another_parent_are_found_from_the_original_parent() {
		let old = random_expert(&CONFIG, b"parent");
		let original = descendant(&old, 20, 0);
		let new = descendant(&old, 10, 1);
		let mut copy = new.clone();
		for (to, (was, is)) in copy.up.weights.iter_mut().zip(old.up.weights.iter().zip(&original.up.weights))
		{
			if was != is {
				*to = *is;
			}
		}
		let file = |expert: &Expert| write_expert(expert, &CONFIG).unwrap();
		let (original, old, copy, new) = (file(&original), file(&old), file(&copy), file(&new));
		let files =
			Files { original: &original, original_parent: Some(&old), copy: &copy, copy_parent: &new };
		let found = compare(&Layout::new(BlockShape::expert_of(&CONFIG)).unwrap(), &files).unwrap();
		assert!(found.from_own_parent && found.overlap.is_copy(), "{found:?}");
	}
}
