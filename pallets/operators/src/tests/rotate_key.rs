//! Stories of `rotate_key`.

use super::mock::*;
use crate::{Error, Event, RetiredKeys, RetiredOf, RETIRED_KEYS_MAX};
use blyan_primitives::traits::OperatorSet;
use frame_support::{assert_noop, assert_ok};

#[test]
fn rotate_key_retires_the_old_key_when_the_proof_is_valid() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::rotate_key(signed(ALICE), key("New"), proof("New", ALICE)));
		// It signs nothing any more, but what it signed is still its operator's.
		assert_eq!(Operators::owner_of(&key("Alice")), None);
		assert_eq!(Operators::holder_of(&key("Alice")), Some(ALICE));
		assert_eq!(Operators::holder_of(&key("New")), Some(ALICE));
		assert_eq!(Operators::owner_of(&key("New")), Some(ALICE));
		assert_eq!(Operators::key_of(&ALICE), Some(key("New")));
		assert_eq!(take_events(), [Event::KeyRotated { who: ALICE, key: key("New") }]);
		// Nobody takes over what it signed.
		assert_noop!(register(BOB, "Alice"), Error::<Test>::KeyTaken);
	});
}

#[test]
fn rotate_key_fails_when_the_key_is_not_the_operators_to_take() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		let rotate = |who, name, proof| Operators::rotate_key(signed(who), key(name), proof);
		assert_noop!(rotate(ALICE, "Bob", proof("Bob", ALICE)), Error::<Test>::KeyTaken);
		assert_noop!(rotate(ALICE, "Alice", proof("Alice", ALICE)), Error::<Test>::KeyTaken);
		assert_noop!(rotate(ALICE, "New", proof("New", BOB)), Error::<Test>::ProofInvalid);
		assert_noop!(rotate(CHARLIE, "New", proof("New", CHARLIE)), Error::<Test>::NotRegistered);
		assert_ok!(Operators::exit(signed(ALICE)));
		assert_noop!(rotate(ALICE, "New", proof("New", ALICE)), Error::<Test>::Exiting);
	});
}

#[test]
fn retired_keys_are_forgotten_when_they_can_cost_nothing_any_more() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		assert_ok!(Operators::rotate_key(signed(ALICE), key("New"), proof("New", ALICE)));
		System::set_block_number(50);
		assert_eq!(Operators::holder_of(&key("Alice")), Some(ALICE));
		System::set_block_number(51);
		assert_eq!(Operators::holder_of(&key("Alice")), None);
		// The sweep frees it.
		assert_noop!(register(CHARLIE, "Alice"), Error::<Test>::KeyTaken);
		Operators::sweep(frame_support::weights::Weight::MAX);
		assert_eq!(RetiredKeys::<Test>::iter().count(), 0);
		assert_ok!(register(CHARLIE, "Alice"));
	});
}

#[test]
fn an_equivocator_escapes_neither_by_rotating_nor_by_withdrawing_early() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::rotate_key(signed(ALICE), key("New"), proof("New", ALICE)));
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(50);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::StillUnbonding);
		assert_eq!(Operators::holder_of(&key("Alice")), Some(ALICE));
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!((RetiredKeys::<Test>::iter().count(), RetiredOf::<Test>::iter().count()), (0, 0));
	});
}

#[test]
fn rotate_key_fails_when_too_many_keys_are_remembered() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let rotate = |number: u32| {
			let name = number.to_string();
			Operators::rotate_key(signed(ALICE), key(&name), proof(&name, ALICE))
		};
		for number in 0..RETIRED_KEYS_MAX {
			assert_ok!(rotate(number));
		}
		assert_noop!(rotate(99), Error::<Test>::TooManyRetiredKeys);
		assert_noop!(rotate(0), Error::<Test>::KeyTaken);
		System::set_block_number(51);
		assert_ok!(rotate(99));
		assert_eq!(RetiredOf::<Test>::get(ALICE).len(), 1);
	});
}
