//! What the off-chain worker sends, and how seldom.

use super::mock::*;
use crate::{Call, Operators as Records};
use codec::Decode;
use frame_support::{
	assert_ok,
	traits::{Authorize, Hooks},
};
use frame_system::RawOrigin;
use sp_runtime::transaction_validity::TransactionSource;

/// Runs the workers of some blocks without including anything, and takes what they sent.
fn run_workers(
	ext: &mut sp_io::TestExternalities,
	pool: &parking_lot::RwLock<sp_core::offchain::testing::PoolState>,
	blocks: impl IntoIterator<Item = u64>,
) -> Vec<(u64, RuntimeCall)> {
	let mut sent = vec![];
	for block in blocks {
		ext.execute_with(|| {
			System::set_block_number(block);
			Operators::offchain_worker(block);
		});
		for bytes in pool.write().transactions.drain(..) {
			let extrinsic = Extrinsic::decode(&mut &bytes[..]).unwrap();
			sent.push((block, extrinsic.function));
		}
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
	let RuntimeCall::Operators(Call::heartbeat { period: 1, key: sender, signature }) = call else {
		panic!("a heartbeat of period 1 was expected: {call:?}")
	};
	assert_eq!(sender, &key("Alice"));
	ext.execute_with(|| {
		System::set_block_number(*block + 1);
		assert_ok!(call.authorize(TransactionSource::Local).unwrap());
		let origin = RawOrigin::Authorized.into();
		assert_ok!(Operators::heartbeat(origin, 1, sender.clone(), signature.clone()));
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
