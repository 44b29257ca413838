//! A directory of an open model as the chain names its parts: a block and a blob each.

use crate::failure::{Context, Failure, Outcome};
use blyan_engine::{blobs::BLOB_BYTES_MAX, block::blob_ref};
use blyan_exact::definition2::{Architecture, Part};
use blyan_open_model::{
	directory::{self, PartFile},
	Directory, Holdout, Manifest,
};
use blyan_primitives::{BlockRef, HoldoutRef, JobBody};
use sp_core::H256;
use std::{collections::BTreeMap, path::Path};

/// An open model in a directory, every byte of which was checked.
pub struct OpenModelDir {
	directory: Directory,
	/// Its manifest.
	pub manifest: Manifest,
	/// Its architecture.
	pub architecture: Architecture,
	/// Embedding, layers and head.
	pub parts: Vec<BlockRef>,
	/// Experts, layer by layer.
	pub heads: Vec<BlockRef>,
	/// Parts by the hash of their blobs. Experts that are the same share one.
	files: BTreeMap<H256, Part>,
}

impl OpenModelDir {
	/// Reads the manifest and checks every part against it.
	pub fn open(dir: &Path) -> Outcome<Self> {
		let directory = Directory::new(dir);
		let manifest = directory.manifest()?;
		let architecture = directory.architecture(&manifest)?;
		directory.ensure_model_root(&manifest, &architecture)?;
		let (mut parts, mut files) = (Vec::new(), BTreeMap::new());
		for (part, record) in directory::parts(&architecture).into_iter().zip(&manifest.parts) {
			let file = directory.open(&architecture, part)?;
			file.ensure_root(&record.root)?;
			let bytes = file.bytes().len() as u64;
			if bytes > BLOB_BYTES_MAX {
				return Err(Failure::new(format!(
					"{} has {bytes} bytes, and a blob has at most {BLOB_BYTES_MAX}",
					directory.part(part).display()
				))
				.next("the chain takes smaller models only"));
			}
			let block = BlockRef { tensor_root: H256(record.hash()?), blob: blob_ref(file.bytes()) };
			files.insert(block.blob.hash, part);
			parts.push(block);
		}
		let heads = parts.split_off(architecture.parts().len());
		Ok(Self { directory, manifest, architecture, parts, heads, files })
	}

	/// Returns the model's body as jobs name it.
	pub fn job_body(&self) -> JobBody {
		JobBody::Second { architecture: self.architecture.to_bytes(), parts: self.parts.clone() }
	}

	/// Maps the file of a blob; `None` if it is not one of this model's.
	pub fn file(&self, hash: &H256) -> Outcome<Option<PartFile>> {
		match self.files.get(hash) {
			Some(part) => Ok(Some(self.directory.open(&self.architecture, *part)?)),
			None => Ok(None),
		}
	}

	/// Returns all blobs, each once.
	pub fn blobs(&self) -> impl Iterator<Item = &H256> {
		self.files.keys()
	}
}

/// Returns the chain's reference to a holdout of the second definition, after checking every byte of it.
pub fn holdout_ref(bytes: &[u8], path: &Path) -> Outcome<HoldoutRef> {
	let next = "make one with: blyan model holdout DIR FILE.. --out holdout.bin";
	let holdout = Holdout::read(bytes).context_next(path.display(), next)?;
	let sequence_len = u16::try_from(holdout.positions() + 1).context_next(
		path.display(),
		"sequences of holdouts on the chain have at most 65,535 token ids: use fewer positions",
	)?;
	let (root, sequences) = (H256(holdout.root()), holdout.sequences());
	Ok(HoldoutRef { root, blob: blob_ref(bytes), sequences, sequence_len })
}
