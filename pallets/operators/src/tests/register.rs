//! Stories of `register`.

use super::mock::*;
use crate::{
	possession_payload, reputation::newcomer, Capabilities, Error, Event, HoldReason, OperatorProfile,
	OperatorRecord, Operators as Records, Region, Role,
};
use blyan_primitives::{
	traits::{OperatorSet, OperatorStakes},
	Measurement, OperatorUid,
};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_core::{Pair as _, H256};
use sp_runtime::{DispatchError, TokenError};

#[test]
fn register_holds_the_stake_when_the_proof_is_valid() {
	ExtBuilder::default().build_and_check(|| {
		System::set_block_number(25);
		let profile =
			OperatorProfile { capabilities: Capabilities::EVALUATE | Capabilities::GPU, ..profile(ALICE) };
		assert_ok!(Operators::register(signed(ALICE), profile, key("Alice"), proof("Alice", ALICE), RICHES));

		let stake = 10 * UNIT;
		assert_eq!(
			Records::<Test>::get(ALICE),
			Some(OperatorRecord {
				uid: OperatorUid { index: 0, generation: 0 },
				profile,
				measurement: Measurement::default(),
				key: key("Alice"),
				stake,
				weighed_stake: UNIT,
				bond: BASE,
				measures: newcomer(),
				verified: 0,
				missed_seals: 0,
				ownership: None,
				registered_at: 25,
				heard_in: 2,
				silence_reported: false,
				quarantined_until: None,
				withdrawable_at: None,
			})
		);
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &ALICE), stake);
		assert_eq!(Operators::owner_of(&key("Alice")), Some(ALICE));
		assert_eq!(Operators::key_of(&ALICE), Some(key("Alice")));
		assert_eq!(
			take_events(),
			[Event::Registered {
				who: ALICE,
				key: key("Alice"),
				stake,
				uid: OperatorUid { index: 0, generation: 0 },
				bond: BASE
			}]
		);
	});
}

#[test]
fn register_fails_when_the_account_or_the_key_is_taken() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_noop!(register(ALICE, "Second"), Error::<Test>::AlreadyRegistered);
		assert_noop!(register(BOB, "Alice"), Error::<Test>::KeyTaken);
	});
}

#[test]
fn register_fails_when_the_proof_is_for_someone_or_somewhere_else() {
	ExtBuilder::default().build_and_check(|| {
		let elsewhere = pair("Alice").sign(&possession_payload(&H256::repeat_byte(1), &ALICE));
		for proof in [proof("Alice", BOB), proof("Bob", ALICE), elsewhere] {
			assert_noop!(
				Operators::register(signed(ALICE), profile(ALICE), key("Alice"), proof, RICHES),
				Error::<Test>::ProofInvalid
			);
		}
	});
}

#[test]
fn register_fails_when_the_profile_is_invalid() {
	let capabilities = |bits| OperatorProfile { capabilities: Capabilities(bits), ..profile(ALICE) };
	let server = OperatorProfile { role: Role::Server, ..profile(ALICE) };
	let lower = OperatorProfile { region: Region(*b"de"), ..profile(ALICE) };
	ExtBuilder::default().build_and_check(|| {
		for (profile, error) in [
			(capabilities(0), Error::<Test>::CapabilitiesInvalid),
			(capabilities(1 << 8), Error::<Test>::CapabilitiesInvalid),
			(lower, Error::<Test>::RegionInvalid),
			(server, Error::<Test>::RoleUnsupported),
		] {
			assert_noop!(
				Operators::register(signed(ALICE), profile, key("Alice"), proof("Alice", ALICE), RICHES),
				error
			);
		}
	});
}

#[test]
fn register_fails_when_the_stake_cannot_be_paid() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(register(PAUPER, "Pauper"), DispatchError::Token(TokenError::FundsUnavailable));
	});
}

#[test]
fn register_fails_when_there_is_no_room() {
	ExtBuilder::default().build_and_check(|| {
		for who in 1..=4 {
			assert_ok!(register(who, &who.to_string()));
		}
		assert_noop!(register(5, "5"), Error::<Test>::TooManyOperators);
	});
}

#[test]
fn register_fails_when_another_operator_has_the_hardware() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		let same = profile(ALICE);
		assert_noop!(
			Operators::register(signed(BOB), same, key("Bob"), proof("Bob", BOB), RICHES),
			Error::<Test>::HardwareTaken
		);
		// To commit to nothing is everybody's right.
		for (who, name) in [(BOB, "Bob"), (CHARLIE, "Charlie")] {
			let nothing = OperatorProfile { hardware: H256::zero(), ..profile(who) };
			assert_ok!(Operators::register(signed(who), nothing, key(name), proof(name, who), RICHES));
		}
	});
}

#[test]
fn register_fails_when_the_account_is_banned_or_accused() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		Operators::ban(&ALICE);
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_noop!(register(ALICE, "Alice"), Error::<Test>::Banned);
		// Nor does anybody else get its machine.
		let machine = profile(ALICE);
		assert_noop!(
			Operators::register(signed(BOB), machine, key("Bob"), proof("Bob", BOB), RICHES),
			Error::<Test>::HardwareTaken
		);
		Operators::note_pending(&BOB);
		assert_noop!(register(BOB, "Bob"), Error::<Test>::OffencePending);
	});
}
