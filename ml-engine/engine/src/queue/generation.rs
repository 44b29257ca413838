//! Giving up a generation from outside.

use super::{GenerationEvent, Shared};
use blyan_primitives::EngineError;
use std::sync::{
	atomic::{AtomicBool, Ordering},
	Arc, Weak,
};

/// Handle of a generation that was queued. Dropping it changes nothing.
pub struct GenerationHandle {
	shared: Weak<Shared>,
	stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for GenerationHandle {
	fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		formatter.debug_struct("GenerationHandle").field("stop", &self.stop).finish_non_exhaustive()
	}
}

impl GenerationHandle {
	pub(super) fn new(shared: &Arc<Shared>, stop: Arc<AtomicBool>) -> Self {
		Self { shared: Arc::downgrade(shared), stop }
	}

	/// Ends the generation as [`EngineError::Cancelled`]: at once if it waits, at the next layer of the model if it runs.
	pub fn cancel(&self) {
		self.stop.store(true, Ordering::Relaxed);
		let Some(shared) = self.shared.upgrade() else { return };
		let waiting = shared.state.lock().take_generation(&self.stop);
		if let Some(mut generation) = waiting {
			shared.serving.fetch_sub(1, Ordering::Relaxed);
			// The listener may be gone.
			let _ = (generation.sink)(GenerationEvent::Failed(EngineError::Cancelled));
		}
	}
}
