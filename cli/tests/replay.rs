//! `blyan audit replay` on a machine without a node: a transcript is checked with nothing but the model's folder.
#![allow(clippy::unwrap_used, missing_docs)]

use blyan_engine::{
	block::{write_expert, BlockShape, TensorBlock},
	decode::Generator,
	kernel::Kernel,
	model::{ExpertWeights, Model, TrunkWeights},
};
use blyan_exact::{ModelConfig, Sampling};
use serde_json::{json, Value};
use std::{
	fs,
	path::{Path, PathBuf},
	process::Command,
	sync::Arc,
};

const EQUAL: i32 = 0;
const DIFFERS: i32 = 1;
const UNDECIDED: i32 = 2;

/// The small model of the tests, with a context of 64.
fn tiny() -> PathBuf {
	let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
	here.parent().unwrap().join("models/tiny")
}

fn manifest(dir: &Path) -> Value {
	serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap()
}

fn model(dir: &Path) -> Arc<Model> {
	let config: ModelConfig = serde_json::from_value(manifest(dir)["config"].clone()).unwrap();
	let block = |name: &str, shape| Arc::new(TensorBlock::open(&dir.join(name), shape).unwrap());
	let trunk = TrunkWeights::new(block("trunk.tblk", BlockShape::Trunk(config))).unwrap();
	let slots = (0..config.layers).flat_map(|layer| (0..config.experts).map(move |expert| (layer, expert)));
	let expert = |(layer, expert)| {
		let block = block(&format!("l{layer}e{expert}.tblk"), BlockShape::expert_of(&config));
		Arc::new(ExpertWeights::new(block).unwrap())
	};
	Arc::new(Model::new(Arc::new(trunk), slots.map(expert).collect()).unwrap())
}

/// A user with a directory, and no node anywhere.
struct User(tempfile::TempDir);

/// End of a command: exit status, JSON values, standard error.
type Ended = (i32, Vec<Value>, String);

impl User {
	fn new() -> Self {
		Self(tempfile::tempdir().unwrap())
	}

	fn path(&self, name: &str) -> PathBuf {
		self.0.path().join(name)
	}

	fn run(&self, args: &[&str]) -> Ended {
		let mut command = Command::new(env!("CARGO_BIN_EXE_blyan"));
		command.current_dir(self.0.path()).args(args);
		command.args(["--json", "--home", "home", "--url", "ws://127.0.0.1:1"]);
		let output = command.output().unwrap();
		let text = String::from_utf8(output.stdout).unwrap();
		let values = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
		(output.status.code().unwrap(), values, String::from_utf8(output.stderr).unwrap())
	}

	/// Replays a file with the folder of the small model.
	fn replay(&self, file: &str, more: &[&str]) -> Ended {
		let folder = tiny().display().to_string();
		self.run(&[&["audit", "replay", file, "--model-dir", &folder], more].concat())
	}

	fn write(&self, file: &str, value: &Value) {
		fs::write(self.path(file), value.to_string()).unwrap();
	}

	fn read(&self, file: &str) -> Value {
		serde_json::from_slice(&fs::read(self.path(file)).unwrap()).unwrap()
	}
}

/// An answer as a client of a node would write it down: 200 bytes, which are five windows of the small model.
fn answer() -> (Value, Vec<u8>) {
	let model = model(&tiny());
	let sampling = Sampling { temperature: 179, top_p: 230, seed: Sampling::key_of(7) };
	let generator = Generator::new(model.clone(), Kernel::PORTABLE, b"pub fn ", sampling).unwrap();
	let text: Vec<u8> = generator.take(200).collect::<Result<_, _>>().unwrap();
	let value = json!({
		"format": "blyan/answer", "version": 1, "model": { "root": model.root() },
		"prompt": { "text": "pub fn " }, "seed": 7, "temperature_q8": 179, "top_p_q8": 230,
		"answer": { "hex": hex::encode(&text) }, "max_bytes": 200, "engine": "a test",
	});
	(value, text)
}

fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	let found = values.iter().find(|value| value["event"] == name);
	found.unwrap_or_else(|| panic!("no event {name} in {values:?}"))
}

#[test]
fn an_answer_is_equal_or_differs_at_its_first_wrong_byte() {
	let user = User::new();
	let (right, text) = answer();
	user.write("answer.json", &right);
	let (code, values, error) = user.replay("answer.json", &[]);
	assert_eq!(code, EQUAL, "{error}");
	let said = event(&values, "answer");
	assert_eq!((&said["equal"], &said["bytes"]), (&json!(true), &json!(200)));

	for index in [0, 56, 57, 130, 199] {
		let mut wrong = text.clone();
		wrong[index] ^= 1;
		let mut record = right.clone();
		record["answer"] = json!({ "hex": hex::encode(&wrong) });
		user.write("wrong.json", &record);
		let (code, values, error) = user.replay("wrong.json", &[]);
		assert_eq!(code, DIFFERS, "{error}");
		assert!(error.contains("1 of 1 records differ"), "{error}");
		let expected = json!({ "index": index, "expected_hex": hex::encode([text[index]]),
			"found_hex": hex::encode([wrong[index]]) });
		assert_eq!(event(&values, "answer")["difference"], expected);
	}

	let mut reseeded = right.clone();
	reseeded["seed"] = json!(8);
	user.write("seed.json", &reseeded);
	assert_eq!(user.replay("seed.json", &[]).0, DIFFERS);
	// A conversation is several answers in one file, and one that is wrong spoils it.
	fs::write(user.path("all.json"), format!("{right}\n{reseeded}\n{right}\n")).unwrap();
	let (code, values, error) = user.replay("all.json", &[]);
	assert_eq!((code, values.len()), (DIFFERS, 3), "{error}");
	assert!(error.contains("1 of 3 records differ"), "{error}");
}

#[test]
fn what_is_missing_is_neither_right_nor_wrong() {
	let user = User::new();
	let (right, _) = answer();
	user.write("answer.json", &right);
	let undecided = |ended: Ended, said: &[&str]| {
		let (code, values, error) = ended;
		assert_eq!((code, values.len()), (UNDECIDED, 0), "{error}");
		said.iter().for_each(|said| assert!(error.contains(said), "no {said:?} in {error}"));
	};
	undecided(user.run(&["audit", "replay", "answer.json"]), &["does not say where", "--model-dir"]);
	undecided(user.run(&["audit", "replay", "none.json"]), &["none.json", "blyan chat --save"]);
	let mut other = right.clone();
	other["model"]["root"] = json!(format!("0x{}", "11".repeat(32)));
	user.write("other.json", &other);
	undecided(user.replay("other.json", &[]), &["is not here, but another one", "promoted"]);
	// The file names the parts of the model, and they are not here.
	let manifest = manifest(&tiny());
	let mut parts = right.clone();
	parts["model"]["parts"] =
		json!({ "config": manifest["config"], "trunk": manifest["trunk"], "heads": manifest["heads"] });
	user.write("parts.json", &parts);
	undecided(user.run(&["audit", "replay", "parts.json"]), &["blob 0x", "is not here", "--url"]);
	// Once it has been here, its blobs are kept.
	assert_eq!(user.replay("parts.json", &[]).0, EQUAL);
	assert_eq!(user.run(&["audit", "replay", "parts.json"]).0, EQUAL);
	// The answer is right, and a trace of a byte that it does not have cannot be written.
	let (code, values, error) = user.replay("answer.json", &["--save-trace", "t.json", "--at", "200"]);
	assert_eq!((code, &event(&values, "answer")["equal"]), (UNDECIDED, &json!(true)));
	assert!(error.contains("none is byte 200"), "{error}");
}

#[test]
fn a_folder_with_a_changed_byte_is_not_taken_for_the_model() {
	let user = User::new();
	user.write("answer.json", &answer().0);
	let copy = user.path("copy");
	fs::create_dir(&copy).unwrap();
	for entry in fs::read_dir(tiny()).unwrap() {
		let entry = entry.unwrap();
		fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
	}
	let expert = copy.join("l1e2.tblk");
	let mut bytes = fs::read(&expert).unwrap();
	bytes[300] ^= 1;
	fs::write(&expert, bytes).unwrap();
	let (code, _, error) = user.run(&["audit", "replay", "answer.json", "--model-dir", "copy"]);
	assert_eq!(code, UNDECIDED, "{error}");
	assert!(error.contains("l1e2.tblk") && error.contains("damaged"), "{error}");
}

#[test]
fn traces_of_two_machines_part_at_the_first_row_that_differs() {
	let user = User::new();
	let (right, mut text) = answer();
	text[130] ^= 1;
	let mut record = right;
	record["answer"] = json!({ "hex": hex::encode(&text) });
	user.write("wrong.json", &record);
	let (code, values, error) = user.replay("wrong.json", &["--save-trace", "trace.json"]);
	assert_eq!(code, DIFFERS, "{error}");
	event(&values, "trace_saved");

	// Their machine computes the same: then it is their choice that is wrong.
	let (code, values, error) = user.replay("wrong.json", &["--their-trace", "trace.json"]);
	assert_eq!(code, DIFFERS, "{error}");
	event(&values, "traces_equal");

	// Their machine is broken in one row of one expert.
	let mut trace = user.read("trace.json");
	let operators = trace["operators"].as_array_mut().unwrap();
	let at = operators.iter().position(|operator| operator["operator"] == "Up(1, 0)").unwrap();
	let mut rows = operators[at]["rows"].as_str().unwrap().to_string();
	rows.replace_range(5 * 64..5 * 64 + 2, "zz");
	operators[at]["rows"] = json!(rows);
	user.write("theirs.json", &trace);
	let (_, values, _) = user.replay("wrong.json", &["--their-trace", "theirs.json"]);
	let parts = event(&values, "parts");
	assert_eq!((&parts["operator"], &parts["row"]), (&json!("Up(1, 0)"), &json!(5)));

	// A trace about another byte decides nothing.
	let (code, _, error) = user.replay("wrong.json", &["--their-trace", "trace.json", "--at", "3"]);
	assert_eq!(code, UNDECIDED, "{error}");
	assert!(error.contains("another sequence"), "{error}");
	assert_eq!(user.replay("trace.json", &[]).0, UNDECIDED);
}

#[test]
fn a_score_is_equal_or_differs_at_its_first_wrong_sequence() {
	let user = User::new();
	let folder = tiny().display().to_string();
	let config: ModelConfig = serde_json::from_value(manifest(&tiny())["config"].clone()).unwrap();
	let expert = blyan_exact::golden::random_expert(&config, b"candidate");
	fs::write(user.path("expert.tblk"), write_expert(&expert, &config).unwrap()).unwrap();
	let score = ["audit", "score", "expert.tblk", "--model-dir", &folder, "--slot", "1.2", "--sample", "20"];
	let (code, values, error) = user.run(&[&score[..], &["--save", "score.json"]].concat());
	assert_eq!(code, EQUAL, "{error}");
	let verdict = &event(&values, "score")["verdict"]["Scored"]["target"];
	assert_eq!(verdict["sequences"], 20);

	// Another machine, which has the folder and not the candidate.
	let other = User::new();
	fs::copy(user.path("score.json"), other.path("score.json")).unwrap();
	let (code, _, error) = other.replay("score.json", &[]);
	assert_eq!(code, UNDECIDED, "{error}");
	assert!(error.contains("--blob"), "{error}");
	fs::copy(user.path("expert.tblk"), other.path("expert.tblk")).unwrap();
	let (code, values, error) = other.replay("score.json", &["--blob", "expert.tblk"]);
	assert_eq!(code, EQUAL, "{error}");
	let said = event(&values, "score");
	assert_eq!((&said["equal"], &said["verdict"]["Scored"]["target"]), (&json!(true), verdict));

	let right = user.read("score.json");
	for (at, field, change) in [(0, "baseline", 1), (13, "candidate", 65_536), (19, "sequence", 1)] {
		let mut wrong = right.clone();
		let number = &mut wrong["items"][at][field];
		*number = json!(number.as_u64().unwrap() + change);
		// What comes behind does not matter.
		wrong["items"][19]["candidate"] = json!(5);
		user.write("wrong.json", &wrong);
		let (code, values, error) = user.replay("wrong.json", &[]);
		assert_eq!(code, DIFFERS, "{error}");
		let difference = &event(&values, "score")["difference"];
		assert_eq!(difference["at"], at, "{difference}");
	}
	let mut short = right.clone();
	short["items"].as_array_mut().unwrap().pop();
	user.write("short.json", &short);
	let (code, values, _) = user.replay("short.json", &[]);
	assert_eq!((code, &event(&values, "score")["difference"]["at"]), (DIFFERS, &json!(19)));

	// The trace that is wrong, and where.
	let mut wrong = right;
	wrong["items"][7]["candidate_trace"] = json!(format!("0x{}", "22".repeat(32)));
	user.write("wrong.json", &wrong);
	let (_, values, error) = user.replay("wrong.json", &["--save-trace", "trace.json"]);
	assert_eq!(event(&values, "score")["difference"]["at"], 7, "{error}");
	let lines = fs::read_to_string(user.path("trace.json")).unwrap();
	let mut traces: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
	let operator = traces[0]["operators"].as_array_mut().unwrap().iter_mut();
	let down = operator.into_iter().find(|operator| operator["operator"] == "Down(1, 1)").unwrap();
	let rows = down["rows"].as_str().unwrap().replacen(char::is_alphanumeric, "z", 1);
	down["rows"] = json!(rows);
	fs::write(user.path("theirs.json"), format!("{}\n{}\n", traces[0], traces[1])).unwrap();
	let (code, values, error) = user.replay("wrong.json", &["--their-trace", "theirs.json"]);
	assert_eq!(code, DIFFERS, "{error}");
	let parts = event(&values, "parts");
	assert_eq!((&parts["operator"], &parts["row"]), (&json!("Down(1, 1)"), &json!(0)));
}
