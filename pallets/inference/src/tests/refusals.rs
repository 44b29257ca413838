//! Refusals by the pool: of what is certain to fail, and of nothing that could succeed.

use super::mock::*;
use crate::{Call, OfferTerms};
use blyan_primitives::{Receipt, Refusal};
use frame_support::assert_ok;

fn refusal(who: u64, call: Call<Test>) -> Option<Refusal> {
	Inference::refusal(&who, &call)
}

#[test]
fn numbers_that_do_not_exist_are_refused_only_when_none_can_bring_them() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let session = session_by(ALICE, offer, 500);
		assert_ok!(Inference::release_session(signed(OPERATOR), session));
		assert_eq!(refusal(ALICE, Call::close_session { session }), Some(Refusal::Over));
		assert_eq!(refusal(ALICE, Call::close_session { session: session + 1 }), None);
		assert_eq!(refusal(ALICE, Call::close_session { session: 1 << 40 }), Some(Refusal::Unknown));
		assert_eq!(refusal(ALICE, Call::authorise { request: 0 }), None);
		assert_eq!(refusal(OPERATOR, Call::withdraw_offer { offer: offer + 1 }), None);
	});
}

#[test]
fn accounts_and_states_without_a_way_back_are_refused() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = request_by(ALICE, offer, 1);
		assert_eq!(refusal(BOB, Call::authorise { request }), Some(Refusal::NotAllowed));
		assert_eq!(refusal(ALICE, Call::decline { request }), Some(Refusal::NotAllowed));
		assert_eq!(refusal(OPERATOR, Call::request { terms: terms(offer, 5) }), Some(Refusal::NotAllowed));
		assert_eq!(refusal(RIVAL, Call::withdraw_offer { offer }), Some(Refusal::NotAllowed));
		let capture = |receipt| Call::capture { request, receipt };
		// Not authorised yet: it may be in time.
		assert_eq!(refusal(OPERATOR, capture(by(OPERATOR, receipt(1, 20)))), None);
		assert_ok!(Inference::authorise(signed(ALICE), request));
		let wrong = Receipt { charged: 1 << 100, ..receipt(1, 20) };
		assert_eq!(refusal(OPERATOR, capture(by(OPERATOR, wrong))), Some(Refusal::Malformed));
		let other = Receipt { session: 1, ..receipt(1, 20) };
		assert_eq!(refusal(OPERATOR, capture(by(OPERATOR, other))), Some(Refusal::Malformed));
		assert_eq!(refusal(OPERATOR, Call::reverse { request }), None);
		assert_ok!(Inference::decline(signed(OPERATOR), request));
		for call in [Call::expire { request }, Call::credit { request }] {
			assert_eq!(refusal(CAROL, call), Some(Refusal::Over));
		}
	});
}

#[test]
fn arguments_that_are_never_right_are_refused() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let terms = OfferTerms { capacity: 0, ..offer_terms() };
		let make = Call::make_offer { terms: terms.clone(), key: proven(OPERATOR, 11) };
		assert_eq!(refusal(OPERATOR, make), Some(Refusal::Malformed));
		let unproven = Call::make_offer { terms: offer_terms(), key: proven(ALICE, 11) };
		assert_eq!(refusal(OPERATOR, unproven), Some(Refusal::Unproven));
		let change = Call::change_offer { offer, terms, key: None };
		assert_eq!(refusal(OPERATOR, change), Some(Refusal::Malformed));
		let session = session_by(ALICE, offer, 500);
		let forged = Call::settle { session, amount: 5, signature: voucher(BOB, session, 5) };
		assert_eq!(refusal(OPERATOR, forged), Some(Refusal::Unproven));
		let good = Call::settle { session, amount: 5, signature: voucher(ALICE, session, 5) };
		assert_eq!(refusal(OPERATOR, good), None);
		let small = Call::open_session { offer, voucher_key: key(1), deposit: 1 };
		assert_eq!(refusal(ALICE, small), Some(Refusal::Malformed));
		assert_eq!(refusal(ALICE, Call::top_up { session, amount: 0 }), Some(Refusal::Malformed));
		let quote = quote(ALICE, offer);
		let signature = sign_quote(OPERATOR, &quote);
		let foreign = Call::authorise_quote { quote, signature, seed: 1 };
		assert_eq!(refusal(BOB, foreign.clone()), Some(Refusal::Malformed));
		assert_eq!(refusal(ALICE, foreign), None);
	});
}
