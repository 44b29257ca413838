//! Attacks, each by those who would gain by it.

use super::mock::*;
use crate::*;
use blyan_primitives::evolution::{BenchmarkFinding, EpochOutcome, EpochPhase, EvolutionMessage};
use frame_support::{assert_noop, assert_ok};

#[test]
fn attack_endorse_everything_to_share_in_whatever_wins() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let one = propose(ALICE, &target()).unwrap();
		let other = propose(BOB, &with_experts(12)).unwrap();
		assert_ok!(Evolution::endorse(signed(0), one));
		assert_noop!(Evolution::endorse(signed(0), other), Error::<Test>::AlreadyEndorsed);
		assert_noop!(Evolution::endorse(signed(0), one), Error::<Test>::AlreadyEndorsed);
	});
}

#[test]
fn attack_split_a_stake_into_many_operators_to_endorse_more_than_once() {
	story(6, || {
		(10..14).for_each(|seed| register_for(seed, 0));
		run_to(EpochPhase::Nomination);
		assert_eq!(epoch().voices, 6, "operators of one owner have one voice");
		let id = propose(ALICE, &target()).unwrap();
		assert_ok!(Evolution::endorse(signed(10), id));
		for again in [0, 11, 12, 13] {
			assert_noop!(Evolution::endorse(signed(again), id), Error::<Test>::AlreadyEndorsed);
		}
	});
}

#[test]
fn attack_endorse_ones_own_proposal() {
	story(OPERATORS, || {
		register_for(10, ALICE);
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		let by_an_operator = propose(0, &with_experts(12)).unwrap();
		for own in [ALICE, 10] {
			assert_noop!(Evolution::endorse(signed(own), id), Error::<Test>::OwnProposal);
		}
		assert_noop!(Evolution::endorse(signed(0), by_an_operator), Error::<Test>::OwnProposal);
	});
}

#[test]
fn attack_endorse_with_all_operators_so_that_none_is_left_to_measure() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		(0..3).for_each(|seed| Evolution::endorse(signed(seed), id).unwrap());
		assert_noop!(Evolution::endorse(signed(3), id), Error::<Test>::EndorsedEnough);
	});
}

#[test]
fn attack_endorse_in_the_last_block_for_what_is_going_to_be_selected() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		assert_ok!(Evolution::endorse(signed(0), id));
		while System::block_number() < epoch().until {
			run(1);
		}
		assert_ok!(Evolution::endorse(signed(1), id));
		run_to(EpochPhase::Rest);
		assert_eq!(ended(0), EpochOutcome::NotDelivered);
		assert_eq!(money(1), money(0), "who comes last risks the same");
	});
}

#[test]
fn attack_fill_the_list_of_proposals() {
	story(OPERATORS, || {
		run_to(EpochPhase::Nomination);
		for experts in 9..13 {
			propose(BOB, &with_experts(experts)).unwrap();
		}
		assert_noop!(propose(ALICE, &target()), Error::<Test>::TooManyProposals);
		run_to(EpochPhase::Rest);
		assert_eq!(
			money(BOB),
			ENDOWMENT - 4 * (DEPOSIT / 2),
			"each that no voice wants costs half a deposit"
		);
	});
}

#[test]
fn attack_deliver_another_architecture_than_was_endorsed() {
	story(OPERATORS, || {
		tried();
		assert_noop!(deliver_candidate(ALICE, &with_experts(10)), Error::<Test>::ArchitectureDiffers);
		assert_noop!(deliver_candidate(ALICE, &base()), Error::<Test>::ArchitectureDiffers);
	});
}

#[test]
fn attack_deliver_in_the_proposers_place_to_spoil_its_candidate() {
	story(OPERATORS, || {
		tried();
		assert_noop!(deliver_candidate(BOB, &target()), Error::<Test>::NotYourProposal);
		assert_ok!(deliver_candidate(ALICE, &target()));
	});
}

#[test]
fn attack_measure_ones_own_candidate_or_what_one_endorsed() {
	for length in [640, 641, 642, 643] {
		story(12, || {
			EpochLength::set(length);
			// Three operators of the proposer's, beside the two that endorse.
			(20..23).for_each(|seed| register_for(seed, ALICE));
			delivered();
			let evaluators = drawn();
			assert!(evaluators.iter().all(|who| (2..12).contains(who)), "{evaluators:?}");
		});
	}
}

#[test]
fn attack_copy_a_sealed_finding_instead_of_measuring() {
	story(OPERATORS, || {
		delivered();
		let evaluators = drawn();
		let (honest, copier) = (evaluators[0], evaluators[1]);
		let finding = measured(40, 90);
		let copied = finding.seal(&evaluation().draw, &salt(honest), &account(honest));
		for who in [honest, copier] {
			deliver(call(EvolutionMessage::Seal { epoch: 0, seal: copied }, who)).unwrap();
		}
		for who in &evaluators[2..] {
			seal(*who, &finding).unwrap();
		}
		run(1);
		let reveal_as = |who| {
			let finding = finding.clone();
			deliver(call(EvolutionMessage::Reveal { epoch: 0, finding, salt: salt(honest) }, who))
		};
		reveal_as(honest).unwrap();
		assert!(reveal_as(copier).is_err(), "a seal is bound to its evaluator");
	});
}

#[test]
fn attack_sign_with_a_key_that_is_not_the_evaluators() {
	story(OPERATORS, || {
		delivered();
		let evaluator = drawn()[0];
		let other = (0..OPERATORS).find(|who| *who != evaluator).unwrap();
		let seal = measured(40, 90).seal(&evaluation().draw, &salt(0), &account(evaluator));
		let mut call = call(EvolutionMessage::Seal { epoch: 0, seal }, other);
		if let Call::seal { key: named, .. } = &mut call {
			*named = key(evaluator);
		}
		assert!(deliver(call).is_err());
	});
}

#[test]
fn attack_say_that_more_tasks_were_solved_than_there_are() {
	story(OPERATORS, || {
		delivered();
		let evaluators = drawn();
		let mut absurd = outcome(40, 90);
		absurd.suites[0].candidate.right = TASKS + 1;
		let mut lacking = outcome(40, 90);
		lacking.suites.pop();
		let lies = [absurd, lacking].map(BenchmarkFinding::Measured);
		for (who, lie) in evaluators.iter().zip(&lies) {
			seal(*who, lie).unwrap();
		}
		for who in &evaluators[2..] {
			seal(*who, &measured(40, 90)).unwrap();
		}
		run(1);
		for (who, lie) in evaluators.iter().zip(&lies) {
			assert!(reveal(*who, lie).is_err());
		}
	});
}

#[test]
fn attack_win_by_one_suite_that_the_base_hardly_solves() {
	story(OPERATORS, || {
		delivered();
		let lucky = |_| {
			let mut found = outcome(40, 40);
			found.suites[0].base.right = 0;
			// Two lucky answers after none.
			found.suites[0].candidate.right = 2;
			BenchmarkFinding::Measured(found)
		};
		play(lucky);
		assert_eq!(ended(0), EpochOutcome::Refused { gain_ppm: 40_000 });
	});
}

#[test]
fn attack_promote_by_an_origin_instead_of_by_measure() {
	story(OPERATORS, || {
		delivered();
		// No call decides: that of the chain's rule names tokenizers, and only of models that are not compared.
		assert_noop!(Evolution::advance(RuntimeOrigin::root()), sp_runtime::DispatchError::BadOrigin);
		assert_noop!(
			Evolution::set_tokenizer(RuntimeOrigin::root(), BASE, tokenizer()),
			Error::<Test>::TokenizerInUse
		);
		assert_eq!(Successors::<Test>::get(BASE), None);
	});
}
