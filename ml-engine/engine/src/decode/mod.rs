//! Generating text one byte at a time.
//!
//! Keys and values of earlier positions are kept, so a byte costs one position. The bits are those of a
//! prefill over the whole window, because every operator works on one position at a time.
//!
//! **Windows.** A model sees at most `context` tokens, the first of which is the begin-of-sequence token 0.
//! When the window is full, a new one begins: token 0 and the last `context / 2` bytes, computed afresh. Of a prompt
//! that does not fit, the last `context - 1` bytes are read ([`prompt_bytes_seen`]). So what a byte depends on is a
//! function of the text and the prompt's length alone, and anyone can replay it.

mod answer;
mod autotune;
mod sampler;
#[cfg(test)]
mod tests;
mod verify;
mod windows;

pub use answer::Answer;
pub use sampler::Sampler;
pub use verify::{verify, Difference};
pub use windows::{prompt_bytes_seen, Window, Windows};

use crate::{
	eval::forward::{self, Borrowed, KvCache, Workspace, Workspaces},
	kernel::Kernel,
	model::Model,
};
use autotune::Autotuner;
use blyan_exact::{Sampling, VOCAB};
use blyan_primitives::EngineError;
use rayon::ThreadPool;
use std::{
	ops::ControlFlow,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Instant,
};

/// Memory of generations that are over, for those that follow: new pages would be a tenth of the time of a prompt.
static IDLE: Workspaces = Workspaces::new();
/// The same for several threads each.
static IDLE_SHARED: Workspaces = Workspaces::new();

/// Request for a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationRequest {
	/// Text to continue; may be empty.
	pub prompt: Vec<u8>,
	/// Bytes to generate.
	pub max_bytes: u32,
	/// Sampling parameters.
	pub sampling: Sampling,
}

/// Summary of a finished generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationSummary {
	/// Bytes of the prompt.
	pub prompt_bytes: u64,
	/// Bytes of it that were read: the last ones, as many as the context holds.
	pub prompt_bytes_seen: u64,
	/// The text.
	pub generated: Vec<u8>,
	/// Multiply-adds it took.
	pub operations: u64,
}

/// A generation under way: an endless iterator over bytes.
///
/// It fails if an expert that a token is routed to cannot be loaded, and keeps failing from then on.
pub struct Generator {
	model: Arc<Model>,
	kernel: Kernel,
	sampler: Sampler,
	pasts: Vec<KvCache>,
	/// The last bytes of the text, enough to begin a new window.
	tail: Vec<u8>,
	/// Logits after the last position.
	logits: Vec<i32>,
	/// Bytes of text so far, prompt included.
	position: u64,
	/// The last byte, not yet seen by the model: the final byte of a text never has to be.
	pending: Option<u8>,
	operations: u64,
	/// Cost in tokens since it was last reset, re-reading included: see [`Answer::take_cost`].
	cost: u64,
	stream: Vec<i32>,
	/// Absent between turns.
	work: Option<Borrowed<'static>>,
	/// Threads that share the reading of tokens, and their memory, which is absent between turns.
	shared: Option<(Arc<ThreadPool>, Option<Borrowed<'static>>)>,
	/// Set when the KV cache was given back. The window is all of `tail`.
	is_forgotten: bool,
	/// Autotuner that decides whether threads share the reading of single tokens.
	autotuner: Autotuner,
	/// Set from outside to have the generation fail with [`EngineError::Cancelled`], at the next layer of the model.
	stop: Arc<AtomicBool>,
	failure: Option<EngineError>,
}

impl Generator {
	/// Reads the prompt, on this thread.
	pub fn new(
		model: Arc<Model>,
		kernel: Kernel,
		prompt: &[u8],
		sampling: Sampling,
	) -> Result<Self, EngineError> {
		Self::on_threads(model, kernel, prompt, sampling, None)
	}

	/// Reads the prompt on all threads of `pool` if that is much work, and every byte behind it if that is sooner than on
	/// this thread.
	pub fn on_threads(
		model: Arc<Model>,
		kernel: Kernel,
		prompt: &[u8],
		sampling: Sampling,
		pool: Option<Arc<ThreadPool>>,
	) -> Result<Self, EngineError> {
		Self::stoppable(model, kernel, prompt, sampling, pool, Arc::default())
	}

	/// The same, until `stop` is set.
	fn stoppable(
		model: Arc<Model>,
		kernel: Kernel,
		prompt: &[u8],
		sampling: Sampling,
		pool: Option<Arc<ThreadPool>>,
		stop: Arc<AtomicBool>,
	) -> Result<Self, EngineError> {
		let context = usize::from(model.config().context);
		let seen = prompt_bytes_seen(model.config(), prompt.len());
		let mut work = IDLE.take(1);
		let (stream, pasts) = work.get().begin(model.config(), model.trunk().layers.len(), context);
		let shared = pool.filter(|pool| pool.current_num_threads() > 1).map(|pool| (pool, None));
		let mut generator = Self {
			model,
			kernel,
			sampler: Sampler::new(kernel, sampling),
			pasts,
			tail: prompt[prompt.len() - seen..].to_vec(),
			logits: Vec::new(),
			position: prompt.len() as u64,
			pending: None,
			operations: 0,
			cost: 0,
			stream,
			work: Some(work),
			shared,
			is_forgotten: false,
			autotuner: Autotuner::default(),
			stop,
			failure: None,
		};
		generator.begin_window()?;
		Ok(generator)
	}

	/// Chooses the next byte.
	pub fn next_byte(&mut self) -> Result<u8, EngineError> {
		let position = self.position;
		self.logits()?;
		let byte = self.sampler.sample(&self.logits, position);
		self.position += 1;
		self.pending = Some(byte);
		Ok(byte)
	}

	/// Multiply-adds so far.
	pub fn operations(&self) -> u64 {
		self.operations
	}

	/// Logits that the next byte will be chosen from: `[256]`, Q16, base-2 units.
	pub fn logits(&mut self) -> Result<&[i32], EngineError> {
		if let Some(failure) = self.failure {
			return Err(failure);
		}
		if self.is_forgotten {
			self.remember().inspect_err(|&error| self.failure = Some(error))?;
		}
		if let Some(byte) = self.pending.take() {
			self.advance(byte).inspect_err(|&error| self.failure = Some(error))?;
		}
		Ok(&self.logits)
	}

	/// Returns the workspace to the pool until the next byte.
	fn pause(&mut self) {
		self.stream = Vec::new();
		self.work = None;
		if let Some((_, work)) = &mut self.shared {
			*work = None;
		}
	}

	/// Gives the memory of the KV cache back until the next byte, for which the window is read again.
	fn forget(&mut self) {
		self.pause();
		self.pasts = Vec::new();
		self.is_forgotten = true;
	}

	/// Reads the window again after [`Self::forget`]. Not counted in [`Self::operations`]: which answers are forgotten
	/// depends on others, and the same request is to have the same summary on all machines.
	fn remember(&mut self) -> Result<(), EngineError> {
		let config = self.model.config();
		let work = self.work.get_or_insert_with(|| IDLE.take(1)).get();
		(self.stream, self.pasts) =
			work.begin(config, self.model.trunk().layers.len(), usize::from(config.context));
		let operations = self.operations;
		self.begin_window()?;
		self.operations = operations;
		self.is_forgotten = false;
		Ok(())
	}

	/// Returns the bytes of the KV cache.
	fn cache_bytes(&self) -> usize {
		self.pasts.iter().map(KvCache::bytes).sum()
	}

	fn advance(&mut self, byte: u8) -> Result<(), EngineError> {
		let context = usize::from(self.model.config().context);
		self.tail.push(byte);
		let excess = self.tail.len().saturating_sub(context);
		self.tail.drain(..excess);
		if self.pasts.first().is_some_and(|past| past.len() == context) {
			let keep = self.tail.len().min(context / 2);
			self.tail.drain(..self.tail.len() - keep);
			self.begin_window()
		} else {
			self.read(&[byte])
		}
	}

	fn begin_window(&mut self) -> Result<(), EngineError> {
		self.pasts.iter_mut().for_each(KvCache::clear);
		let tokens = std::iter::once(0).chain(self.tail.iter().copied()).collect::<Vec<_>>();
		self.read(&tokens)
	}

	/// Runs the model over tokens that follow what the window holds.
	fn read(&mut self, tokens: &[u8]) -> Result<(), EngineError> {
		let Self { model, kernel, pasts, logits, stream, work, shared, autotuner, stop, .. } = self;
		let kernel = *kernel;
		let work = work.get_or_insert_with(|| IDLE.take(1));
		let shared = shared.as_mut().filter(|_| forward::is_worth_sharing(model, tokens.len()));
		let is_one = tokens.len() == 1 && shared.is_some();
		let shared = shared.filter(|_| !is_one || autotuner.shares());
		let (shares, began) = (shared.is_some(), Instant::now());
		let first = pasts.first().map_or(0, KvCache::len);
		forward::embed(kernel, model.trunk(), tokens.iter().copied(), stream, &mut ());
		let mut layers = |work: &mut Workspace| {
			pasts.iter_mut().enumerate().try_for_each(|(index, past)| {
				if stop.load(Ordering::Relaxed) {
					return Err(EngineError::Cancelled);
				}
				let past = std::slice::from_mut(past);
				forward::attention(kernel, model.trunk(), index, stream, past, work, &mut ());
				forward::mixture(kernel, model, index, stream, work, &mut ())
			})
		};
		match shared {
			Some((pool, work)) => {
				let work = work.get_or_insert_with(|| IDLE_SHARED.take(pool.current_num_threads()));
				pool.install(|| layers(work.get()))?;
			}
			None => layers(work.get())?,
		}
		if is_one {
			autotuner.note(shares, began.elapsed());
		}
		let last = stream.len() - usize::from(model.config().d_model);
		forward::head(kernel, model.trunk(), &stream[last..], work.get(), logits, &mut ());
		debug_assert_eq!(logits.len(), VOCAB);
		// A batch takes a half to a quarter of the time of as many single tokens.
		self.cost += (tokens.len() as u64).div_ceil(if tokens.len() == 1 { 1 } else { 4 });
		self.operations += (first..first + tokens.len()).map(|at| self.model.operations_at(at)).sum::<u64>();
		Ok(())
	}
}

impl Drop for Generator {
	fn drop(&mut self) {
		if self.is_forgotten {
			return;
		}
		let (stream, pasts) = (std::mem::take(&mut self.stream), std::mem::take(&mut self.pasts));
		let mut work = self.work.take().unwrap_or_else(|| IDLE.take(1));
		work.get().end(stream, pasts);
	}
}

impl Iterator for Generator {
	type Item = Result<u8, EngineError>;

	fn next(&mut self) -> Option<Self::Item> {
		Some(self.next_byte())
	}
}

/// Generates up to `max_bytes` bytes and hands each to `on_byte` with its index, until that breaks off or `stop` is set.
///
/// Prompts are read on the threads of `pool`, if there is one. Fails as [`Generator`] does; bytes that were handed out
/// before are right all the same.
pub fn generate(
	model: Arc<Model>,
	kernel: Kernel,
	pool: Option<Arc<ThreadPool>>,
	request: &GenerationRequest,
	stop: Arc<AtomicBool>,
	on_byte: impl FnMut(u32, u8) -> ControlFlow<()>,
) -> Result<GenerationSummary, EngineError> {
	let mut answer = Answer::new(model, kernel, pool, request.clone(), stop);
	answer.advance(on_byte)?;
	Ok(answer.finish())
}
