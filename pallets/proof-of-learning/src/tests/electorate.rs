//! Draws from a list that was fixed before their seed was known.

use super::*;
use crate::{Event, OpenSubmissions, Stage};
use blyan_primitives::traits::EligibleOperator;
use sp_core::H256;
use sp_keyring::Sr25519Keyring;

fn operator(seed: u8) -> EligibleOperator<AccountId> {
	EligibleOperator { stake: STAKE, ..EligibleOperator::independent(AccountId::new([seed; 32]), 10) }
}

fn freeze(operators: &[u8]) {
	let electorate: Vec<_> = operators.iter().map(|seed| operator(*seed)).collect();
	Eligible::set(electorate.clone());
	Frozen::mutate(|frozen| frozen.insert(System::block_number(), electorate));
}

fn members(submission: u64) -> Vec<u8> {
	let seats = evaluation(submission).map(|evaluation| evaluation.seats).unwrap_or_default();
	seats.iter().map(|seat| AsRef::<[u8]>::as_ref(&seat.operator)[0]).collect()
}

/// The committee of the first draw, where those of `leaving` left and those of `joining` came after its appointment.
fn drawn(leaving: &[u8], joining: &[u8]) -> Vec<u8> {
	let mut committee = Vec::new();
	ExtBuilder::default().build_and_check(|| {
		freeze(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
		let submission = submit(1);
		Eligible::mutate(|eligible| {
			eligible.retain(|one| !leaving.iter().any(|seed| operator(*seed).account == one.account));
			eligible
				.extend(joining.iter().map(|seed| EligibleOperator { weight: u32::MAX, ..operator(*seed) }));
		});
		run_to(System::block_number() + DELAY + 1);
		committee = members(submission);
	});
	committee
}

/// Three of nine collude, and know the seed before the draw is executed: each may leave, and others may come.
#[test]
fn attack_draw_again_by_leaving_and_joining() {
	let colluding = [1u8, 2, 3];
	let is_honest = |seed: &&u8| !colluding.contains(seed);
	let before = drawn(&[], &[]);
	assert_eq!(before.len(), 3);
	for choice in 0..8u8 {
		let leaving: Vec<u8> =
			(0..3).filter(|bit| choice & (1 << bit) != 0).map(|bit| colluding[bit]).collect();
		let after = drawn(&leaving, &[100, 101, 102]);
		assert_eq!(after.len(), 3, "the next in a row that is known takes the seat");
		assert!(before.iter().filter(is_honest).all(|seed| after.contains(seed)), "{leaving:?}: {after:?}");
		let seats = |all: &[u8]| all.iter().filter(|seed| colluding.contains(seed)).count();
		assert!(seats(&after) <= seats(&before));
		assert!(after.iter().all(|seed| *seed < 100), "no one that came later is drawn");
	}
}

#[test]
fn attack_leave_the_first_committee_to_seat_a_relative_in_the_second() {
	let everyone = [&OPERATORS[..], &[Sr25519Keyring::Dave, Sr25519Keyring::Eve]].concat();
	ExtBuilder::default().operators(&everyone).build_and_check(|| {
		CommitteeSize::set(3);
		SecondCommitteeSize::set(2);
		let submission = submit_and_draw(1);
		let first: Vec<_> =
			evaluation(submission).unwrap().seats.iter().map(|seat| seat.operator.clone()).collect();
		let is_first = |who: &AccountId| first.contains(who);
		for who in everyone.iter().filter(|who| is_first(&who.to_account_id())) {
			seal_as(*who, submission, score(-1, 0)).unwrap();
		}
		// Whom the list of the second draw takes is fixed with its appointment, in this block.
		end_block();
		assert!(matches!(evaluation(submission).unwrap().stage, Stage::Between { .. }));
		Frozen::mutate(|frozen| frozen.insert(System::block_number(), Eligible::get()));
		Eligible::mutate(|eligible| {
			eligible.push(EligibleOperator { weight: u32::MAX, ..operator(100) });
			// One of the strangers leaves.
			let stranger = eligible.iter().position(|one| !is_first(&one.account)).unwrap();
			eligible.remove(stranger);
		});
		run_to(System::block_number() + 2);
		let evaluation = evaluation(submission).unwrap();
		assert_eq!(evaluation.seats.len(), 4, "one stranger is left, and no one came instead of the other");
		assert!(evaluation.seat(&operator(100).account).is_none());
	});
}

#[test]
fn a_draw_for_which_no_list_is_old_enough_gets_another_appointment() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit(1);
		run_to(3);
		freeze(&[1, 2, 3]);
		end_block();
		assert!(evaluation(submission).is_none());
		assert_eq!(OpenSubmissions::<Test>::get(submission).unwrap().appointment, 3);
		run_to(4);
		end_block();
		assert_eq!(members(submission).len(), 3);
		assert!(events().iter().any(|event| matches!(event, Event::CommitteeDrawn { .. })));
	});
}

#[test]
fn the_next_in_the_queue_is_drawn_from_a_list_no_older_than_the_evaluation_before_it() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit(1);
		let second = submit(2);
		run_to(1 + DELAY);
		assert_eq!(OpenSubmissions::<Test>::get(second).unwrap().appointment, 1);
		end_block();
		assert!(evaluation(first).is_some());
		assert_eq!(OpenSubmissions::<Test>::get(second).unwrap().appointment, 1 + DELAY);
	});
}

#[test]
fn a_seat_answers_with_no_more_than_its_operator_has_left() {
	ExtBuilder::default().build_and_check(|| {
		freeze(&[1, 2, 3]);
		let submission = submit(1);
		Eligible::mutate(|eligible| eligible[0].stake = 7);
		run_to(System::block_number() + DELAY + 1);
		let drawn = evaluation(submission).unwrap();
		assert_eq!(drawn.seat(&operator(1).account).unwrap().stake, 7);
		assert_eq!(drawn.seat(&operator(2).account).unwrap().stake, STAKE);
		assert_ne!(drawn.terms.target.seed, H256::zero());
	});
}
