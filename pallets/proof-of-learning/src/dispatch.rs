//! What the calls do, in the order of `lib.rs`.

use crate::{
	math, BusyModels, Claim, Config, Error, Event, HoldReason, Holdouts, MinerRecordOf, Miners,
	NextSubmission, OpenBlobs, OpenRoots, OpenSubmissions, Pallet, Phase, Queues, SubmissionRecord,
};
use blyan_primitives::{
	leading_zero_bits, pow_hash,
	traits::{BlobAnnouncements, ExpertRegistry, OperatorSet},
	BlockRef, ExpertSlot, HoldoutRef, ModelId, OperatorId, OperatorSignature, PowStamp, ScoreReport,
	SubmissionId, Verdict, VersionIndex,
};
use blyan_runtime_api::SubmissionOutcome;
use codec::Encode;
use frame_support::{
	ensure,
	pallet_prelude::{TransactionSource, TransactionValidityWithRefund, Weight},
	traits::{fungible::MutateHold, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{CheckedDiv, One, SaturatedConversion, Saturating, Zero},
	transaction_validity::{InvalidTransaction, ValidTransaction},
	DispatchResult, RuntimeAppPublic,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit(
		miner: T::AccountId,
		slot: ExpertSlot,
		parent: VersionIndex,
		block: BlockRef,
		manifest: H256,
		stamp: PowStamp<BlockNumberFor<T>>,
	) -> DispatchResult {
		let now = frame_system::Pallet::<T>::block_number();
		let head = T::Experts::head(slot).ok_or(Error::<T>::SlotUnknown)?;
		ensure!(head.version == parent, Error::<T>::ParentNotHead);
		let size = block.blob.size;
		ensure!(size > 0 && size <= T::MaxBlockBytes::get(), Error::<T>::BlobSizeOutOfRange);
		Self::ensure_new(&head.block, &block)?;

		ensure!(OpenSubmissions::<T>::count() < T::MaxOpen::get(), Error::<T>::TooManyOpen);
		let mut record = Self::miner_today(&miner);
		ensure!(record.open < T::MaxOpenPerMiner::get(), Error::<T>::TooManyOpenByMiner);
		ensure!(
			record.uploads < Self::quota(&record),
			Error::<T>::QuotaExceeded { renews_in: Self::blocks_to_tomorrow(now).saturated_into() }
		);
		Self::ensure_work(&miner, &block.tensor_root, stamp, Self::pow_bits(&record))?;

		let bond = T::Bond::get();
		T::Currency::hold(&HoldReason::SubmissionBond.into(), &miner, bond)?;
		let attempt = record.note_attempt(slot);
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
				attempt,
				phase: Phase::Queued { draw_from: now.saturating_add(T::Delay::get()) },
			},
		);
		OpenRoots::<T>::insert(block.tensor_root, submission);
		OpenBlobs::<T>::insert(block.blob.hash, submission);
		Self::enqueue(slot.model, submission)?;
		Self::deposit_event(Event::Submitted { submission, miner, slot, parent, block, attempt, bond });
		Ok(())
	}

	/// The cheap checks come first and the signature last, because anyone may send these for free.
	pub(crate) fn authorize_report_score(
		_source: TransactionSource,
		report: &ScoreReport,
		key: &OperatorId,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		if let Err(error) = Self::ensure_may_report(report, key) {
			return Err(match error {
				Error::SubmissionUnknown
				| Error::NotEvaluating
				| Error::WindowClosed
				| Error::AlreadyReported => InvalidTransaction::Stale,
				Error::NotInCommittee => InvalidTransaction::BadSigner,
				_ => InvalidTransaction::Call,
			}
			.into());
		}
		if !key.verify(&report.signing_payload(&Self::genesis_hash()), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		ValidTransaction::with_tag_prefix("blyan/score")
			.priority(u64::MAX)
			.and_provides((report.submission, key))
			.longevity(T::ReportWindow::get().saturated_into())
			.propagate(true)
			.build()
			.map(|valid| (valid, Weight::zero()))
	}

	pub(crate) fn do_report_score(report: ScoreReport, key: OperatorId) -> DispatchResult {
		// The pool authorised this, and so did the block's author; the state may have moved in between.
		let operator = Self::ensure_may_report(&report, &key)?;
		let ScoreReport { submission, verdict } = report;
		OpenSubmissions::<T>::mutate(submission, |record| {
			let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) else {
				return;
			};
			if let Some(seat) = evaluation.seats.iter_mut().find(|seat| seat.operator == operator) {
				seat.verdict = Some(verdict);
			}
		});
		Self::deposit_event(Event::ScoreReported { submission, operator, verdict, digest: verdict.digest() });
		Ok(())
	}

	pub(crate) fn do_register_holdout(model: ModelId, holdout: HoldoutRef) -> DispatchResult {
		let config = T::Experts::config(model).ok_or(Error::<T>::ModelUnknown)?;
		let bytes = holdout.sequences.checked_mul(holdout.sequence_len.into());
		// Below two sequences there is no variance, so nothing could ever be accepted.
		ensure!(
			holdout.sequences >= 2
				&& (1..=config.context).contains(&holdout.sequence_len)
				&& bytes == Some(holdout.blob.size),
			Error::<T>::HoldoutMalformed
		);
		Holdouts::<T>::insert(model, holdout);
		Self::deposit_event(Event::HoldoutRegistered { model, holdout });
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
		let record = OpenSubmissions::<T>::get(submission).ok_or(Error::<T>::SubmissionUnknown)?;
		ensure!(record.claim.miner == miner, Error::<T>::NotTheMiner);
		ensure!(matches!(record.phase, Phase::Queued { .. }), Error::<T>::AlreadyDrawn);
		Self::close(submission, record, SubmissionOutcome::Withdrawn);
		Self::deposit_event(Event::Withdrawn { submission, miner });
		Ok(())
	}

	/// Hash of block zero, which names the network in signed reports.
	pub(crate) fn genesis_hash() -> H256 {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
	}

	/// Refuses tensors that are the slot's head, belong to any model, or came with another open submission.
	fn ensure_new(head: &BlockRef, block: &BlockRef) -> Result<(), Error<T>> {
		let is_known = head.tensor_root == block.tensor_root
			|| T::KnownBlobs::announced(&block.blob.hash).is_some()
			|| OpenRoots::<T>::contains_key(block.tensor_root)
			|| OpenBlobs::<T>::contains_key(block.blob.hash);
		ensure!(!is_known, Error::<T>::DuplicateBlock);
		Ok(())
	}

	/// Checks the stamp against a recent block of this chain.
	fn ensure_work(
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

	/// Everything that must hold before a report counts, but the signature. Returns the reporting operator.
	pub(crate) fn ensure_may_report(
		report: &ScoreReport,
		key: &OperatorId,
	) -> Result<T::AccountId, Error<T>> {
		let record = OpenSubmissions::<T>::get(report.submission).ok_or(Error::SubmissionUnknown)?;
		let Phase::Evaluating(evaluation) = record.phase else { return Err(Error::NotEvaluating) };
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now <= evaluation.deadline, Error::<T>::WindowClosed);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotInCommittee)?;
		let seat = evaluation.seat(&operator).ok_or(Error::<T>::NotInCommittee)?;
		ensure!(seat.verdict.is_none(), Error::<T>::AlreadyReported);
		if let Verdict::Scored(outcome) = &report.verdict {
			let sequence_len = evaluation.holdout.sequence_len;
			ensure!(
				math::is_consistent(outcome, evaluation.sample, sequence_len),
				Error::<T>::ScoreInconsistent
			);
		}
		Ok(operator)
	}

	/// The miner's record with yesterday forgotten.
	pub(crate) fn miner_today(miner: &T::AccountId) -> MinerRecordOf<T> {
		let mut record = Miners::<T>::get(miner);
		record.turn_to(Self::day(frame_system::Pallet::<T>::block_number()));
		record
	}

	pub(crate) fn quota(record: &MinerRecordOf<T>) -> u32 {
		let quota = if record.trusted { T::TrustedQuota::get() } else { T::NewcomerQuota::get() };
		quota.min(T::MaxUploadsPerDay::get())
	}

	pub(crate) fn pow_bits(record: &MinerRecordOf<T>) -> u32 {
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
