//! Answers to what outsiders ask through the runtime API.

use crate::{BalanceOf, Config, Displaced, Operators, Ownership, Pallet, PendingOffences};
use alloc::vec::Vec;
use blyan_runtime_api::{AccountId, Balance, OperatorInfo};
use frame_support::traits::Get;
use sp_runtime::{traits::Saturating, SaturatedConversion};

impl<T> Pallet<T>
where
	T: Config<AccountId = AccountId>,
	BalanceOf<T>: Into<Balance>,
{
	/// Every registered operator and every one that was displaced and has not withdrawn, ordered by account.
	pub fn infos() -> Vec<OperatorInfo> {
		let period = Self::period();
		let now = frame_system::Pallet::<T>::block_number();
		let mut infos: Vec<_> = Operators::<T>::iter()
			.chain(Displaced::<T>::iter())
			.map(|(account, record)| {
				// The chain keeps the period, whose first block is the latest it can vouch for.
				let (declared_owner, ownership_ends_at) = match &record.ownership {
					Some(Ownership::Declared { owner }) => (Some(owner.clone()), None),
					Some(Ownership::Ending { ends_at, .. }) if now < *ends_at => (None, Some(*ends_at)),
					_ => (None, None),
				};
				let period_start = T::HeartbeatPeriod::get().saturating_mul(record.heard_in.into());
				OperatorInfo {
					reputation: record.reputation(),
					eligible: Self::may_be_drawn(&record, period),
					last_heartbeat: period_start.max(record.registered_at).saturated_into(),
					uid: record.uid,
					owner: record.owner(now).unwrap_or(&account).clone(),
					weight: Self::weight(&record),
					declared_owner,
					ownership_ends_at: ownership_ends_at.map(SaturatedConversion::saturated_into),
					pending_offences: PendingOffences::<T>::get(&account),
					account,
					key: record.key,
					stake: record.stake.into(),
					bond: record.bond.into(),
					capabilities: record.profile.capabilities.0,
					tier: record.measurement.tier(),
					measurement: record.measurement,
					measures: record.measures,
					quarantined_until: record.quarantined_until.map(SaturatedConversion::saturated_into),
					withdrawable_at: record.withdrawable_at.map(SaturatedConversion::saturated_into),
					hardware: record.profile.hardware,
					role: record.profile.role,
					region: record.profile.region,
					verified: record.verified,
					missed_seals: record.missed_seals,
				}
			})
			.collect();
		infos.sort_by(|a, b| a.account.cmp(&b.account));
		infos
	}
}
