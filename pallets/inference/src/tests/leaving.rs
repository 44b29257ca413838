//! Stories of operators and payers that vanish, and of accounts with next to nothing.

use super::mock::*;
use crate::{Call, Error, Event, HoldReason, KeysOf, Offers, OffersOf, State};
use blyan_primitives::Refusal;
use frame_support::{
	assert_noop, assert_ok,
	traits::{LockableCurrency, WithdrawReasons},
};

/// The operator is banned, or has withdrawn.
fn operator_is_gone() {
	Serving::set([RIVAL].into());
	Registered::set([RIVAL].into());
}

#[test]
fn offers_of_an_operator_that_is_gone_are_closed_by_anyone() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		assert_noop!(Inference::close_offers(signed(CAROL), OPERATOR), Error::<Test>::NothingToClose);
		assert_noop!(Inference::close_offers(signed(CAROL), ALICE), Error::<Test>::NothingToClose);
		operator_is_gone();
		assert_noop!(Inference::request(signed(ALICE), terms(offer, 1)), Error::<Test>::OfferClosed);
		take_events();
		let done = Inference::close_offers(signed(CAROL), OPERATOR).unwrap();
		assert_eq!(done.pays_fee, frame_support::dispatch::Pays::No);
		assert_eq!(take_events(), [Event::OfferWithdrawn { offer }]);
		assert!(!Offers::<Test>::contains_key(offer));
		// Its keys are answered for as long as before.
		assert_eq!(KeysOf::<Test>::get(OPERATOR).into_inner(), [key(11)]);
		assert_noop!(Inference::close_offers(signed(CAROL), OPERATOR), Error::<Test>::NothingToClose);
		jump_to(1 + KEY_MEMORY);
		assert_ok!(Inference::close_offers(signed(CAROL), OPERATOR));
		assert!(!KeysOf::<Test>::contains_key(OPERATOR));
		assert!(!OffersOf::<Test>::contains_key(OPERATOR));
	});
}

#[test]
fn nothing_is_stuck_when_the_operator_vanishes() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let (quoted, authorised) = (request_by(ALICE, offer, 1), authorised_by(ALICE, offer, 2));
		let captured = authorised_by(ALICE, offer, 3);
		capture(captured, 3);
		let session = session_by(ALICE, offer, 500);
		operator_is_gone();
		assert_ok!(Inference::close_offers(signed(CAROL), OPERATOR));
		assert_noop!(Inference::top_up(signed(BOB), session, 10), Error::<Test>::NotPayer);
		assert_ok!(Inference::close_session(signed(ALICE), session));
		wait(CHALLENGE);
		assert_ok!(Inference::finish_session(signed(CAROL), session));
		assert_eq!(
			[quoted, authorised, captured].map(state),
			[State::Failed, State::Failed, State::Credited]
		);
		assert_eq!(free(ALICE), RICHES - CHARGE);
		wait(MEMORY + 1);
		assert_eq!(crate::Requests::<Test>::iter_keys().count(), 0);
	});
}

#[test]
fn nothing_is_stuck_when_the_payer_vanishes() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let session = session_by(ALICE, offer, 500);
		capture(request, 1);
		assert_ok!(settle(ALICE, session, 120));
		wait(CHALLENGE);
		assert_ok!(Inference::release_session(signed(OPERATOR), session));
		assert_eq!(free(ALICE), RICHES - CHARGE - 120);
		assert_eq!(held(HoldReason::Request, ALICE) + held(HoldReason::Session, ALICE), 0);
	});
}

#[test]
fn operator_whose_account_cannot_take_dust_loses_it_to_the_network() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 500);
		assert_ok!(Balances::transfer_all(signed(OPERATOR), RIVAL, false));
		assert_eq!(free(OPERATOR), 0);
		let before = free(TREASURY);
		assert_ok!(settle(ALICE, session, ED - 1));
		assert_eq!((free(OPERATOR), free(TREASURY)), (0, before + ED - 1));
		// From the existential deposit on the account comes back.
		assert_ok!(settle(ALICE, session, ED - 1 + 100));
		assert_eq!(free(OPERATOR), 100 - share(100));
	});
}

#[test]
fn hold_leaves_the_existential_deposit() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		assert_ok!(Balances::transfer_keep_alive(signed(BOB), ALICE, RICHES - ED - DEPOSIT + 1));
		assert_noop!(Inference::request(signed(BOB), terms(offer, 1)), Error::<Test>::FundsMissing);
		assert_ok!(Balances::transfer_keep_alive(signed(ALICE), BOB, 1));
		assert_ok!(Inference::request(signed(BOB), terms(offer, 1)));
		assert_eq!(free(BOB), ED);
	});
}

#[test]
fn refused_authorisation_changes_nothing() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		assert_ok!(Balances::transfer_keep_alive(signed(BOB), ALICE, RICHES - ED - DEPOSIT));
		let request = request_by(BOB, offer, 1);
		assert_noop!(Inference::authorise(signed(BOB), request), Error::<Test>::FundsMissing);
		assert_eq!(Offers::<Test>::get(offer).unwrap().load, 0);
	});
}

#[test]
fn operator_whose_payer_is_frozen_waits_for_its_money_and_loses_none() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let (session, request) = (session_by(ALICE, offer, 1_000), authorised_by(ALICE, offer, 1));
		capture(request, 1);
		Balances::set_lock(*b"emergenc", &ALICE, RICHES, WithdrawReasons::all());
		assert_noop!(settle(ALICE, session, 300), Error::<Test>::PayerFrozen);
		let signature = voucher(ALICE, session, 300);
		let call = Call::settle { session, amount: 300, signature };
		assert_eq!(Inference::refusal(&OPERATOR, &call), Some(Refusal::TooEarly), "trying costs no fee");
		// The payer does not wait for the end of its freeze to take the deposit home.
		assert_ok!(Inference::close_session(signed(ALICE), session));
		wait(CHALLENGE + 1);
		assert_eq!(state(request), State::Captured);
		assert_noop!(Inference::credit(signed(CAROL), request), Error::<Test>::PayerFrozen);
		assert_noop!(Inference::finish_session(signed(ALICE), session), Error::<Test>::PayerFrozen);
		assert_eq!(free(OPERATOR), RICHES);
		Balances::remove_lock(*b"emergenc", &ALICE);
		assert_eq!(Inference::refusal(&OPERATOR, &call), None);
		assert_ok!(settle(ALICE, session, 300));
		assert_ok!(Inference::credit(signed(CAROL), request));
		assert_ok!(Inference::finish_session(signed(ALICE), session));
		assert_eq!(free(OPERATOR), RICHES + 300 - share(300) + CHARGE - share(CHARGE));
		assert_eq!(free(ALICE), RICHES - 300 - CHARGE);
	});
}
