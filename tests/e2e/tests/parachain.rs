//! The main loop on a parachain: two relay chain validators, two collators and three operators, each a process.
//!
//! That the relay chain finalises a block of the parachain says that its validators executed the runtime, although
//! it imports functions which they do not have.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{
	account,
	network::{Member, NetworkConfig, Role},
	wait_within, Chain, Files, SLOT,
};
use blyan_primitives::ModelInfo;
use blyan_runtime_api::SubmissionOutcome;
use codec::Encode;
use sp_core::H256;
use std::{
	collections::BTreeSet,
	time::{Duration, Instant},
};

/// Time within which a newcomer must know the newest state of both chains.
const JOIN_MAX: Duration = Duration::from_secs(180);

/// Starts a node again that has ended by itself, as whatever manages services does.
fn tend(member: &Member) {
	if let Some(status) = member.ended() {
		println!("{} ended with {status}:\n{}", member.name(), member.log_end());
		member.start();
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn expert_submitted_at_one_node_is_scored_and_served_by_others() {
	let files = Files::new();
	let mut config = NetworkConfig::new(&files.path("network"));
	// It has seen its text only briefly, so that there is much left to learn.
	config.model = files.model("beginner", 40, 3);
	let dataset = files.dataset();
	let network = config.start();
	network.wait_until_it_runs().await;

	// The bytes go to this node only; the others fetch them from it.
	let said = files.command(&network.member("operator-alice").url()).expect(&[
		"mine",
		"--suri",
		"//Dave",
		"--slot",
		SLOT,
		"--dataset",
		&dataset,
		"--steps",
		"60",
		"--no-wait",
	]);
	let submitted = said.iter().find(|value| value["event"] == "submitted").unwrap();
	let blob: H256 = serde_json::from_value(submitted["blob"].clone()).unwrap();

	let elsewhere = network.chain("operator-charlie").await;
	let outcome = elsewhere.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "{outcome:?}");
	let verdicts = elsewhere.verdicts(0).await;
	let judges: BTreeSet<_> = verdicts.iter().map(|(judge, _)| *judge).collect();
	assert_eq!(judges, ["//Alice", "//Bob", "//Charlie"].map(account).into(), "every node's key was heard");
	assert!(verdicts.iter().all(|(_, verdict)| *verdict == verdicts[0].1), "to the bit: {verdicts:?}");
	let model: Option<ModelInfo> = elsewhere.runtime_api("ModelsApi_model", &0u32.encode()).await;
	let model = model.unwrap();
	assert_eq!((model.generation, model.heads[0].version, model.heads[0].block.blob.hash), (1, 1, blob));

	let ask = |operator: &str| {
		let command = files.command(&network.member(operator).url());
		let said = command.expect(&["chat", "--prompt", "pub fn ", "--max-bytes", "16", "--seed", "7"]);
		said.last().unwrap()["text"].clone()
	};
	assert_eq!(ask("operator-bob"), ask("operator-charlie"), "two nodes serve the same model");

	// What was decided is final, on every node.
	let decided_at = elsewhere.block_number().await;
	network.wait_for_finalised(decided_at, Duration::from_secs(300)).await;
	let hashes = blocks(network.of(Role::Operator), decided_at).await;
	assert_eq!(hashes.len(), 1, "there is one chain: {hashes:?}");

	// Somebody who was not there executes none of it, and has the same state.
	let began_at = Instant::now();
	let newcomer = network.join_by_warp_sync("Dave");
	wait_within(JOIN_MAX, "the newcomer to see what was decided as final", || async {
		tend(&newcomer);
		newcomer.progress().await.is_ok_and(|progress| progress.finalised >= decided_at).then_some(())
	})
	.await;
	wait_within(JOIN_MAX, "the newcomer to have the state of both chains", || async {
		(newcomer.log().matches("State sync is complete").count() >= 2).then_some(())
	})
	.await;
	println!("joined both chains by warp sync after {:.1} s", began_at.elapsed().as_secs_f64());
	wait_within(JOIN_MAX, "the newcomer to know the past's hashes", || async {
		(blocks(vec![&newcomer], decided_at).await == hashes).then_some(())
	})
	.await;
	let model_there: Option<ModelInfo> =
		Chain::connect(&newcomer.url()).await.runtime_api("ModelsApi_model", &0u32.encode()).await;
	assert_eq!(model_there.unwrap().generation, 1);
	assert!(newcomer.panics().is_empty(), "{:#?}", newcomer.panics());
	assert!(network.panics().is_empty(), "{:#?}", network.panics());
}

/// Returns the hashes that these members have for block `number`.
async fn blocks(members: Vec<&Member>, number: u64) -> BTreeSet<Option<String>> {
	let mut hashes = BTreeSet::new();
	for member in members {
		hashes.insert(member.block_hash(number).await.unwrap());
	}
	hashes
}
