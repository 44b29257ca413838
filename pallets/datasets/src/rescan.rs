//! Rescans: datasets in use are examined again, by the rules that the operators' nodes have by then.
//!
//! A rescan is an audit like the first one, of another sample, while the dataset stays in use. It has one consequence: more than
//! the limits that reject an offer, found by two committees one after the other, puts the dataset in quarantine, with the
//! contributor's right to appeal. Nothing else changes its tier, or a chance of a few records in one sample would lower it, week by week.
//!
//! Two committees, because a rescan comes each week: operators with 30 % of the draw's weight have three of five seats in 16 % of the
//! draws, so that one committee would be theirs eight times a year; both are in 2.7 %. Both samples are other ones, too.

use crate::{
	AuditKind, Config, DatasetRecordOf, Datasets, Event, FormerAuditors, FreshUntil, Pallet, RescanCount,
};
use blyan_primitives::{DatasetReason, DatasetRef, DatasetStage, DatasetTier};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{CheckedDiv, One, Saturating};

/// Round of the committee that confirms what the first one of a rescan found. The one after it is that committee's second try.
pub(crate) const CONFIRMING_ROUND: u8 = 2;
/// Part of `RescanEvery` after which a rescan that found no room is tried again.
const RETRIES_PER_INTERVAL: u32 = 8;

impl<T: Config> Pallet<T> {
	/// Marks a dataset in use as examined just now, and enters its next rescan. Returns the earliest moment of it.
	pub(crate) fn enter_rescan(dataset: DatasetRef) -> BlockNumberFor<T> {
		let fresh_until = Self::now().saturating_add(T::RescanEvery::get());
		let due = fresh_until.saturating_add(One::one());
		FreshUntil::<T>::insert(dataset, fresh_until);
		Self::schedule(dataset, due);
		due
	}

	/// Has a dataset examined again whose time in use since the last examination is over. Returns whether it is.
	pub(crate) fn begin_rescan(dataset: DatasetRef, now: BlockNumberFor<T>) -> bool {
		if RescanCount::<T>::get() >= T::MaxRescans::get() {
			// Far enough away that a crowd of waiting datasets takes no steps from those that are offered.
			let parts = BlockNumberFor::<T>::from(RETRIES_PER_INTERVAL);
			let pause = T::RescanEvery::get().checked_div(&parts).unwrap_or_default();
			Self::schedule(dataset, now.saturating_add(pause).saturating_add(One::one()));
			return false;
		}
		Self::appoint(dataset, AuditKind::Rescan, 0);
		true
	}

	/// Draws the consequence of a rescan. Only a fault of the data has one: bytes that could not be had, or a committee that
	/// decided nothing, leave the dataset in use until the next.
	///
	/// - `round`: of the committee that found it. A fault that no other committee has confirmed has another one drawn, and nothing is noted.
	pub(crate) fn end_rescan(
		dataset: DatasetRef,
		record: DatasetRecordOf<T>,
		round: u8,
		fault: Option<DatasetReason>,
	) {
		let fault = fault.filter(|reason| reason.is_about_data());
		match (record.stage, fault) {
			(DatasetStage::Approved(_), Some(_)) if round < CONFIRMING_ROUND => {
				Self::appoint(dataset, AuditKind::Rescan, CONFIRMING_ROUND);
			}
			(DatasetStage::Approved(tier), Some(reason)) => {
				Self::put_in_quarantine(dataset, record, tier, reason);
			}
			_ => Self::keep_in_use(dataset, record),
		}
	}

	/// Ends a rescan without a consequence.
	pub(crate) fn keep_in_use(dataset: DatasetRef, record: DatasetRecordOf<T>) {
		let rescan_at = Self::enter_rescan(dataset);
		Datasets::<T>::insert(dataset, record);
		FormerAuditors::<T>::remove(dataset);
		Self::deposit_event(Event::KeptInUse { dataset, rescan_at });
	}

	/// Takes a dataset out of use. Its contributor may appeal, even if it appealed an earlier rejection: this is a new matter.
	pub(crate) fn put_in_quarantine(
		dataset: DatasetRef,
		mut record: DatasetRecordOf<T>,
		tier: DatasetTier,
		reason: DatasetReason,
	) {
		let appeal_until = Self::now().saturating_add(T::AppealWindow::get());
		record.stage = DatasetStage::Quarantined(tier, reason);
		record.until = appeal_until;
		record.is_final = false;
		Datasets::<T>::insert(dataset, record);
		FreshUntil::<T>::remove(dataset);
		Self::schedule(dataset, appeal_until.saturating_add(One::one()));
		Self::deposit_event(Event::Quarantined { dataset, reason, appeal_until });
	}
}
