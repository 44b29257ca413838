//! Chain specifications of a network: the parachain's, and a relay chain's that has it registered from its first block.

use crate::{binary, workspace};
use serde_json::{json, Map, Value as Json};
use sp_core::{crypto::Ss58Codec, ecdsa, ed25519, sr25519};
use std::{
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

/// The parachain's number under the relay chain.
const PARA_ID: u32 = 2000;

/// The relay chain's specification as data: plain, of a local network, packed.
const RELAY: &str = "chain-specs/rococo-local.json.xz";

/// The raw specifications of a network's two chains.
#[derive(Clone, Debug)]
pub struct ChainSpecs {
	/// The relay chain's.
	pub relay: PathBuf,
	/// The parachain's.
	pub para: PathBuf,
}

impl ChainSpecs {
	/// Writes both into `dir`.
	///
	/// - `validators`: names of the relay chain's validators, as in `Alice`, whose keys come from the development
	///   phrase.
	/// - `model`: directory of the parachain's genesis model.
	///
	/// # Panics
	///
	/// If a tool that is needed fails; the message holds what it said.
	pub fn write(dir: &Path, validators: &[&str], model: &Path) -> Self {
		std::fs::create_dir_all(dir).expect("the test's directory can be written");
		let para = dir.join("para.json");
		let node = || Command::new(binary("blyan-node"));
		run(node()
			.args(["export-chain-spec", "--chain", "local", "--raw", "--genesis-model"])
			.arg(model)
			.arg("--output")
			.arg(&para));
		give_sudo(&para);
		let head = run(node()
			.args(["export-genesis-head", "--base-path"])
			.arg(dir.join("genesis"))
			.arg("--chain")
			.arg(&para));
		let code = genesis_code(&para);

		let mut plain: Json = serde_json::from_slice(&run(Command::new("xz")
			.args(["--decompress", "--stdout"])
			.arg(workspace().join(RELAY))))
		.expect("the relay chain's specification is JSON");
		configure(&mut plain, validators, head.trim_ascii(), code);
		let plain_path = dir.join("relay-plain.json");
		std::fs::write(&plain_path, plain.to_string()).expect("the test's directory can be written");

		let relay = dir.join("relay.json");
		let raw = run(Command::new(binary("polkadot"))
			.args(["build-spec", "--raw", "--disable-default-bootnode", "--chain"])
			.arg(&plain_path));
		std::fs::write(&relay, raw).expect("the test's directory can be written");
		Self { relay, para }
	}
}

/// Gives the development account Alice a sudo key, which the preset has not: a story has no days for a referendum.
fn give_sudo(raw: &Path) {
	let bytes = std::fs::read(raw).expect("the specification was written");
	let mut spec: Json = serde_json::from_slice(&bytes).expect("specifications are JSON");
	let key = [b"Sudo".as_slice(), b"Key"].map(sp_crypto_hashing::twox_128).concat();
	let alice = crate::account("//Alice");
	spec["genesis"]["raw"]["top"][format!("0x{}", hex::encode(key))] =
		json!(format!("0x{}", hex::encode(alice)));
	std::fs::write(raw, spec.to_string()).expect("the test's directory can be written");
}

/// The validation code in a raw specification, in hexadecimal.
fn genesis_code(raw: &Path) -> Json {
	/// Storage key `:code`.
	const CODE: &str = "0x3a636f6465";
	let bytes = std::fs::read(raw).expect("the specification was written");
	let spec: Json = serde_json::from_slice(&bytes).expect("specifications are JSON");
	spec["genesis"]["raw"]["top"][CODE].clone()
}

/// Makes a relay chain of these validators that backs the parachain from its first block on.
fn configure(spec: &mut Json, validators: &[&str], head: &[u8], code: Json) {
	let patch = &mut spec["genesis"]["runtimeGenesis"]["patch"];
	patch["session"]["keys"] = validators.iter().map(|name| session_keys(name)).collect();
	// `true` makes it a parachain with a core of its own; the core is added to those configured.
	let head = String::from_utf8_lossy(head).into_owned();
	patch["paras"] = json!({ "paras": [[PARA_ID, [head, code, true]]] });

	let config = &mut patch["configuration"]["config"];
	let mut set = |group: &str, fields: Json| {
		let Json::Object(fields) = fields else { unreachable!("groups are objects") };
		let target: &mut Map<String, Json> = match group {
			"" => config.as_object_mut(),
			group => config[group].as_object_mut(),
		}
		.expect("the relay chain's configuration has this group");
		for (name, value) in fields {
			assert!(target.contains_key(&name), "the relay chain's configuration has no {group}.{name}");
			target.insert(name, value);
		}
	};
	set("async_backing_params", json!({ "max_candidate_depth": 3, "allowed_ancestry_len": 2 }));
	// Whoever backs a candidate does not approve it, and two more must. Groups of one leave three of four validators for
	// that, so that one may be gone; while it is its group's turn, nothing is backed, which is why turns are short.
	set(
		"scheduler_params",
		json!({ "lookahead": 3, "max_validators_per_core": 1, "group_rotation_frequency": 5 }),
	);
	// A session of this relay chain is a minute. What became of a session is needed until its blocks are final, and six
	// minutes, the default, would make every longer outage the last.
	set("", json!({ "minimum_backing_votes": 1, "dispute_period": 120 }));
}

/// A validator's entry in the genesis of the session pallet.
fn session_keys(name: &str) -> Json {
	let suri = format!("//{name}");
	let ss58 = |suri: &str| public::<sr25519::Pair>(suri).to_ss58check();
	let stash = ss58(&format!("{suri}//stash"));
	let key = ss58(&suri);
	json!([stash, stash, {
		"authority_discovery": key,
		"babe": key,
		"beefy": public::<ecdsa::Pair>(&suri).to_ss58check(),
		"grandpa": public::<ed25519::Pair>(&suri).to_ss58check(),
		"para_assignment": key,
		"para_validator": key,
	}])
}

fn public<P: sp_core::Pair>(suri: &str) -> P::Public {
	P::from_string(suri, None).expect("derivations of the development phrase are well formed").public()
}

/// Runs a tool to its end and returns what it printed.
fn run(command: &mut Command) -> Vec<u8> {
	let output = command
		.stdin(Stdio::null())
		.output()
		.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
	assert!(
		output.status.success(),
		"{command:?} ended with {}:\n{}",
		output.status,
		String::from_utf8_lossy(&output.stderr)
	);
	output.stdout
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn session_keys_are_those_of_the_relay_chains_preset() {
		let alice = session_keys("Alice");
		assert_eq!(alice[0], "5GNJqTPyNqANBkUVMN1LPPrxXnFouWXoe2wNSmmEoLctxiZY");
		assert_eq!(alice[2]["babe"], "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
		assert_eq!(alice[2]["grandpa"], "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu");
		assert_eq!(alice[2]["beefy"], "KW39r9CJjAVzmkf9zQ4YDb2hqfAVGdRqn53eRqyruqpxAP5YL");
	}
}
