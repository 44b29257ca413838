//! Parameters of a generation, and those that are refused.

use super::Kind;
use crate::{
	error::ApiError,
	fields::{whole, Fields},
};
use serde_json::Value;

/// One in the units of the exact sampler.
const ONE_Q8: f64 = 256.0;
/// Share of the probability that keeps every token.
pub const TOP_P_ALL: u16 = 256;
/// Stop strings that the interface allows.
const STOPS_MAX: usize = 4;
/// Bytes of one stop string, as the text's stream takes them.
const STOP_BYTES_MAX: usize = 512;
/// Most probable tokens that a chat may ask for, as in OpenAI's interface.
const CHAT_SCORES_MAX: u64 = 20;
/// The same of a completion.
const COMPLETION_SCORES_MAX: u64 = 5;
/// Tokens that may be asked for: more than any context holds.
const TOKENS_MAX: u64 = 1 << 24;

/// Settings of a generation, in the units of the exact sampler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
	/// Temperature; 256 for one, 0 for the favourite token.
	pub temperature_q8: u16,
	/// Share of the probability to choose from; 256 for all.
	pub top_p_q8: u16,
	/// Seed; `None` to draw one.
	pub seed: Option<u64>,
	/// Tokens to generate at most; `None` for as many as the context holds.
	pub tokens_max: Option<usize>,
	/// Field that the number of tokens came in.
	pub tokens_param: &'static str,
	/// Strings that end the answer.
	pub stop: Vec<String>,
}

impl Generation {
	/// Takes the settings out of a request; `tokens` if it does not say how many.
	pub fn read(fields: &mut Fields, tokens: Option<usize>) -> Result<Self, ApiError> {
		let temperature = fields.number("temperature", 0.0..=2.0)?.unwrap_or(1.0);
		let top_p = fields.number("top_p", 0.0..=1.0)?.unwrap_or(1.0);
		let (tokens_max, tokens_param) = tokens_max(fields)?;
		Ok(Self {
			temperature_q8: q8(temperature),
			top_p_q8: q8(top_p),
			seed: seed(fields)?,
			tokens_max: tokens_max.or(tokens),
			tokens_param,
			stop: stop(fields)?,
		})
	}
}

/// Rounds to multiples of 1/256. What is above zero stays above zero, which would mean something else.
fn q8(value: f64) -> u16 {
	let rounded = (value * ONE_Q8).round();
	let least = if value > 0.0 { 1.0 } else { 0.0 };
	// At most 512: temperatures end at 2.
	rounded.max(least) as u16
}

/// Reads the number of tokens, by either name.
fn tokens_max(fields: &mut Fields) -> Result<(Option<usize>, &'static str), ApiError> {
	const OLD: &str = "max_tokens";
	const NEW: &str = "max_completion_tokens";
	let bounds = 1..=TOKENS_MAX;
	let (old, new) = (fields.integer(OLD, bounds.clone())?, fields.integer(NEW, bounds)?);
	let (number, param) = match (old, new) {
		(Some(_), Some(_)) => {
			let message = "'max_tokens' and 'max_completion_tokens' are the same: give one of them";
			return Err(ApiError::invalid(OLD, "invalid_value", message));
		}
		(old, None) => (old, OLD),
		(None, new) => (new, NEW),
	};
	Ok((number.and_then(|number| usize::try_from(number).ok()), param))
}

/// Reads a seed: any integer of 64 bits, signed or not. A string of its digits is one too, because a JavaScript number
/// has 53 bits.
fn seed(fields: &mut Fields) -> Result<Option<u64>, ApiError> {
	let Some(value) = fields.take("seed") else { return Ok(None) };
	let number = match &value {
		Value::String(digits) => digits.parse::<i128>().ok(),
		value => whole(value),
	};
	let Some(number) = number else {
		return Err(ApiError::wrong_type("seed", "an integer or a string of its digits", &value));
	};
	// The negative ones by their bits, so that each seed has an answer of its own.
	let bits = u64::try_from(number).ok().or_else(|| i64::try_from(number).ok().map(i64::cast_unsigned));
	bits.map(Some).ok_or_else(|| fields.out_of_bounds("seed", &number, &i64::MIN, &u64::MAX))
}

/// Reads stop strings: one, or a list of up to four.
fn stop(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
	const EXPECTED: &str = "a string or an array of strings";
	let list = match fields.take("stop") {
		None => return Ok(Vec::new()),
		Some(text @ Value::String(_)) => vec![text],
		Some(Value::Array(list)) => list,
		Some(other) => return Err(ApiError::wrong_type("stop", EXPECTED, &other)),
	};
	if list.len() > STOPS_MAX {
		let message = format!("'stop' has {} strings: give up to {STOPS_MAX}", list.len());
		return Err(ApiError::invalid("stop", "invalid_value", message));
	}
	let read = |(index, value): (usize, Value)| match value {
		Value::String(text) if !text.is_empty() && text.len() <= STOP_BYTES_MAX => Ok(text),
		Value::String(text) => {
			let message = format!("stop string {index} has {} bytes: give 1 to {STOP_BYTES_MAX}", text.len());
			Err(ApiError::invalid("stop", "invalid_value", message))
		}
		other => Err(ApiError::wrong_type(format!("stop[{index}]"), "a string", &other)),
	};
	list.into_iter().enumerate().map(read).collect()
}

/// Reads how many of the most probable tokens come with each chosen one: `logprobs` and `top_logprobs` of a chat, and `logprobs` of a
/// completion. `None` if no probabilities are wanted.
pub fn scores(fields: &mut Fields, kind: Kind) -> Result<Option<usize>, ApiError> {
	let count = |number: u64| usize::try_from(number).unwrap_or_default();
	if kind == Kind::Completion {
		return Ok(fields.integer("logprobs", 0..=COMPLETION_SCORES_MAX)?.map(count));
	}
	let is_wanted = fields.boolean("logprobs")?.unwrap_or(false);
	match fields.integer("top_logprobs", 0..=CHAT_SCORES_MAX)? {
		best if is_wanted => Ok(Some(best.map_or(0, count))),
		None | Some(0) => Ok(None),
		Some(_) => {
			let message = "'top_logprobs' needs 'logprobs': set it to true, or leave both out";
			Err(ApiError::invalid("top_logprobs", "invalid_value", message))
		}
	}
}

/// Values of a parameter that ask for nothing.
enum Neutral {
	/// This number.
	Number(f64),
	/// This boolean.
	Boolean(bool),
	/// One of these strings.
	Strings(&'static [&'static str]),
	/// An empty list or object.
	Empty,
	/// Any value: it does not concern the answer.
	Any,
	/// None but null.
	Null,
	/// An object of this type.
	Type(&'static str),
}

/// A parameter, the values of it that ask for nothing, and the reason why others are refused.
type Known = (&'static str, Neutral, &'static str);

/// Parameters of both routes.
const BOTH: [Known; 6] = [
	("frequency_penalty", Neutral::Number(0.0), "the exact sampler has no penalties; leave it out"),
	("presence_penalty", Neutral::Number(0.0), "the exact sampler has no penalties; leave it out"),
	("logit_bias", Neutral::Empty, "the exact sampler has no biases; leave it out"),
	("user", Neutral::Any, ""),
	("safety_identifier", Neutral::Any, ""),
	("metadata", Neutral::Any, ""),
];

/// Parameters of a chat.
const CHAT: [Known; 17] = [
	("tools", Neutral::Empty, "the model calls no tools; leave it out"),
	("tool_choice", Neutral::Strings(&["none", "auto"]), "the model calls no tools; leave it out"),
	("parallel_tool_calls", Neutral::Any, ""),
	("functions", Neutral::Empty, "the model calls no functions; leave it out"),
	("function_call", Neutral::Strings(&["none", "auto"]), "the model calls no functions; leave it out"),
	("response_format", Neutral::Type("text"), "answers are free text; ask for the format in a message"),
	("modalities", Neutral::Strings(&["text"]), "answers are text"),
	("audio", Neutral::Null, "answers are text"),
	("prediction", Neutral::Null, "leave it out"),
	("reasoning_effort", Neutral::Strings(&["none"]), "the model does as its template has it; leave it out"),
	("verbosity", Neutral::Strings(&["medium"]), "ask for it in a message"),
	("service_tier", Neutral::Strings(&["auto", "default"]), "all requests are served alike; leave it out"),
	("store", Neutral::Boolean(false), "nothing is stored but the receipt; leave it out"),
	("web_search_options", Neutral::Null, "nothing is looked up; leave it out"),
	("prompt_cache_key", Neutral::Any, ""),
	("prompt_cache_retention", Neutral::Any, ""),
	("moderation", Neutral::Null, "nothing is moderated; leave it out"),
];

/// Parameters of a completion.
const COMPLETION: [Known; 3] = [
	("echo", Neutral::Boolean(false), "the answer is sent without the prompt"),
	("suffix", Neutral::Strings(&[""]), "the model writes forwards only"),
	("best_of", Neutral::Number(1.0), "one answer a request"),
];

/// Takes known parameters, and refuses them where they ask for something.
pub fn refuse_unsupported(fields: &mut Fields, kind: Kind) -> Result<(), ApiError> {
	let of_kind: &[Known] = match kind {
		Kind::Chat => &CHAT,
		Kind::Completion => &COMPLETION,
	};
	for (name, default, reason) in BOTH.iter().chain(of_kind) {
		let Some(value) = fields.take(name) else { continue };
		if !default.is(&value) {
			return Err(ApiError::unsupported(*name, reason));
		}
	}
	Ok(())
}

impl Neutral {
	/// Reports whether a value asks for nothing.
	fn is(&self, value: &Value) -> bool {
		let is_one_of =
			|allowed: &[&str], value: &Value| value.as_str().is_some_and(|text| allowed.contains(&text));
		match self {
			Self::Number(default) => value.as_f64() == Some(*default),
			Self::Boolean(default) => value.as_bool() == Some(*default),
			Self::Strings(allowed) => match value {
				Value::Array(list) => !list.is_empty() && list.iter().all(|entry| is_one_of(allowed, entry)),
				value => is_one_of(allowed, value),
			},
			Self::Empty => match value {
				Value::Array(list) => list.is_empty(),
				Value::Object(map) => map.is_empty(),
				_ => false,
			},
			Self::Any => true,
			Self::Null => false,
			Self::Type(name) => value.get("type").and_then(Value::as_str) == Some(*name),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use serde_json::json;

	fn read(value: Value) -> Result<Generation, ApiError> {
		Generation::read(&mut Fields::new(value, "").unwrap(), None)
	}

	fn param(value: Value) -> Option<String> {
		read(value).unwrap_err().param
	}

	#[test]
	fn settings_are_rounded_to_the_units_of_the_sampler() {
		for (temperature, expected) in [(0.0, 0), (0.001, 1), (0.7, 179), (1.0, 256), (2.0, 512)] {
			let read = read(json!({ "temperature": temperature, "top_p": temperature / 2.0 })).unwrap();
			assert_eq!(read.temperature_q8, expected);
			assert!(read.top_p_q8 <= TOP_P_ALL);
		}
		for value in [json!(-0.1), json!(2.1), json!("1"), json!([]), json!(true)] {
			assert_eq!(param(json!({ "temperature": value })).as_deref(), Some("temperature"));
		}
		assert_eq!(param(json!({ "top_p": 1.1 })).as_deref(), Some("top_p"));
	}

	#[test]
	fn tokens_have_two_names_and_one_value() {
		assert_eq!(read(json!({ "max_tokens": 5 })).unwrap().tokens_max, Some(5));
		let new = read(json!({ "max_completion_tokens": 7 })).unwrap();
		assert_eq!((new.tokens_max, new.tokens_param), (Some(7), "max_completion_tokens"));
		assert_eq!(
			param(json!({ "max_tokens": 5, "max_completion_tokens": 5 })).as_deref(),
			Some("max_tokens")
		);
		for value in [json!(0), json!(-1), json!(100_000_000_u64), json!("5"), json!(1.5)] {
			assert_eq!(param(json!({ "max_tokens": value })).as_deref(), Some("max_tokens"));
		}
	}

	#[test]
	fn seeds_are_all_integers_of_64_bits_also_as_strings() {
		let seed = |value: Value| read(json!({ "seed": value })).map(|read| read.seed);
		assert_eq!(seed(json!("9007199254740993")).unwrap(), Some(9_007_199_254_740_993));
		assert_eq!(seed(json!(u64::MAX)).unwrap(), Some(u64::MAX));
		assert_eq!(seed(json!(-1)).unwrap(), Some(u64::MAX));
		for value in [json!("x"), json!(1.5), json!(true), json!("18446744073709551616")] {
			assert_eq!(seed(value).unwrap_err().param.as_deref(), Some("seed"));
		}
	}

	#[test]
	fn stop_strings_are_one_to_four_and_not_empty() {
		assert_eq!(read(json!({ "stop": "\n\n" })).unwrap().stop, ["\n\n"]);
		assert_eq!(read(json!({ "stop": ["ab", "abc"] })).unwrap().stop, ["ab", "abc"]);
		for (stop, name) in [
			(json!(""), "stop"),
			(json!(["a", ""]), "stop"),
			(json!(["a", "b", "c", "d", "e"]), "stop"),
			(json!("x".repeat(513)), "stop"),
			(json!([1]), "stop[0]"),
			(json!({}), "stop"),
		] {
			assert_eq!(param(json!({ "stop": stop })).as_deref(), Some(name));
		}
	}

	#[test]
	fn parameters_that_are_not_computed_are_taken_at_their_default_only() {
		let refused = |kind, value: Value| {
			let mut fields = Fields::new(value, "").unwrap();
			refuse_unsupported(&mut fields, kind).and_then(|()| fields.finish()).err()?.param
		};
		let defaults = json!({
			"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "user": "u",
			"tools": [], "tool_choice": "none", "response_format": { "type": "text" }, "modalities": ["text"],
			"parallel_tool_calls": true, "store": false, "metadata": {}, "service_tier": "auto",
		});
		assert_eq!(refused(Kind::Chat, defaults), None);
		for (name, value) in [
			("frequency_penalty", json!(0.5)),
			("logit_bias", json!({ "5": 1 })),
			("tools", json!([{ "type": "function" }])),
			("tool_choice", json!("required")),
			("response_format", json!({ "type": "json_object" })),
			("modalities", json!(["text", "audio"])),
			("reasoning_effort", json!("high")),
			("store", json!(true)),
			("echo", json!(true)),
			("top_k", json!(5)),
		] {
			assert_eq!(refused(Kind::Chat, json!({ name: value })).as_deref(), Some(name));
		}
		assert_eq!(refused(Kind::Completion, json!({ "echo": false, "best_of": 1, "suffix": "" })), None);
		for (name, value) in [("echo", json!(true)), ("suffix", json!("x"))] {
			assert_eq!(refused(Kind::Completion, json!({ name: value })).as_deref(), Some(name));
		}
	}

	#[test]
	fn probabilities_are_asked_for_within_their_bounds_and_by_both_fields_of_a_chat() {
		let asked = |kind, value: Value| scores(&mut Fields::new(value, "").unwrap(), kind);
		for (value, expected) in [
			(json!({}), None),
			(json!({ "logprobs": false, "top_logprobs": 0 }), None),
			(json!({ "logprobs": true }), Some(0)),
			(json!({ "logprobs": true, "top_logprobs": 20 }), Some(20)),
		] {
			assert_eq!(asked(Kind::Chat, value.clone()).unwrap(), expected, "{value}");
		}
		assert_eq!(asked(Kind::Completion, json!({ "logprobs": 5 })).unwrap(), Some(5));
		assert_eq!(asked(Kind::Completion, json!({})).unwrap(), None);
		for (kind, value, param) in [
			(Kind::Chat, json!({ "logprobs": 1 }), "logprobs"),
			(Kind::Chat, json!({ "logprobs": true, "top_logprobs": 21 }), "top_logprobs"),
			(Kind::Chat, json!({ "top_logprobs": 1 }), "top_logprobs"),
			(Kind::Completion, json!({ "logprobs": 6 }), "logprobs"),
			(Kind::Completion, json!({ "logprobs": true }), "logprobs"),
		] {
			assert_eq!(asked(kind, value.clone()).unwrap_err().param.as_deref(), Some(param), "{value}");
		}
	}

	proptest! {
		#[test]
		fn rounding_is_within_half_a_unit(value in 0.0..2.0_f64) {
			let rounded = f64::from(q8(value)) / 256.0;
			prop_assert!((rounded - value).abs() <= 1.0 / 256.0);
			prop_assert_eq!(q8(value) == 0, value == 0.0);
		}
	}
}
