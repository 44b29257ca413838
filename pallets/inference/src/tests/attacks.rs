//! Attacks, by name, and what they gain.

use super::mock::*;
use crate::{Error, HoldReason, OfferTerms, ServedModel, Sessions, State, Usage, Users};
use blyan_primitives::{traits::ServingKeys, Prices, Receipt, SignedReceipt};
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, H256};

fn usage(operator: u64) -> crate::UsageRecord {
	Usage::<Test>::get(ServedModel::Registered(0), operator)
}

#[test]
fn self_dealing_counts_nothing_between_related_accounts_and_costs_the_share_between_hidden_ones() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		assert_noop!(Inference::request(signed(OPERATOR), terms(offer, 9)), Error::<Test>::OwnOffer);
		let before = free(ALICE) + free(OPERATOR);
		Related::set(Some((ALICE, OPERATOR)));
		let session = session_by(ALICE, offer, 1_000);
		assert_ok!(settle(ALICE, session, 500));
		assert_eq!(usage(OPERATOR), Default::default());
		Related::set(None);
		assert_ok!(settle(ALICE, session, 1_000));
		assert_eq!(usage(OPERATOR).charged, 500);
		assert_eq!(free(ALICE) + free(OPERATOR), before - share(500) - share(500));
	});
}

#[test]
fn splitting_a_payment_into_many_does_not_escape_the_share() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 1_000);
		for amount in 1..=100 {
			assert_ok!(settle(ALICE, session, amount));
		}
		assert!(free(TREASURY) - 1_000 >= share(100));
	});
}

#[test]
fn voucher_replay_pays_nothing() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 1_000);
		assert_ok!(settle(ALICE, session, 300));
		for old in [1, 299, 300] {
			assert_noop!(settle(ALICE, session, old), Error::<Test>::NothingToSettle);
		}
		// A later session has another number, so vouchers of this one are worth nothing there.
		assert_ok!(Inference::release_session(signed(OPERATOR), session));
		let next = session_by(ALICE, offer, 1_000);
		let replayed = Inference::settle(signed(OPERATOR), next, 300, voucher(ALICE, session, 300));
		assert_eq!(replayed, Err(Error::<Test>::VoucherUnsigned.into()));
	});
}

#[test]
fn quote_flooding_costs_a_deposit_each_and_stops() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		for number in 0..REQUESTS_MAX as u8 {
			request_by(ALICE, offer, number);
		}
		assert_eq!(held(HoldReason::Request, ALICE), DEPOSIT * u128::from(REQUESTS_MAX));
		assert_noop!(Inference::request(signed(ALICE), terms(offer, 200)), Error::<Test>::TooManyRequests);
		wait(QUOTE);
		assert_eq!(free(ALICE), RICHES);
		wait(MEMORY);
		assert_eq!(crate::Requests::<Test>::iter_keys().count(), 0);
	});
}

#[test]
fn opening_thousands_of_sessions_stops_at_the_bound_and_each_holds_money() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		for _ in 0..SESSIONS_MAX {
			session_by(ALICE, offer, SESSION_MIN);
		}
		let more = Inference::open_session(signed(ALICE), offer, key(1), SESSION_MIN);
		assert_eq!(more, Err(Error::<Test>::TooManySessions.into()));
		assert_eq!(held(HoldReason::Session, ALICE), SESSION_MIN * u128::from(SESSIONS_MAX));
		// They take no place of the offer.
		authorised_by(BOB, offer, 1);
	});
}

#[test]
fn operator_captures_twice_and_is_refused() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		capture(request, 1);
		let again = Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt(1, 50)));
		assert_eq!(again, Err(Error::<Test>::WrongState.into()));
		// The same receipt for a request of the same seed.
		let second = authorised_by(BOB, offer, 1);
		let reused = Inference::capture(signed(OPERATOR), second, by(OPERATOR, receipt(1, 20)));
		assert_eq!(reused, Err(Error::<Test>::ReceiptUsed.into()));
	});
}

#[test]
fn capture_with_the_receipt_of_another_is_refused() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		offer_by(RIVAL, offer_terms());
		let (first, second) = (authorised_by(ALICE, offer, 1), authorised_by(ALICE, offer, 2));
		let stolen = by(RIVAL, receipt(1, 20));
		let capture = |request, signed_receipt| Inference::capture(signed(OPERATOR), request, signed_receipt);
		// Of another operator, by its key.
		assert_noop!(capture(first, stolen), Error::<Test>::KeyUnknown);
		// The rival's receipt under the operator's key.
		let forged = SignedReceipt { key: key(11), ..stolen };
		assert_noop!(capture(first, forged), Error::<Test>::ReceiptUnsigned);
		// Of another request.
		assert_noop!(capture(second, by(OPERATOR, receipt(1, 20))), Error::<Test>::ReceiptOfAnother);
		// By another operator.
		assert_noop!(
			Inference::capture(signed(RIVAL), first, by(RIVAL, receipt(1, 20))),
			Error::<Test>::NotOperator
		);
	});
}

#[test]
fn receipt_that_read_nothing_and_chose_something_is_refused_since_no_dispute_can_be_about_it() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let capture = |receipt| Inference::capture(signed(OPERATOR), request, by(OPERATOR, receipt));
		let unread =
			Receipt { prompt_tokens_seen: 0, charged: PRICES.cost(0, 20).unwrap(), ..receipt(1, 20) };
		assert_noop!(capture(unread), Error::<Test>::ReceiptInvalid);
		// The user left before anything was read.
		assert_ok!(capture(Receipt { answer_tokens: 0, charged: 0, ..unread }));
	});
}

#[test]
fn receipt_of_another_genesis_is_refused() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let receipt = receipt(1, 20);
		let signature = pair(11).sign(&receipt.payload(&H256::repeat_byte(1)));
		let elsewhere = SignedReceipt { receipt, key: key(11), signature };
		let refused = Inference::capture(signed(OPERATOR), request, elsewhere);
		assert_eq!(refused, Err(Error::<Test>::ReceiptUnsigned.into()));
	});
}

#[test]
fn refund_fraud_gains_nothing() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		// The payer has its answer and cancels: the operator still charges for all of it.
		assert_ok!(Inference::cancel(signed(ALICE), request));
		capture(request, 1);
		// It cannot cancel, reverse or let expire what is captured.
		assert_noop!(Inference::cancel(signed(ALICE), request), Error::<Test>::WrongState);
		assert_noop!(Inference::reverse(signed(ALICE), request), Error::<Test>::NotOperator);
		jump_to(1 + CAPTURE);
		assert_noop!(Inference::expire(signed(ALICE), request), Error::<Test>::WrongState);
		// A receipt of its own, signed with its own key, reverses nothing.
		let own = by(ALICE, receipt(1, 20));
		<Inference as ServingKeys<u64>>::reversed(&own, own.id(&GENESIS_HASH));
		assert_eq!(state(request), State::Captured);
		wait(CHALLENGE);
		assert_eq!(free(ALICE), RICHES - CHARGE);
	});
}

#[test]
fn operator_that_raises_its_price_after_the_quote_gains_nothing() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		let raised = OfferTerms { prices: Prices { input: 1 << 60, output: 1 << 60 }, ..offer_terms() };
		assert_ok!(Inference::change_offer(signed(OPERATOR), offer, raised, None));
		assert_ok!(Inference::authorise(signed(ALICE), request));
		let greedy = Receipt { charged: CEILING + 1, ..receipt(1, 50) };
		let refused = Inference::capture(signed(OPERATOR), request, by(OPERATOR, greedy));
		assert_eq!(refused, Err(Error::<Test>::ChargeTooHigh.into()));
	});
}

#[test]
fn proven_wrong_receipt_returns_its_charge_while_it_is_on_hold() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		capture(request, 1);
		let wrong = by(OPERATOR, receipt(1, 20));
		let id = wrong.id(&GENESIS_HASH);
		<Inference as ServingKeys<u64>>::reversed(&wrong, id);
		<Inference as ServingKeys<u64>>::reversed(&wrong, id);
		assert_eq!((state(request), free(ALICE)), (State::Reversed, RICHES));
	});
}

#[test]
fn receipt_by_a_key_that_is_about_to_be_forgotten_can_be_challenged_until_it_is_paid() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let change =
			Inference::change_offer(signed(OPERATOR), offer, offer_terms(), Some(proven(OPERATOR, 41)));
		assert_ok!(change);
		// The old key would be forgotten in this block's successor, and its receipts with it.
		jump_to(KEY_MEMORY);
		let request = authorised_by(ALICE, offer, 1);
		capture(request, 1);
		jump_to(KEY_MEMORY + CHALLENGE);
		assert_eq!(<Inference as ServingKeys<u64>>::operator_of(&key(11)), Some(OPERATOR));
		assert_ok!(Inference::credit(signed(CAROL), request));
		jump_to(2 * KEY_MEMORY);
		assert_eq!(<Inference as ServingKeys<u64>>::operator_of(&key(11)), None);
	});
}

#[test]
fn receipt_that_fell_before_it_was_captured_charges_nothing() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let wrong = by(OPERATOR, receipt(1, 20));
		// The payer had it from the operator, and challenged it at once.
		Refuted::set([wrong.id(&GENESIS_HASH)].into());
		assert_noop!(Inference::capture(signed(OPERATOR), request, wrong), Error::<Test>::ReceiptRefuted);
		wait(CAPTURE);
		assert_eq!((state(request), free(ALICE)), (State::Failed, RICHES));
	});
}

#[test]
fn proven_wrong_receipt_returns_its_charge_when_its_key_has_been_forgotten() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		capture(request, 1);
		assert_ok!(Inference::withdraw_offer(signed(OPERATOR), offer));
		// A long dispute: nothing is paid meanwhile.
		jump_to(2 * KEY_MEMORY);
		assert_eq!(<Inference as ServingKeys<u64>>::operator_of(&key(11)), None);
		let wrong = by(OPERATOR, receipt(1, 20));
		<Inference as ServingKeys<u64>>::reversed(&wrong, wrong.id(&GENESIS_HASH));
		assert_eq!((state(request), free(ALICE)), (State::Reversed, RICHES));
	});
}

#[test]
fn proven_wrong_receipt_of_a_session_is_taken_off_what_it_pays_once() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 1_000);
		assert_ok!(settle(ALICE, session, 100));
		let wrong = by(OPERATOR, Receipt { session, charged: 60, ..receipt(1, 20) });
		let id = wrong.id(&GENESIS_HASH);
		for _ in 0..3 {
			<Inference as ServingKeys<u64>>::reversed(&wrong, id);
		}
		assert_eq!(Sessions::<Test>::get(session).unwrap().reversed, 60);
		assert_noop!(settle(ALICE, session, 160), Error::<Test>::NothingToSettle);
		assert_ok!(settle(ALICE, session, 200));
		assert_eq!(Sessions::<Test>::get(session).unwrap().settled, 140);
		// A receipt by another operator's key takes nothing off.
		offer_by(RIVAL, offer_terms());
		let foreign = by(RIVAL, Receipt { session, charged: 60, ..receipt(2, 20) });
		<Inference as ServingKeys<u64>>::reversed(&foreign, foreign.id(&GENESIS_HASH));
		assert_eq!(Sessions::<Test>::get(session).unwrap().reversed, 60);
	});
}

#[test]
fn places_of_an_offer_are_freed_by_the_operator_when_no_prompt_comes() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let requests: Vec<_> = (1..=3).map(|number| authorised_by(ALICE, offer, number)).collect();
		let honest = request_by(BOB, offer, 9);
		assert_noop!(Inference::authorise(signed(BOB), honest), Error::<Test>::OfferFull);
		for request in requests {
			assert_ok!(Inference::decline(signed(OPERATOR), request));
		}
		assert_ok!(Inference::authorise(signed(BOB), honest));
	});
}

#[test]
fn records_of_users_are_made_by_payments_only() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		assert_ok!(Inference::cancel(signed(ALICE), request));
		assert!(!Users::<Test>::contains_key(ALICE));
	});
}
