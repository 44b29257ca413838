//! Stories of transaction fees.

use super::mock::*;
use crate::{DealWithFees, FeesBurned};
use frame_support::traits::{
	fungible::Balanced,
	tokens::{Fortitude, Precision, Preservation},
	OnUnbalanced,
};

fn withdraw(amount: u128) -> TestCredit {
	<Balances as Balanced<u64>>::withdraw(
		&ALICE,
		amount,
		Precision::Exact,
		Preservation::Preserve,
		Fortitude::Polite,
	)
	.unwrap()
}

#[test]
fn fees_burn_a_hundredth_and_leave_the_tip_alone() {
	ExtBuilder::default().build_and_check(|| {
		let (fee, tip) = (withdraw(1_050), withdraw(500));
		DealWithFees::<Test>::on_unbalanceds([fee, tip].into_iter());
		assert_eq!(issuance(), ISSUANCE - 10);
		assert_eq!(FeesBurned::<Test>::get(), 10);
		assert_eq!(Balances::free_balance(COLLECTOR), 1_040 + 500);
	});
}

#[test]
fn fees_are_not_burned_when_they_are_too_small_to_divide() {
	ExtBuilder::default().build_and_check(|| {
		DealWithFees::<Test>::on_unbalanced(withdraw(99));
		assert_eq!(issuance(), ISSUANCE);
		assert_eq!(Balances::free_balance(COLLECTOR), 99);
	});
}
