//! Tokenizers from the files of a Hugging Face checkpoint.

use crate::{
	definition::{
		ensure_file_size, is_control_anyway, is_markup, known_ends, Added, AddedKind, Definition, Scheme,
		FORMAT,
	},
	error::TokenizerError,
	TokenId,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// Bytes of the files of a checkpoint that concern its tokenizer. All but the first may be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerFiles<'a> {
	/// `tokenizer.json`.
	pub tokenizer: &'a [u8],
	/// `tokenizer_config.json`.
	pub config: Option<&'a [u8]>,
	/// `generation_config.json`.
	pub generation_config: Option<&'a [u8]>,
	/// `chat_template.jinja`.
	pub chat_template: Option<&'a str>,
}

#[derive(Deserialize)]
struct File {
	#[serde(default)]
	added_tokens: Vec<FileToken>,
	normalizer: Option<Value>,
	pre_tokenizer: Option<Value>,
	post_processor: Option<Value>,
	decoder: Option<Value>,
	model: Model,
}

#[derive(Deserialize)]
struct FileToken {
	id: TokenId,
	content: String,
	#[serde(default)]
	single_word: bool,
	#[serde(default)]
	lstrip: bool,
	#[serde(default)]
	rstrip: bool,
	#[serde(default)]
	special: bool,
}

#[derive(Deserialize)]
struct Model {
	#[serde(rename = "type")]
	kind: Option<String>,
	#[serde(default)]
	vocab: Value,
	#[serde(default)]
	merges: Vec<Merge>,
	unk_token: Option<String>,
	continuing_subword_prefix: Option<String>,
	end_of_word_suffix: Option<String>,
	#[serde(default)]
	fuse_unk: bool,
	#[serde(default)]
	byte_fallback: bool,
	#[serde(default)]
	ignore_merges: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
	Pair(String, String),
	Line(String),
}

/// Special tokens in `tokenizer_config.json`: a string, or an object with the string.
#[derive(Deserialize, Default)]
struct Config {
	bos_token: Option<Value>,
	eos_token: Option<Value>,
	add_bos_token: Option<bool>,
	chat_template: Option<Value>,
}

#[derive(Deserialize, Default)]
struct GenerationConfig {
	eos_token_id: Option<Value>,
}

impl TokenizerFiles<'_> {
	pub(crate) fn definition(&self) -> Result<Definition, TokenizerError> {
		let file: File = parse("tokenizer.json", self.tokenizer)?;
		let config: Config = optional("tokenizer_config.json", self.config)?;
		let generation: GenerationConfig = optional("generation_config.json", self.generation_config)?;
		file.model.ensure_supported()?;
		let scheme = file.scheme()?;
		let tokens = file.tokens()?;
		let ids: HashMap<&str, TokenId> = tokens.iter().map(String::as_str).zip(0..).collect();
		let added: Vec<_> = file.added_tokens.iter().map(FileToken::classify).collect();
		let id_of = |value: &Option<Value>| {
			let value = value.as_ref()?;
			let content = value.as_str().or_else(|| value.get("content")?.as_str())?;
			ids.get(content).copied()
		};
		let processed = file.post_processor.as_ref().and_then(first_added_id);
		let (bos, eos) = (id_of(&config.bos_token).or(processed), id_of(&config.eos_token));
		let mut ends = known_ends(&tokens, &added);
		ends.extend(eos);
		ends.extend(generation.ends());
		let unknown = file.model.unk_token.as_ref().and_then(|content| ids.get(content.as_str()).copied());
		Ok(Definition {
			format: FORMAT.into(),
			scheme,
			merges: file.model.merges(&ids)?,
			// A byte-level vocabulary without a byte drops it. Its unknown token is often the end of a document, which no
			// text may become.
			unknown: unknown
				.filter(|id| scheme == Scheme::SentencePiece && !ends.contains(id) && bos != Some(*id)),
			fuse_unknown: file.model.fuse_unk,
			ignore_merges: file.model.ignore_merges,
			strip_first_space: file.decoder.as_ref().is_some_and(strips_first_space),
			normalizer: file.normalizer,
			pre_tokenizer: file.pre_tokenizer,
			bos,
			eos,
			add_bos: config.add_bos_token.unwrap_or(processed.is_some()) && bos.is_some(),
			ends,
			chat_template: self.chat_template.map(str::to_owned).or_else(|| config.template()),
			added,
			tokens,
		})
	}
}

fn parse<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, TokenizerError> {
	ensure_file_size(bytes)?;
	serde_json::from_slice(bytes).map_err(|error| TokenizerError::Malformed(format!("{name}: {error}")))
}

fn optional<'a, T: Deserialize<'a> + Default>(
	name: &str,
	bytes: Option<&'a [u8]>,
) -> Result<T, TokenizerError> {
	bytes.map_or_else(|| Ok(T::default()), |bytes| parse(name, bytes))
}

impl File {
	/// Tells how strings stand for bytes, by the decoder; without an exact way nothing can be scored in bits per byte.
	fn scheme(&self) -> Result<Scheme, TokenizerError> {
		let has = |kind: &str| {
			[&self.decoder, &self.pre_tokenizer].into_iter().flatten().any(|value| has_step(value, kind))
		};
		if has("ByteLevel") {
			return Ok(Scheme::ByteLevel);
		}
		match self.model.byte_fallback {
			true => Ok(Scheme::SentencePiece),
			false => Err(TokenizerError::Unsupported("neither a byte-level step nor byte fallback".into())),
		}
	}

	/// Returns the strings of the model and of added tokens by id.
	fn tokens(&self) -> Result<Vec<String>, TokenizerError> {
		let vocabulary = self.model.vocab.as_object();
		let vocabulary =
			vocabulary.ok_or_else(|| TokenizerError::Malformed("model.vocab is not an object".into()))?;
		let id_of = |(content, id): (&String, &Value)| {
			let id = id.as_u64().and_then(|id| usize::try_from(id).ok());
			id.map(|id| (id, content.clone()))
				.ok_or_else(|| TokenizerError::Malformed(format!("token {content:?} has no id")))
		};
		let of_model = vocabulary.iter().map(id_of).collect::<Result<Vec<_>, _>>()?;
		let of_added = self.added_tokens.iter().map(|token| (token.id as usize, token.content.clone()));
		let mut tokens = Vec::new();
		for (id, content) in of_model.into_iter().chain(of_added) {
			let limit = crate::definition::TOKENS_MAX;
			if id >= limit {
				return Err(TokenizerError::TooLarge { what: "tokens", value: id + 1, limit });
			}
			if tokens.len() <= id {
				tokens.resize(id + 1, String::new());
			}
			if !tokens[id].is_empty() && tokens[id] != content {
				let other = &tokens[id];
				return Err(TokenizerError::Malformed(format!(
					"token {id} is both {other:?} and {content:?}"
				)));
			}
			tokens[id] = content;
		}
		Ok(tokens)
	}
}

impl FileToken {
	fn classify(&self) -> Added {
		let kind = match (self.special || is_control_anyway(&self.content), is_markup(&self.content)) {
			(true, _) => AddedKind::Control,
			(false, true) => AddedKind::Markup,
			(false, false) => AddedKind::Word,
		};
		Added {
			id: self.id,
			kind,
			left_strip: self.lstrip,
			right_strip: self.rstrip,
			single_word: self.single_word,
		}
	}
}

impl Model {
	fn ensure_supported(&self) -> Result<(), TokenizerError> {
		let kind = self.kind.as_deref().unwrap_or("BPE");
		if kind != "BPE" {
			return Err(TokenizerError::Unsupported(format!("model type {kind:?}")));
		}
		let affixes = [&self.continuing_subword_prefix, &self.end_of_word_suffix];
		match affixes.into_iter().flatten().find(|affix| !affix.is_empty()) {
			Some(affix) => Err(TokenizerError::Unsupported(format!("words marked with {affix:?}"))),
			None => Ok(()),
		}
	}

	fn merges(&self, ids: &HashMap<&str, TokenId>) -> Result<Vec<(TokenId, TokenId)>, TokenizerError> {
		let find = |left: &str, right: &str| match (ids.get(left), ids.get(right)) {
			(Some(left), Some(right)) => Ok((*left, *right)),
			_ => Err(TokenizerError::Malformed(format!(
				"merge {left:?} {right:?} does not name two of its tokens"
			))),
		};
		let parse = |merge: &Merge| match merge {
			Merge::Pair(left, right) => find(left, right),
			Merge::Line(line) => match line.split_once(' ') {
				Some((left, right)) => find(left, right),
				None => Err(TokenizerError::Malformed(format!("merge {line:?} has no space"))),
			},
		};
		self.merges.iter().map(parse).collect()
	}
}

impl Config {
	/// Returns the template; of several named ones the default.
	fn template(&self) -> Option<String> {
		let template = self.chat_template.as_ref()?;
		let named = || {
			let is_default = |entry: &&Value| {
				entry.get("name").and_then(Value::as_str).is_some_and(|name| name == "default")
			};
			template.as_array()?.iter().find(is_default)?.get("template")?.as_str()
		};
		template.as_str().or_else(named).map(str::to_owned)
	}
}

impl GenerationConfig {
	fn ends(&self) -> Vec<TokenId> {
		let id = |value: &Value| value.as_u64().and_then(|id| TokenId::try_from(id).ok());
		match &self.eos_token_id {
			Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
			Some(value) => id(value).into_iter().collect(),
			None => Vec::new(),
		}
	}
}

/// Reports whether a step, or one within a sequence of steps, is of this type.
fn has_step(value: &Value, kind: &str) -> bool {
	let is_kind = value.get("type").and_then(Value::as_str) == Some(kind);
	is_kind || steps(value).iter().any(|step| has_step(step, kind))
}

/// Returns the steps of a sequence; none if it is a single step.
fn steps(value: &Value) -> &[Value] {
	let lists = ["pretokenizers", "normalizers", "decoders", "processors"];
	let list = lists.iter().find_map(|name| value.get(name)?.as_array());
	list.map_or(&[], Vec::as_slice)
}

/// Finds the token that a post-processor puts before a document.
fn first_added_id(value: &Value) -> Option<TokenId> {
	if let Some(id) = steps(value).iter().find_map(first_added_id) {
		return Some(id);
	}
	let name = value.get("single")?.get(0)?.get("SpecialToken")?.get("id")?.as_str()?;
	let ids = value.get("special_tokens")?.get(name)?.get("ids")?;
	ids.get(0)?.as_u64().and_then(|id| TokenId::try_from(id).ok())
}

/// Reports whether a decoder removes a space that an encoder has put before the text.
fn strips_first_space(decoder: &Value) -> bool {
	let kind = decoder.get("type").and_then(Value::as_str);
	let strips = kind == Some("Strip") && decoder.get("content").and_then(Value::as_str) == Some(" ");
	let metaspace =
		kind == Some("Metaspace") && decoder.get("prepend_scheme").and_then(Value::as_str) != Some("never");
	strips || metaspace || steps(decoder).iter().any(strips_first_space)
}
