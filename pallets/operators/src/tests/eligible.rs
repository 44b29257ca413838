//! Who may be drawn, and with which weight.

use super::mock::*;
use crate::{Capabilities, OperatorProfile, Operators as Records, Role};
use blyan_primitives::{
	hardware_root,
	traits::{EligibleOperator, OffenceKind, OperatorSet, OperatorStakes, Service},
	Region,
};
use frame_support::assert_ok;
use sp_core::H256;

/// The weight of an operator with one coin of which nothing is known: a 64th of what reputation and stake give.
const NEWCOMER: u32 = 500_000 / 64;

fn trio() -> ExtBuilder {
	// Not in the order of the accounts, to show that the answer is.
	ExtBuilder::default().operator(CHARLIE, "Charlie").operator(ALICE, "Alice").operator(BOB, "Bob")
}

#[test]
fn eligible_leaves_out_who_was_silent_for_a_period_until_heard_again() {
	trio().build_and_check(|| {
		let names = || Operators::eligible().into_iter().map(|operator| operator.account).collect::<Vec<_>>();
		System::set_block_number(2 * PERIOD - 1);
		assert_eq!(names(), [ALICE, BOB, CHARLIE]);
		System::set_block_number(2 * PERIOD);
		assert_eq!(names(), Vec::<u64>::new());
		hear("Bob");
		hear("Alice");
		assert_eq!(names(), [ALICE, BOB]);
	});
}

#[test]
fn eligible_says_on_what_an_operator_runs_where_and_for_how_much() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		let expected = EligibleOperator {
			hardware: hardware_root(&machine(ALICE)),
			stake: UNIT,
			region: Region(*b"DE"),
			..EligibleOperator::independent(ALICE, NEWCOMER)
		};
		assert_eq!(Operators::eligible(), [expected]);
	});
}

#[test]
fn eligible_leaves_out_who_does_not_evaluate() {
	ExtBuilder::default().operator(BOB, "Bob").build_and_check(|| {
		let server =
			OperatorProfile { role: Role::Server, capabilities: Capabilities::SERVE, ..profile(ALICE) };
		assert_ok!(Operators::register(signed(ALICE), server, key("Alice"), proof("Alice", ALICE), RICHES));
		let names = || Operators::eligible().into_iter().map(|one| one.account).collect::<Vec<_>>();
		assert_eq!(names(), [BOB]);
		let both = Capabilities::SERVE | Capabilities::EVALUATE;
		assert_ok!(Operators::update_capabilities(signed(ALICE), both, server.hardware));
		assert_eq!(names(), [BOB], "nobody steps into a draw that it knows");
		System::set_block_number(PERIOD);
		hear("Alice");
		assert_eq!(names(), [ALICE, BOB]);
		assert_ok!(Operators::update_capabilities(signed(ALICE), Capabilities::SERVE, server.hardware));
		assert_eq!(names(), [ALICE, BOB], "nor aside");
		System::set_block_number(2 * PERIOD);
		hear("Alice");
		hear("Bob");
		assert_eq!(names(), [BOB]);
	});
}

#[test]
fn a_priority_operator_weighs_twice_what_its_stake_does() {
	ExtBuilder::default().build_and_check(|| {
		for (who, name, capabilities) in [
			(ALICE, "Alice", Capabilities::EVALUATE | Capabilities::PRIORITY),
			(BOB, "Bob", Capabilities::EVALUATE),
		] {
			let profile = OperatorProfile { capabilities, ..profile(who) };
			let stake = 100 * UNIT;
			assert_ok!(Operators::outbid(signed(who), profile, key(name), proof(name, who), stake, RICHES));
		}
		let weights = || Operators::eligible().iter().map(|one| one.weight).collect::<Vec<_>>();
		assert_eq!(weights(), [NEWCOMER, NEWCOMER], "nobody buys into a draw by registering for it");
		System::set_block_number(PERIOD);
		hear("Alice");
		hear("Bob");
		assert_eq!(weights(), [200 * 530_100 / 64, 100 * 530_100 / 64]);
		// Nor by promising to be ready when it is known who is drawn.
		let both = Capabilities::EVALUATE | Capabilities::PRIORITY;
		assert_ok!(Operators::update_capabilities(signed(BOB), both, H256::zero()));
		assert_eq!(weights()[1], 100 * 530_100 / 64);
	});
}

#[test]
fn a_larger_stake_at_registration_weighs_from_the_first_heartbeat_on() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(outbid(ALICE, "Alice", 50 * UNIT));
		let [alice] = &Operators::eligible()[..] else { panic!("there is one") };
		assert_eq!((alice.weight, alice.stake), (NEWCOMER, 50 * UNIT));
	});
}

#[test]
fn a_newcomer_weighs_more_with_every_verdict_that_was_right_until_it_has_worked_enough() {
	trio().build_and_check(|| {
		let weight = || Operators::eligible().iter().find(|one| one.account == ALICE).unwrap().weight;
		assert_eq!(weight(), NEWCOMER);
		Operators::note_service(&ALICE, Service::ReportOutvoted);
		assert_eq!(Records::<Test>::get(ALICE).unwrap().verified, 0);
		let mut last = 0;
		for _ in 0..63 {
			Operators::note_service(&ALICE, Service::ReportAgreed);
			assert!(weight() > last);
			last = weight();
		}
		assert!(last > 64 * NEWCOMER);
		Operators::note_service(&ALICE, Service::AuditPassed);
		assert_eq!(Records::<Test>::get(ALICE).unwrap().verified, 63);
		// What a lie costs is not only stake.
		Operators::note_offence(&ALICE, OffenceKind::HeartbeatsMissed);
		assert_eq!(Records::<Test>::get(ALICE).unwrap().verified, 63);
		Operators::note_offence(&ALICE, OffenceKind::FalseScore);
		// It also needs more at stake than before.
		assert!(Operators::present(&ALICE).is_none());
		assert_ok!(Operators::top_up(signed(ALICE), UNIT));
		assert!(weight() < NEWCOMER);
	});
}

#[test]
fn stake_weighs_from_the_next_heartbeat_on_so_that_nobody_buys_a_draw_it_knows() {
	trio().build_and_check(|| {
		let alice = || Operators::eligible().into_iter().find(|one| one.account == ALICE).unwrap();
		assert_ok!(Operators::top_up(signed(ALICE), 99 * UNIT));
		assert_eq!((alice().weight, alice().stake), (NEWCOMER, 100 * UNIT));
		System::set_block_number(PERIOD);
		hear("Alice");
		// The heartbeat itself is good for uptime: 20 % of the way up, of weight 0.3, and a thousandth of 0.1.
		assert_eq!(alice().weight, 100 * 530_100 / 64);
		// What is taken is gone at once.
		drop(Operators::slash(&ALICE, sp_runtime::Perbill::from_percent(50)));
		assert_eq!(alice().weight, 50 * 530_100 / 64);
	});
}

#[test]
fn eligible_weighs_by_reputation_and_leaves_out_who_has_none() {
	trio().build_and_check(|| {
		Operators::note_service(&ALICE, Service::ReportAgreed);
		Records::<Test>::mutate(BOB, |record| record.as_mut().unwrap().measures.violations = 1_000_000);
		let weights: Vec<_> =
			Operators::eligible().into_iter().map(|one| (one.account, one.weight)).collect();
		// 20 % of the way up in two measures, of weights 0.35 and 0.15, after one of 63 proofs of work.
		assert_eq!(weights, [(ALICE, 550_000 * 2 / 64), (CHARLIE, NEWCOMER)]);
	});
}

#[test]
fn eligible_leaves_out_who_is_quarantined_or_banned() {
	trio().build_and_check(|| {
		Operators::quarantine(&ALICE);
		Operators::ban(&BOB);
		let operator = EligibleOperator { stake: UNIT, ..EligibleOperator::independent(CHARLIE, NEWCOMER) };
		assert_eq!(Operators::eligible(), [operator]);
	});
}

#[test]
fn note_service_moves_the_measures_it_is_about() {
	trio().build_and_check(|| {
		let measures = || Records::<Test>::get(ALICE).unwrap().measures;
		Operators::note_service(&ALICE, Service::ReportOutvoted);
		assert_eq!((measures().proof_success, measures().job_completion), (400_000, 600_000));
		Operators::note_service(&ALICE, Service::SealMissed);
		assert_eq!(measures().job_completion, 480_000);
		Operators::note_service(&ALICE, Service::LineageGrown);
		assert_eq!(measures().lineage, 600_000);
	});
}

#[test]
fn note_service_ignores_whoever_is_no_operator() {
	trio().build_and_check(|| {
		Operators::note_service(&PAUPER, Service::ReportAgreed);
		assert_eq!(Records::<Test>::count(), 3);
	});
}
