//! Text to token ids and back.

use crate::{
	added::{Matcher, Section},
	definition::{AddedKind, Definition, Scheme},
	error::TokenizerError,
	gguf::GgufVocabulary,
	hugging_face::TokenizerFiles,
	prompt::Prompt,
	TokenId,
};
use std::{
	collections::{HashMap, HashSet},
	fmt,
	ops::Range,
};
use tokenizers::{
	models::bpe::{Vocab, BPE},
	normalizers::NormalizerWrapper,
	pre_tokenizers::{
		metaspace::{Metaspace, PrependScheme},
		sequence::Sequence,
		PreTokenizerWrapper,
	},
	Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

/// Characters of white space in a row that are encoded together; a longer run is cut. The regular expressions of
/// pre-tokenizers look one character ahead of a run and would give up on one of a million.
const BLANKS_MAX: usize = 1 << 16;

/// Class of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
	/// A piece of text.
	Text,
	/// A token that structures a conversation. It writes nothing, and no text that is not trusted becomes it.
	Control,
	/// Markup that the model was trained with, such as `<think>`. It writes its text, but no text that is not trusted becomes
	/// it.
	Markup,
	/// The stand-in for what the vocabulary cannot write.
	Unknown,
	/// No token: padding of the vocabulary.
	Unused,
}

/// Token of a vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'t> {
	/// Its string in the vocabulary, in which a space may be `Ġ` or `▁`.
	pub content: &'t str,
	/// Bytes of text that it stands for; none for a control token.
	pub bytes: &'t [u8],
	/// Its class.
	pub kind: TokenKind,
}

/// Tokenizer of one model: byte-level BPE or SentencePiece BPE. Immutable; threads share it.
pub struct Tokenizer {
	definition: Definition,
	canonical: Vec<u8>,
	hash: [u8; 32],
	kinds: Vec<TokenKind>,
	/// Bytes of all tokens, one after the other.
	arena: Vec<u8>,
	spans: Vec<Range<usize>>,
	ids: HashMap<String, TokenId>,
	model: BPE,
	normalizer: Option<NormalizerWrapper>,
	pre_tokenizer: Option<PreTokenizerWrapper>,
	/// The pre-tokenizer of a section that does not begin the text, where it differs.
	inner_pre_tokenizer: Option<PreTokenizerWrapper>,
	/// All added tokens.
	trusted: Matcher,
	/// Those that text becomes.
	words: Matcher,
}

impl fmt::Debug for Tokenizer {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("Tokenizer").field("size", &self.vocabulary_size()).finish_non_exhaustive()
	}
}

impl Tokenizer {
	/// Builds the tokenizer that a GGUF file carries.
	pub fn from_gguf(vocabulary: &GgufVocabulary) -> Result<Self, TokenizerError> {
		Self::new(vocabulary.definition()?.normalise()?)
	}

	/// Builds the tokenizer of a Hugging Face checkpoint.
	pub fn from_files(files: TokenizerFiles<'_>) -> Result<Self, TokenizerError> {
		Self::new(files.definition()?.normalise()?)
	}

	/// Reads what [`to_canonical`](Self::to_canonical) returned.
	pub fn from_canonical(bytes: &[u8]) -> Result<Self, TokenizerError> {
		Self::new(Definition::from_bytes(bytes)?)
	}

	fn new(definition: Definition) -> Result<Self, TokenizerError> {
		let canonical = definition.to_bytes();
		if canonical.len() > crate::definition::FILE_BYTES_MAX {
			let (value, limit) = (canonical.len(), crate::definition::FILE_BYTES_MAX);
			return Err(TokenizerError::TooLarge { what: "bytes", value, limit });
		}
		let hash = blake2b_simd::Params::new().hash_length(32).hash(&canonical);
		let kinds = kinds(&definition);
		let (arena, spans) = token_bytes(&definition, &kinds);
		let Definition { added, tokens, .. } = &definition;
		let pre_tokenizer = component(definition.pre_tokenizer.as_ref(), "pre-tokenizer")?;
		let filled = tokens.iter().zip(0..).filter(|(content, _)| !content.is_empty());
		Ok(Self {
			hash: hash.as_bytes().try_into().expect("the hash has 32 bytes; qed"),
			ids: filled.map(|(content, id)| (content.clone(), id)).collect(),
			model: model(&definition)?,
			normalizer: component(definition.normalizer.as_ref(), "normalizer")?,
			inner_pre_tokenizer: pre_tokenizer.as_ref().and_then(inner),
			pre_tokenizer,
			trusted: Matcher::new(added, tokens, |_| true)?,
			words: Matcher::new(added, tokens, |kind| kind == AddedKind::Word)?,
			canonical,
			kinds,
			arena,
			spans,
			definition,
		})
	}

	/// Returns the tokenizer as one file, the same bytes wherever the same tokenizer came from.
	pub fn to_canonical(&self) -> &[u8] {
		&self.canonical
	}

	/// Returns the BLAKE2b-256 hash of [`to_canonical`](Self::to_canonical), by which a model names its tokenizer.
	pub fn hash(&self) -> [u8; 32] {
		self.hash
	}

	/// Counts the tokens. A model's embedding may have more rows, which no text becomes.
	pub fn vocabulary_size(&self) -> u32 {
		self.spans.len() as u32
	}

	/// Encodes text. No control token comes out, whatever the text contains.
	///
	/// A character or byte that the vocabulary cannot write is left out, or becomes the unknown token where there is one.
	pub fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizerError> {
		let mut ids = Vec::with_capacity(text.len() / 3);
		self.encode_text(text, true, &mut ids)?;
		Ok(ids)
	}

	/// Encodes text from a trusted source, in which `<|im_end|>` is a control token.
	pub fn encode_trusted(&self, text: &str) -> Result<Vec<TokenId>, TokenizerError> {
		self.encode_sections(text, |section| section.to_owned())
	}

	/// Encodes text as a whole document: with the token that begins one, if the model wants it.
	pub fn encode_document(&self, text: &str) -> Result<Vec<TokenId>, TokenizerError> {
		let mut ids = Vec::from_iter(self.start());
		self.encode_text(text, true, &mut ids)?;
		Ok(ids)
	}

	/// Encodes a rendered conversation: control tokens of the template are parsed, the messages are text.
	pub fn encode_prompt(&self, prompt: &Prompt) -> Result<Vec<TokenId>, TokenizerError> {
		self.encode_sections(prompt.guarded(), |section| prompt.unguarded(section))
	}

	fn encode_sections(
		&self,
		text: &str,
		clean: impl Fn(&str) -> String,
	) -> Result<Vec<TokenId>, TokenizerError> {
		let mut ids = Vec::with_capacity(text.len() / 3);
		for section in self.trusted.split(text) {
			match section {
				Section::Token(id) => ids.push(id),
				Section::Text { start, text } => self.encode_text(&clean(text), start == 0, &mut ids)?,
			}
		}
		Ok(ids)
	}

	/// Encodes text without trust. `first`: it begins the whole text, which matters to some pre-tokenizers.
	fn encode_text(&self, text: &str, first: bool, ids: &mut Vec<TokenId>) -> Result<(), TokenizerError> {
		for section in self.words.split(text) {
			match section {
				Section::Token(id) => ids.push(id),
				Section::Text { start, text } => {
					let mut first = first && start == 0;
					for piece in short_of_blanks(text) {
						self.encode_piece(piece, first, ids)
							.map_err(|error| TokenizerError::Encode(error.to_string()))?;
						first = false;
					}
				}
			}
		}
		Ok(())
	}

	fn encode_piece(&self, text: &str, first: bool, ids: &mut Vec<TokenId>) -> tokenizers::Result<()> {
		let mut normalized = NormalizedString::from(text);
		if let Some(normalizer) = &self.normalizer {
			normalizer.normalize(&mut normalized)?;
		}
		let mut words = PreTokenizedString::from(normalized);
		let inner = self.inner_pre_tokenizer.as_ref().filter(|_| !first);
		if let Some(pre_tokenizer) = inner.or(self.pre_tokenizer.as_ref()) {
			pre_tokenizer.pre_tokenize(&mut words)?;
		}
		for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
			for token in self.model.tokenize(word)? {
				match self.is_reserved(token.id) {
					false => ids.push(token.id),
					true => self.spell(&token.value, ids)?,
				}
			}
		}
		Ok(())
	}

	/// Reports whether no text may become this token.
	fn is_reserved(&self, id: TokenId) -> bool {
		matches!(self.kind(id), TokenKind::Control | TokenKind::Markup) && self.definition.unknown != Some(id)
	}

	/// Encodes a word character by character, because merges made a reserved token of it.
	fn spell(&self, word: &str, ids: &mut Vec<TokenId>) -> tokenizers::Result<()> {
		for char in word.chars() {
			let tokens = self.model.tokenize(char.encode_utf8(&mut [0; 4]))?;
			ids.extend(tokens.iter().map(|token| token.id).filter(|id| !self.is_reserved(*id)));
		}
		Ok(())
	}

	/// Decodes tokens. Control tokens write nothing, and invalid UTF-8 becomes U+FFFD.
	pub fn decode(&self, ids: &[TokenId]) -> String {
		let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes(*id)).copied().collect();
		let skipped = usize::from(self.strips_first_space() && bytes.first() == Some(&b' '));
		String::from_utf8_lossy(&bytes[skipped..]).into_owned()
	}

	/// Reports whether the first space of a decoded text is the encoder's.
	pub(crate) fn strips_first_space(&self) -> bool {
		self.definition.strip_first_space
	}

	/// Returns the bytes of text that a token stands for; none for a control token and for an id outside of the vocabulary.
	pub fn bytes(&self, id: TokenId) -> &[u8] {
		self.spans.get(id as usize).map_or(&[], |span| &self.arena[span.clone()])
	}

	/// Counts the bytes of text that tokens stand for.
	///
	/// Those of an encoded text add up to its bytes exactly under byte-level BPE, if the vocabulary has all of them and the
	/// tokenizer composes no characters; under SentencePiece there is one more where a space is put before the text.
	pub fn byte_count(&self, ids: &[TokenId]) -> u64 {
		ids.iter().map(|id| self.bytes(*id).len() as u64).sum()
	}

	/// Looks up a token; `None` outside of the vocabulary.
	pub fn token(&self, id: TokenId) -> Option<Token<'_>> {
		let content = self.definition.tokens.get(id as usize)?;
		Some(Token { content, bytes: self.bytes(id), kind: self.kind(id) })
	}

	fn kind(&self, id: TokenId) -> TokenKind {
		self.kinds.get(id as usize).copied().unwrap_or(TokenKind::Unused)
	}

	/// Looks up a token by its string in the vocabulary.
	pub fn id_of(&self, content: &str) -> Option<TokenId> {
		self.ids.get(content).copied()
	}

	/// Returns the token that begins a document, if the model wants one.
	pub fn start(&self) -> Option<TokenId> {
		self.definition.bos.filter(|_| self.definition.add_bos)
	}

	/// Returns the tokens that end a turn or a document, in ascending order.
	pub fn ends(&self) -> &[TokenId] {
		&self.definition.ends
	}

	/// Returns the checkpoint's own chat template.
	pub fn chat_template(&self) -> Option<&str> {
		self.definition.chat_template.as_deref()
	}

	/// Returns the contents of the tokens that templates know as `bos_token`, `eos_token` and `unk_token`.
	pub(crate) fn template_tokens(&self) -> [(&'static str, Option<&str>); 3] {
		let Definition { tokens, bos, eos, unknown, .. } = &self.definition;
		let content = |id: &Option<TokenId>| id.and_then(|id| tokens.get(id as usize)).map(String::as_str);
		[("bos_token", content(bos)), ("eos_token", content(eos)), ("unk_token", content(unknown))]
	}

	/// Lists the contents of added tokens that text must not become, and whether each is a control token.
	pub(crate) fn reserved(&self) -> impl Iterator<Item = (&str, bool)> {
		let reserved = self.definition.added.iter().filter(|added| added.kind != AddedKind::Word);
		reserved.map(|added| {
			(self.definition.tokens[added.id as usize].as_str(), added.kind == AddedKind::Control)
		})
	}
}

/// Parses a normalizer or a pre-tokenizer.
fn component<T: serde::de::DeserializeOwned>(
	value: Option<&serde_json::Value>,
	what: &str,
) -> Result<Option<T>, TokenizerError> {
	let parse = |value: &serde_json::Value| T::deserialize(value);
	value.map(parse).transpose().map_err(|error| TokenizerError::Unsupported(format!("{what}: {error}")))
}

/// Builds the merges. Reserved tokens stay out, unless a merge names them: what the model does not know, it cannot return.
fn model(definition: &Definition) -> Result<BPE, TokenizerError> {
	let Definition { tokens, merges, added, .. } = definition;
	let content = |id: TokenId| tokens[id as usize].as_str();
	let pairs = || merges.iter().map(|(left, right)| (content(*left), content(*right)));
	let results: HashSet<String> = pairs().map(|(left, right)| [left, right].concat()).collect();
	let parts: HashSet<TokenId> = merges.iter().flat_map(|(left, right)| [*left, *right]).collect();
	let is_reserved = |id: TokenId| {
		let added = added.binary_search_by_key(&id, |added| added.id).ok().map(|index| added[index].kind);
		added.is_some_and(|kind| kind != AddedKind::Word) && definition.unknown != Some(id)
	};
	let is_known = |content: &str, id: TokenId| {
		let is_needed = || parts.contains(&id) || results.contains(content);
		!content.is_empty() && (!is_reserved(id) || is_needed())
	};
	let vocabulary: Vocab = tokens
		.iter()
		.zip(0..)
		.filter(|(content, id)| is_known(content, *id))
		.map(|(content, id)| (content.clone(), id))
		.collect();
	let merges = pairs().map(|(left, right)| (left.to_owned(), right.to_owned())).collect();
	let mut builder = BPE::builder()
		.vocab_and_merges(vocabulary, merges)
		.byte_fallback(definition.scheme == Scheme::SentencePiece)
		.fuse_unk(definition.fuse_unknown)
		.ignore_merges(definition.ignore_merges);
	if let Some(id) = definition.unknown {
		builder = builder.unk_token(content(id).to_owned());
	}
	builder.build().map_err(|error| TokenizerError::Malformed(error.to_string()))
}

/// Returns the pre-tokenizer of a section that does not begin the text; `None` if it is the same.
fn inner(pre_tokenizer: &PreTokenizerWrapper) -> Option<PreTokenizerWrapper> {
	match pre_tokenizer {
		PreTokenizerWrapper::Metaspace(metaspace) if metaspace.prepend_scheme == PrependScheme::First => {
			let (replacement, split) = (metaspace.get_replacement(), metaspace.get_split());
			Some(Metaspace::new(replacement, PrependScheme::Never, split).into())
		}
		PreTokenizerWrapper::Sequence(sequence) => {
			let steps: &[PreTokenizerWrapper] = sequence.as_ref();
			let changed = steps.iter().any(|step| inner(step).is_some());
			let steps = steps.iter().map(|step| inner(step).unwrap_or_else(|| step.clone()));
			changed.then(|| Sequence::new(steps.collect()).into())
		}
		_ => None,
	}
}

fn kinds(definition: &Definition) -> Vec<TokenKind> {
	let class = |content: &String| match content.is_empty() {
		true => TokenKind::Unused,
		false => TokenKind::Text,
	};
	let mut kinds: Vec<_> = definition.tokens.iter().map(class).collect();
	for added in &definition.added {
		kinds[added.id as usize] = match added.kind {
			AddedKind::Control => TokenKind::Control,
			AddedKind::Markup => TokenKind::Markup,
			AddedKind::Word => TokenKind::Text,
		};
	}
	if let Some(id) = definition.unknown {
		kinds[id as usize] = TokenKind::Unknown;
	}
	kinds
}

/// Writes the bytes of all tokens one after the other, and the place of each.
fn token_bytes(definition: &Definition, kinds: &[TokenKind]) -> (Vec<u8>, Vec<Range<usize>>) {
	let table = byte_characters();
	let added: HashSet<TokenId> = definition.added.iter().map(|added| added.id).collect();
	let (mut arena, mut spans) = (Vec::new(), Vec::with_capacity(kinds.len()));
	for (id, (content, kind)) in (0..).zip(definition.tokens.iter().zip(kinds)) {
		let start = arena.len();
		match (kind, definition.scheme) {
			(TokenKind::Control | TokenKind::Unknown | TokenKind::Unused, _) => {}
			(_, Scheme::ByteLevel) if added.contains(&id) => arena.extend(content.bytes()),
			(_, Scheme::ByteLevel) => {
				let bytes: Option<Vec<u8>> = content.chars().map(|char| table.get(&char).copied()).collect();
				arena.extend(bytes.unwrap_or_else(|| content.clone().into_bytes()));
			}
			(_, Scheme::SentencePiece) => match single_byte(content) {
				Some(byte) => arena.push(byte),
				None => arena.extend(content.replace('▁', " ").bytes()),
			},
		}
		spans.push(start..arena.len());
	}
	(arena, spans)
}

/// Parses `<0x0A>`.
fn single_byte(content: &str) -> Option<u8> {
	let digits = content.strip_prefix("<0x")?.strip_suffix('>')?;
	let is_plain = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
	is_plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// GPT-2's table: the character that stands for each byte. Printable characters of Latin-1 stand for themselves, the other
/// bytes are numbered from U+0100.
fn byte_characters() -> HashMap<char, u8> {
	let is_printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
	let printable = (0..=255).filter(is_printable).map(|byte: u8| (char::from(byte), byte));
	let others = (0..=255).filter(|byte| !is_printable(byte));
	let numbered = (0x100..).zip(others).filter_map(|(code, byte)| Some((char::from_u32(code)?, byte)));
	printable.chain(numbered).collect()
}

/// Cuts runs of white space that are longer than [`BLANKS_MAX`].
fn short_of_blanks(text: &str) -> impl Iterator<Item = &str> {
	let mut rest = text;
	std::iter::from_fn(move || {
		if rest.is_empty() {
			return None;
		}
		let mut run = 0;
		let cut = rest.char_indices().find_map(|(at, char)| {
			run = if char.is_whitespace() { run + 1 } else { 0 };
			(run > BLANKS_MAX).then_some(at)
		});
		let (piece, after) = rest.split_at(cut.unwrap_or(rest.len()));
		rest = after;
		Some(piece)
	})
}
