//! Bodies of the calls, in the order of `lib.rs`.

use crate::{
	rules::{self, enrolment_nonce, ENROL_VALID},
	Agenda, AuditRecordOf, Audits, Config, Enrolment, Enrolments, Error, Event, Message, MessageOf, Overdue,
	Pallet, Phase, Revelation, Seat, SeatState, Vote,
};
use blyan_primitives::{
	randomness::AppointedRandomness, traits::OperatorSet, AuditId, EvaluationOutcome, OperatorId,
};
use blyan_support::commit_reveal::{seat_of_mut, RevealError, Seat as _};
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{BlockNumberProvider, One, Saturating};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_enrol(commitment: H256, at: BlockNumberFor<T>, key: OperatorId) -> DispatchResult {
		let operator = Self::ensure_may_say(&Message::Enrol { commitment, at }, &key)?;
		let setting = Enrolments::<T>::get(&operator).and_then(|earlier| earlier.setting);
		let since = frame_system::Pallet::<T>::block_number();
		let appointment = T::Randomness::appoint();
		let nonce = enrolment_nonce(&at);
		let promise = Enrolment { commitment, nonce, since, appointment, setting };
		Enrolments::<T>::insert(&operator, promise);
		Self::deposit_event(Event::Enrolled { operator, commitment });
		Ok(())
	}

	pub(crate) fn do_present(audit: AuditId, outcome: EvaluationOutcome, key: OperatorId) -> DispatchResult {
		// The pool authorised this, and so did the block's author; the state may have moved in between.
		Self::ensure_may_say(&Message::Present { audit, outcome }, &key)?;
		let until = Self::now().saturating_add(T::VoteWindow::get());
		Self::mutate(audit, |record| {
			record.presented = Some(outcome);
			record.phase = Phase::Voting { until };
		});
		Self::set_due(audit, until.saturating_add(One::one()));
		Self::deposit_event(Event::Presented { audit, outcome, until });
		Ok(())
	}

	pub(crate) fn do_vote(audit: AuditId, seal: H256, key: OperatorId) -> DispatchResult {
		let operator = Self::ensure_may_say(&Message::Vote { audit, seal }, &key)?;
		let record = Self::mutate(audit, |record| {
			Self::set_seat(record, &operator, SeatState::Sealed(seal));
		});
		if record.is_some_and(|record| record.is_sealed()) {
			Self::set_due(audit, Self::now());
		}
		Self::deposit_event(Event::VoteSealed { audit, operator });
		Ok(())
	}

	pub(crate) fn do_reveal_setter(
		audit: AuditId,
		revelation: Revelation,
		next: H256,
		key: OperatorId,
	) -> DispatchResult {
		let setter = Self::ensure_may_say(&Message::RevealSetter { audit, revelation, next }, &key)?;
		if Overdue::<T>::contains_key(audit) {
			Self::excuse_setter(audit, &setter);
			let Revelation { secret, truth } = revelation;
			Self::deposit_event(Event::SecretRevealed { audit, secret, truth });
			return Ok(());
		}
		let record = Self::mutate(audit, |record| record.revelation = Some(revelation));
		let Some(record) = record else { return Err(Error::<T>::AuditUnknown.into()) };
		let since = frame_system::Pallet::<T>::block_number();
		let appointment = T::Randomness::appoint();
		// The seed is a nonce that this operator never used: a setter has one audit at a time.
		let promise = Enrolment { commitment: next, nonce: record.seed, since, appointment, setting: None };
		Enrolments::<T>::insert(&setter, promise);
		if record.is_open() {
			Self::set_due(audit, Self::now());
		}
		let Revelation { secret, truth } = revelation;
		Self::deposit_event(Event::SecretRevealed { audit, secret, truth });
		Ok(())
	}

	pub(crate) fn do_reveal_vote(audit: AuditId, vote: Vote, salt: H256, key: OperatorId) -> DispatchResult {
		let operator = Self::ensure_may_say(&Message::RevealVote { audit, vote, salt }, &key)?;
		if Overdue::<T>::contains_key(audit) {
			Self::excuse_auditor(audit, &operator, vote);
		} else {
			let record = Self::mutate(audit, |record| {
				Self::set_seat(record, &operator, SeatState::Revealed(vote));
			});
			if record.is_some_and(|record| record.is_open()) {
				Self::set_due(audit, Self::now());
			}
		}
		Self::deposit_event(Event::VoteRevealed { audit, operator, vote });
		Ok(())
	}

	pub(crate) fn do_advance(audit: AuditId) -> DispatchResult {
		let record = Audits::<T>::get(audit).ok_or(Error::<T>::AuditUnknown)?;
		ensure!(Self::step(audit, record, Self::now()), Error::<T>::NothingDue);
		Ok(())
	}

	pub(crate) fn do_forget(who: T::AccountId) -> DispatchResult {
		let enrolment = Enrolments::<T>::get(&who).ok_or(Error::<T>::NothingToForget)?;
		let is_gone = T::Operators::key_of(&who).is_none() && enrolment.setting.is_none();
		ensure!(is_gone, Error::<T>::NothingToForget);
		Enrolments::<T>::remove(&who);
		Self::deposit_event(Event::Forgotten { who });
		Ok(())
	}

	/// Everything that must hold before a message counts, but the signature. Returns the operator that speaks.
	pub(crate) fn ensure_may_say(message: &MessageOf<T>, key: &OperatorId) -> Result<T::AccountId, Error<T>> {
		match message {
			Message::Enrol { commitment, at } => Self::ensure_may_enrol(commitment, *at, key),
			Message::Present { audit, outcome } => {
				let record = Self::audit_in(*audit, |phase| matches!(phase, Phase::Presenting { .. }))?;
				Self::ensure_plausible(&record, outcome)?;
				Self::ensure_setter(&record, key)
			}
			Message::Vote { audit, .. } => {
				let record = Self::audit_in(*audit, |phase| matches!(phase, Phase::Voting { .. }))?;
				let (operator, seat) = Self::ensure_auditor(&record, key)?;
				ensure!(seat.commitment().is_waiting(), Error::<T>::AlreadySaid);
				Ok(operator)
			}
			Message::RevealSetter { audit, revelation, next } => {
				let record = Self::audit_to_open(*audit)?;
				ensure!(record.revelation.is_none(), Error::<T>::AlreadySaid);
				let opened = rules::commitment(&revelation.secret);
				ensure!(opened == record.commitment, Error::<T>::SecretMismatch);
				ensure!(*next != opened, Error::<T>::CommitmentReused);
				Self::ensure_plausible(&record, &revelation.truth)?;
				if Overdue::<T>::contains_key(audit) {
					ensure!(record.is_excused_by(revelation), Error::<T>::NothingExcused);
				}
				Self::ensure_setter(&record, key)
			}
			Message::RevealVote { audit, vote, salt } => {
				let record = Self::audit_to_open(*audit)?;
				let (operator, seat) = Self::ensure_auditor(&record, key)?;
				if Overdue::<T>::contains_key(audit) {
					ensure!(record.is_caught_by(vote), Error::<T>::NothingExcused);
				}
				seat.commitment().ensure_opened_by(|| vote.seal(salt, &operator)).map_err(
					|error| match error {
						RevealError::AlreadyRevealed => Error::<T>::AlreadySaid,
						RevealError::NotCommitted | RevealError::SealMismatch => Error::SealMismatch,
					},
				)?;
				if let Vote::Deny(own) = vote {
					Self::ensure_plausible(&record, own)?;
				}
				Ok(operator)
			}
		}
	}

	fn ensure_may_enrol(
		commitment: &H256,
		at: BlockNumberFor<T>,
		key: &OperatorId,
	) -> Result<T::AccountId, Error<T>> {
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(at <= now && now.saturating_sub(at) <= ENROL_VALID.into(), Error::<T>::EnrolmentStale);
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotAnOperator)?;
		if let Some(earlier) = Enrolments::<T>::get(&operator) {
			ensure!(at > earlier.since, Error::<T>::EnrolmentStale);
			ensure!(earlier.commitment != *commitment, Error::<T>::CommitmentReused);
			let free_from = earlier.since.saturating_add(T::EnrolEvery::get());
			ensure!(now >= free_from, Error::<T>::EnrolledRecently);
		}
		Ok(operator)
	}

	/// The audit, if it is in such a phase and the phase is not over.
	fn audit_in(
		audit: AuditId,
		is_expected: impl Fn(&Phase<BlockNumberFor<T>, T::MaxSeats>) -> bool,
	) -> Result<AuditRecordOf<T>, Error<T>> {
		let record = Audits::<T>::get(audit).ok_or(Error::<T>::AuditUnknown)?;
		ensure!(is_expected(&record.phase) && Self::now() <= *record.until(), Error::<T>::WrongPhase);
		Ok(record)
	}

	/// The audit, if what was promised in it may be opened: in time, or when it is over and an operator is blamed for not
	/// having done so.
	fn audit_to_open(audit: AuditId) -> Result<AuditRecordOf<T>, Error<T>> {
		if let Some(record) = Overdue::<T>::get(audit) {
			return Ok(record);
		}
		Self::audit_in(audit, |phase| matches!(phase, Phase::Revealing { .. }))
	}

	/// The time that phases are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	fn ensure_setter(record: &AuditRecordOf<T>, key: &OperatorId) -> Result<T::AccountId, Error<T>> {
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotAnOperator)?;
		ensure!(operator == record.setter, Error::<T>::NotTheSetter);
		Ok(operator)
	}

	fn ensure_auditor<'a>(
		record: &'a AuditRecordOf<T>,
		key: &OperatorId,
	) -> Result<(T::AccountId, &'a Seat<T::AccountId>), Error<T>> {
		let operator = T::Operators::owner_of(key).ok_or(Error::<T>::NotAnOperator)?;
		let seat = record.seat(&operator).ok_or(Error::<T>::NotAnAuditor)?;
		Ok((operator, seat))
	}

	fn ensure_plausible(record: &AuditRecordOf<T>, outcome: &EvaluationOutcome) -> Result<(), Error<T>> {
		let fits = rules::is_plausible(outcome, record.job.sample(), record.job.statement.positions());
		ensure!(fits, Error::<T>::OutcomeImplausible);
		Ok(())
	}

	fn set_seat(record: &mut AuditRecordOf<T>, operator: &T::AccountId, state: SeatState) {
		if let Some(seat) = seat_of_mut(record.seats.iter_mut(), operator) {
			seat.state = state;
		}
	}

	/// Changes an open audit and returns it as it is then.
	pub(crate) fn mutate(
		audit: AuditId,
		change: impl FnOnce(&mut AuditRecordOf<T>),
	) -> Option<AuditRecordOf<T>> {
		Audits::<T>::mutate(audit, |entry| {
			let record = entry.as_mut()?;
			change(record);
			Some(record.clone())
		})
	}

	/// Notes when something is due for an open audit.
	pub(crate) fn set_due(audit: AuditId, due: BlockNumberFor<T>) {
		Agenda::<T>::mutate(|agenda| {
			if let Some(entry) = agenda.iter_mut().find(|(id, _)| *id == audit) {
				entry.1 = due;
			}
		});
	}
}
