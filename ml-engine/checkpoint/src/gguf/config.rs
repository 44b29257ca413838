//! The description of a model from the keys of its GGUF file.

use super::Gguf;
use crate::{
	architecture::{
		Activation, Architecture, Family, FeedForward, PairOrder, Rope, RopeScaling, SpecialTokens,
	},
	error::CheckpointError,
	tokenizer::GgufTokenizer,
};

/// Tensor of divisors of rotary frequencies, which the converter computes from Llama 3's scaling.
pub(super) const ROPE_DIVISORS: &str = "rope_freqs.weight";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TOKENIZER_MODEL: &str = "tokenizer.ggml.model";
/// Architectures by GGUF's name. Mixtral is `llama` with experts.
const FAMILIES: [(&str, Family); 6] = [
	("llama", Family::Llama),
	("qwen2", Family::Qwen2),
	("qwen2moe", Family::Qwen2Moe),
	("qwen3", Family::Qwen3),
	("qwen3moe", Family::Qwen3Moe),
	("olmoe", Family::Olmoe),
];
/// Keys that change what is computed, and the value with which they do not.
const NEUTRAL: [(&str, f64); 8] = [
	("attention.clamp_kqv", 0.0),
	("attention.max_alibi_bias", 0.0),
	("attn_logit_softcapping", 0.0),
	("final_logit_softcapping", 0.0),
	("attention.scale", 0.0),
	("logit_scale", 1.0),
	("residual_scale", 1.0),
	("embedding_scale", 1.0),
];

/// Keys of one architecture.
struct Keys<'a> {
	gguf: &'a Gguf,
	prefix: &'a str,
}

impl Keys<'_> {
	fn key(&self, name: &str) -> String {
		format!("{}.{name}", self.prefix)
	}

	fn optional(&self, name: &str) -> Result<Option<usize>, CheckpointError> {
		let key = self.key(name);
		let value = self.gguf.unsigned(&key)?;
		value
			.map(|value| {
				usize::try_from(value)
					.map_err(|_| CheckpointError::bad_value(&key, value, "a number that fits in memory"))
			})
			.transpose()
	}

	fn number(&self, name: &str) -> Result<usize, CheckpointError> {
		self.optional(name)?.ok_or_else(|| CheckpointError::MissingKey { key: self.key(name) })
	}

	fn float(&self, name: &str) -> Result<Option<f64>, CheckpointError> {
		self.gguf.float(&self.key(name))
	}
}

/// Reads the description.
pub(crate) fn architecture(gguf: &Gguf) -> Result<Architecture, CheckpointError> {
	let parts = gguf.unsigned("split.count")?.unwrap_or(1);
	if parts > 1 {
		return Err(CheckpointError::Split { count: parts });
	}
	let Some(name) = gguf.text("general.architecture")? else {
		return Err(CheckpointError::MissingKey { key: "general.architecture".into() });
	};
	let Some((prefix, family)) = FAMILIES.into_iter().find(|(known, _)| *known == name) else {
		let supported = FAMILIES.map(|(known, _)| known).join(", ");
		return Err(CheckpointError::UnknownArchitecture { name: name.into(), supported });
	};
	let keys = Keys { gguf, prefix };
	let routed = keys.optional("expert_count")?.unwrap_or(0) > 0;
	let family = if family == Family::Llama && routed { Family::Mixtral } else { family };
	let d_model = keys.number("embedding_length")?;
	let heads = keys.number("attention.head_count")?;
	let context = keys.number("context_length")?;
	let head_size = head_size(&keys, d_model, heads)?;
	ensure_neutral(&keys, context, head_size)?;
	let norm_eps = "attention.layer_norm_rms_epsilon";
	let architecture = Architecture {
		family,
		d_model,
		layers: keys.number("block_count")?,
		heads,
		kv_heads: keys.optional("attention.head_count_kv")?.unwrap_or(heads),
		head_size,
		vocabulary: vocabulary(&keys)?,
		context,
		tied_embedding: gguf.tensor("output.weight").is_none(),
		norm_eps: keys
			.float(norm_eps)?
			.ok_or_else(|| CheckpointError::MissingKey { key: keys.key(norm_eps) })?,
		rope: rope(&keys, family)?,
		qkv_biases: family.qkv_biases(),
		qk_norm: family.qk_norm(),
		activation: Activation::SwiGlu,
		sub_norms: false,
		activation_bits: None,
		feed_forward: feed_forward(&keys, family)?,
		tokens: special_tokens(gguf)?,
	};
	architecture.check()
}

fn head_size(keys: &Keys<'_>, d_model: usize, heads: usize) -> Result<usize, CheckpointError> {
	let derived = d_model.checked_div(heads).unwrap_or(0);
	let key_length = keys.optional("attention.key_length")?;
	if key_length.is_none() && derived.checked_mul(heads) != Some(d_model) {
		let expected = format!("a divisor of the width {d_model}");
		return Err(CheckpointError::bad_value(keys.key("attention.head_count"), heads, expected));
	}
	let head_size = key_length.unwrap_or(derived);
	let value_length = keys.optional("attention.value_length")?.unwrap_or(head_size);
	if value_length != head_size {
		return Err(CheckpointError::unsupported(keys.key("attention.value_length"), value_length));
	}
	Ok(head_size)
}

/// Refuses keys that change what is computed in ways that the description lacks.
fn ensure_neutral(keys: &Keys<'_>, context: usize, head_size: usize) -> Result<(), CheckpointError> {
	for (name, neutral) in NEUTRAL {
		if let Some(value) = keys.float(name)?.filter(|value| *value != neutral) {
			return Err(CheckpointError::unsupported(keys.key(name), value));
		}
	}
	let rotated = keys.optional("rope.dimension_count")?.unwrap_or(head_size);
	if rotated != head_size {
		let feature = format!("partial rotary embedding ({})", keys.key("rope.dimension_count"));
		return Err(CheckpointError::unsupported(feature, format!("{rotated} of {head_size}")));
	}
	match keys.optional("attention.sliding_window")? {
		Some(window) if window > 0 && window < context => {
			Err(CheckpointError::unsupported(keys.key("attention.sliding_window"), window))
		}
		_ => Ok(()),
	}
}

fn vocabulary(keys: &Keys<'_>) -> Result<usize, CheckpointError> {
	let Some(tokens) = keys.gguf.entries.get(TOKENS) else {
		return Err(CheckpointError::MissingTokenizer { missing: TOKENS.into() });
	};
	let count = tokens.len().unwrap_or(0) as usize;
	match keys.optional("vocab_size")? {
		Some(size) if size != count => Err(CheckpointError::bad_value(
			keys.key("vocab_size"),
			size,
			format!("{count}, the number of tokens of the tokenizer"),
		)),
		_ => Ok(count),
	}
}

fn rope(keys: &Keys<'_>, family: Family) -> Result<Rope, CheckpointError> {
	let interleaved = matches!(family, Family::Llama | Family::Mixtral);
	let kind_key = keys.key("rope.scaling.type");
	let divisors = keys.gguf.matrix(ROPE_DIVISORS, 0).map(|weight| weight.to_vec());
	let scaling = match (keys.gguf.text(&kind_key)?.unwrap_or("none"), divisors) {
		("none", Some(divisors)) => RopeScaling::Divisors(divisors),
		("none", None) => match keys.float("rope.scale_linear")? {
			Some(factor) if factor != 1.0 => RopeScaling::Linear { factor },
			_ => RopeScaling::None,
		},
		("linear", None) => RopeScaling::Linear { factor: keys.float("rope.scaling.factor")?.unwrap_or(1.0) },
		(kind, _) => return Err(CheckpointError::unsupported(kind_key, kind)),
	};
	Ok(Rope {
		base: keys.float("rope.freq_base")?.unwrap_or(10_000.0),
		scaling,
		stored_pairs: if interleaved { PairOrder::Interleaved } else { PairOrder::HalfSplit },
	})
}

fn feed_forward(keys: &Keys<'_>, family: Family) -> Result<FeedForward, CheckpointError> {
	if !family.is_routed() {
		return Ok(FeedForward::Dense { hidden: keys.number("feed_forward_length")? });
	}
	let hidden = match keys.optional("expert_feed_forward_length")? {
		Some(hidden) => hidden,
		None => keys.number("feed_forward_length")?,
	};
	let shared_hidden = match family {
		Family::Qwen2Moe => keys.number("expert_shared_feed_forward_length")?,
		_ => 0,
	};
	let shared = keys.optional("expert_shared_count")?.unwrap_or(0);
	if shared > 0 && shared_hidden == 0 {
		return Err(CheckpointError::unsupported(keys.key("expert_shared_count"), shared));
	}
	let normalised = match keys.gguf.boolean(&keys.key("expert_weights_norm"))? {
		Some(normalised) => normalised,
		// What the format leaves to the program that runs the model.
		None => matches!(family, Family::Mixtral | Family::Qwen3Moe),
	};
	Ok(FeedForward::Experts {
		count: keys.number("expert_count")?,
		top_k: keys.number("expert_used_count")?,
		hidden,
		normalised,
		shared_hidden,
	})
}

fn token(gguf: &Gguf, name: &str) -> Result<Option<u32>, CheckpointError> {
	let key = format!("tokenizer.ggml.{name}_token_id");
	let token = gguf.unsigned(&key)?;
	token
		.map(|token| {
			u32::try_from(token).map_err(|_| CheckpointError::bad_value(&key, token, "a token of 32 bits"))
		})
		.transpose()
}

fn special_tokens(gguf: &Gguf) -> Result<SpecialTokens, CheckpointError> {
	let mut ends = Vec::new();
	for name in ["eos", "eot", "eom"] {
		ends.extend(token(gguf, name)?);
	}
	ends.sort_unstable();
	ends.dedup();
	Ok(SpecialTokens {
		bos: token(gguf, "bos")?,
		adds_bos: gguf.boolean("tokenizer.ggml.add_bos_token")?,
		ends,
	})
}

/// Reads the facts about the tokenizer.
pub(crate) fn tokenizer(gguf: &Gguf) -> Result<GgufTokenizer, CheckpointError> {
	let missing = |key: &str| CheckpointError::MissingTokenizer { missing: key.to_owned() };
	let flag = |name: &str| gguf.boolean(&format!("tokenizer.ggml.{name}"));
	Ok(GgufTokenizer {
		model: gguf.text(TOKENIZER_MODEL)?.ok_or_else(|| missing(TOKENIZER_MODEL))?.to_owned(),
		pre: gguf.text("tokenizer.ggml.pre")?.map(str::to_owned),
		tokens: gguf.texts(TOKENS)?.ok_or_else(|| missing(TOKENS))?,
		scores: gguf.floats("tokenizer.ggml.scores")?.unwrap_or_default(),
		types: gguf.integers("tokenizer.ggml.token_type")?.unwrap_or_default(),
		merges: gguf.texts("tokenizer.ggml.merges")?.unwrap_or_default(),
		bos: token(gguf, "bos")?,
		eos: token(gguf, "eos")?,
		eot: token(gguf, "eot")?,
		unknown: token(gguf, "unknown")?,
		padding: token(gguf, "padding")?,
		adds_bos: flag("add_bos_token")?,
		adds_eos: flag("add_eos_token")?,
		adds_space_prefix: flag("add_space_prefix")?,
	})
}
