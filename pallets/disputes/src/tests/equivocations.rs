//! Two different verdicts under one key.

use super::*;
use crate::{Error, Event, SignedReport};
use blyan_primitives::{traits::OffenceKind, DrawId, ScoreReport, Subject, SubmissionId, Verdict};
use blyan_support::genesis_hash;
use frame_support::{assert_noop, assert_ok, dispatch::Pays};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Dave};

fn report_on(draw: DrawId, who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> SignedReport {
	let report = ScoreReport { submission, verdict };
	let signature = who.pair().sign(&report.signing_payload(&genesis_hash::<Test>(), &draw)).into();
	SignedReport { report, draw, signature }
}

fn report(who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> SignedReport {
	report_on(DRAW, who, submission, verdict)
}

fn send(first: &SignedReport, second: &SignedReport, key: Sr25519Keyring) -> sp_runtime::DispatchResult {
	let (first, second) = (first.clone(), second.clone());
	Disputes::report_equivocation(signed(&challenger()), first, second, key.public().into())
		.map(|_| ())
		.map_err(|error| error.error)
}

/// Commits the challenger to a pair of reports.
fn commit_pair(first: &SignedReport, second: &SignedReport, key: Sr25519Keyring) {
	let key: blyan_primitives::OperatorId = key.public().into();
	commit_early(&challenger(), "report_equivocation", &(first, second, key));
}

#[test]
fn two_verdicts_on_one_draw_are_an_offence() {
	story(|| {
		all_claim(honest());
		let (first, second) = (report(Alice, 7, honest()), report(Alice, 7, Verdict::Invalid));
		assert_noop!(send(&first, &first, Alice), Error::<Test>::NoEquivocation);
		assert_noop!(send(&first, &report(Alice, 8, Verdict::Invalid), Alice), Error::<Test>::NoEquivocation);
		assert_noop!(send(&first, &report(Bob, 7, Verdict::Invalid), Alice), Error::<Test>::BadSignature);
		assert_noop!(send(&first, &second, Bob), Error::<Test>::BadSignature);
		assert_noop!(send(&first, &second, Dave), Error::<Test>::KeyUnknown);
		assert_noop!(send(&first, &second, Alice), Error::<Test>::NotCommitted);
		commit_pair(&first, &second, Alice);
		assert_ok!(send(&first, &second, Alice));
		let [(offender, kind, _, reporter)] = &Reports::get()[..] else { panic!("one offence") };
		assert_eq!((offender, *kind), (&Alice.to_account_id(), OffenceKind::Equivocation));
		assert_eq!(*reporter, Some(challenger()));
		System::assert_last_event(
			Event::EquivocationProven { submission: 7, operator: Alice.to_account_id() }.into(),
		);
	});
}

/// An honest operator that sits in both committees of a submission that was drawn twice signs two different true
/// verdicts, and both are in block bodies for everyone to copy. When reports named the submission alone, that pair cost it half
/// of its stake.
#[test]
fn attack_redraw_an_honest_operator_and_report_its_two_true_verdicts() {
	story(|| {
		all_claim(honest());
		let redraw = H256([8; 32]);
		claim(Subject::Submission(7, redraw), &[(Alice, Verdict::Invalid)]);
		let first = report(Alice, 7, honest());
		let second = report_on(redraw, Alice, 7, Verdict::Invalid);
		assert_noop!(send(&first, &second, Alice), Error::<Test>::NoEquivocation);
		// Nor does it help to pretend that the second one was signed for the first draw.
		let forged = SignedReport { draw: DRAW, ..second };
		assert_noop!(send(&first, &forged, Alice), Error::<Test>::BadSignature);
		assert_eq!(Reports::get(), []);
	});
}

/// A call that is free, and succeeds again and again with the same arguments, is block space for nothing.
#[test]
fn attack_fill_blocks_with_one_equivocation() {
	story(|| {
		all_claim(honest());
		let (first, second) = (report(Alice, 7, honest()), report(Alice, 7, Verdict::Invalid));
		commit_pair(&first, &second, Alice);
		let (one, two, key) = (first.clone(), second.clone(), Alice.public().into());
		let post = Disputes::report_equivocation(signed(&challenger()), one, two, key).unwrap();
		assert_eq!(post.pays_fee, Pays::No);
		for _ in 0..100 {
			assert_noop!(send(&first, &second, Alice), Error::<Test>::AlreadyReported);
			assert_noop!(send(&second, &first, Alice), Error::<Test>::AlreadyReported);
		}
		// Nor can the operator make up draws of its own to contradict itself about.
		let made_up = H256([9; 32]);
		let pair = [honest(), Verdict::Invalid].map(|verdict| report_on(made_up, Alice, 1 << 40, verdict));
		assert_noop!(send(&pair[0], &pair[1], Alice), Error::<Test>::DrawUnknown);
		assert_eq!(Reports::get().len(), 1);
	});
}
