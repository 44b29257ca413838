//! Operators that miss their seals: kept out of draws for a while, and nothing else.

use super::mock::*;
use crate::{Capabilities, Error, Event, OperatorProfile, Operators as Records};
use blyan_primitives::traits::{OperatorSet, OperatorStakes, Service};
use frame_support::{assert_noop, assert_ok};

fn miss(who: u64, times: u32) {
	for _ in 0..times {
		Operators::note_service(&who, Service::SealMissed);
	}
}

#[test]
fn three_missed_seals_in_a_row_keep_an_operator_out_of_draws_and_cost_no_stake() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		miss(ALICE, 2);
		assert_eq!(Operators::eligible().len(), 1);
		miss(ALICE, 1);
		assert!(Operators::eligible().is_empty());
		assert_eq!(Operators::stake(&ALICE), Some(UNIT));
		assert_eq!(
			take_events(),
			[Event::Chilled { who: ALICE, missed: 3 }, Event::Quarantined { who: ALICE, until: 16 }]
		);
		assert_noop!(Operators::return_to_duty(signed(ALICE)), Error::<Test>::StillQuarantined);
		System::set_block_number(16);
		assert_ok!(Operators::return_to_duty(signed(ALICE)));
		assert_eq!(Operators::eligible().len(), 1);
		// It begins at zero again.
		miss(ALICE, 2);
		assert_eq!(Operators::eligible().len(), 1);
	});
}

#[test]
fn anything_sealed_begins_the_count_again() {
	for service in
		[Service::ReportAgreed, Service::ReportOutvoted, Service::RevealMissed, Service::AuditPassed]
	{
		ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
			for _ in 0..5 {
				miss(ALICE, 2);
				Operators::note_service(&ALICE, service);
			}
			assert_eq!(Records::<Test>::get(ALICE).unwrap().quarantined_until, None);
			// What others did for it is no seal.
			miss(ALICE, 2);
			Operators::note_service(&ALICE, Service::LineageGrown);
			miss(ALICE, 1);
			assert!(Operators::eligible().is_empty());
		});
	}
}

#[test]
fn a_priority_operator_is_out_after_one() {
	ExtBuilder::default().build_and_check(|| {
		let capabilities = Capabilities::EVALUATE | Capabilities::PRIORITY;
		let profile = OperatorProfile { capabilities, ..profile(ALICE) };
		assert_ok!(Operators::register(signed(ALICE), profile, key("Alice"), proof("Alice", ALICE), RICHES));
		miss(ALICE, 1);
		assert!(Operators::eligible().is_empty());
	});
}

#[test]
fn a_pardon_for_something_else_does_not_bring_it_back() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		miss(ALICE, 3);
		Operators::quarantine(&ALICE);
		Operators::release(&ALICE);
		assert!(Operators::eligible().is_empty());
		System::set_block_number(16);
		assert_ok!(Operators::return_to_duty(signed(ALICE)));
	});
}

#[test]
fn an_operator_that_is_leaving_is_only_counted() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		miss(ALICE, 5);
		assert_eq!(Records::<Test>::get(ALICE).unwrap().quarantined_until, None);
	});
}
