//! `on_idle` work: a few operators a block are looked at, in turn.

use crate::{BannedUntil, Config, NextIndex, Pallet, SweepCursor, UidSlots, WeightInfo};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};

impl<T: Config> Pallet<T> {
	/// Looks at the next `SweepPerBlock` indices, as far as `remaining` allows.
	pub(crate) fn sweep(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::sweep()).is_err() {
			return meter.consumed();
		}
		let indices = NextIndex::<T>::get();
		let mut cursor = SweepCursor::<T>::get();
		for _ in 0..T::SweepPerBlock::get().min(indices) {
			if meter.try_consume(T::WeightInfo::visit()).is_err() {
				break;
			}
			if cursor >= indices {
				cursor = 0;
			}
			Self::visit(cursor);
			cursor = cursor.saturating_add(1);
		}
		SweepCursor::<T>::put(cursor);
		meter.consumed()
	}

	/// Does what is due about the operator with this index: reports its silence, settles its hardware challenge, ends its
	/// ownership, forgets its old keys and a ban that is over.
	pub(crate) fn visit(index: u32) {
		let Some(who) = UidSlots::<T>::get(index).and_then(|slot| slot.holder) else { return };
		// Most are not silent.
		let _ = Self::do_report_silence(&who);
		Self::settle_challenge(&who);
		Self::end_ownership(&who);
		Self::forget_old_keys(&who);
		if BannedUntil::<T>::contains_key(&who) && !Self::is_banned_for_now(&who) {
			BannedUntil::<T>::remove(&who);
		}
	}
}
