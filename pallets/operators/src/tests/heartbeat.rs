//! Stories of `heartbeat`: first what the pool and the block accept, then what it does.

use super::mock::*;
use crate::{heartbeat_payload, Call, Error, Event, Operators as Records, PeriodIndex};
use blyan_primitives::{Measurement, OperatorSignature};
use blyan_support::mocks;
use frame_support::{assert_noop, assert_ok, traits::Authorize};
use frame_system::RawOrigin;
use sp_core::{Pair as _, H256};
use sp_runtime::{
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction,
	},
	DispatchError,
};

/// What the transaction extension asks before anything else.
fn authorize(
	name: &str,
	period: PeriodIndex,
	signature: OperatorSignature,
) -> Result<ValidTransaction, TransactionValidityError> {
	let call = RuntimeCall::from(Call::<Test>::heartbeat {
		period,
		key: key(name),
		measurement: measurement(),
		signature,
	});
	call.authorize(TransactionSource::External).unwrap().map(|(validity, _)| validity)
}

fn refused(reason: InvalidTransaction) -> Result<ValidTransaction, TransactionValidityError> {
	Err(TransactionValidityError::Invalid(reason))
}

#[test]
fn heartbeat_is_authorised_when_it_is_the_first_of_the_period() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(PERIOD);
		let validity = authorize("Alice", 1, heartbeat_signature("Alice", 1)).unwrap();
		assert_eq!(validity.priority, 7);
		assert_eq!(validity.longevity, PERIOD);
		assert!(validity.propagate);
		// Two heartbeats of one key in one period displace each other in the pool.
		let again = authorize("Alice", 1, heartbeat_signature("Alice", 1)).unwrap();
		assert_eq!(validity.provides, again.provides);
	});
}

#[test]
fn heartbeat_is_signed_over_these_bytes_and_held_by_this_tag() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(PERIOD);
		let measured = [2_000u32, 0, 100, 50, 8].map(u32::to_le_bytes).concat();
		let parts = [&GENESIS_HASH.0[..], &1u32.to_le_bytes(), &measured[..]];
		let payload = mocks::payload_of(b"blyan/heartbeat/2", &parts);
		let validity = authorize("Alice", 1, pair("Alice").sign(&payload)).unwrap();
		assert_eq!(validity.provides, [mocks::tag_of("BlyanHeartbeat", (1u32, key("Alice")))]);
	});
}

#[test]
fn heartbeat_is_refused_when_the_operator_was_heard_already() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let signature = |period| heartbeat_signature("Alice", period);
		assert_eq!(authorize("Alice", 0, signature(0)), refused(InvalidTransaction::Stale));
		System::set_block_number(PERIOD);
		assert_ok!(Operators::heartbeat(
			RawOrigin::Authorized.into(),
			1,
			key("Alice"),
			measurement(),
			signature(1)
		));
		assert_eq!(authorize("Alice", 1, signature(1)), refused(InvalidTransaction::Stale));
	});
}

#[test]
fn heartbeat_is_refused_when_it_is_for_another_period() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(2 * PERIOD);
		let signature = |period| heartbeat_signature("Alice", period);
		assert_eq!(authorize("Alice", 1, signature(1)), refused(InvalidTransaction::Stale));
		assert_eq!(authorize("Alice", 3, signature(3)), refused(InvalidTransaction::Future));
	});
}

#[test]
fn heartbeat_is_refused_when_the_signature_is_of_another_key_period_or_network() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(PERIOD);
		let elsewhere = pair("Alice").sign(&heartbeat_payload(&H256::repeat_byte(1), 1, &measurement()));
		let faster = Measurement { cpu_tokens_per_second: 9_999, ..measurement() };
		let other = pair("Alice").sign(&heartbeat_payload(&GENESIS_HASH, 1, &faster));
		for signature in [heartbeat_signature("Bob", 1), heartbeat_signature("Alice", 2), elsewhere, other] {
			assert_eq!(authorize("Alice", 1, signature), refused(InvalidTransaction::BadProof));
		}
	});
}

#[test]
fn heartbeat_is_refused_when_the_key_is_no_operators() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(PERIOD);
		let authorize = |name| authorize(name, 1, heartbeat_signature(name, 1));
		assert_eq!(authorize("Bob"), refused(InvalidTransaction::BadSigner));
		assert_ok!(Operators::exit(signed(ALICE)));
		assert_eq!(authorize("Alice"), refused(InvalidTransaction::BadSigner));
	});
}

#[test]
fn heartbeat_is_noted_when_it_is_authorised() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		System::set_block_number(3 * PERIOD);
		let signature = heartbeat_signature("Alice", 3);
		assert_ok!(Operators::heartbeat(
			RawOrigin::Authorized.into(),
			3,
			key("Alice"),
			measurement(),
			signature
		));
		let record = Records::<Test>::get(ALICE).unwrap();
		assert_eq!((record.heard_in, record.measurement), (3, measurement()));
		// Two periods missed, one heard, each a fifth of the way.
		assert_eq!(record.measures.uptime, 456_000);
		assert_eq!(take_events(), [Event::HeartbeatReceived { who: ALICE, period: 3 }]);
	});
}

#[test]
fn heartbeat_fails_when_it_was_not_authorised() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let signature = heartbeat_signature("Alice", 0);
		for origin in [signed(ALICE), RuntimeOrigin::root(), RuntimeOrigin::none()] {
			assert_noop!(
				Operators::heartbeat(origin, 0, key("Alice"), measurement(), signature.clone()),
				DispatchError::BadOrigin
			);
		}
		assert_noop!(
			Operators::heartbeat(RawOrigin::Authorized.into(), 0, key("Bob"), measurement(), signature),
			Error::<Test>::NotRegistered
		);
	});
}
