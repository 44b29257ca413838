//! Decisions that nobody disputes.

use super::*;
use crate::{Decisions, Error, Event, HoldReason, Maturing};
use blyan_primitives::traits::{Claims, Service};
use blyan_primitives::EvaluationOutcome;
use blyan_runtime_api::{RejectReason, SubmissionOutcome, SubmissionState};
use frame_support::{
	assert_noop, assert_ok,
	dispatch::Pays,
	traits::{fungible::InspectHold, Hooks},
	weights::Weight,
};
use sp_keyring::Sr25519Keyring;

fn held() -> Balance {
	Balances::balance_on_hold(&HoldReason::Reward.into(), &miner())
}

#[test]
fn a_reward_is_held_until_the_decision_matures() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		let order: Vec<_> = decision(0).unwrap().seats.into_iter().map(|seat| seat.operator).collect();
		let matures_at = decision(0).unwrap().matures_at;
		run_to(matures_at);
		assert_eq!((held(), Payments::get().len()), (2_000, 1));
		end_block();
		let paid = |operator: &AccountId| Event::ValidatorPaid {
			submission: 0,
			operator: operator.clone(),
			amount: 5,
		};
		let mut expected = vec![Event::RewardReleased { submission: 0, miner: miner(), amount: 2_000 }];
		expected.extend(order.iter().map(paid));
		expected.push(Event::Matured { submission: 0 });
		assert_eq!(events(), expected);
		assert_eq!((held(), Balances::free_balance(miner())), (0, ENDOWMENT + 2_000));
		let agreed: Vec<_> = order.into_iter().map(|who| (who, Service::ReportAgreed)).collect();
		assert_eq!(Services::get(), agreed);
		let outcome = SubmissionOutcome::Accepted { version: 1, improvement: 64, reward: 2_000 };
		assert_eq!(
			Learning::submission(0).unwrap().state,
			SubmissionState::Closed { outcome, at: matures_at }
		);
	});
}

#[test]
fn settle_does_what_a_full_block_could_not() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		let settle = |submission| Learning::settle(signed(miner()), submission);
		assert_noop!(settle(0), Error::<Test>::NotMature);
		assert_noop!(settle(1), Error::<Test>::DecisionUnknown);
		run_to(decision(0).unwrap().matures_at);
		Learning::on_idle(System::block_number(), Weight::zero());
		assert_eq!(settle(0).unwrap().pays_fee, Pays::No);
		assert!(decision(0).is_none());
		assert_noop!(settle(0), Error::<Test>::DecisionUnknown);
	});
}

#[test]
fn nothing_is_decided_that_cannot_be_held_open() {
	ExtBuilder::default().build_and_check(|| {
		for seed in 1..=4 {
			judge(seed, score(0, 0));
		}
		assert_eq!(Decisions::<Test>::count(), 4);
		submit_as(Sr25519Keyring::Eve.to_account_id(), slot(0), block(5)).unwrap();
		run_to(System::block_number() + DELAY + 1);
		all_report(4, score(0, 0));
		end_block();
		assert_eq!(outcome(4), None);
		run_to(decision(0).unwrap().matures_at + 2);
		assert!(outcome(4).is_some());
	});
}

#[test]
fn decisions_mature_in_their_order() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		judge(2, score(0, 0));
		let [first, second] = [0, 1].map(|id| decision(id).unwrap().matures_at);
		assert_eq!(Maturing::<Test>::get(), vec![(0, first), (1, second)]);
		run_to(first + 1);
		assert_eq!((decision(0).is_some(), decision(1).is_some()), (false, true));
		run_to(second + 1);
		assert!(decision(1).is_none());
	});
}

#[test]
fn lineage_grows_with_a_matured_acceptance() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		// Dave registers in the meantime and belongs to the miner.
		let dave = Sr25519Keyring::Dave.to_account_id();
		Eligible::mutate(|operators| {
			operators.push(blyan_primitives::traits::EligibleOperator {
				stake: STAKE,
				owner: miner(),
				..independent(dave.clone(), 10)
			})
		});
		run_to_maturity(0);
		assert!(Services::get().contains(&(dave, Service::LineageGrown)));
	});
}

#[test]
fn a_decision_can_be_computed_again_after_the_head_moved() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let submission = submit_and_draw(1);
		let before = [0, 1, 2].map(|part| Learning::evaluation_job(submission, part));
		assert!(before[0].is_some() && before[1].is_some() && before[2].is_none());
		all_report(submission, guarded_score(64, 0));
		end_block();
		assert_eq!(Heads::get()[&slot(0)].version, 1);
		let subject = subject(submission);
		assert_eq!([0, 1, 2].map(|part| Learning::evaluation_job(submission, part)), before);
		for part in [0, 1] {
			let job = <Learning as Claims<AccountId>>::job(subject, part).unwrap();
			assert_eq!(Learning::statement(subject, part), job.statement());
		}
		assert_eq!(
			Learning::candidate(subject),
			Some((block(1), blyan_primitives::ExpertShape::First(CONFIG)))
		);
		let guard: Option<EvaluationOutcome> = Learning::claims(subject)[0].1.part(1).copied();
		assert_eq!(guard, Some(measured(0, 0, GUARD_SEQUENCE)));
		assert_eq!(Learning::verdicts(submission).len(), 3);
		run_to_maturity(submission);
		assert_eq!(Learning::evaluation_job(submission, 0), None);
	});
}

#[test]
fn a_stale_decision_pays_its_committee_too() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		let submission = submit_and_draw(1);
		all_report(submission, score(64, 0));
		Generation::set(7);
		end_block();
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Rejected(RejectReason::Stale)));
		assert_ok!(Learning::do_try_state());
		run_to_maturity(submission);
		for who in OPERATORS {
			assert_eq!(Balances::free_balance(who.to_account_id()), ENDOWMENT + 20);
		}
	});
}
