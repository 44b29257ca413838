//! Near copies: a stranger changes one weight of another miner's expert and calls it its own.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{parameter, World, SLOT};
use blyan_exact::block::{seal, BlockShape, Layout};
use blyan_primitives::{ExpertSlot, ModelInfo};
use blyan_runtime_api::{RejectReason, SubmissionOutcome, SubmissionState};
use codec::Encode;
use subxt_signer::sr25519::dev;

const FIRST_SLOT: ExpertSlot = ExpertSlot { model: 0, layer: 0, expert: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_node_reports_a_copy_with_one_changed_weight_and_its_miner_loses_the_bond() {
	let world = World::new().await;
	let chain = &world.chain;
	// More than there are, so that both wait: the tiny model is evaluated faster than a node takes its turn to report.
	chain.set_parameter(parameter::MIN_ATTESTATIONS, 9u32).await;
	let original = world.files.noise(1);
	let dave = ["submit", &original.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"];
	world.command.expect(&dave);

	// The first weight that is zero becomes one.
	let model: ModelInfo = chain.runtime_api::<Option<_>>("ModelsApi_model", &0u32.encode()).await.unwrap();
	let layout = Layout::new(BlockShape::expert_of(model.config().unwrap())).unwrap();
	let mut copy = original.bytes();
	let weights = &mut copy[layout.sections[1].clone()];
	*weights.iter_mut().find(|codes| **codes & 3 == 1).unwrap() += 1;
	seal(&layout, &mut copy);
	let file = world.files.path("copy.tblk");
	std::fs::write(&file, &copy).unwrap();

	let free = || async { world.command.expect(&["balance", "//Eve"])[0].clone() };
	let amount = |balance: &serde_json::Value, field: &str| -> u128 {
		balance[field].as_str().unwrap().parse().unwrap()
	};
	let before = free().await;
	let bond = chain.terms(&dev::eve()).await.bond;
	let eve = ["submit", file.to_str().unwrap(), "--slot", SLOT, "--suri", "//Eve", "--no-wait"];
	world.command.expect(&eve);
	let submitted = chain.submission(1).await.unwrap();
	assert_eq!((submitted.slot, submitted.block == original.block), (FIRST_SLOT, false));

	// No committee has to look at it, and no account pays for the report.
	let outcome = chain.wait_for_outcome(1).await;
	assert_eq!(outcome, SubmissionOutcome::Rejected(RejectReason::Copied));
	assert!(world.node.log().contains("a near copy of Submission(0)"), "the node says what it reported");
	let after = free().await;
	assert_eq!(amount(&after, "held"), amount(&before, "held"), "nothing is held any more");
	assert!(amount(&after, "free") + bond <= amount(&before, "free"), "the bond is gone: {before} {after}");

	let original = chain.submission(0).await.unwrap();
	assert!(matches!(original.state, SubmissionState::Announced { .. }), "{:?}", original.state);
}
