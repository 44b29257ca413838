//! Text to draw training sequences from.

use super::TrainError;
use rand::{Rng, RngCore};
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

/// Source of training sequences: which ones a step learns from follows from the step alone, so that a resumed run learns
/// from the same ones.
pub trait TrainingSource: Sync {
	/// Refuses a source from which not even one sequence of `tokens` bytes can be drawn.
	///
	/// # Errors
	/// [`TrainError::TooLittleData`].
	fn ensure_holds(&self, tokens: usize) -> Result<(), TrainError>;

	/// Draws `count` sequences of `tokens` bytes for a step, one after another. `stream` holds the random numbers of the
	/// step, for sources without an order of their own.
	///
	/// # Errors
	/// [`TrainError::Source`] if the text cannot be read.
	fn draw(
		&self,
		stream: &mut dyn RngCore,
		step: u64,
		count: usize,
		tokens: usize,
	) -> Result<Vec<u8>, TrainError>;
}

impl TrainingSource for Corpus {
	fn ensure_holds(&self, tokens: usize) -> Result<(), TrainError> {
		Corpus::ensure_holds(self, tokens)
	}

	fn draw(
		&self,
		mut stream: &mut dyn RngCore,
		_: u64,
		count: usize,
		tokens: usize,
	) -> Result<Vec<u8>, TrainError> {
		Corpus::ensure_holds(self, tokens)?;
		Ok(Corpus::draw(self, &mut stream, count, tokens))
	}
}

/// Documents one after another, each behind a zero byte, the begin-of-sequence token.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
	bytes: Vec<u8>,
	documents: usize,
}

impl Corpus {
	/// Creates a corpus of these documents. Zero bytes inside a document stay.
	pub fn new<'a>(documents: impl IntoIterator<Item = &'a [u8]>) -> Self {
		let mut corpus = Self::default();
		for document in documents {
			corpus.push(document);
		}
		corpus
	}

	/// Adds a document.
	pub fn push(&mut self, document: &[u8]) {
		self.bytes.push(0);
		self.bytes.extend_from_slice(document);
		self.documents += 1;
	}

	/// Returns the number of documents.
	pub fn documents(&self) -> usize {
		self.documents
	}

	/// Returns the length in bytes, separators included.
	pub fn len(&self) -> usize {
		self.bytes.len()
	}

	/// Returns whether it is empty.
	pub fn is_empty(&self) -> bool {
		self.bytes.is_empty()
	}

	/// Refuses a corpus from which not even one sequence can be drawn.
	pub(crate) fn ensure_holds(&self, tokens: usize) -> Result<(), TrainError> {
		if self.bytes.len() <= tokens {
			return Err(TrainError::TooLittleData { have: self.bytes.len(), need: tokens + 1 });
		}
		Ok(())
	}

	/// Draws `count` sequences of `tokens` bytes from places that follow from `seed`, one after another.
	pub fn sample(&self, seed: u64, count: usize, tokens: usize) -> Result<Vec<u8>, TrainError> {
		self.ensure_holds(tokens)?;
		Ok(self.draw(&mut ChaCha8Rng::seed_from_u64(seed), count, tokens))
	}

	/// Draws the sequences of step `step` of a run with this seed, [`Self::sample`]'s way. A stream for each step: a
	/// resumed run draws what an uninterrupted one would.
	pub fn batch(&self, seed: u64, step: u64, count: usize, tokens: usize) -> Result<Vec<u8>, TrainError> {
		self.ensure_holds(tokens)?;
		Ok(self.draw(&mut Self::stream(seed, step), count, tokens))
	}

	/// Returns the random numbers of one step.
	pub(crate) fn stream(seed: u64, step: u64) -> ChaCha8Rng {
		let mut rng = ChaCha8Rng::seed_from_u64(seed);
		rng.set_stream(step + 1);
		rng
	}

	/// Draws `count` sequences of `tokens` bytes from uniform places, one after another.
	pub(crate) fn draw(&self, rng: &mut impl Rng, count: usize, tokens: usize) -> Vec<u8> {
		let mut sequences = Vec::with_capacity(count * tokens);
		for _ in 0..count {
			let start = rng.gen_range(0..self.bytes.len() - tokens);
			sequences.extend_from_slice(&self.bytes[start..start + tokens]);
		}
		sequences
	}
}
