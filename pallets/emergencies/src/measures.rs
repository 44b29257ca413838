//! Life of a measure: taken in the block of the deciding vote, undone in the block that it ends in.

use crate::{
	Action, ActionOf, Active, ActiveRecord, Agenda, CallName, Config, Effect, Error, Event, Frozen, Kind,
	Pallet, ProposalId, ProposalOf, Rest, RestsUntil, WeightInfo, PAUSE_DAYS_MAX,
};
use alloc::collections::BTreeSet;
use blyan_primitives::{ExpertSlot, ModelId, VersionIndex};
use frame_support::{
	ensure,
	traits::{
		fungible::{Inspect, MutateFreeze},
		Contains, Get,
	},
	weights::Weight,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{CheckedDiv, One, Saturating, Zero},
	DispatchError, DispatchResult, Permill,
};

/// Measures that a runtime takes. Each function changes nothing if it fails.
pub trait Measures<AccountId, BlockNumber> {
	/// Enters the safe mode for so many blocks; fails if it is entered.
	fn pause(blocks: BlockNumber) -> DispatchResult;
	/// Takes the head of a slot back.
	fn revert_head(slot: ExpertSlot, version: VersionIndex) -> DispatchResult;
	/// Puts an operator into quarantine; fails if the account is none.
	fn quarantine(who: &AccountId) -> DispatchResult;
	/// Sets the yearly inflation to a part of what it is. Returns it before and after, in parts per million.
	fn lower_rewards(keep: Permill) -> Result<(u32, u32), DispatchError>;
	/// Sets the yearly inflation back to `before`, if it still is `during`.
	fn restore_rewards(before: u32, during: u32);
	/// Puts so much of what the year would still emit into the treasury's envelope; fails if the limits leave less.
	fn mint(amount: crate::Balance) -> DispatchResult;
	/// Keeps a model readable as it is, until [`Measures::release`]. Returns its generation.
	fn checkpoint(model: ModelId) -> Result<u32, DispatchError>;
	/// Gives up a [`Measures::checkpoint`].
	fn release(model: ModelId, generation: u32);
	/// Pauses a call; fails if there is none of this name, if it may not be paused, or if it is.
	fn pause_call(pallet: &CallName, call: &CallName) -> DispatchResult;
	/// Ends the pause of a call.
	fn unpause_call(pallet: &CallName, call: &CallName);
}

impl<T: Config> Pallet<T> {
	/// Does what a proposal says.
	pub(crate) fn enact(proposal: ProposalId, record: ProposalOf<T>) -> DispatchResult {
		let kind = record.kind;
		let length = Self::length(kind);
		let ends_at = match Self::take(proposal, record.action, length)? {
			Some(effect) => Some(Self::schedule(proposal, effect, length)?),
			None => None,
		};
		Self::deposit_event(Event::Enacted { proposal, kind, ends_at });
		Ok(())
	}

	/// Takes a measure; returns what has to be undone when it ends.
	fn take(
		proposal: ProposalId,
		action: ActionOf<T>,
		length: BlockNumberFor<T>,
	) -> Result<Option<Effect<T::AccountId>>, DispatchError> {
		Ok(match action {
			Action::Pause => {
				Self::ensure_rested(Rest::Pause, length)?;
				T::Measures::pause(length)?;
				Some(Effect::Paused)
			}
			Action::RevertHead { slot, version } => {
				T::Measures::revert_head(slot, version)?;
				None
			}
			Action::Quarantine { operators } => {
				operators.iter().try_for_each(T::Measures::quarantine)?;
				None
			}
			Action::FreezeAccounts { accounts } => {
				accounts.iter().try_for_each(|who| Self::freeze(proposal, who))?;
				Some(Effect::Frozen { accounts })
			}
			Action::LowerRewards { keep } => {
				Self::ensure_rested(Rest::LowerRewards, length)?;
				let (before, during) = T::Measures::lower_rewards(keep)?;
				Some(Effect::RewardsLowered { before, during })
			}
			Action::Mint { amount } => {
				T::Measures::mint(amount)?;
				None
			}
			Action::Checkpoint { model } => {
				let generation = T::Measures::checkpoint(model)?;
				Some(Effect::Kept { model, generation })
			}
		})
	}

	/// Pauses a call. See [`Pallet::pause_call`].
	pub fn do_pause_call(pallet: CallName, call: CallName, blocks: BlockNumberFor<T>) -> DispatchResult {
		let most = T::Day::get().saturating_mul(PAUSE_DAYS_MAX.into());
		ensure!(!blocks.is_zero() && blocks <= most, Error::<T>::PauseLength);
		T::Measures::pause_call(&pallet, &call)?;
		let proposal = Self::next_number();
		let effect = Effect::CallPaused { pallet: pallet.clone(), call: call.clone() };
		let ends_at = Self::schedule(proposal, effect, blocks)?;
		Self::deposit_event(Event::CallPaused { proposal, pallet, call, ends_at });
		Ok(())
	}

	/// Blocks that a measure against this kind of emergency lasts.
	pub fn length(kind: Kind) -> BlockNumberFor<T> {
		let hours = T::Day::get().saturating_mul(kind.hours().into());
		hours.checked_div(&24u32.into()).unwrap_or_else(One::one).max(One::one())
	}

	/// Refuses a measure that is in effect or was until recently, and keeps it from being taken again before it has been off for
	/// as long as it is on.
	fn ensure_rested(rest: Rest, length: BlockNumberFor<T>) -> DispatchResult {
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(RestsUntil::<T>::get(rest).is_none_or(|until| now >= until), Error::<T>::Resting);
		RestsUntil::<T>::insert(rest, now.saturating_add(length).saturating_add(length));
		Ok(())
	}

	/// Writes down what has to be undone; returns the first block without it.
	fn schedule(
		proposal: ProposalId,
		effect: Effect<T::AccountId>,
		length: BlockNumberFor<T>,
	) -> Result<BlockNumberFor<T>, DispatchError> {
		let ends_at = frame_system::Pallet::<T>::block_number().saturating_add(length);
		Agenda::<T>::try_mutate(|agenda| agenda.try_push((ends_at, proposal)))
			.map_err(|_| Error::<T>::TooManyActive)?;
		Active::<T>::insert(proposal, ActiveRecord { effect, ends_at });
		Ok(ends_at)
	}

	/// Keeps an account from moving what it has now, but for the allowance. What it gets later stays free.
	fn freeze(proposal: ProposalId, who: &T::AccountId) -> DispatchResult {
		ensure!(!T::Exempt::contains(who), Error::<T>::Exempt);
		ensure!(!Frozen::<T>::contains_key(who), Error::<T>::AlreadyFrozen);
		let amount = T::Currency::total_balance(who).saturating_sub(T::FreezeAllowance::get());
		T::Currency::set_freeze(&crate::FreezeReason::Emergency.into(), who, amount)?;
		Frozen::<T>::insert(who, proposal);
		Ok(())
	}

	/// Ends the measures that are due.
	pub(crate) fn end_due(now: BlockNumberFor<T>) -> Weight {
		let mut weight = T::DbWeight::get().reads(1);
		let agenda = Agenda::<T>::get();
		if agenda.iter().all(|(ends_at, _)| *ends_at > now) {
			return weight;
		}
		let due: BTreeSet<_> =
			agenda.iter().filter(|(ends_at, _)| *ends_at <= now).map(|(_, proposal)| *proposal).collect();
		Agenda::<T>::mutate(|agenda| agenda.retain(|(_, proposal)| !due.contains(proposal)));
		for proposal in due {
			if let Some(active) = Active::<T>::take(proposal) {
				Self::undo(active.effect);
				Self::deposit_event(Event::Ended { proposal });
			}
			weight = weight.saturating_add(T::WeightInfo::end_measure());
		}
		weight
	}

	fn undo(effect: Effect<T::AccountId>) {
		match effect {
			Effect::Paused => {}
			Effect::Frozen { accounts } => {
				for who in accounts {
					Frozen::<T>::remove(&who);
					// There is nothing to do about an account that is gone.
					let _ = T::Currency::thaw(&crate::FreezeReason::Emergency.into(), &who);
				}
			}
			Effect::RewardsLowered { before, during } => T::Measures::restore_rewards(before, during),
			Effect::Kept { model, generation } => T::Measures::release(model, generation),
			Effect::CallPaused { pallet, call } => T::Measures::unpause_call(&pallet, &call),
		}
	}
}
