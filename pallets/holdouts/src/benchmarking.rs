//! Worst cases of the calls, and of the work in `on_idle`: as many keepers as there may be, each with as many chunks as it may have.

use crate::{
	leak_notice, Active, BalanceOf, Call, ChunkRecord, Chunks, Config, HoldReason, KeeperRecord, Keepers,
	LeakNotices, Pallet, Phase, RoundRecord, Rounds, Sealed, ATTESTATIONS_MAX, LEAK_NOTICE,
};
use alloc::vec::Vec;
use blyan_primitives::{
	chunk_commitment,
	randomness::AppointedRandomness,
	traits::{ExpertRegistry, OperatorSet},
	Attestation, BlobRef, HoldoutRef, ModelId, OperatorId, OperatorSignature, SealingRules, SubmissionId,
};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::{Get, TransactionSource},
	traits::{
		fungible::{Inspect, Mutate, MutateHold},
		Authorize, EnsureOrigin,
	},
	BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{
	traits::{Bounded, One, SaturatedConversion, Saturating},
	RuntimeAppPublic,
};

const SUBMISSION: SubmissionId = 1;
const SALT: H256 = H256([6; 32]);

fn rules() -> SealingRules {
	SealingRules { sequences: 2, sequence_len: 1, loss_min: 0, loss_max: u32::MAX }
}

fn holdout() -> HoldoutRef {
	let blob = BlobRef { hash: H256([1; 32]), size: 2 };
	HoldoutRef { root: H256([2; 32]), blob, sequences: 2, sequence_len: 1 }
}

fn chunk<T: Config>(commitment: H256) -> ChunkRecord<BalanceOf<T>, BlockNumberFor<T>> {
	ChunkRecord {
		commitment,
		committed_at: BlockNumberFor::<T>::default(),
		deposit: T::ChunkDeposit::get(),
		sequences: rules().sequences,
		sequence_len: rules().sequence_len,
		free_at: None,
	}
}

/// A keeper with `count` chunks of a sealed model; the last one has this commitment.
fn keeper<T: Config>(keeper: &T::AccountId, model: ModelId, count: u32, last: H256)
where
	T::Currency: Mutate<T::AccountId>,
{
	let (bond, deposit): (BalanceOf<T>, BalanceOf<T>) = (T::MinBond::get(), T::ChunkDeposit::get());
	let deposits = deposit.saturating_mul(count.into());
	let money = bond.saturating_add(deposits).saturating_mul(4u32.into());
	T::Currency::set_balance(keeper, money.saturating_add(T::Currency::minimum_balance()));
	T::Currency::hold(&HoldReason::KeeperBond.into(), keeper, bond).expect("it has the money; qed");
	T::Currency::hold(&HoldReason::Chunk.into(), keeper, deposits).expect("it has the money; qed");
	let never = BlockNumberFor::<T>::default();
	let record = KeeperRecord { bond, chunks: count, faults: 0, suspended_until: never, bonded_at: never };
	Keepers::<T>::insert(keeper, record);
	let commitment = |number: u32| match number.saturating_add(1) == count {
		true => last,
		false => H256(blake2_256(&number.encode())),
	};
	let chunks: Vec<_> = (0..count).map(|number| chunk::<T>(commitment(number))).collect();
	if count > 0 {
		Chunks::<T>::insert(model, keeper, BoundedVec::truncate_from(chunks));
	}
	Sealed::<T>::insert(model, rules());
}

/// A round in a state.
fn round<T: Config>(model: ModelId, phase: Phase<T::AccountId, BalanceOf<T>, BlockNumberFor<T>>) {
	let round = RoundRecord {
		model,
		miner: account("miner", 0, 0),
		chunks_before: BlockNumberFor::<T>::max_value(),
		looked: BoundedVec::new(),
		tries: 0,
		phase,
	};
	Rounds::<T>::insert(SUBMISSION, round);
	let others = T::MaxActive::get().saturating_sub(1);
	let mut active: Vec<SubmissionId> =
		(0..others).map(|other| u64::from(other).saturating_add(100)).collect();
	active.push(SUBMISSION);
	Active::<T>::put(BoundedVec::truncate_from(active));
}

/// A chunk that all but one of the most operators have attested to. Returns the last one's attestation.
fn nearly_attested<T: Config>(
	model: ModelId,
) -> Result<(Attestation, OperatorId, OperatorSignature), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let who: T::AccountId = account("keeper", 0, 0);
	keeper::<T>(&who, model, 1, H256::zero());
	let needed = T::MinAttestations::get().clamp(1, ATTESTATIONS_MAX);
	let mut operators = T::Operators::ensure_operators_for_benchmark(needed);
	let (_, key) = operators.pop().ok_or("no operators")?;
	let attested = operators.into_iter().map(|(operator, _)| operator).collect::<Vec<_>>();
	round::<T>(
		model,
		Phase::Attesting {
			keeper: who,
			deposit: T::ChunkDeposit::get(),
			holdout: holdout(),
			attested: BoundedVec::truncate_from(attested),
			until: BlockNumberFor::<T>::max_value(),
		},
	);
	let attestation = Attestation { submission: SUBMISSION, blob: holdout().blob.hash };
	let payload = attestation.signing_payload(&genesis_hash::<T>());
	let signature = key.sign(&payload).ok_or("the key is not in the keystore")?;
	Ok((attestation, key, signature))
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn seal_model() -> Result<(), BenchmarkError> {
		let model = T::Models::ensure_model_for_benchmark().model;
		let origin =
			T::SealOrigin::try_successful_origin().map_err(|()| BenchmarkError::Stop("no origin"))?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, model, Some(rules()));

		assert!(Sealed::<T>::contains_key(model));
		Ok(())
	}

	#[benchmark]
	fn join() {
		let who: T::AccountId = whitelisted_caller();
		keeper::<T>(&who, 0, 0, H256::zero());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), T::MinBond::get());

		assert!(Keepers::<T>::get(who).is_some_and(|record| record.bond > T::MinBond::get()));
	}

	#[benchmark]
	fn leave() {
		let who: T::AccountId = whitelisted_caller();
		keeper::<T>(&who, 0, 0, H256::zero());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert!(!Keepers::<T>::contains_key(who));
	}

	#[benchmark]
	fn commit() {
		let who: T::AccountId = whitelisted_caller();
		let count = T::MaxChunks::get().saturating_sub(1);
		keeper::<T>(&who, 0, count, H256::zero());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), 0, H256([9; 32]));

		assert_eq!(Chunks::<T>::decode_len(0, who), Some(T::MaxChunks::get() as usize));
	}

	#[benchmark]
	fn commit_under() {
		let who: T::AccountId = whitelisted_caller();
		let count = T::MaxChunks::get().saturating_sub(1);
		keeper::<T>(&who, 0, count, H256::zero());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), 0, H256([9; 32]), rules());

		assert_eq!(Chunks::<T>::decode_len(0, who), Some(T::MaxChunks::get() as usize));
	}

	#[benchmark]
	fn withdraw() {
		let who: T::AccountId = whitelisted_caller();
		let count = T::MaxChunks::get();
		keeper::<T>(&who, 0, count, H256([9; 32]));
		// Its notice is over.
		Chunks::<T>::mutate(0, &who, |chunks| {
			let last = chunks.last_mut();
			last.into_iter().for_each(|chunk| chunk.free_at = Some(BlockNumberFor::<T>::default()));
		});

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), 0, H256([9; 32]));

		assert_eq!(Keepers::<T>::get(who).map(|record| record.chunks), Some(count.saturating_sub(1)));
	}

	// Sequences of eight bytes: more leaves for as many bytes than text has.
	#[benchmark]
	fn reveal(b: Linear<16, { T::MaxChunkBytes::get() }>) {
		let who: T::AccountId = whitelisted_caller();
		let model = T::Models::ensure_model_for_benchmark().model;
		let sequences = b / 8;
		let bytes: Vec<u8> = (0..u64::from(sequences)).flat_map(u64::to_le_bytes).collect();
		let hash = H256(blake2_256(&bytes));
		let commitment = chunk_commitment(&genesis_hash::<T>(), &who, model, &hash, &SALT);
		keeper::<T>(&who, model, 1, commitment);
		let chunk = ChunkRecord { sequences, sequence_len: 8, ..chunk::<T>(commitment) };
		let until = BlockNumberFor::<T>::max_value();
		round::<T>(model, Phase::Revealing { keeper: who.clone(), chunk, until });

		#[extrinsic_call]
		_(RawOrigin::Signed(who), SUBMISSION, BoundedVec::truncate_from(bytes), SALT);

		assert!(Rounds::<T>::get(SUBMISSION).is_some_and(|round| round.phase.revealed().is_some()));
	}

	#[benchmark]
	fn attest() -> Result<(), BenchmarkError> {
		let (attestation, key, signature) = nearly_attested::<T>(0)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, attestation, key, signature);

		assert!(Rounds::<T>::get(SUBMISSION).is_some_and(|round| round.phase.is_ready()));
		Ok(())
	}

	#[benchmark]
	fn authorize_attest() -> Result<(), BenchmarkError> {
		let (attestation, key, signature) = nearly_attested::<T>(0)?;
		let call: Call<T> = Call::attest { attestation, key, signature };
		let admitted;

		#[block]
		{
			admitted = call.authorize(TransactionSource::External);
		}

		assert!(matches!(admitted, Some(Ok(_))));
		Ok(())
	}

	#[benchmark]
	fn report_leak() -> Result<(), BenchmarkError> {
		let who: T::AccountId = account("keeper", 0, 0);
		let reporter: T::AccountId = whitelisted_caller();
		let enough = T::Currency::minimum_balance().saturating_add(T::ChunkDeposit::get());
		T::Currency::set_balance(&reporter, enough.saturating_add(enough));
		let hash = H256([3; 32]);
		let commitment = chunk_commitment(&genesis_hash::<T>(), &who, 0, &hash, &SALT);
		keeper::<T>(&who, 0, T::MaxChunks::get(), commitment);
		let notice = leak_notice(&genesis_hash::<T>(), &reporter, &hash, &SALT);
		Pallet::<T>::announce_leak(RawOrigin::Signed(reporter.clone()).into(), Some(notice))?;
		let now = frame_system::Pallet::<T>::block_number();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(LEAK_NOTICE.into()));

		#[extrinsic_call]
		_(RawOrigin::Signed(reporter), who.clone(), 0, hash, SALT);

		assert_eq!(Keepers::<T>::get(who).map(|record| record.faults), Some(1));
		Ok(())
	}

	#[benchmark]
	fn announce_leak() {
		let reporter: T::AccountId = whitelisted_caller();
		let enough = T::Currency::minimum_balance().saturating_add(T::ChunkDeposit::get());
		T::Currency::set_balance(&reporter, enough.saturating_add(enough));

		#[extrinsic_call]
		_(RawOrigin::Signed(reporter.clone()), Some(H256([4; 32])));

		assert!(LeakNotices::<T>::contains_key(reporter));
	}

	// The draw among all keepers, whose last chunk is the one that fits.
	#[benchmark]
	fn step(k: Linear<1, { T::MaxKeepers::get() }>) {
		for number in 0..k {
			keeper::<T>(&account("keeper", number, 0), 0, T::MaxChunks::get(), H256([9; 32]));
		}
		let appointment = T::Randomness::appoint();
		round::<T>(0, Phase::Drawing { appointment, named_at: BlockNumberFor::<T>::max_value() });
		let now = frame_system::Pallet::<T>::block_number();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(One::one()));

		#[block]
		{
			// Without the seed it ends early, so the candidates are counted in any case.
			if !Pallet::<T>::step(SUBMISSION) {
				let _ = Pallet::<T>::count_candidates(SUBMISSION);
			}
		}
	}

	#[benchmark]
	fn idle() {
		round::<T>(0, Phase::Starved { until: BlockNumberFor::<T>::max_value() });
		let count: u32;

		#[block]
		{
			count = Active::<T>::get().len().saturated_into();
		}

		assert_eq!(count, T::MaxActive::get());
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::benchmark_ext(), crate::tests::mock::Test);
}
