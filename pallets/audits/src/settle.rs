//! What follows from an audit.
//!
//! Nobody is slashed here but for what the revealed secret itself proves: that a setter presented something else
//! than its coin asked for, that it kept its secret to itself, or that an auditor agreed to a root which is a hash of that
//! secret. Who is right about numbers is left to disputes.

use crate::{
	rewards::AuditRewards,
	rules::{self, Answer, Finding},
	verdict, AuditRecordOf, Audits, Config, Enrolments, Event, Pallet, Phase, VoidReason,
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
		if record.rules != rules::RULES {
			return Self::void(audit, record, VoidReason::RulesChanged);
		}
		let (Some(presented), Some(revelation)) = (record.presented, record.revelation) else {
			Self::offend(audit, &record, &record.setter, OffenceKind::RevealMissed);
			Enrolments::<T>::remove(&record.setter);
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
		let evidence = blake2_256(&(b"blyan/audit/offence", record.seed, audit, operator).encode());
		T::Offences::report(operator, kind, H256(evidence), None);
		Self::deposit_event(Event::OffenceFound { audit, operator: operator.clone(), kind });
	}
}
