//! `commit_score`.

use super::*;
use crate::{Error, Event};
use blyan_primitives::{traits::Claims, OperatorId, ScoreReport, ScoreSeal, Verdict};
use blyan_runtime_api::{EvaluationStage, SubmissionState};
use blyan_support::{genesis_hash, mocks};
use frame_support::{
	assert_noop, assert_ok,
	pallet_prelude::{InvalidTransaction, TransactionValidityError},
};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve};

fn invalid(reason: InvalidTransaction) -> Result<(), TransactionValidityError> {
	Err(reason.into())
}

#[test]
fn seal_fills_the_members_seat_and_says_nothing() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let ScoreSeal { seal, .. } = seal(Alice, submission, score(5, 1));
		assert_ok!(seal_as(Alice, submission, score(5, 1)));
		let operator = Alice.to_account_id();
		let drawn = evaluation(submission).unwrap();
		assert_eq!(drawn.seat(&operator).unwrap().seal, Some(seal));
		assert_eq!(events(), [Event::ScoreSealed { submission, operator, seal }]);
		assert!(Learning::verdicts(submission).is_empty());
	});
}

#[test]
fn the_last_seal_opens_the_reveal_early() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let stage = || match Learning::submission(submission).unwrap().state {
			SubmissionState::Evaluating(active) => (active.stage, active.sealed, active.revealed),
			other => panic!("{other:?}"),
		};
		seal_as(Alice, submission, score(5, 1)).unwrap();
		seal_as(Bob, submission, score(5, 1)).unwrap();
		assert_eq!(stage(), (EvaluationStage::Sealing, 2, 0));
		let before = deadlines(submission);
		seal_as(Charlie, submission, score(5, 1)).unwrap();
		assert_eq!(stage(), (EvaluationStage::Revealing, 3, 0));
		let after = deadlines(submission);
		assert_eq!((after.seal, after.reveal), (before.seal, System::block_number() + REVEAL));
		assert!(after.reveal < before.reveal);
		reveal_as(Bob, submission, score(5, 1)).unwrap();
		assert_eq!(stage(), (EvaluationStage::Revealing, 3, 1));
	});
}

#[test]
fn seal_is_refused_when_late() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let Deadlines { seal: deadline, .. } = deadlines(submission);
		// Bob seals, so that the evaluation lasts beyond the deadline.
		seal_as(Bob, submission, score(5, 1)).unwrap();
		let late = || commit_call(Alice, seal(Alice, submission, score(5, 1)));
		run_to(deadline);
		assert_ok!(authorise(late()));
		run_to(deadline + 1);
		assert_eq!(authorise(late()), invalid(InvalidTransaction::Stale));
	});
}

#[test]
fn a_second_seal_is_refused() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		seal_as(Alice, submission, score(5, 1)).unwrap();
		let other = commit_call(Alice, seal(Alice, submission, Verdict::Invalid));
		assert_eq!(authorise(other.clone()), invalid(InvalidTransaction::Stale));
		// A block's author who includes it all the same changes nothing.
		let crate::Call::commit_score { seal, key, signature } = other else { unreachable!("it is one") };
		assert_noop!(
			Learning::commit_score(frame_system::RawOrigin::Authorized.into(), seal, key, signature),
			Error::<Test>::AlreadySealed
		);
	});
}

#[test]
fn seal_is_refused_from_outside_the_committee_and_with_another_signature() {
	let everyone = [&OPERATORS[..], &[Dave]].concat();
	ExtBuilder::default().operators(&everyone).build_and_check(|| {
		let submission = submit_and_draw(1);
		let drawn = evaluation(submission).unwrap();
		let is_member = |who: &Sr25519Keyring| drawn.seat(&who.to_account_id()).is_some();
		let outsider = everyone.iter().copied().find(|who| !is_member(who)).unwrap();
		let member = everyone.iter().copied().find(is_member).unwrap();
		for who in [outsider, Eve] {
			let call = commit_call(who, seal(who, submission, score(5, 1)));
			assert_eq!(authorise(call), invalid(InvalidTransaction::BadSigner));
		}
		let sealed = seal(member, submission, score(5, 1));
		for payload in [
			sealed.signing_payload(&H256([0xee; 32]), &draw_id(submission)),
			// A signature under a verdict is none under a seal.
			ScoreReport { submission, verdict: score(5, 1) }
				.signing_payload(&genesis_hash::<Test>(), &draw_id(submission)),
		] {
			let signature = member.pair().sign(&payload).into();
			let call = crate::Call::commit_score { seal: sealed, key: member.public().into(), signature };
			assert_eq!(authorise(call), invalid(InvalidTransaction::BadProof));
		}
	});
}

#[test]
fn seal_needs_an_authorised_origin_and_an_evaluation() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit(1);
		let sealed = seal(Alice, submission, score(5, 1));
		assert_eq!(authorise(commit_call(Alice, sealed)), invalid(InvalidTransaction::Stale));
		let unknown = ScoreSeal { submission: 9, ..sealed };
		assert_eq!(authorise(commit_call(Alice, unknown)), invalid(InvalidTransaction::Stale));
		run_to(1 + DELAY + 1);
		let crate::Call::commit_score { seal, key, signature } = commit_call(Alice, sealed) else {
			unreachable!("it is one")
		};
		assert_noop!(
			Learning::commit_score(signed(Alice.to_account_id()), seal, key, signature),
			sp_runtime::DispatchError::BadOrigin
		);
	});
}

#[test]
fn a_seal_of_an_earlier_draw_is_refused() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let earlier = commit_call(Alice, seal(Alice, submission, score(0, 0)));
		all_report(submission, score(0, 0));
		end_block();
		Learning::refuted(subject(submission), score(0, 0).digest());
		run_to(System::block_number() + DELAY + 1);
		assert!(evaluation(submission).is_some(), "it was drawn again");
		assert_eq!(authorise(earlier), invalid(InvalidTransaction::BadProof));
		assert_ok!(seal_as(Alice, submission, score(0, 0)));
	});
}

#[test]
fn a_copied_seal_earns_nothing() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let found = score(64, 0);
		let original = seal(Alice, submission, found);
		// Bob sees Alice's seal in the pool and is in the block before her: she can seal all the same.
		assert_ok!(authorise(commit_call(Bob, original)));
		include(commit_call(Bob, original)).unwrap();
		include(commit_call(Alice, original)).unwrap();
		seal_as(Charlie, submission, found).unwrap();
		reveal_as(Alice, submission, found).unwrap();
		reveal_as(Charlie, submission, found).unwrap();
		// Now everybody knows the verdict and Alice's salt, and Bob can open his copy with neither.
		for salt in [salt(Alice), salt(Bob)] {
			let report = ScoreReport { submission, verdict: found };
			let signature = sign(Bob, &report);
			let copied = crate::Call::reveal_score { report, salt, key: Bob.public().into(), signature };
			assert_eq!(authorise(copied), invalid(InvalidTransaction::Call));
		}
		run_to(deadlines(submission).reveal + 2);
		run_to_maturity(submission);
		assert!(!Payments::get().iter().any(|(who, _)| *who == Bob.to_account_id()));
		assert_eq!(Reported::get().len(), 1);
		assert_eq!(Reported::get()[0].0, Bob.to_account_id());
	});
}

#[test]
fn a_seal_is_signed_over_these_bytes_and_held_by_this_tag() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let (seal, genesis, draw) = (H256([5; 32]), System::block_hash(0), draw_id(submission));
		let parts = [&genesis.0[..], &draw.0, &submission.to_le_bytes(), &seal.0];
		let payload = mocks::payload_of(b"blyan/seal/1", &parts);
		let (key, signature) = (Alice.public().into(), Alice.pair().sign(&payload).into());
		let call = crate::Call::commit_score { seal: ScoreSeal { submission, seal }, key, signature };
		let valid = mocks::authorise(&RuntimeCall::Learning(call)).unwrap();
		let key: OperatorId = Alice.public().into();
		assert_eq!(valid.provides, [mocks::tag_of("blyan/seal", (submission, key))]);
		assert_eq!((valid.priority, valid.longevity), (u64::MAX, SEAL.into()));
		assert!(valid.propagate && valid.requires.is_empty());
	});
}
