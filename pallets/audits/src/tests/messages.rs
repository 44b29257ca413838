//! Messages: which are valid when, and from which operator.

use super::*;
use crate::{
	rules, AuditRecordOf, Audits, Enrolments, Error, Event, JobSource, Message, Phase, Revelation, SeatState,
	Vote,
};
use blyan_primitives::EvaluationOutcome;
use blyan_support::mocks;
use codec::Encode;
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_runtime::DispatchError;

fn other(text: &'static str) -> DispatchError {
	DispatchError::Other(text)
}

const STALE: &str = "Transaction is outdated";
const CALL: &str = "Transaction call is not expected";
const BAD_PROOF: &str = "Transaction has a bad signature";
const BAD_SIGNER: &str = "Invalid signing address";

#[test]
fn present_begins_the_voting() {
	world().build_and_check(|| {
		let audit = open();
		let outcome = truth(audit);
		System::reset_events();
		assert_ok!(present(audit, outcome));
		let until = 2 + WINDOW;
		assert_eq!(events(), [Event::Presented { audit, outcome, until }]);
		assert_eq!(record(audit).phase, Phase::Voting { until });
		assert_noop!(present(audit, outcome), other(STALE));
	});
}

#[test]
fn present_fails_for_others_than_the_setter_and_for_numbers_that_cannot_be() {
	world().build_and_check(|| {
		let audit = open();
		let outcome = truth(audit);
		let message = Message::Present { audit, outcome };
		assert_noop!(say(auditor(audit, 0), message), other(BAD_SIGNER));
		assert_noop!(say(50, message), other(BAD_SIGNER));
		assert_noop!(present(audit, EvaluationOutcome { bytes: 1, ..outcome }), other(CALL));
		let setter = number_of(&record(audit).setter);
		let forged = call(message, key(setter), sign(auditor(audit, 0), &message));
		assert_noop!(deliver(forged.into()), other(BAD_PROOF));
		let until = *record(audit).until();
		run_to(until + 1);
		assert_noop!(present(audit, outcome), other(STALE));
	});
}

#[test]
fn vote_seals_and_the_last_seal_ends_the_voting() {
	world().build_and_check(|| {
		let audit = open();
		present(audit, truth(audit)).unwrap();
		assert_noop!(
			say(number_of(&record(audit).setter), Message::Vote { audit, seal: H256::zero() }),
			other(BAD_SIGNER)
		);
		seal(audit, 0, Vote::Confirm).unwrap();
		assert_noop!(seal(audit, 0, Vote::Confirm), other(STALE));
		seal(audit, 1, Vote::Confirm).unwrap();
		end_block();
		assert!(matches!(record(audit).phase, Phase::Voting { .. }));
		seal(audit, 2, Vote::Confirm).unwrap();
		end_block();
		assert_eq!(record(audit).phase, Phase::Revealing { until: 2 + REVEAL_WINDOW });
	});
}

#[test]
fn nothing_is_opened_while_others_may_vote() {
	world().build_and_check(|| {
		let audit = open();
		assert_noop!(seal(audit, 0, Vote::Confirm), other(STALE));
		assert_noop!(reveal_setter(audit, truth(audit)), other(STALE));
		present(audit, truth(audit)).unwrap();
		seal(audit, 0, Vote::Confirm).unwrap();
		assert_noop!(reveal_setter(audit, truth(audit)), other(STALE));
		assert_noop!(reveal(audit, 0, Vote::Confirm), other(STALE));
	});
}

#[test]
fn a_seal_is_opened_by_what_it_was_made_of_only() {
	world().build_and_check(|| {
		let audit = open();
		present(audit, truth(audit)).unwrap();
		seal(audit, 0, Vote::Confirm).unwrap();
		// Somebody copies the seal, not knowing what is in it.
		let SeatState::Sealed(copied) = record(audit).seats[0].state else { panic!("it was sealed") };
		say(auditor(audit, 1), Message::Vote { audit, seal: copied }).unwrap();
		run_past(*record(audit).until());
		assert_noop!(reveal(audit, 0, Vote::Deny(truth(audit))), other(CALL));
		let first = auditor(audit, 0);
		let copy = Message::RevealVote { audit, vote: Vote::Confirm, salt: salt(first) };
		assert_noop!(say(auditor(audit, 1), copy), other(CALL));
		assert_noop!(reveal(audit, 2, Vote::Confirm), other(CALL));
		assert_ok!(reveal(audit, 0, Vote::Confirm));
		assert_noop!(reveal(audit, 0, Vote::Confirm), other(STALE));
	});
}

#[test]
fn a_denial_must_be_an_answer() {
	world().build_and_check(|| {
		let audit = open();
		present(audit, truth(audit)).unwrap();
		let absurd = Vote::Deny(EvaluationOutcome { sequences: 1, ..truth(audit) });
		seal(audit, 0, absurd).unwrap();
		run_past(*record(audit).until());
		assert_noop!(reveal(audit, 0, absurd), other(CALL));
	});
}

#[test]
fn a_secret_is_opened_once_and_replaced() {
	world().build_and_check(|| {
		let audit = open();
		let setter = number_of(&record(audit).setter);
		present(audit, truth(audit)).unwrap();
		vote_all(audit, &[Vote::Confirm; 3]);
		let revelation = Revelation { secret: secret(setter, 9), truth: truth(audit) };
		let next = rules::commitment(&secret(setter, 1));
		assert_noop!(say(setter, Message::RevealSetter { audit, revelation, next }), other(CALL));
		let revelation = Revelation { secret: secret(setter, 0), ..revelation };
		let reused = rules::commitment(&secret(setter, 0));
		assert_noop!(say(setter, Message::RevealSetter { audit, revelation, next: reused }), other(CALL));
		assert_ok!(reveal_setter(audit, truth(audit)));
		assert_noop!(reveal_setter(audit, truth(audit)), other(STALE));
		let promise = Enrolments::<Test>::get(account(setter)).unwrap();
		assert_eq!((promise.commitment, promise.nonce), (next, record(audit).seed));
		assert_eq!((promise.since, promise.setting), (2, None));
	});
}

#[test]
fn a_presentation_is_worth_nothing_on_a_fork_where_the_seed_met_another_model() {
	world().build_and_check(|| {
		let audit = open();
		let setter = number_of(&record(audit).setter);
		let message = Message::Present { audit, outcome: truth(audit) };
		let carried = call(message, key(setter), sign(setter, &message));
		Generation::set(1);
		Audits::<Test>::mutate(audit, |record| {
			let record = record.as_mut().unwrap();
			record.job = Jobs::draw(&record.seed, record.job.sample()).unwrap();
		});
		assert_noop!(deliver(carried.into()), other(BAD_PROOF));
		assert_ok!(present(audit, truth(audit)));
	});
}

#[test]
fn a_message_is_worth_nothing_on_a_fork_where_something_else_happened() {
	world().build_and_check(|| {
		let audit = open();
		present(audit, truth(audit)).unwrap();
		let who = auditor(audit, 0);
		let message = Message::Vote { audit, seal: Vote::Confirm.seal(&salt(who), &account(who)) };
		let signed = call(message, key(who), sign(who, &message));
		// The same number under another seed, and the same seed with another presentation.
		let here = record(audit);
		Audits::<Test>::insert(audit, crate::AuditRecord { seed: H256([9; 32]), ..here.clone() });
		assert_noop!(deliver(signed.clone().into()), other(BAD_PROOF));
		Audits::<Test>::insert(
			audit,
			crate::AuditRecord { presented: Some(garbage(audit, 1)), ..here.clone() },
		);
		assert_noop!(deliver(signed.clone().into()), other(BAD_PROOF));
		Audits::<Test>::insert(audit, here);
		assert_ok!(deliver(signed.into()));
	});
}

#[test]
fn advance_does_what_is_due_and_nothing_else() {
	world().build_and_check(|| {
		let audit = open();
		let anyone = || frame_system::RawOrigin::Signed(account(90)).into();
		assert_noop!(AuditsPallet::advance(anyone(), audit), Error::<Test>::NothingDue);
		assert_noop!(AuditsPallet::advance(anyone(), 7), Error::<Test>::AuditUnknown);
		let until = *record(audit).until();
		// Blocks that are full do nothing of themselves.
		System::set_block_number(until + 1);
		assert_ok!(AuditsPallet::advance(anyone(), audit));
		assert!(!Audits::<Test>::contains_key(audit));
	});
}

#[test]
fn a_vote_is_signed_over_these_bytes_and_held_by_this_tag() {
	world().build_and_check(|| {
		let audit = open();
		present(audit, truth(audit)).unwrap();
		let (who, seal) = (auditor(audit, 0), H256([5; 32]));
		let AuditRecordOf::<Test> { seed, presented, .. } = record(audit);
		let binding = blake2_256(&(seed, presented).encode());
		let genesis = System::block_hash(0);
		let parts = [&genesis.0[..], &binding, &[2], &audit.to_le_bytes(), &seal.0];
		let payload = mocks::payload_of(b"blyan/audit/1", &parts);
		let signature = pair(who).sign(&payload).into();
		let call = call(Message::Vote { audit, seal }, key(who), signature);
		let valid = mocks::authorise(&RuntimeCall::from(call)).unwrap();
		assert_eq!(valid.provides, [mocks::tag_of("blyan/audit", (Some(audit), 2u8, key(who)))]);
		assert_eq!((valid.priority, valid.longevity), (u64::MAX, WINDOW.into()));
		assert!(valid.propagate && valid.requires.is_empty());
	});
}
