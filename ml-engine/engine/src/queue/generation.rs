//! Generations in the queue: what is kept of one, and how it is given up or resumed from outside.

use super::{GenerationEvent, GenerationSink, ModelParts, Shared};
use crate::decode::{Answer, GenerationRequest};
use blyan_primitives::EngineError;
use std::{
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc, Weak,
	},
	time::Duration,
};

/// A generation that waits for its turn, has it, or is parked.
pub(super) struct Generation {
	/// Shares its turns with the client's other generations.
	pub(super) client: u64,
	pub(super) stage: Stage,
	pub(super) sink: GenerationSink,
	pub(super) flags: Arc<Flags>,
	/// Time of its turns.
	pub(super) took: Duration,
}

/// Progress of a generation.
pub(super) enum Stage {
	/// Had no turn yet.
	New(ModelParts, GenerationRequest),
	/// Had at least one.
	Begun(Box<Answer>),
	/// Nothing is left of it but its sink.
	Over,
}

impl Generation {
	/// Returns the bytes of its KV cache.
	pub(super) fn cache_bytes(&self) -> usize {
		match &self.stage {
			Stage::New(..) | Stage::Over => 0,
			Stage::Begun(answer) => answer.cache_bytes(),
		}
	}

	/// Gives the memory of its KV cache back.
	pub(super) fn forget(&mut self) {
		if let Stage::Begun(answer) = &mut self.stage {
			answer.forget();
		}
	}

	/// Ends it without a result.
	pub(super) fn fail(&mut self, error: EngineError) {
		// The listener may be gone.
		let _ = (self.sink)(GenerationEvent::Failed(error));
	}
}

/// Flags of a generation, which its handle sets.
#[derive(Debug, Default)]
pub(super) struct Flags {
	/// Has it end early.
	pub(super) stop: Arc<AtomicBool>,
	/// Its reader wants more, which the thread that is about to park it must see.
	pub(super) is_wanted: AtomicBool,
}

/// Handle of a generation that was queued. Dropping it changes nothing.
pub struct GenerationHandle {
	shared: Weak<Shared>,
	flags: Arc<Flags>,
}

impl std::fmt::Debug for GenerationHandle {
	fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		formatter.debug_struct("GenerationHandle").field("flags", &self.flags).finish_non_exhaustive()
	}
}

impl GenerationHandle {
	pub(super) fn new(shared: &Arc<Shared>, flags: Arc<Flags>) -> Self {
		Self { shared: Arc::downgrade(shared), flags }
	}

	/// Ends the generation as [`EngineError::Cancelled`]: at once if it waits or is parked, at the next layer of the model
	/// if it has its turn.
	pub fn cancel(&self) {
		self.flags.stop.store(true, Ordering::Relaxed);
		let Some(shared) = self.shared.upgrade() else { return };
		let waiting = shared.state.lock().take_generation(&self.flags);
		if let Some((mut generation, was_in_line)) = waiting {
			shared.serving.fetch_sub(usize::from(was_in_line), Ordering::Relaxed);
			generation.fail(EngineError::Cancelled);
		}
	}

	/// Ends the wait of a generation whose sink answered [`Demand::Later`](super::Demand): it takes turns again.
	pub fn resume(&self) {
		let Some(shared) = self.shared.upgrade() else { return };
		let mut state = shared.state.lock();
		match state.unpark(&self.flags) {
			true => {
				shared.serving.fetch_add(1, Ordering::Relaxed);
				drop(state);
				shared.changed.notify_all();
			}
			false => self.flags.is_wanted.store(true, Ordering::Relaxed),
		}
	}
}
