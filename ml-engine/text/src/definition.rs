//! Canonical form of a tokenizer: everything that decides which ids a text becomes, and nothing else.
//!
//! Both sources, a GGUF file and a `tokenizer.json`, become this one record. Its JSON, with the fields in the order written
//! here and the keys of nested objects sorted, is the file that a model's directory keeps; its BLAKE2b-256 hash is the
//! tokenizer's name.

use crate::{error::TokenizerError, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;

/// Version of the form. Another one changes the hash of every tokenizer.
pub(crate) const FORMAT: &str = "blyan-tokenizer-1";
/// Bytes of a tokenizer's file, before anything of it is read. The largest known (262,144 tokens) has 34 MB.
pub(crate) const FILE_BYTES_MAX: usize = 64 << 20;
/// Tokens of a vocabulary: four times what the second definition of the network allows.
pub(crate) const TOKENS_MAX: usize = 1 << 20;
/// Merges of a vocabulary. SentencePiece's are one for each way to split a token.
const MERGES_MAX: usize = 1 << 23;
/// Bytes of one token.
const TOKEN_BYTES_MAX: usize = 4096;
/// Tokens that are matched before the merges. The most known have a few thousand.
const ADDED_MAX: usize = 1 << 16;

/// Relation between the strings of the vocabulary and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scheme {
	/// One character for each byte, by GPT-2's table.
	ByteLevel,
	/// Text with `▁` for a space, and tokens `<0x00>` to `<0xFF>` for bytes of what the vocabulary lacks.
	SentencePiece,
}

/// Class of a token that is matched before the merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AddedKind {
	/// A control token. Writes no text; never made from text.
	Control,
	/// Has the look of markup (`<think>`, `[INST]`). Writes its text; never made from a text that is not trusted.
	Markup,
	/// Anything else, such as a run of spaces. Writes its text, and text becomes it.
	Word,
}

/// Token that is matched before the merges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Added {
	pub id: TokenId,
	pub kind: AddedKind,
	/// Takes the white space on its left with it.
	#[serde(default, skip_serializing_if = "is_false")]
	pub left_strip: bool,
	/// Takes the white space on its right with it.
	#[serde(default, skip_serializing_if = "is_false")]
	pub right_strip: bool,
	/// Matches only between characters that belong to no word.
	#[serde(default, skip_serializing_if = "is_false")]
	pub single_word: bool,
}

impl Added {
	/// Builds one without conditions.
	pub fn new(id: TokenId, kind: AddedKind) -> Self {
		Self { id, kind, left_strip: false, right_strip: false, single_word: false }
	}
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
	!value
}

/// Canonical form of a tokenizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
	pub format: String,
	pub scheme: Scheme,
	/// Strings by id. An empty string is a hole.
	pub tokens: Vec<String>,
	/// Pairs of ids, the first to be merged first.
	pub merges: Vec<(TokenId, TokenId)>,
	/// Sorted by id.
	pub added: Vec<Added>,
	/// Token of what cannot be written, if any.
	pub unknown: Option<TokenId>,
	/// One token for several unknown characters in a row.
	pub fuse_unknown: bool,
	/// A word that is in the vocabulary is one token, whatever the merges say.
	pub ignore_merges: bool,
	/// As in `tokenizer.json`.
	pub normalizer: Option<Value>,
	/// As in `tokenizer.json`.
	pub pre_tokenizer: Option<Value>,
	/// The first space of a decoded text was not in the text.
	pub strip_first_space: bool,
	/// Token that begins a document, for templates.
	pub bos: Option<TokenId>,
	/// Token that ends a document, for templates.
	pub eos: Option<TokenId>,
	/// `bos` is put before a document.
	pub add_bos: bool,
	/// Tokens that end a turn or a document. Sorted.
	pub ends: Vec<TokenId>,
	/// The checkpoint's template of a conversation.
	pub chat_template: Option<String>,
}

impl Definition {
	/// Sorts what has no order of its own, makes control tokens of those that begin or end a document, and refuses what
	/// contradicts itself.
	pub fn normalise(mut self) -> Result<Self, TokenizerError> {
		for id in self.bos.iter().chain(&self.ends) {
			match self.added.iter_mut().find(|added| added.id == *id) {
				Some(added) => added.kind = AddedKind::Control,
				None => self.added.push(Added::new(*id, AddedKind::Control)),
			}
		}
		self.added.sort_by_key(|added| added.id);
		self.ends.sort_unstable();
		self.ends.dedup();
		self.normalizer = self.normalizer.as_ref().map(sorted);
		self.pre_tokenizer = self.pre_tokenizer.as_ref().map(sorted);
		self.ensure_limits()?;
		ensure_bounded(self.normalizer.iter().chain(&self.pre_tokenizer))?;
		self.ensure_distinct()?;
		self.ensure_ids()?;
		Ok(self)
	}

	fn ensure_limits(&self) -> Result<(), TokenizerError> {
		let longest = self.tokens.iter().map(String::len).max().unwrap_or(0);
		let counts = [
			("tokens", self.tokens.len(), TOKENS_MAX),
			("merges", self.merges.len(), MERGES_MAX),
			("added tokens", self.added.len(), ADDED_MAX),
			("bytes in one token", longest, TOKEN_BYTES_MAX),
		];
		for (what, value, limit) in counts {
			if value > limit {
				return Err(TokenizerError::TooLarge { what, value, limit });
			}
		}
		if self.tokens.is_empty() {
			return Err(TokenizerError::Malformed("it has no tokens".into()));
		}
		if self.scheme == Scheme::SentencePiece && !self.tokens.iter().any(|token| token == "▁") {
			return Err(TokenizerError::Malformed("it has no token for a space".into()));
		}
		Ok(())
	}

	fn ensure_distinct(&self) -> Result<(), TokenizerError> {
		let mut seen = HashSet::with_capacity(self.tokens.len());
		for (id, token) in self.tokens.iter().enumerate() {
			if !token.is_empty() && !seen.insert(token.as_str()) {
				return Err(TokenizerError::Malformed(format!("token {id} repeats {token:?}")));
			}
		}
		match self.added.windows(2).find(|pair| pair[0].id == pair[1].id) {
			Some(pair) => Err(TokenizerError::Malformed(format!("token {} is added twice", pair[0].id))),
			None => Ok(()),
		}
	}

	fn ensure_ids(&self) -> Result<(), TokenizerError> {
		let exists = |id: &TokenId| self.tokens.get(*id as usize).is_some_and(|token| !token.is_empty());
		let special = self.unknown.iter().chain(&self.bos).chain(&self.eos).chain(&self.ends);
		let named = self.added.iter().map(|added| &added.id).chain(special);
		let merged = self.merges.iter().flat_map(|(left, right)| [left, right]);
		match named.chain(merged).find(|id| !exists(id)) {
			Some(id) => {
				let size = self.tokens.len();
				Err(TokenizerError::Malformed(format!("token {id} is named but not among its {size} tokens")))
			}
			None => Ok(()),
		}
	}

	/// Writes the canonical bytes.
	pub fn to_bytes(&self) -> Vec<u8> {
		serde_json::to_vec(self).expect("strings, numbers and JSON values serialise; qed")
	}

	/// Reads canonical bytes. Other bytes that mean the same are refused, since the hash names bytes.
	pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenizerError> {
		ensure_file_size(bytes)?;
		let definition: Self =
			serde_json::from_slice(bytes).map_err(|error| TokenizerError::Malformed(error.to_string()))?;
		if definition.format != FORMAT {
			let format = definition.format;
			return Err(TokenizerError::Unsupported(format!("format {format:?} is not {FORMAT:?}")));
		}
		let definition = definition.normalise()?;
		if definition.to_bytes() != bytes {
			return Err(TokenizerError::Malformed("its bytes are not in canonical form".into()));
		}
		Ok(definition)
	}
}

/// Refuses a file before anything of it is read.
pub(crate) fn ensure_file_size(bytes: &[u8]) -> Result<(), TokenizerError> {
	if bytes.len() > FILE_BYTES_MAX {
		return Err(TokenizerError::TooLarge { what: "bytes", value: bytes.len(), limit: FILE_BYTES_MAX });
	}
	Ok(())
}

/// Steps of a normalizer and a pre-tokenizer together. Llama 3's has two, the most known have seven.
const STEPS_MAX: usize = 32;
/// Bytes of a regular expression.
const PATTERN_BYTES_MAX: usize = 8192;
/// Factor by which replacements may lengthen a text, one after the other. `▁` for a space is a factor of three.
const GROWTH_MAX: usize = 64;

/// Refuses steps that would take more time or memory than a text deserves: a few dozen replacements of one letter by two
/// would use up any.
fn ensure_bounded<'v>(steps: impl Iterator<Item = &'v Value>) -> Result<(), TokenizerError> {
	let (mut open, mut count, mut growth): (Vec<_>, usize, usize) = (steps.collect(), 0, 1);
	let too_large = |what, value, limit| Err(TokenizerError::TooLarge { what, value, limit });
	while let Some(value) = open.pop() {
		match value {
			Value::Array(items) => open.extend(items),
			Value::Object(fields) => {
				count += usize::from(fields.contains_key("type"));
				let content = fields.get("content").and_then(Value::as_str).map_or(0, str::len);
				growth = growth.saturating_mul(content.max(1));
				open.extend(fields.values());
			}
			Value::String(text) if text.len() > PATTERN_BYTES_MAX => {
				return too_large("bytes in a pattern", text.len(), PATTERN_BYTES_MAX);
			}
			_ => {}
		}
	}
	match (count > STEPS_MAX, growth > GROWTH_MAX) {
		(true, _) => too_large("steps", count, STEPS_MAX),
		(_, true) => too_large("times growth by replacements", growth, GROWTH_MAX),
		_ => Ok(()),
	}
}

/// Sorts the keys of objects, so that the bytes do not depend on the order in which a file has them.
fn sorted(value: &Value) -> Value {
	match value {
		Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
		Value::Object(fields) => {
			let mut keys: Vec<_> = fields.keys().collect();
			keys.sort_unstable();
			Value::Object(keys.into_iter().map(|key| (key.clone(), sorted(&fields[key]))).collect())
		}
		scalar => scalar.clone(),
	}
}

/// Reports whether a string looks like markup rather than text: in brackets, and more than the brackets.
pub(crate) fn is_markup(content: &str) -> bool {
	let brackets = [('<', '>'), ('[', ']'), ('＜', '＞')];
	let inner = content.trim();
	inner.chars().count() > 2
		&& brackets.iter().any(|&(open, close)| inner.starts_with(open) && inner.ends_with(close))
}

/// Contents of control tokens that end a turn or a document in the models that have them.
const END_CONTENTS: [&str; 14] = [
	"<|im_end|>",
	"<|eot_id|>",
	"<|eom_id|>",
	"<|end|>",
	"<|endoftext|>",
	"<|end_of_text|>",
	"<|end_of_turn|>",
	"<|endofturn|>",
	"<|return|>",
	"<end_of_turn>",
	"<end_of_utterance>",
	"<turn|>",
	"</s>",
	"<eos>",
];

/// Reports whether a token with this content is a control token whatever its file says: some converted files mark the end of
/// a turn as plain text, and a model would then never stop. The content must be one that no text has by chance.
pub(crate) fn is_control_anyway(content: &str) -> bool {
	END_CONTENTS.contains(&content) && !["</s>", "<eos>"].contains(&content)
}

/// Control tokens that end a turn, by their content. Files name one end token; models use several.
pub(crate) fn known_ends(tokens: &[String], added: &[Added]) -> Vec<TokenId> {
	let controls = added.iter().filter(|added| added.kind == AddedKind::Control);
	let is_end = |id: &TokenId| {
		tokens.get(*id as usize).is_some_and(|content| END_CONTENTS.contains(&content.as_str()))
	};
	controls.map(|added| added.id).filter(is_end).collect()
}
