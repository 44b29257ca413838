//! Stories of the end of an era.

use super::mock::*;
use crate::{
	Advance, Balance, Budget, Envelope, EnvelopeAmounts, EnvelopeShares, Envelopes, Event, Year, YearRecord,
};
use frame_support::assert_ok;

#[test]
fn end_era_divides_a_tenth_of_the_year_and_pays_the_treasury() {
	ExtBuilder::default().envelopes(Default::default()).build_and_check(|| {
		run_to(9);
		assert_eq!(take_events(), []);
		run_to(10);
		// A year's limit is 100,000, an era's part of it 10,000.
		let amounts = EnvelopeAmounts {
			learning: 4_000,
			validation: 2_000,
			data: 1_500,
			serving: 1_500,
			treasury: 1_000,
		};
		assert_eq!(
			take_events(),
			[
				Event::EraEmitted { amounts },
				Event::PaidOut { entry: 0, envelope: Envelope::Treasury, who: TREASURY, amount: 1_000 },
			]
		);
		assert_eq!(Envelopes::<Test>::get(), EnvelopeAmounts { treasury: 0, ..amounts });
		assert_eq!(Balances::free_balance(TREASURY), 1_000);
		assert_eq!(
			Year::<Test>::get(),
			Some(YearRecord { started_at: 10, issuance: ISSUANCE, emitted: 10_000 })
		);
	});
}

#[test]
fn end_era_does_not_compound_within_a_year() {
	ExtBuilder::default().envelopes(Default::default()).build_and_check(|| {
		run_to(109);
		let emitted = Year::<Test>::get().unwrap().emitted;
		assert_eq!(emitted, 100_000);
		// The next year starts from what exists by then: the treasury's coins; the rest is only promised.
		run_to(110);
		assert_eq!(
			Year::<Test>::get(),
			Some(YearRecord { started_at: 110, issuance: 1_010_000, emitted: 10_100 })
		);
	});
}

#[test]
fn end_era_emits_no_more_when_inflation_is_raised_late_in_the_year() {
	ExtBuilder::default().envelopes(Default::default()).build_and_check(|| {
		let slow = Budget { inflation: 10_000, ..Default::default() };
		assert_ok!(Ledger::set_budget(RuntimeOrigin::root(), slow));
		run_to(20);
		assert_eq!(Year::<Test>::get().unwrap().emitted, 2_000);
		assert_ok!(Ledger::set_budget(RuntimeOrigin::root(), Budget::default()));
		run_to(109);
		assert_eq!(Year::<Test>::get().unwrap().emitted, 82_000);
	});
}

#[test]
fn end_era_emits_less_when_the_shares_leave_something() {
	ExtBuilder::default().envelopes(Default::default()).build_and_check(|| {
		let shares = EnvelopeShares { learning: 500_000, ..Default::default() };
		assert_ok!(Ledger::set_budget(RuntimeOrigin::root(), Budget { inflation: 100_000, shares }));
		run_to(10);
		assert_eq!(Year::<Test>::get().unwrap().emitted, 5_000);
	});
}

#[test]
fn end_era_stops_at_the_cap() {
	ExtBuilder::default()
		.issuance(CAP - 15_000)
		.envelopes(EnvelopeAmounts { learning: 5_000, ..Default::default() })
		.build_and_check(|| {
			run_to(40);
			let promised = Envelopes::<Test>::get().total().unwrap();
			assert_eq!(issuance() + promised, CAP);
			take_events();
			run_to(50);
			assert_eq!(take_events(), []);
		});
}

#[test]
fn end_era_counts_what_genesis_put_into_the_envelopes_in_the_first_year_only() {
	// By default 21,000, of a year's 100,000.
	ExtBuilder::default().build_and_check(|| {
		run_to(10);
		assert_eq!(Year::<Test>::get().unwrap().emitted, 7_900);
		run_to(109);
		assert_eq!(Year::<Test>::get().unwrap().emitted, 79_000);
		assert_eq!(Advance::<Test>::get(), 21_000);
		run_to(110);
		// The treasury was paid 7,900; each envelope's part of a tenth of that is rounded down.
		assert_eq!(
			Year::<Test>::get(),
			Some(YearRecord { started_at: 110, issuance: 1_007_900, emitted: 10_075 })
		);
		assert!(!Advance::<Test>::exists());
	});
}

/// A chain that paid all it could made 19 % of its coins in its first year: what genesis had promised, and the year's tenth.
#[test]
fn attack_mint_twice_the_cap_in_the_first_year() {
	ExtBuilder::default()
		.envelopes(EnvelopeAmounts { learning: 80_000, validation: 10_000, ..Default::default() })
		.build_and_check(|| {
			run_to(109);
			for envelope in Envelope::ALL {
				Ledger::reward(envelope, &BOB, Balance::MAX);
			}
			assert_eq!(Envelopes::<Test>::get().total(), Some(0));
			assert_eq!(issuance(), ISSUANCE + 100_000, "a tenth, and no more");
		});
}

#[test]
fn end_era_emits_nothing_in_the_first_year_when_genesis_promised_all_of_it() {
	ExtBuilder::default()
		.envelopes(EnvelopeAmounts { learning: 300_000, ..Default::default() })
		.build_and_check(|| {
			run_to(109);
			assert_eq!(take_events(), []);
			assert_eq!(Envelopes::<Test>::get().learning, 300_000);
			run_to(110);
			assert_eq!(Year::<Test>::get().unwrap().emitted, 10_000);
		});
}
