//! Stories of numbers: an index comes back, its holder does not.

use super::mock::*;
use crate::{reputation::newcomer, Opened, OpenedComponents, Operators as Records};
use blyan_primitives::{
	traits::{OffenceKind, OperatorSet, OperatorStakes, Service},
	Measurement, OperatorUid,
};
use frame_support::assert_ok;

fn uid(who: u64) -> OperatorUid {
	Records::<Test>::get(who).unwrap().uid
}

fn leave(who: u64) {
	assert_ok!(Operators::exit(signed(who)));
	System::set_block_number(System::block_number() + 50);
	assert_ok!(Operators::withdraw(signed(who)));
}

#[test]
fn an_index_is_given_out_again_under_a_higher_generation() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		assert_eq!(uid(ALICE), OperatorUid { index: 0, generation: 0 });
		assert_eq!(uid(BOB), OperatorUid { index: 1, generation: 0 });
		leave(ALICE);
		assert_ok!(register(CHARLIE, "Charlie"));
		assert_eq!(uid(CHARLIE), OperatorUid { index: 0, generation: 1 });
		assert_ok!(register(ALICE, "Alice"));
		assert_eq!(uid(ALICE), OperatorUid { index: 2, generation: 0 });
	});
}

#[test]
fn a_returning_operator_inherits_nothing() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(PERIOD);
		hear("Alice");
		Operators::note_service(&ALICE, Service::ReportAgreed);
		Operators::note_offence(&ALICE, OffenceKind::RevealMissed);
		Operators::quarantine(&ALICE);
		Opened::<Test>::insert(ALICE, OpenedComponents::default());
		let before = Records::<Test>::get(ALICE).unwrap();
		leave(ALICE);
		assert_ok!(register(ALICE, "Alice"));
		let after = Records::<Test>::get(ALICE).unwrap();
		assert_eq!(after.uid, OperatorUid { index: 0, generation: before.uid.generation + 1 });
		assert_eq!(after.measures, newcomer());
		assert_eq!(after.measurement, Measurement::default());
		assert_eq!(after.quarantined_until, None);
		assert!(!Opened::<Test>::contains_key(ALICE));
	});
}
