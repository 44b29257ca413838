//! The queue's checkpoint as an evaluator of open models calls it.

use super::engine_error;
use crate::eval::Checkpoint;
use blyan_open_model::evaluate::EvaluateError;
use blyan_primitives::EngineError;
use parking_lot::Mutex;
use std::ops::ControlFlow;

/// Pauses and stops for the queue, and remembers the reason for which it stopped.
pub(super) struct Pause<'a> {
	checkpoint: Checkpoint<'a>,
	stopped: Mutex<Option<EngineError>>,
}

impl<'a> Pause<'a> {
	/// Calls this checkpoint.
	pub(super) fn new(checkpoint: Checkpoint<'a>) -> Self {
		Self { checkpoint, stopped: Mutex::new(None) }
	}

	/// Pauses if serving needs the machine; breaks if the work has been given up.
	pub(super) fn wait(&self) -> ControlFlow<()> {
		self.note(0)
	}

	/// Notes that so many sequences are finished.
	pub(super) fn note(&self, sequences: u32) -> ControlFlow<()> {
		match (self.checkpoint)(sequences) {
			Ok(()) => ControlFlow::Continue(()),
			Err(error) => {
				*self.stopped.lock() = Some(error);
				ControlFlow::Break(())
			}
		}
	}

	/// Translates an error: work that was stopped has the checkpoint's.
	pub(super) fn error(&self, error: &EvaluateError) -> EngineError {
		match (error, *self.stopped.lock()) {
			(EvaluateError::Cancelled, Some(stopped)) => stopped,
			_ => engine_error(error),
		}
	}
}
