//! `on_idle` work: requests whose time is over fail, are paid, or are forgotten.

use crate::{Config, NextRequest, OldestRequest, Pallet, Requests, SweepCursor, WeightInfo};
use blyan_primitives::RequestId;
use frame_support::weights::{Weight, WeightMeter};

/// Requests that one block looks at.
pub(crate) const SWEPT_MAX: u32 = 16;

impl<T: Config> Pallet<T> {
	/// Looks at the next requests in turn, as many as there is room for.
	///
	/// The numbers between the oldest request and the newest are walked in a circle; every request is looked at once a lap.
	pub(crate) fn sweep(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::sweep()).is_err() {
			return meter.consumed();
		}
		let (mut oldest, next) = (OldestRequest::<T>::get(), NextRequest::<T>::get());
		let Some(length) = next.checked_sub(oldest).filter(|length| *length > 0) else {
			return meter.consumed();
		};
		let mut cursor = SweepCursor::<T>::get();
		for _ in 0..length.min(SWEPT_MAX.into()) {
			if meter.try_consume(T::WeightInfo::sweep_request()).is_err() {
				break;
			}
			if !(oldest..next).contains(&cursor) {
				cursor = oldest;
			}
			let is_gone = Self::advance(cursor);
			if is_gone && cursor == oldest {
				oldest = oldest.saturating_add(1);
			}
			cursor = cursor.saturating_add(1);
		}
		OldestRequest::<T>::put(oldest);
		SweepCursor::<T>::put(cursor);
		meter.consumed()
	}

	/// Does what is due for one request, and reports whether it is gone.
	fn advance(request: RequestId) -> bool {
		let Some(record) = Requests::<T>::get(request) else { return true };
		if Self::now() < record.deadline {
			return false;
		}
		if record.state.is_final() {
			Self::forget(request, &record);
			return true;
		}
		// Refused only for a receipt that is disputed or a payer that is frozen, whose time comes later.
		let _ = match Self::overdue(&record) {
			Ok(_) => Self::do_expire(request),
			Err(_) => Self::do_credit(request),
		};
		false
	}
}
