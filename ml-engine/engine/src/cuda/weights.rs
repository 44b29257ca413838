//! A model's tensors on the GPU.

use super::{
	driver::{Buffer, Driver},
	layout,
	operators::Packed,
	DeviceError,
};
use crate::{
	block::TensorBlock,
	model::{ExpertWeights, Model, TrunkWeights},
};
use blyan_exact::{ModelConfig, Scale, VOCAB};
use blyan_primitives::EngineError;
use sp_core::H256;
use std::{collections::HashMap, sync::Arc};

/// Numbers of an expert's record, as `kernels.cu` declares it: three addresses and a scale.
const RECORD: usize = 4;

/// One layer outside its experts.
pub(super) struct DeviceLayer {
	pub(super) attn_gain: Buffer<i16>,
	pub(super) wq: Packed,
	pub(super) wk: Packed,
	pub(super) wv: Packed,
	pub(super) wo: Packed,
	pub(super) attn_out_gain: Buffer<i16>,
	pub(super) ffn_gain: Buffer<i16>,
	pub(super) router: Packed,
}

/// Everything that is not an expert.
pub(super) struct DeviceTrunk {
	pub(super) embedding: Buffer<i8>,
	pub(super) embedding_scale: Scale,
	pub(super) angles: Buffer<i16>,
	pub(super) layers: Vec<DeviceLayer>,
	pub(super) final_gain: Buffer<i16>,
	pub(super) head: Packed,
}

/// One expert.
pub(super) struct DeviceExpert {
	pub(super) up: Packed,
	pub(super) gain: Buffer<i16>,
	pub(super) down: Packed,
}

/// A model whose tensors are all there.
pub(super) struct DeviceModel {
	pub(super) config: ModelConfig,
	pub(super) trunk: Arc<DeviceTrunk>,
	/// Experts that the records point to.
	_experts: Vec<Arc<DeviceExpert>>,
	records: Buffer<u64>,
}

impl DeviceModel {
	/// Returns the address of the records of a layer's experts.
	pub(super) fn layer_records(&self, layer: usize) -> u64 {
		self.records.at() + (layer * usize::from(self.config.experts) * RECORD * size_of::<u64>()) as u64
	}
}

impl DeviceExpert {
	fn record(&self) -> [u64; RECORD] {
		let scale = u64::from(self.down.scale.mantissa()) | u64::from(self.down.scale.exponent()) << 32;
		[self.up.words.at(), self.gain.at(), self.down.words.at(), scale]
	}

	fn bytes(&self) -> usize {
		4 * (self.up.words.len() + self.down.words.len()) + 2 * self.gain.len()
	}
}

/// A block's sections, as [`crate::model`] numbers them.
struct Sections<'a>(&'a TensorBlock);

impl Sections<'_> {
	fn bytes(&self, section: usize) -> &[u8] {
		&self.0.bytes()[self.0.layout().sections[section].clone()]
	}

	/// Returns a scale; verified blocks have valid ones.
	fn scale(&self, index: usize) -> Scale {
		self.0.scale(index).unwrap_or_default()
	}

	fn ternary(
		&self,
		driver: &Driver,
		place: (usize, usize),
		rows: usize,
		cols: usize,
	) -> Result<Packed, DeviceError> {
		let words = layout::ternary(self.bytes(place.0), rows, cols);
		Ok(Packed { words: driver.upload(&words)?, rows, cols, scale: self.scale(place.1) })
	}

	fn table(
		&self,
		driver: &Driver,
		place: (usize, usize),
		rows: usize,
		cols: usize,
	) -> Result<Packed, DeviceError> {
		let words = layout::table(self.bytes(place.0), rows, cols);
		Ok(Packed { words: driver.upload(&words)?, rows, cols, scale: self.scale(place.1) })
	}

	fn gains(&self, driver: &Driver, section: usize) -> Result<Buffer<i16>, DeviceError> {
		driver.upload(&self.0.integers(section))
	}
}

fn upload_trunk(driver: &Driver, weights: &TrunkWeights) -> Result<DeviceTrunk, DeviceError> {
	let config = &weights.config;
	let (d, layer_count) = (usize::from(config.d_model), usize::from(config.layers));
	let sections = Sections(weights.block());
	let mut layers = Vec::with_capacity(layer_count);
	for layer in 0..layer_count {
		let (section, scale) = (3 + 8 * layer, 1 + 5 * layer);
		layers.push(DeviceLayer {
			attn_gain: sections.gains(driver, section)?,
			wq: sections.ternary(driver, (section + 1, scale), d, d)?,
			wk: sections.ternary(driver, (section + 2, scale + 1), d, d)?,
			wv: sections.ternary(driver, (section + 3, scale + 2), d, d)?,
			wo: sections.ternary(driver, (section + 4, scale + 3), d, d)?,
			attn_out_gain: sections.gains(driver, section + 5)?,
			ffn_gain: sections.gains(driver, section + 6)?,
			router: sections.table(driver, (section + 7, scale + 4), usize::from(config.experts), d)?,
		});
	}
	let embedding: Vec<i8> = sections.bytes(1).iter().map(|&byte| byte as i8).collect();
	Ok(DeviceTrunk {
		embedding: driver.upload(&embedding)?,
		embedding_scale: sections.scale(0),
		angles: driver.upload(weights.block().angles(2).as_flattened())?,
		layers,
		final_gain: sections.gains(driver, 3 + 8 * layer_count)?,
		head: sections.table(driver, (4 + 8 * layer_count, 1 + 5 * layer_count), VOCAB, d)?,
	})
}

fn upload_expert(
	driver: &Driver,
	config: &ModelConfig,
	weights: &ExpertWeights,
) -> Result<DeviceExpert, DeviceError> {
	let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
	// It may run from its packed form, and then the block is not verified yet. Why it is damaged is for the processor to report,
	// if it ever needs this expert.
	let block = weights.verified_block().map_err(|_| DeviceError::Model(EngineError::Internal))?;
	let sections = Sections(block);
	Ok(DeviceExpert {
		up: sections.ternary(driver, (1, 0), hidden, d)?,
		gain: sections.gains(driver, 2)?,
		down: sections.ternary(driver, (3, 1), d, hidden)?,
	})
}

/// Puts experts where kernels find them.
pub(super) fn upload_records(
	driver: &Driver,
	experts: &[Arc<DeviceExpert>],
) -> Result<Buffer<u64>, DeviceError> {
	driver.upload(&experts.iter().flat_map(|expert| expert.record()).collect::<Vec<_>>())
}

/// Blocks that are on the GPU already, by root: a job's baseline and candidate differ in one expert, and so do
/// versions of a model.
#[derive(Default)]
pub(super) struct Loaded {
	trunks: HashMap<H256, Arc<DeviceTrunk>>,
	experts: HashMap<H256, Arc<DeviceExpert>>,
	expert_bytes: usize,
}

impl Loaded {
	/// Loads the parts of a model that are not on the GPU yet; `bytes_max` bounds the experts that are kept.
	pub(super) fn model(
		&mut self,
		driver: &Driver,
		model: &Model,
		bytes_max: usize,
	) -> Result<DeviceModel, DeviceError> {
		let config = *model.config();
		// Models in use hold on to what they need.
		if self.expert_bytes > bytes_max {
			self.experts.clear();
			self.trunks.clear();
			self.expert_bytes = 0;
		}
		let root = model.trunk().block().tensor_root();
		let trunk = match self.trunks.get(&root) {
			Some(trunk) => trunk.clone(),
			None => {
				let trunk = Arc::new(upload_trunk(driver, model.trunk())?);
				self.trunks.insert(root, trunk.clone());
				trunk
			}
		};
		let roots = model.expert_roots();
		let mut experts = Vec::with_capacity(roots.len());
		for (slot, root) in roots.into_iter().map(H256).enumerate() {
			let expert = match self.experts.get(&root) {
				Some(expert) => expert.clone(),
				None => {
					let per_layer = usize::from(config.experts);
					let weights =
						model.expert(slot / per_layer, slot % per_layer).map_err(DeviceError::Model)?;
					let expert = Arc::new(upload_expert(driver, &config, &weights)?);
					self.expert_bytes += expert.bytes();
					self.experts.insert(root, expert.clone());
					expert
				}
			};
			experts.push(expert);
		}
		let records = upload_records(driver, &experts)?;
		Ok(DeviceModel { config, trunk, _experts: experts, records })
	}
}
