//! Which heartbeats and answers may enter a block without a fee.

use crate::{
	hardware_payload, heartbeat_payload, Challenges, Config, KeyOwners, Operators, Pallet, PeriodIndex,
};
use blyan_primitives::{HardwareOpening, Measurement, OperatorId, OperatorSignature};
use blyan_support::{genesis_hash, message::Admission};
use frame_support::{
	pallet_prelude::{InvalidTransaction, TransactionSource, TransactionValidityWithRefund},
	traits::Get,
};
use sp_runtime::traits::BlockNumberProvider;

impl<T: Config> Pallet<T> {
	/// Accepts the first heartbeat of a registered key in the current period.
	///
	/// The cheap checks come first, so that what is replayed or made up costs two reads and no signature.
	pub(crate) fn authorize_heartbeat(
		_source: TransactionSource,
		period: &PeriodIndex,
		key: &OperatorId,
		measurement: &Measurement,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let current = Self::period();
		if *period > current {
			return Err(InvalidTransaction::Future.into());
		}
		if *period < current {
			return Err(InvalidTransaction::Stale.into());
		}
		let record = KeyOwners::<T>::get(key)
			.and_then(Operators::<T>::get)
			.filter(|record| record.withdrawable_at.is_none())
			.ok_or(InvalidTransaction::BadSigner)?;
		// Who registered in this period was heard by registering.
		if record.heard_in >= *period {
			return Err(InvalidTransaction::Stale.into());
		}
		let payload = heartbeat_payload(&genesis_hash::<T>(), *period, measurement);
		Admission::new("BlyanHeartbeat", T::HeartbeatPeriod::get())
			.with_priority(T::HeartbeatPriority::get())
			.admit_signed((period, key), &payload, key, signature)
	}

	/// Accepts what opens the drawn component of an open challenge in time.
	///
	/// An opening that does not lead to the root is refused here: it proves nothing, and an operator that has no other misses
	/// the deadline.
	pub(crate) fn authorize_answer(
		_source: TransactionSource,
		key: &OperatorId,
		component: &u8,
		opening: &HardwareOpening,
		signature: &OperatorSignature,
	) -> TransactionValidityWithRefund {
		let who = KeyOwners::<T>::get(key).ok_or(InvalidTransaction::BadSigner)?;
		let challenge = Challenges::<T>::get(&who).ok_or(InvalidTransaction::Stale)?;
		let drawn = challenge.drawn.ok_or(InvalidTransaction::Future)?;
		let now = T::WorkingTime::current_block_number();
		if drawn.component != *component || now > drawn.deadline {
			return Err(InvalidTransaction::Stale.into());
		}
		let record = Operators::<T>::get(&who).ok_or(InvalidTransaction::BadSigner)?;
		if !opening.opens(&record.profile.hardware, *component) {
			return Err(InvalidTransaction::Call.into());
		}
		let payload = hardware_payload(&genesis_hash::<T>(), &who, &challenge.asked_at, *component, opening);
		Admission::new("BlyanHardware", T::HardwareWindow::get())
			.with_priority(T::HeartbeatPriority::get())
			.admit_signed((&who, challenge.asked_at), &payload, key, signature)
	}
}
