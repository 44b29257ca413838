//! A node that ends while it evaluates.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{Node, NodeConfig, World, SLOT};
use blyan_runtime_api::{RejectReason, SubmissionOutcome, SubmissionState};

/// Ends the node while the committee works on a submission, starts it again, and expects a decision.
async fn decides_after(end: impl FnOnce(Node) -> NodeConfig) {
	let world = World::new().await;
	let noise = world.files.noise(1);
	// Without the bytes no member can finish, so the node certainly ends in the middle.
	world.command.expect(&[
		"submit",
		&noise.arg(),
		"--slot",
		SLOT,
		"--suri",
		"//Dave",
		"--no-upload",
		"--no-wait",
	]);
	world
		.chain
		.wait_for_submission(0, "under evaluation", |info| {
			matches!(info.state, SubmissionState::Evaluating(_)).then_some(())
		})
		.await;
	world.chain.wait_for_blocks(1).await;

	let world = world.restart(end).await;
	let info = world.chain.submission(0).await.unwrap();
	assert!(matches!(info.state, SubmissionState::Evaluating(_)), "the chain remembers: {info:?}");
	world.chain.upload(noise.block.blob.hash, &noise.bytes()).await.unwrap();
	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Rejected(RejectReason::NotBetter { .. })), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluation_is_decided_when_the_node_was_killed_meanwhile() {
	decides_after(Node::kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evaluation_is_decided_when_the_node_was_stopped_meanwhile() {
	decides_after(Node::stop).await;
}
