//! Electorates: the operators that draws take, fixed before the seed of the draw could be known.
//!
//! A draw with a known seed over a list that still changes is a draw that can be repeated: who sends its heartbeat, tops
//! up, registers or exits in between changes the sum of the weights, and with it every seat. So every `ElectoratePeriod`
//! blocks the list of eligible operators is copied, with their weights, and a draw takes the newest copy that
//! is no younger than its appointment. `ElectoratesKept` copies are kept, in a ring.
//!
//! An electorate remembers which appointment a commitment in its block gets. A draw by an appointment takes the newest one
//! whose own is not later, which is the same list in every block from the first that knows the seed.
//!
//! A copy is at most 119 bytes for each of `MaxOperators`: 30 KB for 256, and one read for a draw in place of 256.

mod voters;

use crate::{Config, Elector, ElectorOf, ElectorateDate, ElectorateDates, Electorates, Pallet, WeightInfo};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{AppointedRandomness, RelayNumber, NEVER},
	traits::{EligibleOperator, OperatorSet},
};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{traits::Saturating, SaturatedConversion};

impl<T: Config> Pallet<T> {
	/// Takes an electorate if the last one is old enough, as far as `remaining` allows.
	pub(crate) fn renew_electorate(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		// The look at the dates is the sweep's to pay.
		let due = ElectorateDates::<T>::get()
			.last()
			.is_none_or(|newest| now >= newest.taken_at.saturating_add(T::ElectoratePeriod::get()));
		if due && meter.try_consume(T::WeightInfo::renew_electorate()).is_ok() {
			Self::keep_electorate(T::Randomness::appoint());
		}
		meter.consumed()
	}

	/// Copies the eligible operators, for draws by appointments from `appointment` on.
	pub(crate) fn keep_electorate(appointment: RelayNumber) {
		if appointment == NEVER {
			return;
		}
		let electors = Self::eligible().into_iter().map(Self::elector).collect();
		let taken_at = frame_system::Pallet::<T>::block_number();
		ElectorateDates::<T>::mutate(|dates| {
			let place = if dates.is_full() { dates.remove(0).place } else { dates.len().saturated_into() };
			// There is room now.
			let _ = dates.try_push(ElectorateDate { appointment, taken_at, place });
			// As many are eligible as there are operators at most.
			Electorates::<T>::insert(place, BoundedVec::truncate_from(electors));
		});
	}

	/// The electorate of the draws by an appointment.
	pub(crate) fn electorate_of(appointment: RelayNumber) -> Option<Vec<EligibleOperator<T::AccountId>>> {
		let date = ElectorateDates::<T>::get().into_iter().rfind(|date| date.appointment <= appointment)?;
		let electors = Electorates::<T>::get(date.place)?;
		Some(electors.into_iter().map(Self::eligible_elector).collect())
	}

	fn elector(operator: EligibleOperator<T::AccountId>) -> ElectorOf<T> {
		let EligibleOperator { account, weight, owner, hardware, stake, region } = operator;
		let owner = (owner != account).then_some(owner);
		Elector { account, weight, owner, hardware, stake, region }
	}

	fn eligible_elector(elector: ElectorOf<T>) -> EligibleOperator<T::AccountId> {
		let Elector { account, weight, owner, hardware, stake, region } = elector;
		let owner = owner.unwrap_or_else(|| account.clone());
		EligibleOperator { account, weight, owner, hardware, stake, region }
	}
}
