//! Holdouts of the second definition: sequences of token ids, committed to one by one, and the bytes that each stands for.
//!
//! ```text
//! 0     magic "HOLDOUT2" | sequences u32 | positions u32 | vocabulary u32 | 0 (4)
//! 24    hash of the tokenizer | root over the sequences | 0 (8)
//! 96    ids: u32, sequence after sequence, `positions + 1` each
//! ...   text: u32 a sequence, the bytes that its ids but the first stand for
//! ```
//!
//! All numbers are little endian. The first id of a sequence is context only: the others are predicted, one at each
//! position, and scores are bits for each byte of the text that they stand for. The root is the binary Merkle root
//! ([`blyan_exact::merkle`]) over [`sequence_bytes`](blyan_exact::definition2::step::sequence_bytes): what a dispute proves a
//! sequence against. The counts of bytes follow from the ids and the tokenizer ([`Holdout::ensure_text`]); they are not under the root
//! but under the hash of the blob.
//!
//! | at most | |
//! |---|---|
//! | positions | 131,072 |
//! | sequences | 1,048,576 |
//! | vocabulary | 262,144 |

mod writer;

pub use writer::{HoldoutWriter, Summary, WriteError};

use blyan_exact::{merkle, Hash};
use blyan_kernel::{hash::hash_leaves, Kernel};
use blyan_text::Tokenizer;

/// First bytes of a holdout.
const MAGIC: &[u8; 8] = b"HOLDOUT2";
/// Bytes in front of the ids.
const HEADER_BYTES: usize = 96;
/// Positions of a sequence, at most: the longest context that the definition has.
pub const POSITIONS_MAX: u32 = 131_072;
/// Sequences, at most.
pub const SEQUENCES_MAX: u32 = 1 << 20;
/// Vocabulary, at most: the largest that the definition has.
pub const VOCABULARY_MAX: u32 = 262_144;
/// Sequences whose leaves are hashed at a time.
const LEAVES: usize = 256;

/// Reason why bytes are not a holdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoldoutError {
	/// The first bytes are others, or the file was not finished.
	#[error("these bytes are not a holdout of the second definition: they do not begin with HOLDOUT2. Write it again")]
	Magic,
	/// A number of the header is out of bounds.
	#[error("{name} of the holdout is {value}: use 1 to {most}")]
	Bound {
		/// Name of the number.
		name: &'static str,
		/// The number.
		value: u32,
		/// Bound.
		most: u32,
	},
	/// There are more bytes than the header says, or fewer.
	#[error("the holdout has {found} bytes, its header says {expected}: get it again")]
	Length {
		/// Bytes that the header says.
		expected: u64,
		/// Bytes that there are.
		found: u64,
	},
	/// Bytes that must be zero are not.
	#[error("a byte of the holdout's header that must be zero is not: get it again")]
	Padding,
	/// An id is outside of the vocabulary.
	#[error("sequence {sequence} of the holdout has the id {id}, its vocabulary ends at {vocabulary}: write it again")]
	Id {
		/// The sequence.
		sequence: u32,
		/// The id.
		id: u32,
		/// Vocabulary of the holdout.
		vocabulary: u32,
	},
	/// The sequences are not those under the root.
	#[error("the holdout's sequences are not those under its root: get it again")]
	Root,
	/// The ids are those of another tokenizer.
	#[error("the holdout was written with another tokenizer: use the model's own")]
	Tokenizer,
	/// A sequence stands for another number of bytes.
	#[error(
		"sequence {sequence} of the holdout stands for {expected} bytes, it says {found}: write it again"
	)]
	Text {
		/// The sequence.
		sequence: u32,
		/// Bytes by the tokenizer.
		expected: u64,
		/// Bytes that the holdout says.
		found: u32,
	},
}

/// Numbers and hashes in front of the sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
	sequences: u32,
	positions: u32,
	vocabulary: u32,
	tokenizer: Hash,
	root: Hash,
}

impl Header {
	fn to_bytes(self) -> [u8; HEADER_BYTES] {
		let mut bytes = [0; HEADER_BYTES];
		bytes[..8].copy_from_slice(MAGIC);
		for (place, number) in [self.sequences, self.positions, self.vocabulary].into_iter().enumerate() {
			bytes[8 + 4 * place..][..4].copy_from_slice(&number.to_le_bytes());
		}
		bytes[24..56].copy_from_slice(&self.tokenizer);
		bytes[56..88].copy_from_slice(&self.root);
		bytes
	}

	fn from_bytes(bytes: &[u8]) -> Result<Self, HoldoutError> {
		let found = bytes.len() as u64;
		let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
			let is_cut = bytes.len() >= MAGIC.len() && bytes.starts_with(MAGIC);
			let expected = HEADER_BYTES as u64;
			return Err(if is_cut { HoldoutError::Length { expected, found } } else { HoldoutError::Magic });
		};
		if !header.starts_with(MAGIC) {
			return Err(HoldoutError::Magic);
		}
		let hash = |at: usize| std::array::from_fn(|i| header[at + i]);
		let header_number = |place: usize| number(header, 8 + 4 * place);
		let header = Self {
			sequences: header_number(0),
			positions: header_number(1),
			vocabulary: header_number(2),
			tokenizer: hash(24),
			root: hash(56),
		};
		header.ensure_bounds()?;
		if header.to_bytes() != bytes[..HEADER_BYTES] {
			return Err(HoldoutError::Padding);
		}
		Ok(header)
	}

	fn ensure_bounds(&self) -> Result<(), HoldoutError> {
		for (name, value, most) in [
			("the number of sequences", self.sequences, SEQUENCES_MAX),
			("the number of positions", self.positions, POSITIONS_MAX),
			("the vocabulary", self.vocabulary, VOCABULARY_MAX),
		] {
			if !(1..=most).contains(&value) {
				return Err(HoldoutError::Bound { name, value, most });
			}
		}
		Ok(())
	}

	/// Returns the bytes of a sequence's ids.
	fn sequence_bytes(&self) -> usize {
		4 * (self.positions as usize + 1)
	}

	/// Returns the bytes of the whole holdout.
	fn file_bytes(&self) -> u64 {
		HEADER_BYTES as u64 + u64::from(self.sequences) * (self.sequence_bytes() as u64 + 4)
	}
}

/// Returns the number at a place.
fn number(bytes: &[u8], at: usize) -> u32 {
	u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// A holdout whose bytes were checked: those of a file in memory or mapped.
///
/// Besides the bytes, it takes no memory that grows with them.
#[derive(Clone, Debug)]
pub struct Holdout<B> {
	header: Header,
	bytes: B,
}

impl<B: AsRef<[u8]>> Holdout<B> {
	/// Reads a holdout and checks all of it but the counts of bytes, which take the tokenizer ([`Self::ensure_text`]).
	pub fn read(bytes: B) -> Result<Self, HoldoutError> {
		let header = Header::from_bytes(bytes.as_ref())?;
		let (expected, found) = (header.file_bytes(), bytes.as_ref().len() as u64);
		if expected != found {
			return Err(HoldoutError::Length { expected, found });
		}
		let holdout = Self { header, bytes };
		let mut leaves = Vec::with_capacity(header.sequences as usize);
		let sequences: Vec<u32> = (0..header.sequences).collect();
		for some in sequences.chunks(LEAVES) {
			some.iter().try_for_each(|sequence| holdout.ensure_ids(*sequence))?;
			let some: Vec<&[u8]> = some.iter().map(|sequence| holdout.sequence(*sequence)).collect();
			hash_leaves(Kernel::best(), &some, &mut leaves);
		}
		if merkle::root(&leaves) == header.root {
			Ok(holdout)
		} else {
			Err(HoldoutError::Root)
		}
	}

	fn ensure_ids(&self, sequence: u32) -> Result<(), HoldoutError> {
		let vocabulary = self.header.vocabulary;
		match ids(self.sequence(sequence)).find(|id| *id >= vocabulary) {
			Some(id) => Err(HoldoutError::Id { sequence, id, vocabulary }),
			None => Ok(()),
		}
	}

	/// Returns the bytes of a sequence's ids; there must be one of this index.
	fn sequence(&self, index: u32) -> &[u8] {
		let len = self.header.sequence_bytes();
		&self.bytes.as_ref()[HEADER_BYTES + index as usize * len..][..len]
	}

	/// Returns the Merkle root over the sequences.
	pub fn root(&self) -> Hash {
		self.header.root
	}

	/// Returns the number of sequences.
	pub fn sequences(&self) -> u32 {
		self.header.sequences
	}

	/// Returns the positions of each sequence: one less than its ids.
	pub fn positions(&self) -> u32 {
		self.header.positions
	}

	/// Returns the number that all ids are below.
	pub fn vocabulary(&self) -> u32 {
		self.header.vocabulary
	}

	/// Returns the hash of the tokenizer that wrote it.
	pub fn tokenizer(&self) -> Hash {
		self.header.tokenizer
	}

	/// Returns the ids of a sequence; `None` if there is no such sequence.
	pub fn ids(&self, sequence: u32) -> Option<Vec<u32>> {
		(sequence < self.sequences()).then(|| ids(self.sequence(sequence)).collect())
	}

	/// Returns the ids of all sequences, one after another.
	pub fn all_ids(&self) -> Vec<u32> {
		let len = self.header.sequence_bytes() * self.header.sequences as usize;
		ids(&self.bytes.as_ref()[HEADER_BYTES..HEADER_BYTES + len]).collect()
	}

	/// Returns the bytes of text that a sequence's ids but the first stand for; `None` if there is no such sequence.
	pub fn text_bytes(&self, sequence: u32) -> Option<u32> {
		let counts = HEADER_BYTES + self.header.sequence_bytes() * self.header.sequences as usize;
		(sequence < self.sequences()).then(|| number(self.bytes.as_ref(), counts + 4 * sequence as usize))
	}

	/// Checks that the ids are this tokenizer's, and that sequences stand for as many bytes as they say.
	pub fn ensure_text(&self, tokenizer: &Tokenizer) -> Result<(), HoldoutError> {
		if tokenizer.hash() != self.header.tokenizer || tokenizer.vocabulary_size() != self.header.vocabulary
		{
			return Err(HoldoutError::Tokenizer);
		}
		for sequence in 0..self.sequences() {
			let predicted = ids(self.sequence(sequence)).skip(1);
			let expected: u64 = predicted.map(|id| tokenizer.bytes(id).len() as u64).sum();
			let found = self.text_bytes(sequence).unwrap_or_default();
			if expected != u64::from(found) {
				return Err(HoldoutError::Text { sequence, expected, found });
			}
		}
		Ok(())
	}
}

/// Decodes ids.
fn ids(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
	bytes.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id))
}

#[cfg(test)]
mod tests;
