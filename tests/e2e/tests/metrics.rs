//! Prometheus metrics of a node; dashboard and alerts ask for nothing else.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{names_in_query, parameter, wait_until, workspace, Metrics, World, SLOT};
use blyan_runtime_api::EvaluationStage;
use serde_json::Value as Json;
use std::{collections::BTreeSet, path::Path};

/// Metrics of Prometheus itself.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];
/// Where the dashboard and the rules are.
const DASHBOARD: &str = "deploy/grafana/blyan.json";
const RULES: &str = "deploy/prometheus/rules/blyan.yml";

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_rules_ask_for_what_a_node_tells() {
	let world = World::with(|config| config.metrics().operators(&["//Alice", "//Bob"])).await;
	// No node has the bytes, though two operators say so: a seal is owed.
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
	world.chain.wait_for_evaluation(0, EvaluationStage::Sealing).await;
	let metrics = wait_for(&world, "a seal to be owed", |metrics| {
		metrics.value("blyan_operator_deadline_blocks", &[ALICE]).is_some()
	})
	.await;
	let mut known: BTreeSet<String> = metrics.names();
	known.extend(OF_PROMETHEUS.map(String::from));
	let (records, rules) = rules();
	known.extend(records);
	let dashboard: Json = serde_json::from_slice(&read(DASHBOARD)).unwrap();
	let mut queries = rules;
	collect_queries(&dashboard, &mut queries);
	assert!(queries.len() > 60, "the dashboard and the rules have queries: {}", queries.len());
	for query in queries {
		let names = names_in_query(&query);
		assert!(!names.is_empty(), "asks for nothing: {query}");
		for name in names {
			assert!(known.contains(&name), "no node tells {name}, but this asks for it: {query}");
		}
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_follow_a_submission_through_the_engine_and_the_chain() {
	let world = World::with(|config| config.metrics().status_page()).await;
	world.chain.set_parameter(parameter::SEAL_WINDOW, 30u32).await;
	let before =
		wait_for(&world, "the first look", |metrics| metrics.names().contains("blyan_supply_bly")).await;
	assert_eq!(before.value("blyan_submissions_made_total", &[]), Some(0.0));
	assert_eq!(before.value("blyan_operators", &["duty=\"eligible\""]), Some(3.0));
	assert_eq!(before.value("blyan_operator_keys", &["registered=\"yes\""]), Some(3.0));
	assert_eq!(before.value("blyan_operator_stake_bly", &[ALICE]), Some(100.0));
	assert_eq!(before.value("blyan_engine_evaluation_seconds_count", &[]), Some(0.0));
	assert!(before.value("blyan_supply_bly", &[]).unwrap() > 1e6);
	assert!(before.value("process_resident_memory_bytes", &[]).unwrap() > 1e7);

	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	world.chain.wait_for_outcome(0).await;
	let after = wait_for(&world, "the decision", |metrics| {
		metrics.value("blyan_operator_seals_total", &[ALICE]) == Some(1.0)
	})
	.await;
	assert_eq!(after.value("blyan_submissions_made_total", &[]), Some(1.0));
	assert_eq!(after.value("blyan_submissions", &["state=\"decided\""]), Some(1.0));
	assert_eq!(after.value("blyan_operator_seals_missed_total", &[ALICE]), Some(0.0));
	assert!(after.value("blyan_engine_jobs_done_total", &[]).unwrap() >= 1.0);
	assert!(after.value("blyan_engine_evaluation_seconds_count", &[]).unwrap() >= 1.0);
	assert!(after.value("blyan_engine_evaluation_seconds_sum", &[]).unwrap() > 0.0);
	assert!(after.value("blyan_fees_burned_bly_total", &[]).unwrap() > 0.0);
	assert!(after.value("blyan_chain_poll_seconds", &[]).unwrap() < 1.0, "looking is not felt");
	the_page_of_facts_and_the_command_line_agree(&world).await;

	// The bytes of this one never come, whatever was attested: every operator misses its seal.
	let other = world.files.noise(2);
	world.command.expect(&[
		"submit",
		&other.arg(),
		"--slot",
		SLOT,
		"--suri",
		"//Dave",
		"--no-upload",
		"--no-wait",
	]);
	world.chain.wait_for_evaluation(1, EvaluationStage::Sealing).await;
	let missed = wait_for(&world, "the missed seal", |metrics| {
		metrics.value("blyan_operator_seals_missed_total", &[ALICE]) == Some(1.0)
	})
	.await;
	assert_eq!(missed.value("blyan_submissions_made_total", &[]), Some(2.0));
}

/// Both have the decision on submission 0, in one schema.
async fn the_page_of_facts_and_the_command_line_agree(world: &World) {
	let ask = || async {
		let page: Json = serde_json::from_str(&world.node.facts("/status.json")).ok()?;
		Some(page).filter(|page| page["verdicts"][0]["submission"] == 0)
	};
	let page = wait_until("the page to have the decision", ask).await;
	let command = world.command.expect(&["status"]).remove(0);
	let keys = |json: &Json| -> BTreeSet<String> { json.as_object().unwrap().keys().cloned().collect() };
	assert_eq!(keys(&page), keys(&command));
	for part in ["network", "models", "verdicts"] {
		assert_eq!(page[part], command[part], "{part}");
	}
	assert_eq!(page["verdicts"][0]["outcome"], "rejected");
	assert_eq!(
		(&page["projection"]["bly_per_hour"], page["projection"]["window"]["attempts"].as_u64()),
		(&Json::Null, Some(1))
	);
	assert!(world.node.facts("/").contains(page["verdicts"][0]["text"].as_str().unwrap()));
	assert!(world.node.facts("/llms.txt").contains(page["network"]["genesis"].as_str().unwrap()));
}

/// The operator behind `//Alice`, as a label.
const ALICE: &str = "operator=\"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\"";

/// Reads the figures until they are as expected: the node looks at the chain every few seconds.
async fn wait_for(world: &World, what: &str, is_so: impl Fn(&Metrics) -> bool) -> Metrics {
	let ask = || async { Some(world.node.metrics()).filter(|metrics| is_so(metrics)) };
	wait_until(what, ask).await
}

fn read(path: &str) -> Vec<u8> {
	let path: &Path = &workspace().join(path);
	std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names that the rules record, and all of their queries. A query is a line, or the indented lines below it.
fn rules() -> (Vec<String>, Vec<String>) {
	let text = String::from_utf8(read(RULES)).unwrap();
	let (mut records, mut queries) = (Vec::new(), Vec::new());
	let mut lines = text.lines().peekable();
	while let Some(line) = lines.next() {
		let indent = |line: &str| line.len() - line.trim_start().len();
		if let Some(name) = line.trim_start().strip_prefix("- record: ") {
			records.push(name.to_string());
		}
		let Some(query) = line.trim_start().strip_prefix("expr: ") else { continue };
		let mut query = query.trim_start_matches('|').to_string();
		while let Some(next) = lines.next_if(|next| indent(next) > indent(line)) {
			query.push(' ');
			query.push_str(next.trim());
		}
		queries.push(query);
	}
	assert!(records.len() > 3 && queries.len() > 20, "the rules are read");
	(records, queries)
}

/// Every query of panels, annotations and variables.
fn collect_queries(value: &Json, queries: &mut Vec<String>) {
	match value {
		Json::Object(fields) => {
			for (name, value) in fields {
				match (name.as_str(), value) {
					("expr", Json::String(query)) => queries.push(query.clone()),
					// `label_values(METRIC{..}, LABEL)` is Grafana's own; what counts is the metric.
					("definition", Json::String(query)) => {
						let inner = query.trim_start_matches("label_values(").rsplit_once(',').unwrap().0;
						queries.push(inner.to_string());
					}
					_ => collect_queries(value, queries),
				}
			}
		}
		Json::Array(values) => values.iter().for_each(|value| collect_queries(value, queries)),
		_ => {}
	}
}
