//! The tensors of a model, and what makes them valid.

use crate::{
	config::{ConfigError, ModelConfig, VOCAB},
	hash::{blake2_256, Hash},
	linear::Matrix,
	merkle,
};
use alloc::vec::Vec;
use core::fmt;

/// Everything of one layer that is not an expert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
	/// `[d_model]`, Q8: gain in front of attention.
	pub attn_gain: Vec<i16>,
	/// Ternary `[d_model, d_model]`: queries.
	pub wq: Matrix,
	/// Ternary `[d_model, d_model]`: keys.
	pub wk: Matrix,
	/// Ternary `[d_model, d_model]`: values.
	pub wv: Matrix,
	/// Ternary `[d_model, d_model]`: back to the residual stream.
	pub wo: Matrix,
	/// `[d_model]`, Q8: gain between the heads and `wo`.
	pub attn_out_gain: Vec<i16>,
	/// `[d_model]`, Q8: gain in front of router and experts.
	pub ffn_gain: Vec<i16>,
	/// 8-bit `[experts, d_model]`; its scale carries log2(e).
	pub router: Matrix,
}

/// Everything of a model that is not an expert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
	/// 8-bit `[256, d_model]`.
	pub embedding: Matrix,
	/// `[context, head_size / 2]` pairs of (cos, sin), Q14.
	pub rotary: Vec<[i16; 2]>,
	/// One entry a layer.
	pub layers: Vec<Layer>,
	/// `[d_model]`, Q8: gain in front of the head.
	pub final_gain: Vec<i16>,
	/// 8-bit `[256, d_model]`; its scale carries log2(e).
	pub head: Matrix,
}

/// One expert: it fits any slot of any model with the same two widths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expert {
	/// Ternary `[d_ff, d_model]`. Its scale cancels in the normalisation that follows.
	pub up: Matrix,
	/// `[d_ff]`, Q8: gain of the hidden layer.
	pub gain: Vec<i16>,
	/// Ternary `[d_model, d_ff]`.
	pub down: Matrix,
}

/// Reason why tensors are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelError {
	/// The configuration is out of bounds.
	Config(ConfigError),
	/// The tensor of this name has another shape than the configuration says.
	Shape(&'static str),
	/// The ternary tensor of this name holds something other than -1, 0 and 1.
	NotTernary(&'static str),
	/// There are not exactly `layers * experts` experts.
	ExpertCount,
	/// There are no tokens, or more than the context holds.
	SequenceLength,
}

impl fmt::Display for ModelError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Config(error) => write!(f, "{error}"),
			Self::Shape(name) => write!(f, "{name} has another shape than the configuration says"),
			Self::NotTernary(name) => write!(f, "{name} holds weights that are not ternary"),
			Self::ExpertCount => f.write_str("the number of experts is not layers times experts"),
			Self::SequenceLength => f.write_str("a sequence has between one token and the context"),
		}
	}
}

impl core::error::Error for ModelError {}

impl From<ConfigError> for ModelError {
	fn from(error: ConfigError) -> Self {
		Self::Config(error)
	}
}

fn ensure_table(matrix: &Matrix, rows: usize, cols: usize, name: &'static str) -> Result<(), ModelError> {
	if matrix.has_shape(rows, cols) {
		Ok(())
	} else {
		Err(ModelError::Shape(name))
	}
}

fn ensure_ternary(matrix: &Matrix, rows: usize, cols: usize, name: &'static str) -> Result<(), ModelError> {
	ensure_table(matrix, rows, cols, name)?;
	if matrix.is_ternary() {
		Ok(())
	} else {
		Err(ModelError::NotTernary(name))
	}
}

fn ensure_len<T>(entries: &[T], len: usize, name: &'static str) -> Result<(), ModelError> {
	if entries.len() == len {
		Ok(())
	} else {
		Err(ModelError::Shape(name))
	}
}

impl Trunk {
	/// Checks every shape and every ternary weight.
	pub fn validate(&self, config: &ModelConfig) -> Result<(), ModelError> {
		config.validate()?;
		let d = usize::from(config.d_model);
		ensure_table(&self.embedding, VOCAB, d, "embedding")?;
		ensure_len(&self.rotary, usize::from(config.context) * config.head_size() / 2, "rotary")?;
		ensure_len(&self.layers, usize::from(config.layers), "layers")?;
		for layer in &self.layers {
			ensure_len(&layer.attn_gain, d, "attn_gain")?;
			ensure_ternary(&layer.wq, d, d, "wq")?;
			ensure_ternary(&layer.wk, d, d, "wk")?;
			ensure_ternary(&layer.wv, d, d, "wv")?;
			ensure_ternary(&layer.wo, d, d, "wo")?;
			ensure_len(&layer.attn_out_gain, d, "attn_out_gain")?;
			ensure_len(&layer.ffn_gain, d, "ffn_gain")?;
			ensure_table(&layer.router, usize::from(config.experts), d, "router")?;
		}
		ensure_len(&self.final_gain, d, "final_gain")?;
		ensure_table(&self.head, VOCAB, d, "head")
	}
}

impl Expert {
	/// Checks every shape and every ternary weight.
	pub fn validate(&self, config: &ModelConfig) -> Result<(), ModelError> {
		config.validate()?;
		let (d, hidden) = (usize::from(config.d_model), usize::from(config.d_ff));
		ensure_ternary(&self.up, hidden, d, "up")?;
		ensure_len(&self.gain, hidden, "gain")?;
		ensure_ternary(&self.down, d, hidden, "down")
	}
}

/// Returns the root by which receipts name a model: configuration, trunk, and every head in row-major order.
pub fn model_root(config: &ModelConfig, trunk_root: &Hash, head_roots: &[Hash]) -> Hash {
	model_root_over(config, trunk_root, &merkle::root_of(head_roots.iter().map(Hash::as_slice)))
}

/// Returns [`model_root`] from the Merkle root over the heads.
pub fn model_root_over(config: &ModelConfig, trunk_root: &Hash, heads: &Hash) -> Hash {
	blake2_256(&[b"blyan/model/1", &config.to_bytes(), trunk_root, heads])
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::golden;

	#[test]
	fn validate_refuses_each_damage() {
		let golden = golden::model();
		let config = golden.config;
		assert_eq!(golden.trunk.validate(&config), Ok(()));
		let damaged = |damage: fn(&mut Trunk)| {
			let mut trunk = golden.trunk.clone();
			damage(&mut trunk);
			trunk.validate(&config)
		};
		assert_eq!(damaged(|t| t.layers[1].wk.weights[5] = 2), Err(ModelError::NotTernary("wk")));
		assert_eq!(damaged(|t| t.layers[0].router.weights.truncate(3)), Err(ModelError::Shape("router")));
		assert_eq!(damaged(|t| t.final_gain.push(1)), Err(ModelError::Shape("final_gain")));
		assert_eq!(damaged(|t| t.rotary.truncate(1)), Err(ModelError::Shape("rotary")));
		assert_eq!(damaged(|t| t.layers.truncate(1)), Err(ModelError::Shape("layers")));
		let mut expert = golden.experts[0].clone();
		expert.down.rows -= 1;
		assert_eq!(expert.validate(&config), Err(ModelError::Shape("down")));
	}

	#[test]
	fn model_root_commits_to_every_part() {
		let config = golden::model().config;
		let root = model_root(&config, &[1; 32], &[[2; 32], [3; 32]]);
		assert_ne!(root, model_root(&ModelConfig { top_k: 1, ..config }, &[1; 32], &[[2; 32], [3; 32]]));
		assert_ne!(root, model_root(&config, &[4; 32], &[[2; 32], [3; 32]]));
		assert_ne!(root, model_root(&config, &[1; 32], &[[3; 32], [2; 32]]));
	}
}
