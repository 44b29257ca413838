//! Stories of `fund`.

use super::mock::*;
use crate::{Credited, Envelope, Envelopes, Error, Event};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{DispatchError, TokenError};

#[test]
fn fund_turns_coins_into_budget_when_the_account_survives() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Ledger::fund(RuntimeOrigin::signed(ALICE), Envelope::Data, 5_000));
		assert_eq!(Balances::free_balance(ALICE), ISSUANCE - 5_000);
		assert_eq!(issuance(), ISSUANCE - 5_000);
		assert_eq!(Envelopes::<Test>::get().data, 5_000);
		assert_eq!(Credited::<Test>::get().data, 5_000);
		assert_eq!(
			take_events(),
			[Event::EnvelopeFunded { who: ALICE, envelope: Envelope::Data, amount: 5_000 }]
		);
	});
}

#[test]
fn fund_fails_when_the_coins_are_missing_or_keep_the_account_alive() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(
			Ledger::fund(RuntimeOrigin::signed(BOB), Envelope::Data, 5_000),
			DispatchError::Token(TokenError::FundsUnavailable)
		);
		assert_noop!(
			Ledger::fund(RuntimeOrigin::signed(ALICE), Envelope::Data, ISSUANCE),
			DispatchError::Token(TokenError::FundsUnavailable)
		);
	});
}

#[test]
fn fund_fails_when_nothing_is_given() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(
			Ledger::fund(RuntimeOrigin::signed(ALICE), Envelope::Data, 0),
			Error::<Test>::AmountZero
		);
	});
}
