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
	/// A source of training text cannot be read.
	#[error("{0}")]
	Source(String),
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
	/// A checkpoint could not be written, as on a full disk.
	#[error("checkpoint {path} was not written: {source}; {}make room, then run the same command again", earlier(.has_earlier))]
	NotSaved {
		/// The file.
		path: PathBuf,
		/// True if it still holds the checkpoint before.
		has_earlier: bool,
		/// The cause.
		source: std::io::Error,
	},
	/// A cache of an open model's states is damaged or belongs to another run.
	#[error("cache {path}: {reason}")]
	Cache {
		/// The file.
		path: PathBuf,
		/// Reason why it is refused.
		reason: String,
	},
	/// The slot of an open model holds no adapter.
	#[error("layer {layer} has no adapters for experts; give it some with `blyan model upcycle --rank`")]
	NoAdapters {
		/// The layer.
		layer: u8,
	},
	/// An adapter does not fit the slot that it is written for.
	#[error("the adapter does not fit this slot, {0:?}: write it for the slot that it was trained in")]
	OtherShape(blyan_exact::definition2::block::AssembleError),
	/// No token of the text was routed to the expert.
	#[error("no token of {sequences} sequences went to expert {expert} of layer {layer}; give more text, or choose another expert")]
	NeverChosen {
		/// Layer of the slot.
		layer: u8,
		/// Expert of the slot.
		expert: u16,
		/// Sequences that were read.
		sequences: usize,
	},
	/// An open model cannot be read.
	#[error(transparent)]
	Directory(#[from] blyan_open_model::DirectoryError),
	/// An open model cannot be run.
	#[error(transparent)]
	Run(#[from] blyan_open_model::RunError),
	/// A text cannot be tokenised.
	#[error(transparent)]
	Tokenizer(#[from] blyan_open_model::text::TokenizerError),
	/// Sequences are not a holdout.
	#[error(transparent)]
	Holdout(#[from] blyan_open_model::evaluate::WriteError),
	/// A candidate cannot be evaluated.
	#[error(transparent)]
	Evaluate(#[from] blyan_open_model::evaluate::EvaluateError),
	/// The product that was learned cannot be rounded to an adapter.
	#[error("{matrix} of the adapter: {reason}")]
	Rounding {
		/// Name of the matrix.
		matrix: &'static str,
		/// Reason.
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

/// Clause about the checkpoint before one that was not written.
fn earlier(has_earlier: &bool) -> &'static str {
	match has_earlier {
		true => "the one before it is whole, and training goes on from there: ",
		false => "",
	}
}
