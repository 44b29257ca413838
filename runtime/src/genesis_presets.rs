//! The first block: what `development` and `local` chains start with.

use crate::*;
use alloc::{vec, vec::Vec};
use cumulus_primitives_core::ParaId;
use frame_support::build_struct_json_patch;
use sp_genesis_builder::PresetId;
use sp_keyring::Sr25519Keyring;

/// The parachain's number under the relay chain.
pub const PARA_ID: ParaId = ParaId::new(2000);

/// What each well-known account of a development chain starts with.
const ENDOWMENT: Balance = 1_000_000 * UNIT;

fn genesis(collators: Vec<Sr25519Keyring>, mix_parent_hash: bool) -> serde_json::Value {
	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: BalancesConfig {
			balances: Sr25519Keyring::well_known().map(|key| (key.to_account_id(), ENDOWMENT)).collect(),
		},
		parachain_info: ParachainInfoConfig { parachain_id: PARA_ID },
		relay_randomness: randomness::GenesisConfig { mix_parent_hash },
		collator_selection: CollatorSelectionConfig {
			invulnerables: collators.iter().map(|key| key.to_account_id()).collect(),
			candidacy_bond: 100 * UNIT,
		},
		session: SessionConfig {
			keys: collators
				.into_iter()
				.map(|key| {
					let account = key.to_account_id();
					(account.clone(), account, SessionKeys { aura: key.public().into() })
				})
				.collect(),
		},
		polkadot_xcm: PolkadotXcmConfig { safe_xcm_version: Some(xcm::prelude::XCM_VERSION) },
		sudo: SudoConfig { key: Some(Sr25519Keyring::Alice.to_account_id()) },
	})
}

/// One collator and no relay chain.
pub fn development() -> serde_json::Value {
	genesis(vec![Sr25519Keyring::Alice], true)
}

/// Two collators under a relay chain on one's own machine.
pub fn local() -> serde_json::Value {
	genesis(vec![Sr25519Keyring::Alice, Sr25519Keyring::Bob], false)
}

/// The preset `id` as JSON, if there is one.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
	let patch = match id.as_ref() {
		sp_genesis_builder::DEV_RUNTIME_PRESET => development(),
		sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET => local(),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The presets there are.
pub fn preset_names() -> Vec<PresetId> {
	vec![
		PresetId::from(sp_genesis_builder::DEV_RUNTIME_PRESET),
		PresetId::from(sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET),
	]
}
