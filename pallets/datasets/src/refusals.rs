//! Calls that are certain to fail.

use crate::{Call, Config, Datasets, Error, Manifests, NextDataset, Pallet, Roots, Series};
use blyan_primitives::{DatasetRef, DatasetStage, PowStamp, Refusal};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::Saturating;

impl<T: Config> Pallet<T> {
	/// Returns why a signed call of `who` is certain to fail, whatever comes before it.
	///
	/// Messages of auditors are authorised by their session keys, and checked there.
	pub fn refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::offer { offer, stamp, .. } => {
				if Self::ensure_well_formed(offer).is_err() {
					return Some(Refusal::Malformed);
				}
				// A root stays taken for days, and a series belongs to one account for ever.
				if Roots::<T>::contains_key(offer.root) {
					return Some(Refusal::Over);
				}
				if offer.series.and_then(Series::<T>::get).is_some_and(|series| series.creator != *who) {
					return Some(Refusal::NotAllowed);
				}
				Self::late_or_weak(who, &offer.work_subject(), *stamp)
			}
			Call::name_blobs { dataset, .. } | Call::begin_audit { dataset } => Self::missing(*dataset)
				.or_else(|| {
					let record = Datasets::<T>::get(dataset)?;
					if record.creator != *who {
						return Some(Refusal::NotAllowed);
					}
					(record.stage != DatasetStage::Pending).then_some(Refusal::Over)
				}),
			Call::appeal { dataset } | Call::withdraw { dataset } => Self::missing(*dataset).or_else(|| {
				let record = Datasets::<T>::get(dataset)?;
				(record.creator != *who).then_some(Refusal::NotAllowed)
			}),
			Call::vote { dataset, ballot, .. } => {
				if !ballot.is_valid() {
					return Some(Refusal::Malformed);
				}
				Self::missing(*dataset)
			}
			Call::declare_manifest { submission, manifest } => {
				if !manifest.is_valid() {
					return Some(Refusal::Malformed);
				}
				Manifests::<T>::contains_key(submission).then_some(Refusal::Over)
			}
			Call::advance { dataset } => Self::missing(*dataset),
			_ => None,
		}
	}

	/// Reports that the stamp is too old, or the work too little.
	fn late_or_weak(
		who: &T::AccountId,
		subject: &H256,
		stamp: PowStamp<BlockNumberFor<T>>,
	) -> Option<Refusal> {
		let now = frame_system::Pallet::<T>::block_number();
		match Self::ensure_work(who, subject, stamp).err()? {
			Error::PowTooWeak => Some(Refusal::Unproven),
			Error::PowBlockUnknown if now.saturating_sub(stamp.block) > T::PowWindow::get() => {
				Some(Refusal::Over)
			}
			_ => None,
		}
	}

	/// Returns the reason for which there will be no dataset of this name; `None` if there is, or may soon be.
	fn missing(dataset: DatasetRef) -> Option<Refusal> {
		if Datasets::<T>::contains_key(dataset) {
			return None;
		}
		match Series::<T>::get(dataset.dataset) {
			Some(series) => Refusal::of_missing(dataset.version.into(), series.versions.into()),
			None => Refusal::of_missing(dataset.dataset.into(), NextDataset::<T>::get().into()),
		}
	}
}
