//! Stories of sessions.

use super::mock::*;
use crate::{Error, Event, HoldReason, NextSession, OfferTerms, Sessions, Usage};
use blyan_primitives::{serving::wrapped, Prices, Voucher};
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, H256};

#[test]
fn session_pays_what_its_vouchers_allow_and_returns_the_rest() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		take_events();
		let session = session_by(ALICE, offer, 1_000);
		assert_eq!((session, held(HoldReason::Session, ALICE)), (1, 1_000));
		assert_ok!(settle(ALICE, session, 300));
		assert_ok!(settle(ALICE, session, 450));
		assert_ok!(Inference::close_session(signed(ALICE), session));
		jump_to(1 + CLOSING);
		let done = Inference::finish_session(signed(CAROL), session).unwrap();
		assert_eq!(done.pays_fee, frame_support::dispatch::Pays::No);
		assert_eq!((free(ALICE), held(HoldReason::Session, ALICE)), (RICHES - 450, 0));
		assert_eq!(free(OPERATOR), RICHES + 450 - share(300) - share(150));
		assert_eq!(
			take_events(),
			[
				Event::SessionOpened { session, payer: ALICE, operator: OPERATOR, offer, deposit: 1_000 },
				Event::SessionSettled { session, paid: 300 - share(300), share: share(300), settled: 300 },
				Event::SessionSettled { session, paid: 150 - share(150), share: share(150), settled: 450 },
				Event::SessionClosing { session, until: 1 + CLOSING },
				Event::SessionEnded { session, returned: 550 },
			]
		);
		let usage = Usage::<Test>::get(crate::ServedModel::Registered(0), OPERATOR);
		assert_eq!((usage.settlements, usage.charged, usage.answers), (2, 450, 0));
	});
}

#[test]
fn prices_are_fixed_when_a_session_is_opened() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 1_000);
		let raised = OfferTerms { prices: Prices { input: 9, output: 9 }, ..offer_terms() };
		assert_ok!(Inference::change_offer(signed(OPERATOR), offer, raised, None));
		assert_eq!(Sessions::<Test>::get(session).unwrap().prices, PRICES);
	});
}

#[test]
fn open_session_fails_when_the_deposit_is_small_or_the_money_missing() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let open = |payer, deposit| Inference::open_session(signed(payer), offer, key(1), deposit);
		assert_noop!(open(ALICE, SESSION_MIN - 1), Error::<Test>::DepositTooSmall);
		assert_noop!(open(ALICE, RICHES), Error::<Test>::FundsMissing);
		assert_noop!(open(PAUPER, SESSION_MIN), Error::<Test>::FundsMissing);
		assert_noop!(open(OPERATOR, SESSION_MIN), Error::<Test>::OwnOffer);
		assert_ok!(open(ALICE, RICHES - ED));
		assert_eq!(free(ALICE), ED);
		assert_eq!(NextSession::<Test>::get(), 1);
	});
}

#[test]
fn voucher_above_the_deposit_pays_the_deposit_and_the_rest_after_a_top_up() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 100);
		assert_ok!(settle(ALICE, session, 250));
		assert_noop!(settle(ALICE, session, 250), Error::<Test>::NothingToSettle);
		assert_noop!(Inference::top_up(signed(BOB), session, 10), Error::<Test>::NotPayer);
		assert_noop!(Inference::top_up(signed(ALICE), session, 0), Error::<Test>::AmountZero);
		assert_noop!(Inference::top_up(signed(ALICE), session, RICHES), Error::<Test>::FundsMissing);
		assert_ok!(Inference::top_up(signed(ALICE), session, 500));
		assert_ok!(settle(ALICE, session, 250));
		let record = Sessions::<Test>::get(session).unwrap();
		assert_eq!((record.deposit, record.settled, record.held()), (600, 250, 350));
	});
}

#[test]
fn voucher_of_a_wallet_extension_is_taken() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 100);
		let payload = Voucher { session, amount: 40 }.payload(&GENESIS_HASH);
		let signature = pair(1).sign(&wrapped(&payload));
		assert_ok!(Inference::settle(signed(CAROL), session, 40, signature));
	});
}

#[test]
fn settle_fails_when_the_voucher_is_of_another_session_chain_or_key() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let (session, other) = (session_by(ALICE, offer, 500), session_by(ALICE, offer, 500));
		let settle = |signature| Inference::settle(signed(OPERATOR), session, 200, signature);
		assert_noop!(settle(voucher(ALICE, other, 200)), Error::<Test>::VoucherUnsigned);
		assert_noop!(settle(voucher(BOB, session, 200)), Error::<Test>::VoucherUnsigned);
		assert_noop!(settle(voucher(ALICE, session, 199)), Error::<Test>::VoucherUnsigned);
		let elsewhere = pair(1).sign(&Voucher { session, amount: 200 }.payload(&H256::zero()));
		assert_noop!(settle(elsewhere), Error::<Test>::VoucherUnsigned);
		let unknown = Inference::settle(signed(OPERATOR), 9, 200, voucher(ALICE, 9, 200));
		assert_eq!(unknown, Err(Error::<Test>::SessionUnknown.into()));
	});
}

#[test]
fn voucher_outstanding_at_the_close_is_paid_until_the_delay_is_over() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 500);
		assert_ok!(Inference::close_session(signed(ALICE), session));
		assert_noop!(Inference::close_session(signed(ALICE), session), Error::<Test>::SessionClosing);
		assert_noop!(Inference::top_up(signed(ALICE), session, 10), Error::<Test>::SessionClosing);
		assert_noop!(Inference::finish_session(signed(ALICE), session), Error::<Test>::TooEarly);
		jump_to(CLOSING);
		assert_ok!(settle(ALICE, session, 400));
		jump_to(1 + CLOSING);
		assert_ok!(Inference::finish_session(signed(ALICE), session));
		assert_eq!(free(ALICE), RICHES - 400);
		assert_noop!(settle(ALICE, session, 500), Error::<Test>::SessionUnknown);
	});
}

#[test]
fn finish_session_fails_when_it_is_not_being_closed() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 500);
		jump_to(1_000);
		assert_noop!(Inference::finish_session(signed(ALICE), session), Error::<Test>::SessionOpen);
		assert_noop!(Inference::close_session(signed(OPERATOR), session), Error::<Test>::NotPayer);
	});
}

#[test]
fn release_session_ends_it_at_once_when_the_operator_wants() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 500);
		assert_ok!(settle(ALICE, session, 50));
		assert_noop!(Inference::release_session(signed(ALICE), session), Error::<Test>::NotOperator);
		assert_ok!(Inference::release_session(signed(OPERATOR), session));
		assert_eq!(free(ALICE), RICHES - 50);
	});
}
