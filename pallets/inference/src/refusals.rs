//! Calls that are certain to fail.
//!
//! An offer, a request and a session never change owner, numbers are never given out again, and a request that is over never opens
//! again. Left to the block that includes it is what a call in front may change: funds, free places, time that is
//! about to come, and the terms of an offer.

use crate::{
	rules, Call, Config, Error, NextOffer, NextRequest, NextSession, Offers, Pallet, RequestTerms, Requests,
	Sessions, State,
};
use blyan_primitives::{OfferId, Refusal, RequestId, SessionId, Voucher};
use blyan_support::genesis_hash;

impl<T: Config> Pallet<T> {
	/// Returns why a call of `who` is certain to fail, whatever comes before it.
	pub fn refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::make_offer { terms, key } => {
				Self::verdict(Self::ensure_terms(terms).and_then(|()| Self::ensure_proven(who, key)).err()?)
			}
			Call::change_offer { offer, terms, key } => {
				let checked = Self::ensure_terms(terms).and_then(|()| match key {
					Some(proven) => Self::ensure_proven(who, proven),
					None => Ok(()),
				});
				checked.err().and_then(Self::verdict).or_else(|| Self::of_offer(who, *offer))
			}
			Call::withdraw_offer { offer } => Self::of_offer(who, *offer),
			Call::request { terms } => Self::of_terms(who, terms),
			Call::authorise_quote { quote, seed, .. } => {
				let refused = Self::ensure_quote(who, quote).err().and_then(Self::verdict);
				refused.or_else(|| Self::of_terms(who, &Self::terms_of(quote, *seed)))
			}
			Call::authorise { request } => {
				Self::of_request(*request, Some(who), None, &[State::Quoted, State::Authorised])
			}
			Call::cancel { request } => {
				Self::of_request(*request, Some(who), None, &[State::Quoted, State::Authorised])
			}
			Call::decline { request } => {
				Self::of_request(*request, None, Some(who), &[State::Quoted, State::Authorised])
			}
			Call::expire { request } => {
				Self::of_request(*request, None, None, &[State::Quoted, State::Authorised])
			}
			Call::credit { request } => {
				Self::of_request(*request, None, None, &[State::Quoted, State::Authorised, State::Captured])
			}
			Call::reverse { request } => Self::of_request(
				*request,
				None,
				Some(who),
				&[State::Quoted, State::Authorised, State::Captured],
			),
			Call::capture { request, receipt } => {
				if !rules::is_consistent(&receipt.receipt) || receipt.receipt.session != 0 {
					return Some(Refusal::Malformed);
				}
				let states = [State::Quoted, State::Authorised];
				Self::of_request(*request, None, Some(who), &states).or_else(|| {
					// One that is not authorised yet may be when this runs.
					Requests::<T>::get(request).filter(|record| record.state == State::Authorised)?;
					Self::verdict(Self::ensure_capturable(who, *request, receipt).err()?)
				})
			}
			_ => Self::session_refusal(who, call),
		}
	}

	/// The same for the calls about sessions.
	fn session_refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::open_session { offer, deposit, .. } => Self::ensure_deposit(*deposit)
				.err()
				.map(|_| Refusal::Malformed)
				.or_else(|| Self::of_missing_offer(who, *offer)),
			Call::top_up { session, amount } => Self::ensure_amount(*amount)
				.err()
				.map(|_| Refusal::Malformed)
				.or_else(|| Self::of_session(*session, Some(who), None))
				.or_else(|| Sessions::<T>::get(session)?.closing.map(|_| Refusal::Over)),
			Call::settle { session, amount, signature } => {
				Self::of_session(*session, None, None).or_else(|| {
					let (session, amount) = (*session, *amount);
					let record = Sessions::<T>::get(session)?;
					let voucher = Voucher { session, amount };
					if !voucher.is_signed(&genesis_hash::<T>(), &record.key, signature) {
						return Some(Refusal::Unproven);
					}
					// A freeze lasts for days, and gateways settle again every few seconds, for a fee.
					let due = rules::payable(amount, record.deposit, record.reversed, record.settled);
					Self::ensure_free(&record.payer, due).err().map(|_| Refusal::TooEarly)
				})
			}
			Call::close_session { session } => Self::of_session(*session, Some(who), None)
				.or_else(|| Sessions::<T>::get(session)?.closing.map(|_| Refusal::Over)),
			Call::finish_session { session } => Self::of_session(*session, None, None),
			Call::release_session { session } => Self::of_session(*session, None, Some(who)),
			_ => None,
		}
	}

	/// Returns the meaning of an error for good, if it has one.
	fn verdict(error: Error<T>) -> Option<Refusal> {
		match error {
			Error::TermsEmpty
			| Error::PricesTooHigh
			| Error::EndpointInvalid
			| Error::AnswerEmpty
			| Error::ReceiptOfAnother
			| Error::TokensDiffer
			| Error::AnswerTooLong
			| Error::ChargeTooHigh => Some(Refusal::Malformed),
			Error::GenerationUnknown | Error::QuoteOfAnother => Some(Refusal::Malformed),
			Error::ProofInvalid | Error::ReceiptUnsigned => Some(Refusal::Unproven),
			Error::ReceiptUsed | Error::TooLate | Error::WrongState => Some(Refusal::Over),
			_ => None,
		}
	}

	fn of_terms(who: &T::AccountId, terms: &RequestTerms) -> Option<Refusal> {
		match Self::repeated(who, terms) {
			Ok(Some(_)) => None,
			// The key is free again when the other request is forgotten, which takes longer than a transaction waits.
			Err(_) => Some(Refusal::Over),
			Ok(None) if terms.max_answer_tokens == 0 => Some(Refusal::Malformed),
			Ok(None) => Self::of_missing_offer(who, terms.offer),
		}
	}

	/// Of an offer that `who` cannot buy from.
	fn of_missing_offer(who: &T::AccountId, offer: OfferId) -> Option<Refusal> {
		match Offers::<T>::get(offer) {
			Some(record) => (record.operator == *who).then_some(Refusal::NotAllowed),
			None => Refusal::of_missing(offer.into(), NextOffer::<T>::get().into()),
		}
	}

	/// Of an offer that `who` cannot change.
	fn of_offer(who: &T::AccountId, offer: OfferId) -> Option<Refusal> {
		match Offers::<T>::get(offer) {
			Some(record) => (record.operator != *who).then_some(Refusal::NotAllowed),
			None => Refusal::of_missing(offer.into(), NextOffer::<T>::get().into()),
		}
	}

	/// Of a request that is another account's, or in none of these states, whence no way leads back.
	fn of_request(
		request: RequestId,
		payer: Option<&T::AccountId>,
		operator: Option<&T::AccountId>,
		states: &[State],
	) -> Option<Refusal> {
		let Some(record) = Requests::<T>::get(request) else {
			return Refusal::of_missing(request, NextRequest::<T>::get());
		};
		if payer.is_some_and(|payer| record.payer != *payer)
			|| operator.is_some_and(|operator| record.operator != *operator)
		{
			return Some(Refusal::NotAllowed);
		}
		(!states.contains(&record.state)).then_some(Refusal::Over)
	}

	/// Of a session that is another account's.
	fn of_session(
		session: SessionId,
		payer: Option<&T::AccountId>,
		operator: Option<&T::AccountId>,
	) -> Option<Refusal> {
		let Some(record) = Sessions::<T>::get(session) else {
			return Refusal::of_missing(session, NextSession::<T>::get().saturating_add(1));
		};
		let is_allowed = payer.is_none_or(|payer| record.payer == *payer)
			&& operator.is_none_or(|operator| record.operator == *operator);
		(!is_allowed).then_some(Refusal::NotAllowed)
	}
}
