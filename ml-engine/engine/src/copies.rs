//! Search for near copies: the tiles, and the moved neurons, by which [`blyan_exact::similarity`] finds one.
//!
//! Every tile of every pair is compared by the definition that the chain measures with, so what is found here is upheld there. No sketch
//! comes first: a copy could be disguised from it at less cost than from the measure.

use crate::blobs::BlobStore;
use blyan_exact::{
	block::{BlockShape, Layout},
	merkle,
	similarity::{overlap, Moved, Overlap, Rows, Tile, Tiles},
	Hash,
};
use blyan_primitives::{BlockRef, CopyEvidence, CopyFinding, CopyQuery, EngineError, TileProof};
use sp_core::H256;
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
pub fn compare(layout: &Layout, files: &Files<'_>) -> Option<Finding> {
	Candidate::new(layout, files.copy, files.copy_parent)?.compare(files.original, files.original_parent)
}

/// Compares a candidate with those of the earlier experts whose bytes are in the store, and returns the most alike one if the
/// chain would take the candidate for a copy of it.
///
/// - `checkpoint`: called before each comparison; its error ends the search.
pub fn find(
	query: &CopyQuery,
	store: &BlobStore,
	checkpoint: impl Fn() -> Result<(), EngineError>,
) -> Result<Option<CopyFinding>, EngineError> {
	let layout = Layout::new(BlockShape::expert_of(&query.config)).map_err(|_| EngineError::JobMalformed)?;
	let required =
		|block: &BlockRef| store.get(&block.blob.hash).map_err(|_| EngineError::BlobMissing(block.blob.hash));
	let (copy, copy_parent) = (required(&query.candidate)?, required(&query.parent)?);
	let Some(candidate) = Candidate::new(&layout, &copy, &copy_parent) else { return Ok(None) };
	let mut best: Option<(i32, CopyFinding)> = None;
	for (place, comparand) in (0..).zip(&query.originals) {
		checkpoint()?;
		let Ok(original) = store.get(&comparand.block.blob.hash) else { continue };
		let own_parent = comparand.parent.and_then(|block| store.get(&block.blob.hash).ok());
		let found = candidate.compare(&original, own_parent.as_deref());
		let Some(finding) = found.filter(|finding| finding.overlap.is_copy()) else { continue };
		let likeness = finding.overlap.likeness_milli();
		if best.as_ref().is_some_and(|(most, _)| *most >= likeness) {
			continue;
		}
		let files = Files {
			original: &original,
			original_parent: own_parent.as_deref(),
			copy: &copy,
			copy_parent: &copy_parent,
		};
		let evidence = evidence(&layout, &files, &finding);
		let named = [Some(comparand.block), comparand.parent, Some(query.parent), Some(query.candidate)];
		// A file that its submission's tensor root does not name proves nothing: the evaluation finds it invalid.
		if let Some(evidence) = evidence.filter(|evidence| is_proven(&layout, evidence, named)) {
			best = Some((likeness, CopyFinding { original: place, evidence }));
		}
	}
	Ok(best.map(|(_, finding)| finding))
}

/// A later expert and its parent, with all that does not depend on the original.
struct Candidate<'a> {
	layout: &'a Layout,
	copy: &'a [u8],
	copy_parent: &'a [u8],
	/// Pairs of tiles, and the neurons that moved from one to the other.
	pairs: Vec<(usize, usize, Vec<Moved>)>,
}

impl<'a> Candidate<'a> {
	/// Looks for moved neurons; `None` if the files are not experts of this layout.
	fn new(layout: &'a Layout, copy: &'a [u8], copy_parent: &'a [u8]) -> Option<Self> {
		if [copy, copy_parent].iter().any(|file| file.len() != layout.file_len()) {
			return None;
		}
		let in_place = (0..layout.tiles).map(|tile| (tile, tile, Vec::new()));
		let moved = moved(layout, copy, copy_parent).into_iter();
		let elsewhere = moved.map(|((tile, copy_tile), moved)| (tile, copy_tile, moved));
		let pairs = in_place.chain(elsewhere).collect();
		Some(Self { layout, copy, copy_parent, pairs })
	}

	/// Returns where an original is most alike.
	fn compare(&self, original: &[u8], own_parent: Option<&[u8]>) -> Option<Finding> {
		let len = self.layout.file_len();
		if [Some(original), own_parent].into_iter().flatten().any(|file| file.len() != len) {
			return None;
		}
		let findings = self.pairs.iter().flat_map(|pair| {
			[false, true].into_iter().filter_map(move |from_own_parent| {
				let parent = if from_own_parent { own_parent? } else { self.copy_parent };
				self.measure(pair, original, parent, from_own_parent)
			})
		});
		findings.max_by_key(|finding| finding.overlap.likeness_milli())
	}

	fn measure(
		&self,
		(tile, copy_tile, moved): &(usize, usize, Vec<Moved>),
		original: &[u8],
		original_parent: &[u8],
		from_own_parent: bool,
	) -> Option<Finding> {
		let (at, copy_at) = (self.layout.tile(*tile), self.layout.tile(*copy_tile));
		let tiles = Tiles {
			at: *tile,
			original: original.get(at.clone())?,
			original_parent: original_parent.get(at.clone())?,
			copy_parent: self.copy_parent.get(at)?,
			copy_at: *copy_tile,
			copy: self.copy.get(copy_at)?,
		};
		let overlap = overlap(self.layout, &tiles, moved)?;
		let (tile, copy_tile, moved) = (*tile, *copy_tile, moved.clone());
		overlap.is_enough().then_some(Finding { tile, copy_tile, from_own_parent, moved, overlap })
	}
}

/// Returns what proves a finding to the chain; `None` if the files are not blocks of this layout.
fn evidence(layout: &Layout, files: &Files<'_>, finding: &Finding) -> Option<CopyEvidence> {
	let proof = |file: &[u8], index: usize| {
		let leaves = layout.leaves(file);
		let path: Vec<H256> = merkle::prove(&leaves, index)?.into_iter().map(H256).collect();
		Some(TileProof {
			bytes: file.get(layout.tile(index))?.to_vec().try_into().ok()?,
			tiles: H256(merkle::root(&leaves)),
			path: path.try_into().ok()?,
		})
	};
	let original_parent = match files.original_parent.filter(|_| finding.from_own_parent) {
		Some(file) => Some(proof(file, finding.tile)?),
		None => None,
	};
	Some(CopyEvidence {
		tile: finding.tile.try_into().ok()?,
		copy_tile: finding.copy_tile.try_into().ok()?,
		original: proof(files.original, finding.tile)?,
		original_parent,
		copy_parent: proof(files.copy_parent, finding.tile)?,
		copy: proof(files.copy, finding.copy_tile)?,
		moved: finding.moved.clone().try_into().ok()?,
	})
}

/// Returns whether every tile is one of its block: the original's, its parent's, the copy's parent's and the copy's.
fn is_proven(layout: &Layout, evidence: &CopyEvidence, blocks: [Option<BlockRef>; 4]) -> bool {
	let (at, copy_at) = (usize::from(evidence.tile), usize::from(evidence.copy_tile));
	let tiles = [
		(at, Some(&evidence.original)),
		(at, evidence.original_parent.as_ref()),
		(at, Some(&evidence.copy_parent)),
		(copy_at, Some(&evidence.copy)),
	];
	tiles.into_iter().zip(blocks).all(|((index, proof), block)| {
		let Some(proof) = proof else { return true };
		let path: Vec<Hash> = proof.path.iter().map(|hash| hash.0).collect();
		let tile = Tile { index, bytes: &proof.bytes, tiles: &proof.tiles.0, path: &path };
		block.is_some_and(|block| tile.is_of(layout, &block.tensor_root.0))
	})
}

/// Neurons of the copy whose rows come from another row of its parent, by the tiles of both.
fn moved<'a>(layout: &Layout, copy: &'a [u8], copy_parent: &'a [u8]) -> BTreeMap<(usize, usize), Vec<Moved>> {
	let tiles: Vec<_> =
		(0..layout.tiles).filter_map(|tile| Some((tile, Rows::of(layout, tile, false)?))).collect();
	let rows = |bytes: &'a [u8]| {
		let tiles = &tiles;
		tiles.iter().flat_map(move |(tile, rows)| {
			let part = bytes.get(layout.tile(*tile)).unwrap_or_default();
			rows.numbers.clone().filter_map(move |number| Some((*tile, number, rows.row(part, number)?)))
		})
	};
	let parents: Vec<_> = rows(copy_parent).collect();
	let mut taken = vec![false; parents.len()];
	let mut moved: BTreeMap<(usize, usize), Vec<Moved>> = BTreeMap::new();
	for (copy_tile, to, row) in rows(copy) {
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
	// The rows of a candidate whose neurons are all somewhere else are held against all rows of its parent.
	let ((words, rest), (other_words, other_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
	let differing = |a: u64, b: u64| {
		let bits = a ^ b;
		((bits | (bits >> 1)) & 0x5555_5555_5555_5555).count_ones() as usize
	};
	let word = |(a, b): (&[u8; 8], &[u8; 8])| differing(u64::from_le_bytes(*a), u64::from_le_bytes(*b));
	let byte = |(a, b): (&u8, &u8)| differing((*a).into(), (*b).into());
	let in_words: usize = words.iter().zip(other_words).map(word).sum();
	in_words + rest.iter().zip(other_rest).map(byte).sum::<usize>()
}

/// Weights of a row that are not zero.
fn weights(row: &[u8]) -> usize {
	row.iter().map(|byte| (!byte & 0x55).count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::{block_ref, write_expert};
	use blyan_exact::{
		golden::{copies as golden, random_expert},
		Expert, ModelConfig,
	};
	use blyan_primitives::Comparand;

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

	/// A store with experts in it, and their names.
	fn stored<const N: usize>(experts: [&Expert; N]) -> (tempfile::TempDir, BlobStore, [BlockRef; N]) {
		let dir = tempfile::tempdir().unwrap();
		let store = BlobStore::open(dir.path(), 1 << 24).unwrap();
		let blocks = experts.map(|expert| {
			let file = write_expert(expert, &golden::CONFIG).unwrap();
			store.put(&file).unwrap();
			block_ref(&file)
		});
		(dir, store, blocks)
	}

	fn query(candidate: BlockRef, parent: BlockRef, originals: &[BlockRef]) -> CopyQuery {
		let originals = originals.iter().map(|block| Comparand { block: *block, parent: None }).collect();
		CopyQuery { config: golden::CONFIG, candidate, parent, originals }
	}

	#[test]
	fn evidence_of_the_golden_copy_measures_what_the_chain_measures() {
		let golden::Family { parent, original, copy, stranger } = golden::family();
		let (_dir, store, [parent, original, copy, stranger]) =
			stored([&parent, &original, &copy, &stranger]);
		let find = |candidate, originals: &[BlockRef]| {
			find(&query(candidate, parent, originals), &store, || Ok(())).unwrap()
		};
		let CopyFinding { original: place, evidence } = find(copy, &[stranger, original, parent]).unwrap();
		assert_eq!(place, 1);
		let layout = Layout::new(BlockShape::expert_of(&golden::CONFIG)).unwrap();
		assert!(is_proven(&layout, &evidence, [Some(original), None, Some(parent), Some(copy)]));
		assert!(!is_proven(&layout, &evidence, [Some(original), None, Some(parent), Some(stranger)]));
		let tiles = Tiles {
			at: evidence.tile.into(),
			original: &evidence.original.bytes,
			original_parent: &evidence.copy_parent.bytes,
			copy_parent: &evidence.copy_parent.bytes,
			copy_at: evidence.copy_tile.into(),
			copy: &evidence.copy.bytes,
		};
		assert_eq!(overlap(&layout, &tiles, &evidence.moved), Some(golden::LIKE));

		assert_eq!(find(stranger, &[original, copy, parent]), None);
		assert_eq!(find(copy, &[]), None);
	}

	#[test]
	fn experts_that_are_not_here_or_not_what_they_are_named_are_no_copies() {
		let golden::Family { parent, original, copy, .. } = golden::family();
		let (_dir, store, [parent, original, copy]) = stored([&parent, &original, &copy]);
		let find = |query: &CopyQuery| find(query, &store, || Ok(()));
		let mut missing = original;
		missing.blob.hash = H256([1; 32]);
		assert_eq!(find(&query(copy, parent, &[missing])), Ok(None));
		assert_eq!(
			find(&query(missing, parent, &[original])),
			Err(EngineError::BlobMissing(missing.blob.hash))
		);
		let misnamed = BlockRef { tensor_root: H256([2; 32]), ..copy };
		assert_eq!(find(&query(misnamed, parent, &[original])), Ok(None));
		store.put(b"no expert").unwrap();
		let mut noise = copy;
		noise.blob = crate::block::blob_ref(b"no expert");
		assert_eq!(find(&query(noise, parent, &[original])), Ok(None));
		assert_eq!(find(&query(copy, parent, &[noise, original])).unwrap().unwrap().original, 1);
	}

	#[test]
	fn a_search_ends_when_its_checkpoint_does() {
		let golden::Family { parent, original, copy, .. } = golden::family();
		let (_dir, store, [parent, original, copy]) = stored([&parent, &original, &copy]);
		let ended = find(&query(copy, parent, &[original]), &store, || Err(EngineError::Cancelled));
		assert_eq!(ended, Err(EngineError::Cancelled));
	}
}
