//! Stories of `update_capabilities`.

use super::mock::*;
use crate::{Capabilities, Error, Event, HoldReason, Operators as Records};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_core::H256;

const HARDWARE: H256 = H256::repeat_byte(2);

#[test]
fn update_capabilities_holds_more_when_they_need_more() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let capabilities = Capabilities::EVALUATE | Capabilities::TEE;
		assert_ok!(Operators::update_capabilities(signed(ALICE), capabilities, HARDWARE));
		let stake = 50 * UNIT;
		let record = Records::<Test>::get(ALICE).unwrap();
		assert_eq!((record.stake, record.profile.hardware), (stake, HARDWARE));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &ALICE), stake);
		assert_eq!(
			take_events(),
			[Event::CapabilitiesUpdated { who: ALICE, capabilities, hardware: HARDWARE, stake }]
		);
	});
}

#[test]
fn update_capabilities_keeps_the_stake_when_they_need_less() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::update_capabilities(
			signed(ALICE),
			Capabilities::EVALUATE | Capabilities::PRIORITY,
			HARDWARE
		));
		assert_ok!(Operators::update_capabilities(signed(ALICE), Capabilities::EVALUATE, HARDWARE));
		assert_eq!(Records::<Test>::get(ALICE).unwrap().stake, 100 * UNIT);
	});
}

#[test]
fn update_capabilities_fails_when_the_operator_may_not() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let update = |who, bits| Operators::update_capabilities(signed(who), Capabilities(bits), HARDWARE);
		assert_noop!(update(BOB, 1), Error::<Test>::NotRegistered);
		assert_noop!(update(ALICE, 0), Error::<Test>::CapabilitiesInvalid);
		// An evaluator that evaluates nothing.
		assert_noop!(update(ALICE, Capabilities::DISK.0), Error::<Test>::RoleUnsupported);
		assert_ok!(Operators::exit(signed(ALICE)));
		assert_noop!(update(ALICE, 1), Error::<Test>::Exiting);
	});
}
