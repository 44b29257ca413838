//! One conversation of a server.

use super::{
	blocks::{block_key, Blocks, BLOCK_POSITIONS},
	schedule::Demand,
	ConversationId, Event, Request, ServeError,
};
use crate::{
	conversation::{Answer, End, Settings},
	run::{Choice, Rows, Shape},
};
use blyan_exact::Hash;
use blyan_text::{FinishReason, StreamOptions, TextStream, TokenId};
use std::time::{Duration, Instant};

/// A conversation that waits, is read or is written.
pub struct Active {
	pub id: ConversationId,
	settings: Settings,
	ends: Vec<TokenId>,
	stream: Option<TextStream>,
	scores: Option<usize>,
	text: String,
	/// The prompt, and the answer behind it.
	tokens: Vec<TokenId>,
	prompt: usize,
	/// Positions whose keys and values are in the blocks.
	positions: usize,
	/// Positions that it takes at most.
	positions_max: usize,
	blocks: Vec<usize>,
	/// Keys of the whole blocks of the tokens, as far as they have been computed: those of the prompt from the beginning.
	keys: Vec<Hash>,
	known: usize,
	/// Number of its last turn.
	served: u64,
	began: Instant,
	reading: Option<Duration>,
}

impl Active {
	/// Refuses settings that mean nothing. The tokens have been checked.
	pub fn new(id: ConversationId, request: Request, shape: &Shape) -> Result<Self, ServeError> {
		let Request { prompt, settings, ends, tokenizer, scores } = request;
		if tokenizer.is_none() && !settings.stop.is_empty() {
			return Err(ServeError::StopWithoutTokenizer);
		}
		let options = StreamOptions {
			stop: settings.stop.clone(),
			ends: ends.clone(),
			tokens_max: Some(settings.tokens_max),
		};
		let stream = tokenizer.map(|tokenizer| TextStream::new(tokenizer, options)).transpose();
		// The last token of an answer is not read.
		let answer = settings.tokens_max.saturating_sub(1);
		let positions_max = prompt.len().saturating_add(answer).min(shape.context);
		let mut active = Self {
			id,
			settings,
			ends,
			stream: stream.map_err(ServeError::Settings)?,
			scores,
			text: String::new(),
			prompt: prompt.len(),
			tokens: prompt,
			positions: 0,
			positions_max,
			blocks: Vec::new(),
			keys: Vec::new(),
			known: 0,
			served: 0,
			began: Instant::now(),
			reading: None,
		};
		active.extend_keys();
		Ok(active)
	}

	/// Returns the positions of the prompt and the longest answer.
	pub fn positions_max(&self) -> usize {
		self.positions_max
	}

	/// Returns the blocks that it may still ask for.
	pub fn blocks_wanted(&self) -> usize {
		self.positions_max.div_ceil(BLOCK_POSITIONS) - self.blocks.len()
	}

	/// Returns the blocks that it uses.
	pub fn blocks(&self) -> &[usize] {
		&self.blocks
	}

	/// Returns the tokens of the prompt, and those whose keys and values were known.
	pub fn prompt_tokens(&self) -> (usize, usize) {
		(self.prompt, self.known)
	}

	/// Computes the keys of the blocks that the tokens fill.
	fn extend_keys(&mut self) {
		let mut before = self.keys.last().copied().unwrap_or_default();
		for ids in self.tokens.chunks_exact(BLOCK_POSITIONS).skip(self.keys.len()) {
			before = block_key(&before, ids);
			self.keys.push(before);
		}
	}

	/// Returns the key of the block that is read next, if another conversation may read it instead: all of it, and not the
	/// last token, whose logits are wanted.
	pub fn next_key(&self) -> Option<Hash> {
		let block = self.positions / BLOCK_POSITIONS;
		let end = (block + 1) * BLOCK_POSITIONS;
		self.keys.get(block).copied().filter(|_| end < self.tokens.len())
	}

	/// Returns the blocks that are there already from the beginning of the next block on.
	pub fn known_blocks(&self, blocks: &Blocks) -> Vec<usize> {
		if !self.positions.is_multiple_of(BLOCK_POSITIONS) {
			return Vec::new();
		}
		// The last token is read in any case.
		let whole = (self.tokens.len() - 1) / BLOCK_POSITIONS;
		let keys = self.keys.iter().take(whole).skip(self.positions / BLOCK_POSITIONS);
		keys.map_while(|key| blocks.find(key)).collect()
	}

	/// Takes known blocks instead of reading their tokens.
	pub fn adopt(&mut self, blocks: &mut Blocks) {
		for block in self.known_blocks(blocks) {
			blocks.share(block);
			self.blocks.push(block);
			self.positions += BLOCK_POSITIONS;
			self.known += BLOCK_POSITIONS;
		}
	}

	/// Notes that it is no longer waiting.
	pub fn begin(&mut self) {
		self.began = Instant::now();
	}

	/// Reports whether the prompt has been read.
	pub fn is_answering(&self) -> bool {
		self.tokens.len() > self.prompt
	}

	/// Returns the rows that it wants.
	pub fn demand(&self, is_blocked: bool) -> Demand {
		Demand { rows: self.tokens.len() - self.positions, served: self.served, is_blocked }
	}

	/// Asks for the blocks that so many rows need. Returns `false` if there are none, which admission rules out.
	pub fn reserve(&mut self, rows: usize, blocks: &mut Blocks) -> bool {
		while self.blocks.len() * BLOCK_POSITIONS < self.positions + rows {
			let Some(block) = blocks.allocate() else { return false };
			self.blocks.push(block);
		}
		true
	}

	/// Returns the next rows.
	pub fn rows(&self, rows: usize) -> Rows<'_> {
		let end = self.positions + rows;
		let sampling = (end == self.tokens.len()).then_some(&self.settings.sampling);
		Rows { first: self.positions, ids: &self.tokens[self.positions..end], sampling, scores: self.scores }
	}

	/// Number of its last turn.
	pub fn served(&self) -> u64 {
		self.served
	}

	/// Notes that it has had a turn.
	pub fn note_turn(&mut self, turn: u64) {
		self.served = turn;
	}

	/// Notes rows that were read in a step. Blocks that are whole now get their keys.
	pub fn note_read(&mut self, rows: usize, blocks: &mut Blocks) {
		let before = self.positions / BLOCK_POSITIONS;
		self.positions += rows;
		self.extend_keys();
		for index in before..self.positions / BLOCK_POSITIONS {
			self.blocks[index] = blocks.seal(self.blocks[index], self.keys[index]);
		}
	}

	/// Takes the token chosen behind the last one; returns why the answer is over, if it is.
	pub fn take(&mut self, choice: Choice, context: usize, emit: &mut impl FnMut(Event)) -> Option<End> {
		let Choice { token, scores } = choice;
		self.reading.get_or_insert_with(|| self.began.elapsed());
		self.tokens.push(token);
		emit(Event::Token(token));
		if let Some(scores) = scores {
			emit(Event::Scores(scores));
		}
		let finish = match &mut self.stream {
			Some(stream) => {
				let piece = stream.push(token);
				self.write(&piece.text, emit);
				piece.finish
			}
			None if self.ends.contains(&token) => Some(FinishReason::EndToken),
			None => {
				let is_full = self.tokens.len() - self.prompt >= self.settings.tokens_max;
				is_full.then_some(FinishReason::Length)
			}
		};
		let is_context_full = self.positions == context;
		finish.map(End::Finished).or(is_context_full.then_some(End::ContextFull))
	}

	fn write(&mut self, text: &str, emit: &mut impl FnMut(Event)) {
		if !text.is_empty() {
			self.text.push_str(text);
			emit(Event::Text(text.into()));
		}
	}

	/// Ends it: gives its blocks back and returns the answer.
	pub fn end(mut self, end: End, blocks: &mut Blocks, emit: &mut impl FnMut(Event)) {
		if let Some(stream) = self.stream.as_mut().filter(|stream| stream.finish_reason().is_none()) {
			let piece = stream.finish();
			self.write(&piece.text, emit);
		}
		// Beginnings are used last, so that they stay longest.
		self.blocks.iter().rev().for_each(|block| blocks.release(*block));
		let elapsed = self.began.elapsed();
		let reading = self.reading.unwrap_or(elapsed);
		let answer = self.tokens.split_off(self.prompt);
		emit(Event::Ended(Box::new(Answer {
			text: self.text,
			tokens: answer,
			end,
			prompt_tokens: self.prompt,
			prompt: self.tokens,
			prompt_tokens_known: self.known,
			prompt_tokens_cut: 0,
			messages_cut: 0,
			reading,
			generating: elapsed.saturating_sub(reading),
		})));
	}
}
