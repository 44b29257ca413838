//! Draws: when, with what, and what happens when one is impossible.

use super::*;
use crate::{math::Rule, BusyModels, Error, Event, OpenSubmissions, Queues, Sample, Terms};
use blyan_primitives::{traits::ExpertRegistry, ExpertSlot, DEFINITION};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome, SubmissionState};
use frame_support::{assert_noop, assert_ok, weights::Weight};
use sp_core::H256;
use sp_keyring::Sr25519Keyring;

#[test]
fn draw_fixes_committee_seed_and_sample_after_the_delay() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit(1);
		run_to(1 + DELAY);
		assert_eq!(evaluation(submission), None);
		end_block();
		let drawn = evaluation(submission).unwrap();
		let mut members: Vec<_> = drawn.seats.iter().map(|seat| seat.operator.clone()).collect();
		assert_eq!(
			events(),
			[Event::CommitteeDrawn {
				submission,
				committee: members.clone(),
				seed: drawn.terms.target.seed,
				sample: SAMPLE,
				seal_deadline: 1 + DELAY + SEAL,
				reveal_deadline: 1 + DELAY + SEAL + REVEAL,
			}]
		);
		members.sort();
		let mut expected = OPERATORS.map(|who| who.to_account_id());
		expected.sort();
		assert_eq!(members, expected);
		let target = Sample { holdout: holdout(), seed: drawn.terms.target.seed, sequences: SAMPLE };
		let rule = Rule { delta: DELTA, alpha: ALPHA, attempt: 1, guard_tolerance: TOLERANCE, guard_left: 0 };
		let model_root = Experts::model_root(0).unwrap();
		assert_eq!(
			drawn.terms,
			Terms { definition: DEFINITION, generation: 0, model_root, target, guard: None, rule }
		);
	});
}

#[test]
fn draw_never_seats_the_miner() {
	let everyone = [&OPERATORS[..], &[Sr25519Keyring::Ferdie]].concat();
	ExtBuilder::default().operators(&everyone).build_and_check(|| {
		CommitteeSize::set(5);
		let submission = submit_and_draw(1);
		let drawn = evaluation(submission).unwrap();
		assert_eq!(drawn.seats.len(), 3);
		assert!(drawn.seat(&miner()).is_none());
	});
}

#[test]
fn draw_never_seats_what_the_miner_owns_nor_two_of_one_owner_or_machine() {
	let everyone = [&OPERATORS[..], &[Sr25519Keyring::Dave, Sr25519Keyring::Eve]].concat();
	ExtBuilder::default().operators(&everyone).build_and_check(|| {
		CommitteeSize::set(5);
		Eligible::mutate(|operators| {
			operators[0].owner = miner();
			operators[1].owner = AccountId::new([1; 32]);
			operators[2].owner = AccountId::new([1; 32]);
			operators[3].hardware = H256([7; 32]);
			operators[4].hardware = H256([7; 32]);
		});
		let drawn = evaluation(submit_and_draw(1)).unwrap();
		let sits = |who: usize| u32::from(drawn.seat(&everyone[who].to_account_id()).is_some());
		assert_eq!((sits(0), sits(1) + sits(2), sits(3) + sits(4)), (0, 1, 1));
	});
}

#[test]
fn draw_waits_for_randomness_younger_than_the_submission() {
	ExtBuilder::default().build_and_check(|| {
		run_to(20);
		let submission = submit(1);
		RandomnessAge::set(5);
		run_to(25);
		end_block();
		assert_eq!(evaluation(submission), None);
		run_to(27);
		assert!(evaluation(submission).is_some());
	});
}

#[test]
fn draw_waits_for_operators_and_the_submission_expires_without() {
	ExtBuilder::default().operators(&OPERATORS[..1]).build_and_check(|| {
		let submission = submit(1);
		let last_chance = 1 + DELAY + DRAW;
		run_to(last_chance);
		end_block();
		assert!(OpenSubmissions::<Test>::contains_key(submission));
		run_to(last_chance + 1);
		end_block();
		let reason = ExpiryReason::NoCommittee;
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(reason)));
		assert_eq!(events(), [Event::Expired { submission, miner: miner(), reason }]);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
	});
}

#[test]
fn draw_happens_as_soon_as_operators_or_a_holdout_arrive() {
	ExtBuilder::default().no_holdout().build_and_check(|| {
		let submission = submit(1);
		run_to(8);
		assert_eq!(evaluation(submission), None);
		assert_ok!(Learning::register_holdout(RuntimeOrigin::root(), 0, holdout()));
		end_block();
		assert!(evaluation(submission).is_some());
	});
}

#[test]
fn submissions_to_one_model_are_served_in_order() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit_and_draw(1);
		let second = submit(2);
		let third = submit(3);
		run_to(10);
		assert_eq!(evaluation(second), None);
		let state = |id| Learning::submission(id).unwrap().state;
		assert!(matches!(state(third), SubmissionState::Queued { ahead: 2, .. }));
		all_report(first, score(-1, 0));
		end_block();
		assert!(outcome(first).is_some());
		run_to(12);
		assert!(evaluation(second).is_some());
		assert_eq!(evaluation(third), None);
	});
}

#[test]
fn waiting_in_the_queue_does_not_use_up_the_time_for_the_draw() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit_and_draw(1);
		let second = submit(2);
		// Nobody reports on the first, and by the time it expires the second is older than its window.
		let deadline = evaluation(first).unwrap().seal_deadline;
		Eligible::set(Vec::new());
		run_to(deadline + 2);
		assert!(outcome(first).is_some());
		run_to(deadline + 1 + DRAW);
		assert!(OpenSubmissions::<Test>::contains_key(second));
		run_to(deadline + 1 + DRAW + 2);
		assert!(!OpenSubmissions::<Test>::contains_key(second));
	});
}

#[test]
fn draw_closes_a_submission_whose_parent_was_replaced_while_it_waited() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit_and_draw(1);
		let second = submit(2);
		all_report(first, score(100, 0));
		run_to(8);
		assert!(matches!(outcome(first), Some(SubmissionOutcome::Accepted { .. })));
		assert_eq!(outcome(second), Some(SubmissionOutcome::Rejected(RejectReason::Stale)));
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - BOND, "the bond of the first one waits");
	});
}

#[test]
fn models_are_served_side_by_side_and_in_turns() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit(1);
		assert_ok!(submit_as(miner(), ExpertSlot { model: 1, ..slot(0) }, block(2)));
		assert_eq!(BusyModels::<Test>::get(), vec![0, 1]);
		// One model a block: both are drawn within two blocks of the delay.
		run_to(1 + DELAY + 2);
		assert!(evaluation(first).is_some());
		assert!(evaluation(first + 1).is_some());
	});
}

#[test]
fn nothing_advances_in_a_block_without_room() {
	ExtBuilder::default().build_and_check(|| {
		use crate::WeightInfo;
		use frame_support::traits::Hooks;
		let submission = submit(1);
		run_to(1 + DELAY);
		let idle = <() as WeightInfo>::idle();
		assert_eq!(Learning::on_idle(3, Weight::zero()), Weight::zero());
		assert_eq!(Learning::on_idle(3, idle), idle);
		assert_eq!(evaluation(submission), None);
		// Then anybody may ask for it, for free.
		let done = Learning::finalise(signed(miner()), submission).unwrap();
		assert_eq!(done.pays_fee, frame_support::dispatch::Pays::No);
		assert!(evaluation(submission).is_some());
	});
}

#[test]
fn finalise_fails_when_nothing_is_due() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit(1);
		let second = submit(2);
		let finalise = |id| Learning::finalise(signed(miner()), id);
		assert_noop!(finalise(first), Error::<Test>::NothingDue);
		assert_noop!(finalise(7), Error::<Test>::SubmissionUnknown);
		run_to(1 + DELAY);
		assert_noop!(finalise(second), Error::<Test>::NothingDue);
		assert_ok!(finalise(first));
		assert_noop!(finalise(first), Error::<Test>::NothingDue);
		all_report(first, score(-5, 0));
		assert_ok!(finalise(first));
		assert_eq!(Queues::<Test>::get(0), vec![second]);
	});
}

/// An author that fills its block, or skips its slot, had the seed of another block drawn with.
#[test]
fn attack_draw_in_another_block_for_another_seed() {
	let committee_after = |blocks_late: u32| {
		let mut drawn = None;
		ExtBuilder::default().build_and_check(|| {
			let submission = submit(1);
			for _ in 0..DELAY + 1 + blocks_late {
				// Blocks without room for what is due.
				System::set_block_number(System::block_number() + 1);
			}
			end_block();
			drawn = evaluation(submission).map(|evaluation| evaluation.terms.target.seed);
		});
		drawn.unwrap()
	};
	assert_eq!(committee_after(0), committee_after(3), "the appointment decides, not the block");
}

#[test]
fn a_submission_that_waited_longer_than_seeds_are_kept_gets_another_appointment() {
	ExtBuilder::default().build_and_check(|| {
		RandomnessKept::set(1);
		let submission = submit(1);
		System::set_block_number(8);
		end_block();
		assert!(evaluation(submission).is_none());
		assert_eq!(OpenSubmissions::<Test>::get(submission).unwrap().appointment, 8);
		run_to(9);
		end_block();
		assert!(evaluation(submission).is_some());
	});
}
