//! Whatever operators do, the invariants hold; and each of them notices its breach.

use super::mock::*;
use crate::{Capabilities, HoldReason, KeyOwners, Operators as Records};
use frame_support::traits::{fungible::MutateHold, tokens::Precision};
use proptest::prelude::*;
use sp_core::H256;

/// One thing that can happen.
#[derive(Clone, Debug)]
enum Step {
	Blocks(u64),
	Register(u64, u8),
	Update(u64, u32),
	Rotate(u64, u8),
	Exit(u64),
	Withdraw(u64),
}

fn step() -> impl Strategy<Value = Step> {
	let who = 1u64..7;
	prop_oneof![
		(1u64..40).prop_map(Step::Blocks),
		(who.clone(), 0u8..6).prop_map(|(who, key)| Step::Register(who, key)),
		(who.clone(), 0u32..70).prop_map(|(who, bits)| Step::Update(who, bits)),
		(who.clone(), 0u8..6).prop_map(|(who, key)| Step::Rotate(who, key)),
		who.clone().prop_map(Step::Exit),
		who.prop_map(Step::Withdraw),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(12))]

	#[test]
	fn invariants_hold_whatever_operators_do(steps in prop::collection::vec(step(), 0..40)) {
		ExtBuilder::default().operator(ALICE, "0").build_and_check(|| {
			for step in steps {
				// Most steps are refused; what counts is what is left behind.
				let _ = match step {
					Step::Blocks(count) => {
						System::set_block_number(System::block_number() + count);
						Ok(())
					},
					Step::Register(who, key) => register(who, &key.to_string()),
					Step::Update(who, bits) => {
						Operators::update_capabilities(signed(who), Capabilities(bits), H256::zero())
					},
					Step::Rotate(who, name) => {
						let name = name.to_string();
						Operators::rotate_key(signed(who), key(&name), proof(&name, who))
					},
					Step::Exit(who) => Operators::exit(signed(who)),
					Step::Withdraw(who) => Operators::withdraw(signed(who)),
				};
				Operators::do_try_state().unwrap();
			}
		});
	}
}

/// Applies a breach to a sound world and returns what the invariants say.
fn complaint(breach: fn()) -> &'static str {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build().execute_with(|| {
		Operators::do_try_state().unwrap();
		breach();
		match Operators::do_try_state() {
			Err(sp_runtime::TryRuntimeError::Other(complaint)) => complaint,
			other => panic!("the breach went unnoticed: {other:?}"),
		}
	})
}

#[test]
fn invariants_notice_each_breach() {
	fn change(change: fn(&mut crate::OperatorRecordOf<Test>)) {
		Records::<Test>::mutate(ALICE, |record| change(record.as_mut().unwrap()));
	}
	assert_eq!(
		complaint(|| {
			frame_support::storage::unhashed::kill(&Records::<Test>::hashed_key_for(ALICE));
		}),
		"operators are miscounted"
	);
	assert_eq!(complaint(|| KeyOwners::<Test>::remove(key("Alice"))), "an operator does not own its key");
	assert_eq!(complaint(|| KeyOwners::<Test>::insert(key("Ghost"), BOB)), "a key belongs to no operator");
	assert_eq!(
		complaint(|| {
			let reason = HoldReason::Stake.into();
			Balances::release(&reason, &ALICE, 1, Precision::Exact).unwrap();
		}),
		"a stake is not on hold"
	);
	assert_eq!(complaint(|| change(|record| record.profile.region.0 = *b"  ")), "a profile is invalid");
	assert_eq!(complaint(|| change(|record| record.reputation = 1_000_001)), "a reputation is off the scale");
	assert_eq!(complaint(|| change(|record| record.heard_in = 1)), "an operator was heard in the future");
}
