//! Stories of electorates.

use super::mock::*;
use crate::{
	DayLength, Electorates, Event, GenesisConfig, LastUses, MemberRecord, Members, NewestElectorate,
	OldestElectorate,
};
use frame_support::{assert_ok, traits::Hooks, weights::Weight};
use sp_runtime::BuildStorage;

#[test]
fn electorate_is_taken_in_the_first_block() {
	build_and_check(|| {
		assert_eq!(NewestElectorate::<Test>::get(), Some(0));
		assert_eq!(Electorates::<Test>::get(0).unwrap().voices, 4);
		assert_eq!(Members::<Test>::get(1), Some(MemberRecord { rank: 0 }));
		System::assert_has_event(Event::MemberAdded { who: 1 }.into());
	});
}

#[test]
fn electorate_changes_when_the_operators_did() {
	build_and_check(|| {
		let poll = open();
		run_to(1 + DAY);
		assert_eq!(NewestElectorate::<Test>::get(), Some(0), "the same operators are the same electorate");
		change(4, |operator| operator.quarantined = true);
		run_to(1 + 2 * DAY);
		assert_eq!(NewestElectorate::<Test>::get(), Some(1));
		assert_eq!(Electorates::<Test>::get(1).unwrap().voices, 3);
		System::assert_has_event(Event::MemberRemoved { who: 4, rank: 0 }.into());
		// The poll that began before keeps its own.
		assert_ok!(vote(4, poll, true));
		assert_eq!(tally(poll), (1, 0, 4));
	});
}

#[test]
fn electorate_of_no_poll_is_replaced() {
	build_and_check(|| {
		change(4, |operator| operator.quarantined = true);
		run_to(1 + DAY);
		assert_eq!(Electorates::<Test>::iter_keys().collect::<Vec<_>>(), [1]);
	});
}

#[test]
fn electorate_is_forgotten_when_no_poll_can_need_it() {
	build_and_check(|| {
		let poll = open();
		change(4, |operator| operator.quarantined = true);
		run_to(1 + 9 * DAY);
		assert_ok!(vote(1, poll, true));
		close(poll, true);
		run_to(1 + 11 * DAY);
		assert_eq!(Electorates::<Test>::iter_keys().collect::<Vec<_>>(), [1]);
		assert!(!LastUses::<Test>::contains_key(0));
		assert_eq!(OldestElectorate::<Test>::get(), 1);
	});
}

#[test]
fn electorate_waits_for_a_block_with_room() {
	new_ext().execute_with(|| {
		change(4, |operator| operator.quarantined = true);
		System::set_block_number(1 + DAY);
		OperatorVoting::on_idle(1 + DAY, Weight::from_parts(1_000, 0));
		assert_eq!(NewestElectorate::<Test>::get(), Some(0));
		OperatorVoting::on_idle(1 + DAY, Weight::MAX);
		assert_eq!(NewestElectorate::<Test>::get(), Some(1));
	});
}

#[test]
fn electorate_of_no_operator_passes_nothing() {
	new_ext().execute_with(|| {
		Operators::set(Default::default());
		run_to(1 + DAY);
		let poll = open();
		assert_eq!(tally(poll), (0, 0, 0));
		assert!(vote(1, poll, true).is_err());
	});
}

#[test]
fn day_is_what_genesis_says() {
	let genesis = GenesisConfig::<Test> { day_length: 3 };
	let storage =
		RuntimeGenesisConfig { operator_voting: genesis, ..Default::default() }.build_storage().unwrap();
	sp_io::TestExternalities::new(storage).execute_with(|| {
		assert_eq!(DayLength::<Test>::get(), 3);
		assert_eq!((OperatorVoting::days(7, 1), OperatorVoting::days(1, 24)), (21, 1));
	});
	sp_io::TestExternalities::default().execute_with(|| assert_eq!(DayLength::<Test>::get(), DAY));
}
