//! Who may be drawn, and with which weight.

use super::mock::*;
use crate::Operators as Records;
use blyan_primitives::traits::OperatorSet;
use frame_support::assert_ok;
use frame_system::RawOrigin;
use proptest::prelude::*;

fn trio() -> ExtBuilder {
	// Not in the order of the accounts, to show that the answer is.
	ExtBuilder::default().operator(CHARLIE, "Charlie").operator(ALICE, "Alice").operator(BOB, "Bob")
}

#[test]
fn eligible_leaves_out_who_was_silent_for_a_period_until_heard_again() {
	trio().build_and_check(|| {
		let names = || Operators::eligible().into_iter().map(|(who, _)| who).collect::<Vec<_>>();
		System::set_block_number(2 * PERIOD - 1);
		assert_eq!(names(), [ALICE, BOB, CHARLIE]);
		System::set_block_number(2 * PERIOD);
		assert_eq!(names(), Vec::<u64>::new());
		for name in ["Bob", "Alice"] {
			let signature = heartbeat_signature(name, 2);
			assert_ok!(Operators::heartbeat(RawOrigin::Authorized.into(), 2, key(name), signature));
		}
		assert_eq!(names(), [ALICE, BOB]);
	});
}

#[test]
fn eligible_weighs_by_reputation_and_leaves_out_who_has_none() {
	trio().build_and_check(|| {
		Operators::note_report(&ALICE, true);
		for _ in 0..5 {
			Operators::note_report(&BOB, false);
		}
		assert_eq!(Operators::eligible(), [(ALICE, 600_000), (CHARLIE, 500_000)]);
	});
}

#[test]
fn note_report_ignores_whoever_is_no_operator() {
	trio().build_and_check(|| {
		Operators::note_report(&PAUPER, true);
		assert_eq!(Records::<Test>::count(), 3);
	});
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn note_report_stays_on_the_scale(reports in prop::collection::vec(any::<bool>(), 0..40)) {
		trio().build_and_check(|| {
			let mut expected = 500_000i64;
			for with_majority in reports {
				Operators::note_report(&ALICE, with_majority);
				expected += if with_majority { 100_000 } else { -100_000 };
				expected = expected.clamp(0, 1_000_000);
			}
			assert_eq!(i64::from(Records::<Test>::get(ALICE).unwrap().reputation), expected);
		});
	}
}
