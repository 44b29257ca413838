//! A model and its holdout, read from a folder: the subject of a measurement.

use blyan_engine::block::{BlockShape, TensorBlock};
use blyan_exact::{Expert, ModelConfig, Trunk};
use serde_json::Value;
use std::{error::Error, path::Path};

/// A model's weights and text to measure on.
pub struct Subject {
	/// Architecture.
	pub config: ModelConfig,
	/// Everything that is not an expert.
	pub trunk: Trunk,
	/// Experts in row-major order.
	pub experts: Vec<Expert>,
	/// The holdout.
	pub sequences: Vec<Vec<u8>>,
}

impl Subject {
	/// Reads the model in a folder.
	pub fn load(dir: &Path) -> Result<Self, Box<dyn Error>> {
		let manifest: Value = serde_json::from_slice(&std::fs::read(dir.join("manifest.json"))?)?;
		let config: ModelConfig = serde_json::from_value(manifest["config"].clone())?;
		let trunk = TensorBlock::open(&dir.join("trunk.tblk"), BlockShape::Trunk(config))?.to_trunk()?;
		let experts = (0..config.layers)
			.flat_map(|layer| (0..config.experts).map(move |expert| (layer, expert)))
			.map(|(layer, expert)| {
				let path = dir.join(format!("l{layer}e{expert}.tblk"));
				Ok(TensorBlock::open(&path, BlockShape::expert_of(&config))?.to_expert()?)
			})
			.collect::<Result<_, Box<dyn Error>>>()?;
		let length = usize::from(serde_json::from_value::<u16>(manifest["holdout"]["sequence_len"].clone())?);
		let sequences =
			std::fs::read(dir.join("holdout.bin"))?.chunks_exact(length).map(<[u8]>::to_vec).collect();
		Ok(Self { config, trunk, experts, sequences })
	}
}
