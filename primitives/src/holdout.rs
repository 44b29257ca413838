//! Sealed holdouts: test sequences that are committed to by a hash, and shown only when the chain appoints them.
//!
//! A *chunk* is the bytes of some sequences of one model: the sequences one after another under the first definition, a holdout file of
//! token ids under the second. Its commitment is
//! `blake2_256(context ++ genesis hash ++ keeper ++ model ++ hash of the bytes ++ salt)`, where everything behind the context is
//! SCALE-encoded and has a fixed length. Showing bytes and salt opens it; from then on the chunk is a [`HoldoutRef`] like any other.

use crate::{
	job::{HoldoutRef, HOLDOUT_HEADER_BYTES},
	model::{wire, BlobRef, ModelId},
	randomness::RelayNumber,
	score::{DrawId, SubmissionId},
};
use alloc::vec::Vec;
use blyan_exact::{merkle, Hash};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Domain separator of the hash.
pub const CHUNK_CONTEXT: &[u8] = b"blyan/sealed-holdout/1";

/// Returns the hash that commits `keeper` to a chunk of a model's sequences.
///
/// - `bytes`: Blake2b-256 of the chunk's bytes, by which its blob is named later.
/// - `salt`: must be unpredictable: without it the hash would tell whether a guess at the text is right.
pub fn chunk_commitment(
	genesis: &H256,
	keeper: &impl Encode,
	model: ModelId,
	bytes: &H256,
	salt: &H256,
) -> H256 {
	let mut input = Vec::from(CHUNK_CONTEXT);
	(genesis, keeper, model, bytes, salt).encode_to(&mut input);
	H256(sp_crypto_hashing::blake2_256(&input))
}

wire! {
	/// Rules of a model whose candidates are measured on sealed chunks.
	#[derive(Copy, MaxEncodedLen)]
	pub struct SealingRules {
		/// Sequences of a chunk.
		pub sequences: u32,
		/// Bytes of a sequence, at most the model's context; or token ids, at most one more than the context.
		pub sequence_len: u16,
		/// Least mean loss of the model as it is on a chunk, bits per byte in Q16, or per predicted token. Below it the text is known, or
		/// hardly any text.
		pub loss_min: u32,
		/// Largest mean loss of the model as it is on a chunk, in the same unit. Above it the chunk is noise.
		pub loss_max: u32,
	}
}

impl SealingRules {
	/// Bytes of a chunk under the first definition.
	pub fn chunk_bytes(&self) -> u64 {
		u64::from(self.sequences).saturating_mul(self.sequence_len.into())
	}

	/// Bytes of a chunk under the second definition.
	pub fn token_chunk_bytes(&self) -> u64 {
		let sequence = u64::from(self.sequence_len).saturating_add(1).saturating_mul(4);
		u64::from(self.sequences).saturating_mul(sequence).saturating_add(HOLDOUT_HEADER_BYTES)
	}

	/// Reports whether a committee's loss on `positions` bytes is that of text which the model does not know by heart.
	///
	/// - `baseline_loss`: bits in Q16, summed over the positions.
	pub fn is_sound(&self, baseline_loss: u64, positions: u64) -> bool {
		let bound = |per_byte: u32| u128::from(per_byte).saturating_mul(positions.into());
		let loss = u128::from(baseline_loss);
		positions > 0 && bound(self.loss_min) <= loss && loss <= bound(self.loss_max)
	}

	/// Returns the holdout that a chunk of a model of the first definition is, with the root over its sequences; `None` if it is not as
	/// many bytes as the rules ask for, or some sequence occurs twice.
	pub fn holdout_of(&self, bytes: &[u8]) -> Option<HoldoutRef> {
		let size = u32::try_from(bytes.len()).ok()?;
		if self.sequence_len == 0 || u64::from(size) != self.chunk_bytes() {
			return None;
		}
		let leaves = distinct_leaves(bytes, self.sequence_len.into())?;
		let hash = H256(sp_crypto_hashing::blake2_256(bytes));
		Some(HoldoutRef {
			root: H256(merkle::root(&leaves)),
			blob: BlobRef { hash, size },
			sequences: self.sequences,
			sequence_len: self.sequence_len,
		})
	}

	/// Returns the holdout that a chunk of a model of the second definition is; `None` if it is not a file of this shape that every engine
	/// reads, or some sequence occurs twice.
	///
	/// The tokenizer's hash and the bytes that sequences stand for are not checked: no score depends on them.
	///
	/// - `vocabulary`: of the model.
	pub fn token_holdout_of(&self, bytes: &[u8], vocabulary: u32) -> Option<HoldoutRef> {
		let size = u32::try_from(bytes.len()).ok()?;
		if self.sequence_len < 2 || u64::from(size) != self.token_chunk_bytes() {
			return None;
		}
		let mut behind = bytes;
		let (magic, numbers, _, root, padding) = TokenHeader::decode(&mut behind).ok()?;
		let [sequences, positions, ids_below, zero] = numbers;
		let is_headed = magic == *TOKEN_MAGIC
			&& sequences == self.sequences
			&& positions == u32::from(self.sequence_len).saturating_sub(1)
			&& (1..=vocabulary).contains(&ids_below)
			&& (zero, padding) == (0, 0);
		let len = usize::from(self.sequence_len).saturating_mul(4);
		let (ids, _) = behind.split_at_checked(len.checked_mul(usize::try_from(sequences).ok()?)?)?;
		let is_known = |id: &[u8; 4]| u32::from_le_bytes(*id) < ids_below;
		if !is_headed || !ids.as_chunks::<4>().0.iter().all(is_known) {
			return None;
		}
		let leaves = distinct_leaves(ids, len)?;
		let hash = H256(sp_crypto_hashing::blake2_256(bytes));
		let holdout =
			HoldoutRef { root, blob: BlobRef { hash, size }, sequences, sequence_len: self.sequence_len };
		(root == H256(merkle::root(&leaves))).then_some(holdout)
	}
}

/// First bytes of a holdout file of the second definition.
const TOKEN_MAGIC: &[u8; 8] = b"HOLDOUT2";

/// Header of such a file (`docs/definition-2.md`), which SCALE decodes as it stands: the magic; numbers of sequences, positions and ids of
/// the vocabulary, and zero; hash of the tokenizer; root over the sequences; zero.
type TokenHeader = ([u8; 8], [u32; 4], H256, H256, u64);

/// Returns the leaves of sequences of so many bytes; `None` if one occurs twice: a short text repeated would look like many measurements.
fn distinct_leaves(sequences: &[u8], len: usize) -> Option<Vec<Hash>> {
	let leaves: Vec<Hash> = sequences.chunks_exact(len.max(1)).map(merkle::leaf).collect();
	let mut sorted = leaves.clone();
	sorted.sort_unstable();
	let occurs_twice = sorted.windows(2).any(|pair| pair.first() == pair.last());
	(!occurs_twice).then_some(leaves)
}

/// Sequences that a submission is to be measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedHoldout {
	/// The model's public holdout: it is not sealed.
	Public,
	/// Keepers were asked just now.
	Asked,
	/// Keepers have been asked, and there is nothing yet.
	Waiting,
	/// A chunk was revealed, and operators have its bytes.
	Ready {
		/// The chunk.
		holdout: HoldoutRef,
		/// Appointment of the draw, made when the chunk was there: no earlier one may draw committee and sample.
		draw: RelayNumber,
	},
}

/// Consequence of an agreed score on a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
	/// The score decides.
	Last,
	/// The candidate must convince on the chunk of another keeper, too.
	Another,
	/// The chunk is no text of the model's kind, so the score says nothing.
	Void,
}

/// Score that a committee agreed on, as far as it is about the sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkScore {
	/// Name of the draw.
	pub draw: DrawId,
	/// Digest of the agreed verdict.
	pub digest: H256,
	/// Loss of the model as it is, in bits in Q16, summed over the positions.
	pub baseline_loss: u64,
	/// Number of positions that the loss is over: bytes, or predicted tokens.
	pub positions: u64,
	/// True if the score would make the candidate part of the model.
	pub convinces: bool,
}

/// Sealed test sequences, as `proof-of-learning` sees them. Implemented by `holdouts`.
pub trait SealedHoldouts<AccountId, BlockNumber> {
	/// Returns the sequences that `submission` is measured on, and asks keepers for them if none were asked yet. Once ready they stay,
	/// until a score on them was noted or the submission is closed.
	///
	/// - `known_at`: the block in which the candidate became known. Chunks committed to before it are taken, as long as there are enough.
	fn request(
		submission: SubmissionId,
		model: ModelId,
		miner: &AccountId,
		known_at: BlockNumber,
	) -> SealedHoldout;
	/// Reports whether the search for a chunk pauses, so that others need not wait behind this submission.
	fn is_starved(submission: SubmissionId) -> bool;
	/// Notes the score that a committee agreed on, and returns what follows from it. Sequences that are not the last are used up.
	fn note_measured(submission: SubmissionId, score: &ChunkScore) -> Look;
	/// Notes that a verdict fell in a dispute about a draw after which the submission was measured again.
	fn note_refuted(draw: DrawId, digest: H256);
	/// Notes that nothing about such a draw can be disputed any more.
	fn note_undisputed(draw: DrawId);
	/// Returns the keepers whose chunks the submission was measured on, each once.
	fn keepers(submission: SubmissionId) -> Vec<AccountId>;
	/// Forgets a submission that is closed for good.
	fn note_closed(submission: SubmissionId);
}

/// A chain on which every holdout is public.
impl<AccountId, BlockNumber> SealedHoldouts<AccountId, BlockNumber> for () {
	fn request(_: SubmissionId, _: ModelId, _: &AccountId, _: BlockNumber) -> SealedHoldout {
		SealedHoldout::Public
	}
	fn is_starved(_: SubmissionId) -> bool {
		false
	}
	fn note_measured(_: SubmissionId, _: &ChunkScore) -> Look {
		Look::Last
	}
	fn note_refuted(_: DrawId, _: H256) {}
	fn note_undisputed(_: DrawId) {}
	fn keepers(_: SubmissionId) -> Vec<AccountId> {
		Vec::new()
	}
	fn note_closed(_: SubmissionId) {}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	const RULES: SealingRules =
		SealingRules { sequences: 3, sequence_len: 4, loss_min: 1 << 15, loss_max: 4 << 16 };

	#[test]
	fn every_input_changes_the_commitment() {
		let hash = |byte| H256([byte; 32]);
		let committed = chunk_commitment(&hash(1), &2u64, 3, &hash(4), &hash(5));
		let others = [
			chunk_commitment(&hash(9), &2u64, 3, &hash(4), &hash(5)),
			chunk_commitment(&hash(1), &9u64, 3, &hash(4), &hash(5)),
			chunk_commitment(&hash(1), &2u64, 9, &hash(4), &hash(5)),
			chunk_commitment(&hash(1), &2u64, 3, &hash(9), &hash(5)),
			chunk_commitment(&hash(1), &2u64, 3, &hash(4), &hash(9)),
		];
		assert!(!others.contains(&committed));
	}

	#[test]
	fn a_chunk_is_a_holdout_with_a_leaf_for_each_sequence() {
		let holdout = RULES.holdout_of(b"aaaabbbbcccc").unwrap();
		let leaves: [&[u8]; 3] = [b"aaaa", b"bbbb", b"cccc"];
		assert_eq!(holdout.root, H256(merkle::root_of(leaves)));
		assert_eq!(holdout.blob.hash, H256(sp_crypto_hashing::blake2_256(b"aaaabbbbcccc")));
		assert_eq!((holdout.blob.size, holdout.sequences, holdout.sequence_len), (12, 3, 4));
	}

	#[test]
	fn attack_repeat_a_sequence() {
		assert_eq!(RULES.holdout_of(b"aaaabbbbaaaa"), None);
		assert_eq!(RULES.holdout_of(b"aaaabbbb"), None);
		assert_eq!(RULES.holdout_of(b"aaaabbbbccccd"), None);
		assert_eq!(SealingRules { sequence_len: 0, ..RULES }.holdout_of(b""), None);
	}

	#[test]
	fn losses_beyond_the_bounds_are_not_those_of_text() {
		// Half a bit to four bits a byte, over ten bytes.
		assert!(RULES.is_sound(5 << 16, 10) && RULES.is_sound(40 << 16, 10));
		assert!(!RULES.is_sound((5 << 16) - 1, 10) && !RULES.is_sound((40 << 16) + 1, 10));
		assert!(!RULES.is_sound(0, 0));
	}

	/// A holdout file of sequences of four ids below 300.
	fn token_chunk(sequences: [[u32; 4]; 3]) -> Vec<u8> {
		let ids: Vec<Vec<u8>> = sequences.iter().map(Encode::encode).collect();
		let root = merkle::root_of(ids.iter().map(Vec::as_slice));
		let header: TokenHeader = (*TOKEN_MAGIC, [3, 3, 300, 0], H256([7; 32]), H256(root), 0);
		(header, sequences, [9u32; 3]).encode()
	}

	#[test]
	fn a_chunk_of_token_ids_is_a_holdout_with_a_leaf_for_each_sequence() {
		let bytes = token_chunk([[1, 2, 3, 4], [1, 2, 3, 5], [299, 0, 0, 0]]);
		assert_eq!(bytes.len() as u64, RULES.token_chunk_bytes());
		let holdout = RULES.token_holdout_of(&bytes, 300).unwrap();
		assert_eq!(holdout.blob.hash, H256(sp_crypto_hashing::blake2_256(&bytes)));
		assert_eq!((holdout.sequences, holdout.sequence_len), (3, 4));
		assert_eq!(RULES.token_holdout_of(&bytes, 299), None, "the model has fewer tokens");
		let other = SealingRules { sequence_len: 5, ..RULES };
		assert_eq!(other.token_holdout_of(&bytes, 300), None);
		assert_eq!(RULES.token_holdout_of(b"aaaabbbbcccc", 300), None);
	}

	#[test]
	fn attack_commit_to_token_ids_that_stop_every_engine() {
		let twice = token_chunk([[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 4]]);
		assert_eq!(RULES.token_holdout_of(&twice, 300), None);
		let unknown = token_chunk([[1, 2, 3, 4], [1, 2, 3, 5], [300, 0, 0, 0]]);
		assert_eq!(RULES.token_holdout_of(&unknown, 1_000), None, "no id is beyond the header's vocabulary");
		let good = token_chunk([[1, 2, 3, 4], [1, 2, 3, 5], [0; 4]]);
		// Magic, sequences, positions, vocabulary, zero; root and zero; an id. The tokenizer's hash and the counts are not under the root.
		for at in (0..24).chain(56..100) {
			let mut damaged = good.clone();
			damaged[at] ^= 0x80;
			assert_eq!(RULES.token_holdout_of(&damaged, 300), None, "byte {at}");
		}
	}

	proptest! {
		#[test]
		fn any_change_of_a_chunk_of_token_ids_is_refused_or_changes_its_name(
			ids in proptest::array::uniform3(proptest::array::uniform4(0u32..300)), at in 0usize..156, by in 1u8..,
		) {
			let bytes = token_chunk(ids);
			let mut other = bytes.clone();
			other[at] ^= by;
			if let Some(two) = RULES.token_holdout_of(&other, 300) {
				let one = RULES.token_holdout_of(&bytes, 300).unwrap();
				prop_assert_eq!(one.root, two.root);
				prop_assert_ne!(one.blob.hash, two.blob.hash);
				// A smaller vocabulary, another tokenizer, or other counts of bytes.
				prop_assert!((16..20).contains(&at) || (24..56).contains(&at) || at >= 144, "byte {}", at);
			}
		}

		#[test]
		fn any_change_of_a_chunk_changes_its_root_and_its_name(
			bytes in proptest::collection::vec(any::<u8>(), 12), at in 0usize..12, by in 1u8..,
		) {
			let mut other = bytes.clone();
			other[at] = other[at].wrapping_add(by);
			if let (Some(one), Some(two)) = (RULES.holdout_of(&bytes), RULES.holdout_of(&other)) {
				prop_assert_ne!(one.root, two.root);
				prop_assert_ne!(one.blob.hash, two.blob.hash);
			}
		}
	}
}
