//! The small proof of work that a submission carries: it prices the network's attention, nothing else.
//!
//! A stamp is `blake2_256(context ++ account ++ tensor root ++ block hash ++ nonce u64 LE)` with enough leading
//! zero bits. The account and the root keep it from being copied; the hash of a recent block, from being
//! prepared far ahead.

use crate::model::wire;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Domain separator of the hash.
pub const POW_CONTEXT: &[u8] = b"blyan/pow/1";

wire! {
	/// Proof of work found by the miner.
	#[derive(Copy, MaxEncodedLen)]
	pub struct PowStamp<BlockNumber> {
		/// A recent block; its hash went into the stamp.
		pub block: BlockNumber,
		/// The number that makes the hash small.
		pub nonce: u64,
	}
}

/// The hash of a stamp. `account` is the SCALE encoding of the miner's account.
pub fn pow_hash(account: &[u8], tensor_root: &H256, block_hash: &H256, nonce: u64) -> H256 {
	use sp_crypto_hashing::blake2_256;
	let mut input =
		alloc::vec::Vec::with_capacity(POW_CONTEXT.len().saturating_add(account.len()).saturating_add(72));
	input.extend_from_slice(POW_CONTEXT);
	input.extend_from_slice(account);
	input.extend_from_slice(tensor_root.as_bytes());
	input.extend_from_slice(block_hash.as_bytes());
	input.extend_from_slice(&nonce.to_le_bytes());
	H256(blake2_256(&input))
}

/// Zero bits before the first one bit, from the most significant bit of the first byte.
pub fn leading_zero_bits(hash: &H256) -> u32 {
	let mut bits = 0u32;
	for byte in hash.as_bytes() {
		bits = bits.saturating_add(byte.leading_zeros());
		if *byte != 0 {
			break;
		}
	}
	bits
}

/// The first of `tries` nonces from `start` whose stamp has `bits` leading zero bits.
///
/// Takes 2^bits tries on average; callers search in slices so that they can show progress and stop.
pub fn search_pow(
	account: &[u8],
	tensor_root: &H256,
	block_hash: &H256,
	bits: u32,
	start: u64,
	tries: u64,
) -> Option<u64> {
	(start..start.saturating_add(tries))
		.find(|nonce| leading_zero_bits(&pow_hash(account, tensor_root, block_hash, *nonce)) >= bits)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn leading_zero_bits_are_counted_across_bytes() {
		let mut hash = [0u8; 32];
		assert_eq!(leading_zero_bits(&H256(hash)), 256);
		hash[2] = 0b0001_0000;
		assert_eq!(leading_zero_bits(&H256(hash)), 19);
		assert_eq!(leading_zero_bits(&H256([0xff; 32])), 0);
	}

	#[test]
	fn search_finds_a_stamp_that_only_fits_its_account() {
		let (root, block) = (H256([1; 32]), H256([2; 32]));
		let nonce = search_pow(&[7; 32], &root, &block, 10, 0, 1 << 16).expect("2^16 tries for 10 bits");
		assert!(leading_zero_bits(&pow_hash(&[7; 32], &root, &block, nonce)) >= 10);
		assert!(leading_zero_bits(&pow_hash(&[8; 32], &root, &block, nonce)) < 10);
	}
}
