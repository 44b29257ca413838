//! From verdicts to a decision: two thirds that agree to the bit, then the acceptance rule. Heads move at once;
//! whatever has a value waits until the decision matures.

use crate::{
	math::{self, Judgement},
	Config, DecisionRecord, Decisions, EvaluationRecordOf, Event, HoldReason, Miners, Pallet, Seat,
	SubmissionRecordOf, Terms, LOG_TARGET,
};
use blyan_primitives::{
	traits::{ExpertRegistry, OffenceKind, Offences, OperatorSet, Rewards, Service},
	ModelId, Score, SubmissionId, Verdict,
};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use frame_support::{
	storage::with_storage_layer,
	traits::{
		fungible::{Inspect, MutateHold},
		tokens::{Fortitude, Preservation},
		Get,
	},
};
use sp_core::H256;
use sp_runtime::traits::{SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// Decides a submission whose committee has spoken, or has had its time.
	pub(crate) fn decide(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		evaluation: EvaluationRecordOf<T>,
	) {
		let agreed = evaluation.agreed_verdict();
		Self::note_services(submission, &record, &evaluation, agreed.as_ref());
		if let Some(verdict) = &agreed {
			if Self::wants_look(submission, &record, &evaluation.terms, verdict) {
				return Self::look_again(submission, record, evaluation, verdict);
			}
		}
		if agreed.is_none() && Self::may_redraw(&record) {
			return Self::redraw(submission, record, evaluation);
		}
		if evaluation.seats.iter().all(|seat| seat.verdict.is_none()) {
			// Committee after committee had no verdict: its bytes were not to be had, whatever was attested, and it held up
			// all others.
			for operator in &record.attested {
				T::Operators::note_service(operator, Service::BytesMissing);
			}
			Self::forfeit_fee(submission, &record.claim.miner, record.fee);
			let record = SubmissionRecordOf::<T> { fee: Zero::zero(), ..record };
			return Self::expire(submission, record, ExpiryReason::NoReports);
		}
		let outcome = match agreed {
			Some(verdict) => Self::outcome_of(submission, &record, &evaluation.terms, &verdict),
			None => SubmissionOutcome::Rejected(RejectReason::NoAgreement),
		};
		let digest = agreed.map(|verdict| verdict.digest());
		Self::hold_open(submission, record, evaluation, digest, outcome);
	}

	/// Notes for everyone what can be said now. Whether a verdict was right shows when the decision matures.
	///
	/// A seal is missed only if two thirds had a verdict, or the member had attested the bytes: a miner that showed its blob to few members, or to none,
	/// must not be able to harm the others. Whoever sealed had a verdict, so a seal that stays shut is always an
	/// offence. Being outvoted is none.
	fn note_services(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
		evaluation: &EvaluationRecordOf<T>,
		agreed: Option<&Verdict>,
	) {
		for Seat { operator, seal, verdict, .. } in &evaluation.seats {
			match (seal, verdict) {
				// Whoever said that it had the bytes cannot have lacked them.
				(None, _) if agreed.is_some() || record.attested.contains(operator) => {
					T::Operators::note_service(operator, Service::SealMissed)
				}
				(None, _) => {}
				(Some(seal), None) => {
					T::Operators::note_service(operator, Service::RevealMissed);
					// The seal tells apart two draws of one submission.
					let evidence = Self::hidden(submission, operator, seal);
					T::Offences::report(operator, OffenceKind::RevealMissed, evidence, None);
				}
				(Some(_), Some(verdict)) => {
					if agreed.is_some_and(|agreed| agreed != verdict) {
						T::Operators::note_service(operator, Service::ReportOutvoted);
					}
				}
			}
		}
	}

	/// What an agreed verdict means. Moves the head if the expert is accepted.
	fn outcome_of(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
		terms: &Terms,
		verdict: &Verdict,
	) -> SubmissionOutcome {
		let claim = &record.claim;
		let has_moved = !Self::is_current(claim.slot, claim.parent)
			|| T::Experts::generation(claim.slot.model) != Some(terms.generation);
		let reason = match verdict {
			Verdict::Invalid => RejectReason::Invalid,
			Verdict::Scored(_) if has_moved => RejectReason::Stale,
			Verdict::Scored(score) => match Self::judge(claim.slot.model, score, terms) {
				Judgement::NotBetter(improvement) => RejectReason::NotBetter { improvement },
				Judgement::NotCertain(improvement) => RejectReason::NotCertain { improvement },
				Judgement::Regressed(improvement) => RejectReason::Regressed { improvement },
				Judgement::Accept(improvement) => {
					let promoted = with_storage_layer(|| {
						T::Experts::promote(claim.slot, claim.parent, &claim.miner, claim.block)
					});
					match promoted {
						Ok(version) => {
							return SubmissionOutcome::Accepted { version, improvement, reward: 0 }
						}
						Err(error) => {
							log::warn!(target: LOG_TARGET, "submission {submission} cannot be promoted: {error:?}");
							RejectReason::NotPromotable
						}
					}
				}
			},
		};
		SubmissionOutcome::Rejected(reason)
	}

	/// Applies the acceptance rule to an agreed score of a candidate for the model.
	pub(crate) fn judge(model: ModelId, score: &Score, terms: &Terms) -> Judgement {
		let guard_len = terms.guard.map_or(0, |guard| Self::positions(model, &guard.holdout));
		math::judge(score, Self::positions(model, &terms.target.holdout), guard_len, &terms.rule)
	}

	/// Moves a submission from the open ones to the decisions that can be disputed.
	fn hold_open(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		evaluation: EvaluationRecordOf<T>,
		digest: Option<H256>,
		mut outcome: SubmissionOutcome,
	) {
		let SubmissionRecordOf::<T> { claim, bond, fee, .. } = record;
		let (miner, slot) = (claim.miner.clone(), claim.slot);
		Self::leave(submission, &claim);
		// What the miner loses if the decision turns out to rest on a lie, or does not.
		let keeps_bond = matches!(
			outcome,
			SubmissionOutcome::Accepted { .. } | SubmissionOutcome::Rejected(RejectReason::Invalid)
		);
		if !keeps_bond {
			Self::release_bond(submission, &miner, bond);
		}
		let (mut held, mut forgiven, mut guard_change) = (Zero::zero(), 0, 0);
		match &mut outcome {
			SubmissionOutcome::Accepted { version, improvement, reward } => {
				let delta = u64::from(evaluation.terms.rule.delta.max(1));
				let stakes = evaluation
					.seats
					.iter()
					.filter(|seat| seat.verdict.map(|verdict| verdict.digest()) == digest)
					.map(|seat| seat.stake);
				let verdicts = || evaluation.seats.iter().filter_map(|seat| seat.verdict);
				let decisive = verdicts().find(|verdict| Some(verdict.digest()) == digest);
				guard_change = Self::note_guard(slot.model, &evaluation.terms, decisive.as_ref());
				let cap = math::reward_cap(stakes, T::StakeAtRisk::get()).saturated_into();
				let paid = T::Rewards::pay_learning(&miner, *improvement, delta, cap);
				held = Self::hold_reward(submission, &miner, paid);
				*reward = paid.saturated_into();
				forgiven = Miners::<T>::mutate(&miner, |record| core::mem::take(&mut record.attempts));
				Self::deposit_event(Event::Accepted {
					submission,
					miner,
					slot,
					version: *version,
					improvement: *improvement,
					reward: paid,
				});
			}
			SubmissionOutcome::Rejected(reason) => {
				Self::deposit_event(Event::Rejected { submission, miner, slot, reason: *reason });
			}
			SubmissionOutcome::Expired(_) | SubmissionOutcome::Withdrawn => {}
		}
		let decided_at = frame_system::Pallet::<T>::block_number();
		let matures_at = Self::now().saturating_add(T::ChallengeWindow::get());
		let decision = DecisionRecord {
			claim,
			bond: if keeps_bond { bond } else { Zero::zero() },
			fee,
			forgiven,
			terms: evaluation.terms,
			seats: evaluation.seats,
			digest,
			outcome,
			held,
			guard_change,
			decided_at,
			matures_at,
			disputes: 0,
			refuted: false,
		};
		Decisions::<T>::insert(submission, decision);
		Self::await_maturity(submission, matures_at);
	}

	/// Puts what a miner was just paid on hold. Returns what could be.
	fn hold_reward(
		submission: SubmissionId,
		miner: &T::AccountId,
		reward: crate::BalanceOf<T>,
	) -> crate::BalanceOf<T> {
		// All of it, unless the account would not survive that.
		let able = T::Currency::reducible_balance(miner, Preservation::Protect, Fortitude::Force);
		let held = reward.min(able);
		if held.is_zero() {
			return held;
		}
		match T::Currency::hold(&HoldReason::Reward.into(), miner, held) {
			Ok(()) => held,
			Err(error) => {
				log::error!(target: LOG_TARGET, "reward of submission {submission} is not on hold: {error:?}");
				Zero::zero()
			}
		}
	}
}
