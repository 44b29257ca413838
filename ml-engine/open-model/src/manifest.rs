//! Manifest of a model's directory.

use crate::{grow::plan::Growth, upcycle::plan::Upcycling};
use blyan_exact::{
	definition2::{model_root, Architecture},
	Hash,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Format of the manifest.
pub(crate) const FORMAT: &str = "blyan-model/2";

/// Description of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
	/// Format of this record.
	pub format: String,
	/// Definition of the integer network that the model follows.
	pub definition: u32,
	/// Root by which the model is named.
	pub model_root: String,
	/// Architecture record, in hexadecimal digits.
	pub architecture: String,
	/// Parts: embedding, layers, head, then experts layer by layer.
	pub parts: Vec<PartRecord>,
	/// Hash of the tokenizer's file.
	pub tokenizer: String,
	/// Tokens that end a turn or a document.
	pub ends: Vec<u32>,
	/// Origin and licence of the checkpoint, and the hashes of its files.
	pub source: serde_json::Value,
	/// Steps from the imported checkpoint to this model, the first one first.
	#[serde(default, skip_serializing_if = "Vec::is_empty")]
	pub changes: Vec<Change>,
}

/// One part of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
	/// Name, as in its file's.
	pub name: String,
	/// Bytes of its file.
	pub bytes: u64,
	/// Tensor root.
	pub root: String,
}

/// A step from one model to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
	/// Root of the model in front of the step.
	pub parent: String,
	/// The step.
	#[serde(flatten)]
	pub step: Step,
}

/// Kind of a step, with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
	/// Dense layers became routed ones.
	Upcycle(Upcycling),
	/// An expert took the place of another.
	Expert {
		/// Layer.
		layer: u8,
		/// Index in the layer.
		expert: u16,
		/// Tensor root of the expert that was there.
		from: String,
		/// Tensor root of the expert that took its place.
		to: String,
	},
	/// Several experts took the places of others, as where a model catches up with a chain.
	Experts(Vec<Replaced>),
	/// The model grew: deeper, wider, more experts, a longer context.
	Grow(Growth),
}

/// Expert that took the place of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
	/// Layer.
	pub layer: u8,
	/// Index in the layer.
	pub expert: u16,
	/// Tensor root of the expert that was there.
	pub from: String,
	/// Tensor root of the expert that took its place.
	pub to: String,
}

impl fmt::Display for Change {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match &self.step {
			Step::Upcycle(Upcycling { layers, experts, top_k, rank }) => {
				write!(f, "upcycling layers {}..{} to {experts} experts, ", layers.start, layers.end)?;
				match rank {
					Some(rank) => write!(f, "adapters of rank {rank}, top {top_k}")?,
					None => write!(f, "full copies, top {top_k}")?,
				}
			}
			Step::Expert { layer, expert, to, .. } => {
				write!(f, "expert 0x{to} as expert {expert} of layer {layer}")?;
			}
			Step::Experts(replaced) => {
				let slots: Vec<String> = replaced
					.iter()
					.map(|Replaced { layer, expert, .. }| format!("{layer}.{expert}"))
					.collect();
				write!(f, "{} experts, those of {}", slots.len(), slots.join(", "))?;
			}
			Step::Grow(growth) => write!(f, "{growth}")?,
		}
		write!(f, ", from 0x{}", self.parent)
	}
}

impl Manifest {
	/// Describes a model of these parts, in the order of [`directory::parts`](crate::directory::parts).
	pub fn new(
		architecture: &Architecture,
		parts: &[(PartRecord, Hash)],
		(tokenizer, ends): (Hash, Vec<u32>),
		source: serde_json::Value,
	) -> Self {
		let roots: Vec<Hash> = parts.iter().map(|(_, root)| *root).collect();
		Self {
			format: FORMAT.into(),
			definition: 2,
			model_root: root_of(architecture, &roots),
			architecture: hex::encode(architecture.to_bytes()),
			parts: parts.iter().map(|(record, _)| record.clone()).collect(),
			tokenizer: hex::encode(tokenizer),
			ends,
			source,
			changes: Vec::new(),
		}
	}

	/// Returns the bytes of all parts.
	pub fn bytes(&self) -> u64 {
		self.parts.iter().map(|part| part.bytes).sum()
	}
}

impl PartRecord {
	/// Reads the tensor root.
	pub fn hash(&self) -> Result<Hash, hex::FromHexError> {
		let mut root = Hash::default();
		hex::decode_to_slice(&self.root, &mut root).map(|()| root)
	}
}

/// Returns the root of a model in hexadecimal digits; `roots` are those of all parts, in the manifest's order.
pub(crate) fn root_of(architecture: &Architecture, roots: &[Hash]) -> String {
	let (fixed, experts) = roots.split_at(architecture.parts().len().min(roots.len()));
	hex::encode(model_root(architecture, fixed, experts))
}
