//! Rounds: from the request to the last look.

use super::mock::*;
use crate::{Active, Error, Event, Keepers, Phase, Rounds};
use blyan_primitives::{
	traits::{BlobAnnouncements, EligibleOperator},
	Look, SealedHoldout,
};
use blyan_support::mocks;
use frame_support::{assert_noop, assert_ok, dispatch::Pays};

#[test]
fn a_whole_sealed_evaluation() {
	check(|| {
		sealed_with(3);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Asked);
		let first = wait_for_appointment(SUBMISSION);
		let bytes = text(first).try_into().unwrap();
		let revealed = Holdouts::reveal(signed(first), SUBMISSION, bytes, SALT).unwrap();
		assert_eq!(revealed.pays_fee, Pays::No);
		let holdout = RULES.holdout_of(&text(first)).unwrap();
		let (submission, keeper) = (SUBMISSION, account(first));
		assert_eq!(
			events().last(),
			Some(&Event::ChunkRevealed { submission, keeper: keeper.clone(), holdout })
		);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting, "operators have no bytes yet");
		assert_eq!(Holdouts::announced(&holdout.blob.hash), Some(holdout.blob.size));
		assert_eq!(Holdouts::in_force(MODEL), Some(holdout));
		assert_ok!(attest(1, SUBMISSION, first));
		assert_ok!(attest(2, SUBMISSION, first));
		// The draw's seed is named now, so the keeper could not know it.
		let draw = System::block_number() + 2;
		assert_eq!(ask(SUBMISSION), SealedHoldout::Ready { holdout, draw });
		assert_eq!(Balances::free_balance(&keeper), ENDOWMENT - BOND, "the deposit is back");
		assert_eq!(keepers_of(SUBMISSION), std::slice::from_ref(&keeper));

		assert_eq!(measured(SUBMISSION, 2, true), Look::Another);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
		let (second, other) = look(SUBMISSION);
		assert!(second != first && other != holdout);
		assert_eq!(keepers_of(SUBMISSION), [keeper, account(second)]);
		assert_eq!(measured(SUBMISSION, 2, true), Look::Last);
		assert_eq!(
			ask(SUBMISSION),
			SealedHoldout::Ready { holdout: other, draw: System::block_number() + 2 }
		);

		close(SUBMISSION);
		assert_eq!(Rounds::<Test>::count(), 0);
		assert!(Active::<Test>::get().is_empty());
		assert_eq!(Keepers::<Test>::get(account(first)).unwrap().chunks, 0);
	});
}

#[test]
fn a_score_that_does_not_convince_decides_on_the_first_chunk() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let (_, holdout) = look(SUBMISSION);
		assert_eq!(measured(SUBMISSION, 2, false), Look::Last);
		// Judged again after a dispute, it is judged on the same chunk.
		assert!(matches!(ask(SUBMISSION), SealedHoldout::Ready { holdout: same, .. } if same == holdout));
	});
}

#[test]
fn a_silent_keeper_is_replaced() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		let silent = wait_for_appointment(SUBMISSION);
		run(REVEAL);
		assert_eq!(Slashed::get(), 0, "this is its last block");
		run(1);
		let record = Keepers::<Test>::get(account(silent)).unwrap();
		assert_eq!((record.bond, record.chunks, record.faults), (BOND - PENALTY, 0, 1));
		assert_eq!(Slashed::get(), PENALTY + DEPOSIT);
		let other = wait_for_appointment(SUBMISSION);
		assert_ne!(other, silent);
		assert_noop!(reveal(silent, SUBMISSION, silent), Error::<Test>::NotAppointed);
		assert_ok!(reveal(other, SUBMISSION, other));
	});
}

#[test]
fn a_keeper_whose_bytes_do_not_come_is_replaced() {
	check(|| {
		sealed_with(4);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		assert_ok!(reveal(keeper, SUBMISSION, keeper));
		assert_ok!(attest(1, SUBMISSION, keeper));
		run(ATTEST + 2);
		assert_eq!(Keepers::<Test>::get(account(keeper)).unwrap().faults, 1);
		assert!(attest(2, SUBMISSION, keeper).is_err(), "it is too late");
		assert_ne!(wait_for_appointment(SUBMISSION), keeper);
	});
}

#[test]
fn with_too_few_keepers_a_submission_waits_and_is_never_judged_on_public_data() {
	check(|| {
		sealed_with(2);
		ask(SUBMISSION);
		run(4);
		let Some(Phase::Starved { until }) = phase(SUBMISSION) else { panic!("{:?}", phase(SUBMISSION)) };
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
		// One comes, with a chunk that is younger than the candidate: it does not help at once.
		keep(KEEPER + 5);
		run(until - System::block_number() + 6);
		assert!(matches!(phase(SUBMISSION), Some(Phase::Starved { .. })));
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
		// Its chunk was there when older ones were too few again, and they do not come back: nothing waits for ever.
		wait_for_appointment(SUBMISSION);
	});
}

/// Their number is a parameter that may be raised while the chain runs.
#[test]
fn no_more_attestations_are_needed_than_a_round_remembers() {
	check(|| {
		let most = crate::ATTESTATIONS_MAX;
		MinAttestations::set(most + 10);
		(4..=most)
			.for_each(|seed| mocks::register(EligibleOperator::independent(account(seed), 10), key(seed)));
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		assert_ok!(reveal(keeper, SUBMISSION, keeper));
		for operator in 1..=most {
			assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
			assert_ok!(attest(operator, SUBMISSION, keeper));
		}
		assert!(matches!(phase(SUBMISSION), Some(Phase::Ready { .. })));
	});
}

#[test]
fn a_round_pauses_when_too_many_are_silent() {
	check(|| {
		sealed_with(6);
		ask(SUBMISSION);
		for _ in 0..3 {
			wait_for_appointment(SUBMISSION);
			run(REVEAL + 2);
		}
		assert!(matches!(phase(SUBMISSION), Some(Phase::Starved { .. })));
		assert_eq!(Slashed::get(), 3 * (PENALTY + DEPOSIT));
		wait_for_appointment(SUBMISSION);
	});
}

/// Clocks stand still while the chain takes no transactions.
#[test]
fn no_keeper_is_silent_while_the_chain_bars_transactions() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		for _ in 0..10 * REVEAL {
			blyan_support::mocks::Barred::mutate(|barred| *barred += 1);
			run(1);
		}
		assert_eq!(Slashed::get(), 0);
		assert_ok!(reveal(keeper, SUBMISSION, keeper));
	});
}

#[test]
fn a_keeper_of_a_submission_that_is_withdrawn_has_its_chunk_back() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		close(SUBMISSION);
		assert_ok!(withdraw(keeper, keeper));
		run(NOTICE);
		assert_ok!(withdraw(keeper, keeper));
		assert_eq!(Balances::free_balance(account(keeper)), ENDOWMENT - BOND);
	});
}

#[test]
fn advance_does_what_is_due_and_nothing_else() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		assert_noop!(
			Holdouts::advance(signed(1), SUBMISSION).map_err(|error| error.error),
			Error::<Test>::NothingDue
		);
		System::set_block_number(System::block_number() + 2);
		let done = Holdouts::advance(signed(1), SUBMISSION).unwrap();
		assert_eq!(done.pays_fee, Pays::No);
		assert!(appointed(SUBMISSION).is_some());
	});
}
