//! Two of three operators agree on a wrong score, and it is proven wrong.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{account, parameter, tiny_model, wait_until, Chain, Lie, NodeConfig, World, SLOT};
use blyan_primitives::{traits::OffenceKind, ModelInfo, Query, SubmissionId};
use blyan_runtime_api::{
	disputes::{GameEnd, GameInfo},
	EvaluationStage, ExpiryReason, OffenceState, SubmissionOutcome, SubmissionState,
};
use codec::Encode;
use serde_json::Value as Json;
use std::time::Instant;
use subxt_signer::sr25519::dev;

const ID: SubmissionId = 0;
const LIARS: [&str; 2] = ["//Alice", "//Bob"];

async fn model(world: &World) -> ModelInfo {
	world.chain.runtime_api::<Option<ModelInfo>>("ModelsApi_model", &0u32.encode()).await.unwrap()
}

/// A miner submits noise, and two operators, whose keys the test holds, call it a great improvement. Returns once their
/// verdict has decided.
async fn collude(world: &World) -> Lie {
	collude_beside(world, &[]).await
}

/// The same where other nodes need the noise as well.
async fn collude_beside(world: &World, others: &[&Chain]) -> Lie {
	let noise = world.files.noise(1);
	let before = model(world).await;
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	for other in others {
		wait_until("the other node to hear of the submission", || async {
			other.upload(noise.block.blob.hash, &noise.bytes()).await.ok()
		})
		.await;
	}
	world.chain.wait_for_evaluation(ID, EvaluationStage::Sealing).await;
	let dir = world.files.path("liars");
	let lie = Lie::about(&world.chain, ID, &dir, &tiny_model(), &noise.bytes()).await;
	for liar in LIARS {
		world.chain.seal(ID, &lie.verdict, liar).await.unwrap();
	}
	world.chain.wait_for_evaluation(ID, EvaluationStage::Revealing).await;
	for liar in LIARS {
		world.chain.reveal(ID, &lie.verdict, liar).await.unwrap();
	}
	let outcome = world.chain.wait_for_outcome(ID).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "two thirds decide: {outcome:?}");
	let after = model(world).await;
	assert_ne!(after.heads[0].block, before.heads[0].block, "the noise is in the model");
	lie
}

/// Expects that the lie has fallen: the decision is reversed, both who signed it will pay for it.
async fn expect_justice(world: &World, lie: &Lie, game: &GameInfo, reporter: &str) {
	let fallen: Vec<_> =
		game.digests.iter().zip(game.refuted).filter(|(_, refuted)| *refuted).map(|(d, _)| *d).collect();
	assert_eq!(fallen, [lie.verdict.digest()], "the lie falls, and nothing else");
	let noise = world.files.noise(1);
	assert_ne!(model(world).await.heads[0].block, noise.block, "the noise is out of the model");
	// It is to be judged again; but two of three operators are in quarantine, so that no committee may be found in time.
	let wait = world.chain.wait_for_submission(ID, "returned to its queue", |info| match &info.state {
		SubmissionState::Queued { .. } | SubmissionState::Evaluating(_) => Some(()),
		SubmissionState::Closed {
			outcome: SubmissionOutcome::Expired(ExpiryReason::NoCommittee), ..
		} => Some(()),
		_ => None,
	});
	wait.await;
	for liar in LIARS {
		let offences = world.chain.offences(liar).await;
		assert_eq!(offences.len(), 1, "{liar}: {offences:?}");
		assert_eq!((offences[0].kind, offences[0].state), (OffenceKind::FalseScore, OffenceState::Open));
		assert_eq!(offences[0].reporter.as_ref().map(|who| *who.as_ref()), Some(account(reporter)));
		let operator = world.chain.operator(liar).await;
		assert!(operator.quarantined_until.is_some() && !operator.eligible, "{liar} is in quarantine");
		assert_eq!(operator.pending_offences, 1);
	}
	assert!(world.chain.offences("//Charlie").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_of_two_thirds_falls_when_one_honest_node_plays_against_it() {
	let world = World::with(|config| config.operators(&["//Charlie"])).await;
	let lie = collude(&world).await;
	let opened = lie.wait_for_game(&world.chain, ID).await;
	let (began_at, began) = (Instant::now(), opened.round_began);
	// The liars have a tree and answer for it; anybody may carry their moves.
	let answered = lie.defend(&world.chain, opened.id, &dev::ferdie()).await;
	let game = world.chain.wait_for_game_end(opened.id).await;
	let (end, at) = game.ended.unwrap();
	println!(
		"{} rounds, {} blocks, {:.1} s: {answered:?}",
		answered.len() + 1,
		at - began,
		began_at.elapsed().as_secs_f64()
	);
	assert_eq!(end, GameEnd::Executed, "the chain itself computed the block");
	assert!(answered.iter().any(|query| matches!(query, Query::Item { item: 37 })));
	assert!(matches!(answered.last(), Some(Query::Rows { .. } | Query::Blocks { .. })), "{answered:?}");
	expect_justice(&world, &lie, &game, "//Charlie").await;
	let honest = world.chain.operator("//Charlie").await;
	assert!(honest.quarantined_until.is_none() && honest.eligible, "{honest:?}");
}

/// Three machines: the first liar's seals the blocks, the second liar's only follows, and so does the honest one's. What
/// the honest node says reaches the chain through the liars' nodes or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_lie_of_two_nodes_falls_when_the_third_plays_against_it() {
	let world = World::with(|config| config.operators(&[]).open()).await;
	let follower = |name: &str, operators: &[&str]| {
		NodeConfig::new(&world.files.path(name)).operators(operators).following(&world.node).start()
	};
	let second = follower("second", &[]);
	let honest = follower("honest", &["//Charlie"]);
	let (second, honest_chain) = (Chain::connect(&second.url()).await, Chain::connect(&honest.url()).await);
	let lie = collude_beside(&world, &[&honest_chain, &second]).await;
	let opened = lie.wait_for_game(&honest_chain, ID).await;
	lie.defend(&world.chain, opened.id, &dev::ferdie()).await;
	let game = world.chain.wait_for_game_end(opened.id).await;
	assert_eq!(game.ended.unwrap().0, GameEnd::Executed, "the chain itself computed the block");
	expect_justice(&world, &lie, &game, "//Charlie").await;
	for chain in [&second, &honest_chain] {
		let seen = chain.wait_for_game_end(opened.id).await;
		assert_eq!(seen.refuted, game.refuted, "all nodes see the same");
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_falls_by_its_clock_when_nobody_answers_for_it() {
	let world = World::with(|config| config.operators(&["//Charlie"])).await;
	world.chain.set_parameter(parameter::CLOCK, 10u32).await;
	let lie = collude(&world).await;
	let opened = lie.wait_for_game(&world.chain, ID).await;
	let game = world.chain.wait_for_game_end(opened.id).await;
	assert_eq!(game.ended.unwrap().0, GameEnd::TimedOut);
	expect_justice(&world, &lie, &game, "//Charlie").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_falls_to_an_outsider_when_no_honest_operator_is_online() {
	let world = World::with(|config| config.operators(&[])).await;
	// The third operator is away.
	world.chain.set_parameter(parameter::SEAL_WINDOW, 20u32).await;
	let lie = collude(&world).await;

	let replayed = world.command.run(&["audit", "replay", "0"]);
	assert_eq!(replayed.code, Some(1), "both claims are wrong: {replayed:#?}");
	let wrong = replayed.values.iter().filter(|value| value["event"] == "claim" && value["equal"] == false);
	assert_eq!(wrong.count(), 2);

	let balance = || {
		let said = world.command.expect(&["balance", "//Eve"]);
		["free", "held"].map(|field| said[0][field].as_str().unwrap().parse::<u128>().unwrap())
	};
	let [before, _] = balance();
	// The first challenger is cut off after its first move.
	let challenge = ["audit", "challenge", "0", "--against", "//Alice", "--suri", "//Eve", "--yes"];
	let first = world.command.start(&challenge);
	let opened = lie.wait_for_game(&world.chain, ID).await;
	let own = opened.digests.iter().position(|digest| *digest == lie.truth.digest()).unwrap();
	wait_until("the first move", || async {
		world.chain.game(opened.id).await.filter(|game| !game.owes[own])
	})
	.await;
	drop(first);
	let listed = world.command.expect(&["audit", "games", "0"]);
	assert_eq!(listed[0][0]["id"], opened.id, "{listed:#?}");
	let shown = world.command.expect(&["audit", "game", "0"]);
	assert_eq!(shown[0]["place"]["name"], "sequences 0 to 255", "{shown:#?}");

	let command = world.command.clone();
	let challenger = tokio::task::spawn_blocking(move || command.expect(&challenge));
	lie.defend(&world.chain, opened.id, &dev::ferdie()).await;
	let said = challenger.await.unwrap();
	let game = world.chain.wait_for_game_end(opened.id).await;
	let of = |name: &str| -> Vec<&Json> { said.iter().filter(|value| value["event"] == name).collect() };
	println!("{} rounds, witness {}", of("round").len(), of("witness")[0]["bytes"]);
	assert_eq!(game.ended.unwrap().0, GameEnd::Executed);
	assert_eq!(
		(of("game_found").len(), of("challenged").len()),
		(1, 0),
		"it goes on, and pays no other bond"
	);
	let last = of("round").last().unwrap()["place"].as_str().unwrap().to_string();
	assert!(last.starts_with("sequence 37, candidate, operator Down(1, 0), row 9"), "{last}");
	assert_eq!(of("refuted")[0]["operators"].as_array().unwrap().len(), 2, "{said:#?}");
	expect_justice(&world, &lie, &game, "//Eve").await;
	let [after, held] = balance();
	assert_eq!(held, 0, "the bond has returned");
	println!("fees of the challenger: {} planck", before - after);
	let offences = world.command.expect(&["audit", "offences", "//Alice"]);
	assert_eq!(offences[0].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_finds_nothing_where_all_is_right_and_a_rotten_tile_where_it_is_not() {
	let world = World::new().await;
	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	world
		.chain
		.wait_for_submission(ID, "decided", |info| {
			matches!(info.state, SubmissionState::Decided(_)).then_some(())
		})
		.await;
	let said = world.command.expect(&["audit", "replay", "0"]);
	assert_eq!(said.iter().filter(|value| value["equal"] == true).count(), 3);
	let refused = world
		.command
		.expect_failure(blyan_e2e::REFUSED, &["audit", "challenge", "0", "--suri", "//Eve", "--yes"]);
	assert!(refused.contains("nothing to challenge"), "{refused}");
	let checked = world.command.expect(&["audit", "spot-check", "--tiles", "20"]);
	assert_eq!(checked.last().unwrap()["wrong"], 0);

	// A bit rots on the node's disk. It cannot prove that tile any more, and whoever asks finds out.
	let trunk = hex::encode(model(&world).await.trunk().unwrap().blob.hash);
	let stored = world.files.path("node/chains/blyan-dev/blobs").join(trunk);
	let mut bytes = std::fs::read(&stored).unwrap();
	*bytes.last_mut().unwrap() ^= 1;
	std::fs::write(&stored, bytes).unwrap();
	let checked = world.command.run(&["audit", "spot-check", "--tiles", "60", "--seed", "1"]);
	assert_eq!(checked.code, Some(1), "{checked:#?}");
	let lies: Vec<&Json> = checked.values.iter().filter(|value| value["event"] == "lie").collect();
	assert!(!lies.is_empty() && lies.iter().all(|lie| lie["block"] == "trunk"), "{lies:#?}");
}
