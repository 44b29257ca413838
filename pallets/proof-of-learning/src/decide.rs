//! From reports to a decision: two thirds that agree to the bit, then the acceptance rule.

use crate::{
	math::{self, Judgement},
	Conduct, Config, EvaluationRecordOf, Event, Pallet, SubmissionRecordOf, LOG_TARGET,
};
use blyan_primitives::{
	traits::{ExpertRegistry, OperatorSet, Rewards},
	EvaluationOutcome, SubmissionId, Verdict,
};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use frame_support::storage::with_storage_layer;
use sp_runtime::traits::{SaturatedConversion, Zero};

impl<T: Config> Pallet<T> {
	/// Decides a submission whose committee has spoken, or has had its time.
	///
	/// Without agreement nobody is paid and nobody's reputation moves: the chain cannot tell who was right, and a
	/// miner that showed its blob to one member only must not be able to harm the others.
	pub(crate) fn decide(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		evaluation: EvaluationRecordOf<T>,
	) {
		let Some(verdict) = Self::agreed_verdict(&evaluation) else {
			if evaluation.seats.iter().all(|seat| seat.verdict.is_none()) {
				Self::expire(submission, record, ExpiryReason::NoReports);
			} else {
				Self::reject(submission, record, RejectReason::NoAgreement, Conduct::Neutral);
			}
			return;
		};
		Self::settle_committee(submission, &evaluation, &verdict);
		let claim = &record.claim;
		let has_moved = !Self::is_current(claim.slot, claim.parent)
			|| T::Experts::generation(claim.slot.model) != Some(evaluation.generation);
		match verdict {
			Verdict::Invalid => Self::reject(submission, record, RejectReason::Invalid, Conduct::Failure),
			_ if has_moved => Self::reject(submission, record, RejectReason::Stale, Conduct::Neutral),
			Verdict::Scored(outcome) => Self::judge(submission, record, &evaluation, &outcome),
		}
	}

	/// The verdict that two thirds of all seats share to the bit.
	fn agreed_verdict(evaluation: &EvaluationRecordOf<T>) -> Option<Verdict> {
		let needed = math::two_thirds(evaluation.seats.len().saturated_into());
		let reported = || evaluation.seats.iter().filter_map(|seat| seat.verdict);
		reported().find(|verdict| {
			let votes = reported().filter(|other| other == verdict).count();
			votes.saturated_into::<u32>() >= needed
		})
	}

	/// Pays the members that agreed and notes for everyone whether they did.
	fn settle_committee(submission: SubmissionId, evaluation: &EvaluationRecordOf<T>, verdict: &Verdict) {
		for seat in &evaluation.seats {
			let agreed = seat.verdict.as_ref() == Some(verdict);
			T::Operators::note_report(&seat.operator, agreed);
			if !agreed {
				continue;
			}
			let amount = T::Rewards::pay_validation(&seat.operator);
			if !amount.is_zero() {
				Self::deposit_event(Event::ValidatorPaid {
					submission,
					operator: seat.operator.clone(),
					amount,
				});
			}
		}
	}

	/// Applies the acceptance rule to an agreed score.
	fn judge(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		evaluation: &EvaluationRecordOf<T>,
		outcome: &EvaluationOutcome,
	) {
		let z_squared = math::z_squared(evaluation.z_milli, record.attempt);
		let sequence_len = evaluation.holdout.sequence_len;
		match math::judge(outcome, sequence_len, evaluation.delta, z_squared) {
			Judgement::Accept(improvement) => Self::accept(submission, record, improvement, evaluation.delta),
			Judgement::NotBetter(improvement) => {
				let reason = RejectReason::NotBetter { improvement };
				Self::reject(submission, record, reason, Conduct::Failure)
			}
			Judgement::NotCertain(improvement) => {
				let reason = RejectReason::NotCertain { improvement };
				Self::reject(submission, record, reason, Conduct::Failure)
			}
		}
	}

	/// Moves the head and pays the miner.
	fn accept(submission: SubmissionId, record: SubmissionRecordOf<T>, improvement: u64, delta: u32) {
		let claim = record.claim.clone();
		let promoted =
			with_storage_layer(|| T::Experts::promote(claim.slot, claim.parent, &claim.miner, claim.block));
		let version = match promoted {
			Ok(version) => version,
			Err(error) => {
				log::warn!(target: LOG_TARGET, "submission {submission} cannot be promoted: {error:?}");
				return Self::reject(submission, record, RejectReason::NotPromotable, Conduct::Neutral);
			}
		};
		let reward = T::Rewards::pay_learning(&claim.miner, improvement, u64::from(delta.max(1)));
		let outcome = SubmissionOutcome::Accepted { version, improvement, reward: reward.saturated_into() };
		Self::close(submission, record, outcome);
		Self::deposit_event(Event::Accepted {
			submission,
			miner: claim.miner.clone(),
			slot: claim.slot,
			version,
			improvement,
			reward,
		});
		Self::note_conduct(&claim.miner, claim.slot, Conduct::Success);
	}
}
