//! Decided scores as `disputes` sees them.

use crate::{ClosedSubmissions, Config, DecisionRecordOf, Decisions, OpenSubmissions, Pallet, Phase, Terms};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, ExpertRegistry},
	BlockRef, EvaluationJob, EvaluationStatement, ExpertSlot, ModelConfig, PartIndex, Statement, Subject,
	SubmissionId, Verdict,
};
use sp_core::H256;

impl<T: Config> Pallet<T> {
	/// The decision that a subject names: that of its draw, and of no other one of the same submission.
	fn decision(subject: Subject) -> Option<(SubmissionId, DecisionRecordOf<T>)> {
		let Subject::Submission(submission, draw) = subject else { return None };
		let decision = Decisions::<T>::get(submission)?;
		(decision.draw() == draw).then_some((submission, decision))
	}

	/// The decided submission that a subject names.
	fn decided(subject: Subject) -> Option<SubmissionId> {
		Self::decision(subject).map(|(submission, _)| submission)
	}

	/// The job of one part of a score; `None` if the baseline fell out of the registry's history.
	pub(crate) fn job_for(
		slot: ExpertSlot,
		candidate: BlockRef,
		terms: &Terms,
		part: PartIndex,
	) -> Option<EvaluationJob> {
		let sample = terms.part(part)?;
		let model = T::Experts::model_at(slot.model, terms.generation)?;
		Some(EvaluationJob {
			definition: terms.definition,
			model: model.id,
			config: model.config,
			trunk: model.trunk,
			heads: model.heads.into_iter().map(|head| head.block).collect(),
			layer: slot.layer,
			expert: slot.expert,
			candidate,
			holdout: sample.holdout,
			seed: sample.seed,
			sample: sample.sequences,
		})
	}
}

impl<T: Config> Claims<T::AccountId> for Pallet<T> {
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		let (_, decision) = Self::decision(subject)?;
		let slot = decision.claim.slot;
		let sample = decision.terms.part(part)?;
		Some(Statement::Evaluation(EvaluationStatement {
			definition: decision.terms.definition,
			config: T::Experts::config(slot.model)?,
			model_root: decision.terms.model_root,
			layer: slot.layer,
			expert: slot.expert,
			candidate: decision.claim.block.tensor_root,
			holdout_root: sample.holdout.root,
			holdout_sequences: sample.holdout.sequences,
			sequence_len: sample.holdout.sequence_len,
			seed: sample.seed,
			sample: sample.sequences,
		}))
	}

	fn claims(subject: Subject) -> Vec<(T::AccountId, Verdict)> {
		let Some((_, decision)) = Self::decision(subject) else { return Vec::new() };
		decision.seats.into_iter().filter_map(|seat| Some((seat.operator, seat.verdict?))).collect()
	}

	fn candidate(subject: Subject) -> Option<(BlockRef, ModelConfig)> {
		let (_, decision) = Self::decision(subject)?;
		Some((decision.claim.block, T::Experts::config(decision.claim.slot.model)?))
	}

	fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		let (_, decision) = Self::decision(subject)?;
		Self::job_for(decision.claim.slot, decision.claim.block, &decision.terms, part)
	}

	fn disputable() -> Vec<Subject> {
		let now = frame_system::Pallet::<T>::block_number();
		let mut subjects: Vec<_> = Decisions::<T>::iter()
			.filter(|(_, decision)| decision.is_disputable(now))
			.map(|(submission, decision)| Subject::Submission(submission, decision.draw()))
			.collect();
		subjects.sort();
		subjects
	}

	fn is_disputable(subject: Subject) -> bool {
		let now = frame_system::Pallet::<T>::block_number();
		Self::decision(subject).is_some_and(|(_, decision)| decision.is_disputable(now))
	}

	fn is_known(subject: Subject) -> bool {
		let Subject::Submission(submission, draw) = subject else { return false };
		let open = || {
			let record = OpenSubmissions::<T>::get(submission)?;
			let Phase::Evaluating(evaluation) = record.phase else { return None };
			Some(evaluation.terms.draw_id(&record.claim.slot, &record.claim.block))
		};
		let decided = || Decisions::<T>::get(submission).map(|decision| decision.draw());
		let closed = || ClosedSubmissions::<T>::get(submission)?.draw;
		[open(), decided(), closed()].contains(&Some(draw))
	}

	fn note_opened(subject: Subject) {
		if let Some(submission) = Self::decided(subject) {
			Self::do_note_opened(submission);
		}
	}

	fn note_closed(subject: Subject) {
		if let Some(submission) = Self::decided(subject) {
			Self::do_note_closed(submission);
		}
	}

	fn refuted(subject: Subject, digest: H256) {
		if let Some(submission) = Self::decided(subject) {
			Self::do_refute(submission, digest);
		}
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob) {
		crate::benchmarking::subject::<T>()
	}
}
