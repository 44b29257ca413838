//! Invariants of the storage, one function each.

use crate::{
	Balance, Config, HoldReason, Keys, KeysOf, NextOffer, NextRequest, NextSession, Offers, OffersOf,
	OldestRequest, OpenRequests, Pallet, Receipts, Requests, ServingKeyRecords, SessionCount, Sessions,
	State,
};
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_offers_are_listed()?;
		Self::check_keys_are_counted()?;
		Self::check_requests_are_indexed()?;
		Self::check_places_are_counted()?;
		Self::check_receipts_are_indexed()?;
		Self::check_sessions_are_counted()?;
		Self::check_holds_are_accounted_for()
	}

	/// The offers of an operator are those in its list.
	fn check_offers_are_listed() -> Result<(), TryRuntimeError> {
		let mut listed = BTreeSet::new();
		for (operator, offers) in OffersOf::<T>::iter() {
			ensure!(!offers.is_empty(), "a list of offers is empty and still there");
			for offer in offers {
				let record = Offers::<T>::get(offer).ok_or("a listed offer is unknown")?;
				ensure!(record.operator == operator, "an offer stands in another operator's list");
				ensure!(offer < NextOffer::<T>::get(), "an offer is from the future");
				ensure!(listed.insert(offer), "an offer is listed twice");
				ensure!(Self::ensure_terms(&record.terms).is_ok(), "an offer has terms that it cannot have");
			}
		}
		ensure!(Offers::<T>::iter_keys().count() == listed.len(), "an offer stands in no list");
		Ok(())
	}

	/// A serving key belongs to one operator, and its uses are counted.
	fn check_keys_are_counted() -> Result<(), TryRuntimeError> {
		let mut uses = BTreeMap::new();
		for record in Offers::<T>::iter_values() {
			let entry: &mut (_, u32) = uses.entry(record.key.0).or_insert((record.operator.clone(), 0));
			ensure!(entry.0 == record.operator, "a serving key signs for two operators");
			entry.1 = entry.1.saturating_add(1);
		}
		let mut listed = 0usize;
		for (operator, keys) in KeysOf::<T>::iter() {
			ensure!(!keys.is_empty(), "a list of keys is empty and still there");
			for key in keys {
				let record = ServingKeyRecords::<T>::get(key).ok_or("a listed key is unknown")?;
				ensure!(record.operator == operator, "a key stands in another operator's list");
				let counted = uses.get(&key.0).map_or(0, |(_, uses)| *uses);
				ensure!(record.uses == counted, "the uses of a key are miscounted");
				ensure!(
					(record.uses == 0) == record.until.is_some(),
					"a key in use ends, or one that is not does not"
				);
				listed = listed.saturating_add(1);
			}
		}
		ensure!(ServingKeyRecords::<T>::iter_keys().count() == listed, "a key stands in no list");
		Ok(())
	}

	/// Every request has its key and its place in the count of its payer, and nothing else has.
	fn check_requests_are_indexed() -> Result<(), TryRuntimeError> {
		let mut open = BTreeMap::<_, u32>::new();
		let mut count = 0usize;
		for (id, record) in Requests::<T>::iter() {
			let numbers = OldestRequest::<T>::get()..NextRequest::<T>::get();
			ensure!(numbers.contains(&id), "a request is out of the sweep's reach");
			ensure!(record.state != State::Pending, "a request has no price");
			ensure!(
				Keys::<T>::get(&record.payer, record.terms.key) == Some(id),
				"a request has another's key"
			);
			if !record.state.is_final() {
				let entry = open.entry(record.payer).or_default();
				*entry = entry.saturating_add(1);
			}
			count = count.saturating_add(1);
		}
		ensure!(Keys::<T>::iter_keys().count() == count, "a key belongs to no request");
		let counted: BTreeMap<_, _> = OpenRequests::<T>::iter().collect();
		ensure!(counted == open, "the open requests are miscounted");
		let is_bounded = open.values().all(|open| *open <= T::MaxOpenRequests::get());
		ensure!(is_bounded, "a payer has too many open requests");
		Ok(())
	}

	/// The places that an offer has given away are those of its authorised requests.
	fn check_places_are_counted() -> Result<(), TryRuntimeError> {
		let mut loads = BTreeMap::<_, u32>::new();
		let authorised = Requests::<T>::iter_values().filter(|record| record.state == State::Authorised);
		for record in authorised {
			let load = loads.entry(record.terms.offer).or_default();
			*load = load.saturating_add(1);
		}
		for (offer, record) in Offers::<T>::iter() {
			let load = loads.get(&offer).copied().unwrap_or(0);
			ensure!(record.load == load, "the places of an offer are miscounted");
		}
		Ok(())
	}

	/// A receipt belongs to the one request that was captured with it.
	fn check_receipts_are_indexed() -> Result<(), TryRuntimeError> {
		let mut count = 0usize;
		for (id, record) in Requests::<T>::iter() {
			let is_captured = matches!(record.state, State::Captured | State::Credited | State::Reversed);
			ensure!(
				record.receipt.is_some() == is_captured,
				"a request has a receipt before its time, or none"
			);
			if let Some(receipt) = record.receipt {
				ensure!(Receipts::<T>::get(receipt) == Some(id), "a receipt belongs to another request");
				count = count.saturating_add(1);
			}
			ensure!(record.charged <= record.ceiling, "a request charges more than its ceiling");
		}
		ensure!(Receipts::<T>::iter_keys().count() == count, "a receipt belongs to no request");
		Ok(())
	}

	/// The sessions of each payer are counted, and none has paid more than its deposit.
	fn check_sessions_are_counted() -> Result<(), TryRuntimeError> {
		let mut counts = BTreeMap::<_, u32>::new();
		for (id, record) in Sessions::<T>::iter() {
			ensure!(id > 0 && id <= NextSession::<T>::get(), "a session is from the future");
			ensure!(record.settled <= record.deposit, "a session has paid more than its deposit");
			let count = counts.entry(record.payer).or_default();
			*count = count.saturating_add(1);
		}
		let counted: BTreeMap<_, _> = SessionCount::<T>::iter().collect();
		ensure!(counted == counts, "the sessions are miscounted");
		let is_bounded = counts.values().all(|count| *count <= T::MaxSessions::get());
		ensure!(is_bounded, "a payer has too many sessions");
		Ok(())
	}

	/// Each payer's holds are the sum over its requests and over its sessions.
	fn check_holds_are_accounted_for() -> Result<(), TryRuntimeError> {
		let mut sums = BTreeMap::<T::AccountId, (Balance, Balance)>::new();
		for record in Requests::<T>::iter_values() {
			ensure!(!record.state.is_final() || record.held == 0, "a request that is over has money on hold");
			let sum = sums.entry(record.payer).or_default();
			sum.0 = sum.0.checked_add(record.held).ok_or("the holds have no sum")?;
		}
		for record in Sessions::<T>::iter_values() {
			let held = record.held();
			let sum = sums.entry(record.payer).or_default();
			sum.1 = sum.1.checked_add(held).ok_or("the holds have no sum")?;
		}
		for (payer, (requests, sessions)) in sums {
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &payer);
			ensure!(held(HoldReason::Request) == requests, "the holds of requests do not add up");
			ensure!(held(HoldReason::Session) == sessions, "the holds of sessions do not add up");
		}
		Ok(())
	}
}
