//! Defended answers, as `disputes` sees them.

use crate::{verdict, Challenges, Config, Event, Pallet, Phase, Refuted};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{Claims, ServingKeys},
	BlockRef, EvaluationJob, ExpertShape, PartIndex, Refusal, Statement, Subject, Verdict,
};
use sp_core::H256;

/// Returns the receipt that a subject is about.
fn receipt(subject: Subject) -> Option<H256> {
	match subject {
		Subject::Answer(receipt) => Some(receipt),
		_ => None,
	}
}

impl<T: Config> Pallet<T> {
	/// Changes the number of open games about a defended answer.
	fn mutate_games(subject: Subject, change: impl FnOnce(u32) -> u32) {
		let Some(id) = receipt(subject) else { return };
		Challenges::<T>::mutate(id, |record| {
			if let Some(Phase::Defended { games, .. }) = record.as_mut().map(|record| &mut record.phase) {
				*games = change(*games);
			}
		});
	}
}

impl<T: Config> Claims<T::AccountId> for Pallet<T> {
	fn statement(subject: Subject, part: PartIndex) -> Option<Statement> {
		Challenges::<T>::get(receipt(subject).filter(|_| part == 0)?).map(|record| record.stated())
	}

	/// The operator's claim alone: the challenger's is its backer's, in a game.
	fn claims(subject: Subject) -> Vec<(T::AccountId, Verdict)> {
		let record = receipt(subject).and_then(Challenges::<T>::get);
		let claim = record.and_then(|record| match record.phase {
			Phase::Defended { outcome, .. } => Some((record.operator, verdict(outcome))),
			_ => None,
		});
		claim.into_iter().collect()
	}

	fn candidate(_: Subject) -> Option<(BlockRef, ExpertShape)> {
		None
	}

	fn job(_: Subject, _: PartIndex) -> Option<EvaluationJob> {
		None
	}

	fn disputable() -> Vec<Subject> {
		let subjects = Challenges::<T>::iter_keys().map(Subject::Answer);
		let mut subjects: Vec<_> = subjects.filter(|subject| Self::is_disputable(*subject)).collect();
		subjects.sort();
		subjects
	}

	fn is_disputable(subject: Subject) -> bool {
		let record = receipt(subject).and_then(Challenges::<T>::get);
		record.is_some_and(|record| match record.phase {
			Phase::Defended { until, games, .. } => Self::now() <= until || games > 0,
			_ => false,
		})
	}

	fn may_open(subject: Subject) -> bool {
		let record = receipt(subject).and_then(Challenges::<T>::get);
		record.is_some_and(|record| match record.phase {
			Phase::Defended { until, .. } => Self::now() <= until,
			_ => false,
		})
	}

	fn is_known(subject: Subject) -> bool {
		receipt(subject).is_some_and(Challenges::<T>::contains_key)
	}

	/// Receipts have names that cannot be known before they are signed.
	fn missing(subject: Subject) -> Option<Refusal> {
		(!<Self as Claims<T::AccountId>>::is_known(subject)).then_some(Refusal::Unknown)
	}

	fn note_opened(subject: Subject) {
		Self::mutate_games(subject, |games| games.saturating_add(1));
	}

	fn note_closed(subject: Subject) {
		Self::mutate_games(subject, |games| games.saturating_sub(1));
	}

	/// The charge for a wrong answer goes back. That the claim of a challenger fell changes nothing.
	fn refuted(subject: Subject, digest: H256) {
		let Some((id, record)) = receipt(subject).and_then(|id| Some((id, Challenges::<T>::get(id)?))) else {
			return;
		};
		let Phase::Defended { outcome, .. } = record.phase else { return };
		if verdict(outcome).digest() != digest || Refuted::<T>::contains_key(id) {
			return;
		}
		Refuted::<T>::insert(id, ());
		T::Keys::reversed(&record.signed, id);
		Self::deposit_event(Event::ReceiptRefuted { receipt: id, operator: record.operator });
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_subject_for_benchmark() -> (Subject, EvaluationJob) {
		unreachable!("a runtime benchmarks disputes with the scores of submissions; qed")
	}
}
