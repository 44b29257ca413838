//! Writer of holdouts: from texts and a tokenizer, or from ids.

use super::{Header, HoldoutError, HEADER_BYTES, SEQUENCES_MAX};
use blyan_exact::{definition2::step::sequence_bytes, merkle, Hash};
use blyan_text::{TokenId, Tokenizer, TokenizerError};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

/// Bytes of text that are tokenised at a time, cut behind a line.
const TEXT_BYTES: usize = 1 << 20;
/// Bytes of a line, at most.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Reason why a holdout was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
	/// The file cannot be written, or a text cannot be read.
	#[error(transparent)]
	File(#[from] io::Error),
	/// A text cannot be tokenised.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
	/// A line of a text is too long to be tokenised at once.
	#[error("a line of the text has more than {LINE_BYTES_MAX} bytes: break it")]
	Line,
	/// A number is out of bounds, or an id is.
	#[error(transparent)]
	Holdout(#[from] HoldoutError),
	/// A sequence has another number of ids.
	#[error("a sequence has {found} ids, sequences of this holdout have {expected}")]
	Ids {
		/// Ids of a sequence.
		expected: usize,
		/// Ids that it has.
		found: usize,
	},
	/// The tokens of a sequence stand for more bytes than a count holds.
	#[error("a sequence stands for {0} bytes, at most 4294967295 can be counted: use fewer positions")]
	TextBytes(u64),
	/// The texts are too short.
	#[error("no text has the {0} tokens of a sequence: use longer texts or fewer positions")]
	TooShort(usize),
}

/// Names of a holdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
	/// Merkle root over the sequences.
	pub root: Hash,
	/// Sequences.
	pub sequences: u32,
	/// Bytes of text that all predicted tokens stand for.
	pub text_bytes: u64,
	/// Bytes of the holdout.
	pub file_bytes: u64,
}

/// Writer of a holdout. Until it is finished, its bytes are not a holdout.
///
/// Memory holds 36 bytes for each sequence, and a piece of text.
pub struct HoldoutWriter<W> {
	file: W,
	positions: u32,
	vocabulary: u32,
	tokenizer: Hash,
	leaves: Vec<Hash>,
	text_bytes: Vec<u32>,
}

impl<W: Write + Seek> HoldoutWriter<W> {
	/// Begins a holdout of sequences of `positions + 1` ids of this tokenizer.
	pub fn new(file: W, tokenizer: &Tokenizer, positions: u32) -> Result<Self, WriteError> {
		Self::of_vocabulary(file, tokenizer.hash(), tokenizer.vocabulary_size(), positions)
	}

	/// Begins a holdout of ids below `vocabulary`, of the tokenizer of this hash.
	pub fn of_vocabulary(
		mut file: W,
		tokenizer: Hash,
		vocabulary: u32,
		positions: u32,
	) -> Result<Self, WriteError> {
		let header = Header { sequences: 1, positions, vocabulary, tokenizer, root: Hash::default() };
		header.ensure_bounds()?;
		file.write_all(&[0; HEADER_BYTES])?;
		let (leaves, text_bytes) = (Vec::new(), Vec::new());
		Ok(Self { file, positions, vocabulary, tokenizer, leaves, text_bytes })
	}

	/// Appends the sequences of one text, and returns how many. Whatever is behind the last whole one is left out.
	///
	/// The text is tokenised in pieces of about a mebibyte, so a text of any length needs no more memory.
	pub fn text(&mut self, tokenizer: &Tokenizer, mut text: impl BufRead) -> Result<u32, WriteError> {
		let (length, before) = (self.positions as usize + 1, self.leaves.len());
		let (mut ids, mut piece): (Vec<TokenId>, String) = (Vec::new(), String::new());
		loop {
			let line_begins = piece.len();
			let read = text.by_ref().take(LINE_BYTES_MAX).read_line(&mut piece)?;
			if read as u64 == LINE_BYTES_MAX && !piece[line_begins..].ends_with('\n') {
				return Err(WriteError::Line);
			}
			if read > 0 && piece.len() < TEXT_BYTES {
				continue;
			}
			ids.extend(tokenizer.encode(&piece)?);
			piece.clear();
			let whole = ids.len() / length * length;
			for sequence in ids[..whole].chunks_exact(length) {
				let bytes = tokenizer.byte_count(&sequence[1..]);
				self.sequence(sequence, u32::try_from(bytes).map_err(|_| WriteError::TextBytes(bytes))?)?;
			}
			ids.drain(..whole);
			if read == 0 {
				return Ok((self.leaves.len() - before) as u32);
			}
		}
	}

	/// Appends a sequence; `text_bytes` is what its ids but the first stand for.
	pub fn sequence(&mut self, ids: &[TokenId], text_bytes: u32) -> Result<(), WriteError> {
		let (expected, found) = (self.positions as usize + 1, ids.len());
		if expected != found {
			return Err(WriteError::Ids { expected, found });
		}
		let sequence = self.leaves.len() as u32;
		if sequence == SEQUENCES_MAX {
			let (name, value, most) = ("the number of sequences", sequence + 1, SEQUENCES_MAX);
			return Err(HoldoutError::Bound { name, value, most }.into());
		}
		let vocabulary = self.vocabulary;
		if let Some(&id) = ids.iter().find(|id| **id >= vocabulary) {
			return Err(HoldoutError::Id { sequence, id, vocabulary }.into());
		}
		let bytes = sequence_bytes(ids);
		self.leaves.push(merkle::leaf(&bytes));
		self.text_bytes.push(text_bytes);
		Ok(self.file.write_all(&bytes)?)
	}

	/// Completes the holdout.
	pub fn finish(mut self) -> Result<Summary, WriteError> {
		if self.leaves.is_empty() {
			return Err(WriteError::TooShort(self.positions as usize + 1));
		}
		for bytes in &self.text_bytes {
			self.file.write_all(&bytes.to_le_bytes())?;
		}
		let header = Header {
			sequences: self.leaves.len() as u32,
			positions: self.positions,
			vocabulary: self.vocabulary,
			tokenizer: self.tokenizer,
			root: merkle::root(&self.leaves),
		};
		self.file.flush()?;
		self.file.seek(SeekFrom::Start(0))?;
		self.file.write_all(&header.to_bytes())?;
		self.file.flush()?;
		Ok(Summary {
			root: header.root,
			sequences: header.sequences,
			text_bytes: self.text_bytes.iter().map(|bytes| u64::from(*bytes)).sum(),
			file_bytes: header.file_bytes(),
		})
	}
}
