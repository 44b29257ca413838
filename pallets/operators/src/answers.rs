//! Answers to what outsiders ask through the runtime API.

use crate::{BalanceOf, Config, Operators, Pallet, PendingOffences};
use alloc::vec::Vec;
use blyan_runtime_api::{AccountId, Balance, OperatorInfo};
use frame_support::traits::Get;
use sp_runtime::{
	traits::{Convert, Saturating},
	SaturatedConversion,
};

impl<T> Pallet<T>
where
	T: Config<AccountId = AccountId>,
	BalanceOf<T>: Into<Balance>,
{
	/// Every registered operator, ordered by account.
	pub fn infos() -> Vec<OperatorInfo> {
		let period = Self::period();
		let mut infos: Vec<_> = Operators::<T>::iter()
			.map(|(account, record)| {
				// The chain keeps the period, whose first block is the latest it can vouch for.
				let period_start = T::HeartbeatPeriod::get().saturating_mul(record.heard_in.into());
				OperatorInfo {
					reputation: record.reputation(),
					eligible: record.is_eligible(period),
					last_heartbeat: period_start.max(record.registered_at).saturated_into(),
					uid: record.uid,
					owner: T::OwnerOf::convert(account.clone()),
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
				}
			})
			.collect();
		infos.sort_by(|a, b| a.account.cmp(&b.account));
		infos
	}
}
