//! Experts of a whole model in one safetensors file.

use super::{import::ensure_readable, SafetensorsError};
use safetensors::{serialize, tensor::TensorView, SafeTensors};
use std::collections::BTreeMap;

/// Experts that a file holds.
#[derive(Clone, Debug, Default)]
pub struct Experts {
	/// A safetensors file each, as [`super::import`] takes it, by layer and expert.
	pub files: BTreeMap<(u8, u16), Vec<u8>>,
	/// Names of the tensors that are of no expert.
	pub others: Vec<String>,
}

/// Takes the experts out of a file with tensors `layers.LAYER.experts.EXPERT.up`, `gain` and `down`, and their scales; `model.` may
/// stand in front. Everything else is named and left alone.
pub fn experts(file: &[u8]) -> Result<Experts, SafetensorsError> {
	ensure_readable(file)?;
	let source = SafeTensors::deserialize(file)?;
	let mut tensors: BTreeMap<(u8, u16), Vec<(String, TensorView<'_>)>> = BTreeMap::new();
	let mut others = Vec::new();
	for (name, view) in source.tensors() {
		match place(&name) {
			Some((slot, part)) => tensors.entry(slot).or_default().push((part.to_string(), view)),
			None => others.push(name),
		}
	}
	others.sort();
	let mut files = BTreeMap::new();
	for (slot, tensors) in tensors {
		files.insert(slot, serialize(tensors, None)?);
	}
	Ok(Experts { files, others })
}

/// Reads the slot and the rest from the name of an expert's tensor.
fn place(name: &str) -> Option<((u8, u16), &str)> {
	let name = name.strip_prefix("model.").unwrap_or(name);
	let (layer, rest) = name.strip_prefix("layers.")?.split_once('.')?;
	let (expert, part) = rest.strip_prefix("experts.")?.split_once('.')?;
	Some(((layer.parse().ok()?, expert.parse().ok()?), part))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::{
		safetensors::{export, import},
		write_expert, BlockShape, TensorBlock,
	};
	use blyan_exact::golden;
	use std::collections::HashMap;

	#[test]
	fn experts_of_a_model_come_out_of_one_file_as_they_went_in() {
		let model = golden::model();
		let shape = BlockShape::expert_of(&model.config);
		let per_layer = usize::from(model.config.experts);
		let blocks: Vec<Vec<u8>> =
			model.experts.iter().map(|expert| write_expert(expert, &model.config).unwrap()).collect();
		let exported: Vec<Vec<u8>> = blocks
			.iter()
			.map(|block| export(&TensorBlock::from_bytes(block.clone(), shape).unwrap()).unwrap())
			.collect();
		let parsed: Vec<SafeTensors<'_>> =
			exported.iter().map(|file| SafeTensors::deserialize(file).unwrap()).collect();
		let mut whole: HashMap<String, TensorView<'_>> = HashMap::new();
		for (index, file) in parsed.iter().enumerate() {
			for (name, view) in file.tensors() {
				let (layer, expert) = (index / per_layer, index % per_layer);
				whole.insert(format!("layers.{layer}.experts.{expert}.{name}"), view);
			}
		}
		// A tensor of the trunk, and one that only looks like an expert's.
		for name in ["layers.0.attn_gain", "layers.900.experts.0.up"] {
			whole.insert(name.into(), parsed[0].tensor("gain").unwrap());
		}
		let file = serialize(whole, None).unwrap();
		let found = experts(&file).unwrap();
		assert_eq!(found.others, ["layers.0.attn_gain", "layers.900.experts.0.up"]);
		assert_eq!(found.files.len(), blocks.len());
		for (((layer, expert), file), block) in found.files.iter().zip(&blocks) {
			assert_eq!(import(file, Some(shape)).unwrap().file, *block, "{layer}.{expert}");
		}
	}

	#[test]
	fn rejects_what_is_not_a_safetensors_file() {
		assert!(experts(b"").is_err());
		assert!(experts(&[255; 64]).is_err());
	}
}
