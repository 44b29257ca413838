//! Comparison of two models on random prompts, logit by logit.

use crate::{
	run::{RunError, Runner},
	upcycle::noise::{Noise, Purpose},
};
use blyan_exact::Hash;

/// Tokens of a prompt, at most.
const TOKENS_MAX: u32 = 48;

/// Result of a comparison: all logits behind every token of some prompts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
	/// Prompts.
	pub prompts: usize,
	/// Tokens of all prompts.
	pub tokens: usize,
	/// Prompts with a logit that differs.
	pub differing_prompts: usize,
	/// Tokens behind which the most probable token is another one.
	pub other_favourites: usize,
	/// Largest difference of a logit, in bits of Q16.
	pub largest: u32,
}

impl Comparison {
	/// Reports whether the models agree on every bit.
	pub fn is_equal(&self) -> bool {
		self.differing_prompts == 0
	}
}

/// Reads random prompts with two models of one vocabulary. Lengths and tokens follow from `key`; none is longer than the shorter
/// context. `progress` gets the number of prompts that are done.
pub fn compare(
	old: &mut Runner,
	new: &mut Runner,
	key: &Hash,
	prompts: usize,
	mut progress: impl FnMut(usize),
) -> Result<Comparison, RunError> {
	let shape = |runner: &Runner| (runner.weights().shape.vocabulary, runner.weights().shape.context);
	let ((vocabulary, context), (_, other)) = (shape(&*old), shape(&*new));
	let longest = TOKENS_MAX.min(context.min(other) as u32).max(1);
	let mut noise = Noise::new(key, Purpose::Prompt, 0, 0);
	let mut result = Comparison { prompts, ..Comparison::default() };
	for prompt in 0..prompts {
		let length = 1 + noise.below(longest);
		let ids: Vec<u32> = (0..length).map(|_| noise.below(vocabulary as u32)).collect();
		let (before, after) = (logits(old, &ids)?, logits(new, &ids)?);
		result.tokens += ids.len();
		result.differing_prompts += usize::from(before != after);
		for (before, after) in before.chunks(vocabulary).zip(after.chunks(vocabulary)) {
			let differences = before.iter().zip(after).map(|(a, b)| a.abs_diff(*b));
			result.largest = differences.fold(result.largest, u32::max);
			result.other_favourites += usize::from(favourite(before) != favourite(after));
		}
		progress(prompt + 1);
	}
	Ok(result)
}

/// Returns the logits behind every token of a prompt. `[tokens, vocabulary]`
fn logits(runner: &mut Runner, ids: &[u32]) -> Result<Vec<i32>, RunError> {
	let last = runner.weights().layers.len() - 1;
	let rows = runner.states(
		ids,
		last,
		|_| (),
		|(), mut ends| {
			let places: Vec<usize> = (0..ends.positions().len()).collect();
			let mut rows = Vec::new();
			ends.logits(&places, |_, row| rows.extend_from_slice(row));
			rows
		},
	)?;
	Ok(rows.concat())
}

/// Returns the most probable token, the lower one of equals.
fn favourite(logits: &[i32]) -> Option<usize> {
	(0..logits.len()).rev().max_by_key(|token| logits[*token])
}
