//! Appeals against offences.

use crate::{
	Appeal, BalanceOf, Computed, Config, Error, Event, HoldReason, OffenceId, OffenceOf, OffenceRecords,
	Pallet, State,
};
use blyan_primitives::{traits::Appeals, Subject};
use frame_support::{
	ensure,
	storage::with_storage_layer,
	traits::{
		fungible::{BalancedHold, MutateHold},
		tokens::Precision,
		Get, OnUnbalanced,
	},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating},
	DispatchError, DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Contests an offence. See [`Pallet::appeal`].
	pub fn do_appeal(who: &T::AccountId, id: OffenceId) -> DispatchResult {
		let mut offence = Self::appealable(who, id)?;
		let bond = T::AppealBond::get();
		T::Currency::hold(&HoldReason::Appeal.into(), who, bond)?;
		let is_computed = match offence.contested {
			Some(contested) => Self::wait_for_dispute(who, contested.subject, id)?,
			None => false,
		};
		offence.state = State::Appealed(Appeal { at: Self::now(), bond, is_computed });
		OffenceRecords::<T>::insert(id, offence);
		Self::deposit_event(Event::Appealed { offence: id, is_computed });
		Ok(())
	}

	/// Returns the offence, if `who` may contest it now.
	pub(crate) fn appealable(who: &T::AccountId, id: OffenceId) -> Result<OffenceOf<T>, Error<T>> {
		let offence = OffenceRecords::<T>::get(id).ok_or(Error::<T>::UnknownOffence)?;
		ensure!(offence.offender == *who, Error::<T>::NotOffender);
		match offence.state {
			State::Open => (),
			State::Appealed(_) => return Err(Error::AlreadyAppealed),
			State::Applied { .. } | State::Pardoned { .. } => return Err(Error::Decided),
		}
		ensure!(Self::now() < offence.applies_at, Error::<T>::TooLateToAppeal);
		let is_executed = offence.contested.is_some_and(|contested| contested.executed);
		ensure!(!is_executed, Error::<T>::AlreadyExecuted);
		Ok(offence)
	}

	/// Lets an offence wait for a dispute about its claim. `false` if none can be opened, because it is too late for
	/// that or no operator is left to dispute with: then it is for the judge.
	fn wait_for_dispute(who: &T::AccountId, subject: Subject, id: OffenceId) -> Result<bool, DispatchError> {
		let key = (who.clone(), subject);
		let mut waiting = Computed::<T>::get(&key);
		// A second offence about the same subject waits for the dispute that is open already.
		if waiting.is_empty() {
			let opened = with_storage_layer(|| T::Appeals::appeal(who, subject));
			if let Err(error) = opened {
				log::info!(target: crate::LOG_TARGET, "offence {id} is not computed again: {error:?}");
				return Ok(false);
			}
		}
		// As many as are pending fit.
		waiting.try_push(id).map_err(|_| Error::<T>::AlreadyAppealed)?;
		Computed::<T>::insert(key, waiting);
		Ok(true)
	}

	/// Decides what waited for a dispute.
	pub(crate) fn end_computed_appeal(appellant: &T::AccountId, subject: Subject, cleared: bool) {
		for id in Computed::<T>::take((appellant.clone(), subject)) {
			let Some(offence) = OffenceRecords::<T>::get(id) else { continue };
			if cleared {
				Self::close_pardoned(id, offence);
			} else {
				Self::close_applied(id, offence);
			}
		}
	}

	/// The time that windows are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	/// The block of a working time, unless transactions are barred again before.
	pub(crate) fn block_at(time: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let barred = frame_system::Pallet::<T>::block_number().saturating_sub(Self::now());
		time.saturating_add(barred)
	}

	/// Reports whether the time for a judgement is over; appeals that are computed have none.
	pub(crate) fn has_lapsed(appeal: &Appeal<BalanceOf<T>, BlockNumberFor<T>>) -> bool {
		!appeal.is_computed && Self::now() > appeal.at.saturating_add(T::JudgementWindow::get())
	}

	/// Settles the bond of an appeal, if there is one: back if `cleared`, else to where slashes go.
	pub(crate) fn settle_appeal(id: OffenceId, offence: &OffenceOf<T>, cleared: bool) {
		let State::Appealed(appeal) = &offence.state else { return };
		if let Some(contested) = offence.contested.filter(|_| appeal.is_computed) {
			let key = (offence.offender.clone(), contested.subject);
			Computed::<T>::mutate_exists(key, |waiting| {
				if let Some(ids) = waiting {
					ids.retain(|other| *other != id);
				}
				if waiting.as_ref().is_some_and(|ids| ids.is_empty()) {
					*waiting = None;
				}
			});
		}
		let reason = HoldReason::Appeal.into();
		if cleared {
			let released =
				T::Currency::release(&reason, &offence.offender, appeal.bond, Precision::BestEffort);
			if let Err(error) = released {
				log::error!(target: crate::LOG_TARGET, "bond of the appeal of offence {id}: {error:?}");
			}
		} else {
			let (credit, _) = T::Currency::slash(&reason, &offence.offender, appeal.bond);
			T::OnSlash::on_unbalanced(credit);
			Self::deposit_event(Event::AppealFailed { offence: id, bond: appeal.bond });
		}
	}
}
