//! Vocabularies and files that are malformed or adversarial: refused or harmless, never a panic.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_text::{GgufVocabulary, StreamOptions, TextStream, TokenKind, Tokenizer, TokenizerFiles};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::sync::{Arc, LazyLock};
use support::part_tokenizer;

static CANONICAL: LazyLock<Vec<u8>> = LazyLock::new(|| part_tokenizer().to_canonical().to_vec());
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| support::bytes("part.tokenizer.json"));

/// A vocabulary of few strings, so that many merges are possible, and with control tokens that merges can make.
fn vocabulary() -> impl Strategy<Value = GgufVocabulary> {
	let tokens = vec(
		select(vec![
			"a", "b", "ab", "ba", "aba", "<", ">", "<a", "<a>", "a>", "▁", "▁a", "Ġ", "<0x61>", "<0xE2>", "",
			"é",
		]),
		1..14,
	);
	let names =
		(select(vec!["gpt2", "llama"]), select(vec!["smollm", "llama-bpe", "tekken", "default", "x"]));
	let merges =
		vec(select(vec!["a b", "b a", "< a", "<a >", "a >", "< a>", "ab a", " a", "a ", "é é"]), 0..5);
	let ids = (option::of(0..16u32), option::of(0..16u32), option::of(0..16u32));
	let flags = (any::<bool>(), option::of(any::<bool>()), vec(1..7i32, 14), vec(any::<f32>(), 14));
	(tokens, names, merges, ids, flags).prop_map(
		|(mut tokens, (model, pre), merges, (bos, eos, unknown), flags)| {
			let (is_distinct, add_space_prefix, mut token_types, mut scores) = flags;
			if is_distinct {
				tokens.sort_unstable();
				tokens.dedup();
			}
			token_types.truncate(tokens.len());
			scores.truncate(tokens.len());
			GgufVocabulary {
				model: model.into(),
				pre: pre.into(),
				tokens: tokens.into_iter().map(str::to_owned).collect(),
				token_types,
				merges: merges.into_iter().map(str::to_owned).collect(),
				scores,
				bos,
				eos,
				unknown,
				add_space_prefix,
				..Default::default()
			}
		},
	)
}

/// Mends the faults for which a vocabulary is refused, so that what is left is only strange.
fn mended(vocabulary: GgufVocabulary) -> GgufVocabulary {
	let mut tokens: Vec<_> = vocabulary.tokens.into_iter().filter(|token| !token.is_empty()).collect();
	tokens.push("▁".into());
	tokens.sort_unstable();
	tokens.dedup();
	let size = tokens.len();
	let has = |token: &str| tokens.iter().any(|other| other == token);
	let is_possible = |merge: &String| {
		let (left, right) = merge.split_once(' ').unwrap();
		has(left) && has(right) && has(&[left, right].concat())
	};
	let (mut token_types, mut scores) = (vocabulary.token_types, vocabulary.scores);
	token_types.resize(size, 1);
	scores.resize(size, 0.5);
	GgufVocabulary {
		pre: vocabulary.pre.replace('x', "qwen2"),
		merges: vocabulary.merges.into_iter().filter(is_possible).collect(),
		bos: vocabulary.bos.map(|id| id % size as u32),
		eos: vocabulary.eos.map(|id| id % size as u32),
		unknown: vocabulary.unknown.map(|id| id % size as u32),
		tokens,
		token_types,
		scores,
		..vocabulary
	}
}

/// Uses a tokenizer, and checks that text does not become a reserved token.
fn exercise(tokenizer: Tokenizer, text: &str) -> Result<(), TestCaseError> {
	let tokenizer = Arc::new(tokenizer);
	let ids = tokenizer.encode(text).unwrap();
	for id in &ids {
		let kind = tokenizer.token(*id).unwrap().kind;
		prop_assert!(
			matches!(kind, TokenKind::Text | TokenKind::Unknown),
			"{:?} became {:?}",
			text,
			tokenizer.token(*id)
		);
	}
	let trusted = tokenizer.encode_trusted(text).unwrap();
	let mut stream = TextStream::new(tokenizer.clone(), StreamOptions::default()).unwrap();
	let written: String = trusted.iter().map(|id| stream.push(*id).text).collect();
	prop_assert_eq!(written + &stream.finish().text, tokenizer.decode(&trusted));
	let again = Tokenizer::from_canonical(tokenizer.to_canonical()).unwrap();
	prop_assert_eq!(again.hash(), tokenizer.hash());
	prop_assert_eq!(again.encode(text).unwrap(), ids);
	Ok(())
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(200))]

	#[test]
	fn a_vocabulary_is_refused_or_harmless_when_it_is_arbitrary(vocabulary in vocabulary(), text in "[ab<> ▁é\n]{0,12}") {
		if let Ok(tokenizer) = Tokenizer::from_gguf(&vocabulary) {
			exercise(tokenizer, &text)?;
		}
		exercise(Tokenizer::from_gguf(&mended(vocabulary)).unwrap(), &text)?;
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(128))]

	#[test]
	fn a_canonical_file_is_refused_or_harmless_when_bytes_of_it_change(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3)) {
		let mut bytes = CANONICAL.clone();
		for (index, byte) in changes {
			*index.get_mut(&mut bytes) = byte;
		}
		if let Ok(tokenizer) = Tokenizer::from_canonical(&bytes) {
			exercise(tokenizer, "fn main() { <|im_end|> }")?;
		}
	}

	#[test]
	fn a_file_of_hugging_face_is_refused_or_harmless_when_bytes_of_it_change(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3)) {
		let mut bytes = FILE.clone();
		for (index, byte) in changes {
			*index.get_mut(&mut bytes) = byte;
		}
		if let Ok(tokenizer) = Tokenizer::from_files(TokenizerFiles { tokenizer: &bytes, ..Default::default() }) {
			exercise(tokenizer, "fn main() { <|im_end|> }")?;
		}
	}
}
