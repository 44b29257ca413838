//! The description of a model from `config.json`.

use super::Directory;
use crate::{
	architecture::{
		Activation, Architecture, Family, FeedForward, PairOrder, Rope, RopeScaling, SpecialTokens,
	},
	error::CheckpointError,
};
use serde_json::Value;

/// Families by `model_type`.
const FAMILIES: [(&str, Family); 9] = [
	("llama", Family::Llama),
	("mistral", Family::Llama),
	("mixtral", Family::Mixtral),
	("qwen2", Family::Qwen2),
	("qwen2_moe", Family::Qwen2Moe),
	("qwen3", Family::Qwen3),
	("qwen3_moe", Family::Qwen3Moe),
	("olmoe", Family::Olmoe),
	("bitnet", Family::BitNet),
];
/// Keys that must be absent, null, false, zero or empty: with another value the model computes something else.
const ABSENT: [&str; 4] = ["attention_bias", "mlp_bias", "clip_qkv", "mlp_only_layers"];

/// Form in which the layers' matrices of a BitNet checkpoint are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BitNetLinear {
	/// Floats that are used as they are.
	Plain,
	/// Packed ternary weights and a scale that multiplies.
	Multiplied,
	/// Packed ternary weights and a scale that divides.
	Divided,
	/// Master weights that are rounded to ternary ones.
	Master,
}

/// A JSON object whose values are checked as they are taken.
struct Keys<'a>(&'a Value);

impl<'a> Keys<'a> {
	/// The value of a key that is neither absent nor null.
	fn get(&self, key: &str) -> Option<&'a Value> {
		self.0.get(key).filter(|value| !value.is_null())
	}

	fn optional(&self, key: &str) -> Result<Option<usize>, CheckpointError> {
		let take = |value: &Value| {
			let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
			number.ok_or_else(|| CheckpointError::bad_value(key, value, "a number from 0"))
		};
		self.get(key).map(take).transpose()
	}

	fn number(&self, key: &str) -> Result<usize, CheckpointError> {
		self.optional(key)?.ok_or_else(|| CheckpointError::MissingKey { key: key.into() })
	}

	fn float(&self, key: &str) -> Result<Option<f64>, CheckpointError> {
		let take = |value: &Value| {
			value.as_f64().ok_or_else(|| CheckpointError::bad_value(key, value, "a floating-point number"))
		};
		self.get(key).map(take).transpose()
	}

	fn required_float(&self, key: &str) -> Result<f64, CheckpointError> {
		self.float(key)?.ok_or_else(|| CheckpointError::MissingKey { key: key.into() })
	}

	fn boolean(&self, key: &str) -> Result<Option<bool>, CheckpointError> {
		let take = |value: &Value| {
			value.as_bool().ok_or_else(|| CheckpointError::bad_value(key, value, "true or false"))
		};
		self.get(key).map(take).transpose()
	}

	fn text(&self, key: &str) -> Result<Option<&'a str>, CheckpointError> {
		let take =
			|value: &'a Value| value.as_str().ok_or_else(|| CheckpointError::bad_value(key, value, "a text"));
		self.get(key).map(take).transpose()
	}
}

impl Architecture {
	/// Reads the description that a `config.json` gives of a model, without the model.
	///
	/// [`Self::activation_bits`] says whether its layers are ternary.
	pub fn from_config(config: &[u8]) -> Result<Self, CheckpointError> {
		Ok(architecture(&Directory::from_bytes(config, Vec::new())?)?.0)
	}
}

/// Reads the description, and the form of its matrices.
pub(crate) fn architecture(directory: &Directory) -> Result<(Architecture, BitNetLinear), CheckpointError> {
	let keys = Keys(directory.config());
	let Some(name) = keys.text("model_type")? else {
		return Err(CheckpointError::MissingKey { key: "model_type".into() });
	};
	let Some((_, family)) = FAMILIES.into_iter().find(|(known, _)| *known == name) else {
		let supported = FAMILIES.map(|(known, _)| known).join(", ");
		return Err(CheckpointError::UnknownArchitecture { name: name.into(), supported });
	};
	let layers = keys.number("num_hidden_layers")?;
	let context = keys.number("max_position_embeddings")?;
	ensure_absent(&keys)?;
	ensure_no_window(&keys, name, layers, context)?;
	let linear = linear(&keys, family)?;
	let d_model = keys.number("hidden_size")?;
	let heads = keys.number("num_attention_heads")?;
	let derived = d_model.checked_div(heads).unwrap_or(0);
	let architecture = Architecture {
		family,
		d_model,
		layers,
		heads,
		kv_heads: keys.optional("num_key_value_heads")?.unwrap_or(heads),
		head_size: keys.optional("head_dim")?.unwrap_or(derived),
		vocabulary: keys.number("vocab_size")?,
		context,
		tied_embedding: keys.boolean("tie_word_embeddings")?.unwrap_or(false),
		norm_eps: keys.required_float("rms_norm_eps")?,
		rope: rope(&keys, family)?,
		qkv_biases: family.qkv_biases() && keys.boolean("qkv_bias")?.unwrap_or(true),
		qk_norm: family.qk_norm(),
		activation: activation(&keys)?,
		sub_norms: family == Family::BitNet,
		activation_bits: (linear != BitNetLinear::Plain).then_some(8),
		feed_forward: feed_forward(&keys, family)?,
		tokens: special_tokens(directory)?,
	};
	Ok((architecture.check()?, linear))
}

fn ensure_absent(keys: &Keys<'_>) -> Result<(), CheckpointError> {
	for key in ABSENT {
		let Some(value) = keys.get(key) else { continue };
		let empty = match value {
			Value::Bool(value) => !value,
			Value::Number(number) => number.as_f64() == Some(0.0),
			Value::Array(values) => values.is_empty(),
			_ => false,
		};
		if !empty {
			return Err(CheckpointError::unsupported(key, value));
		}
	}
	match keys.optional("decoder_sparse_step")? {
		Some(step) if step != 1 => Err(CheckpointError::unsupported("decoder_sparse_step", step)),
		_ => Ok(()),
	}
}

/// Refuses a sliding window that is shorter than the context and in use.
fn ensure_no_window(
	keys: &Keys<'_>,
	model_type: &str,
	layers: usize,
	context: usize,
) -> Result<(), CheckpointError> {
	let Some(window) = keys.optional("sliding_window")?.filter(|window| *window < context) else {
		return Ok(());
	};
	let listed = keys.get("layer_types").and_then(Value::as_array);
	let used = match (listed, keys.boolean("use_sliding_window")?) {
		(Some(types), _) => types.iter().any(|kind| kind.as_str() != Some("full_attention")),
		(None, Some(used)) => used && keys.optional("max_window_layers")?.is_none_or(|first| first < layers),
		(None, None) => matches!(model_type, "mistral" | "mixtral"),
	};
	if used {
		return Err(CheckpointError::unsupported("sliding_window", format!("{window} of {context} tokens")));
	}
	Ok(())
}

fn linear(keys: &Keys<'_>, family: Family) -> Result<BitNetLinear, CheckpointError> {
	let Some(config) = keys.get("quantization_config") else { return Ok(BitNetLinear::Plain) };
	let config = Keys(config);
	let method = config.text("quant_method")?.unwrap_or_default();
	if method != "bitnet" || family.is_routed() {
		return Err(CheckpointError::unsupported("quantization_config.quant_method", method));
	}
	if config.boolean("use_rms_norm")? == Some(true) {
		return Err(CheckpointError::unsupported("quantization_config.use_rms_norm", true));
	}
	let kept = config.get("modules_to_not_convert").and_then(Value::as_array);
	if let Some(module) = kept.into_iter().flatten().find(|module| module.as_str() != Some("lm_head")) {
		return Err(CheckpointError::unsupported("quantization_config.modules_to_not_convert", module));
	}
	let class = config.text("linear_class")?.unwrap_or("bitlinear");
	match (class, config.text("quantization_mode")?.unwrap_or("offline")) {
		("bitlinear", _) => Ok(BitNetLinear::Divided),
		("autobitlinear", "offline") => Ok(BitNetLinear::Multiplied),
		("autobitlinear", "online") => Ok(BitNetLinear::Master),
		(class, mode) => {
			Err(CheckpointError::unsupported("quantization_config.linear_class", format!("{class}, {mode}")))
		}
	}
}

fn rope(keys: &Keys<'_>, family: Family) -> Result<Rope, CheckpointError> {
	if let Some(share) = keys.float("partial_rotary_factor")?.filter(|share| *share != 1.0) {
		return Err(CheckpointError::unsupported("partial rotary embedding (partial_rotary_factor)", share));
	}
	// Version 5 of `transformers` writes one object; before, the base stood by itself.
	let nested = Keys(keys.get("rope_parameters").or(keys.get("rope_scaling")).unwrap_or(&Value::Null));
	let base = match keys.float("rope_theta")? {
		Some(base) => base,
		None => nested.float("rope_theta")?.unwrap_or(match family {
			Family::Mixtral => 1e6,
			Family::BitNet => 500_000.0,
			_ => 10_000.0,
		}),
	};
	if let Some(share) = nested.float("partial_rotary_factor")?.filter(|share| *share != 1.0) {
		return Err(CheckpointError::unsupported("partial rotary embedding (partial_rotary_factor)", share));
	}
	let kind = match nested.text("rope_type")? {
		Some(kind) => kind,
		None => nested.text("type")?.unwrap_or("default"),
	};
	let scaling = match kind {
		"default" => RopeScaling::None,
		"linear" => RopeScaling::Linear { factor: nested.required_float("factor")? },
		"llama3" => RopeScaling::Llama3 {
			factor: nested.required_float("factor")?,
			low_frequency: nested.required_float("low_freq_factor")?,
			high_frequency: nested.required_float("high_freq_factor")?,
			original_context: nested.required_float("original_max_position_embeddings")?,
		},
		other => return Err(CheckpointError::unsupported("rope_scaling.rope_type", other)),
	};
	Ok(Rope { base, scaling, stored_pairs: PairOrder::HalfSplit })
}

fn activation(keys: &Keys<'_>) -> Result<Activation, CheckpointError> {
	match keys.text("hidden_act")? {
		Some("silu") => Ok(Activation::SwiGlu),
		Some("relu2") => Ok(Activation::GatedSquaredRelu),
		Some(other) => Err(CheckpointError::unsupported("hidden_act", other)),
		None => Err(CheckpointError::MissingKey { key: "hidden_act".into() }),
	}
}

fn feed_forward(keys: &Keys<'_>, family: Family) -> Result<FeedForward, CheckpointError> {
	let (count, hidden, shared) = match family {
		Family::Mixtral => ("num_local_experts", "intermediate_size", None),
		Family::Olmoe => ("num_experts", "intermediate_size", None),
		Family::Qwen3Moe => ("num_experts", "moe_intermediate_size", None),
		Family::Qwen2Moe => ("num_experts", "moe_intermediate_size", Some("shared_expert_intermediate_size")),
		_ => return Ok(FeedForward::Dense { hidden: keys.number("intermediate_size")? }),
	};
	Ok(FeedForward::Experts {
		count: keys.number(count)?,
		top_k: keys.number("num_experts_per_tok")?,
		hidden: keys.number(hidden)?,
		normalised: family == Family::Mixtral || keys.boolean("norm_topk_prob")?.unwrap_or(false),
		shared_hidden: shared.map(|key| keys.number(key)).transpose()?.unwrap_or(0),
	})
}

/// Tokens of a key that is a number or a list of numbers.
fn tokens(object: Option<&Value>, key: &str) -> Result<Vec<u32>, CheckpointError> {
	let one = |value: &Value| {
		let token = value.as_u64().and_then(|token| u32::try_from(token).ok());
		token.ok_or_else(|| CheckpointError::bad_value(key, value, "a token, or a list of tokens"))
	};
	match object.and_then(|object| object.get(key)) {
		None | Some(Value::Null) => Ok(Vec::new()),
		Some(Value::Array(values)) => values.iter().map(one).collect(),
		Some(value) => one(value).map(|token| vec![token]),
	}
}

fn special_tokens(directory: &Directory) -> Result<SpecialTokens, CheckpointError> {
	let config = Some(directory.config());
	let mut ends = tokens(config, "eos_token_id")?;
	ends.extend(tokens(directory.generation(), "eos_token_id")?);
	ends.sort_unstable();
	ends.dedup();
	let tokenizer = directory.tokenizer_config().unwrap_or(&Value::Null);
	Ok(SpecialTokens {
		bos: tokens(config, "bos_token_id")?.first().copied(),
		adds_bos: Keys(tokenizer).boolean("add_bos_token")?,
		ends,
	})
}
