//! Token ids in, text out, as a model writes them.

use crate::{error::StreamError, tokenizer::Tokenizer, TokenId};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use unicode_segmentation::UnicodeSegmentation;

/// Stop strings of one stream: 16 times what the largest public interface allows.
const STOPS_MAX: usize = 64;
/// Bytes of one stop string. So much text may be held back.
const STOP_BYTES_MAX: usize = 512;
/// Bytes of a grapheme cluster that is still waited for. The longest emoji have about 35; a longer cluster is combining marks
/// without end.
const CLUSTER_BYTES_MAX: usize = 64;

/// Conditions that end a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
	/// Strings that end the text. They are not part of it.
	pub stop: Vec<String>,
	/// Tokens that end the text, usually [`Tokenizer::ends`].
	pub ends: Vec<TokenId>,
	/// Tokens after which the text ends.
	pub tokens_max: Option<usize>,
}

/// Reason why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
	/// A stop string.
	Stop,
	/// As many tokens as were allowed, or the caller had no more.
	Length,
	/// A token that ends a turn or a document.
	EndToken,
}

impl FinishReason {
	/// Returns the name in OpenAI's interface, which does not distinguish a stop string from the end of a turn.
	pub fn as_openai(self) -> &'static str {
		match self {
			Self::Stop | Self::EndToken => "stop",
			Self::Length => "length",
		}
	}
}

/// Text that became certain with a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
	/// The text; empty while something is held back.
	pub text: String,
	/// Why the stream ended, if it did.
	pub finish: Option<FinishReason>,
}

/// Text of one answer while it is being written.
///
/// Text that came out never has to be taken back: held back are the bytes of an unfinished character, a cluster of characters
/// that the next one may join (emoji with U+200D, flags, combining marks after a character beyond ASCII), and what may be
/// the beginning of a stop string. All pieces together are [`Tokenizer::decode`] of all tokens, cut before the stop string
/// that was complete first; of two that were complete at the same time the longer one counts.
pub struct TextStream {
	tokenizer: Arc<Tokenizer>,
	options: StreamOptions,
	/// Bytes of an unfinished character.
	bytes: Vec<u8>,
	/// Characters not yet returned.
	held: String,
	has_begun: bool,
	tokens: usize,
	finish: Option<FinishReason>,
}

impl fmt::Debug for TextStream {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { bytes, held, tokens, finish, .. } = self;
		let mut out = f.debug_struct("TextStream");
		out.field("bytes", bytes).field("held", held).field("tokens", tokens).field("finish", finish);
		out.finish_non_exhaustive()
	}
}

impl TextStream {
	/// Opens a stream. Refuses stop strings that are empty, too long or too many, and ends outside of the vocabulary.
	pub fn new(tokenizer: Arc<Tokenizer>, options: StreamOptions) -> Result<Self, StreamError> {
		let size = tokenizer.vocabulary_size();
		if options.stop.len() > STOPS_MAX {
			return Err(StreamError::TooManyStops { count: options.stop.len(), limit: STOPS_MAX });
		}
		for (index, stop) in options.stop.iter().enumerate() {
			if stop.is_empty() {
				return Err(StreamError::EmptyStop { index });
			}
			if stop.len() > STOP_BYTES_MAX {
				return Err(StreamError::StopTooLong { index, length: stop.len(), limit: STOP_BYTES_MAX });
			}
		}
		if let Some(id) = options.ends.iter().copied().find(|id| *id >= size) {
			return Err(StreamError::UnknownEnd { id, size });
		}
		let finish = (options.tokens_max == Some(0)).then_some(FinishReason::Length);
		let (bytes, held) = (Vec::new(), String::new());
		Ok(Self { tokenizer, options, bytes, held, has_begun: false, tokens: 0, finish })
	}

	/// Takes one token and returns the text that became certain. After the end, nothing is taken and nothing returned.
	///
	/// A control token that ends nothing, and an id outside of the vocabulary, which a padded embedding has, write nothing.
	pub fn push(&mut self, id: TokenId) -> Piece {
		if self.finish.is_some() {
			return Piece { text: String::new(), finish: self.finish };
		}
		self.tokens += 1;
		if self.options.ends.contains(&id) {
			return self.close(FinishReason::EndToken);
		}
		self.take(id);
		if let Some(piece) = self.stopped() {
			return piece;
		}
		if self.options.tokens_max.is_some_and(|limit| self.tokens >= limit) {
			return self.close(FinishReason::Length);
		}
		let certain = self.held.len() - self.stop_prefix().max(self.open_cluster());
		Piece { text: self.held.drain(..certain).collect(), finish: None }
	}

	/// Ends the stream, since there are no more tokens, and returns what was held back.
	pub fn finish(&mut self) -> Piece {
		match self.finish {
			Some(_) => Piece { text: String::new(), finish: self.finish },
			None => self.close(FinishReason::Length),
		}
	}

	/// Returns why the stream ended; `None` before.
	pub fn finish_reason(&self) -> Option<FinishReason> {
		self.finish
	}

	/// Counts the tokens that were taken. The one that ended the stream is among them.
	pub fn tokens(&self) -> usize {
		self.tokens
	}

	/// Decodes a token's bytes as far as they are whole characters, by the rules of [`String::from_utf8_lossy`].
	fn take(&mut self, id: TokenId) {
		let mut bytes = self.tokenizer.bytes(id);
		if !self.has_begun && !bytes.is_empty() {
			self.has_begun = true;
			if self.tokenizer.strips_first_space() {
				bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
			}
		}
		self.bytes.extend(bytes);
		let incomplete = match self.bytes.utf8_chunks().last().map(|chunk| chunk.invalid()) {
			Some(tail) if is_unfinished(tail) => tail.len(),
			_ => 0,
		};
		let rest = self.bytes.split_off(self.bytes.len() - incomplete);
		self.held.push_str(&String::from_utf8_lossy(&self.bytes));
		self.bytes = rest;
	}

	/// Ends the stream before the first stop string, if there is one.
	fn stopped(&mut self) -> Option<Piece> {
		let places = self.options.stop.iter().filter_map(|stop| {
			let start = self.held.find(stop)?;
			Some((start + stop.len(), start))
		});
		let (_, start) = places.min()?;
		self.held.truncate(start);
		self.finish = Some(FinishReason::Stop);
		Some(Piece { text: std::mem::take(&mut self.held), finish: self.finish })
	}

	fn close(&mut self, reason: FinishReason) -> Piece {
		let rest = std::mem::take(&mut self.bytes);
		self.held.push_str(&String::from_utf8_lossy(&rest));
		if let Some(piece) = self.stopped() {
			return piece;
		}
		self.finish = Some(reason);
		Piece { text: std::mem::take(&mut self.held), finish: self.finish }
	}

	/// Measures the end of the held text that may be the beginning of a stop string.
	fn stop_prefix(&self) -> usize {
		let prefix = |stop: &String| {
			let lengths = stop.char_indices().map(|(at, _)| at).rev();
			lengths.into_iter().find(|length| self.held.ends_with(&stop[..*length])).unwrap_or(0)
		};
		self.options.stop.iter().map(prefix).max().unwrap_or(0)
	}

	/// Measures the last cluster of the held text, if the next character may join it. A letter of ASCII does not wait for an
	/// accent.
	fn open_cluster(&self) -> usize {
		match self.held.graphemes(true).next_back() {
			Some(last) if last.len() > CLUSTER_BYTES_MAX => 0,
			Some(last) if !last.is_ascii() || last.ends_with('\r') => last.len(),
			_ => 0,
		}
	}
}

/// Reports whether bytes are the beginning of a character, rather than invalid whatever follows.
fn is_unfinished(tail: &[u8]) -> bool {
	!tail.is_empty() && std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none())
}
