//! `reveal_score`.

use super::*;
use crate::{Call, Error, Event};
use blyan_primitives::{EvaluationOutcome, Score, ScoreReport, Verdict};
use frame_support::{
	assert_noop, assert_ok,
	pallet_prelude::{InvalidTransaction, TransactionValidityError},
};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Dave, Eve};

fn invalid(reason: InvalidTransaction) -> Result<(), TransactionValidityError> {
	Err(reason.into())
}

/// A submission about which everybody has sealed `verdict`.
fn sealed(verdict: Verdict) -> u64 {
	let submission = submit_and_draw(1);
	for who in OPERATORS {
		seal_as(who, submission, verdict).unwrap();
	}
	submission
}

fn reveal(who: Sr25519Keyring, submission: u64, verdict: Verdict) -> Result<(), TransactionValidityError> {
	authorise(reveal_call(who, ScoreReport { submission, verdict }))
}

#[test]
fn reveal_fills_the_members_seat() {
	ExtBuilder::default().build_and_check(|| {
		let verdict = score(5, 1);
		let submission = sealed(verdict);
		System::reset_events();
		assert_ok!(reveal_as(Alice, submission, verdict));
		let operator = Alice.to_account_id();
		assert_eq!(evaluation(submission).unwrap().seat(&operator).unwrap().verdict, Some(verdict));
		assert_eq!(Learning::verdicts(submission), [(operator.clone(), verdict)]);
		let digest = verdict.digest();
		assert_eq!(events(), [Event::ScoreRevealed { submission, operator, verdict, digest }]);
	});
}

#[test]
fn reveal_is_refused_while_others_may_still_seal() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		seal_as(Alice, submission, score(5, 1)).unwrap();
		seal_as(Bob, submission, score(5, 1)).unwrap();
		assert_eq!(reveal(Alice, submission, score(5, 1)), invalid(InvalidTransaction::Future));
		run_to(deadlines(submission).seal);
		assert_eq!(reveal(Alice, submission, score(5, 1)), invalid(InvalidTransaction::Future));
		run_to(deadlines(submission).seal + 1);
		assert_ok!(reveal(Alice, submission, score(5, 1)));
	});
}

#[test]
fn reveal_is_refused_without_a_seal() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		seal_as(Alice, submission, score(5, 1)).unwrap();
		run_to(deadlines(submission).seal + 1);
		assert_eq!(reveal(Bob, submission, score(5, 1)), invalid(InvalidTransaction::Call));
		let report = ScoreReport { submission, verdict: score(5, 1) };
		let origin = || frame_system::RawOrigin::Authorized.into();
		let signature = sign(Bob, &report);
		assert_noop!(
			Learning::reveal_score(origin(), report, salt(Bob), Bob.public().into(), signature),
			Error::<Test>::NotSealed
		);
	});
}

#[test]
fn reveal_is_refused_when_it_is_not_what_was_sealed() {
	ExtBuilder::default().build_and_check(|| {
		let submission = sealed(score(5, 1));
		assert_eq!(reveal(Alice, submission, score(6, 1)), invalid(InvalidTransaction::Call));
		let report = ScoreReport { submission, verdict: score(5, 1) };
		let signature = sign(Alice, &report);
		let salted = Call::reveal_score { report, salt: salt(Bob), key: Alice.public().into(), signature };
		assert_eq!(authorise(salted), invalid(InvalidTransaction::Call));
	});
}

#[test]
fn reveal_is_refused_when_another_key_signed_or_for_another_network() {
	ExtBuilder::default().build_and_check(|| {
		let submission = sealed(score(5, 1));
		let report = ScoreReport { submission, verdict: score(5, 1) };
		let foreign =
			Alice.pair().sign(&report.signing_payload(&H256([0xee; 32]), &draw_id(report.submission))).into();
		for signature in [sign(Bob, &report), foreign] {
			let call =
				Call::reveal_score { report, salt: salt(Alice), key: Alice.public().into(), signature };
			assert_eq!(authorise(call), invalid(InvalidTransaction::BadProof));
		}
	});
}

#[test]
fn reveal_is_refused_when_replayed() {
	ExtBuilder::default().build_and_check(|| {
		let submission = sealed(score(5, 1));
		assert_ok!(reveal_as(Alice, submission, score(5, 1)));
		assert_eq!(reveal(Alice, submission, score(5, 1)), invalid(InvalidTransaction::Stale));
		// A block's author who includes it all the same changes nothing.
		let report = ScoreReport { submission, verdict: score(5, 1) };
		let origin = frame_system::RawOrigin::Authorized.into();
		let signature = sign(Alice, &report);
		assert_noop!(
			Learning::reveal_score(origin, report, salt(Alice), Alice.public().into(), signature),
			Error::<Test>::AlreadyRevealed
		);
	});
}

#[test]
fn reveal_is_refused_from_outside_the_committee() {
	let everyone = [&OPERATORS[..], &[Dave]].concat();
	ExtBuilder::default().operators(&everyone).build_and_check(|| {
		let submission = submit_and_draw(1);
		let drawn = evaluation(submission).unwrap();
		let outsider =
			everyone.iter().copied().find(|who| drawn.seat(&who.to_account_id()).is_none()).unwrap();
		for who in [outsider, Eve] {
			assert_eq!(reveal(who, submission, score(5, 1)), invalid(InvalidTransaction::BadSigner));
		}
	});
}

#[test]
fn reveal_is_refused_before_the_draw_after_the_window_and_for_unknown_submissions() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit(1);
		assert_eq!(reveal(Alice, submission, score(5, 1)), invalid(InvalidTransaction::Stale));
		assert_eq!(reveal(Alice, 9, score(5, 1)), invalid(InvalidTransaction::Stale));
		run_to(1 + DELAY + 1);
		for who in OPERATORS {
			seal_as(who, submission, score(5, 1)).unwrap();
		}
		let Deadlines { reveal: deadline, .. } = deadlines(submission);
		run_to(deadline);
		assert_ok!(reveal(Alice, submission, score(5, 1)));
		// The block's own end would decide; its transactions come before that.
		System::set_block_number(deadline + 1);
		assert_eq!(reveal(Alice, submission, score(5, 1)), invalid(InvalidTransaction::Stale));
	});
}

#[test]
fn reveal_is_refused_when_its_numbers_contradict_each_other() {
	ExtBuilder::default().build_and_check(|| {
		let good = measured(5, 1, SEQUENCE);
		for wrong in [
			EvaluationOutcome { sequences: SAMPLE - 1, ..good },
			EvaluationOutcome { bytes: good.bytes + 1, ..good },
			EvaluationOutcome { sum_diff: good.sum_diff + 1, ..good },
			EvaluationOutcome { sum_diff_sq: 0, ..good },
		] {
			// The mock's registry is no storage, so nothing rolls it back.
			let kept = Kept::get();
			frame_support::storage::with_transaction(|| {
				let verdict = Verdict::Scored(Score { target: wrong, guard: None });
				let submission = sealed(verdict);
				assert_eq!(reveal(Alice, submission, verdict), invalid(InvalidTransaction::Call));
				sp_runtime::TransactionOutcome::Rollback(Ok::<_, sp_runtime::DispatchError>(()))
			})
			.unwrap();
			Kept::set(kept);
		}
	});
}

#[test]
fn reveal_is_refused_when_a_part_is_missing_or_too_many() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let submission = sealed(score(5, 1));
		assert_eq!(reveal(Alice, submission, score(5, 1)), invalid(InvalidTransaction::Call));
	});
	ExtBuilder::default().with_guard().build_and_check(|| {
		let submission = sealed(guarded_score(5, 1));
		assert_ok!(reveal_as(Alice, submission, guarded_score(5, 1)));
	});
	ExtBuilder::default().build_and_check(|| {
		let submission = sealed(guarded_score(5, 1));
		assert_eq!(reveal(Alice, submission, guarded_score(5, 1)), invalid(InvalidTransaction::Call));
	});
}

#[test]
fn reveal_needs_an_authorised_origin() {
	ExtBuilder::default().build_and_check(|| {
		let submission = sealed(score(5, 1));
		let report = ScoreReport { submission, verdict: score(5, 1) };
		let (origin, signature) = (signed(Alice.to_account_id()), sign(Alice, &report));
		assert_noop!(
			Learning::reveal_score(origin, report, salt(Alice), Alice.public().into(), signature),
			sp_runtime::DispatchError::BadOrigin
		);
	});
}
