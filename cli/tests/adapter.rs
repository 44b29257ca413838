//! `blyan train adapter` on a tiny model: trained, judged and put into the model, without a node.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../ml-engine/open-model/tests/support/letters.rs"]
mod letters;

use blyan_exact::definition2::{block::part_file, golden};
use blyan_open_model::{
	directory,
	manifest::{Manifest, PartRecord},
	text::{Tokenizer, TokenizerFiles},
	Directory,
};
use serde_json::{json, Value};
use std::{
	fs,
	path::{Path, PathBuf},
	process::Command,
};

const REFUSED: i32 = 4;

/// Returns a byte-level tokenizer of the small letters, the blank and the line feed.
fn tokenizer() -> Tokenizer {
	let json = letters::tokenizer_json('a'..='z');
	let files = TokenizerFiles {
		tokenizer: json.as_bytes(),
		config: None,
		generation_config: None,
		chat_template: None,
	};
	Tokenizer::from_files(files).unwrap()
}

/// Writes a dense model of two layers.
fn write_model(path: &Path) {
	let (model, tokenizer) = (golden::model(0), tokenizer());
	let directory = Directory::new(path);
	directory.prepare().unwrap();
	directory.write_text(&tokenizer).unwrap();
	let architecture = &model.architecture;
	let parts = directory::parts(architecture).into_iter().zip(model.parts.iter().chain(&model.experts));
	let records: Vec<_> = parts
		.map(|(part, tensors)| {
			let file = part_file(architecture, part, &tensors.view()).unwrap();
			fs::write(directory.part(part), &file).unwrap();
			let root = directory::layout(architecture, part).unwrap().check(&file).unwrap();
			let name = directory::part_name(part);
			(PartRecord { name, bytes: file.len() as u64, root: hex::encode(root) }, root)
		})
		.collect();
	let manifest =
		Manifest::new(architecture, &records, (tokenizer.hash(), Vec::new()), json!({ "name": "tiny" }));
	directory.complete(&manifest).unwrap();
}

/// Writes texts in which a letter mostly follows its neighbour in the alphabet.
fn write_texts(path: &Path) {
	fs::create_dir_all(path).unwrap();
	let mut state = 7_u64;
	let mut below = |end: u64| {
		state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		(state >> 33) % end
	};
	for file in 0..120 {
		let mut letter = below(26);
		let mut text = String::new();
		for place in 0..500 {
			text.push(if place % 7 == 6 { ' ' } else { char::from(b'a' + letter as u8) });
			letter = if below(8) > 0 { (letter + 1) % 26 } else { below(26) };
		}
		fs::write(path.join(format!("{file}.txt")), text).unwrap();
	}
}

/// A user with a model and texts, and no node anywhere.
struct User(tempfile::TempDir);

impl User {
	fn new() -> Self {
		let user = Self(tempfile::tempdir().unwrap());
		write_model(&user.path("model"));
		write_texts(&user.path("texts"));
		user
	}

	fn path(&self, name: &str) -> PathBuf {
		self.0.path().join(name)
	}

	fn run(&self, args: &[&str]) -> (i32, Vec<Value>, String) {
		let mut command = Command::new(env!("CARGO_BIN_EXE_blyan"));
		command.current_dir(self.0.path()).args(args);
		command.args(["--json", "--home", "home", "--url", "ws://127.0.0.1:1"]);
		let output = command.output().unwrap();
		let text = String::from_utf8(output.stdout).unwrap();
		let values = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
		(output.status.code().unwrap(), values, String::from_utf8(output.stderr).unwrap())
	}

	fn train(&self, more: &[&str]) -> (i32, Vec<Value>, String) {
		let arguments = "train adapter --model model --batch 128 --threads 2 --seed 3";
		let mut arguments: Vec<&str> = arguments.split(' ').chain(more.iter().copied()).collect();
		for default in [["--data", "texts"], ["--positions", "32"]] {
			if !more.contains(&default[0]) {
				arguments.extend(default);
			}
		}
		self.run(&arguments)
	}
}

fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	let found = values.iter().find(|value| value["event"] == name);
	found.unwrap_or_else(|| panic!("no event {name} in {values:?}"))
}

#[test]
fn an_adapter_of_a_dense_layer_is_trained_accepted_and_put_into_the_model() {
	let user = User::new();
	for (layer, out) in [("1", "last"), ("0", "in-front")] {
		let adapters = ["--layer", layer, "--rank", "4", "--experts", "1", "--top-k", "1"];
		let run = ["--steps", "60", "--learning-rate", "0.01", "--out", out];
		let (code, values, error) = user.train(&[&adapters[..], &run[..]].concat());
		assert_eq!(code, 0, "layer {layer}: {error} {values:?}");
		let judged = event(&values, "judged");
		assert_eq!(judged["accepted"], true, "{judged}");
		let target = &judged["score"]["Scored"]["target"];
		assert!(target["improvement_bits_per_byte"].as_f64().unwrap() > 0.0005, "{target}");
		assert!(user.path(&format!("{out}.run/expert.tblk")).exists());
		let (code, _, error) = user.run(&["model", "inspect", out, "--verify"]);
		assert_eq!(code, 0, "{error}");
		let (code, _, error) = user.train(&[&adapters[..], &run[..]].concat());
		assert!(code == 1 && error.contains("holds a model already"), "{error}");
	}
}

#[test]
fn an_adapter_that_is_not_better_is_kept_but_not_put_into_the_model() {
	let user = User::new();
	let more = "--layer 1 --rank 4 --experts 1 --top-k 1 --steps 1 --learning-rate 1e-9 --out out";
	let more: Vec<&str> = more.split(' ').collect();
	let (code, values, error) = user.train(&more);
	assert_eq!(code, REFUSED, "{error}");
	assert_eq!(event(&values, "judged")["accepted"], false);
	assert!(error.contains("model apply"), "{error}");
	assert!(user.path("out.run/expert.tblk").exists() && !user.path("out").exists());
}

#[test]
fn slots_that_cannot_be_trained_are_refused_with_the_way_out() {
	let user = User::new();
	for (more, expected) in [
		("--layer 1 --out out", "--rank 16"),
		("--layer 9 --rank 4 --out out", "no expert 0 in layer 9"),
		("--layer 1 --rank 3 --out out", "choose 4 to 64"),
		("--layer 1 --rank 4 --positions 100000 --out out", "--positions"),
		("--layer 1 --rank 4 --data nowhere --out out", "nowhere"),
	] {
		let (code, _, error) = user.train(&more.split(' ').collect::<Vec<_>>());
		assert!(code != 0 && error.contains(expected), "{more}: {error}");
		assert!(!user.path("out").exists());
	}
}

#[test]
fn the_other_command_for_experts_points_to_this_one() {
	let user = User::new();
	let line = "train expert --model model --slot 1.3 --dataset texts --steps 5";
	let (code, _, error) = user.run(&line.split(' ').collect::<Vec<_>>());
	assert_eq!(code, REFUSED, "{error}");
	let command =
		"blyan train adapter --model model --layer 1 --expert 3 --data texts --steps 5 --out model.trained";
	assert!(error.contains(command), "{error}");
}
