//! Properties of the rules.

use crate::{
	rules::{fits, is_charge_due, is_near, payable, prices_for, transition, Impossible, PRIVATE_PERCENT},
	Action, State,
};
use blyan_primitives::Prices;
use proptest::prelude::*;

/// All transitions that there are.
const TRANSITIONS: [(State, Action, State); 8] = [
	(State::Pending, Action::Quote, State::Quoted),
	(State::Pending, Action::Fail, State::Failed),
	(State::Quoted, Action::Authorise, State::Authorised),
	(State::Quoted, Action::Fail, State::Failed),
	(State::Authorised, Action::Capture, State::Captured),
	(State::Authorised, Action::Fail, State::Failed),
	(State::Captured, Action::Credit, State::Credited),
	(State::Captured, Action::Reverse, State::Reversed),
];

#[test]
fn transition_allows_these_and_no_other() {
	for from in State::ALL {
		for action in Action::ALL {
			let allowed = TRANSITIONS.iter().find(|(start, step, _)| (*start, *step) == (from, action));
			let expected = allowed.map(|(_, _, to)| *to).ok_or(Impossible);
			assert_eq!(transition(from, action), expected, "{from:?} {action:?}");
		}
	}
}

#[test]
fn transition_leads_out_of_every_state_but_the_final_ones() {
	for from in State::ALL {
		let leads_on = Action::ALL.iter().any(|action| transition(from, *action).is_ok());
		assert_eq!(leads_on, !from.is_final(), "{from:?}");
	}
}

proptest! {
	#[test]
	fn transition_never_returns_to_a_state(actions in prop::collection::vec(prop::sample::select(Action::ALL.to_vec()), 0..30)) {
		let mut state = State::Pending;
		let mut seen = vec![state];
		for action in actions {
			if let Ok(next) = transition(state, action) {
				prop_assert!(!seen.contains(&next));
				seen.push(next);
				state = next;
			}
		}
		prop_assert!(seen.len() <= 5);
	}

	#[test]
	fn is_near_holds_within_a_tenth_and_no_further(quoted: u32, counted: u32) {
		let difference = u64::from(quoted.abs_diff(counted));
		prop_assert_eq!(is_near(quoted, counted), difference * 10 <= u64::from(quoted));
	}

	#[test]
	fn fits_never_overflows(context: u32, read: u32, chosen: u32) {
		prop_assert_eq!(fits(context, read, chosen), u64::from(read) + u64::from(chosen) <= u64::from(context));
	}

	#[test]
	fn payable_adds_up_to_the_largest_voucher_or_the_deposit(
		deposit in 0u128..1_000, vouchers in prop::collection::vec(0u128..2_000, 0..20),
	) {
		let mut settled = 0;
		for amount in &vouchers {
			settled += payable(*amount, deposit, 0, settled);
		}
		prop_assert_eq!(settled, vouchers.iter().copied().max().unwrap_or(0).min(deposit));
	}

	#[test]
	fn payable_never_exceeds_what_is_left(amount: u128, deposit: u128, reversed: u128, settled: u128) {
		let due = payable(amount, deposit, reversed, settled);
		prop_assert!(due <= deposit.saturating_sub(settled));
		prop_assert!(due <= amount.saturating_sub(reversed));
	}

	#[test]
	fn private_prices_are_a_fifth_higher(input in 0u128..1 << 90, output in 0u128..1 << 90) {
		let prices = Prices { input, output };
		prop_assert_eq!(prices_for(&prices, false), Some(prices));
		let private = prices_for(&prices, true).unwrap();
		prop_assert!(private.input * 100 >= input * u128::from(PRIVATE_PERCENT));
		prop_assert!(private.input * 100 < input * u128::from(PRIVATE_PERCENT) + 100);
	}

	#[test]
	fn charge_is_due_up_to_the_cost_and_the_ceiling(charged in 0u128..500, ceiling in 0u128..500, chosen in 0u32..100) {
		let prices = super::mock::PRICES;
		let receipt = blyan_primitives::Receipt { charged, ..super::mock::receipt(1, chosen) };
		let cost = prices.cost(100, chosen).unwrap();
		prop_assert_eq!(is_charge_due(&receipt, &prices, ceiling), charged <= ceiling && charged <= cost);
	}
}
