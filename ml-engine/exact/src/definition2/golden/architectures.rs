//! Architectures of the golden models.

use crate::definition2::architecture::{
	Activation, Architecture, Bits, FeedForward, LayerShape, Network, QkNorm, Routing, WeightKind,
};
use alloc::vec::Vec;
use WeightKind::{Int4By32, Int4By64, Int8, Ternary};

/// 1e-5 in Q48.
const EPS: u64 = 2_814_749_767;

fn network(hidden: u32, kind: WeightKind) -> FeedForward {
	FeedForward { hidden, gate: kind, up: kind, down: kind }
}

fn layer(kind: WeightKind, network: Network) -> LayerShape {
	LayerShape { query: kind, key: kind, value: kind, output: kind, network }
}

fn dense(kind: WeightKind, hidden: u32) -> LayerShape {
	layer(kind, Network::Dense(network(hidden, kind)))
}

fn base(layers: [LayerShape; 2]) -> Architecture {
	Architecture {
		d_model: 64,
		heads: 4,
		kv_heads: 2,
		head_size: 16,
		vocabulary: 300,
		context: 64,
		fraction: 12,
		eps: EPS,
		bits: Bits { input: 10, output: 8, hidden: 12 },
		biases: false,
		qk_norm: QkNorm::None,
		sub_norms: false,
		activation: Activation::SwiGlu,
		embedding: Int8,
		head: None,
		layers: Vec::from(layers),
	}
}

/// SmolLM2-135M as its GGUF file has it: groups of 32, the embedding in bytes and tied. Too large for a golden vector; sizes of
/// programs and witnesses are computed for it.
#[cfg(test)]
pub fn smollm2() -> Architecture {
	Architecture {
		d_model: 576,
		heads: 9,
		kv_heads: 3,
		head_size: 64,
		vocabulary: 49_152,
		context: 8_192,
		layers: alloc::vec![dense(Int4By32, 1_536); 30],
		..llama()
	}
}

/// Groups of 32 and a tied embedding of bytes.
pub fn llama() -> Architecture {
	base([dense(Int4By32, 192); 2])
}

/// Biases, bytes, a head of its own, and a vocabulary of two chunks.
pub fn qwen2() -> Architecture {
	Architecture {
		d_model: 96,
		heads: 3,
		kv_heads: 1,
		head_size: 32,
		vocabulary: 5_000,
		biases: true,
		embedding: Int4By32,
		head: Some(Int8),
		..base([dense(Int8, 160); 2])
	}
}

/// Norms by head, heads wider than the stream, groups of 64.
pub fn qwen3() -> Architecture {
	Architecture {
		kv_heads: 1,
		head_size: 32,
		qk_norm: QkNorm::PerHead,
		embedding: Int4By64,
		..base([dense(Int4By64, 128), dense(Int8, 128)])
	}
}

/// Norms of whole queries and keys; gates that do not add up to one.
pub fn olmoe() -> Architecture {
	let expert = FeedForward { hidden: 96, gate: Int4By32, up: Int8, down: Int4By32 };
	let (router, shared) = (Int8, None);
	let routing =
		Routing { experts: 8, top_k: 3, normalised: false, router, expert, shared, adapter_rank: None };
	Architecture {
		kv_heads: 4,
		qk_norm: QkNorm::Whole,
		fraction: 14,
		head: Some(Int4By64),
		..base([layer(Int4By64, Network::Routed(routing)); 2])
	}
}

/// Gates that add up to one.
pub fn mixtral() -> Architecture {
	let (router, expert) = (Int4By32, network(128, Int4By32));
	let routing =
		Routing { experts: 4, top_k: 2, normalised: true, router, expert, shared: None, adapter_rank: None };
	Architecture { head: Some(Int4By32), ..base([layer(Int4By32, Network::Routed(routing)); 2]) }
}

/// A dense layer in front of a routed one with a shared network; every sub-norm there is.
pub fn shared() -> Architecture {
	let shared = Some(network(192, Int4By64));
	let (router, expert) = (Int8, network(64, Int8));
	let routing =
		Routing { experts: 5, top_k: 4, normalised: true, router, expert, shared, adapter_rank: None };
	Architecture {
		sub_norms: true,
		fraction: 10,
		..base([dense(Int8, 96), layer(Int4By32, Network::Routed(routing))])
	}
}

/// Ternary weights, squared ReLU, sub-norms, eight bits everywhere.
pub fn bitnet() -> Architecture {
	Architecture {
		bits: Bits { input: 8, output: 8, hidden: 8 },
		sub_norms: true,
		activation: Activation::SquaredRelu,
		..base([dense(Ternary, 192); 2])
	}
}

/// Adapters of int4 networks behind gates that add up to one, and of ternary and 8-bit ones behind gates that do not.
pub fn adapters() -> Architecture {
	let (router, shared) = (Int8, None);
	let first = Routing {
		experts: 4,
		top_k: 2,
		normalised: true,
		router,
		expert: network(96, Int4By32),
		shared,
		adapter_rank: Some(5),
	};
	let expert = FeedForward { hidden: 64, gate: Ternary, up: Int8, down: Ternary };
	let second = Routing { experts: 3, normalised: false, expert, adapter_rank: Some(8), ..first };
	Architecture {
		sub_norms: true,
		..base([layer(Int4By32, Network::Routed(first)), layer(Int8, Network::Routed(second))])
	}
}

/// The widest networks that adapters may stand on, and the largest rank: no model is made of this one, only blocks.
pub fn wide() -> Architecture {
	let expert = FeedForward { hidden: 65_536, gate: Ternary, up: Int4By64, down: Int8 };
	let routing = Routing {
		experts: 1_024,
		top_k: 2,
		normalised: true,
		router: Int8,
		expert,
		shared: None,
		adapter_rank: Some(64),
	};
	let last = Routing { expert: FeedForward { down: Int4By32, ..expert }, ..routing };
	Architecture {
		d_model: 8_192,
		bits: Bits { input: 12, output: 12, hidden: 12 },
		..base([layer(Int8, Network::Routed(routing)), layer(Int8, Network::Routed(last))])
	}
}
