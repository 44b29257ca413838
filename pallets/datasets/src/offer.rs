//! Offers: conduct, proof of work, blobs.

use crate::{
	AnnouncedBlob, AnnouncedBlobs, BlobChunks, Blobs, Conducts, Config, DatasetRecord, DatasetRecordOf,
	Datasets, Error, Event, NextDataset, OpenCount, Pallet, Roots, Series, SeriesRecord,
};
use blyan_primitives::{
	conduct::{ConductRecord, Consequence, Refused},
	leading_zero_bits, pow_hash, BlobChunk, BlobRef, DatasetId, DatasetOffer, DatasetRef, DatasetStage,
	PowStamp, BLOBS_MAX,
};
use codec::Encode;
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{SaturatedConversion, Saturating},
	DispatchError,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_offer(
		who: T::AccountId,
		offer: DatasetOffer,
		blobs: BlobChunk,
		stamp: PowStamp<BlockNumberFor<T>>,
	) -> DispatchResult {
		Self::ensure_well_formed(&offer)?;
		ensure!(!Roots::<T>::contains_key(offer.root), Error::<T>::RootKnown);
		ensure!(OpenCount::<T>::get() < T::MaxOpen::get(), Error::<T>::TooManyOpen);
		Self::use_quota(&who)?;
		Self::ensure_work(&who, &offer.work_subject(), stamp)?;

		let dataset = Self::give_number(&who, offer.series)?;
		let until = Self::now().saturating_add(T::PendingWindow::get());
		let record = DatasetRecord {
			creator: who.clone(),
			licence: offer.licence,
			source: offer.source,
			manifest: offer.manifest,
			root: offer.root,
			records: offer.records,
			bytes: offer.bytes,
			blobs: offer.blobs,
			named: 0,
			named_bytes: 0,
			offered_at: frame_system::Pallet::<T>::block_number(),
			stage: DatasetStage::Pending,
			until,
			audit_window_end: None,
			report: None,
			vote: None,
			is_final: false,
		};
		Self::announce(&offer.manifest)?;
		Roots::<T>::insert(offer.root, dataset);
		OpenCount::<T>::mutate(|open| *open = open.saturating_add(1));
		Self::schedule(dataset, until.saturating_add(1u32.into()));
		Self::deposit_event(Event::Offered { dataset, creator: who, root: offer.root, until });
		Self::store_blobs(dataset, record, blobs)
	}

	pub(crate) fn do_name_blobs(who: &T::AccountId, dataset: DatasetRef, blobs: BlobChunk) -> DispatchResult {
		let record = Self::own(who, dataset)?;
		Self::ensure_pending(&record)?;
		Self::store_blobs(dataset, record, blobs)
	}

	pub(crate) fn ensure_pending(record: &DatasetRecordOf<T>) -> Result<(), Error<T>> {
		let is_open = record.stage == DatasetStage::Pending && Self::now() <= record.until;
		ensure!(is_open, Error::<T>::WrongStage);
		Ok(())
	}

	/// The dataset, if it is this account's.
	pub(crate) fn own(who: &T::AccountId, dataset: DatasetRef) -> Result<DatasetRecordOf<T>, Error<T>> {
		let record = Datasets::<T>::get(dataset).ok_or(Error::<T>::DatasetUnknown)?;
		ensure!(record.creator == *who, Error::<T>::NotYourDataset);
		Ok(record)
	}

	pub(crate) fn ensure_well_formed(offer: &DatasetOffer) -> Result<(), Error<T>> {
		let is_full = !offer.licence.is_empty()
			&& !offer.source.is_empty()
			&& offer.manifest.size > 0
			&& offer.records > 0
			&& offer.bytes > 0
			&& (1..=BLOBS_MAX).contains(&offer.blobs);
		ensure!(is_full, Error::<T>::OfferMalformed);
		Ok(())
	}

	/// Counts an offer of today, or refuses it.
	pub(crate) fn use_quota(who: &T::AccountId) -> Result<(), Error<T>> {
		let (rules, now) = (T::Conduct::get(), Self::conduct_now());
		let renews_in = || rules.renews_in(now).saturated_into();
		let next = Conducts::<T>::get(who).offer(&rules, now).map_err(|refused| match refused {
			Refused::QuotaExceeded => Error::<T>::QuotaExceeded { renews_in: renews_in() },
			Refused::Blocked => Error::<T>::Blocked { renews_in: renews_in() },
		})?;
		Conducts::<T>::insert(who, next);
		Ok(())
	}

	/// The time that quotas are in: blocks, whether or not transactions were admitted.
	pub(crate) fn conduct_now() -> u32 {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// Draws the consequence of a decision for the contributor.
	pub(crate) fn note_consequence(record: &DatasetRecordOf<T>, consequence: Consequence) {
		let rules = T::Conduct::get();
		Conducts::<T>::mutate(&record.creator, |conduct| *conduct = conduct.decide(&rules, consequence));
	}

	/// Gives an offer of today back.
	pub(crate) fn give_quota_back(record: &DatasetRecordOf<T>) {
		let (rules, now) = (T::Conduct::get(), Self::conduct_now());
		let offered_at = record.offered_at.saturated_into();
		Conducts::<T>::mutate(&record.creator, |conduct: &mut ConductRecord| {
			*conduct = conduct.give_back(&rules, now, offered_at);
		});
	}

	pub(crate) fn ensure_work(
		who: &T::AccountId,
		subject: &H256,
		stamp: PowStamp<BlockNumberFor<T>>,
	) -> Result<(), Error<T>> {
		let now = frame_system::Pallet::<T>::block_number();
		let is_recent = stamp.block < now && now.saturating_sub(stamp.block) <= T::PowWindow::get();
		let hash = frame_system::Pallet::<T>::block_hash(stamp.block);
		ensure!(is_recent && hash != H256::zero(), Error::<T>::PowBlockUnknown);
		let work = pow_hash(&who.encode(), subject, &hash, stamp.nonce);
		ensure!(leading_zero_bits(&work) >= T::PowBits::get(), Error::<T>::PowTooWeak);
		Ok(())
	}

	/// Gives out the next number, or the next version of an own series.
	fn give_number(who: &T::AccountId, series: Option<DatasetId>) -> Result<DatasetRef, Error<T>> {
		let Some(dataset) = series else {
			let dataset = NextDataset::<T>::get();
			NextDataset::<T>::put(dataset.checked_add(1).ok_or(Error::<T>::TooManyOpen)?);
			Series::<T>::insert(dataset, SeriesRecord { creator: who.clone(), versions: 1 });
			return Ok(DatasetRef { dataset, version: 0 });
		};
		let mut record = Series::<T>::get(dataset).ok_or(Error::<T>::NotYourSeries)?;
		ensure!(record.creator == *who, Error::<T>::NotYourSeries);
		let version = record.versions;
		record.versions = version.checked_add(1).ok_or(Error::<T>::TooManyVersions)?;
		Series::<T>::insert(dataset, record);
		Ok(DatasetRef { dataset, version })
	}

	/// Stores the next blobs of a dataset and announces them.
	fn store_blobs(dataset: DatasetRef, mut record: DatasetRecordOf<T>, blobs: BlobChunk) -> DispatchResult {
		let count: u32 = blobs.len().saturated_into();
		for blob in &blobs {
			ensure!(blob.size > 0, Error::<T>::OfferMalformed);
			record.named_bytes = record.named_bytes.saturating_add(blob.size.into());
			Self::announce(blob)?;
		}
		record.named = record.named.saturating_add(count);
		let fits = record.named <= record.blobs && record.named_bytes <= record.bytes;
		ensure!(fits, Error::<T>::TooManyBlobs);
		if count > 0 {
			let chunk = BlobChunks::<T>::get(dataset);
			Blobs::<T>::insert(dataset, chunk, blobs);
			BlobChunks::<T>::insert(dataset, chunk.saturating_add(1));
			Self::deposit_event(Event::BlobsNamed { dataset, named: record.named });
		}
		Datasets::<T>::insert(dataset, record);
		Ok(())
	}

	fn announce(blob: &BlobRef) -> Result<(), DispatchError> {
		AnnouncedBlobs::<T>::try_mutate(blob.hash, |entry| {
			let known = entry.get_or_insert(AnnouncedBlob { size: blob.size, datasets: 0 });
			ensure!(known.size == blob.size, Error::<T>::BlobSizeContradicted);
			known.datasets = known.datasets.saturating_add(1);
			Ok(())
		})
	}

	/// Withdraws one announcement of a blob.
	pub(crate) fn retract(blob: &BlobRef) {
		AnnouncedBlobs::<T>::mutate_exists(blob.hash, |entry| {
			if let Some(known) = entry {
				known.datasets = known.datasets.saturating_sub(1);
				if known.datasets == 0 {
					*entry = None;
				}
			}
		});
	}
}
