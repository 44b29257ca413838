//! Stories of serving keys.

use super::mock::*;
use crate::{serving_key_payload, Error, KeysOf, OfferTerms, ProvenKey, ServingKeyRecords};
use blyan_primitives::traits::ServingKeys;
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, H256};

fn operator_of(seed: u8) -> Option<u64> {
	<Inference as ServingKeys<u64>>::operator_of(&key(seed))
}

#[test]
fn key_needs_a_proof_for_this_account_and_this_chain() {
	build_and_check(|| {
		let make = |key| Inference::make_offer(signed(RIVAL), offer_terms(), key);
		assert_noop!(make(proven(OPERATOR, 40)), Error::<Test>::ProofInvalid);
		let elsewhere = pair(40).sign(&serving_key_payload(&H256::zero(), &RIVAL));
		assert_noop!(make(ProvenKey { key: key(40), proof: elsewhere }), Error::<Test>::ProofInvalid);
		assert_ok!(make(proven(RIVAL, 40)));
	});
}

#[test]
fn key_of_another_operator_is_taken_even_with_a_proof() {
	build_and_check(|| {
		offer_by(OPERATOR, offer_terms());
		let refused = Inference::make_offer(signed(RIVAL), offer_terms(), proven(RIVAL, 11));
		assert_eq!(refused, Err(Error::<Test>::KeyTaken.into()));
	});
}

#[test]
fn operator_answers_for_a_replaced_key_until_it_is_forgotten() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let request = authorised_by(ALICE, offer, 1);
		let change =
			Inference::change_offer(signed(OPERATOR), offer, offer_terms(), Some(proven(OPERATOR, 41)));
		assert_ok!(change);
		assert_eq!((operator_of(11), operator_of(41)), (Some(OPERATOR), Some(OPERATOR)));
		// What the old key signs still counts.
		capture(request, 1);
		jump_to(KEY_MEMORY);
		let taken = Inference::make_offer(signed(RIVAL), offer_terms(), proven(RIVAL, 11));
		assert_eq!(taken, Err(Error::<Test>::KeyTaken.into()));
		jump_to(KEY_MEMORY + 1);
		assert_eq!(operator_of(11), None);
		assert_ok!(Inference::make_offer(signed(RIVAL), offer_terms(), proven(RIVAL, 11)));
		assert_eq!(operator_of(11), Some(RIVAL));
		assert_eq!(KeysOf::<Test>::get(OPERATOR).into_inner(), [key(41)]);
	});
}

#[test]
fn key_is_used_by_several_offers_and_retires_with_the_last() {
	build_and_check(|| {
		let (first, second) = (offer_by(OPERATOR, offer_terms()), offer_by(OPERATOR, offer_terms()));
		assert_ok!(Inference::withdraw_offer(signed(OPERATOR), first));
		assert_eq!(ServingKeyRecords::<Test>::get(key(11)).unwrap().until, None);
		assert_ok!(Inference::withdraw_offer(signed(OPERATOR), second));
		assert_eq!(ServingKeyRecords::<Test>::get(key(11)).unwrap().until, Some(1 + KEY_MEMORY));
		offer_by(OPERATOR, offer_terms());
		assert_eq!(ServingKeyRecords::<Test>::get(key(11)).unwrap().until, None);
	});
}

#[test]
fn change_offer_fails_when_too_many_keys_are_answered_for() {
	build_and_check(|| {
		let offer = offer_by(OPERATOR, offer_terms());
		let change = |seed| {
			let terms: OfferTerms = offer_terms();
			Inference::change_offer(signed(OPERATOR), offer, terms, Some(proven(OPERATOR, seed)))
		};
		for seed in 41..44 {
			assert_ok!(change(seed));
		}
		assert_noop!(change(44), Error::<Test>::TooManyKeys);
		jump_to(KEY_MEMORY + 1);
		assert_ok!(change(44));
		assert_eq!(KeysOf::<Test>::get(OPERATOR).len(), 2);
	});
}
