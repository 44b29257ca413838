//! Refusals of the chain and the command line, before any evaluation.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{no_expert, Submission, World, COMMITMENT_SALT, REFUSED, SLOT, WRONG_NETWORK};
use blyan_primitives::ExpertSlot;
use codec::{Compact, Encode};
use sp_core::H256;
use subxt_signer::sr25519::dev;

const FIRST_SLOT: ExpertSlot = ExpertSlot { model: 0, layer: 0, expert: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn submit_is_refused_when_the_same_tensors_are_open() {
	let world = World::new().await;
	let noise = world.files.noise(1);
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
	let said =
		world.command.expect_failure(REFUSED, &["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Eve"]);
	assert!(said.contains("DuplicateBlock"), "{said}");
	let again = world.chain.submit(&dev::dave(), FIRST_SLOT, 0, noise.block).await;
	assert!(again.is_err_and(|error| error.contains("DuplicateBlock")));
	assert_eq!(world.chain.submission_count().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_is_refused_when_the_days_quota_is_used_up() {
	let world = World::new().await;
	let miner = dev::dave();
	let quota = world.chain.terms(&miner).await.quota_left;
	// Submissions that are taken back at once count as well, and one transaction holds as many as may be committed to.
	let ids: Vec<u64> = (0..u64::from(quota)).collect();
	for ids in ids.chunks(8) {
		let blocks: Vec<_> = ids.iter().map(|id| no_expert(&id.to_le_bytes())).collect();
		world.chain.commit(&miner, FIRST_SLOT, &blocks).await.unwrap();
		let mut calls = Vec::new();
		for (id, block) in ids.iter().zip(blocks) {
			let stamp = world.chain.work(&miner, block.tensor_root).await;
			let (manifest, salt) = (H256::zero(), COMMITMENT_SALT);
			let submission = Submission { slot: FIRST_SLOT, parent: 0, block, manifest, stamp, salt };
			calls.push(world.chain.call("ProofOfLearning", "submit", &submission.encode()).await);
			calls.push(world.chain.call("ProofOfLearning", "withdraw", &id.encode()).await);
		}
		let args = [Compact(calls.len() as u32).encode(), calls.concat()].concat();
		let batch = world.chain.call("Utility", "batch_all", &args).await;
		world.chain.send(&miner, &batch).await.unwrap();
	}

	assert_eq!(world.chain.terms(&miner).await.quota_left, 0);
	let refused = world.chain.submit(&miner, FIRST_SLOT, 0, no_expert(b"one more")).await;
	assert!(refused.is_err_and(|error| error.contains("QuotaExceeded")));
	let noise = world.files.noise(1);
	let said =
		world.command.expect_failure(REFUSED, &["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave"]);
	assert!(said.contains("used up"), "{said}");
	// The quota is the miner's own: another one may still submit.
	world.chain.submit(&dev::eve(), FIRST_SLOT, 0, no_expert(b"another miner")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_when_the_network_is_another() {
	let world = World::new().await;
	let elsewhere = format!("0x{}", "11".repeat(32));
	let transfer = ["transfer", "//Bob", "1", "--suri", "//Dave"];
	let said =
		world.command.expect_failure(WRONG_NETWORK, &[&transfer[..], &["--genesis", &elsewhere]].concat());
	assert!(said.contains("wrong network"), "{said}");

	world.command.expect(&["keys", "new", "visitor", "--pin", &elsewhere]);
	let said = world.command.expect_failure(WRONG_NETWORK, &["transfer", "//Bob", "1", "--key", "visitor"]);
	assert!(said.contains("visitor"), "{said}");

	let here = format!("0x{}", hex::encode(world.chain.genesis()));
	world.command.expect(&[&transfer[..], &["--genesis", &here]].concat());
}
