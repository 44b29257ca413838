//! Seals that are opened after their time.
//!
//! A seal that stays shut costs as much as a false verdict: otherwise a member that sealed a lie would hide it as soon as it
//! sees who else judges. But a node that stops between seal and reveal has done nothing wrong. So whoever opens its seal
//! before the offence is applied owes nothing, if what is under it stood, or can still be disputed.
//!
//! A member that could not seal because the bytes were hidden from it objects to an acceptance as soon as it has them: what it
//! finds is a claim then, which the chain holds against the one that decided. Otherwise a group could show an expert to
//! itself alone, and whoever computes the truth would have nothing to contradict it with.

use crate::{
	worker::{self, Promise},
	ClosedSubmissions, Config, Decisions, Error, Event, Inconclusive, Pallet, Seat, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	seal_hash,
	traits::{OffenceKind, Offences, OperatorSet},
	DrawId, OperatorId, ScoreReport, SubmissionId,
};
use blyan_runtime_api::SubmissionOutcome;
use blyan_support::genesis_hash;
use codec::Encode;
use frame_support::{ensure, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::{offchain::storage::StorageValueRef, traits::Saturating, DispatchResult};

/// What a late reveal is about, as far as the chain remembers.
enum Remembered {
	/// A decision that can be disputed.
	Decided,
	/// A draw that came to nothing and can be disputed.
	Inconclusive,
	/// A decision that stood.
	Closed,
}

impl<T: Config> Pallet<T> {
	/// Names the offence of a seal that was not opened. The seal tells apart two draws of one submission.
	pub(crate) fn hidden(submission: SubmissionId, operator: &T::AccountId, seal: &H256) -> H256 {
		H256(blake2_256(&(b"blyan/reveal-missed", submission, operator, seal).encode()))
	}

	/// Everything that must hold before a late verdict counts, but the signature.
	fn check_late(
		draw: &DrawId,
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
	) -> Result<(T::AccountId, H256, Remembered), Error<T>> {
		let ScoreReport { submission, verdict } = report;
		let operator = T::Operators::holder_of(key).ok_or(Error::<T>::NotInCommittee)?;
		let digest = verdict.digest();
		let seal = seal_hash(&digest, salt, &operator);
		let evidence = Self::hidden(*submission, &operator, &seal);
		// Only a seal that this operator made, and did not open, can have been reported.
		ensure!(
			T::Offences::is_pending(&operator, OffenceKind::RevealMissed, evidence),
			Error::<T>::NotSealed
		);
		let now = Self::now();
		// There must be time to dispute what nobody has looked at.
		let is_in_time = |until: BlockNumberFor<T>| now.saturating_add(T::RevealWindow::get()) < until;
		if let Some(decision) = Decisions::<T>::get(submission).filter(|decision| decision.draw() == *draw) {
			ensure!(
				Self::admits(decision.claim.slot.model, &decision.terms, verdict),
				Error::<T>::ScoreInconsistent
			);
			let stands = decision.digest == Some(digest) && !decision.refuted;
			let is_open = decision.digest.is_none() && is_in_time(decision.matures_at);
			ensure!(stands || is_open, Error::<T>::TooLateToReveal);
			return Ok((operator, evidence, Remembered::Decided));
		}
		if let Some(record) = Inconclusive::<T>::get(draw).filter(|record| record.submission == *submission) {
			ensure!(
				Self::admits(record.claim.slot.model, &record.terms, verdict),
				Error::<T>::ScoreInconsistent
			);
			ensure!(is_in_time(record.until), Error::<T>::TooLateToReveal);
			return Ok((operator, evidence, Remembered::Inconclusive));
		}
		let closed = ClosedSubmissions::<T>::get(submission).ok_or(Error::<T>::TooLateToReveal)?;
		ensure!(closed.draw == Some(*draw) && closed.digest == Some(digest), Error::<T>::TooLateToReveal);
		Ok((operator, evidence, Remembered::Closed))
	}

	pub(crate) fn ensure_may_reveal_late(
		draw: &DrawId,
		report: &ScoreReport,
		salt: &H256,
		key: &OperatorId,
	) -> Result<(), Error<T>> {
		Self::check_late(draw, report, salt, key).map(|_| ())
	}

	pub(crate) fn do_reveal_late(
		draw: DrawId,
		report: ScoreReport,
		salt: H256,
		key: OperatorId,
	) -> DispatchResult {
		let (operator, evidence, remembered) = Self::check_late(&draw, &report, &salt, &key)?;
		let ScoreReport { submission, verdict } = report;
		let open = |seat: &mut Seat<T::AccountId>| {
			if seat.operator == operator {
				seat.verdict = Some(verdict);
			}
		};
		match remembered {
			Remembered::Decided => Decisions::<T>::mutate(submission, |decision| {
				if let Some(decision) = decision {
					decision.seats.iter_mut().for_each(open);
				}
			}),
			Remembered::Inconclusive => Inconclusive::<T>::mutate(draw, |record| {
				if let Some(record) = record {
					record.seats.iter_mut().for_each(open);
				}
			}),
			Remembered::Closed => {}
		}
		ensure!(
			T::Offences::withdraw(&operator, OffenceKind::RevealMissed, evidence),
			Error::<T>::TooLateToReveal
		);
		Self::deposit_event(Event::ScoreRevealedLate {
			submission,
			operator,
			verdict,
			digest: verdict.digest(),
		});
		Ok(())
	}

	/// Everything that must hold before an absent member's objection counts, but the signature.
	pub(crate) fn ensure_may_object(
		draw: &DrawId,
		report: &ScoreReport,
		key: &OperatorId,
	) -> Result<T::AccountId, Error<T>> {
		let ScoreReport { submission, verdict } = report;
		let decision = Decisions::<T>::get(submission).ok_or(Error::<T>::DecisionUnknown)?;
		ensure!(decision.draw() == *draw, Error::<T>::DecisionUnknown);
		let now = Self::now();
		ensure!(now < decision.matures_at, Error::<T>::TooLateToReveal);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotInCommittee)?;
		let seat = decision.seats.iter().find(|seat| seat.operator == operator);
		let seat = seat.ok_or(Error::<T>::NotInCommittee)?;
		ensure!(seat.seal.is_none() && seat.verdict.is_none(), Error::<T>::AlreadySealed);
		ensure!(
			Self::admits(decision.claim.slot.model, &decision.terms, verdict),
			Error::<T>::ScoreInconsistent
		);
		// To say the same as everybody needs no look at the bytes, and changes nothing.
		ensure!(
			decision.digest.is_some_and(|digest| digest != verdict.digest()),
			Error::<T>::NothingToObject
		);
		Ok(operator)
	}

	pub(crate) fn do_object(draw: DrawId, report: ScoreReport, key: OperatorId) -> DispatchResult {
		let operator = Self::ensure_may_object(&draw, &report, &key)?;
		let ScoreReport { submission, verdict } = report;
		Decisions::<T>::mutate(submission, |decision| {
			let seats = decision.iter_mut().flat_map(|decision| decision.seats.iter_mut());
			seats.filter(|seat| seat.operator == operator).for_each(|seat| seat.verdict = Some(verdict));
		});
		Self::deposit_event(Event::Objected { submission, operator, verdict, digest: verdict.digest() });
		Ok(())
	}

	/// Has this node's members that could not seal compute what was accepted without them, as soon as they have its bytes, and
	/// object if they find something else.
	pub(crate) fn object_to_acceptances(local: &[(OperatorId, T::AccountId)], now: BlockNumberFor<T>) {
		for (submission, decision) in Decisions::<T>::iter() {
			let is_accepted = matches!(decision.outcome, SubmissionOutcome::Accepted { .. });
			let is_computable = || Self::is_computable(decision.claim.slot.model, &decision.terms);
			if !is_accepted || now >= decision.matures_at || !is_computable() {
				continue;
			}
			let absent = |operator: &T::AccountId| {
				decision
					.seats
					.iter()
					.any(|seat| seat.operator == *operator && seat.seal.is_none() && seat.verdict.is_none())
			};
			for (key, _) in local.iter().filter(|(_, operator)| absent(operator)) {
				Self::object_to(submission, &decision, key, now);
			}
		}
	}

	fn object_to(
		submission: SubmissionId,
		decision: &crate::DecisionRecordOf<T>,
		key: &OperatorId,
		now: BlockNumberFor<T>,
	) {
		let draw = decision.draw();
		let job = |part| Self::job_for(decision.claim.slot, decision.claim.block, &decision.terms, part);
		let jobs = worker::Jobs::of(job, decision.terms.guard.is_some());
		let Some(verdict) = jobs.and_then(|jobs| worker::verdict_of(submission, jobs, None)) else {
			return;
		};
		let report = ScoreReport { submission, verdict };
		if Self::ensure_may_object(&draw, &report, key).is_err() {
			return;
		}
		let place = (b"blyan/learning/objected", draw, key).encode();
		let call = || {
			let payload = report.signing_payload(&genesis_hash::<T>(), &draw);
			let signature = Self::sign(submission, key, &payload)?;
			Some(crate::Call::object { draw, report, key: key.clone(), signature })
		};
		if Self::send(&place, submission, now, call) {
			log::warn!(target: LOG_TARGET, "submission {submission}: accepted with a score that this node does not find");
		}
	}

	/// Opens what this node's keys have sealed and did not open in time, of all models.
	pub(crate) fn reveal_late_seals(local: &[(OperatorId, T::AccountId)], now: BlockNumberFor<T>) {
		for model in crate::Holdouts::<T>::iter_keys() {
			for (key, operator) in local {
				let place = Self::promises_of(model, key);
				let promises: Vec<Promise<BlockNumberFor<T>>> =
					StorageValueRef::persistent(&place).get().ok().flatten().unwrap_or_default();
				for promise in promises.iter().filter(|promise| promise.sealed_at.is_some()) {
					Self::reveal_late_seal(promise, key, operator, now);
				}
			}
		}
	}

	fn reveal_late_seal(
		promise: &Promise<BlockNumberFor<T>>,
		key: &OperatorId,
		operator: &T::AccountId,
		now: BlockNumberFor<T>,
	) {
		let Promise { submission, draw, verdict, salt, .. } = promise;
		let report = ScoreReport { submission: *submission, verdict: *verdict };
		if Self::ensure_may_reveal_late(draw, &report, salt, key).is_err() {
			return;
		}
		let place = (b"blyan/learning/late", draw, key).encode();
		let call = || {
			let payload = report.signing_payload(&genesis_hash::<T>(), draw);
			let signature = Self::sign(*submission, key, &payload)?;
			Some(crate::Call::reveal_late { draw: *draw, report, salt: *salt, key: key.clone(), signature })
		};
		if Self::send(&place, *submission, now, call) {
			log::info!(target: LOG_TARGET, "submission {submission}: opened the seal of {operator:?} late");
		}
	}
}
