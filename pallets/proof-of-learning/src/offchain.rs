//! The operator's side: ask the native engine for scores that are due, sign them and send them.
//!
//! The worker runs at every new best block, on forks too, and several runs may overlap. So it keeps no state that
//! must be right: what is due is read from the chain, a job's identifier is the hash of its content, and sending the
//! same report twice is refused by the pool. The only memory is a hint or two: when a report was last sent, so
//! that one that got lost is sent again, and which job was started last, so that one nobody waits for is cancelled.

use crate::{
	BusyModels, Call, Config, EvaluationRecordOf, OpenSubmissions, Pallet, Phase, Queues, SubmissionRecordOf,
	LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{ExpertRegistry, OperatorSet},
	EngineError, EvaluationJob, JobId, JobStatus, ModelId, OperatorId, ScoreReport, SubmissionId, Verdict,
};
use codec::Encode;
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_runtime::{offchain::storage::StorageValueRef, traits::Saturating, RuntimeAppPublic};

/// Blocks after which a report that is not on the chain is sent again.
const RESEND_AFTER: u32 = 5;

impl<T: Config> Pallet<T> {
	/// Sends every report that this node's keys owe and the engine has ready.
	pub(crate) fn report_due_scores(now: BlockNumberFor<T>) {
		let local: Vec<(OperatorId, T::AccountId)> = OperatorId::all()
			.into_iter()
			.filter_map(|key| T::Operators::owner_of(&key).map(|owner| (key, owner)))
			.collect();
		if local.is_empty() {
			return;
		}
		for model in BusyModels::<T>::get() {
			let first = Queues::<T>::get(model).first().copied();
			let Some((submission, record)) =
				first.and_then(|id| OpenSubmissions::<T>::get(id).map(|record| (id, record)))
			else {
				continue;
			};
			let Phase::Evaluating(evaluation) = &record.phase else { continue };
			if now >= evaluation.deadline {
				continue;
			}
			let owing =
				|owner: &T::AccountId| evaluation.seat(owner).is_some_and(|seat| seat.verdict.is_none());
			let keys: Vec<&OperatorId> =
				local.iter().filter(|(_, owner)| owing(owner)).map(|(key, _)| key).collect();
			if keys.is_empty() {
				continue;
			}
			let Some(job) = Self::job_for(&record, evaluation) else {
				log::debug!(target: LOG_TARGET, "submission {submission}: the model moved, nothing to evaluate");
				continue;
			};
			if let Some(verdict) = verdict_of(submission, model, &job) {
				for key in keys {
					Self::send_report(model, ScoreReport { submission, verdict }, key, now);
				}
			}
		}
	}

	/// The job that every member of the committee must run; `None` if the baseline is no longer that of the draw.
	pub fn job_for(
		record: &SubmissionRecordOf<T>,
		evaluation: &EvaluationRecordOf<T>,
	) -> Option<EvaluationJob> {
		let claim = &record.claim;
		let model = T::Experts::model(claim.slot.model)?;
		(model.generation == evaluation.generation).then(|| EvaluationJob {
			model: model.id,
			config: model.config,
			trunk: model.trunk,
			heads: model.heads.into_iter().map(|head| head.block).collect(),
			layer: claim.slot.layer,
			expert: claim.slot.expert,
			candidate: claim.block,
			holdout: evaluation.holdout,
			seed: evaluation.seed,
			sample: evaluation.sample,
		})
	}

	/// Signs a report and gives it to the pool, unless that was done a few blocks ago.
	///
	/// One mark a model and key is kept, so the node's memory stays as small as its set of keys.
	fn send_report(model: ModelId, report: ScoreReport, key: &OperatorId, now: BlockNumberFor<T>) {
		let submission = report.submission;
		let place = (b"blyan/learning/sent", model, key).encode();
		let mark = StorageValueRef::persistent(&place);
		if let Ok(Some((sent, at))) = mark.get::<(SubmissionId, BlockNumberFor<T>)>() {
			// A mark from the future is one from a fork that lost.
			let is_recent = at <= now && now < at.saturating_add(RESEND_AFTER.into());
			if sent == submission && is_recent {
				return;
			}
		}
		if let Err(error) = Self::ensure_may_report(&report, key) {
			let error: &'static str = error.into();
			log::error!(target: LOG_TARGET, "submission {submission}: the chain would refuse this score: {error}");
			return;
		}
		let Some(signature) = key.sign(&report.signing_payload(&Self::genesis_hash())) else {
			log::warn!(target: LOG_TARGET, "submission {submission}: the keystore did not sign with {key:?}");
			return;
		};
		let call = Call::report_score { report, key: key.clone(), signature };
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => {
				mark.set(&(submission, now));
				log::info!(target: LOG_TARGET, "submission {submission}: reported {:?}", report.verdict.digest());
			}
			Err(()) => {
				log::debug!(target: LOG_TARGET, "submission {submission}: the pool did not take the report");
			}
		}
	}
}

/// What the engine says about a job by now; starts it if the engine does not know it.
fn verdict_of(submission: SubmissionId, model: ModelId, job: &EvaluationJob) -> Option<Verdict> {
	let status = match blyan_host::poll(job.id()) {
		Err(EngineError::UnknownJob) => {
			cancel_predecessor(model, job.id());
			blyan_host::submit_job(job).and_then(blyan_host::poll)
		}
		status => status,
	};
	let error = match status {
		Ok(JobStatus::Done(outcome)) => return Some(Verdict::Scored(outcome)),
		Ok(JobStatus::Failed(EngineError::CandidateInvalid)) => return Some(Verdict::Invalid),
		Ok(JobStatus::Queued) => {
			log::debug!(target: LOG_TARGET, "submission {submission}: waits for the engine");
			return None;
		}
		Ok(JobStatus::Running { done, total }) => {
			log::debug!(target: LOG_TARGET, "submission {submission}: {done} of {total} sequences");
			return None;
		}
		Ok(JobStatus::Failed(error)) | Err(error) => error,
	};
	match error {
		EngineError::NotAvailable => {
			log::warn!(target: LOG_TARGET, "submission {submission}: this node has operator keys but no engine");
		}
		error if error.is_retryable() => {
			log::info!(target: LOG_TARGET, "submission {submission}: {error:?}, trying again");
			// A failed job is started afresh; whether that helps shows at the next block.
			if let Err(error) = blyan_host::submit_job(job) {
				log::debug!(target: LOG_TARGET, "submission {submission}: not started: {error:?}");
			}
		}
		error => log::error!(target: LOG_TARGET, "submission {submission}: no verdict: {error:?}"),
	}
	None
}

/// Cancels the job that was started last for this model, unless it is the same.
///
/// A model has one evaluation at a time, so the earlier one was decided without us. Should it still be wanted on
/// another fork, that fork's next block starts it again.
fn cancel_predecessor(model: ModelId, id: JobId) {
	let place = (b"blyan/learning/job", model).encode();
	let mark = StorageValueRef::persistent(&place);
	if let Ok(Some(earlier)) = mark.get::<JobId>() {
		if earlier != id {
			// It may have ended or been forgotten long ago; then there is nothing to cancel.
			let _ = blyan_host::cancel(earlier);
		}
	}
	mark.set(&id);
}
