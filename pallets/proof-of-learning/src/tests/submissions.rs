//! Commitments and submissions, as the stories make them.

use super::mock::*;
use blyan_primitives::{commitment_hash, search_pow, BlockRef, ExpertSlot, PowStamp, SubmissionId};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_support::{parameter_types, storage::with_storage_layer};
use sp_core::H256;
use sp_runtime::DispatchResult;

parameter_types! {
	pub static EvaluationFee: Balance = 0;
	pub static CommitDeposit: Balance = 0;
	pub static NewcomerAttempts: u32 = 0;
}

pub(crate) fn stamp(who: &AccountId, block: &BlockRef, bits: u32) -> PowStamp<u32> {
	let number = System::block_number() - 1;
	let hash = System::block_hash(number);
	let nonce = search_pow(&who.encode(), &block.tensor_root, &hash, bits, 0, 1 << 20).unwrap();
	PowStamp { block: number, nonce }
}

/// Salt of every commitment of these tests.
pub(crate) const OPENER: H256 = H256([6; 32]);

/// The commitment of an account to a block in a slot.
pub(crate) fn commitment(who: &AccountId, to: ExpertSlot, candidate: &BlockRef) -> H256 {
	commitment_hash(&genesis_hash::<Test>(), who, &to, candidate, &OPENER)
}

pub(crate) fn commit_as(who: AccountId, to: ExpertSlot, candidate: BlockRef) -> DispatchResult {
	let commitment = commitment(&who, to, &candidate);
	Learning::commit(signed(who), commitment)
}

/// Submits a block to which the account has committed.
pub(crate) fn open_as(who: AccountId, to: ExpertSlot, candidate: BlockRef) -> DispatchResult {
	let parent = Heads::get().get(&to).map_or(0, |head| head.version);
	let stamp = stamp(&who, &candidate, 6);
	let submitted = Learning::submit(signed(who), to, parent, candidate, H256([3; 32]), stamp, OPENER);
	submitted.map(|_| ()).map_err(|error| error.error)
}

/// Commits to a block and submits it in the same block, or changes nothing.
pub(crate) fn submit_as(who: AccountId, to: ExpertSlot, candidate: BlockRef) -> DispatchResult {
	with_storage_layer(|| {
		commit_as(who.clone(), to, candidate)?;
		open_as(who, to, candidate)
	})
}

/// The miner submits block number `seed` to slot 0; returns the submission.
pub(crate) fn submit(seed: u8) -> SubmissionId {
	submit_as(miner(), slot(0), block(seed)).unwrap();
	Learning::submission_count() - 1
}
