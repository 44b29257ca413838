//! Stories of emission that comes earlier.

use super::mock::*;
use crate::{Budget, Credited, Envelope, EnvelopeAmounts, Envelopes, Error, Year};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::traits::Zero;

/// Emission of the first year at ten per cent of a million, less what genesis gave in advance.
const LIMIT: u128 = 100_000 - 21_000;

#[test]
fn advance_takes_from_what_the_year_emits_later() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Ledger::advance(Envelope::Treasury, 60_000));
		assert_eq!(Envelopes::<Test>::get().treasury, 60_000);
		assert_noop!(Ledger::advance(Envelope::Treasury, LIMIT - 60_000 + 1), Error::<Test>::YearExhausted);
		assert_ok!(Ledger::advance(Envelope::Treasury, LIMIT - 60_000));
		// Nothing is left for the eras of this year.
		let credited = Credited::<Test>::get().total();
		run_to(100);
		assert_eq!(Credited::<Test>::get().total(), credited);
		assert_eq!(issuance(), ISSUANCE + LIMIT, "the treasury was paid what it was promised, and no more");
	});
}

#[test]
fn advance_stays_under_the_cap_whatever_the_budget_says() {
	let envelopes = EnvelopeAmounts::default();
	ExtBuilder::default().envelopes(envelopes).issuance(CAP - 10).build_and_check(|| {
		assert_noop!(Ledger::advance(Envelope::Learning, 11), Error::<Test>::YearExhausted);
		assert_ok!(Ledger::advance(Envelope::Learning, 10));
		assert_noop!(Ledger::advance(Envelope::Learning, 1), Error::<Test>::YearExhausted);
		assert_noop!(Ledger::advance(Envelope::Learning, u128::MAX), Error::<Test>::YearExhausted);
	});
}

#[test]
fn advance_of_a_year_without_inflation_is_refused() {
	ExtBuilder::default().envelopes(EnvelopeAmounts::default()).build_and_check(|| {
		assert_ok!(Ledger::do_set_budget(Budget { inflation: 0, ..Budget::default() }));
		assert_noop!(Ledger::advance(Envelope::Learning, 1), Error::<Test>::YearExhausted);
		assert!(Year::<Test>::get().is_none_or(|year| year.emitted.is_zero()));
	});
}
