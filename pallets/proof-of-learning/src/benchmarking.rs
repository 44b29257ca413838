//! Worst cases of every call, and of what happens without being asked.
//!
//! All but one of the submissions that fit are open, in one queue; a committee is as large as it can be; the
//! ring of closed submissions is full, so that closing one forgets another.

use crate::{
	Call, Claim, ClosedCount, ClosedRecord, ClosedRing, ClosedSubmissions, Conduct, Config, EvaluationRecord,
	Event, HoldReason, Holdouts, Miners, NextSubmission, OpenBlobs, OpenRoots, OpenSubmissions, Pallet,
	Phase, Seat, SubmissionRecord,
};
use alloc::vec::Vec;
use blyan_primitives::{
	search_pow,
	traits::{ExpertRegistry, OperatorSet},
	BlobRef, BlockRef, EvaluationOutcome, ExpertSlot, HoldoutRef, OperatorId, PowStamp, ScoreReport,
	SubmissionId, Verdict,
};
use blyan_runtime_api::SubmissionOutcome;
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
use sp_runtime::{
	traits::{Bounded, One, SaturatedConversion, Saturating, Zero},
	RuntimeAppPublic,
};

/// Operators that the draw chooses from.
const ELIGIBLE: u32 = 100;

fn candidate(seed: u32) -> BlockRef {
	let hash = |salt: &[u8]| H256(sp_io::hashing::blake2_256(&(salt, seed).encode()));
	BlockRef { tensor_root: hash(b"root"), blob: BlobRef { hash: hash(b"blob"), size: 1 } }
}

fn holdout() -> HoldoutRef {
	let blob = BlobRef { hash: H256::repeat_byte(1), size: 100 };
	HoldoutRef { root: H256::repeat_byte(2), blob, sequences: 100, sequence_len: 1 }
}

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

/// A miner with money and as many attempts on record as a day can have.
fn rich_miner<T: Config>() -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let miner: T::AccountId = account("miner", 0, 0);
	let money = T::Bond::get().saturating_add(T::Currency::minimum_balance());
	T::Currency::set_balance(&miner, money.saturating_mul(10u32.into()));
	Miners::<T>::mutate(&miner, |record| {
		// One place is left for the attempt of the benchmark, whose model has a small number.
		let others = 1..T::MaxUploadsPerDay::get();
		record.attempts = BoundedVec::truncate_from(
			others
				.map(|n| (ExpertSlot { model: u32::MAX.saturating_sub(n), layer: 0, expert: 0 }, 1))
				.collect(),
		);
	});
	miner
}

/// Opens a submission to `slot` without the checks of `submit`.
fn open<T: Config>(slot: ExpertSlot, miner: T::AccountId, seed: u32) -> SubmissionId {
	let submission = NextSubmission::<T>::get();
	NextSubmission::<T>::put(submission.saturating_add(1));
	let block = candidate(seed);
	let parent = T::Experts::head(slot).map_or(0, |head| head.version);
	let claim = Claim {
		miner: miner.clone(),
		slot,
		parent,
		block,
		manifest: H256::zero(),
		submitted_at: Zero::zero(),
	};
	OpenSubmissions::<T>::insert(
		submission,
		SubmissionRecord {
			claim,
			bond: Zero::zero(),
			attempt: 1,
			phase: Phase::Queued { draw_from: Zero::zero() },
		},
	);
	OpenRoots::<T>::insert(block.tensor_root, submission);
	OpenBlobs::<T>::insert(block.blob.hash, submission);
	Miners::<T>::mutate(miner, |record| record.open = record.open.saturating_add(1));
	assert!(Pallet::<T>::enqueue(slot.model, submission).is_ok(), "callers keep one place free");
	submission
}

/// Fills the queue behind what is there, up to one below the bound.
fn fill_queue<T: Config>(slot: ExpertSlot) {
	while OpenSubmissions::<T>::count() < T::MaxOpen::get().saturating_sub(1) {
		let seed = OpenSubmissions::<T>::count().saturating_add(1_000);
		open::<T>(slot, account("other", seed, 0), seed);
	}
}

/// Fills the ring of closed submissions with numbers that no open one has.
fn fill_ring<T: Config>(slot: ExpertSlot) {
	let size = T::MaxClosed::get();
	for place in 0..size {
		let submission = NextSubmission::<T>::mutate(|next| {
			let submission = *next;
			*next = next.saturating_add(1);
			submission
		});
		let claim = Claim {
			miner: account("past", 0, 0),
			slot,
			parent: 0,
			block: candidate(place),
			manifest: H256::zero(),
			submitted_at: Zero::zero(),
		};
		let outcome = SubmissionOutcome::Withdrawn;
		ClosedSubmissions::<T>::insert(submission, ClosedRecord { claim, outcome, closed_at: Zero::zero() });
		ClosedRing::<T>::insert(place, submission);
	}
	ClosedCount::<T>::put(u64::from(size));
}

/// The world in which closing a submission costs most: its slot, and the submission, with its bond on hold.
fn crowded<T: Config>() -> (ExpertSlot, SubmissionId, T::AccountId)
where
	T::Currency: Mutate<T::AccountId>,
{
	let slot = T::Experts::ensure_model_for_benchmark();
	Holdouts::<T>::insert(slot.model, holdout());
	fill_ring::<T>(slot);
	let miner = rich_miner::<T>();
	let submission = open::<T>(slot, miner.clone(), 0);
	let bond = T::Bond::get();
	T::Currency::hold(&HoldReason::SubmissionBond.into(), &miner, bond).expect("the miner is rich");
	OpenSubmissions::<T>::mutate(submission, |record| {
		if let Some(record) = record {
			record.bond = bond;
		}
	});
	fill_queue::<T>(slot);
	(slot, submission, miner)
}

/// A score that is accepted: every sequence improves by the same amount.
fn winning_score(sample: u32) -> Verdict {
	let each = 1u64 << 32;
	let sum = each.saturating_mul(sample.into());
	Verdict::Scored(EvaluationOutcome {
		baseline_loss: sum,
		candidate_loss: 0,
		sum_diff: sum.saturated_into(),
		sum_diff_sq: u128::from(each).saturating_mul(each.into()).saturating_mul(sample.into()),
		sequences: sample,
		bytes: sample.into(),
		job_root: H256::zero(),
	})
}

/// Gives `submission` the largest committee, all of whose members but `silent` ones have reported.
fn seat_committee<T: Config>(submission: SubmissionId, silent: u32) -> Vec<(T::AccountId, OperatorId)> {
	let size = T::MaxCommittee::get();
	let members = T::Operators::ensure_operators_for_benchmark(size);
	let sample = 10;
	let seats = members.iter().zip(0u32..).map(|((operator, _), place)| Seat {
		operator: operator.clone(),
		verdict: (place >= silent).then(|| winning_score(sample)),
	});
	let seats = BoundedVec::truncate_from(seats.collect());
	OpenSubmissions::<T>::mutate(submission, |record| {
		let Some(record) = record else { return };
		record.phase = Phase::Evaluating(EvaluationRecord {
			seed: H256::zero(),
			holdout: holdout(),
			sample,
			generation: T::Experts::generation(record.claim.slot.model).unwrap_or_default(),
			delta: 1,
			z_milli: 3_000,
			deadline: BlockNumberFor::<T>::max_value(),
			seats,
		});
	});
	members
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn submit() {
		let slot = T::Experts::ensure_model_for_benchmark();
		let miner = rich_miner::<T>();
		fill_queue::<T>(slot);
		let named = BlockNumberFor::<T>::one();
		frame_system::Pallet::<T>::set_block_number(named.saturating_add(One::one()));
		let hash = H256::repeat_byte(7);
		frame_system::BlockHash::<T>::insert(named, hash);
		let block = candidate(0);
		let nonce = search_pow(&miner.encode(), &block.tensor_root, &hash, T::PowBits::get(), 0, u64::MAX)
			.expect("a stamp of that weight exists");
		let parent = T::Experts::head(slot).map_or(0, |head| head.version);
		let bond = T::Bond::get();
		let submission = NextSubmission::<T>::get();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(miner.clone()),
			slot,
			parent,
			block,
			H256::zero(),
			PowStamp { block: named, nonce },
		);

		assert_last_event(Event::<T>::Submitted { submission, miner, slot, parent, block, attempt: 1, bond });
	}

	#[benchmark]
	fn report_score() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		let members = seat_committee::<T>(submission, 1);
		let (operator, key) = members.first().cloned().ok_or("no operators")?;
		let verdict = winning_score(10);
		let report = ScoreReport { submission, verdict };
		let signature = key
			.sign(&report.signing_payload(&Pallet::<T>::genesis_hash()))
			.ok_or("the key is not in the keystore")?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, report, key, signature);

		assert_last_event(Event::<T>::ScoreReported {
			submission,
			operator,
			verdict,
			digest: verdict.digest(),
		});
		Ok(())
	}

	#[benchmark]
	fn authorize_report_score() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		// The reporting member sits last, so the whole committee is looked through.
		let members = seat_committee::<T>(submission, T::MaxCommittee::get());
		let (_, key) = members.last().cloned().ok_or("no operators")?;
		let report = ScoreReport { submission, verdict: winning_score(10) };
		let signature = key
			.sign(&report.signing_payload(&Pallet::<T>::genesis_hash()))
			.ok_or("the key is not in the keystore")?;
		let call = Call::<T>::report_score { report, key, signature };

		#[block]
		{
			call.authorize(TransactionSource::External)
				.ok_or("the call authorises itself")?
				.map_err(|_| "refused")?;
		}
		Ok(())
	}

	#[benchmark]
	fn register_holdout() -> Result<(), BenchmarkError> {
		let slot = T::Experts::ensure_model_for_benchmark();
		let origin = T::HoldoutOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let holdout = holdout();

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, slot.model, holdout);

		assert_last_event(Event::<T>::HoldoutRegistered { model: slot.model, holdout });
		Ok(())
	}

	#[benchmark]
	fn withdraw() {
		let (_, submission, miner) = crowded::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(miner.clone()), submission);

		assert_last_event(Event::<T>::Withdrawn { submission, miner });
	}

	/// The check of the randomness's age is the only part left out: a benchmark's chain has none.
	#[benchmark]
	fn draw() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		T::Operators::ensure_operators_for_benchmark(ELIGIBLE);
		let record = OpenSubmissions::<T>::get(submission).ok_or("it was opened above")?;
		let (randomness, now) = (H256::repeat_byte(3), BlockNumberFor::<T>::one());

		#[block]
		{
			Pallet::<T>::draw_with(submission, record, now, now, (randomness, now));
		}

		let drawn = OpenSubmissions::<T>::get(submission).map(|record| record.phase);
		assert!(matches!(drawn, Some(Phase::Evaluating(_))));
		Ok(())
	}

	#[benchmark]
	fn decide() -> Result<(), BenchmarkError> {
		let (slot, submission, miner) = crowded::<T>();
		seat_committee::<T>(submission, 0);
		// One success more and the miner is trusted, so that this is noted too.
		Miners::<T>::mutate(&miner, |record| {
			let almost = T::TrustAfter::get().saturating_sub(1);
			for _ in 0..almost {
				record.note_conduct(slot, Conduct::Success, u32::MAX, u32::MAX);
			}
		});

		#[extrinsic_call]
		finalise(RawOrigin::Signed(miner.clone()), submission);

		assert!(matches!(
			ClosedSubmissions::<T>::get(submission).map(|closed| closed.outcome),
			Some(SubmissionOutcome::Accepted { .. })
		));
		Ok(())
	}

	#[benchmark]
	fn idle() {
		let slot = T::Experts::ensure_model_for_benchmark();
		fill_queue::<T>(slot);
		let room = <T::WeightInfo as crate::WeightInfo>::idle();

		#[block]
		{
			Pallet::<T>::advance_queues(One::one(), room);
		}
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::benchmark_ext(), crate::tests::Test);
}
