//! Bits per byte of a text, in integers and, for comparison, in the checkpoint's own floats.

use crate::run::{RunError, Runner};
use blyan_text::{TokenId, Tokenizer, TokenizerError};
use std::ops::AddAssign;

/// Cut of a text into sequences.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
	/// Tokens that are predicted in a sequence.
	pub positions: usize,
	/// Sequences at most, evenly spread over the text.
	pub sequences_max: usize,
}

impl Default for Cut {
	fn default() -> Self {
		Self { positions: 256, sequences_max: 8 }
	}
}

/// Reason why a text was not measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
	/// The text cannot be tokenised.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
	/// The model cannot read it.
	#[error(transparent)]
	Run(#[from] RunError),
	/// The text is too short.
	#[error("the text has {0} tokens: measuring takes two at least")]
	TooShort(usize),
	/// Sequences have no token to predict, or more than the model's context.
	#[error("sequences of {positions} tokens: this model takes 1 to {context}, its context")]
	Positions {
		/// Tokens that are predicted in a sequence.
		positions: usize,
		/// The model's context.
		context: usize,
	},
}

impl Cut {
	/// Refuses sequences that a model of this context cannot read.
	pub fn validate(&self, context: usize) -> Result<(), MeasureError> {
		match (1..=context).contains(&self.positions) {
			true => Ok(()),
			false => Err(MeasureError::Positions { positions: self.positions, context }),
		}
	}
}

/// Bits that a text costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
	/// Bits of all predicted tokens.
	pub bits: f64,
	/// Bytes of text that these tokens stand for.
	pub bytes: u64,
	/// Tokens.
	pub tokens: usize,
}

impl Cost {
	/// Returns the bits per byte.
	pub fn bits_per_byte(&self) -> f64 {
		self.bits / self.bytes.max(1) as f64
	}
}

impl AddAssign for Cost {
	fn add_assign(&mut self, other: Self) {
		self.bits += other.bits;
		self.bytes += other.bytes;
		self.tokens += other.tokens;
	}
}

/// Cuts a text into sequences of token ids; the first token of each is context only.
pub fn sequences(tokenizer: &Tokenizer, text: &str, cut: Cut) -> Result<Vec<Vec<TokenId>>, MeasureError> {
	let ids = tokenizer.encode(text)?;
	let length = cut.positions.saturating_add(1);
	if ids.len() < 2 {
		return Err(MeasureError::TooShort(ids.len()));
	}
	let all: Vec<&[TokenId]> = match ids.len() < length {
		true => vec![&ids],
		false => ids.chunks_exact(length).collect(),
	};
	let count = all.len().min(cut.sequences_max.max(1));
	Ok((0..count).map(|index| all[index * all.len() / count].to_vec()).collect())
}

/// Measures the integer model.
pub fn cost(
	runner: &mut Runner,
	tokenizer: &Tokenizer,
	sequences: &[Vec<TokenId>],
	mut progress: impl FnMut(usize),
) -> Result<Cost, MeasureError> {
	let mut cost = Cost::default();
	for (index, ids) in sequences.iter().enumerate() {
		let losses: u64 = runner.losses(ids)?.into_iter().sum();
		cost.bits += losses as f64 / 65_536.0;
		cost.tokens += ids.len() - 1;
		cost.bytes += tokenizer.byte_count(&ids[1..]);
		progress(index + 1);
	}
	Ok(cost)
}
