//! The model a chain starts with: its manifest, and the blobs that the manifest names.

use blyan_engine::blobs::{BlobError, BlobStore};
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use std::{
	borrow::Cow,
	collections::BTreeMap,
	fs,
	path::{Path, PathBuf},
};

/// Name of the file that describes a model.
const MANIFEST: &str = "manifest.json";

/// Files of the built-in model by name; empty if there was none when this binary was built.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/genesis_model.rs"));

/// Why a genesis model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
	/// A file cannot be read.
	#[error("cannot read {0:?}: {1}. A genesis model is a folder with manifest.json and the files it names")]
	Unreadable(PathBuf, std::io::Error),
	/// The manifest is not what it should be.
	#[error("the genesis model's manifest.json is malformed: {0}")]
	Manifest(#[from] serde_json::Error),
	/// The manifest names a file that leaves its folder.
	#[error("the genesis model's manifest.json names {0:?}, which is not a plain file name")]
	FileName(String),
	/// The manifest names a file that is not embedded.
	#[error("the genesis model lacks the file {0:?} that its manifest.json names")]
	Missing(String),
	/// A file's bytes do not have the hash the manifest states.
	#[error("the genesis model's file {0:?} has hash {1:?}, but its manifest.json says {2:?}")]
	Mismatch(String, H256, H256),
	/// The store refuses a blob.
	#[error("cannot store a blob of the genesis model: {0}")]
	Store(#[from] BlobError),
}

/// The part of a manifest that matters here; the runtime reads the rest.
#[derive(serde::Deserialize)]
struct Manifest {
	files: BTreeMap<H256, String>,
}

/// A model with all of its bytes.
pub struct GenesisModel {
	manifest_json: String,
	files: BTreeMap<H256, (String, Cow<'static, [u8]>)>,
}

impl GenesisModel {
	/// The built-in model, if this binary has one.
	pub fn embedded() -> Result<Option<Self>, GenesisError> {
		let find = |wanted: &str| EMBEDDED.iter().find(|(name, _)| *name == wanted).map(|(_, bytes)| *bytes);
		let Some(manifest) = find(MANIFEST) else { return Ok(None) };
		Self::assemble(String::from_utf8_lossy(manifest).into_owned(), |name| {
			find(name).map(Cow::Borrowed).ok_or_else(|| GenesisError::Missing(name.into()))
		})
		.map(Some)
	}

	/// The model in a folder.
	pub fn read(dir: &Path) -> Result<Self, GenesisError> {
		let manifest = dir.join(MANIFEST);
		let manifest =
			fs::read_to_string(&manifest).map_err(|error| GenesisError::Unreadable(manifest, error))?;
		Self::assemble(manifest, |name| {
			let path = dir.join(name);
			fs::read(&path).map(Cow::Owned).map_err(|error| GenesisError::Unreadable(path, error))
		})
	}

	fn assemble(
		manifest_json: String,
		bytes_of: impl Fn(&str) -> Result<Cow<'static, [u8]>, GenesisError>,
	) -> Result<Self, GenesisError> {
		let manifest: Manifest = serde_json::from_str(&manifest_json)?;
		let mut files = BTreeMap::new();
		for (hash, name) in manifest.files {
			if Path::new(&name).file_name() != Some(name.as_ref()) {
				return Err(GenesisError::FileName(name));
			}
			let bytes = bytes_of(&name)?;
			let actual = H256(blake2_256(&bytes));
			if actual != hash {
				return Err(GenesisError::Mismatch(name, actual, hash));
			}
			files.insert(hash, (name, bytes));
		}
		Ok(Self { manifest_json, files })
	}

	/// The manifest as it was written.
	pub fn manifest_json(&self) -> &str {
		&self.manifest_json
	}

	/// Puts the blobs that the store lacks into it and returns how many there are in all.
	pub fn import(&self, store: &BlobStore) -> Result<usize, GenesisError> {
		for (hash, (_, bytes)) in &self.files {
			if !store.has(hash) {
				store.put(bytes)?;
			}
		}
		Ok(self.files.len())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn model(dir: &Path, name: &str, hash: H256) {
		fs::write(dir.join("a.tblk"), b"weights").expect("writable");
		fs::write(dir.join(MANIFEST), format!(r#"{{"name":"m","files":{{"{hash:?}":"{name}"}}}}"#))
			.expect("writable");
	}

	#[test]
	fn read_checks_every_file_against_its_hash() {
		let dir = tempfile::tempdir().expect("temporary folder");
		let hash = H256(blake2_256(b"weights"));
		model(dir.path(), "a.tblk", hash);
		assert_eq!(GenesisModel::read(dir.path()).expect("valid").files.len(), 1);
		model(dir.path(), "a.tblk", H256::zero());
		assert!(matches!(GenesisModel::read(dir.path()), Err(GenesisError::Mismatch(..))));
		model(dir.path(), "b.tblk", hash);
		assert!(matches!(GenesisModel::read(dir.path()), Err(GenesisError::Unreadable(..))));
	}

	#[test]
	fn read_refuses_names_that_leave_the_folder() {
		let dir = tempfile::tempdir().expect("temporary folder");
		for name in ["../a.tblk", "/etc/passwd", "sub/a.tblk", ".."] {
			model(dir.path(), name, H256(blake2_256(b"weights")));
			assert!(matches!(GenesisModel::read(dir.path()), Err(GenesisError::FileName(_))), "{name}");
		}
	}

	#[test]
	fn embedded_model_is_consistent_if_there_is_one() {
		if let Some(model) = GenesisModel::embedded().expect("consistent") {
			assert!(!model.files.is_empty());
		}
	}
}
