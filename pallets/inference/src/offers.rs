//! Life of an offer: made, changed, withdrawn, closed when its operator is gone.

use crate::{
	rules, Config, Error, Event, NextOffer, OfferRecord, OfferRecordOf, OfferTerms, Offers, OffersOf, Pallet,
	ProvenKey,
};
use blyan_primitives::{traits::Servers, OfferId};
use frame_support::{ensure, transactional};
use sp_runtime::{traits::Convert, DispatchResult};

impl<T: Config> Pallet<T> {
	/// Makes an offer. See [`Pallet::make_offer`].
	#[transactional]
	pub fn do_make_offer(who: T::AccountId, terms: OfferTerms, proven: ProvenKey) -> DispatchResult {
		Self::ensure_terms(&terms)?;
		Self::ensure_proven(&who, &proven)?;
		ensure!(T::Servers::may_serve(&who), Error::<T>::NotServing);
		Self::ensure_model(&terms)?;
		Self::use_key(&who, &proven.key)?;
		let offer = NextOffer::<T>::get();
		NextOffer::<T>::put(offer.checked_add(1).ok_or(Error::<T>::NumbersUsedUp)?);
		OffersOf::<T>::try_mutate(&who, |offers| offers.try_push(offer))
			.map_err(|_| Error::<T>::TooManyOffers)?;
		let record = OfferRecord { operator: who.clone(), key: proven.key, terms, load: 0 };
		Offers::<T>::insert(offer, record);
		Self::deposit_event(Event::OfferMade { offer, operator: who, key: proven.key });
		Ok(())
	}

	/// Changes an offer. See [`Pallet::change_offer`].
	#[transactional]
	pub fn do_change_offer(
		who: &T::AccountId,
		offer: OfferId,
		terms: OfferTerms,
		proven: Option<ProvenKey>,
	) -> DispatchResult {
		Self::ensure_terms(&terms)?;
		let mut record = Self::offer_of(who, offer)?;
		Self::ensure_model(&terms)?;
		if let Some(proven) = proven.filter(|proven| proven.key != record.key) {
			Self::ensure_proven(who, &proven)?;
			Self::use_key(who, &proven.key)?;
			Self::disuse_key(&record.key);
			record.key = proven.key;
		}
		record.terms = terms;
		let key = record.key;
		Offers::<T>::insert(offer, record);
		Self::deposit_event(Event::OfferChanged { offer, key });
		Ok(())
	}

	/// Withdraws an offer. See [`Pallet::withdraw_offer`].
	pub fn do_withdraw_offer(who: &T::AccountId, offer: OfferId) -> DispatchResult {
		let record = Self::offer_of(who, offer)?;
		OffersOf::<T>::mutate_exists(who, |offers| {
			let Some(list) = offers else { return };
			list.retain(|listed| *listed != offer);
			if list.is_empty() {
				*offers = None;
			}
		});
		Self::remove_offer(offer, &record);
		Ok(())
	}

	/// Closes what is left of an operator that is gone. See [`Pallet::close_offers`].
	#[transactional]
	pub fn do_close_offers(operator: &T::AccountId) -> DispatchResult {
		Self::ensure_closable(operator)?;
		let mut closed = 0u32;
		if !T::Servers::is_registered(operator) {
			for offer in OffersOf::<T>::take(operator) {
				if let Some(record) = Offers::<T>::get(offer) {
					Self::remove_offer(offer, &record);
					closed = closed.saturating_add(1);
				}
			}
		}
		let forgotten = Self::forget_keys(operator);
		ensure!(closed > 0 || forgotten > 0, Error::<T>::NothingToClose);
		Ok(())
	}

	/// Refuses to close anything of an operator that serves, or has nothing.
	pub(crate) fn ensure_closable(operator: &T::AccountId) -> Result<(), Error<T>> {
		let is_known = OffersOf::<T>::contains_key(operator) || crate::KeysOf::<T>::contains_key(operator);
		ensure!(is_known, Error::<T>::NothingToClose);
		Ok(())
	}

	fn remove_offer(offer: OfferId, record: &OfferRecordOf<T>) {
		Self::disuse_key(&record.key);
		Offers::<T>::remove(offer);
		Self::deposit_event(Event::OfferWithdrawn { offer });
	}

	/// Refuses terms that mean nothing.
	pub(crate) fn ensure_terms(terms: &OfferTerms) -> Result<(), Error<T>> {
		ensure!(terms.capacity > 0 && terms.context > 0, Error::<T>::TermsEmpty);
		ensure!(terms.model.is_some() || terms.generation == 0, Error::<T>::GenerationUnknown);
		ensure!(rules::are_payable(&terms.prices), Error::<T>::PricesTooHigh);
		let endpoint = core::str::from_utf8(&terms.endpoint).map_err(|_| Error::<T>::EndpointInvalid)?;
		let is_clean = !endpoint.chars().any(|c| c.is_control() || c.is_whitespace());
		ensure!(is_clean && !endpoint.is_empty(), Error::<T>::EndpointInvalid);
		Ok(())
	}

	/// Refuses a registered model that is not, and a generation that is yet to come.
	fn ensure_model(terms: &OfferTerms) -> Result<(), Error<T>> {
		let Some(model) = terms.model else { return Ok(()) };
		let newest = T::Generations::convert(model).ok_or(Error::<T>::ModelUnknown)?;
		ensure!(terms.generation <= newest, Error::<T>::GenerationUnknown);
		Ok(())
	}

	/// The offer, if it is of `who`.
	pub(crate) fn offer_of(who: &T::AccountId, offer: OfferId) -> Result<OfferRecordOf<T>, Error<T>> {
		let record = Offers::<T>::get(offer).ok_or(Error::<T>::OfferUnknown)?;
		ensure!(record.operator == *who, Error::<T>::NotOperator);
		Ok(record)
	}

	/// The offer, if `payer` may buy from it now.
	pub(crate) fn open_offer(payer: &T::AccountId, offer: OfferId) -> Result<OfferRecordOf<T>, Error<T>> {
		let record = Offers::<T>::get(offer).ok_or(Error::<T>::OfferUnknown)?;
		ensure!(record.operator != *payer, Error::<T>::OwnOffer);
		ensure!(T::Servers::may_serve(&record.operator), Error::<T>::OfferClosed);
		Ok(record)
	}
}
