//! The operators that a chain starts with.

use super::mock::*;
use crate::{reputation::newcomer, GenesisConfig, HoldReason, OperatorRecord, Operators as Records};
use blyan_primitives::{traits::OperatorSet, Measurement, OperatorUid};
use frame_support::traits::fungible::InspectHold;

#[test]
fn genesis_registers_operators_and_holds_their_stakes() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		assert_eq!(
			Records::<Test>::get(ALICE),
			Some(OperatorRecord {
				uid: OperatorUid { index: 0, generation: 0 },
				profile: Default::default(),
				measurement: Measurement::default(),
				key: key("Alice"),
				stake: UNIT,
				weighed_stake: UNIT,
				bond: 0,
				measures: newcomer(),
				verified: 0,
				missed_seals: 0,
				ownership: None,
				registered_at: 0,
				heard_in: 0,
				silence_reported: false,
				quarantined_until: None,
				withdrawable_at: None,
			})
		);
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &BOB), UNIT);
		// All are newcomers and all weigh alike, so the first submission finds a committee.
		let eligible: Vec<_> =
			Operators::eligible().into_iter().map(|one| (one.account, one.weight)).collect();
		assert_eq!(eligible, [(ALICE, 500_000 / 64), (BOB, 500_000 / 64)]);
	});
}

#[test]
#[should_panic(expected = "the genesis operators have different keys")]
fn genesis_panics_when_two_operators_share_a_key() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Alice").build();
}

#[test]
fn genesis_round_trips_through_json() {
	let config = GenesisConfig::<Test> { operators: vec![(ALICE, key("Alice"), UNIT)] };
	let json = serde_json::to_string(&config).unwrap();
	let back: GenesisConfig<Test> = serde_json::from_str(&json).unwrap();
	assert_eq!(back.operators, config.operators);
}
