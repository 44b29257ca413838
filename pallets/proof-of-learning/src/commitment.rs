//! Commit-reveal for submissions.
//!
//! A pending `submit` shows its tensor root and its blob's hash in the transaction pool, and both can be copied into
//! another account's transaction. So every submission opens a commitment of its account, which names neither and is some
//! blocks old: a copy that begins when the original is seen comes `CommitAge` blocks too late. [`crate::priority`] has what
//! happens if the original is held back that long.
//!
//! A commitment has a deposit, which returns when it is opened and is lost when it expires. Fees alone would price the
//! transaction and not the hour that its record occupies storage; a deposit that returned in any case would cost only
//! its interest.

use crate::{
	BalanceOf, CommitmentQueue, CommitmentQueueEnds, Commitments, Config, Error, Event, HoldReason, Pallet,
	WeightInfo, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{commitment_hash, BlockRef, ExpertSlot};
use blyan_support::genesis_hash;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	ensure,
	traits::{
		fungible::{BalancedHold, MutateHold},
		tokens::Precision,
		Get, OnUnbalanced,
	},
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{
	traits::{Saturating, Zero},
	DispatchResult,
};

/// A commitment of the runtime.
pub type CommitmentRecordOf<T> = CommitmentRecord<BalanceOf<T>, BlockNumberFor<T>>;

/// A commitment that has not been opened.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct CommitmentRecord<Balance, BlockNumber> {
	/// The hash: [`commitment_hash`].
	pub commitment: H256,
	/// Block in which it was made.
	pub committed_at: BlockNumber,
	/// Amount on hold for it.
	pub deposit: Balance,
	/// Its place in the queue of those that expire.
	pub place: u64,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_commit(miner: T::AccountId, commitment: H256) -> DispatchResult {
		let now = Self::now();
		// The account's expired ones must not take up its places until a block has time for them.
		let expired = Self::take_commitments(&miner, |record| Self::is_expired(record, now));
		Self::forfeit_deposits(&miner, &expired);
		let deposit = T::CommitDeposit::get();
		let place = CommitmentQueueEnds::<T>::mutate(|(_, next)| {
			let place = *next;
			*next = next.saturating_add(1);
			place
		});
		Commitments::<T>::try_mutate(&miner, |records| {
			let is_known = records.iter().any(|record| record.commitment == commitment);
			ensure!(!is_known, Error::<T>::CommitmentKnown);
			let record = CommitmentRecord { commitment, committed_at: now, deposit, place };
			records.try_push(record).map_err(|_| Error::<T>::TooManyCommitments)
		})?;
		CommitmentQueue::<T>::insert(place, &miner);
		T::Currency::hold(&HoldReason::Commitment.into(), &miner, deposit)?;
		Self::deposit_event(Event::Committed { miner, commitment, deposit });
		Ok(())
	}

	/// Opens the miner's commitment to `block` and returns its deposit.
	///
	/// Returns the block that the commitment was made in.
	pub(crate) fn open_commitment(
		miner: &T::AccountId,
		slot: &ExpertSlot,
		block: &BlockRef,
		salt: &H256,
	) -> Result<BlockNumberFor<T>, Error<T>> {
		let now = Self::now();
		let record = Self::commitment_to(miner, slot, block, salt)
			.filter(|record| !Self::is_expired(record, now))
			.ok_or(Error::<T>::CommitmentUnknown)?;
		ensure!(now >= Self::opens_at(&record), Error::<T>::CommitmentTooYoung);
		Self::take_commitments(miner, |other| other.place == record.place);
		let reason = HoldReason::Commitment.into();
		let released = T::Currency::release(&reason, miner, record.deposit, Precision::BestEffort);
		if released != Ok(record.deposit) {
			log::error!(target: LOG_TARGET, "deposit of commitment {:?}: released {released:?}", record.commitment);
		}
		Ok(record.committed_at)
	}

	/// The miner's commitment to `block`, expired or not, as long as it is on record.
	pub(crate) fn commitment_to(
		miner: &T::AccountId,
		slot: &ExpertSlot,
		block: &BlockRef,
		salt: &H256,
	) -> Option<CommitmentRecordOf<T>> {
		let commitment = commitment_hash(&genesis_hash::<T>(), miner, slot, block, salt);
		Commitments::<T>::get(miner).into_iter().find(|record| record.commitment == commitment)
	}

	/// Removes expired commitments, the oldest first, as far as `remaining` allows.
	pub(crate) fn expire_commitments(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::DbWeight::get().reads(1)).is_err() {
			return meter.consumed();
		}
		let (begin, end) = CommitmentQueueEnds::<T>::get();
		let mut first = begin;
		while first < end && meter.try_consume(T::WeightInfo::expire_commitment()).is_ok() {
			// An opened one has left its place.
			if let Some(miner) = CommitmentQueue::<T>::get(first) {
				let records = Commitments::<T>::get(&miner);
				let is_live =
					records.iter().any(|record| record.place == first && !Self::is_expired(record, now));
				if is_live {
					break;
				}
				let expired = Self::take_commitments(&miner, |record| record.place == first);
				Self::forfeit_deposits(&miner, &expired);
			}
			first = first.saturating_add(1);
		}
		if first != begin {
			CommitmentQueueEnds::<T>::put((first, end));
		}
		meter.consumed()
	}

	/// First block in which a commitment can be opened.
	pub(crate) fn opens_at(record: &CommitmentRecordOf<T>) -> BlockNumberFor<T> {
		record.committed_at.saturating_add(T::CommitAge::get())
	}

	/// Last block in which a commitment can be opened.
	pub(crate) fn expires_at(record: &CommitmentRecordOf<T>) -> BlockNumberFor<T> {
		record.committed_at.saturating_add(T::CommitLifetime::get())
	}

	pub(crate) fn is_expired(record: &CommitmentRecordOf<T>, now: BlockNumberFor<T>) -> bool {
		now > Self::expires_at(record)
	}

	/// Removes those of a miner's commitments for which `is_taken`, and their places in the queue.
	fn take_commitments(
		miner: &T::AccountId,
		is_taken: impl Fn(&CommitmentRecordOf<T>) -> bool,
	) -> Vec<CommitmentRecordOf<T>> {
		let all = Commitments::<T>::get(miner);
		let (taken, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(is_taken);
		if taken.is_empty() {
			return taken;
		}
		for record in &taken {
			CommitmentQueue::<T>::remove(record.place);
		}
		if kept.is_empty() {
			Commitments::<T>::remove(miner);
		} else {
			Commitments::<T>::insert(miner, BoundedVec::truncate_from(kept));
		}
		taken
	}

	/// Takes the deposits of commitments that expired.
	fn forfeit_deposits(miner: &T::AccountId, expired: &[CommitmentRecordOf<T>]) {
		let total =
			expired.iter().fold(BalanceOf::<T>::zero(), |sum, record| sum.saturating_add(record.deposit));
		if !total.is_zero() {
			let (credit, missing) = T::Currency::slash(&HoldReason::Commitment.into(), miner, total);
			if !missing.is_zero() {
				log::error!(target: LOG_TARGET, "deposits of commitments: {missing:?} of {total:?} is missing");
			}
			T::OnSlash::on_unbalanced(credit);
		}
		for CommitmentRecord { commitment, deposit, .. } in expired {
			let (miner, commitment, deposit) = (miner.clone(), *commitment, *deposit);
			Self::deposit_event(Event::CommitmentExpired { miner, commitment, deposit });
		}
	}
}
