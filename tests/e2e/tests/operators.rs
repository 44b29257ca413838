//! Operators' messages, and their consequences.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{no_expert, parameter, tiny_model, Lie, World, REFUSED, SLOT};
use blyan_primitives::ExpertSlot;
use blyan_runtime_api::{EvaluationStage, RejectReason, SubmissionOutcome};
use sp_core::H256;
use subxt_signer::sr25519::dev;

const FIRST_SLOT: ExpertSlot = ExpertSlot { model: 0, layer: 0, expert: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn report_of_another_score_is_outvoted_by_two_thirds() {
	// The node holds two keys; the test speaks for the third operator.
	let world = World::with(|config| config.operators(&["//Alice", "//Bob"])).await;
	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	world.chain.wait_for_evaluation(0, EvaluationStage::Sealing).await;
	let dir = world.files.path("liar");
	let lie = Lie::about(&world.chain, 0, &dir, &tiny_model(), &noise.bytes()).await;
	let reputation = world.chain.operator("//Charlie").await.reputation;

	let early = world.chain.reveal(0, &lie.verdict, "//Charlie").await;
	assert!(early.is_err(), "nothing is revealed that was not sealed: {early:?}");
	let stranger = world.chain.seal(0, &lie.verdict, "//Dave").await;
	assert!(stranger.is_err(), "a key outside the committee is not heard: {stranger:?}");
	let replayed = world.chain.seal_for(0, &lie.verdict, "//Charlie", &H256::repeat_byte(1)).await;
	assert!(replayed.is_err(), "a seal signed for another network is not heard: {replayed:?}");
	world.chain.seal(0, &lie.verdict, "//Charlie").await.unwrap();
	world.chain.wait_for_evaluation(0, EvaluationStage::Revealing).await;
	let changed = world.chain.reveal(0, &lie.truth, "//Charlie").await;
	assert!(changed.is_err(), "what was sealed cannot be changed: {changed:?}");
	world.chain.reveal(0, &lie.verdict, "//Charlie").await.unwrap();

	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(
		matches!(outcome, SubmissionOutcome::Rejected(RejectReason::NotBetter { improvement }) if improvement < 0),
		"the two that agree decide: {outcome:?}"
	);
	let claims = world.chain.verdicts(0).await;
	for honest in ["//Alice", "//Bob"] {
		let said = claims.iter().find(|(who, _)| *who == blyan_e2e::account(honest)).map(|(_, said)| *said);
		assert_eq!(said, Some(lie.truth), "{honest} and the test's engine agree to the bit");
	}
	assert!(
		world.chain.operator("//Charlie").await.reputation < reputation,
		"being outvoted costs reputation"
	);
	assert!(world.chain.operator("//Alice").await.reputation >= reputation);
}

#[tokio::test(flavor = "multi_thread")]
async fn submission_loses_its_bond_when_its_bytes_are_no_expert() {
	let world = World::new().await;
	world.chain.set_parameter(parameter::CHALLENGE_WINDOW, 10u32).await;
	let bytes = b"These bytes hash to what was announced, and are no expert.".repeat(64);
	let block = no_expert(&bytes);
	let id = world.chain.submit(&dev::dave(), FIRST_SLOT, 0, block).await.unwrap();
	world.chain.upload(block.blob.hash, &bytes).await.unwrap();
	let outcome = world.chain.wait_for_outcome(id).await;
	assert_eq!(outcome, SubmissionOutcome::Rejected(RejectReason::Invalid));
	let balance = || {
		let said = world.command.expect(&["balance", "//Dave"]);
		["free", "held"].map(|field| said[0][field].as_str().unwrap().parse::<u128>().unwrap())
	};
	let [free, held] = balance();
	assert!(held > 0, "the bond waits: that the bytes are no expert can be disputed");
	world.chain.wait_for_maturity(id).await;
	assert_eq!(balance(), [free, 0], "nothing is left on hold, and nothing has returned");
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_with_a_stake_becomes_an_operator_evaluates_and_leaves() {
	// The node holds the keys of three operators; a fourth joins by the command line alone.
	let world = World::new().await;
	let dave = |args: &[&str]| world.command.expect(&[args, &["--suri", "//Dave"]].concat()).remove(0);
	let status = || world.command.expect(&["operator", "status", "//Dave"]).remove(0);
	let said = world.command.expect_failure(1, &["operator", "status", "//Dave"]);
	assert!(said.contains("is no operator"), "{said}");
	let said = world
		.command
		.expect_failure(REFUSED, &["operator", "register", "--bond-max", "0.000001", "--suri", "//Dave"]);
	assert!(said.contains("--bond-max"), "{said}");

	let registered = dave(&["operator", "register", "--region", "de", "--capabilities", "evaluate,gpu"]);
	assert_eq!(registered["stake"], "1000000000000000", "a GPU costs a thousand coins: {registered}");
	let (key, hardware) =
		(registered["session_key"].as_str().unwrap(), registered["hardware"].as_str().unwrap());
	assert!(world.node.log().contains(hardware), "the machine is the one that the node's log names");
	let now = status();
	assert_eq!(now["node_has_key"], true, "{now}");
	assert_eq!(now["capabilities"], 3, "{now}");
	let again = world.command.expect_failure(REFUSED, &["operator", "register", "--suri", "//Dave"]);
	assert!(again.contains("AlreadyRegistered"), "{again}");

	// A committee has room for all four.
	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Eve", "--no-wait"]);
	world.chain.wait_for_outcome(0).await;
	let claims = world.chain.verdicts(0).await;
	assert!(
		claims.iter().any(|(who, _)| *who == blyan_e2e::account("//Dave")),
		"the new operator judged too"
	);

	let rotated = dave(&["operator", "rotate-key"]);
	assert_ne!(rotated["session_key"].as_str().unwrap(), key);
	assert_eq!(status()["node_has_key"], true);
	let updated = dave(&["operator", "update", "--capabilities", "evaluate,tee", "--no-hardware"]);
	assert_eq!(updated["stake"], "5000000000000000", "{updated}");
	let topped = dave(&["operator", "top-up", "5"]);
	assert_eq!(topped["amount"], "5000000000000");
	let said = world.command.expect_failure(REFUSED, &["operator", "return", "--suri", "//Dave"]);
	assert!(said.contains("NotQuarantined"), "{said}");
	let left = dave(&["operator", "exit"]);
	assert!(left["withdrawable_at"].as_u64().unwrap() > 0, "{left}");
	assert_eq!(status()["withdrawable_at"], left["withdrawable_at"]);
	let said = world.command.expect_failure(REFUSED, &["operator", "withdraw", "--suri", "//Dave"]);
	assert!(said.contains("StillUnbonding"), "{said}");
}
