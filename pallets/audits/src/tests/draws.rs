//! Draws: setters, auditors, and how often.

use super::*;
use crate::{Appointments, Audits, Enrolments, Event, NextAudit, Round};
use frame_support::{traits::Hooks, weights::Weight};
use sp_core::H256;
use std::collections::BTreeSet;

#[test]
fn a_commitment_is_not_used_when_its_author_could_know_the_seed() {
	world().nobody_enrolled().build_and_check(|| {
		Lead::set(10);
		for seed in 0..4 {
			enrol(seed, 0).unwrap();
		}
		let now = System::block_number();
		// An appointment that was made before the enrolment: its seed may be known to the author that enrols.
		for known in [now, now + 1, now + 9] {
			assert_eq!(AuditsPallet::open_with(now + 20, known, H256([1; 32])), None, "relay block {known}");
		}
		assert!(AuditsPallet::open_with(now + 20, now + 10, H256([1; 32])).is_some());
	});
}

#[test]
fn a_secret_that_is_exchanged_after_the_appointment_sets_no_audit_of_it() {
	world().with_rounds().build_and_check(|| {
		Lead::set(10);
		run_to(PERIOD);
		while Appointments::<Test>::get().is_empty() {
			run_to(System::block_number() + 1);
		}
		// The audit's seed comes in a few blocks, and an operator that authors blocks knows it a little sooner. All
		// exchange their secrets now.
		for seed in 0..4 {
			Enrolments::<Test>::remove(account(seed));
			enrol(seed, 1).unwrap();
		}
		let waiting = Appointments::<Test>::get().len();
		run_to(System::block_number() + 10);
		assert!(Appointments::<Test>::get().len() <= waiting, "the appointment came");
		assert_eq!(NextAudit::<Test>::get(), 0, "and nobody may set its audit");
		run_to(System::block_number() + 10);
		assert_eq!(NextAudit::<Test>::get(), 1, "the next audit's seed was unknown then");
	});
}

#[test]
fn an_audit_is_the_same_when_the_blocks_that_could_open_it_are_full() {
	let opened = |full: u32| {
		let mut drawn = None;
		world().operators(9).with_rounds().build_and_check(|| {
			Lead::set(3);
			run_to(PERIOD);
			while Appointments::<Test>::get().is_empty() {
				run_to(System::block_number() + 1);
			}
			let due = Appointments::<Test>::get()[0];
			// The authors of these blocks leave no room for what happens without being asked.
			AuditPeriod::set(0);
			let round = Round::<Test>::get();
			System::set_block_number(due + full);
			AuditsPallet::on_idle(due + full, Weight::zero());
			assert_eq!(NextAudit::<Test>::get(), 0);
			AuditsPallet::on_idle(due + full, Weight::MAX);
			let audit = record(0);
			let seats: Vec<_> = audit.seats.iter().map(|seat| seat.operator.clone()).collect();
			assert_eq!(Round::<Test>::get(), round);
			drawn = Some((audit.seed, audit.setter, audit.job, seats));
		});
		drawn
	};
	assert!(opened(0).is_some());
	for full in [1, 2, 7] {
		assert_eq!(opened(full), opened(0), "{full} full blocks");
	}
}

#[test]
fn only_the_enrolled_set_and_everybody_checks() {
	world().nobody_enrolled().build_and_check(|| {
		enrol(2, 0).unwrap();
		run_to(3);
		let audit = open();
		assert_eq!(number_of(&record(audit).setter), 2);
		let seats = record(audit).seats;
		let auditors: BTreeSet<u32> = seats.iter().map(|seat| number_of(&seat.operator)).collect();
		// All others, but for the first that would have set if it were enrolled.
		assert!(auditors.is_subset(&[0, 1, 3].into()) && auditors.len() >= 2, "{auditors:?}");
		// It sets one audit at a time, so there is no other now.
		assert_eq!(AuditsPallet::open_with(3, 3, H256([1; 32])), None);
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
		assert_eq!(AuditsPallet::open_with(2, 2, H256([1; 32])), None);
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
		assert_eq!(AuditsPallet::open_with(2, 2, H256([1; 32])), None);
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
