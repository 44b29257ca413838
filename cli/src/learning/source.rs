//! Sources of training text.

use super::mixture::MixedSource;
use blyan_training::{Corpus, TrainError, TrainingSource};
use rand::RngCore;

/// Source of a run.
pub enum TextSource<'a> {
	/// Any text.
	Corpus(&'a Corpus),
	/// Datasets of the chain, in an order that can be checked.
	Mixed(MixedSource<'a>),
}

impl TrainingSource for TextSource<'_> {
	fn ensure_holds(&self, tokens: usize) -> Result<(), TrainError> {
		match self {
			Self::Corpus(corpus) => TrainingSource::ensure_holds(*corpus, tokens),
			Self::Mixed(mixed) => mixed.ensure_holds(tokens),
		}
	}

	fn draw(
		&self,
		stream: &mut dyn RngCore,
		step: u64,
		count: usize,
		tokens: usize,
	) -> Result<Vec<u8>, TrainError> {
		match self {
			Self::Corpus(corpus) => TrainingSource::draw(*corpus, stream, step, count, tokens),
			Self::Mixed(mixed) => mixed.draw(stream, step, count, tokens),
		}
	}
}
