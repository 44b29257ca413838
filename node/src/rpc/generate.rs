//! Text generation: what a client may ask for, and what is streamed back.

use super::{error, text::prompt_bytes};
use blyan_engine::decode::GenerationRequest;
use blyan_exact::Sampling;
use blyan_primitives::ModelId;
use jsonrpsee::types::ErrorObjectOwned;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Bytes generated if the client does not say how many.
const DEFAULT_BYTES: u32 = 256;
/// Most bytes one request may generate.
pub const GENERATED_BYTES_MAX: u32 = 4_096;
/// Longest prompt in bytes. The model sees as much of its end as its context holds.
pub const PROMPT_BYTES_MAX: usize = 16_384;
/// Highest temperature.
const TEMPERATURE_MAX: f64 = 8.0;

/// What a client asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateRequest {
	/// The model; the genesis model if absent.
	#[serde(default)]
	pub model: ModelId,
	/// Text, or bytes as `0x` and hexadecimal digits.
	#[serde(default)]
	pub prompt: String,
	/// Bytes to generate.
	pub max_bytes: Option<u32>,
	/// 0 takes the likeliest byte each time, 1 samples from the model's own distribution.
	pub temperature: Option<f64>,
	/// The same in units of 1/256, exactly; overrides `temperature`.
	pub temperature_q8: Option<u16>,
	/// Share of the probability, in units of 1/256, that the likeliest bytes reach together; the rest is
	/// never chosen. 256 keeps everything.
	pub top_p_q8: Option<u16>,
	/// Key of the sampling noise: the same seed and model state give the same text. Random if absent.
	pub seed: Option<u64>,
}

/// A request that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateParams {
	/// The model.
	pub model: ModelId,
	/// What the engine is asked for.
	pub request: GenerationRequest,
}

impl GenerateRequest {
	/// Checks every bound.
	pub fn validate(self, random_seed: u64) -> Result<GenerateParams, ErrorObjectOwned> {
		let prompt = prompt_bytes(&self.prompt);
		if prompt.len() > PROMPT_BYTES_MAX {
			return Err(error::invalid(format!(
				"`prompt` has {} bytes; at most {PROMPT_BYTES_MAX} are accepted",
				prompt.len()
			)));
		}
		let max_bytes = self.max_bytes.unwrap_or(DEFAULT_BYTES);
		if max_bytes == 0 || max_bytes > GENERATED_BYTES_MAX {
			return Err(error::invalid(format!("`max_bytes` must be between 1 and {GENERATED_BYTES_MAX}")));
		}
		let temperature = match (self.temperature_q8, self.temperature) {
			(Some(q8), _) => f64::from(q8) / 256.0,
			(None, Some(temperature)) => temperature,
			(None, None) => 1.0,
		};
		if !(0.0..=TEMPERATURE_MAX).contains(&temperature) {
			return Err(error::invalid(format!("`temperature` must be between 0 and {TEMPERATURE_MAX}")));
		}
		let top_p = self.top_p_q8.unwrap_or(256);
		if top_p > 256 {
			return Err(error::invalid("`top_p_q8` must be between 0 and 256, in units of 1/256"));
		}
		Ok(GenerateParams {
			model: self.model,
			request: GenerationRequest {
				prompt,
				max_bytes,
				sampling: Sampling {
					temperature: (temperature * 256.0).round() as u16,
					top_p,
					seed: Sampling::key_of(self.seed.unwrap_or(random_seed)),
				},
			},
		})
	}
}

/// What is streamed to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum GenerateEvent {
	/// One byte.
	Byte {
		/// The byte as two hexadecimal digits.
		byte_hex: String,
		/// The text it completes; empty inside a character of several bytes.
		text: String,
		/// Its position in the answer, counted from zero.
		index: u32,
	},
	/// The end.
	Done(GenerateSummary),
	/// The end, before its time.
	Failed {
		/// Why.
		error: String,
	},
}

/// What was done, and what it would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GenerateSummary {
	/// Always true.
	pub done: bool,
	/// Text of an incomplete last character.
	pub text: String,
	/// Bytes of the prompt.
	pub prompt_bytes: u64,
	/// Bytes of the answer.
	pub generated_bytes: u64,
	/// Multiply-accumulate operations that it took.
	pub operations: u64,
	/// Time from the request to the last byte, waiting included.
	pub seconds: Seconds,
	/// Root of the model's exact state, which with the seed determines the answer.
	pub model_root: H256,
	/// The quoted price in the smallest unit of BLY, in decimal digits: it may exceed what a JSON number keeps.
	pub price_planck: String,
	/// Always false: the price is a quote, and nothing is charged.
	pub charged: bool,
}

/// A duration that serialises as seconds with three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub std::time::Duration);

impl Serialize for Seconds {
	fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_f64((self.0.as_secs_f64() * 1_000.0).round() / 1_000.0)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn validate(json: serde_json::Value) -> Result<GenerateParams, String> {
		serde_json::from_value::<GenerateRequest>(json)
			.map_err(|error| error.to_string())?
			.validate(7)
			.map_err(|error| error.message().to_string())
	}

	#[test]
	fn validate_fills_in_defaults_and_converts_units() {
		let params = validate(serde_json::json!({ "prompt": "fn" })).expect("valid");
		assert_eq!((params.model, params.request.max_bytes), (0, DEFAULT_BYTES));
		assert_eq!((params.request.sampling.temperature, params.request.sampling.top_p), (256, 256));
		let params = validate(serde_json::json!({
			"model": 1, "prompt": "0x00", "max_bytes": 8, "temperature": 0.5, "top_p_q8": 230, "seed": 7
		}))
		.expect("valid");
		assert_eq!((params.model, &params.request.prompt[..], params.request.max_bytes), (1, &[0][..], 8));
		assert_eq!((params.request.sampling.temperature, params.request.sampling.top_p), (128, 230));
		// The random seed above is 7 too.
		assert_eq!(
			params.request.sampling.seed,
			validate(serde_json::json!({})).expect("valid").request.sampling.seed
		);
	}

	#[test]
	fn validate_refuses_values_out_of_range_and_names_them() {
		for (json, named) in [
			(serde_json::json!({ "max_bytes": 0 }), "max_bytes"),
			(serde_json::json!({ "max_bytes": GENERATED_BYTES_MAX + 1 }), "max_bytes"),
			(serde_json::json!({ "temperature": -0.1 }), "temperature"),
			(serde_json::json!({ "temperature_q8": 2_049 }), "temperature"),
			(serde_json::json!({ "top_p_q8": 257 }), "top_p_q8"),
			(serde_json::json!({ "prompt": "x".repeat(PROMPT_BYTES_MAX + 1) }), "prompt"),
			(serde_json::json!({ "propmt": "typo" }), "propmt"),
		] {
			let error = validate(json).expect_err("refused");
			assert!(error.contains(named), "{error}");
		}
	}

	#[test]
	fn events_serialise_as_documented() {
		let byte = GenerateEvent::Byte { byte_hex: "61".into(), text: "a".into(), index: 0 };
		assert_eq!(
			serde_json::to_value(byte).expect("serialises"),
			serde_json::json!({ "byte_hex": "61", "text": "a", "index": 0 })
		);
		let done = GenerateEvent::Done(GenerateSummary {
			done: true,
			text: String::new(),
			prompt_bytes: 2,
			generated_bytes: 3,
			operations: 5,
			seconds: Seconds(std::time::Duration::from_micros(1_234_567)),
			model_root: H256::zero(),
			price_planck: "10".into(),
			charged: false,
		});
		let json = serde_json::to_value(done).expect("serialises");
		assert_eq!((&json["done"], &json["seconds"]), (&true.into(), &1.235.into()));
	}
}
