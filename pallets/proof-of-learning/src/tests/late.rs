//! Seals that are opened after their time.

use super::*;
use blyan_primitives::traits::Claims;
use blyan_runtime_api::SubmissionOutcome;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie};

/// All seal `verdicts`, Alice and Bob open theirs, and the time for Charlie passes.
fn charlie_stays_shut(verdicts: [blyan_primitives::Verdict; 3]) -> (u64, blyan_primitives::DrawId) {
	let submission = submit_and_draw(1);
	for (who, verdict) in OPERATORS.into_iter().zip(verdicts) {
		seal_as(who, submission, verdict).unwrap();
	}
	for (who, verdict) in [Alice, Bob].into_iter().zip(verdicts) {
		reveal_as(who, submission, verdict).unwrap();
	}
	let draw = draw_id(submission);
	run_to(deadlines(submission).reveal + 1);
	end_block();
	assert_eq!(Reported::get().len(), 1, "Charlie hides something");
	(submission, draw)
}

#[test]
fn a_node_that_was_down_opens_its_seal_late_and_owes_nothing() {
	for is_closed in [false, true] {
		ExtBuilder::default().build_and_check(|| {
			let truth = score(64, 0);
			let (submission, draw) = charlie_stays_shut([truth; 3]);
			if is_closed {
				run_to_maturity(submission);
			}
			reveal_late_as(Charlie, draw, submission, truth).unwrap();
			assert_eq!(Reported::get(), []);
			assert!(reveal_late_as(Charlie, draw, submission, truth).is_err(), "it counts once");
			if !is_closed {
				let claims = Learning::claims(subject(submission));
				assert_eq!(claims.len(), 3, "it is a claim like the others");
			}
		});
	}
}

/// A member that sealed a lie, and sees others tell the truth, would rather not have sealed.
#[test]
fn attack_hide_a_lie_and_open_it_when_nobody_can_dispute_it() {
	ExtBuilder::default().build_and_check(|| {
		let (truth, lie) = (score(64, 0), score(0, 0));
		let (submission, draw) = charlie_stays_shut([truth, truth, lie]);
		assert!(reveal_late_as(Charlie, draw, submission, lie).is_err(), "it is not what was decided");
		assert!(reveal_late_as(Charlie, draw, submission, truth).is_err(), "and not what was sealed");
		run_to_maturity(submission);
		assert!(reveal_late_as(Charlie, draw, submission, lie).is_err());
		assert_eq!(Reported::get().len(), 1, "the offence stays");
	});
}

#[test]
fn a_late_verdict_of_a_draw_without_decision_can_be_disputed() {
	ExtBuilder::default().build_and_check(|| {
		MaxRedraws::set(1);
		let (submission, draw) = charlie_stays_shut([score(64, 0), score(1, 0), score(2, 0)]);
		let subject = blyan_primitives::Subject::Submission(submission, draw);
		assert_eq!(Learning::claims(subject).len(), 2);
		reveal_late_as(Charlie, draw, submission, score(2, 0)).unwrap();
		assert_eq!(Learning::claims(subject).len(), 3);
		assert_eq!(Reported::get(), []);
	});
}

/// Colluders that show an expert's bytes to each other alone had nobody to contradict them: who lacks the bytes seals nothing,
/// and had no claim.
#[test]
fn attack_accept_an_expert_that_honest_members_could_not_fetch() {
	ExtBuilder::default().build_and_check(|| {
		let (lie, truth) = (score(64, 0), score(0, 0));
		let submission = submit_and_draw(1);
		for who in [Alice, Bob] {
			seal_as(who, submission, lie).unwrap();
		}
		run_to(deadlines(submission).seal + 1);
		for who in [Alice, Bob] {
			reveal_as(who, submission, lie).unwrap();
		}
		end_block();
		let Some(SubmissionOutcome::Accepted { .. }) = outcome(submission) else { panic!("two of three") };
		let subject = subject(submission);
		assert_eq!(Learning::accepted(subject), Some(lie.digest()), "nodes demand what was accepted");
		// When the bytes had to be shown, the member that lacked them objects, once, and to nothing else.
		assert!(object_as(Charlie, submission, lie).is_err(), "to agree needs no look");
		assert!(object_as(Alice, submission, truth).is_err(), "a member that sealed has its claim");
		assert!(object_as(Sr25519Keyring::Dave, submission, truth).is_err(), "a stranger has no seat");
		object_as(Charlie, submission, truth).unwrap();
		assert!(object_as(Charlie, submission, score(1, 0)).is_err());
		assert_eq!(Learning::claims(subject).len(), 3, "so that its node can confront the lie");
		Learning::refuted(subject, lie.digest());
		assert_eq!((decision(submission), outcome(submission)), (None, None), "it is judged again");
	});
}

/// An objection is not paid for: whoever did not seal could copy what all others said.
#[test]
fn an_objection_that_turns_out_right_is_a_claim_and_no_report() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		let submission = submit_and_draw(1);
		for who in [Alice, Bob] {
			seal_as(who, submission, score(64, 0)).unwrap();
		}
		run_to(deadlines(submission).seal + 1);
		for who in [Alice, Bob] {
			reveal_as(who, submission, score(64, 0)).unwrap();
		}
		end_block();
		object_as(Charlie, submission, score(0, 0)).unwrap();
		run_to_maturity(submission);
		assert_eq!(Balances::free_balance(Charlie.to_account_id()), ENDOWMENT);
		assert_eq!(Balances::free_balance(Alice.to_account_id()), ENDOWMENT + 30);
	});
}
