//! A chain that has just begun.

#![allow(dead_code)] // Each test file uses its own part of this.

use blyan_runtime::{genesis_presets, Executive, Header, RuntimeGenesisConfig, System};
use frame_support::genesis_builder_helper::build_state;
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET};

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
