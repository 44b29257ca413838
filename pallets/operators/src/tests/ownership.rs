//! Whom operators belong to, and who has a say in that.

use super::mock::*;
use crate::{Error, Event, Owned};
use blyan_primitives::traits::OperatorSet;
use frame_support::{assert_noop, assert_ok};

/// Owns operators and is none.
const COMPANY: u64 = 7;

fn owner_of(who: u64) -> u64 {
	let eligible = Operators::eligible();
	let owner = eligible.into_iter().find(|one| one.account == who).map(|one| one.owner);
	assert_eq!(owner, Some(Operators::belongs_to(&who)));
	owner.unwrap()
}

fn declare(who: u64, owner: u64) -> sp_runtime::DispatchResult {
	Operators::declare_owner(signed(who), owner)
}

fn accept(owner: u64, who: u64) -> sp_runtime::DispatchResult {
	Operators::accept_operator(signed(owner), who)
}

fn dissolve(caller: u64, who: u64) -> sp_runtime::DispatchResult {
	Operators::dissolve_ownership(signed(caller), who)
}

#[test]
fn an_operator_belongs_to_whom_it_named_and_who_accepted() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		assert_ok!(declare(ALICE, COMPANY));
		assert_eq!(owner_of(ALICE), ALICE);
		assert_ok!(accept(COMPANY, ALICE));
		assert_eq!((owner_of(ALICE), owner_of(BOB)), (COMPANY, BOB));
		assert_eq!(
			take_events(),
			[
				Event::OwnerDeclared { who: ALICE, owner: COMPANY },
				Event::OwnerAccepted { who: ALICE, owner: COMPANY },
			]
		);
	});
}

#[test]
fn nobody_becomes_the_owner_of_an_operator_that_did_not_ask_for_it() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		assert_noop!(accept(COMPANY, ALICE), Error::<Test>::NotDeclared);
		assert_ok!(declare(ALICE, BOB));
		assert_noop!(accept(COMPANY, ALICE), Error::<Test>::NotDeclared);
		assert_noop!(accept(COMPANY, CHARLIE), Error::<Test>::NotRegistered);
		assert_eq!(owner_of(ALICE), ALICE);
	});
}

#[test]
fn naming_a_stranger_changes_nothing_for_anybody() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		let before = Operators::eligible();
		assert_ok!(declare(ALICE, BOB));
		assert_eq!(Operators::eligible(), before);
		// Nor does it keep the stranger from anything.
		assert_ok!(declare(BOB, COMPANY));
		assert_ok!(accept(COMPANY, BOB));
		assert_noop!(accept(BOB, ALICE), Error::<Test>::HasOwner);
	});
}

#[test]
fn dissolving_takes_as_long_as_unbonding() {
	for caller in [ALICE, COMPANY] {
		ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
			assert_ok!(declare(ALICE, COMPANY));
			assert_ok!(accept(COMPANY, ALICE));
			assert_noop!(dissolve(BOB, ALICE), Error::<Test>::NotRelated);
			take_events();
			assert_ok!(dissolve(caller, ALICE));
			assert_eq!(
				take_events(),
				[Event::OwnershipDissolved { who: ALICE, owner: COMPANY, ends_at: 51 }]
			);
			assert_noop!(dissolve(caller, ALICE), Error::<Test>::OwnershipEnding);
			// A draw in the meantime still knows it, and no other owner gets in between.
			assert_noop!(declare(ALICE, BOB), Error::<Test>::HasOwner);
			System::set_block_number(50);
			hear("Alice");
			assert_eq!(owner_of(ALICE), COMPANY);
			System::set_block_number(51);
			assert_eq!(owner_of(ALICE), ALICE);
			assert_ok!(declare(ALICE, BOB));
			assert_eq!(Owned::<Test>::get(COMPANY), 0);
		});
	}
}

#[test]
fn a_declaration_is_taken_back_at_once_or_replaced() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(declare(ALICE, COMPANY));
		assert_ok!(dissolve(ALICE, ALICE));
		assert_noop!(accept(COMPANY, ALICE), Error::<Test>::NotDeclared);
		assert_noop!(dissolve(ALICE, ALICE), Error::<Test>::NotRelated);
		assert_ok!(declare(ALICE, BOB));
		assert_ok!(declare(ALICE, COMPANY));
		assert_noop!(accept(BOB, ALICE), Error::<Test>::NotDeclared);
		assert_ok!(accept(COMPANY, ALICE));
	});
}

#[test]
fn an_owner_cannot_part_its_operators_from_itself_by_finding_an_owner() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		// Bob is both an operator and Alice's owner. Were he to belong to the company, he and Alice would have different
		// owners from one block to the next.
		assert_ok!(declare(ALICE, BOB));
		assert_ok!(accept(BOB, ALICE));
		assert_noop!(declare(BOB, COMPANY), Error::<Test>::OwnsOperators);
		assert_eq!((owner_of(ALICE), owner_of(BOB)), (BOB, BOB));
	});
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		// Nor in the other order, with a declaration from before.
		assert_ok!(declare(BOB, COMPANY));
		assert_ok!(declare(ALICE, BOB));
		assert_ok!(accept(BOB, ALICE));
		assert_noop!(accept(COMPANY, BOB), Error::<Test>::OwnsOperators);
	});
}

#[test]
fn an_operator_is_not_its_own_owner_and_a_leaving_one_gets_none() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_noop!(declare(ALICE, ALICE), Error::<Test>::OwnOwner);
		assert_noop!(declare(BOB, ALICE), Error::<Test>::NotRegistered);
		assert_ok!(declare(ALICE, COMPANY));
		assert_ok!(Operators::exit(signed(ALICE)));
		assert_noop!(accept(COMPANY, ALICE), Error::<Test>::Exiting);
	});
}

#[test]
fn withdrawing_and_the_sweep_count_the_owner_down() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		for who in [ALICE, BOB] {
			assert_ok!(declare(who, COMPANY));
			assert_ok!(accept(COMPANY, who));
		}
		assert_eq!(Owned::<Test>::get(COMPANY), 2);
		assert_ok!(Operators::exit(signed(ALICE)));
		assert_ok!(dissolve(COMPANY, BOB));
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(Owned::<Test>::get(COMPANY), 1);
		Operators::sweep(frame_support::weights::Weight::MAX);
		assert!(!Owned::<Test>::contains_key(COMPANY));
	});
}
