//! The off-chain worker: sends this node's heartbeats.

use crate::{heartbeat_payload, Call, Config, KeyOwners, Operators, Pallet, PeriodIndex};
use blyan_primitives::OperatorId;
use codec::{Decode, Encode};
use frame_support::traits::Get;
use frame_system::{offchain::SubmitTransaction, pallet_prelude::BlockNumberFor};
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::{
	offchain::storage::{StorageRetrievalError, StorageValueRef},
	traits::{One, Saturating},
	SaturatedConversion,
};

/// Where the worker notes what it has sent, followed by the key.
const SENT_PREFIX: &[u8] = b"blyan/heartbeat/sent/";
/// Blocks to wait for a heartbeat to be included before it is sent again.
const INCLUSION_BLOCKS: u32 = 5;

/// What the worker last sent for a key.
#[derive(Clone, Copy, Encode, Decode)]
struct Sent {
	/// For which period.
	period: PeriodIndex,
	/// In which block.
	at: u32,
}

impl<T: Config> Pallet<T> {
	/// Sends the heartbeat of every operator whose key is in this node's keystore, where it is due.
	pub(crate) fn send_heartbeats(now: BlockNumberFor<T>) {
		// What is sent now is included in the next block at the earliest, and that one's period counts.
		let next = now.saturating_add(One::one());
		let period = Self::period_of(next);
		for key in OperatorId::all() {
			let owner = KeyOwners::<T>::get(&key);
			let Some(record) = owner.and_then(Operators::<T>::get) else { continue };
			if record.withdrawable_at.is_some() || record.heard_in >= period {
				continue;
			}
			// A silent operator wants to be drawn again; the others spread out over half the period.
			let is_due =
				!record.is_eligible(period) || Self::block_in_period(next) >= Self::delay(&key, period);
			if is_due && Self::note_sending(&key, period, now.saturated_into()) {
				Self::send_heartbeat(key, period);
			}
		}
	}

	/// Signs and submits one heartbeat. What fails is tried again after [`INCLUSION_BLOCKS`].
	fn send_heartbeat(key: OperatorId, period: PeriodIndex) {
		let Some(signature) = key.sign(&heartbeat_payload(&Self::genesis_hash(), period)) else {
			log::warn!(target: "operators", "The keystore does not sign with {key:?}.");
			return;
		};
		let call = Call::<T>::heartbeat { period, key: key.clone(), signature };
		let transaction = T::create_authorized_transaction(call.into());
		match SubmitTransaction::<T, Call<T>>::submit_transaction(transaction) {
			Ok(()) => log::debug!(target: "operators", "Sent the heartbeat of {key:?} in period {period}."),
			Err(()) => log::warn!(target: "operators", "The pool refused the heartbeat of {key:?}."),
		}
	}

	/// Notes that a heartbeat is being sent; `false` if that was done and may still be included.
	///
	/// Workers of several blocks run at the same time; only one of them can change the note.
	fn note_sending(key: &OperatorId, period: PeriodIndex, now: u32) -> bool {
		let name = [SENT_PREFIX, &key.encode()].concat();
		StorageValueRef::persistent(&name)
			.mutate(|sent: Result<Option<Sent>, StorageRetrievalError>| match sent {
				Ok(Some(sent)) if sent.period == period && now < sent.at.saturating_add(INCLUSION_BLOCKS) => {
					Err(())
				}
				_ => Ok(Sent { period, at: now }),
			})
			.is_ok()
	}

	/// Blocks since the period began.
	fn block_in_period(now: BlockNumberFor<T>) -> u32 {
		let length: u32 = T::HeartbeatPeriod::get().saturated_into();
		let now: u32 = now.saturated_into();
		now.checked_rem(length).unwrap_or_default()
	}

	/// Block of the period in which a key's heartbeat is due: somewhere in its first half, so that not all
	/// operators speak at once. Every period another one, so that none is always last.
	fn delay(key: &OperatorId, period: PeriodIndex) -> u32 {
		let length: u32 = T::HeartbeatPeriod::get().saturated_into();
		let half = length.checked_div(2).unwrap_or_default();
		let [a, b, c, d, ..] = sp_io::hashing::blake2_256(&(key, period).encode());
		u32::from_le_bytes([a, b, c, d]).checked_rem(half).unwrap_or_default()
	}
}
