//! Bodies of the contributor's calls and of those that move a dataset on. Offers, audits, votes and manifests have files of their own.

use crate::{AuditKind, Audits, Config, Datasets, Error, Event, Pallet};
use blyan_primitives::{conduct::Consequence, DatasetReason, DatasetRef, DatasetStage};
use frame_support::{ensure, pallet_prelude::DispatchResult};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_begin_audit(who: &T::AccountId, dataset: DatasetRef) -> DispatchResult {
		let mut record = Self::own(who, dataset)?;
		Self::ensure_pending(&record)?;
		let is_whole = record.named == record.blobs && record.named_bytes == record.bytes;
		ensure!(is_whole, Error::<T>::BlobsMissing);
		record.stage = DatasetStage::Audit;
		Datasets::<T>::insert(dataset, record);
		Self::appoint(dataset, AuditKind::First, 0);
		Ok(())
	}

	pub(crate) fn do_appeal(who: &T::AccountId, dataset: DatasetRef) -> DispatchResult {
		let mut record = Self::own(who, dataset)?;
		let is_in_time = Self::now() <= record.until && !record.is_final;
		let is_free = !Audits::<T>::contains_key(dataset);
		let kind = match record.stage {
			DatasetStage::Rejected(reason) if reason.is_about_data() => AuditKind::Appeal(reason),
			DatasetStage::Quarantined(tier, reason) => AuditKind::Release(tier, reason),
			_ => return Err(Error::<T>::NotAppealable.into()),
		};
		ensure!(is_in_time && is_free, Error::<T>::NotAppealable);
		if matches!(kind, AuditKind::Appeal(_)) {
			Self::ensure_room()?;
		}
		Self::use_quota(who)?;
		record.is_final = true;
		if matches!(kind, AuditKind::Appeal(_)) {
			record.stage = DatasetStage::Audit;
			Self::note_opened();
		}
		Datasets::<T>::insert(dataset, record);
		Self::deposit_event(Event::Appealed { dataset });
		Self::appoint(dataset, kind, 0);
		Ok(())
	}

	pub(crate) fn do_withdraw(who: &T::AccountId, dataset: DatasetRef) -> DispatchResult {
		let record = Self::own(who, dataset)?;
		// A contributor may learn from auditors or voters how it will end, and must not escape the consequence.
		let consequence = match record.stage {
			DatasetStage::Pending => Consequence::Neutral,
			DatasetStage::Audit | DatasetStage::Vote => Consequence::Failure,
			_ => return Err(Error::<T>::WrongStage.into()),
		};
		Self::reject(dataset, record, DatasetReason::Withdrawn, consequence);
		Ok(())
	}

	pub(crate) fn do_quarantine(dataset: DatasetRef, reason: DatasetReason) -> DispatchResult {
		let record = Datasets::<T>::get(dataset).ok_or(Error::<T>::DatasetUnknown)?;
		let DatasetStage::Approved(tier) = record.stage else { return Err(Error::<T>::WrongStage.into()) };
		ensure!(reason.is_about_data(), Error::<T>::BallotInvalid);
		// A rescan that is under way would decide about a dataset that is in use, and this one is not any more.
		if let Some(audit) = Audits::<T>::get(dataset) {
			Self::close_audit(dataset, &audit);
		}
		Self::put_in_quarantine(dataset, record, tier, reason);
		Ok(())
	}

	pub(crate) fn do_advance(dataset: DatasetRef) -> DispatchResult {
		ensure!(Self::step(dataset, Self::now()), Error::<T>::NothingDue);
		Ok(())
	}
}
