//! A node that ends while it evaluates.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{tiny_model, Lie, Node, NodeConfig, World, SLOT};
use blyan_runtime_api::{EvaluationStage, RejectReason, SubmissionOutcome, SubmissionState};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_is_opened_when_the_node_was_killed_since_it_was_made() {
	let world = World::with(|config| config.operators(&["//Alice", "//Bob"])).await;
	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	let sealed = |count| {
		world.chain.wait_for_submission(0, "sealed", move |info| match &info.state {
			SubmissionState::Evaluating(evaluation) if evaluation.sealed == count => Some(()),
			_ => None,
		})
	};
	sealed(2).await;
	// As long as the third has not sealed, nobody may reveal.
	world.chain.wait_for_blocks(2).await;
	let world = world.restart(Node::kill).await;
	let dir = world.files.path("third");
	let third = Lie::about(&world.chain, 0, &dir, &tiny_model(), &noise.bytes()).await;
	world.chain.seal(0, &third.truth, "//Charlie").await.unwrap();
	world.chain.wait_for_evaluation(0, EvaluationStage::Revealing).await;
	world.chain.reveal(0, &third.truth, "//Charlie").await.unwrap();
	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Rejected(RejectReason::NotBetter { .. })), "{outcome:?}");
	assert_eq!(world.chain.verdicts(0).await.len(), 3, "the two seals from before the restart were opened");
}
