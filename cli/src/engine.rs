//! Experts as files: checked, named, and made worthless on purpose.

use crate::failure::{Context, Outcome};
use blyan_engine::block::{block_ref, write_expert, BlockShape, TensorBlock};
use blyan_exact::{Matrix, ModelConfig};
use blyan_primitives::BlockRef;
use rand::{rngs::StdRng, Rng, SeedableRng};

/// Returns the chain's reference to an expert's file, after checking every byte of it against `config`.
///
/// What the committee would call invalid costs the bond there, and nothing here.
pub fn expert_ref(bytes: &[u8], config: &ModelConfig) -> Outcome<BlockRef> {
	let block = TensorBlock::from_bytes(bytes.to_vec(), BlockShape::expert_of(config)).and_then(|block| {
		block.verify_all()?;
		Ok(block)
	});
	block.context_next("this is no expert of that model", "make one with: blyan train expert")?;
	Ok(block_ref(bytes))
}

/// An expert like `current` with random ternary weights.
pub fn noise(current: &[u8], config: &ModelConfig, seed: u64) -> Outcome<Vec<u8>> {
	let mut expert = TensorBlock::from_bytes(current.to_vec(), BlockShape::expert_of(config))
		.and_then(|block| block.to_expert())
		.context("the current expert")?;
	let mut rng = StdRng::seed_from_u64(seed);
	let mut scramble = |matrix: &mut Matrix| {
		matrix.weights.iter_mut().for_each(|weight| *weight = rng.gen_range(-1..=1));
	};
	scramble(&mut expert.up);
	scramble(&mut expert.down);
	write_expert(&expert, config).context("the noise")
}
