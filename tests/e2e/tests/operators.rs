//! What operators say, and what is made of it.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{no_expert, parameter, tiny_model, Lie, World, SLOT};
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
