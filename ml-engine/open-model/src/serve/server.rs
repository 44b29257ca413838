//! Steps of all conversations.

use super::{
	active::Active,
	blocks::{Blocks, Tables},
	metrics::Metrics,
	schedule::{grants, Bounds},
	ConversationId, Event, Limits, Request, ServeError,
};
use crate::{
	conversation::End,
	run::{RunError, Runner},
};
use std::collections::{HashSet, VecDeque};

/// A model and the conversations with it.
///
/// It does nothing by itself: each [`Self::step`] advances all conversations. See [`super::Service`] for one that runs on
/// its own thread.
pub struct Server {
	runner: Runner,
	limits: Limits,
	blocks: Blocks,
	active: Vec<Active>,
	waiting: VecDeque<Active>,
	/// Blocks that active conversations may still ask for.
	pledged: usize,
	ids: u64,
	/// Turns given so far.
	turns: u64,
	metrics: Metrics,
}

impl Server {
	/// Creates a server without conversations.
	///
	/// # Errors
	/// [`ServeError::NoBlock`] if the memory does not hold one block.
	pub fn new(runner: Runner, limits: Limits) -> Result<Self, ServeError> {
		let weights = runner.weights();
		let blocks = Blocks::new(&weights.shape, weights.layers.len(), limits.kv_bytes);
		let (block_bytes, blocks_max) = (blocks.block_bytes(), blocks.limit());
		if blocks_max == 0 {
			return Err(ServeError::NoBlock { limit: limits.kv_bytes, block: block_bytes });
		}
		Ok(Self {
			runner,
			limits,
			blocks,
			active: Vec::new(),
			waiting: VecDeque::new(),
			pledged: 0,
			ids: 0,
			turns: 0,
			metrics: Metrics { block_bytes, blocks_max, ..Metrics::default() },
		})
	}

	/// Takes a request. Its conversation begins in the next step that has memory for it.
	///
	/// # Errors
	/// By name: a prompt that the model cannot read, settings that mean nothing, a conversation that would not fit an empty
	/// server, too many that wait.
	pub fn submit(&mut self, request: Request) -> Result<ConversationId, ServeError> {
		let taken = self.accept(request);
		self.metrics.refused += u64::from(taken.is_err());
		taken
	}

	fn accept(&mut self, request: Request) -> Result<ConversationId, ServeError> {
		self.runner.ensure_readable(&request.prompt).map_err(ServeError::Prompt)?;
		if self.waiting.len() >= self.limits.waiting {
			return Err(ServeError::Busy { waiting: self.waiting.len() });
		}
		let id = ConversationId(self.ids);
		let active = Active::new(id, request, &self.runner.weights().shape)?;
		let needed = active.blocks_wanted();
		if needed > self.blocks.limit() {
			return Err(ServeError::Memory {
				positions: active.positions_max(),
				needed: needed * self.blocks.block_bytes(),
				limit: self.limits.kv_bytes,
			});
		}
		self.ids += 1;
		self.waiting.push_back(active);
		Ok(id)
	}

	/// Ends a conversation and frees its memory; reports whether there was one.
	pub fn cancel(&mut self, id: ConversationId, emit: &mut impl FnMut(ConversationId, Event)) -> bool {
		let ended = if let Some(place) = self.active.iter().position(|active| active.id == id) {
			let active = self.active.remove(place);
			self.pledged -= active.blocks_wanted();
			Some(active)
		} else {
			let place = self.waiting.iter().position(|active| active.id == id);
			place.and_then(|place| self.waiting.remove(place))
		};
		let Some(active) = ended else { return false };
		self.metrics.cancelled += 1;
		active.end(End::Cancelled, &mut self.blocks, &mut |event| emit(id, event));
		true
	}

	/// Reports whether there is nothing to do.
	pub fn is_idle(&self) -> bool {
		self.active.is_empty() && self.waiting.is_empty()
	}

	/// Returns the model.
	pub fn runner(&self) -> &Runner {
		&self.runner
	}

	/// Returns the conversations that there are.
	pub fn conversations(&self) -> Vec<ConversationId> {
		self.active.iter().chain(&self.waiting).map(|active| active.id).collect()
	}

	/// Returns the counters.
	pub fn metrics(&self) -> Metrics {
		Metrics {
			active: self.active.len(),
			waiting: self.waiting.len(),
			blocks_used: self.blocks.used(),
			blocks_cached: self.blocks.cached(),
			blocks_evicted: self.blocks.evicted(),
			..self.metrics.clone()
		}
	}

	/// Advances all conversations by one pass through the weights, and hands over their news.
	///
	/// # Errors
	/// Those of a pass, which [`Self::submit`] rules out; conversations stay as they were.
	pub fn step(&mut self, emit: &mut impl FnMut(ConversationId, Event)) -> Result<(), RunError> {
		self.admit();
		let granted = self.grant();
		if granted.is_empty() {
			return Ok(());
		}
		let (batch, tables) = granted
			.iter()
			.map(|(place, rows)| (self.active[*place].rows(*rows), self.active[*place].blocks()))
			.unzip::<_, _, Vec<_>, Vec<_>>();
		let mut store = Tables { blocks: &mut self.blocks, tables };
		let choices = self.runner.batch(&mut store, &batch)?;
		self.note_step(&granted);
		self.note_turns(&granted);
		let context = self.runner.weights().shape.context;
		let mut ended = Vec::new();
		for ((place, rows), choice) in granted.into_iter().zip(choices) {
			let active = &mut self.active[place];
			active.note_read(rows, &mut self.blocks);
			let id = active.id;
			let end = choice.and_then(|choice| active.take(choice, context, &mut |event| emit(id, event)));
			ended.extend(end.map(|end| (place, end)));
		}
		// Places behind an earlier one move up.
		ended.sort_unstable_by_key(|(place, _)| *place);
		for (place, end) in ended.into_iter().rev() {
			let active = self.active.remove(place);
			let id = active.id;
			self.pledged -= active.blocks_wanted();
			self.metrics.finished += 1;
			active.end(end, &mut self.blocks, &mut |event| emit(id, event));
		}
		Ok(())
	}

	/// Admits waiting conversations in their order, as long as memory remains for the longest answer of each.
	fn admit(&mut self) {
		while self.active.len() < self.limits.active.max(1) {
			let Some(next) = self.waiting.front() else { return };
			let known = next.known_blocks(&self.blocks);
			let cached = known.iter().filter(|block| self.blocks.is_cached(**block)).count();
			let wanted = next.blocks_wanted() - known.len();
			if self.blocks.used() + self.pledged + cached + wanted > self.blocks.limit() {
				return;
			}
			let Some(mut next) = self.waiting.pop_front() else { return };
			next.begin();
			next.adopt(&mut self.blocks);
			self.pledged += next.blocks_wanted();
			let (prompt, known) = next.prompt_tokens();
			self.metrics.prompt_tokens += prompt as u64;
			self.metrics.prompt_tokens_known += known as u64;
			self.active.push(next);
		}
	}

	/// Returns the conversations that get rows, by their place, with the rows; their memory is allocated.
	fn grant(&mut self) -> Vec<(usize, usize)> {
		let mut claimed = HashSet::new();
		let mut demands = Vec::with_capacity(self.active.len());
		for active in &mut self.active {
			let (wanted, known) = (active.blocks_wanted(), active.prompt_tokens().1);
			active.adopt(&mut self.blocks);
			self.pledged -= wanted - active.blocks_wanted();
			self.metrics.prompt_tokens_known += (active.prompt_tokens().1 - known) as u64;
			// The first in order reads a block that several want, and the others wait for it.
			let is_blocked = active.next_key().is_some_and(|key| !claimed.insert(key));
			demands.push(active.demand(is_blocked));
		}
		let rows = self.limits.rows.max(Limits::ROWS_MIN);
		let bounds =
			Bounds { rows, prompt_rows: self.limits.prompt_rows, prompt_rows_min: Limits::ROWS_MIN / 2 };
		let mut granted = Vec::new();
		for (place, rows) in grants(&demands, bounds).into_iter().enumerate().filter(|(_, rows)| *rows > 0) {
			let active = &mut self.active[place];
			let wanted = active.blocks_wanted();
			let is_reserved = active.reserve(rows, &mut self.blocks);
			self.pledged -= wanted - active.blocks_wanted();
			debug_assert!(is_reserved, "admission keeps memory for every conversation");
			if is_reserved {
				granted.push((place, rows));
			}
		}
		granted
	}

	/// Numbers the turns of a step in the order in which they were given, so that those of a step keep their order in the
	/// next ones and all get the same number of turns.
	fn note_turns(&mut self, granted: &[(usize, usize)]) {
		let mut places: Vec<usize> = granted.iter().map(|(place, _)| *place).collect();
		places.sort_by_key(|place| self.active[*place].served());
		for place in places {
			self.turns += 1;
			self.active[place].note_turn(self.turns);
		}
	}

	fn note_step(&mut self, granted: &[(usize, usize)]) {
		let rows: usize = granted.iter().map(|(_, rows)| rows).sum();
		let answers = granted.iter().filter(|(place, _)| self.active[*place].is_answering()).count();
		self.metrics.steps += 1;
		self.metrics.answer_rows += answers as u64;
		self.metrics.prompt_rows += (rows - answers) as u64;
		self.metrics.rows_peak = self.metrics.rows_peak.max(rows);
	}
}
