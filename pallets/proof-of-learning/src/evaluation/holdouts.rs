//! Test sequences of models: which may be registered.

use crate::{Config, Error, Event, GuardHoldouts, GuardLosses, Holdouts, Pallet};
use blyan_primitives::{
	is_disputable,
	traits::{ArchitectureRegistry, ExpertRegistry},
	HoldoutRef, ModelBody, ModelId, HOLDOUT_SEQUENCES_MAX,
};
use frame_support::ensure;
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register_holdout(model: ModelId, holdout: HoldoutRef) -> DispatchResult {
		Self::ensure_holdout(model, &holdout)?;
		Holdouts::<T>::insert(model, holdout);
		Self::deposit_event(Event::HoldoutRegistered { model, holdout });
		Ok(())
	}

	pub(crate) fn do_register_guard(model: ModelId, holdout: HoldoutRef) -> DispatchResult {
		Self::ensure_holdout(model, &holdout)?;
		GuardHoldouts::<T>::insert(model, holdout);
		GuardLosses::<T>::remove(model);
		Self::deposit_event(Event::GuardRegistered { model, holdout });
		Ok(())
	}

	/// Refuses sequences that do not fit the model, or do not make up their blob.
	fn ensure_holdout(model: ModelId, holdout: &HoldoutRef) -> Result<(), Error<T>> {
		let body = T::Experts::body(model).ok_or(Error::<T>::ModelUnknown)?;
		let (context, most, architecture) = match &body {
			ModelBody::First { config, .. } => (config.context.into(), u32::MAX, None),
			ModelBody::Second { architecture, .. } => {
				let architecture = T::Experts::architecture(architecture).ok_or(Error::<T>::ModelUnknown)?;
				(architecture.context, HOLDOUT_SEQUENCES_MAX, Some(architecture))
			}
		};
		let positions = u32::from(body.positions(holdout));
		// Below two sequences there is no variance, so nothing could ever be accepted.
		ensure!(
			(2..=most).contains(&holdout.sequences)
				&& (1..=context).contains(&positions)
				&& body.holdout_bytes(holdout) == u64::from(holdout.blob.size),
			Error::<T>::HoldoutMalformed
		);
		// Scores over it would decide, and no game could show that one is a lie.
		let is_disputable = architecture.is_none_or(|architecture| is_disputable(&architecture, positions));
		ensure!(is_disputable, Error::<T>::HoldoutNotDisputable);
		Ok(())
	}
}
