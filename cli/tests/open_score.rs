//! `blyan audit score` and `replay` of an expert of an open model, on a machine without a node.
#![allow(clippy::unwrap_used, missing_docs)]

use blyan_exact::{
	definition2::{
		block::{claimed_root, part_file},
		golden::{self, OwnedModel, Stream},
		Part, Trace,
	},
	Hash,
};
use blyan_open_model::{
	directory::{part_name, parts, PartRecord},
	evaluate::HoldoutWriter,
	Directory, Manifest,
};
use blyan_primitives::{draw_indices, EvaluationJob};
use serde_json::{json, Value};
use sp_core::H256;
use std::{fs, path::PathBuf, process::Command};

const EQUAL: i32 = 0;
const DIFFERS: i32 = 1;
const POSITIONS: u32 = 12;

/// A user with an open model, an expert for its last slot and a holdout, and no node anywhere.
struct User {
	dir: tempfile::TempDir,
	/// The model as it is, and with the expert.
	models: [OwnedModel; 2],
	sequences: Vec<Vec<u32>>,
}

impl User {
	fn new() -> Self {
		let dir = tempfile::tempdir().unwrap();
		let family = golden::ARCHITECTURES.iter().position(|(name, _)| *name == "adapters").unwrap();
		let model = golden::model(family);
		let architecture = &model.architecture;
		let directory = Directory::new(&dir.path().join("model"));
		directory.prepare().unwrap();
		let tensors = model.parts.iter().chain(&model.experts);
		let record = |(part, tensors): (Part, &blyan_exact::definition2::OwnedPart)| -> (PartRecord, Hash) {
			let file = part_file(architecture, part, &tensors.view()).unwrap();
			fs::write(directory.part(part), &file).unwrap();
			let root = claimed_root(&file).unwrap();
			(PartRecord { name: part_name(part), bytes: file.len() as u64, root: hex::encode(root) }, root)
		};
		let records: Vec<_> = parts(architecture).into_iter().zip(tensors).map(record).collect();
		let manifest =
			Manifest::new(architecture, &records, ([0; 32], Vec::new()), json!({ "name": "golden" }));
		directory.complete(&manifest).unwrap();

		let slot = architecture.expert_parts().last().unwrap();
		let expert = Stream::new(b"candidate").part(architecture, slot);
		fs::write(dir.path().join("expert.tblk"), part_file(architecture, slot, &expert.view()).unwrap())
			.unwrap();
		let mut stream = Stream::new(b"holdout");
		let vocabulary = architecture.vocabulary;
		let mut sequence = || (0..=POSITIONS).map(|_| stream.below(vocabulary as usize) as u32).collect();
		let sequences: Vec<Vec<u32>> = (0..6).map(|_| sequence()).collect();
		let file = fs::File::create(dir.path().join("holdout.bin")).unwrap();
		let mut writer = HoldoutWriter::of_vocabulary(file, [1; 32], vocabulary, POSITIONS).unwrap();
		sequences.iter().for_each(|ids| writer.sequence(ids, 9).unwrap());
		writer.finish().unwrap();
		let mut changed = model.clone();
		*changed.experts.last_mut().unwrap() = expert;
		Self { dir, models: [model, changed], sequences }
	}

	fn path(&self, name: &str) -> PathBuf {
		self.dir.path().join(name)
	}

	fn run(&self, args: &[&str]) -> (i32, Vec<Value>, String) {
		let mut command = Command::new(env!("CARGO_BIN_EXE_blyan"));
		command.current_dir(self.dir.path()).args(args);
		command.args(["--json", "--home", "home", "--url", "ws://127.0.0.1:1"]);
		let output = command.output().unwrap();
		let text = String::from_utf8(output.stdout).unwrap();
		let values = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
		(output.status.code().unwrap(), values, String::from_utf8(output.stderr).unwrap())
	}

	fn score(&self, more: &[&str]) -> (i32, Vec<Value>, String) {
		let args =
			["audit", "score", "expert.tblk", "--slot", "1.2", "--model-dir", "model", "--sample", "4"];
		self.run(&[&args[..], more].concat())
	}
}

fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	let found = values.iter().find(|value| value["event"] == name);
	found.unwrap_or_else(|| panic!("no event {name} in {values:?}"))
}

#[test]
fn a_score_of_an_open_models_expert_is_the_definitions_and_a_wrong_one_is_found_out() {
	let user = User::new();
	let (code, values, error) = user.score(&["--holdout", "holdout.bin", "--save", "score.json"]);
	assert_eq!(code, EQUAL, "{error}");
	assert!(event(&values, "score")["digest"].is_string());
	let record: Value = serde_json::from_slice(&fs::read(user.path("score.json")).unwrap()).unwrap();
	let job: EvaluationJob = serde_json::from_value(record["job"].clone()).unwrap();
	let root = job.body.model_body().model_root(&blyan_primitives::blocks_root(&job.heads));
	let manifest = Directory::new(&user.path("model")).manifest().unwrap();
	assert_eq!(hex::encode(root), manifest.model_root, "the job names the model of the directory");
	let drawn = draw_indices(&job.seed, 6, 4);
	for (item, sequence) in record["items"].as_array().unwrap().iter().zip(drawn) {
		let ids = &user.sequences[sequence as usize];
		let [baseline, candidate] =
			user.models.each_ref().map(|model| Trace::of(&model.view().unwrap(), ids).unwrap());
		assert_eq!(item["sequence"], sequence);
		assert_eq!(item["baseline"], baseline.loss());
		assert_eq!(item["candidate"], candidate.loss());
		assert_eq!(item["candidate_trace"], json!(H256(candidate.root())));
	}

	let replay = |file: &str| {
		let sources = ["--model-dir", "model", "--blob", "expert.tblk", "--blob", "holdout.bin"];
		user.run(&[&["audit", "replay", file][..], &sources].concat())
	};
	let (code, values, error) = replay("score.json");
	assert_eq!(code, EQUAL, "{error}");
	assert_eq!(event(&values, "score")["equal"], true);
	let mut wrong = record.clone();
	let loss = wrong["items"][2]["candidate"].as_u64().unwrap();
	wrong["items"][2]["candidate"] = json!(loss + 1);
	fs::write(user.path("wrong.json"), wrong.to_string()).unwrap();
	let (code, values, error) = replay("wrong.json");
	assert_eq!(code, DIFFERS, "{error}");
	assert_eq!(event(&values, "score")["difference"]["at"], 2);
}

#[test]
fn what_is_missing_or_does_not_fit_is_refused_by_name() {
	let user = User::new();
	let (code, _, error) = user.score(&[]);
	assert!(code != EQUAL && error.contains("--holdout"), "{error}");
	let other = ["audit", "score", "expert.tblk", "--slot", "0.1", "--model-dir", "model"];
	let (code, _, error) = user.run(&[&other[..], &["--holdout", "holdout.bin"]].concat());
	assert!(code != EQUAL && error.contains("not an expert of that slot"), "{error}");
	let (code, _, error) = user.score(&["--holdout", "expert.tblk"]);
	assert!(code != EQUAL && error.contains("not a holdout"), "{error}");
	let part = user.path("model").join("parts/layer-00.tblk");
	let mut bytes = fs::read(&part).unwrap();
	bytes[2_000] ^= 1;
	fs::write(&part, bytes).unwrap();
	let (code, _, error) = user.score(&["--holdout", "holdout.bin"]);
	assert!(code != EQUAL && error.contains("layer-00"), "{error}");
}
