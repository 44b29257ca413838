//! A chain that has just begun.

#![allow(dead_code)] // Each test file uses its own part of this.

use blyan_runtime::{
	extension, genesis_presets, AccountId, Executive, Header, RuntimeCall, RuntimeGenesisConfig, Signature,
	SignedPayload, System, UncheckedExtrinsic,
};
use codec::Encode;
use frame_support::genesis_builder_helper::build_state;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;
use sp_runtime::generic::Era;

/// A preset's patch.
pub fn patch(preset: &str) -> Value {
	let bytes = genesis_presets::get_preset(&PresetId::from(preset)).expect("the preset exists");
	serde_json::from_slice(&bytes).expect("presets are JSON")
}

/// The state that a patch over the default genesis gives.
pub fn chain_from(patch: Value) -> sp_io::TestExternalities {
	let mut config = serde_json::to_value(RuntimeGenesisConfig::default()).expect("the default is JSON");
	merge(&mut config, patch);
	let mut ext = sp_io::TestExternalities::default();
	ext.execute_with(|| {
		build_state::<RuntimeGenesisConfig>(config.to_string().into_bytes()).expect("the genesis is valid")
	});
	ext
}

/// A development chain in its first block.
pub fn development() -> sp_io::TestExternalities {
	let mut ext = chain_from(patch(DEV_RUNTIME_PRESET));
	ext.execute_with(|| begin_block(1));
	ext
}

/// Begins block `number`.
pub fn begin_block(number: u32) {
	let parent = System::block_hash(number - 1);
	Executive::initialize_block(&Header {
		parent_hash: parent,
		number,
		state_root: Default::default(),
		extrinsics_root: Default::default(),
		digest: Default::default(),
	});
}

/// A call that an account signed, for ever valid.
pub fn signed(signer: Sr25519Keyring, call: RuntimeCall, nonce: u32) -> UncheckedExtrinsic {
	let payload =
		SignedPayload::new(call, extension(nonce, 0, Era::Immortal)).expect("implicit data is there");
	let signature = payload.using_encoded(|bytes| signer.sign(bytes));
	let (call, extension, _) = payload.deconstruct();
	UncheckedExtrinsic::new_signed(
		call,
		signer.to_account_id().into(),
		Signature::Sr25519(signature),
		extension,
	)
}

/// Bytes that decode to this call of this pallet more often than noise does: most of them are small numbers and accounts.
pub fn call_bytes(
	pallet: u8,
	call: u8,
	word: &mut impl FnMut() -> u64,
	account: impl Fn(u64) -> AccountId,
) -> Vec<u8> {
	let mut bytes = vec![pallet, call];
	while bytes.len() < 400 {
		match word() % 8 {
			0..=3 => bytes.push((word() % 4) as u8),
			4 => bytes.push(word() as u8),
			5 => bytes.extend([0; 4]),
			6 => bytes.extend(word().to_le_bytes()),
			_ => bytes.extend::<&[u8]>(account(word()).as_ref()),
		}
	}
	bytes
}

// As chain specifications do it.
fn merge(base: &mut Value, patch: Value) {
	match (base, patch) {
		(Value::Object(base), Value::Object(patch)) => {
			for (key, value) in patch {
				merge(base.entry(key).or_insert(Value::Null), value);
			}
		}
		(base, patch) => *base = patch,
	}
}
