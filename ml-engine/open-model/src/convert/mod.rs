//! From floats to integers.
//!
//! Everything here is a function of the checkpoint's bytes: additions, products, quotients and roundings of IEEE 754
//! doubles, and powers from `libm`, which is plain Rust. So each machine comes to the same bits.

mod architecture;
mod matrix;
mod tensor;
mod vector;

pub use architecture::{architecture, described, Kinds, Precision};
pub use matrix::router;
pub use tensor::write_tensor;

use blyan_checkpoint::{CheckpointError, Role};
use blyan_exact::definition2::{ArchitectureError, Name};
use std::io;

/// Receiver of a tensor, row by row: codes, and the factors behind them. A vector is one row of codes.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), ConvertError>;

/// Reason why a checkpoint has no integer form.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
	/// The checkpoint cannot be read.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// The bytes cannot be kept.
	#[error("cannot write: {0}")]
	Write(#[from] io::Error),
	/// A tensor holds an infinity or no number.
	#[error("{0:?} holds a weight that is not a finite number: the checkpoint is damaged, get it again")]
	NotFinite(Role),
	/// A scale is too large.
	#[error("{role:?} has the scale {scale:e}, beyond what the integer network stores: the checkpoint is damaged, or its weights were never trained")]
	Scale {
		/// Tensor.
		role: Role,
		/// Its scale.
		scale: f64,
	},
	/// A group of 4-bit weights is too large.
	#[error(
		"{role:?} has a group of 4-bit weights with d = {d} and m = {m}: below 16 in magnitude are stored"
	)]
	Group {
		/// Tensor.
		role: Role,
		/// Step.
		d: f64,
		/// Minimum.
		m: f64,
	},
	/// A bias is too large.
	#[error("{role:?} has a bias of {bias}: below 16384 in magnitude is stored")]
	Bias {
		/// Tensor.
		role: Role,
		/// The bias.
		bias: f64,
	},
	/// The term under the root is too large.
	#[error("the norms' eps is {0:e}: below 0.0078 is stored")]
	Eps(f64),
	/// A rotary frequency is half a turn or more a position.
	#[error("a rotary frequency is {0} radians a position: below one turn (6.283) is stored")]
	Frequency(f64),
	/// The architecture is out of bounds.
	#[error("the checkpoint is outside of the integer network's bounds: {0}")]
	Architecture(#[from] ArchitectureError),
	/// A number of the architecture does not fit its field.
	#[error("the checkpoint's {name} is {value}: the integer network takes at most {max}")]
	TooLarge {
		/// Number.
		name: &'static str,
		/// Its value.
		value: usize,
		/// Its bound.
		max: usize,
	},
	/// A checkpoint has no adapters: they come from upcycling and training.
	#[error("a checkpoint has no tensor {0:?} of an adapter: import it as it is, then upcycle the model")]
	Adapter(Name),
	/// The shared expert has a gate.
	#[error("layer {0} has a shared expert behind a sigmoid gate (Qwen2-MoE): the integer network has none; import a checkpoint of another family")]
	SharedGate(usize),
}
