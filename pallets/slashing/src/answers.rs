//! Answers to what outsiders ask through the runtime API.

use crate::{BalanceOf, Config, OffenceRecords, Pallet, State};
use alloc::vec::Vec;
use blyan_runtime_api::{AccountId, Balance, OffenceInfo, OffenceState};
use sp_runtime::SaturatedConversion;

impl<T> Pallet<T>
where
	T: Config<AccountId = AccountId>,
	BalanceOf<T>: Into<Balance>,
{
	/// The pending offences of `who` and those that are remembered, by number.
	pub fn offences(who: &AccountId) -> Vec<OffenceInfo> {
		let mut infos: Vec<_> = OffenceRecords::<T>::iter()
			.filter(|(_, offence)| offence.offender == *who)
			.map(|(id, offence)| OffenceInfo {
				id,
				offender: offence.offender,
				kind: offence.kind,
				evidence: offence.evidence,
				contested: offence.contested,
				reporter: offence.reporter,
				at: offence.at.saturated_into(),
				applies_at: Self::block_at(offence.applies_at).saturated_into(),
				state: match offence.state {
					State::Open => OffenceState::Open,
					State::Appealed(appeal) => {
						OffenceState::Appealed { at: Self::block_at(appeal.at).saturated_into() }
					}
					State::Applied { share, taken, rewarded, at } => OffenceState::Applied {
						share,
						taken: taken.into(),
						rewarded: rewarded.into(),
						at: at.saturated_into(),
					},
					State::Pardoned { at } => OffenceState::Pardoned { at: at.saturated_into() },
				},
			})
			.collect();
		infos.sort_by_key(|info| info.id);
		infos
	}
}
