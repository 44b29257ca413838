//! The operators as the neighbours see them.

use crate::{
	reputation, standing, BalanceOf, Capabilities, Config, Event, KeyOwners, OperatorRecordOf, Operators,
	Pallet, PeriodIndex, RetiredKeys,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::RelayNumber,
	traits::{Backing, EligibleOperator, OperatorSet, Servers, Service},
	OperatorId,
};
use frame_support::traits::Get;
use sp_runtime::{
	traits::{Convert, Saturating, Zero},
	SaturatedConversion,
};

impl<T: Config> OperatorSet<T::AccountId> for Pallet<T> {
	/// Ordered by account, so that the order says nothing about how the map is stored.
	fn eligible() -> Vec<EligibleOperator<T::AccountId>> {
		let mut eligible: Vec<_> = Operators::<T>::iter()
			.filter_map(|(account, record)| Self::as_eligible(account, &record))
			.collect();
		eligible.sort_by(|a, b| a.account.cmp(&b.account));
		eligible
	}

	fn electorate(appointment: RelayNumber) -> Option<Vec<EligibleOperator<T::AccountId>>> {
		Self::electorate_of(appointment)
	}

	fn present(who: &T::AccountId) -> Option<EligibleOperator<T::AccountId>> {
		Operators::<T>::get(who).and_then(|record| Self::as_eligible(who.clone(), &record))
	}

	fn owner_of(key: &OperatorId) -> Option<T::AccountId> {
		KeyOwners::<T>::get(key)
	}

	fn holder_of(key: &OperatorId) -> Option<T::AccountId> {
		let now = frame_system::Pallet::<T>::block_number();
		let retired = || RetiredKeys::<T>::get(key).filter(|retired| now < retired.until);
		KeyOwners::<T>::get(key).or_else(|| retired().map(|retired| retired.who))
	}

	fn belongs_to(who: &T::AccountId) -> T::AccountId {
		let now = frame_system::Pallet::<T>::block_number();
		Self::record_of(who).and_then(|record| record.owner(now).cloned()).unwrap_or_else(|| who.clone())
	}

	fn key_of(who: &T::AccountId) -> Option<OperatorId> {
		Self::record_of(who).map(|record| record.key)
	}

	fn is_eligible(who: &T::AccountId) -> bool {
		let period = Self::period();
		Operators::<T>::get(who).is_some_and(|record| Self::may_be_drawn(&record, period))
	}

	fn note_income(who: &T::AccountId, amount: u128) {
		Self::share_income(who, amount);
	}

	/// An operator that withdrew in the meantime has no standing left to change.
	fn note_service(who: &T::AccountId, service: Service) {
		let step = T::MeasureStep::get();
		Self::mutate_known(who, |record| {
			reputation::note_service(&mut record.measures, service, step);
			if service.is_verified() {
				record.verified = record.verified.saturating_add(1).min(standing::VERIFIED_MAX);
			}
			if service.is_sealed() {
				record.missed_seals = 0;
			}
			// Bytes that it said it had, and no committee could get, are a duty that it did not do either.
			if matches!(service, Service::SealMissed | Service::BytesMissing) {
				Self::note_missed_seal(who, record);
			}
		});
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(count: u32) -> Vec<(T::AccountId, OperatorId)> {
		let operators = crate::benchmarking::register_operators::<T>(count);
		operators.iter().for_each(|(who, _)| T::Backing::ensure_backed_for_benchmark(who));
		operators
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn most_operators_for_benchmark() -> u32 {
		T::MaxOperators::get()
	}
}

impl<T: Config> Servers<T::AccountId> for Pallet<T> {
	fn may_serve(who: &T::AccountId) -> bool {
		let period = Self::period();
		Operators::<T>::get(who).is_some_and(|record| {
			record.profile.capabilities.contains(Capabilities::SERVE)
				&& record.withdrawable_at.is_none()
				&& record.quarantined_until.is_none()
				&& record.is_heard(period)
		})
	}

	fn is_registered(who: &T::AccountId) -> bool {
		Self::record_of(who).is_some()
	}

	fn are_related(one: &T::AccountId, other: &T::AccountId) -> bool {
		Self::belongs_to(one) == Self::belongs_to(other)
	}

	fn note_income(who: &T::AccountId, amount: u128) {
		Self::share_income(who, amount);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_server_for_benchmark() -> T::AccountId {
		let (who, _) = crate::benchmarking::register_operators::<T>(1).remove(0);
		T::Backing::ensure_backed_for_benchmark(&who);
		Operators::<T>::mutate(&who, |record| {
			if let Some(record) = record {
				record.profile.capabilities = record.profile.capabilities | Capabilities::SERVE;
			}
		});
		who
	}
}

impl<T: Config> Pallet<T> {
	/// An operator as draws take it, if it may be drawn now.
	fn as_eligible(
		account: T::AccountId,
		record: &OperatorRecordOf<T>,
	) -> Option<EligibleOperator<T::AccountId>> {
		let now = frame_system::Pallet::<T>::block_number();
		Self::may_be_drawn(record, Self::period()).then(|| EligibleOperator {
			weight: Self::weight(record),
			owner: record.owner(now).unwrap_or(&account).clone(),
			hardware: record.profile.hardware,
			stake: record.stake.saturated_into(),
			region: record.profile.region,
			account,
		})
	}

	/// Reports whether an operator may be drawn in `period`: see [`crate::OperatorRecord::is_eligible`], and it has at stake what its record
	/// asks for.
	pub(crate) fn may_be_drawn(record: &OperatorRecordOf<T>, period: PeriodIndex) -> bool {
		record.is_eligible(period) && record.stake >= Self::required_stake(record)
	}

	/// The weight of an operator in draws.
	///
	/// Its backing is not read here, since draws look at every operator: what weighed at the last heartbeat is lowered whenever
	/// own stake or backing falls.
	pub(crate) fn weight(record: &OperatorRecordOf<T>) -> u32 {
		let most = record.stake.saturated_into::<u128>();
		let most = Self::preferred(record, most.saturating_add(T::Backing::most(most)).saturated_into());
		let stake = most.min(record.weighed_stake).saturated_into();
		let milli = standing::stake_milli(stake, Self::basic_stake().saturated_into());
		standing::weight(record.reputation(), record.verified, milli)
	}

	/// The stake of an operator as it may weigh: its own and what backs it, as far as that counts.
	pub(crate) fn weighing_stake(who: &T::AccountId, record: &OperatorRecordOf<T>) -> BalanceOf<T> {
		let own = record.stake.saturated_into::<u128>();
		let stake = own.saturating_add(T::Backing::counted(who, own));
		Self::preferred(record, stake.saturated_into())
	}

	/// Twice the stake with the capability `priority`.
	fn preferred(record: &OperatorRecordOf<T>, stake: BalanceOf<T>) -> BalanceOf<T> {
		if record.profile.capabilities.contains(Capabilities::PRIORITY) {
			stake.saturating_mul(2u32.into())
		} else {
			stake
		}
	}

	/// Lowers what weighs of an operator to what it has now, its backing included.
	pub(crate) fn lower_weight(who: &T::AccountId, record: &mut OperatorRecordOf<T>) {
		record.weighed_stake = record.weighed_stake.min(Self::weighing_stake(who, record));
	}

	/// Passes an income on to those who back the operator, as far as it is theirs.
	fn share_income(who: &T::AccountId, amount: u128) {
		if let Some(record) = Self::record_of(who) {
			T::Backing::share_income(who, record.stake.saturated_into(), amount);
		}
	}

	/// What weighs of an operator's stake until its next heartbeat: nothing, if it does not evaluate.
	pub(crate) fn weigh(capabilities: Capabilities, stake: BalanceOf<T>) -> BalanceOf<T> {
		if capabilities.contains(Capabilities::EVALUATE) {
			stake
		} else {
			Zero::zero()
		}
	}

	/// The stake of an operator that evaluates and nothing else.
	pub(crate) fn basic_stake() -> BalanceOf<T> {
		T::RequiredStake::convert(Capabilities::EVALUATE)
	}

	/// Counts a seal that an operator did not send, and keeps it out of draws if these are too many in a row.
	///
	/// Its stake stays whole: a machine that is down is no lie. But its seats are taken from those who would evaluate.
	fn note_missed_seal(who: &T::AccountId, record: &mut OperatorRecordOf<T>) {
		record.missed_seals = record.missed_seals.saturating_add(1);
		if record.is_chilled() && record.withdrawable_at.is_none() {
			let now = frame_system::Pallet::<T>::block_number();
			Self::deposit_event(Event::Chilled { who: who.clone(), missed: record.missed_seals });
			Self::quarantine_until(who, record, now.saturating_add(T::QuarantinePeriod::get()));
		}
	}
}
