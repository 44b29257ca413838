//! Electorates: whom a draw takes, whatever happens once its seed is known.

use super::mock::*;
use crate::{ElectorateDates, Electorates};
use blyan_primitives::traits::{EligibleOperator, OperatorSet, OperatorStakes};
use frame_support::{assert_ok, traits::OnIdle, weights::Weight};

/// Ends blocks, each with room for what is due, until block `number` has begun.
fn run_to(number: u64) {
	while System::block_number() < number {
		<Operators as OnIdle<u64>>::on_idle(System::block_number(), Weight::MAX);
		System::set_block_number(System::block_number() + 1);
	}
}

/// Accounts and weights that a draw by this appointment takes.
fn taken(appointment: u32) -> Option<Vec<(u64, u32)>> {
	let accounts =
		|all: Vec<EligibleOperator<u64>>| all.iter().map(|one| (one.account, one.weight)).collect();
	Operators::electorate(appointment).map(accounts)
}

fn trio() -> ExtBuilder {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").operator(CHARLIE, "Charlie")
}

/// Everything that an operator can do by itself to be drawn, or not to be, or with another weight.
#[test]
fn attack_change_the_list_when_the_seed_of_a_draw_is_known() {
	trio().build_and_check(|| {
		run_to(PERIOD - 1);
		let appointment = PERIOD as u32;
		let fixed = taken(appointment).unwrap();
		System::set_block_number(PERIOD);
		assert_ok!(Operators::top_up(signed(ALICE), 99 * UNIT));
		hear("Alice");
		assert_ok!(Operators::exit(signed(BOB)));
		Operators::quarantine(&CHARLIE);
		assert_ok!(register(4, "Dave"));
		for _ in 0..6 {
			assert_eq!(taken(appointment).as_ref(), Some(&fixed));
			run_to(System::block_number() + 1);
		}
		// They are drawn and leave their seats empty.
		assert!(Operators::is_eligible(&ALICE));
		assert!(!Operators::is_eligible(&BOB) && !Operators::is_eligible(&CHARLIE));
		let later = taken(System::block_number() as u32).unwrap();
		assert_eq!(later.iter().map(|one| one.0).collect::<Vec<_>>(), [ALICE, 4]);
		assert!(later[0].1 > 90 * fixed[0].1, "and what changed counts in later draws");
	});
}

#[test]
fn an_electorate_says_the_same_of_an_operator_as_the_moment_it_was_taken() {
	trio().build_and_check(|| {
		assert_ok!(Operators::declare_owner(signed(ALICE), BOB));
		assert_ok!(Operators::accept_operator(signed(BOB), ALICE));
		let eligible = Operators::eligible();
		run_to(2);
		assert_eq!(Operators::electorate(2), Some(eligible.clone()));
		assert_eq!(Operators::present(&ALICE), Some(eligible[0].clone()));
	});
}

#[test]
fn electorates_are_a_ring() {
	trio().build_and_check(|| {
		for number in 2..60 {
			run_to(number);
			assert!(ElectorateDates::<Test>::get().len() <= 3);
			assert!(Electorates::<Test>::iter_keys().count() <= 3);
			Operators::do_try_state().unwrap();
		}
		let taken: Vec<u64> = ElectorateDates::<Test>::get().iter().map(|date| date.taken_at).collect();
		assert_eq!(taken, [52, 55, 58]);
	});
}

#[test]
fn a_block_without_room_takes_no_electorate() {
	trio().build_and_check(|| {
		<Operators as OnIdle<u64>>::on_idle(1, Weight::zero());
		assert_eq!(taken(9), None);
		<Operators as OnIdle<u64>>::on_idle(1, Weight::MAX);
		assert!(taken(9).is_some());
	});
}
