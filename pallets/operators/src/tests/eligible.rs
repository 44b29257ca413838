//! Who may be drawn, and with which weight.

use super::mock::*;
use crate::Operators as Records;
use blyan_primitives::{
	hardware_root,
	traits::{EligibleOperator, OperatorSet, OperatorStakes, Service},
};
use frame_support::assert_ok;
use sp_core::H256;

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
fn eligible_says_whom_an_operator_belongs_to_and_on_what_it_runs() {
	ExtBuilder::default().build_and_check(|| {
		let sub = 21;
		assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), sub, RICHES));
		assert_ok!(register(sub, "Sub"));
		let hardware = hardware_root(&machine(sub));
		let expected = EligibleOperator { account: sub, weight: 500_000, owner: 11, hardware, stake: 0 };
		assert_eq!(Operators::eligible(), [expected]);
	});
}

#[test]
fn eligible_weighs_by_reputation_and_leaves_out_who_has_none() {
	trio().build_and_check(|| {
		Operators::note_service(&ALICE, Service::ReportAgreed);
		Records::<Test>::mutate(BOB, |record| record.as_mut().unwrap().measures.violations = 1_000_000);
		let weights: Vec<_> =
			Operators::eligible().into_iter().map(|one| (one.account, one.weight)).collect();
		// 20 % of the way up in two measures, of weights 0.25 and 0.1.
		assert_eq!(weights, [(ALICE, 535_000), (CHARLIE, 500_000)]);
	});
}

#[test]
fn eligible_leaves_out_who_is_quarantined_or_banned() {
	trio().build_and_check(|| {
		Operators::quarantine(&ALICE);
		Operators::ban(&BOB);
		let operator = EligibleOperator {
			account: CHARLIE,
			weight: 500_000,
			owner: CHARLIE,
			hardware: H256::zero(),
			stake: 0,
		};
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
		Operators::note_service(&ALICE, Service::BlobServed);
		assert_eq!((measures().lineage, measures().bandwidth), (600_000, 600_000));
	});
}

#[test]
fn note_service_ignores_whoever_is_no_operator() {
	trio().build_and_check(|| {
		Operators::note_service(&PAUPER, Service::ReportAgreed);
		assert_eq!(Records::<Test>::count(), 3);
	});
}
