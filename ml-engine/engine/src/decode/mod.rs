//! Generating text one byte at a time.
//!
//! Keys and values of earlier positions are kept, so a byte costs one position. The bits are those of a
//! prefill over the whole window, because every operator works on one position at a time.
//!
//! **Windows.** A model sees at most `context` tokens, the first of which is the begin-of-sequence token 0.
//! When the window is full, a new one begins: token 0 and the last `context / 2` bytes, computed afresh. The
//! same rule applies to a prompt that does not fit. So what a byte depends on is a function of the text and
//! the prompt's length alone, and anyone can replay it.

mod sampler;
#[cfg(test)]
mod tests;
mod verify;
mod windows;

pub use sampler::Sampler;
pub use verify::{verify, Difference};
pub use windows::{Window, Windows};

use crate::{
	eval::forward::{self, KeyValues},
	kernel::Kernel,
	model::Model,
};
use blyan_exact::{Sampling, VOCAB};
use std::{ops::ControlFlow, sync::Arc};

/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationRequest {
	/// Text to continue; may be empty.
	pub prompt: Vec<u8>,
	/// Bytes to generate.
	pub max_bytes: u32,
	/// How bytes are chosen.
	pub sampling: Sampling,
}

/// What a generation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationSummary {
	/// Bytes of the prompt.
	pub prompt_bytes: u64,
	/// The text.
	pub generated: Vec<u8>,
	/// Multiply-adds it took.
	pub operations: u64,
}

/// A generation under way: an endless iterator over bytes.
pub struct Generator {
	model: Arc<Model>,
	kernel: Kernel,
	sampler: Sampler,
	pasts: Vec<KeyValues>,
	/// The last bytes of the text, enough to begin a new window.
	tail: Vec<u8>,
	/// Logits after the last position.
	logits: Vec<i32>,
	/// Bytes of text so far, prompt included.
	position: u64,
	/// The last byte, not yet seen by the model: the final byte of a text never has to be.
	pending: Option<u8>,
	operations: u64,
}

impl Generator {
	/// Reads the prompt.
	pub fn new(model: Arc<Model>, kernel: Kernel, prompt: &[u8], sampling: Sampling) -> Self {
		let context = usize::from(model.config().context);
		let pasts = vec![KeyValues::new(model.config(), context); model.trunk().layers.len()];
		let mut generator = Self {
			model,
			kernel,
			sampler: Sampler::new(kernel, sampling),
			pasts,
			tail: Vec::new(),
			logits: Vec::new(),
			position: prompt.len() as u64,
			pending: None,
			operations: 0,
		};
		if prompt.len() < context {
			generator.tail = prompt.to_vec();
			let tokens = std::iter::once(0).chain(prompt.iter().copied()).collect::<Vec<_>>();
			generator.read(&tokens);
		} else {
			generator.tail = prompt[prompt.len() - context / 2..].to_vec();
			generator.begin_window();
		}
		generator
	}

	/// Chooses the next byte.
	pub fn next_byte(&mut self) -> u8 {
		if let Some(byte) = self.pending.take() {
			self.advance(byte);
		}
		let byte = self.sampler.sample(&self.logits, self.position);
		self.position += 1;
		self.pending = Some(byte);
		byte
	}

	/// Multiply-adds so far.
	pub fn operations(&self) -> u64 {
		self.operations
	}

	/// Logits that the next byte will be chosen from: `[256]`, Q16, base-2 units.
	pub fn logits(&mut self) -> &[i32] {
		if let Some(byte) = self.pending.take() {
			self.advance(byte);
		}
		&self.logits
	}

	fn advance(&mut self, byte: u8) {
		let context = usize::from(self.model.config().context);
		self.tail.push(byte);
		let excess = self.tail.len().saturating_sub(context);
		self.tail.drain(..excess);
		if self.pasts.first().is_some_and(|past| past.len() == context) {
			let keep = self.tail.len().min(context / 2);
			self.tail.drain(..self.tail.len() - keep);
			self.begin_window();
		} else {
			self.read(&[byte]);
		}
	}

	fn begin_window(&mut self) {
		self.pasts.iter_mut().for_each(KeyValues::clear);
		let tokens = std::iter::once(0).chain(self.tail.iter().copied()).collect::<Vec<_>>();
		self.read(&tokens);
	}

	/// Runs the model over tokens that follow what the window holds.
	fn read(&mut self, tokens: &[u8]) {
		let model = &self.model;
		let (kernel, trunk) = (self.kernel, model.trunk());
		let first = self.pasts.first().map_or(0, KeyValues::len);
		let mut stream = forward::embed(trunk, tokens.iter().copied(), &mut ());
		for (index, past) in self.pasts.iter_mut().enumerate() {
			forward::attention(kernel, trunk, index, &mut stream, std::slice::from_mut(past), &mut ());
			forward::mixture(kernel, trunk, index, model.layer_experts(index), &mut stream, &mut ());
		}
		let last = stream.len() - usize::from(model.config().d_model);
		self.logits = forward::head(kernel, trunk, &stream[last..], &mut ());
		debug_assert_eq!(self.logits.len(), VOCAB);
		self.operations += (first..first + tokens.len()).map(|at| model.operations_at(at)).sum::<u64>();
	}
}

impl Iterator for Generator {
	type Item = u8;

	fn next(&mut self) -> Option<u8> {
		Some(self.next_byte())
	}
}

/// Generates up to `max_bytes` bytes and hands each to `on_byte` with its index, until that breaks off.
pub fn generate(
	model: Arc<Model>,
	kernel: Kernel,
	request: &GenerationRequest,
	mut on_byte: impl FnMut(u32, u8) -> ControlFlow<()>,
) -> GenerationSummary {
	let mut generated = Vec::new();
	let mut operations = 0;
	if request.max_bytes > 0 {
		let mut generator = Generator::new(model, kernel, &request.prompt, request.sampling);
		for index in 0..request.max_bytes {
			let byte = generator.next_byte();
			generated.push(byte);
			if on_byte(index, byte).is_break() {
				break;
			}
		}
		operations = generator.operations();
	}
	GenerationSummary { prompt_bytes: request.prompt.len() as u64, generated, operations }
}
