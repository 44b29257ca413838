//! Evaluations: which member may seal and reveal, and what that changes.

use crate::{ClaimOf, Config, Error, EvaluationRecordOf, Event, OpenSubmissions, Pallet, Phase};
use blyan_primitives::{
	seal_hash, traits::OperatorSet, DrawId, OperatorId, ScoreReport, ScoreSeal, SubmissionId,
};
use blyan_support::commit_reveal::{seat_of_mut, RevealError, Seat as _};
use frame_support::{ensure, traits::Get};
use sp_core::H256;
use sp_runtime::{traits::Saturating, DispatchResult};

mod committee;
mod holdouts;

impl<T: Config> Pallet<T> {
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
		let now = Self::now();
		ensure!(now <= evaluation.seal_deadline, Error::<T>::WindowClosed);
		Ok((operator, evaluation.terms.draw_id(&claim.slot, &claim.block)))
	}

	pub(crate) fn do_commit_score(seal: ScoreSeal, key: OperatorId) -> DispatchResult {
		let ScoreSeal { submission, seal } = seal;
		// The pool authorised this, and so did the block's author; the state may have moved in between.
		let (operator, _) = Self::ensure_may_seal(submission, &key)?;
		let now = Self::now();
		Self::mutate_evaluation(submission, |evaluation| {
			if let Some(seat) = seat_of_mut(evaluation.seats.iter_mut(), &operator) {
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
		let now = Self::now();
		ensure!(now <= evaluation.reveal_deadline, Error::<T>::WindowClosed);
		ensure!(evaluation.is_revealing(now), Error::<T>::StillSealing);
		let seal = || seal_hash(&report.verdict.digest(), salt, &operator);
		seat.commitment().ensure_opened_by(seal).map_err(|error| match error {
			RevealError::NotCommitted => Error::<T>::NotSealed,
			RevealError::AlreadyRevealed => Error::AlreadyRevealed,
			RevealError::SealMismatch => Error::SealMismatch,
		})?;
		ensure!(
			Self::admits(claim.slot.model, &evaluation.terms, &report.verdict),
			Error::<T>::ScoreInconsistent
		);
		Ok((operator, evaluation.terms.draw_id(&claim.slot, &claim.block)))
	}

	pub(crate) fn do_reveal_score(report: ScoreReport, salt: H256, key: OperatorId) -> DispatchResult {
		let (operator, _) = Self::ensure_may_reveal(&report, &salt, &key)?;
		let ScoreReport { submission, verdict } = report;
		Self::mutate_evaluation(submission, |evaluation| {
			if let Some(seat) = seat_of_mut(evaluation.seats.iter_mut(), &operator) {
				seat.verdict = Some(verdict);
			}
		});
		Self::deposit_event(Event::ScoreRevealed { submission, operator, verdict, digest: verdict.digest() });
		Ok(())
	}

	/// Changes the evaluation of a submission that has one.
	fn mutate_evaluation(submission: SubmissionId, change: impl FnOnce(&mut EvaluationRecordOf<T>)) {
		OpenSubmissions::<T>::mutate(submission, |record| {
			if let Some(Phase::Evaluating(evaluation)) = record.as_mut().map(|record| &mut record.phase) {
				change(evaluation);
			}
		});
	}
}
