//! Priority among submissions of the same block: the oldest commitment wins.
//!
//! ```text
//! the same tensors, or the same bytes, are open already, and were
//!   committed to earlier, or in the same block   -> the newcomer is refused: DuplicateBlock
//!   committed to later, and not yet evaluated    -> they make way: rejected as preempted, the fee is lost
//!   committed to later, and being evaluated      -> the newcomer waits: DuplicateInEvaluation, its commitment stays
//! ```
//!
//! An account can only have committed to a block before its author did if it had that block before: then the author is
//! the one who copied. So knowing a root late blocks it for no author, and an account that squats on one pays a fee for
//! the time until the author's transaction arrives. A committee at work is not dismissed: its members are owed the fee.
//! A squatter that gets that far has no bytes to show, which costs it the fee, or shows the author's bytes under a root
//! that is not theirs, which costs it the bond as well; then the author's commitment still counts.
//!
//! Priority outlives the submission as long as the chain remembers it. Otherwise copiers would wait until the original
//! expires for want of an answer, commit while it is open, and be older than its second try. It also decides which of two
//! near copies is the original: a squatter's submission that made way has the lower number.

use crate::{
	ClaimOf, Config, Error, Event, FirstCommitments, OpenBlobs, OpenRoots, OpenSubmissions, Pallet, Phase,
	SubmissionRecordOf,
};
use blyan_primitives::{BlockRef, SubmissionId};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::ensure;
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::traits::Zero;

/// A first commitment of the runtime.
pub type FirstCommitmentOf<T> = FirstCommitment<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;

/// The oldest commitment to a tensor root that a submission opened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct FirstCommitment<AccountId, BlockNumber> {
	/// The account that committed.
	pub miner: AccountId,
	/// Block in which it did.
	pub committed_at: BlockNumber,
	/// Its latest submission of these tensors.
	pub submission: SubmissionId,
}

impl<T: Config> Pallet<T> {
	/// Makes way for a block whose miner committed to it at `committed_at`, or refuses it.
	///
	/// Returns the block of the miner's oldest commitment to these tensors, and the number of submissions that made way.
	pub(crate) fn claim_priority(
		miner: &T::AccountId,
		block: &BlockRef,
		committed_at: BlockNumberFor<T>,
	) -> Result<(BlockNumberFor<T>, u32), Error<T>> {
		let committed_at = match FirstCommitments::<T>::get(block.tensor_root) {
			Some(first) if first.miner == *miner => committed_at.min(first.committed_at),
			Some(first) => {
				ensure!(committed_at < first.committed_at, Error::<T>::DuplicateBlock);
				committed_at
			}
			None => committed_at,
		};
		let by_root = OpenRoots::<T>::get(block.tensor_root);
		let by_blob = OpenBlobs::<T>::get(block.blob.hash).filter(|other| Some(*other) != by_root);
		let mut displaced = 0u32;
		for submission in by_root.into_iter().chain(by_blob) {
			let Some(record) = OpenSubmissions::<T>::get(submission) else { continue };
			ensure!(committed_at < Self::committed_at(&record.claim), Error::<T>::DuplicateBlock);
			let is_evaluated = matches!(record.phase, Phase::Evaluating(_));
			ensure!(!is_evaluated, Error::<T>::DuplicateInEvaluation);
			Self::displace(submission, record);
			displaced = displaced.saturating_add(1);
		}
		Ok((committed_at, displaced))
	}

	/// Block of the miner's oldest commitment to the tensors of its claim. A claim that is older than commitments counts from
	/// itself, and so does one whose tensors another miner committed to earlier.
	pub(crate) fn committed_at(claim: &ClaimOf<T>) -> BlockNumberFor<T> {
		FirstCommitments::<T>::get(claim.block.tensor_root)
			.filter(|first| first.miner == claim.miner)
			.map_or(claim.submitted_at, |first| first.committed_at)
	}

	/// Closes a submission whose block another account committed to earlier. As with `withdraw`, what its place cost does
	/// not come back.
	fn displace(submission: SubmissionId, record: SubmissionRecordOf<T>) {
		let (miner, slot, reason) = (record.claim.miner.clone(), record.claim.slot, RejectReason::Preempted);
		Self::forfeit_fee(submission, &miner, record.fee);
		let record = SubmissionRecordOf::<T> { fee: Zero::zero(), ..record };
		Self::close(submission, record, SubmissionOutcome::Rejected(reason));
		Self::deposit_event(Event::Rejected { submission, miner, slot, reason });
	}

	/// Notes who committed to a submission's tensors first.
	pub(crate) fn note_first_commitment(
		tensor_root: H256,
		miner: T::AccountId,
		committed_at: BlockNumberFor<T>,
		submission: SubmissionId,
	) {
		FirstCommitments::<T>::insert(tensor_root, FirstCommitment { miner, committed_at, submission });
	}

	/// Forgets the priority of a submission that the chain forgets.
	pub(crate) fn forget_first_commitment(tensor_root: H256, submission: SubmissionId) {
		let first = FirstCommitments::<T>::get(tensor_root);
		if first.is_some_and(|first| first.submission == submission) {
			FirstCommitments::<T>::remove(tensor_root);
		}
	}
}
