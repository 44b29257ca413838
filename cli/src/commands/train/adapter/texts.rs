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
	/// Whole sequences of other text.
	pub guard: Vec<Sequence>,
}

/// Sizes of the parts.
#[derive(Clone, Copy, Debug)]
pub struct Lots {
	/// Bytes to learn from, at most.
	pub learn_bytes_max: u64,
	/// Sequences of each sample, at most.
	pub sequences: usize,
}

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
		"text       {} sequences to learn from, {:.1} MiB; {} held out; {} of the guard",
		texts.text.len(),
		bytes as f64 / f64::from(1 << 20),
		texts.held_out.len(),
		texts.guard.len()
	));
	Ok(texts)
}

/// Cuts documents: a tenth of the families is held out, and what is guarded is never learned from.
fn cut(cutter: Cutter<'_>, documents: &[Document], guard: &[Document], lots: Lots) -> Outcome<Texts> {
	let guarded: BTreeSet<&str> = guard.iter().map(|document| document.family.as_str()).collect();
	let is_held_out = |document: &&Document| document.is_held_out(HELD_OUT_PERCENT);
	let (held_out, mut learned): (Vec<&Document>, Vec<&Document>) = documents.iter().partition(is_held_out);
	learned.retain(|document| !guarded.contains(document.family.as_str()));
	Ok(Texts {
		text: cutter.learn(learned, lots.learn_bytes_max)?,
		held_out: cutter.sample(held_out, lots.sequences)?,
		guard: cutter.sample(guard, lots.sequences)?,
	})
}
