//! What the off-chain worker sends, and how seldom.

use super::mock::*;
use crate::{Call, Operators as Records};
use blyan_primitives::{Measurement, HARDWARE_KEY, MEASUREMENT_KEY};
use blyan_support::mocks::Pool;
use codec::Encode;
use frame_support::{
	assert_ok,
	traits::{Authorize, Hooks},
};
use frame_system::RawOrigin;
use sp_runtime::transaction_validity::TransactionSource;

/// Runs the workers of some blocks without including anything, and takes what they sent.
fn run_workers(
	ext: &mut sp_io::TestExternalities,
	pool: &Pool,
	blocks: impl IntoIterator<Item = u64>,
) -> Vec<(u64, RuntimeCall)> {
	let mut sent = vec![];
	for block in blocks {
		ext.execute_with(|| {
			System::set_block_number(block);
			Operators::offchain_worker(block);
		});
		let taken = pool.take::<Extrinsic>().into_iter();
		sent.extend(taken.map(|transaction| (block, transaction.function)));
	}
	sent
}

#[test]
fn worker_sends_one_valid_heartbeat_for_each_local_operator() {
	let world = ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob");
	let (mut ext, pool) = world.local_key("Alice").local_key("Stranger").build_with_pool();
	let period = PERIOD..2 * PERIOD;
	// Due in the first half of the period; five blocks later it would be repeated.
	let sent = run_workers(&mut ext, &pool, 1..PERIOD + PERIOD / 2 - 1);
	let [(block, call)] = &sent[..] else { panic!("one heartbeat was expected: {sent:?}") };
	assert!(*block + 1 >= period.start && *block < period.end);
	let RuntimeCall::Operators(Call::heartbeat { period: 1, key: sender, measurement, signature }) = call
	else {
		panic!("a heartbeat of period 1 was expected: {call:?}")
	};
	assert_eq!((sender, *measurement), (&key("Alice"), Measurement::default()));
	ext.execute_with(|| {
		System::set_block_number(*block + 1);
		assert_ok!(call.authorize(TransactionSource::Local).unwrap());
		let origin = RawOrigin::Authorized.into();
		assert_ok!(Operators::heartbeat(origin, 1, sender.clone(), *measurement, signature.clone()));
	});
	// Heard: nothing more to say in this period.
	assert_eq!(run_workers(&mut ext, &pool, *block + 1..period.end - 1), []);
}

#[test]
fn worker_repeats_itself_only_when_the_heartbeat_was_not_included() {
	let (mut ext, pool) = ExtBuilder::default().operator(ALICE, "Alice").local_key("Alice").build_with_pool();
	let sent = run_workers(&mut ext, &pool, PERIOD - 1..2 * PERIOD - 1);
	let blocks = sent.iter().map(|(block, _)| *block).collect::<Vec<_>>();
	assert!(blocks.len() <= 2, "{blocks:?}");
	assert!(blocks.windows(2).all(|pair| pair[1] >= pair[0] + 5), "{blocks:?}");
	// Several workers of one block, as after a re-organisation.
	assert_eq!(run_workers(&mut ext, &pool, [blocks[blocks.len() - 1]; 3]), []);
}

#[test]
fn worker_speaks_at_once_when_the_operator_was_silent() {
	let (mut ext, pool) = ExtBuilder::default().operator(ALICE, "Alice").local_key("Alice").build_with_pool();
	let sent = run_workers(&mut ext, &pool, [7 * PERIOD - 1]);
	assert!(matches!(sent[..], [(69, RuntimeCall::Operators(Call::heartbeat { period: 7, .. }))]));
}

#[test]
fn worker_is_silent_when_the_operator_is_leaving() {
	let (mut ext, pool) = ExtBuilder::default().operator(ALICE, "Alice").local_key("Alice").build_with_pool();
	ext.execute_with(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		assert!(Records::<Test>::get(ALICE).unwrap().withdrawable_at.is_some());
	});
	assert_eq!(run_workers(&mut ext, &pool, PERIOD..3 * PERIOD), []);
}

/// Leaves something for the worker, as the node does.
fn leave(ext: &mut sp_io::TestExternalities, name: &[u8], value: impl Encode) {
	ext.execute_with(|| sp_runtime::offchain::storage::StorageValueRef::persistent(name).set(&value));
}

#[test]
fn worker_reports_what_the_node_measured() {
	let (mut ext, pool) = ExtBuilder::default().operator(ALICE, "Alice").local_key("Alice").build_with_pool();
	leave(&mut ext, MEASUREMENT_KEY, measurement());
	let sent = run_workers(&mut ext, &pool, [7 * PERIOD - 1]);
	let [(_, call)] = &sent[..] else { panic!("one heartbeat was expected: {sent:?}") };
	assert!(
		matches!(call, RuntimeCall::Operators(Call::heartbeat { measurement: said, .. }) if *said == measurement())
	);
	ext.execute_with(|| {
		System::set_block_number(7 * PERIOD);
		assert_ok!(call.authorize(TransactionSource::Local).unwrap());
	});
}

#[test]
fn worker_opens_the_hardware_when_it_is_asked_to() {
	let (mut ext, pool) = ExtBuilder::default().local_key("Alice").build_with_pool();
	ext.execute_with(|| {
		assert_ok!(register(ALICE, "Alice"));
		assert_ok!(Operators::challenge_hardware(signed(BOB), ALICE));
		ThrownAt::set(2);
		Seed::set(9);
		System::set_block_number(3);
		assert_ok!(Operators::settle_hardware(signed(BOB), ALICE));
	});
	// A node that was given nothing, or another machine, has nothing to say.
	assert_eq!(run_workers(&mut ext, &pool, [3]), []);
	leave(&mut ext, HARDWARE_KEY, machine(BOB));
	assert_eq!(run_workers(&mut ext, &pool, [3]), []);
	leave(&mut ext, HARDWARE_KEY, machine(ALICE));
	let sent = run_workers(&mut ext, &pool, [4]);
	let [(_, call)] = &sent[..] else { panic!("one answer was expected: {sent:?}") };
	ext.execute_with(|| {
		System::set_block_number(5);
		assert_ok!(call.authorize(TransactionSource::Local).unwrap());
		let RuntimeCall::Operators(Call::answer_hardware { key, component, opening, signature }) =
			call.clone()
		else {
			panic!("an answer was expected: {call:?}")
		};
		let origin = RawOrigin::Authorized.into();
		assert_ok!(Operators::answer_hardware(origin, key, component, opening, signature));
	});
	assert_eq!(run_workers(&mut ext, &pool, [5]), []);
}
