//! Committees: what they agree on, and what happens when they do not.

use super::mock::*;
use crate::*;
use blyan_primitives::{
	evolution::{BenchmarkFinding, EpochOutcome, EpochPhase, EvaluationStep},
	traits::Service,
};

fn services(of: Service) -> Vec<u32> {
	let noted = Services::get().into_iter().filter(|(_, service)| *service == of);
	noted.map(|(who, _)| number_of(&who)).collect()
}

#[test]
fn more_evaluators_than_are_drawn_are_never_asked_for() {
	story(12, || {
		MinEvaluators::set(9);
		delivered();
		assert_eq!(drawn().len(), 5);
	});
}

#[test]
fn more_than_half_decide_and_the_rest_is_outvoted_and_not_paid() {
	story(OPERATORS, || {
		delivered();
		let lie = |place| if place < 2 { measured(40, 90) } else { measured(40, 41) };
		let evaluators = play(lie);
		assert_eq!(evaluators.len(), 5);
		assert_eq!(ended(0), EpochOutcome::Refused { gain_ppm: 25_000 });
		assert_eq!(services(Service::ReportOutvoted), evaluators[..2]);
		let paid: Vec<u32> = Paid::get().iter().map(number_of).collect();
		assert_eq!(paid, evaluators[2..]);
	});
}

#[test]
fn findings_that_differ_in_a_root_alone_are_different() {
	story(OPERATORS, || {
		delivered();
		// The same numbers, from different answers.
		let finding = |place: usize| {
			let mut found = outcome(40, 90);
			found.suites[0].candidate_root.0[0] = place as u8;
			BenchmarkFinding::Measured(found)
		};
		play(finding);
		assert_eq!(evaluation().round, 1, "no two agree, so another committee measures");
		assert_eq!(Successors::<Test>::get(BASE), None);
	});
}

#[test]
fn two_committees_that_are_divided_promote_nothing_and_cost_no_bond() {
	story(12, || {
		Evaluators::set(4);
		delivered();
		let halves = |place| if place < 2 { measured(40, 90) } else { measured(40, 41) };
		let first = play(halves);
		let second = play(halves);
		assert!(first.iter().all(|who| !second.contains(who)), "the second committee are strangers");
		assert_eq!(ended(0), EpochOutcome::NoQuorum);
		run_to(EpochPhase::Rest);
		for who in [ALICE, 0, 1] {
			assert_eq!(money(who), ENDOWMENT);
		}
		assert_eq!((Paid::get().len(), Slashed::get()), (0, 0));
		assert_eq!(Successors::<Test>::get(BASE), None);
	});
}

#[test]
fn where_too_few_strangers_are_left_the_first_committee_measures_again() {
	story(6, || {
		delivered();
		// All but the two that endorsed.
		let first = play(|place| measured(40, 41 + place as u32));
		assert_eq!(first.len(), 4);
		assert_eq!(drawn().len(), 4);
		play(|_| measured(40, 90));
		assert_eq!(ended(0), EpochOutcome::Promoted { gain_ppm: 1_000_000 });
	});
}

#[test]
fn silence_of_a_committee_is_not_held_against_it_and_of_some_evaluators_is() {
	story(14, || {
		delivered();
		let silent = drawn();
		run_until(|_| evaluation().round == 1);
		assert!(services(Service::SealMissed).is_empty(), "perhaps none of them could: {silent:?}");
		let second = drawn();
		for who in &second[..4] {
			seal(*who, &measured(40, 90)).unwrap();
		}
		run_until(|_| evaluation().step == EvaluationStep::Revealing);
		assert_eq!(services(Service::SealMissed), second[4..]);
		for who in &second[..3] {
			reveal(*who, &measured(40, 90)).unwrap();
		}
		run_to(EpochPhase::CleanUp);
		assert_eq!(services(Service::RevealMissed), second[3..4]);
		assert_eq!(ended(0), EpochOutcome::Promoted { gain_ppm: 1_000_000 }, "three of five agree");
	});
}

#[test]
fn bytes_that_cannot_be_had_fail_the_candidate_and_pay_no_evaluator() {
	story(OPERATORS, || {
		delivered();
		play(|_| BenchmarkFinding::Unavailable);
		assert_eq!(ended(0), EpochOutcome::Unavailable);
		assert!(Paid::get().is_empty());
		run_to(EpochPhase::Rest);
		assert_eq!(money(ALICE), ENDOWMENT - DEPOSIT / 2 - candidate_deposit());
	});
}

#[test]
fn without_operators_an_evaluation_ends_and_costs_nothing() {
	story(3, || {
		// Voices 3: one endorses, two are left. Both leave.
		run_to(EpochPhase::Nomination);
		let id = propose(ALICE, &target()).unwrap();
		Evolution::endorse(signed(0), id).unwrap();
		run_to(EpochPhase::Training);
		blyan_support::mocks::Eligible::set(Vec::new());
		deliver_candidate(ALICE, &target()).unwrap();
		run_to(EpochPhase::Rest);
		assert_eq!(ended(0), EpochOutcome::NoQuorum);
		assert_eq!((money(ALICE), money(0)), (ENDOWMENT, ENDOWMENT));
	});
}

#[test]
fn a_finding_is_sealed_once_opened_once_and_in_time() {
	story(OPERATORS, || {
		delivered();
		let evaluators = drawn();
		let (first, finding) = (evaluators[0], measured(40, 90));
		let stranger = (0..OPERATORS).find(|who| !evaluators.contains(who)).unwrap();
		assert!(seal(stranger, &finding).is_err());
		assert!(reveal(first, &finding).is_err(), "nothing is opened before all have sealed");
		seal(first, &finding).unwrap();
		assert!(seal(first, &finding).is_err());
		for who in &evaluators[1..] {
			seal(*who, &finding).unwrap();
		}
		run(1);
		assert!(reveal(first, &measured(40, 91)).is_err(), "another finding than the sealed one");
		reveal(first, &finding).unwrap();
		assert!(reveal(first, &finding).is_err());
	});
}
