//! Submissions: how they come in, and how they are taken back.

use crate::{
	math, Claim, Config, Decisions, Error, Event, HoldReason, Miners, NextSubmission, OpenBlobs, OpenRoots,
	OpenSubmissions, Pallet, Phase, Queues, Retrials, SubmissionRecord, SubmissionRecordOf,
	FIRST_BLOCK_BYTES_MAX,
};
use blyan_primitives::{
	randomness::AppointedRandomness,
	traits::{BlobAnnouncements, ExpertRegistry},
	BlockRef, ExpertSlot, PowStamp, SubmissionId, VersionIndex,
};
use blyan_runtime_api::SubmissionOutcome;
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, Get},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{SaturatedConversion, Saturating, Zero},
	DispatchError, DispatchResult,
};

mod history;
mod miners;
mod queue;

impl<T: Config> Pallet<T> {
	/// Returns the number of submissions that made way.
	pub(crate) fn do_submit(
		miner: T::AccountId,
		slot: ExpertSlot,
		parent: VersionIndex,
		block: BlockRef,
		manifest: H256,
		stamp: PowStamp<BlockNumberFor<T>>,
		salt: H256,
	) -> Result<u32, DispatchError> {
		let now = frame_system::Pallet::<T>::block_number();
		Self::ensure_fits(slot, parent, &block)?;
		let committed_at = Self::open_commitment(&miner, &slot, &block, &salt)?;
		let (committed_at, displaced) = Self::claim_priority(&miner, &block, committed_at)?;

		ensure!(OpenSubmissions::<T>::count() < T::MaxOpen::get(), Error::<T>::TooManyOpen);
		let mut record = Self::miner_today(&miner);
		ensure!(record.open < T::MaxOpenPerMiner::get(), Error::<T>::TooManyOpenByMiner);
		ensure!(
			record.uploads < Self::quota(&record),
			Error::<T>::QuotaExceeded { renews_in: Self::blocks_to_tomorrow(now).saturated_into() }
		);
		Self::ensure_work(&miner, &block.tensor_root, stamp, Self::pow_bits(&record))?;

		let bond = T::Bond::get();
		let ahead = Queues::<T>::decode_len(slot.model).unwrap_or(0).saturated_into();
		let fee = math::evaluation_fee(T::EvaluationFee::get(), ahead);
		T::Currency::hold(&HoldReason::SubmissionBond.into(), &miner, bond.saturating_add(fee))?;
		let attempt = record.note_attempt();
		record.open = record.open.saturating_add(1);
		Miners::<T>::insert(&miner, record);

		let submission = NextSubmission::<T>::mutate(|next| {
			let submission = *next;
			*next = next.saturating_add(1);
			submission
		});
		OpenSubmissions::<T>::insert(
			submission,
			SubmissionRecord {
				claim: Claim { miner: miner.clone(), slot, parent, block, manifest, submitted_at: now },
				bond,
				fee,
				attempt,
				attested: BoundedVec::new(),
				redraws: 0,
				absent: BoundedVec::new(),
				appointment: T::Randomness::appoint(),
				phase: Phase::Queued { draw_from: Self::now().saturating_add(T::Delay::get()) },
			},
		);
		OpenRoots::<T>::insert(block.tensor_root, submission);
		OpenBlobs::<T>::insert(block.blob.hash, submission);
		Self::note_first_commitment(block.tensor_root, miner.clone(), committed_at, submission);
		Self::announce(submission, slot.model, Self::now())?;
		Self::deposit_event(Event::Submitted { submission, miner, slot, parent, block, attempt, bond, fee });
		Ok(displaced)
	}

	/// Refuses what does not fit its slot, or is there already.
	pub(crate) fn ensure_fits(
		slot: ExpertSlot,
		parent: VersionIndex,
		block: &BlockRef,
	) -> Result<(), Error<T>> {
		let head = T::Experts::head(slot).ok_or(Error::<T>::SlotUnknown)?;
		ensure!(head.version == parent, Error::<T>::ParentNotHead);
		ensure!(Self::is_size_right(slot, block.blob.size), Error::<T>::BlobSizeOutOfRange);
		Self::ensure_new(&head.block, block)
	}

	/// Reports whether a slot's candidate may have so many bytes: under the second definition the architecture says how many it has.
	fn is_size_right(slot: ExpertSlot, size: u32) -> bool {
		let most = T::MaxBlockBytes::get();
		match T::Experts::expert_bytes(slot) {
			Some(bytes) => u64::from(size) == bytes && size <= most,
			None => (1..=most.min(FIRST_BLOCK_BYTES_MAX)).contains(&size),
		}
	}

	pub(crate) fn do_finalise(submission: SubmissionId) -> DispatchResult {
		let record = OpenSubmissions::<T>::get(submission).ok_or(Error::<T>::SubmissionUnknown)?;
		let model = record.claim.slot.model;
		let is_first = Queues::<T>::get(model).first() == Some(&submission);
		let now = Self::now();
		ensure!(is_first && Self::advance(submission, record, now), Error::<T>::NothingDue);
		Ok(())
	}

	pub(crate) fn do_withdraw(miner: T::AccountId, submission: SubmissionId) -> DispatchResult {
		let record = Self::submission_of(&miner, submission)?;
		ensure!(!matches!(record.phase, Phase::Evaluating(_)), Error::<T>::AlreadyDrawn);
		ensure!(!Retrials::<T>::contains_key(submission), Error::<T>::JudgedAgain);
		// The place was taken from others: what it cost does not come back, or a queue could be filled for nothing.
		Self::forfeit_fee(submission, &record.claim.miner, record.fee);
		let record = SubmissionRecordOf::<T> { fee: Zero::zero(), ..record };
		Self::close(submission, record, SubmissionOutcome::Withdrawn);
		Self::deposit_event(Event::Withdrawn { submission, miner });
		Ok(())
	}

	/// Returns an open submission, if it is of this miner.
	pub(crate) fn submission_of(
		miner: &T::AccountId,
		submission: SubmissionId,
	) -> Result<SubmissionRecordOf<T>, Error<T>> {
		let record = OpenSubmissions::<T>::get(submission).ok_or(Error::<T>::SubmissionUnknown)?;
		ensure!(record.claim.miner == *miner, Error::<T>::NotTheMiner);
		Ok(record)
	}

	pub(crate) fn do_settle(submission: SubmissionId) -> DispatchResult {
		let decision = Decisions::<T>::get(submission).ok_or(Error::<T>::DecisionUnknown)?;
		let now = Self::now();
		ensure!(!decision.is_disputable(now), Error::<T>::NotMature);
		Self::mature(submission, decision);
		Ok(())
	}

	/// Refuses tensors that are the slot's head or belong to any model.
	fn ensure_new(head: &BlockRef, block: &BlockRef) -> Result<(), Error<T>> {
		let is_known =
			head.tensor_root == block.tensor_root || T::KnownBlobs::announced(&block.blob.hash).is_some();
		ensure!(!is_known, Error::<T>::DuplicateBlock);
		Ok(())
	}
}
