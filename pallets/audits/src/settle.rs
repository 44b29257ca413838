//! Settlement of an audit.
//!
//! No operator is slashed here but for what the revealed secret itself proves: that a setter presented something else
//! than its coin asked for, that it kept its secret to itself, or that an auditor agreed to a root which is a hash of that
//! secret. Who is right about numbers is left to disputes.

use crate::{
	rewards::AuditRewards,
	rules::{self, Answer, Finding},
	verdict, AuditRecordOf, Audits, Config, Enrolments, Event, Overdue, OverdueQueue, Pallet, Phase, Seat,
	SeatState, VoidReason, Vote,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{OffenceKind, Offences, OperatorSet, Service},
	AuditId,
};
use codec::Encode;
use frame_support::{traits::Get, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{One, Saturating};

impl<T: Config> Pallet<T> {
	/// Settles an audit in which everything is open, or had its time.
	pub(crate) fn settle(audit: AuditId, record: AuditRecordOf<T>, now: BlockNumberFor<T>) {
		if record.rules != rules::RULES || !record.job.statement.is_current() {
			return Self::void(audit, record, VoidReason::RulesChanged);
		}
		let (Some(presented), Some(revelation)) = (record.presented, record.revelation) else {
			Self::offend(audit, &record, &record.setter, OffenceKind::RevealMissed);
			Enrolments::<T>::remove(&record.setter);
			Self::keep_overdue(audit, &record);
			return Self::void(audit, record, VoidReason::NotRevealed);
		};
		let (secret, truth) = (&revelation.secret, &revelation.truth);
		let is_forced = match rules::answer(&presented, truth, secret, &record.seed, record.trap_share) {
			Answer::Honest => false,
			Answer::Forced => true,
			Answer::Defied => {
				Self::offend(audit, &record, &record.setter, OffenceKind::FalseScore);
				return Self::void(audit, record, VoidReason::CoinDefied);
			}
		};
		for seat in &record.seats {
			match rules::judge(is_forced, &presented, &seat.ballot()) {
				Finding::Nodded => {
					Self::offend(audit, &record, &seat.operator, OffenceKind::VerificationFailed);
					Self::deposit_event(Event::Nodded { audit, operator: seat.operator.clone() });
				}
				Finding::Hid => T::Operators::note_service(&seat.operator, Service::RevealMissed),
				// Noted when voting ended, or settled with the claims.
				Finding::Missed | Finding::Claims(_) => {}
			}
		}
		let is_hidden = |seat: &Seat<T::AccountId>| matches!(seat.state, SeatState::Sealed(_));
		if is_forced && record.seats.iter().any(is_hidden) {
			Self::keep_overdue(audit, &record);
		}
		let claims = record.claims(is_forced);
		if claims.iter().all(|(_, outcome)| outcome == truth) {
			Self::conclude(audit, record, is_forced, &[]);
		} else {
			Self::contest(audit, record, is_forced, now);
		}
	}

	/// Opens the window in which contradicting claims can be disputed.
	fn contest(audit: AuditId, mut record: AuditRecordOf<T>, is_forced: bool, now: BlockNumberFor<T>) {
		let until = now.saturating_add(T::DisputeWindow::get());
		record.phase = Phase::Contested { until, is_forced, games: 0, refuted: BoundedVec::new() };
		Audits::<T>::insert(audit, record);
		Self::set_due(audit, until.saturating_add(One::one()));
		Self::deposit_event(Event::Contested { audit, until });
	}

	/// Pays those whose claim stands, and closes the audit.
	///
	/// Catching is worth the bounty where a wrong answer is proven: a forced error by the secret, a real one by a
	/// dispute. Who was outvoted without a dispute is noted; who was refuted has been reported by the dispute.
	pub(crate) fn conclude(audit: AuditId, record: AuditRecordOf<T>, is_forced: bool, refuted: &[H256]) {
		let claims: Vec<_> = record
			.claims(is_forced)
			.into_iter()
			.map(|(who, outcome)| (who, verdict(outcome).digest()))
			.collect();
		let digests: Vec<H256> = claims.iter().map(|(_, digest)| *digest).collect();
		let standing = rules::standing(&digests, refuted);
		let setter_refuted = digests.first().is_some_and(|digest| refuted.contains(digest));
		for (operator, digest) in claims {
			let is_setter = operator == record.setter;
			match standing {
				Some(right) if right == digest => {
					if !is_setter {
						T::Operators::note_service(&operator, Service::AuditPassed);
					}
					if !is_setter && (is_forced || setter_refuted) {
						let amount = T::Rewards::pay_bounty(&operator);
						Self::deposit_event(Event::ErrorCaught { audit, operator, amount });
					} else {
						let amount = T::Rewards::pay_audit(&operator);
						Self::deposit_event(Event::WorkPaid { audit, operator, amount });
					}
				}
				Some(_) if !refuted.contains(&digest) => {
					T::Operators::note_service(&operator, Service::ReportOutvoted);
				}
				_ => {}
			}
		}
		Self::close(audit, &record);
		Self::deposit_event(Event::Settled { audit, is_forced });
	}

	/// Reports an offence. Its evidence names the audit and the offender, so that it counts once for each.
	fn offend(audit: AuditId, record: &AuditRecordOf<T>, operator: &T::AccountId, kind: OffenceKind) {
		T::Offences::report(operator, kind, Self::evidence(audit, record, operator), None);
		Self::deposit_event(Event::OffenceFound { audit, operator: operator.clone(), kind });
	}

	fn evidence(audit: AuditId, record: &AuditRecordOf<T>, operator: &T::AccountId) -> H256 {
		H256(blake2_256(&(b"blyan/audit/offence", record.seed, audit, operator).encode()))
	}

	/// Remembers an audit in which an operator is blamed for not having opened what it promised. It may have crashed, and open
	/// it when it is back.
	fn keep_overdue(audit: AuditId, record: &AuditRecordOf<T>) {
		Overdue::<T>::insert(audit, record);
		OverdueQueue::<T>::mutate(|queue| {
			if queue.is_full() {
				Overdue::<T>::remove(queue.remove(0));
			}
			// One was removed if there was no room.
			let _ = queue.try_push(audit);
		});
	}

	/// The setter has opened its secret after all, and presented what its coin asked for.
	pub(crate) fn excuse_setter(audit: AuditId, setter: &T::AccountId) {
		let Some(record) = Overdue::<T>::get(audit) else { return };
		T::Offences::withdraw(setter, OffenceKind::RevealMissed, Self::evidence(audit, &record, setter));
		Self::forget_overdue(audit);
	}

	/// An auditor has opened its vote after all, and had caught the forced error.
	pub(crate) fn excuse_auditor(audit: AuditId, operator: &T::AccountId, vote: Vote) {
		let Some(mut record) = Overdue::<T>::get(audit) else { return };
		let evidence = Self::evidence(audit, &record, operator);
		T::Offences::withdraw(operator, OffenceKind::VerificationFailed, evidence);
		if let Some(seat) = record.seats.iter_mut().find(|seat| seat.operator == *operator) {
			seat.state = SeatState::Revealed(vote);
		}
		if record.is_open() {
			Self::forget_overdue(audit);
		} else {
			Overdue::<T>::insert(audit, record);
		}
	}

	fn forget_overdue(audit: AuditId) {
		Overdue::<T>::remove(audit);
		OverdueQueue::<T>::mutate(|queue| queue.retain(|id| *id != audit));
	}
}
