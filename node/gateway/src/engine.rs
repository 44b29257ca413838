//! The door to what computes: prompts go in, tokens and their text come out as they are chosen.
//!
//! Everything behind it is exact: an answer follows from model, prompt and settings alone, whatever else is computed at the
//! same time.

pub use blyan_open_model::{
	run::Scores,
	serve::{Event, ServeError},
};

use blyan_open_model::conversation::Settings;
use blyan_text::TokenId;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

/// One answer to compute.
#[derive(Clone, Debug)]
pub struct Job {
	/// Token ids of the prompt; at least one, all of the vocabulary, no more than the context.
	pub prompt: Vec<TokenId>,
	/// Settings, which say when it ends, too.
	pub settings: Settings,
	/// Most probable tokens whose scores are wanted with each chosen one's; `None` for no scores.
	pub scores: Option<usize>,
}

/// Present load of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
	/// Generations that are computed.
	pub active: usize,
	/// Generations that wait for memory.
	pub waiting: usize,
	/// Bytes of keys and values, those that are kept for later conversations included.
	pub memory_bytes: usize,
}

/// A loaded model that computes many answers at once.
pub trait Engine: Send + Sync + 'static {
	/// Takes a job, which waits until there is memory for it, or refuses it.
	fn submit(&self, job: Job) -> BoxFuture<'static, Result<Generation, ServeError>>;

	/// Returns the present load.
	fn load(&self) -> Load;

	/// Reports whether jobs are still computed: an engine that has failed takes none.
	fn is_running(&self) -> bool;
}

/// Events of one job. Dropping it cancels the job.
pub struct Generation {
	events: mpsc::UnboundedReceiver<Event>,
	cancel: Option<Box<dyn FnOnce() + Send>>,
}

impl Generation {
	/// Couples the events of a job with the way to cancel it. The channel needs no bound: a job has no more events than the
	/// context has positions, and an engine never waits for a reader.
	pub fn new(events: mpsc::UnboundedReceiver<Event>, cancel: impl FnOnce() + Send + 'static) -> Self {
		Self { events, cancel: Some(Box::new(cancel)) }
	}

	/// Waits for the next event; `None` if the engine is gone.
	pub async fn next(&mut self) -> Option<Event> {
		self.events.recv().await
	}

	/// Asks the engine to stop, which it does within one step. The last event still comes.
	pub fn cancel(&mut self) {
		if let Some(cancel) = self.cancel.take() {
			cancel();
		}
	}
}

impl Drop for Generation {
	fn drop(&mut self) {
		self.cancel();
	}
}
