//! Benchmarks of the calls, and the worlds that the neighbours' benchmarks need.

use crate::{
	hardware_payload, heartbeat_payload, possession_payload, BalanceOf, Call, Capabilities, Challenges,
	Config, Displaced, Drawn, ElectorateDates, Event, KeyOwners, LastPrice, NextIndex, Opened,
	OperatorProfile, Operators, Pallet, PriceRecord, RetiredKey, RetiredKeys, RetiredOf, SilenceRecord,
	Silences, SweepCursor, RETIRED_KEYS_MAX,
};
use alloc::vec::Vec;
use blyan_primitives::{
	hardware_root, traits::OperatorStakes, HardwareComponents, HardwareOpening, Measurement, OperatorId,
	OperatorSignature, OperatorUid,
};
use blyan_support::genesis_hash;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{Inspect, Mutate},
		Authorize, Get,
	},
	BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_application_crypto::RuntimeAppPublic;
use sp_core::H256;
use sp_runtime::{
	traits::{BlockNumberProvider, Convert, One, Saturating, Zero},
	transaction_validity::TransactionSource,
};

/// The machine of every operator here.
fn machine() -> HardwareComponents {
	HardwareComponents::default()
}

/// Gives `who` enough for the highest stake and for bonds, with something left to live on.
fn endow<T: Config>(who: &T::AccountId) -> BalanceOf<T> {
	let most = T::RequiredStake::convert(Capabilities::PRIORITY);
	let amount = most
		.saturating_add(T::Currency::minimum_balance())
		.saturating_add(Pallet::<T>::registration_price())
		.saturating_add(T::HardwareBond::get())
		.saturating_mul(2u32.into());
	let _ = T::Currency::mint_into(who, amount);
	most
}

/// A new key in the keystore, with the proof that `who` may have it.
fn key<T: Config>(who: &T::AccountId) -> (OperatorId, OperatorSignature) {
	let key = OperatorId::generate_pair(None);
	let payload = possession_payload(&genesis_hash::<T>(), who);
	let proof = key.sign(&payload).expect("the keystore has just made the key; qed");
	(key, proof)
}

/// Makes `who` an operator with the default profile.
fn register_one<T: Config>(who: &T::AccountId) -> OperatorId {
	endow::<T>(who);
	let (key, _) = key::<T>(who);
	let profile = OperatorProfile::default();
	let stake = T::RequiredStake::convert(profile.capabilities);
	let bond = T::RegistrationBase::get();
	Pallet::<T>::insert(who, profile, key.clone(), stake, bond).expect("there is room for another; qed");
	key
}

/// Makes an operator whose stake others want to take.
pub(crate) fn register_staked<T: Config>() -> T::AccountId {
	let who: T::AccountId = account("staked", Operators::<T>::count(), 0);
	register_one::<T>(&who);
	who
}

/// Makes `who` an operator that commits to hardware and is challenged by another.
fn challenged<T: Config>(who: &T::AccountId) -> OperatorId {
	let key = register_one::<T>(who);
	let capabilities = Capabilities::default();
	Pallet::<T>::do_update_capabilities(who, capabilities, hardware_root(&machine()))
		.expect("nobody else has the hardware; qed");
	let challenger: T::AccountId = account("challenger", 0, 0);
	endow::<T>(&challenger);
	Pallet::<T>::do_challenge_hardware(&challenger, who).expect("the challenger has the bond; qed");
	key
}

/// Sets what is drawn for the challenge of `who`: the last component, to be opened until `deadline`.
fn draw<T: Config>(who: &T::AccountId, deadline: BlockNumberFor<T>) -> u8 {
	let component = 7;
	Challenges::<T>::mutate(who, |challenge| {
		if let Some(challenge) = challenge {
			challenge.drawn = Some(Drawn { component, deadline });
		}
	});
	component
}

/// Lets `who` go, whatever time that takes.
fn leave<T: Config>(who: &T::AccountId) {
	Pallet::<T>::do_exit(who).expect("it is an operator; qed");
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::UnbondingPeriod::get()));
	Pallet::<T>::do_withdraw(who).expect("nothing is pending; qed");
}

/// Lets `who` be silent for so long that it is an offence.
fn silence<T: Config>(who: &T::AccountId) {
	let now = frame_system::Pallet::<T>::block_number();
	let since = T::WorkingTime::current_block_number();
	Silences::<T>::insert(who, SilenceRecord { since, reports: 0 });
	let later = T::HeartbeatPeriod::get().saturating_mul(4u32.into()).saturating_add(T::SilencePeriod::get());
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(later));
}

/// Makes operators until there are `count` new ones or no room is left, all of them eligible.
pub(crate) fn register_operators<T: Config>(count: u32) -> Vec<(T::AccountId, OperatorId)> {
	let first = Operators::<T>::count();
	let room = T::MaxOperators::get().saturating_sub(first);
	let registered = (0..count.min(room))
		.map(|index| {
			let who: T::AccountId = account("operator", first.saturating_add(index), 0);
			let key = register_one::<T>(&who);
			(who, key)
		})
		.collect();
	// Draws find them, whatever their appointment.
	Pallet::<T>::keep_electorate(0);
	registered
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
		let hardware = hardware_root(&machine());
		let capabilities = Capabilities::EVALUATE | Capabilities::PRIORITY;
		let profile = OperatorProfile { capabilities, hardware, ..Default::default() };
		// Somebody was here before, so there is a price that decays and an index that comes back.
		let at = frame_system::Pallet::<T>::block_number();
		LastPrice::<T>::put(PriceRecord { price: T::RegistrationBase::get(), at });
		let before: T::AccountId = account("before", 0, 0);
		register_one::<T>(&before);
		let index = Operators::<T>::get(&before).map_or(0, |record| record.uid.index);
		leave::<T>(&before);
		let bond = Pallet::<T>::registration_price();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), profile, key.clone(), proof, bond);

		let uid = OperatorUid { index, generation: 1 };
		assert_last_event::<T>(Event::Registered { who, key, stake, uid, bond });
	}

	// The worst case: the stake grows.
	#[benchmark]
	fn update_capabilities() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		let capabilities = Capabilities::EVALUATE | Capabilities::PRIORITY;
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
		// All but one of the keys that may be remembered are, and all of these are forgotten.
		let retired = (1..RETIRED_KEYS_MAX).map(|_| OperatorId::generate_pair(None)).collect::<Vec<_>>();
		for key in &retired {
			RetiredKeys::<T>::insert(key, RetiredKey { who: who.clone(), until: Zero::zero() });
		}
		RetiredOf::<T>::insert(&who, BoundedVec::truncate_from(retired));
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
		_(RawOrigin::Authorized, 1, key, Measurement::default(), signature);

		assert_last_event::<T>(Event::HeartbeatReceived { who, period: 1 });
	}

	// The worst case is the honest one: every check passes and the signature is verified.
	#[benchmark]
	fn authorize_heartbeat() -> Result<(), BenchmarkError> {
		let who: T::AccountId = whitelisted_caller();
		let key = register_one::<T>(&who);
		frame_system::Pallet::<T>::set_block_number(T::HeartbeatPeriod::get());
		let payload = heartbeat_payload(&genesis_hash::<T>(), 1, &Measurement::default());
		let signature = key.sign(&payload).ok_or("the keystore has the key")?;
		let call: <T as frame_system::Config>::RuntimeCall =
			Call::<T>::heartbeat { period: 1, key, measurement: Measurement::default(), signature }.into();

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
		Pallet::<T>::do_update_capabilities(&who, Capabilities::default(), hardware_root(&machine()))?;
		Opened::<T>::insert(&who, crate::OpenedComponents::default());
		Pallet::<T>::do_exit(&who)?;
		let now = frame_system::Pallet::<T>::block_number();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::UnbondingPeriod::get()));
		let stake = T::RequiredStake::convert(Capabilities::default());

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		let bond = T::RegistrationBase::get();
		assert_last_event::<T>(Event::Withdrawn { who, stake, bond });
		Ok(())
	}

	#[benchmark]
	fn top_up() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		let amount = T::Currency::minimum_balance();
		let stake = T::RequiredStake::convert(Capabilities::default()).saturating_add(amount);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), amount);

		assert_last_event::<T>(Event::ToppedUp { who, stake });
	}

	#[benchmark]
	fn return_to_duty() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		Pallet::<T>::quarantine(&who);
		let now = frame_system::Pallet::<T>::block_number();
		frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::QuarantinePeriod::get()));

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert_last_event::<T>(Event::QuarantineEnded { who });
	}

	#[benchmark]
	fn report_silence() {
		let who: T::AccountId = account("silent", 0, 0);
		register_one::<T>(&who);
		silence::<T>(&who);
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), who.clone());

		assert!(Operators::<T>::get(who).is_some_and(|record| record.silence_reported));
	}

	#[benchmark]
	fn challenge_hardware() -> Result<(), BenchmarkError> {
		let who: T::AccountId = account("challenged", 0, 0);
		register_one::<T>(&who);
		Pallet::<T>::do_update_capabilities(&who, Capabilities::default(), hardware_root(&machine()))?;
		let challenger: T::AccountId = whitelisted_caller();
		endow::<T>(&challenger);

		#[extrinsic_call]
		_(RawOrigin::Signed(challenger.clone()), who.clone());

		assert_last_event::<T>(Event::HardwareChallenged { who, challenger });
		Ok(())
	}

	// The worst case: the component was another one before, so the operator is reported.
	#[benchmark]
	fn answer_hardware() -> Result<(), BenchmarkError> {
		let who: T::AccountId = whitelisted_caller();
		let key = challenged::<T>(&who);
		let component = draw::<T>(&who, T::HardwareWindow::get());
		Opened::<T>::insert(&who, [Some(H256::repeat_byte(1)); blyan_primitives::HARDWARE_COMPONENTS]);
		let opening = HardwareOpening::of(&machine(), component).ok_or("there is such a component")?;
		let signature = key.sign(&[]).ok_or("the keystore has the key")?;

		#[extrinsic_call]
		_(RawOrigin::Authorized, key, component, opening, signature);

		assert_last_event::<T>(Event::HardwareRefuted { who, component });
		Ok(())
	}

	#[benchmark]
	fn authorize_answer_hardware() -> Result<(), BenchmarkError> {
		let who: T::AccountId = whitelisted_caller();
		let key = challenged::<T>(&who);
		let now = frame_system::Pallet::<T>::block_number();
		let component = draw::<T>(&who, now.saturating_add(T::HardwareWindow::get()));
		let opening = HardwareOpening::of(&machine(), component).ok_or("there is such a component")?;
		let payload = hardware_payload(&genesis_hash::<T>(), &who, &now, component, &opening);
		let signature = key.sign(&payload).ok_or("the keystore has the key")?;
		let call: <T as frame_system::Config>::RuntimeCall =
			Call::<T>::answer_hardware { key, component, opening, signature }.into();

		#[block]
		{
			call.authorize(TransactionSource::External)
				.ok_or("the call has an authorisation")?
				.map_err(|_| "the answer is valid")?;
		}
		Ok(())
	}

	// The worst case: the answer was missed.
	#[benchmark]
	fn settle_hardware() {
		let who: T::AccountId = account("challenged", 0, 0);
		challenged::<T>(&who);
		let component = draw::<T>(&who, Zero::zero());
		frame_system::Pallet::<T>::set_block_number(One::one());
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), who.clone());

		assert_last_event::<T>(Event::HardwareRefuted { who, component });
	}

	#[benchmark]
	fn declare_owner() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		let owner: T::AccountId = account("owner", 0, 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), owner.clone());

		assert_last_event::<T>(Event::OwnerDeclared { who, owner });
	}

	// The worst case: the owner is an operator too.
	#[benchmark]
	fn accept_operator() -> Result<(), BenchmarkError> {
		let who: T::AccountId = account("owned", 0, 0);
		let owner: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		register_one::<T>(&owner);
		Pallet::<T>::do_declare_owner(&who, &owner)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), who.clone());

		assert_last_event::<T>(Event::OwnerAccepted { who, owner });
		Ok(())
	}

	#[benchmark]
	fn dissolve_ownership() -> Result<(), BenchmarkError> {
		let who: T::AccountId = account("owned", 0, 0);
		let owner: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		Pallet::<T>::do_declare_owner(&who, &owner)?;
		Pallet::<T>::do_accept_operator(&owner, &who)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), who.clone());

		// Asked afterwards: between setup and call a chain in block 0 is moved to block 1.
		let now = frame_system::Pallet::<T>::block_number();
		let ends_at = now.saturating_add(T::UnbondingPeriod::get());
		assert_last_event::<T>(Event::OwnershipDissolved { who, owner, ends_at });
		Ok(())
	}

	// The worst case: all places are taken.
	#[benchmark]
	fn outbid() {
		register_operators::<T>(T::MaxOperators::get());
		let who: T::AccountId = whitelisted_caller();
		let stake = endow::<T>(&who);
		let (key, proof) = key::<T>(&who);
		let bond = Pallet::<T>::registration_price();

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), OperatorProfile::default(), key, proof, stake, bond);

		assert!(Operators::<T>::contains_key(who));
		assert_eq!(Displaced::<T>::iter().count(), 1);
	}

	// The worst case: every place is taken, and the oldest electorate gives way.
	#[benchmark]
	fn renew_electorate() {
		register_operators::<T>(T::MaxOperators::get());
		for _ in 0..T::ElectoratesKept::get() {
			Pallet::<T>::keep_electorate(0);
		}

		#[block]
		{
			Pallet::<T>::keep_electorate(1);
		}

		let dates = ElectorateDates::<T>::get();
		assert_eq!(dates.last().map(|date| date.appointment), Some(1));
		assert_eq!(dates.len(), T::ElectoratesKept::get() as usize);
	}

	#[benchmark]
	fn sweep() {
		let who: T::AccountId = whitelisted_caller();
		register_one::<T>(&who);
		// Weight for the cursor, and for no visit.
		let remaining = <T::WeightInfo as crate::WeightInfo>::sweep();
		SweepCursor::<T>::put(3);

		#[block]
		{
			Pallet::<T>::sweep(remaining);
		}

		assert_eq!(SweepCursor::<T>::get(), 3);
	}

	// The worst case: the operator was silent and missed an answer.
	#[benchmark]
	fn visit() {
		let who: T::AccountId = whitelisted_caller();
		challenged::<T>(&who);
		let component = draw::<T>(&who, Zero::zero());
		silence::<T>(&who);
		let index = Operators::<T>::get(&who).map_or(0, |record| record.uid.index);
		assert!(index < NextIndex::<T>::get());

		#[block]
		{
			Pallet::<T>::visit(index);
		}

		assert!(Operators::<T>::get(&who).is_some_and(|record| record.silence_reported));
		assert_last_event::<T>(Event::HardwareRefuted { who, component });
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::ExtBuilder::default().build(),
		crate::tests::mock::Test
	);
}
