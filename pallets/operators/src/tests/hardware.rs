//! Stories of hardware: who may commit to what, and how a challenge ends.

use super::mock::*;
use crate::{
	hardware_payload, Call, Challenges, Error, Event, HoldReason, Opened, OperatorProfile,
	Operators as Records,
};
use blyan_primitives::{
	hardware_root,
	traits::{OffenceKind, OperatorSet},
	HardwareComponents, HardwareOpening, OperatorSignature,
};
use frame_support::{
	assert_noop, assert_ok,
	traits::{fungible::InspectHold, Authorize},
};
use frame_system::RawOrigin;
use sp_core::{Pair as _, H256};
use sp_runtime::{
	transaction_validity::{InvalidTransaction, TransactionSource, TransactionValidityError},
	DispatchError, DispatchResult,
};

/// Answers the challenge of `who` as its machine is.
pub fn answer(who: u64) -> DispatchResult {
	let component = Challenges::<Test>::get(who).and_then(|challenge| challenge.drawn);
	let component = component.map_or(0, |drawn| drawn.component);
	answer_with(who, component, &machine(who))
}

fn answer_with(who: u64, component: u8, machine: &HardwareComponents) -> DispatchResult {
	let key = Operators::key_of(&who).ok_or(Error::<Test>::NotRegistered)?;
	let opening = HardwareOpening::of(machine, component).unwrap();
	// Whether the signature is valid was asked before.
	let signature = heartbeat_signature("Anybody", 0);
	Operators::answer_hardware(RawOrigin::Authorized.into(), key, component, opening, signature)
}

/// Draws the component for a challenge of Alice and returns it.
fn draw() -> u8 {
	System::set_block_number(System::block_number() + 2);
	ThrownAt::set(System::block_number() - 1);
	assert_ok!(Operators::settle_hardware(signed(CHARLIE), ALICE));
	Challenges::<Test>::get(ALICE).unwrap().drawn.unwrap().component
}

fn story(tell: impl FnOnce()) {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		take_events();
		tell();
	});
}

fn held(who: u64) -> u128 {
	Balances::balance_on_hold(&HoldReason::HardwareChallenge.into(), &who)
}

#[test]
fn answer_hardware_pays_the_operator_when_it_opens_what_was_drawn() {
	story(|| {
		let before = Balances::free_balance(ALICE);
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		assert_eq!(held(BOB), HARDWARE_BOND);
		let component = draw();
		assert_ok!(answer(ALICE));
		assert_eq!(held(BOB), 0);
		assert_eq!(Balances::free_balance(ALICE), before + HARDWARE_BOND);
		let identifier = machine(ALICE)[usize::from(component)].identifier;
		assert_eq!(Opened::<Test>::get(ALICE)[usize::from(component)], Some(identifier));
		assert_eq!(Reports::get(), []);
		assert_eq!(
			take_events(),
			[
				Event::HardwareChallenged { who: ALICE, challenger: BOB },
				Event::HardwareDrawn { who: ALICE, component, deadline: 8 },
				Event::HardwareProven { who: ALICE, component },
			]
		);
	});
}

#[test]
fn challenge_hardware_fails_when_there_is_nothing_to_ask() {
	story(|| {
		let challenge = |who| Operators::challenge_hardware(signed(BOB), who);
		assert_noop!(challenge(CHARLIE), Error::<Test>::NotRegistered);
		assert_noop!(Operators::challenge_hardware(signed(ALICE), ALICE), Error::<Test>::OwnHardware);
		let nothing = OperatorProfile { hardware: H256::zero(), ..profile(CHARLIE) };
		let proof = proof("Charlie", CHARLIE);
		assert_ok!(Operators::register(signed(CHARLIE), nothing, key("Charlie"), proof, RICHES));
		assert_noop!(challenge(CHARLIE), Error::<Test>::NoHardware);
		assert_ok!(challenge(ALICE));
		assert_noop!(challenge(ALICE), Error::<Test>::ChallengeOpen);
		assert_ok!(register(4, "Dora"));
		assert_ok!(Operators::exit(signed(4)));
		assert_noop!(challenge(4), Error::<Test>::Exiting);
	});
}

#[test]
fn settle_hardware_waits_for_the_appointment() {
	story(|| {
		let settle = || Operators::settle_hardware(signed(BOB), ALICE);
		assert_noop!(settle(), Error::<Test>::NothingDue);
		ThrownAt::set(1);
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		assert_noop!(settle(), Error::<Test>::NothingDue);
		System::set_block_number(3);
		ThrownAt::set(2);
		assert_ok!(settle());
		assert_noop!(settle(), Error::<Test>::NothingDue);
	});
}

#[test]
fn settle_hardware_draws_the_same_component_when_its_author_waits_for_other_seeds() {
	let drawn = |settled_in: u64| {
		let mut component = None;
		story(|| {
			// What is known when the challenge is made, what it appoints, and what comes after.
			Throws::set((0..40).map(|block| (block, block as u8 * 3)).collect());
			assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
			System::set_block_number(settled_in);
			ThrownAt::set(settled_in);
			assert_ok!(Operators::settle_hardware(signed(CHARLIE), ALICE));
			component = Challenges::<Test>::get(ALICE).unwrap().drawn.map(|drawn| drawn.component);
		});
		component
	};
	assert!(drawn(2).is_some());
	for settled_in in 3..30 {
		assert_eq!(drawn(settled_in), drawn(2), "block {settled_in}");
	}
}

#[test]
fn settle_hardware_reports_the_operator_when_it_missed_the_deadline() {
	story(|| {
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		let component = draw();
		System::set_block_number(8);
		assert_noop!(Operators::settle_hardware(signed(BOB), ALICE), Error::<Test>::NothingDue);
		System::set_block_number(9);
		assert_ok!(Operators::settle_hardware(signed(CHARLIE), ALICE));
		assert_eq!(held(BOB), 0);
		assert_eq!(Balances::free_balance(BOB), RICHES);
		let [(ALICE, OffenceKind::HardwareFalse, _, Some(BOB))] = Reports::get()[..] else {
			panic!("a report of Alice was expected: {:?}", Reports::get())
		};
		assert_eq!(take_events().last(), Some(&Event::HardwareRefuted { who: ALICE, component }));
		assert_noop!(answer(ALICE), Error::<Test>::NotChallenged);
	});
}

#[test]
fn settle_hardware_gives_up_when_there_is_no_randomness() {
	story(|| {
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		System::set_block_number(6);
		assert_noop!(Operators::settle_hardware(signed(BOB), ALICE), Error::<Test>::NothingDue);
		System::set_block_number(7);
		assert_ok!(Operators::settle_hardware(signed(BOB), ALICE));
		assert_eq!(held(BOB), 0);
		assert_eq!(take_events().last(), Some(&Event::HardwareChallengeLapsed { who: ALICE }));
		assert_eq!(Reports::get(), []);
	});
}

#[test]
fn answer_hardware_reports_the_operator_when_the_component_was_another_one_before() {
	story(|| {
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		let component = draw();
		assert_ok!(answer(ALICE));
		// A new commitment, in which that component is another one. The seed stays, so it is drawn again.
		let mut other = machine(ALICE);
		other[usize::from(component)].identifier = H256::repeat_byte(0xbb);
		let capabilities = profile(ALICE).capabilities;
		let root = hardware_root(&other);
		assert_ok!(Operators::update_capabilities(signed(ALICE), capabilities, root));
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		assert_eq!(draw(), component);
		assert_ok!(answer_with(ALICE, component, &other));
		assert!(matches!(Reports::get()[..], [(ALICE, OffenceKind::HardwareFalse, _, Some(BOB))]));
		assert_eq!(held(BOB), 0);
	});
}

#[test]
fn answer_hardware_is_fine_when_only_the_salts_are_new() {
	story(|| {
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		let component = draw();
		assert_ok!(answer(ALICE));
		let salted = machine(ALICE)
			.map(|part| blyan_primitives::HardwareComponent { salt: H256::repeat_byte(5), ..part });
		let capabilities = profile(ALICE).capabilities;
		assert_ok!(Operators::update_capabilities(signed(ALICE), capabilities, hardware_root(&salted)));
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		assert_eq!(draw(), component);
		assert_ok!(answer_with(ALICE, component, &salted));
		assert_eq!(Reports::get(), []);
	});
}

#[test]
fn hardware_cannot_change_while_it_is_challenged() {
	story(|| {
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		let capabilities = profile(ALICE).capabilities;
		let update = |root| Operators::update_capabilities(signed(ALICE), capabilities, root);
		assert_noop!(update(H256::repeat_byte(2)), Error::<Test>::ChallengeOpen);
		assert_ok!(update(profile(ALICE).hardware));
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(60);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::ChallengeOpen);
	});
}

#[test]
fn hardware_is_free_again_after_its_operator_moved_on() {
	story(|| {
		let capabilities = profile(ALICE).capabilities;
		assert_ok!(Operators::update_capabilities(signed(ALICE), capabilities, H256::repeat_byte(2)));
		assert_ok!(register(BOB, "Bob"));
		let root = profile(ALICE).hardware;
		assert_ok!(Operators::update_capabilities(signed(BOB), capabilities, root));
		assert_noop!(
			Operators::update_capabilities(signed(ALICE), capabilities, root),
			Error::<Test>::HardwareTaken
		);
		assert_eq!(Records::<Test>::get(BOB).unwrap().profile.hardware, root);
	});
}

#[test]
fn answer_hardware_is_authorised_by_a_valid_opening_of_what_was_drawn() {
	story(|| {
		let asked_at = System::block_number();
		let authorize = |name: &str, component, opening, signature: OperatorSignature| {
			let key = key(name);
			let call =
				RuntimeCall::from(Call::<Test>::answer_hardware { key, component, opening, signature });
			call.authorize(TransactionSource::External).unwrap().map(|(validity, _)| validity)
		};
		let sign = |name: &str, component, opening: &HardwareOpening, asked_at: u64| {
			pair(name).sign(&hardware_payload(&GENESIS_HASH, &ALICE, &asked_at, component, opening))
		};
		let refused = |reason| Err(TransactionValidityError::Invalid(reason));
		let opening =
			|machine: &HardwareComponents, component| HardwareOpening::of(machine, component).unwrap();

		let first = opening(&machine(ALICE), 0);
		let signature = sign("Alice", 0, &first, asked_at);
		assert_eq!(authorize("Alice", 0, first, signature.clone()), refused(InvalidTransaction::Stale));
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		assert_eq!(authorize("Alice", 0, first, signature.clone()), refused(InvalidTransaction::Future));
		assert_eq!(authorize("Bob", 0, first, signature), refused(InvalidTransaction::BadSigner));

		let component = draw();
		let right = opening(&machine(ALICE), component);
		let signature = sign("Alice", component, &right, asked_at);
		let validity = authorize("Alice", component, right, signature.clone()).unwrap();
		assert_eq!((validity.longevity, validity.priority), (5, 7));

		let other = (component + 1) % 8;
		let wrong = opening(&machine(ALICE), other);
		assert_eq!(authorize("Alice", other, wrong, signature.clone()), refused(InvalidTransaction::Stale));
		let foreign = opening(&machine(BOB), component);
		let foreign_signature = sign("Alice", component, &foreign, asked_at);
		assert_eq!(
			authorize("Alice", component, foreign, foreign_signature),
			refused(InvalidTransaction::Call)
		);
		let earlier = sign("Alice", component, &right, asked_at + 1);
		assert_eq!(authorize("Alice", component, right, earlier), refused(InvalidTransaction::BadProof));
		System::set_block_number(9);
		assert_eq!(authorize("Alice", component, right, signature), refused(InvalidTransaction::Stale));
	});
}

#[test]
fn answer_hardware_fails_when_it_was_not_authorised() {
	story(|| {
		let opening = HardwareOpening::of(&machine(ALICE), 0).unwrap();
		let signature = heartbeat_signature("Alice", 0);
		assert_noop!(
			Operators::answer_hardware(signed(ALICE), key("Alice"), 0, opening, signature),
			DispatchError::BadOrigin
		);
	});
}
