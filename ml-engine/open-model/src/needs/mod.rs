//! Needs of a model before it is there: bytes, memory, speed, disputes and evaluations, computed from its architecture and
//! a machine's rates.

mod disputes;
mod machine;
mod presets;
mod sizes;
mod speed;

pub use disputes::{Disputes, DisputesError};
pub use machine::{Machine, ProductRate, Rate, Rates};
pub use presets::{Preset, PRESETS};
pub use sizes::{Products, Sizes};
pub use speed::{Bound, Limit, Speed, EVALUATION_POSITIONS, EVALUATION_SEQUENCES};

use crate::{
	convert::{self, ConvertError, Precision},
	directory::{Directory, DirectoryError},
	run::RunError,
};
use blyan_checkpoint::{Architecture as Source, Checkpoint, CheckpointError, Role};
use blyan_exact::definition2::{Architecture, ArchitectureError, WeightKind};
use blyan_kernel::Kernel;
use serde::Serialize;
use std::path::Path;

/// Reason why it cannot be said what a model takes.
#[derive(Debug, thiserror::Error)]
pub enum NeedsError {
	/// There is no such preset.
	#[error("{0:?} is none of the known models: {names}", names = preset_names())]
	UnknownPreset(String),
	/// A file cannot be read.
	#[error("{path}: {error}")]
	File {
		/// The file.
		path: std::path::PathBuf,
		/// Message of the system.
		error: std::io::Error,
	},
	/// The checkpoint, or its configuration, cannot be read.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// It has no integer form.
	#[error(transparent)]
	Convert(#[from] ConvertError),
	/// The directory is not a model.
	#[error(transparent)]
	Directory(#[from] DirectoryError),
	/// The architecture is out of bounds.
	#[error(transparent)]
	Architecture(#[from] ArchitectureError),
	/// Disputes cannot be computed.
	#[error(transparent)]
	Disputes(#[from] DisputesError),
	/// The machine cannot be measured.
	#[error(transparent)]
	Run(#[from] RunError),
}

fn preset_names() -> String {
	PRESETS.map(|preset| preset.name).join(", ")
}

/// Storage of the weights of a model that is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
	/// 4 bits in groups of 32, as GGUF's Q4_0 and Q4_1; embedding, head and router have 8 bits.
	Int4,
	/// 8 bits, as every other encoding becomes.
	Int8,
	/// Ternary, as BitNet's; embedding and head have 8 bits.
	Ternary,
}

impl Weights {
	/// Returns the kind of a matrix.
	fn kind(self, role: Role) -> WeightKind {
		match (self, role) {
			(_, Role::Embedding | Role::Head | Role::Router(_)) | (Self::Int8, _) => WeightKind::Int8,
			(Self::Int4, _) => WeightKind::Int4By32,
			(Self::Ternary, _) => WeightKind::Ternary,
		}
	}
}

/// Reads the architecture of a model, of a checkpoint, or of a `config.json` alone, whose weights are taken to be of a kind:
/// ternary for BitNet, else 4 bits unless another one is given. `weights` applies to a `config.json` only.
pub fn read(path: &Path, weights: Option<Weights>) -> Result<Architecture, NeedsError> {
	let directory = Directory::new(path);
	if directory.is_complete() {
		return Ok(directory.architecture(&directory.manifest()?)?);
	}
	if path.extension().is_some_and(|extension| extension == "json") {
		let read = std::fs::read(path);
		let config = read.map_err(|error| NeedsError::File { path: path.to_path_buf(), error })?;
		return architecture_of(&config, weights);
	}
	Ok(convert::architecture(&Checkpoint::open(path)?, Precision::default())?)
}

/// Returns the architecture that a `config.json` describes.
fn architecture_of(config: &[u8], weights: Option<Weights>) -> Result<Architecture, NeedsError> {
	let source = Source::from_config(config)?;
	let own = if source.activation_bits.is_some() { Weights::Ternary } else { Weights::Int4 };
	let weights = weights.unwrap_or(own);
	Ok(convert::described(&source, Precision::default(), &|role| Ok(weights.kind(role)))?)
}

/// Needs of a model, and how fast a machine runs it.
#[derive(Clone, Debug, Serialize)]
pub struct Needs {
	/// Sizes.
	pub sizes: Sizes,
	/// Disputes about an evaluation's sequences.
	pub disputes: Disputes,
	/// The machine.
	pub machine: Machine,
	/// Speeds on it.
	pub speed: Speed,
}

impl Needs {
	/// Computes what a model takes on a machine whose rates are known. `positions`: length of a prompt, and positions that tokens
	/// behind it see.
	pub fn on(architecture: &Architecture, machine: Machine, positions: u32) -> Result<Self, NeedsError> {
		let sizes = Sizes::of(architecture)?;
		Self::of(architecture, sizes, machine, positions)
	}

	/// Computes what a model takes on this machine, which is measured; on all of its cores, or so many threads.
	pub fn here(
		architecture: &Architecture,
		threads: Option<usize>,
		positions: u32,
	) -> Result<Self, NeedsError> {
		let sizes = Sizes::of(architecture)?;
		let products = [sizes.layers.as_slice(), &[sizes.head]].concat();
		let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
		let threads = threads.unwrap_or_else(cores);
		let machine = Machine::measure(architecture, &products, Kernel::best(), threads)?;
		Self::of(architecture, sizes, machine, positions)
	}

	fn of(
		architecture: &Architecture,
		sizes: Sizes,
		machine: Machine,
		positions: u32,
	) -> Result<Self, NeedsError> {
		let disputes = Disputes::of(architecture, EVALUATION_POSITIONS.min(architecture.context))?;
		if !(1..=architecture.context).contains(&positions) {
			return Err(ArchitectureError::Context(positions).into());
		}
		let speed = Speed::of(&sizes, &disputes, &machine, positions);
		Ok(Self { sizes, disputes, machine, speed })
	}
}
