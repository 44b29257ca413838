//! A conversation with a model on this machine.

use crate::run::{sample, RunError, Runner, Sequence};
use blyan_exact::Sampling;
use blyan_text::{
	Chat, ChatError, FinishReason, Fitted, Message, Role, StreamError, StreamOptions, TextStream, TokenId,
	TokenizerError,
};
use serde::{Deserialize, Serialize};
use std::{
	sync::atomic::Ordering,
	time::{Duration, Instant},
};

/// Share of the context that is kept free for an answer, at most.
const ANSWER_SHARE: usize = 2;

/// Reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
	/// The conversation cannot be written as the model's template wants it.
	#[error(transparent)]
	Chat(#[from] ChatError),
	/// A text cannot be tokenised.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
	/// The model cannot read it.
	#[error(transparent)]
	Run(#[from] RunError),
	/// The answer cannot be turned into text.
	#[error(transparent)]
	Stream(#[from] StreamError),
}

/// Settings of an answer.
#[derive(Clone, Debug)]
pub struct Settings {
	/// Choice of tokens.
	pub sampling: Sampling,
	/// Tokens to generate at most.
	pub tokens_max: usize,
	/// Strings that end the answer.
	pub stop: Vec<String>,
}

/// Reason why an answer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum End {
	/// The model ended it, a stop string did, or it is as long as it may be.
	Finished(FinishReason),
	/// The context is full.
	ContextFull,
	/// The caller asked to stop.
	Cancelled,
}

impl End {
	/// Returns the name for programs: `end`, `stop`, `length`, `context` or `cancelled`.
	pub fn name(self) -> &'static str {
		match self {
			Self::Finished(FinishReason::EndToken) => "end",
			Self::Finished(FinishReason::Stop) => "stop",
			Self::Finished(FinishReason::Length) => "length",
			Self::ContextFull => "context",
			Self::Cancelled => "cancelled",
		}
	}
}

impl From<End> for String {
	fn from(end: End) -> Self {
		end.name().into()
	}
}

/// A name that is not that of an [`End`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} does not name the end of an answer: use end, stop, length, context or cancelled")]
pub struct UnknownEnd(String);

impl TryFrom<String> for End {
	type Error = UnknownEnd;

	fn try_from(name: String) -> Result<Self, UnknownEnd> {
		let finished = [FinishReason::EndToken, FinishReason::Stop, FinishReason::Length].map(Self::Finished);
		let all = finished.into_iter().chain([Self::ContextFull, Self::Cancelled]);
		all.into_iter().find(|end| end.name() == name).ok_or(UnknownEnd(name))
	}
}

/// An answer and its cost.
#[derive(Clone, Debug)]
pub struct Answer {
	/// Text.
	pub text: String,
	/// Tokens generated, the one that ended the answer included.
	pub tokens: Vec<TokenId>,
	/// Reason why it is over.
	pub end: End,
	/// Prompt as the model saw it: the conversation as its template writes it.
	pub prompt: Vec<TokenId>,
	/// Tokens of the prompt.
	pub prompt_tokens: usize,
	/// Tokens of the prompt that were still known from the turn before.
	pub prompt_tokens_known: usize,
	/// Tokens of the conversation that did not fit.
	pub prompt_tokens_cut: usize,
	/// Whole messages that did not fit.
	pub messages_cut: usize,
	/// Time to read the prompt.
	pub reading: Duration,
	/// Time to generate.
	pub generating: Duration,
}

/// A conversation: its messages, and what the model has read of them.
pub struct Conversation {
	runner: Runner,
	chat: Chat,
	ends: Vec<TokenId>,
	sequence: Sequence,
	/// Tokens in the sequence.
	seen: Vec<TokenId>,
	messages: Vec<Message>,
}

impl Conversation {
	/// Begins one. `ends`: tokens that end a turn.
	pub fn new(runner: Runner, chat: Chat, ends: Vec<TokenId>, system: Option<String>) -> Self {
		let sequence = runner.sequence();
		let messages = system.map(Message::system).into_iter().collect();
		Self { runner, chat, ends, sequence, seen: Vec::new(), messages }
	}

	/// Returns the messages so far.
	pub fn messages(&self) -> &[Message] {
		&self.messages
	}

	/// Returns the model.
	pub fn runner(&self) -> &Runner {
		&self.runner
	}

	/// Reports whether the checkpoint has no chat template, so that ChatML's is used.
	pub fn has_default_template(&self) -> bool {
		self.chat.is_default_template()
	}

	/// Returns the memory of keys and values.
	pub fn cache_bytes(&self) -> usize {
		self.sequence.bytes()
	}

	/// Adds a message.
	pub fn push(&mut self, message: Message) {
		self.messages.push(message);
	}

	/// Forgets all messages but the system's.
	pub fn clear(&mut self) {
		self.messages.retain(|message| message.role == Role::System);
	}

	/// Answers the last message, handing over text as it comes. The answer becomes a message.
	pub fn answer(
		&mut self,
		settings: &Settings,
		on_text: impl FnMut(&str),
	) -> Result<Answer, ConversationError> {
		let context = self.runner.weights().shape.context;
		let budget = context - settings.tokens_max.min(context / ANSWER_SHARE);
		let fitted = self.chat.fit(&self.messages, budget)?;
		let answer = self.generate(fitted, settings, on_text)?;
		self.messages.push(Message::assistant(answer.text.clone()));
		Ok(answer)
	}

	fn generate(
		&mut self,
		fitted: Fitted,
		settings: &Settings,
		mut on_text: impl FnMut(&str),
	) -> Result<Answer, ConversationError> {
		let mut stream = TextStream::new(
			self.chat.tokenizer().clone(),
			StreamOptions {
				stop: settings.stop.clone(),
				ends: self.ends.clone(),
				tokens_max: Some(settings.tokens_max),
			},
		)?;
		let started = Instant::now();
		let mut logits = Vec::new();
		let known = self.read(&fitted.ids, &mut logits);
		let mut answer = Answer {
			text: String::new(),
			tokens: Vec::new(),
			end: End::Cancelled,
			prompt: fitted.ids.clone(),
			prompt_tokens: fitted.ids.len(),
			prompt_tokens_known: 0,
			prompt_tokens_cut: fitted.prompt_tokens_cut,
			messages_cut: fitted.messages_cut,
			reading: started.elapsed(),
			generating: Duration::ZERO,
		};
		match known {
			Ok(known) => answer.prompt_tokens_known = known,
			Err(RunError::Cancelled) => return Ok(answer),
			Err(error) => return Err(error.into()),
		}
		let started = Instant::now();
		let context = self.runner.weights().shape.context;
		answer.end = loop {
			if self.runner.cancelled().load(Ordering::Relaxed) {
				break End::Cancelled;
			}
			let id = sample(&settings.sampling, &logits, self.seen.len() as u64);
			answer.tokens.push(id);
			let piece = stream.push(id);
			emit(&mut answer.text, &piece.text, &mut on_text);
			if let Some(finish) = piece.finish {
				break End::Finished(finish);
			}
			if self.seen.len() == context {
				break End::ContextFull;
			}
			match self.runner.read(&mut self.sequence, &[id], &mut logits) {
				Ok(()) => self.seen.push(id),
				Err(RunError::Cancelled) => break End::Cancelled,
				Err(error) => return Err(error.into()),
			}
		};
		if stream.finish_reason().is_none() {
			emit(&mut answer.text, &stream.finish().text, &mut on_text);
		}
		answer.generating = started.elapsed();
		Ok(answer)
	}

	/// Brings the sequence to exactly these tokens, and returns how many of them it had read before.
	fn read(&mut self, ids: &[TokenId], logits: &mut Vec<i32>) -> Result<usize, RunError> {
		let common = self.seen.iter().zip(ids).take_while(|(a, b)| a == b).count();
		// The last one is read in any case: its logits are wanted.
		let known = common.min(ids.len().saturating_sub(1));
		self.sequence.truncate(known);
		self.seen.truncate(known);
		self.runner.read(&mut self.sequence, &ids[known..], logits)?;
		self.seen.extend_from_slice(&ids[known..]);
		Ok(known)
	}
}

fn emit(answer: &mut String, text: &str, on_text: &mut impl FnMut(&str)) {
	if !text.is_empty() {
		answer.push_str(text);
		on_text(text);
	}
}
