//! What the calls do, in the order of `lib.rs`.

use crate::{
	math, BusyModels, Claim, ClaimOf, Config, Decisions, Error, EvaluationRecordOf, Event, GuardHoldouts,
	GuardLosses, HoldReason, Holdouts, MinerRecord, Miners, NextSubmission, OpenBlobs, OpenRoots,
	OpenSubmissions, Pallet, Phase, Queues, Retrials, SubmissionRecord, SubmissionRecordOf,
	FIRST_BLOCK_BYTES_MAX,
};
use blyan_primitives::{
	is_disputable, leading_zero_bits, pow_hash,
	randomness::AppointedRandomness,
	seal_hash,
	traits::{ArchitectureRegistry, BlobAnnouncements, ExpertRegistry, OperatorSet},
	Attestation, BlockRef, DrawId, ExpertSlot, HoldoutRef, ModelBody, ModelId, OperatorId, OperatorSignature,
	PowStamp, ScoreReport, ScoreSeal, SubmissionId, VersionIndex, HOLDOUT_SEQUENCES_MAX,
};
use blyan_runtime_api::SubmissionOutcome;
use codec::Encode;
use frame_support::{
	ensure,
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund, Weight},
	traits::{fungible::MutateHold, Get},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{CheckedDiv, One, SaturatedConversion, Saturating, UniqueSaturatedInto, Zero},
	transaction_validity::{InvalidTransaction, TransactionValidityError, ValidTransaction},
	DispatchError, DispatchResult, RuntimeAppPublic,
};

impl<T: Config> Pallet<T> {
	/// Returns the number of submissions that made way.
	pub(crate) fn do_submit(
		miner: T::AccountId,
		slot: ExpertSlot,
		parent: VersionIndex,
		block: BlockRef,
		manifest: H256,
		stamp: PowStamp<BlockNumberFor<T>>,
		salt: H256,
	) -> Result<u32, DispatchError> {
		let now = frame_system::Pallet::<T>::block_number();
		Self::ensure_fits(slot, parent, &block)?;
		let committed_at = Self::open_commitment(&miner, &slot, &block, &salt)?;
		let (committed_at, displaced) = Self::claim_priority(&miner, &block, committed_at)?;

		ensure!(OpenSubmissions::<T>::count() < T::MaxOpen::get(), Error::<T>::TooManyOpen);
		let mut record = Self::miner_today(&miner);
		ensure!(record.open < T::MaxOpenPerMiner::get(), Error::<T>::TooManyOpenByMiner);
		ensure!(
			record.uploads < Self::quota(&record),
			Error::<T>::QuotaExceeded { renews_in: Self::blocks_to_tomorrow(now).saturated_into() }
		);
		Self::ensure_work(&miner, &block.tensor_root, stamp, Self::pow_bits(&record))?;

		let bond = T::Bond::get();
		let ahead = Queues::<T>::decode_len(slot.model).unwrap_or(0).saturated_into();
		let fee = math::evaluation_fee(T::EvaluationFee::get(), ahead);
		T::Currency::hold(&HoldReason::SubmissionBond.into(), &miner, bond.saturating_add(fee))?;
		let attempt = record.note_attempt();
		record.open = record.open.saturating_add(1);
		Miners::<T>::insert(&miner, record);

		let submission = NextSubmission::<T>::mutate(|next| {
			let submission = *next;
			*next = next.saturating_add(1);
			submission
		});
		OpenSubmissions::<T>::insert(
			submission,
			SubmissionRecord {
				claim: Claim { miner: miner.clone(), slot, parent, block, manifest, submitted_at: now },
				bond,
				fee,
				attempt,
				attested: BoundedVec::new(),
				redraws: 0,
				absent: BoundedVec::new(),
				appointment: T::Randomness::appoint(),
				phase: Phase::Queued { draw_from: now.saturating_add(T::Delay::get()) },
			},
		);
		OpenRoots::<T>::insert(block.tensor_root, submission);
		OpenBlobs::<T>::insert(block.blob.hash, submission);
		Self::note_first_commitment(block.tensor_root, miner.clone(), committed_at, submission);
		Self::announce(submission, slot.model, now)?;
		Self::deposit_event(Event::Submitted { submission, miner, slot, parent, block, attempt, bond, fee });
		Ok(displaced)
	}

	/// Refuses what does not fit its slot, or is there already.
	pub(crate) fn ensure_fits(
		slot: ExpertSlot,
		parent: VersionIndex,
		block: &BlockRef,
	) -> Result<(), Error<T>> {
		let head = T::Experts::head(slot).ok_or(Error::<T>::SlotUnknown)?;
		ensure!(head.version == parent, Error::<T>::ParentNotHead);
		ensure!(Self::is_size_right(slot, block.blob.size), Error::<T>::BlobSizeOutOfRange);
		Self::ensure_new(&head.block, block)
	}

	/// Reports whether a slot's candidate may have so many bytes: under the second definition the architecture says how many it has.
	fn is_size_right(slot: ExpertSlot, size: u32) -> bool {
		let most = T::MaxBlockBytes::get();
		match T::Experts::expert_bytes(slot) {
			Some(bytes) => u64::from(size) == bytes && size <= most,
			None => (1..=most.min(FIRST_BLOCK_BYTES_MAX)).contains(&size),
		}
	}

	/// The cheap checks come first and the signature last, because anyone may send these for free.
	pub(crate) fn authorize_commit_score(
		_source: TransactionSource,
		seal: &ScoreSeal,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let (_, draw) = Self::ensure_may_seal(seal.submission, key).map_err(invalidity)?;
		if !key.verify(&seal.signing_payload(&Self::genesis_hash(), &draw), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		valid("blyan/seal", seal.submission, key, T::SealWindow::get())
	}

	/// As for seals: the signature last.
	pub(crate) fn authorize_attest_bytes(
		_source: TransactionSource,
		attestation: &Attestation,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_attest(attestation, key).map_err(invalidity)?;
		if !key.verify(&attestation.signing_payload(&Self::genesis_hash()), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		valid("blyan/attestation", attestation.submission, key, T::BytesWindow::get())
	}

	pub(crate) fn do_commit_score(seal: ScoreSeal, key: OperatorId) -> DispatchResult {
		let ScoreSeal { submission, seal } = seal;
		// The pool authorised this, and so did the block's author; the state may have moved in between.
		let (operator, _) = Self::ensure_may_seal(submission, &key)?;
		let now = frame_system::Pallet::<T>::block_number();
		Self::mutate_evaluation(submission, |evaluation| {
			if let Some(seat) = evaluation.seats.iter_mut().find(|seat| seat.operator == operator) {
				seat.seal = Some(seal);
			}
			if evaluation.is_revealing(now) {
				let early = now.saturating_add(T::RevealWindow::get());
				evaluation.reveal_deadline = evaluation.reveal_deadline.min(early);
			}
		});
		Self::deposit_event(Event::ScoreSealed { submission, operator, seal });
		Ok(())
	}

	/// As for seals: the signature last. The seal itself costs two short hashes.
	pub(crate) fn authorize_reveal_score(
		_source: TransactionSource,
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let (_, draw) = Self::ensure_may_reveal(report, salt, key).map_err(invalidity)?;
		if !key.verify(&report.signing_payload(&Self::genesis_hash(), &draw), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		valid("blyan/score", report.submission, key, T::RevealWindow::get())
	}

	pub(crate) fn authorize_reveal_late(
		_source: TransactionSource,
		draw: &DrawId,
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_reveal_late(draw, report, salt, key).map_err(invalidity)?;
		if !key.verify(&report.signing_payload(&Self::genesis_hash(), draw), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		valid("blyan/late", report.submission, key, T::SealWindow::get())
	}

	pub(crate) fn authorize_object(
		_source: TransactionSource,
		draw: &DrawId,
		report: &ScoreReport,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		Self::ensure_may_object(draw, report, key).map_err(invalidity)?;
		if !key.verify(&report.signing_payload(&Self::genesis_hash(), draw), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		valid("blyan/objection", report.submission, key, T::SealWindow::get())
	}

	pub(crate) fn do_reveal_score(report: ScoreReport, salt: H256, key: OperatorId) -> DispatchResult {
		let (operator, _) = Self::ensure_may_reveal(&report, &salt, &key)?;
		let ScoreReport { submission, verdict } = report;
		Self::mutate_evaluation(submission, |evaluation| {
			if let Some(seat) = evaluation.seats.iter_mut().find(|seat| seat.operator == operator) {
				seat.verdict = Some(verdict);
			}
		});
		Self::deposit_event(Event::ScoreRevealed { submission, operator, verdict, digest: verdict.digest() });
		Ok(())
	}

	pub(crate) fn do_register_holdout(model: ModelId, holdout: HoldoutRef) -> DispatchResult {
		Self::ensure_holdout(model, &holdout)?;
		Holdouts::<T>::insert(model, holdout);
		Self::deposit_event(Event::HoldoutRegistered { model, holdout });
		Ok(())
	}

	pub(crate) fn do_register_guard(model: ModelId, holdout: HoldoutRef) -> DispatchResult {
		Self::ensure_holdout(model, &holdout)?;
		GuardHoldouts::<T>::insert(model, holdout);
		GuardLosses::<T>::remove(model);
		Self::deposit_event(Event::GuardRegistered { model, holdout });
		Ok(())
	}

	/// Refuses sequences that do not fit the model, or do not make up their blob.
	fn ensure_holdout(model: ModelId, holdout: &HoldoutRef) -> Result<(), Error<T>> {
		let body = T::Experts::body(model).ok_or(Error::<T>::ModelUnknown)?;
		let (context, most, architecture) = match &body {
			ModelBody::First { config, .. } => (config.context.into(), u32::MAX, None),
			ModelBody::Second { architecture, .. } => {
				let architecture = T::Experts::architecture(architecture).ok_or(Error::<T>::ModelUnknown)?;
				(architecture.context, HOLDOUT_SEQUENCES_MAX, Some(architecture))
			}
		};
		let positions = u32::from(body.positions(holdout));
		// Below two sequences there is no variance, so nothing could ever be accepted.
		ensure!(
			(2..=most).contains(&holdout.sequences)
				&& (1..=context).contains(&positions)
				&& body.holdout_bytes(holdout) == u64::from(holdout.blob.size),
			Error::<T>::HoldoutMalformed
		);
		// Scores over it would decide, and no game could show that one is a lie.
		let is_disputable = architecture.is_none_or(|architecture| is_disputable(&architecture, positions));
		ensure!(is_disputable, Error::<T>::HoldoutNotDisputable);
		Ok(())
	}

	pub(crate) fn do_finalise(submission: SubmissionId) -> DispatchResult {
		let record = OpenSubmissions::<T>::get(submission).ok_or(Error::<T>::SubmissionUnknown)?;
		let model = record.claim.slot.model;
		let is_first = Queues::<T>::get(model).first() == Some(&submission);
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(is_first && Self::advance(submission, record, now), Error::<T>::NothingDue);
		Ok(())
	}

	pub(crate) fn do_withdraw(miner: T::AccountId, submission: SubmissionId) -> DispatchResult {
		let record = Self::submission_of(&miner, submission)?;
		ensure!(!matches!(record.phase, Phase::Evaluating(_)), Error::<T>::AlreadyDrawn);
		ensure!(!Retrials::<T>::contains_key(submission), Error::<T>::JudgedAgain);
		// The place was taken from others: what it cost does not come back, or a queue could be filled for nothing.
		Self::forfeit_fee(submission, &record.claim.miner, record.fee);
		let record = SubmissionRecordOf::<T> { fee: Zero::zero(), ..record };
		Self::close(submission, record, SubmissionOutcome::Withdrawn);
		Self::deposit_event(Event::Withdrawn { submission, miner });
		Ok(())
	}

	/// Returns an open submission, if it is of this miner.
	pub(crate) fn submission_of(
		miner: &T::AccountId,
		submission: SubmissionId,
	) -> Result<SubmissionRecordOf<T>, Error<T>> {
		let record = OpenSubmissions::<T>::get(submission).ok_or(Error::<T>::SubmissionUnknown)?;
		ensure!(record.claim.miner == *miner, Error::<T>::NotTheMiner);
		Ok(record)
	}

	pub(crate) fn do_settle(submission: SubmissionId) -> DispatchResult {
		let decision = Decisions::<T>::get(submission).ok_or(Error::<T>::DecisionUnknown)?;
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(!decision.is_disputable(now), Error::<T>::NotMature);
		Self::mature(submission, decision);
		Ok(())
	}

	/// Hash of block zero, which names the network in signed reports.
	pub(crate) fn genesis_hash() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
	}

	/// Refuses tensors that are the slot's head or belong to any model.
	fn ensure_new(head: &BlockRef, block: &BlockRef) -> Result<(), Error<T>> {
		let is_known =
			head.tensor_root == block.tensor_root || T::KnownBlobs::announced(&block.blob.hash).is_some();
		ensure!(!is_known, Error::<T>::DuplicateBlock);
		Ok(())
	}

	/// Checks the stamp against a recent block of this chain.
	pub(crate) fn ensure_work(
		miner: &T::AccountId,
		tensor_root: &H256,
		stamp: PowStamp<BlockNumberFor<T>>,
		bits: u32,
	) -> Result<(), Error<T>> {
		let now = frame_system::Pallet::<T>::block_number();
		let is_recent = stamp.block < now && now.saturating_sub(stamp.block) <= T::PowWindow::get();
		let hash = frame_system::Pallet::<T>::block_hash(stamp.block);
		ensure!(is_recent && hash != H256::zero(), Error::<T>::PowBlockUnknown);
		let work = pow_hash(&miner.encode(), tensor_root, &hash, stamp.nonce);
		ensure!(leading_zero_bits(&work) >= bits, Error::<T>::PowTooWeak);
		Ok(())
	}

	/// The evaluation that a member says something about, what it is about, and the member.
	fn evaluation_for(
		submission: SubmissionId,
		key: &OperatorId,
	) -> Result<(EvaluationRecordOf<T>, ClaimOf<T>, T::AccountId), Error<T>> {
		let record = OpenSubmissions::<T>::get(submission).ok_or(Error::SubmissionUnknown)?;
		let Phase::Evaluating(evaluation) = record.phase else { return Err(Error::NotEvaluating) };
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotInCommittee)?;
		Ok((evaluation, record.claim, operator))
	}

	/// Everything that must hold before a seal counts, but the signature. Returns the sealing operator, and the name of
	/// the draw that it signs for.
	///
	/// A seal that somebody else has used is taken: were it refused, whoever saw one in the pool could take its place.
	/// Nobody but its maker can ever open it.
	pub(crate) fn ensure_may_seal(
		submission: SubmissionId,
		key: &OperatorId,
	) -> Result<(T::AccountId, DrawId), Error<T>> {
		let (evaluation, claim, operator) = Self::evaluation_for(submission, key)?;
		let seat = evaluation.seat(&operator).ok_or(Error::<T>::NotInCommittee)?;
		ensure!(seat.seal.is_none(), Error::<T>::AlreadySealed);
		// A member of the first committee that let its time pass cannot seal beside the second.
		ensure!(evaluation.may_seal(&operator), Error::<T>::WindowClosed);
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now <= evaluation.seal_deadline, Error::<T>::WindowClosed);
		Ok((operator, evaluation.terms.draw_id(&claim.slot, &claim.block)))
	}

	/// Everything that must hold before a verdict counts, but the signature. Returns the revealing operator, and the name
	/// of the draw that it signs for.
	pub(crate) fn ensure_may_reveal(
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
	) -> Result<(T::AccountId, DrawId), Error<T>> {
		let (evaluation, claim, operator) = Self::evaluation_for(report.submission, key)?;
		let seat = evaluation.seat(&operator).ok_or(Error::<T>::NotInCommittee)?;
		ensure!(seat.verdict.is_none(), Error::<T>::AlreadyRevealed);
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now <= evaluation.reveal_deadline, Error::<T>::WindowClosed);
		ensure!(evaluation.is_revealing(now), Error::<T>::StillSealing);
		let seal = seat.seal.ok_or(Error::<T>::NotSealed)?;
		ensure!(seal_hash(&report.verdict.digest(), salt, &operator) == seal, Error::<T>::SealMismatch);
		ensure!(
			Self::admits(claim.slot.model, &evaluation.terms, &report.verdict),
			Error::<T>::ScoreInconsistent
		);
		Ok((operator, evaluation.terms.draw_id(&claim.slot, &claim.block)))
	}

	/// Changes the evaluation of a submission that has one.
	fn mutate_evaluation(submission: SubmissionId, change: impl FnOnce(&mut EvaluationRecordOf<T>)) {
		OpenSubmissions::<T>::mutate(submission, |record| {
			if let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) {
				change(evaluation);
			}
		});
	}

	/// Returns the miner's record with yesterday forgotten, or the one that an account starts with.
	pub(crate) fn miner_today(miner: &T::AccountId) -> MinerRecord {
		let newcomer = |_| MinerRecord { attempts: T::NewcomerAttempts::get(), ..Default::default() };
		let mut record = Miners::<T>::try_get(miner).unwrap_or_else(newcomer);
		record.turn_to(Self::day(frame_system::Pallet::<T>::block_number()));
		record
	}

	pub(crate) fn quota(record: &MinerRecord) -> u32 {
		let quota = if record.trusted { T::TrustedQuota::get() } else { T::NewcomerQuota::get() };
		quota.min(T::MaxUploadsPerDay::get())
	}

	pub(crate) fn pow_bits(record: &MinerRecord) -> u32 {
		if record.trusted {
			T::TrustedPowBits::get()
		} else {
			T::PowBits::get()
		}
	}

	/// Which day it is, counted from genesis.
	fn day(now: BlockNumberFor<T>) -> u32 {
		now.checked_div(&T::BlocksPerDay::get()).unwrap_or_else(Zero::zero).saturated_into()
	}

	/// Blocks until quotas are full again; at least one.
	pub(crate) fn blocks_to_tomorrow(now: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let tomorrow = BlockNumberFor::<T>::from(Self::day(now)).saturating_add(One::one());
		tomorrow.saturating_mul(T::BlocksPerDay::get()).saturating_sub(now)
	}

	/// Puts a submission in front of its model's queue, behind one that is being evaluated: it was there before.
	pub(crate) fn enqueue_first(model: ModelId, submission: SubmissionId) -> Result<(), Error<T>> {
		let is_busy = Queues::<T>::get(model)
			.first()
			.and_then(OpenSubmissions::<T>::get)
			.is_some_and(|first| matches!(first.phase, Phase::Evaluating(_)));
		Self::enqueue(model, submission)?;
		Queues::<T>::mutate(model, |queue| {
			let place = usize::from(is_busy).min(queue.len());
			if let Some(behind) = queue.get_mut(place..) {
				behind.rotate_right(1);
			}
		});
		Ok(())
	}

	/// Puts a submission at the end of its model's queue.
	pub(crate) fn enqueue(model: ModelId, submission: SubmissionId) -> Result<(), Error<T>> {
		Queues::<T>::try_mutate(model, |queue| {
			if queue.is_empty() {
				BusyModels::<T>::try_append(model).map_err(|_| Error::<T>::TooManyOpen)?;
			}
			queue.try_push(submission).map_err(|_| Error::<T>::TooManyOpen)
		})
	}
}

/// What the pool makes of a refusal.
pub(crate) fn invalidity<T: Config>(error: Error<T>) -> TransactionValidityError {
	match error {
		Error::SubmissionUnknown
		| Error::NotEvaluating
		| Error::WindowClosed
		| Error::AlreadySealed
		| Error::AlreadyAttested
		| Error::NothingToAttest
		| Error::NothingToObject
		| Error::DecisionUnknown
		| Error::TooLateToReveal
		| Error::NothingToTakeBack
		| Error::AlreadyRevealed => InvalidTransaction::Stale,
		Error::StillSealing => InvalidTransaction::Future,
		Error::NotInCommittee => InvalidTransaction::BadSigner,
		_ => InvalidTransaction::Call,
	}
	.into()
}

/// One transaction of a kind for each member of each committee, as long as it can be of use.
fn valid(
	kind: &'static str,
	submission: SubmissionId,
	key: &OperatorId,
	window: impl UniqueSaturatedInto<u64>,
) -> TransactionValidityWithRefund {
	ValidTransaction::with_tag_prefix(kind)
		.priority(u64::MAX)
		.and_provides((submission, key))
		.longevity(window.unique_saturated_into())
		.propagate(true)
		.build()
		.map(|valid| (valid, Weight::zero()))
}
