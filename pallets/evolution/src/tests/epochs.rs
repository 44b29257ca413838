//! Whole epochs: who gets what when one ends, and that none is lost.

use super::mock::*;
use crate::{bonds::*, *};
use blyan_primitives::evolution::{BenchmarkFinding, EpochOutcome, EpochPhase};
use frame_support::assert_noop;
use sp_runtime::DispatchError;

#[test]
fn a_candidate_that_gains_enough_is_promoted_and_all_who_helped_have_credits() {
	story(OPERATORS, || {
		let candidate = delivered();
		assert_eq!(held(ALICE), DEPOSIT + candidate_deposit());
		assert_eq!((held(0), held(1)), (BOND, BOND));
		// Exactly the least gain: 15 %.
		let evaluators = play(|_| measured(40, 46));
		assert_eq!(ended(0), EpochOutcome::Promoted { gain_ppm: 150_000 });
		let successor = SuccessorRecord { model: candidate, epoch: 0, gain_ppm: 150_000 };
		assert_eq!(Successors::<Test>::get(BASE), Some(successor));
		assert_eq!(Tokenizers::<Test>::get(candidate), Some(tokenizer()), "it reads as its base does");
		assert!(Kept::get().is_empty(), "the base's generation is given up");
		let summary = History::<Test>::get(0).unwrap();
		assert_eq!((summary.candidate, summary.benchmark), (Some(candidate), Some(outcome(40, 46))));
		assert!(summary.draw.is_some(), "anyone can compute the tasks again");

		run_to(EpochPhase::Rest);
		for who in [ALICE, 0, 1] {
			assert_eq!((money(who), held(who)), (ENDOWMENT, 0));
		}
		assert_eq!(Slashed::get(), 0);
		let credits = |who| Credits::<Test>::get(account(who));
		assert_eq!(
			(credits(ALICE), credits(0), credits(1)),
			(PROPOSER_CREDITS, ENDORSER_CREDITS, ENDORSER_CREDITS)
		);
		assert!(evaluators.iter().all(|who| credits(*who) == EVALUATOR_CREDITS));
		assert_eq!(Paid::get().len(), evaluators.len());
		// Those who back them get their part of it.
		let incomes = blyan_support::mocks::Incomes::get();
		assert_eq!(incomes, Paid::get().into_iter().map(|who| (who, PAY)).collect::<Vec<_>>());
	});
}

#[test]
fn a_candidate_that_gains_a_little_less_is_refused_and_costs_those_who_wanted_it() {
	story(OPERATORS, || {
		let candidate = delivered();
		// 7 of 47: less than 15 %.
		let evaluators = play(|_| measured(47, 54));
		assert_eq!(ended(0), EpochOutcome::Refused { gain_ppm: 148_936 });
		assert_eq!(Successors::<Test>::get(BASE), None);
		assert_eq!(Tokenizers::<Test>::get(candidate), None);
		run_to(EpochPhase::Rest);
		assert_eq!(money(ALICE), ENDOWMENT - DEPOSIT / 2 - candidate_deposit());
		assert_eq!((money(0), money(1)), (ENDOWMENT - BOND / 10, ENDOWMENT - BOND / 10));
		assert_eq!(Slashed::get(), DEPOSIT / 2 + candidate_deposit() + 2 * (BOND / 10));
		assert_eq!([ALICE, 0, 1].map(held), [0; 3]);
		assert_eq!([ALICE, 0, 1].map(|who| Credits::<Test>::get(account(who))), [0; 3]);
		assert_eq!(Paid::get().len(), evaluators.len(), "measuring is paid, whatever is measured");
	});
}

#[test]
fn an_epoch_without_a_proposal_ends_and_the_next_one_begins_on_time() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let next = epoch().next_at;
		assert_eq!(next, epoch().opened_at + EpochLength::get());
		run_to(EpochPhase::Rest);
		assert_eq!(ended(0), EpochOutcome::NoProposal);
		assert_noop!(propose(ALICE, &target()), Error::<Test>::WrongPhase);
		run_until(|epoch| epoch.id == 1);
		assert_eq!((epoch().opened_at, epoch().phase), (next, EpochPhase::Nomination));
	});
}

#[test]
fn the_proposal_of_the_most_feasibility_and_endorsements_is_tried_and_the_others_lose_nothing() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let small = propose(ALICE, &with_experts(9)).unwrap();
		let large = propose(BOB, &with_experts(24)).unwrap();
		let alone = propose(ALICE, &with_experts(10)).unwrap();
		let merit = |id| Proposals::<Test>::get(id).unwrap().merit();
		Evolution::endorse(signed(0), small).unwrap();
		Evolution::endorse(signed(1), large).unwrap();
		assert!(merit(small) > merit(large), "of equal endorsements the more feasible one wins");
		Evolution::endorse(signed(2), large).unwrap();
		Evolution::endorse(signed(3), large).unwrap();
		assert!(merit(small) < merit(large));
		run_to(EpochPhase::Training);
		assert_eq!(epoch().selected, Some(large));
		assert_noop!(deliver_candidate(ALICE, &with_experts(9)), Error::<Test>::NotYourProposal);
		run_to(EpochPhase::Rest);
		assert_eq!(money(0), ENDOWMENT, "its endorsement was of another one");
		assert_eq!(money(ALICE), ENDOWMENT - DEPOSIT / 2, "no voice wanted proposal {alone}");
	});
}

#[test]
fn a_candidate_that_is_not_delivered_costs_its_proposer_and_endorsers() {
	story(OPERATORS, || {
		tried();
		run_to(EpochPhase::Rest);
		assert_eq!(ended(0), EpochOutcome::NotDelivered);
		assert_eq!((money(ALICE), money(0)), (ENDOWMENT - DEPOSIT / 2, ENDOWMENT - BOND / 10));
		assert_noop!(deliver_candidate(ALICE, &target()), Error::<Test>::WrongPhase);
	});
}

#[test]
fn a_candidate_whose_bytes_are_no_model_fails() {
	story(OPERATORS, || {
		delivered();
		let evaluators = play(|_| BenchmarkFinding::Malformed);
		assert_eq!(ended(0), EpochOutcome::Malformed);
		assert_eq!(Paid::get().len(), evaluators.len());
	});
}

#[test]
fn an_epoch_that_failed_leaves_the_base_as_it_was_and_the_next_one_works() {
	story(OPERATORS, || {
		delivered();
		let before = Registered::get()[BASE as usize].clone();
		play(|_| measured(50, 40));
		assert_eq!(ended(0), EpochOutcome::Refused { gain_ppm: -200_000 });
		run_until(|epoch| epoch.id == 1);
		let candidate = delivered();
		play(|_| measured(50, 100));
		assert_eq!(ended(1), EpochOutcome::Promoted { gain_ppm: 1_000_000 });
		assert_eq!(Successors::<Test>::get(BASE).unwrap().model, candidate);
		assert_eq!(Registered::get()[BASE as usize], before, "the base stays beside its successor");
	});
}

#[test]
fn full_blocks_delay_an_epoch_and_lose_none_and_any_account_can_move_it_on() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		Evolution::endorse(signed(0), id).unwrap();
		assert_noop!(Evolution::advance(signed(BOB)), Error::<Test>::NothingDue);
		run_without_room(1_000);
		assert_eq!((epoch().id, epoch().phase), (0, EpochPhase::Nomination), "nothing was skipped");
		Evolution::advance(signed(BOB)).unwrap();
		assert_eq!((epoch().selected, epoch().phase), (Some(id), EpochPhase::Training));
		// The window begins when there was room for it.
		deliver_candidate(ALICE, &target()).unwrap();
		play(|_| measured(50, 100));
		run_until(|epoch| epoch.id == 1);
		assert_eq!(ended(0), EpochOutcome::Promoted { gain_ppm: 1_000_000 });
	});
}

#[test]
fn the_chains_rule_has_an_epoch_begin_early_and_interrupts_none() {
	story(OPERATORS, || {
		assert_noop!(Evolution::begin_epoch(signed(ALICE)), DispatchError::BadOrigin);
		Evolution::begin_epoch(RuntimeOrigin::root()).unwrap();
		assert_eq!((epoch().id, epoch().phase), (0, EpochPhase::Nomination));
		assert_noop!(Evolution::begin_epoch(RuntimeOrigin::root()), Error::<Test>::WrongPhase);
		run_to(EpochPhase::Rest);
		assert!(System::block_number() < epoch().next_at);
		Evolution::begin_epoch(RuntimeOrigin::root()).unwrap();
		assert_eq!((epoch().id, epoch().opened_at), (1, System::block_number()));
		run_to(EpochPhase::Rest);
		EpochLength::set(0);
		assert_noop!(Evolution::begin_epoch(RuntimeOrigin::root()), Error::<Test>::NothingDue);
	});
}

#[test]
fn a_chain_with_epochs_of_no_length_has_none() {
	story(OPERATORS, || {
		EpochLength::set(0);
		run(50);
		assert_eq!(Current::<Test>::get(), None);
		assert_noop!(propose(ALICE, &target()), Error::<Test>::WrongPhase);
		EpochLength::set(640);
		run_to(EpochPhase::Nomination);
		EpochLength::set(0);
		run(2_000);
		assert_eq!((epoch().id, epoch().phase), (0, EpochPhase::Rest), "one that has begun ends");
	});
}

/// No bond is lost because a referendum ends the epochs while one is under way.
#[test]
fn an_epoch_that_has_begun_keeps_its_windows_when_the_parameter_changes() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		EpochLength::set(0);
		let candidate = delivered();
		assert_eq!(epoch().comparison.map(|comparison| comparison.candidate), Some(candidate));
		drawn();
		let left = evaluation().until - System::block_number();
		assert!((30..=40).contains(&left), "a sixteenth of 640 blocks: {left}");
	});
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		EpochLength::set(0);
		tried();
		let left = epoch().until - System::block_number();
		assert!((310..=320).contains(&left), "half of 640 blocks to train: {left}");
	});
}

#[test]
fn as_many_epochs_are_remembered_as_there_is_room_for() {
	story(OPERATORS, || {
		run_until(|epoch| epoch.id == 5 && epoch.phase == EpochPhase::Rest);
		let mut kept: Vec<u32> = History::<Test>::iter_keys().collect();
		kept.sort();
		assert_eq!(kept, [3, 4, 5]);
	});
}

#[test]
fn windows_fit_into_an_epoch_with_a_late_candidate_and_two_committees() {
	story(OPERATORS, || {
		tried();
		while System::block_number() < epoch().until {
			run(1);
		}
		deliver_candidate(ALICE, &target()).unwrap();
		run_to(EpochPhase::Rest);
		assert_eq!(ended(0), EpochOutcome::NoQuorum, "no operator of this story measures");
		assert!(System::block_number() <= epoch().next_at);
		run_until(|epoch| epoch.id == 1);
	});
}
