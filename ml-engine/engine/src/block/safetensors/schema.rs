//! Which tensors a block has, under which names, and where they lie.

use crate::block::BlockShape;
use blyan_exact::{ModelConfig, VOCAB};
use core::f64::consts::LOG2_E;
use serde::{Deserialize, Serialize};

/// Metadata of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Description {
	/// One expert.
	Expert {
		/// Width of the residual stream.
		d_model: u16,
		/// Width of the hidden layer.
		d_ff: u16,
	},
	/// A trunk.
	Trunk {
		/// Architecture.
		config: ModelConfig,
	},
}

impl From<BlockShape> for Description {
	fn from(shape: BlockShape) -> Self {
		match shape {
			BlockShape::Trunk(config) => Self::Trunk { config },
			BlockShape::Expert { d_model, d_ff } => Self::Expert { d_model, d_ff },
		}
	}
}

impl From<Description> for BlockShape {
	fn from(description: Description) -> Self {
		match description {
			Description::Trunk { config } => Self::Trunk(config),
			Description::Expert { d_model, d_ff } => Self::Expert { d_model, d_ff },
		}
	}
}

/// Format of a section's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
	/// Ternary weights; the scale has this place in the first section.
	Ternary {
		/// Place of the scale.
		scale: usize,
	},
	/// 8-bit weights.
	Table {
		/// Place of the scale.
		scale: usize,
		/// Factor from the natural unit to the integer network's.
		unit: f64,
	},
	/// Q8 gains.
	Gains,
	/// Pairs of cosine and sine in Q14.
	Angles,
}

/// One tensor of a block.
#[derive(Clone, Debug)]
pub struct TensorSpec {
	/// Its name.
	pub name: String,
	/// Its dimensions.
	pub dims: Vec<usize>,
	/// The section that holds it.
	pub section: usize,
	/// Format of its numbers.
	pub content: Content,
}

impl TensorSpec {
	/// Returns the name of the tensor that holds the scale of the one called `name`.
	pub fn scale_name(name: &str) -> String {
		format!("{name}.scale")
	}

	/// Returns the place of the scale, if the tensor has one.
	pub fn scale(&self) -> Option<usize> {
		match self.content {
			Content::Ternary { scale } | Content::Table { scale, .. } => Some(scale),
			Content::Gains | Content::Angles => None,
		}
	}
}

/// Lists every tensor of a block, in the order of its sections; the first of those holds the scales.
pub fn tensors(shape: BlockShape) -> Vec<TensorSpec> {
	let mut specs = Vec::new();
	let mut scales = 0..;
	let mut scale = || scales.next().unwrap_or(0);
	let mut push = |name: String, dims: Vec<usize>, content| {
		specs.push(TensorSpec { name, dims, section: specs.len() + 1, content });
	};
	match shape {
		BlockShape::Expert { d_model, d_ff } => {
			let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
			push("up".into(), vec![hidden, d], Content::Ternary { scale: scale() });
			push("gain".into(), vec![hidden], Content::Gains);
			push("down".into(), vec![d, hidden], Content::Ternary { scale: scale() });
		}
		BlockShape::Trunk(config) => {
			let d = usize::from(config.d_model);
			let angles = vec![usize::from(config.context), config.head_size() / 2, 2];
			push("embedding".into(), vec![VOCAB, d], Content::Table { scale: scale(), unit: 1.0 });
			push("rotary".into(), angles, Content::Angles);
			for layer in 0..config.layers {
				let name = |part: &str| format!("layers.{layer}.{part}");
				push(name("attn_gain"), vec![d], Content::Gains);
				for matrix in ["wq", "wk", "wv", "wo"] {
					push(name(matrix), vec![d, d], Content::Ternary { scale: scale() });
				}
				push(name("attn_out_gain"), vec![d], Content::Gains);
				push(name("ffn_gain"), vec![d], Content::Gains);
				let router = Content::Table { scale: scale(), unit: LOG2_E };
				push(name("router"), vec![usize::from(config.experts), d], router);
			}
			push("final_gain".into(), vec![d], Content::Gains);
			push("head".into(), vec![VOCAB, d], Content::Table { scale: scale(), unit: LOG2_E });
		}
	}
	specs
}

/// Returns the names of the sections of a block: `scales`, and then the names of its tensors.
pub fn section_names(shape: BlockShape) -> Vec<String> {
	let names = tensors(shape).into_iter().map(|spec| spec.name);
	std::iter::once("scales".to_string()).chain(names).collect()
}
