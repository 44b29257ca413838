//! Exact evaluation on a graphics card: whole batches of sequences, only tokens in and losses out.
//!
//! The kernels are CUDA C (`kernels/`), integers only, committed with the PTX that `scripts/cuda-ptx` makes of them; the
//! driver turns that into machine code when a card is opened, so neither building nor running takes a toolkit. A card is
//! used once its own answers for random rows were those of [`blyan_exact`] ([`Device::find`]), and until one of its calls
//! fails; everything else, and every trace, is computed on the processor.
//!
//! Without the feature `cuda-eval` there is a [`Device`] that nobody can have, so callers need not care.

#[cfg(feature = "cuda-eval")]
pub mod check;
#[cfg(feature = "cuda-eval")]
mod device;
#[cfg(feature = "cuda-eval")]
mod driver;
#[cfg(feature = "cuda-eval")]
mod forward;
#[cfg(feature = "cuda-eval")]
mod layout;
#[cfg(not(feature = "cuda-eval"))]
mod nobody;
#[cfg(feature = "cuda-eval")]
mod operators;
#[cfg(all(test, feature = "cuda-eval"))]
mod tests;
#[cfg(feature = "cuda-eval")]
mod weights;

#[cfg(feature = "cuda-eval")]
pub use device::Device;
#[cfg(not(feature = "cuda-eval"))]
pub use nobody::Device;

use blyan_primitives::EngineError;
use thiserror::Error;

/// Why a card is not, or no longer, used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
	/// There is none that could be, and what to do about it.
	#[error("{0}")]
	Unavailable(String),
	/// The driver refused a call.
	#[error("the CUDA driver failed: {0}")]
	Driver(String),
	/// It computes something else than the definition.
	#[error("the card's {0} is not what the definition says")]
	Wrong(&'static str),
	/// An expert could not be loaded. The card takes all of a model's; the processor may never need this one.
	#[error("an expert cannot be loaded: {0:?}")]
	Model(EngineError),
}

#[cfg(test)]
mod lints {
	use blyan_exact::blake2_256;

	#[test]
	fn the_committed_ptx_is_that_of_the_committed_source() {
		let source: [&[u8]; 3] = [
			include_bytes!("kernels/kernels.cu"),
			include_bytes!("kernels/matmul.cuh"),
			include_bytes!("kernels/exact.cuh"),
		];
		let hash: String = blake2_256(&source).iter().map(|byte| format!("{byte:02x}")).collect();
		for ptx in [include_str!("kernels/sm61.ptx"), include_str!("kernels/sm80.ptx")] {
			let line = ptx.lines().next().unwrap();
			assert!(line.ends_with(&hash), "run scripts/cuda-ptx and commit what it writes; {line}");
		}
	}

	#[test]
	fn looking_for_a_card_never_panics() {
		// Whether there is one depends on the machine; that the question has an answer must not.
		if let Err(error) = super::Device::find() {
			assert!(!error.to_string().is_empty());
		}
	}
}
