//! A model as a folder: `manifest.json`, `trunk.tblk`, `l{layer}e{expert}.tblk`, `holdout.bin`.

use crate::failure::{Context, Failure, Outcome};
use blyan_engine::{
	block::{block_ref, write_expert, write_trunk},
	dataset::Holdout,
};
use blyan_exact::ModelConfig;
use blyan_primitives::{BlockRef, HoldoutRef, ModelVersion};
use blyan_training::ExactWeights;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sp_core::H256;
use std::{
	collections::BTreeMap,
	fs,
	path::{Path, PathBuf},
};

const MANIFEST: &str = "manifest.json";

/// The model's manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
	/// Name of the model.
	pub name: String,
	/// Architecture.
	pub config: ModelConfig,
	/// Version of the architecture.
	pub version: ModelVersion,
	/// Everything that is not an expert.
	pub trunk: BlockRef,
	/// Experts in row-major order.
	pub heads: Vec<BlockRef>,
	/// Test sequences on which candidates are measured.
	pub holdout: HoldoutRef,
	/// File of each blob.
	pub files: BTreeMap<H256, String>,
	/// Facts of the training run, in free form.
	#[serde(default)]
	pub training: Value,
}

/// Writes a model; the manifest last, so that a folder with a manifest is whole.
pub fn write(
	dir: &Path,
	name: &str,
	config: &ModelConfig,
	weights: &ExactWeights,
	holdout: &Holdout,
	training: Value,
) -> Outcome<Manifest> {
	fs::create_dir_all(dir).context(dir.display())?;
	let mut files = BTreeMap::new();
	let mut put = |hash: H256, name: String, bytes: &[u8]| {
		let path = dir.join(&name);
		files.insert(hash, name);
		fs::write(&path, bytes).context(path.display())
	};
	let trunk_bytes = write_trunk(&weights.trunk, config)?;
	let trunk = block_ref(&trunk_bytes);
	put(trunk.blob.hash, "trunk.tblk".into(), &trunk_bytes)?;
	let mut heads = Vec::new();
	let per_layer = usize::from(config.experts).max(1);
	for (index, expert) in weights.experts.iter().enumerate() {
		let bytes = write_expert(expert, config)?;
		let block = block_ref(&bytes);
		let file = format!("l{}e{}.tblk", index / per_layer, index % per_layer);
		put(block.blob.hash, file, &bytes)?;
		heads.push(block);
	}
	let reference = holdout.reference();
	put(reference.blob.hash, "holdout.bin".into(), &holdout.bytes)?;
	let version = ModelVersion { major: 1, minor: 0, patch: 0 };
	let manifest = Manifest {
		name: name.into(),
		config: *config,
		version,
		trunk,
		heads,
		holdout: reference,
		files,
		training,
	};
	let path = dir.join(MANIFEST);
	fs::write(&path, serde_json::to_string_pretty(&manifest)?).context(path.display())?;
	Ok(manifest)
}

/// A model in a folder.
pub struct ModelDir {
	dir: PathBuf,
	/// Its manifest.
	pub manifest: Manifest,
}

impl ModelDir {
	/// Reads the manifest.
	pub fn open(dir: &Path) -> Outcome<Self> {
		let path = dir.join(MANIFEST);
		let next = "name a folder that was written by: blyan train base";
		let json = fs::read(&path).context_next(path.display(), next)?;
		let manifest = serde_json::from_slice(&json).context_next(path.display(), next)?;
		Ok(Self { dir: dir.into(), manifest })
	}

	/// The bytes of a blob, checked against its hash.
	pub fn read(&self, hash: &H256) -> Outcome<Vec<u8>> {
		let name = self.manifest.files.get(hash).ok_or_else(|| {
			Failure::new(format!("{} names no file for blob {hash:?}", self.dir.join(MANIFEST).display()))
		})?;
		if Path::new(name).file_name() != Some(name.as_ref()) {
			return Err(Failure::new(format!("the manifest names {name:?}, which is no plain file name")));
		}
		let path = self.dir.join(name);
		let bytes = fs::read(&path).context(path.display())?;
		if crate::client::hash(&bytes) != *hash {
			return Err(Failure::new(format!("{} is damaged: it does not match its hash", path.display()))
				.next("restore the model's folder"));
		}
		Ok(bytes)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::golden;

	#[test]
	fn round_trip_and_a_changed_byte() {
		let dir = tempfile::tempdir().unwrap();
		let model = golden::model();
		let weights = ExactWeights { trunk: model.trunk, experts: model.experts };
		let holdout = Holdout::new(vec![b'x'; 640], 64).unwrap();
		let manifest = write(dir.path(), "golden", &model.config, &weights, &holdout, Value::Null).unwrap();
		assert_eq!(manifest.heads.len(), model.config.slots() as usize);
		let read = ModelDir::open(dir.path()).unwrap();
		let trunk = read.read(&manifest.trunk.blob.hash).unwrap();
		assert_eq!(block_ref(&trunk), manifest.trunk);

		let path = dir.path().join("l1e2.tblk");
		let mut bytes = fs::read(&path).unwrap();
		bytes[200] ^= 1;
		fs::write(&path, bytes).unwrap();
		assert!(read.read(&manifest.heads[6].blob.hash).is_err());
		assert!(read.read(&H256::zero()).is_err());
		assert!(ModelDir::open(&dir.path().join("none")).is_err());
	}
}
