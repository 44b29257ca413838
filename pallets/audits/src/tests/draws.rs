//! Who sets, who checks, and how often.

use super::*;
use crate::{Audits, Enrolments, Event, NextAudit, Round};
use frame_support::{traits::Hooks, weights::Weight};
use sp_core::H256;
use std::collections::BTreeSet;

#[test]
fn a_commitment_must_be_older_than_the_seed() {
	world().nobody_enrolled().build_and_check(|| {
		for seed in 0..4 {
			enrol(seed, 0).unwrap();
		}
		let now = System::block_number();
		assert_eq!(AuditsPallet::open_with(now, (H256([1; 32]), now)), None);
		assert_eq!(AuditsPallet::open_with(now + 5, (H256([1; 32]), now)), None, "old randomness");
		assert!(AuditsPallet::open_with(now + 5, (H256([1; 32]), now + 1)).is_some());
	});
}

#[test]
fn only_the_enrolled_set_and_everybody_checks() {
	world().nobody_enrolled().build_and_check(|| {
		enrol(2, 0).unwrap();
		run_to(3);
		let audit = open();
		assert_eq!(number_of(&record(audit).setter), 2);
		let auditors: BTreeSet<u32> = (0..3).map(|place| auditor(audit, place)).collect();
		assert_eq!(auditors, [0, 1, 3].into());
		// It sets one audit at a time, so there is no other now.
		assert_eq!(AuditsPallet::open_with(3, (H256([1; 32]), 3)), None);
	});
}

#[test]
fn relatives_do_not_check_each_other() {
	world().operators(6).build_and_check(|| {
		Eligible::mutate(|eligible| {
			for operator in eligible.iter_mut().skip(3) {
				operator.owner = account(77);
			}
			eligible[0].hardware = H256([1; 32]);
			eligible[1].hardware = H256([1; 32]);
		});
		// Three groups are left: one of 0 and 1, 2, and one of 3 to 5.
		let audit = open();
		assert_eq!(record(audit).seats.len(), 2);
		Auditors::set(2);
		MinAuditors::set(3);
		assert_eq!(AuditsPallet::open_with(2, (H256([1; 32]), 2)), None);
	});
}

#[test]
fn audits_are_spread_over_the_round() {
	world().operators(9).with_rounds().build_and_check(|| {
		SeatsPerRound::set(3);
		// Nine operators, three seats each, three to an audit: nine audits in twenty blocks.
		let begin = PERIOD;
		run_to(begin);
		assert_eq!(NextAudit::<Test>::get(), 0, "the first round begins after one period");
		let mut seen = Vec::new();
		for number in begin + 1..=begin + PERIOD {
			run_to(number);
			seen.push(NextAudit::<Test>::get());
		}
		assert_eq!(Round::<Test>::get().target, 9);
		for (block, opened) in seen.iter().enumerate() {
			assert_eq!(*opened, (block as u64 + 1) * 9 / u64::from(PERIOD), "block {block}");
		}
	});
}

#[test]
fn a_block_without_room_opens_nothing_and_says_what_it_took() {
	world().with_rounds().build_and_check(|| {
		run_to(PERIOD);
		let room = Weight::from_parts(1_500, 0);
		assert_eq!(AuditsPallet::on_idle(PERIOD, room), Weight::from_parts(1_000, 0));
		assert_eq!(AuditsPallet::on_idle(PERIOD, Weight::zero()), Weight::zero());
		assert_eq!(Round::<Test>::get().target, 0);
	});
}

#[test]
fn there_are_never_more_audits_than_fit() {
	world().operators(40).build_and_check(|| {
		for _ in 0..16 {
			open();
		}
		assert_eq!(AuditsPallet::open_with(2, (H256([1; 32]), 2)), None);
	});
}

#[test]
fn every_audit_is_another_one() {
	world().operators(20).build_and_check(|| {
		let audits: Vec<u64> = (0..10).map(|_| open()).collect();
		let seeds: BTreeSet<_> = audits.iter().map(|audit| record(*audit).seed).collect();
		let jobs: BTreeSet<_> = audits.iter().map(|audit| record(*audit).job.statement.id()).collect();
		let setters: BTreeSet<_> = audits.iter().map(|audit| record(*audit).setter).collect();
		assert_eq!((seeds.len(), jobs.len(), setters.len()), (10, 10, 10));
		assert!(audits.iter().all(|audit| is_pinned(&record(*audit).job)));
		let opened = events().into_iter().filter(|event| matches!(event, Event::Opened { .. })).count();
		assert_eq!((opened, Audits::<Test>::iter_keys().count()), (10, 10));
		assert!(setters.iter().all(|who| Enrolments::<Test>::get(who).unwrap().setting.is_some()));
	});
}
