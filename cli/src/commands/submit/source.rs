//! Whole models on disk, of either definition.

use crate::{
	chain_model::ChainModel,
	client,
	failure::{Context, Failure, Kind, Outcome},
	mining::open_copy::ensure_same,
	model_dir::ModelDir,
	open_dir::OpenModelDir,
	output::Output,
	session::Session,
};
use blyan_engine::block::{
	safetensors::{self, FILE_BYTES_MAX},
	BlockShape,
};
use blyan_open_model::{checkpoint::Checkpoint, import, Directory, Precision};
use blyan_primitives::{BlockRef, ModelConfig, Slots};
use std::{
	collections::BTreeMap,
	fs,
	path::{Path, PathBuf},
};

/// Directory of imported checkpoints below the home directory.
const IMPORTS: &str = "state-dicts";

/// Experts of a whole model on disk.
pub enum StateDict {
	/// Of the first definition: blocks, or the reason why there is none.
	First {
		/// Files by layer and expert, or the reason why there is none.
		experts: BTreeMap<(u8, u16), Result<Vec<u8>, String>>,
		/// Names of tensors that are of no expert.
		others: Vec<String>,
	},
	/// Of an open model.
	Open(Box<OpenModelDir>),
}

impl StateDict {
	/// Lists the slots that it has something for, in order.
	pub fn places(&self, chain: &ChainModel) -> Vec<(u8, u16)> {
		match self {
			Self::First { experts, .. } => experts.keys().copied().collect(),
			Self::Open(_) => chain.slots().iter().collect(),
		}
	}

	/// Returns the names of its tensors that are of no expert.
	pub fn others(&self) -> &[String] {
		match self {
			Self::First { others, .. } => others,
			Self::Open(_) => &[],
		}
	}

	/// Returns the file of an expert.
	pub fn bytes(&self, place: (u8, u16)) -> Outcome<Vec<u8>> {
		let (layer, expert) = place;
		let missing = || Failure::new(format!("there is no expert {layer}.{expert}"));
		match self {
			Self::First { experts, .. } => match experts.get(&place) {
				Some(Ok(bytes)) => Ok(bytes.clone()),
				Some(Err(reason)) => Err(Failure::new(reason)),
				None => Err(missing()),
			},
			Self::Open(own) => {
				let block = self.block(place).ok_or_else(missing)?;
				let file = own.file(&block.blob.hash)?.ok_or_else(missing)?;
				Ok(file.bytes().to_vec())
			}
		}
	}

	/// Returns the reference to an expert of an open model.
	pub fn block(&self, (layer, expert): (u8, u16)) -> Option<BlockRef> {
		let Self::Open(own) = self else { return None };
		let index = Slots::second(&own.architecture).index(layer, expert)?;
		own.heads.get(usize::try_from(index).ok()?).copied()
	}
}

/// Reads a whole model.
pub async fn read(session: &Session, chain: &ChainModel, path: &Path) -> Outcome<StateDict> {
	let path = path.to_path_buf();
	if let Some(config) = chain.info.config().copied() {
		let trunk = chain.info.trunk().copied();
		return tokio::task::spawn_blocking(move || read_first(&path, &config, trunk)).await?;
	}
	let (output, home) = (session.output.clone(), session.home.clone());
	let dir = path.clone();
	let own = tokio::task::spawn_blocking(move || -> Outcome<(PathBuf, OpenModelDir)> {
		let dir = match Directory::new(&path).is_complete() {
			true => path,
			false => import_checkpoint(&output, &home.create_dir(IMPORTS)?, &path)?,
		};
		let own = OpenModelDir::open(&dir)?;
		Ok((dir, own))
	});
	let (imported, own) = own.await??;
	ensure_same(&own, chain, &imported)?;
	if imported != dir {
		session.output.say(format!("imported   {}", imported.display()));
	}
	Ok(StateDict::Open(Box::new(own)))
}

/// Imports a checkpoint of an open model as `blyan model import` does; one that has not changed is imported once.
fn import_checkpoint(output: &Output, folder: &Path, path: &Path) -> Outcome<PathBuf> {
	let out = folder.join(fingerprint(path)?);
	if Directory::new(&out).is_complete() {
		return Ok(out);
	}
	let next =
		"name a directory of blyan train base or blyan model import, or a checkpoint that can be imported";
	let checkpoint = Checkpoint::open(path).context_next(path.display(), next)?;
	let bar = output.byte_bar("importing", 0);
	import(&checkpoint, Precision::default(), &out, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	Ok(out)
}

/// Names a checkpoint by its files, their sizes and times.
fn fingerprint(path: &Path) -> Outcome<String> {
	let absolute = fs::canonicalize(path).context(path.display())?;
	let mut files: Vec<PathBuf> = match absolute.is_dir() {
		true => fs::read_dir(&absolute)?.flatten().map(|entry| entry.path()).collect(),
		false => vec![absolute],
	};
	files.sort();
	let mut facts = String::new();
	for file in files {
		let metadata = fs::metadata(&file).context(file.display())?;
		let modified =
			metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
		facts += &format!("{} {} {modified:?}\n", file.display(), metadata.len());
	}
	Ok(hex::encode(client::hash(facts.as_bytes()))[..32].to_string())
}

/// Reads a model of the first definition: a directory of `blyan train base`, or a safetensors file.
fn read_first(path: &Path, config: &ModelConfig, trunk: Option<BlockRef>) -> Outcome<StateDict> {
	if path.is_dir() {
		return read_directory(&ModelDir::open(path)?, path, config, trunk);
	}
	let len = fs::metadata(path).context(path.display())?.len();
	if len > FILE_BYTES_MAX {
		return Err(Failure::new(format!(
			"{}: {}",
			path.display(),
			safetensors::SafetensorsError::TooLarge(len)
		))
		.next("save the experts alone, without the trunk, or a layer a file"));
	}
	let file = fs::read(path).context(path.display())?;
	let found = safetensors::experts(&file)
		.context_next(path.display(), "docs/tensorblock.md shows how such a file is made")?;
	if found.files.is_empty() {
		return Err(Failure::new(format!("{} has no tensors of experts", path.display()))
			.kind(Kind::Refused)
			.next("name them layers.LAYER.experts.EXPERT.up, gain and down (docs/tensorblock.md)"));
	}
	let shape = BlockShape::expert_of(config);
	let experts = found.files.into_iter().map(|(place, file)| {
		let block = safetensors::import(&file, Some(shape)).map(|imported| imported.file);
		(place, block.map_err(|error| error.to_string()))
	});
	Ok(StateDict::First { experts: experts.collect(), others: found.others })
}

/// Reads the experts of a model's directory; refuses those of another trunk, which were trained for something else.
fn read_directory(
	dir: &ModelDir,
	path: &Path,
	config: &ModelConfig,
	trunk: Option<BlockRef>,
) -> Outcome<StateDict> {
	let manifest = &dir.manifest;
	let is_other = manifest.config != *config
		|| trunk.is_some_and(|trunk| trunk.tensor_root != manifest.trunk.tensor_root);
	if is_other {
		let error = format!("{} is a model of another architecture or with another trunk", path.display());
		return Err(Failure::new(error)
			.kind(Kind::Refused)
			.next("experts are trained in the chain's own model: blyan mine, or start from its trunk"));
	}
	let slots = Slots::first(config);
	let heads = slots.iter().zip(&manifest.heads);
	let experts =
		heads.map(|(place, head)| (place, dir.read(&head.blob.hash).map_err(|failure| failure.message)));
	Ok(StateDict::First { experts: experts.collect(), others: Vec::new() })
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_engine::{block::write_expert, dataset::Holdout};
	use blyan_exact::golden;
	use blyan_training::ExactWeights;
	use serde_json::json;

	/// Golden model, in a directory.
	fn directory(dir: &Path) -> ModelDir {
		let model = golden::model();
		let weights = ExactWeights { trunk: model.trunk, experts: model.experts };
		let holdout = Holdout::new(vec![b'x'; 640], 64).unwrap();
		crate::model_dir::write(dir, "golden", &model.config, &weights, &holdout, json!({})).unwrap();
		ModelDir::open(dir).unwrap()
	}

	#[test]
	fn all_experts_of_a_directory_are_found_and_those_of_another_trunk_refused() {
		let dir = tempfile::tempdir().unwrap();
		let model = directory(dir.path());
		let (config, trunk) = (model.manifest.config, model.manifest.trunk);
		let read = |config: &ModelConfig, trunk| read_first(dir.path(), config, Some(trunk));
		let StateDict::First { experts, others } = read(&config, trunk).unwrap() else { panic!("first") };
		assert_eq!(experts.len(), model.manifest.heads.len());
		assert!(experts.values().all(Result::is_ok) && others.is_empty());
		let other = BlockRef { tensor_root: sp_core::H256([7; 32]), ..trunk };
		assert_eq!(read(&config, other).err().unwrap().kind, Kind::Refused);
		let wider = ModelConfig { d_ff: config.d_ff * 2, ..config };
		assert_eq!(read(&wider, trunk).err().unwrap().kind, Kind::Refused);
	}

	#[test]
	fn a_file_without_experts_names_how_they_are_called() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("a.safetensors");
		let model = golden::model();
		let block = write_expert(&model.experts[0], &model.config).unwrap();
		let block = blyan_engine::block::TensorBlock::from_bytes(block, BlockShape::expert_of(&model.config))
			.unwrap();
		fs::write(&path, safetensors::export(&block).unwrap()).unwrap();
		let failure = read_first(&path, &model.config, None).err().unwrap();
		assert!(failure.next.unwrap().contains("experts.EXPERT"));
	}

	#[test]
	fn a_checkpoint_is_another_one_once_a_file_of_it_changes() {
		let dir = tempfile::tempdir().unwrap();
		fs::write(dir.path().join("a"), b"1").unwrap();
		let first = fingerprint(dir.path()).unwrap();
		assert_eq!(fingerprint(dir.path()).unwrap(), first);
		fs::write(dir.path().join("b"), b"2").unwrap();
		assert_ne!(fingerprint(dir.path()).unwrap(), first);
	}
}
