//! Texts of a keeper, and the chunks that are cut of them: bytes for a model of the first definition, holdout files of token ids for one of
//! the second.

use crate::{
	failure::{Context, Failure, Kind, Outcome},
	vault::cut,
};
use blyan_engine::dataset::Document;
use blyan_exact::{
	definition2::{step::sequence_bytes, Architecture},
	Hash,
};
use blyan_open_model::{Directory, HoldoutWriter};
use blyan_primitives::SealingRules;
use blyan_text::TokenId;
use rand::seq::SliceRandom;
use std::{collections::BTreeSet, io::Cursor, path::Path};

/// Bytes in front of the token ids of a holdout file.
const HEADER_BYTES: usize = 96;

/// Texts in the form that a model's sequences have.
pub enum Texts {
	/// For a model of the first definition.
	Bytes(Vec<Document>),
	/// For a model of the second definition.
	Tokens(TokenTexts),
}

/// Texts as token ids.
pub struct TokenTexts {
	/// Hash of the tokenizer.
	tokenizer: Hash,
	/// Bytes that each token stands for.
	token_bytes: Vec<u32>,
	/// Number of tokens that the model knows.
	vocabulary: u32,
	documents: Vec<Vec<TokenId>>,
}

impl Texts {
	/// Tokenises documents with the tokenizer of a model in a directory.
	///
	/// - `architecture`: of the model as the chain has it.
	pub fn tokens(documents: &[Document], dir: &Path, architecture: &Architecture) -> Outcome<Self> {
		let directory = Directory::new(dir);
		let manifest = directory.manifest()?;
		let tokenizer = directory.tokenizer(&manifest)?;
		let size = tokenizer.vocabulary_size();
		// A chunk of other ids could not be opened, and its keeper would pay for it.
		if directory.architecture(&manifest)?.to_bytes() != architecture.to_bytes()
			|| size > architecture.vocabulary
		{
			return Err(Failure::new(format!("{} is another model than the chain's", dir.display()))
				.kind(Kind::Refused)
				.next("name the directory of the model itself with --model-dir"));
		}
		let bytes = |id| u32::try_from(tokenizer.bytes(id).len()).unwrap_or(u32::MAX);
		let encoded = documents.iter().map(|document| tokenizer.encode(&document.text));
		Ok(Self::Tokens(TokenTexts {
			tokenizer: tokenizer.hash(),
			token_bytes: (0..size).map(bytes).collect(),
			vocabulary: architecture.vocabulary,
			documents: encoded.collect::<Result<Vec<_>, _>>().context("texts")?,
		}))
	}

	/// Reports whether there are none.
	pub fn is_empty(&self) -> bool {
		match self {
			Self::Bytes(documents) => documents.is_empty(),
			Self::Tokens(texts) => texts.documents.is_empty(),
		}
	}

	/// Forgets all of them.
	pub fn clear(&mut self) {
		match self {
			Self::Bytes(documents) => documents.clear(),
			Self::Tokens(texts) => texts.documents.clear(),
		}
	}

	/// Reports whether the chain would take a chunk when it is opened.
	pub fn can_be_opened(&self, rules: &SealingRules, chunk: &[u8]) -> bool {
		match self {
			Self::Bytes(_) => rules.holdout_of(chunk).is_some(),
			Self::Tokens(texts) => rules.token_holdout_of(chunk, texts.vocabulary).is_some(),
		}
	}

	/// Bytes in front of the sequences of a chunk, and of each of them.
	pub fn layout(&self, rules: &SealingRules) -> (usize, usize) {
		let len = usize::from(rules.sequence_len);
		match self {
			Self::Bytes(_) => (0, len),
			Self::Tokens(_) => (HEADER_BYTES, 4 * len),
		}
	}

	/// Cuts a chunk of sequences that are in no other one; `None` if the texts are used up.
	///
	/// - `known`: bytes of the sequences of all chunks so far.
	pub fn cut(&self, rules: &SealingRules, known: &BTreeSet<Vec<u8>>) -> Outcome<Option<Vec<u8>>> {
		match self {
			Self::Bytes(documents) => Ok(cut(documents, rules, known).pop()),
			Self::Tokens(texts) => texts.cut(rules, known),
		}
	}
}

impl TokenTexts {
	/// Cuts a chunk, in random order: what stands beside each other in a document does not in a chunk.
	fn cut(&self, rules: &SealingRules, known: &BTreeSet<Vec<u8>>) -> Outcome<Option<Vec<u8>>> {
		let len = usize::from(rules.sequence_len).max(1);
		let sequences: BTreeSet<&[TokenId]> = self
			.documents
			.iter()
			.flat_map(|ids| ids.chunks_exact(len))
			.filter(|ids| !known.contains(&sequence_bytes(ids)))
			.collect();
		let mut sequences: Vec<&[TokenId]> = sequences.into_iter().collect();
		sequences.shuffle(&mut rand::thread_rng());
		let count = usize::try_from(rules.sequences).unwrap_or(usize::MAX);
		let Some(chosen) = sequences.get(..count) else { return Ok(None) };
		let mut file = Cursor::new(Vec::new());
		let (size, positions) =
			(self.token_bytes.len() as u32, u32::from(rules.sequence_len).saturating_sub(1));
		let mut writer = HoldoutWriter::of_vocabulary(&mut file, self.tokenizer, size, positions)?;
		for ids in chosen {
			let bytes = ids.iter().skip(1).filter_map(|id| self.token_bytes.get(*id as usize));
			writer.sequence(ids, bytes.fold(0, |sum: u32, bytes| sum.saturating_add(*bytes)))?;
		}
		writer.finish()?;
		Ok(Some(file.into_inner()))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::open_dir::holdout_ref;

	const RULES: SealingRules =
		SealingRules { sequences: 4, sequence_len: 8, loss_min: 0, loss_max: u32::MAX };

	/// Documents of three sequences each; all of one document are different.
	fn texts(documents: u32) -> Texts {
		let ids = |document: u32| -> Vec<TokenId> { (0..24).map(|at| (document * 24 + at) % 300).collect() };
		Texts::Tokens(TokenTexts {
			tokenizer: [1; 32],
			token_bytes: vec![2; 300],
			vocabulary: 320,
			documents: (0..documents).map(ids).collect(),
		})
	}

	#[test]
	fn a_chunk_of_token_ids_is_the_holdout_that_engines_read() {
		let chunk = texts(4).cut(&RULES, &BTreeSet::new()).unwrap().unwrap();
		assert_eq!(chunk.len() as u64, RULES.token_chunk_bytes());
		let read = holdout_ref(&chunk, Path::new("chunk")).unwrap();
		assert_eq!(RULES.token_holdout_of(&chunk, 320), Some(read));
		assert!(texts(4).can_be_opened(&RULES, &chunk));
		assert!(!texts(4).can_be_opened(&SealingRules { sequences: 3, ..RULES }, &chunk));
	}

	#[test]
	fn chunks_of_token_ids_share_no_sequence() {
		let texts = texts(4);
		let mut known = BTreeSet::new();
		let (header, len) = texts.layout(&RULES);
		for chunks in 1..=3 {
			let chunk = texts.cut(&RULES, &known).unwrap().unwrap();
			known.extend(chunk[header..].chunks_exact(len).take(4).map(<[u8]>::to_vec));
			assert_eq!(known.len(), 4 * chunks);
		}
		assert_eq!(texts.cut(&RULES, &known).unwrap(), None, "the texts are used up");
	}
}
