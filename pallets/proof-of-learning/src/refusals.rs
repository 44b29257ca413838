//! Calls that are certain to fail.
//!
//! Versions of a slot only grow, submissions keep their miners and numbers, and what was decided and has matured is never
//! open again. A commitment that is missing may be on its way, and so may the submission of the next number: neither is
//! refused. Nor is want of room or of quota, or what is merely early.

use crate::{Call, CommitmentRecordOf, Config, Decisions, Error, NextSubmission, OpenSubmissions, Pallet};
use blyan_primitives::{
	traits::ExpertRegistry, BlockRef, ExpertSlot, PowStamp, Refusal, SubmissionId, VersionIndex, FAR,
};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::Saturating;

impl<T: Config> Pallet<T> {
	/// Returns why a signed call of `who` is certain to fail, whatever comes before it.
	///
	/// What operators say is authorised by their session keys, and checked there.
	pub fn refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::submit { slot, parent, block, stamp, salt, .. } => {
				let error = Self::ensure_fits(*slot, *parent, block).err();
				error.and_then(|error| Self::fault(error, *slot, *parent, block)).or_else(|| {
					let record = Self::commitment_to(who, slot, block, salt);
					Self::late_or_weak(who, block, *stamp, record)
				})
			}
			Call::finalise { submission } => Self::missing(*submission),
			Call::withdraw { submission } => match Self::submission_of(who, *submission).err()? {
				Error::NotTheMiner => Some(Refusal::NotAllowed),
				_ => Self::missing(*submission),
			},
			Call::settle { submission } => Self::missing(*submission),
			Call::report_copy { copy, original, .. } => {
				match Self::ensure_comparable(*copy, *original).err()? {
					Error::SubmissionUnknown => Self::missing(*copy),
					Error::OriginalNotEarlier | Error::SameMiner | Error::CopiesNotMeasured => {
						Some(Refusal::Malformed)
					}
					Error::OriginalUnknown => Some(Refusal::Over),
					_ => None,
				}
			}
			Call::report_open_copy { copy, original, .. } => {
				match Self::open_accusation(*copy, *original).err()? {
					Error::SubmissionUnknown => Self::missing(*copy),
					Error::OriginalNotEarlier | Error::SameMiner | Error::CopiesNotMeasured => {
						Some(Refusal::Malformed)
					}
					Error::OriginalUnknown => Some(Refusal::Over),
					_ => None,
				}
			}
			_ => None,
		}
	}

	/// Returns the reason for which there will be no submission of this number; `None` if it is open, decided, or one of the next.
	fn missing(submission: SubmissionId) -> Option<Refusal> {
		// A decision that falls puts its submission back.
		let is_here =
			OpenSubmissions::<T>::contains_key(submission) || Decisions::<T>::contains_key(submission);
		if is_here {
			return None;
		}
		Refusal::of_missing(submission, NextSubmission::<T>::get())
	}

	/// Returns the fault of an expert that nothing mends, after [`Self::ensure_fits`] has found an error.
	fn fault(error: Error<T>, slot: ExpertSlot, parent: VersionIndex, block: &BlockRef) -> Option<Refusal> {
		let head = T::Experts::head(slot);
		match error {
			Error::SlotUnknown if T::Experts::body(slot.model).is_some() => Some(Refusal::Malformed),
			Error::SlotUnknown => Some(Refusal::Unknown),
			Error::ParentNotHead => {
				let version = head?.version;
				let is_far = u64::from(parent) > u64::from(version).saturating_add(FAR);
				match parent < version {
					true => Some(Refusal::Over),
					false => is_far.then_some(Refusal::Unknown),
				}
			}
			Error::BlobSizeOutOfRange => Some(Refusal::Malformed),
			// When another head replaces this one, the parent is the wrong one.
			Error::DuplicateBlock => (head?.block.tensor_root == block.tensor_root).then_some(Refusal::Over),
			_ => None,
		}
	}

	/// Reports that the commitment or the stamp is too old, or the work too little.
	fn late_or_weak(
		miner: &T::AccountId,
		block: &BlockRef,
		stamp: PowStamp<BlockNumberFor<T>>,
		record: Option<CommitmentRecordOf<T>>,
	) -> Option<Refusal> {
		if record.is_some_and(|record| Self::is_expired(&record, Self::now())) {
			return Some(Refusal::Over);
		}
		let now = frame_system::Pallet::<T>::block_number();
		let bits = Self::pow_bits(&Self::miner_today(miner));
		match Self::ensure_work(miner, &block.tensor_root, stamp, bits).err()? {
			Error::PowTooWeak => Some(Refusal::Unproven),
			Error::PowBlockUnknown if now.saturating_sub(stamp.block) > T::PowWindow::get() => {
				Some(Refusal::Over)
			}
			_ => None,
		}
	}
}
