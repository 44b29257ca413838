//! Requests of OpenAI's interface, read to the last field.
//!
//! A parameter that nothing here computes is refused by name unless its value is the default. None is ignored in silence,
//! but those that do not concern the answer (`user`, `metadata`, ..).

mod messages;
mod settings;

pub use settings::{Generation, TOP_P_ALL};

use crate::{error::ApiError, fields::Fields};
use blyan_open_model::text::Message;
use blyan_text::{Role, TokenId};
use serde_json::Value;

/// Tokens of a completion that does not say how many, as in OpenAI's interface.
const COMPLETION_TOKENS: usize = 16;
/// Answers to one prompt.
const ANSWERS_MAX: u64 = 8;

/// Text that the model goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
	/// A conversation, which the model's template writes.
	Messages(Vec<Message>),
	/// The beginning of a document.
	Text(String),
	/// Token ids as they are.
	Tokens(Vec<TokenId>),
}

impl Prompt {
	/// Returns the field that it came in.
	pub fn param(&self) -> &'static str {
		match self {
			Self::Messages(_) => "messages",
			Self::Text(_) | Self::Tokens(_) => "prompt",
		}
	}

	/// Returns the last words of a person in it: a conversation repeats all earlier ones with every request. Empty for token ids.
	pub fn last_words(&self) -> &str {
		match self {
			Self::Messages(messages) => {
				let mut said = messages.iter().rev().filter(|message| message.role == Role::User);
				said.next().map_or("", |message| message.content.as_str())
			}
			Self::Text(text) => text,
			Self::Tokens(_) => "",
		}
	}
}

/// Kind of an answer, by the route that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// `/v1/chat/completions`.
	Chat,
	/// `/v1/completions`.
	Completion,
}

/// A request that can be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
	/// Kind of the answer.
	pub kind: Kind,
	/// Name of the model.
	pub model: String,
	/// Prompt.
	pub prompt: Prompt,
	/// Settings of the generation.
	pub generation: Generation,
	/// Answers to the prompt, with consecutive seeds.
	pub answers: u32,
	/// Most probable tokens whose probabilities are sent with each chosen one's; `None` for no probabilities.
	pub scores: Option<usize>,
	/// Sends the answer as it is written.
	pub is_stream: bool,
	/// Ends a stream with its usage.
	pub has_usage: bool,
}

impl Request {
	/// Reads a request from its body.
	pub fn read(kind: Kind, body: &[u8]) -> Result<Self, ApiError> {
		let value: Value = serde_json::from_slice(body).map_err(|error| {
			let message = format!("the body is not JSON: {error}");
			ApiError::invalid("body", "invalid_json", message)
		})?;
		let mut fields = Fields::new(value, "")?;
		let model = fields.required_string("model")?;
		let prompt = match kind {
			Kind::Chat => Prompt::Messages(messages::read(fields.require("messages")?)?),
			Kind::Completion => prompt(fields.require("prompt")?)?,
		};
		let tokens = match kind {
			Kind::Chat => None,
			Kind::Completion => Some(COMPLETION_TOKENS),
		};
		let generation = Generation::read(&mut fields, tokens)?;
		let answers =
			fields.integer("n", 1..=ANSWERS_MAX)?.and_then(|number| u32::try_from(number).ok()).unwrap_or(1);
		let is_stream = fields.boolean("stream")?.unwrap_or(false);
		let has_usage = stream_options(&mut fields, is_stream)?;
		let scores = settings::scores(&mut fields, kind)?;
		settings::refuse_unsupported(&mut fields, kind)?;
		fields.finish()?;
		Ok(Self { kind, model, prompt, generation, answers, scores, is_stream, has_usage })
	}
}

/// Reads the prompt of a completion: a string, token ids, or a list of one of these.
fn prompt(value: Value) -> Result<Prompt, ApiError> {
	const EXPECTED: &str = "a string or an array of token ids";
	let list = match value {
		Value::String(text) => return Ok(Prompt::Text(text)),
		Value::Array(list) => list,
		other => return Err(ApiError::wrong_type("prompt", EXPECTED, &other)),
	};
	let is_list_of_prompts = list.iter().any(|entry| entry.is_string() || entry.is_array());
	if !is_list_of_prompts {
		return tokens(&list).map(Prompt::Tokens);
	}
	let mut list = list.into_iter();
	match (list.next(), list.next()) {
		(Some(Value::String(text)), None) => Ok(Prompt::Text(text)),
		(Some(Value::Array(ids)), None) => tokens(&ids).map(Prompt::Tokens),
		(Some(other), None) => Err(ApiError::wrong_type("prompt[0]", EXPECTED, &other)),
		_ => Err(ApiError::unsupported("prompt", "one prompt a request; send several requests")),
	}
}

fn tokens(list: &[Value]) -> Result<Vec<TokenId>, ApiError> {
	let read = |(index, value): (usize, &Value)| {
		let id = value.as_u64().and_then(|id| TokenId::try_from(id).ok());
		id.ok_or_else(|| ApiError::wrong_type(format!("prompt[{index}]"), "a token id", value))
	};
	list.iter().enumerate().map(read).collect()
}

/// Reads the options of a stream, and returns whether it ends with its usage.
fn stream_options(fields: &mut Fields, is_stream: bool) -> Result<bool, ApiError> {
	let Some(value) = fields.take("stream_options") else { return Ok(false) };
	if !is_stream {
		let message = "'stream_options' is for streams: leave it out, or set 'stream' to true";
		return Err(ApiError::invalid("stream_options", "invalid_value", message));
	}
	let mut options = Fields::new(value, "stream_options")?;
	let has_usage = options.boolean("include_usage")?.unwrap_or(false);
	// Padding against observers of sizes. There is none, which is what `false` asks for.
	if options.boolean("include_obfuscation")? == Some(true) {
		let name = options.name("include_obfuscation");
		return Err(ApiError::unsupported(name, "events are not padded; leave it out"));
	}
	options.finish()?;
	Ok(has_usage)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use serde_json::json;

	fn chat(more: Value) -> Result<Request, ApiError> {
		let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hello" }] });
		body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
		Request::read(Kind::Chat, body.to_string().as_bytes())
	}

	fn completion(more: Value) -> Result<Request, ApiError> {
		let mut body = json!({ "model": "m", "prompt": "hello" });
		body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
		Request::read(Kind::Completion, body.to_string().as_bytes())
	}

	#[test]
	fn the_smallest_requests_have_the_defaults_of_the_interface() {
		let request = chat(json!({})).unwrap();
		assert_eq!(request.prompt, Prompt::Messages(vec![Message::user("hello")]));
		assert_eq!(request.generation.tokens_max, None);
		assert_eq!((request.generation.temperature_q8, request.generation.top_p_q8), (256, TOP_P_ALL));
		assert_eq!((request.is_stream, request.has_usage), (false, false));
		let request = completion(json!({})).unwrap();
		assert_eq!(request.prompt, Prompt::Text("hello".into()));
		assert_eq!(request.generation.tokens_max, Some(16));
	}

	#[test]
	fn null_is_the_default_of_every_parameter() {
		let nulls = json!({
			"temperature": null, "top_p": null, "seed": null, "stop": null, "n": null, "stream": null, "tools": null,
			"stream_options": null, "max_tokens": null, "max_completion_tokens": null, "logprobs": null, "user": null,
			"response_format": null, "frequency_penalty": null, "never_heard_of": null,
		});
		assert_eq!(chat(nulls).unwrap(), chat(json!({})).unwrap());
	}

	#[test]
	fn a_stream_ends_with_its_usage_only_if_that_is_asked_for() {
		assert!(
			chat(json!({ "stream": true, "stream_options": { "include_usage": true } })).unwrap().has_usage
		);
		assert!(!chat(json!({ "stream": true, "stream_options": {} })).unwrap().has_usage);
		for (more, param) in [
			(json!({ "stream_options": {} }), "stream_options"),
			(json!({ "stream": true, "stream_options": { "usage": 1 } }), "stream_options.usage"),
			(json!({ "stream": true, "stream_options": [] }), "stream_options"),
			(json!({ "stream": "yes" }), "stream"),
		] {
			assert_eq!(chat(more.clone()).unwrap_err().param.as_deref(), Some(param), "{more}");
		}
	}

	#[test]
	fn a_request_has_one_to_eight_answers() {
		assert_eq!(chat(json!({})).unwrap().answers, 1);
		assert_eq!(completion(json!({ "n": 8 })).unwrap().answers, 8);
		for number in [json!(0), json!(9), json!("2"), json!(1.5)] {
			assert_eq!(chat(json!({ "n": number })).unwrap_err().param.as_deref(), Some("n"));
		}
	}

	#[test]
	fn a_prompt_is_a_text_or_token_ids_and_one() {
		let read = |prompt: Value| completion(json!({ "prompt": prompt })).map(|request| request.prompt);
		assert_eq!(read(json!("0x41")).unwrap(), Prompt::Text("0x41".into()));
		assert_eq!(read(json!(["a"])).unwrap(), Prompt::Text("a".into()));
		assert_eq!(read(json!([1, 2])).unwrap(), Prompt::Tokens(vec![1, 2]));
		assert_eq!(read(json!([[1, 2]])).unwrap(), Prompt::Tokens(vec![1, 2]));
		for (prompt, param) in [
			(json!(["a", "b"]), "prompt"),
			(json!({}), "prompt"),
			(json!([1, -2]), "prompt[1]"),
			(json!([1, 4_294_967_296_u64]), "prompt[1]"),
			(json!([1.5]), "prompt[0]"),
			(json!(null), "prompt"),
		] {
			assert_eq!(read(prompt.clone()).unwrap_err().param.as_deref(), Some(param), "{prompt}");
		}
	}

	#[test]
	fn a_body_that_is_not_json_says_where() {
		for body in [&b""[..], b"{", b"{\"model\": \"\\ud83d\"}", b"{\"a\": \"\xff\"}"] {
			let error = Request::read(Kind::Chat, body).unwrap_err();
			assert_eq!(error.code, Some("invalid_json"));
			assert!(error.message.contains("line 1"), "{error:?}");
		}
		let missing = Request::read(Kind::Chat, b"{}").unwrap_err();
		assert_eq!(missing.param.as_deref(), Some("model"));
	}

	/// Any JSON, with the names of this interface more often than others.
	fn any_json() -> impl Strategy<Value = Value> {
		let leaf = prop_oneof![
			Just(Value::Null),
			any::<bool>().prop_map(Value::from),
			any::<i64>().prop_map(Value::from),
			any::<f64>().prop_map(Value::from),
			"[a-z]{0,8}".prop_map(Value::from),
		];
		let name = prop_oneof![
			Just("messages"),
			Just("role"),
			Just("content"),
			Just("stop"),
			Just("prompt"),
			Just("seed"),
			Just("n"),
			Just("stream"),
			Just("stream_options"),
			Just("temperature"),
			Just("max_tokens"),
			Just("tools"),
			Just("x"),
		];
		leaf.prop_recursive(4, 64, 6, move |inner| {
			prop_oneof![
				prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
				prop::collection::btree_map(name.clone().prop_map(String::from), inner, 0..6)
					.prop_map(|map| Value::Object(map.into_iter().collect())),
			]
		})
	}

	proptest! {
		#[test]
		fn any_bytes_and_any_json_are_read_or_refused_by_name(
			bytes in prop::collection::vec(any::<u8>(), 0..200), mut value in any_json(),
		) {
			for kind in [Kind::Chat, Kind::Completion] {
				prop_assert_eq!(Request::read(kind, &bytes).err().map(|error| error.param.is_some()), Some(true));
				if let Value::Object(fields) = &mut value {
					fields.insert("model".into(), "m".into());
				}
				if let Err(error) = Request::read(kind, value.to_string().as_bytes()) {
					prop_assert!(error.param.is_some() && error.code.is_some(), "{:?}", error);
				}
			}
		}
	}
}
