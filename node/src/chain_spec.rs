//! Chain specifications: the two built-in ones, and files.

use crate::ml::genesis::GenesisModel;
use blyan_runtime::{genesis_presets, WASM_BINARY};
use sc_chain_spec::ChainSpecExtension;
use sc_service::{ChainType, GenericChainSpec, Properties};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The parachain's number on the relay chain.
pub const PARA_ID: u32 = 2000;

/// What a parachain's specification says beyond the usual.
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
pub fn load(id: &str, genesis_model: Option<&Path>) -> Result<Box<dyn sc_service::ChainSpec>, String> {
	let model = genesis_model.map(GenesisModel::read).transpose().map_err(|error| error.to_string())?;
	Ok(Box::new(match id {
		"dev" | "blyan-dev" => development(model.as_ref())?,
		"local" | "blyan-local" => local(model.as_ref())?,
		"" => {
			return Err("say which chain: `--dev` for a chain of your own, `--chain local`, or \
				`--chain FILE` with the network's specification"
				.into())
		}
		path => ChainSpec::from_json_file(path.into()).map_err(|error| {
			format!("cannot read the chain specification {path:?}: {error}. Built in are `dev` and `local`")
		})?,
	}))
}

/// A chain of one's own, for development: no relay chain, well-known keys, sudo.
fn development(model: Option<&GenesisModel>) -> Result<ChainSpec, String> {
	built_in("Blyan Development", "blyan-dev", ChainType::Development, "development", model)
}

/// A network of collators and a local relay chain on one machine.
fn local(model: Option<&GenesisModel>) -> Result<ChainSpec, String> {
	built_in("Blyan Local", "blyan-local", ChainType::Local, "local", model)
}

fn built_in(
	name: &str,
	id: &str,
	chain_type: ChainType,
	preset: &str,
	model: Option<&GenesisModel>,
) -> Result<ChainSpec, String> {
	let wasm = WASM_BINARY.ok_or(
		"this node was built without its runtime (SKIP_WASM_BUILD); build it again without that variable",
	)?;
	let extensions = Extensions { relay_chain: "rococo-local".into(), para_id: PARA_ID };
	let builder = ChainSpec::builder(wasm, extensions)
		.with_name(name)
		.with_id(id)
		.with_chain_type(chain_type)
		.with_properties(properties());
	Ok(match model {
		None => builder.with_genesis_config_preset_name(preset),
		Some(model) => {
			let patch = genesis_presets::with_model(preset, model.manifest_json())
				.ok_or("the genesis model's manifest does not describe a model this runtime accepts")?;
			builder.with_genesis_config_patch(patch)
		}
	}
	.build())
}

/// How wallets show amounts and addresses.
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

	#[test]
	fn built_in_specifications_name_the_parachain_and_the_token() {
		for (id, chain_type) in [("dev", ChainType::Development), ("blyan-local", ChainType::Local)] {
			let spec = load(id, None).expect("built in");
			let extensions = Extensions::try_get(&*spec).expect("a parachain");
			assert_eq!((extensions.relay_chain.as_str(), extensions.para_id), ("rococo-local", PARA_ID));
			assert_eq!(spec.chain_type(), chain_type);
			assert_eq!(spec.properties()["tokenSymbol"], "BLY");
			assert_eq!(spec.properties()["tokenDecimals"], 12);
			assert_eq!(spec.properties()["ss58Format"], 42);
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
