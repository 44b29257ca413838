//! Decided scores as `disputes` sees them.

use crate::{
	ClaimOf, ClosedSubmissions, Config, DecisionRecord, DecisionRecordOf, Decisions, Inconclusive,
	InconclusiveRecord, OpenSubmissions, Pallet, Phase, Seat, Terms,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, ExpertRegistry, SealedHoldouts},
	BlockRef, EvaluationJob, ExpertShape, ExpertSlot, JobOrigin, ModelId, PartIndex, Refusal, Statement,
	Subject, Verdict,
};
use blyan_runtime_api::SubmissionOutcome;
use frame_support::BoundedVec;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;

impl<T: Config> Pallet<T> {
	/// The draw that a subject names, and no other one of the same submission: decided, or come to nothing.
	fn drawn(subject: Subject) -> Option<Drawn<T>> {
		let Subject::Submission(submission, draw) = subject else { return None };
		if let Some(decision) = Self::decision(subject) {
			let DecisionRecord { claim, terms, seats, matures_at, disputes, .. } = decision;
			return Some(Drawn { claim, terms, seats, until: matures_at, disputes });
		}
		let record = Inconclusive::<T>::get(draw).filter(|record| record.submission == submission)?;
		let InconclusiveRecord { claim, terms, seats, until, disputes, .. } = record;
		Some(Drawn { claim, terms, seats, until, disputes })
	}

	/// The decision that a subject names.
	fn decision(subject: Subject) -> Option<DecisionRecordOf<T>> {
		let Subject::Submission(submission, draw) = subject else { return None };
		Decisions::<T>::get(submission).filter(|decision| decision.draw() == draw)
	}

	/// The job of one part of a score. The registry keeps the baseline while the claims can be disputed.
	pub(crate) fn job_for(
		slot: ExpertSlot,
		candidate: BlockRef,
		terms: &Terms,
		part: PartIndex,
	) -> Option<EvaluationJob> {
		let holdout = terms.part(part)?.holdout;
		let model = T::Experts::model_at(slot.model, terms.generation)?;
		let statement = terms.statement(&model.body, &slot, &candidate, part)?;
		statement.job::<T::Experts>(model, candidate, holdout)
	}

	/// Reports whether the numbers of a verdict can belong to a draw of one of the model's slots.
	pub(crate) fn admits(model: ModelId, terms: &Terms, verdict: &Verdict) -> bool {
		T::Experts::body(model).is_some_and(|body| terms.admits(&body, verdict))
	}

	/// Reports whether engines and the chain still compute by the definition of a draw of one of the model's slots.
	pub(crate) fn is_computable(model: ModelId, terms: &Terms) -> bool {
		T::Experts::body(model).is_some_and(|body| terms.is_current(&body))
	}
}

/// What can be disputed about a draw.
struct Drawn<T: Config> {
	claim: ClaimOf<T>,
	terms: Terms,
	seats: BoundedVec<Seat<T::AccountId>, T::MaxCommittee>,
	/// First block in which no dispute may begin.
	until: BlockNumberFor<T>,
	disputes: u32,
}

impl<T: Config> Drawn<T> {
	/// Whether its claims may be disputed: under the definition they were made by, in time, or because some are already.
	fn is_disputable(&self) -> bool {
		let now = Pallet::<T>::now();
		now < self.until || self.disputes > 0
	}
}

impl<T: Config> Claims<T::AccountId> for Pallet<T> {
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		let Drawn { claim, terms, .. } = Self::drawn(subject)?;
		let body = T::Experts::body(claim.slot.model)?;
		terms.statement(&body, &claim.slot, &claim.block, part)
	}

	fn claims(subject: Subject) -> Vec<(T::AccountId, Verdict)> {
		let Some(drawn) = Self::drawn(subject) else { return Vec::new() };
		drawn.seats.into_iter().filter_map(|seat| Some((seat.operator, seat.verdict?))).collect()
	}

	fn candidate(subject: Subject) -> Option<(BlockRef, ExpertShape)> {
		let claim = Self::drawn(subject)?.claim;
		Some((claim.block, T::Experts::shape(claim.slot)?))
	}

	fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		let drawn = Self::drawn(subject)?;
		Self::job_for(drawn.claim.slot, drawn.claim.block, &drawn.terms, part)
	}

	fn disputable() -> Vec<Subject> {
		let decided = Decisions::<T>::iter()
			.map(|(submission, decision)| Subject::Submission(submission, decision.draw()));
		let inconclusive =
			Inconclusive::<T>::iter().map(|(draw, record)| Subject::Submission(record.submission, draw));
		let mut subjects: Vec<_> =
			decided.chain(inconclusive).filter(|subject| Self::is_disputable(*subject)).collect();
		subjects.sort();
		subjects
	}

	fn is_disputable(subject: Subject) -> bool {
		Self::drawn(subject).is_some_and(|drawn| drawn.is_disputable())
	}

	fn may_open(subject: Subject) -> bool {
		let now = Self::now();
		Self::drawn(subject).is_some_and(|drawn| {
			now < drawn.until && Self::is_computable(drawn.claim.slot.model, &drawn.terms)
		})
	}

	fn accepted(subject: Subject) -> Option<H256> {
		let decision = Self::decision(subject)?;
		matches!(decision.outcome, SubmissionOutcome::Accepted { .. }).then_some(decision.digest).flatten()
	}

	fn origin(subject: Subject, part: PartIndex) -> Option<JobOrigin> {
		let Drawn { claim, terms, .. } = Self::drawn(subject)?;
		let holdout = terms.part(part)?.holdout;
		Some(JobOrigin { model: claim.slot.model, generation: terms.generation, holdout })
	}

	fn job_from(statement: &Statement, origin: &JobOrigin, candidate: &BlockRef) -> Option<EvaluationJob> {
		let model = T::Experts::model_at(origin.model, origin.generation)?;
		statement.job::<T::Experts>(model, *candidate, origin.holdout)
	}

	fn keep(origin: &JobOrigin) -> bool {
		T::Experts::keep(origin.model, origin.generation)
	}

	fn release(origin: &JobOrigin) {
		T::Experts::release(origin.model, origin.generation);
	}

	fn is_known(subject: Subject) -> bool {
		let Subject::Submission(submission, draw) = subject else { return false };
		let open = || {
			let record = OpenSubmissions::<T>::get(submission)?;
			let Phase::Evaluating(evaluation) = record.phase else { return None };
			Some(evaluation.terms.draw_id(&record.claim.slot, &record.claim.block))
		};
		let closed = || ClosedSubmissions::<T>::get(submission)?.draw;
		Self::drawn(subject).is_some() || [open(), closed()].contains(&Some(draw))
	}

	/// Draws have names that cannot be known before they are made.
	fn missing(subject: Subject) -> Option<Refusal> {
		(!<Self as Claims<T::AccountId>>::is_known(subject)).then_some(Refusal::Unknown)
	}

	fn note_opened(subject: Subject) {
		let Subject::Submission(submission, draw) = subject else { return };
		match Self::decision(subject) {
			Some(_) => Self::do_note_opened(submission),
			None => Self::note_disputes(draw, |disputes| disputes.saturating_add(1)),
		}
	}

	fn note_closed(subject: Subject) {
		let Subject::Submission(submission, draw) = subject else { return };
		match Self::decision(subject) {
			Some(_) => Self::do_note_closed(submission),
			None => Self::note_disputes(draw, |disputes| disputes.saturating_sub(1)),
		}
	}

	fn refuted(subject: Subject, digest: H256) {
		let Subject::Submission(submission, draw) = subject else { return };
		match Self::decision(subject) {
			Some(_) => Self::do_refute(submission, digest),
			// No decision rests on it; what its score said of the sequences may have cost their keeper something.
			None => T::SealedHoldouts::note_refuted(draw, digest),
		}
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob) {
		crate::benchmarking::subject::<T>()
	}
}
