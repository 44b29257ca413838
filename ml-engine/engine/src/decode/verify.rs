//! Checking a whole answer at once.
//!
//! Generating reads one byte at a time, because the next one is not known yet. A verifier that is given the answer knows all of
//! them: a window is one batch of matrix products over all of its positions, and every byte of it is sampled from the
//! logits in front of it. Behind the first byte that differs the text is not what the model would have read, so only the
//! first difference means anything; everything up to it is read as it was generated.

use super::{Sampler, Window, Windows, IDLE, IDLE_SHARED};
use crate::{
	eval::forward::{self, KvCache, Workspace},
	kernel::Kernel,
	model::Model,
};
use blyan_exact::{Sampling, VOCAB};
use blyan_primitives::EngineError;
use rayon::prelude::*;

/// Where an answer is not what the model says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
	/// Index in the answer of the first byte that is wrong.
	pub index: usize,
	/// The byte that the model says there.
	pub expected: u8,
	/// The byte that the answer has there.
	pub found: u8,
}

/// The first byte of `answer` that this model would not have generated after `prompt`; `None` if it is right to the end.
///
/// Windows are independent of one another, and run on the threads of the rayon pool that this is called on; threads that
/// are left over share the work of a window. Fails if a part of the model cannot be had, which says nothing about the
/// answer.
pub fn verify(
	model: &Model,
	kernel: Kernel,
	prompt: &[u8],
	answer: &[u8],
	sampling: Sampling,
) -> Result<Option<Difference>, EngineError> {
	let text = [prompt, answer].concat();
	let windows: Vec<_> = Windows::new(model.config(), prompt.len(), text.len()).collect();
	let threads = rayon::current_num_threads().div_ceil(windows.len().max(1));
	let check = |window: &Window| {
		let mut sampler = Sampler::new(kernel, sampling);
		let bytes = &text[window.start..window.bytes.end];
		let is_shared = forward::is_worth_sharing(model, bytes.len());
		let mut work = if is_shared { IDLE_SHARED.take(threads) } else { IDLE.take(1) };
		let logits = window_logits(model, kernel, bytes, window.unchosen(), work.get())?;
		let differs = window.bytes.clone().zip(logits.chunks_exact(VOCAB)).find_map(|(at, logits)| {
			let expected = sampler.sample(logits, at as u64);
			let difference = Difference { index: at - prompt.len(), expected, found: text[at] };
			(expected != difference.found).then_some(difference)
		});
		Ok(differs)
	};
	windows.par_iter().map(check).find_first(|found| *found != Ok(None)).unwrap_or(Ok(None))
}

/// Logits in front of every byte of `bytes` from index `unchosen` on: `[bytes - unchosen, 256]`. Token 0 stands before
/// the first byte.
fn window_logits(
	model: &Model,
	kernel: Kernel,
	bytes: &[u8],
	unchosen: usize,
	work: &mut Workspace,
) -> Result<Vec<i32>, EngineError> {
	let trunk = model.trunk();
	let tokens = std::iter::once(0).chain(bytes.iter().copied()).take(bytes.len());
	let (mut stream, mut pasts) = work.begin(model.config(), 1, bytes.len());
	let mut logits = Vec::new();
	forward::embed(kernel, trunk, tokens, &mut stream, &mut ());
	let last = trunk.layers.len() - 1;
	forward::layers(kernel, model, 0..last, &mut stream, &mut pasts, work, &mut ())?;
	pasts.iter_mut().for_each(KvCache::clear);
	forward::attention(kernel, trunk, last, &mut stream, &mut pasts, work, &mut ());
	// Nothing reads the other positions any more.
	let chosen = &mut stream[unchosen * usize::from(model.config().d_model)..];
	forward::mixture(kernel, model, last, chosen, work, &mut ())?;
	forward::head(kernel, trunk, chosen, work, &mut logits, &mut ());
	work.end(stream, pasts);
	Ok(logits)
}
