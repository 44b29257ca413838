//! From a TensorBlock to a safetensors file.

use super::{
	schema::{tensors, Content, Description, TensorSpec},
	SafetensorsError, METADATA_KEY,
};
use crate::block::{BlockError, TensorBlock};
use blyan_exact::{block::unpack, Scale};
use safetensors::{serialize, tensor::TensorView, Dtype};
use std::collections::HashMap;

/// Converts a scale to the double it is: 32 bits of mantissa fit.
fn real(scale: Scale) -> f64 {
	f64::from(scale.mantissa()) * 0.5_f64.powi(i32::from(scale.exponent()))
}

/// Writes the safetensors file of a block, after verifying everything. Equal blocks give equal files.
pub fn export(block: &TensorBlock) -> Result<Vec<u8>, SafetensorsError> {
	block.verify_all()?;
	let specs = tensors(block.shape());
	let mut parts: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
	for TensorSpec { name, dims, section, content } in &specs {
		let bytes = &block.bytes()[block.layout().sections[*section].clone()];
		let (kind, bytes) = match content {
			Content::Ternary { .. } => {
				let weights = unpack(bytes).ok_or(BlockError::NotTernary(*section))?;
				(Dtype::I8, weights.into_iter().map(|weight| weight as u8).collect())
			}
			Content::Table { .. } => (Dtype::I8, bytes.to_vec()),
			Content::Gains | Content::Angles => (Dtype::I16, bytes.to_vec()),
		};
		parts.push((name.clone(), kind, dims.clone(), bytes));
	}
	for spec in &specs {
		let Some(place) = spec.scale() else { continue };
		let scale = block.scale(place).ok_or(BlockError::Scale(place))?;
		let name = TensorSpec::scale_name(&spec.name);
		parts.push((name, Dtype::F64, Vec::new(), real(scale).to_le_bytes().to_vec()));
	}
	let views = parts
		.iter()
		.map(|(name, kind, dims, bytes)| Ok((name, TensorView::new(*kind, dims.clone(), bytes)?)))
		.collect::<Result<Vec<_>, SafetensorsError>>()?;
	let description = serde_json::to_string(&Description::from(block.shape()))?;
	Ok(serialize(views, Some(HashMap::from([(METADATA_KEY.into(), description)])))?)
}
