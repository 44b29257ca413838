//! Where an audit finds blobs: files, folders of models, the store of earlier audits, the node. Each is checked by its hash.

use crate::{
	args::SourceArgs,
	client::{download, Client},
	failure::{Context, Failure, Kind, Outcome},
	model_dir::ModelDir,
	open_dir::OpenModelDir,
	referee,
	session::Session,
};
use blyan_engine::blobs::BlobStore;
use blyan_open_model::{directory::PartFile, Directory};
use blyan_primitives::BlobRef;
use std::{path::PathBuf, sync::Arc};

/// Places to look for blobs.
pub struct Sources<'a> {
	session: &'a Session,
	/// Folders that were named.
	pub dirs: Vec<ModelDir>,
	/// Directories of open models that were named.
	open_dirs: Vec<PathBuf>,
	/// The same, read when the first blob was looked for in them: that takes the hash of every part.
	opened: Option<Vec<OpenModelDir>>,
	/// Where blobs are kept.
	pub store: Arc<BlobStore>,
	client: Option<Client>,
}

impl<'a> Sources<'a> {
	/// Reads the folders' manifests and takes the files; asks no node yet.
	pub fn open(session: &'a Session, args: &SourceArgs) -> Outcome<Self> {
		let (open_dirs, folders): (Vec<PathBuf>, Vec<PathBuf>) =
			args.model_dir.iter().cloned().partition(|dir| Directory::new(dir).is_complete());
		let dirs = folders.iter().map(|dir| ModelDir::open(dir)).collect::<Outcome<_>>();
		let store = referee::open_store(&session.home)?;
		for path in &args.blob {
			let bytes = std::fs::read(path).context(path.display()).map_err(undecided)?;
			store.put(&bytes).context(path.display())?;
		}
		let dirs = dirs.map_err(undecided)?;
		Ok(Self { session, dirs, open_dirs, opened: None, store, client: None })
	}

	/// Has these blobs in the store, or says which is missing.
	pub async fn provide(&mut self, blobs: impl IntoIterator<Item = BlobRef>) -> Outcome<()> {
		for blob in blobs {
			if self.store.has(&blob.hash) {
				continue;
			}
			if let Some(dir) = self.dirs.iter().find(|dir| dir.manifest.files.contains_key(&blob.hash)) {
				self.store.put(&dir.read(&blob.hash).map_err(undecided)?)?;
			} else if let Some(part) = self.open_part(&blob).map_err(undecided)? {
				self.store.put(part.bytes())?;
			} else {
				let bytes = self.fetch(&blob).await.map_err(|failure| missing(&blob, failure))?;
				self.store.put(&bytes)?;
			}
		}
		Ok(())
	}

	/// Finds a part of an open model in the directories that were named.
	fn open_part(&mut self, blob: &BlobRef) -> Outcome<Option<PartFile>> {
		let opened = match self.opened.take() {
			Some(opened) => opened,
			None => self.open_dirs.iter().map(|dir| OpenModelDir::open(dir)).collect::<Outcome<_>>()?,
		};
		let found = opened.iter().find_map(|dir| dir.file(&blob.hash).transpose()).transpose();
		self.opened = Some(opened);
		found
	}

	async fn fetch(&mut self, blob: &BlobRef) -> Outcome<Vec<u8>> {
		if self.client.is_none() {
			self.client = Some(self.session.connect().await?);
		}
		match &self.client {
			Some(client) => download(client, &self.session.output, blob).await,
			None => Err(Failure::new("no node is connected")),
		}
	}
}

fn missing(blob: &BlobRef, failure: Failure) -> Failure {
	Failure::new(format!("blob {:?} is not here: {}", blob.hash, failure.message)).kind(Kind::Undecided).next(
		"name the model's folder with --model-dir, the file with --blob, or a node that has it with --url",
	)
}

/// Marks a failure as undecided: an obstacle to an audit is no evidence against its subject.
pub fn undecided(failure: Failure) -> Failure {
	failure.kind(Kind::Undecided)
}
