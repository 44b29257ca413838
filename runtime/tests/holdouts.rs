//! Sealed holdouts in the runtime: who may seal a model, who keeps chunks, and what a block has room for.

mod common;

use blyan_primitives::SealingRules;
use blyan_runtime::{Holdouts, Runtime, RuntimeCall, RuntimeOrigin};
use codec::Encode;
use frame_support::{
	assert_ok,
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::Get,
};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::Eve;

const RULES: SealingRules =
	SealingRules { sequences: 256, sequence_len: 64, loss_min: 1 << 15, loss_max: 4 << 16 };

#[test]
fn root_seals_the_genesis_model_and_accounts_keep_chunks_of_it() {
	common::development().execute_with(|| {
		let eve = Eve.to_account_id();
		let signed = || RuntimeOrigin::signed(eve.clone());
		assert!(Holdouts::seal_model(signed(), 0, Some(RULES)).is_err());
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), 0, Some(RULES)));
		assert_eq!(Holdouts::sealing(0), Some(RULES));
		let bond = Holdouts::keeping_terms().bond_min;
		assert_ok!(Holdouts::join(signed(), bond));
		assert_ok!(Holdouts::commit(signed(), 0, H256::repeat_byte(1)));
		assert_eq!(Holdouts::chunks_of(&eve, 0).len(), 1);
		assert!(Holdouts::leave(signed()).is_err(), "its chunk is sealed");
		assert_eq!(Holdouts::in_force(0), None, "nothing is open");
	});
}

/// Its bytes are hashed twice, and stand in the block.
#[test]
fn the_largest_chunk_takes_a_small_part_of_a_block() {
	common::development().execute_with(|| {
		let most: u32 = <Runtime as pallet_holdouts::Config>::MaxChunkBytes::get();
		let bytes = vec![0; most as usize].try_into().expect("they are as many as there may be");
		let call: RuntimeCall =
			pallet_holdouts::Call::reveal { submission: 0, bytes, salt: H256::zero() }.into();
		let limits = <Runtime as frame_system::Config>::BlockWeights::get();
		let room = limits.get(DispatchClass::Normal).max_extrinsic.expect("normal extrinsics are limited");
		let weight = call.get_dispatch_info().call_weight;
		assert!(weight.all_lte(room / 20), "{weight:?} of {room:?}");
		assert!(call.encoded_size() < 300 * 1024);
	});
}
