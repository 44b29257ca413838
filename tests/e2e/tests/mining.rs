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

#[tokio::test(flavor = "multi_thread")]
async fn repeated_rounds_take_slots_in_turn_survive_a_kill_and_stay_within_the_budget() {
	let world = World::with_a_beginner().await;
	let dataset = world.files.dataset();
	let mine = ["mine", "--suri", "//Dave", "--dataset", &dataset, "--steps", "60", "--repeat"];
	let rounds = [&mine[..], &["--strategy", "round-robin", "--rounds", "2"]].concat();
	let begun = world.command.kill_at("submitted", &rounds);
	let slots = |said: &[Value]| -> Vec<(u64, u64)> {
		let mining = said.iter().filter(|value| value["event"] == "mining");
		let number = |value: &Value, name: &str| value["slot"][name].as_u64().unwrap();
		mining.map(|value| (number(value, "layer"), number(value, "expert"))).collect()
	};
	assert_eq!(slots(&begun), [(0, 0)]);

	// The first round goes on where it was, and is paid for once.
	let said = world.command.expect(&rounds);
	let of = |name: &str| said.iter().filter(|value| value["event"] == name).collect::<Vec<_>>();
	assert_eq!(of("round").len(), 2, "{said:#?}");
	assert!(names(&said).contains(&"resumed"), "{said:#?}");
	assert_eq!(slots(&said), [(0, 1)], "the next slot in turn");
	assert_eq!(of("submitted").len() + of("skipped").len(), 1, "{said:#?}");
	let planck = |value: &Value, name: &str| value[name].as_str().unwrap().parse::<u128>().unwrap();
	let submitted: Vec<&Value> =
		begun.iter().filter(|value| value["event"] == "submitted").chain(of("submitted")).collect();
	let fees: u128 =
		submitted.iter().map(|value| planck(value, "evaluation_fee") + planck(value, "fee")).sum();
	let last = *of("round").last().unwrap();
	assert!(planck(last, "spent") >= fees, "{last} counts {fees}");
	assert_eq!(world.chain.submission_count().await as usize, submitted.len());

	// What was spent counts in the next run, too: it ends before it trains.
	let most = planck(of("budget")[0], "round_most");
	let limit = format!("{}planck", planck(last, "spent") + most - 1);
	let refused = world.command.expect_failure(4, &[&mine[..], &["--max-spend", &limit]].concat());
	assert!(refused.contains("no round is within the budget"), "{refused}");
	assert_eq!(world.chain.submission_count().await as usize, submitted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_model_is_compared_with_the_heads_before_anything_is_sent() {
	let world = World::with_a_beginner().await;
	let submit = |dir: &str| {
		let dir = world.files.path(dir).display().to_string();
		["submit", "--suri", "//Dave", "--state-dict", &dir, "--yes"].map(String::from)
	};
	let same = submit("beginner");
	let said = world.command.expect(&same.each_ref().map(String::as_str));
	let findings: Vec<&Value> = said.iter().filter(|value| value["event"] == "expert").collect();
	assert!(
		!findings.is_empty() && findings.iter().all(|value| value["finding"] == "unchanged"),
		"{said:#?}"
	);

	world.files.noise(5);
	let other = submit("noise5");
	let refused = world.command.expect_failure(4, &other.each_ref().map(String::as_str));
	assert!(refused.contains("another trunk"), "{refused}");
	assert_eq!(world.chain.submission_count().await, 0);
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
