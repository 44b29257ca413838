//! Stories of what is done, and of how it ends.

use super::mock::*;
use crate::{Action, Error, Event, Frozen, Kind};
use blyan_primitives::ExpertSlot;
use frame_support::{assert_err, assert_ok, traits::fungible::Mutate, traits::tokens::Preservation};
use sp_runtime::Permill;

fn transfer(from: u64, amount: u128) -> bool {
	<Balances as Mutate<u64>>::transfer(&from, &1, amount, Preservation::Expendable).is_ok()
}

#[test]
fn pause_lasts_as_long_as_its_kind_and_rests_as_long() {
	build_and_check(|| {
		assert_ok!(decide(Kind::ConsensusFailure, Action::Pause));
		assert_eq!(take_done(), [format!("pause {DAY}")]);
		assert_err!(decide(Kind::Breach, Action::Pause), Error::<Test>::Resting);
		run_to(1 + DAY);
		System::assert_has_event(Event::Ended { proposal: 0 }.into());
		// The proposal that failed is open still, and its last vote may come later; not before the chain has rested.
		run_to(2 * DAY);
		assert_err!(decide_again(), Error::<Test>::Resting);
		run_to(1 + 2 * DAY);
		assert_ok!(decide_again());
	});
}

/// A proposal of another voice, as the first one's may still be open.
fn decide_again() -> frame_support::dispatch::DispatchResultWithPostInfo {
	let proposal = crate::NextProposal::<Test>::get();
	let author = (1..=10).rev().find(|who| !crate::ProposedBy::<Test>::contains_key(who)).unwrap();
	let mut last = propose(author, Kind::Breach, Action::Pause);
	for who in (1..=10).filter(|who| *who != author).take(6) {
		last = support(who, proposal);
	}
	last
}

#[test]
fn head_is_reverted_and_operators_are_quarantined_at_once() {
	build_and_check(|| {
		let slot = ExpertSlot { model: 0, layer: 1, expert: 3 };
		assert_ok!(decide(Kind::Breach, Action::RevertHead { slot, version: 9 }));
		assert_ok!(decide(Kind::Breach, Action::Quarantine { operators: accounts([4, 5]) }));
		assert_eq!(take_done(), ["revert 3 9", "quarantine 4", "quarantine 5"]);
		let last = Event::Enacted { proposal: 1, kind: Kind::Breach, ends_at: None };
		System::assert_last_event(last.into());
	});
}

#[test]
fn frozen_account_moves_its_allowance_and_is_free_after_two_days() {
	build_and_check(|| {
		assert_ok!(decide(Kind::EconomicAttack, freeze([20, 21])));
		assert!(!transfer(20, ALLOWANCE + 1));
		assert!(transfer(20, ALLOWANCE));
		// What comes later is free: loot lies where it lay.
		assert_ok!(<Balances as Mutate<u64>>::mint_into(&21, 50));
		assert!(transfer(21, 50 + ALLOWANCE) && !transfer(21, 1));
		assert_err!(decide(Kind::EconomicAttack, freeze([20])), Error::<Test>::AlreadyFrozen);
		run_to(2 * DAY);
		assert!(!transfer(20, 1));
		run_to(1 + 2 * DAY);
		assert!(transfer(20, RICHES - ALLOWANCE) && transfer(21, RICHES - ALLOWANCE));
		assert_eq!(Frozen::<Test>::iter().count(), 0);
	});
}

#[test]
fn accounts_of_the_chain_cannot_be_frozen() {
	build_and_check(|| {
		assert_err!(decide(Kind::EconomicAttack, freeze([20, TREASURY])), Error::<Test>::Exempt);
		assert!(transfer(20, RICHES));
	});
}

#[test]
fn account_that_is_gone_does_not_keep_a_measure_from_ending() {
	build_and_check(|| {
		// It has nothing, so nothing of it is frozen.
		assert_ok!(decide(Kind::EconomicAttack, freeze([STRANGER])));
		run_to(1 + 2 * DAY);
		assert_eq!(Frozen::<Test>::iter().count(), 0);
	});
}

#[test]
fn rewards_are_lowered_and_come_back_unless_a_budget_was_set() {
	let lower = || decide(Kind::EconomicAttack, Action::LowerRewards { keep: Permill::from_percent(20) });
	build_and_check(|| {
		assert_ok!(lower());
		assert_eq!(Inflation::get(), 20_000);
		run_to(1 + 2 * DAY);
		assert_eq!(Inflation::get(), 100_000);
	});
	build_and_check(|| {
		assert_ok!(lower());
		Inflation::set(50_000);
		run_to(1 + 2 * DAY);
		assert_eq!(Inflation::get(), 50_000, "a budget that was set meanwhile stays");
	});
}

#[test]
fn rewards_cannot_be_kept_low_by_lowering_them_again() {
	build_and_check(|| {
		let lower = Action::LowerRewards { keep: Permill::from_percent(20) };
		assert_ok!(decide(Kind::EconomicAttack, lower.clone()));
		run_to(1 + 3 * DAY);
		assert_err!(decide(Kind::EconomicAttack, lower), Error::<Test>::Resting);
	});
}

#[test]
fn mint_and_checkpoint_are_the_chains_to_do() {
	build_and_check(|| {
		assert_ok!(decide(Kind::EconomicAttack, Action::Mint { amount: 500 }));
		assert_ok!(decide(Kind::ConsensusFailure, Action::Checkpoint { model: 3 }));
		run_to(1 + DAY);
		assert_eq!(take_done(), ["mint 500", "keep 3", "release 3 7"]);
	});
}

#[test]
fn measures_in_effect_are_bounded() {
	build_and_check(|| {
		for model in 0..3 {
			assert_ok!(decide(Kind::ConsensusFailure, Action::Checkpoint { model }));
		}
		let fourth = decide(Kind::ConsensusFailure, Action::Checkpoint { model: 3 });
		assert_err!(fourth, Error::<Test>::TooManyActive);
		run_to(1 + DAY);
		assert_eq!(crate::Active::<Test>::iter().count(), 0);
	});
}
