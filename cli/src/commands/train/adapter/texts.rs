//! Texts of a run: to learn from, held out, and to be guarded.

use crate::{
	commands::dataset::{
		documents_from_crates, documents_of, find_registry, HELD_OUT_PERCENT, TRAINING_BYTES, UNSEEN_BUCKETS,
	},
	failure::Outcome,
	output::Output,
};
use blyan_engine::dataset::Document;
use blyan_training::open::{Cutter, Sequence};
use std::{collections::BTreeSet, path::PathBuf};

/// Sequences of a run.
#[derive(Debug)]
pub struct Texts {
	/// To learn from.
	pub text: Vec<Sequence>,
	/// Whole sequences that are held out.
	pub held_out: Vec<Sequence>,
	/// Whole sequences of other text, for the verdict.
	pub guard: Vec<Sequence>,
	/// Others of the same text, which training watches.
	pub watched: Vec<Sequence>,
}

/// Sizes of the parts.
#[derive(Clone, Copy, Debug)]
pub struct Lots {
	/// Bytes to learn from, at most.
	pub learn_bytes_max: u64,
	/// Sequences of each sample, at most.
	pub sequences: usize,
}

/// Sequences of the guard that training watches, at most.
const WATCHED: usize = 64;
/// Part of the guard that training watches, at most: one sequence of so many.
const WATCHED_OF: usize = 3;

/// Reads and cuts texts. Without `data`, they are the sources in cargo's registry.
pub fn read(
	output: &Output,
	cutter: Cutter<'_>,
	data: &[PathBuf],
	guard: &[PathBuf],
	lots: Lots,
) -> Outcome<Texts> {
	let documents = match data {
		[] => documents_from_crates(output, &find_registry()?, UNSEEN_BUCKETS, TRAINING_BYTES)?,
		paths => documents_of(output, paths)?,
	};
	let guard = if guard.is_empty() { Vec::new() } else { documents_of(output, guard)? };
	let spinner = output.spinner("tokenising");
	let texts = cut(cutter, &documents, &guard, lots)?;
	drop(spinner);
	let bytes: u64 = texts.text.iter().map(Sequence::text_bytes).sum();
	output.say(format!(
		"text       {} sequences to learn from, {:.1} MiB; {} held out; {} of the guard, {} more to watch",
		texts.text.len(),
		bytes as f64 / f64::from(1 << 20),
		texts.held_out.len(),
		texts.guard.len(),
		texts.watched.len()
	));
	Ok(texts)
}

/// Cuts documents: a tenth of the families is held out, and what is guarded is never learned from.
fn cut(cutter: Cutter<'_>, documents: &[Document], guard: &[Document], lots: Lots) -> Outcome<Texts> {
	let guarded: BTreeSet<&str> = guard.iter().map(|document| document.family.as_str()).collect();
	let is_held_out = |document: &&Document| document.is_held_out(HELD_OUT_PERCENT);
	let (held_out, mut learned): (Vec<&Document>, Vec<&Document>) = documents.iter().partition(is_held_out);
	learned.retain(|document| !guarded.contains(document.family.as_str()));
	let (watched, guard) = split(cutter.sample(guard, lots.sequences.saturating_add(WATCHED))?);
	Ok(Texts {
		text: cutter.learn(learned, lots.learn_bytes_max)?,
		held_out: cutter.sample(held_out, lots.sequences)?,
		guard,
		watched,
	})
}

/// Divides a guard, evenly over its documents, into what training watches and what the verdict is about.
///
/// What is kept of a training follows from those that it watches: on them a candidate looks better than it is.
fn split(guard: Vec<Sequence>) -> (Vec<Sequence>, Vec<Sequence>) {
	let watched = WATCHED.min(guard.len() / WATCHED_OF);
	let every = guard.len().checked_div(watched).unwrap_or(usize::MAX);
	let mut places = 0..guard.len();
	let is_watched = |_: &Sequence| {
		let place = places.next().unwrap_or(0);
		place % every == every - 1 && place / every < watched
	};
	guard.into_iter().partition(is_watched)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn no_sequence_of_the_guard_is_both_watched_and_judged_by() {
		for (count, expected) in [(0, 0), (2, 0), (3, 1), (10, 3), (192, 64), (320, 64), (1_000, 64)] {
			let sequence = |id| Sequence { ids: vec![id; 3], bytes: vec![1; 2] };
			let (watched, judged) = split((0..count).map(sequence).collect());
			assert_eq!((watched.len(), judged.len()), (expected, count as usize - expected), "of {count}");
			assert!(watched.iter().all(|sequence| !judged.contains(sequence)), "of {count}");
		}
	}
}
