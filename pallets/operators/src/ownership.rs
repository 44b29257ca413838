//! To whom an operator belongs: declared by the operator, accepted by the owner, dissolved by either.
//!
//! A relation restricts draws: operators of one owner share its seats, and none of them judges its owner's experts. So it
//! needs the consent of both whom it restricts. What a third party can write about an account, such as the sub-accounts
//! of its identity, is no relation.
//!
//! Dissolving takes effect after `UnbondingPeriod`, as leaving does, so that an owner cannot shed its operators just
//! before a draw in which they should not sit. Relations are one level deep: an account that owns operators belongs to
//! no other account, and one that has an owner owns none. Otherwise an owner could part its operators from itself without
//! the delay, by finding an owner of its own.
//!
//! An operator that conceals its owner is not found by any of this. What bounds it is its stake: see [`crate::standing`].

use crate::{Config, Error, Event, Operators, Owned, Ownership, OwnershipOf, Pallet};
use frame_support::{ensure, traits::Get};
use sp_runtime::{traits::Saturating, DispatchResult};

impl<T: Config> Pallet<T> {
	/// Names an owner. See [`Pallet::declare_owner`].
	pub fn do_declare_owner(who: &T::AccountId, owner: &T::AccountId) -> DispatchResult {
		Self::ensure_other(who, owner)?;
		ensure!(Owned::<T>::get(who) == 0, Error::<T>::OwnsOperators);
		Self::end_ownership(who);
		Self::mutate_staying(who, |record| {
			let is_free = matches!(record.ownership, None | Some(Ownership::Declared { .. }));
			ensure!(is_free, Error::<T>::HasOwner);
			record.ownership = Some(Ownership::Declared { owner: owner.clone() });
			Self::deposit_event(Event::OwnerDeclared { who: who.clone(), owner: owner.clone() });
			Ok(())
		})
	}

	/// Refuses an owner that is the operator itself.
	pub(crate) fn ensure_other(who: &T::AccountId, owner: &T::AccountId) -> Result<(), Error<T>> {
		ensure!(who != owner, Error::<T>::OwnOwner);
		Ok(())
	}

	/// Accepts an operator. See [`Pallet::accept_operator`].
	pub fn do_accept_operator(owner: &T::AccountId, who: &T::AccountId) -> DispatchResult {
		let now = frame_system::Pallet::<T>::block_number();
		let has_owner = Self::record_of(owner).is_some_and(|record| record.owner(now).is_some());
		ensure!(!has_owner, Error::<T>::HasOwner);
		ensure!(Owned::<T>::get(who) == 0, Error::<T>::OwnsOperators);
		Self::mutate_staying(who, |record| {
			let is_declared =
				matches!(&record.ownership, Some(Ownership::Declared { owner: named }) if named == owner);
			ensure!(is_declared, Error::<T>::NotDeclared);
			record.ownership = Some(Ownership::Accepted { owner: owner.clone() });
			Owned::<T>::mutate(owner, |count| *count = count.saturating_add(1));
			Self::deposit_event(Event::OwnerAccepted { who: who.clone(), owner: owner.clone() });
			Ok(())
		})
	}

	/// Dissolves a relation. See [`Pallet::dissolve_ownership`].
	pub fn do_dissolve_ownership(caller: &T::AccountId, who: &T::AccountId) -> DispatchResult {
		let now = frame_system::Pallet::<T>::block_number();
		Self::mutate_staying(who, |record| {
			let is_party = |owner: &T::AccountId| caller == who || caller == owner;
			let (ownership, owner, ends_at) = match record.ownership.take() {
				Some(Ownership::Declared { owner }) if is_party(&owner) => (None, owner, now),
				Some(Ownership::Accepted { owner }) if is_party(&owner) => {
					let ends_at = now.saturating_add(T::UnbondingPeriod::get());
					(Some(Ownership::Ending { owner: owner.clone(), ends_at }), owner, ends_at)
				}
				Some(Ownership::Ending { owner, .. }) if is_party(&owner) => {
					return Err(Error::<T>::OwnershipEnding.into());
				}
				_ => return Err(Error::<T>::NotRelated.into()),
			};
			record.ownership = ownership;
			Self::deposit_event(Event::OwnershipDissolved { who: who.clone(), owner, ends_at });
			Ok(())
		})
	}

	/// Forgets a dissolved relation whose delay is over.
	pub(crate) fn end_ownership(who: &T::AccountId) {
		let Some(record) = Operators::<T>::get(who) else { return };
		let now = frame_system::Pallet::<T>::block_number();
		if matches!(&record.ownership, Some(Ownership::Ending { ends_at, .. }) if *ends_at <= now) {
			Self::release_owned(&record.ownership);
			Self::mutate_known(who, |record| record.ownership = None);
		}
	}

	/// Counts one operator less for the owner of a relation that is forgotten.
	pub(crate) fn release_owned(ownership: &Option<OwnershipOf<T>>) {
		if let Some(Ownership::Accepted { owner } | Ownership::Ending { owner, .. }) = ownership {
			Owned::<T>::mutate_exists(owner, |count| {
				*count = count.and_then(|count| count.checked_sub(1)).filter(|count| *count > 0);
			});
		}
	}
}
