//! The integer network's record of a checkpoint's architecture.

use super::{matrix, vector, ConvertError};
use blyan_checkpoint::{
	Activation as SourceActivation, Architecture as SourceArchitecture, Checkpoint,
	FeedForward as SourceFeedForward, QkNorm as SourceQkNorm, Role,
};
use blyan_exact::definition2::{
	Activation, Architecture, Bits, FeedForward, LayerShape, Network, QkNorm, Routing, WeightKind,
};

/// Longest context of the definition; a checkpoint that takes more is cut to it.
const CONTEXT_MAX: usize = 131_072;

/// Widths of what the network computes with, which no checkpoint says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
	/// Fraction bits of the residual stream.
	pub fraction: u8,
	/// Bits of activations.
	pub bits: Bits,
}

impl Default for Precision {
	/// Costs 0.25 % of the bits per byte of SmolLM2-135M; with 8 bits throughout it is 1.8 %.
	fn default() -> Self {
		Self { fraction: 12, bits: Bits { input: 10, output: 8, hidden: 12 } }
	}
}

/// Kind of weights that a tensor becomes, by its role.
pub type Kinds<'a> = &'a dyn Fn(Role) -> Result<WeightKind, ConvertError>;

/// Returns the record of a checkpoint's architecture.
pub fn architecture(checkpoint: &Checkpoint, precision: Precision) -> Result<Architecture, ConvertError> {
	described(checkpoint.architecture(), precision, &|role| {
		let kind = matrix::kind(&checkpoint.weight(role)?);
		// The scale of master weights is found by reading all of them.
		checkpoint.release(role);
		Ok(kind)
	})
}

/// Returns the record of an architecture whose tensors need not exist.
pub fn described(
	source: &SourceArchitecture,
	precision: Precision,
	kinds: Kinds<'_>,
) -> Result<Architecture, ConvertError> {
	let layers = (0..source.layers)
		.map(|l| {
			Ok(LayerShape {
				query: kinds(Role::Q(l))?,
				key: kinds(Role::K(l))?,
				value: kinds(Role::V(l))?,
				output: kinds(Role::O(l))?,
				network: network(source, kinds, l)?,
			})
		})
		.collect::<Result<Vec<_>, ConvertError>>()?;
	let architecture = Architecture {
		d_model: narrow("d_model", source.d_model)?,
		heads: narrow("number of heads", source.heads)?,
		kv_heads: narrow("number of key/value heads", source.kv_heads)?,
		head_size: narrow("head size", source.head_size)?,
		vocabulary: narrow("vocabulary", source.vocabulary)?,
		context: narrow("context", source.context.min(CONTEXT_MAX))?,
		fraction: precision.fraction,
		eps: vector::eps(source.norm_eps)?,
		bits: precision.bits,
		biases: source.qkv_biases,
		qk_norm: match source.qk_norm {
			SourceQkNorm::None => QkNorm::None,
			SourceQkNorm::PerHead => QkNorm::PerHead,
			SourceQkNorm::Whole => QkNorm::Whole,
		},
		sub_norms: source.sub_norms,
		activation: match source.activation {
			SourceActivation::SwiGlu => Activation::SwiGlu,
			SourceActivation::GatedSquaredRelu => Activation::SquaredRelu,
		},
		embedding: kinds(Role::Embedding)?,
		head: if source.tied_embedding { None } else { Some(kinds(Role::Head)?) },
		layers,
	};
	architecture.validate()?;
	Ok(architecture)
}

fn narrow<T: TryFrom<usize>>(name: &'static str, value: usize) -> Result<T, ConvertError> {
	let max = (1_usize << (8 * size_of::<T>())) - 1;
	T::try_from(value).map_err(|_| ConvertError::TooLarge { name, value, max })
}

/// Returns the shape of a layer's second half.
fn network(source: &SourceArchitecture, kinds: Kinds<'_>, layer: usize) -> Result<Network, ConvertError> {
	match source.feed_forward {
		SourceFeedForward::Dense { hidden } => {
			let tensors = |role: fn(usize, usize) -> Role| vec![role(layer, 0)];
			feed_forward(kinds, hidden, [tensors(Role::Gate), tensors(Role::Up), tensors(Role::Down)])
				.map(Network::Dense)
		}
		SourceFeedForward::Experts { count, top_k, hidden, normalised, shared_hidden } => {
			if Role::SharedRouter(layer).is_in(source) {
				return Err(ConvertError::SharedGate(layer));
			}
			let tensors =
				|role: fn(usize, usize) -> Role| (0..count).map(|expert| role(layer, expert)).collect();
			let shared = match shared_hidden {
				0 => None,
				hidden => {
					let roles = [Role::SharedGate(layer), Role::SharedUp(layer), Role::SharedDown(layer)];
					Some(feed_forward(kinds, hidden, roles.map(|role| vec![role]))?)
				}
			};
			let experts = [tensors(Role::Gate), tensors(Role::Up), tensors(Role::Down)];
			Ok(Network::Routed(Routing {
				experts: narrow("number of experts", count)?,
				top_k: narrow("number of experts a token", top_k)?,
				normalised,
				router: kinds(Role::Router(layer))?,
				expert: feed_forward(kinds, hidden, experts)?,
				shared,
				adapter_rank: None,
			}))
		}
	}
}

/// Returns the shape that networks share, given the tensors of their gates, up- and down-projections.
fn feed_forward(
	kinds: Kinds<'_>,
	hidden: usize,
	[gate, up, down]: [Vec<Role>; 3],
) -> Result<FeedForward, ConvertError> {
	Ok(FeedForward {
		hidden: narrow("hidden layer", hidden)?,
		gate: shared_kind(kinds, &gate)?,
		up: shared_kind(kinds, &up)?,
		down: shared_kind(kinds, &down)?,
	})
}

/// Returns the kind of all these tensors: their own if it is one, else 8 bits.
fn shared_kind(kinds: Kinds<'_>, roles: &[Role]) -> Result<WeightKind, ConvertError> {
	let mut shared = None;
	for role in roles {
		let kind = kinds(*role)?;
		if shared.is_some_and(|shared| shared != kind) {
			return Ok(WeightKind::Int8);
		}
		shared = Some(kind);
	}
	Ok(shared.unwrap_or(WeightKind::Int8))
}
