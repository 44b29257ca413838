//! Runtime API implementation, for nodes and clients.

use crate::{
	AnnouncedBlobs, AuditRecordOf, Audits, BlobChunks, Blobs, Conducts, Config, DatasetRecordOf, Datasets,
	Electorates, Manifests, NextDataset, Pallet, Roots, SeatState, Series, Tally, UseCount, Uses,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::BlobAnnouncements, BlobRef, DatasetId, DatasetRef, DatasetStage, SubmissionId, VoterProof,
	BLOBS_PER_CALL, SAMPLE_BYTES_MAX,
};
use blyan_runtime_api::{
	datasets::{AuditDuty, AuditStep, AuditorSeat, DatasetAudit, DatasetInfo, Lineage, OfferTerms, VoteInfo},
	AccountId,
};
use frame_support::traits::Get;
use sp_core::H256;
use sp_runtime::traits::SaturatedConversion;

/// Numbers looked at, or submissions returned, in one question.
const PAGE_MAX: u32 = 100;

impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		AnnouncedBlobs::<T>::get(hash).map(|blob| blob.size)
	}
}

impl<T: Config> Pallet<T> {
	/// Datasets ever offered.
	pub fn dataset_count() -> DatasetId {
		NextDataset::<T>::get()
	}

	/// The dataset that a root stands for.
	pub fn dataset_of_root(root: H256) -> Option<DatasetRef> {
		Roots::<T>::get(root)
	}

	/// Named blobs of a dataset, from the `start`th; at most [`BLOBS_PER_CALL`].
	pub fn blobs(dataset: DatasetRef, start: u32) -> Vec<BlobRef> {
		let chunks = 0..BlobChunks::<T>::get(dataset);
		let all = chunks.filter_map(|chunk| Blobs::<T>::get(dataset, chunk)).flatten();
		all.skip(start.saturated_into()).take(BLOBS_PER_CALL.saturated_into()).collect()
	}

	/// Submissions whose manifests list a dataset.
	pub fn submissions_of(dataset: DatasetRef, start: u32, count: u32) -> Vec<SubmissionId> {
		let end = start.saturating_add(count.min(PAGE_MAX)).min(UseCount::<T>::get(dataset));
		(start..end).filter_map(|place| Uses::<T>::get(dataset, place)).collect()
	}

	/// The datasets that a submission's miner declared.
	pub fn lineage(submission: SubmissionId) -> Option<Lineage> {
		let declared = Manifests::<T>::get(submission)?;
		Some(Lineage { hash: declared.hash, manifest: declared.manifest })
	}

	/// The proof by which an account votes.
	pub fn voter_proof(dataset: DatasetRef, who: &T::AccountId) -> Option<VoterProof> {
		let record = Datasets::<T>::get(dataset).filter(|record| record.stage == DatasetStage::Vote)?;
		let list = Electorates::<T>::get(record.vote?.electorate)?;
		let index = list.voters.iter().position(|voter| voter == who)?;
		VoterProof::of(&list.voters, index.saturated_into())
	}

	/// The terms on which an account's next offer is taken.
	pub fn offer_terms(who: &T::AccountId) -> OfferTerms {
		let (rules, now) = (T::Conduct::get(), Self::conduct_now());
		let conduct = Conducts::<T>::get(who).at(&rules, now);
		OfferTerms {
			level: conduct.level,
			quota: rules.quota(conduct.level),
			offered: conduct.offers,
			flags: conduct.flags,
			is_blocked: conduct.is_blocked(),
			renews_in: rules.renews_in(now),
			pow_bits: T::PowBits::get(),
			pow_window: T::PowWindow::get().saturated_into(),
		}
	}

	/// Work of an operator as an auditor, the most urgent first.
	pub fn duties(operator: &T::AccountId) -> Vec<AuditDuty> {
		let mut duties: Vec<_> = Audits::<T>::iter()
			.filter_map(|(dataset, audit)| Self::duty(operator, dataset, &audit))
			.collect();
		duties.sort_by_key(|duty| (duty.until, duty.dataset));
		duties
	}

	fn duty(operator: &T::AccountId, dataset: DatasetRef, audit: &AuditRecordOf<T>) -> Option<AuditDuty> {
		let seat = audit.seats.iter().find(|seat| seat.operator == *operator)?;
		let seal = match (&audit.step, seat.state) {
			(AuditStep::Sealing, SeatState::Waiting) => None,
			(AuditStep::Revealing, SeatState::Sealed(seal)) => Some(seal),
			_ => return None,
		};
		if Self::now() > audit.until {
			return None;
		}
		let record = Datasets::<T>::get(dataset)?;
		Some(AuditDuty {
			dataset,
			draw: audit.draw,
			step: audit.step,
			until: audit.until.saturated_into(),
			seal,
			licence: record.licence.into_inner(),
			manifest: record.manifest,
			root: record.root,
			records: record.records,
			bytes: record.bytes,
			blobs: record.blobs,
			sample_bytes_max: SAMPLE_BYTES_MAX,
		})
	}
}

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// All versions of the datasets with a number in `start..start + count`.
	pub fn datasets(start: DatasetId, count: u32) -> Vec<DatasetInfo> {
		let end = start.saturating_add(count.min(PAGE_MAX)).min(Self::dataset_count());
		let versions = |dataset| {
			let count = Series::<T>::get(dataset).map_or(0, |series| series.versions);
			(0..count).map(move |version| DatasetRef { dataset, version })
		};
		(start..end).flat_map(versions).filter_map(Self::dataset).collect()
	}

	/// One version of a dataset.
	pub fn dataset(dataset: DatasetRef) -> Option<DatasetInfo> {
		let record = Datasets::<T>::get(dataset)?;
		let appeal_until = Self::is_appealable(&record).then(|| record.until.saturated_into());
		let until = record.until.saturated_into();
		Some(DatasetInfo {
			dataset,
			creator: record.creator,
			licence: record.licence.into_inner(),
			source: record.source.into_inner(),
			manifest: record.manifest,
			root: record.root,
			records: record.records,
			bytes: record.bytes,
			blobs: record.blobs,
			blobs_named: record.named,
			offered_at: record.offered_at.saturated_into(),
			stage: record.stage,
			audit_window_end: record.audit_window_end.map(SaturatedConversion::saturated_into),
			report: record.report,
			vote: record.vote.map(|tally| vote_info(&tally, until)),
			appeal_until,
			uses: UseCount::<T>::get(dataset),
		})
	}

	fn is_appealable(record: &DatasetRecordOf<T>) -> bool {
		let is_decided = matches!(record.stage, DatasetStage::Rejected(_) | DatasetStage::Quarantined(..));
		is_decided && !record.is_final && Self::now() <= record.until
	}

	/// The audit of a dataset.
	pub fn audit(dataset: DatasetRef) -> Option<DatasetAudit> {
		let audit = Audits::<T>::get(dataset)?;
		let seats = audit.seats.iter().map(|seat| AuditorSeat {
			operator: seat.operator.clone(),
			sealed: seat.state != SeatState::Waiting,
			revealed: matches!(seat.state, SeatState::Revealed(_)),
		});
		Some(DatasetAudit {
			draw: audit.draw,
			step: audit.step,
			until: audit.until.saturated_into(),
			round: audit.round,
			is_appeal: audit.kind.is_appeal(),
			seats: seats.collect(),
		})
	}
}

fn vote_info(tally: &Tally, until: u32) -> VoteInfo {
	VoteInfo {
		voters: tally.voters,
		voter_root: tally.voter_root,
		yes: tally.yes,
		no: tally.against(),
		stars: tally.stars,
		rated: tally.rated,
		until,
		extended: tally.extended,
	}
}
