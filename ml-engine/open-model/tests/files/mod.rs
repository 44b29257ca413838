//! Directories of small models for tests, of which each file of tests needs a part.
#![allow(dead_code)]

#[path = "../support/letters.rs"]
mod letters;

use blyan_exact::definition2::{block::part_file, golden::OwnedModel};
use blyan_kernel::Kernel;
use blyan_open_model::{
	directory, load,
	manifest::{Manifest, PartRecord},
	Directory, Runner,
};
use blyan_text::{Tokenizer, TokenizerFiles};
use std::{
	fs,
	path::{Path, PathBuf},
	sync::Arc,
};

/// Returns the file of a tokenizer of the visible characters of ASCII.
pub fn tokenizer_json() -> String {
	letters::tokenizer_json('!'..='~')
}

/// Reads [`tokenizer_json`].
pub fn tokenizer() -> Tokenizer {
	let json = tokenizer_json();
	let files = TokenizerFiles {
		tokenizer: json.as_bytes(),
		config: None,
		generation_config: None,
		chat_template: None,
	};
	Tokenizer::from_files(files).unwrap()
}

/// Writes a model in memory as a directory.
pub fn write(model: &OwnedModel, path: &Path) -> Manifest {
	let directory = Directory::new(path);
	directory.prepare().unwrap();
	let tokenizer = tokenizer();
	directory.write_text(&tokenizer).unwrap();
	let parts =
		directory::parts(&model.architecture).into_iter().zip(model.parts.iter().chain(&model.experts));
	let records: Vec<_> = parts
		.map(|(part, tensors)| {
			let file = part_file(&model.architecture, part, &tensors.view()).unwrap();
			fs::write(directory.part(part), &file).unwrap();
			let root = directory::layout(&model.architecture, part).unwrap().check(&file).unwrap();
			let name = directory::part_name(part);
			(PartRecord { name, bytes: file.len() as u64, root: hex::encode(root) }, root)
		})
		.collect();
	let source = serde_json::json!({ "name": "made of hashes" });
	let manifest = Manifest::new(&model.architecture, &records, (tokenizer.hash(), Vec::new()), source);
	directory.complete(&manifest).unwrap();
	manifest
}

/// Loads a directory.
pub fn runner(path: &Path, kernel: Kernel, threads: usize) -> Runner {
	let directory = Directory::new(path);
	let manifest = directory.manifest().unwrap();
	let architecture = directory.architecture(&manifest).unwrap();
	let weights = load(&directory, &manifest, &architecture).unwrap();
	Runner::new(Arc::new(weights), kernel, threads).unwrap()
}

/// Returns the path of SmolLM2-135M-Instruct, Q4_1, if it is given.
pub fn smollm2() -> Option<PathBuf> {
	let path = std::env::var_os("BLYAN_SMOLLM2").map(PathBuf::from);
	if path.is_none() {
		eprintln!("skipped: BLYAN_SMOLLM2 does not name the file SmolLM2-135M-Instruct.Q4_1.gguf");
	}
	path
}
