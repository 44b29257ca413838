//! Open models as subjects: exact losses, greedy answers, and what questions have in common read once.
//!
//! Token ids of a context and its continuation are those of lm-evaluation-harness: both are encoded together, spaces at the end of the
//! context belong to the continuation, and as many ids as the context has alone are not scored. Texts that are too long lose
//! their beginning.

use crate::{
	subject::{Answer, Identity, Losses, Subject, SubjectError},
	suite::Generation,
};
use blyan_exact::Sampling;
use blyan_open_model::{run::sample, Runner, Sequence};
use blyan_text::{StreamOptions, TextStream, TokenId, Tokenizer};
use std::sync::Arc;

/// The most probable token, whatever the seed.
const GREEDY: Sampling = Sampling { temperature: 0, top_p: 0, seed: [0; 32] };

/// Open model on the threads of this machine.
pub struct OpenModel {
	identity: Identity,
	runner: Runner,
	tokenizer: Arc<Tokenizer>,
	sequence: Sequence,
	/// Tokens in the sequence.
	seen: Vec<TokenId>,
}

/// A continuation behind its context.
struct Pair {
	ids: Vec<TokenId>,
	/// Tokens at the end that are scored.
	scored: usize,
	is_cut: bool,
}

impl OpenModel {
	/// Takes a loaded model. `model_root`: its root, in hexadecimal digits; `ends`: tokens that end a turn or a document.
	pub fn new(model_root: String, runner: Runner, tokenizer: Arc<Tokenizer>, ends: Vec<TokenId>) -> Self {
		let identity = Identity { model_root, tokenizer: hex::encode(tokenizer.hash()), ends };
		let sequence = runner.sequence();
		Self { identity, runner, tokenizer, sequence, seen: Vec::new() }
	}

	fn context(&self) -> usize {
		self.runner.weights().shape.context
	}

	/// Brings the sequence to the longest beginning of `ids` that it shares with what was read, at most `most` tokens.
	fn rewind(&mut self, ids: &[TokenId], most: usize) -> usize {
		let common = self.seen.iter().zip(ids).take_while(|(a, b)| a == b).count().min(most);
		self.sequence.truncate(common);
		self.seen.truncate(common);
		common
	}

	/// Reads tokens behind the sequence, and writes the logits behind the last one.
	fn read(&mut self, ids: &[TokenId], logits: &mut Vec<i32>) -> Result<(), SubjectError> {
		self.runner.read(&mut self.sequence, ids, logits)?;
		self.seen.extend_from_slice(ids);
		Ok(())
	}

	fn pair(&self, context: &str, continuation: &str) -> Result<Pair, SubjectError> {
		let context_trimmed = context.trim_end();
		let mut ids = self.tokenizer.encode_document(&format!("{context}{continuation}"))?;
		let mut alone = match context_trimmed {
			"" => Vec::from_iter(self.tokenizer.start()),
			text => self.tokenizer.encode_document(text)?,
		};
		if alone.is_empty() {
			// Behind nothing at all stands the token that ends a document.
			let first = self
				.identity
				.ends
				.first()
				.copied()
				.ok_or_else(|| SubjectError::NoToken(continuation.into()))?;
			ids.insert(0, first);
			alone.push(first);
		}
		let scored = ids.len().saturating_sub(alone.len());
		if scored == 0 {
			return Err(SubjectError::NoToken(continuation.into()));
		}
		// Only a part of it would be scored, and its whole length divides the loss: the longest choice would be the likeliest.
		let context = self.context();
		if scored > context {
			return Err(SubjectError::Context { tokens_max: scored, context });
		}
		let too_many = ids.len().saturating_sub(context.saturating_add(1));
		ids.drain(..too_many);
		Ok(Pair { scored: scored.min(ids.len().saturating_sub(1)), ids, is_cut: too_many > 0 })
	}

	/// Computes the loss of the scored tokens of a pair. Tokens up to `shared` stay read for the next one.
	fn loss(&mut self, pair: &Pair, shared: usize) -> Result<u64, SubjectError> {
		let Pair { ids, scored, .. } = pair;
		let known = self.rewind(ids, shared);
		let (Some(behind), Some(beginning)) = (ids.get(known..shared), ids.get(shared..)) else {
			return Ok(0);
		};
		if !behind.is_empty() {
			self.read(behind, &mut Vec::new())?;
		}
		let losses = self.runner.losses_behind(&mut self.sequence, beginning);
		// Only the shared beginning stays.
		self.sequence.truncate(shared);
		Ok(losses?.iter().rev().take(*scored).sum())
	}
}

/// Counts the tokens in front of the last unscored one that all pairs have in common.
fn shared(pairs: &[Pair]) -> usize {
	let Some((first, others)) = pairs.split_first() else { return 0 };
	let unscored = |pair: &Pair| pair.ids.len().saturating_sub(pair.scored);
	let common = |pair: &Pair| first.ids.iter().zip(&pair.ids).take_while(|(a, b)| a == b).count();
	let least = pairs.iter().map(unscored).chain(others.iter().map(common)).min().unwrap_or(0);
	// The token in front of the first loss is read together with those that are scored.
	least.saturating_sub(1)
}

impl Subject for OpenModel {
	fn identity(&self) -> Identity {
		self.identity.clone()
	}

	fn losses(&mut self, context: &str, continuations: &[String]) -> Result<Losses, SubjectError> {
		let pairs = continuations.iter().map(|continuation| self.pair(context, continuation));
		let pairs = pairs.collect::<Result<Vec<_>, _>>()?;
		let shared = shared(&pairs);
		let losses = pairs.iter().map(|pair| self.loss(pair, shared)).collect::<Result<_, _>>()?;
		Ok(Losses { losses, is_cut: pairs.iter().any(|pair| pair.is_cut) })
	}

	fn answer(&mut self, prompt: &str, generation: &Generation) -> Result<Answer, SubjectError> {
		let (context, tokens_max) = (self.context(), generation.tokens_max);
		let room = context.checked_sub(tokens_max).filter(|room| *room > 0);
		let room = room.ok_or(SubjectError::Context { tokens_max, context })?;
		let mut ids = self.tokenizer.encode_document(prompt)?;
		let too_many = ids.len().saturating_sub(room);
		ids.drain(..too_many);
		let options = StreamOptions {
			stop: generation.stop.clone(),
			ends: self.identity.ends.clone(),
			tokens_max: Some(tokens_max),
		};
		let mut stream = TextStream::new(self.tokenizer.clone(), options)?;
		// The last token is read in any case: its logits are wanted.
		let known = self.rewind(&ids, ids.len().saturating_sub(1));
		let mut logits = Vec::new();
		self.read(ids.get(known..).unwrap_or_default(), &mut logits)?;
		let mut text = String::new();
		loop {
			let id = sample(&GREEDY, &logits, self.seen.len() as u64);
			let piece = stream.push(id);
			text.push_str(&piece.text);
			if piece.finish.is_some() {
				return Ok(Answer { text, is_cut: too_many > 0 });
			}
			self.read(&[id], &mut logits)?;
		}
	}
}
