//! Copies within a set of texts in memory, exact and near, as a job finds them on disk.

use super::{Bands, Runs};
use crate::Reason;
use blyan_exact::{blake2_256, Hash};
use rayon::prelude::*;
use std::collections::HashMap;

/// Relation of a copy to the text that is kept in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOf {
	/// [`Reason::Duplicate`] or [`Reason::NearDuplicate`].
	pub reason: Reason,
	/// Index of the text that is kept.
	pub kept: usize,
}

/// Returns for each text the one that is kept in its place; `None` for those that are kept.
///
/// Of a set of texts the same are kept in whatever order they are given: they are compared in the order of their hashes, with those
/// that were kept. Of equal texts the first is kept.
pub fn copies<T: AsRef<str> + Sync>(texts: &[T]) -> Vec<Option<CopyOf>> {
	let signed: Vec<(Hash, Bands)> = texts
		.par_iter()
		.map(|text| (blake2_256(&[text.as_ref().as_bytes()]), Runs::of(text.as_ref()).bands()))
		.collect();
	let mut order: Vec<(&Hash, usize, &Bands)> =
		signed.iter().enumerate().map(|(index, (hash, bands))| (hash, index, bands)).collect();
	order.sort_unstable();
	// The latest text that was kept, by the keys of its bands: its index in `kept`.
	let mut latest: HashMap<u64, usize> = HashMap::new();
	let mut kept: Vec<usize> = Vec::new();
	let mut copies = vec![None; texts.len()];
	let mut note = |index: usize, copy: CopyOf| {
		if let Some(entry) = copies.get_mut(index) {
			*entry = Some(copy);
		}
	};
	for equal in order.chunk_by(|a, b| a.0 == b.0) {
		let Some(((_, first, bands), others)) = equal.split_first() else { continue };
		let representative = representative(texts, *first, &candidates(&latest, bands), &kept);
		if let Some(kept) = representative {
			note(*first, CopyOf { reason: Reason::NearDuplicate, kept });
		} else {
			latest.extend(bands.iter().map(|key| (*key, kept.len())));
			kept.push(*first);
		}
		for (_, index, _) in others {
			note(*index, CopyOf { reason: Reason::Duplicate, kept: representative.unwrap_or(*first) });
		}
	}
	copies
}

/// Kept texts that may be near one with these keys, the earlier first.
fn candidates(latest: &HashMap<u64, usize>, bands: &Bands) -> Vec<usize> {
	let mut candidates: Vec<usize> = bands.iter().filter_map(|key| latest.get(key).copied()).collect();
	candidates.sort_unstable();
	candidates.dedup();
	candidates
}

/// The kept text among the candidates that a text is near.
fn representative<T: AsRef<str>>(
	texts: &[T],
	index: usize,
	candidates: &[usize],
	kept: &[usize],
) -> Option<usize> {
	if candidates.is_empty() {
		return None;
	}
	let runs = Runs::of(texts.get(index)?.as_ref());
	let places = candidates.iter().filter_map(|place| kept.get(*place));
	places
		.copied()
		.find(|other| texts.get(*other).is_some_and(|other| runs.is_near(&Runs::of(other.as_ref()))))
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Words that are drawn, of which no five come twice.
	fn words(seed: usize, count: usize) -> String {
		let word = |n: usize| {
			let hash = blake2_256(&[&seed.to_le_bytes(), &n.to_le_bytes()]);
			let letters = b"abcdefghijlmnopqrtuvwxyz";
			hash.iter().take(5).map(|byte| char::from(letters[usize::from(*byte) % 24])).collect::<String>()
		};
		(0..count).map(|n| word(n) + " ").collect()
	}

	#[test]
	fn copies_are_those_that_a_text_is_kept_for() {
		let one = words(1, 300);
		let near = format!("{one}and a few more");
		let texts = [one.as_str(), "a text of its own", &near, &one, "a text of its own"];
		let copies = copies(&texts);
		assert_eq!(copies[4], Some(CopyOf { reason: Reason::Duplicate, kept: 1 }));
		// Which of two near texts is kept follows from their hashes; the other, and its equals, point to it.
		let kept: Vec<usize> = (0..4).filter(|index| copies[*index].is_none()).collect();
		assert_eq!(kept.len(), 2, "{copies:?}");
		assert!(copies.iter().flatten().all(|copy| copies[copy.kept].is_none()));
		assert_eq!(copies[3].unwrap().reason, Reason::Duplicate);
	}

	#[test]
	fn fewer_than_one_distinct_text_in_a_thousand_is_lost() {
		let header =
			"// Copyright of the authors. Licensed under the Apache License; you may not use this file except in compliance.\n"
				.repeat(20);
		let sources =
			(0..200).map(|n| format!("{header}fn {}() -> u32 {{ {n} }}\n", words(n, 9).replace(' ', "_")));
		let books: Vec<String> = (0..50).map(|n| words(1_000 + n, 30_000)).collect();
		let pages = books.iter().flat_map(|book| crate::cut::pieces(book, 8 << 10)).map(str::to_string);
		let calls = (0..1_000).map(|n| {
			format!("{{\"name\":\"weather\",\"arguments\":{{\"place\":{n},\"note\":\"{}\"}}}}", words(7, 60))
		});
		let texts: Vec<String> = sources.chain(pages).chain(calls).collect();
		assert!(texts.len() > 2_000);
		let lost = copies(&texts).iter().flatten().count();
		assert!(lost * 1_000 < texts.len(), "{lost} of {}", texts.len());
	}

	#[cfg(feature = "pipeline")]
	#[test]
	fn a_job_keeps_the_same_texts() {
		use crate::{
			job::{documents, Options},
			Licence,
		};
		let mut texts: Vec<String> = (0..60).map(|n| words(n / 3, 200 + n % 3 * 10)).collect();
		texts.extend((0..10).map(|n| words(n, 200)));
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.jsonl");
		let lines: String =
			texts.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text }))).collect();
		std::fs::write(&path, lines).unwrap();
		let options = Options { licence: Some(Licence::parse("CC0-1.0").unwrap()), ..Options::default() };
		let (made, _) = documents(&[path], &options, &mut |_| true).unwrap();
		let mut made: Vec<&str> = made.iter().map(|document| document.text.as_str()).collect();
		let copies = copies(&texts);
		let mut kept: Vec<&str> = texts
			.iter()
			.zip(&copies)
			.filter(|(_, copy)| copy.is_none())
			.map(|(text, _)| text.as_str())
			.collect();
		made.sort_unstable();
		kept.sort_unstable();
		assert_eq!(made, kept);
		assert!(kept.len() < 40);
	}
}
