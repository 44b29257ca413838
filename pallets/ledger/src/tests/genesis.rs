//! Budget and envelopes that a chain starts with.

use super::mock::*;
use crate::{Budget, Budgets, Credited, EnvelopeAmounts, Envelopes, GenesisConfig};

#[test]
fn genesis_fills_the_envelopes_and_mints_nothing() {
	ExtBuilder::default().build_and_check(|| {
		let envelopes = EnvelopeAmounts { learning: 20_000, validation: 1_000, ..Default::default() };
		assert_eq!(Envelopes::<Test>::get(), envelopes);
		assert_eq!(Credited::<Test>::get(), envelopes);
		assert_eq!(Budgets::<Test>::get(), Budget::default());
		assert_eq!(issuance(), ISSUANCE);
	});
}

#[test]
#[should_panic(expected = "the genesis budget is valid")]
fn genesis_panics_when_inflation_is_above_its_maximum() {
	let budget = Budget { inflation: 100_001, ..Default::default() };
	ExtBuilder::default().genesis(GenesisConfig { budget, ..Default::default() }).build();
}

#[test]
#[should_panic(expected = "the genesis envelopes fit under the cap")]
fn genesis_panics_when_the_envelopes_exceed_the_cap() {
	ExtBuilder::default().envelopes(EnvelopeAmounts { data: CAP + 1, ..Default::default() }).build();
}

#[test]
fn genesis_reads_amounts_it_is_not_given_as_zero() {
	let json = r#"{ "budget": { "inflation": 50000, "shares": { "learning": 1000000 } }, "envelopes": {} }"#;
	let config: GenesisConfig<Test> = serde_json::from_str(json).unwrap();
	assert_eq!(config.budget.shares.learning, 1_000_000);
	assert_eq!(config.budget.shares.data, 0);
	assert_eq!(config.envelopes, EnvelopeAmounts::default());
}
