//! Audits: drawing the committee, seals, reveals, and their combination.

use crate::{
	rescan::CONFIRMING_ROUND,
	rules::{self, Combined},
	AuditKind, AuditRecord, AuditRecordOf, Audits, Config, DatasetRecordOf, DatasetRewards, Datasets, Error,
	Event, FormerAuditors, Pallet, RescanCount, Seat, SeatState, Sortition,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness},
	traits::{EligibleOperator, OperatorSet, Service},
	AuditFinding, DatasetAuditMessage, DatasetRef, OperatorId,
};
use blyan_runtime_api::datasets::AuditStep;
use blyan_support::commit_reveal::{seat_of, seat_of_mut, RevealError, Seat as _};
use codec::Encode;
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{One, SaturatedConversion, Saturating};

impl<T: Config> Pallet<T> {
	/// Makes the appointment of a draw.
	pub(crate) fn appoint(dataset: DatasetRef, kind: AuditKind, round: u8) {
		let now = Self::now();
		if kind == AuditKind::Rescan {
			RescanCount::<T>::mutate(|running| *running = running.saturating_add(1));
		}
		let audit = AuditRecord {
			kind,
			appointment: T::Randomness::appoint(),
			round,
			draw: H256::zero(),
			step: AuditStep::Appointed,
			until: now.saturating_add(T::DrawWindow::get()),
			seats: BoundedVec::new(),
		};
		Audits::<T>::insert(dataset, audit);
		Self::schedule(dataset, now.saturating_add(One::one()));
		Self::deposit_event(Event::AuditAppointed { dataset, round });
	}

	/// Draws the committee of an audit whose seed is known. Returns whether anything changed.
	pub(crate) fn draw(
		dataset: DatasetRef,
		record: &DatasetRecordOf<T>,
		mut audit: AuditRecordOf<T>,
		now: BlockNumberFor<T>,
	) -> bool {
		let seed = match T::Randomness::seed_of(audit.appointment, b"blyan/dataset") {
			Appointed::Seed(seed) => seed,
			Appointed::Pending if now <= audit.until => {
				Self::schedule(dataset, now.saturating_add(One::one()));
				return false;
			}
			Appointed::Pending | Appointed::Missed => {
				if now > audit.until {
					return Self::no_quorum(dataset, audit);
				}
				audit.appointment = T::Randomness::appoint();
				Audits::<T>::insert(dataset, audit);
				Self::schedule(dataset, now.saturating_add(One::one()));
				return true;
			}
		};
		let draw = H256(blake2_256(&(b"blyan/dataset/draw", seed, dataset, audit.round).encode()));
		let auditors = Self::draw_auditors(dataset, record, &audit, &draw);
		if auditors.len().saturated_into::<u32>() < T::MinAuditors::get().max(1) {
			if now > audit.until {
				return Self::no_quorum(dataset, audit);
			}
			// Operators may come; the draw is a new one then, or waiting would choose among them.
			audit.appointment = T::Randomness::appoint();
			Audits::<T>::insert(dataset, audit);
			Self::schedule(dataset, now.saturating_add(One::one()));
			return false;
		}
		let seat = |operator: &T::AccountId| Seat { operator: operator.clone(), state: SeatState::Waiting };
		audit.seats = BoundedVec::truncate_from(auditors.iter().map(seat).collect());
		audit.draw = draw;
		audit.step = AuditStep::Sealing;
		audit.until = now.saturating_add(T::SealWindow::get());
		let window_end = audit.until.saturating_add(T::RevealWindow::get());
		Self::schedule(dataset, audit.until.saturating_add(One::one()));
		Audits::<T>::insert(dataset, audit);
		Datasets::<T>::mutate(dataset, |entry| {
			if let Some(record) = entry {
				record.audit_window_end = Some(window_end);
			}
		});
		Self::deposit_event(Event::AuditBegan { dataset, draw, auditors, until: window_end });
		true
	}

	/// Auditors that have nothing to do with the contributor, and, in an appeal, with earlier auditors.
	fn draw_auditors(
		dataset: DatasetRef,
		record: &DatasetRecordOf<T>,
		audit: &AuditRecordOf<T>,
		seed: &H256,
	) -> Vec<T::AccountId> {
		let Some(electorate) = T::Operators::electorate(audit.appointment) else { return Vec::new() };
		let mut barred = Vec::from([record.creator.clone(), T::Operators::belongs_to(&record.creator)]);
		if audit.kind.is_appeal() {
			for former in FormerAuditors::<T>::get(dataset) {
				barred.push(T::Operators::belongs_to(&former));
				barred.push(former);
			}
		}
		let is_stranger = |one: &EligibleOperator<T::AccountId>| {
			!barred.contains(&one.account) && !barred.contains(&one.owner)
		};
		let candidates = electorate.into_iter().filter(is_stranger).collect();
		let size = T::Auditors::get().min(T::MaxSeats::get());
		T::Sortition::draw(seed, candidates, size, T::Operators::is_eligible)
	}

	pub(crate) fn do_seal(dataset: DatasetRef, seal: H256, key: OperatorId) -> DispatchResult {
		let operator = Self::ensure_may_say(&DatasetAuditMessage::Seal { dataset, seal }, &key)?;
		Self::set_seat(dataset, &operator, SeatState::Sealed(seal), AuditRecord::is_sealed);
		Self::deposit_event(Event::FindingSealed { dataset, operator });
		Ok(())
	}

	pub(crate) fn do_reveal(
		dataset: DatasetRef,
		finding: AuditFinding,
		salt: H256,
		key: OperatorId,
	) -> DispatchResult {
		let operator = Self::ensure_may_say(&DatasetAuditMessage::Reveal { dataset, finding, salt }, &key)?;
		Self::set_seat(dataset, &operator, SeatState::Revealed(finding), AuditRecord::is_open);
		Self::deposit_event(Event::FindingRevealed { dataset, operator, finding });
		Ok(())
	}

	/// Changes a seat; if the step is complete by that, it is due.
	fn set_seat(
		dataset: DatasetRef,
		operator: &T::AccountId,
		state: SeatState,
		is_complete: impl Fn(&AuditRecordOf<T>) -> bool,
	) {
		let is_due = Audits::<T>::mutate(dataset, |entry| {
			let Some(audit) = entry else { return false };
			if let Some(seat) = seat_of_mut(audit.seats.iter_mut(), operator) {
				seat.state = state;
			}
			is_complete(audit)
		});
		if is_due {
			Self::schedule(dataset, Self::now());
		}
	}

	/// Everything that must hold before a message counts, but the signature. Returns the auditor.
	pub(crate) fn ensure_may_say(
		message: &DatasetAuditMessage,
		key: &OperatorId,
	) -> Result<T::AccountId, Error<T>> {
		let audit = Audits::<T>::get(message.dataset()).ok_or(Error::<T>::WrongStage)?;
		let step = match message {
			DatasetAuditMessage::Seal { .. } => AuditStep::Sealing,
			DatasetAuditMessage::Reveal { .. } => AuditStep::Revealing,
		};
		ensure!(audit.step == step && Self::now() <= audit.until, Error::<T>::WrongStage);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotAnAuditor)?;
		let seat = seat_of(&audit.seats, &operator).ok_or(Error::<T>::NotAnAuditor)?;
		match message {
			DatasetAuditMessage::Seal { .. } => {
				ensure!(seat.commitment().is_waiting(), Error::<T>::AlreadySaid)
			}
			DatasetAuditMessage::Reveal { finding, salt, .. } => {
				let seal = || finding.seal(&audit.draw, salt, &operator);
				seat.commitment().ensure_opened_by(seal).map_err(|error| match error {
					RevealError::AlreadyRevealed => Error::<T>::AlreadySaid,
					RevealError::NotCommitted | RevealError::SealMismatch => Error::SealMismatch,
				})?;
				if let AuditFinding::Examined(report) = finding {
					ensure!(report.is_plausible(), Error::<T>::ReportImplausible);
				}
			}
		}
		Ok(operator)
	}

	/// Ends the step of an audit that is over or complete. Returns whether anything was due.
	pub(crate) fn step_audit(
		dataset: DatasetRef,
		record: DatasetRecordOf<T>,
		audit: AuditRecordOf<T>,
		now: BlockNumberFor<T>,
	) -> bool {
		let is_over = now > audit.until;
		match audit.step {
			AuditStep::Appointed => Self::draw(dataset, &record, audit, now),
			AuditStep::Sealing if is_over || audit.is_sealed() => Self::begin_reveal(dataset, audit, now),
			AuditStep::Revealing if is_over || audit.is_open() => Self::conclude(dataset, record, audit),
			_ => {
				Self::schedule(dataset, audit.until.saturating_add(One::one()));
				false
			}
		}
	}

	fn begin_reveal(dataset: DatasetRef, mut audit: AuditRecordOf<T>, now: BlockNumberFor<T>) -> bool {
		let sealed = audit.seats.iter().filter(|seat| seat.state != SeatState::Waiting).count();
		if sealed.saturated_into::<u32>() < rules::quorum(audit.seats.len().saturated_into()) {
			return Self::no_quorum(dataset, audit);
		}
		// A quorum could examine it, so those who are silent could have.
		for seat in audit.seats.iter().filter(|seat| seat.state == SeatState::Waiting) {
			T::Operators::note_service(&seat.operator, Service::SealMissed);
		}
		let until = now.saturating_add(T::RevealWindow::get());
		audit.step = AuditStep::Revealing;
		audit.until = until;
		Audits::<T>::insert(dataset, audit);
		Self::schedule(dataset, until.saturating_add(One::one()));
		Self::deposit_event(Event::RevealBegan { dataset, until });
		true
	}

	/// Combines what was revealed, pays those who found it, and moves the dataset on.
	fn conclude(dataset: DatasetRef, record: DatasetRecordOf<T>, audit: AuditRecordOf<T>) -> bool {
		for seat in &audit.seats {
			if matches!(seat.state, SeatState::Sealed(_)) {
				T::Operators::note_service(&seat.operator, Service::RevealMissed);
			}
		}
		let findings: Vec<AuditFinding> = audit.findings().map(|(_, finding)| *finding).collect();
		if findings.len().saturated_into::<u32>() < rules::quorum(audit.seats.len().saturated_into()) {
			return Self::no_quorum(dataset, audit);
		}
		let combined = rules::combine(&findings);
		if combined == Combined::Divided || Self::is_doubtful(&audit, &findings, &combined) {
			return Self::no_quorum(dataset, audit);
		}
		for (operator, finding) in audit.findings() {
			let operator = operator.clone();
			if !rules::is_agreed(finding, &combined) {
				Self::deposit_event(Event::FindingDeparted { dataset, operator });
			} else if combined != Combined::Unavailable {
				// Bytes that cannot be had take no work to find, so saying so must not be what pays for none.
				let amount = T::Rewards::pay_dataset_audit(&operator);
				Self::deposit_event(Event::AuditorPaid { dataset, operator, amount });
			}
		}
		Self::close_audit(dataset, &audit);
		Self::decide_audit(dataset, record, (audit.kind, audit.round), combined);
		true
	}

	/// Reports whether the committee of a rescan has combined to a fault that less than a majority of its seats found.
	fn is_doubtful(audit: &AuditRecordOf<T>, findings: &[AuditFinding], combined: &Combined) -> bool {
		let limits = T::RejectLimits::get();
		let is_fault = match combined {
			Combined::Examined(report) => rules::auto_reject(report, &limits).is_some(),
			Combined::Malformed => true,
			Combined::Unavailable | Combined::Divided => false,
		};
		let is_rescan = audit.kind == AuditKind::Rescan;
		is_rescan && is_fault && !rules::is_upheld(findings, audit.seats.len(), &limits)
	}

	/// A committee decided nothing: another one is drawn, once.
	fn no_quorum(dataset: DatasetRef, audit: AuditRecordOf<T>) -> bool {
		Self::close_audit(dataset, &audit);
		// The committee that confirms a rescan has a second try too.
		if matches!(audit.round, 0 | CONFIRMING_ROUND) {
			Self::appoint(dataset, audit.kind, audit.round.saturating_add(1));
		} else if let Some(record) = Datasets::<T>::get(dataset) {
			Self::time_out_audit(dataset, record, audit.kind);
		}
		true
	}

	/// Removes an audit and remembers who sat in it.
	pub(crate) fn close_audit(dataset: DatasetRef, audit: &AuditRecordOf<T>) {
		Audits::<T>::remove(dataset);
		if audit.kind == AuditKind::Rescan {
			RescanCount::<T>::mutate(|running| *running = running.saturating_sub(1));
		}
		FormerAuditors::<T>::mutate(dataset, |former| {
			for seat in &audit.seats {
				// A full list has every operator on it.
				if !former.contains(&seat.operator) {
					let _ = former.try_push(seat.operator.clone());
				}
			}
		});
	}
}
