//! Which heartbeats may enter a block without a fee.

use crate::{heartbeat_payload, Config, KeyOwners, Operators, Pallet, PeriodIndex};
use blyan_primitives::{OperatorId, OperatorSignature};
use frame_support::{pallet_prelude::*, traits::Get};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::{transaction_validity::TransactionValidityWithRefund, SaturatedConversion};

impl<T: Config> Pallet<T> {
	/// Accepts the first heartbeat of a registered key in the current period.
	///
	/// The cheap checks come first, so that what is replayed or made up costs two reads and no signature.
	pub(crate) fn authorize_heartbeat(
		_source: TransactionSource,
		period: &PeriodIndex,
		key: &OperatorId,
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
		if !key.verify(&heartbeat_payload(&Self::genesis_hash(), *period), signature) {
			return Err(InvalidTransaction::BadProof.into());
		}
		ValidTransaction::with_tag_prefix("BlyanHeartbeat")
			.priority(T::HeartbeatPriority::get())
			.and_provides((period, key))
			.longevity(T::HeartbeatPeriod::get().saturated_into())
			.propagate(true)
			.build()
			.map(|validity| (validity, Weight::zero()))
	}
}
