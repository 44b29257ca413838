//! The text that scores are measured on.

use super::{DatasetError, Document};
use blyan_exact::{blake2_256, merkle, Hash};
use rand::{seq::SliceRandom, Rng};
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

/// Which sequences to keep for judging.
#[derive(Clone, Debug)]
pub struct HoldoutOptions {
	/// Sequences in all.
	pub sequences: usize,
	/// Bytes in each; at most the model's context.
	pub sequence_len: usize,
	/// Percentage of the documents' families that are held out; training must leave out the same.
	pub percent: u8,
	/// No more than this many sequences from one document.
	pub per_document_max: usize,
	/// Seed of the choice.
	pub seed: u64,
}

impl Default for HoldoutOptions {
	fn default() -> Self {
		Self { sequences: 1_024, sequence_len: 256, percent: 10, per_document_max: 4, seed: 0 }
	}
}

/// Sequences of one length and their commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdout {
	/// The sequences' bytes, one after another.
	pub bytes: Vec<u8>,
	/// Bytes in each.
	pub sequence_len: usize,
	/// Merkle root with one leaf a sequence.
	pub root: Hash,
}

impl Holdout {
	/// Chooses sequences from the held-out documents among `documents`; the others are left alone.
	///
	/// Sequences of one document do not overlap.
	pub fn build<'a>(
		documents: impl IntoIterator<Item = &'a Document>,
		options: &HoldoutOptions,
	) -> Result<Self, DatasetError> {
		let HoldoutOptions { sequences, sequence_len, percent, per_document_max, seed } = *options;
		if sequence_len == 0 || sequences == 0 {
			return Err(DatasetError::Option { name: "sequences", reason: "must not be empty" });
		}
		let mut rng = ChaCha8Rng::seed_from_u64(seed);
		let mut chosen = Vec::new();
		for document in documents {
			if !document.is_held_out(percent) {
				continue;
			}
			let text = document.text.as_bytes();
			let spare = text.len() % sequence_len;
			let start = rng.gen_range(0..=spare);
			let mut slots = text[start..].chunks_exact(sequence_len).collect::<Vec<_>>();
			slots.shuffle(&mut rng);
			chosen.extend(slots.into_iter().take(per_document_max));
		}
		chosen.shuffle(&mut rng);
		if chosen.len() < sequences {
			return Err(DatasetError::HoldoutTooSmall { have: chosen.len(), want: sequences });
		}
		Self::new(chosen[..sequences].concat(), sequence_len)
	}

	/// Holdouts one after another as one; all must have sequences of one length.
	pub fn concat(parts: &[Self]) -> Result<Self, DatasetError> {
		let sequence_len = parts.first().map_or(0, |part| part.sequence_len);
		if parts.iter().any(|part| part.sequence_len != sequence_len) {
			return Err(DatasetError::Option {
				name: "sequence_len",
				reason: "must be the same in all parts",
			});
		}
		Self::new(parts.iter().flat_map(|part| part.bytes.iter().copied()).collect(), sequence_len)
	}

	/// Commits to sequences that lie one after another.
	pub fn new(bytes: Vec<u8>, sequence_len: usize) -> Result<Self, DatasetError> {
		if sequence_len == 0 || bytes.is_empty() || !bytes.len().is_multiple_of(sequence_len) {
			return Err(DatasetError::HoldoutCorrupt);
		}
		let root = merkle::root_of(bytes.chunks_exact(sequence_len));
		Ok(Self { bytes, sequence_len, root })
	}

	/// Reads a holdout back and checks it against its commitment.
	pub fn open(bytes: Vec<u8>, sequence_len: usize, root: &Hash) -> Result<Self, DatasetError> {
		let holdout = Self::new(bytes, sequence_len)?;
		if holdout.root != *root {
			return Err(DatasetError::HoldoutCorrupt);
		}
		Ok(holdout)
	}

	/// Number of sequences.
	pub fn sequences(&self) -> usize {
		self.bytes.len() / self.sequence_len
	}

	/// The commitment as the chain keeps it.
	pub fn reference(&self) -> blyan_primitives::HoldoutRef {
		blyan_primitives::HoldoutRef {
			root: self.root.into(),
			blob: blyan_primitives::BlobRef {
				hash: blake2_256(&[&self.bytes]).into(),
				size: self.bytes.len() as u32,
			},
			sequences: self.sequences() as u32,
			sequence_len: self.sequence_len as u16,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn documents(count: usize) -> Vec<Document> {
		(0..count)
			.map(|i| {
				let text = format!("document {i:05} ").repeat(20);
				Document::new(text, format!("a-1/{i}"), format!("a/{i}"), "MIT".into())
			})
			.collect()
	}

	#[test]
	fn holdout_takes_only_documents_that_training_leaves_out() {
		let documents = documents(400);
		let options = HoldoutOptions { sequences: 32, sequence_len: 64, percent: 20, ..Default::default() };
		let holdout = Holdout::build(&documents, &options).unwrap();
		assert_eq!(holdout.sequences(), 32);
		for sequence in holdout.bytes.chunks_exact(64) {
			let sequence = core::str::from_utf8(sequence).unwrap();
			let source = documents.iter().find(|document| document.text.contains(sequence)).unwrap();
			assert!(source.is_held_out(20));
		}
		assert_eq!(Holdout::build(&documents, &options).unwrap(), holdout);
		assert_eq!(Holdout::open(holdout.bytes.clone(), 64, &holdout.root).unwrap(), holdout);
	}

	#[test]
	fn concat_keeps_every_sequence_in_order() {
		let [a, b] = [b"aaaabbbb", b"ccccdddd"].map(|bytes| Holdout::new(bytes.to_vec(), 4).unwrap());
		let both = Holdout::concat(&[a.clone(), b]).unwrap();
		assert_eq!((both.bytes.as_slice(), both.sequences()), (b"aaaabbbbccccdddd".as_slice(), 4));
		let other = Holdout::new(b"eeeeee".to_vec(), 3).unwrap();
		assert!(matches!(Holdout::concat(&[a, other]), Err(DatasetError::Option { .. })));
		assert!(matches!(Holdout::concat(&[]), Err(DatasetError::HoldoutCorrupt)));
	}

	#[test]
	fn holdout_rejects_too_few_sequences_and_changed_bytes() {
		let documents = documents(40);
		let options = HoldoutOptions { sequences: 500, sequence_len: 64, percent: 20, ..Default::default() };
		assert!(matches!(Holdout::build(&documents, &options), Err(DatasetError::HoldoutTooSmall { .. })));
		let options = HoldoutOptions { sequences: 4, ..options };
		let holdout = Holdout::build(&documents, &options).unwrap();
		let mut bytes = holdout.bytes.clone();
		bytes[70] ^= 1;
		assert!(matches!(Holdout::open(bytes, 64, &holdout.root), Err(DatasetError::HoldoutCorrupt)));
	}
}
