//! Generations as records: an answer with everything that it follows from, and the check that it does.
//!
//! Model root, tokenizer, prompt, settings and seed determine every token and the end of an answer, on any machine. So a
//! record needs no signature to be checked: its tokens are computed again, all positions at once
//! ([`Runner::choices`]).

use crate::{
	conversation::{Answer, End, Settings},
	directory::Manifest,
	run::{RunError, Runner},
};
use blyan_exact::{definition2, Sampling};
use blyan_text::{StreamError, StreamOptions, TextStream, TokenId, Tokenizer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Transcript of one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationRecord {
	/// Root of the model, 64 hexadecimal digits.
	pub model_root: String,
	/// Hash of the tokenizer, 64 hexadecimal digits.
	pub tokenizer: String,
	/// Token ids that the model read: the conversation as its template writes it.
	pub prompt: Vec<TokenId>,
	/// Token ids of the answer, the one that ended it included.
	pub answer: Vec<TokenId>,
	/// Seed; [`Sampling::key_of`] makes the key of the noise of it.
	pub seed: u64,
	/// Temperature, 256 for one.
	pub temperature_q8: u16,
	/// Share of the probability to choose from, 256 for all.
	pub top_p_q8: u16,
	/// Tokens to generate at most.
	pub max_tokens: usize,
	/// Strings that end the answer.
	pub stop: Vec<String>,
	/// Tokens that end the answer.
	pub ends: Vec<TokenId>,
	/// Reason why the answer is over, by [`End::name`].
	pub end: End,
	/// Version of the program that generated it, to explain a difference.
	pub engine: String,
}

/// First place where an answer is not what the definition gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
	/// A token is another one.
	Token {
		/// Index in the answer.
		index: usize,
		/// Token that the definition gives.
		expected: TokenId,
		/// Token of the answer.
		found: TokenId,
	},
	/// All tokens are right, and the answer ends elsewhere or for another reason.
	End {
		/// Tokens after which the definition ends the answer; `None` if it goes on past what is there.
		tokens: Option<usize>,
		/// Reason for which it ends there.
		expected: Option<End>,
		/// Reason by the record.
		found: End,
	},
}

/// Reason why a record cannot be checked here, which says nothing about the answer.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
	/// The record is about another model.
	#[error(
		"the record is about model 0x{record}, this is model 0x{here}: name the directory of that model"
	)]
	OtherModel {
		/// Root in the record.
		record: String,
		/// Root of the model.
		here: String,
	},
	/// The record was written with another tokenizer.
	#[error("the record's tokenizer is 0x{record}, this model's is 0x{here}: import the checkpoint that the record was written with")]
	OtherTokenizer {
		/// Hash in the record.
		record: String,
		/// Hash of the tokenizer.
		here: String,
	},
	/// The settings are refused.
	#[error("the record's settings: {0}")]
	Settings(#[from] StreamError),
	/// The model cannot read the prompt.
	#[error("the record's prompt: {0}")]
	Prompt(RunError),
	/// The model cannot be run.
	#[error(transparent)]
	Run(RunError),
}

impl GenerationRecord {
	/// Returns the ids that the model read and chose as one sequence, and what the choices follow from: the check of an answer. `None` if the
	/// model read or chose nothing.
	pub fn choices(&self) -> Option<(Vec<TokenId>, definition2::Answer)> {
		// Prompts are shorter than the longest context, 2^17.
		let first = self.prompt.len().checked_sub(1).filter(|_| !self.answer.is_empty())? as u32;
		let sampling = Sampling {
			temperature: self.temperature_q8,
			top_p: self.top_p_q8,
			seed: Sampling::key_of(self.seed),
		};
		Some(([self.prompt.as_slice(), &self.answer].concat(), definition2::Answer { first, sampling }))
	}

	/// Writes down an answer of a model. `seed` is the number that the settings' key was made of.
	pub fn new(manifest: &Manifest, settings: &Settings, seed: u64, answer: &Answer) -> Self {
		Self {
			model_root: manifest.model_root.clone(),
			tokenizer: manifest.tokenizer.clone(),
			prompt: answer.prompt.clone(),
			answer: answer.tokens.clone(),
			seed,
			temperature_q8: settings.sampling.temperature,
			top_p_q8: settings.sampling.top_p,
			max_tokens: settings.tokens_max,
			stop: settings.stop.clone(),
			ends: manifest.ends.clone(),
			end: answer.end,
			engine: concat!("blyan-open-model ", env!("CARGO_PKG_VERSION")).into(),
		}
	}

	/// Returns the settings by which tokens are chosen.
	pub fn sampling(&self) -> Sampling {
		Sampling { temperature: self.temperature_q8, top_p: self.top_p_q8, seed: Sampling::key_of(self.seed) }
	}

	/// Reports whether the answer ended because its reader had enough: the definition may go on behind it.
	pub fn is_cut_short(&self) -> bool {
		self.end == End::Cancelled
	}

	/// Refuses a model and a tokenizer that the record is not about.
	pub fn ensure_about(&self, manifest: &Manifest) -> Result<(), RecordError> {
		if self.model_root != manifest.model_root {
			let (record, here) = (self.model_root.clone(), manifest.model_root.clone());
			return Err(RecordError::OtherModel { record, here });
		}
		if self.tokenizer != manifest.tokenizer {
			let (record, here) = (self.tokenizer.clone(), manifest.tokenizer.clone());
			return Err(RecordError::OtherTokenizer { record, here });
		}
		Ok(())
	}

	/// Computes the answer again and returns the first difference; `None` if all of it is what the definition gives.
	///
	/// The model and its tokenizer are those of [`Self::ensure_about`]. Behind the first difference the text is not what
	/// the model would have read, so only the first one means anything. An answer that was cut short is checked as far
	/// as it goes.
	pub fn difference(
		&self,
		runner: &mut Runner,
		tokenizer: &Arc<Tokenizer>,
	) -> Result<Option<Difference>, RecordError> {
		let shape = &runner.weights().shape;
		let (vocabulary, context) = (shape.vocabulary, shape.context);
		self.ensure_prompt(vocabulary, context)?;
		let end = self.true_end(tokenizer, context)?;
		// An id that the vocabulary does not have cannot be read; the choice in its place can be made.
		let readable = self.answer.iter().take_while(|id| (**id as usize) < vocabulary).count();
		let checked = self.answer.len().min(readable + 1).min(context - self.prompt.len() + 1);
		if checked > 0 {
			let ids = [self.prompt.as_slice(), &self.answer[..checked - 1]].concat();
			let choices = runner.choices(&ids, self.prompt.len() - 1, &self.sampling());
			let choices = choices.map_err(RecordError::Run)?;
			let mut pairs = choices.into_iter().zip(&self.answer).enumerate();
			if let Some((index, (expected, &found))) = pairs.find(|(_, (expected, found))| expected != *found)
			{
				return Ok(Some(Difference::Token { index, expected, found }));
			}
		}
		Ok(self.difference_of_ends(end))
	}

	fn ensure_prompt(&self, vocabulary: usize, context: usize) -> Result<(), RecordError> {
		if self.prompt.is_empty() {
			return Err(RecordError::Prompt(RunError::Empty));
		}
		if self.prompt.len() > context {
			return Err(RecordError::Prompt(RunError::Context { positions: self.prompt.len(), context }));
		}
		match self.prompt.iter().find(|id| **id as usize >= vocabulary) {
			Some(&token) => Err(RecordError::Prompt(RunError::Token { token, vocabulary })),
			None => Ok(()),
		}
	}

	/// Returns where and why an answer of these tokens ends; `None` if it goes on.
	fn true_end(
		&self,
		tokenizer: &Arc<Tokenizer>,
		context: usize,
	) -> Result<Option<(usize, End)>, RecordError> {
		let options = StreamOptions {
			stop: self.stop.clone(),
			ends: self.ends.clone(),
			tokens_max: Some(self.max_tokens),
		};
		let mut stream = TextStream::new(tokenizer.clone(), options)?;
		for (index, id) in self.answer.iter().enumerate() {
			if let Some(finish) = stream.push(*id).finish {
				return Ok(Some((index + 1, End::Finished(finish))));
			}
			// The last token needs no position.
			if self.prompt.len() + index == context {
				return Ok(Some((index + 1, End::ContextFull)));
			}
		}
		Ok(None)
	}

	fn difference_of_ends(&self, end: Option<(usize, End)>) -> Option<Difference> {
		let is_right = match end {
			Some((tokens, end)) => tokens == self.answer.len() && (end == self.end || self.is_cut_short()),
			None => self.is_cut_short(),
		};
		let (tokens, expected) = end.unzip();
		(!is_right).then_some(Difference::End { tokens, expected, found: self.end })
	}
}
