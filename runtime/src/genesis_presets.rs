//! The first block: what `development` and `local` chains start with.

pub use crate::genesis_model::model_patch;

use crate::{genesis_model::MANIFEST, *};
use alloc::{vec, vec::Vec};
use blyan_primitives::OperatorId;
use cumulus_primitives_core::ParaId;
use frame_support::build_struct_json_patch;
use pallet_ledger::{Budget, EnvelopeAmounts};
use serde_json::Value;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;

/// The parachain's number under the relay chain.
pub const PARA_ID: ParaId = ParaId::new(2000);

/// Starting balance of each well-known account.
const ENDOWMENT: Balance = 1_000_000 * UNIT;
/// Stake on hold of each operator of the first block.
const STAKE: Balance = 100 * UNIT;
/// The operators of the first block; their session keys come from the same seeds as their accounts.
const OPERATORS: [Sr25519Keyring; 3] = [Sr25519Keyring::Alice, Sr25519Keyring::Bob, Sr25519Keyring::Charlie];

/// Blocks in a day of governance on a development chain: two minutes, or seconds where blocks are made faster.
const DEVELOPMENT_DAY: BlockNumber = 20;
/// Blocks in a day of governance on a local network: ten minutes.
const LOCAL_DAY: BlockNumber = 100;

/// Properties in which the presets differ.
struct Preset {
	collators: &'static [Sr25519Keyring],
	mix_parent_hash: bool,
	sudo: Option<Sr25519Keyring>,
	day_length: BlockNumber,
}

fn genesis(preset: &Preset) -> Value {
	let Preset { collators, mix_parent_hash, sudo, day_length } = *preset;
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
				.iter()
				.map(|key| {
					let account = key.to_account_id();
					(account.clone(), account, SessionKeys { aura: key.public().into() })
				})
				.collect(),
		},
		polkadot_xcm: PolkadotXcmConfig { safe_xcm_version: Some(xcm::prelude::XCM_VERSION) },
		sudo: SudoConfig { key: sudo.map(|key| key.to_account_id()) },
		ranked_collective: RankedCollectiveConfig { day_length },
		technical_committee: TechnicalCommitteeConfig {
			members: OPERATORS.iter().map(|key| key.to_account_id()).collect(),
		},
		operators: OperatorsConfig {
			operators: OPERATORS
				.iter()
				.map(|key| (key.to_account_id(), OperatorId::from(key.public()), STAKE))
				.collect(),
		},
		ledger: LedgerConfig {
			budget: Budget::default(),
			// Enough for the first miners and judges until the first era has ended many times over.
			envelopes: EnvelopeAmounts {
				learning: 1_000_000 * UNIT,
				validation: 100_000 * UNIT,
				..Default::default()
			},
		},
	})
}

/// One collator and no relay chain. The only preset with a sudo key.
fn development() -> Value {
	genesis(&Preset {
		collators: &[Sr25519Keyring::Alice],
		mix_parent_hash: true,
		sudo: Some(Sr25519Keyring::Alice),
		day_length: DEVELOPMENT_DAY,
	})
}

/// Two collators under a relay chain on one's own machine. Operators and the technical council rule it, as they do any network.
fn local() -> Value {
	genesis(&Preset {
		collators: &[Sr25519Keyring::Alice, Sr25519Keyring::Bob],
		mix_parent_hash: false,
		sudo: None,
		day_length: LOCAL_DAY,
	})
}

/// The preset `id` with the model that `manifest_json` describes.
///
/// `None` if there is no such preset or the manifest cannot be read.
pub fn with_model(id: &str, manifest_json: &str) -> Option<Value> {
	let mut patch = match id {
		DEV_RUNTIME_PRESET => development(),
		LOCAL_TESTNET_RUNTIME_PRESET => local(),
		_ => return None,
	};
	let Value::Object(model) = model_patch(manifest_json).ok()? else { return None };
	patch.as_object_mut()?.extend(model);
	Some(patch)
}

/// The `development` preset with another model.
pub fn development_with_model(manifest_json: &str) -> Option<Value> {
	with_model(DEV_RUNTIME_PRESET, manifest_json)
}

/// The preset `id` as JSON, if there is one.
pub fn get_preset(id: &PresetId) -> Option<Vec<u8>> {
	serde_json::to_vec(&with_model(id.as_ref(), MANIFEST)?).ok()
}

/// The presets there are.
pub fn preset_names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}
