//! Benchmarks of the calls, and of the work in `on_idle`.

use crate::{
	types::Phase, verdict, Accused, BalanceOf, BenchmarkHelper, Call, ChallengeRecord, Challenges, Config,
	HoldReason, Line, Pallet, Refuted, RootRecord, Roots,
};
use blyan_primitives::{finding_hash, AnswerStatement, EvaluationOutcome, SignedReceipt};
use blyan_support::genesis_hash;
use frame_benchmarking::v2::*;
use frame_support::traits::{fungible::MutateHold, Get};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::traits::{Saturating, Zero};

/// An outcome about an answer with so many misses.
fn outcome(statement: &AnswerStatement, misses: u64) -> EvaluationOutcome {
	EvaluationOutcome {
		baseline_loss: misses,
		candidate_loss: misses,
		sequences: 1,
		bytes: u64::from(statement.tokens).saturating_sub(1),
		job_root: H256::repeat_byte(misses as u8),
		..EvaluationOutcome::default()
	}
}

/// A receipt about a root that the chain knows, the operator, and the outcome that a challenger found and committed to.
fn receipt<T: Config>(
	who: &T::AccountId,
) -> (SignedReceipt, T::AccountId, AnswerStatement, EvaluationOutcome) {
	let (signed, architecture, operator) = T::BenchmarkHelper::signed_receipt();
	Roots::<T>::insert(signed.receipt.model_root, RootRecord { architecture, models: 1, until: None });
	let statement = AnswerStatement::of(&signed.receipt, architecture);
	let outcome = outcome(&statement, 1);
	T::BenchmarkHelper::commit(who, finding_hash(who, "challenge_answer", &(&signed, &outcome)));
	(signed, operator, statement, outcome)
}

/// An open challenge. Returns its name, the operator, and what it was about.
fn opened<T: Config>() -> (H256, T::AccountId, AnswerStatement) {
	let challenger: T::AccountId = whitelisted_caller();
	let (signed, operator, statement, outcome) = receipt::<T>(&challenger);
	let (id, bond) = (signed.id(&genesis_hash::<T>()), T::Bond::get());
	T::Currency::hold(&HoldReason::ChallengeBond.into(), &challenger, bond).expect("it has money; qed");
	let until = Pallet::<T>::now();
	let record = ChallengeRecord {
		signed,
		statement,
		operator: operator.clone(),
		challenger,
		outcome,
		bond,
		phase: Phase::Open { until },
	};
	Challenges::<T>::insert(id, record);
	Accused::<T>::insert(&operator, 1);
	Pallet::<T>::enqueue(Line::Defence, until, id);
	(id, operator, statement)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// A receipt of the longest answer that the model's context holds.
	#[benchmark]
	fn challenge() {
		let who: T::AccountId = whitelisted_caller();
		let (signed, operator, _, outcome) = receipt::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who), signed, outcome);

		assert_eq!(Accused::<T>::get(operator), 1);
	}

	// The game begins: as many reads and writes as a challenge in a dispute.
	#[benchmark]
	fn defend() {
		let (id, operator, statement) = opened::<T>();
		let defence = outcome(&statement, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(operator), id, defence);

		let record = Challenges::<T>::get(id).expect("it stays until no game can begin; qed");
		assert!(
			matches!(record.phase, Phase::Defended { outcome, .. } if verdict(outcome) == verdict(defence))
		);
		assert!(record.bond == BalanceOf::<T>::zero());
	}

	// A model that no one has looked at, with a root.
	#[benchmark]
	fn look_at_model() {
		#[block]
		{
			Pallet::<T>::look_at_model();
		}
	}

	// An operator is silent: the costliest of what becomes due.
	#[benchmark]
	fn due() {
		let (id, ..) = opened::<T>();

		#[block]
		{
			Pallet::<T>::on_due(Line::Defence, id);
		}

		assert!(Refuted::<T>::contains_key(id));
		let until = Pallet::<T>::now().saturating_add(T::LateWindow::get());
		assert!(Challenges::<T>::get(id).is_some_and(|record| record.phase == Phase::Silent { until }));
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::new_ext(), crate::tests::mock::Test);
}
