//! What the calls and the genesis state do.

use crate::{
	possession_payload, price, reputation, standing::required_milli, BalanceOf, Banned, BannedUntil,
	Capabilities, Challenges, Config, Displaced, Error, Event, FreeIndices, HardwareOwners, HoldReason,
	KeyOwners, LastPrice, NextIndex, Opened, OperatorProfile, OperatorRecord, OperatorRecordOf, Operators,
	Pallet, PastViolations, PendingOffences, PeriodIndex, PriceRecord, RetiredKey, RetiredKeys, RetiredOf,
	SilenceRecord, Silences, UidSlot, UidSlots, VIOLATIONS_TOLERATED,
};
use blyan_primitives::{
	traits::{OffenceKind, Offences},
	Measurement, OperatorId, OperatorSignature, OperatorUid, Role,
};
use blyan_support::genesis_hash;
use codec::Encode;
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Contains, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_application_crypto::RuntimeAppPublic;
use sp_core::H256;
use sp_runtime::{
	traits::{BlockNumberProvider, Convert, Saturating, Zero},
	DispatchError, DispatchResult, SaturatedConversion,
};

impl<T: Config> Pallet<T> {
	/// Makes `who` an operator. See [`Pallet::register`].
	pub fn do_register(
		who: &T::AccountId,
		profile: OperatorProfile,
		key: OperatorId,
		proof: &OperatorSignature,
		bond_max: BalanceOf<T>,
	) -> DispatchResult {
		let stake = Self::required_of_newcomer(who, profile.capabilities);
		Self::enlist(who, profile, key, proof, stake, bond_max)
	}

	/// Checks what a newcomer shows, makes it an operator and raises the price for the next.
	pub(crate) fn enlist(
		who: &T::AccountId,
		profile: OperatorProfile,
		key: OperatorId,
		proof: &OperatorSignature,
		stake: BalanceOf<T>,
		bond_max: BalanceOf<T>,
	) -> DispatchResult {
		Self::ensure_presentable(who, &profile, &key, proof)?;
		ensure!(stake >= Self::required_of_newcomer(who, profile.capabilities), Error::<T>::StakeTooLow);
		let bond = Self::registration_price();
		ensure!(bond <= bond_max, Error::<T>::BondTooHigh);
		let uid = Self::insert(who, profile, key.clone(), stake, bond)?;
		let factor = T::RegistrationFactorMilli::get();
		let price = price::raised(bond.saturated_into(), factor).saturated_into();
		LastPrice::<T>::put(PriceRecord { price, at: frame_system::Pallet::<T>::block_number() });
		Self::deposit_event(Event::Registered { who: who.clone(), key, stake, uid, bond });
		Ok(())
	}

	/// Refuses a newcomer whose profile contradicts itself, or whose key is not its own.
	pub(crate) fn ensure_presentable(
		who: &T::AccountId,
		profile: &OperatorProfile,
		key: &OperatorId,
		proof: &OperatorSignature,
	) -> Result<(), Error<T>> {
		Self::ensure_capable(profile.capabilities, profile.role)?;
		ensure!(profile.region.is_valid(), Error::<T>::RegionInvalid);
		Self::ensure_possession(who, key, proof)
	}

	/// Refuses capabilities that mean nothing, or that the role is empty without.
	pub(crate) fn ensure_capable(capabilities: Capabilities, role: Role) -> Result<(), Error<T>> {
		ensure!(capabilities.is_valid(), Error::<T>::CapabilitiesInvalid);
		ensure!(capabilities.contains(Capabilities::of(role)), Error::<T>::RoleUnsupported);
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
			Self::ensure_capable(capabilities, record.profile.role)?;
			Self::move_hardware(who, record.profile.hardware, hardware)?;
			let more = Self::required_by(capabilities, record.verified, record.measures.violations)
				.saturating_sub(record.stake);
			if !more.is_zero() {
				T::Currency::hold(&HoldReason::Stake.into(), who, more)?;
				record.stake = record.stake.saturating_add(more);
			}
			record.profile.capabilities = capabilities;
			record.profile.hardware = hardware;
			Self::lower_weight(who, record);
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
			ensure!(!Self::is_key_taken(&key), Error::<T>::KeyTaken);
			Self::ensure_possession(who, &key, proof)?;
			Self::retire_key(who, &record.key)?;
			KeyOwners::<T>::insert(&key, who);
			record.key = key.clone();
			Self::deposit_event(Event::KeyRotated { who: who.clone(), key });
			Ok(())
		})
	}

	/// Takes a key out of service, and remembers whose it was for as long as it can cost stake.
	fn retire_key(who: &T::AccountId, key: &OperatorId) -> DispatchResult {
		Self::forget_old_keys(who);
		let pushed = RetiredOf::<T>::mutate(who, |keys| keys.try_push(key.clone()));
		pushed.map_err(|_| Error::<T>::TooManyRetiredKeys)?;
		let now = frame_system::Pallet::<T>::block_number();
		let until = now.saturating_add(T::UnbondingPeriod::get());
		RetiredKeys::<T>::insert(key, RetiredKey { who: who.clone(), until });
		KeyOwners::<T>::remove(key);
		Ok(())
	}

	/// Forgets the retired keys of `who` that can cost it nothing any more.
	pub(crate) fn forget_old_keys(who: &T::AccountId) {
		let now = frame_system::Pallet::<T>::block_number();
		RetiredOf::<T>::mutate_exists(who, |entry| {
			let Some(keys) = entry else { return };
			keys.retain(|key| {
				let is_young = RetiredKeys::<T>::get(key).is_some_and(|retired| now < retired.until);
				if !is_young {
					RetiredKeys::<T>::remove(key);
				}
				is_young
			});
			if keys.is_empty() {
				*entry = None;
			}
		});
	}

	/// Whether a key is, or was until recently, an operator's.
	fn is_key_taken(key: &OperatorId) -> bool {
		KeyOwners::<T>::contains_key(key) || RetiredKeys::<T>::contains_key(key)
	}

	/// Notes that an operator is there. See [`Pallet::heartbeat`].
	///
	/// The signature was checked when the transaction was authorised.
	pub fn do_heartbeat(period: PeriodIndex, key: &OperatorId, measurement: Measurement) -> DispatchResult {
		let who = KeyOwners::<T>::get(key).ok_or(Error::<T>::NotRegistered)?;
		Self::mutate_staying(&who, |record| {
			let silent = period.saturating_sub(record.heard_in).saturating_sub(1);
			reputation::note_heartbeat(&mut record.measures, silent, T::MeasureStep::get());
			record.measurement = measurement;
			let stake = Self::weighing_stake(&who, record);
			record.weighed_stake = Self::weigh(record.profile.capabilities, stake);
			record.heard_in = period;
			record.silence_reported = false;
			Silences::<T>::remove(&who);
			Self::deposit_event(Event::HeartbeatReceived { who: who.clone(), period });
			Ok(())
		})
	}

	/// Starts the unbonding period. See [`Pallet::exit`].
	pub fn do_exit(who: &T::AccountId) -> DispatchResult {
		Self::mutate_staying(who, |record| {
			Self::start_exit(who, record);
			Ok(())
		})
	}

	/// Stops the draws, and starts the unbonding period.
	pub(crate) fn start_exit(who: &T::AccountId, record: &mut OperatorRecordOf<T>) {
		let now = frame_system::Pallet::<T>::block_number();
		let withdrawable_at = now.saturating_add(T::UnbondingPeriod::get());
		record.withdrawable_at = Some(withdrawable_at);
		Silences::<T>::remove(who);
		Self::deposit_event(Event::ExitStarted { who: who.clone(), withdrawable_at });
	}

	/// Releases the stake and forgets the operator. See [`Pallet::withdraw`].
	pub fn do_withdraw(who: &T::AccountId) -> DispatchResult {
		let record = Self::ensure_unbonded(who)?;
		ensure!(PendingOffences::<T>::get(who) == 0, Error::<T>::OffencePending);
		ensure!(!Challenges::<T>::contains_key(who), Error::<T>::ChallengeOpen);
		// A dispute may last longer than the unbonding period, if enough money slows its clocks down.
		ensure!(!T::OpenClaims::contains(who), Error::<T>::ClaimsOpen);

		let release = |reason: HoldReason, amount| {
			T::Currency::release(&reason.into(), who, amount, Precision::BestEffort)
		};
		let stake = release(HoldReason::Stake, record.stake)?;
		let bond = release(HoldReason::Registration, record.bond)?;
		KeyOwners::<T>::remove(&record.key);
		for key in RetiredOf::<T>::take(who) {
			RetiredKeys::<T>::remove(key);
		}
		Self::release_owned(&record.ownership);
		// The hardware of whoever was banned is as unwelcome as its account.
		if !Banned::<T>::contains_key(who) {
			HardwareOwners::<T>::remove(record.profile.hardware);
		}
		Opened::<T>::remove(who);
		if record.measures.violations > VIOLATIONS_TOLERATED {
			PastViolations::<T>::insert(who, record.measures.violations);
		}
		if Operators::<T>::contains_key(who) {
			Self::free_index(record.uid);
			Operators::<T>::remove(who);
		} else {
			// The place went when it was displaced.
			Displaced::<T>::remove(who);
		}
		Self::deposit_event(Event::Withdrawn { who: who.clone(), stake, bond });
		Ok(())
	}

	/// Returns the record of `who`, if its unbonding period is over.
	pub(crate) fn ensure_unbonded(who: &T::AccountId) -> Result<OperatorRecordOf<T>, Error<T>> {
		let record = Self::record_of(who).ok_or(Error::<T>::NotRegistered)?;
		let withdrawable_at = record.withdrawable_at.ok_or(Error::<T>::NotExiting)?;
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now >= withdrawable_at, Error::<T>::StillUnbonding);
		Ok(record)
	}

	/// Puts more on hold. See [`Pallet::top_up`].
	pub fn do_top_up(who: &T::AccountId, amount: BalanceOf<T>) -> DispatchResult {
		Self::mutate_staying(who, |record| {
			T::Currency::hold(&HoldReason::Stake.into(), who, amount)?;
			record.stake = record.stake.saturating_add(amount);
			Self::deposit_event(Event::ToppedUp { who: who.clone(), stake: record.stake });
			Ok(())
		})
	}

	/// Ends a quarantine. See [`Pallet::return_to_duty`].
	pub fn do_return_to_duty(who: &T::AccountId) -> DispatchResult {
		Self::mutate_staying(who, |record| {
			let until = record.quarantined_until.ok_or(Error::<T>::NotQuarantined)?;
			let now = frame_system::Pallet::<T>::block_number();
			ensure!(now >= until, Error::<T>::StillQuarantined);
			ensure!(PendingOffences::<T>::get(who) == 0, Error::<T>::OffencePending);
			ensure!(record.stake >= Self::required_stake(record), Error::<T>::StakeTooLow);
			record.quarantined_until = None;
			record.missed_seals = 0;
			Self::deposit_event(Event::QuarantineEnded { who: who.clone() });
			Ok(())
		})
	}

	/// Notes a missed heartbeat, or reports another day of silence. See [`Pallet::report_silence`].
	///
	/// The days are in working time from the block in which the silence was noticed, so no outage of the chain counts as one of
	/// its operators.
	pub fn do_report_silence(who: &T::AccountId) -> DispatchResult {
		let mut record = Operators::<T>::get(who).ok_or(Error::<T>::NotRegistered)?;
		let period = Self::period();
		ensure!(record.is_silent(period), Error::<T>::NotSilent);
		let now = T::WorkingTime::current_block_number();
		let Some(mut silence) = Silences::<T>::get(who) else {
			Silences::<T>::insert(who, SilenceRecord { since: now, reports: 0 });
			let period = record.heard_in.saturating_add(1);
			Self::deposit_event(Event::HeartbeatMissed { who: who.clone(), period });
			return Ok(());
		};
		silence.reports = silence.reports.saturating_add(1);
		let due =
			silence.since.saturating_add(T::SilencePeriod::get().saturating_mul(silence.reports.into()));
		ensure!(now >= due, Error::<T>::NotSilent);
		let evidence = (b"blyan/silence/2", who, record.heard_in, silence.reports).encode();
		let evidence = H256(sp_io::hashing::blake2_256(&evidence));
		record.silence_reported = true;
		// Written first: the report reaches back into this record.
		Operators::<T>::insert(who, record);
		Silences::<T>::insert(who, silence);
		T::Offences::report(who, OffenceKind::HeartbeatsMissed, evidence, None);
		Self::deposit_event(Event::SilenceReported { who: who.clone(), period: period.saturating_sub(1) });
		Ok(())
	}

	/// Holds stake and bond and writes the record of a new operator, heard in the current period.
	pub(crate) fn insert(
		who: &T::AccountId,
		profile: OperatorProfile,
		key: OperatorId,
		stake: BalanceOf<T>,
		bond: BalanceOf<T>,
	) -> Result<OperatorUid, DispatchError> {
		Self::ensure_newcomer(who)?;
		ensure!(Operators::<T>::count() < T::MaxOperators::get(), Error::<T>::TooManyOperators);
		ensure!(!Self::is_key_taken(&key), Error::<T>::KeyTaken);
		ensure!(PendingOffences::<T>::get(who) == 0, Error::<T>::OffencePending);
		Self::move_hardware(who, H256::zero(), profile.hardware)?;
		T::Currency::hold(&HoldReason::Stake.into(), who, stake)?;
		T::Currency::hold(&HoldReason::Registration.into(), who, bond)?;
		KeyOwners::<T>::insert(&key, who);
		let now = frame_system::Pallet::<T>::block_number();
		let uid = Self::take_index(who);
		BannedUntil::<T>::remove(who);
		let mut measures = reputation::newcomer();
		measures.violations = PastViolations::<T>::take(who).unwrap_or(0);
		let record = OperatorRecord {
			uid,
			profile,
			measurement: Measurement::default(),
			key,
			stake,
			weighed_stake: Self::weigh(profile.capabilities, stake.min(Self::basic_stake())),
			bond,
			measures,
			verified: 0,
			missed_seals: 0,
			ownership: None,
			registered_at: now,
			heard_in: Self::period_of(now),
			silence_reported: false,
			quarantined_until: None,
			withdrawable_at: None,
		};
		Operators::<T>::insert(who, record);
		Ok(uid)
	}

	/// Refuses an account that is, or may not become, an operator.
	pub(crate) fn ensure_newcomer(who: &T::AccountId) -> Result<(), Error<T>> {
		ensure!(!Banned::<T>::contains_key(who), Error::<T>::Banned);
		ensure!(!Self::is_banned_for_now(who), Error::<T>::BannedForNow);
		ensure!(!Operators::<T>::contains_key(who), Error::<T>::AlreadyRegistered);
		ensure!(!Displaced::<T>::contains_key(who), Error::<T>::Exiting);
		Ok(())
	}

	/// Gives `who` a free index, under a generation that it never had.
	fn take_index(who: &T::AccountId) -> OperatorUid {
		let index = FreeIndices::<T>::mutate(|free| free.pop()).unwrap_or_else(|| {
			NextIndex::<T>::mutate(|next| {
				let index = *next;
				*next = next.saturating_add(1);
				index
			})
		});
		let generation = UidSlots::<T>::get(index)
			.map_or(0, |slot: UidSlot<T::AccountId>| slot.generation.saturating_add(1));
		UidSlots::<T>::insert(index, UidSlot { generation, holder: Some(who.clone()) });
		OperatorUid { index, generation }
	}

	/// Leaves an index to the next operator.
	pub(crate) fn free_index(uid: OperatorUid) {
		UidSlots::<T>::insert(uid.index, UidSlot { generation: uid.generation, holder: None });
		FreeIndices::<T>::mutate(|free| {
			// There are as many indices as operators at most, so there is room.
			let _ = free.try_push(uid.index);
		});
	}

	/// Lets `who` commit to hardware `to` instead of `from`.
	fn move_hardware(who: &T::AccountId, from: H256, to: H256) -> DispatchResult {
		if from == to {
			return Ok(());
		}
		ensure!(!Challenges::<T>::contains_key(who), Error::<T>::ChallengeOpen);
		ensure!(to.is_zero() || !HardwareOwners::<T>::contains_key(to), Error::<T>::HardwareTaken);
		HardwareOwners::<T>::remove(from);
		if !to.is_zero() {
			HardwareOwners::<T>::insert(to, who);
		}
		Ok(())
	}

	/// What the next registration costs besides the stake.
	pub fn registration_price() -> BalanceOf<T> {
		let base = T::RegistrationBase::get();
		let Some(PriceRecord { price, at }) = LastPrice::<T>::get() else { return base };
		let elapsed = frame_system::Pallet::<T>::block_number().saturating_sub(at).saturated_into();
		let half_life = T::RegistrationHalfLife::get().saturated_into();
		base.max(price::decayed(price.saturated_into(), elapsed, half_life).saturated_into())
	}

	/// The stake that an operator's capabilities and its record need.
	pub(crate) fn required_stake(record: &OperatorRecordOf<T>) -> BalanceOf<T> {
		Self::required_by(record.profile.capabilities, record.verified, record.measures.violations)
	}

	/// The stake that an account needs to register with these capabilities: more if it withdrew with violations.
	pub(crate) fn required_of_newcomer(who: &T::AccountId, capabilities: Capabilities) -> BalanceOf<T> {
		Self::required_by(capabilities, 0, PastViolations::<T>::get(who).unwrap_or(0))
	}

	/// The stake that capabilities need of an operator with this record, rounded down.
	pub(crate) fn required_by(capabilities: Capabilities, verified: u32, violations: u32) -> BalanceOf<T> {
		let usual = T::RequiredStake::convert(capabilities).saturated_into::<u128>();
		let milli = required_milli(verified, violations);
		usual.saturating_mul(milli.into()).checked_div(1_000).unwrap_or(usual).saturated_into()
	}

	/// Reports whether `who` is banned for a time that is not over.
	pub(crate) fn is_banned_for_now(who: &T::AccountId) -> bool {
		let now = frame_system::Pallet::<T>::block_number();
		BannedUntil::<T>::get(who).is_some_and(|until| now < until)
	}

	/// The record of `who`, if it is an operator, or was displaced and has not withdrawn.
	pub(crate) fn record_of(who: &T::AccountId) -> Option<OperatorRecordOf<T>> {
		Operators::<T>::get(who).or_else(|| Displaced::<T>::get(who))
	}

	/// Changes the record of `who`, if it is an operator, or was displaced and has not withdrawn.
	pub(crate) fn mutate_known(who: &T::AccountId, change: impl FnOnce(&mut OperatorRecordOf<T>)) {
		let mut change = Some(change);
		let mut apply = |entry: &mut Option<OperatorRecordOf<T>>| {
			if let (Some(record), Some(change)) = (entry, change.take()) {
				change(record);
			}
		};
		if Operators::<T>::contains_key(who) {
			Operators::<T>::mutate(who, &mut apply);
		} else {
			Displaced::<T>::mutate(who, &mut apply);
		}
	}

	/// Changes the record of an operator that is not leaving.
	pub(crate) fn mutate_staying(
		who: &T::AccountId,
		change: impl FnOnce(&mut OperatorRecordOf<T>) -> DispatchResult,
	) -> DispatchResult {
		Operators::<T>::try_mutate(who, |entry| {
			Self::ensure_staying(who, entry.as_ref())?;
			change(entry.as_mut().ok_or(Error::<T>::NotRegistered)?)
		})
	}

	/// Refuses an account that is no operator, or is leaving. `record` is its entry in [`Operators`].
	pub(crate) fn ensure_staying(
		who: &T::AccountId,
		record: Option<&OperatorRecordOf<T>>,
	) -> Result<(), Error<T>> {
		let is_leaving = match record {
			Some(record) => record.withdrawable_at.is_some(),
			None if Displaced::<T>::contains_key(who) => true,
			None => return Err(Error::NotRegistered),
		};
		ensure!(!is_leaving, Error::<T>::Exiting);
		Ok(())
	}

	/// Refuses a key whose owner has not signed for `who`.
	pub(crate) fn ensure_possession(
		who: &T::AccountId,
		key: &OperatorId,
		proof: &OperatorSignature,
	) -> Result<(), Error<T>> {
		let payload = possession_payload(&genesis_hash::<T>(), who);
		ensure!(key.verify(&payload, proof), Error::<T>::ProofInvalid);
		Ok(())
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
