//! Stories of `set_budget`.

use super::mock::*;
use crate::{Budget, Budgets, EnvelopeShares, Error, Event};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

#[test]
fn set_budget_replaces_the_budget_when_it_is_valid() {
	ExtBuilder::default().build_and_check(|| {
		let budget = Budget {
			inflation: 100_000,
			shares: EnvelopeShares { learning: 800_000, data: 200_000, ..Default::default() },
		};
		assert_ok!(Ledger::set_budget(RuntimeOrigin::root(), budget));
		assert_eq!(Budgets::<Test>::get(), budget);
		assert_eq!(take_events(), [Event::BudgetSet { budget }]);
	});
}

#[test]
fn set_budget_fails_when_the_budget_breaks_a_limit() {
	let budget = |inflation, shares| Budget { inflation, shares };
	let shares = EnvelopeShares::default();
	ExtBuilder::default().build_and_check(|| {
		for budget in [
			budget(100_001, shares),
			budget(0, EnvelopeShares { data: 200_001, ..shares }),
			budget(0, EnvelopeShares { learning: 1_000_001, ..shares }),
			budget(0, EnvelopeShares { learning: 900_000, data: 100_001, ..shares }),
			budget(0, EnvelopeShares { learning: u32::MAX, serving: u32::MAX, ..shares }),
		] {
			assert_noop!(Ledger::set_budget(RuntimeOrigin::root(), budget), Error::<Test>::BudgetInvalid);
		}
	});
}

#[test]
fn set_budget_fails_when_the_origin_is_not_the_configured_one() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(
			Ledger::set_budget(RuntimeOrigin::signed(ALICE), Budget::default()),
			DispatchError::BadOrigin
		);
	});
}
