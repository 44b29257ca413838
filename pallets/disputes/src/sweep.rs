//! What happens without being asked: what is stored of a subject goes when it can no longer be disputed.

use crate::{Cases, Config, NoExpert, OperatorDemands, Pallet, Queue, Queued, Refuted, Subjects, WeightInfo};
use blyan_primitives::traits::Claims;
use frame_support::weights::{Weight, WeightMeter};

/// Fallen claims forgotten in one block, and operators' demands.
pub(crate) const SWEPT_MAX: u32 = 16;

impl<T: Config> Pallet<T> {
	/// Looks at the subject whose turn it is, and forgets it or puts it at the end.
	pub(crate) fn sweep(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::sweep()).is_err() {
			return meter.consumed();
		}
		let (first, end) = Queue::<T>::get();
		let Some(subject) = Queued::<T>::get(first) else { return meter.consumed() };
		let open = Subjects::<T>::get(subject).unwrap_or(0);
		let (mut is_gone, mut end) = (false, end);
		if open == 0 && !T::Claims::is_disputable(subject) && !Cases::<T>::contains_key(subject) {
			let fallen = Refuted::<T>::clear_prefix(subject, SWEPT_MAX, None);
			let demanded = OperatorDemands::<T>::clear_prefix(subject, SWEPT_MAX, None);
			is_gone = fallen.maybe_cursor.is_none() && demanded.maybe_cursor.is_none();
		}
		Queued::<T>::remove(first);
		if is_gone {
			NoExpert::<T>::remove(subject);
			Subjects::<T>::remove(subject);
		} else {
			Queued::<T>::insert(end, subject);
			end = end.saturating_add(1);
		}
		Queue::<T>::put((first.saturating_add(1), end));
		meter.consumed()
	}
}
