//! Each invariant notices its breach.

use super::{challenge::wrong, *};
use crate::{Accused, Challenges, Queued, Roots, Silent};
use frame_support::assert_ok;
use sp_runtime::TryRuntimeError;

/// Applies a breach to a sound chain and returns what the invariants report.
fn complaint(breach: fn()) -> TryRuntimeError {
	let (said, trace) = wrong();
	new_ext().execute_with(|| {
		said.serve();
		assert_ok!(challenge(&challenger(), said.signed(), Party::honest(trace).outcome()));
		Answers::do_try_state().unwrap();
		breach();
		Answers::do_try_state().unwrap_err()
	})
}

/// Changes the only challenge.
fn change(how: impl FnOnce(&mut crate::ChallengeRecordOf<Test>)) {
	let (id, mut record) = Challenges::<Test>::iter().next().unwrap();
	how(&mut record);
	Challenges::<Test>::insert(id, record);
}

#[test]
fn invariants_notice_each_breach() {
	let cases: [(fn(), &str); 10] = [
		(|| change(|record| record.signed.receipt.charged += 1), "a challenge is kept under another receipt"),
		(|| change(|record| record.outcome.bytes = 0), "a challenge contradicts no receipt"),
		(|| change(|record| record.phase = crate::Phase::Silent { until: 9 }), "silence is not on record"),
		(|| Accused::<Test>::remove(operator()), "the challenges against an operator are miscounted"),
		(|| Silent::<Test>::insert(operator(), 1), "the silences of an operator are miscounted"),
		(|| change(|record| record.bond += 1), "a bond is not on hold"),
		(|| change(|record| record.bond = 0), "a bond is held for a game that has its own"),
		(|| drop(Queued::<Test>::clear(9, None)), "a line has a gap"),
		(
			|| Roots::<Test>::mutate(wrong().0.world.root, |root| root.as_mut().unwrap().models = 2),
			"the models of a root are miscounted",
		),
		(|| Roots::<Test>::remove(wrong().0.world.root), "a model's root is unknown"),
	];
	for (breach, expected) in cases {
		assert_eq!(complaint(breach), TryRuntimeError::Other(expected));
	}
}
