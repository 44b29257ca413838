//! A model on this machine, loaded: its manifest, its tokenizer, and its weights on threads.

use crate::failure::Outcome;
use blyan_exact::definition2::Architecture;
use blyan_open_model::{load, text::Tokenizer, Directory, Manifest, Runner};
use std::{path::Path, sync::Arc};

/// Loaded model.
pub struct LocalModel {
	/// Description.
	pub manifest: Manifest,
	/// Architecture.
	pub architecture: Arc<Architecture>,
	/// Tokenizer.
	pub tokenizer: Arc<Tokenizer>,
	/// Weights and threads.
	pub runner: Runner,
}

impl LocalModel {
	/// Loads the model in a directory and checks every byte of it. `threads`: all cores if absent.
	pub fn open(dir: &Path, threads: Option<usize>) -> Outcome<Self> {
		let directory = Directory::new(dir);
		let manifest = directory.manifest()?;
		let architecture = directory.architecture(&manifest)?;
		let tokenizer = Arc::new(directory.tokenizer(&manifest)?);
		let weights = load(&directory, &manifest, &architecture)?;
		let runner = Runner::on_this_machine(Arc::new(weights), threads)?;
		Ok(Self { manifest, architecture: Arc::new(architecture), tokenizer, runner })
	}
}
