//! Worst cases of every call, and of what happens without being asked.
//!
//! All but one of the submissions that fit are open, in one queue; all but one of the decisions that fit wait to mature; a
//! committee is as large as it can be; the ring of closed submissions is full, so that closing one forgets another.

mod copies;

use crate::{
	math::Rule, Call, Claim, ClosedCount, ClosedRecord, ClosedRing, ClosedSubmissions, CommitmentQueueEnds,
	Conduct, Config, DecisionRecord, DecisionRecordOf, Decisions, EvaluationRecord, Event, GuardHoldouts,
	HoldReason, Holdouts, Miners, NextSubmission, OpenBlobs, OpenRoots, OpenSubmissions, Pallet, Phase,
	Queues, Retrials, Sample, Seat, Stage, SubmissionRecord, Terms, WeightInfo,
};
use alloc::vec::Vec;
use blyan_exact::definition2::{
	block::{hash_tile, TILE_BYTES},
	similarity::Overlap,
	OwnedAdapter,
};
use blyan_primitives::{
	commitment_hash, seal_hash, search_pow,
	traits::{ExpertRegistry, OperatorSet},
	BlobRef, BlockRef, EvaluationJob, EvaluationOutcome, ExpertSlot, HoldoutRef, OperatorId,
	OperatorSignature, PowStamp, Score, ScoreReport, ScoreSeal, Subject, SubmissionId, Verdict,
	SHOWN_BYTES_MAX,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use codec::Encode;
use copies::copied;
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

/// A miner with money.
fn rich_miner<T: Config>() -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let miner: T::AccountId = account("miner", 0, 0);
	let money = T::Bond::get().saturating_add(T::Currency::minimum_balance());
	T::Currency::set_balance(&miner, money.saturating_mul(10u32.into()));
	miner
}

/// As many commitments of `miner` as it may have, the last one to `block`.
fn fill_commitments<T: Config>(slot: ExpertSlot, miner: &T::AccountId, block: &BlockRef) {
	let genesis = blyan_support::genesis_hash::<T>();
	for place in 1..=T::MaxOpenPerMiner::get() {
		let is_last = place == T::MaxOpenPerMiner::get();
		let block = if is_last { *block } else { candidate(place.saturating_add(2_000)) };
		let commitment = commitment_hash(&genesis, miner, &slot, &block, &SALT);
		assert!(Pallet::<T>::do_commit(miner.clone(), commitment).is_ok(), "the miner is rich");
	}
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
			fee: Zero::zero(),
			attempt: 1,
			attested: BoundedVec::new(),
			redraws: 0,
			absent: BoundedVec::new(),
			appointment: 0,
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
		ClosedSubmissions::<T>::insert(
			submission,
			ClosedRecord { claim, draw: None, digest: None, outcome, closed_at: Zero::zero() },
		);
		ClosedRing::<T>::insert(place, submission);
	}
	ClosedCount::<T>::put(u64::from(size));
}

/// Fills the list of decisions that wait to mature, up to one below the bound.
fn fill_maturing<T: Config>(slot: ExpertSlot) {
	while Decisions::<T>::count() < T::MaxMaturing::get().saturating_sub(1) {
		let seed = Decisions::<T>::count().saturating_add(10_000);
		let submission = NextSubmission::<T>::mutate(|next| {
			let submission = *next;
			*next = next.saturating_add(1);
			submission
		});
		let mut decision = decision::<T>(slot, account("other", seed, 0), seed);
		// They mature later than anything else here.
		decision.matures_at = BlockNumberFor::<T>::max_value();
		Decisions::<T>::insert(submission, decision);
		Pallet::<T>::await_maturity(submission, BlockNumberFor::<T>::max_value());
	}
}

/// A rejection without a committee.
fn decision<T: Config>(slot: ExpertSlot, miner: T::AccountId, seed: u32) -> DecisionRecordOf<T> {
	DecisionRecord {
		claim: Claim {
			miner,
			slot,
			parent: T::Experts::head(slot).map_or(0, |head| head.version),
			block: candidate(seed),
			manifest: H256::zero(),
			submitted_at: Zero::zero(),
		},
		bond: Zero::zero(),
		fee: Zero::zero(),
		forgiven: 0,
		terms: terms::<T>(slot),
		seats: Default::default(),
		digest: None,
		outcome: SubmissionOutcome::Rejected(RejectReason::NoAgreement),
		held: Zero::zero(),
		guard_change: 0,
		decided_at: Zero::zero(),
		matures_at: Zero::zero(),
		disputes: 0,
		refuted: false,
	}
}

/// The world in which closing a submission costs most: its slot, and the submission, with its bond on hold.
fn crowded<T: Config>() -> (ExpertSlot, SubmissionId, T::AccountId)
where
	T::Currency: Mutate<T::AccountId>,
{
	let slot = T::Experts::ensure_model_for_benchmark();
	Holdouts::<T>::insert(slot.model, holdout());
	GuardHoldouts::<T>::insert(slot.model, holdout());
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
	fill_maturing::<T>(slot);
	(slot, submission, miner)
}

/// Sequences of the samples.
const SAMPLE: u32 = 10;

/// What a draw fixes.
fn terms<T: Config>(slot: ExpertSlot) -> Terms {
	let sample = Sample { holdout: holdout(), seed: H256::zero(), sequences: SAMPLE };
	let generation = T::Experts::generation(slot.model).unwrap_or_default();
	// As the draw would have.
	assert!(T::Experts::keep(slot.model, generation), "there is room in a world of one evaluation");
	Terms {
		definition: T::Experts::body(slot.model).map_or(0, |body| body.definition()),
		generation,
		model_root: T::Experts::model_root(slot.model).unwrap_or_default(),
		target: sample,
		guard: Some(sample),
		rule: Rule { delta: 1, alpha: 1_350, attempt: 1, guard_tolerance: 656, guard_left: u64::MAX },
	}
}

/// A score that is accepted: every sequence improves by the same amount but for a little noise, so that all of the
/// rule's arithmetic is done.
fn winning_score() -> Verdict {
	let each = 1u64 << 32;
	let sum = each.saturating_mul(SAMPLE.into());
	let outcome = EvaluationOutcome {
		baseline_loss: sum,
		candidate_loss: 0,
		sum_diff: sum.saturated_into(),
		sum_diff_sq: u128::from(each)
			.saturating_mul(each.into())
			.saturating_mul(SAMPLE.into())
			.saturating_add(1),
		sequences: SAMPLE,
		bytes: SAMPLE.into(),
		job_root: H256::zero(),
	};
	Verdict::Scored(Score { target: outcome, guard: Some(outcome) })
}

/// Another score.
fn losing_score() -> Verdict {
	let zero = EvaluationOutcome { sequences: SAMPLE, bytes: SAMPLE.into(), ..Default::default() };
	Verdict::Scored(Score { target: zero, guard: Some(zero) })
}

/// Salt of everybody's seals.
const SALT: H256 = H256::repeat_byte(5);

/// What the members of a committee have done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
	Nothing,
	Sealed,
	Revealed,
}

/// Gives `submission` the largest committee, all of whose members but the last one have done `others`, and that one
/// `last`.
fn seat_committee<T: Config>(
	submission: SubmissionId,
	others: Done,
	last: Done,
) -> Vec<(T::AccountId, OperatorId)> {
	let size = T::MaxCommittee::get();
	let members = T::Operators::ensure_operators_for_benchmark(size);
	let verdict = winning_score();
	let seats = members.iter().zip(1u32..).map(|((operator, _), place)| {
		let done = if place == size { last } else { others };
		Seat {
			operator: operator.clone(),
			stake: 0,
			seal: (done != Done::Nothing).then(|| seal_hash(&verdict.digest(), &SALT, operator)),
			verdict: (done == Done::Revealed).then_some(verdict),
		}
	});
	let seats = BoundedVec::truncate_from(seats.collect());
	OpenSubmissions::<T>::mutate(submission, |record| {
		let Some(record) = record else { return };
		record.phase = Phase::Evaluating(EvaluationRecord {
			terms: terms::<T>(record.claim.slot),
			stage: Stage::Last,
			first: size,
			seal_deadline: BlockNumberFor::<T>::max_value(),
			reveal_deadline: BlockNumberFor::<T>::max_value(),
			seats,
		});
	});
	members
}

/// A seal by the last member, and what signs it.
fn last_seal<T: Config>(
	submission: SubmissionId,
	members: &[(T::AccountId, OperatorId)],
) -> Result<(T::AccountId, ScoreSeal, OperatorId, OperatorSignature), BenchmarkError> {
	let (operator, key) = members.last().cloned().ok_or("no operators")?;
	let seal = ScoreSeal { submission, seal: seal_hash(&winning_score().digest(), &SALT, &operator) };
	let claim = OpenSubmissions::<T>::get(submission).ok_or("it was opened above")?.claim;
	let draw = terms::<T>(claim.slot).draw_id(&claim.slot, &claim.block);
	let payload = seal.signing_payload(&blyan_support::genesis_hash::<T>(), &draw);
	let signature = key.sign(&payload).ok_or("the key is not in the keystore")?;
	Ok((operator, seal, key, signature))
}

/// A verdict by the last member, and what signs it.
fn last_report<T: Config>(
	submission: SubmissionId,
	members: &[(T::AccountId, OperatorId)],
) -> Result<(T::AccountId, ScoreReport, OperatorId, OperatorSignature), BenchmarkError> {
	let (operator, key) = members.last().cloned().ok_or("no operators")?;
	let report = ScoreReport { submission, verdict: winning_score() };
	let claim = OpenSubmissions::<T>::get(submission).ok_or("it was opened above")?.claim;
	let draw = terms::<T>(claim.slot).draw_id(&claim.slot, &claim.block);
	let payload = report.signing_payload(&blyan_support::genesis_hash::<T>(), &draw);
	let signature = key.sign(&payload).ok_or("the key is not in the keystore")?;
	Ok((operator, report, key, signature))
}

/// An accepted submission of the largest committee that agrees, with its reward on hold.
fn accepted<T: Config>() -> Result<(SubmissionId, T::AccountId), BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (_, submission, miner) = crowded::<T>();
	seat_committee::<T>(submission, Done::Revealed, Done::Revealed);
	let record = OpenSubmissions::<T>::get(submission).ok_or("it was opened above")?;
	let Phase::Evaluating(evaluation) = record.phase.clone() else { return Err("it is evaluated".into()) };
	Pallet::<T>::decide(submission, record, evaluation);
	Ok((submission, miner))
}

/// A decision with two different verdicts, for the benchmarks of whoever settles disputes about it.
pub(crate) fn subject<T: Config>() -> (Subject, EvaluationJob) {
	let slot = T::Experts::ensure_model_for_benchmark();
	let submission = NextSubmission::<T>::mutate(|next| {
		let submission = *next;
		*next = next.saturating_add(1);
		submission
	});
	let miner: T::AccountId = account("miner", 0, 0);
	Miners::<T>::mutate(&miner, |_| ());
	let mut decision = decision::<T>(slot, miner, 0);
	let verdicts = [winning_score(), losing_score()];
	let seats = T::Operators::ensure_operators_for_benchmark(2).into_iter().zip(verdicts).map(
		|((operator, _), verdict)| {
			let seal = Some(seal_hash(&verdict.digest(), &SALT, &operator));
			Seat { operator, stake: 0, seal, verdict: Some(verdict) }
		},
	);
	decision.seats = BoundedVec::truncate_from(seats.collect());
	decision.matures_at = BlockNumberFor::<T>::max_value();
	let (terms, claim) = (decision.terms, decision.claim.clone());
	Decisions::<T>::insert(submission, decision);
	Pallet::<T>::await_maturity(submission, BlockNumberFor::<T>::max_value());
	let job = Pallet::<T>::job_for(claim.slot, claim.block, &terms, 0).expect("the model is there");
	(Subject::Submission(submission, terms.draw_id(&claim.slot, &claim.block)), job)
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn submit() {
		let slot = T::Experts::ensure_model_for_benchmark();
		let miner = rich_miner::<T>();
		fill_queue::<T>(slot);
		let block = candidate(0);
		fill_commitments::<T>(slot, &miner, &block);
		let now = frame_system::Pallet::<T>::block_number();
		let named = now.saturating_add(T::CommitAge::get());
		frame_system::Pallet::<T>::set_block_number(named.saturating_add(One::one()));
		let hash = H256::repeat_byte(7);
		frame_system::BlockHash::<T>::insert(named, hash);
		let nonce = search_pow(&miner.encode(), &block.tensor_root, &hash, T::PowBits::get(), 0, u64::MAX)
			.expect("a stamp of that weight exists");
		let parent = T::Experts::head(slot).map_or(0, |head| head.version);
		let bond = T::Bond::get();
		let ahead = Queues::<T>::decode_len(slot.model).unwrap_or(0).saturated_into();
		let fee = crate::math::evaluation_fee(T::EvaluationFee::get(), ahead);
		let submission = NextSubmission::<T>::get();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(miner.clone()),
			slot,
			parent,
			block,
			H256::zero(),
			PowStamp { block: named, nonce },
			SALT,
		);

		assert!(OpenSubmissions::<T>::get(submission)
			.is_some_and(|record| record.fee == fee && record.bond == bond));
	}

	#[benchmark]
	fn commit() {
		let slot = T::Experts::ensure_model_for_benchmark();
		let miner = rich_miner::<T>();
		// All of them have expired, and no block has cleaned up.
		fill_commitments::<T>(slot, &miner, &candidate(0));
		let now = frame_system::Pallet::<T>::block_number();
		let late = now.saturating_add(T::CommitLifetime::get()).saturating_add(One::one());
		frame_system::Pallet::<T>::set_block_number(late);
		let (commitment, deposit) = (H256::repeat_byte(8), T::CommitDeposit::get());

		#[extrinsic_call]
		_(RawOrigin::Signed(miner.clone()), commitment);

		assert_last_event(Event::<T>::Committed { miner, commitment, deposit });
	}

	#[benchmark]
	fn expire_commitment() {
		let slot = T::Experts::ensure_model_for_benchmark();
		let miner = rich_miner::<T>();
		fill_commitments::<T>(slot, &miner, &candidate(0));
		let now = frame_system::Pallet::<T>::block_number();
		// There is room for the first one only.
		let (first, _) = CommitmentQueueEnds::<T>::get();
		let late = now.saturating_add(T::CommitLifetime::get()).saturating_add(One::one());
		let step = T::DbWeight::get().reads(1).saturating_add(T::WeightInfo::expire_commitment());

		#[block]
		{
			Pallet::<T>::expire_commitments(late, step);
		}

		assert_eq!(CommitmentQueueEnds::<T>::get().0, first.saturating_add(1));
	}

	#[benchmark]
	fn commit_score() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		let members = seat_committee::<T>(submission, Done::Sealed, Done::Nothing);
		let (operator, seal, key, signature) = last_seal::<T>(submission, &members)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, seal, key, signature);

		assert_last_event(Event::<T>::ScoreSealed { submission, operator, seal: seal.seal });
		Ok(())
	}

	#[benchmark]
	fn authorize_commit_score() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		// The sealing member sits last, so the whole committee is looked through.
		let members = seat_committee::<T>(submission, Done::Sealed, Done::Nothing);
		let (_, seal, key, signature) = last_seal::<T>(submission, &members)?;
		let call = Call::<T>::commit_score { seal, key, signature };

		#[block]
		{
			call.authorize(TransactionSource::External)
				.ok_or("the call authorises itself")?
				.map_err(|_| "refused")?;
		}
		Ok(())
	}

	#[benchmark]
	fn reveal_score() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		let members = seat_committee::<T>(submission, Done::Revealed, Done::Sealed);
		let (operator, report, key, signature) = last_report::<T>(submission, &members)?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, report, SALT, key, signature);

		let ScoreReport { verdict, .. } = report;
		let digest = verdict.digest();
		assert_last_event(Event::<T>::ScoreRevealed { submission, operator, verdict, digest });
		Ok(())
	}

	#[benchmark]
	fn authorize_reveal_score() -> Result<(), BenchmarkError> {
		let (_, submission, _) = crowded::<T>();
		let members = seat_committee::<T>(submission, Done::Revealed, Done::Sealed);
		let (_, report, key, signature) = last_report::<T>(submission, &members)?;
		let call = Call::<T>::reveal_score { report, salt: SALT, key, signature };

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
	fn register_guard() -> Result<(), BenchmarkError> {
		let slot = T::Experts::ensure_model_for_benchmark();
		let origin = T::HoldoutOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let holdout = holdout();

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, slot.model, holdout);

		assert_last_event(Event::<T>::GuardRegistered { model: slot.model, holdout });
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
		T::Operators::ensure_operators_for_benchmark(T::Operators::most_operators_for_benchmark());
		let record = OpenSubmissions::<T>::get(submission).ok_or("it was opened above")?;
		let (randomness, now) = (Some(H256::repeat_byte(3)), BlockNumberFor::<T>::one());

		#[block]
		{
			Pallet::<T>::draw_with(submission, record, now, now, randomness);
		}

		let drawn = OpenSubmissions::<T>::get(submission).map(|record| record.phase);
		assert!(matches!(drawn, Some(Phase::Evaluating(_))));
		Ok(())
	}

	#[benchmark]
	fn decide() -> Result<(), BenchmarkError> {
		let (_, submission, miner) = crowded::<T>();
		seat_committee::<T>(submission, Done::Revealed, Done::Revealed);

		#[extrinsic_call]
		finalise(RawOrigin::Signed(miner.clone()), submission);

		assert!(matches!(
			Decisions::<T>::get(submission).map(|decision| decision.outcome),
			Some(SubmissionOutcome::Accepted { .. })
		));
		Ok(())
	}

	#[benchmark]
	fn settle() -> Result<(), BenchmarkError> {
		let (submission, miner) = accepted::<T>()?;
		T::Operators::ensure_operators_for_benchmark(T::Operators::most_operators_for_benchmark());
		// One success more and the miner is trusted, so that this is noted too.
		Miners::<T>::mutate(&miner, |record| {
			let almost = T::TrustAfter::get().saturating_sub(1);
			for _ in 0..almost {
				record.note_conduct(Conduct::Success, u32::MAX, u32::MAX);
			}
		});
		let matures_at = Decisions::<T>::get(submission).ok_or("it was decided above")?.matures_at;
		frame_system::Pallet::<T>::set_block_number(matures_at);

		#[extrinsic_call]
		_(RawOrigin::Signed(miner.clone()), submission);

		assert!(ClosedSubmissions::<T>::contains_key(submission));
		Ok(())
	}

	/// An acceptance is reversed: the head moves, the reward is taken. A submission that returns costs less.
	#[benchmark]
	fn refute() -> Result<(), BenchmarkError> {
		let (submission, _) = accepted::<T>()?;
		Pallet::<T>::do_note_opened(submission);

		#[block]
		{
			Pallet::<T>::do_refute(submission, winning_score().digest());
			Pallet::<T>::do_note_closed(submission);
		}

		assert!(Retrials::<T>::contains_key(submission), "it is judged again");
		Ok(())
	}

	#[benchmark]
	fn idle() {
		let slot = T::Experts::ensure_model_for_benchmark();
		fill_queue::<T>(slot);
		fill_maturing::<T>(slot);
		let room = <T::WeightInfo as crate::WeightInfo>::idle();

		#[block]
		{
			Pallet::<T>::advance_queues(One::one(), room);
			Pallet::<T>::settle_due(One::one(), room);
		}
	}

	/// The largest evidence, all neurons in place so that both matrices are compared, about a copy that is the head: it is taken back.
	#[benchmark]
	fn report_copy() -> Result<(), BenchmarkError> {
		let (submission, miner) = accepted::<T>()?;
		let (original, evidence) = copied::<T>(submission, &miner)?;
		let reporter: T::AccountId = account("reporter", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(reporter), submission, original, alloc::boxed::Box::new(evidence));

		let outcome = Decisions::<T>::get(submission).map(|decision| decision.outcome);
		assert_eq!(outcome, Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		Ok(())
	}

	/// Cost of the evidence of a report about adapters beyond that of `report_copy`: hashes of all that is shown, and the products of
	/// adapters of the largest rank that fill it.
	#[benchmark]
	fn report_open_copy(b: Linear<128, SHOWN_BYTES_MAX>) -> Result<(), BenchmarkError> {
		let columns = usize::try_from(b / 128).map_err(|_| "it fits")?;
		let codes = alloc::vec![127; columns.saturating_mul(64)];
		let adapter =
			OwnedAdapter::new(64, &codes, &codes, 12).map_err(|_| "a multiple of the rank is an adapter")?;
		let shown = alloc::vec![0; usize::try_from(b).map_err(|_| "it fits")?];
		let overlap;

		#[block]
		{
			for _ in 0..4 {
				shown.chunks(TILE_BYTES as usize).map(hash_tile).for_each(drop);
			}
			let view = adapter.view();
			overlap = Overlap::of(&view, &view, &view, &view);
		}

		assert!(overlap.is_some_and(|overlap| overlap.parent > 0 && overlap.common == 0));
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::benchmark_ext(), crate::tests::Test);
}
