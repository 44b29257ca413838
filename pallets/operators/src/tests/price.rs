//! Stories of the registration bond.

use super::mock::*;
use crate::{Error, HoldReason, Operators as Records};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};

#[test]
fn the_bond_doubles_with_each_registration_and_halves_with_each_half_life() {
	ExtBuilder::default().build_and_check(|| {
		assert_eq!(Operators::registration_price(), BASE);
		for (who, bond) in [(1, BASE), (2, 2 * BASE), (3, 4 * BASE)] {
			assert_eq!(Operators::registration_price(), bond);
			assert_ok!(register(who, &who.to_string()));
			assert_eq!(Records::<Test>::get(who).unwrap().bond, bond);
			assert_eq!(Balances::balance_on_hold(&HoldReason::Registration.into(), &who), bond);
		}
		let after = |blocks| {
			System::set_block_number(1 + blocks);
			Operators::registration_price()
		};
		assert_eq!(after(0), 8 * BASE);
		assert_eq!(after(HALF_LIFE / 2), 6 * BASE);
		assert_eq!(after(HALF_LIFE), 4 * BASE);
		assert_eq!(after(2 * HALF_LIFE), 2 * BASE);
		assert_eq!(after(3 * HALF_LIFE), BASE);
		// And never below the base.
		assert_eq!(after(30 * HALF_LIFE), BASE);
	});
}

#[test]
fn register_fails_when_others_were_first_and_the_bond_rose() {
	ExtBuilder::default().build_and_check(|| {
		let register = |who: u64, bond_max| {
			let name = who.to_string();
			Operators::register(signed(who), profile(who), key(&name), proof(&name, who), bond_max)
		};
		assert_ok!(register(1, BASE));
		assert_noop!(register(2, BASE), Error::<Test>::BondTooHigh);
		System::set_block_number(1 + HALF_LIFE);
		assert_ok!(register(2, BASE));
	});
}

#[test]
fn the_operators_of_the_genesis_post_no_bond() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_eq!(Records::<Test>::get(ALICE).unwrap().bond, 0);
		assert_eq!(Operators::registration_price(), BASE);
	});
}
