//! Stages: what follows from an audit, a vote, or time.

use crate::{
	rules::{self, Combined},
	AuditKind, Audits, BlobChunks, Blobs, Config, DatasetRecordOf, Datasets, Due, Error, Event,
	FormerAuditors, FreshUntil, OpenCount, Pallet, Roots, UseCount,
};
use blyan_primitives::{
	conduct::Consequence, AuditReport, DatasetReason, DatasetRef, DatasetStage, DatasetTier,
};
use frame_support::{ensure, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{Bounded, One, Saturating};

impl<T: Config> Pallet<T> {
	/// Does what is due for a dataset. Returns whether anything was.
	pub(crate) fn step(dataset: DatasetRef, now: BlockNumberFor<T>) -> bool {
		let Some(record) = Datasets::<T>::get(dataset) else {
			Self::unschedule(dataset);
			return false;
		};
		if let Some(audit) = Audits::<T>::get(dataset) {
			return Self::step_audit(dataset, record, audit, now);
		}
		let until = match record.stage {
			// One that was approved before there were rescans has no entry: it is due since its vote ended.
			DatasetStage::Approved(_) => FreshUntil::<T>::get(dataset).unwrap_or(record.until),
			_ => record.until,
		};
		if now <= until {
			// Not yet: an entry that was made too early goes to its place.
			if Due::<T>::contains_key(dataset) {
				Self::schedule(dataset, until.saturating_add(One::one()));
			}
			return false;
		}
		match record.stage {
			DatasetStage::Pending => {
				Self::reject(dataset, record, DatasetReason::Withdrawn, Consequence::Neutral);
			}
			DatasetStage::Vote => Self::end_vote(dataset, record, now),
			DatasetStage::Quarantined(_, reason) => Self::reject_for_good(dataset, record, reason),
			DatasetStage::Rejected(_) => return Self::forget(dataset, record, now),
			DatasetStage::Approved(_) => return Self::begin_rescan(dataset, now),
			DatasetStage::Audit => {
				Self::unschedule(dataset);
				return false;
			}
		}
		true
	}

	/// Draws the consequences of a committee's finding.
	pub(crate) fn decide_audit(
		dataset: DatasetRef,
		mut record: DatasetRecordOf<T>,
		(kind, round): (AuditKind, u8),
		combined: Combined,
	) {
		let found = match combined {
			Combined::Examined(report) => {
				record.report = Some(report);
				Self::deposit_event(Event::Audited { dataset, report });
				rules::auto_reject(&report, &T::RejectLimits::get()).map_or(Ok(report), Err)
			}
			Combined::Malformed => Err(DatasetReason::Quality),
			// `conclude` draws again where a committee is divided.
			Combined::Unavailable | Combined::Divided => Err(DatasetReason::Withdrawn),
		};
		match (kind, found) {
			(AuditKind::Rescan, found) => Self::end_rescan(dataset, record, round, found.err()),
			(AuditKind::Release(tier, reason), Ok(report)) => {
				Self::release(dataset, record, (tier, reason), &report);
			}
			// Bytes that are withheld now prove no appeal right.
			(AuditKind::Release(_, reason), Err(DatasetReason::Withdrawn)) => {
				Self::reject_for_good(dataset, record, reason);
			}
			(AuditKind::Appeal(reason), Err(DatasetReason::Withdrawn)) => {
				Self::reject(dataset, record, reason, Consequence::Failure);
			}
			(AuditKind::Release(..), Err(reason)) => Self::reject_for_good(dataset, record, reason),
			(_, Ok(_)) => Self::open_vote(dataset, record),
			(_, Err(reason)) => Self::reject(dataset, record, reason, Consequence::Failure),
		}
	}

	/// Two committees decided nothing.
	pub(crate) fn time_out_audit(dataset: DatasetRef, record: DatasetRecordOf<T>, kind: AuditKind) {
		match kind {
			AuditKind::First => Self::reject_untried(dataset, record),
			// What was decided before stands.
			AuditKind::Appeal(reason) => Self::reject(dataset, record, reason, Consequence::Neutral),
			AuditKind::Release(_, reason) => Self::reject_for_good(dataset, record, reason),
			AuditKind::Rescan => Self::keep_in_use(dataset, record),
		}
	}

	/// Lets a quarantined dataset back into the best tier, from its old one down, whose limits it meets.
	fn release(
		dataset: DatasetRef,
		mut record: DatasetRecordOf<T>,
		(old, reason): (DatasetTier, DatasetReason),
		report: &AuditReport,
	) {
		let rating = record.vote.as_ref().and_then(rules::rating);
		match rules::best(old, report, rating, &T::TierRules::get(), |_| true) {
			Some(tier) => {
				record.stage = DatasetStage::Approved(tier);
				Self::enter_rescan(dataset);
				Datasets::<T>::insert(dataset, record);
				FormerAuditors::<T>::remove(dataset);
				Self::deposit_event(Event::Approved { dataset, tier });
			}
			None => Self::reject_for_good(dataset, record, reason),
		}
	}

	/// Ends an open dataset well.
	pub(crate) fn approve(dataset: DatasetRef, mut record: DatasetRecordOf<T>, tier: DatasetTier) {
		Self::note_consequence(&record, Consequence::Success);
		record.stage = DatasetStage::Approved(tier);
		Self::enter_rescan(dataset);
		Datasets::<T>::insert(dataset, record);
		FormerAuditors::<T>::remove(dataset);
		Self::note_closed();
		Self::deposit_event(Event::Approved { dataset, tier });
	}

	/// Ends an open dataset through no fault of its contributor: the offer is given back.
	pub(crate) fn reject_untried(dataset: DatasetRef, record: DatasetRecordOf<T>) {
		Self::give_quota_back(&record);
		Self::reject(dataset, record, DatasetReason::AuditTimeout, Consequence::Neutral);
	}

	/// Ends an open dataset.
	pub(crate) fn reject(
		dataset: DatasetRef,
		record: DatasetRecordOf<T>,
		reason: DatasetReason,
		consequence: Consequence,
	) {
		Self::note_consequence(&record, consequence);
		Self::note_closed();
		// Nothing was found out about the data yet, so it may be offered again at once. Once a sample was drawn the root stays
		// taken, or a contributor could withhold and withdraw until a sample suits it.
		let is_untried = consequence == Consequence::Neutral && !reason.is_about_data() && !record.is_final;
		if is_untried {
			Roots::<T>::remove(record.root);
		}
		Self::close(dataset, record, reason);
	}

	/// Ends a quarantine: the dataset was no open one.
	pub(crate) fn reject_for_good(
		dataset: DatasetRef,
		mut record: DatasetRecordOf<T>,
		reason: DatasetReason,
	) {
		Self::note_consequence(&record, Consequence::Failure);
		record.is_final = true;
		Self::close(dataset, record, reason);
	}

	fn close(dataset: DatasetRef, mut record: DatasetRecordOf<T>, reason: DatasetReason) {
		if let Some(audit) = Audits::<T>::get(dataset) {
			Self::close_audit(dataset, &audit);
		}
		Self::close_ballot(dataset, &record);
		let now = Self::now();
		let may_appeal = reason.is_about_data() && !record.is_final;
		let appeal_until = may_appeal.then(|| now.saturating_add(T::AppealWindow::get()));
		record.is_final |= !may_appeal;
		record.stage = DatasetStage::Rejected(reason);
		// An appeal must come in time; without one the record stays a little longer, and with it the refusal of its root.
		record.until = appeal_until.unwrap_or_else(|| now.saturating_add(T::RejectedFor::get()));
		let due = record.until.saturating_add(One::one());
		Datasets::<T>::insert(dataset, record);
		Self::schedule(dataset, due);
		Self::deposit_event(Event::Rejected { dataset, reason, appeal_until });
	}

	/// Forgets a rejected dataset, one chunk of blobs at a time.
	fn forget(dataset: DatasetRef, mut record: DatasetRecordOf<T>, now: BlockNumberFor<T>) -> bool {
		if !record.is_final {
			// The time for an appeal is over.
			record.is_final = true;
			let rest = T::RejectedFor::get().saturating_sub(T::AppealWindow::get());
			record.until = now.saturating_add(rest);
			Self::schedule(dataset, record.until.saturating_add(One::one()));
			Datasets::<T>::insert(dataset, record);
			return true;
		}
		if let Some(last) = BlobChunks::<T>::get(dataset).checked_sub(1) {
			for blob in Blobs::<T>::take(dataset, last).unwrap_or_default() {
				Self::retract(&blob);
			}
			BlobChunks::<T>::insert(dataset, last);
			Self::schedule(dataset, now.saturating_add(One::one()));
			return true;
		}
		BlobChunks::<T>::remove(dataset);
		Self::retract(&record.manifest);
		if Roots::<T>::get(record.root) == Some(dataset) {
			Roots::<T>::remove(record.root);
		}
		FormerAuditors::<T>::remove(dataset);
		Self::unschedule(dataset);
		// What taught an expert stays known, without its bytes.
		if UseCount::<T>::get(dataset) == 0 {
			Datasets::<T>::remove(dataset);
		} else {
			record.named = 0;
			record.named_bytes = 0;
			// Nothing is due for it ever again, or `advance` would take its manifest's announcement back a second time.
			record.until = BlockNumberFor::<T>::max_value();
			Datasets::<T>::insert(dataset, record);
		}
		Self::deposit_event(Event::Forgotten { dataset });
		true
	}

	pub(crate) fn ensure_room() -> Result<(), Error<T>> {
		ensure!(OpenCount::<T>::get() < T::MaxOpen::get(), Error::<T>::TooManyOpen);
		Ok(())
	}

	pub(crate) fn note_opened() {
		OpenCount::<T>::mutate(|open| *open = open.saturating_add(1));
	}

	fn note_closed() {
		OpenCount::<T>::mutate(|open| *open = open.saturating_sub(1));
	}
}
