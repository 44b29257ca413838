//! A training run on disk.
//!
//! ```text
//! "BLYCKPT2" | header length u32 LE | header JSON | f32 LE: weights, first moments, second moments | blake2-256
//! ```
//!
//! The file is written beside its place and synced, renamed, and the folder synced, so whatever kills the process
//! or the machine leaves the previous checkpoint or this one, whole.
//!
//! **A resumed run gives the same bits** as one that was never interrupted, on the same machine, unless it is
//! limited by time, which no run can repeat. What holds that: sequences follow from the seed and the step; what is
//! remembered for replay is computed again from the steps it came from; gradients are computed in as many parts as
//! when the run began, whatever threads there are now, and added in their order; no product or sum is shared
//! between threads.

use super::{optimiser::AdamW, TrainError};
use blyan_exact::blake2_256;
use burn::tensor::{backend::Backend, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::{
	fs::{self, File},
	io::Write,
	path::Path,
};

const MAGIC: &[u8; 8] = b"BLYCKPT2";
/// Bytes of the hash at the end.
const HASH_LEN: usize = 32;

/// Progress of a run, and the run it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
	/// Subject of training: the architecture, or the slot of a model.
	#[serde(rename = "config")]
	pub(crate) subject: serde_json::Value,
	/// Everything the outcome depends on, as text: what is trained, and how.
	pub(crate) settings: String,
	/// Parts that the gradient of a batch is computed in.
	pub(crate) parts: usize,
	/// Updates made.
	pub(crate) step: u64,
	/// Bytes learned from.
	pub(crate) bytes: u64,
	/// Seconds spent.
	pub(crate) seconds: f64,
	/// Steps whose batches are remembered, in the order in which they are kept.
	pub(crate) remembered: Vec<u64>,
	/// Updates of the optimiser.
	pub(crate) updates: u64,
}

/// A run as it was.
pub(crate) struct Checkpoint<B: Backend> {
	pub(crate) header: Header,
	/// Latent weights.
	pub(crate) weights: Vec<Tensor<B, 2>>,
	pub(crate) first: Vec<Tensor<B, 2>>,
	pub(crate) second: Vec<Tensor<B, 2>>,
}

/// Writes `bytes` so that `path` holds either its old content or all of them.
///
/// # Errors
///
/// [`TrainError::NotSaved`]. What was written until then is removed, so that a full disk is no fuller than before.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
	let beside = path.with_extension("partial");
	let written = (|| {
		let mut file = File::create(&beside)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&beside, path)?;
		// The name is in the folder, which a power cut may otherwise take back to before the renaming.
		let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
		#[cfg(unix)]
		File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
		Ok(())
	})();
	written.map_err(|source| {
		// If even that fails, the next checkpoint writes over it.
		let _ = fs::remove_file(&beside);
		TrainError::NotSaved { path: path.into(), has_earlier: path.exists(), source }
	})
}

/// Replaces the checkpoint at `path`.
pub(crate) fn write<B: Backend>(
	path: &Path,
	header: &Header,
	weights: &[Tensor<B, 2>],
	optimiser: &AdamW<B>,
) -> Result<(), TrainError> {
	let header = serde_json::to_vec(header)
		.map_err(|error| TrainError::Checkpoint { path: path.into(), reason: error.to_string() })?;
	let mut file = MAGIC.to_vec();
	file.extend((header.len() as u32).to_le_bytes());
	file.extend(header);
	for tensor in weights.iter().chain(&optimiser.first).chain(&optimiser.second) {
		for value in tensor.to_data().iter::<f32>() {
			file.extend(value.to_le_bytes());
		}
	}
	let digest = blake2_256(&[&file]);
	file.extend(digest);
	write_atomically(path, &file)
}

/// Reads the checkpoint at `path`, which must belong to this subject and, if given, to a run with these
/// settings. `shapes` are those of the weights.
pub(crate) fn read<B: Backend>(
	path: &Path,
	subject: &serde_json::Value,
	settings: Option<&str>,
	shapes: &[[usize; 2]],
	device: &B::Device,
) -> Result<Checkpoint<B>, TrainError> {
	let refuse = |reason: &str| TrainError::Checkpoint { path: path.into(), reason: reason.into() };
	let file = fs::read(path).map_err(|source| TrainError::Io { path: path.into(), source })?;
	let body_len = file.len().checked_sub(HASH_LEN).ok_or_else(|| refuse("truncated"))?;
	let (body, digest) = file.split_at(body_len);
	if blake2_256(&[body]) != digest {
		return Err(refuse("its hash does not match"));
	}
	let rest = body.strip_prefix(MAGIC).ok_or_else(|| refuse("not a checkpoint of this version"))?;
	let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| refuse("truncated"))?;
	let (header, mut rest) =
		rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(|| refuse("truncated"))?;
	let header: Header = serde_json::from_slice(header).map_err(|error| refuse(&error.to_string()))?;
	if header.subject != *subject {
		return Err(refuse("it belongs to another architecture or model"));
	}
	if settings.is_some_and(|settings| header.settings != settings) {
		return Err(refuse("it belongs to a run with other settings or another start"));
	}
	let mut list = || -> Result<Vec<Tensor<B, 2>>, TrainError> {
		shapes
			.iter()
			.map(|shape| {
				let length = shape[0] * shape[1] * 4;
				let (values, left) = rest.split_at_checked(length).ok_or_else(|| refuse("truncated"))?;
				rest = left;
				let values = values
					.chunks_exact(4)
					.map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
					.collect::<Vec<_>>();
				Ok(Tensor::from_data(TensorData::new(values, *shape), device))
			})
			.collect()
	};
	let (weights, first, second) = (list()?, list()?, list()?);
	if !rest.is_empty() {
		return Err(refuse("there is something behind the weights"));
	}
	Ok(Checkpoint { header, weights, first, second })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	#[cfg(target_os = "linux")]
	fn a_full_disk_leaves_the_checkpoint_before_and_nothing_else() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("run.ckpt");
		let partial = path.with_extension("partial");
		// Every write to it fails as one to a full disk does.
		let fill = || std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
		fill();
		let refused = write_atomically(&path, b"first").unwrap_err().to_string();
		assert!(refused.contains("No space left") && refused.contains("make room"), "{refused}");
		assert!(!refused.contains("before it"), "there is none: {refused}");
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

		write_atomically(&path, b"first").unwrap();
		fill();
		let refused = write_atomically(&path, b"second").unwrap_err().to_string();
		assert!(refused.contains("the one before it is whole"), "{refused}");
		assert_eq!(fs::read(&path).unwrap(), b"first");
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
		write_atomically(&path, b"second").unwrap();
		assert_eq!(fs::read(&path).unwrap(), b"second");
	}
}
