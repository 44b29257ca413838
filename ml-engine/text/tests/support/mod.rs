//! Vectors that references made (`golden/make.py`), and the tokenizers that they belong to.
#![allow(dead_code)] // each test takes a part

use blyan_text::{GgufVocabulary, Message, Tokenizer, TokenizerFiles};
use serde::de::DeserializeOwned;
use std::{collections::HashMap, fs, path::PathBuf, sync::Arc};

/// Variable that names the GGUF file of SmolLM2-135M-Instruct.
pub const SMOLLM2: &str = "BLYAN_SMOLLM2";

pub fn bytes(name: &str) -> Vec<u8> {
	let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
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
	match std::env::var_os(SMOLLM2) {
		Some(path) => Some(Reader { bytes: fs::read(path).unwrap(), at: 0 }.vocabulary()),
		None => {
			eprintln!("skipped: {SMOLLM2} does not name SmolLM2-135M-Instruct.Q4_1.gguf");
			None
		}
	}
}

/// Reader of the fields at the beginning of a GGUF file: enough for these tests, without a check.
struct Reader {
	bytes: Vec<u8>,
	at: usize,
}

enum Field {
	Number(u64),
	Text(String),
	List(Vec<Field>),
}

impl Reader {
	fn vocabulary(mut self) -> GgufVocabulary {
		assert_eq!(self.take(4), b"GGUF");
		let (_version, _tensors, count) = (self.number(4), self.number(8), self.number(8));
		let mut fields: HashMap<_, _> = (0..count).map(|_| self.entry()).collect();
		let mut field = |name: &str| fields.remove(&format!("tokenizer.{name}"));
		GgufVocabulary {
			model: field("ggml.model").unwrap().text(),
			pre: field("ggml.pre").unwrap().text(),
			tokens: field("ggml.tokens").unwrap().list(Field::text),
			token_types: field("ggml.token_type").unwrap().list(|field| field.number() as i32),
			merges: field("ggml.merges").unwrap().list(Field::text),
			scores: Vec::new(),
			bos: field("ggml.bos_token_id").map(|field| field.number() as u32),
			eos: field("ggml.eos_token_id").map(|field| field.number() as u32),
			eot: None,
			unknown: field("ggml.unknown_token_id").map(|field| field.number() as u32),
			add_bos: field("ggml.add_bos_token").map(|field| field.number() == 1),
			add_space_prefix: field("ggml.add_space_prefix").map(|field| field.number() == 1),
			chat_template: field("chat_template").map(Field::text),
		}
	}

	fn take(&mut self, count: usize) -> &[u8] {
		self.at += count;
		&self.bytes[self.at - count..self.at]
	}

	fn number(&mut self, count: usize) -> u64 {
		let mut bytes = [0; 8];
		bytes[..count].copy_from_slice(self.take(count));
		u64::from_le_bytes(bytes)
	}

	fn string(&mut self) -> String {
		let length = self.number(8) as usize;
		String::from_utf8(self.take(length).to_vec()).unwrap()
	}

	fn entry(&mut self) -> (String, Field) {
		let name = self.string();
		let kind = self.number(4);
		(name, self.field(kind))
	}

	fn field(&mut self, kind: u64) -> Field {
		match kind {
			0 | 1 | 7 => Field::Number(self.number(1)),
			2 | 3 => Field::Number(self.number(2)),
			4..=6 => Field::Number(self.number(4)),
			8 => Field::Text(self.string()),
			9 => {
				let (kind, count) = (self.number(4), self.number(8));
				Field::List((0..count).map(|_| self.field(kind)).collect())
			}
			_ => Field::Number(self.number(8)),
		}
	}
}

impl Field {
	fn text(self) -> String {
		match self {
			Self::Text(text) => text,
			_ => panic!("not a string"),
		}
	}

	fn number(self) -> u64 {
		match self {
			Self::Number(number) => number,
			_ => panic!("not a number"),
		}
	}

	fn list<T>(self, convert: impl Fn(Field) -> T) -> Vec<T> {
		match self {
			Self::List(fields) => fields.into_iter().map(convert).collect(),
			_ => panic!("not a list"),
		}
	}
}
