//! Places: when all are taken, the operator with the least at stake gives way to one with more.
//!
//! A displaced operator is in the position of one that called `exit`: it is not drawn, its key stays known, its stake can
//! still be taken, and both stake and bond come back after the unbonding period. Only its place is gone at once. So it is
//! kept in a map of its own, which no draw reads.

use crate::{
	price, BalanceOf, Capabilities, Challenges, Config, Displaced, Error, Event, OperatorProfile, Operators,
	Pallet, PendingOffences, OUTBID_MILLI,
};
use alloc::collections::BTreeSet;
use blyan_primitives::{OperatorId, OperatorSignature};
use frame_support::{ensure, traits::Get};
use sp_runtime::{traits::Convert, DispatchError, SaturatedConversion};

impl<T: Config> Pallet<T> {
	/// Makes `who` an operator with a stake of its choice. See [`Pallet::outbid`]. Returns whether another one gave way.
	pub fn do_outbid(
		who: &T::AccountId,
		profile: OperatorProfile,
		key: OperatorId,
		proof: &OperatorSignature,
		stake: BalanceOf<T>,
		bond_max: BalanceOf<T>,
	) -> Result<bool, DispatchError> {
		Self::ensure_bid(profile.capabilities, stake)?;
		let is_full = Operators::<T>::count() >= T::MaxOperators::get();
		if is_full {
			ensure!(!Operators::<T>::contains_key(who), Error::<T>::AlreadyRegistered);
			let weakest = Self::weakest(stake)?;
			Self::displace(&weakest, who);
		}
		Self::enlist(who, profile, key, proof, stake, bond_max)?;
		Ok(is_full)
	}

	/// Refuses a bid below what the capabilities need.
	pub(crate) fn ensure_bid(capabilities: Capabilities, stake: BalanceOf<T>) -> Result<(), Error<T>> {
		ensure!(stake >= T::RequiredStake::convert(capabilities), Error::<T>::StakeTooLow);
		Ok(())
	}

	/// The operator that gives way to a stake of `stake`.
	///
	/// One that is leaving anyway comes first, then the one with the least at stake. None gives way while it is accused,
	/// challenged, or in a committee that has not finished.
	fn weakest(stake: BalanceOf<T>) -> Result<T::AccountId, DispatchError> {
		let on_duty: BTreeSet<_> = T::Duties::get().into_iter().collect();
		let (is_staying, least, who) = Operators::<T>::iter()
			.filter(|(who, _)| {
				PendingOffences::<T>::get(who) == 0
					&& !Challenges::<T>::contains_key(who)
					&& !on_duty.contains(who)
			})
			.map(|(who, record)| (record.withdrawable_at.is_none(), record.stake, who))
			.min()
			.ok_or(Error::<T>::TooManyOperators)?;
		let needed = price::raised(least.saturated_into(), OUTBID_MILLI);
		ensure!(!is_staying || stake.saturated_into::<u128>() >= needed, Error::<T>::BidTooLow);
		Ok(who)
	}

	/// Takes the place of `who` for `by`.
	fn displace(who: &T::AccountId, by: &T::AccountId) {
		let Some(mut record) = Operators::<T>::take(who) else { return };
		if record.withdrawable_at.is_none() {
			Self::start_exit(who, &mut record);
		}
		Self::free_index(record.uid);
		Displaced::<T>::insert(who, record);
		Self::deposit_event(Event::Displaced { who: who.clone(), by: by.clone() });
	}
}
