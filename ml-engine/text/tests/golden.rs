//! The same ids as the references make.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_text::{GgufVocabulary, TokenKind, Tokenizer, TokenizerError, TokenizerFiles};
use std::collections::HashMap;
use support::{golden, part, part_of_hugging_face, part_tokenizer, smollm2, strings, SentencePiece};

#[derive(serde::Deserialize)]
struct Part {
	#[serde(rename = "llama.cpp")]
	llama_cpp: HashMap<String, Vec<Option<Vec<u32>>>>,
	trusted: Vec<Vec<u32>>,
	decoded: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Smollm2 {
	plain: Vec<Vec<u32>>,
	trusted: Vec<Option<Vec<u32>>>,
}

/// Compares all strings and reports every difference at once.
fn assert_ids(
	name: &str,
	encode: impl Fn(&str) -> Vec<u32>,
	expected: &[Option<Vec<u32>>],
	base: &[Option<Vec<u32>>],
) {
	let differences: Vec<_> = strings()
		.iter()
		.zip(expected.iter().zip(base))
		.filter_map(|(text, (expected, base))| {
			let expected = expected.as_ref().or(base.as_ref())?;
			let ids = encode(text);
			(&ids != expected).then(|| format!("{text:?}\n  expected {expected:?}\n  found    {ids:?}"))
		})
		.collect();
	assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
}

#[test]
fn text_becomes_the_ids_of_llama_cpp_when_any_known_pre_tokenizer_is_named() {
	let ids = golden::<Part>("part.json").llama_cpp;
	let of = |pre: &str| Tokenizer::from_gguf(&part(pre)).unwrap();
	let (composing, plain) = (of("qwen2"), of("stablelm2"));
	let is_composed = |text: &str| composing.encode(text).unwrap() == plain.encode(text).unwrap();
	for (pre, expected) in &ids {
		let tokenizer = of(pre);
		let composes = ["qwen2", "qwen35"].contains(&pre.as_str());
		// llama.cpp does not compose characters, and takes markup in any text for tokens.
		let keep = |(text, ids): (&String, &Option<Vec<u32>>)| {
			let is_comparable = !text.contains("<think>") && (!composes || is_composed(text));
			ids.clone().filter(|_| is_comparable)
		};
		let expected: Vec<_> = strings().iter().zip(expected).map(keep).collect();
		let base: Vec<_> = strings().iter().zip(&ids["smollm"]).map(keep).collect();
		assert_ids(pre, |text| tokenizer.encode(text).unwrap(), &expected, &base);
	}
}

#[test]
fn trusted_text_becomes_the_ids_of_hugging_face_when_it_contains_control_tokens() {
	let expected = golden::<Part>("part.json").trusted;
	let expected: Vec<_> = expected.into_iter().map(Some).collect();
	for tokenizer in [part_of_hugging_face(), Tokenizer::from_gguf(&part("smollm")).unwrap()] {
		assert_ids("trusted", |text| tokenizer.encode_trusted(text).unwrap(), &expected, &expected);
	}
}

#[test]
fn ids_become_the_text_of_hugging_face_when_control_tokens_are_skipped() {
	let Part { trusted, decoded, .. } = golden("part.json");
	let tokenizer = part_of_hugging_face();
	for (ids, decoded) in trusted.iter().zip(&decoded) {
		assert_eq!(&tokenizer.decode(ids), decoded);
	}
}

#[test]
fn text_becomes_the_ids_of_sentence_piece_when_the_vocabulary_has_scores() {
	let golden: SentencePiece = golden("sentence-piece.json");
	let tokenizer = Tokenizer::from_gguf(&golden.vocabulary()).unwrap();
	let expected: Vec<_> = golden.ids.iter().cloned().map(Some).collect();
	assert_ids("SentencePiece", |text| tokenizer.encode(text).unwrap(), &expected, &expected);
	for (text, ids) in strings().iter().zip(&golden.ids) {
		// SentencePiece writes a space as ▁, so that both are read as a space. One is put before a text that is not empty.
		let text = text.replace('▁', " ");
		assert_eq!(tokenizer.decode(ids), text);
		assert_eq!(tokenizer.byte_count(ids), text.len() as u64 + u64::from(!text.is_empty()), "{text:?}");
	}
}

#[test]
fn text_becomes_the_ids_of_llama_cpp_when_the_vocabulary_is_smollm2s() {
	let Some(vocabulary) = smollm2() else { return };
	let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
	assert_eq!(tokenizer.vocabulary_size(), 49_152);
	assert_eq!((tokenizer.start(), tokenizer.ends()), (None, &[0, 2][..]));
	let golden: Smollm2 = golden("smollm2.json");
	let plain: Vec<_> = golden.plain.into_iter().map(Some).collect();
	assert_ids("plain", |text| tokenizer.encode(text).unwrap(), &plain, &plain);
	assert_ids("trusted", |text| tokenizer.encode_trusted(text).unwrap(), &golden.trusted, &plain);
	let again = Tokenizer::from_canonical(tokenizer.to_canonical()).unwrap();
	assert_eq!(again.hash(), tokenizer.hash());
	assert_eq!(hex(tokenizer.hash()), "5885fd5ef283074c158e97a91c2970d3f429efdb197f7e619252d44d0477ef39");
}

fn hex(hash: [u8; 32]) -> String {
	hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn bytes_of_tokens_add_up_when_the_vocabulary_has_all_of_them() {
	let tokenizer = part_tokenizer();
	// SmolLM2 has no token for these bytes; llama.cpp and Hugging Face leave them out, too.
	let lacking = |byte: &u8| {
		matches!(byte, 0x04 | 0x06 | 0x13 | 0x14 | 0x16 | 0x1D | 0xC0 | 0xC1 | 0xF1 | 0xF2 | 0xF5..)
	};
	for text in strings() {
		let ids = tokenizer.encode(&text).unwrap();
		let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes(*id)).copied().collect();
		let expected: Vec<u8> = text.bytes().filter(|byte| !lacking(byte)).collect();
		assert_eq!(bytes, expected);
		assert_eq!(tokenizer.byte_count(&ids), expected.len() as u64);
	}
}

#[test]
fn the_hash_is_the_same_when_the_tokenizer_comes_from_its_canonical_file() {
	let tokenizer = part_tokenizer();
	let again = Tokenizer::from_canonical(tokenizer.to_canonical()).unwrap();
	assert_eq!(again.to_canonical(), tokenizer.to_canonical());
	assert_eq!(again.hash(), tokenizer.hash());
	assert_eq!(hex(tokenizer.hash()), "6bef03f432b8cbaacc89d19750e359ceae032ea7b0ae88765ec62998cfb2eaf2");
	let text = "fn main() { 123 }";
	assert_eq!(again.encode(text).unwrap(), tokenizer.encode(text).unwrap());
}

#[test]
fn tokens_report_their_kind_when_looked_up() {
	let tokenizer = part_tokenizer();
	let kind = |content: &str| tokenizer.token(tokenizer.id_of(content).unwrap()).unwrap().kind;
	assert_eq!(kind("<|im_end|>"), TokenKind::Control);
	assert_eq!(kind("<think>"), TokenKind::Markup);
	assert_eq!(kind("Ġthe"), TokenKind::Text);
	let the = tokenizer.token(tokenizer.id_of("Ġthe").unwrap()).unwrap();
	assert_eq!((the.content, the.bytes), ("Ġthe", &b" the"[..]));
	assert_eq!(tokenizer.token(tokenizer.vocabulary_size()), None);
	assert_eq!(tokenizer.bytes(u32::MAX), b"");
}

#[test]
fn a_long_run_of_blanks_keeps_every_byte_when_it_is_longer_than_a_pattern_can_look() {
	let tokenizer = part_tokenizer();
	let text = format!("a{}b{}", " ".repeat(1_200_000), "\n".repeat(70_000));
	assert_eq!(tokenizer.byte_count(&tokenizer.encode(&text).unwrap()), text.len() as u64);
}

#[test]
fn a_vocabulary_is_refused_when_it_contradicts_itself() {
	let change = |change: fn(&mut GgufVocabulary)| {
		let mut vocabulary = part("smollm");
		change(&mut vocabulary);
		Tokenizer::from_gguf(&vocabulary).unwrap_err()
	};
	let malformed: [fn(&mut GgufVocabulary); 7] = [
		|vocabulary| vocabulary.tokens.clear(),
		|vocabulary| vocabulary.tokens[20] = vocabulary.tokens[21].clone(),
		|vocabulary| vocabulary.merges.push("no".into()),
		|vocabulary| vocabulary.merges.push("t nope".into()),
		|vocabulary| vocabulary.eos = Some(1 << 20),
		|vocabulary| vocabulary.token_types.truncate(3),
		|vocabulary| vocabulary.model = "llama".into(),
	];
	for edit in malformed {
		assert!(matches!(change(edit), TokenizerError::Malformed(_)));
	}
	let error = change(|vocabulary| vocabulary.pre = "surprise".into());
	assert!(matches!(error, TokenizerError::UnknownPreTokenizer(name) if name == "surprise"));
	let error = change(|vocabulary| vocabulary.model = "bert".into());
	assert!(matches!(error, TokenizerError::Unsupported(_)));
}

#[test]
fn a_canonical_file_is_refused_when_its_bytes_are_not_canonical() {
	let tokenizer = part_tokenizer();
	let mut bytes = tokenizer.to_canonical().to_vec();
	bytes.push(b'\n');
	assert!(matches!(Tokenizer::from_canonical(&bytes), Err(TokenizerError::Malformed(_))));
	assert!(matches!(Tokenizer::from_canonical(b"{}"), Err(TokenizerError::Malformed(_))));
	let text = String::from_utf8(tokenizer.to_canonical().to_vec()).unwrap();
	let other = text.replace("blyan-tokenizer-1", "blyan-tokenizer-9");
	assert!(matches!(Tokenizer::from_canonical(other.as_bytes()), Err(TokenizerError::Unsupported(_))));
}

#[test]
fn a_tokenizer_is_refused_when_its_steps_are_not_bounded() {
	let file = |name: &str, value: serde_json::Value| {
		let mut file: serde_json::Value = golden("part.tokenizer.json");
		file[name] = value;
		let bytes = file.to_string().into_bytes();
		Tokenizer::from_files(TokenizerFiles { tokenizer: &bytes, ..Default::default() }).unwrap_err()
	};
	let doubling = serde_json::json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aa" });
	let sequence = |steps: Vec<_>| serde_json::json!({ "type": "Sequence", "normalizers": steps });
	let error = file("normalizer", sequence(vec![doubling; 20]));
	assert!(
		matches!(error, TokenizerError::TooLarge { what: "times growth by replacements", .. }),
		"{error}"
	);
	let error = file("normalizer", sequence(vec![serde_json::json!({ "type": "NFC" }); 40]));
	assert!(matches!(error, TokenizerError::TooLarge { what: "steps", .. }), "{error}");
	let error = file(
		"pre_tokenizer",
		serde_json::json!({ "type": "Split", "pattern": { "Regex": "(" }, "behavior": "Isolated", "invert": false }),
	);
	assert!(matches!(error, TokenizerError::Unsupported(_)), "{error}");
	let error = file("model", serde_json::json!({ "type": "WordPiece", "vocab": {} }));
	assert!(matches!(error, TokenizerError::Unsupported(_)), "{error}");
	let error =
		file("model", serde_json::json!({ "type": "BPE", "vocab": {"a": 4_000_000_000u32}, "merges": [] }));
	assert!(matches!(error, TokenizerError::TooLarge { what: "tokens", .. }), "{error}");
}

#[test]
fn special_tokens_come_from_the_configuration_when_there_is_one() {
	let files = TokenizerFiles {
		tokenizer: &support::bytes("part.tokenizer.json"),
		config: Some(br#"{"bos_token":{"content":"<|im_start|>"},"eos_token":"<repo_name>","add_bos_token":true,"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]}"#),
		generation_config: Some(br#"{"eos_token_id":[2,4]}"#),
		chat_template: None,
	};
	let tokenizer = Tokenizer::from_files(files).unwrap();
	assert_eq!(tokenizer.start(), Some(1));
	assert_eq!(tokenizer.ends(), [0, 2, 3, 4]);
	assert_eq!(tokenizer.chat_template(), Some("d"));
	assert_eq!(tokenizer.encode_document("a").unwrap(), [1, tokenizer.id_of("a").unwrap()]);
	let files = TokenizerFiles { chat_template: Some("own"), ..files };
	assert_eq!(Tokenizer::from_files(files).unwrap().chat_template(), Some("own"));
}
