//! Benchmarks of the calls, and the worlds that the neighbours' benchmarks need.

use crate::{
	heartbeat_payload, possession_payload, BalanceOf, Call, Capabilities, Config, Event, KeyOwners,
	OperatorProfile, Operators, Pallet,
};
use alloc::vec::Vec;
use blyan_primitives::{OperatorId, OperatorSignature};
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Authorize, Get,
};
use frame_system::RawOrigin;
use sp_application_crypto::RuntimeAppPublic;
use sp_core::H256;
use sp_runtime::{
	traits::{Convert, Saturating},
	transaction_validity::TransactionSource,
};

/// Gives `who` enough for the highest stake, with something left to live on.
fn endow<T: Config>(who: &T::AccountId) -> BalanceOf<T> {
	let most = T::RequiredStake::convert(Capabilities::PRIORITY);
	let amount = most.saturating_add(T::Currency::minimum_balance()).saturating_mul(2u32.into());
	let _ = T::Currency::mint_into(who, amount);
	most
}

/// A new key in the keystore, with the proof that `who` may have it.
fn key<T: Config>(who: &T::AccountId) -> (OperatorId, OperatorSignature) {
	let key = OperatorId::generate_pair(None);
	let payload = possession_payload(&Pallet::<T>::genesis_hash(), who);
	let proof = key.sign(&payload).expect("the keystore has just made the key; qed");
	(key, proof)
}

/// Makes `who` an operator with the default profile.
fn register_one<T: Config>(who: &T::AccountId) -> OperatorId {
	endow::<T>(who);
	let (key, _) = key::<T>(who);
	let profile = OperatorProfile::default();
	let stake = T::RequiredStake::convert(profile.capabilities);
	Pallet::<T>::insert(who, profile, key.clone(), stake).expect("there is room for another; qed");
	key
}

/// Makes operators until there are `count` new ones or no room is left, all of them eligible.
pub(crate) fn register_operators<T: Config>(count: u32) -> Vec<(T::AccountId, OperatorId)> {
	let first = Operators::<T>::count();
	let room = T::MaxOperators::get().saturating_sub(first);
	(0..count.min(room))
		.map(|index| {
			let who: T::AccountId = account("operator", first.saturating_add(index), 0);
			let key = register_one::<T>(&who);
			(who, key)
		})
		.collect()
}

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

#[benchmarks(where <T as frame_system::Config>::RuntimeCall: From<Call<T>> + Authorize)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn register() {
		let who: T::AccountId = whitelisted_caller();
		let stake = endow::<T>(&who);
		let (key, proof) = key::<T>(&who);
		let profile = OperatorProfile { capabilities: Capabilities::PRIORITY, ..Default::default() };

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), profile, key.clone(), proof);

		assert_last_event::<T>(Event::Registered { who, key, stake });
	}

	// The worst case: the stake grows.
	#[benchmark]
	fn update_capabilities() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		let capabilities = Capabilities::PRIORITY;
		let hardware = H256::repeat_byte(7);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), capabilities, hardware);

		let stake = T::RequiredStake::convert(capabilities);
		assert_last_event::<T>(Event::CapabilitiesUpdated { who, capabilities, hardware, stake });
	}

	#[benchmark]
	fn rotate_key() {
		let who: T::AccountId = whitelisted_caller();
		let old = register_one::<T>(&who);
		let (key, proof) = key::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), key.clone(), proof);

		assert_last_event::<T>(Event::KeyRotated { who, key });
		assert!(!KeyOwners::<T>::contains_key(old));
	}

	#[benchmark]
	fn heartbeat() {
		let who: T::AccountId = whitelisted_caller();
		let key = register_one::<T>(&who);
		frame_system::Pallet::<T>::set_block_number(T::HeartbeatPeriod::get());
		let signature = key.sign(&[]).expect("the keystore has the key; qed");

		#[extrinsic_call]
		_(RawOrigin::Authorized, 1, key, signature);

		assert_last_event::<T>(Event::HeartbeatReceived { who, period: 1 });
	}

	// The worst case is the honest one: every check passes and the signature is verified.
	#[benchmark]
	fn authorize_heartbeat() -> Result<(), BenchmarkError> {
		let who: T::AccountId = whitelisted_caller();
		let key = register_one::<T>(&who);
		frame_system::Pallet::<T>::set_block_number(T::HeartbeatPeriod::get());
		let payload = heartbeat_payload(&Pallet::<T>::genesis_hash(), 1);
		let signature = key.sign(&payload).ok_or("the keystore has the key")?;
		let call: <T as frame_system::Config>::RuntimeCall =
			Call::<T>::heartbeat { period: 1, key, signature }.into();

		#[block]
		{
			call.authorize(TransactionSource::External)
				.ok_or("the call has an authorisation")?
				.map_err(|_| "the heartbeat is valid")?;
		}
		Ok(())
	}

	#[benchmark]
	fn exit() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert!(Operators::<T>::get(who).is_some_and(|record| record.withdrawable_at.is_some()));
	}

	#[benchmark]
	fn withdraw() -> Result<(), BenchmarkError> {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		Pallet::<T>::do_exit(&who)?;
		let now = frame_system::Pallet::<T>::block_number();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::UnbondingPeriod::get()));
		let stake = T::RequiredStake::convert(Capabilities::default());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert_last_event::<T>(Event::Withdrawn { who, stake });
		Ok(())
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::ExtBuilder::default().build(),
		crate::tests::mock::Test
	);
}
