//! A small random model as a directory and as files, and records of its answers.
#![allow(dead_code)] // every test uses a part of it

#[path = "../../../open-model/tests/support/mod.rs"]
pub mod model;

use blyan_exact::{
	definition2::{block::part_file, golden, golden::OwnedModel, Part},
	Hash, Sampling,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::Settings,
	directory::{part_name, parts, Directory, PartRecord},
	GenerationRecord, Manifest,
};
use blyan_verifier::{AnswerRecord, End, ModelFiles};
use std::{fs, path::Path};

/// Positions that the model takes.
pub const CONTEXT: u32 = 300;
/// Seed of the answers.
pub const SEED: u64 = u64::MAX - 6;

/// The model that the support of the conversations talks to.
pub fn owned() -> OwnedModel {
	let mut architecture = golden::ARCHITECTURES[0].1();
	architecture.context = CONTEXT;
	golden::random_model(architecture, b"chat")
}

/// Files of a model, in the order of a manifest.
pub fn files(model: &OwnedModel) -> Vec<(Part, Vec<u8>)> {
	let tensors = model.parts.iter().chain(&model.experts);
	let named = parts(&model.architecture).into_iter().zip(tensors);
	named
		.map(|(part, tensors)| (part, part_file(&model.architecture, part, &tensors.view()).unwrap()))
		.collect()
}

/// The same, given to a verifier.
pub fn given(model: &OwnedModel) -> ModelFiles {
	let mut given = ModelFiles::new(&model.architecture.to_bytes()).unwrap();
	for (index, (_, file)) in files(model).into_iter().enumerate() {
		given.put(index, file).unwrap();
	}
	given
}

/// The description of a model, as its directory has it.
pub fn manifest(model: &OwnedModel, ends: &[u32]) -> Manifest {
	let mut given = ModelFiles::new(&model.architecture.to_bytes()).unwrap();
	let listed = files(model).into_iter().enumerate().map(|(index, (part, file))| {
		let bytes = file.len() as u64;
		let root: Hash = given.put(index, file).unwrap();
		(PartRecord { name: part_name(part), bytes, root: hex::encode(root) }, root)
	});
	let listed: Vec<_> = listed.collect();
	let tokenizer = (model::tokenizer().hash(), ends.to_vec());
	Manifest::new(&model.architecture, &listed, tokenizer, serde_json::Value::Null)
}

/// Writes the directory of a model.
pub fn write(model: &OwnedModel, manifest: &Manifest, path: &Path) {
	let directory = Directory::new(path);
	directory.prepare().unwrap();
	for (part, file) in files(model) {
		fs::write(directory.part(part), file).unwrap();
	}
	directory.write_text(&model::tokenizer()).unwrap();
	directory.complete(manifest).unwrap();
}

/// Settings of an answer.
pub fn settings(tokens_max: usize, temperature: u16, top_p: u16) -> Settings {
	let sampling = Sampling { temperature, top_p, seed: Sampling::key_of(SEED) };
	Settings { sampling, tokens_max, stop: Vec::new() }
}

/// Record of the answer to a greeting. Only `ends` end an answer before its length.
pub fn record(ends: &[u32], settings: &Settings) -> GenerationRecord {
	let chat = blyan_text::Chat::new(model::tokenizer()).unwrap();
	let runner = model::runner(CONTEXT, 2, Kernel::best());
	let mut talk = blyan_open_model::Conversation::new(runner, chat, ends.to_vec(), None);
	let answer = model::say(&mut talk, "hello", settings);
	GenerationRecord::new(&manifest(&owned(), ends), settings, SEED, &answer)
}

/// The record as the verifier reads it.
pub fn read(record: &GenerationRecord) -> AnswerRecord {
	let names = ["end", "stop", "length", "context", "cancelled"];
	let place = names.iter().position(|name| *name == record.end.name()).unwrap();
	AnswerRecord {
		prompt: record.prompt.clone(),
		answer: record.answer.clone(),
		sampling: record.sampling(),
		tokens_max: record.max_tokens as u64,
		ends: record.ends.clone(),
		end: End::ALL[place],
		has_stops: !record.stop.is_empty(),
	}
}
