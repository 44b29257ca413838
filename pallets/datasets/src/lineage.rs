//! Lineage: which data taught which submission.

use crate::{
	Config, Datasets, DeclaredManifest, Error, Event, Manifests, Pallet, Submissions, UseCount, Uses,
};
use blyan_primitives::{SubmissionId, TrainingManifest};
use frame_support::{ensure, pallet_prelude::DispatchResult};
use sp_runtime::traits::SaturatedConversion;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_declare_manifest(
		who: &T::AccountId,
		submission: SubmissionId,
		manifest: TrainingManifest,
	) -> DispatchResult {
		ensure!(!Manifests::<T>::contains_key(submission), Error::<T>::AlreadyDeclared);
		let facts = T::Submissions::facts(submission).ok_or(Error::<T>::SubmissionUnknown)?;
		ensure!(facts.miner == *who, Error::<T>::NotYourSubmission);
		ensure!(manifest.is_valid(), Error::<T>::ManifestInvalid);
		let hash = manifest.hash();
		let is_bound = hash == facts.manifest && manifest.expert == facts.expert;
		ensure!(is_bound, Error::<T>::ManifestMismatch);
		for (place, one) in manifest.datasets.iter().enumerate() {
			let is_approved =
				Datasets::<T>::get(one.dataset).is_some_and(|record| record.stage.is_approved());
			ensure!(is_approved, Error::<T>::DatasetNotApproved { place: place.saturated_into() });
		}
		for one in &manifest.datasets {
			let place = UseCount::<T>::get(one.dataset);
			Uses::<T>::insert(one.dataset, place, submission);
			UseCount::<T>::insert(one.dataset, place.saturating_add(1));
		}
		let datasets = manifest.datasets.len().saturated_into();
		Manifests::<T>::insert(submission, DeclaredManifest { hash, manifest });
		Self::deposit_event(Event::ManifestDeclared { submission, hash, datasets });
		Ok(())
	}
}
