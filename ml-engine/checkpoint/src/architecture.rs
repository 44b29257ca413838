//! Neutral description of a decoder: everything that computing it needs besides its weights.

use crate::error::CheckpointError;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Family of models, as far as it decides how tensors are named and what is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
	/// Llama 1 to 3, SmolLM2, TinyLlama, Mistral without its window.
	Llama,
	/// Llama with routed experts.
	Mixtral,
	/// Qwen2 and Qwen2.5: biases of q, k and v.
	Qwen2,
	/// Qwen1.5-MoE and Qwen2-MoE: routed experts and one shared expert.
	Qwen2Moe,
	/// Qwen3: a norm of each head's queries and keys.
	Qwen3,
	/// Qwen3 with routed experts.
	Qwen3Moe,
	/// OLMoE: routed experts, a norm of all queries and of all keys.
	Olmoe,
	/// BitNet b1.58 2B4T: ternary weights, gated squared ReLU, sub-norms.
	BitNet,
}

impl Family {
	/// Reports whether the family has routed experts.
	pub fn is_routed(self) -> bool {
		matches!(self, Self::Mixtral | Self::Qwen2Moe | Self::Qwen3Moe | Self::Olmoe)
	}

	/// Norm of queries and keys.
	pub(crate) fn qk_norm(self) -> QkNorm {
		match self {
			Self::Qwen3 | Self::Qwen3Moe => QkNorm::PerHead,
			Self::Olmoe => QkNorm::Whole,
			_ => QkNorm::None,
		}
	}

	/// Reports whether queries, keys and values have biases.
	pub(crate) fn qkv_biases(self) -> bool {
		matches!(self, Self::Qwen2 | Self::Qwen2Moe)
	}

	/// Name for messages.
	pub(crate) fn name(self) -> String {
		format!("{self:?}")
	}
}

/// Norm of queries and keys in front of rotary embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QkNorm {
	/// Absent.
	None,
	/// Each head for itself; one weight of `head_size` elements for all heads.
	PerHead,
	/// The whole vector; a weight of as many elements.
	Whole,
}

/// Nonlinear function between gate, up-projection and down-projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
	/// `silu(gate) * up`.
	SwiGlu,
	/// `max(gate, 0)^2 * up`.
	GatedSquaredRelu,
}

/// Elements of a head that rotary embedding turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PairOrder {
	/// `(2i, 2i + 1)`.
	Interleaved,
	/// `(i, i + head_size / 2)`.
	HalfSplit,
}

/// Rotary position embedding over whole heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rope {
	/// Base of the frequencies.
	pub base: f64,
	/// Change of the frequencies for a longer context.
	pub scaling: RopeScaling,
	/// Order of pairs in the file. [`crate::Weight`] gives rows in interleaved order, whatever this says.
	pub stored_pairs: PairOrder,
}

/// Change of rotary frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RopeScaling {
	/// Absent.
	None,
	/// All frequencies divided by one factor.
	Linear {
		/// The factor.
		factor: f64,
	},
	/// Llama 3: low frequencies divided by a factor, high ones kept, those between interpolated.
	Llama3 {
		/// Divisor of low frequencies.
		factor: f64,
		/// Frequencies below `original_context / low_frequency` wavelengths are low.
		low_frequency: f64,
		/// Frequencies above `original_context / high_frequency` wavelengths are high.
		high_frequency: f64,
		/// Context before scaling.
		original_context: f64,
	},
	/// A divisor of each frequency, as GGUF stores Llama 3's.
	Divisors(Vec<f32>),
}

impl Rope {
	/// Angles by which one position turns the pairs of a head, scaling applied.
	///
	/// The last bits depend on the platform's power function: good for floats, not for what must be equal everywhere.
	pub fn inverse_frequencies(&self, head_size: usize) -> Vec<f64> {
		let plain = (0..head_size / 2).map(|pair| self.base.powf(-2.0 * pair as f64 / head_size as f64));
		match &self.scaling {
			RopeScaling::None => plain.collect(),
			RopeScaling::Linear { factor } => plain.map(|frequency| frequency / factor).collect(),
			RopeScaling::Divisors(divisors) => {
				plain.zip(divisors).map(|(frequency, divisor)| frequency / f64::from(*divisor)).collect()
			}
			&RopeScaling::Llama3 { factor, low_frequency, high_frequency, original_context } => plain
				.map(|frequency| {
					let wavelength = 2.0 * PI / frequency;
					if wavelength < original_context / high_frequency {
						return frequency;
					}
					if wavelength > original_context / low_frequency {
						return frequency / factor;
					}
					let share =
						(original_context / wavelength - low_frequency) / (high_frequency - low_frequency);
					(1.0 - share) * frequency / factor + share * frequency
				})
				.collect(),
		}
	}
}

/// Feed-forward part of every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedForward {
	/// One block for all tokens.
	Dense {
		/// Width between up- and down-projection.
		hidden: usize,
	},
	/// Experts, of which a router chooses some for each token by softmax.
	Experts {
		/// Number of routed experts.
		count: usize,
		/// Experts of one token.
		top_k: usize,
		/// Width of one expert.
		hidden: usize,
		/// True if the gates of the chosen experts are divided by their sum.
		normalised: bool,
		/// Width of the expert that every token passes through, gated by a sigmoid; 0 without one.
		shared_hidden: usize,
	},
}

/// Tokens with a meaning for generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecialTokens {
	/// Token in front of a text.
	pub bos: Option<u32>,
	/// True if the tokenizer puts `bos` in front by itself, where the checkpoint says so.
	pub adds_bos: Option<bool>,
	/// Tokens that end an answer: end of sequence, end of turn. Sorted.
	pub ends: Vec<u32>,
}

/// Description of a decoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
	/// Family that it belongs to.
	pub family: Family,
	/// Width of the residual stream.
	pub d_model: usize,
	/// Number of layers.
	pub layers: usize,
	/// Query heads.
	pub heads: usize,
	/// Key and value heads; each serves `heads / kv_heads` query heads.
	pub kv_heads: usize,
	/// Width of a head, even.
	pub head_size: usize,
	/// Number of tokens.
	pub vocabulary: usize,
	/// Longest sequence.
	pub context: usize,
	/// True if the embedding is the head, too.
	pub tied_embedding: bool,
	/// Term under the root of every RMSNorm.
	pub norm_eps: f64,
	/// Rotary embedding.
	pub rope: Rope,
	/// True if q, k and v have biases.
	pub qkv_biases: bool,
	/// Norm of queries and keys.
	pub qk_norm: QkNorm,
	/// Nonlinear function.
	pub activation: Activation,
	/// True if a norm stands in front of attention's output matrix and of the down-projection.
	pub sub_norms: bool,
	/// Bits to which the inputs of a layer's matrices are quantised per token, where the model was trained so.
	pub activation_bits: Option<u8>,
	/// Feed-forward part.
	pub feed_forward: FeedForward,
	/// Tokens with a meaning.
	pub tokens: SpecialTokens,
}

/// Largest width, count or vocabulary that is not a mistake. Products of three stay below 2^63.
const DIMENSION_MAX: usize = 1 << 21;

impl Architecture {
	/// Experts of a token and experts in all. `None` of a dense model.
	pub fn experts(&self) -> Option<(usize, usize)> {
		match self.feed_forward {
			FeedForward::Dense { .. } => None,
			FeedForward::Experts { count, top_k, .. } => Some((top_k, count)),
		}
	}

	/// Refuses a description that contradicts itself.
	pub(crate) fn check(self) -> Result<Self, CheckpointError> {
		let (hidden, experts, top_k, shared) = match self.feed_forward {
			FeedForward::Dense { hidden } => (hidden, 1, 1, 0),
			FeedForward::Experts { count, top_k, hidden, shared_hidden, .. } => {
				(hidden, count, top_k, shared_hidden)
			}
		};
		let dimensions = [
			("d_model", self.d_model),
			("layers", self.layers),
			("heads", self.heads),
			("kv_heads", self.kv_heads),
			("head_size", self.head_size),
			("vocabulary", self.vocabulary),
			("hidden", hidden),
			("experts", experts),
			("top_k", top_k),
			("shared_hidden + 1", shared.saturating_add(1)),
		];
		for (key, value) in dimensions {
			in_range(key, value, DIMENSION_MAX)?;
		}
		in_range("context", self.context, 1 << 32)?;
		if !self.heads.is_multiple_of(self.kv_heads) {
			let expected = format!("a divisor of the number of heads, {}", self.heads);
			return Err(CheckpointError::bad_value("kv_heads", self.kv_heads, expected));
		}
		if !self.head_size.is_multiple_of(2) {
			return Err(CheckpointError::bad_value("head_size", self.head_size, "an even number"));
		}
		if top_k > experts {
			return Err(CheckpointError::bad_value(
				"experts of a token",
				top_k,
				format!("at most {experts}, the number of experts"),
			));
		}
		if !(self.norm_eps > 0.0 && self.norm_eps < 1.0) {
			return Err(CheckpointError::bad_value("norm_eps", self.norm_eps, "a number between 0 and 1"));
		}
		self.check_rope()?;
		let mut tokens = self.tokens.ends.iter().chain(&self.tokens.bos);
		match tokens.find(|token| **token as usize >= self.vocabulary) {
			Some(token) => {
				Err(CheckpointError::Token { token: (*token).into(), vocabulary: self.vocabulary as u64 })
			}
			None => Ok(self),
		}
	}

	fn check_rope(&self) -> Result<(), CheckpointError> {
		let positive = |key: &str, value: f64| {
			if value.is_finite() && value > 0.0 {
				return Ok(());
			}
			Err(CheckpointError::bad_value(key, value, "a positive number"))
		};
		positive("rope base", self.rope.base)?;
		match &self.rope.scaling {
			RopeScaling::None => Ok(()),
			RopeScaling::Linear { factor } => positive("rope scaling factor", *factor),
			RopeScaling::Llama3 { factor, low_frequency, high_frequency, original_context } => {
				positive("rope scaling factor", *factor)?;
				positive("low_freq_factor", *low_frequency)?;
				positive("high_freq_factor - low_freq_factor", high_frequency - low_frequency)?;
				positive("original_max_position_embeddings", *original_context)
			}
			RopeScaling::Divisors(divisors) => {
				if divisors.len() != self.head_size / 2 {
					return Err(CheckpointError::Shape {
						tensor: "rope_freqs.weight".into(),
						found: vec![divisors.len() as u64],
						expected: vec![self.head_size as u64 / 2],
					});
				}
				divisors.iter().try_for_each(|divisor| positive("rope_freqs.weight", (*divisor).into()))
			}
		}
	}
}

fn in_range(key: &str, value: usize, max: usize) -> Result<(), CheckpointError> {
	if value == 0 || value > max {
		return Err(CheckpointError::bad_value(key, value, format!("a number from 1 to {max}")));
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn llama3_scaling_keeps_high_frequencies_and_divides_low_ones() {
		let plain = Rope { base: 500_000.0, scaling: RopeScaling::None, stored_pairs: PairOrder::HalfSplit };
		let scaling = RopeScaling::Llama3 {
			factor: 8.0,
			low_frequency: 1.0,
			high_frequency: 4.0,
			original_context: 8_192.0,
		};
		let scaled = Rope { scaling, ..plain.clone() }.inverse_frequencies(128);
		let plain = plain.inverse_frequencies(128);
		assert_eq!(scaled[0], plain[0]);
		assert_eq!(scaled[63], plain[63] / 8.0);
		let between = scaled.iter().zip(&plain).filter(|(s, p)| *s < *p && **s > **p / 8.0).count();
		assert!(between > 0, "no frequency is interpolated");
	}
}
