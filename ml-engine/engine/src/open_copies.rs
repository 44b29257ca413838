//! Near copies among adapters of open models: the projection by which [`similarity`] finds one.
//!
//! Every projection of a pair is compared by the definition that the chain measures with, so what is found here is upheld there.

pub use crate::copies::Files;

use crate::blobs::BlobStore;
use blyan_exact::definition2::{
	block::{Layout, PartView},
	similarity::{self, Overlap, Shown},
	Adapter, Architecture, Name, Part,
};
use blyan_primitives::{
	BlockRef, EngineError, OpenCopyEvidence, OpenCopyFinding, OpenCopyQuery, Projection, ShownAdapter,
};
use sp_core::H256;
use std::ops::Range;

/// The most telling projection of two experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
	/// Matrix whose adapters are compared.
	pub projection: Projection,
	/// Set if the original's changes are measured from its own parent.
	pub from_own_parent: bool,
	/// Overlap of the two there.
	pub overlap: Overlap,
}

/// Returns where two experts are most alike; `None` if one of them changes too little everywhere to be measured by, the files are
/// not experts of this layout, or these are not adapters that a report can show.
pub fn compare(layout: &Layout, files: &Files<'_>) -> Option<Finding> {
	let findings = Projection::ALL.into_iter().flat_map(|projection| {
		[false, true]
			.into_iter()
			.filter_map(move |from_own_parent| measure(layout, files, projection, from_own_parent))
	});
	findings.max_by_key(|finding| finding.overlap.likeness_milli())
}

/// Compares a candidate with those of the earlier experts whose bytes are in the store, and returns the most alike one if the
/// chain would take the candidate for a copy of it.
///
/// - `checkpoint`: called before each comparison; its error ends the search.
pub fn find(
	query: &OpenCopyQuery,
	store: &BlobStore,
	checkpoint: impl Fn() -> Result<(), EngineError>,
) -> Result<Option<OpenCopyFinding>, EngineError> {
	let layout = layout_of(query).ok_or(EngineError::JobMalformed)?;
	let required =
		|block: &BlockRef| store.get(&block.blob.hash).map_err(|_| EngineError::BlobMissing(block.blob.hash));
	let (copy, copy_parent) = (required(&query.candidate)?, required(&query.parent)?);
	let mut best: Option<(i32, OpenCopyFinding)> = None;
	for (place, comparand) in (0..).zip(&query.originals) {
		checkpoint()?;
		let Ok(original) = store.get(&comparand.block.blob.hash) else { continue };
		let own_parent = comparand.parent.and_then(|block| store.get(&block.blob.hash).ok());
		let files = Files {
			original: &original,
			original_parent: own_parent.as_deref(),
			copy: &copy,
			copy_parent: &copy_parent,
		};
		let Some(finding) = compare(&layout, &files).filter(|finding| finding.overlap.is_copy()) else {
			continue;
		};
		let likeness = finding.overlap.likeness_milli();
		if best.as_ref().is_some_and(|(most, _)| *most >= likeness) {
			continue;
		}
		let named = [Some(comparand.block), comparand.parent, Some(query.parent), Some(query.candidate)];
		let evidence = evidence(&layout, &files, &finding);
		// A file that its submission's tensor root does not name proves nothing: the evaluation finds it invalid.
		if let Some(evidence) = evidence.filter(|evidence| is_proven(&layout, evidence, named)) {
			best = Some((likeness, OpenCopyFinding { original: place, evidence }));
		}
	}
	Ok(best.map(|(_, finding)| finding))
}

/// Layout of the experts that a query is about. All experts of a layer have one.
fn layout_of(query: &OpenCopyQuery) -> Option<Layout> {
	let architecture = Architecture::from_bytes(&query.architecture).ok()?;
	architecture.validate().ok()?;
	Layout::of(&architecture, Part::Expert { layer: query.layer, expert: 0 })
}

/// Returns whether every adapter is one of its block: the original's, its parent's, the copy's parent's and the copy's.
fn is_proven(layout: &Layout, evidence: &OpenCopyEvidence, blocks: [Option<BlockRef>; 4]) -> bool {
	let adapters = [
		Some(&evidence.original),
		evidence.original_parent.as_ref(),
		Some(&evidence.copy_parent),
		Some(&evidence.copy),
	];
	adapters.into_iter().zip(blocks).all(|(adapter, block)| {
		let Some(adapter) = adapter else { return true };
		let leaves = adapter.hashes();
		let shown = Shown { scales: &adapter.scales, leaves: &leaves, bytes: &adapter.bytes };
		let is_of = |block: BlockRef| {
			similarity::open(layout, evidence.projection.name(), &shown, &block.tensor_root.0).is_some()
		};
		block.is_some_and(is_of)
	})
}

fn measure(
	layout: &Layout,
	files: &Files<'_>,
	projection: Projection,
	from_own_parent: bool,
) -> Option<Finding> {
	similarity::tiles_of(layout, projection.name())?;
	let parent = if from_own_parent { files.original_parent? } else { files.copy_parent };
	let adapter = |file| adapter(layout, file, projection.name());
	let overlap = Overlap::of(
		&adapter(files.original)?,
		&adapter(parent)?,
		&adapter(files.copy_parent)?,
		&adapter(files.copy)?,
	)?;
	overlap.is_enough().then_some(Finding { projection, from_own_parent, overlap })
}

fn adapter<'a>(layout: &'a Layout, file: &'a [u8], projection: Name) -> Option<Adapter<'a>> {
	let (first, second) = projection.adapter()?;
	let view = PartView::new(layout, file).ok()?;
	Adapter::new(view.codes(first)?, view.codes(second)?)
}

fn bytes_within(range: &Range<u64>) -> Option<Range<usize>> {
	Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

/// Returns what proves a finding to the chain; `None` if the files are not experts of this layout.
pub fn evidence(layout: &Layout, files: &Files<'_>, finding: &Finding) -> Option<OpenCopyEvidence> {
	let projection = finding.projection;
	let tiles = similarity::tiles_of(layout, projection.name())?;
	let place = bytes_within(&similarity::bytes_of(layout, &tiles))?;
	let shown = |file: &[u8]| {
		let leaves: Vec<H256> = layout.leaves(file)?.into_iter().map(H256).collect();
		Some(ShownAdapter {
			scales: layout.scales(file).to_vec().try_into().ok()?,
			leaves: leaves.try_into().ok()?,
			bytes: file.get(place.clone())?.to_vec().try_into().ok()?,
		})
	};
	let original_parent = match files.original_parent.filter(|_| finding.from_own_parent) {
		Some(file) => Some(shown(file)?),
		None => None,
	};
	Some(OpenCopyEvidence {
		projection,
		original: shown(files.original)?,
		original_parent,
		copy_parent: shown(files.copy_parent)?,
		copy: shown(files.copy)?,
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::blob_ref;
	use blyan_exact::definition2::{
		block::part_file,
		golden::{Stream, ARCHITECTURES},
		OwnedPart, OwnedTensor,
	};
	use blyan_primitives::Comparand;

	const PART: Part = Part::Expert { layer: 0, expert: 0 };

	fn adapters() -> Architecture {
		let (_, adapters) = ARCHITECTURES.into_iter().find(|(name, _)| *name == "adapters").unwrap();
		adapters()
	}

	fn part(seed: &[u8]) -> OwnedPart {
		Stream::new(seed).part(&adapters(), PART)
	}

	/// The expert with some codes of every matrix drawn again.
	fn trained(parent: &OwnedPart, seed: &[u8]) -> OwnedPart {
		let mut stream = Stream::new(seed);
		let mut trained = parent.clone();
		for (_, tensor) in &mut trained.0 {
			let OwnedTensor::Codes(codes) = tensor else { continue };
			codes.bytes.iter_mut().step_by(3).for_each(|code| *code = stream.draw() as u8);
		}
		trained
	}

	fn file(part: &OwnedPart) -> Vec<u8> {
		part_file(&adapters(), PART, &part.view()).unwrap()
	}

	#[test]
	fn a_copy_is_found_and_shown_so_that_the_measure_reads_the_same_of_it_and_a_stranger_is_not() {
		let parent = part(b"parent");
		let original = trained(&parent, b"original");
		let mut stolen = original.clone();
		for (_, tensor) in &mut stolen.0 {
			let OwnedTensor::Codes(codes) = tensor else { continue };
			codes.bytes[0] ^= 1;
		}
		let stranger = file(&trained(&parent, b"stranger"));
		let (parent, original, stolen) = (file(&parent), file(&original), file(&stolen));
		let layout = Layout::of(&adapters(), PART).unwrap();
		let files = Files { original: &original, original_parent: None, copy: &stolen, copy_parent: &parent };
		let finding = compare(&layout, &files).unwrap();
		assert!(finding.overlap.is_copy() && !finding.from_own_parent, "{finding:?}");

		let shown = evidence(&layout, &files, &finding).unwrap();
		let root = |file: &[u8]| layout.check(file).unwrap();
		let leaves = shown.copy.hashes();
		let parts =
			similarity::Shown { scales: &shown.copy.scales, leaves: &leaves, bytes: &shown.copy.bytes };
		let name = finding.projection.name();
		let read = similarity::open(&layout, name, &parts, &root(&stolen));
		assert_eq!(read, adapter(&layout, &stolen, name));
		assert_eq!(similarity::open(&layout, name, &parts, &root(&original)), None);

		let files = Files { copy: &stranger, ..files };
		assert!(!compare(&layout, &files).unwrap().overlap.is_copy());
		let files = Files { original: &parent, ..files };
		assert_eq!(compare(&layout, &files), None, "the parent changes nothing");
	}

	/// A store with some experts' files in it, and their names.
	fn stored<const N: usize>(files: [&[u8]; N]) -> (tempfile::TempDir, BlobStore, [BlockRef; N]) {
		let dir = tempfile::tempdir().unwrap();
		let store = BlobStore::open(dir.path(), 1 << 24).unwrap();
		let layout = Layout::of(&adapters(), PART).unwrap();
		let blocks = files.map(|file| {
			store.put(file).unwrap();
			BlockRef { tensor_root: H256(layout.check(file).unwrap()), blob: blob_ref(file) }
		});
		(dir, store, blocks)
	}

	fn query(candidate: BlockRef, parent: BlockRef, originals: &[BlockRef]) -> OpenCopyQuery {
		let originals = originals.iter().map(|block| Comparand { block: *block, parent: None }).collect();
		OpenCopyQuery { architecture: adapters().to_bytes(), layer: 0, candidate, parent, originals }
	}

	/// The expert with a code of each matrix changed.
	fn flipped(part: &OwnedPart) -> OwnedPart {
		let mut flipped = part.clone();
		for (_, tensor) in &mut flipped.0 {
			let OwnedTensor::Codes(codes) = tensor else { continue };
			codes.bytes[0] ^= 1;
		}
		flipped
	}

	#[test]
	fn a_search_finds_the_original_among_others_and_nothing_where_there_is_none() {
		let parent = part(b"parent");
		let original = trained(&parent, b"original");
		let files = [&parent, &original, &flipped(&original), &trained(&parent, b"stranger")].map(file);
		let (_dir, store, [parent, original, copy, stranger]) = stored(files.each_ref().map(Vec::as_slice));
		let find = |query: &OpenCopyQuery| find(query, &store, || Ok(()));
		let found = find(&query(copy, parent, &[stranger, original, parent])).unwrap().unwrap();
		assert_eq!(found.original, 1);
		let layout = Layout::of(&adapters(), PART).unwrap();
		let named = [Some(original), None, Some(parent), Some(copy)];
		assert!(is_proven(&layout, &found.evidence, named));
		assert!(!is_proven(&layout, &found.evidence, [Some(stranger), None, Some(parent), Some(copy)]));
		assert_eq!(find(&query(stranger, parent, &[original, copy, parent])), Ok(None));
		assert_eq!(find(&query(copy, parent, &[])), Ok(None));
	}

	#[test]
	fn a_search_passes_over_experts_that_are_not_here_or_not_what_they_are_named() {
		let parent = part(b"parent");
		let original = trained(&parent, b"original");
		let files = [&parent, &original, &flipped(&original)].map(file);
		let (_dir, store, [parent, original, copy]) = stored(files.each_ref().map(Vec::as_slice));
		let find = |query: &OpenCopyQuery| find(query, &store, || Ok(()));
		let mut missing = original;
		missing.blob.hash = H256([1; 32]);
		assert_eq!(find(&query(copy, parent, &[missing])), Ok(None));
		let lacking = Err(EngineError::BlobMissing(missing.blob.hash));
		assert_eq!(find(&query(missing, parent, &[original])), lacking);
		let misnamed = BlockRef { tensor_root: H256([2; 32]), ..copy };
		assert_eq!(find(&query(misnamed, parent, &[original])), Ok(None));
		store.put(b"no expert").unwrap();
		let noise = BlockRef { blob: blob_ref(b"no expert"), ..copy };
		assert_eq!(find(&query(noise, parent, &[original])), Ok(None));
		assert_eq!(find(&query(copy, parent, &[noise, original])).unwrap().unwrap().original, 1);
	}

	#[test]
	fn a_search_ends_when_its_checkpoint_does_and_refuses_models_that_are_none() {
		let parent = part(b"parent");
		let files = [&parent, &trained(&parent, b"original")].map(file);
		let (_dir, store, [parent, original]) = stored(files.each_ref().map(Vec::as_slice));
		let asked = query(original, parent, &[parent]);
		let ended = find(&asked, &store, || Err(EngineError::Cancelled));
		assert_eq!(ended, Err(EngineError::Cancelled));
		let refused = Err(EngineError::JobMalformed);
		let cut = OpenCopyQuery { architecture: vec![1, 2, 3], ..asked.clone() };
		assert_eq!(find(&cut, &store, || Ok(())), refused);
		assert_eq!(find(&OpenCopyQuery { layer: u8::MAX, ..asked }, &store, || Ok(())), refused);
	}
}
