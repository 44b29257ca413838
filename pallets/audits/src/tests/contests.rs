//! Answers that contradict each other, and the disputes about them.

use super::*;
use crate::{verdict, Audits, Event, Phase, Vote};
use blyan_primitives::{
	traits::{Claims, Service::*},
	Subject,
};
use sp_core::H256;

type Claimants = Vec<(u32, blyan_primitives::Verdict)>;

fn claims(audit: u64) -> Claimants {
	AuditsPallet::claims(Subject::Audit(audit))
		.into_iter()
		.map(|(who, verdict)| (number_of(&who), verdict))
		.collect()
}

/// An audit whose last auditor claims something else; returns it, its setter and its auditors.
fn contested(last: impl Fn(u64) -> Vote) -> (u64, u32, [u32; 3]) {
	let audit = open();
	let setter = number_of(&record(audit).setter);
	let auditors = [0, 1, 2].map(|place| auditor(audit, place));
	let presented = present_by_the_coin(audit);
	let honest = Vote::about(&presented, &truth(audit));
	let votes = [honest, honest, last(audit)];
	vote_all(audit, &votes);
	reveal_all(audit, &votes);
	(audit, setter, auditors)
}

fn wrong(audit: u64) -> Vote {
	Vote::Deny(garbage(audit, 7))
}

#[test]
fn a_denier_of_the_truth_can_be_disputed_and_loses() {
	world().build_and_check(|| {
		let (audit, setter, [a, b, liar]) = contested(wrong);
		let subject = Subject::Audit(audit);
		let (truth, lie) = (verdict(truth(audit)), verdict(garbage(audit, 7)));
		assert_eq!(claims(audit), [(setter, truth), (a, truth), (b, truth), (liar, lie)]);
		assert_eq!(AuditsPallet::disputable(), [subject]);
		assert!(events().contains(&Event::Contested { audit, until: 2 + WINDOW }));
		assert_eq!(Envelope::get(), PURSE, "nobody is paid yet");

		let pinned = record(audit).job;
		assert_eq!(AuditsPallet::statement(subject, 0), Some(pinned.statement));
		assert_eq!(AuditsPallet::statement(subject, 1), None);
		assert_eq!(AuditsPallet::job(subject, 0).unwrap().statement(), Some(pinned.statement));
		assert_eq!(
			AuditsPallet::candidate(subject),
			Some((pinned.candidate, blyan_primitives::ExpertShape::First(CONFIG)))
		);

		AuditsPallet::note_opened(subject);
		run_to(100);
		assert!(AuditsPallet::is_disputable(subject), "as long as the dispute lasts");
		AuditsPallet::refuted(subject, lie.digest());
		AuditsPallet::note_closed(subject);
		end_block();
		assert!(!Audits::<Test>::contains_key(audit));
		for who in [setter, a, b] {
			assert_eq!(balance(who), 1_000 + PAY);
		}
		assert_eq!(balance(liar), 1_000);
		assert_eq!(services(), [(a, AuditPassed), (b, AuditPassed)]);
	});
}

#[test]
fn a_setter_that_lied_is_refuted_with_those_who_confirmed_it() {
	world().build_and_check(|| {
		let audit = open();
		let lie = garbage(audit, 5);
		present(audit, lie).unwrap();
		let honest = auditor(audit, 2);
		let votes = [Vote::Confirm, Vote::Confirm, Vote::Deny(truth(audit))];
		vote_all(audit, &votes);
		let subject = Subject::Audit(audit);
		reveal_setter(audit, lie).unwrap();
		for (place, vote) in votes.into_iter().enumerate() {
			reveal(audit, place, vote).unwrap();
		}
		end_block();
		assert_eq!(claims(audit).iter().filter(|(_, claim)| *claim == verdict(lie)).count(), 3);
		AuditsPallet::note_opened(subject);
		AuditsPallet::refuted(subject, verdict(lie).digest());
		AuditsPallet::note_closed(subject);
		run_past(*record(audit).until());
		assert_eq!(balance(honest), 1_000 + BOUNTY, "it caught a real error");
		assert_eq!(Envelope::get(), PURSE - BOUNTY);
		assert_eq!(services(), [(honest, AuditPassed)]);
	});
}

#[test]
fn the_truth_behind_a_forced_error_can_be_disputed_as_well() {
	world().all_forced().build_and_check(|| {
		let (audit, setter, [a, b, liar]) = contested(wrong);
		let (truth, lie) = (verdict(truth(audit)), verdict(garbage(audit, 7)));
		assert_eq!(claims(audit), [(setter, truth), (a, truth), (b, truth), (liar, lie)]);
		AuditsPallet::refuted(Subject::Audit(audit), lie.digest());
		run_past(*record(audit).until());
		assert_eq!([setter, a, b, liar].map(balance), [PAY, BOUNTY, BOUNTY, 0].map(|paid| 1_000 + paid));
	});
}

#[test]
fn who_nodded_has_no_claim_that_could_be_disputed() {
	world().all_forced().build_and_check(|| {
		let audit = open();
		let (setter, denier, liar) = (number_of(&record(audit).setter), auditor(audit, 0), auditor(audit, 2));
		present_by_the_coin(audit);
		let votes = [Vote::Deny(truth(audit)), Vote::Confirm, wrong(audit)];
		vote_all(audit, &votes);
		reveal_all(audit, &votes);
		let who: Vec<u32> = claims(audit).into_iter().map(|(who, _)| who).collect();
		assert_eq!(who, [setter, denier, liar]);
	});
}

#[test]
fn what_nobody_disputes_is_decided_by_more_than_half() {
	world().build_and_check(|| {
		let (audit, setter, [a, b, outvoted]) = contested(wrong);
		run_past(*record(audit).until());
		assert_eq!([setter, a, b, outvoted].map(balance), [PAY, PAY, PAY, 0].map(|paid| 1_000 + paid));
		assert_eq!(services(), [(a, AuditPassed), (b, AuditPassed), (outvoted, ReportOutvoted)]);
		assert_eq!(crimes(), []);
	});
}

#[test]
fn two_against_two_without_a_dispute_pay_nobody() {
	world().build_and_check(|| {
		let audit = open();
		let presented = present_by_the_coin(audit);
		let votes = [Vote::about(&presented, &truth(audit)), wrong(audit), wrong(audit)];
		vote_all(audit, &votes);
		reveal_all(audit, &votes);
		run_past(*record(audit).until());
		assert!(!Audits::<Test>::contains_key(audit));
		assert_eq!((Envelope::get(), services(), crimes()), (PURSE, vec![], vec![]));
	});
}

#[test]
fn nothing_is_disputable_before_everything_is_open_or_after_it_is_settled() {
	world().build_and_check(|| {
		let audit = open();
		let subject = Subject::Audit(audit);
		let is_quiet = || claims(audit).is_empty() && !AuditsPallet::is_disputable(subject);
		assert!(is_quiet());
		let votes = [Vote::Confirm, Vote::Confirm, wrong(audit)];
		present_by_the_coin(audit);
		assert!(is_quiet());
		vote_all(audit, &votes);
		assert!(is_quiet());
		// A stray word from elsewhere changes nothing.
		AuditsPallet::refuted(subject, verdict(truth(audit)).digest());
		AuditsPallet::note_opened(subject);
		AuditsPallet::note_opened(Subject::Submission(audit, H256::zero()));
		reveal_all(audit, &votes);
		assert!(matches!(record(audit).phase, Phase::Contested { games: 0, .. }));
		AuditsPallet::refuted(subject, sp_core::H256([1; 32]));
		run_past(*record(audit).until());
		assert!(is_quiet());
	});
}
