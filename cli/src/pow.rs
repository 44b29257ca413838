//! The small proof of work in front of a submission, searched on all cores.

use crate::failure::{Failure, Outcome};
use blyan_primitives::search_pow;
use sp_core::{crypto::AccountId32, H256};
use std::{
	sync::atomic::{AtomicBool, AtomicU64, Ordering},
	thread,
};

/// Nonces a thread tries before it looks whether another was luckier.
const SLICE: u64 = 1 << 12;

/// The nonce whose stamp has `bits` leading zero bits. Takes 2^bits tries on average.
pub fn search(miner: &AccountId32, tensor_root: &H256, block_hash: &H256, bits: u32) -> Outcome<u64> {
	if bits > 48 {
		return Err(Failure::new(format!(
			"the chain asks for {bits} bits of work, more than a machine can do"
		))
		.next("check that --url names the right network"));
	}
	let (next, is_found, found) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
	let account: &[u8] = miner.as_ref();
	thread::scope(|scope| {
		for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
			scope.spawn(|| {
				while !is_found.load(Ordering::Relaxed) {
					let start = next.fetch_add(SLICE, Ordering::Relaxed);
					if let Some(nonce) = search_pow(account, tensor_root, block_hash, bits, start, SLICE) {
						found.store(nonce, Ordering::Relaxed);
						is_found.store(true, Ordering::Relaxed);
					}
				}
			});
		}
	});
	Ok(found.into_inner())
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::{leading_zero_bits, pow_hash};

	#[test]
	fn search_finds_a_stamp_that_the_chain_accepts() {
		let (miner, root, block) = (AccountId32::new([7; 32]), H256([1; 32]), H256([2; 32]));
		for bits in [0, 1, 8, 12] {
			let nonce = search(&miner, &root, &block, bits).unwrap();
			let hash = pow_hash(miner.as_ref(), &root, &block, nonce);
			assert!(leading_zero_bits(&hash) >= bits, "{bits} bits: {hash:?}");
		}
		assert!(search(&miner, &root, &block, 200).is_err());
	}
}
