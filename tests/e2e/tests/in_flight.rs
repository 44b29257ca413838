//! A release that computes by another definition arrives while work is under way.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{next_runtime, parameter, tiny_model, wait_until, Chain, Lie, World};
use blyan_primitives::{EvaluationJob, ExpertSlot, SubmissionId, Verdict};
use blyan_runtime_api::{
	disputes::{GameEnd, GameInfo},
	EvaluationStage, SubmissionOutcome, SubmissionState,
};
use codec::Encode;
use subxt_signer::sr25519::{dev, Keypair};

const OPERATORS: [&str; 3] = ["//Alice", "//Bob", "//Charlie"];

/// All operators seal and open the same verdict, with keys that the test holds: their machines compute by whatever
/// definition is asked for.
async fn judge(world: &World, id: SubmissionId, verdict: &Verdict) {
	world.chain.wait_for_evaluation(id, EvaluationStage::Sealing).await;
	for operator in OPERATORS {
		world.chain.seal(id, verdict, operator).await.unwrap();
	}
	world.chain.wait_for_evaluation(id, EvaluationStage::Revealing).await;
	for operator in OPERATORS {
		world.chain.reveal(id, verdict, operator).await.unwrap();
	}
	let outcome = world.chain.wait_for_outcome(id).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "{outcome:?}");
}

async fn submit(world: &World, miner: &Keypair, expert: u16, seed: u64) -> SubmissionId {
	let noise = world.files.noise(seed);
	let slot = ExpertSlot { model: 0, layer: 0, expert };
	let id = world.chain.submit(miner, slot, 0, noise.block).await.unwrap();
	world.chain.upload(noise.block.blob.hash, &noise.bytes()).await.unwrap();
	id
}

/// The definition by which a drawn submission is computed.
async fn definition(chain: &Chain, id: SubmissionId) -> u32 {
	let job: Option<EvaluationJob> = chain.runtime_api("LearningApi_job", &(id, 0u8).encode()).await;
	job.expect("a drawn submission has a job").definition
}

/// Amount of an account that it cannot spend.
fn held(world: &World, suri: &str) -> u128 {
	let said = world.command.expect(&["balance", suri]);
	said[0]["held"].as_str().unwrap().parse().unwrap()
}

/// Every operator has what it had, and no miner has anything on hold.
async fn expect_nothing_lost(world: &World, before: &[(u128, bool, u32)]) {
	assert_eq!(before, stakes(&world.chain).await, "every operator has what it had, and is on duty");
	for operator in OPERATORS {
		assert!(world.chain.offences(operator).await.is_empty(), "{operator}");
	}
	for miner in ["//Dave", "//Ferdie"] {
		assert_eq!(held(world, miner), 0, "{miner}'s bond and fee");
	}
}

#[ignore = "needs the next runtime with another definition: scripts/in-flight builds it"]
#[tokio::test(flavor = "multi_thread")]
async fn no_one_loses_anything_when_the_definition_changes_while_work_is_under_way() {
	let world = World::with(|config| config.operators(&[])).await;
	world.chain.set_parameter(parameter::CHALLENGE_WINDOW, 160u32).await;

	// A decision whose claim is wrong, and a game against it.
	let disputed = submit(&world, &dev::dave(), 0, 1).await;
	world.chain.wait_for_evaluation(disputed, EvaluationStage::Sealing).await;
	let noise = world.files.noise(1).bytes();
	let lie = Lie::about(&world.chain, disputed, &world.files.path("liars"), &tiny_model(), &noise).await;
	judge(&world, disputed, &lie.verdict).await;
	let challenge = ["audit", "challenge", "0", "--against", "//Alice", "--suri", "//Eve", "--yes"];
	let challenger = world.command.start(&challenge);
	let game: GameInfo = lie.wait_for_game(&world.chain, disputed).await;
	let own = game.digests.iter().position(|digest| *digest == lie.truth.digest()).unwrap();
	wait_until("the challenger's first move", || async {
		world.chain.game(game.id).await.filter(|game| !game.owes[own])
	})
	.await;
	assert!(held(&world, "//Eve") > 0, "a bond is at stake");

	// A decision that is not in doubt; any numbers do.
	let maturing = submit(&world, &dev::ferdie(), 1, 2).await;
	judge(&world, maturing, &lie.verdict).await;
	// A submission that is being evaluated; one operator has sealed.
	let evaluated = submit(&world, &dev::dave(), 2, 3).await;
	let before = world.chain.wait_for_evaluation(evaluated, EvaluationStage::Sealing).await;
	world.chain.seal(evaluated, &lie.verdict, "//Alice").await.unwrap();
	// And one that waits.
	let waiting = submit(&world, &dev::ferdie(), 3, 4).await;
	assert_eq!(definition(&world.chain, evaluated).await, 1);
	let stakes = stakes(&world.chain).await;

	world.chain.upgrade(&next_runtime()).await;

	// No node holds an operator's key here, so an account says what their workers would.
	let settle = world.chain.call("Disputes", "settle", &game.id.encode()).await;
	world.chain.send(&dev::bob(), &settle).await.unwrap();
	let ended = world.chain.wait_for_game_end(game.id).await;
	assert_eq!(
		ended.ended.unwrap().0,
		GameEnd::Void,
		"neither side is right by a definition that is no more"
	);
	drop(challenger);
	wait_until("the challenger's bond to return", || async { (held(&world, "//Eve") == 0).then_some(()) })
		.await;

	let again = wait_until("a new draw", || async {
		match world.chain.submission(evaluated).await?.state {
			SubmissionState::Evaluating(now) if now.draw != before.draw => Some(now),
			_ => None,
		}
	})
	.await;
	assert_eq!(again.stage, EvaluationStage::Sealing);
	assert_eq!(
		definition(&world.chain, evaluated).await,
		2,
		"the runtime under test computes by another one"
	);
	judge(&world, evaluated, &lie.verdict).await;
	judge(&world, waiting, &lie.verdict).await;

	world.chain.set_parameter(parameter::CHALLENGE_WINDOW, 10u32).await;
	for id in [disputed, maturing, evaluated, waiting] {
		world.chain.wait_for_maturity(id).await;
	}
	expect_nothing_lost(&world, &stakes).await;
	assert!(!world.node.log().contains("panicked"));
}

/// Stake of each operator, and whether it may be drawn.
async fn stakes(chain: &Chain) -> Vec<(u128, bool, u32)> {
	let mut stakes = Vec::new();
	for suri in OPERATORS {
		let operator = chain.operator(suri).await;
		stakes.push((operator.stake, operator.quarantined_until.is_none(), operator.pending_offences));
	}
	stakes
}
