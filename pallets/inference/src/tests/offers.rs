//! Stories of offers.

use super::mock::*;
use crate::{Error, Event, KeysOf, NextOffer, OfferTerms, Offers, OffersOf, ENDPOINT_BYTES_MAX};
use blyan_primitives::{traits::ServingKeys, Prices};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

#[test]
fn make_offer_stores_terms_and_key() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let record = Offers::<Test>::get(offer).unwrap();
		assert_eq!((record.operator, record.key, record.load), (OPERATOR, key(11), 0));
		assert_eq!(record.terms, offer_terms());
		assert_eq!(take_events(), [Event::OfferMade { offer, operator: OPERATOR, key: key(11) }]);
		assert_eq!(<Inference as ServingKeys<u64>>::operator_of(&key(11)), Some(OPERATOR));
	});
}

#[test]
fn make_offer_fails_when_the_account_does_not_serve() {
	build_and_check(|| {
		let refused = Inference::make_offer(signed(ALICE), offer_terms(), proven(ALICE, 1));
		assert_eq!(refused, Err(Error::<Test>::NotServing.into()));
		let refused = Inference::make_offer(RuntimeOrigin::root(), offer_terms(), proven(OPERATOR, 1));
		assert_eq!(refused, Err(DispatchError::BadOrigin));
	});
}

#[test]
fn make_offer_fails_when_terms_mean_nothing() {
	build_and_check(|| {
		let make = |terms: OfferTerms| Inference::make_offer(signed(OPERATOR), terms, proven(OPERATOR, 11));
		let good = offer_terms();
		for (terms, error) in [
			(OfferTerms { capacity: 0, ..good.clone() }, Error::<Test>::TermsEmpty),
			(OfferTerms { context: 0, ..good.clone() }, Error::TermsEmpty),
			(
				OfferTerms { prices: Prices { input: u128::MAX, output: 0 }, ..good.clone() },
				Error::PricesTooHigh,
			),
			(
				OfferTerms { prices: Prices { input: 0, output: 1 << 96 }, ..good.clone() },
				Error::PricesTooHigh,
			),
			(OfferTerms { endpoint: endpoint(b""), ..good.clone() }, Error::EndpointInvalid),
			(OfferTerms { endpoint: endpoint(b"https://a b"), ..good.clone() }, Error::EndpointInvalid),
			(OfferTerms { endpoint: endpoint(b"https://a\n"), ..good.clone() }, Error::EndpointInvalid),
			(OfferTerms { endpoint: endpoint(&[0xff, 0xfe]), ..good.clone() }, Error::EndpointInvalid),
			(OfferTerms { model: Some(9), ..good.clone() }, Error::ModelUnknown),
			(OfferTerms { generation: 4, ..good.clone() }, Error::GenerationUnknown),
			(OfferTerms { model: None, generation: 1, ..good.clone() }, Error::GenerationUnknown),
		] {
			assert_noop!(make(terms), error);
		}
		let long = vec![b'a'; ENDPOINT_BYTES_MAX as usize];
		assert_ok!(make(OfferTerms { endpoint: endpoint(&long), model: None, generation: 0, ..good }));
	});
}

#[test]
fn make_offer_fails_when_the_operator_has_as_many_as_it_may() {
	build_and_check(|| {
		for _ in 0..3 {
			offer_by(OPERATOR, offer_terms());
		}
		let refused = || Inference::make_offer(signed(OPERATOR), offer_terms(), proven(OPERATOR, 11));
		assert_noop!(refused(), Error::<Test>::TooManyOffers);
		assert_ok!(Inference::withdraw_offer(signed(OPERATOR), 1));
		assert_ok!(refused());
		assert_eq!(OffersOf::<Test>::get(OPERATOR).into_inner(), [0, 2, 3]);
		assert_eq!(NextOffer::<Test>::get(), 4);
	});
}

#[test]
fn change_offer_leaves_made_requests_their_price() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		let raised = OfferTerms { prices: Prices { input: 9_000, output: 9_000 }, ..offer_terms() };
		assert_ok!(Inference::change_offer(signed(OPERATOR), offer, raised.clone(), None));
		assert_ok!(Inference::authorise(signed(ALICE), request));
		assert_eq!(held(crate::HoldReason::Request, ALICE), CEILING);
		assert_noop!(
			Inference::change_offer(signed(RIVAL), offer, raised.clone(), None),
			Error::<Test>::NotOperator
		);
		assert_noop!(Inference::change_offer(signed(OPERATOR), 7, raised, None), Error::<Test>::OfferUnknown);
	});
}

#[test]
fn withdraw_offer_closes_it_to_new_work_and_keeps_the_old() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let (first, second) = (authorised_by(ALICE, offer, 1), request_by(ALICE, offer, 2));
		let session = session_by(BOB, offer, 500);
		assert_ok!(Inference::withdraw_offer(signed(OPERATOR), offer));
		assert_noop!(Inference::request(signed(BOB), terms(offer, 3)), Error::<Test>::OfferUnknown);
		assert_noop!(Inference::authorise(signed(ALICE), second), Error::<Test>::OfferUnknown);
		assert_noop!(Inference::open_session(signed(BOB), offer, key(2), 500), Error::<Test>::OfferUnknown);
		capture(first, 1);
		assert_ok!(settle(BOB, session, 200));
		wait(CHALLENGE);
		assert_eq!(free(OPERATOR), RICHES + CHARGE - share(CHARGE) + 200 - share(200));
		assert!(!OffersOf::<Test>::contains_key(OPERATOR));
		assert_eq!(KeysOf::<Test>::get(OPERATOR).into_inner(), [key(11)]);
	});
}

#[test]
fn offer_is_full_when_as_many_are_authorised_as_it_serves() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, OfferTerms { capacity: 1, ..offer_terms() });
		let first = authorised_by(ALICE, offer, 1);
		let second = request_by(BOB, offer, 2);
		assert_noop!(Inference::authorise(signed(BOB), second), Error::<Test>::OfferFull);
		capture(first, 1);
		assert_ok!(Inference::authorise(signed(BOB), second));
		assert_eq!(Offers::<Test>::get(offer).unwrap().load, 1);
	});
}
