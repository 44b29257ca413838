//! Whatever operators do, the invariants hold; and each of them notices its breach.

use super::mock::*;
use crate::{
	Capabilities, Displaced, HardwareOwners, HoldReason, KeyOwners, Operators as Records, Owned, Ownership,
	PendingOffences, RetiredKey, RetiredKeys, Role, UidSlots,
};
use blyan_primitives::traits::{OffenceKind, OperatorSet, OperatorStakes, Service};
use frame_support::traits::{fungible::MutateHold, tokens::Precision};
use proptest::prelude::*;
use sp_core::H256;
use sp_runtime::Perbill;

/// One thing that can happen.
#[derive(Clone, Debug)]
enum Step {
	Blocks(u64),
	Register(u64, u8),
	Update(u64, u32),
	Rotate(u64, u8),
	Exit(u64),
	Withdraw(u64),
	Slash(u64, u32),
	TopUp(u64, u128),
	Return(u64),
	Quarantine(u64),
	Ban(u64),
	Offence(u64),
	Challenge(u64, u64),
	Answer(u64),
	Heartbeat(u8),
	Declare(u64, u64),
	Accept(u64, u64),
	Dissolve(u64, u64),
	Outbid(u64, u8, u128),
	Miss(u64),
}

fn step() -> impl Strategy<Value = Step> {
	let who = 1u64..7;
	prop_oneof![
		(1u64..40).prop_map(Step::Blocks),
		(who.clone(), 0u8..6).prop_map(|(who, key)| Step::Register(who, key)),
		(who.clone(), 0u32..70).prop_map(|(who, bits)| Step::Update(who, bits)),
		(who.clone(), 0u8..6).prop_map(|(who, key)| Step::Rotate(who, key)),
		who.clone().prop_map(Step::Exit),
		who.clone().prop_map(Step::Withdraw),
		(who.clone(), 0u32..=100).prop_map(|(who, percent)| Step::Slash(who, percent)),
		(who.clone(), 0..3 * UNIT).prop_map(|(who, amount)| Step::TopUp(who, amount)),
		who.clone().prop_map(Step::Return),
		who.clone().prop_map(Step::Quarantine),
		(5u64..7).prop_map(Step::Ban),
		who.clone().prop_map(Step::Offence),
		(who.clone(), who.clone()).prop_map(|(who, by)| Step::Challenge(who, by)),
		who.clone().prop_map(Step::Answer),
		(who.clone(), who.clone()).prop_map(|(who, owner)| Step::Declare(who, owner)),
		(who.clone(), who.clone()).prop_map(|(owner, who)| Step::Accept(owner, who)),
		(who.clone(), who.clone()).prop_map(|(by, who)| Step::Dissolve(by, who)),
		(who.clone(), 0u8..6, UNIT..5 * UNIT).prop_map(|(who, key, stake)| Step::Outbid(who, key, stake)),
		who.prop_map(Step::Miss),
		(0u8..6).prop_map(Step::Heartbeat),
	]
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn invariants_hold_whatever_operators_do(steps in prop::collection::vec(step(), 0..80)) {
		ExtBuilder::default().operator(ALICE, "0").build().execute_with(|| -> Result<(), TestCaseError> {
			let mut issuance = Balances::total_issuance();
			for step in steps {
				// Most steps are refused; what counts is what is left behind.
				let _ = match step {
					Step::Blocks(count) => {
						for _ in 0..count {
							System::set_block_number(System::block_number() + 1);
							Seed::mutate(|seed| *seed = seed.wrapping_add(3));
							ThrownAt::set(System::block_number() - 1);
							Operators::sweep(frame_support::weights::Weight::MAX);
						}
						Ok(())
					},
					Step::Slash(who, percent) => {
						let before = Operators::stake(&who).unwrap_or(0);
						let credit = Operators::slash(&who, Perbill::from_percent(percent));
						let after = Operators::stake(&who).unwrap_or(0);
						prop_assert_eq!(before - after, frame_support::traits::Imbalance::peek(&credit));
						issuance -= before - after;
						Ok(())
					},
					Step::TopUp(who, amount) => Operators::top_up(signed(who), amount),
					Step::Return(who) => Operators::return_to_duty(signed(who)),
					Step::Quarantine(who) => {
						Operators::quarantine(&who);
						Ok(())
					},
					Step::Ban(who) => {
						Operators::ban(&who);
						Ok(())
					},
					Step::Offence(who) => {
						Operators::note_offence(&who, OffenceKind::FalseScore);
						Operators::note_service(&who, Service::ReportAgreed);
						Ok(())
					},
					Step::Challenge(who, by) => Operators::challenge_hardware(signed(by), who),
					Step::Answer(who) => super::hardware::answer(who),
					Step::Heartbeat(name) => {
						let name = name.to_string();
						let period = Operators::period();
						let origin = frame_system::RawOrigin::Authorized.into();
						let signature = heartbeat_signature(&name, period);
						Operators::heartbeat(origin, period, key(&name), measurement(), signature)
					},
					Step::Register(who, key) => register(who, &key.to_string()),
					Step::Update(who, bits) => {
						Operators::update_capabilities(signed(who), Capabilities(bits), H256::zero())
					},
					Step::Rotate(who, name) => {
						let name = name.to_string();
						Operators::rotate_key(signed(who), key(&name), proof(&name, who))
					},
					Step::Declare(who, owner) => Operators::declare_owner(signed(who), owner),
					Step::Accept(owner, who) => Operators::accept_operator(signed(owner), who),
					Step::Dissolve(by, who) => Operators::dissolve_ownership(signed(by), who),
					Step::Outbid(who, key, stake) => outbid(who, &key.to_string(), stake),
					Step::Miss(who) => {
						Operators::note_service(&who, Service::SealMissed);
						Ok(())
					},
					Step::Exit(who) => Operators::exit(signed(who)),
					Step::Withdraw(who) => Operators::withdraw(signed(who)),
				};
				Operators::do_try_state().unwrap();
				prop_assert_eq!(Balances::total_issuance(), issuance);
			}
			Ok(())
		})?;
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
	assert_eq!(complaint(|| change(|record| record.profile.role = Role::Keeper)), "a profile is invalid");
	assert_eq!(complaint(|| change(|record| record.verified = 64)), "more work counts than can");
	assert_eq!(
		complaint(|| {
			let ownership = Some(Ownership::Accepted { owner: CHARLIE });
			Records::<Test>::mutate(ALICE, |record| record.as_mut().unwrap().ownership = ownership);
		}),
		"the operators of an owner are miscounted"
	);
	assert_eq!(complaint(|| Owned::<Test>::insert(BOB, 1)), "an account without operators is counted");
	assert_eq!(
		complaint(|| {
			let retired = RetiredKey { who: ALICE, until: 9 };
			RetiredKeys::<Test>::insert(key("Old"), retired);
		}),
		"a retired key is not listed"
	);
	assert_eq!(
		complaint(|| {
			let record = Records::<Test>::get(BOB).unwrap();
			Displaced::<Test>::insert(BOB, record);
		}),
		"a displaced operator has a place"
	);
	assert_eq!(
		complaint(|| change(|record| record.measures.uptime = 1_000_001)),
		"a measure is off the scale"
	);
	assert_eq!(
		complaint(|| change(|record| record.profile.hardware = H256::repeat_byte(1))),
		"an operator does not own its hardware"
	);
	assert_eq!(
		complaint(|| HardwareOwners::<Test>::insert(H256::repeat_byte(1), BOB)),
		"hardware belongs to nobody"
	);
	assert_eq!(complaint(|| change(|record| record.uid.generation = 1)), "a holder has another number");
	assert_eq!(complaint(|| UidSlots::<Test>::remove(1)), "an operator holds no index");
	assert_eq!(complaint(|| crate::Banned::<Test>::insert(BOB, ())), "a banned operator stays");
	assert_eq!(complaint(|| PendingOffences::<Test>::insert(BOB, 0)), "nothing is pending and still counted");
	assert_eq!(
		complaint(|| {
			let _ = Operators::slash(&ALICE, Perbill::from_percent(30));
			change(|record| record.quarantined_until = None);
		}),
		"an operator with too low a stake may be drawn"
	);
	assert_eq!(complaint(|| change(|record| record.heard_in = 1)), "an operator was heard in the future");
}
