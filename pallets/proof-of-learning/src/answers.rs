//! Answers to what outsiders ask through the runtime API.

use crate::{
	math, BalanceOf, BusyModels, Claim, ClosedSubmissions, CommitmentRecordOf, Commitments, Config,
	Decisions, GuardHoldouts, Holdouts, Inconclusive, NextSubmission, OpenBlobs, OpenSubmissions, Pallet,
	Phase, Queues, Seat, Stage, SubmissionRecordOf, Terms,
};
use alloc::vec::Vec;
use blyan_primitives::{traits::BlobAnnouncements, EvaluationJob, PartIndex, SubmissionId, Verdict};
use blyan_runtime_api::{
	AccountId, ActiveEvaluation, CommitmentInfo, CommitteeSeat, DecidedSubmission, EvaluationStage,
	SubmissionInfo, SubmissionState, SubmissionTerms,
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

	/// Submissions that are not decided, ascending. At most `MaxOpen`.
	pub fn open_submissions() -> Vec<SubmissionId> {
		let mut open: Vec<_> = OpenSubmissions::<T>::iter_keys().collect();
		open.sort_unstable();
		open
	}
}

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// Known submissions with an identifier in `start..start + count`.
	pub fn submissions(start: SubmissionId, count: u32) -> Vec<SubmissionInfo> {
		let end = start.saturating_add(count.min(PAGE_MAX).into()).min(Self::submission_count());
		(start..end).filter_map(Self::submission).collect()
	}

	/// One submission: open, decided or closed.
	pub fn submission(id: SubmissionId) -> Option<SubmissionInfo> {
		if let Some(open) = OpenSubmissions::<T>::get(id) {
			let state = Self::state_of(id, &open);
			return Some(Self::info(id, open.claim, state));
		}
		if let Some(decision) = Decisions::<T>::get(id) {
			let state = SubmissionState::Decided(DecidedSubmission {
				draw: decision.draw(),
				outcome: decision.outcome,
				decided_at: decision.decided_at.saturated_into(),
				matures_at: Self::block_at(decision.matures_at).saturated_into(),
				disputes: decision.disputes,
				refuted: decision.refuted,
				digest: decision.digest,
				held: decision.held.saturated_into(),
				committee: seats(&decision.seats),
			});
			return Some(Self::info(id, decision.claim, state));
		}
		let closed = ClosedSubmissions::<T>::get(id)?;
		let state =
			SubmissionState::Closed { outcome: closed.outcome, at: closed.closed_at.saturated_into() };
		Some(Self::info(id, closed.claim, state))
	}

	/// What a committee computes, or computed, for one part of its verdicts.
	pub fn evaluation_job(id: SubmissionId, part: PartIndex) -> Option<EvaluationJob> {
		let Some(open) = OpenSubmissions::<T>::get(id) else {
			let decision = Decisions::<T>::get(id)?;
			return Self::job_for(decision.claim.slot, decision.claim.block, &decision.terms, part);
		};
		match open.phase {
			Phase::Evaluating(evaluation) => {
				Self::job_for(open.claim.slot, open.claim.block, &evaluation.terms, part)
			}
			Phase::Announced { .. } | Phase::Queued { .. } => None,
		}
	}

	/// What was revealed about a submission, in the order of the seats.
	pub fn verdicts(id: SubmissionId) -> Vec<(AccountId, Verdict)> {
		let seats = match OpenSubmissions::<T>::get(id).map(|open| open.phase) {
			Some(Phase::Evaluating(evaluation)) => evaluation.seats,
			Some(Phase::Announced { .. } | Phase::Queued { .. }) => return Vec::new(),
			None => Decisions::<T>::get(id).map(|decision| decision.seats).unwrap_or_default(),
		};
		seats.into_iter().filter_map(|seat| Some((seat.operator, seat.verdict?))).collect()
	}

	/// What the chain asks of this miner's next submission.
	pub fn terms(miner: AccountId) -> SubmissionTerms {
		let now = frame_system::Pallet::<T>::block_number();
		let record = Self::miner_today(&miner);
		let bond: BalanceOf<T> = T::Bond::get();
		SubmissionTerms {
			bond: bond.saturated_into(),
			fee: T::EvaluationFee::get().saturated_into(),
			fee_max: math::evaluation_fee(T::EvaluationFee::get(), T::MaxOpen::get()).saturated_into(),
			pow_bits: Self::pow_bits(&record),
			pow_window: T::PowWindow::get().saturated_into(),
			trusted: record.trusted,
			quota_left: Self::quota(&record).saturating_sub(record.uploads),
			quota_renews_in: Self::blocks_to_tomorrow(now).saturated_into(),
			open_left: T::MaxOpenPerMiner::get().saturating_sub(record.open),
			block_bytes_max: T::MaxBlockBytes::get(),
			delta: T::Delta::get(),
			alpha: T::Alpha::get(),
			attempts: record.attempts,
			t_milli: standard_errors(
				T::Alpha::get(),
				record.attempts.saturating_add(1),
				T::SampleSize::get(),
			),
			guard_tolerance: T::GuardTolerance::get(),
			sample: T::SampleSize::get(),
			commit_age: T::CommitAge::get().saturated_into(),
			commit_deposit: T::CommitDeposit::get().saturated_into(),
		}
	}

	/// Commitments of a miner that have neither been opened nor expired.
	pub fn commitments(miner: AccountId) -> Vec<CommitmentInfo> {
		let now = Self::now();
		let info = |record: &CommitmentRecordOf<T>| CommitmentInfo {
			commitment: record.commitment,
			committed_at: Self::block_at(record.committed_at).saturated_into(),
			opens_at: Self::block_at(Self::opens_at(record)).saturated_into(),
			expires_at: Self::block_at(Self::expires_at(record)).saturated_into(),
		};
		let records = Commitments::<T>::get(miner);
		records.iter().filter(|record| !Self::is_expired(record, now)).map(info).collect()
	}

	fn state_of(id: SubmissionId, open: &SubmissionRecordOf<T>) -> SubmissionState {
		match &open.phase {
			Phase::Announced { until } => SubmissionState::Announced {
				attested: open.attested.len().saturated_into(),
				needed: T::MinAttestations::get(),
				until: Self::block_at(*until).saturated_into(),
			},
			Phase::Queued { draw_from } => {
				let queue = Queues::<T>::get(open.claim.slot.model);
				let ahead = queue.iter().take_while(|other| **other != id).count();
				SubmissionState::Queued {
					ahead: ahead.saturated_into(),
					draw_from: Self::block_at(*draw_from).saturated_into(),
				}
			}
			Phase::Evaluating(evaluation) => {
				let now = Self::now();
				let stage = match evaluation.stage {
					_ if evaluation.is_revealing(now) => EvaluationStage::Revealing,
					Stage::Between { .. } => EvaluationStage::Drawing,
					Stage::First | Stage::Last => EvaluationStage::Sealing,
				};
				let count = |has: fn(&Seat<AccountId>) -> bool| {
					evaluation.seats.iter().filter(|seat| has(seat)).count().saturated_into()
				};
				let Terms { target, guard, rule, .. } = evaluation.terms;
				SubmissionState::Evaluating(ActiveEvaluation {
					stage,
					draw: evaluation.terms.draw_id(&open.claim.slot, &open.claim.block),
					seed: target.seed,
					sample: target.sequences,
					holdout: target.holdout,
					guard: guard.map(|guard| guard.holdout),
					seal_deadline: Self::block_at(evaluation.seal_deadline).saturated_into(),
					reveal_deadline: Self::block_at(evaluation.reveal_deadline).saturated_into(),
					sealed: count(|seat| seat.seal.is_some()),
					revealed: count(|seat| seat.verdict.is_some()),
					delta: rule.delta,
					guard_tolerance: rule.guard_tolerance,
					t_milli: standard_errors(rule.alpha, rule.attempt, target.sequences),
					committee: seats(&evaluation.seats),
				})
			}
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

/// Members of a committee as clients read them.
fn seats(seats: &[Seat<AccountId>]) -> Vec<CommitteeSeat> {
	let seat = |seat: &Seat<AccountId>| CommitteeSeat {
		operator: seat.operator.clone(),
		sealed: seat.seal.is_some(),
		verdict: seat.verdict,
	};
	seats.iter().map(seat).collect()
}

/// Standard errors in thousandths; the largest number where none would do.
fn standard_errors(alpha: u32, attempt: u32, sequences: u32) -> u32 {
	math::standard_errors(alpha, attempt, sequences).unwrap_or(u32::MAX)
}

/// Candidates and holdouts, those of evaluations on their way, and of decisions and draws that can be disputed included. Asked
/// from outside of blocks only.
impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		if let Some(open) = OpenBlobs::<T>::get(hash).and_then(OpenSubmissions::<T>::get) {
			return Some(open.claim.block.blob.size);
		}
		let evaluated = BusyModels::<T>::get().into_iter().filter_map(|model| {
			let first = Queues::<T>::get(model).first().copied()?;
			match OpenSubmissions::<T>::get(first)?.phase {
				Phase::Evaluating(evaluation) => Some(evaluation.terms),
				Phase::Announced { .. } | Phase::Queued { .. } => None,
			}
		});
		let decided = || Decisions::<T>::iter_values();
		// A look at a sealed chunk that was not the last decided nothing, and its chunk stands nowhere else.
		let set_aside = || Inconclusive::<T>::iter_values();
		let samples = evaluated
			.chain(decided().map(|decision| decision.terms))
			.chain(set_aside().map(|draw| draw.terms))
			.flat_map(|terms| [Some(terms.target), terms.guard])
			.flatten()
			.map(|sample| sample.holdout);
		Holdouts::<T>::iter_values()
			.chain(GuardHoldouts::<T>::iter_values())
			.chain(samples)
			.map(|holdout| holdout.blob)
			.chain(decided().map(|decision| decision.claim.block.blob))
			.chain(set_aside().map(|draw| draw.claim.block.blob))
			.find(|blob| blob.hash == *hash)
			.map(|blob| blob.size)
	}
}
