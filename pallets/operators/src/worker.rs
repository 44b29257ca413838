//! The off-chain worker: sends this node's heartbeats, and opens its hardware when it is asked to.

use crate::{
	hardware_payload, heartbeat_payload, Call, Challenges, Config, KeyOwners, Operators, Pallet, PeriodIndex,
};
use blyan_primitives::{
	hardware_root, HardwareComponents, HardwareOpening, Measurement, OperatorId, HARDWARE_KEY,
	MEASUREMENT_KEY,
};
use blyan_support::{
	genesis_hash,
	worker::{sign, submit, RESEND_AFTER},
};
use codec::{Decode, Encode};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_application_crypto::RuntimeAppPublic;
use sp_runtime::{
	offchain::storage::{StorageRetrievalError, StorageValueRef},
	traits::{One, Saturating},
	SaturatedConversion,
};

/// Where the worker notes what it has sent, followed by the key.
const SENT_PREFIX: &[u8] = b"blyan/heartbeat/sent/";
/// Target of the worker's log lines.
const LOG_TARGET: &str = "operators";

/// What the worker last sent for a key.
#[derive(Clone, Copy, Encode, Decode)]
struct Sent {
	/// For which period.
	period: PeriodIndex,
	/// In which block.
	at: u32,
}

/// What the node left for its worker under `name`; `None` if nothing, or nothing that can be read.
fn left_by_node<Value: Decode>(name: &[u8]) -> Option<Value> {
	StorageValueRef::persistent(name).get().ok().flatten()
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
			let is_due = !record.is_heard(period) || Self::block_in_period(next) >= Self::delay(&key, period);
			if is_due && Self::note_sending(&key, period, now.saturated_into()) {
				Self::send_heartbeat(key, period);
			}
		}
	}

	/// Answers the drawn hardware challenges of every operator whose key is in this node's keystore.
	pub(crate) fn answer_challenges(now: BlockNumberFor<T>) {
		for key in OperatorId::all() {
			let Some(who) = KeyOwners::<T>::get(&key) else { continue };
			let Some(challenge) = Challenges::<T>::get(&who) else { continue };
			let Some(drawn) = challenge.drawn.filter(|drawn| now < drawn.deadline) else { continue };
			let Some(root) = Operators::<T>::get(&who).map(|record| record.profile.hardware) else {
				continue;
			};
			let components: Option<HardwareComponents> = left_by_node(HARDWARE_KEY);
			let Some(components) = components.filter(|components| hardware_root(components) == root) else {
				log::error!(target: LOG_TARGET, "This node does not know the hardware that {key:?} has to open.");
				continue;
			};
			let component = drawn.component;
			let Some(opening) = HardwareOpening::of(&components, component) else { continue };
			let payload =
				hardware_payload(&genesis_hash::<T>(), &who, &challenge.asked_at, component, &opening);
			let Some(signature) = sign(LOG_TARGET, "hardware", &key, &payload) else { continue };
			// The pool knows what it has seen already, so sending it in every block costs nothing.
			let call = Call::<T>::answer_hardware { key: key.clone(), component, opening, signature };
			if submit::<T, _>(call) {
				log::debug!(target: LOG_TARGET, "Opened component {component} of {key:?}.");
			} else {
				log::debug!(target: LOG_TARGET, "The pool has the answer of {key:?}, or refused it.");
			}
		}
	}

	/// Signs and submits one heartbeat. What fails is tried again after [`RESEND_AFTER`].
	fn send_heartbeat(key: OperatorId, period: PeriodIndex) {
		let measurement: Measurement = left_by_node(MEASUREMENT_KEY).unwrap_or_default();
		let payload = heartbeat_payload(&genesis_hash::<T>(), period, &measurement);
		let Some(signature) = sign(LOG_TARGET, "heartbeat", &key, &payload) else { return };
		let call = Call::<T>::heartbeat { period, key: key.clone(), measurement, signature };
		if submit::<T, _>(call) {
			log::debug!(target: LOG_TARGET, "Sent the heartbeat of {key:?} in period {period}.");
		} else {
			log::warn!(target: LOG_TARGET, "The pool refused the heartbeat of {key:?}.");
		}
	}

	/// Notes that a heartbeat is being sent; `false` if that was done and may still be included.
	///
	/// Workers of several blocks run at the same time; only one of them can change the note.
	fn note_sending(key: &OperatorId, period: PeriodIndex, now: u32) -> bool {
		let name = [SENT_PREFIX, &key.encode()].concat();
		StorageValueRef::persistent(&name)
			.mutate(|sent: Result<Option<Sent>, StorageRetrievalError>| match sent {
				Ok(Some(sent)) if sent.period == period && now < sent.at.saturating_add(RESEND_AFTER) => {
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
