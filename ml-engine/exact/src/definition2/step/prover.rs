//! Inputs out of a whole execution, noted down as a witness.

use super::{
	compute,
	evidence::{sequence_bytes, Evidence, Inputs, Witness},
	layout_of,
};
use crate::{
	definition2::{
		block::{chunk_hashes, Layout, SectionScale, CHUNK_BYTES, HEADER_BYTES, TILES_OFFSET, TILE_BYTES},
		model::{architecture_hash, model_root_over},
		root::{place, PartPlace},
		span::prove_span,
		tensors::{Name, Part},
		trace::Trace,
	},
	hash::Hash,
	merkle,
	step::{CandidateSlot, Commitments, Place, StepError},
	tree,
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use core::ops::Range;

/// Chunks of a tile.
const CHUNKS: usize = (TILE_BYTES / CHUNK_BYTES) as usize;

/// Files of a model's parts. A block reads two of them at most, so they need not all be at hand.
pub trait PartFiles {
	/// Returns the file of a part, the candidate's in its slot; `None` if it cannot be had.
	fn file(&self, part: Part) -> Option<&[u8]>;
}

impl<F: AsRef<[u8]>> PartFiles for BTreeMap<Part, F> {
	fn file(&self, part: Part) -> Option<&[u8]> {
		self.get(&part).map(AsRef::as_ref)
	}
}

/// Everything a party needs to show how it came to a value.
#[derive(Clone, Copy)]
pub struct Prover<'a> {
	/// The execution.
	pub trace: &'a Trace,
	/// Files of the parts in this trace: the candidate in its slot. They are valid.
	pub files: &'a dyn PartFiles,
	/// Tensor roots of all parts of the baseline but the experts, in the order of their tree.
	pub parts: &'a [Hash],
	/// Tensor roots of all experts of the baseline, layer by layer.
	pub experts: &'a [Hash],
	/// The candidate, in a trace of the model with it.
	pub candidate: Option<CandidateSlot>,
	/// Token ids of the holdout, sequences one after another, each with one id more than the trace has positions.
	pub holdout: &'a [u32],
	/// Index of the sequence in it.
	pub sequence: u32,
}

impl Prover<'_> {
	/// Notes down everything that computing the block at `place` reads: up to the input that condemns both parties, if
	/// there is one, which is what the witness then proves.
	pub fn record(&self, place: Place) -> Result<Witness, StepError> {
		let mut recorder = Recorder {
			prover: self,
			witness: Witness::default(),
			seen: BTreeSet::new(),
			rows: BTreeMap::new(),
		};
		match compute(self.trace.program(), place, &mut recorder) {
			Err(error) if !error.condemns_both() => Err(error),
			_ => Ok(recorder.witness),
		}
	}

	/// Returns the commitments against which [`execute`](super::execute) checks this prover's witnesses.
	pub fn commitments(&self) -> Commitments {
		let (parts, experts) = self.model();
		let architecture = architecture_hash(self.trace.program().architecture());
		let leaves = self.sequence_leaves();
		Commitments {
			model_root: model_root_over(&architecture, &parts, &experts),
			candidate: self.candidate,
			holdout_root: merkle::root(&leaves),
			holdout_sequences: leaves.len() as u32,
			sequence: self.sequence,
		}
	}

	fn model(&self) -> (Hash, Hash) {
		let root = |roots: &[Hash]| merkle::root_of(roots.iter().map(Hash::as_slice));
		(root(self.parts), root(self.experts))
	}

	fn sequences(&self) -> impl Iterator<Item = &[u32]> {
		self.holdout.chunks_exact(self.trace.program().positions() + 1)
	}

	fn sequence_leaves(&self) -> Vec<Hash> {
		self.sequences().map(|ids| merkle::leaf(&sequence_bytes(ids))).collect()
	}

	fn is_candidate(&self, part: Part) -> bool {
		let Part::Expert { layer, expert } = part else { return false };
		self.candidate.as_ref().is_some_and(|slot| (slot.layer, slot.expert) == (layer, expert))
	}

	/// Returns the path of a part's root to the root over the parts or the experts.
	fn path(&self, part: Part) -> Result<Vec<Hash>, StepError> {
		let (roots, index) = match place(self.trace.program().architecture(), part) {
			Some(PartPlace::Fixed(index)) => (self.parts, index),
			Some(PartPlace::Expert(index)) => (self.experts, index),
			None => return Err(StepError::NoSuchPlace),
		};
		let leaves: Vec<Hash> = roots.iter().map(|root| merkle::leaf(root)).collect();
		merkle::prove(&leaves, index).ok_or(StepError::NoSuchPlace)
	}
}

/// Piece of evidence that has been recorded already and is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Recorded {
	Model,
	Part(Part),
	Chunk(Part, usize),
	Sequence,
}

struct Recorder<'a> {
	prover: &'a Prover<'a>,
	witness: Witness,
	seen: BTreeSet<Recorded>,
	/// Hashes of the rows of outputs that were read.
	rows: BTreeMap<usize, Vec<Hash>>,
}

impl<'a> Recorder<'a> {
	fn file(&self, layout: &Layout, part: Part) -> Result<&'a [u8], StepError> {
		let file = self.prover.files.file(part).ok_or(StepError::NoSuchPlace)?;
		layout.check_header(file).map_err(|_| StepError::NoSuchPlace)?;
		Ok(file)
	}

	fn show_part(&mut self, layout: &Layout, part: Part) -> Result<(), StepError> {
		if !self.seen.insert(Recorded::Part(part)) {
			return Ok(());
		}
		let is_candidate = self.prover.is_candidate(part);
		if !is_candidate && self.seen.insert(Recorded::Model) {
			let (parts, experts) = self.prover.model();
			self.witness.0.push(Evidence::Model { parts, experts });
		}
		let path = if is_candidate { Vec::new() } else { self.prover.path(part)? };
		let file = self.file(layout, part)?;
		let tiles = file.get(TILES_OFFSET..HEADER_BYTES).and_then(|roots| roots.first_chunk());
		let tiles = *tiles.ok_or(StepError::NoSuchPlace)?;
		self.witness.0.push(Evidence::Part { scales: layout.scales(file).to_vec(), tiles, path });
		Ok(())
	}

	fn show(
		&mut self,
		layout: &Layout,
		part: Part,
		tile: usize,
		chunks: &Range<usize>,
	) -> Result<(), StepError> {
		let first = tile * CHUNKS;
		let is_known = |chunk| self.seen.contains(&Recorded::Chunk(part, first + chunk));
		if chunks.clone().all(is_known) {
			return Ok(());
		}
		self.show_part(layout, part)?;
		let file = self.file(layout, part)?;
		let index = layout.index(file).ok_or(StepError::NoSuchPlace)?;
		let path = merkle::prove(index, tile).ok_or(StepError::NoSuchPlace)?;
		let within = |range: Range<u64>| file.get(range.start as usize..range.end as usize);
		let mut others = within(layout.tile(tile)).map(chunk_hashes).ok_or(StepError::NoSuchPlace)?;
		others.drain(chunks.clone());
		let bytes = within(layout.chunk_range(tile, chunks)).ok_or(StepError::NoSuchPlace)?.to_vec();
		self.witness.0.push(Evidence::Chunks { bytes, others, path });
		self.seen.extend(chunks.clone().map(|chunk| Recorded::Chunk(part, first + chunk)));
		Ok(())
	}
}

impl Inputs for Recorder<'_> {
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let trace = self.prover.trace;
		let shape = trace.program().operator(operator).ok_or(StepError::NoSuchPlace)?.shape;
		let content = trace.row(operator, row).ok_or(StepError::NoSuchPlace)?;
		let range = blocks.start * shape.block_bytes..(blocks.end * shape.block_bytes).min(content.len());
		let bytes = content.get(range).ok_or(StepError::NoSuchPlace)?.to_vec();
		let others = prove_span(&shape.block_hashes(content), blocks).ok_or(StepError::NoSuchPlace)?;
		let output = trace.output(operator).ok_or(StepError::NoSuchPlace)?;
		let rows = self.rows.entry(operator).or_insert_with(|| shape.row_hashes(output));
		let path = tree::prove(rows, row).ok_or(StepError::NoSuchPlace)?;
		self.witness.0.push(Evidence::Blocks { bytes: bytes.clone(), row: others, path });
		Ok(bytes)
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let bytes = self.prover.trace.output(operator).ok_or(StepError::NoSuchPlace)?.to_vec();
		self.witness.0.push(Evidence::Output(bytes.clone()));
		Ok(bytes)
	}

	fn tensor(&mut self, part: Part, range: Range<u64>) -> Result<Vec<u8>, StepError> {
		let layout = layout_of(self.prover.trace.program(), part)?;
		for (tile, chunks) in layout.pieces(&range) {
			self.show(&layout, part, tile, &chunks)?;
		}
		let file = self.file(&layout, part)?;
		let bytes = file.get(range.start as usize..range.end as usize);
		bytes.map(<[u8]>::to_vec).ok_or(StepError::NoSuchPlace)
	}

	fn scale(&mut self, part: Part, name: Name) -> Result<SectionScale, StepError> {
		let layout = layout_of(self.prover.trace.program(), part)?;
		self.show_part(&layout, part)?;
		layout.scale(self.file(&layout, part)?, name).ok_or(StepError::TensorInvalid)
	}

	fn sequence(&mut self) -> Result<Vec<u32>, StepError> {
		let index = self.prover.sequence as usize;
		let ids = self.prover.sequences().nth(index).ok_or(StepError::NoSuchPlace)?.to_vec();
		if self.seen.insert(Recorded::Sequence) {
			let path = merkle::prove(&self.prover.sequence_leaves(), index).ok_or(StepError::NoSuchPlace)?;
			self.witness.0.push(Evidence::Sequence { bytes: sequence_bytes(&ids), path });
		}
		Ok(ids)
	}
}
