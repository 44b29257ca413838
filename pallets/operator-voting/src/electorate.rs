//! Electorates: lists of operators that are fixed before a poll begins.
//!
//! Were votes counted in the list of the moment, an account could register while a poll runs to vote in it, and operators that
//! leave, are put in quarantine or go silent would change what share of all voices a side has. So every quarter of a day the
//! operators are looked at; if they changed they are a new electorate, and a poll keeps the one that was the newest when it was
//! submitted.
//!
//! The newest electorate is replaced if no poll began with it. Otherwise it is kept for `ElectorateDays` after the last one that
//! did: about 17 KB for 256 operators, paid for by the deposit of that poll.

use crate::{
	voices, Config, DayLength, ElectorateRecord, ElectorateRecordOf, Electorates, Event, LastUses,
	MemberRecord, Members, NewestElectorate, NextRenewal, OldestElectorate, Pallet, VoiceCount, WeightInfo,
};
use alloc::collections::BTreeSet;
use blyan_primitives::voting::{self, Elector, ElectorateId, Voters};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{CheckedDiv, One, Saturating};

/// Looks at the operators in a day.
const RENEWALS_A_DAY: u32 = 4;
/// Electorates that one renewal forgets at most.
const FORGOTTEN_MAX: u32 = 4;

impl<T: Config> Pallet<T> {
	/// `part` of `whole` days in blocks, at least one block.
	pub fn days(part: u32, whole: u32) -> BlockNumberFor<T> {
		DayLength::<T>::get()
			.saturating_mul(part.into())
			.checked_div(&whole.max(1).into())
			.unwrap_or_else(One::one)
			.max(One::one())
	}

	/// Looks at the operators if it is time, as far as `remaining` allows.
	pub(crate) fn renew_electorate(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::DbWeight::get().reads(1)).is_err() || now < NextRenewal::<T>::get() {
			return meter.consumed();
		}
		if meter.try_consume(T::WeightInfo::renew_electorate()).is_ok() {
			NextRenewal::<T>::put(now.saturating_add(Self::days(1, RENEWALS_A_DAY)));
			Self::take_electorate(now);
			Self::forget_electorates(now);
		}
		meter.consumed()
	}

	/// Makes the operators of this block the newest electorate, if they are not already.
	pub(crate) fn take_electorate(now: BlockNumberFor<T>) {
		let age = DayLength::<T>::get().saturating_mul(T::VoterAgeDays::get().into());
		let electors = BoundedVec::truncate_from(T::Voters::electors(age));
		let newest = NewestElectorate::<T>::get();
		let before = newest.and_then(Electorates::<T>::get);
		if before.as_ref().is_some_and(|record| record.electors == electors) {
			return;
		}
		let number = match newest {
			Some(newest) => {
				if !LastUses::<T>::contains_key(newest) {
					Electorates::<T>::remove(newest);
				}
				newest.saturating_add(1)
			}
			None => 0,
		};
		let voices = voices(&electors);
		let record = ElectorateRecord { taken_at: now, voices, electors };
		Self::renew_members(before.as_ref(), &record);
		Electorates::<T>::insert(number, record);
		NewestElectorate::<T>::put(number);
		Self::deposit_event(Event::ElectorateTaken { electorate: number, voices });
	}

	/// Makes [`Members`] those of another electorate.
	fn renew_members(before: Option<&ElectorateRecordOf<T>>, after: &ElectorateRecordOf<T>) {
		let old = before.map(accounts::<T>).unwrap_or_default();
		let new = accounts::<T>(after);
		for who in old.difference(&new) {
			Members::<T>::remove(who);
			Self::deposit_event(Event::MemberRemoved { who: (*who).clone(), rank: 0 });
		}
		for who in new.difference(&old) {
			Members::<T>::insert(who, MemberRecord::default());
			Self::deposit_event(Event::MemberAdded { who: (*who).clone() });
		}
	}

	/// Forgets the oldest electorates, as long as no poll can need them.
	fn forget_electorates(now: BlockNumberFor<T>) {
		let Some(newest) = NewestElectorate::<T>::get() else { return };
		let life = DayLength::<T>::get().saturating_mul(T::ElectorateDays::get().into());
		let mut oldest = OldestElectorate::<T>::get();
		for _ in 0..FORGOTTEN_MAX {
			let is_needed = LastUses::<T>::get(oldest).is_some_and(|used| used.saturating_add(life) >= now);
			if oldest >= newest || is_needed {
				break;
			}
			Electorates::<T>::remove(oldest);
			LastUses::<T>::remove(oldest);
			oldest = oldest.saturating_add(1);
		}
		OldestElectorate::<T>::put(oldest);
	}

	/// Account whose voice `who` has in an electorate, whether it still stands for it or not.
	pub(crate) fn voice_in(record: &ElectorateRecordOf<T>, who: &T::AccountId) -> Option<T::AccountId> {
		let elector = record
			.electors
			.binary_search_by(|elector| elector.operator.cmp(who))
			.ok()
			.and_then(|place| record.electors.get(place));
		if let Some(elector) = elector {
			return Some(elector.voice.clone());
		}
		record.electors.iter().any(|elector| elector.voice == *who).then(|| who.clone())
	}

	/// Reports whether some operator of a voice is registered and not banned.
	pub(crate) fn stands(record: &ElectorateRecordOf<T>, voice: &T::AccountId) -> bool {
		record
			.electors
			.iter()
			.any(|Elector { operator, voice: theirs }| theirs == voice && T::Voters::stands(operator))
	}
}

/// Accounts that may vote in an electorate.
pub(crate) fn accounts<T: Config>(record: &ElectorateRecordOf<T>) -> BTreeSet<&T::AccountId> {
	record.electors.iter().flat_map(|elector| [&elector.operator, &elector.voice]).collect()
}

impl<T: Config> voting::Electorates<T::AccountId> for Pallet<T> {
	fn enlist() -> Option<(ElectorateId, VoiceCount)> {
		let newest = NewestElectorate::<T>::get()?;
		let voices = Electorates::<T>::get(newest)?.voices;
		LastUses::<T>::insert(newest, frame_system::Pallet::<T>::block_number());
		Some((newest, voices))
	}

	fn voice(electorate: ElectorateId, who: &T::AccountId) -> Option<T::AccountId> {
		let record = Electorates::<T>::get(electorate)?;
		let voice = Self::voice_in(&record, who)?;
		Self::stands(&record, &voice).then_some(voice)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electorate_for_benchmark(count: u32) -> alloc::vec::Vec<T::AccountId> {
		let accounts = T::Voters::ensure_electors_for_benchmark(count);
		Self::take_electorate(frame_system::Pallet::<T>::block_number());
		accounts
	}
}
