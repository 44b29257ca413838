//! Reading a request for text, field by field, so that each refusal names its field, what it may be and what it was.

use super::error;
use blyan_engine::decode::GenerationRequest;
use blyan_exact::Sampling;
use blyan_primitives::ModelId;
use jsonrpsee::{core::JsonRawValue, types::ErrorObjectOwned};
use serde::{
	de::{MapAccess, Visitor},
	Deserialize, Deserializer,
};
use std::fmt;

/// Bytes generated if the client does not say how many.
const DEFAULT_BYTES: u32 = 256;
/// Most bytes one request may generate.
pub const GENERATED_BYTES_MAX: u32 = 4_096;
/// Longest prompt in bytes. The model sees as much of its end as its context holds.
pub const PROMPT_BYTES_MAX: usize = 16_384;
/// Highest temperature.
const TEMPERATURE_MAX: f64 = 8.0;
/// Characters of a wrong value that a refusal repeats.
const SHOWN_MAX: usize = 40;

/// Checked parameters of a generation. All fields are optional, and `null` is as good as absent:
///
/// - `model`: its number; 0, the genesis model.
/// - `prompt`: text. `prompt_hex`: bytes, as hexadecimal digits. At most one of the two; with neither, nothing is read.
/// - `max_bytes`: bytes to generate; 256.
/// - `temperature`: 0 takes the likeliest byte each time, 1 samples from the model's own distribution; 1.
/// - `temperature_q8`: the same in units of 1/256, exactly; overrides `temperature`.
/// - `top_p_q8`: share of the probability, in units of 1/256, that the likeliest bytes reach together; the rest is never
///   chosen; 256, which keeps everything.
/// - `seed`: key of the sampling noise, a number or a string of decimal digits: the same seed and model state give the same
///   text. Random.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateParams {
	/// The model.
	pub model: ModelId,
	/// The request to the engine.
	pub request: GenerationRequest,
}

impl GenerateParams {
	/// Reads a request, and checks every bound.
	pub fn read(json: &JsonRawValue, random_seed: u64) -> Result<Self, ErrorObjectOwned> {
		let fields = Fields::read(json)?;
		let prompt = match (fields.text("prompt")?, fields.text("prompt_hex")?) {
			(Some(_), Some(_)) => {
				return Err(error::invalid("give `prompt` (text) or `prompt_hex` (bytes), not both"))
			}
			(Some(text), None) => text.into_bytes(),
			(None, Some(digits)) => {
				hex::decode(digits.strip_prefix("0x").unwrap_or(&digits)).map_err(|cause| {
					error::invalid(format!(
						"`prompt_hex` must be an even number of hexadecimal digits: {cause}; text belongs in `prompt`"
					))
				})?
			}
			(None, None) => Vec::new(),
		};
		if prompt.len() > PROMPT_BYTES_MAX {
			return Err(error::invalid(format!(
				"`prompt` has {} bytes; at most {PROMPT_BYTES_MAX} are accepted",
				prompt.len()
			)));
		}
		let max_bytes = fields.whole("max_bytes", 1, GENERATED_BYTES_MAX.into())?;
		let temperature = fields.fraction("temperature", TEMPERATURE_MAX)?;
		let temperature_q8 = fields.whole("temperature_q8", 0, (TEMPERATURE_MAX * 256.0) as u64)?;
		let temperature = temperature_q8
			.map(|q8| q8 as u16)
			.or(temperature.map(|temperature| (temperature * 256.0).round() as u16));
		Ok(Self {
			model: fields.whole("model", 0, ModelId::MAX.into())?.unwrap_or_default() as ModelId,
			request: GenerationRequest {
				prompt,
				max_bytes: max_bytes.map_or(DEFAULT_BYTES, |bytes| bytes as u32),
				sampling: Sampling {
					temperature: temperature.unwrap_or(256),
					top_p: fields.whole("top_p_q8", 0, 256)?.map_or(256, |share| share as u16),
					seed: Sampling::key_of(fields.seed()?.unwrap_or(random_seed)),
				},
			},
		})
	}
}

/// Names of all fields.
const NAMES: [&str; 8] =
	["model", "prompt", "prompt_hex", "max_bytes", "temperature", "temperature_q8", "top_p_q8", "seed"];

/// The fields of a request as they were written.
struct Fields(Vec<(String, Box<JsonRawValue>)>);

impl<'de> Deserialize<'de> for Fields {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		struct Object;
		impl<'de> Visitor<'de> for Object {
			type Value = Fields;
			fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
				formatter.write_str("an object")
			}
			fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
				let mut fields = Vec::new();
				while let Some(field) = map.next_entry()? {
					fields.push(field);
				}
				Ok(Fields(fields))
			}
		}
		deserializer.deserialize_map(Object)
	}
}

impl Fields {
	fn read(json: &JsonRawValue) -> Result<Self, ErrorObjectOwned> {
		let fields: Self = serde_json::from_str(json.get()).map_err(|_| {
			let shown = shown(json.get());
			error::invalid(format!(
				"the request must be an object such as {{\"prompt\": \"fn main\"}}, not {shown}"
			))
		})?;
		for (index, (name, _)) in fields.0.iter().enumerate() {
			if !NAMES.contains(&name.as_str()) {
				let known = NAMES.join("`, `");
				return Err(error::invalid(format!(
					"there is no field `{}`; there are `{known}`",
					shown(name)
				)));
			}
			if fields.0[..index].iter().any(|(earlier, _)| earlier == name) {
				return Err(error::invalid(format!("`{name}` is given twice")));
			}
		}
		Ok(fields)
	}

	/// Returns a field's value as text; `None` if it is absent or null.
	fn get(&self, name: &str) -> Option<&str> {
		let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
		Some(value.get()).filter(|value| *value != "null")
	}

	fn text(&self, name: &str) -> Result<Option<String>, ErrorObjectOwned> {
		let Some(value) = self.get(name) else { return Ok(None) };
		serde_json::from_str(value).map(Some).map_err(|cause| {
			error::invalid(match value.starts_with('"') {
				true => format!("`{name}` is not valid text: {cause}; bytes belong in `prompt_hex`"),
				false => format!("`{name}` must be a string, not {}", shown(value)),
			})
		})
	}

	fn whole(&self, name: &str, min: u64, max: u64) -> Result<Option<u64>, ErrorObjectOwned> {
		let Some(value) = self.get(name) else { return Ok(None) };
		let number = value.parse().ok().filter(|number| (min..=max).contains(number));
		number.map(Some).ok_or_else(|| {
			let shown = shown(value);
			error::invalid(format!("`{name}` must be a whole number between {min} and {max}, not {shown}"))
		})
	}

	fn fraction(&self, name: &str, max: f64) -> Result<Option<f64>, ErrorObjectOwned> {
		let Some(value) = self.get(name) else { return Ok(None) };
		let number = serde_json::from_str(value).ok().filter(|number| (0.0..=max).contains(number));
		number.map(Some).ok_or_else(|| {
			error::invalid(format!("`{name}` must be a number between 0 and {max}, not {}", shown(value)))
		})
	}

	/// A number, or a string of digits: JavaScript's numbers end at 2^53.
	fn seed(&self) -> Result<Option<u64>, ErrorObjectOwned> {
		let Some(value) = self.get("seed") else { return Ok(None) };
		let digits = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
		let seed = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
		seed.map(Some).ok_or_else(|| {
			error::invalid(format!(
				"`seed` must be a whole number between 0 and {}, or a string of its digits, not {}",
				u64::MAX,
				shown(value)
			))
		})
	}
}

/// A wrong value, cut short.
fn shown(value: &str) -> String {
	let mut shown: String = value.chars().take(SHOWN_MAX).collect();
	if shown.len() < value.len() {
		shown.push('…');
	}
	shown
}

#[cfg(test)]
mod tests {
	use super::*;

	fn read(json: &str) -> Result<GenerateParams, String> {
		let json = JsonRawValue::from_string(json.into()).expect("JSON");
		GenerateParams::read(&json, 7).map_err(|error| {
			assert_eq!(error.code(), blyan_rpc_api::code::INVALID_PARAMS);
			error.message().to_string()
		})
	}

	fn prompt(json: &str) -> Vec<u8> {
		read(json).expect("valid").request.prompt
	}

	#[test]
	fn defaults_are_filled_in_and_units_converted() {
		let params = read(r#"{"prompt":"fn"}"#).expect("valid");
		assert_eq!((params.model, params.request.max_bytes), (0, DEFAULT_BYTES));
		assert_eq!((params.request.sampling.temperature, params.request.sampling.top_p), (256, 256));
		let params =
			read(r#"{"model":1,"prompt_hex":"00","max_bytes":8,"temperature":0.5,"top_p_q8":230,"seed":7}"#)
				.expect("valid");
		assert_eq!((params.model, &params.request.prompt[..], params.request.max_bytes), (1, &[0][..], 8));
		assert_eq!((params.request.sampling.temperature, params.request.sampling.top_p), (128, 230));
		// The random seed above is 7 too.
		assert_eq!(params.request.sampling.seed, read("{}").expect("valid").request.sampling.seed);
		let exactly = read(r#"{"temperature":1,"temperature_q8":3}"#).expect("valid");
		assert_eq!(exactly.request.sampling.temperature, 3);
	}

	#[test]
	fn null_is_the_default_of_every_field() {
		let nulls: Vec<String> = NAMES.iter().map(|name| format!("\"{name}\": null")).collect();
		assert_eq!(read(&format!("{{{}}}", nulls.join(","))), read("{}"));
	}

	#[test]
	fn a_prompt_is_text_whatever_it_looks_like() {
		for text in ["0xdeadbeef", "0xCAFE", "0x41", "0x", "0xTaylor", "0x41 ", "", "\u{feff}a\u{0}b"] {
			let json = serde_json::json!({ "prompt": text }).to_string();
			assert_eq!(prompt(&json), text.as_bytes());
		}
	}

	#[test]
	fn bytes_have_a_field_of_their_own() {
		assert_eq!(prompt(r#"{"prompt_hex":"f09fa6"}"#), [0xf0, 0x9f, 0xa6]);
		assert_eq!(prompt(r#"{"prompt_hex":"0xF09FA6"}"#), [0xf0, 0x9f, 0xa6]);
		assert!(prompt(r#"{"prompt_hex":""}"#).is_empty());
		assert_eq!(prompt(r#"{"prompt_hex":"61","prompt":null}"#), b"a");
		for (json, named) in [
			(r#"{"prompt_hex":"6"}"#, "prompt_hex"),
			(r#"{"prompt_hex":"zz"}"#, "prompt_hex"),
			(r#"{"prompt":"a","prompt_hex":"61"}"#, "not both"),
			(r#"{"prompt":"","prompt_hex":""}"#, "not both"),
		] {
			let error = read(json).expect_err(json);
			assert!(error.contains(named), "{error}");
		}
	}

	#[test]
	fn a_seed_is_exact_as_a_number_and_as_a_string() {
		for seed in [0, 7, (1 << 53) + 1, u64::MAX] {
			let expected = Sampling::key_of(seed);
			for json in [format!(r#"{{"seed":{seed}}}"#), format!(r#"{{"seed":"{seed}"}}"#)] {
				assert_eq!(read(&json).expect("valid").request.sampling.seed, expected, "{json}");
			}
		}
	}

	#[test]
	fn wrong_types_and_values_are_refused_and_the_field_and_its_bounds_named() {
		let long = format!(r#"{{"prompt":"{}"}}"#, "x".repeat(PROMPT_BYTES_MAX + 1));
		for (json, named) in [
			(r#"{"max_bytes":0}"#, "`max_bytes` must be a whole number between 1 and 4096, not 0"),
			(r#"{"max_bytes":4097}"#, "between 1 and 4096, not 4097"),
			(r#"{"max_bytes":-1}"#, "between 1 and 4096, not -1"),
			(r#"{"max_bytes":1e2}"#, "between 1 and 4096, not 1e2"),
			(r#"{"max_bytes":"9"}"#, "between 1 and 4096, not \"9\""),
			(r#"{"model":4294967296}"#, "`model` must be a whole number between 0 and 4294967295"),
			(r#"{"temperature":-0.1}"#, "`temperature` must be a number between 0 and 8, not -0.1"),
			(r#"{"temperature":1e400}"#, "`temperature` must be a number between 0 and 8, not 1e400"),
			(r#"{"temperature":"0.7"}"#, "between 0 and 8, not \"0.7\""),
			(r#"{"temperature_q8":2049}"#, "`temperature_q8` must be a whole number between 0 and 2048"),
			(r#"{"top_p_q8":257}"#, "`top_p_q8` must be a whole number between 0 and 256"),
			(r#"{"seed":-1}"#, "`seed` must be a whole number between 0 and 18446744073709551615"),
			(r#"{"seed":18446744073709551616}"#, "`seed` must be"),
			(r#"{"seed":"+1"}"#, "`seed` must be"),
			(r#"{"seed":""}"#, "`seed` must be"),
			(r#"{"seed":1.5}"#, "`seed` must be"),
			(r#"{"prompt":5}"#, "`prompt` must be a string, not 5"),
			(r#"{"prompt":["a"]}"#, "`prompt` must be a string"),
			(r#"{"prompt":"\ud83d"}"#, "`prompt` is not valid text"),
			(&long, "`prompt` has 16385 bytes; at most 16384"),
			(r#"{"propmt":"typo"}"#, "there is no field `propmt`; there are `model`, `prompt`"),
			(r#"{"prompt":"a","prompt":"b"}"#, "`prompt` is given twice"),
			(r#""fn main""#, "the request must be an object"),
			("null", "the request must be an object"),
		] {
			let error = read(json).expect_err(json);
			assert!(error.contains(named), "{error}");
			assert!(error.len() < 250, "{error}");
		}
	}
}
