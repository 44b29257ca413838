//! The architecture of a model: the record from which every shape, every operator and every bound follows.

mod bytes;

use alloc::vec::Vec;
use core::fmt;

/// Largest rank of adapters.
pub const RANK_MAX: u8 = 64;

/// Architecture of a decoder-only transformer with integer semantics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Architecture {
	/// Width of the residual stream: a multiple of 32, at most 8,192.
	pub d_model: u16,
	/// Attention heads, 1 to 256.
	pub heads: u16,
	/// Heads of keys and values; they divide `heads`.
	pub kv_heads: u16,
	/// Entries of a head: even, at most 256; all heads together are a multiple of 32.
	pub head_size: u16,
	/// Tokens of the vocabulary, 1 to 262,144.
	pub vocabulary: u32,
	/// Longest sequence in positions, 1 to 131,072.
	pub context: u32,
	/// Fraction bits of the residual stream, 8 to 16.
	pub fraction: u8,
	/// Number that is added to mean squares, which keeps them away from zero: Q48, below 2^41.
	pub eps: u64,
	/// Widths of activations.
	pub bits: Bits,
	/// Queries, keys and values have biases.
	pub biases: bool,
	/// Normalisation of queries and keys.
	pub qk_norm: QkNorm,
	/// The attention's output and the hidden layers are normalised before they are quantised.
	pub sub_norms: bool,
	/// Activation function of the hidden layers.
	pub activation: Activation,
	/// Weights of the embedding.
	pub embedding: WeightKind,
	/// Weights of the head; `None` if the embedding serves as head.
	pub head: Option<WeightKind>,
	/// Layers, 1 to 128.
	pub layers: Vec<LayerShape>,
}

/// Widths of activations in bits, 8 to 12 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
	/// In front of queries, keys, values, router, gate, up and head.
	pub input: u8,
	/// In front of the attention's output projection.
	pub output: u8,
	/// In front of the down projection.
	pub hidden: u8,
}

/// Normalisation of queries and keys before rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QkNorm {
	/// None.
	None,
	/// Each head by itself, all with the same gain of `head_size` entries.
	PerHead,
	/// All heads together, with a gain of the whole width.
	Whole,
}

/// Activation function of a gated hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
	/// `silu(gate) * up`.
	SwiGlu,
	/// `max(gate, 0)^2 * up`.
	SquaredRelu,
}

/// Storage of a matrix's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WeightKind {
	/// -1, 0 and 1, two bits each.
	Ternary,
	/// A byte each and a `u16` factor a row.
	Int8,
	/// Half a byte each, a factor and a minimum for every 32 columns.
	Int4By32,
	/// Half a byte each, a factor and a minimum for every 64 columns.
	Int4By64,
}

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerShape {
	/// Weights of the query projection.
	pub query: WeightKind,
	/// Weights of the key projection.
	pub key: WeightKind,
	/// Weights of the value projection.
	pub value: WeightKind,
	/// Weights of the output projection.
	pub output: WeightKind,
	/// Network behind the attention.
	pub network: Network,
}

/// The second half of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
	/// One feed-forward network for every token.
	Dense(FeedForward),
	/// Networks that a router chooses from.
	Routed(Routing),
}

/// A router and the networks that it chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Routing {
	/// Experts, 1 to 1,024.
	pub experts: u16,
	/// Experts that a token is routed to: 1 to 16, never more than `experts`.
	pub top_k: u8,
	/// The gates of the chosen add up to one.
	pub normalised: bool,
	/// Weights of the router.
	pub router: WeightKind,
	/// Shape of each expert; with adapters, of the frozen network that all of them stand on.
	pub expert: FeedForward,
	/// Network that every token passes besides; none beside adapters.
	pub shared: Option<FeedForward>,
	/// Rank of the experts' adapters, 1 to 64; `None` if each expert is a network of its own.
	pub adapter_rank: Option<u8>,
}

/// Shape of a gated feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedForward {
	/// Width of the hidden layer: a multiple of 32, at most 65,536.
	pub hidden: u32,
	/// Weights of the gate projection.
	pub gate: WeightKind,
	/// Weights of the up projection.
	pub up: WeightKind,
	/// Weights of the down projection.
	pub down: WeightKind,
}

/// Reason why an architecture is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchitectureError {
	/// `d_model` is zero, above 8,192 or not a multiple of 32.
	ModelWidth(u16),
	/// `heads` is zero or above 256.
	Heads(u16),
	/// `kv_heads` is zero or does not divide `heads`.
	KvHeads(u16),
	/// `head_size` is zero, odd or above 256.
	HeadSize(u16),
	/// `heads * head_size` is not a multiple of 32.
	AttentionWidth(u32),
	/// `vocabulary` is zero or above 262,144.
	Vocabulary(u32),
	/// `context` is zero or above 131,072.
	Context(u32),
	/// `fraction` is outside of 8 to 16.
	Fraction(u8),
	/// `eps` is 2^41 or more.
	Eps(u64),
	/// A width of activations is outside of 8 to 12.
	Bits(u8),
	/// There are no layers or more than 128.
	Layers(usize),
	/// A hidden layer is empty, wider than 65,536 or not a multiple of 32.
	HiddenWidth(u32),
	/// A layer has no experts or more than 1,024.
	Experts(u16),
	/// `top_k` is zero, above 16 or above the number of experts.
	TopK(u8),
	/// A rank of adapters is zero or above 64.
	AdapterRank(u8),
	/// A layer has a shared network beside adapters.
	AdaptersAndShared,
	/// A matrix in groups of 64 has a number of columns that is not a multiple of 64.
	GroupWidth(u32),
	/// Bytes that are no architecture: too few, too many, or a byte that names nothing.
	Bytes,
}

impl fmt::Display for ArchitectureError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::ModelWidth(n) => write!(f, "d_model is {n}: use a multiple of 32 between 32 and 8192"),
			Self::Heads(n) => write!(f, "{n} heads: use 1 to 256"),
			Self::KvHeads(n) => write!(f, "{n} key/value heads: use a divisor of the number of heads"),
			Self::HeadSize(n) => write!(f, "head size is {n}: use an even number up to 256"),
			Self::AttentionWidth(n) => {
				write!(f, "all heads have {n} entries: the head size must make that a multiple of 32")
			}
			Self::Vocabulary(n) => write!(f, "vocabulary of {n}: use 1 to 262144"),
			Self::Context(n) => write!(f, "context of {n}: use 1 to 131072"),
			Self::Fraction(n) => write!(f, "{n} fraction bits: use 8 to 16"),
			Self::Eps(n) => write!(f, "eps is {n} in Q48: it must be below 2^41"),
			Self::Bits(n) => write!(f, "activations of {n} bits: use 8 to 12"),
			Self::Layers(n) => write!(f, "{n} layers: use 1 to 128"),
			Self::HiddenWidth(n) => {
				write!(f, "hidden layer of {n}: use a multiple of 32 between 32 and 65536")
			}
			Self::Experts(n) => write!(f, "{n} experts in a layer: use 1 to 1024"),
			Self::TopK(n) => write!(f, "top-k is {n}: use 1 to 16, and at most the number of experts"),
			Self::AdapterRank(n) => write!(f, "adapters of rank {n}: use 1 to 64"),
			Self::AdaptersAndShared => f.write_str("a shared network beside adapters: leave out one of them"),
			Self::GroupWidth(n) => write!(f, "{n} columns in groups of 64: use groups of 32"),
			Self::Bytes => f.write_str("these bytes are not the record of an architecture"),
		}
	}
}

impl core::error::Error for ArchitectureError {}

fn ensure(holds: bool, error: ArchitectureError) -> Result<(), ArchitectureError> {
	if holds {
		Ok(())
	} else {
		Err(error)
	}
}

impl WeightKind {
	/// Returns the columns that share a factor and a minimum; `None` for kinds without groups.
	pub fn group(self) -> Option<usize> {
		match self {
			Self::Ternary | Self::Int8 => None,
			Self::Int4By32 => Some(32),
			Self::Int4By64 => Some(64),
		}
	}

	/// Returns the fraction bits of a weight's integer: a weight is `M * 2^-unit * integer`.
	pub fn unit(self) -> i32 {
		match self {
			Self::Ternary => 0,
			Self::Int8 => 16,
			Self::Int4By32 | Self::Int4By64 => 24,
		}
	}

	/// Returns the fraction bits that an adapter adds to a weight's integer: ternary weights are too coarse for one.
	pub fn refinement(self) -> u32 {
		match self {
			Self::Ternary => 16,
			Self::Int8 | Self::Int4By32 | Self::Int4By64 => 0,
		}
	}

	/// Returns the bytes of the codes of a row of `cols` weights.
	pub fn code_bytes(self, cols: usize) -> usize {
		match self {
			Self::Ternary => cols / 4,
			Self::Int8 => cols,
			Self::Int4By32 | Self::Int4By64 => cols / 2,
		}
	}

	/// Returns the bytes of the factors of a row of `cols` weights.
	pub fn scale_bytes(self, cols: usize) -> usize {
		match self.group() {
			Some(group) => cols / group * 4,
			None => 2 * usize::from(self == Self::Int8),
		}
	}

	/// Returns the bytes of a stored row of `cols` weights: its codes, then its factors.
	pub fn row_bytes(self, cols: usize) -> usize {
		self.code_bytes(cols) + self.scale_bytes(cols)
	}

	fn validate(self, cols: u32) -> Result<(), ArchitectureError> {
		ensure(self != Self::Int4By64 || cols.is_multiple_of(64), ArchitectureError::GroupWidth(cols))
	}
}

impl FeedForward {
	/// Checks the shape in a model of this width.
	pub fn validate(&self, d_model: u16) -> Result<(), ArchitectureError> {
		let hidden = self.hidden;
		ensure(
			(32..=65_536).contains(&hidden) && hidden.is_multiple_of(32),
			ArchitectureError::HiddenWidth(hidden),
		)?;
		self.gate.validate(d_model.into())?;
		self.up.validate(d_model.into())?;
		self.down.validate(hidden)
	}
}

impl Routing {
	fn validate(&self, d_model: u16) -> Result<(), ArchitectureError> {
		ensure((1..=1_024).contains(&self.experts), ArchitectureError::Experts(self.experts))?;
		let within = (1..=16).contains(&self.top_k) && u16::from(self.top_k) <= self.experts;
		ensure(within, ArchitectureError::TopK(self.top_k))?;
		self.router.validate(d_model.into())?;
		self.expert.validate(d_model)?;
		if let Some(rank) = self.adapter_rank {
			ensure((1..=RANK_MAX).contains(&rank), ArchitectureError::AdapterRank(rank))?;
			ensure(self.shared.is_none(), ArchitectureError::AdaptersAndShared)?;
		}
		self.shared.map_or(Ok(()), |shared| shared.validate(d_model))
	}
}

impl Architecture {
	/// Checks every bound that the integer arithmetic relies on.
	pub fn validate(&self) -> Result<(), ArchitectureError> {
		use ArchitectureError as Error;
		let d = self.d_model;
		ensure((32..=8_192).contains(&d) && d.is_multiple_of(32), Error::ModelWidth(d))?;
		ensure((1..=256).contains(&self.heads), Error::Heads(self.heads))?;
		let divides = self.kv_heads != 0 && self.heads.is_multiple_of(self.kv_heads);
		ensure(divides, Error::KvHeads(self.kv_heads))?;
		let even = self.head_size.is_multiple_of(2) && (2..=256).contains(&self.head_size);
		ensure(even, Error::HeadSize(self.head_size))?;
		let width = self.attention_width() as u32;
		ensure(width.is_multiple_of(32), Error::AttentionWidth(width))?;
		ensure((1..=262_144).contains(&self.vocabulary), Error::Vocabulary(self.vocabulary))?;
		ensure((1..=131_072).contains(&self.context), Error::Context(self.context))?;
		ensure((8..=16).contains(&self.fraction), Error::Fraction(self.fraction))?;
		ensure(self.eps < 1 << 41, Error::Eps(self.eps))?;
		for bits in [self.bits.input, self.bits.output, self.bits.hidden] {
			ensure((8..=12).contains(&bits), Error::Bits(bits))?;
		}
		self.embedding.validate(d.into())?;
		self.head.map_or(Ok(()), |head| head.validate(d.into()))?;
		ensure((1..=128).contains(&self.layers.len()), Error::Layers(self.layers.len()))?;
		self.layers.iter().try_for_each(|layer| self.validate_layer(layer))
	}

	fn validate_layer(&self, layer: &LayerShape) -> Result<(), ArchitectureError> {
		for kind in [layer.query, layer.key, layer.value] {
			kind.validate(self.d_model.into())?;
		}
		layer.output.validate(self.attention_width() as u32)?;
		match &layer.network {
			Network::Dense(network) => network.validate(self.d_model),
			Network::Routed(routing) => routing.validate(self.d_model),
		}
	}

	/// Returns the entries of all heads of a token's queries, at most 65,536.
	pub fn attention_width(&self) -> usize {
		usize::from(self.heads) * usize::from(self.head_size)
	}

	/// Returns the entries of all heads of a token's keys, or of its values.
	pub fn kv_width(&self) -> usize {
		usize::from(self.kv_heads) * usize::from(self.head_size)
	}

	/// Returns the router of a layer, if it has one.
	pub fn routing(&self, layer: u8) -> Option<&Routing> {
		match self.layers.get(usize::from(layer))? {
			LayerShape { network: Network::Routed(routing), .. } => Some(routing),
			LayerShape { network: Network::Dense(_), .. } => None,
		}
	}

	/// Returns the number of routed experts of the whole model, at most 131,072.
	pub fn experts(&self) -> u32 {
		(0..self.layers.len())
			.filter_map(|layer| self.routing(layer as u8))
			.map(|routing| u32::from(routing.experts))
			.sum()
	}
}

#[cfg(test)]
mod tests;
