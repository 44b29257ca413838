//! An answer that is generated in turns, so that one thread can work on many.

use super::{prompt_bytes_seen, GenerationRequest, GenerationSummary, Generator};
use crate::{kernel::Kernel, model::Model};
use blyan_primitives::EngineError;
use rayon::ThreadPool;
use std::{
	ops::ControlFlow,
	sync::{atomic::AtomicBool, Arc},
};

/// Answer under way. Its bytes depend neither on where its turns end nor on what is kept between them.
pub struct Answer {
	model: Arc<Model>,
	kernel: Kernel,
	pool: Option<Arc<ThreadPool>>,
	request: GenerationRequest,
	stop: Arc<AtomicBool>,
	/// Absent until the first byte.
	generator: Option<Generator>,
	generated: Vec<u8>,
}

impl Answer {
	/// Creates an answer of which nothing is computed yet. It fails as cancelled once `stop` is set. Prompts are read on the
	/// threads of `pool`, if there is one.
	pub fn new(
		model: Arc<Model>,
		kernel: Kernel,
		pool: Option<Arc<ThreadPool>>,
		request: GenerationRequest,
		stop: Arc<AtomicBool>,
	) -> Self {
		Self { model, kernel, pool, request, stop, generator: None, generated: Vec::new() }
	}

	/// Hands further bytes to `on_byte` with their indices until that breaks off; returns whether the answer is complete.
	pub fn advance(
		&mut self,
		mut on_byte: impl FnMut(u32, u8) -> ControlFlow<()>,
	) -> Result<bool, EngineError> {
		while self.generated.len() < self.request.max_bytes as usize {
			let byte = self.generator()?.next_byte()?;
			let index = self.generated.len() as u32;
			self.generated.push(byte);
			if on_byte(index, byte).is_break() {
				break;
			}
		}
		Ok(self.generated.len() >= self.request.max_bytes as usize)
	}

	fn generator(&mut self) -> Result<&mut Generator, EngineError> {
		let generator = match self.generator.take() {
			Some(generator) => generator,
			None => Generator::stoppable(
				self.model.clone(),
				self.kernel,
				&self.request.prompt,
				self.request.sampling,
				self.pool.clone(),
				self.stop.clone(),
			)?,
		};
		Ok(self.generator.insert(generator))
	}

	/// Ends a turn: the workspace goes to other answers, the KV cache stays.
	pub fn pause(&mut self) {
		if let Some(generator) = &mut self.generator {
			generator.pause();
		}
	}

	/// Gives the memory of the KV cache back. The next turn reads the window again.
	pub fn forget(&mut self) {
		if let Some(generator) = &mut self.generator {
			generator.forget();
		}
	}

	/// Returns the bytes of the KV cache.
	pub fn cache_bytes(&self) -> usize {
		self.generator.as_ref().map_or(0, Generator::cache_bytes)
	}

	/// Returns the cost of what was computed since the last call, in tokens: one for a byte, a quarter for a token that was
	/// read in a batch.
	pub fn take_cost(&mut self) -> u64 {
		self.generator.as_mut().map_or(0, |generator| std::mem::take(&mut generator.cost))
	}

	/// Ends the answer where it is.
	pub fn finish(self) -> GenerationSummary {
		let prompt = self.request.prompt.len();
		let seen = self.generator.as_ref().map_or(0, |_| prompt_bytes_seen(self.model.config(), prompt));
		GenerationSummary {
			prompt_bytes: prompt as u64,
			prompt_bytes_seen: seen as u64,
			operations: self.generator.as_ref().map_or(0, Generator::operations),
			generated: self.generated,
		}
	}
}
