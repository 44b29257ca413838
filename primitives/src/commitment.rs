//! The commitment that precedes a submission: commit-reveal, so that a submission copied from the transaction pool gains
//! nothing.
//!
//! A commitment is `blake2_256(context ++ genesis hash ++ account ++ slot ++ block ++ salt)`, where everything behind the
//! context is SCALE-encoded and has a fixed length. The genesis hash and the account keep it from being opened elsewhere or
//! by another account; the salt keeps the tensors secret until it is opened.

use crate::model::{BlockRef, ExpertSlot};
use alloc::vec::Vec;
use codec::Encode;
use sp_core::H256;

/// Domain separator of the hash.
pub const COMMITMENT_CONTEXT: &[u8] = b"blyan/commitment/1";

/// Returns the hash that commits `account` to submitting `block` for `slot`.
///
/// `salt` must be unpredictable: the other inputs can be guessed as soon as another account knows the tensors.
pub fn commitment_hash(
	genesis: &H256,
	account: &impl Encode,
	slot: &ExpertSlot,
	block: &BlockRef,
	salt: &H256,
) -> H256 {
	let mut input = Vec::from(COMMITMENT_CONTEXT);
	(genesis, account, slot, block, salt).encode_to(&mut input);
	H256(sp_crypto_hashing::blake2_256(&input))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::model::BlobRef;

	#[test]
	fn every_input_changes_the_commitment() {
		let hash = |byte| H256([byte; 32]);
		let slot = ExpertSlot { model: 0, layer: 1, expert: 2 };
		let block = BlockRef { tensor_root: hash(3), blob: BlobRef { hash: hash(4), size: 5 } };
		let account = [6u8; 32];
		let commitment = commitment_hash(&hash(1), &account, &slot, &block, &hash(7));
		let other_slot = ExpertSlot { expert: 3, ..slot };
		let other_root = BlockRef { tensor_root: hash(9), ..block };
		let other_size = BlockRef { blob: BlobRef { size: 6, ..block.blob }, ..block };
		for other in [
			commitment_hash(&hash(9), &account, &slot, &block, &hash(7)),
			commitment_hash(&hash(1), &[9u8; 32], &slot, &block, &hash(7)),
			commitment_hash(&hash(1), &account, &other_slot, &block, &hash(7)),
			commitment_hash(&hash(1), &account, &slot, &other_root, &hash(7)),
			commitment_hash(&hash(1), &account, &slot, &other_size, &hash(7)),
			commitment_hash(&hash(1), &account, &slot, &block, &hash(9)),
		] {
			assert_ne!(commitment, other);
		}
	}

	#[test]
	fn the_layout_is_what_clients_in_other_languages_write() {
		let slot = ExpertSlot { model: 0x0403_0201, layer: 5, expert: 0x0706 };
		let block =
			BlockRef { tensor_root: H256([8; 32]), blob: BlobRef { hash: H256([9; 32]), size: 0x0d0c_0b0a } };
		let expected = [
			COMMITMENT_CONTEXT,
			&[1; 32],
			&[2; 32],
			&[1, 2, 3, 4, 5, 6, 7],
			&[8; 32],
			&[9; 32],
			&[0x0a, 0x0b, 0x0c, 0x0d],
			&[3; 32],
		]
		.concat();
		assert_eq!(
			commitment_hash(&H256([1; 32]), &[2u8; 32], &slot, &block, &H256([3; 32])),
			H256(sp_crypto_hashing::blake2_256(&expected))
		);
	}
}
