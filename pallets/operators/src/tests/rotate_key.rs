//! Stories of `rotate_key`.

use super::mock::*;
use crate::{Error, Event};
use blyan_primitives::traits::OperatorSet;
use frame_support::{assert_noop, assert_ok};

#[test]
fn rotate_key_retires_the_old_key_when_the_proof_is_valid() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::rotate_key(signed(ALICE), key("New"), proof("New", ALICE)));
		assert_eq!(Operators::owner_of(&key("Alice")), None);
		assert_eq!(Operators::owner_of(&key("New")), Some(ALICE));
		assert_eq!(Operators::key_of(&ALICE), Some(key("New")));
		assert_eq!(take_events(), [Event::KeyRotated { who: ALICE, key: key("New") }]);
		// Whoever comes next may have the old one.
		assert_ok!(register(BOB, "Alice"));
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
