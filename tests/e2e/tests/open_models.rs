//! Models of the second definition on a chain: an expert joins one, and a wrong score about one falls.
#![allow(clippy::unwrap_used)]

mod tiny_open;

use blyan_e2e::{parameter, Chain, Lie, NodeConfig, OpenModel, World, REFUSED};
use blyan_primitives::Query;
use blyan_runtime_api::{disputes::GameEnd, EvaluationStage, SubmissionOutcome};
use codec::Encode;
use serde_json::Value;
use subxt_signer::sr25519::dev;

/// Number of a model beside the genesis model.
const MODEL: u32 = 1;

/// Three machines, an operator on each. Only the first was given the bytes of the model; the others fetch them.
#[tokio::test(flavor = "multi_thread")]
async fn a_better_expert_joins_an_open_model_and_its_miner_is_paid() {
	let open = OpenModel::new("adapters", MODEL);
	let world = World::with(|config| config.operators(&["//Alice"]).open()).await;
	let follower = |name: &str, operator: &str| {
		NodeConfig::new(&world.files.path(name)).operators(&[operator]).following(&world.node).start()
	};
	let others = [follower("second", "//Bob"), follower("third", "//Charlie")];
	let chain = &world.chain;
	chain.set_parameter(parameter::CHALLENGE_WINDOW, 20u32).await;
	open.register(chain).await;
	let shown = world.command.expect(&["model", "show", "1"]);
	assert_eq!(shown[0]["name"], "tiny and open");
	assert_eq!(shown[0]["architecture"].as_str().unwrap().len(), 66, "{shown:#?}");
	assert_eq!(world.command.expect(&["experts", "--model", "1"])[0].as_array().unwrap().len(), 7);

	// The file goes through the command line: what is not an expert of the slot costs nothing.
	let file = world.files.path("candidate.tblk");
	std::fs::write(&file, &open.candidate).unwrap();
	let file = file.display().to_string();
	let slot = format!("{}.{}", open.slot.layer, open.slot.expert);
	let submit =
		|slot| ["submit", file.as_str(), "--model", "1", "--slot", slot, "--suri", "//Dave", "--no-wait"];
	let refused = world.command.expect_failure(1, &submit("0.0"));
	assert!(refused.contains("not an expert of that slot"), "{refused}");
	world.command.expect(&submit(slot.as_str()));

	let outcome = chain.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "{outcome:?}");
	let verdicts = chain.verdicts(0).await;
	assert!(verdicts.len() >= 2 && verdicts.windows(2).all(|pair| pair[0].1 == pair[1].1), "{verdicts:?}");
	assert_eq!(open.head(chain).await, open.block(), "the expert is in the model");
	assert_eq!(open.info(chain).await.generation, 1);
	let balance = || {
		let said = world.command.expect(&["balance", "//Dave"]);
		said[0]["held"].as_str().unwrap().parse::<u128>().unwrap()
	};
	let terms = chain.terms(&dev::dave()).await;
	assert!(balance() > terms.bond + terms.fee, "the reward is held beside the bond");
	chain.wait_for_maturity(0).await;
	assert_eq!(balance(), 0, "bond and reward are free");
	for other in &others {
		let there = Chain::connect(&other.url()).await;
		let part = open.info(chain).await.parts[0].blob.hash;
		assert!(there.has_blob(part).await, "the node has fetched the model");
	}
}

/// Two of three operators agree on a wrong score; the third one's node plays against it, down to one block.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_score_about_an_open_model_falls_when_one_honest_node_plays_against_it() {
	let open = OpenModel::new("mixtral", MODEL);
	let world = World::with(|config| config.operators(&["//Charlie"])).await;
	let chain = &world.chain;
	open.register(chain).await;
	let before = open.head(chain).await;
	let id = chain.submit(&dev::dave(), open.slot, 0, open.block()).await.unwrap();
	open.give(chain, &open.candidate).await;
	chain.wait_for_evaluation(id, EvaluationStage::Sealing).await;
	let lie = Lie::about_blobs(chain, id, &world.files.path("liars"), open.blobs()).await;
	for liar in ["//Alice", "//Bob"] {
		chain.seal(id, &lie.verdict, liar).await.unwrap();
	}
	chain.wait_for_evaluation(id, EvaluationStage::Revealing).await;
	for liar in ["//Alice", "//Bob"] {
		chain.reveal(id, &lie.verdict, liar).await.unwrap();
	}
	let opened = lie.wait_for_game(chain, id).await;
	let answered = lie.defend(chain, opened.id, &dev::ferdie()).await;
	let game = chain.wait_for_game_end(opened.id).await;
	assert_eq!(game.ended.unwrap().0, GameEnd::Executed, "the chain itself computed the block");
	assert!(answered.iter().any(|query| matches!(query, Query::Item { item: 37 })), "{answered:?}");
	let fallen: Vec<_> =
		game.digests.iter().zip(game.refuted).filter(|(_, refuted)| *refuted).map(|(d, _)| *d).collect();
	assert_eq!(fallen, [lie.verdict.digest()], "the lie falls, and nothing else");
	assert_eq!(open.head(chain).await, before, "the expert is out of the model until it is judged again");
	let holdout: Option<blyan_primitives::HoldoutRef> =
		chain.runtime_api("ModelsApi_holdout", &MODEL.encode()).await;
	assert_eq!(holdout.unwrap().sequence_len, 25);
}

/// Returns the event of this name that a command printed.
fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	let found = values.iter().find(|value| value["event"] == name);
	found.unwrap_or_else(|| panic!("no event {name} in {values:#?}"))
}

fn words(line: &str) -> Vec<&str> {
	line.split_whitespace().collect()
}

/// The miner has the checkpoint that the chain's model came from, and makes the model of it as the refusal says. What is better is
/// accepted; for the next adapter the head that was accepted is fetched first, and what is not better is never sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_miner_with_a_checkpoint_mines_an_adapter_by_one_command() {
	let world = World::new().await;
	let path = |name: &str| world.files.path(name).display().to_string();
	let (checkpoint, model, texts) = (path("checkpoint"), path("model"), path("texts"));
	let (text, holdout) = (path("holdout.txt"), path("holdout.bin"));
	tiny_open::write_model(&world.files.path("checkpoint"));
	tiny_open::write_texts(&world.files.path("texts"), 120, 7);
	std::fs::write(&text, tiny_open::texts(9, 8).join("\n")).unwrap();
	let shape = ["--layers", "1", "--experts", "1", "--top-k", "1", "--rank", "4"];
	world.command.expect(&[&["model", "upcycle", &checkpoint, "--out", &model][..], &shape[..]].concat());
	world.command.expect(&["model", "holdout", &model, &text, "--out", &holdout, "--positions", "32"]);
	world.command.expect(&["model", "register", &model, "--holdout", &holdout, "--suri", "//Alice"]);

	let mine = |dir: &str, more: &str| {
		format!("mine --model 1 --suri //Dave --dataset {texts} --batch 128 --seed 3 {dir} {more}")
	};
	let of = |dir: &str| format!("--model-dir {dir}");
	let refused = world.command.expect_failure(REFUSED, &words(&mine("", "--steps 60")));
	assert!(refused.contains("import the checkpoint") && refused.contains("--model-dir"), "{refused}");
	let refused = world.command.expect_failure(REFUSED, &words(&mine(&of(&checkpoint), "--steps 60")));
	assert!(refused.contains("--layers 1..2 --experts 1 --top-k 1 --rank 4"), "{refused}");

	let better = mine(&of(&model), "--steps 60 --learning-rate 0.01");
	let killed = world.command.kill_at("trained", &words(&better));
	assert_eq!(event(&killed, "mining")["resumed"], false);
	let said = world.command.expect(&words(&better));
	assert_eq!(event(&said, "mining")["resumed"], true, "{said:#?}");
	assert_eq!(event(&said, "judged")["accepted"], true);
	let place = |name: &str| said.iter().position(|value| value["event"] == name).unwrap();
	assert!(place("judged") < place("kept") && place("kept") < place("submitted"), "{said:#?}");
	assert_eq!(event(&said, "decision")["submission"], 0);
	let outcome = world.chain.wait_for_outcome(0).await;
	let SubmissionOutcome::Accepted { version, .. } = outcome else { panic!("{outcome:?}") };

	let worse = mine(&of(&model), "--steps 1 --learning-rate 1e-9");
	let finished = world.command.run(&words(&worse));
	assert_eq!(finished.code, Some(REFUSED), "{finished:#?}");
	assert_eq!(event(&finished.values, "updated")["experts"], 1);
	let mining = event(&finished.values, "mining");
	assert_eq!(mining["parent"], version);
	assert_eq!(mining["resumed"], false);
	assert_eq!(event(&finished.values, "judged")["accepted"], false);
	assert!(finished.error.contains("nothing was sent"), "{}", finished.error);
	assert_eq!(world.chain.submission_count().await, 1);

	// The directory is as it was registered, and the chain's model is not any more: it is one model all the same.
	let register = ["model", "register", &model, "--holdout", &holdout, "--suri", "//Alice"];
	let again = |more: &[&'static str]| [&register[..], more].concat();
	let said = world.command.expect(&again(&[]));
	assert_eq!(event(&said, "resumed")["model"], 1);
	assert!(event(&said, "holdout")["block"].is_null(), "it is measured as before: {said:#?}");
	let refused = world.command.expect_failure(REFUSED, &again(&["--name", "other"]));
	assert!(refused.contains("--again"), "{refused}");
	let said = world.command.expect(&again(&["--again", "--no-upload"]));
	assert_eq!(event(&said, "registered")["model"], 2);
}
