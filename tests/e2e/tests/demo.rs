//! The demonstration that the README starts with.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{binary, Command};
use serde_json::Value;

#[test]
fn demo_tells_its_whole_story_when_it_runs_twice() {
	let dir = tempfile::tempdir().unwrap();
	let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
	// The demo starts the node that it talks to.
	let command = Command::new(&dir.path().join("home"), "ws://127.0.0.1:1");
	let (node, demo) = (binary("blyan-node"), path("demo"));
	let args = ["demo", "--fast", "--stop-at-end", "--dir", &demo, "--node", node.to_str().unwrap()];
	for _ in 0..2 {
		let said = command.expect(&args);
		let event = |name: &str| -> &Value {
			said.iter()
				.rfind(|value| value["event"] == name)
				.unwrap_or_else(|| panic!("no {name} in {said:#?}"))
		};
		assert_eq!(event("new_head")["head"]["version"], 1);
		assert!(event("text_before")["text"].is_string() && event("text_after")["text"].is_string());
		let plot = event("plot");
		assert!(plot["points"].as_array().unwrap().len() >= 2, "genesis and one expert: {plot}");
		let svg = std::fs::read_to_string(plot["file"].as_str().unwrap()).unwrap();
		assert!(svg.contains("<svg"));
		event("finished");
		event("node_stopped");
	}
}
