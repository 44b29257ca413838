//! Exact evaluation on a GPU: whole batches of sequences, only tokens in and losses out. Behind the feature `cuda-eval`.
//!
//! The kernels are CUDA C (`kernels/`), integers only, committed with the PTX that `scripts/cuda-ptx` makes of them; the
//! driver turns that into machine code when a GPU is opened, so neither building nor running takes a toolkit. A GPU is
//! used once its own answers for random rows were those of [`blyan_exact`] ([`Device::find`]), and until one of its calls
//! fails; everything else, and every trace, is computed on the processor.

pub mod check;
mod device;
mod driver;
mod forward;
mod layout;
mod operators;
#[cfg(test)]
mod tests;
mod weights;

pub use device::Device;

use crate::eval::Evaluator;
use blyan_primitives::EngineError;
use thiserror::Error;

/// Reason why a GPU is not, or no longer, used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
	/// There is none that could be used, and what to do about it.
	#[error("{0}")]
	Unavailable(String),
	/// The driver refused a call.
	#[error("the CUDA driver failed: {0}")]
	Driver(String),
	/// It computes something else than the definition.
	#[error("the GPU's {0} is not what the definition says")]
	Wrong(&'static str),
	/// An expert could not be loaded. The GPU takes all of a model's; the processor may never need this one.
	#[error("an expert cannot be loaded: {0:?}")]
	Model(EngineError),
}

/// Gives the evaluator this machine's GPU, if it has one that computes what the definition says. Logs in one line which one
/// it is, or why there is none.
pub fn on_best_device(evaluator: Evaluator) -> Evaluator {
	match Device::find() {
		Ok(device) => {
			log::info!("evaluating on {device:?}");
			evaluator.with_device(device)
		}
		Err(error) => {
			log::info!("evaluating on the processor: {error}");
			evaluator
		}
	}
}
