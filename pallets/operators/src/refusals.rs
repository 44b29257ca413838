//! Calls that are certain to fail.
//!
//! An operator that is not leaving stays one for as long as unbonding takes, whatever it sends; one that is leaving is
//! nothing else before that. A place, a key or a balance, on the other hand, may become free with the next transaction: what
//! fails for want of one of these is not refused.

use crate::{BalanceOf, Call, Capabilities, Config, Error, OperatorProfile, Operators, Pallet};
use blyan_primitives::{OperatorId, OperatorSignature, Refusal, LONG};
use frame_support::traits::Get;
use sp_runtime::traits::Saturating;

impl<T: Config> Pallet<T> {
	/// Returns why a call of `who` is certain to fail, whatever comes before it.
	pub fn refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::register { profile, key, proof, bond_max } => {
				Self::registration_refusal(who, profile, key, proof, *bond_max)
			}
			Call::outbid { profile, key, proof, stake, bond_max } => {
				let bid = Self::ensure_bid(profile.capabilities, *stake).err();
				bid.and_then(|error| Self::verdict(who, error))
					.or_else(|| Self::registration_refusal(who, profile, key, proof, *bond_max))
			}
			Call::update_capabilities { capabilities, .. } => Self::update_refusal(who, *capabilities),
			Call::rotate_key { key, proof } => Self::staying_refusal(who).or_else(|| {
				Self::ensure_possession(who, key, proof).err().and_then(|error| Self::verdict(who, error))
			}),
			Call::exit {} | Call::top_up { .. } | Call::return_to_duty {} => Self::staying_refusal(who),
			Call::withdraw {} => Self::verdict(who, Self::ensure_unbonded(who).err()?),
			Call::challenge_hardware { who: operator } => {
				let own = Self::ensure_not_own(who, operator).err();
				own.and_then(|error| Self::verdict(who, error)).or_else(|| Self::staying_refusal(operator))
			}
			Call::declare_owner { owner } => {
				let own = Self::ensure_other(who, owner).err();
				own.and_then(|error| Self::verdict(who, error)).or_else(|| Self::staying_refusal(who))
			}
			Call::accept_operator { operator } | Call::dissolve_ownership { operator } => {
				Self::staying_refusal(operator)
			}
			_ => None,
		}
	}

	/// Returns the fault of a registration that nothing mends.
	fn registration_refusal(
		who: &T::AccountId,
		profile: &OperatorProfile,
		key: &OperatorId,
		proof: &OperatorSignature,
		bond_max: BalanceOf<T>,
	) -> Option<Refusal> {
		// The bond never falls below that.
		if bond_max < T::RegistrationBase::get() {
			return Some(Refusal::Malformed);
		}
		let newcomer = Self::ensure_newcomer(who).err().and_then(|error| Self::verdict(who, error));
		newcomer.or_else(|| {
			let error = Self::ensure_presentable(who, profile, key, proof).err()?;
			Self::verdict(who, error)
		})
	}

	/// Returns the fault of other capabilities that nothing mends.
	fn update_refusal(who: &T::AccountId, capabilities: Capabilities) -> Option<Refusal> {
		if !capabilities.is_valid() {
			return Some(Refusal::Malformed);
		}
		let Some(record) = Operators::<T>::get(who).filter(|record| record.withdrawable_at.is_none()) else {
			return Self::staying_refusal(who);
		};
		Self::verdict(who, Self::ensure_capable(capabilities, record.profile.role).err()?)
	}

	/// Returns the reason for which `who` cannot do, or have done to it, what an operator that is leaving cannot.
	fn staying_refusal(who: &T::AccountId) -> Option<Refusal> {
		Self::verdict(who, Self::ensure_staying(who, Operators::<T>::get(who).as_ref()).err()?)
	}

	/// Returns the meaning of an error about `who` for good, if it has one.
	fn verdict(who: &T::AccountId, error: Error<T>) -> Option<Refusal> {
		match error {
			Error::CapabilitiesInvalid
			| Error::RoleUnsupported
			| Error::RegionInvalid
			| Error::OwnOwner
			| Error::OwnHardware
			| Error::StakeTooLow => Some(Refusal::Malformed),
			Error::ProofInvalid => Some(Refusal::Unproven),
			Error::Banned => Some(Refusal::NotAllowed),
			Error::AlreadyRegistered | Error::Exiting => {
				(Self::blocks_to_withdrawal(who)? > LONG.into()).then_some(Refusal::Over)
			}
			Error::NotExiting | Error::StillUnbonding => {
				(Self::blocks_to_withdrawal(who)? > LONG.into()).then_some(Refusal::TooEarly)
			}
			_ => None,
		}
	}

	/// Blocks that pass at least before `who` is no operator any more; `None` if it is none.
	fn blocks_to_withdrawal(who: &T::AccountId) -> Option<frame_system::pallet_prelude::BlockNumberFor<T>> {
		let now = frame_system::Pallet::<T>::block_number();
		let record = Self::record_of(who)?;
		Some(record.withdrawable_at.map_or_else(T::UnbondingPeriod::get, |at| at.saturating_sub(now)))
	}
}
