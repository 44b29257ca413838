//! Pre-tokenizers by the names that GGUF files use, in the form that `tokenizer.json` has.
//!
//! The patterns are those of the models' own `tokenizer.json` files. A byte-level step without a pattern of its own follows,
//! which writes each byte as one character.

use crate::error::TokenizerError;
use serde_json::{json, Value};

/// Words of GPT-2: contractions, letters, numbers, other characters, white space.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// Words of Llama 3: numbers in groups of up to three digits.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words of Qwen 2: numbers digit by digit.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words of Qwen 3.5: combining marks belong to letters.
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words of GPT-4o.
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Words of Mistral's Tekken.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Punctuation, the first of four patterns for files that name no pre-tokenizer.
const DEFAULT_PUNCTUATION: &str = r"[\p{P}\$\+<=>\^~\|]+";

/// Pre-tokenizer of a GGUF file with byte-level BPE.
pub(crate) struct Named {
	/// As in `tokenizer.json`.
	pub pre_tokenizer: Value,
	/// As in `tokenizer.json`.
	pub normalizer: Option<Value>,
	/// A word that is in the vocabulary is one token, whatever the merges say.
	pub ignore_merges: bool,
	/// A document begins with BOS where the file does not say.
	pub add_bos: bool,
}

impl Named {
	fn new(pre_tokenizer: Value) -> Self {
		Self { pre_tokenizer, normalizer: None, ignore_merges: false, add_bos: false }
	}

	/// Composes characters first, as the Qwen models do.
	fn composed(self) -> Self {
		Self { normalizer: Some(json!({ "type": "NFC" })), ..self }
	}

	fn with_ignored_merges(self) -> Self {
		Self { ignore_merges: true, ..self }
	}

	fn with_bos(self) -> Self {
		Self { add_bos: true, ..self }
	}
}

/// Looks up a pre-tokenizer by the name in `tokenizer.ggml.pre`.
pub(crate) fn named(name: &str) -> Result<Named, TokenizerError> {
	let named = match name {
		"" | "default" => Named::new(split_by(&[DEFAULT_PUNCTUATION, GPT2, r"\p{N}+", "[0-9][0-9][0-9]"])),
		"gpt-2" | "gpt2" | "mpt" | "olmo" | "jais" | "phi-2" | "exaone4" | "trillion" | "granite-docling" => {
			Named::new(byte_level(true))
		}
		"smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
			let digits = json!({ "type": "Digits", "individual_digits": true });
			Named::new(sequence(vec![digits, byte_level(true)]))
		}
		"llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2" => {
			Named::new(split_by(&[LLAMA3])).with_ignored_merges().with_bos()
		}
		"dbrx" | "smaug-bpe" | "chatglm-bpe" | "glm4" => Named::new(split_by(&[LLAMA3])),
		"qwen2" | "deepseek-r1-qwen" | "megrez" => Named::new(split_by(&[QWEN2])).composed(),
		"stablelm2" | "hunyuan" | "solar-open" | "grok-2" => Named::new(split_by(&[QWEN2])),
		"qwen35" => Named::new(split_by(&[QWEN35])).composed(),
		"gpt-4o" | "llama4" => Named::new(split_by(&[GPT4O])),
		"tekken" => Named::new(split_by(&[TEKKEN])).with_ignored_merges().with_bos(),
		unknown => return Err(TokenizerError::UnknownPreTokenizer(unknown.into())),
	};
	Ok(named)
}

fn sequence(steps: Vec<Value>) -> Value {
	json!({ "type": "Sequence", "pretokenizers": steps })
}

fn byte_level(use_regex: bool) -> Value {
	json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex })
}

/// Splits by one pattern after the other, each within the pieces of the one before, then writes bytes as characters.
fn split_by(patterns: &[&str]) -> Value {
	let split = |pattern: &&str| json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
	let steps = patterns.iter().map(split).chain([byte_level(false)]);
	sequence(steps.collect())
}
