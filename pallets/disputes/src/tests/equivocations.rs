//! Two different verdicts under one key.

use super::*;
use crate::{Error, SignedReport};
use blyan_primitives::{traits::OffenceKind, ScoreReport, SubmissionId, Verdict};
use frame_support::{assert_noop, assert_ok};
use sp_core::Pair;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Dave};

fn report(who: Sr25519Keyring, submission: SubmissionId, verdict: Verdict) -> SignedReport {
	let report = ScoreReport { submission, verdict };
	let signature = who.pair().sign(&report.signing_payload(&Disputes::genesis_hash())).into();
	SignedReport { report, signature }
}

#[test]
fn two_verdicts_on_one_submission_are_an_offence() {
	story(|| {
		let (first, second) = (report(Alice, 7, honest()), report(Alice, 7, Verdict::Invalid));
		let send = |first: &SignedReport, second: &SignedReport, key: Sr25519Keyring| {
			let (first, second) = (first.clone(), second.clone());
			Disputes::report_equivocation(signed(&challenger()), first, second, key.public().into())
				.map_err(|error| error.error)
		};
		assert_noop!(send(&first, &first, Alice), Error::<Test>::NoEquivocation);
		assert_noop!(send(&first, &report(Alice, 8, Verdict::Invalid), Alice), Error::<Test>::NoEquivocation);
		assert_noop!(send(&first, &report(Bob, 7, Verdict::Invalid), Alice), Error::<Test>::BadSignature);
		assert_noop!(send(&first, &second, Bob), Error::<Test>::BadSignature);
		assert_noop!(send(&first, &second, Dave), Error::<Test>::KeyUnknown);
		assert_ok!(send(&first, &second, Alice));
		assert_ok!(send(&second, &first, Alice));
		let reports = Reports::get();
		assert_eq!(reports[0].0, Alice.to_account_id());
		assert_eq!((reports[0].1, reports[0].3.clone()), (OffenceKind::Equivocation, Some(challenger())));
		assert_eq!(reports[0].2, reports[1].2, "the same evidence, so it counts once");
	});
}
