//! Speed that the rates of a machine allow a model.
//!
//! A product takes the longer of two times: reading its weights from memory, and multiplying. One token reads all weights
//! for itself; many read at once share them. Norms, activation functions, quantisation and sampling are left out, so this is a
//! bound: what runs is slower, small models most.

use super::{
	disputes::Disputes,
	machine::{Machine, Rate},
	sizes::{Products, Sizes},
};
use serde::Serialize;

/// Positions that share one reading of the weights, for each thread. Other machines are taken to share it with all of them.
const SHARING: usize = 32;
/// Sequences of an evaluation.
pub const EVALUATION_SEQUENCES: u32 = 256;
/// Positions of such a sequence.
pub const EVALUATION_POSITIONS: u32 = 256;

/// Limit of a speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
	/// Reading weights, keys and values.
	Memory,
	/// Multiplying.
	Multiplies,
}

/// Bound of a speed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bound {
	/// Tokens a second.
	pub tokens_per_second: f64,
	/// Its bound.
	pub limit: Limit,
}

impl Bound {
	fn of(memory: f64, multiplies: f64) -> Self {
		let limit = if memory > multiplies { Limit::Memory } else { Limit::Multiplies };
		Self { tokens_per_second: 1.0 / memory.max(multiplies), limit }
	}
}

/// Speeds of a model on a machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Speed {
	/// Positions that tokens see while they are generated, and length of a prompt.
	pub positions: u32,
	/// Generating, one token at a time.
	pub decode: Bound,
	/// Reading a prompt.
	pub prefill: Bound,
	/// Losses of all tokens of a sequence of [`EVALUATION_POSITIONS`].
	pub evaluation: Bound,
	/// Seconds for the losses of an evaluation: [`EVALUATION_SEQUENCES`] sequences, by one model.
	pub evaluation_seconds: f64,
	/// Seconds to hash their traces; `None` where the machine's rate is unknown.
	pub tracing_seconds: Option<f64>,
}

impl Speed {
	/// Computes the speeds of a model whose prompts have this many positions. `disputes` are those of an evaluation.
	pub fn of(sizes: &Sizes, disputes: &Disputes, machine: &Machine, positions: u32) -> Self {
		let evaluation = Self::many(sizes, machine, EVALUATION_POSITIONS, true);
		let tokens = f64::from(EVALUATION_SEQUENCES) * f64::from(EVALUATION_POSITIONS);
		Self {
			positions,
			decode: Self::one(sizes, machine, positions),
			prefill: Self::many(sizes, machine, positions, false),
			evaluation,
			evaluation_seconds: tokens / evaluation.tokens_per_second,
			tracing_seconds: machine.hashing.map(|rate| tokens * disputes.trace_bytes as f64 / rate),
		}
	}

	fn one(sizes: &Sizes, machine: &Machine, positions: u32) -> Bound {
		let seen = f64::from(positions);
		let bytes = sizes.token_bytes() as f64 + seen * sizes.position_bytes as f64;
		let products = sizes.layers.iter().chain([&sizes.head]);
		let attention = seen * sizes.attention_multiplies as f64 / machine.attention_rate().one;
		Bound::of(bytes / machine.bandwidth, seconds(machine, products, |rate| rate.one) + attention)
	}

	/// Returns the bound of reading a sequence at once, with the logits of all positions or of the last one.
	fn many(sizes: &Sizes, machine: &Machine, positions: u32, has_losses: bool) -> Bound {
		let count = f64::from(positions);
		let layers = seconds(machine, sizes.layers.iter(), |rate| rate.many);
		let head = match has_losses {
			true => seconds(machine, [&sizes.head].into_iter(), |rate| rate.many),
			false => seconds(machine, [&sizes.head].into_iter(), |rate| rate.one) / count,
		};
		let seen = (count + 1.0) / 2.0;
		let attention = seen * sizes.attention_multiplies as f64 / machine.attention_rate().many;
		let together = if machine.threads == 0 { usize::MAX } else { SHARING * machine.threads };
		let shared = (positions as usize).min(together);
		let memory = sizes.token_bytes() as f64 / machine.bandwidth / shared as f64;
		Bound::of(memory, layers + head + attention)
	}
}

/// Returns the seconds that products take.
fn seconds<'a>(
	machine: &Machine,
	products: impl Iterator<Item = &'a Products>,
	rate: impl Fn(Rate) -> f64,
) -> f64 {
	products.map(|p| p.multiplies as f64 / rate(machine.product_rate(p.kind, p.bits))).sum()
}
