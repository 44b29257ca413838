//! Which bytes a node takes.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{World, SLOT};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use sp_core::H256;

#[tokio::test(flavor = "multi_thread")]
async fn upload_is_refused_when_the_bytes_are_not_the_announced_ones() {
	let world = World::new().await;
	let noise = world.files.noise(1);
	let (hash, bytes) = (noise.block.blob.hash, noise.bytes());

	let early = world.chain.upload(hash, &bytes).await;
	assert!(early.is_err(), "nobody announced these bytes yet: {early:?}");

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
	let mut wrong = bytes.clone();
	*wrong.last_mut().unwrap() ^= 1;
	let refused = world.chain.upload(hash, &wrong).await;
	assert!(refused.is_err(), "one bit is wrong: {refused:?}");
	assert!(!world.chain.has_blob(hash).await, "wrong bytes are not kept");
	let short = world.chain.upload(hash, &bytes[1..]).await;
	assert!(short.is_err(), "the announced size is another: {short:?}");
	let stranger = world.chain.upload(H256::repeat_byte(3), &bytes).await;
	assert!(stranger.is_err(), "nobody announced this hash: {stranger:?}");

	let accepted = world.chain.upload(hash, &bytes).await.unwrap();
	assert_eq!(accepted["complete"], true);
	assert!(world.chain.has_blob(hash).await);
	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(
		matches!(outcome, SubmissionOutcome::Rejected(RejectReason::NotBetter { .. })),
		"operators that waited for the bytes scored them: {outcome:?}"
	);
}
