//! Reports of offences.

use crate::{
	fingerprint, Config, Error, Event, Fingerprints, NextOffence, Offence, OffenceRecords, Pallet, PendingOf,
	State,
};
use blyan_primitives::{
	traits::{Appeals, Contested, OffenceKind, Offences, OperatorStakes},
	Subject,
};
use frame_support::{ensure, traits::Get};
use sp_core::H256;
use sp_runtime::{
	traits::{Convert, SaturatedConversion, Saturating},
	DispatchResult,
};

impl<T: Config> Offences<T::AccountId> for Pallet<T> {
	fn report(offender: &T::AccountId, kind: OffenceKind, evidence: H256, reporter: Option<&T::AccountId>) {
		// What is known already counts once; what is dropped says so.
		let _ = Self::do_report(offender, kind, evidence, reporter, None);
	}

	fn is_reported(offender: &T::AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Fingerprints::<T>::contains_key(fingerprint(offender, kind, evidence))
	}

	fn is_pending(offender: &T::AccountId, kind: OffenceKind, evidence: H256) -> bool {
		Fingerprints::<T>::get(fingerprint(offender, kind, evidence))
			.and_then(OffenceRecords::<T>::get)
			.is_some_and(|offence| offence.state.is_pending())
	}

	fn is_gravely_accused(offender: &T::AccountId) -> bool {
		Self::is_accused(offender)
	}

	fn withdraw(offender: &T::AccountId, kind: OffenceKind, evidence: H256) -> bool {
		let Some(id) = Fingerprints::<T>::get(fingerprint(offender, kind, evidence)) else { return false };
		let Some(offence) = OffenceRecords::<T>::get(id).filter(|offence| offence.state.is_pending()) else {
			return false;
		};
		Self::close_pardoned(id, offence);
		true
	}

	fn report_claim(
		offender: &T::AccountId,
		kind: OffenceKind,
		evidence: H256,
		reporter: Option<&T::AccountId>,
		contested: Contested,
	) {
		let _ = Self::do_report(offender, kind, evidence, reporter, Some(contested));
	}

	fn note_appeal_ended(appellant: &T::AccountId, subject: Subject, cleared: bool) {
		Self::end_computed_appeal(appellant, subject, cleared);
	}
}

impl<T: Config> Pallet<T> {
	/// Records an offence. See [`Pallet::report`].
	pub fn do_report(
		offender: &T::AccountId,
		kind: OffenceKind,
		evidence: H256,
		reporter: Option<&T::AccountId>,
		contested: Option<Contested>,
	) -> DispatchResult {
		let fingerprint = fingerprint(offender, kind, evidence);
		ensure!(!Fingerprints::<T>::contains_key(fingerprint), Error::<T>::AlreadyReported);
		let penalty = T::Penalties::convert(kind);
		let mut pending = PendingOf::<T>::get(offender);
		// Half of the room is left to grave offences, so that nobody hides one behind many light ones.
		let room = T::MaxPending::get();
		let room = if penalty.is_grave { room } else { room.checked_div(2).unwrap_or_default() };
		let id = NextOffence::<T>::get();
		let is_full = pending.len().saturated_into::<u32>() >= room || pending.try_push(id).is_err();
		if is_full {
			log::warn!(target: crate::LOG_TARGET, "too much is pending against {offender:?}: {kind:?} dropped");
			Self::deposit_event(Event::ReportDropped { offender: offender.clone(), kind, evidence });
			// An error would take the event back.
			return Ok(());
		}
		NextOffence::<T>::put(id.saturating_add(1));
		PendingOf::<T>::insert(offender, pending);
		Fingerprints::<T>::insert(fingerprint, id);
		let at = frame_system::Pallet::<T>::block_number();
		let applies_at = Self::now().saturating_add(T::AppealWindow::get());
		let offence = Offence {
			offender: offender.clone(),
			kind,
			evidence,
			contested,
			// Nobody is paid for reporting itself.
			reporter: reporter.filter(|reporter| *reporter != offender).cloned(),
			at,
			applies_at,
			state: State::Open,
		};
		OffenceRecords::<T>::insert(id, offence);
		T::Stakes::note_pending(offender);
		if let Some(subject) = contested.and_then(|contested| contested.computable()) {
			T::Appeals::note_offence_opened(subject);
		}
		Self::deposit_event(Event::OffenceReported {
			offence: id,
			offender: offender.clone(),
			kind,
			evidence,
			applies_at: Self::block_at(applies_at),
		});
		if penalty.is_grave {
			T::Stakes::quarantine(offender);
		}
		Ok(())
	}
}
