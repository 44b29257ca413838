//! Whole vocabularies of other models, where a file with them is at hand (`golden/models.py`).
#![allow(clippy::unwrap_used)]

mod support;

use blyan_text::{GgufVocabulary, Tokenizer};
use std::{collections::BTreeMap, fs, time::Instant};
use support::strings;

/// Variable that names the file.
const VOCABULARIES: &str = "BLYAN_VOCABULARIES";

#[derive(serde::Deserialize)]
struct Vocabulary {
	model: String,
	pre: String,
	tokens: Vec<String>,
	types: Vec<i32>,
	merges: Vec<String>,
	scores: Vec<f32>,
	bos: Option<u32>,
	eos: Option<u32>,
	/// Ids of every string as text.
	plain: Vec<Vec<u32>>,
	/// Ids with control tokens parsed, if the reference parses any.
	trusted: Option<Vec<Vec<u32>>>,
}

#[test]
fn text_becomes_the_ids_of_the_reference_when_the_vocabulary_is_another_models() {
	let Some(path) = std::env::var_os(VOCABULARIES) else {
		return eprintln!("skipped: {VOCABULARIES} does not name the file that golden/models.py writes");
	};
	let vocabularies: BTreeMap<String, Vocabulary> =
		serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
	let mut differences = Vec::new();
	for (name, vocabulary) in vocabularies {
		let Vocabulary { model, pre, tokens, types, merges, scores, bos, eos, plain, trusted } = vocabulary;
		let fields = GgufVocabulary {
			model,
			pre,
			tokens,
			token_types: types,
			merges,
			scores,
			bos,
			eos,
			..Default::default()
		};
		let start = Instant::now();
		let tokenizer = Tokenizer::from_gguf(&fields).unwrap();
		let built = start.elapsed();
		for (index, text) in strings().iter().enumerate() {
			let ids = tokenizer.encode(text).unwrap();
			if ids != plain[index] {
				differences
					.push(format!("{name} {text:?}\n  expected {:?}\n  found    {ids:?}", plain[index]));
			}
			let ids = tokenizer.encode_trusted(text).unwrap();
			let expected = trusted.as_ref().map(|trusted| &trusted[index]);
			if expected.is_some_and(|expected| &ids != expected) {
				differences
					.push(format!("{name} trusted {text:?}\n  expected {expected:?}\n  found    {ids:?}"));
			}
		}
		let text = strings().concat().repeat(200);
		let start = Instant::now();
		let count = tokenizer.encode(&text).unwrap().len();
		println!(
			"{name}: built in {built:?}, {} bytes to {count} tokens in {:?}",
			text.len(),
			start.elapsed()
		);
	}
	assert!(differences.is_empty(), "{}", differences.join("\n"));
}
