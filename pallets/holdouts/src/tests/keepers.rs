//! `join`, `leave`, `commit` and `withdraw`.

use super::mock::*;
use crate::{Chunks, Error, Event, HoldReason, Keepers};
use blyan_primitives::SealingRules;
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};

fn held(reason: HoldReason, keeper: u32) -> Balance {
	Balances::balance_on_hold(&reason.into(), &account(keeper))
}

#[test]
fn a_keeper_joins_commits_withdraws_and_leaves_with_all_its_money() {
	check(|| {
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(RULES)));
		System::reset_events();
		keep(KEEPER);
		assert_eq!((held(HoldReason::KeeperBond, KEEPER), held(HoldReason::Chunk, KEEPER)), (BOND, DEPOSIT));
		let (keeper, commitment) = (account(KEEPER), commitment(KEEPER, KEEPER));
		assert_eq!(
			events(),
			[
				Event::KeeperJoined { keeper: keeper.clone(), bond: BOND },
				Event::ChunkCommitted { keeper: keeper.clone(), model: MODEL, commitment },
			]
		);
		assert_noop!(Holdouts::leave(signed(KEEPER)), Error::<Test>::HasChunks);
		assert_ok!(withdraw(KEEPER, KEEPER));
		let free_at = System::block_number() + NOTICE;
		let notice = Event::NoticeGiven { keeper: keeper.clone(), model: MODEL, commitment, free_at };
		assert_eq!(events().last(), Some(&notice));
		assert_noop!(withdraw(KEEPER, KEEPER), Error::<Test>::NoticeNotOver);
		run(NOTICE);
		assert_ok!(withdraw(KEEPER, KEEPER));
		assert_ok!(Holdouts::leave(signed(KEEPER)));
		assert_eq!(Balances::free_balance(&keeper), ENDOWMENT);
		assert_eq!((Keepers::<Test>::count(), Chunks::<Test>::iter().count()), (0, 0));
	});
}

#[test]
fn join_fails_below_the_least_bond_and_beyond_the_most_keepers() {
	check(|| {
		assert_noop!(Holdouts::join(signed(KEEPER), BOND - 1), Error::<Test>::BondTooSmall);
		assert_ok!(Holdouts::join(signed(KEEPER), BOND));
		// More can be added in any amount.
		assert_ok!(Holdouts::join(signed(KEEPER), 1));
		for other in 1..12 {
			assert_ok!(Holdouts::join(signed(KEEPER + other), BOND));
		}
		assert_noop!(Holdouts::join(signed(MINER), BOND), Error::<Test>::TooManyKeepers);
	});
}

#[test]
fn commit_fails_without_a_sealed_model_a_bond_or_room() {
	check(|| {
		assert_noop!(commit(KEEPER, 1), Error::<Test>::NotSealed);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(RULES)));
		assert_noop!(commit(KEEPER, 1), Error::<Test>::NotKeeper);
		assert_ok!(Holdouts::join(signed(KEEPER), BOND));
		assert_ok!(commit(KEEPER, 1));
		assert_noop!(commit(KEEPER, 1), Error::<Test>::ChunkKnown);
		assert_ok!(commit(KEEPER, 2));
		assert_ok!(commit(KEEPER, 3));
		assert_noop!(commit(KEEPER, 4), Error::<Test>::TooManyChunks);
	});
}

/// The chain's rule changes while a keeper's call is on its way.
#[test]
fn no_chunk_is_committed_to_under_rules_that_it_was_not_cut_by() {
	check(|| {
		let seal = |rules| Holdouts::seal_model(RuntimeOrigin::root(), MODEL, rules);
		let commit = |rules| Holdouts::commit_under(signed(KEEPER), MODEL, commitment(KEEPER, 1), rules);
		assert_noop!(commit(RULES), Error::<Test>::NotSealed);
		assert_ok!(Holdouts::join(signed(KEEPER), BOND));
		let other = SealingRules { sequences: RULES.sequences - 1, ..RULES };
		assert_ok!(seal(Some(other)));
		assert_noop!(commit(RULES), Error::<Test>::RulesChanged);
		// Nor is one whose text would be judged by other bounds than its keeper knows.
		assert_ok!(seal(Some(SealingRules { loss_min: RULES.loss_min + 1, ..RULES })));
		assert_noop!(commit(RULES), Error::<Test>::RulesChanged);
		assert_ok!(seal(Some(RULES)));
		assert_ok!(commit(RULES));
		let (keeper, commitment) = (account(KEEPER), commitment(KEEPER, 1));
		assert_eq!(events().last(), Some(&Event::ChunkCommitted { keeper, model: MODEL, commitment }));
	});
}

#[test]
fn withdraw_fails_for_a_chunk_that_is_appointed() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		assert_noop!(withdraw(keeper, keeper), Error::<Test>::ChunkUnknown);
		assert_noop!(Holdouts::leave(signed(keeper)), Error::<Test>::HasChunks);
	});
}
