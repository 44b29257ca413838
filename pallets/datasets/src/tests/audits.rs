//! Audits by drawn operators.

use super::mock::*;
use crate::*;
use blyan_primitives::{
	traits::Service, AuditFinding, AuditReport, DatasetAuditMessage, DatasetReason, DatasetStage,
	LicenceFinding,
};
use blyan_runtime_api::datasets::AuditStep;
use blyan_support::mocks;
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, H256};

type Failure = Error<Test>;

const EXAMINED: fn() -> AuditFinding = || AuditFinding::Examined(clean());

#[test]
fn a_committee_is_drawn_by_a_seed_that_did_not_exist_at_the_appointment() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		assert_eq!(audit(dataset).step, AuditStep::Appointed);
		run(1);
		assert!(audit(dataset).seats.is_empty(), "the seed is not known yet");
		let auditors = drawn(dataset);
		assert_eq!(auditors.len(), 5);
		assert_eq!(audit(dataset).step, AuditStep::Sealing);
		let window = record(dataset).audit_window_end.unwrap();
		assert_eq!(window, System::block_number() - 1 + SEAL_WINDOW + REVEAL_WINDOW);
	});
}

#[test]
fn an_audit_without_findings_against_it_opens_a_vote_and_pays_all() {
	story(9, || {
		let dataset = reported(ALICE, 1, clean());
		assert_eq!(stage(dataset), DatasetStage::Vote);
		assert_eq!(record(dataset).report, Some(clean()));
		assert_eq!(Paid::get().len(), 5);
		assert!(Services::get().is_empty());
	});
}

#[test]
fn thresholds_reject_without_a_vote() {
	let cases = [
		(AuditReport { pii: 10_001, ..clean() }, DatasetReason::Safety),
		(AuditReport { toxicity: 100_001, ..clean() }, DatasetReason::Safety),
		(AuditReport { duplicate_rate: 950_001, ..clean() }, DatasetReason::Duplicate),
		(AuditReport { copyright_hits: 1, ..clean() }, DatasetReason::Copyright),
		(AuditReport { licence: LicenceFinding::Unknown, ..clean() }, DatasetReason::Copyright),
		(AuditReport { malformed: 600_000, ..clean() }, DatasetReason::Quality),
	];
	for (report, reason) in cases {
		story(9, || {
			let dataset = reported(ALICE, 1, report);
			assert_eq!(stage(dataset), DatasetStage::Rejected(reason));
			let conduct = Conducts::<Test>::get(account(ALICE));
			assert_eq!((conduct.failures, conduct.offers), (1, 1));
		});
	}
}

#[test]
fn a_finding_that_departs_from_the_others_is_paid_nothing_and_costs_nothing() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let lie = AuditFinding::Examined(AuditReport { toxicity: 999_999, ..clean() });
		play(dataset, |place| if place == 2 { lie } else { EXAMINED() });
		assert_eq!(record(dataset).report, Some(clean()));
		assert_eq!(Paid::get().len(), 4);
		let departed = System::events()
			.into_iter()
			.any(|entry| matches!(entry.event, RuntimeEvent::DatasetsPallet(Event::FindingDeparted { .. })));
		assert!(departed && Services::get().is_empty());
	});
}

#[test]
fn bytes_that_auditors_cannot_get_reject_and_keep_the_root() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		play(dataset, |_| AuditFinding::Unavailable);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Withdrawn));
		assert_eq!(Conducts::<Test>::get(account(ALICE)).failures, 1);
		assert!(Roots::<Test>::contains_key(record(dataset).root));
		assert!(Paid::get().is_empty(), "finding nothing takes no work");
	});
}

#[test]
fn a_manifest_that_is_not_what_was_offered_is_of_no_quality() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		play(dataset, |place| if place < 4 { AuditFinding::Malformed } else { EXAMINED() });
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Quality));
	});
}

#[test]
fn a_silent_committee_is_drawn_again_once_and_the_offer_is_given_back() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let first = drawn(dataset);
		let draw = audit(dataset).draw;
		run(SEAL_WINDOW + 2);
		assert_eq!(audit(dataset).round, 1);
		drawn(dataset);
		assert_ne!(audit(dataset).draw, draw);
		assert_eq!(Conducts::<Test>::get(account(ALICE)).offers, 1);
		run(SEAL_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::AuditTimeout));
		let conduct = Conducts::<Test>::get(account(ALICE));
		assert_eq!((conduct.offers, conduct.failures, conduct.decided), (0, 0, 0));
		assert!(!first.is_empty() && Paid::get().is_empty());
		assert!(Services::get().is_empty(), "no quorum could examine it, so no auditor is to blame");
		assert_ok!(submit(ALICE, offer(1)));
	});
}

#[test]
fn a_silent_minority_is_noted_where_a_quorum_could_examine() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let auditors = drawn(dataset);
		for who in &auditors[1..] {
			seal(dataset, *who, EXAMINED()).unwrap();
		}
		run(SEAL_WINDOW + 1);
		assert_eq!(Services::get(), [(account(auditors[0]), Service::SealMissed)]);
		assert_noop!(
			seal(dataset, auditors[0], EXAMINED()),
			sp_runtime::DispatchError::Other("Transaction is outdated")
		);
		for who in &auditors[1..4] {
			reveal(dataset, *who, EXAMINED()).unwrap();
		}
		run(REVEAL_WINDOW + 1);
		// Three of five are no two thirds.
		assert_eq!(audit(dataset).round, 1);
		assert_eq!(Services::get()[1], (account(auditors[4]), Service::RevealMissed));
	});
}

#[test]
fn messages_count_in_their_step_once_and_with_their_seal() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let auditors = drawn(dataset);
		let [first, second] = [auditors[0], auditors[1]];
		let outsider = (0..9).find(|who| !auditors.contains(who)).unwrap();
		assert!(seal(dataset, outsider, EXAMINED()).is_err());
		seal(dataset, first, EXAMINED()).unwrap();
		assert!(seal(dataset, first, AuditFinding::Malformed).is_err(), "a seal is final");
		assert!(reveal(dataset, first, EXAMINED()).is_err(), "others are not sealed yet");
		for who in &auditors[1..] {
			seal(dataset, *who, EXAMINED()).unwrap();
		}
		run(1);
		assert!(reveal(dataset, second, AuditFinding::Unavailable).is_err(), "another finding");
		let message = DatasetAuditMessage::Reveal { dataset, finding: EXAMINED(), salt: H256::zero() };
		assert!(deliver(call(message, second)).is_err(), "another salt");
		reveal(dataset, second, EXAMINED()).unwrap();
		assert!(reveal(dataset, second, EXAMINED()).is_err(), "once");
	});
}

#[test]
fn an_implausible_report_cannot_be_opened() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let broken = AuditFinding::Examined(AuditReport { records: 0, ..clean() });
		let auditors = drawn(dataset);
		for who in &auditors {
			seal(dataset, *who, broken).unwrap();
		}
		run(1);
		assert!(reveal(dataset, auditors[0], broken).is_err());
	});
}

#[test]
fn duties_name_what_an_auditor_owes() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let auditors = drawn(dataset);
		let who = account(auditors[0]);
		let duties = DatasetsPallet::duties(&who);
		assert_eq!(duties.len(), 1);
		assert_eq!((duties[0].dataset, duties[0].draw), (dataset, audit(dataset).draw));
		assert_eq!((duties[0].manifest, duties[0].root), (offer(1).0.manifest, offer(1).0.root));
		seal(dataset, auditors[0], EXAMINED()).unwrap();
		assert!(DatasetsPallet::duties(&who).is_empty());
		for who in &auditors[1..] {
			seal(dataset, *who, EXAMINED()).unwrap();
		}
		run(1);
		let duties = DatasetsPallet::duties(&who);
		assert_eq!(duties[0].step, AuditStep::Revealing);
		assert_eq!(duties[0].seal, Some(EXAMINED().seal(&audit(dataset).draw, &salt(auditors[0]), &who)));
		let state = DatasetsPallet::audit(dataset).unwrap();
		assert!(state.seats.iter().all(|seat| seat.sealed && !seat.revealed));
	});
}

#[test]
fn too_few_operators_wait_for_others_and_give_the_offer_back() {
	story(2, || {
		let dataset = audited(ALICE, 1);
		run(2 * DRAW_WINDOW + 10);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::AuditTimeout));
	});
	story(2, || {
		let dataset = audited(ALICE, 1);
		run(DRAW_WINDOW / 2);
		register(2);
		assert_eq!(drawn(dataset).len(), 3);
	});
}

#[test]
fn advance_does_what_is_due_and_nothing_else() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let auditors = drawn(dataset);
		assert_noop!(DatasetsPallet::advance(signed(BOB), dataset), Failure::NothingDue);
		for who in auditors {
			seal(dataset, who, EXAMINED()).unwrap();
		}
		assert_ok!(DatasetsPallet::advance(signed(BOB), dataset));
		assert_eq!(audit(dataset).step, AuditStep::Revealing);
	});
}

#[test]
fn a_chain_that_is_older_than_the_pallet_begins_at_its_present() {
	story(9, || {
		System::set_block_number(1_000_000);
		run(2);
		let dataset = audited(ALICE, 1);
		assert_eq!(drawn(dataset).len(), 5);
		play(dataset, |_| AuditFinding::Examined(clean()));
		assert_eq!(stage(dataset), DatasetStage::Vote);
	});
}

#[test]
fn a_seal_is_signed_over_these_bytes_and_held_by_this_tag() {
	story(5, || {
		let dataset = audited(ALICE, 1);
		let who = drawn(dataset)[0];
		let (seal, genesis, draw) = (H256([5; 32]), System::block_hash(0), audit(dataset).draw);
		let parts = [
			&genesis.0[..],
			&draw.0,
			&[0],
			&dataset.dataset.to_le_bytes(),
			&dataset.version.to_le_bytes(),
			&seal.0,
		];
		let payload = mocks::payload_of(b"blyan/dataset/audit/1", &parts);
		let signature = pair(who).sign(&payload).into();
		let call = Call::<Test>::seal { dataset, seal, key: key(who), signature };
		let valid = mocks::authorise(&RuntimeCall::from(call)).unwrap();
		assert_eq!(valid.provides, [mocks::tag_of("blyan/dataset", (dataset, 0u8, key(who)))]);
		assert_eq!((valid.priority, valid.longevity), (u64::MAX, SEAL_WINDOW.into()));
		assert!(valid.propagate && valid.requires.is_empty());
	});
}
