//! Contradicting answers, as `disputes` sees them.

use crate::{jobs::JobSource, verdict, Agenda, Audits, Config, Pallet, Phase};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::Claims, AuditId, BlockRef, EvaluationJob, ExpertShape, JobOrigin, PartIndex, Refusal, Statement,
	Subject, Verdict,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{One, Saturating};

impl<T: Config> Pallet<T> {
	/// Changes the record of disputes of a contested audit.
	fn mutate_contest(
		subject: Subject,
		change: impl FnOnce(&mut u32, &mut frame_support::BoundedVec<H256, T::MaxSeats>),
	) -> Option<(AuditId, BlockNumberFor<T>, u32)> {
		let Subject::Audit(audit) = subject else { return None };
		let record = Self::mutate(audit, |record| {
			if let Phase::Contested { games, refuted, .. } = &mut record.phase {
				change(games, refuted);
			}
		})?;
		match record.phase {
			Phase::Contested { until, games, .. } => Some((audit, until, games)),
			_ => None,
		}
	}
}

impl<T: Config> Claims<T::AccountId> for Pallet<T> {
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		let Subject::Audit(audit) = subject else { return None };
		(part == 0).then(|| Audits::<T>::get(audit).map(|record| record.job.statement)).flatten()
	}

	fn claims(subject: Subject) -> Vec<(T::AccountId, Verdict)> {
		let Subject::Audit(audit) = subject else { return Vec::new() };
		let Some(record) = Audits::<T>::get(audit) else { return Vec::new() };
		let Phase::Contested { is_forced, .. } = record.phase else { return Vec::new() };
		record.claims(is_forced).into_iter().map(|(who, outcome)| (who, verdict(outcome))).collect()
	}

	fn candidate(subject: Subject) -> Option<(BlockRef, ExpertShape)> {
		let Subject::Audit(audit) = subject else { return None };
		let job = Audits::<T>::get(audit)?.job;
		Some((job.candidate, T::Jobs::shape(&job)?))
	}

	fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		let Subject::Audit(audit) = subject else { return None };
		(part == 0).then(|| Audits::<T>::get(audit)).flatten().and_then(|record| T::Jobs::job(&record.job))
	}

	fn disputable() -> Vec<Subject> {
		let open = Agenda::<T>::get().into_iter().map(|(audit, _)| Subject::Audit(audit));
		open.filter(|subject| Self::is_disputable(*subject)).collect()
	}

	fn is_disputable(subject: Subject) -> bool {
		let Subject::Audit(audit) = subject else { return false };
		let now = Self::now();
		Audits::<T>::get(audit).is_some_and(|record| match record.phase {
			Phase::Contested { until, games, .. } => now <= until || games > 0,
			_ => false,
		})
	}

	fn may_open(subject: Subject) -> bool {
		let Subject::Audit(audit) = subject else { return false };
		Audits::<T>::get(audit).is_some_and(|record| match record.phase {
			Phase::Contested { until, .. } => Self::now() <= until,
			_ => false,
		})
	}

	fn origin(subject: Subject, part: PartIndex) -> Option<JobOrigin> {
		let Subject::Audit(audit) = subject else { return None };
		let job = (part == 0).then(|| Audits::<T>::get(audit)).flatten()?.job;
		Some(JobOrigin { model: job.model, generation: job.generation, holdout: job.holdout })
	}

	fn is_known(subject: Subject) -> bool {
		matches!(subject, Subject::Audit(audit) if Audits::<T>::contains_key(audit))
	}

	fn missing(subject: Subject) -> Option<Refusal> {
		let Subject::Audit(audit) = subject else { return None };
		Self::missing_audit(audit)
	}

	fn note_opened(subject: Subject) {
		Self::mutate_contest(subject, |games, _| *games = games.saturating_add(1));
	}

	fn note_closed(subject: Subject) {
		let contest = Self::mutate_contest(subject, |games, _| *games = games.saturating_sub(1));
		if let Some((audit, until, 0)) = contest {
			let now = Self::now();
			Self::set_due(audit, now.max(until.saturating_add(One::one())));
		}
	}

	fn refuted(subject: Subject, digest: H256) {
		let is_claimed = Self::claims(subject).iter().any(|(_, verdict)| verdict.digest() == digest);
		Self::mutate_contest(subject, |_, refuted| {
			if is_claimed && !refuted.contains(&digest) {
				// There are no more claims than seats, so there is room.
				let _ = refuted.try_push(digest);
			}
		});
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob) {
		crate::benchmarking::contested::<T>()
	}
}
