//! Stories of repeated and parallel requests.

use super::mock::*;
use crate::{Error, Event, HoldReason, Keys, NextRequest, RequestTerms, Requests, State};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

#[test]
fn repeated_key_returns_the_stored_result_without_a_second_hold() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		for expected in [State::Quoted, State::Authorised, State::Captured] {
			take_events();
			assert_ok!(Inference::request(signed(ALICE), terms(offer, 1)));
			assert_eq!(take_events(), [Event::RequestRepeated { request, state: expected }]);
			assert_eq!(NextRequest::<Test>::get(), 1);
			let hold = held(HoldReason::Request, ALICE);
			match expected {
				State::Quoted => {
					assert_eq!(hold, DEPOSIT);
					assert_ok!(Inference::authorise(signed(ALICE), request));
				}
				State::Authorised => {
					assert_eq!(hold, CEILING);
					assert_ok!(Inference::authorise(signed(ALICE), request));
					assert_eq!(held(HoldReason::Request, ALICE), CEILING);
					capture(request, 1);
				}
				_ => assert_eq!(hold, CHARGE),
			}
		}
	});
}

#[test]
fn repeated_quote_returns_the_stored_result() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let quote = quote(ALICE, offer);
		let again = || Inference::authorise_quote(signed(ALICE), quote, sign_quote(OPERATOR, &quote), 7);
		assert_ok!(again());
		assert_ok!(again());
		assert_eq!((NextRequest::<Test>::get(), held(HoldReason::Request, ALICE)), (1, 100));
		// The same quote for another answer.
		let other = Inference::authorise_quote(signed(ALICE), quote, sign_quote(OPERATOR, &quote), 8);
		assert_eq!(other, Err(Error::<Test>::KeyReused.into()));
	});
}

#[test]
fn request_fails_when_the_key_belongs_to_another_request_of_the_payer() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		request_by(ALICE, offer, 1);
		let other = RequestTerms { prompt: H256::zero(), ..terms(offer, 1) };
		assert_noop!(Inference::request(signed(ALICE), other), Error::<Test>::KeyReused);
		// Keys are each payer's own.
		assert_ok!(Inference::request(signed(BOB), other));
	});
}

#[test]
fn key_is_kept_for_its_time_after_the_end_and_then_free_again() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		assert_ok!(Inference::cancel(signed(ALICE), request));
		wait(MEMORY - 1);
		assert_ok!(Inference::request(signed(ALICE), terms(offer, 1)));
		assert_eq!((NextRequest::<Test>::get(), state(request)), (1, State::Failed));
		wait(1);
		assert!(!Requests::<Test>::contains_key(request));
		assert!(!Keys::<Test>::contains_key(ALICE, terms(offer, 1).key));
		assert_eq!(request_by(ALICE, offer, 1), 1);
	});
}

#[test]
fn parallel_requests_never_overdraw() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, crate::OfferTerms { capacity: 9, ..offer_terms() });
		// Enough for two ceilings and the deposits of two more.
		let poor = 2 * CEILING + 2 * DEPOSIT + ED;
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), BOB, poor));
		let requests: Vec<_> = (1..=4).map(|number| request_by(BOB, offer, number)).collect();
		let authorised: Vec<_> =
			requests.iter().filter(|request| Inference::authorise(signed(BOB), **request).is_ok()).collect();
		assert_eq!(authorised, [&0, &1]);
		assert_eq!(held(HoldReason::Request, BOB), 2 * CEILING + 2 * DEPOSIT);
		assert_eq!(free(BOB), ED);
		assert_noop!(Inference::authorise(signed(BOB), 2), Error::<Test>::FundsMissing);
		// Money that is on hold pays for nothing else.
		assert!(Balances::transfer_keep_alive(signed(BOB), ALICE, 1).is_err());
		// Fixing the issuance that the story changed.
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), CAROL, 2 * RICHES - poor));
	});
}
