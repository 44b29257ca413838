//! Comparison of a candidate with its parent on a whole holdout: what a score says, without commitments.

use super::{
	error::EvaluateError,
	evaluator::{never_stop, Evaluator, Losses, Subject},
	holdout::Holdout,
};
use blyan_exact::tree::Totals;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Losses of a model with and without a candidate, over all sequences of a holdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
	/// Sums over the sequences.
	pub totals: Totals,
	/// Sequences.
	pub sequences: u32,
	/// Bytes of text that the predicted tokens stand for.
	pub text_bytes: u64,
}

impl Compared {
	/// Bits per byte of the model as it is, and with the candidate. For people: decisions are made of the sums.
	pub fn bits_per_byte(&self) -> [f64; 2] {
		let bits = |loss: u64| loss as f64 / 65_536.0 / (self.text_bytes as f64).max(1.0);
		[bits(self.totals.baseline), bits(self.totals.candidate)]
	}
}

impl Losses {
	/// Returns what the sequence adds to a score.
	pub fn totals(&self) -> Totals {
		let squares = u128::from(self.baseline.abs_diff(self.candidate)).pow(2);
		Totals { baseline: self.baseline, candidate: self.candidate, squares }
	}
}

impl Evaluator {
	/// Computes the losses of all sequences of a holdout. `progress` receives the number of sequences so far, from any
	/// thread.
	pub fn compare<B: AsRef<[u8]> + Sync>(
		&self,
		subject: Subject<'_>,
		holdout: &Holdout<B>,
		progress: &(dyn Fn(usize) + Sync),
	) -> Result<Compared, EvaluateError> {
		let indices: Vec<u32> = (0..holdout.sequences()).collect();
		let done = AtomicUsize::new(0);
		let finished = |_: &Losses| progress(done.fetch_add(1, Ordering::Relaxed) + 1);
		let losses = self.losses(subject, holdout, &indices, &never_stop, &finished)?;
		let totals = losses.iter().fold(Totals::default(), |sum, losses| sum.plus(&losses.totals()));
		let text_bytes = indices.iter().filter_map(|index| holdout.text_bytes(*index)).map(u64::from).sum();
		Ok(Compared { totals, sequences: holdout.sequences(), text_bytes })
	}
}
