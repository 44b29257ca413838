//! Stories of requests: from the quote to the payment, and out of the way.

use super::mock::*;
use crate::{
	Error, Event, Failure, HoldReason, OfferTerms, OpenRequests, RequestTerms, Requests, State, UsageRecord,
};
use blyan_primitives::{AnswerEnd, Prices, Receipt};
use frame_support::{assert_noop, assert_ok};

#[test]
fn request_passes_every_state_to_the_payment_and_each_leaves_an_event() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		take_events();
		let request = request_by(ALICE, offer, 1);
		assert_eq!(state(request), State::Quoted);
		assert_eq!(held(HoldReason::Request, ALICE), DEPOSIT);
		assert_ok!(Inference::authorise(signed(ALICE), request));
		assert_eq!(held(HoldReason::Request, ALICE), CEILING);
		capture(request, 1);
		assert_eq!(held(HoldReason::Request, ALICE), CHARGE);
		wait(CHALLENGE);
		assert_eq!(state(request), State::Credited);
		assert_eq!(held(HoldReason::Request, ALICE), 0);
		assert_eq!(free(ALICE), RICHES - CHARGE);
		assert_eq!(free(OPERATOR), RICHES + CHARGE - share(CHARGE));
		assert_eq!(free(TREASURY), 1_000 + share(CHARGE));
		let id = by(OPERATOR, receipt(1, 20)).id(&GENESIS_HASH);
		assert_eq!(
			take_events(),
			[
				Event::RequestMade { request, payer: ALICE, offer },
				Event::RequestQuoted { request, prices: PRICES, ceiling: CEILING, until: 1 + QUOTE },
				Event::RequestAuthorised { request, held: CEILING, until: 1 + CAPTURE },
				Event::RequestCaptured { request, receipt: id, charged: CHARGE, due: 1 + CHALLENGE },
				Event::RequestCredited { request, paid: CHARGE - share(CHARGE), share: share(CHARGE) },
			]
		);
		let usage = crate::Usage::<Test>::get(crate::ServedModel::Registered(0), OPERATOR);
		let expected = UsageRecord {
			answers: 1,
			prompt_tokens: 100,
			answer_tokens: 20,
			settlements: 0,
			charged: CHARGE,
		};
		assert_eq!(usage, expected);
	});
}

#[test]
fn authorise_quote_does_it_in_one_call_at_the_quoted_price() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let quote = quote(ALICE, offer);
		take_events();
		assert_ok!(Inference::authorise_quote(signed(ALICE), quote, sign_quote(OPERATOR, &quote), 7));
		let record = Requests::<Test>::get(0).unwrap();
		assert_eq!((record.state, record.prices, record.held), (State::Authorised, quote.prices, 100));
		let names: Vec<_> = take_events();
		assert!(matches!(
			names.as_slice(),
			[Event::RequestMade { .. }, Event::RequestQuoted { .. }, Event::RequestAuthorised { .. }]
		));
		let good = Receipt { charged: quote.prices.cost(100, 20).unwrap(), ..receipt(7, 20) };
		assert_ok!(Inference::capture(signed(OPERATOR), 0, by(OPERATOR, good)));
	});
}

#[test]
fn authorise_quote_fails_when_it_is_not_the_operators_word_to_this_payer() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let good = quote(ALICE, offer);
		let sign = |quote| sign_quote(OPERATOR, quote);
		let by_payer =
			|payer, quote, signature| Inference::authorise_quote(signed(payer), quote, signature, 7);
		assert_noop!(by_payer(BOB, good, sign(&good)), Error::<Test>::QuoteOfAnother);
		assert_noop!(by_payer(ALICE, good, sign_quote(RIVAL, &good)), Error::<Test>::QuoteUnsigned);
		let cheaper = blyan_primitives::Quote { ceiling: 1, ..good };
		assert_noop!(by_payer(ALICE, cheaper, sign(&good)), Error::<Test>::QuoteUnsigned);
		let absurd = blyan_primitives::Quote { prices: Prices { input: u128::MAX, output: 0 }, ..good };
		assert_noop!(by_payer(ALICE, absurd, sign(&absurd)), Error::<Test>::PricesTooHigh);
		let gone = blyan_primitives::Quote { offer: 9, ..good };
		assert_noop!(by_payer(ALICE, gone, sign(&gone)), Error::<Test>::OfferUnknown);
		jump_to(21);
		assert_noop!(by_payer(ALICE, good, sign(&good)), Error::<Test>::TooLate);
		jump_to(20);
		assert_ok!(by_payer(ALICE, good, sign(&good)));
	});
}

#[test]
fn request_fails_when_it_cannot_be_served() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let make = |terms| Inference::request(signed(ALICE), terms);
		let good = terms(offer, 1);
		let long = RequestTerms { prompt_tokens: 1_990, max_answer_tokens: 11, ..good };
		assert_noop!(make(long), Error::<Test>::ContextExceeded);
		assert_noop!(make(RequestTerms { max_answer_tokens: 0, ..good }), Error::<Test>::AnswerEmpty);
		assert_noop!(make(RequestTerms { offer: 4, ..good }), Error::<Test>::OfferUnknown);
		assert_noop!(Inference::request(signed(OPERATOR), good), Error::<Test>::OwnOffer);
		Serving::set([RIVAL].into());
		assert_noop!(make(good), Error::<Test>::OfferClosed);
	});
}

#[test]
fn quote_holds_for_its_window_and_no_longer() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let (first, second) = (request_by(ALICE, offer, 1), request_by(ALICE, offer, 2));
		jump_to(QUOTE);
		assert_noop!(Inference::expire(signed(CAROL), second), Error::<Test>::TooEarly);
		assert_ok!(Inference::authorise(signed(ALICE), first));
		jump_to(QUOTE + 1);
		assert_noop!(Inference::authorise(signed(ALICE), second), Error::<Test>::TooLate);
		take_events();
		assert_ok!(Inference::expire(signed(CAROL), second));
		let failure = Failure::QuoteExpired;
		assert_eq!(take_events(), [Event::RequestFailed { request: second, failure }]);
		assert_eq!(held(HoldReason::Request, ALICE), CEILING);
	});
}

#[test]
fn timeout_releases_everything() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		jump_to(1 + CAPTURE);
		let late = Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt(1, 20)));
		assert_eq!(late, Err(Error::<Test>::TooLate.into()));
		assert_ok!(Inference::expire(signed(CAROL), request));
		assert_eq!((state(request), held(HoldReason::Request, ALICE)), (State::Failed, 0));
		assert_eq!((free(ALICE), OpenRequests::<Test>::get(ALICE)), (RICHES, 0));
		assert_noop!(Inference::expire(signed(CAROL), request), Error::<Test>::WrongState);
	});
}

#[test]
fn deadlines_stand_still_while_no_transaction_can_meet_them() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		jump_to(1 + CAPTURE + 100);
		Barred::set(101);
		assert_noop!(Inference::expire(signed(CAROL), request), Error::<Test>::TooEarly);
		capture(request, 1);
	});
}

#[test]
fn capture_fails_when_the_receipt_does_not_fit_the_request() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let good = receipt(1, 20);
		let capture = |receipt| Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt));
		for (receipt, error) in [
			(Receipt { version: 2, ..good }, Error::<Test>::ReceiptInvalid),
			(Receipt { prompt_tokens_seen: 101, ..good }, Error::ReceiptInvalid),
			(Receipt { session: 1, ..good }, Error::ReceiptOfSession),
			(Receipt { seed: 2, ..good }, Error::ReceiptOfAnother),
			(Receipt { model_root: GENESIS_HASH, ..good }, Error::ReceiptOfAnother),
			(Receipt { answer_tokens: 51, ..good }, Error::AnswerTooLong),
			(Receipt { charged: good.charged + 1, ..good }, Error::ChargeTooHigh),
			(Receipt { prompt_tokens: 111, ..good }, Error::TokensDiffer),
			(Receipt { prompt_tokens: 89, prompt_tokens_seen: 89, charged: 0, ..good }, Error::TokensDiffer),
		] {
			assert_noop!(capture(receipt), error);
		}
		// Within a tenth, but never above the ceiling.
		let longer = Receipt { prompt_tokens: 110, prompt_tokens_seen: 110, answer_tokens: 50, ..good };
		assert_noop!(capture(Receipt { charged: 210, ..longer }), Error::<Test>::ChargeTooHigh);
		assert_ok!(capture(Receipt { charged: CEILING, ..longer }));
	});
}

#[test]
fn prompt_that_was_cut_is_charged_for_what_was_read() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let cut = Receipt { prompt_tokens_seen: 60, ..receipt(1, 20) };
		let capture = |receipt| Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt));
		assert_noop!(capture(cut), Error::<Test>::ChargeTooHigh);
		assert_ok!(capture(Receipt { charged: 100, ..cut }));
	});
}

#[test]
fn cancel_frees_a_quote_at_once() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		assert_noop!(Inference::cancel(signed(BOB), request), Error::<Test>::NotPayer);
		take_events();
		assert_ok!(Inference::cancel(signed(ALICE), request));
		assert_eq!(take_events(), [Event::RequestFailed { request, failure: Failure::Cancelled }]);
		assert_eq!(free(ALICE), RICHES);
	});
}

#[test]
fn cancelled_answer_is_charged_for_what_was_delivered() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		take_events();
		assert_ok!(Inference::cancel(signed(ALICE), request));
		assert_eq!(take_events(), [Event::CancelRequested { request, until: 1 + CANCEL }]);
		assert_noop!(Inference::cancel(signed(ALICE), request), Error::<Test>::AlreadyCancelled);
		let partial = Receipt { end: AnswerEnd::Cancelled, ..receipt(1, 3) };
		assert_ok!(Inference::capture(signed(OPERATOR), request, by(OPERATOR, partial)));
		assert_eq!(held(HoldReason::Request, ALICE), 106);
	});
}

#[test]
fn cancelled_request_is_free_when_nothing_was_delivered_in_time() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		assert_ok!(Inference::cancel(signed(ALICE), request));
		jump_to(1 + CANCEL);
		let late = Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt(1, 3)));
		assert_eq!(late, Err(Error::<Test>::TooLate.into()));
		assert_ok!(Inference::expire(signed(ALICE), request));
		assert_eq!(free(ALICE), RICHES);
	});
}

#[test]
fn cancel_never_gives_the_operator_more_time() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		jump_to(CAPTURE - 1);
		assert_ok!(Inference::cancel(signed(ALICE), request));
		assert_eq!(Requests::<Test>::get(request).unwrap().deadline, 1 + CAPTURE);
	});
}

#[test]
fn decline_releases_everything_and_is_free() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		assert_noop!(Inference::decline(signed(RIVAL), request), Error::<Test>::NotOperator);
		let done = Inference::decline(signed(OPERATOR), request).unwrap();
		assert_eq!(done.pays_fee, frame_support::dispatch::Pays::No);
		assert_eq!((state(request), free(ALICE)), (State::Failed, RICHES));
		assert_noop!(Inference::decline(signed(OPERATOR), request), Error::<Test>::WrongState);
	});
}

#[test]
fn reverse_returns_the_charge_until_it_is_paid() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		assert_noop!(Inference::reverse(signed(OPERATOR), request), Error::<Test>::WrongState);
		capture(request, 1);
		assert_noop!(Inference::reverse(signed(RIVAL), request), Error::<Test>::NotOperator);
		take_events();
		assert_ok!(Inference::reverse(signed(OPERATOR), request));
		assert_eq!(take_events(), [Event::RequestReversed { request, returned: CHARGE }]);
		assert_eq!((free(ALICE), free(OPERATOR)), (RICHES, RICHES));
		let second = authorised_by(ALICE, offer, 2);
		capture(second, 2);
		jump_to(1 + CHALLENGE);
		assert_ok!(Inference::credit(signed(CAROL), second));
		assert_noop!(Inference::reverse(signed(OPERATOR), second), Error::<Test>::WrongState);
	});
}

#[test]
fn credit_waits_for_the_challenge_window_and_for_disputes() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		capture(request, 1);
		assert_noop!(Inference::credit(signed(CAROL), request), Error::<Test>::TooEarly);
		let id = by(OPERATOR, receipt(1, 20)).id(&GENESIS_HASH);
		Disputed::set([id].into());
		wait(2 * CHALLENGE);
		assert_eq!(state(request), State::Captured);
		assert_noop!(Inference::credit(signed(CAROL), request), Error::<Test>::ReceiptDisputed);
		Disputed::set(Default::default());
		let done = Inference::credit(signed(CAROL), request).unwrap();
		assert_eq!(done.pays_fee, frame_support::dispatch::Pays::No);
		assert_eq!(state(request), State::Credited);
	});
}

#[test]
fn free_offer_charges_nothing_and_its_places_cost_a_deposit() {
	build_and_check(|| {
		let free_terms = OfferTerms { prices: Prices::default(), ..offer_terms() };
		let offer = offer_by(OPERATOR, free_terms);
		let request = authorised_by(ALICE, offer, 1);
		assert_eq!(held(HoldReason::Request, ALICE), DEPOSIT);
		let free_receipt = Receipt { charged: 0, ..receipt(1, 20) };
		assert_ok!(Inference::capture(signed(OPERATOR), request, by(OPERATOR, free_receipt)));
		assert_eq!(free(ALICE), RICHES);
		wait(CHALLENGE);
		assert_eq!((state(request), free(OPERATOR)), (State::Credited, RICHES));
	});
}
