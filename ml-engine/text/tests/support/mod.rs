//! Vectors that references made (`golden/make.py`), and the tokenizers that they belong to.
#![allow(dead_code)] // each test takes a part

use blyan_checkpoint::{Checkpoint, Tokenizer as Source};
use blyan_text::{GgufVocabulary, Message, Tokenizer, TokenizerFiles};
use serde::de::DeserializeOwned;
use std::{collections::HashMap, fs, path::PathBuf, sync::Arc};

/// Variable that names the GGUF file of SmolLM2-135M-Instruct.
pub const SMOLLM2: &str = "BLYAN_SMOLLM2";

pub fn bytes(name: &str) -> Vec<u8> {
	let path = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("golden").join(name);
	fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn golden<T: DeserializeOwned>(name: &str) -> T {
	serde_json::from_slice(&bytes(name)).unwrap()
}

pub fn strings() -> Vec<String> {
	golden("strings.json")
}

#[derive(serde::Deserialize)]
pub struct Conversation {
	/// No message contains the string of a control token.
	pub benign: bool,
	pub messages: Vec<Message>,
}

pub fn conversations() -> Vec<Conversation> {
	golden("chats.json")
}

#[derive(serde::Deserialize)]
struct File {
	added_tokens: Vec<FileToken>,
	model: FileModel,
}

#[derive(serde::Deserialize)]
struct FileToken {
	id: u32,
	content: String,
	special: bool,
}

#[derive(serde::Deserialize)]
struct FileModel {
	vocab: HashMap<String, u32>,
	merges: Vec<(String, String)>,
}

/// The part of SmolLM2's vocabulary as a GGUF file would have it, with any pre-tokenizer.
pub fn part(pre: &str) -> GgufVocabulary {
	let file: File = golden("part.tokenizer.json");
	let size = file.added_tokens.iter().map(|token| token.id + 1).max().unwrap() as usize;
	let (mut tokens, mut token_types) = (vec![String::new(); size], vec![1; size]);
	for (content, id) in file.model.vocab {
		tokens[id as usize] = content;
	}
	for FileToken { id, content, special } in file.added_tokens {
		tokens[id as usize] = content;
		token_types[id as usize] = if special { 3 } else { 4 };
	}
	let merges = file.model.merges.into_iter().map(|(left, right)| format!("{left} {right}")).collect();
	GgufVocabulary {
		model: "gpt2".into(),
		pre: pre.into(),
		tokens,
		token_types,
		merges,
		bos: Some(1),
		eos: Some(2),
		add_bos: Some(false),
		..Default::default()
	}
}

pub fn part_tokenizer() -> Arc<Tokenizer> {
	Arc::new(Tokenizer::from_gguf(&part("smollm")).unwrap())
}

pub fn part_of_hugging_face() -> Tokenizer {
	let files = TokenizerFiles { tokenizer: &bytes("part.tokenizer.json"), ..Default::default() };
	Tokenizer::from_files(files).unwrap()
}

#[derive(serde::Deserialize)]
pub struct SentencePiece {
	pub tokens: Vec<String>,
	pub scores: Vec<f32>,
	pub types: Vec<i32>,
	pub ids: Vec<Vec<u32>>,
}

impl SentencePiece {
	pub fn vocabulary(&self) -> GgufVocabulary {
		GgufVocabulary {
			model: "llama".into(),
			tokens: self.tokens.clone(),
			scores: self.scores.clone(),
			token_types: self.types.clone(),
			bos: Some(1),
			eos: Some(2),
			..Default::default()
		}
	}
}

/// Reads what the GGUF file says about its tokenizer; `None`, with a word about it, where the file is not there.
pub fn smollm2() -> Option<GgufVocabulary> {
	let Some(path) = std::env::var_os(SMOLLM2) else {
		eprintln!("skipped: {SMOLLM2} does not name SmolLM2-135M-Instruct.Q4_1.gguf");
		return None;
	};
	let checkpoint = Checkpoint::open(path.as_ref()).unwrap();
	let source = match checkpoint.tokenizer().unwrap() {
		Source::Gguf(source) => source,
		Source::Files { .. } => panic!("{SMOLLM2} names a directory"),
	};
	Some(GgufVocabulary {
		model: source.model,
		pre: source.pre.unwrap_or_default(),
		tokens: source.tokens,
		token_types: source.types,
		merges: source.merges,
		scores: source.scores,
		bos: source.bos,
		eos: source.eos,
		eot: source.eot,
		unknown: source.unknown,
		add_bos: source.adds_bos,
		add_space_prefix: source.adds_space_prefix,
		chat_template: checkpoint.chat_template().map(str::to_owned),
	})
}
