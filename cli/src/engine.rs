//! Experts as files: checked, named, and made worthless on purpose.

use crate::{
	chain_model::{first_config, ChainModel},
	failure::{Context, Failure, Outcome},
	slot::SlotName,
};
use blyan_engine::block::{blob_ref, block_ref, write_expert, BlockShape, TensorBlock};
use blyan_exact::{
	definition2::{
		block::{seal, Layout},
		Architecture, Part,
	},
	Matrix, ModelConfig,
};
use blyan_primitives::{BlockRef, ExpertSlot};
use rand::{rngs::StdRng, seq::SliceRandom, Rng, SeedableRng};
use sp_core::H256;

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

/// The same for an expert of an open model's slot.
pub fn open_expert_ref(
	bytes: &[u8],
	architecture: &Architecture,
	layer: u8,
	expert: u16,
) -> Outcome<BlockRef> {
	let layout = Layout::of(architecture, Part::Expert { layer, expert });
	let layout = layout.ok_or_else(|| {
		Failure::new(format!("the model has no expert {layer}.{expert}"))
			.next("experts are in routed layers; see them with: blyan model inspect DIR")
	})?;
	let root = layout.check(bytes).context_next(
		"this is not an expert of that slot",
		"name a file that was trained for this layer of this model",
	)?;
	Ok(BlockRef { tensor_root: H256(root), blob: blob_ref(bytes) })
}

/// Returns the chain's reference to an expert's file, after checking every byte of it against the slot.
pub fn slot_ref(model: &ChainModel, slot: ExpertSlot, bytes: &[u8]) -> Outcome<BlockRef> {
	match model.architecture() {
		Some(architecture) => open_expert_ref(bytes, architecture, slot.layer, slot.expert),
		None => expert_ref(bytes, &first_config(&model.info)?),
	}
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

/// An expert of an open model with the bytes of each of its tensors in another order: valid, of the same statistics, and worthless.
pub fn shuffled(
	mut bytes: Vec<u8>,
	architecture: &Architecture,
	SlotName { layer, expert }: SlotName,
	seed: u64,
) -> Outcome<Vec<u8>> {
	open_expert_ref(&bytes, architecture, layer, expert)?;
	let mut rng = StdRng::seed_from_u64(seed);
	let layout = Layout::of(architecture, Part::Expert { layer, expert })
		.ok_or_else(|| Failure::new(format!("the model has no expert {layer}.{expert}")))?;
	for section in layout.sections() {
		let range = usize::try_from(section.range.start)?..usize::try_from(section.range.end)?;
		bytes.get_mut(range).unwrap_or_default().shuffle(&mut rng);
	}
	seal(&layout, &mut bytes).ok_or_else(|| Failure::new("the shuffled expert cannot be sealed"))?;
	// What is no expert would be refused for its shape, and shows nothing.
	open_expert_ref(&bytes, architecture, layer, expert)?;
	Ok(bytes)
}
