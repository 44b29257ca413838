//! One block of one operator, computed again from proven inputs: how the chain settles a dispute.
//!
//! [`compute`] says what a block is; it asks for its inputs through [`Inputs`] and trusts nothing they say. Behind
//! that trait stands either a whole execution ([`Prover`]), whose answers are noted down as a [`Witness`], or that
//! witness, each answer of which is checked against what the two parties agree on and against the statement's
//! roots. So prover and judge cannot disagree about what is read, in which order, or what it means. A third source
//! answers with zeros and counts: it says how large the witnesses of an architecture are ([`leaf_sizes`]).
//!
//! Inputs that both parties agree on may still be nonsense, if both lie. Every number is therefore held against the
//! bound that the definition gives it, and a number outside of it condemns both ([`StepError::InputImpossible`]).

mod adapter;
mod attention;
mod choice;
mod evidence;
mod judge;
mod meter;
mod prover;
mod random;
mod read;
mod tile;

pub use crate::step::{CandidateSlot, Commitments, Place, StepError};
pub use evidence::{sequence_bytes, Evidence, Inputs, Witness};
pub use meter::{is_disputable, leaf_sizes, LeafSize, LEAF_MAX, OPERATORS_MAX, POSITIONS_MAX};
pub use prover::{PartFiles, Prover};
pub use random::{random_adapter_blocks, random_answer_blocks, random_blocks};
pub use tile::{prove_tile, proves_tile, tile_from};

use super::{
	block::Layout,
	execution::integer_bytes,
	gate,
	linear::{add, embed, LOGIT_MAX, RESIDUAL_MAX},
	loss::{loss_from, peaks, sum, CHUNK},
	norm::norm,
	program::{Kind, Program},
	quantise::quantise,
	routing::{choice_bytes, mix, route},
	tensors::Part,
};
use crate::hash::{blake2_256, Hash};
use alloc::vec::Vec;
use judge::Judge;
use read::Step;

/// Computes the block at `place` from a witness and returns its hash.
///
/// `agreed` are the roots of the outputs of all operators in front of it, which both parties share.
/// Reads nothing but its arguments; takes time and memory in proportion to the witness.
pub fn execute(
	program: &Program,
	commitments: &Commitments,
	agreed: &[Hash],
	place: Place,
	witness: &Witness,
) -> Result<Hash, StepError> {
	let agreed = agreed.get(..place.operator).ok_or(StepError::NoSuchPlace)?;
	let mut judge = Judge::new(program, commitments, agreed, &witness.0);
	let block = compute(program, place, &mut judge)?;
	if judge.is_done() {
		Ok(blake2_256(&[&block]))
	} else {
		Err(StepError::WitnessMalformed)
	}
}

/// Computes the bytes of a block.
pub fn compute(program: &Program, place: Place, inputs: &mut impl Inputs) -> Result<Vec<u8>, StepError> {
	let operator = program.operator(place.operator).ok_or(StepError::NoSuchPlace)?;
	if place.row >= operator.shape.rows || place.block >= operator.shape.blocks() {
		return Err(StepError::NoSuchPlace);
	}
	Step { program, inputs, place, operator }.run()
}

/// Returns the layout of a part of a program's model.
fn layout_of(program: &Program, part: Part) -> Result<Layout, StepError> {
	// A program's architecture is valid, and with it the shapes of its parts.
	Layout::of(program.architecture(), part).ok_or(StepError::NoSuchPlace)
}

impl<I: Inputs> Step<'_, I> {
	fn run(&mut self) -> Result<Vec<u8>, StepError> {
		match self.operator.kind {
			Kind::Embed => self.embed(),
			Kind::Norm { unit, width } => {
				let h = self.integers(0)?;
				let gain = self.gain()?;
				Ok(norm(&h, unit.into(), gain.view(), self.program.architecture().eps, width).to_bytes())
			}
			Kind::Quantise { unit, width } => {
				let t: Vec<i64> = self.integers(0)?.into_iter().map(i64::from).collect();
				Ok(quantise(&t, unit.into(), width).to_bytes())
			}
			Kind::Linear { width, fraction, bound } => {
				let mut y = self.product(width, fraction, bound)?;
				if self.operator.tensors.len() > 1 {
					add(&mut y, &self.biases(self.columns())?, bound);
				}
				Ok(integer_bytes(&y))
			}
			Kind::LinearAdd { width } => {
				let mut h = self.product(width, self.program.architecture().fraction, RESIDUAL_MAX)?;
				add(&mut h, &self.some_columns(1, self.place.row, self.columns())?, RESIDUAL_MAX);
				Ok(integer_bytes(&h))
			}
			Kind::AdapterIn { width } => self.low_rank(width),
			Kind::AdaptedLinear { width, fraction, bound } => self.adapted(width, fraction, bound),
			Kind::QueryHeads => self.query_head(),
			Kind::KeyHeads => self.key_heads(),
			Kind::ValueHeads => self.value_heads(),
			Kind::Attention => self.attention(),
			Kind::Hidden { width } => self.hidden(width),
			Kind::Route { top_k, normalised, .. } => {
				Ok(choice_bytes(&route(&self.integers(0)?, top_k.into(), normalised)))
			}
			Kind::Mix { top_k, shared } => self.mix(top_k.into(), shared),
			Kind::LogitPeaks => Ok(integer_bytes(&peaks(&self.chunk()?))),
			Kind::LogitSums => {
				let logits = self.chunk()?;
				let largest = self.integers(1)?.into_iter().max().unwrap_or(0);
				Ok(sum(&logits, largest).to_le_bytes().to_vec())
			}
			Kind::Loss => self.loss(),
			Kind::Total => self.total(),
			Kind::Buckets { .. } | Kind::Narrow { .. } | Kind::Cut | Kind::Best | Kind::Miss => self.choice(),
		}
	}

	fn embed(&mut self) -> Result<Vec<u8>, StepError> {
		let token = self.token(self.place.row)? as usize;
		let fraction = self.program.architecture().fraction;
		let row = self.matrix(token..token + 1)?;
		let row = embed(&row.view()?, 0, fraction);
		row.get(self.columns()).map(integer_bytes).ok_or(StepError::NoSuchPlace)
	}

	fn hidden(&mut self, width: u8) -> Result<Vec<u8>, StepError> {
		let (gates, ups) = (self.integers(0)?, self.integers(1)?);
		let gain = if self.operator.tensors.is_empty() { None } else { Some(self.gain()?) };
		let gain = gain.as_ref().map(|gain| gain.view());
		let (function, eps) = (self.program.architecture().activation, self.program.architecture().eps);
		Ok(gate::hidden(function, &gates, &ups, gain, eps, width).to_bytes())
	}

	fn mix(&mut self, top_k: usize, shared: bool) -> Result<Vec<u8>, StepError> {
		let (row, columns) = (self.place.row, self.columns());
		let mut h = self.some_columns(0, row, columns.clone())?;
		let choices = self.choices(1)?;
		let mut outputs = Vec::new();
		for input in 2..2 + top_k {
			outputs.push(self.some_columns(input, row, columns.clone())?);
		}
		let shared = if shared { Some(self.some_columns(2 + top_k, row, columns)?) } else { None };
		mix(&mut h, &choices, &outputs, shared.as_deref());
		Ok(integer_bytes(&h))
	}

	/// Reads the logits that this block is about.
	pub(super) fn chunk(&mut self) -> Result<Vec<i32>, StepError> {
		let vocabulary = self.program.architecture().vocabulary as usize;
		let start = self.place.block * CHUNK;
		self.some_columns(0, self.place.row, start..(start + CHUNK).min(vocabulary))
	}

	fn loss(&mut self) -> Result<Vec<u8>, StepError> {
		let row = self.place.row;
		let target = self.token(row + 1)? as usize;
		let peaks = self.integers(1)?;
		let sums = self.whole_row(2, row)?;
		let sums: Vec<u64> = sums.as_chunks().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect();
		// Terms of at most 2^30.
		if sums.iter().any(|&sum| sum > (CHUNK as u64) << 30) {
			return Err(StepError::InputImpossible);
		}
		let logit = self.some_columns(0, row, target..target + 1)?;
		let logit = logit.first().copied().unwrap_or(-LOGIT_MAX);
		Ok(loss_from(&peaks, &sums, logit).to_le_bytes().to_vec())
	}

	fn total(&mut self) -> Result<Vec<u8>, StepError> {
		// A token costs below 2^31 + 2^21, and is missed once.
		let end = if self.input(0)?.kind == Kind::Miss { 2 } else { 1 << 32 };
		let losses = self.output(0)?;
		let mut total = 0_u64;
		for loss in losses.as_chunks().0 {
			let loss = u64::from_le_bytes(*loss);
			if loss >= end {
				return Err(StepError::InputImpossible);
			}
			total += loss;
		}
		Ok(total.to_le_bytes().to_vec())
	}
}

#[cfg(test)]
mod tests;
