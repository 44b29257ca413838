//! Roles that tensors have in a decoder.

use crate::architecture::{Architecture, FeedForward, QkNorm};

/// Role of a tensor. The first number is the layer, the second the expert (0 in a dense layer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
	/// Rows of the vocabulary, `[vocabulary, d_model]`.
	Embedding,
	/// Norm in front of the head.
	OutputNorm,
	/// Output matrix, `[vocabulary, d_model]`; the embedding in a tied model.
	Head,
	/// Norm in front of attention.
	AttnNorm(usize),
	/// Queries, `[heads * head_size, d_model]`.
	Q(usize),
	/// Keys, `[kv_heads * head_size, d_model]`.
	K(usize),
	/// Values, `[kv_heads * head_size, d_model]`.
	V(usize),
	/// Attention's output, `[d_model, heads * head_size]`.
	O(usize),
	/// Bias of the queries.
	QBias(usize),
	/// Bias of the keys.
	KBias(usize),
	/// Bias of the values.
	VBias(usize),
	/// Norm of the queries.
	QNorm(usize),
	/// Norm of the keys.
	KNorm(usize),
	/// Norm between attention and its output matrix.
	AttnSubNorm(usize),
	/// Norm in front of the feed-forward part.
	FfnNorm(usize),
	/// Scores of the experts, `[experts, d_model]`.
	Router(usize),
	/// Gate, `[hidden, d_model]`.
	Gate(usize, usize),
	/// Up-projection, `[hidden, d_model]`.
	Up(usize, usize),
	/// Down-projection, `[d_model, hidden]`.
	Down(usize, usize),
	/// Norm in front of the down-projection.
	FfnSubNorm(usize),
	/// Score of the shared expert, one row.
	SharedRouter(usize),
	/// Gate of the shared expert.
	SharedGate(usize),
	/// Up-projection of the shared expert.
	SharedUp(usize),
	/// Down-projection of the shared expert.
	SharedDown(usize),
}

/// Shape that a role has by the architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleShape {
	/// A vector of so many elements.
	Vector(usize),
	/// Rows and columns.
	Matrix(usize, usize),
}

impl RoleShape {
	/// Dimensions, rows first.
	pub(crate) fn dimensions(self) -> Vec<u64> {
		match self {
			Self::Vector(columns) => vec![columns as u64],
			Self::Matrix(rows, columns) => vec![rows as u64, columns as u64],
		}
	}
}

impl Role {
	/// Every role of an architecture, in the order in which a token meets them.
	pub fn all(architecture: &Architecture) -> impl Iterator<Item = Self> + '_ {
		let layers = (0..architecture.layers).flat_map(|layer| Self::of_layer(architecture, layer));
		let head = (!architecture.tied_embedding).then_some(Self::Head);
		[Self::Embedding].into_iter().chain(layers).chain([Self::OutputNorm]).chain(head)
	}

	/// Roles of one layer.
	fn of_layer(architecture: &Architecture, layer: usize) -> impl Iterator<Item = Self> {
		let biases =
			architecture.qkv_biases.then_some([Self::QBias(layer), Self::KBias(layer), Self::VBias(layer)]);
		let norms =
			(architecture.qk_norm != QkNorm::None).then_some([Self::QNorm(layer), Self::KNorm(layer)]);
		let sub = architecture.sub_norms;
		let (experts, routed, shared) = match architecture.feed_forward {
			FeedForward::Dense { .. } => (1, false, false),
			FeedForward::Experts { count, shared_hidden, .. } => (count, true, shared_hidden > 0),
		};
		let shared = shared.then_some([
			Self::SharedRouter(layer),
			Self::SharedGate(layer),
			Self::SharedUp(layer),
			Self::SharedDown(layer),
		]);
		[Self::AttnNorm(layer), Self::Q(layer), Self::K(layer), Self::V(layer)]
			.into_iter()
			.chain(biases.into_iter().flatten())
			.chain(norms.into_iter().flatten())
			.chain(sub.then_some(Self::AttnSubNorm(layer)))
			.chain([Self::O(layer), Self::FfnNorm(layer)])
			.chain(routed.then_some(Self::Router(layer)))
			.chain((0..experts).flat_map(move |expert| {
				[Self::Gate(layer, expert), Self::Up(layer, expert), Self::Down(layer, expert)]
			}))
			.chain(sub.then_some(Self::FfnSubNorm(layer)))
			.chain(shared.into_iter().flatten())
	}

	/// Layer of a role that belongs to one.
	pub fn layer(self) -> Option<usize> {
		match self {
			Self::Embedding | Self::OutputNorm | Self::Head => None,
			Self::AttnNorm(layer)
			| Self::Q(layer)
			| Self::K(layer)
			| Self::V(layer)
			| Self::O(layer)
			| Self::QBias(layer)
			| Self::KBias(layer)
			| Self::VBias(layer)
			| Self::QNorm(layer)
			| Self::KNorm(layer)
			| Self::AttnSubNorm(layer)
			| Self::FfnNorm(layer)
			| Self::Router(layer)
			| Self::Gate(layer, _)
			| Self::Up(layer, _)
			| Self::Down(layer, _)
			| Self::FfnSubNorm(layer)
			| Self::SharedRouter(layer)
			| Self::SharedGate(layer)
			| Self::SharedUp(layer)
			| Self::SharedDown(layer) => Some(layer),
		}
	}

	/// Reports whether an architecture has the role. A tied model has [`Role::Head`].
	pub fn is_in(self, architecture: &Architecture) -> bool {
		match self.layer() {
			Some(layer) => {
				layer < architecture.layers && Self::of_layer(architecture, layer).any(|role| role == self)
			}
			None => true,
		}
	}

	/// Shape by the architecture.
	pub(crate) fn shape(self, architecture: &Architecture) -> RoleShape {
		use RoleShape::{Matrix, Vector};
		let Architecture { d_model, head_size, vocabulary, .. } = *architecture;
		let queries = architecture.heads * head_size;
		let keys = architecture.kv_heads * head_size;
		let (hidden, experts, shared) = match architecture.feed_forward {
			FeedForward::Dense { hidden } => (hidden, 0, 0),
			FeedForward::Experts { hidden, count, shared_hidden, .. } => (hidden, count, shared_hidden),
		};
		let norm = |whole: usize| if architecture.qk_norm == QkNorm::Whole { whole } else { head_size };
		match self {
			Self::Embedding | Self::Head => Matrix(vocabulary, d_model),
			Self::OutputNorm | Self::AttnNorm(_) | Self::FfnNorm(_) => Vector(d_model),
			Self::Q(_) => Matrix(queries, d_model),
			Self::K(_) | Self::V(_) => Matrix(keys, d_model),
			Self::O(_) => Matrix(d_model, queries),
			Self::QBias(_) | Self::AttnSubNorm(_) => Vector(queries),
			Self::KBias(_) | Self::VBias(_) => Vector(keys),
			Self::QNorm(_) => Vector(norm(queries)),
			Self::KNorm(_) => Vector(norm(keys)),
			Self::Router(_) => Matrix(experts, d_model),
			Self::Gate(..) | Self::Up(..) => Matrix(hidden, d_model),
			Self::Down(..) => Matrix(d_model, hidden),
			Self::FfnSubNorm(_) => Vector(hidden),
			Self::SharedRouter(_) => Matrix(1, d_model),
			Self::SharedGate(_) | Self::SharedUp(_) => Matrix(shared, d_model),
			Self::SharedDown(_) => Matrix(d_model, shared),
		}
	}

	/// Reports whether rotary embedding depends on the order of the rows or elements.
	pub(crate) fn is_rotated(self) -> bool {
		matches!(
			self,
			Self::Q(_) | Self::K(_) | Self::QBias(_) | Self::KBias(_) | Self::QNorm(_) | Self::KNorm(_)
		)
	}

	/// Reports whether the tensor is a matrix of a layer, which BitNet holds in ternary weights.
	pub(crate) fn is_linear(self) -> bool {
		matches!(
			self,
			Self::Q(_)
				| Self::K(_) | Self::V(_)
				| Self::O(_) | Self::Gate(..)
				| Self::Up(..)
				| Self::Down(..)
		)
	}
}
