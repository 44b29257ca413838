//! Blocks of an answer's choices.

use super::{evidence::Inputs, read::Step};
use crate::{
	definition2::{
		answer::{best, chosen, Answer},
		nucleus::{bucket_bytes, buckets, buckets_from_bytes, cut, narrow, Cut, Narrowing, BUCKETS, ROUNDS},
		program::Kind,
	},
	step::StepError,
};
use alloc::{vec, vec::Vec};

impl<I: Inputs> Step<'_, I> {
	/// Computes a block of an operator that checks an answer. In front of the answer nothing is read: it is zeros.
	pub(super) fn choice(&mut self) -> Result<Vec<u8>, StepError> {
		let answer = *self.program.answer().ok_or(StepError::NoSuchPlace)?;
		if !answer.has_chosen_behind(self.place.row) {
			// A block of a row of one is as long as the row; the others are all of one length.
			return Ok(vec![0; self.operator.shape.block_bytes]);
		}
		match self.operator.kind {
			Kind::Buckets { round } => self.buckets(&answer, round),
			Kind::Narrow { round } => {
				let chunks = self.sums()?;
				let earlier = self.earlier_round(1, round)?;
				let narrowing = narrow(&chunks, earlier.as_ref(), answer.sampling.top_p);
				Ok(narrowing.ok_or(StepError::InputImpossible)?.to_bytes().to_vec())
			}
			Kind::Cut => {
				let chunks = self.sums()?;
				let earlier = self.earlier_round(1, ROUNDS - 1)?.ok_or(StepError::NoSuchPlace)?;
				let cut = cut(&chunks, &earlier, answer.sampling.temperature);
				Ok(cut.ok_or(StepError::InputImpossible)?.to_bytes().to_vec())
			}
			Kind::Best => self.best(&answer),
			_ => self.miss(),
		}
	}

	/// Reads the largest logit of the row.
	fn largest(&mut self) -> Result<i32, StepError> {
		self.integers(1)?.into_iter().max().ok_or(StepError::NoSuchPlace)
	}

	/// Reads what the round before came to; `None` in round 0.
	fn earlier_round(&mut self, input: usize, round: u8) -> Result<Option<Narrowing>, StepError> {
		let Some(last) = round.checked_sub(1) else { return Ok(None) };
		let bytes = self.whole_row(input, self.place.row)?;
		Narrowing::from_bytes(&bytes, last).map(Some).ok_or(StepError::InputImpossible)
	}

	/// Reads the sums of all chunks.
	fn sums(&mut self) -> Result<Vec<[u64; BUCKETS]>, StepError> {
		let bytes = self.whole_row(0, self.place.row)?;
		buckets_from_bytes(&bytes).ok_or(StepError::InputImpossible)
	}

	fn buckets(&mut self, answer: &Answer, round: u8) -> Result<Vec<u8>, StepError> {
		let (logits, largest) = (self.chunk()?, self.largest()?);
		let prefix = self.earlier_round(2, round)?.map_or(0, |narrowing| narrowing.prefix);
		Ok(bucket_bytes(&buckets(&logits, largest, answer.sampling.temperature, round, prefix)))
	}

	fn best(&mut self, answer: &Answer) -> Result<Vec<u8>, StepError> {
		let (logits, largest) = (self.chunk()?, self.largest()?);
		let (row, chunk) = (self.place.row, self.place.block);
		let cut = if answer.has_nucleus() {
			let (chunks, bytes) = (self.operator.shape.blocks(), self.whole_row(2, row)?);
			Some(Cut::from_bytes(&bytes, chunks).ok_or(StepError::InputImpossible)?)
		} else {
			None
		};
		// Positions are below 2^17.
		Ok(best(answer, &logits, largest, cut.as_ref(), chunk, row as u32).to_bytes().to_vec())
	}

	fn miss(&mut self) -> Result<Vec<u8>, StepError> {
		let row = self.place.row;
		let target = self.token(row + 1)?;
		let favourites = self.whole_row(0, row)?;
		let token = chosen(&favourites, self.program.architecture().vocabulary);
		let token = token.ok_or(StepError::InputImpossible)?;
		Ok(u64::from(token != target).to_le_bytes().to_vec())
	}
}
