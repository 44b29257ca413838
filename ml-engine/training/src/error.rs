//! Errors of training.

use blyan_engine::quantise::QuantiseError;
use std::path::PathBuf;

/// Reason why training did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
	/// The architecture is refused.
	#[error("model configuration: {0}")]
	Config(#[from] blyan_exact::ConfigError),
	/// An option has a value that cannot work.
	#[error("option {name}: {reason}")]
	Option {
		/// The option.
		name: &'static str,
		/// Reason why the value cannot work.
		reason: String,
	},
	/// There is not enough text to draw one training sequence from.
	#[error("{have} bytes of training text are too few: one sequence takes {need}")]
	TooLittleData {
		/// Bytes there are.
		have: usize,
		/// Bytes needed.
		need: usize,
	},
	/// The slot does not exist in the model.
	#[error("there is no expert {expert} in layer {layer}")]
	NoSuchSlot {
		/// Layer asked for.
		layer: u8,
		/// Expert asked for.
		expert: u16,
	},
	/// The loss is no longer a number.
	#[error("the loss diverged at step {step}; lower the learning rate")]
	Diverged {
		/// Step at which it happened.
		step: u64,
	},
	/// The device cannot be used.
	#[error("device {device}: {reason}")]
	Device {
		/// Its name.
		device: &'static str,
		/// Reason why it cannot be used.
		reason: String,
	},
	/// A file could not be read or written.
	#[error("{path}: {source}")]
	Io {
		/// The file.
		path: PathBuf,
		/// The cause.
		source: std::io::Error,
	},
	/// A checkpoint is damaged or belongs to another run.
	#[error("checkpoint {path}: {reason}")]
	Checkpoint {
		/// The file.
		path: PathBuf,
		/// Reason why it is refused.
		reason: String,
	},
	/// The worker threads could not be started.
	#[error("threads: {0}")]
	Threads(String),
	/// The integer model cannot be turned into latent weights.
	#[error("conversion: {0}")]
	Convert(String),
	/// The latent weights cannot be rounded to an integer model.
	#[error("quantisation: {0}")]
	Quantise(#[from] QuantiseError),
}
