//! Answers in the shape of OpenAI's interface: whole ones, and the chunks of a stream.
//!
//! Keys that the interface requires are written even where they are null.

use crate::{piece::Usage, request::Kind};
use blyan_open_model::End;
use serde_json::{json, Value};

/// Keys that every part of one answer carries.
#[derive(Clone, Debug)]
pub struct Head {
	/// Kind of the answer.
	pub kind: Kind,
	/// Identifier, by which the receipt is found, too.
	pub id: String,
	/// Seconds since 1970.
	pub created: u64,
	/// Name of the model.
	pub model: String,
	/// Fingerprint of the model.
	pub fingerprint: String,
	/// Ends a stream with its usage.
	pub has_usage: bool,
}

/// Returns the name of an end in OpenAI's interface.
pub fn finish_reason(end: End) -> &'static str {
	match end {
		End::Finished(reason) => reason.as_openai(),
		// The answer is not complete, which is what the word means there.
		End::ContextFull | End::Cancelled => "length",
	}
}

impl Head {
	/// Returns a whole answer.
	pub fn whole(&self, text: &str, end: End, usage: &Usage) -> Value {
		let finish_reason = finish_reason(end);
		let (object, choice) = match self.kind {
			Kind::Chat => {
				let message =
					json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] });
				let choice = json!({
					"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason,
				});
				("chat.completion", choice)
			}
			Kind::Completion => ("text_completion", completion_choice(text, Some(finish_reason))),
		};
		let mut answer = self.with_choices(object, vec![choice]);
		insert(&mut answer, "usage", self::usage(usage));
		answer
	}

	/// Returns the chunk that opens a stream; a completion has none.
	pub fn opening(&self) -> Option<Value> {
		match self.kind {
			Kind::Chat => Some(self.chat_chunk(json!({ "role": "assistant", "content": "" }), None)),
			Kind::Completion => None,
		}
	}

	/// Returns the chunk of a piece of text.
	pub fn text(&self, text: &str) -> Value {
		match self.kind {
			Kind::Chat => self.chat_chunk(json!({ "content": text }), None),
			Kind::Completion => self.chunk("text_completion", vec![completion_choice(text, None)]),
		}
	}

	/// Returns the chunks that end a stream: the reason of its end, and its usage if that is wanted.
	pub fn closing(&self, end: End, usage: &Usage) -> Vec<Value> {
		let reason = Some(finish_reason(end));
		let last = match self.kind {
			Kind::Chat => self.chat_chunk(json!({}), reason),
			Kind::Completion => self.chunk("text_completion", vec![completion_choice("", reason)]),
		};
		if !self.has_usage {
			return vec![last];
		}
		let mut counted = self.with_choices(self.chunk_object(), Vec::new());
		insert(&mut counted, "usage", self::usage(usage));
		vec![last, counted]
	}

	fn chunk_object(&self) -> &'static str {
		match self.kind {
			Kind::Chat => "chat.completion.chunk",
			Kind::Completion => "text_completion",
		}
	}

	fn chat_chunk(&self, delta: Value, finish_reason: Option<&str>) -> Value {
		let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
		self.chunk("chat.completion.chunk", vec![choice])
	}

	fn chunk(&self, object: &str, choices: Vec<Value>) -> Value {
		let mut chunk = self.with_choices(object, choices);
		// Every chunk of a stream with usage has the key, and all but the last one have no value.
		if self.has_usage {
			insert(&mut chunk, "usage", Value::Null);
		}
		chunk
	}

	fn with_choices(&self, object: &str, choices: Vec<Value>) -> Value {
		let Self { id, created, model, fingerprint, .. } = self;
		json!({
			"id": id, "object": object, "created": created, "model": model, "system_fingerprint": fingerprint,
			"choices": choices,
		})
	}
}

fn completion_choice(text: &str, finish_reason: Option<&str>) -> Value {
	json!({ "text": text, "index": 0, "logprobs": null, "finish_reason": finish_reason })
}

fn usage(usage: &Usage) -> Value {
	json!({
		"prompt_tokens": usage.prompt,
		"completion_tokens": usage.answer,
		"total_tokens": usage.prompt + usage.answer,
		"prompt_tokens_details": { "cached_tokens": usage.known },
	})
}

fn insert(object: &mut Value, key: &str, value: Value) {
	if let Value::Object(fields) = object {
		fields.insert(key.into(), value);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_text::FinishReason;

	fn head(kind: Kind, has_usage: bool) -> Head {
		let (id, model, fingerprint) = ("id".into(), "m".into(), "fp_0".into());
		Head { kind, id, created: 7, model, fingerprint, has_usage }
	}

	#[test]
	fn keys_that_the_interface_requires_are_there() {
		let usage = Usage { prompt: 5, known: 2, answer: 3 };
		let answer = head(Kind::Chat, false).whole("hi", End::Finished(FinishReason::EndToken), &usage);
		let choice = answer["choices"][0].as_object().unwrap();
		for key in ["finish_reason", "index", "message", "logprobs"] {
			assert!(choice.contains_key(key), "{key}");
		}
		let message = choice["message"].as_object().unwrap();
		assert!(message.contains_key("refusal") && message["content"] == "hi");
		assert_eq!(choice["finish_reason"], "stop");
		assert_eq!(answer["usage"]["total_tokens"], 8);
	}

	#[test]
	fn a_stream_with_usage_has_the_key_in_every_chunk_and_its_value_in_the_last() {
		for kind in [Kind::Chat, Kind::Completion] {
			let head = head(kind, true);
			let closing = head.closing(End::ContextFull, &Usage::default());
			let [last, counted] = closing.as_slice() else { panic!("{closing:?}") };
			assert_eq!(last["choices"][0]["finish_reason"], "length");
			assert!(last.as_object().unwrap()["usage"].is_null());
			assert_eq!(counted["choices"].as_array().unwrap().len(), 0);
			assert_eq!(counted["usage"]["completion_tokens"], 0);
			assert!(head.text("x").as_object().unwrap()["usage"].is_null());
		}
		let without = head(Kind::Chat, false);
		assert!(!without.text("x").as_object().unwrap().contains_key("usage"));
		assert_eq!(without.closing(End::ContextFull, &Usage::default()).len(), 1);
	}
}
