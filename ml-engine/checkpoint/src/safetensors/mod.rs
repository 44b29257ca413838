//! Directories of safetensors: `config.json`, one `model.safetensors` or several under an index, and the files of the
//! tokenizer.

mod config;
mod header;
mod names;

pub(crate) use config::{architecture, BitNetLinear};
pub(crate) use header::{Header, SUPPORTED};
pub(crate) use names::{is_passive, name, scale_name};

use crate::{
	bytes::{read_small, Bytes},
	encoding::Encoding,
	error::CheckpointError,
	weight::Weight,
};
use serde_json::Value;
use std::{
	collections::{BTreeMap, BTreeSet},
	path::{Path, PathBuf},
};

/// Largest JSON file but the tokenizer's.
const JSON_BYTES_MAX: u64 = 64 << 20;
/// Largest `tokenizer.json`.
const TOKENIZER_BYTES_MAX: u64 = 256 << 20;
const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A checkpoint in a directory.
#[derive(Debug)]
pub struct Directory {
	path: PathBuf,
	config: Value,
	generation: Option<Value>,
	tokenizer_config: Option<Value>,
	files: Vec<(String, Bytes)>,
	/// File and place of each tensor.
	tensors: BTreeMap<String, (usize, header::TensorInfo)>,
}

impl Directory {
	/// Reads the configuration and maps all files of weights.
	pub fn open(path: &Path) -> Result<Self, CheckpointError> {
		let Some(config) = json(path, "config.json")? else {
			return Err(CheckpointError::NotACheckpoint { path: path.to_owned() });
		};
		let mut files = Vec::new();
		for name in weight_files(path)? {
			let bytes = Bytes::map(&path.join(&name))?;
			files.push((name, bytes));
		}
		let generation = json(path, "generation_config.json")?;
		let tokenizer_config = json(path, "tokenizer_config.json")?;
		Ok(Self { generation, tokenizer_config, ..Self::new(path.to_owned(), config, files)? })
	}

	/// Takes the content of `config.json` and of files of weights that are held in memory, each with its name.
	pub fn from_bytes(config: &[u8], files: Vec<(String, Vec<u8>)>) -> Result<Self, CheckpointError> {
		let files = files.into_iter().map(|(name, bytes)| (name, Bytes::Owned(bytes)));
		Self::new(PathBuf::new(), parse(config, "config.json")?, files.collect())
	}

	fn new(path: PathBuf, config: Value, files: Vec<(String, Bytes)>) -> Result<Self, CheckpointError> {
		let mut tensors = BTreeMap::new();
		for (index, (name, bytes)) in files.iter().enumerate() {
			for (tensor, info) in Header::read(bytes, name)?.tensors {
				if tensors.insert(tensor.clone(), (index, info)).is_some() {
					return Err(CheckpointError::DuplicateTensor { name: tensor });
				}
			}
		}
		Ok(Self { path, config, generation: None, tokenizer_config: None, files, tensors })
	}

	/// Content of `config.json`.
	pub fn config(&self) -> &Value {
		&self.config
	}

	/// Content of `generation_config.json`.
	pub(crate) fn generation(&self) -> Option<&Value> {
		self.generation.as_ref()
	}

	/// Content of `tokenizer_config.json`.
	pub(crate) fn tokenizer_config(&self) -> Option<&Value> {
		self.tokenizer_config.as_ref()
	}

	/// Names of all tensors.
	pub fn tensors(&self) -> impl Iterator<Item = &str> {
		self.tensors.keys().map(String::as_str)
	}

	/// Dimensions of a tensor, rows first.
	pub fn shape(&self, name: &str) -> Option<&[u64]> {
		self.tensors.get(name).map(|(_, info)| info.shape.as_slice())
	}

	/// A tensor of one or two dimensions. BitNet's packing has four times as many rows as its shape says.
	pub fn matrix(&self, name: &str) -> Option<Weight<'_>> {
		let (file, info) = self.tensors.get(name)?;
		let (rows, columns) = match *info.shape.as_slice() {
			[columns] => (1, columns as usize),
			[rows, columns] => (rows as usize, columns as usize),
			_ => return None,
		};
		let packed = if info.encoding == Encoding::Ternary { 4 } else { 1 };
		Some(Weight::new(&self.files[*file].1[info.range.clone()], info.encoding, rows * packed, columns))
	}

	/// Gives the memory of a tensor back to the system; its bytes are read from the file again when they are wanted.
	pub(crate) fn release(&self, name: &str) {
		if let Some((file, info)) = self.tensors.get(name) {
			self.files[*file].1.release(info.range.clone());
		}
	}

	/// Encoding of a tensor.
	pub fn encoding(&self, name: &str) -> Option<Encoding> {
		self.tensors.get(name).map(|(_, info)| info.encoding)
	}

	/// Names and bytes of the files of weights.
	pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
		self.files.iter().map(|(name, bytes)| (name.as_str(), &**bytes))
	}

	/// Bytes of `tokenizer.json` and of `tokenizer_config.json`.
	pub(crate) fn tokenizer(&self) -> Result<(Vec<u8>, Option<Vec<u8>>), CheckpointError> {
		let tokenizer = read_small(&self.path.join("tokenizer.json"), TOKENIZER_BYTES_MAX)?;
		let config = read_small(&self.path.join("tokenizer_config.json"), JSON_BYTES_MAX)?;
		let missing = || CheckpointError::MissingTokenizer { missing: "tokenizer.json".into() };
		Ok((tokenizer.ok_or_else(missing)?, config))
	}

	/// A small text file of the directory. `None` without it, and if it is not UTF-8.
	pub(crate) fn text(&self, name: &str) -> Result<Option<String>, CheckpointError> {
		let bytes = read_small(&self.path.join(name), JSON_BYTES_MAX)?;
		Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
	}

	/// Path of the directory.
	pub(crate) fn path(&self) -> &Path {
		&self.path
	}
}

fn json(directory: &Path, name: &str) -> Result<Option<Value>, CheckpointError> {
	let bytes = read_small(&directory.join(name), JSON_BYTES_MAX)?;
	bytes.map(|bytes| parse(&bytes, name)).transpose()
}

fn parse(bytes: &[u8], name: &str) -> Result<Value, CheckpointError> {
	serde_json::from_slice(bytes).map_err(|error| CheckpointError::Json { file: name.into(), error })
}

/// Names of the files that hold the weights, in order.
fn weight_files(directory: &Path) -> Result<BTreeSet<String>, CheckpointError> {
	let Some(index) = json(directory, INDEX)? else {
		return Ok([WHOLE.to_owned()].into());
	};
	let Some(map) = index.get("weight_map").and_then(Value::as_object) else {
		return Err(CheckpointError::MissingKey { key: "weight_map".into() });
	};
	let mut names = BTreeSet::new();
	for value in map.values() {
		let name = value.as_str().unwrap_or_default();
		if name.is_empty() || name.contains(['/', '\\']) || name.starts_with('.') {
			return Err(CheckpointError::FileName { name: name.to_owned() });
		}
		names.insert(name.to_owned());
	}
	Ok(names)
}
