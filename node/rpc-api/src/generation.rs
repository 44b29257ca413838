//! Requests for text, and their answers.

use crate::json::read_by_value;
use blyan_primitives::ModelId;
use jsonrpsee::core::JsonRawValue;
use serde::{de::Error as _, Deserialize, Deserializer, Serialize};
use sp_core::H256;
use std::time::Duration;

/// A request for text. A field that is `None` is left out, and the node takes its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GenerateRequest {
	/// The model's number; 0, the genesis model.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub model: Option<ModelId>,
	/// Prompt as text. At most one of this and `prompt_hex` may be given.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub prompt: Option<String>,
	/// Prompt as bytes in hexadecimal digits, with or without `0x`.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub prompt_hex: Option<String>,
	/// Bytes to generate; 256.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub max_bytes: Option<u32>,
	/// Temperature in units of 1/256; 256. 0 takes the likeliest byte each time.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub temperature_q8: Option<u16>,
	/// Share of the probability, in units of 1/256, that the likeliest bytes reach together; the rest is never chosen; 256.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub top_p_q8: Option<u16>,
	/// Key of the sampling noise: the same seed and model state give the same text; random.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub seed: Option<u64>,
}

impl GenerateRequest {
	/// Returns the request as the argument of the methods, which read it field by field.
	pub fn to_argument(&self) -> Box<JsonRawValue> {
		serde_json::value::to_raw_value(self).expect("numbers and strings under fixed names serialise; qed")
	}
}

/// One message of an answer that is streamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

// By hand, and by way of a `Value`: serde's untagged enums cannot read a fraction once any crate of the build asks serde_json
// for numbers of arbitrary precision.
impl<'de> Deserialize<'de> for GenerateEvent {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		#[derive(Deserialize)]
		struct Failed {
			error: String,
		}
		#[derive(Deserialize)]
		struct Byte {
			byte_hex: String,
			text: String,
			index: u32,
		}
		let event = serde_json::Value::deserialize(deserializer)?;
		let read = if event.get("error").is_some() {
			serde_json::from_value(event).map(|Failed { error }| Self::Failed { error })
		} else if event.get("done").is_some() {
			serde_json::from_value(event).map(Self::Done)
		} else {
			serde_json::from_value(event).map(|Byte { byte_hex, text, index }| Self::Byte {
				byte_hex,
				text,
				index,
			})
		};
		read.map_err(D::Error::custom)
	}
}

/// Summary of a generation, and its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerateSummary {
	/// Always true.
	pub done: bool,
	/// Text of an incomplete last character.
	pub text: String,
	/// Bytes of the prompt.
	pub prompt_bytes: u64,
	/// Bytes at its end that the model read: as many as its context holds.
	pub prompt_bytes_seen: u64,
	/// True if the model read less than all of it.
	pub truncated: bool,
	/// Bytes of the answer.
	pub generated_bytes: u64,
	/// Multiply-accumulate operations that it took.
	pub operations: u64,
	/// Time from the request to the last byte, waiting included.
	pub seconds: Seconds,
	/// Root of the model's exact state, which with the seed determines the answer.
	pub model_root: H256,
	/// The quoted price of the bytes that were read and written, in the smallest unit of BLY, in decimal digits: it may
	/// exceed what a JSON number keeps.
	pub price_planck: String,
	/// Always false: the price is a quote, and nothing is charged.
	pub charged: bool,
}

/// An answer that is given at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct GenerateAnswer {
	/// Its bytes as hexadecimal digits.
	pub bytes_hex: String,
	/// Summary of the work; `text` is all of the text.
	#[serde(flatten)]
	pub summary: GenerateSummary,
}

read_by_value!(GenerateAnswer);

/// A duration that serialises as seconds with three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

impl<'de> Deserialize<'de> for Seconds {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let seconds = f64::deserialize(deserializer)?;
		Duration::try_from_secs_f64(seconds).map(Self).map_err(D::Error::custom)
	}
}

impl Serialize for Seconds {
	fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_f64((self.0.as_secs_f64() * 1_000.0).round() / 1_000.0)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn summary(text: &str) -> GenerateSummary {
		GenerateSummary {
			done: true,
			text: text.into(),
			prompt_bytes: 300,
			prompt_bytes_seen: 255,
			truncated: true,
			generated_bytes: 3,
			operations: 5,
			seconds: Seconds(Duration::from_micros(1_235_000)),
			model_root: H256::zero(),
			price_planck: "10".into(),
			charged: false,
		}
	}

	#[test]
	fn events_serialise_as_documented() {
		let byte = GenerateEvent::Byte { byte_hex: "61".into(), text: "a".into(), index: 0 };
		assert_eq!(
			serde_json::to_value(byte).unwrap(),
			serde_json::json!({ "byte_hex": "61", "text": "a", "index": 0 })
		);
		let json = serde_json::to_value(GenerateEvent::Done(summary(""))).unwrap();
		assert_eq!((&json["done"], &json["seconds"]), (&true.into(), &1.235.into()));
		assert_eq!((&json["prompt_bytes_seen"], &json["truncated"]), (&255.into(), &true.into()));
		let answer = GenerateAnswer { bytes_hex: "616263".into(), summary: summary("abc") };
		let json = serde_json::to_value(answer).unwrap();
		assert_eq!((&json["bytes_hex"], &json["text"]), (&"616263".into(), &"abc".into()));
	}

	#[test]
	fn events_are_read_as_they_were_written() {
		let written = [
			GenerateEvent::Byte { byte_hex: "61".into(), text: "a".into(), index: 0 },
			GenerateEvent::Done(summary("é")),
			GenerateEvent::Failed { error: "the engine failed".into() },
		];
		for event in written {
			let json = serde_json::to_string(&event).unwrap();
			assert_eq!(serde_json::from_str::<GenerateEvent>(&json).unwrap(), event);
		}
		let answer = GenerateAnswer { bytes_hex: "616263".into(), summary: summary("abc") };
		let json = serde_json::to_string(&answer).unwrap();
		assert_eq!(serde_json::from_str::<GenerateAnswer>(&json).unwrap(), answer);
		assert!(serde_json::from_str::<GenerateEvent>("{}").is_err());
		assert!(serde_json::from_str::<Seconds>("-1").is_err());
	}

	#[test]
	fn a_request_names_only_the_fields_that_are_given() {
		assert_eq!(GenerateRequest::default().to_argument().get(), "{}");
		let request =
			GenerateRequest { prompt: Some("fn".into()), seed: Some(u64::MAX), ..Default::default() };
		assert_eq!(request.to_argument().get(), r#"{"prompt":"fn","seed":18446744073709551615}"#);
	}
}
