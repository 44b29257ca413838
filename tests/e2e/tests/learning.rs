//! The main loop, told through the command line.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{parameter, World, REFUSED, SLOT};
use blyan_primitives::ModelInfo;
use codec::Encode;
use serde_json::Value;
use subxt_signer::sr25519::dev;

/// The value of the last printed event of that name.
fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	values
		.iter()
		.rfind(|value| value["event"] == name)
		.unwrap_or_else(|| panic!("no event {name} in {values:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_accepts_a_better_expert_and_refuses_noise() {
	let world = World::with_a_beginner().await;
	let model = || async {
		world.chain.runtime_api::<Option<ModelInfo>>("ModelsApi_model", &0u32.encode()).await.unwrap()
	};
	let before = model().await;
	assert_eq!(before.generation, 0);

	// Long enough to look at what is on hold, short enough to see it released.
	world.chain.set_parameter(parameter::CHALLENGE_WINDOW, 20u32).await;
	let balance = |field: &str| -> u128 {
		let text = world.command.expect(&["balance", "//Dave"])[0][field].as_str().unwrap().to_string();
		text.parse().unwrap()
	};
	let dataset = world.files.dataset();
	let said = world.command.expect(&[
		"mine",
		"--suri",
		"//Dave",
		"--slot",
		SLOT,
		"--dataset",
		&dataset,
		"--steps",
		"60",
	]);
	let after = model().await;
	assert_eq!(after.generation, 1, "one expert was promoted: {said:#?}");
	assert_eq!(after.heads[0].version, 1);
	assert_ne!(after.heads[0].block, before.heads[0].block);
	assert_eq!(after.heads[1..], before.heads[1..], "the other slots are untouched");
	let submitted = event(&said, "submitted");
	assert_eq!(submitted["submission"], 0);

	let decision = event(&said, "decision");
	let reward: u128 = decision["held"].as_str().unwrap().parse().unwrap();
	assert!(reward > 0 && decision["disputable_until"].is_u64(), "the reward waits: {decision}");
	let bond = world.chain.terms(&dev::dave()).await;
	let (bond, fee) = (bond.bond, bond.fee);
	assert_eq!(balance("held"), reward + bond + fee, "bond, fee and reward wait until the decision stands");
	let free = balance("free");
	world.chain.wait_for_maturity(0).await;
	assert_eq!(
		(balance("held"), balance("free")),
		(0, free + reward + bond),
		"the fee went to those who judged"
	);

	let noise = world.files.noise(1);
	let said =
		world.command.expect_failure(REFUSED, &["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave"]);
	assert!(said.contains("submission 1"), "the refusal names the submission: {said}");
	assert_eq!(model().await.heads, after.heads, "noise changes nothing");

	// The model that learned still answers, and the same question has the same answer.
	let ask = || world.command.expect(&["chat", "--prompt", "pub fn ", "--max-bytes", "24", "--seed", "7"]);
	assert_eq!(
		ask().last().map(|value| value["text"].clone()),
		ask().last().map(|value| value["text"].clone())
	);

	// Whoever was answered checks it on a machine of its own, with the blobs of the model that has learned.
	let file = world.files.path("answers.json").display().to_string();
	let more = ["--prompt", "pub fn ", "--max-bytes", "150", "--seed", "7", "--save", &file];
	let said = world.command.expect(&[&["chat"][..], &more].concat());
	assert_eq!(event(&said, "saved")["file"], file);
	let replayed = world.command.expect(&["audit", "replay", &file]);
	let answer = event(&replayed, "answer");
	assert_eq!((&answer["equal"], &answer["bytes"]), (&Value::Bool(true), &150.into()));
}
