//! Whatever is paid, funded and emitted, the invariants hold; and each of them notices its breach.

use super::mock::*;
use crate::{Budget, Budgets, Envelope, Envelopes, Journal, JournalHead, Paid, Year};
use blyan_primitives::traits::Rewards;
use frame_support::assert_ok;
use proptest::prelude::*;

/// One thing that can happen.
#[derive(Clone, Debug)]
enum Step {
	Blocks(u64),
	Learning(u64, u64),
	Validation,
	Fund(u8, u128),
	Inflation(u32),
}

fn step() -> impl Strategy<Value = Step> {
	prop_oneof![
		(1u64..30).prop_map(Step::Blocks),
		(0u64..200, 0u64..50).prop_map(|(improvement, delta)| Step::Learning(improvement, delta)),
		Just(Step::Validation),
		(0u8..5, 0u128..200_000).prop_map(|(envelope, amount)| Step::Fund(envelope, amount)),
		(0u32..150_000).prop_map(Step::Inflation),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(48))]

	#[test]
	fn invariants_hold_whatever_happens(
		steps in prop::collection::vec(step(), 0..40), issuance in 1_000u128..CAP - 21_000
	) {
		ExtBuilder::default().issuance(issuance).build_and_check(|| {
			for step in steps {
				match step {
					Step::Blocks(count) => run_to(System::block_number() + count),
					Step::Learning(improvement, delta) => {
						Ledger::pay_learning(&BOB, improvement, delta, u128::MAX);
					},
					Step::Validation => {
						Ledger::pay_validation(&BOB);
					},
					Step::Fund(envelope, amount) => {
						let envelope = Envelope::ALL[usize::from(envelope)];
						let _ = Ledger::fund(RuntimeOrigin::signed(ALICE), envelope, amount);
					},
					Step::Inflation(inflation) => {
						let budget = Budget { inflation, ..Default::default() };
						let result = Ledger::set_budget(RuntimeOrigin::root(), budget);
						assert_eq!(result.is_ok(), inflation <= 100_000);
					},
				}
				Ledger::do_try_state().unwrap();
			}
		});
	}
}

/// Applies a breach to a sound world and returns what the invariants say.
fn complaint(breach: fn()) -> &'static str {
	ExtBuilder::default().build().execute_with(|| {
		run_to(20);
		Ledger::pay_validation(&BOB);
		Ledger::do_try_state().unwrap();
		breach();
		match Ledger::do_try_state() {
			Err(sp_runtime::TryRuntimeError::Other(complaint)) => complaint,
			other => panic!("the breach went unnoticed: {other:?}"),
		}
	})
}

#[test]
fn invariants_notice_each_breach() {
	assert_eq!(
		complaint(|| {
			assert_ok!(Balances::force_set_balance(RuntimeOrigin::root(), BOB, CAP));
		}),
		"the promises exceed the cap"
	);
	assert_eq!(complaint(Paid::<Test>::kill), "an envelope does not reconcile");
	assert_eq!(
		complaint(|| Envelopes::<Test>::mutate(|envelopes| envelopes.data += 1)),
		"an envelope does not reconcile"
	);
	assert_eq!(
		complaint(|| Budgets::<Test>::mutate(|budget| budget.inflation = 100_001)),
		"the budget is invalid"
	);
	assert_eq!(
		complaint(|| Year::<Test>::mutate(|year| year.as_mut().unwrap().emitted = 100_001)),
		"the year has emitted too much"
	);
	assert_eq!(
		complaint(|| Journal::<Test>::remove(JournalHead::<Test>::get().entries - 1)),
		"the journal has a gap"
	);
	assert_eq!(
		complaint(|| {
			let entry = Journal::<Test>::iter_values().next().unwrap();
			Journal::<Test>::insert(1_000, entry);
		}),
		"the journal keeps an entry too many"
	);
}
