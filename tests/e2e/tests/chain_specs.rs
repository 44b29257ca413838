//! The recipes for chain specifications: what they make, and what they refuse to make.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{binary, workspace};
use serde_json::{json, Value as Json};
use std::{
	path::{Path, PathBuf},
	process::{Command, Output},
};

struct Recipe(tempfile::TempDir);

impl Recipe {
	fn new() -> Self {
		Self(tempfile::tempdir().unwrap())
	}

	fn path(&self, name: &str) -> PathBuf {
		self.0.path().join(name)
	}

	/// Writes an input.
	fn input(&self, name: &str, input: &Json) -> PathBuf {
		let path = self.path(name);
		std::fs::write(&path, input.to_string()).unwrap();
		path
	}

	fn run(&self, args: &[&str]) -> Output {
		Command::new(workspace().join("scripts/chain-specs"))
			.arg("--out")
			.arg(self.path("out"))
			.args(args)
			.env("BLYAN_NODE", binary("blyan-node"))
			.output()
			.unwrap()
	}

	fn make(&self, inputs: &[&Path]) {
		let args: Vec<&str> = inputs.iter().map(|path| path.to_str().unwrap()).collect();
		let output = self.run(&args);
		assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
	}

	/// Returns the error of a recipe that refuses to make something.
	fn refuse(&self, input: &Path) -> String {
		let output = self.run(&[input.to_str().unwrap()]);
		assert!(!output.status.success(), "{} should have been refused", input.display());
		String::from_utf8_lossy(&output.stderr).into_owned()
	}

	fn read(&self, name: &str) -> Json {
		serde_json::from_slice(&std::fs::read(self.path("out").join(name)).unwrap()).unwrap()
	}
}

/// The template with everything filled in.
fn filled() -> Json {
	let template = std::fs::read(workspace().join("chain-specs/testnet-template.json")).unwrap();
	let mut input: Json = serde_json::from_slice(&template).unwrap();
	input["id"] = json!("blyan-test");
	input["relay_chain"] = json!("paseo");
	input["para_id"] = json!(4321);
	input["boot_nodes"] =
		json!(["/dns/boot.example.org/tcp/30333/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"]);
	input["council"] = json!([address(1), address(6)]);
	input["collators"] = json!([
		{ "account": address(2), "aura": address(3) },
		{ "account": address(4), "aura": address(5) },
	]);
	input["operators"] = json!([{ "account": address(6), "session_key": address(7), "stake_bly": 100 }]);
	input["endowments_bly"] = json!({ address(1): 1_000_000_000, address(6): 101 });
	input
}

/// An account whose secret is unknown.
fn address(byte: u8) -> String {
	use sp_core::crypto::{AccountId32, Ss58Codec};
	AccountId32::new([byte; 32]).to_ss58check()
}

#[test]
fn development_and_local_are_made_and_are_the_same_every_time() {
	let recipes = [Recipe::new(), Recipe::new()];
	let inputs = ["development", "local"].map(|name| workspace().join(format!("chain-specs/{name}.json")));
	recipes[0].make(&[&inputs[0], &inputs[1]]);
	for (name, id, kind) in [("development", "blyan-dev", "Development"), ("local", "blyan-local", "Local")] {
		for form in ["plain", "raw"] {
			let spec = recipes[0].read(&format!("{name}.{form}.json"));
			assert_eq!((&spec["id"], &spec["chainType"]), (&json!(id), &json!(kind)));
			assert_eq!((&spec["para_id"], &spec["relay_chain"]), (&json!(2000), &json!("rococo-local")));
			let token = json!({ "ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "BLY" });
			assert_eq!(spec["properties"], token);
		}
	}
	recipes[1].make(&[&inputs[1]]);
	let sums = recipes.map(|recipe| std::fs::read_to_string(recipe.path("out/SHA256SUMS")).unwrap());
	assert_eq!(sums[1].lines().count(), 4, "plain, raw, head and code: {}", sums[1]);
	for sum in sums[1].lines() {
		assert!(sums[0].contains(sum), "made twice, this is another file: {sum}");
	}
}

#[test]
fn a_testnet_is_what_its_input_says() {
	let recipe = Recipe::new();
	let mut input = filled();
	recipe.make(&[&recipe.input("net.json", &input)]);
	let plain = recipe.read("net.plain.json");
	assert_eq!((&plain["id"], &plain["chainType"]), (&json!("blyan-test"), &json!("Live")));
	assert_eq!((&plain["para_id"], &plain["relay_chain"]), (&json!(4321), &json!("paseo")));
	let genesis = &plain["genesis"]["runtimeGenesis"]["patch"];
	assert_eq!(genesis["parachainInfo"]["parachainId"], 4321);
	assert_eq!(genesis["sudo"]["key"], Json::Null, "no account can do everything");
	assert_eq!(genesis["technicalCommittee"]["members"], json!([address(1), address(6)]));
	assert_eq!(genesis["rankedCollective"]["dayLength"], 0, "a day of governance is a real day");
	assert_eq!(genesis["collatorSelection"]["invulnerables"], json!([address(2), address(4)]));
	assert_eq!(genesis["session"]["keys"][1], json!([address(4), address(4), { "aura": address(5) }]));
	// A thousand million coins, to the last digit.
	let text = std::fs::read_to_string(recipe.path("out/net.plain.json")).unwrap();
	assert!(text.contains("1000000000000000000000"), "amounts keep their digits");
	let raw = recipe.read("net.raw.json");
	assert_eq!(raw["bootNodes"].as_array().unwrap().len(), 1);
	assert!(raw["genesis"]["raw"]["top"].as_object().unwrap().len() > 50);

	// With one account left out, the node refuses it by itself.
	let left = recipe.path("left.json");
	std::fs::write(&left, text.replace(&address(1), "FILL IN: council")).unwrap();
	ensure_node_refuses(&left);

	// One development key anywhere is one too many.
	input["collators"][1]["aura"] = json!("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty");
	let said = recipe.refuse(&recipe.input("net.json", &input));
	assert!(said.contains("//Bob") && !said.contains("//Alice"), "{said}");
	assert!(!recipe.path("out/net.raw.json").exists(), "nothing is left that could be started");
}

#[test]
fn a_template_is_refused_by_the_recipe_and_by_the_node() {
	let recipe = Recipe::new();
	let template = workspace().join("chain-specs/testnet-template.json");
	let said = recipe.refuse(&template);
	for field in ["para_id", "council.0", "collators.0.aura", "operators.0.session_key", "endowments_bly"] {
		assert!(said.contains(field), "{field} is to be filled in: {said}");
	}

	let output = recipe.run(&["--plain-only", template.to_str().unwrap()]);
	assert!(output.status.success(), "a template can be looked at");
	ensure_node_refuses(&recipe.path("out/testnet-template.plain.json"));
}

/// The node makes no genesis state of this.
fn ensure_node_refuses(spec: &Path) {
	let node =
		Command::new(binary("blyan-node")).args(["export-chain-spec", "--raw", "--chain"]).arg(spec).output();
	assert!(!node.unwrap().status.success(), "the node must not start {}", spec.display());
}

#[test]
fn an_input_with_a_misspelt_field_is_refused() {
	let recipe = Recipe::new();
	let said = recipe.refuse(&recipe.input("net.json", &json!({ "base": "local", "parachain": 1 })));
	assert!(said.contains("parachain"), "{said}");
}
