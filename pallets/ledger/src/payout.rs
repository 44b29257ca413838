//! Paying: the only place where coins are minted.

use crate::{
	math, Balance, Config, Credited, Envelope, EnvelopeAmounts, Envelopes, Event, Journal, JournalEntry,
	JournalHead, Paid, Pallet,
};
use blyan_primitives::traits::Rewards;
use frame_support::{
	storage::{with_transaction, TransactionOutcome},
	traits::{
		fungible::{Inspect, Mutate},
		Get,
	},
};
use sp_runtime::{ArithmeticError, DispatchError};

impl<T: Config> Pallet<T> {
	/// Pays `who` up to `amount` from `envelope`: what the envelope holds and the cap allows.
	///
	/// Returns what was paid. That is nothing when the account cannot receive it, for example because it
	/// does not exist and the amount would not sustain it; the budget then stays in the envelope.
	pub(crate) fn pay(envelope: Envelope, who: &T::AccountId, amount: Balance) -> Balance {
		let budget = Envelopes::<T>::get().get(envelope);
		// The envelopes are part of the cap; but whoever sets balances by force could have used it up.
		let headroom = T::SupplyCap::get().saturating_sub(T::Currency::total_issuance());
		let amount = amount.min(budget).min(headroom);
		if amount == 0 {
			return 0;
		}
		let paid = with_transaction(|| match Self::mint_and_record(envelope, who, amount) {
			Ok(()) => TransactionOutcome::Commit(Ok::<_, DispatchError>(amount)),
			Err(error) => TransactionOutcome::Rollback(Err(error)),
		});
		paid.unwrap_or(0)
	}

	/// Pays `who` up to `amount` for work that `envelope` is for. For other pallets' purses, which the runtime wires.
	pub fn reward(envelope: Envelope, who: &T::AccountId, amount: Balance) -> Balance {
		Self::pay(envelope, who, amount)
	}

	/// Gives an envelope back what it paid for something that was undone. The coins were burned by the caller; the books
	/// are those of a credit, so that what was paid stays written down as paid.
	fn credit_back(envelope: Envelope, amount: Balance) {
		if amount == 0 {
			return;
		}
		let increased = |amounts: EnvelopeAmounts| amounts.increased(envelope, amount);
		// An overflow is out of reach below the cap; should it come, the coins stay burned.
		let (Some(envelopes), Some(credited)) =
			(increased(Envelopes::<T>::get()), increased(Credited::<T>::get()))
		else {
			return;
		};
		Envelopes::<T>::put(envelopes);
		Credited::<T>::put(credited);
		Self::deposit_event(Event::EnvelopeRefunded { envelope, amount });
	}

	/// Mints, moves the amount from the envelope's budget to what it has paid, and writes it down.
	fn mint_and_record(envelope: Envelope, who: &T::AccountId, amount: Balance) -> Result<(), DispatchError> {
		T::Currency::mint_into(who, amount)?;

		let envelopes = Envelopes::<T>::get().decreased(envelope, amount);
		Envelopes::<T>::put(envelopes.ok_or(ArithmeticError::Underflow)?);
		let paid = Paid::<T>::get().increased(envelope, amount);
		Paid::<T>::put(paid.ok_or(ArithmeticError::Overflow)?);

		let entry = JournalEntry {
			at: frame_system::Pallet::<T>::block_number(),
			debit: envelope,
			credit: who.clone(),
			amount,
		};
		let head = JournalHead::<T>::get();
		JournalHead::<T>::put(head.append(&entry).ok_or(ArithmeticError::Overflow)?);
		Journal::<T>::insert(head.entries, entry);
		if let Some(oldest) = head.entries.checked_sub(T::JournalLength::get().into()) {
			Journal::<T>::remove(oldest);
		}
		Self::deposit_event(Event::PaidOut { entry: head.entries, envelope, who: who.clone(), amount });
		Ok(())
	}
}

impl<T: Config> Rewards<T::AccountId, Balance> for Pallet<T> {
	fn pay_learning(who: &T::AccountId, improvement: u64, delta: u64, at_most: Balance) -> Balance {
		let multiple_max = T::LearningMultipleMax::get();
		let reward = math::learning_reward(T::LearningBase::get(), improvement, delta, multiple_max);
		Self::pay(Envelope::Learning, who, reward.min(at_most))
	}

	fn refund_learning(amount: Balance) {
		Self::credit_back(Envelope::Learning, amount);
	}

	fn pay_validation(who: &T::AccountId) -> Balance {
		Self::pay(Envelope::Validation, who, T::ValidationReward::get())
	}
}
