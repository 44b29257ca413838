//! Answers to what outsiders ask through the runtime API.

use crate::{
	BalanceOf, BusyModels, Claim, ClosedSubmissions, Config, Holdouts, NextSubmission, OpenBlobs,
	OpenSubmissions, Pallet, Phase, Queues, SubmissionRecordOf,
};
use alloc::vec::Vec;
use blyan_primitives::{traits::BlobAnnouncements, SubmissionId};
use blyan_runtime_api::{
	AccountId, ActiveEvaluation, CommitteeSeat, SubmissionInfo, SubmissionState, SubmissionTerms,
};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::SaturatedConversion;

/// Identifiers looked at in one question.
const PAGE_MAX: u32 = 100;

impl<T: Config> Pallet<T> {
	/// Submissions ever made.
	pub fn submission_count() -> SubmissionId {
		NextSubmission::<T>::get()
	}
}

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// Known submissions with an identifier in `start..start + count`.
	pub fn submissions(start: SubmissionId, count: u32) -> Vec<SubmissionInfo> {
		let end = start.saturating_add(count.min(PAGE_MAX).into()).min(Self::submission_count());
		(start..end).filter_map(Self::submission).collect()
	}

	/// One submission, open or closed.
	pub fn submission(id: SubmissionId) -> Option<SubmissionInfo> {
		if let Some(open) = OpenSubmissions::<T>::get(id) {
			let state = Self::state_of(id, &open);
			return Some(Self::info(id, open.claim, state));
		}
		let closed = ClosedSubmissions::<T>::get(id)?;
		let state =
			SubmissionState::Closed { outcome: closed.outcome, at: closed.closed_at.saturated_into() };
		Some(Self::info(id, closed.claim, state))
	}

	/// What the chain asks of this miner's next submission.
	pub fn terms(miner: AccountId) -> SubmissionTerms {
		let now = frame_system::Pallet::<T>::block_number();
		let record = Self::miner_today(&miner);
		let bond: BalanceOf<T> = T::Bond::get();
		SubmissionTerms {
			bond: bond.saturated_into(),
			pow_bits: Self::pow_bits(&record),
			pow_window: T::PowWindow::get().saturated_into(),
			trusted: record.trusted,
			quota_left: Self::quota(&record).saturating_sub(record.uploads),
			quota_renews_in: Self::blocks_to_tomorrow(now).saturated_into(),
			open_left: T::MaxOpenPerMiner::get().saturating_sub(record.open),
			block_bytes_max: T::MaxBlockBytes::get(),
			delta: T::Delta::get(),
			z_milli: T::ZMilli::get(),
			sample: T::SampleSize::get(),
		}
	}

	fn state_of(id: SubmissionId, open: &SubmissionRecordOf<T>) -> SubmissionState {
		match &open.phase {
			Phase::Queued { draw_from } => {
				let queue = Queues::<T>::get(open.claim.slot.model);
				let ahead = queue.iter().take_while(|other| **other != id).count();
				SubmissionState::Queued {
					ahead: ahead.saturated_into(),
					draw_from: (*draw_from).saturated_into(),
				}
			}
			Phase::Evaluating(evaluation) => SubmissionState::Evaluating(ActiveEvaluation {
				seed: evaluation.seed,
				sample: evaluation.sample,
				holdout: evaluation.holdout,
				deadline: evaluation.deadline.saturated_into(),
				delta: evaluation.delta,
				committee: evaluation
					.seats
					.iter()
					.map(|seat| CommitteeSeat { operator: seat.operator.clone(), verdict: seat.verdict })
					.collect(),
			}),
		}
	}

	fn info(
		id: SubmissionId,
		claim: Claim<AccountId, BlockNumberFor<T>>,
		state: SubmissionState,
	) -> SubmissionInfo {
		SubmissionInfo {
			id,
			miner: claim.miner,
			slot: claim.slot,
			parent: claim.parent,
			block: claim.block,
			manifest: claim.manifest,
			submitted_at: claim.submitted_at.saturated_into(),
			state,
		}
	}
}

/// Open candidates and holdouts, those of evaluations on their way included. Asked from outside of blocks only.
impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		if let Some(open) = OpenBlobs::<T>::get(hash).and_then(OpenSubmissions::<T>::get) {
			return Some(open.claim.block.blob.size);
		}
		let in_use = BusyModels::<T>::get().into_iter().filter_map(|model| {
			let first = Queues::<T>::get(model).first().copied()?;
			match OpenSubmissions::<T>::get(first)?.phase {
				Phase::Evaluating(evaluation) => Some(evaluation.holdout),
				Phase::Queued { .. } => None,
			}
		});
		Holdouts::<T>::iter_values()
			.chain(in_use)
			.find(|holdout| holdout.blob.hash == *hash)
			.map(|holdout| holdout.blob.size)
	}
}
