//! Serving keys: to whom they belong, and for how long an operator answers for them.

use crate::{serving_key_payload, Config, Error, KeyRecord, KeysOf, Pallet, ProvenKey, ServingKeyRecords};
use blyan_primitives::{traits::ServingKeys, ServingKey, SignedReceipt};
use blyan_support::genesis_hash;
use frame_support::{ensure, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{Saturating, Verify};

impl<T: Config> Pallet<T> {
	/// Refuses a key whose proof is not its own signature for `who` on this chain.
	pub(crate) fn ensure_proven(who: &T::AccountId, proven: &ProvenKey) -> Result<(), Error<T>> {
		let payload = serving_key_payload(&genesis_hash::<T>(), who);
		ensure!(proven.proof.verify(payload.as_slice(), &proven.key), Error::<T>::ProofInvalid);
		Ok(())
	}

	/// Refuses a key that another operator answers for.
	pub(crate) fn ensure_unclaimed(who: &T::AccountId, key: &ServingKey) -> Result<(), Error<T>> {
		let holder = Self::holder_of(key);
		ensure!(holder.is_none_or(|holder| holder == *who), Error::<T>::KeyTaken);
		Ok(())
	}

	/// The operator that a key answers for now.
	fn holder_of(key: &ServingKey) -> Option<T::AccountId> {
		let now = frame_system::Pallet::<T>::block_number();
		ServingKeyRecords::<T>::get(key)
			.filter(|record| !Self::is_forgettable(record, now))
			.map(|record| record.operator)
	}

	fn is_forgettable(record: &KeyRecord<T::AccountId, BlockNumberFor<T>>, now: BlockNumberFor<T>) -> bool {
		record.uses == 0 && record.until.is_none_or(|until| until <= now)
	}

	/// Lets a key sign for one more offer of `who`.
	pub(crate) fn use_key(who: &T::AccountId, key: &ServingKey) -> Result<(), Error<T>> {
		Self::ensure_unclaimed(who, key)?;
		Self::forget_keys(who);
		let known = ServingKeyRecords::<T>::get(key).filter(|record| record.operator == *who);
		if let Some(mut record) = known {
			record.uses = record.uses.saturating_add(1);
			record.until = None;
			ServingKeyRecords::<T>::insert(key, record);
			return Ok(());
		}
		// A key that no operator answers for any more may still be in the list of its last operator.
		if let Some(past) = ServingKeyRecords::<T>::take(key) {
			Self::unlist_key(&past.operator, key);
		}
		KeysOf::<T>::try_mutate(who, |keys| keys.try_push(*key)).map_err(|_| Error::<T>::TooManyKeys)?;
		ServingKeyRecords::<T>::insert(key, KeyRecord { operator: who.clone(), uses: 1, until: None });
		Ok(())
	}

	/// Lets a key sign for one offer less. The operator goes on to answer for what the key signed, for `KeyMemory` blocks.
	pub(crate) fn disuse_key(key: &ServingKey) {
		ServingKeyRecords::<T>::mutate(key, |record| {
			let Some(record) = record else { return };
			record.uses = record.uses.saturating_sub(1);
			if record.uses == 0 {
				let now = frame_system::Pallet::<T>::block_number();
				record.until = Some(now.saturating_add(T::KeyMemory::get()));
			}
		});
	}

	/// Lets the operator of a key in retirement answer for it as long again: money waits for a receipt that it signed, which could not be challenged
	/// once the key is forgotten.
	pub(crate) fn keep_key(key: &ServingKey) {
		ServingKeyRecords::<T>::mutate_extant(key, |record| {
			if record.until.is_some() {
				let now = frame_system::Pallet::<T>::block_number();
				record.until = Some(now.saturating_add(T::KeyMemory::get()));
			}
		});
	}

	/// Forgets the keys of `who` that it does not answer for any more, and returns how many.
	pub(crate) fn forget_keys(who: &T::AccountId) -> u32 {
		let now = frame_system::Pallet::<T>::block_number();
		let mut forgotten = 0u32;
		KeysOf::<T>::mutate_exists(who, |keys| {
			let Some(list) = keys else { return };
			list.retain(|key| {
				let is_over =
					ServingKeyRecords::<T>::get(key).is_none_or(|record| Self::is_forgettable(&record, now));
				if is_over {
					ServingKeyRecords::<T>::remove(key);
					forgotten = forgotten.saturating_add(1);
				}
				!is_over
			});
			if list.is_empty() {
				*keys = None;
			}
		});
		forgotten
	}

	fn unlist_key(who: &T::AccountId, key: &ServingKey) {
		KeysOf::<T>::mutate_exists(who, |keys| {
			let Some(list) = keys else { return };
			list.retain(|listed| listed != key);
			if list.is_empty() {
				*keys = None;
			}
		});
	}
}

impl<T: Config> ServingKeys<T::AccountId> for Pallet<T> {
	fn operator_of(key: &ServingKey) -> Option<T::AccountId> {
		Self::holder_of(key)
	}

	fn reversed(receipt: &SignedReceipt, receipt_id: H256) {
		Self::reverse_receipt(receipt, receipt_id);
	}
}
