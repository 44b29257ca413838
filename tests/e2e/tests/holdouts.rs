//! Sealed holdouts: keepers' programs, a miner, and three operators.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{wait_within, workspace, World, SLOT};
use blyan_primitives::{HoldoutRef, ModelInfo, SealingRules};
use blyan_runtime_api::holdouts::{KeeperInfo, RoundInfo, RoundPhase};
use codec::Encode;
use std::time::Duration;

/// Chunks as large as a sample, of any text: the story is not about losses.
const RULES: SealingRules =
	SealingRules { sequences: 256, sequence_len: 64, loss_min: 0, loss_max: 16 << 16 };

/// Keepers, and the sources that each has: none of them is in the miner's dataset.
const KEEPERS: [(&str, &str); 3] =
	[("//Eve", "cli/src"), ("//Ferdie", "runtime/src"), ("//Bob", "xtask/src")];

/// Arguments of a keeper's program.
fn keep<'a>(suri: &'a str, texts: &'a str) -> Vec<&'a str> {
	vec!["holdout", "keep", texts, "--chunks", "2", "--suri", suri]
}

async fn rounds(world: &World) -> Vec<RoundInfo> {
	world.chain.runtime_api("HoldoutsApi_rounds", &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_is_accepted_on_chunks_that_no_miner_had_seen() {
	let world = World::with_a_beginner().await;
	let public: Option<HoldoutRef> = world.chain.runtime_api("ModelsApi_holdout", &0u32.encode()).await;
	let seal = world.chain.call("Holdouts", "seal_model", &(0u32, Some(RULES)).encode()).await;
	world.chain.sudo(&seal).await;

	let texts = KEEPERS.map(|(suri, folder)| (suri, workspace().join(folder).display().to_string()));
	// One is killed when its first commitment is in a block, and goes on with the same command.
	let (first, folder) = (&texts[0].0, &texts[0].1);
	world.command.kill_at("committed", &keep(first, folder));
	let _running: Vec<_> =
		texts.iter().map(|(suri, folder)| world.command.start(&keep(suri, folder))).collect();
	let all_sealed = || async {
		let keepers: Vec<KeeperInfo> = world.chain.runtime_api("HoldoutsApi_keepers", &[]).await;
		let sealed = keepers.iter().filter(|keeper| keeper.chunks == 2).count();
		(sealed == KEEPERS.len()).then_some(())
	};
	wait_within(Duration::from_secs(120), "every keeper to have two chunks sealed", all_sealed).await;

	let dataset = world.files.dataset();
	let mine =
		["mine", "--suri", "//Dave", "--slot", SLOT, "--dataset", &dataset, "--steps", "60", "--no-wait"];
	world.command.expect(&mine);
	let looked = || async {
		let round = rounds(&world).await.into_iter().find(|round| round.submission == 0)?;
		match round.phase {
			RoundPhase::Ready { holdout, .. } if round.looks == 2 => Some(holdout),
			_ => None,
		}
	};
	let chunk = wait_within(Duration::from_secs(400), "the third keeper's chunk", looked).await;
	assert_ne!(Some(chunk), public, "it is measured on nothing that is public");
	assert!(world.chain.has_blob(chunk.blob.hash).await, "the keeper's program has uploaded it");

	let outcome = world.chain.wait_for_outcome(0).await;
	let model: Option<ModelInfo> = world.chain.runtime_api("ModelsApi_model", &0u32.encode()).await;
	assert_eq!(model.unwrap().generation, 1, "{outcome:?}");
	let used: usize = rounds(&world).await.iter().map(|round| round.looks as usize + 1).sum();
	assert_eq!(used, 3, "three keepers' chunks, one after the other");
}
