//! Inputs out of a whole execution, noted down as a witness.

use super::{
	compute, layout_of, CandidateSlot, Commitments, Evidence, Inputs, Place, StepError, Tensors, Witness,
};
use crate::{
	block::{Layout, HASH_BYTES, HEADER_BYTES},
	hash::Hash,
	merkle,
	trace::Trace,
	tree,
	weights::model_root_over,
};
use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Range;

/// Files of experts, slot by slot in row-major order. A block reads one of them at most, so they need not all be at hand.
pub trait ExpertFiles {
	/// Returns the file in a slot; `None` if there is no such slot, or its file cannot be had.
	fn file(&self, slot: usize) -> Option<&[u8]>;
}

impl<F: AsRef<[u8]>> ExpertFiles for Vec<F> {
	fn file(&self, slot: usize) -> Option<&[u8]> {
		self.get(slot).map(AsRef::as_ref)
	}
}

impl<F: AsRef<[u8]>, const N: usize> ExpertFiles for [F; N] {
	fn file(&self, slot: usize) -> Option<&[u8]> {
		self.get(slot).map(AsRef::as_ref)
	}
}

/// Everything a party needs to show how it came to a value.
#[derive(Clone, Copy)]
pub struct Prover<'a> {
	/// The execution.
	pub trace: &'a Trace,
	/// The trunk's file.
	pub trunk: &'a [u8],
	/// Tensor roots of all heads of the baseline, in row-major order.
	pub heads: &'a [Hash],
	/// Files of the experts that fill the slots in this trace: the candidate in its place.
	pub experts: &'a dyn ExpertFiles,
	/// The candidate, in a trace of the model with it.
	pub candidate: Option<CandidateSlot>,
	/// The bytes of the holdout, sequences one after another.
	pub holdout: &'a [u8],
	/// Index of the sequence in it.
	pub sequence: u32,
}

impl Prover<'_> {
	/// Notes down everything that computing the block at `place` reads. The files must be valid blocks.
	pub fn record(&self, place: Place) -> Result<Witness, StepError> {
		let mut recorder =
			Recorder { prover: self, witness: Witness::default(), seen: BTreeSet::new(), sequence: false };
		compute(self.trace.program(), place, &mut recorder)?;
		Ok(recorder.witness)
	}

	/// Returns the commitments against which [`execute`](super::execute) checks this prover's witnesses.
	pub fn commitments(&self) -> Result<Commitments, StepError> {
		let (trunk, heads) = self.model()?;
		let len = self.trace.program().positions();
		Ok(Commitments {
			model_root: model_root_over(self.trace.program().config(), &trunk, &heads),
			candidate: self.candidate,
			holdout_root: merkle::root_of(self.holdout.chunks_exact(len)),
			holdout_sequences: (self.holdout.len() / len) as u32,
			sequence: self.sequence,
		})
	}

	fn model(&self) -> Result<(Hash, Hash), StepError> {
		let heads = merkle::root_of(self.heads.iter().map(Hash::as_slice));
		Ok((stored_root(self.trunk)?, heads))
	}

	fn file(&self, tensors: Tensors) -> Result<&[u8], StepError> {
		let Tensors::Expert { layer, expert } = tensors else { return Ok(self.trunk) };
		let config = self.trace.program().config();
		let slot = config.slot_index(layer, expert).ok_or(StepError::InputImpossible)?;
		self.experts.file(slot as usize).ok_or(StepError::NoSuchPlace)
	}
}

/// Returns the tensor root in a file's header.
pub(super) fn stored_root(file: &[u8]) -> Result<Hash, StepError> {
	let root = file.get(HEADER_BYTES - HASH_BYTES..HEADER_BYTES);
	root.and_then(|root| root.try_into().ok()).ok_or(StepError::TensorInvalid)
}

/// Piece of evidence that has been recorded already and is not repeated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
	Model,
	Head(u8, u16),
	Tile(Tensors, usize),
}

struct Recorder<'a> {
	prover: &'a Prover<'a>,
	witness: Witness,
	seen: BTreeSet<Shown>,
	sequence: bool,
}

impl Recorder<'_> {
	fn show_root(&mut self, tensors: Tensors) -> Result<(), StepError> {
		let prover = self.prover;
		let slot = match tensors {
			Tensors::Trunk => None,
			Tensors::Expert { layer, expert } => Some((layer, expert)),
		};
		let is_candidate = |candidate: &CandidateSlot| Some((candidate.layer, candidate.expert)) == slot;
		if prover.candidate.as_ref().is_some_and(is_candidate) {
			return Ok(());
		}
		if slot.is_some_and(|(layer, expert)| self.seen.contains(&Shown::Head(layer, expert))) {
			return Ok(());
		}
		if self.seen.insert(Shown::Model) {
			let (trunk, heads) = prover.model()?;
			self.witness.0.push(Evidence::Model { trunk, heads });
		}
		let Some((layer, expert)) = slot else { return Ok(()) };
		self.seen.insert(Shown::Head(layer, expert));
		let config = prover.trace.program().config();
		let index = config.slot_index(layer, expert).ok_or(StepError::InputImpossible)? as usize;
		let leaves: Vec<Hash> = prover.heads.iter().map(|root| merkle::leaf(root)).collect();
		let path = merkle::prove(&leaves, index).ok_or(StepError::NoSuchPlace)?;
		self.witness.0.push(Evidence::Head { tensor_root: prover.heads[index], path });
		Ok(())
	}

	fn show_tile(&mut self, layout: &Layout, tensors: Tensors, tile: usize) -> Result<(), StepError> {
		if self.seen.contains(&Shown::Tile(tensors, tile)) {
			return Ok(());
		}
		self.show_root(tensors)?;
		self.seen.insert(Shown::Tile(tensors, tile));
		let file = self.prover.file(tensors)?;
		let index = file.get(layout.index_offset()..).unwrap_or_default().as_chunks().0;
		let path = merkle::prove(index, tile).ok_or(StepError::TensorInvalid)?;
		let bytes = file.get(layout.tile(tile)).ok_or(StepError::TensorInvalid)?.to_vec();
		self.witness.0.push(Evidence::Tile { bytes, tiles: merkle::root(index), path });
		Ok(())
	}
}

impl Inputs for Recorder<'_> {
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError> {
		let trace = self.prover.trace;
		let shape = trace.program().shape_at(operator).ok_or(StepError::NoSuchPlace)?;
		let content = trace.row(operator, row).ok_or(StepError::NoSuchPlace)?;
		let range = blocks.start * shape.block_bytes..(blocks.end * shape.block_bytes).min(content.len());
		let bytes = content.get(range).ok_or(StepError::NoSuchPlace)?.to_vec();
		let mut others = shape.block_hashes(content);
		others.drain(blocks);
		let rows = shape.row_hashes(trace.output(operator).ok_or(StepError::NoSuchPlace)?);
		let path = tree::prove(&rows, row).ok_or(StepError::NoSuchPlace)?;
		self.witness.0.push(Evidence::Blocks { bytes: bytes.clone(), others, path });
		Ok(bytes)
	}

	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError> {
		let bytes = self.prover.trace.output(operator).ok_or(StepError::NoSuchPlace)?.to_vec();
		self.witness.0.push(Evidence::Output(bytes.clone()));
		Ok(bytes)
	}

	fn tensor(&mut self, tensors: Tensors, range: Range<usize>) -> Result<Vec<u8>, StepError> {
		let layout = layout_of(self.prover.trace.program(), tensors)?;
		for tile in layout.tiles_of(&range) {
			self.show_tile(&layout, tensors, tile)?;
		}
		self.prover.file(tensors)?.get(range).map(<[u8]>::to_vec).ok_or(StepError::TensorInvalid)
	}

	fn sequence(&mut self) -> Result<Vec<u8>, StepError> {
		let len = self.prover.trace.program().positions();
		let leaves: Vec<Hash> = self.prover.holdout.chunks_exact(len).map(merkle::leaf).collect();
		let index = self.prover.sequence as usize;
		let bytes = self.prover.holdout.chunks_exact(len).nth(index).ok_or(StepError::NoSuchPlace)?.to_vec();
		if !core::mem::replace(&mut self.sequence, true) {
			let path = merkle::prove(&leaves, index).ok_or(StepError::NoSuchPlace)?;
			self.witness.0.push(Evidence::Sequence { bytes: bytes.clone(), path });
		}
		Ok(bytes)
	}
}
