//! Thresholds, lengths, and the closed lists of actions.

use super::mock::*;
use crate::{Action, Error, Kind};
use blyan_primitives::ExpertSlot;
use frame_support::assert_noop;
use proptest::prelude::*;
use sp_runtime::Permill;

fn actions() -> [Action<u64>; 7] {
	[
		Action::Pause,
		Action::RevertHead { slot: ExpertSlot { model: 0, layer: 0, expert: 0 }, version: 1 },
		Action::Quarantine { operators: accounts([2]) },
		freeze([20]),
		Action::LowerRewards { keep: Permill::from_percent(50) },
		Action::Mint { amount: 5 },
		Action::Checkpoint { model: 0 },
	]
}

#[test]
fn each_kind_allows_the_actions_of_its_list_and_no_others() {
	let allowed = [
		(Kind::Breach, [true, true, true, false, false, false, false]),
		(Kind::EconomicAttack, [false, false, false, true, true, true, false]),
		(Kind::ConsensusFailure, [true, true, false, false, false, false, true]),
	];
	for (kind, expected) in allowed {
		for (action, is_allowed) in actions().into_iter().zip(expected) {
			new_ext().execute_with(|| {
				if is_allowed {
					assert!(propose(1, kind, action).is_ok());
				} else {
					assert_noop!(propose(1, kind, action), Error::<Test>::ActionNotAllowed);
				}
			});
		}
	}
}

#[test]
fn thresholds_are_rounded_up() {
	let needed = |voices| Kind::ALL.map(|kind| kind.needed(voices));
	assert_eq!(needed(10), [7, 8, 8]);
	assert_eq!(needed(3), [2, 3, 3]);
	assert_eq!(needed(12), [8, 9, 10]);
	assert_eq!(needed(1), [1, 1, 1]);
	assert_eq!(needed(0), [1, 1, 1], "no voice decides nothing");
	assert_eq!(needed(u32::MAX), [2_863_311_530, 3_221_225_472, 3_435_973_836]);
}

#[test]
fn lengths_are_three_days_two_and_one() {
	assert_eq!(Kind::ALL.map(Emergencies::length), [3 * DAY, 2 * DAY, DAY]);
}

proptest! {
	#[test]
	fn what_is_needed_is_the_least_that_reaches_the_threshold(voices in 1u32..100_000) {
		for kind in Kind::ALL {
			let (numerator, denominator) = kind.threshold();
			let needed = u64::from(kind.needed(voices));
			let goal = u64::from(voices) * u64::from(numerator);
			prop_assert!(needed * u64::from(denominator) >= goal);
			prop_assert!((needed - 1) * u64::from(denominator) < goal);
			prop_assert!(needed <= u64::from(voices));
		}
	}
}
