//! End of offences: applied or pardoned, and remembered for a while.

use crate::{
	BalanceOf, ClosedCount, ClosedRing, Config, Error, Event, Fingerprints, NextDue, NextOffence, OffenceId,
	OffenceOf, OffenceRecords, Pallet, PendingOf, State, Strikes, WeightInfo,
};
use blyan_primitives::traits::{Appeals, OperatorStakes};
use frame_support::{
	ensure,
	traits::{fungible::Balanced, Get, Imbalance, OnUnbalanced},
	weights::{Weight, WeightMeter},
};
use sp_runtime::{
	traits::{Convert, SaturatedConversion, Saturating, Zero},
	DispatchResult, Perbill,
};

impl<T: Config> Pallet<T> {
	/// Applies offences in the order of their reports, as far as they are due and `remaining` allows.
	///
	/// What was appealed or decided in the meantime is passed by: it ends another way.
	pub(crate) fn apply_due(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		let (start, end) = (NextDue::<T>::get(), NextOffence::<T>::get());
		let now = Self::now();
		let mut next = start;
		while next < end && meter.try_consume(T::WeightInfo::apply_next()).is_ok() {
			match OffenceRecords::<T>::get(next) {
				Some(offence) if matches!(offence.state, State::Open) => {
					if now < offence.applies_at {
						break;
					}
					Self::close_applied(next, offence);
				}
				_ => (),
			}
			next = next.saturating_add(1);
		}
		if next != start {
			NextDue::<T>::put(next);
		}
		meter.consumed()
	}

	/// Applies what is due. See [`Pallet::apply`].
	pub fn do_apply(id: OffenceId) -> DispatchResult {
		let offence = Self::applicable(id)?;
		Self::close_applied(id, offence);
		Ok(())
	}

	/// Returns the offence, if it is due.
	pub(crate) fn applicable(id: OffenceId) -> Result<OffenceOf<T>, Error<T>> {
		let offence = OffenceRecords::<T>::get(id).ok_or(Error::<T>::UnknownOffence)?;
		let is_due = match &offence.state {
			State::Open => Self::now() >= offence.applies_at,
			State::Appealed(appeal) => Self::has_lapsed(appeal),
			State::Applied { .. } | State::Pardoned { .. } => return Err(Error::Decided),
		};
		ensure!(is_due, Error::<T>::TooEarlyToApply);
		Ok(offence)
	}

	/// Forgives. See [`Pallet::pardon`].
	pub fn do_pardon(id: OffenceId) -> DispatchResult {
		let offence = OffenceRecords::<T>::get(id).ok_or(Error::<T>::UnknownOffence)?;
		ensure!(offence.state.is_pending(), Error::<T>::Decided);
		Self::close_pardoned(id, offence);
		Ok(())
	}

	/// Applies whatever time is left. See [`Pallet::uphold`].
	pub fn do_uphold(id: OffenceId) -> DispatchResult {
		let offence = OffenceRecords::<T>::get(id).ok_or(Error::<T>::UnknownOffence)?;
		ensure!(offence.state.is_pending(), Error::<T>::Decided);
		Self::close_applied(id, offence);
		Ok(())
	}

	/// Takes what the offence costs, pays the reporter, and closes the record.
	pub(crate) fn close_applied(id: OffenceId, mut offence: OffenceOf<T>) {
		let offender = offence.offender.clone();
		Self::settle_appeal(id, &offence, false);
		let penalty = T::Penalties::convert(offence.kind);
		let is_last = penalty.is_strike && Self::note_strike(&offender);
		let share = if is_last { Perbill::one() } else { penalty.share };

		let credit = T::Stakes::slash(&offender, share);
		let taken = credit.peek();
		let mut rewarded = BalanceOf::<T>::zero();
		let rest = match &offence.reporter {
			None => credit,
			Some(reporter) => {
				let (part, rest) = credit.split(T::ReporterShare::get().mul_floor(taken));
				let amount = part.peek();
				match T::Currency::resolve(reporter, part) {
					Ok(()) => {
						rewarded = amount;
						rest
					}
					// A reporter that cannot receive anything leaves it to the treasury.
					Err(part) => rest.merge(part),
				}
			}
		};
		T::OnSlash::on_unbalanced(rest);

		T::Stakes::note_offence(&offender, offence.kind);
		if is_last {
			T::Stakes::ban(&offender);
			Strikes::<T>::remove(&offender);
		} else if penalty.is_grave {
			T::Stakes::quarantine(&offender);
		}
		if !is_last && penalty.ban_days > 0 {
			let blocks = T::BlocksPerDay::get().saturating_mul(penalty.ban_days.into());
			T::Stakes::ban_for(&offender, blocks.saturated_into());
		}
		let at = frame_system::Pallet::<T>::block_number();
		offence.state = State::Applied { share, taken, rewarded, at };
		Self::close(id, offence);
		Self::deposit_event(Event::OffenceApplied { offence: id, offender, share, taken, rewarded });
	}

	/// Closes the record without a penalty, and lets the offender back if nothing else speaks against it.
	pub(crate) fn close_pardoned(id: OffenceId, mut offence: OffenceOf<T>) {
		let offender = offence.offender.clone();
		Self::settle_appeal(id, &offence, true);
		let is_grave = T::Penalties::convert(offence.kind).is_grave;
		offence.state = State::Pardoned { at: frame_system::Pallet::<T>::block_number() };
		Self::close(id, offence);
		// Whoever is accused of something else, or was punished not long ago, returns by itself when its time is over.
		if is_grave && !Self::is_accused(&offender) && Strikes::<T>::get(&offender).is_empty() {
			T::Stakes::release(&offender);
		}
		Self::deposit_event(Event::OffencePardoned { offence: id });
	}

	/// Reports whether a grave offence is pending against `who`.
	pub(crate) fn is_accused(who: &T::AccountId) -> bool {
		PendingOf::<T>::get(who)
			.iter()
			.filter_map(OffenceRecords::<T>::get)
			.any(|offence| T::Penalties::convert(offence.kind).is_grave)
	}

	/// Counts a punishment of weight. `true` if it is the one that bans.
	fn note_strike(who: &T::AccountId) -> bool {
		let now = frame_system::Pallet::<T>::block_number();
		let mut strikes = Strikes::<T>::get(who);
		strikes.retain(|at| at.saturating_add(T::StrikeMemory::get()) > now);
		let count = strikes.len().saturated_into::<u32>().saturating_add(1);
		// Room for all but the last is enough: the last one clears them.
		let _ = strikes.try_push(now);
		Strikes::<T>::insert(who, strikes);
		count >= T::StrikesMax::get()
	}

	/// Moves an offence from the pending to the decided, and forgets the oldest of those.
	fn close(id: OffenceId, offence: OffenceOf<T>) {
		PendingOf::<T>::mutate_exists(&offence.offender, |pending| {
			if let Some(ids) = pending {
				ids.retain(|other| *other != id);
			}
			if pending.as_ref().is_some_and(|ids| ids.is_empty()) {
				*pending = None;
			}
		});
		T::Stakes::note_settled(&offence.offender);
		if let Some(subject) = offence.contested.and_then(|contested| contested.computable()) {
			T::Appeals::note_offence_closed(subject);
		}
		OffenceRecords::<T>::insert(id, offence);
		let closed = ClosedCount::<T>::mutate(|count| {
			let closed = *count;
			*count = count.saturating_add(1);
			closed
		});
		let place =
			closed.checked_rem(T::MaxClosed::get().into()).unwrap_or_default().saturated_into::<u32>();
		if let Some(forgotten) = ClosedRing::<T>::get(place).and_then(OffenceRecords::<T>::take) {
			Fingerprints::<T>::remove(forgotten.fingerprint());
		}
		ClosedRing::<T>::insert(place, id);
	}
}
