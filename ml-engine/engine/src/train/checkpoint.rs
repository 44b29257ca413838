//! A training run on disk.
//!
//! ```text
//! "BLYCKPT1" | header length u32 LE | header JSON | f32 LE: weights, first moments, second moments | blake2-256
//! ```
//!
//! The file is written beside its place, synced and renamed, so an interruption leaves the previous one.

use super::{
	base::Options,
	optimiser::AdamW,
	weights::{parameter_specs, Latent},
	TrainError,
};
use blyan_exact::{blake2_256, ModelConfig};
use burn::tensor::{backend::Backend, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::{
	fs::{self, File},
	io::Write,
	path::Path,
};

const MAGIC: &[u8; 8] = b"BLYCKPT1";
/// Bytes of the hash at the end.
const HASH_LEN: usize = 32;

#[derive(Serialize, Deserialize)]
struct Header {
	config: ModelConfig,
	options: Options,
	step: u64,
	updates: u64,
	bytes: u64,
	seconds: f64,
}

/// A run as it was.
pub(crate) struct Checkpoint<B: Backend> {
	pub(crate) latent: Latent<B>,
	pub(crate) optimiser: AdamW<B>,
	pub(crate) step: u64,
	pub(crate) bytes: u64,
	pub(crate) seconds: f64,
}

/// Writes `bytes` so that `path` holds either its old content or all of them.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
	let beside = path.with_extension("partial");
	let written = (|| {
		let mut file = File::create(&beside)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&beside, path)
	})();
	written.map_err(|source| TrainError::Io { path: path.into(), source })
}

/// Replaces the checkpoint at `path`.
pub(crate) fn write<B: Backend>(
	path: &Path,
	config: &ModelConfig,
	options: &Options,
	latent: &Latent<B>,
	optimiser: &AdamW<B>,
	step: u64,
	bytes: u64,
	seconds: f64,
) -> Result<(), TrainError> {
	let header = Header {
		config: *config,
		options: options.clone(),
		step,
		updates: optimiser.updates,
		bytes,
		seconds,
	};
	let header = serde_json::to_vec(&header)
		.map_err(|error| TrainError::Checkpoint { path: path.into(), reason: error.to_string() })?;
	let mut file = MAGIC.to_vec();
	file.extend((header.len() as u32).to_le_bytes());
	file.extend(header);
	for tensor in latent.tensors.iter().chain(&optimiser.first).chain(&optimiser.second) {
		for value in tensor.to_data().iter::<f32>() {
			file.extend(value.to_le_bytes());
		}
	}
	let digest = blake2_256(&[&file]);
	file.extend(digest);
	write_atomically(path, &file)
}

/// Reads the checkpoint at `path`, which must belong to this model and, if given, to these settings. How long
/// the run may take, how many threads it uses and how often it reports may differ.
pub(crate) fn read<B: Backend>(
	path: &Path,
	config: &ModelConfig,
	options: Option<&Options>,
	device: &B::Device,
) -> Result<Checkpoint<B>, TrainError> {
	let refuse = |reason: &str| TrainError::Checkpoint { path: path.into(), reason: reason.into() };
	let file = fs::read(path).map_err(|source| TrainError::Io { path: path.into(), source })?;
	let body_len = file.len().checked_sub(HASH_LEN).ok_or_else(|| refuse("truncated"))?;
	let (body, digest) = file.split_at(body_len);
	if blake2_256(&[body]) != digest {
		return Err(refuse("its hash does not match"));
	}
	let rest = body.strip_prefix(MAGIC).ok_or_else(|| refuse("not a checkpoint"))?;
	let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| refuse("truncated"))?;
	let (header, mut rest) =
		rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(|| refuse("truncated"))?;
	let header: Header = serde_json::from_slice(header).map_err(|error| refuse(&error.to_string()))?;
	if header.config != *config {
		return Err(refuse("it belongs to another architecture"));
	}
	if let Some(options) = options {
		let same = Options {
			steps: header.options.steps,
			seconds_max: header.options.seconds_max,
			threads: header.options.threads,
			evaluate_every: header.options.evaluate_every,
			checkpoint: header.options.checkpoint.clone(),
			checkpoint_every: header.options.checkpoint_every,
			..options.clone()
		};
		if header.options != same {
			return Err(refuse("it belongs to a run with other settings"));
		}
	}
	let specs = parameter_specs(config);
	let mut list = || -> Result<Vec<Tensor<B, 2>>, TrainError> {
		specs
			.iter()
			.map(|spec| {
				let length = spec.shape[0] * spec.shape[1] * 4;
				let (values, left) = rest.split_at_checked(length).ok_or_else(|| refuse("truncated"))?;
				rest = left;
				let values = values
					.chunks_exact(4)
					.map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
					.collect::<Vec<_>>();
				Ok(Tensor::from_data(TensorData::new(values, spec.shape), device))
			})
			.collect()
	};
	let latent = Latent { tensors: list()? };
	let optimiser =
		AdamW { config: header.options.optimiser, first: list()?, second: list()?, updates: header.updates };
	Ok(Checkpoint { latent, optimiser, step: header.step, bytes: header.bytes, seconds: header.seconds })
}
