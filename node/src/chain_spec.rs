//! Chain specifications: the two built-in ones, and files.

use crate::ml::genesis::GenesisModel;
use blyan_runtime::{genesis_presets, Runtime, WASM_BINARY};
use sc_chain_spec::ChainSpecExtension;
use sc_service::{ChainSpec as _, ChainType, GenericChainSpec, Properties};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sp_core::storage::{well_known_keys, Storage};
use sp_genesis_builder::{runtime_decl_for_genesis_builder::GenesisBuilderV1 as _, PresetId};
use sp_maybe_compressed_blob::{compress_weakly, CODE_BLOB_BOMB_LIMIT};
use sp_state_machine::BasicExternalities;
use std::{path::Path, sync::OnceLock};

/// The parachain's number on the relay chain.
pub const PARA_ID: u32 = 2000;

/// First bytes of uncompressed WebAssembly.
const WASM_MAGIC: &[u8] = b"\0asm";

/// Extensions of a parachain's specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ChainSpecExtension)]
pub struct Extensions {
	/// The relay chain it belongs to.
	#[serde(alias = "relayChain", alias = "RelayChain")]
	pub relay_chain: String,
	/// Its number there.
	#[serde(alias = "paraId", alias = "ParaId")]
	pub para_id: u32,
}

impl Extensions {
	/// The extensions of a specification, if it is a parachain's.
	pub fn try_get(chain_spec: &dyn sc_service::ChainSpec) -> Option<&Self> {
		sc_chain_spec::get_extension(chain_spec.extensions())
	}
}

/// A specification of this chain.
pub type ChainSpec = GenericChainSpec<Extensions>;

/// The specification `id` names: `dev`, `local`, or the path of a file.
///
/// `genesis_model` replaces the model that the built-in specifications register at genesis.
pub fn load(id: &str, genesis_model: Option<&Path>) -> Result<ChainSpec, String> {
	match BuiltIn::find(id) {
		Some(built_in) => built_in.spec(read_model(genesis_model)?.as_ref()),
		None if id.is_empty() => {
			Err("say which chain: `--dev` for a chain of your own, `--chain local`, or \
			`--chain FILE` with the network's specification"
				.into())
		}
		None => ChainSpec::from_json_file(id.into()).map_err(|error| {
			format!("cannot read the chain specification {id:?}: {error}. Built in are `dev` and `local`")
		}),
	}
}

/// The same specification with its genesis state at hand.
///
/// For a built-in one the runtime that is linked into this binary makes the state. Otherwise its WebAssembly
/// would be compiled once more at every start, which takes longer than everything else together.
pub fn load_with_state(id: &str, genesis_model: Option<&Path>) -> Result<ChainSpec, String> {
	let mut spec = load(id, genesis_model)?;
	if let Some(built_in) = BuiltIn::find(id) {
		spec.set_storage(built_in.state(read_model(genesis_model)?.as_ref())?);
	}
	Ok(spec)
}

fn read_model(dir: Option<&Path>) -> Result<Option<GenesisModel>, String> {
	dir.map(GenesisModel::read).transpose().map_err(|error| error.to_string())
}

/// Differences between the built-in specifications.
struct BuiltIn {
	name: &'static str,
	id: &'static str,
	chain_type: ChainType,
	preset: &'static str,
}

impl BuiltIn {
	fn find(id: &str) -> Option<Self> {
		match id {
			// No relay chain, well-known keys, sudo.
			"dev" | "blyan-dev" => Some(Self {
				name: "Blyan Development",
				id: "blyan-dev",
				chain_type: ChainType::Development,
				preset: sp_genesis_builder::DEV_RUNTIME_PRESET,
			}),
			// Collators and a relay chain on one machine.
			"local" | "blyan-local" => Some(Self {
				name: "Blyan Local",
				id: "blyan-local",
				chain_type: ChainType::Local,
				preset: sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET,
			}),
			_ => None,
		}
	}

	fn spec(&self, model: Option<&GenesisModel>) -> Result<ChainSpec, String> {
		let extensions = Extensions { relay_chain: "rococo-local".into(), para_id: PARA_ID };
		Ok(ChainSpec::builder(wasm()?, extensions)
			.with_name(self.name)
			.with_id(self.id)
			.with_chain_type(self.chain_type.clone())
			.with_properties(properties())
			.with_genesis_config_patch(self.patch(model)?)
			.build())
	}

	/// Returns this chain's changes to the default genesis.
	fn patch(&self, model: Option<&GenesisModel>) -> Result<Value, String> {
		let Some(model) = model else { return preset(Some(self.preset.into())) };
		genesis_presets::with_model(self.preset, model.manifest_json()).ok_or_else(|| {
			"the genesis model's manifest.json does not describe a model that this runtime accepts".into()
		})
	}

	fn state(&self, model: Option<&GenesisModel>) -> Result<Storage, String> {
		let mut config = preset(None)?;
		sc_chain_spec::json_merge(&mut config, self.patch(model)?);
		let json = serde_json::to_vec(&config).map_err(|error| error.to_string())?;
		let mut state = BasicExternalities::new_empty();
		state.execute_with(|| Runtime::build_state(json))?;
		let mut storage = state.into_storages();
		storage.top.insert(well_known_keys::CODE.to_vec(), wasm()?.to_vec());
		Ok(storage)
	}
}

/// A preset of the linked runtime; its default genesis without a name.
fn preset(id: Option<PresetId>) -> Result<Value, String> {
	let json = BasicExternalities::new_empty().execute_with(|| Runtime::get_preset(&id));
	let json = json.ok_or("the runtime lacks one of its presets")?;
	serde_json::from_slice(&json).map_err(|error| error.to_string())
}

/// The runtime's code, compressed: a development build's is larger than a relay chain accepts.
fn wasm() -> Result<&'static [u8], String> {
	static CODE: OnceLock<Option<Vec<u8>>> = OnceLock::new();
	let code = CODE.get_or_init(|| {
		let code = WASM_BINARY?;
		// What a release build made is compressed already, and better.
		let is_bare = code.starts_with(WASM_MAGIC);
		let compressed = is_bare.then(|| compress_weakly(code, CODE_BLOB_BOMB_LIMIT)).flatten();
		Some(compressed.unwrap_or_else(|| code.to_vec()))
	});
	code.as_deref().ok_or_else(|| {
		"this node was built without its runtime (SKIP_WASM_BUILD); build it again without that variable"
			.into()
	})
}

/// Returns the properties by which wallets show amounts and addresses.
fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), "BLY".into());
	properties.insert("tokenDecimals".into(), 12.into());
	properties.insert("ss58Format".into(), 42.into());
	properties
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_runtime::BuildStorage;

	#[test]
	fn built_in_specifications_name_the_parachain_and_the_token() {
		for (id, chain_type) in [("dev", ChainType::Development), ("blyan-local", ChainType::Local)] {
			let spec = load(id, None).expect("built in");
			let extensions = Extensions::try_get(&spec).expect("a parachain");
			assert_eq!((extensions.relay_chain.as_str(), extensions.para_id), ("rococo-local", PARA_ID));
			assert_eq!(spec.chain_type(), chain_type);
			assert_eq!(spec.properties()["tokenSymbol"], "BLY");
			assert_eq!(spec.properties()["tokenDecimals"], 12);
			assert_eq!(spec.properties()["ss58Format"], 42);
		}
	}

	#[test]
	fn the_runtime_fits_the_relay_chain() {
		let code = wasm().expect("built in");
		let max = polkadot_primitives::MAX_CODE_SIZE as usize;
		assert!(code.len() < max, "{} of {max} bytes", code.len());
	}

	#[test]
	fn native_genesis_state_is_that_of_the_webassembly() {
		for id in ["dev", "local"] {
			let native = load_with_state(id, None).expect("built in").build_storage().expect("has a state");
			let wasm = load(id, None).expect("built in").build_storage().expect("has a state");
			assert_eq!(native.top, wasm.top, "{id}");
			assert_eq!(native.children_default, wasm.children_default, "{id}");
		}
	}

	#[test]
	fn load_says_what_to_do_when_no_chain_is_named() {
		let error = load("", None).err().expect("refused");
		assert!(error.contains("--dev"), "{error}");
		let error = load("/nowhere.json", None).err().expect("refused");
		assert!(error.contains("Built in are"), "{error}");
	}
}
