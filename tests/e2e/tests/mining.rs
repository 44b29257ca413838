//! A miner that is killed between training and acceptance loses nothing and pays once.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{Files, World, SLOT};
use blyan_runtime_api::SubmissionOutcome;
use serde_json::Value;
use subxt_signer::sr25519::dev;

/// Moments at which the miner is killed, one after the other: its expert is on disk, committed to, submitted.
const MOMENTS: [&str; 3] = ["kept", "committed", "submitted"];

fn names(values: &[Value]) -> Vec<&str> {
	values.iter().filter_map(|value| value["event"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_miner_that_is_killed_three_times_submits_once_and_is_accepted() {
	let world = World::with_a_beginner().await;
	let held = || -> u128 {
		let balance = world.command.expect(&["balance", "//Dave"]).remove(0);
		balance["held"].as_str().unwrap().parse().unwrap()
	};
	let dataset = world.files.dataset();
	let mine = ["mine", "--suri", "//Dave", "--slot", SLOT, "--dataset", &dataset, "--steps", "60"];
	for (run, moment) in MOMENTS.into_iter().enumerate() {
		let said = world.command.kill_at(moment, &mine);
		assert_eq!(names(&said).contains(&"trained"), run == 0, "it trains once: {said:#?}");
	}
	let terms = world.chain.terms(&dev::dave()).await;
	let said = world.command.expect(&mine);
	assert!(names(&said).contains(&"unfinished") && !names(&said).contains(&"submitted"), "{said:#?}");

	assert_eq!(world.chain.submission_count().await, 1);
	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "{outcome:?}");
	let decision = said.iter().rfind(|value| value["event"] == "decision").unwrap();
	let reward: u128 = decision["held"].as_str().unwrap().parse().unwrap();
	assert_eq!(
		held(),
		reward + terms.bond + terms.fee,
		"one bond, one fee, and no deposit that is left behind"
	);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_no_run_saw_is_reported_by_the_next_one() {
	let world = World::with_a_beginner().await;
	let dataset = world.files.dataset();
	let mine = ["mine", "--suri", "//Dave", "--slot", SLOT, "--dataset", &dataset, "--steps", "60"];
	world.command.kill_at("committee", &mine);
	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "{outcome:?}");
	let said = world.command.expect(&mine);
	assert_eq!(names(&said).last(), Some(&"decided"), "{said:#?}");
	assert_eq!(world.chain.submission_count().await, 1, "no other is trained until the miner knows");
}

#[test]
fn a_second_trainer_of_a_checkpoint_is_refused_and_changes_nothing() {
	let files = Files::new();
	let command = files.command("ws://127.0.0.1:1");
	let text = |name: &str| files.path(name).display().to_string();
	let (dataset, model) = (files.dataset(), files.model("beginner", 1, 3).display().to_string());
	let (checkpoint, out) = (text("run.ckpt"), text("expert.tblk"));
	let args = ["train", "expert", "--model", &model, "--slot", SLOT, "--dataset", &dataset];
	let run = ["--checkpoint", &checkpoint, "--out", &out, "--steps", "1000000"];
	let args = [&args[..], &run[..]].concat();
	let (running, _) = command.start_until("training", &args);
	let seed = std::fs::read(files.path("run.ckpt.seed")).unwrap();
	let said = command.expect_failure(1, &args);
	assert!(said.contains("a run that is under way"), "{said}");
	assert_eq!(std::fs::read(files.path("run.ckpt.seed")).unwrap(), seed);
	assert!(!files.path("expert.tblk").exists());
	drop(running);
}
