//! Serving threads: they give generations turns, one client after another.
//!
//! A turn is a few bytes, or a prompt and a few bytes. Where no other client waits, turns follow each other without a
//! pause. A generation whose reader is behind is parked until the reader has caught up: it takes no turns and, where
//! memory is short, keeps no KV cache.

use super::{
	contained,
	generation::{Generation, Stage},
	turns::QUANTUM,
	Demand, GenerationEvent, Shared,
};
use crate::decode::Answer;
use blyan_primitives::EngineError;
use std::{
	ops::ControlFlow,
	sync::atomic::Ordering,
	time::{Duration, Instant},
};

/// State of a generation after a turn.
#[derive(Clone, Copy)]
enum After {
	/// Wants another turn.
	Waits,
	/// Waits for its reader.
	Parks,
	/// Ended, and its sink knows.
	Over,
}

/// Body of a serving thread.
pub(super) fn serve(shared: &Shared) {
	while let Some(mut generation) = next(shared) {
		let mut turn = Turn { shared, began: Instant::now(), bytes: 0, cost: 0, took: Duration::ZERO };
		let after = contained(|| turn.take(&mut generation));
		let after = after.unwrap_or_else(|| {
			contained(|| generation.fail(EngineError::Internal));
			After::Over
		});
		turn.settle(generation, after);
	}
}

/// Waits for the generation whose turn it is, and for the end of serving's rest; `None` when the queue shuts down.
fn next(shared: &Shared) -> Option<Generation> {
	let mut state = shared.state.lock();
	loop {
		if state.stopping {
			return None;
		}
		let rest = if state.line.is_empty() { None } else { shared.rest(&mut state) };
		if let Some(rest) = rest {
			let began = Instant::now();
			shared.changed.wait_for(&mut state, rest);
			state.share.note_rested(began.elapsed());
			continue;
		}
		if let Some(generation) = state.line.next() {
			state.generating += 1;
			return Some(generation);
		}
		shared.changed.wait(&mut state);
	}
}

/// A turn, or several of the same generation in a row.
struct Turn<'a> {
	shared: &'a Shared,
	/// Start of what is not accounted for yet.
	began: Instant,
	bytes: u64,
	/// In tokens.
	cost: u64,
	took: Duration,
}

impl Turn<'_> {
	fn take(&mut self, generation: &mut Generation) -> After {
		if let Err(error) = self.begin(generation) {
			generation.fail(error);
			return After::Over;
		}
		let Generation { stage: Stage::Begun(answer), sink, .. } = generation else { return After::Over };
		let mut left = QUANTUM;
		let mut demand = Demand::More;
		let advanced = answer.advance(|index, byte| {
			self.bytes += 1;
			left -= 1;
			demand = sink(GenerationEvent::Byte { index, byte });
			if demand != Demand::More {
				return ControlFlow::Break(());
			}
			if left == 0 {
				if !self.goes_on() {
					return ControlFlow::Break(());
				}
				left = QUANTUM;
			}
			ControlFlow::Continue(())
		});
		self.cost += answer.take_cost();
		match (advanced, demand) {
			(Ok(false), Demand::More) => After::Waits,
			(Ok(false), Demand::Later) => After::Parks,
			(Ok(_), _) => {
				self.finish(generation);
				After::Over
			}
			(Err(error), _) => {
				generation.fail(error);
				After::Over
			}
		}
	}

	/// Loads the model before the first turn.
	fn begin(&self, generation: &mut Generation) -> Result<(), EngineError> {
		let Stage::New(parts, request) = &generation.stage else { return Ok(()) };
		let shared = self.shared;
		let model = shared.models.load(&parts.config, &parts.trunk, &parts.heads).map_err(|error| {
			log::info!("cannot generate: {error}");
			error.as_engine_error()
		})?;
		let (readers, stop) = (Some(shared.readers.clone()), generation.flags.stop.clone());
		let answer = Answer::new(model, shared.kernel, readers, request.clone(), stop);
		generation.stage = Stage::Begun(Box::new(answer));
		Ok(())
	}

	fn finish(&self, generation: &mut Generation) {
		let stage = std::mem::replace(&mut generation.stage, Stage::Over);
		if let Stage::Begun(answer) = stage {
			// The end is told whether or not anyone still listens.
			let _ = (generation.sink)(GenerationEvent::Done(answer.finish()));
		}
	}

	/// Accounts for the turn that ends, and reports whether the next is the same generation's.
	fn goes_on(&mut self) -> bool {
		let mut state = self.shared.state.lock();
		let took = self.began.elapsed();
		self.began += took;
		self.took += took;
		if state.is_evaluating() {
			state.share.note_served(took);
		}
		!state.stopping && state.line.is_empty() && self.shared.rest(&mut state).is_none()
	}

	/// Puts the generation where it belongs after its turn.
	fn settle(mut self, mut generation: Generation, after: After) {
		self.goes_on();
		generation.took += self.took;
		if let Stage::Begun(answer) = &mut generation.stage {
			answer.pause();
		}
		let shared = self.shared;
		let mut state = shared.state.lock();
		state.line.charge(generation.client, self.cost);
		state.note_turn(self.bytes);
		let ended = match after {
			_ if state.stopping => Some(generation),
			After::Waits => {
				state.wait_for_turn(generation, shared.config.cache_bytes_max);
				None
			}
			After::Parks => {
				if state.park(generation, shared.config.cache_bytes_max) {
					shared.serving.fetch_sub(1, Ordering::Relaxed);
				}
				None
			}
			After::Over => {
				state.note_generation(generation.took);
				Some(generation)
			}
		};
		shared.serving.fetch_sub(usize::from(ended.is_some()), Ordering::Relaxed);
		drop(state);
		if let Some(mut generation) = ended {
			if !matches!(after, After::Over) {
				generation.fail(EngineError::Cancelled);
			}
		}
		shared.changed.notify_all();
	}
}
