//! Settlement of an audit, when everything that matters is proven by the secret.

use super::*;
use crate::{rules, Audits, Enrolments, Event, Message, VoidReason, Vote};
use blyan_primitives::traits::{
	OffenceKind::{FalseScore, RevealMissed, VerificationFailed},
	Service,
	Service::{AuditPassed, SealMissed},
};

const CONFIRM: Vote = Vote::Confirm;

fn deny(audit: u64) -> Vote {
	Vote::Deny(truth(audit))
}

fn voided() -> Option<VoidReason> {
	events().into_iter().find_map(|event| match event {
		Event::Voided { reason, .. } => Some(reason),
		_ => None,
	})
}

/// Runs a whole audit; returns setter and auditors.
fn play(votes: impl Fn(u64) -> [Vote; 3]) -> (u32, [u32; 3]) {
	let audit = open();
	let setter = number_of(&record(audit).setter);
	let auditors = [0, 1, 2].map(|place| auditor(audit, place));
	present_by_the_coin(audit);
	let votes = votes(audit);
	vote_all(audit, &votes);
	reveal_all(audit, &votes);
	(setter, auditors)
}

#[test]
fn a_true_answer_pays_setter_and_auditors() {
	world().build_and_check(|| {
		let (setter, auditors) = play(|_| [CONFIRM; 3]);
		for who in auditors {
			assert_eq!(balance(who), 1_000 + PAY);
		}
		assert_eq!(balance(setter), 1_000 + PAY);
		assert_eq!(services(), auditors.map(|who| (who, AuditPassed)));
		assert_eq!(crimes(), []);
		assert!(Audits::<Test>::iter_keys().next().is_none());
		assert!(events().contains(&Event::Settled { audit: 0, is_forced: false }));
	});
}

#[test]
fn who_confirms_a_forced_error_is_reported_and_who_catches_it_is_paid() {
	world().all_forced().build_and_check(|| {
		let (setter, [careful, lazy, diligent]) = play(|audit| [deny(audit), CONFIRM, deny(audit)]);
		assert_eq!(crimes(), [(lazy, VerificationFailed)]);
		assert_eq!(balance(lazy), 1_000);
		for who in [careful, diligent] {
			assert_eq!(balance(who), 1_000 + BOUNTY);
		}
		assert_eq!(balance(setter), 1_000 + PAY);
		assert_eq!(services(), [(careful, AuditPassed), (diligent, AuditPassed)]);
		assert!(events().contains(&Event::Settled { audit: 0, is_forced: true }));
	});
}

#[test]
fn a_nod_that_hides_is_a_nod() {
	world().all_forced().build_and_check(|| {
		let audit = open();
		let hidden = auditor(audit, 1);
		present_by_the_coin(audit);
		vote_all(audit, &[deny(audit), CONFIRM, deny(audit)]);
		reveal_setter(audit, truth(audit)).unwrap();
		reveal(audit, 0, deny(audit)).unwrap();
		reveal(audit, 2, deny(audit)).unwrap();
		run_past(*record(audit).until());
		assert_eq!(crimes(), [(hidden, VerificationFailed)]);
	});
}

#[test]
fn a_denial_that_repeats_what_was_presented_is_a_nod() {
	world().all_forced().build_and_check(|| {
		let audit = open();
		let clever = auditor(audit, 0);
		let presented = present_by_the_coin(audit);
		let votes = [Vote::Deny(presented), deny(audit), deny(audit)];
		vote_all(audit, &votes);
		reveal_all(audit, &votes);
		assert_eq!(crimes(), [(clever, VerificationFailed)]);
	});
}

#[test]
fn a_vote_that_was_lost_on_a_true_answer_costs_repute_and_no_stake() {
	world().build_and_check(|| {
		let audit = open();
		let unlucky = auditor(audit, 1);
		let silent = auditor(audit, 2);
		present_by_the_coin(audit);
		seal(audit, 0, CONFIRM).unwrap();
		seal(audit, 1, CONFIRM).unwrap();
		run_past(*record(audit).until());
		assert_eq!(services(), [(silent, SealMissed)]);
		reveal_setter(audit, truth(audit)).unwrap();
		reveal(audit, 0, CONFIRM).unwrap();
		let lucky = auditor(audit, 0);
		run_past(*record(audit).until());
		assert_eq!(
			services(),
			[(silent, SealMissed), (unlucky, Service::RevealMissed), (lucky, AuditPassed)]
		);
		assert_eq!(crimes(), []);
	});
}

#[test]
fn an_audit_without_a_presentation_is_void_and_costs_repute_only() {
	world().build_and_check(|| {
		let audit = open();
		let setter = number_of(&record(audit).setter);
		run_past(*record(audit).until());
		assert_eq!(voided(), Some(VoidReason::NothingPresented));
		assert_eq!((crimes(), services()), (vec![], vec![(setter, SealMissed)]));
		// Its secret is still good.
		assert_eq!(Enrolments::<Test>::get(account(setter)).unwrap().setting, None);
	});
}

#[test]
fn nobody_is_to_blame_when_the_model_moved() {
	world().build_and_check(|| {
		let audit = open();
		Generation::set(1);
		run_past(*record(audit).until());
		assert_eq!(voided(), Some(VoidReason::NothingPresented));
		let audit = open();
		present_by_the_coin(audit);
		seal(audit, 0, CONFIRM).unwrap();
		Generation::set(2);
		run_past(*record(audit).until());
		assert_eq!(services(), []);
	});
}

#[test]
fn an_audit_that_nobody_could_check_is_void() {
	world().build_and_check(|| {
		let audit = open();
		present_by_the_coin(audit);
		run_past(*record(audit).until());
		assert_eq!(voided(), Some(VoidReason::NoVotes));
		assert_eq!((crimes(), services()), (vec![], vec![]));
	});
}

#[test]
fn a_setter_that_keeps_its_secret_offends_and_nobody_else_does() {
	world().all_forced().build_and_check(|| {
		let audit = open();
		let setter = number_of(&record(audit).setter);
		present_by_the_coin(audit);
		vote_all(audit, &[CONFIRM, CONFIRM, deny(audit)]);
		reveal(audit, 0, CONFIRM).unwrap();
		run_past(*record(audit).until());
		assert_eq!(voided(), Some(VoidReason::NotRevealed));
		assert_eq!(crimes(), [(setter, RevealMissed)]);
		assert!(!Enrolments::<Test>::contains_key(account(setter)), "its secret is worth nothing any more");
		assert_eq!(Envelope::get(), PURSE);
	});
}

#[test]
fn a_setter_that_defies_its_coin_offends() {
	// It presents the truth where the coin asks for an error, to spare its friends or to trap the honest ...
	world().all_forced().build_and_check(|| {
		let audit = open();
		let setter = number_of(&record(audit).setter);
		present(audit, truth(audit)).unwrap();
		vote_all(audit, &[CONFIRM; 3]);
		reveal_all(audit, &[CONFIRM; 3]);
		assert_eq!(voided(), Some(VoidReason::CoinDefied));
		assert_eq!(crimes(), [(setter, FalseScore)]);
	});
	// ... or an error where the coin asks for the truth.
	world().build_and_check(|| {
		let audit = open();
		let (setter, seed) = (number_of(&record(audit).setter), record(audit).seed);
		present(audit, rules::distort(&truth(audit), &secret(setter, 0), &seed)).unwrap();
		vote_all(audit, &[deny(audit); 3]);
		reveal_all(audit, &[deny(audit); 3]);
		assert_eq!(voided(), Some(VoidReason::CoinDefied));
		assert_eq!(crimes(), [(setter, FalseScore)]);
	});
}

#[test]
fn an_upgrade_in_the_middle_harms_nobody() {
	world().all_forced().build_and_check(|| {
		let audit = open();
		Audits::<Test>::mutate(audit, |record| record.as_mut().unwrap().rules = rules::RULES - 1);
		present_by_the_coin(audit);
		vote_all(audit, &[CONFIRM; 3]);
		run_past(*record(audit).until());
		assert_eq!(voided(), Some(VoidReason::RulesChanged));
		assert_eq!((crimes(), services()), (vec![], vec![]));
	});
}

#[test]
fn an_empty_purse_changes_nothing_but_the_pay() {
	world().all_forced().build_and_check(|| {
		Envelope::set(0);
		let before = (0..4).map(balance).sum::<u128>();
		let (_, [_, lazy, _]) = play(|audit| [deny(audit), CONFIRM, deny(audit)]);
		assert_eq!(crimes(), [(lazy, VerificationFailed)]);
		assert_eq!((0..4).map(balance).sum::<u128>(), before);
		Envelope::set(PURSE);
	});
}

#[test]
fn evidence_is_different_for_every_offender_and_audit() {
	world().all_forced().build_and_check(|| {
		play(|_| [CONFIRM; 3]);
		let evidence: std::collections::BTreeSet<_> =
			Crimes::get().into_iter().map(|(_, _, evidence)| evidence).collect();
		assert_eq!(evidence.len(), 3);
	});
}

/// An operator that catches the error and crashes before it can say so is blamed like one that nodded. It lost a tenth of
/// its stake for an hour offline.
#[test]
fn attack_crash_an_honest_auditor_for_longer_than_the_window() {
	world().all_forced().build_and_check(|| {
		let audit = open();
		let (honest, lazy) = (auditor(audit, 1), auditor(audit, 2));
		present_by_the_coin(audit);
		let votes = [deny(audit), deny(audit), CONFIRM];
		vote_all(audit, &votes);
		reveal_setter(audit, truth(audit)).unwrap();
		reveal(audit, 0, votes[0]).unwrap();
		let truth = truth(audit);
		run_past(*record(audit).until());
		assert_eq!(crimes(), [(honest, VerificationFailed), (lazy, VerificationFailed)]);
		let overdue = crate::Overdue::<Test>::get(audit).unwrap();
		run_to(System::block_number() + 10 * REVEAL_WINDOW);
		let late = |place: usize, vote| {
			let seat = number_of(&overdue.seats[place].operator);
			say(seat, Message::RevealVote { audit, vote, salt: salt(seat) })
		};
		// Only what was sealed, and only if it caught the error.
		assert!(late(2, CONFIRM).is_err());
		assert!(late(2, Vote::Deny(truth)).is_err());
		assert!(late(1, CONFIRM).is_err());
		late(1, Vote::Deny(truth)).unwrap();
		assert_eq!(crimes(), [(lazy, VerificationFailed)]);
		assert!(late(1, Vote::Deny(truth)).is_err(), "once");
		assert!(crate::Overdue::<Test>::contains_key(audit), "the lazy one's seal is still shut");
	});
}

/// A setter that hides its secret is blamed as much as one that presented a lie, until it opens the secret.
#[test]
fn a_setter_that_reveals_late_owes_nothing_if_it_did_what_its_coin_said() {
	for lied in [false, true] {
		world().build_and_check(|| {
			let audit = open();
			let setter = number_of(&record(audit).setter);
			let truth = truth(audit);
			if lied {
				present(audit, garbage(audit, 1)).unwrap();
			} else {
				present_by_the_coin(audit);
			}
			vote_all(audit, &[CONFIRM; 3]);
			run_past(*record(audit).until());
			assert_eq!(crimes(), [(setter, RevealMissed)]);
			assert!(crate::Overdue::<Test>::contains_key(audit));
			run_to(System::block_number() + 10 * REVEAL_WINDOW);
			let revelation = crate::Revelation { secret: secret(setter, 0), truth };
			let next = rules::commitment(&sp_core::H256([9; 32]));
			let message = Message::RevealSetter { audit, revelation, next };
			assert_eq!(say(setter, message).is_ok(), !lied);
			assert_eq!(crimes(), if lied { vec![(setter, RevealMissed)] } else { vec![] });
			assert_eq!(crate::Overdue::<Test>::contains_key(audit), lied);
			assert!(say(setter, message).is_err(), "once");
		});
	}
}

#[test]
fn an_audit_is_void_when_the_definition_changed_in_the_middle_of_it() {
	world().build_and_check(|| {
		let audit = open();
		present_by_the_coin(audit);
		vote_all(audit, &[CONFIRM; 3]);
		Audits::<Test>::mutate(audit, |record| {
			let statement = &mut record.as_mut().unwrap().job.statement;
			let blyan_primitives::Statement::Evaluation(evaluation) = statement else {
				panic!("the model is of the first definition")
			};
			evaluation.definition -= 1;
		});
		run_past(*record(audit).until());
		assert_eq!((voided(), crimes()), (Some(VoidReason::RulesChanged), vec![]));
	});
}
