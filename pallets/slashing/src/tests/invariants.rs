//! Whatever happens, the money adds up.

use super::mock::*;
use crate::{HoldReason, NextOffence, OffenceRecords, PendingOf};
use blyan_primitives::{
	traits::{Contested, OffenceKind, Offences},
	Subject,
};
use frame_support::traits::fungible::{Inspect, InspectHold};
use pallet_operators::HoldReason as OperatorsHold;
use proptest::prelude::*;
use sp_core::H256;

/// One thing that can happen.
#[derive(Clone, Debug)]
enum Step {
	Blocks(u64),
	Register(u64),
	Exit(u64),
	Withdraw(u64),
	TopUp(u64, u128),
	Return(u64),
	Hear(u64),
	Silence(u64, u64),
	Report(u64, u8, u8, Option<u64>, Option<(u64, bool)>),
	Appeal(u64),
	Dispute(u64, u64, bool),
	Apply(u64),
	Pardon(u64),
	Uphold(u64),
}

const KINDS: [OffenceKind; 6] = [
	OffenceKind::HeartbeatsMissed,
	OffenceKind::RevealMissed,
	OffenceKind::VerificationFailed,
	OffenceKind::FalseScore,
	OffenceKind::Equivocation,
	OffenceKind::HardwareFalse,
];

fn step() -> impl Strategy<Value = Step> {
	let who = || 1u64..7;
	let recent = || 0u64..8;
	prop_oneof![
		3 => (1u64..70).prop_map(Step::Blocks),
		2 => who().prop_map(Step::Register),
		1 => who().prop_map(Step::Exit),
		1 => who().prop_map(Step::Withdraw),
		1 => (who(), 0..2 * UNIT).prop_map(|(who, amount)| Step::TopUp(who, amount)),
		1 => who().prop_map(Step::Return),
		1 => who().prop_map(Step::Hear),
		1 => (who(), who()).prop_map(|(who, by)| Step::Silence(who, by)),
		5 => (who(), 0u8..6, any::<u8>(), prop::option::of(prop_oneof![who(), Just(PAUPER)]), prop::option::of((0u64..3, any::<bool>())))
			.prop_map(|(who, kind, evidence, reporter, contested)| Step::Report(who, kind, evidence, reporter, contested)),
		4 => recent().prop_map(Step::Appeal),
		2 => (who(), 0u64..3, any::<bool>()).prop_map(|(who, subject, cleared)| Step::Dispute(who, subject, cleared)),
		1 => recent().prop_map(Step::Apply),
		1 => recent().prop_map(Step::Pardon),
		1 => recent().prop_map(Step::Uphold),
	]
}

/// The number of an offence that was reported not long ago.
fn recent(back: u64) -> u64 {
	NextOffence::<Test>::get().saturating_sub(1 + back)
}

/// Does a step. Most are refused; what counts is what is left behind.
fn take(step: Step) {
	let _ = match step {
		Step::Blocks(count) => {
			wait(count);
			Ok(())
		}
		Step::Register(who) => register(who),
		Step::Exit(who) => Operators::exit(signed(who)),
		Step::Withdraw(who) => Operators::withdraw(signed(who)),
		Step::TopUp(who, amount) => Operators::top_up(signed(who), amount),
		Step::Return(who) => Operators::return_to_duty(signed(who)),
		Step::Hear(who) => {
			if can_be_heard(who) {
				hear(who);
			}
			Ok(())
		}
		Step::Silence(who, by) => {
			Operators::report_silence(signed(by), who).map(|_| ()).map_err(|error| error.error)
		}
		Step::Report(who, kind, number, reporter, contested) => {
			let (kind, evidence) = (KINDS[usize::from(kind)], evidence(number));
			match contested {
				Some((subject, executed)) => {
					let contested =
						Contested { subject: Subject::Submission(subject, H256::zero()), executed };
					Slashing::report_claim(&who, kind, evidence, reporter.as_ref(), contested);
				}
				None => {
					report_of(who, kind, number, reporter);
				}
			}
			Ok(())
		}
		Step::Appeal(back) => {
			let offender =
				OffenceRecords::<Test>::get(recent(back)).map_or(PAUPER, |offence| offence.offender);
			Slashing::appeal(signed(offender), recent(back))
		}
		Step::Dispute(who, subject, cleared) => {
			Slashing::note_appeal_ended(&who, Subject::Submission(subject, H256::zero()), cleared);
			Ok(())
		}
		Step::Apply(back) => {
			Slashing::apply(signed(BOB), recent(back)).map(|_| ()).map_err(|error| error.error)
		}
		Step::Pardon(back) => Slashing::pardon(root(), recent(back)),
		Step::Uphold(back) => Slashing::uphold(root(), recent(back)),
	};
}

/// Every coin on hold is a stake or a bond that a record knows.
fn holds_reconcile() {
	for who in (1..10).chain([PAUPER, TREASURY]) {
		let record = pallet_operators::Operators::<Test>::get(who);
		let (stake, bond) = record.map_or((0, 0), |record| (record.stake, record.bond));
		let appeals: u128 = PendingOf::<Test>::get(who)
			.iter()
			.map(|id| match OffenceRecords::<Test>::get(id).unwrap().state {
				crate::State::Appealed(appeal) => appeal.bond,
				_ => 0,
			})
			.sum();
		let held = |reason: RuntimeHoldReason| Balances::balance_on_hold(&reason, &who);
		assert_eq!(held(OperatorsHold::Stake.into()), stake);
		assert_eq!(held(OperatorsHold::Registration.into()), bond);
		assert_eq!(held(HoldReason::Appeal.into()), appeals);
		assert_eq!(Balances::total_balance_on_hold(&who), stake + bond + appeals);
		let pending = pallet_operators::PendingOffences::<Test>::get(who);
		assert_eq!(pending as usize, PendingOf::<Test>::get(who).len());
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn issuance_and_holds_reconcile_whatever_happens(steps in prop::collection::vec(step(), 0..80)) {
		ExtBuilder.build_and_check(|| {
			let issuance = Balances::total_issuance();
			Online::set(false);
			for step in steps {
				take(step);
				check();
				holds_reconcile();
				assert_eq!(Balances::total_issuance(), issuance);
			}
			// Where everybody goes and everything is decided, nothing is left on hold.
			for id in 0..NextOffence::<Test>::get() {
				let _ = Slashing::pardon(root(), id);
			}
			for who in 1..10 {
				let _ = Operators::exit(signed(who));
			}
			wait(UNBONDING);
			for who in 1..10 {
				let _ = Operators::withdraw(signed(who));
				assert_eq!(Balances::total_balance_on_hold(&who), 0);
			}
			let all: u128 = (1..10).chain([PAUPER, TREASURY]).map(|who| Balances::total_balance(&who)).sum();
			assert_eq!(all, issuance);
			assert_eq!(Balances::total_issuance(), issuance);
		});
	}
}

/// Applies a breach to a sound world and returns what the invariants say.
fn complaint(breach: fn()) -> &'static str {
	ExtBuilder.build().execute_with(|| {
		report(OffenceKind::FalseScore, 1);
		let id = report(OffenceKind::FalseScore, 2);
		Slashing::pardon(root(), id).unwrap();
		check();
		breach();
		match Slashing::do_try_state() {
			Err(sp_runtime::TryRuntimeError::Other(complaint)) => complaint,
			other => panic!("the breach went unnoticed: {other:?}"),
		}
	})
}

#[test]
fn invariants_notice_each_breach() {
	use crate::{ClosedCount, ClosedRing, Computed, Fingerprints, NextDue, State, Strikes};
	assert_eq!(complaint(|| PendingOf::<Test>::remove(ALICE)), "a pending offence stands in no list");
	assert_eq!(complaint(|| OffenceRecords::<Test>::remove(0)), "a pending offence is unknown");
	assert_eq!(complaint(|| ClosedRing::<Test>::remove(0)), "a decided offence is not in the ring");
	assert_eq!(complaint(|| ClosedCount::<Test>::put(2)), "the decisions are miscounted");
	assert_eq!(
		complaint(|| Fingerprints::<Test>::insert(evidence(9), 0)),
		"a fingerprint belongs to no offence"
	);
	assert_eq!(complaint(|| NextDue::<Test>::put(1)), "an open offence was passed by");
	assert_eq!(
		complaint(|| {
			OffenceRecords::<Test>::mutate(0, |offence| {
				let appeal = crate::Appeal { at: 1, bond: 5, is_computed: false };
				offence.as_mut().unwrap().state = State::Appealed(appeal);
			});
		}),
		"the bond of an appeal is not on hold"
	);
	assert_eq!(
		complaint(|| {
			Computed::<Test>::insert(
				(ALICE, Subject::Submission(0, H256::zero())),
				frame_support::BoundedVec::truncate_from(vec![0]),
			);
		}),
		"a dispute decides an offence that is not appealed"
	);
	assert_eq!(
		complaint(|| Strikes::<Test>::insert(ALICE, frame_support::BoundedVec::truncate_from(vec![1, 2, 3]))),
		"somebody escaped its ban"
	);
}
