//! Six hours in which the chain takes no transactions cost no operator anything of what it owed when they began.
//!
//! The windows of committees are played in proof-of-learning's own tests, the clocks of games in those of disputes, and safe mode in
//! `brakes.rs`.

mod common;

use blyan_primitives::{
	hardware_root,
	traits::{OffenceKind, OperatorSet},
	HardwareComponent, HardwareComponents, HardwareOpening, Measurement, OperatorId, OperatorSignature,
};
use blyan_runtime::{
	AccountId, AllPalletsWithSystem, Balances, Executive, Operators, RelayRandomness, Runtime, RuntimeCall,
	RuntimeOrigin, Slashing, Stopwatch, System, UncheckedExtrinsic, HOURS,
};
use cumulus_pallet_parachain_system::OnSystemEvent;
use cumulus_primitives_core::PersistedValidationData;
use frame_support::{
	assert_ok,
	traits::{fungible::InspectHold, OnIdle},
	weights::Weight,
};
use frame_system::offchain::CreateAuthorizedTransaction;
use pallet_migrations::{Cursor, MigrationCursor};
use pallet_operators::{hardware_payload, heartbeat_payload, Capabilities, Challenges, Drawn, HoldReason};
use pallet_slashing::{NextOffence, OffenceRecords, State};
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave};
use sp_runtime::traits::BlockNumberProvider;

const OPERATORS: [Sr25519Keyring; 3] = [Alice, Bob, Charlie];
const SIX_HOURS: u32 = 6 * HOURS;

/// Ends the block with room for everything that is due, and begins the next one.
fn next_block() {
	let number = System::block_number();
	AllPalletsWithSystem::on_idle(number, Weight::MAX);
	common::begin_block(number + 1);
}

/// A migration of six hours: there are blocks, and they take nothing.
fn migration() {
	Cursor::<Runtime>::put(MigrationCursor::Stuck);
	for _ in 0..SIX_HOURS {
		// The executive gives no idle time to blocks that migrate.
		common::begin_block(System::block_number() + 1);
	}
	Cursor::<Runtime>::kill();
	common::begin_block(System::block_number() + 1);
}

/// The relay chain takes no block for six hours.
fn stall() {
	common::begin_block(System::block_number() + 1);
	RelayRandomness::on_validation_data(&PersistedValidationData {
		relay_parent_number: 10 + SIX_HOURS,
		..Default::default()
	});
}

fn machine() -> HardwareComponents {
	core::array::from_fn(|at| HardwareComponent {
		identifier: H256::repeat_byte(1 + at as u8),
		salt: H256::repeat_byte(0x70 + at as u8),
	})
}

fn signed(who: Sr25519Keyring) -> RuntimeOrigin {
	RuntimeOrigin::signed(who.to_account_id())
}

fn authorized(call: pallet_operators::Call<Runtime>) -> UncheckedExtrinsic {
	let call = RuntimeCall::from(call);
	<Runtime as CreateAuthorizedTransaction<pallet_operators::Call<Runtime>>>::create_authorized_transaction(
		call,
	)
}

fn stakes() -> Vec<u128> {
	let stake =
		|who: Sr25519Keyring| Balances::balance_on_hold(&HoldReason::Stake.into(), &who.to_account_id());
	OPERATORS.map(stake).to_vec()
}

fn beat(who: Sr25519Keyring) {
	let period = System::block_number() / HOURS;
	let measurement = Measurement { cpu_tokens_per_second: 9_000, ..Default::default() };
	let payload = heartbeat_payload(&System::block_hash(0), period, &measurement);
	let call = pallet_operators::Call::heartbeat {
		period,
		key: OperatorId::from(who.public()),
		measurement,
		signature: OperatorSignature::from(who.pair().sign(&payload)),
	};
	assert_ok!(Executive::apply_extrinsic(authorized(call)).expect("it is due"));
}

/// Alice owes an answer about its hardware, Charlie an appeal, and all of them a heartbeat.
fn owe() {
	let components = machine();
	let alice: AccountId = Alice.to_account_id();
	assert_ok!(Operators::update_capabilities(
		signed(Alice),
		Capabilities::EVALUATE,
		hardware_root(&components)
	));
	assert_ok!(Operators::challenge_hardware(signed(Dave), alice.clone()));
	let now = Stopwatch::current_block_number();
	// What the relay chain's randomness draws.
	Challenges::<Runtime>::mutate(&alice, |challenge| {
		challenge.as_mut().expect("it is open").drawn = Some(Drawn { component: 3, deadline: now + 100 });
	});
	let offender = Charlie.to_account_id();
	assert_ok!(Slashing::report(
		RuntimeOrigin::root(),
		offender,
		OffenceKind::FalseScore,
		H256([1; 32]),
		None
	));
	OffenceRecords::<Runtime>::mutate(0, |offence| {
		offence.as_mut().expect("it was reported").applies_at = now + HOURS;
	});
}

/// All of them give what they owed in the first hour in which they can.
fn pay_up() {
	let alice: AccountId = Alice.to_account_id();
	let asked_at = Challenges::<Runtime>::get(&alice).expect("it is open").asked_at;
	let opening = HardwareOpening::of(&machine(), 3).expect("there is such a component");
	let payload = hardware_payload(&System::block_hash(0), &alice, &asked_at, 3, &opening);
	let answer = pallet_operators::Call::answer_hardware {
		key: OperatorId::from(Alice.public()),
		component: 3,
		opening,
		signature: OperatorSignature::from(Alice.pair().sign(&payload)),
	};
	assert_ok!(Executive::apply_extrinsic(authorized(answer)).expect("there is time to answer"));
	assert_ok!(Slashing::appeal(signed(Charlie), 0));
	// Where there were no blocks, the period in which they were heard at last is not over.
	if System::block_number() > HOURS {
		OPERATORS.into_iter().for_each(beat);
	}
}

#[test]
fn six_hours_of_outage_cost_no_operator_anything() {
	for outage in [migration as fn(), stall] {
		common::development().execute_with(|| {
			owe();
			let before = stakes();
			outage();
			// Others are quicker than those who owe, and the chain does what it takes to be due.
			let _ = Operators::settle_hardware(signed(Dave), Alice.to_account_id());
			for who in OPERATORS {
				let _ = Operators::report_silence(signed(Dave), who.to_account_id());
			}
			let _ = Slashing::apply(signed(Dave), 0);
			for _ in 0..50 {
				next_block();
			}
			pay_up();
			for _ in 0..50 {
				next_block();
			}
			assert_eq!(stakes(), before);
			assert_eq!(
				NextOffence::<Runtime>::get(),
				1,
				"there is no offence but the one that was reported before"
			);
			let offence = OffenceRecords::<Runtime>::get(0).expect("it is pending");
			assert!(matches!(offence.state, State::Appealed(_)), "{:?}", offence.state);
			assert!(!Challenges::<Runtime>::contains_key(Alice.to_account_id()));
			let eligible = Operators::eligible();
			for who in [Alice, Bob] {
				assert!(
					eligible.iter().any(|operator| operator.account == who.to_account_id()),
					"{who:?} is drawn again"
				);
			}
		});
	}
}
