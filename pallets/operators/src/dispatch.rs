//! What the calls and the genesis state do.

use crate::{
	possession_payload, BalanceOf, Capabilities, Config, Error, Event, HoldReason, KeyOwners,
	OperatorProfile, OperatorRecord, OperatorRecordOf, Operators, Pallet, PeriodIndex, REPUTATION_INITIAL,
};
use blyan_primitives::{OperatorId, OperatorSignature};
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_application_crypto::RuntimeAppPublic;
use sp_core::H256;
use sp_runtime::{
	traits::{Convert, Saturating, Zero},
	DispatchError, DispatchResult, SaturatedConversion,
};

impl<T: Config> Pallet<T> {
	/// Makes `who` an operator. See [`Pallet::register`].
	pub fn do_register(
		who: &T::AccountId,
		profile: OperatorProfile,
		key: OperatorId,
		proof: &OperatorSignature,
	) -> DispatchResult {
		ensure!(profile.capabilities.is_valid(), Error::<T>::CapabilitiesInvalid);
		ensure!(profile.region.is_valid(), Error::<T>::RegionInvalid);
		Self::ensure_possession(who, &key, proof)?;
		let stake = T::RequiredStake::convert(profile.capabilities);
		Self::insert(who, profile, key.clone(), stake)?;
		Self::deposit_event(Event::Registered { who: who.clone(), key, stake });
		Ok(())
	}

	/// Changes what the machine can do. See [`Pallet::update_capabilities`].
	pub fn do_update_capabilities(
		who: &T::AccountId,
		capabilities: Capabilities,
		hardware: H256,
	) -> DispatchResult {
		ensure!(capabilities.is_valid(), Error::<T>::CapabilitiesInvalid);
		Self::mutate_staying(who, |record| {
			let more = T::RequiredStake::convert(capabilities).saturating_sub(record.stake);
			if !more.is_zero() {
				T::Currency::hold(&HoldReason::Stake.into(), who, more)?;
				record.stake = record.stake.saturating_add(more);
			}
			record.profile.capabilities = capabilities;
			record.profile.hardware = hardware;
			Self::deposit_event(Event::CapabilitiesUpdated {
				who: who.clone(),
				capabilities,
				hardware,
				stake: record.stake,
			});
			Ok(())
		})
	}

	/// Replaces the session key. See [`Pallet::rotate_key`].
	pub fn do_rotate_key(who: &T::AccountId, key: OperatorId, proof: &OperatorSignature) -> DispatchResult {
		Self::mutate_staying(who, |record| {
			ensure!(!KeyOwners::<T>::contains_key(&key), Error::<T>::KeyTaken);
			Self::ensure_possession(who, &key, proof)?;
			KeyOwners::<T>::remove(&record.key);
			KeyOwners::<T>::insert(&key, who);
			record.key = key.clone();
			Self::deposit_event(Event::KeyRotated { who: who.clone(), key });
			Ok(())
		})
	}

	/// Notes that an operator is there. See [`Pallet::heartbeat`].
	///
	/// The signature was checked when the transaction was authorised.
	pub fn do_heartbeat(period: PeriodIndex, key: &OperatorId) -> DispatchResult {
		let who = KeyOwners::<T>::get(key).ok_or(Error::<T>::NotRegistered)?;
		Self::mutate_staying(&who, |record| {
			record.heard_in = period;
			Self::deposit_event(Event::HeartbeatReceived { who: who.clone(), period });
			Ok(())
		})
	}

	/// Starts the unbonding period. See [`Pallet::exit`].
	pub fn do_exit(who: &T::AccountId) -> DispatchResult {
		Self::mutate_staying(who, |record| {
			let now = frame_system::Pallet::<T>::block_number();
			let withdrawable_at = now.saturating_add(T::UnbondingPeriod::get());
			record.withdrawable_at = Some(withdrawable_at);
			Self::deposit_event(Event::ExitStarted { who: who.clone(), withdrawable_at });
			Ok(())
		})
	}

	/// Releases the stake and forgets the operator. See [`Pallet::withdraw`].
	pub fn do_withdraw(who: &T::AccountId) -> DispatchResult {
		let record = Operators::<T>::get(who).ok_or(Error::<T>::NotRegistered)?;
		let withdrawable_at = record.withdrawable_at.ok_or(Error::<T>::NotExiting)?;
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now >= withdrawable_at, Error::<T>::StillUnbonding);

		let reason = HoldReason::Stake.into();
		let stake = T::Currency::release(&reason, who, record.stake, Precision::BestEffort)?;
		KeyOwners::<T>::remove(&record.key);
		Operators::<T>::remove(who);
		Self::deposit_event(Event::Withdrawn { who: who.clone(), stake });
		Ok(())
	}

	/// Holds the stake and writes the record of a new operator, heard in the current period.
	pub(crate) fn insert(
		who: &T::AccountId,
		profile: OperatorProfile,
		key: OperatorId,
		stake: BalanceOf<T>,
	) -> DispatchResult {
		ensure!(!Operators::<T>::contains_key(who), Error::<T>::AlreadyRegistered);
		ensure!(Operators::<T>::count() < T::MaxOperators::get(), Error::<T>::TooManyOperators);
		ensure!(!KeyOwners::<T>::contains_key(&key), Error::<T>::KeyTaken);
		T::Currency::hold(&HoldReason::Stake.into(), who, stake)?;
		KeyOwners::<T>::insert(&key, who);
		let now = frame_system::Pallet::<T>::block_number();
		let record = OperatorRecord {
			profile,
			key,
			stake,
			reputation: REPUTATION_INITIAL,
			registered_at: now,
			heard_in: Self::period_of(now),
			withdrawable_at: None,
		};
		Operators::<T>::insert(who, record);
		Ok(())
	}

	/// Changes the record of an operator that is not leaving.
	fn mutate_staying(
		who: &T::AccountId,
		change: impl FnOnce(&mut OperatorRecordOf<T>) -> DispatchResult,
	) -> DispatchResult {
		Operators::<T>::try_mutate(who, |entry| {
			let record = entry.as_mut().ok_or(Error::<T>::NotRegistered)?;
			ensure!(record.withdrawable_at.is_none(), Error::<T>::Exiting);
			change(record)
		})
	}

	/// Refuses a key whose owner has not signed for `who`.
	fn ensure_possession(
		who: &T::AccountId,
		key: &OperatorId,
		proof: &OperatorSignature,
	) -> Result<(), DispatchError> {
		let payload = possession_payload(&Self::genesis_hash(), who);
		ensure!(key.verify(&payload, proof), Error::<T>::ProofInvalid);
		Ok(())
	}

	/// The hash that tells this chain from every other.
	pub(crate) fn genesis_hash() -> T::Hash {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
	}

	/// The period that a block belongs to.
	pub(crate) fn period_of(block: BlockNumberFor<T>) -> PeriodIndex {
		// `integrity_test` keeps the period from being zero; max() keeps the division from panicking.
		let length = T::HeartbeatPeriod::get().max(1u32.into());
		sp_runtime::traits::CheckedDiv::checked_div(&block, &length).unwrap_or_default().saturated_into()
	}

	/// The current period.
	pub fn period() -> PeriodIndex {
		Self::period_of(frame_system::Pallet::<T>::block_number())
	}
}
