//! An expert that is to take the place of another.

use super::error::EvaluateError;
use crate::load::{self, Expert};
use blyan_exact::{
	definition2::{block::Layout, Architecture, Part},
	Hash,
};

/// Candidate for a slot, ready to run.
#[derive(Debug)]
pub struct Candidate {
	layer: u8,
	expert: u16,
	tensor_root: Hash,
	weights: Expert,
}

impl Candidate {
	/// Reads a candidate from the file of its part; every byte is checked.
	pub fn from_file(
		architecture: &Architecture,
		layer: u8,
		expert: u16,
		file: &[u8],
	) -> Result<Self, EvaluateError> {
		let part = Part::Expert { layer, expert };
		let layout = Layout::of(architecture, part).ok_or(EvaluateError::Slot { layer, expert })?;
		let tensor_root = layout.check(file).map_err(EvaluateError::Candidate)?;
		let weights = load::expert(architecture, layer, &layout, file).map_err(EvaluateError::Candidate)?;
		Ok(Self { layer, expert, tensor_root, weights })
	}

	/// Returns the slot.
	pub fn part(&self) -> Part {
		Part::Expert { layer: self.layer, expert: self.expert }
	}

	/// Returns the expert of a layer whose place it takes.
	pub fn slot_in(&self, layer: u8) -> Option<usize> {
		(self.layer == layer).then(|| self.expert.into())
	}

	/// Returns the root of its tensors.
	pub fn tensor_root(&self) -> Hash {
		self.tensor_root
	}

	/// Returns its weights.
	pub fn weights(&self) -> &Expert {
		&self.weights
	}
}
