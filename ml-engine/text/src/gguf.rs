//! Tokenizers from what a GGUF file says about them.

use crate::{
	definition::{is_control_anyway, is_markup, known_ends, Added, AddedKind, Definition, Scheme, FORMAT},
	error::TokenizerError,
	pre_tokenizer::{self, Named},
	TokenId,
};
use serde_json::json;
use std::collections::HashMap;

/// Tokenizer fields of a GGUF file (`tokenizer.ggml.*`), as plain data. A reader of GGUF fills it; nothing here opens files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GgufVocabulary {
	/// `model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece BPE).
	pub model: String,
	/// `pre`: name of the pre-tokenizer; empty where the file has none.
	pub pre: String,
	/// `tokens`, by id.
	pub tokens: Vec<String>,
	/// `token_type`, by id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. Empty: all are normal.
	pub token_types: Vec<i32>,
	/// `merges` of byte-level BPE: two tokens with a space between them, the first to be merged first.
	pub merges: Vec<String>,
	/// `scores` of SentencePiece BPE, by id: the highest is merged first.
	pub scores: Vec<f32>,
	/// `bos_token_id`.
	pub bos: Option<TokenId>,
	/// `eos_token_id`.
	pub eos: Option<TokenId>,
	/// `eot_token_id`: the end of a turn, where it is not the end of a document.
	pub eot: Option<TokenId>,
	/// `unknown_token_id`.
	pub unknown: Option<TokenId>,
	/// `add_bos_token`.
	pub add_bos: Option<bool>,
	/// `add_space_prefix`.
	pub add_space_prefix: Option<bool>,
	/// `tokenizer.chat_template`.
	pub chat_template: Option<String>,
}

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;

impl GgufVocabulary {
	pub(crate) fn definition(&self) -> Result<Definition, TokenizerError> {
		if !self.token_types.is_empty() && self.token_types.len() != self.tokens.len() {
			let (types, tokens) = (self.token_types.len(), self.tokens.len());
			return Err(TokenizerError::Malformed(format!("{types} token types for {tokens} tokens")));
		}
		match self.model.as_str() {
			"gpt2" => self.byte_level(),
			"llama" => self.sentence_piece(),
			model => Err(TokenizerError::Unsupported(format!("tokenizer.ggml.model {model:?}"))),
		}
	}

	fn byte_level(&self) -> Result<Definition, TokenizerError> {
		let Named { pre_tokenizer, normalizer, ignore_merges, add_bos } = pre_tokenizer::named(&self.pre)?;
		let ids = self.ids();
		let parse = |merge: &String| {
			let malformed =
				|| TokenizerError::Malformed(format!("merge {merge:?} does not name two of its tokens"));
			// The first character belongs to the left token even if it is a space.
			let space = merge.char_indices().skip(1).find(|(_, char)| *char == ' ').map(|(index, _)| index);
			let (left, right) = merge.split_at(space.ok_or_else(malformed)?);
			match (ids.get(left), ids.get(&right[1..])) {
				(Some(left), Some(right)) => Ok((*left, *right)),
				_ => Err(malformed()),
			}
		};
		let merges = self.merges.iter().map(parse).collect::<Result<_, _>>()?;
		Ok(Definition {
			scheme: Scheme::ByteLevel,
			merges,
			ignore_merges,
			normalizer,
			pre_tokenizer: Some(pre_tokenizer),
			add_bos: self.add_bos.unwrap_or(add_bos) && self.bos.is_some(),
			..self.common()
		})
	}

	fn sentence_piece(&self) -> Result<Definition, TokenizerError> {
		let add_space_prefix = self.add_space_prefix.unwrap_or(true);
		let escape = json!({ "type": "Replace", "pattern": { "String": " " }, "content": "▁" });
		let prepend = json!({ "type": "Prepend", "prepend": "▁" });
		let normalizer = match add_space_prefix {
			true => json!({ "type": "Sequence", "normalizers": [prepend, escape] }),
			false => escape,
		};
		let typed = (0..).zip(&self.token_types).find(|(_, kind)| **kind == UNKNOWN).map(|(id, _)| id);
		let special = [self.bos, self.eos, self.eot];
		Ok(Definition {
			scheme: Scheme::SentencePiece,
			merges: self.merges_by_score()?,
			unknown: typed.or(self.unknown).filter(|id| !special.contains(&Some(*id))),
			fuse_unknown: true,
			normalizer: Some(normalizer),
			strip_first_space: add_space_prefix,
			add_bos: self.add_bos.unwrap_or(true) && self.bos.is_some(),
			..self.common()
		})
	}

	/// Fills in the fields that both kinds share.
	fn common(&self) -> Definition {
		let added = self.added();
		let mut ends = known_ends(&self.tokens, &added);
		ends.extend(self.eos.iter().chain(&self.eot));
		Definition {
			format: FORMAT.into(),
			scheme: Scheme::ByteLevel,
			tokens: self.tokens.clone(),
			merges: Vec::new(),
			added,
			unknown: None,
			fuse_unknown: false,
			ignore_merges: false,
			normalizer: None,
			pre_tokenizer: None,
			strip_first_space: false,
			bos: self.bos,
			eos: self.eos,
			add_bos: false,
			ends,
			chat_template: self.chat_template.clone(),
		}
	}

	fn kind(&self, id: usize) -> i32 {
		self.token_types.get(id).copied().unwrap_or(NORMAL)
	}

	fn ids(&self) -> HashMap<&str, TokenId> {
		self.tokens.iter().map(String::as_str).zip(0..).collect()
	}

	fn added(&self) -> Vec<Added> {
		let special = [self.bos, self.eos, self.eot];
		let classify = |(content, id): (&String, TokenId)| {
			let kind = match self.kind(id as usize) {
				_ if content.is_empty() => return None,
				CONTROL | UNKNOWN => AddedKind::Control,
				_ if special.contains(&Some(id)) || is_control_anyway(content) => AddedKind::Control,
				USER_DEFINED if is_markup(content) => AddedKind::Markup,
				USER_DEFINED => AddedKind::Word,
				_ => return None,
			};
			Some(Added::new(id, kind))
		};
		self.tokens.iter().zip(0..).filter_map(classify).collect()
	}

	/// Derives SentencePiece's merges: two tokens are merged if the vocabulary has the result, the one with the highest
	/// score first. Of several ways to make the same token the one with the longest left part comes first, as in
	/// Hugging Face's conversion.
	fn merges_by_score(&self) -> Result<Vec<(TokenId, TokenId)>, TokenizerError> {
		if self.scores.len() != self.tokens.len() || self.scores.iter().any(|score| score.is_nan()) {
			let (scores, tokens) = (self.scores.len(), self.tokens.len());
			return Err(TokenizerError::Malformed(format!(
				"{scores} scores, all of them numbers, for {tokens} tokens"
			)));
		}
		let mut ids = self.ids();
		ids.retain(|_, id| matches!(self.kind(*id as usize), NORMAL | UNUSED));
		let mut merges = Vec::new();
		for (content, id) in &ids {
			let splits = content.char_indices().skip(1).map(|(at, _)| content.split_at(at));
			let score = self.scores[*id as usize];
			merges.extend(splits.filter_map(|(left, right)| {
				let (left_id, right_id) = (*ids.get(left)?, *ids.get(right)?);
				Some((score, left.chars().count(), left_id, right_id))
			}));
		}
		merges.sort_unstable_by(|a, b| {
			b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)).then(a.3.cmp(&b.3))
		});
		Ok(merges.into_iter().map(|(_, _, left, right)| (left, right)).collect())
	}
}
