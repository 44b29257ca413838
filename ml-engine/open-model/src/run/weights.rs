//! Weights in execution order.

use blyan_exact::definition2::{Activation, Gain, Real};
use blyan_kernel::definition2::{Packed, PackedAdapter, PackedView};

/// Gain of a norm.
#[derive(Debug)]
pub struct Norm {
	/// Entries.
	pub values: Vec<i32>,
	/// Value of one unit.
	pub scale: Real,
	/// Term under the root, Q48.
	pub eps: u64,
}

impl Norm {
	/// Borrows the gain.
	pub fn gain(&self) -> Gain<'_> {
		Gain { values: &self.values, scale: self.scale }
	}
}

/// Matrix with its bias.
#[derive(Debug)]
pub struct Linear {
	/// The matrix.
	pub matrix: Packed,
	/// Bias in the unit of the output.
	pub bias: Option<Vec<i32>>,
}

/// Attention of one layer.
#[derive(Debug)]
pub struct Attention {
	/// Norm in front.
	pub norm: Norm,
	/// Queries.
	pub query: Linear,
	/// Keys.
	pub key: Linear,
	/// Values.
	pub value: Linear,
	/// Norm of queries, of each head or of all.
	pub query_norm: Option<Norm>,
	/// Norm of keys.
	pub key_norm: Option<Norm>,
	/// Norm in front of the output matrix.
	pub sub_norm: Option<Norm>,
	/// Back to the residual stream.
	pub output: Packed,
}

/// Feed-forward network: a dense layer's, an expert or a shared one.
#[derive(Debug)]
pub struct Network {
	/// Gate.
	pub gate: Packed,
	/// Up-projection.
	pub up: Packed,
	/// Norm in front of the down-projection.
	pub sub_norm: Option<Norm>,
	/// Down-projection.
	pub down: Packed,
}

impl Network {
	/// Returns the width of the hidden layer.
	pub fn hidden(&self) -> usize {
		self.gate.view().rows()
	}
}

/// Feed-forward part of a layer.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one a layer
pub enum FeedForward {
	/// One network for all tokens.
	Dense(Network),
	/// Experts chosen by a router.
	Routed(Routed),
}

/// Router and experts of one layer.
#[derive(Debug)]
pub struct Routed {
	/// Router; its scale carries log2(e).
	pub router: Packed,
	/// Experts of a token.
	pub top_k: usize,
	/// Reports whether gates are divided by the sum over the chosen experts.
	pub has_normalised_gates: bool,
	/// Experts.
	pub experts: Experts,
	/// Network that every token passes through.
	pub shared: Option<Network>,
}

/// Experts of one layer.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one a layer
pub enum Experts {
	/// Networks of their own.
	Networks(Vec<Network>),
	/// One network, and what each expert adds to its matrices.
	Adapters {
		/// The network.
		base: Network,
		/// Experts.
		adapters: Vec<ExpertAdapters>,
	},
}

/// Low-rank matrices of one expert.
#[derive(Debug)]
pub struct ExpertAdapters {
	/// Of the gate.
	pub gate: PackedAdapter,
	/// Of the up-projection.
	pub up: PackedAdapter,
	/// Of the down-projection.
	pub down: PackedAdapter,
}

/// One layer.
#[derive(Debug)]
pub struct Layer {
	/// Attention.
	pub attention: Attention,
	/// Norm in front of the feed-forward part.
	pub norm: Norm,
	/// Feed-forward part.
	pub feed_forward: FeedForward,
}

/// Matrix that turns the last state into logits.
#[derive(Debug)]
pub enum Head {
	/// The embedding under a scale of its own.
	Tied(Real),
	/// Its own matrix.
	Own(Packed),
}

/// Numbers that are the same in every layer.
#[derive(Clone, Debug)]
pub struct Shape {
	/// Width of the residual stream.
	pub d_model: usize,
	/// Query heads.
	pub heads: usize,
	/// Key and value heads.
	pub kv_heads: usize,
	/// Width of a head.
	pub head_size: usize,
	/// Number of tokens.
	pub vocabulary: usize,
	/// Longest sequence.
	pub context: usize,
	/// Fraction bits of the residual stream.
	pub fraction: u32,
	/// Bits of the inputs of queries, keys, values, gate, up, router and head.
	pub input_bits: u32,
	/// Bits of the inputs of attention's output matrix.
	pub output_bits: u32,
	/// Bits of the inputs of the down-projection.
	pub hidden_bits: u32,
	/// Nonlinear function.
	pub activation: Activation,
}

/// A whole model, ready to run.
#[derive(Debug)]
pub struct Weights {
	/// Numbers that every layer shares.
	pub shape: Shape,
	/// Rotary frequencies, a turn being 2^64.
	pub frequencies: Vec<u64>,
	/// Embedding.
	pub embedding: Packed,
	/// Layers.
	pub layers: Vec<Layer>,
	/// Norm in front of the head.
	pub output_norm: Norm,
	/// Head.
	pub head: Head,
}

impl Weights {
	/// Returns the matrix of the head.
	pub fn head(&self) -> PackedView<'_> {
		match &self.head {
			Head::Tied(scale) => self.embedding.view().with_scale(*scale),
			Head::Own(matrix) => matrix.view(),
		}
	}
}
