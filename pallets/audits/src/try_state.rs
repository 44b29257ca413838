//! Invariants of this pallet's storage, one function each.

use crate::{
	Agenda, Audits, Config, Enrolments, NextAudit, Overdue, OverdueQueue, Pallet, Phase, Round, SeatState,
};
use alloc::collections::BTreeSet;
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks everything below.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_agenda()?;
		Self::check_phases()?;
		Self::check_seats()?;
		Self::check_setters()?;
		Self::check_overdue()?;
		Self::check_round()
	}

	/// Every open audit stands on the agenda exactly once, and nothing else does.
	fn check_agenda() -> Result<(), TryRuntimeError> {
		let agenda = Agenda::<T>::get();
		let listed: BTreeSet<_> = agenda.iter().map(|(audit, _)| *audit).collect();
		ensure!(listed.len() == agenda.len(), "an audit stands on the agenda twice");
		let open: BTreeSet<_> = Audits::<T>::iter_keys().collect();
		ensure!(listed == open, "the agenda and the open audits disagree");
		let next = NextAudit::<T>::get();
		ensure!(open.iter().all(|audit| *audit < next), "an audit's number was not given out");
		for (audit, due) in agenda {
			let record = Audits::<T>::get(audit).ok_or("checked above")?;
			let is_complete = match record.phase {
				Phase::Voting { .. } => record.is_sealed(),
				Phase::Revealing { .. } => record.is_open(),
				_ => false,
			};
			ensure!(is_complete || due > *record.until(), "an audit is due before its phase is over");
		}
		Ok(())
	}

	/// Audits that are over and remembered stand in their queue once, and an operator in each has not opened its promise.
	fn check_overdue() -> Result<(), TryRuntimeError> {
		let queue = OverdueQueue::<T>::get();
		let queued: BTreeSet<_> = queue.iter().copied().collect();
		ensure!(queued.len() == queue.len(), "an overdue audit is queued twice");
		let kept: BTreeSet<_> = Overdue::<T>::iter_keys().collect();
		ensure!(queued == kept, "the queue and the overdue audits disagree");
		for (audit, record) in Overdue::<T>::iter() {
			ensure!(!record.is_open(), "nothing is overdue in a remembered audit");
			ensure!(!matches!(record.phase, Phase::Contested { .. }), "an overdue audit is not as it was");
			ensure!(
				!Audits::<T>::get(audit).is_some_and(|open| !matches!(open.phase, Phase::Contested { .. })),
				"an audit is overdue before it is settled"
			);
		}
		Ok(())
	}

	/// Messages on record fit the phase.
	fn check_phases() -> Result<(), TryRuntimeError> {
		for record in Audits::<T>::iter_values() {
			let is_silent = record.seats.iter().all(|seat| seat.state == SeatState::Waiting);
			let is_secret = record.revelation.is_none()
				&& !record.seats.iter().any(|seat| matches!(seat.state, SeatState::Revealed(_)));
			match &record.phase {
				Phase::Presenting { .. } => ensure!(
					record.presented.is_none() && is_silent && is_secret,
					"something was said before an outcome was presented"
				),
				Phase::Voting { .. } => ensure!(
					record.presented.is_some() && is_secret,
					"something was opened while votes are sealed"
				),
				Phase::Revealing { .. } => {
					ensure!(record.presented.is_some() && !is_silent, "there is nothing to reveal")
				}
				Phase::Contested { is_forced, refuted, .. } => {
					let claims = record.claims(*is_forced);
					ensure!(
						claims
							.iter()
							.any(|(_, outcome)| Some(outcome) != claims.first().map(|(_, first)| first)),
						"claims that agree are contested"
					);
					ensure!(
						refuted.iter().all(|digest| claims
							.iter()
							.any(|(_, outcome)| crate::verdict(*outcome).digest() == *digest)),
						"something was refuted that nobody claims"
					);
				}
			}
		}
		Ok(())
	}

	/// No operator sits twice, and the setter does not judge itself.
	fn check_seats() -> Result<(), TryRuntimeError> {
		for record in Audits::<T>::iter_values() {
			let mut seated: BTreeSet<_> = record.seats.iter().map(|seat| &seat.operator).collect();
			ensure!(!seated.is_empty(), "an audit has no auditor");
			ensure!(seated.len() == record.seats.len(), "an auditor sits twice");
			ensure!(seated.insert(&record.setter), "a setter judges itself");
		}
		Ok(())
	}

	/// A setter sets the audits it is said to set, one at a time, until its secret is open.
	fn check_setters() -> Result<(), TryRuntimeError> {
		for (operator, enrolment) in Enrolments::<T>::iter() {
			let Some(audit) = enrolment.setting else { continue };
			let record = Audits::<T>::get(audit).ok_or("an operator sets an audit that is closed")?;
			ensure!(record.setter == operator, "an operator sets somebody else's audit");
			ensure!(record.revelation.is_none(), "a setter is bound although its secret is open");
		}
		for (audit, record) in Audits::<T>::iter() {
			let setting = Enrolments::<T>::get(&record.setter).and_then(|enrolment| enrolment.setting);
			ensure!(
				record.revelation.is_some() || setting == Some(audit),
				"a setter may be drawn again although its secret is in use"
			);
		}
		Ok(())
	}

	/// A round has no more audits than it should.
	fn check_round() -> Result<(), TryRuntimeError> {
		let round = Round::<T>::get();
		ensure!(round.drawn <= round.target, "a round has too many audits");
		Ok(())
	}
}
