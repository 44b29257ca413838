//! `report_score`.

use super::*;
use crate::{Call, Error, Event};
use blyan_primitives::{EvaluationOutcome, ScoreReport, Verdict};
use frame_support::{
	assert_noop, assert_ok,
	pallet_prelude::{InvalidTransaction, TransactionSource, TransactionValidityError},
	traits::Authorize,
};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring;

fn authorise(
	report: ScoreReport,
	key: Sr25519Keyring,
	signer: Sr25519Keyring,
) -> Result<(), TransactionValidityError> {
	let call = RuntimeCall::Learning(Call::report_score {
		report,
		key: key.public().into(),
		signature: sign(signer, &report),
	});
	call.authorize(TransactionSource::External).unwrap().map(|_| ())
}

fn invalid(reason: InvalidTransaction) -> Result<(), TransactionValidityError> {
	Err(reason.into())
}

#[test]
fn report_fills_the_members_seat() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let verdict = score(5, 1);
		assert_ok!(report_as(Sr25519Keyring::Alice, submission, verdict));
		let operator = Sr25519Keyring::Alice.to_account_id();
		assert_eq!(evaluation(submission).unwrap().seat(&operator).unwrap().verdict, Some(verdict));
		assert_eq!(
			events(),
			[Event::ScoreReported { submission, operator, verdict, digest: verdict.digest() }]
		);
	});
}

#[test]
fn report_is_refused_when_another_key_signed() {
	ExtBuilder::default().build_and_check(|| {
		let report = ScoreReport { submission: submit_and_draw(1), verdict: score(5, 1) };
		assert_eq!(
			authorise(report, Sr25519Keyring::Alice, Sr25519Keyring::Bob),
			invalid(InvalidTransaction::BadProof)
		);
	});
}

#[test]
fn report_is_refused_when_signed_for_another_network() {
	ExtBuilder::default().build_and_check(|| {
		let report = ScoreReport { submission: submit_and_draw(1), verdict: score(5, 1) };
		let foreign = Sr25519Keyring::Alice.pair().sign(&report.signing_payload(&H256([0xee; 32])));
		let call = RuntimeCall::Learning(Call::report_score {
			report,
			key: Sr25519Keyring::Alice.public().into(),
			signature: foreign.into(),
		});
		let refused = call.authorize(TransactionSource::External).unwrap().map(|_| ());
		assert_eq!(refused, invalid(InvalidTransaction::BadProof));
	});
}

#[test]
fn report_is_refused_when_replayed() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let report = ScoreReport { submission, verdict: score(5, 1) };
		let alice = Sr25519Keyring::Alice;
		let signature = sign(alice, &report);
		assert_ok!(deliver(report, alice.public().into(), signature.clone()));
		assert_eq!(authorise(report, alice, alice), invalid(InvalidTransaction::Stale));
		// A block's author who includes it all the same changes nothing.
		assert_noop!(
			Learning::report_score(
				frame_system::RawOrigin::Authorized.into(),
				report,
				alice.public().into(),
				signature
			),
			Error::<Test>::AlreadyReported
		);
		// Neither may a member change its mind.
		let other = ScoreReport { submission, verdict: Verdict::Invalid };
		assert_eq!(authorise(other, alice, alice), invalid(InvalidTransaction::Stale));
	});
}

#[test]
fn report_is_refused_from_outside_the_committee() {
	let everyone = [&OPERATORS[..], &[Sr25519Keyring::Dave]].concat();
	ExtBuilder::default().operators(&everyone).build_and_check(|| {
		let submission = submit_and_draw(1);
		let drawn = evaluation(submission).unwrap();
		let outsider = everyone.into_iter().find(|who| drawn.seat(&who.to_account_id()).is_none()).unwrap();
		let report = ScoreReport { submission, verdict: score(5, 1) };
		assert_eq!(authorise(report, outsider, outsider), invalid(InvalidTransaction::BadSigner));
		let nobody = Sr25519Keyring::Eve;
		assert_eq!(authorise(report, nobody, nobody), invalid(InvalidTransaction::BadSigner));
	});
}

#[test]
fn report_is_refused_before_the_draw_after_the_window_and_for_unknown_submissions() {
	ExtBuilder::default().build_and_check(|| {
		let alice = Sr25519Keyring::Alice;
		let submission = submit(1);
		let report = ScoreReport { submission, verdict: score(5, 1) };
		assert_eq!(authorise(report, alice, alice), invalid(InvalidTransaction::Stale));
		let unknown = ScoreReport { submission: 9, ..report };
		assert_eq!(authorise(unknown, alice, alice), invalid(InvalidTransaction::Stale));
		run_to(1 + DELAY + 1);
		let deadline = evaluation(submission).unwrap().deadline;
		run_to(deadline);
		assert_ok!(authorise(report, alice, alice));
		run_to(deadline + 1);
		assert_eq!(authorise(report, alice, alice), invalid(InvalidTransaction::Stale));
	});
}

#[test]
fn report_is_refused_when_its_numbers_contradict_each_other() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let Verdict::Scored(good) = score(5, 1) else { unreachable!("score is scored") };
		for wrong in [
			EvaluationOutcome { sequences: SAMPLE - 1, ..good },
			EvaluationOutcome { bytes: good.bytes + 1, ..good },
			EvaluationOutcome { sum_diff: good.sum_diff + 1, ..good },
			EvaluationOutcome { sum_diff_sq: 0, ..good },
		] {
			let report = ScoreReport { submission, verdict: Verdict::Scored(wrong) };
			let alice = Sr25519Keyring::Alice;
			assert_eq!(authorise(report, alice, alice), invalid(InvalidTransaction::Call));
		}
	});
}

#[test]
fn report_needs_an_authorised_origin() {
	ExtBuilder::default().build_and_check(|| {
		let report = ScoreReport { submission: submit_and_draw(1), verdict: score(5, 1) };
		let alice = Sr25519Keyring::Alice;
		assert_noop!(
			Learning::report_score(
				signed(alice.to_account_id()),
				report,
				alice.public().into(),
				sign(alice, &report)
			),
			sp_runtime::DispatchError::BadOrigin
		);
	});
}
