//! Answers in the shape of OpenAI's interface: whole ones, and the chunks of a stream.
//!
//! Keys that the interface requires are written even where they are null.

use crate::{
	engine::Scores,
	logprobs,
	piece::{Summary, Usage},
	request::Kind,
};
use blyan_open_model::End;
use blyan_text::Tokenizer;
use serde_json::{json, Value};
use std::sync::Arc;

/// Keys that every part of one answer carries.
#[derive(Clone)]
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
	/// Words for tokens; `None` where no probabilities are wanted.
	pub words: Option<Arc<Tokenizer>>,
}

/// An answer that is over.
#[derive(Clone, Debug)]
pub struct Whole {
	/// Its text.
	pub text: String,
	/// Scores of its tokens, if they are wanted.
	pub scores: Vec<Scores>,
	/// Reason of its end.
	pub end: End,
}

/// Returns the name of an end in OpenAI's interface.
pub fn finish_reason(end: End) -> &'static str {
	match end {
		End::Finished(reason) => reason.as_openai(),
		// The answer is not complete, which is what the word means there.
		End::ContextFull | End::Cancelled => "length",
	}
}

/// Returns the identifier of the receipt of one of the answers to a request.
pub fn receipt_id(id: &str, index: u32) -> String {
	match index {
		0 => id.into(),
		index => format!("{id}-{index}"),
	}
}

/// Returns what all answers of a request were charged together.
pub fn charged(summaries: &[Summary]) -> u128 {
	summaries.iter().fold(0, |sum: u128, summary| sum.saturating_add(summary.bill.charged))
}

/// Reports whether there is anything to say about money.
pub fn has_bill(summaries: &[Summary]) -> bool {
	summaries.iter().any(|summary| summary.bill.receipt.is_some() || summary.bill.charged > 0)
}

impl Head {
	/// Returns a whole answer: the text, end and figures of each choice.
	pub fn whole(&self, choices: &[Whole], summaries: &[Summary]) -> Value {
		let choices = choices.iter().enumerate().map(|(index, whole)| self.choice(index, whole));
		let object = match self.kind {
			Kind::Chat => "chat.completion",
			Kind::Completion => "text_completion",
		};
		let mut answer = self.with_choices(object, choices.collect());
		insert(&mut answer, "usage", usage(summaries));
		answer
	}

	fn choice(&self, index: usize, whole: &Whole) -> Value {
		let Whole { text, scores, end } = whole;
		let finish_reason = finish_reason(*end);
		let logprobs = self.logprobs(scores, &mut 0);
		match self.kind {
			Kind::Chat => {
				let message =
					json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] });
				json!({
					"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish_reason,
				})
			}
			Kind::Completion => completion_choice(index, text, logprobs, Some(finish_reason)),
		}
	}

	/// Returns the chunk that opens a choice of a stream; a completion has none.
	pub fn opening(&self, index: usize) -> Option<Value> {
		match self.kind {
			Kind::Chat => {
				Some(self.chat_chunk(index, json!({ "role": "assistant", "content": "" }), Value::Null, None))
			}
			Kind::Completion => None,
		}
	}

	/// Returns the probabilities of tokens; null where none are wanted. `offset`: characters of the answer in front of them, which become those
	/// behind them.
	fn logprobs(&self, scores: &[Scores], offset: &mut usize) -> Value {
		let Some(words) = &self.words else { return Value::Null };
		match self.kind {
			Kind::Chat => logprobs::chat(words, scores),
			Kind::Completion => {
				let (value, end) = logprobs::completion(words, scores, *offset);
				*offset = end;
				value
			}
		}
	}

	/// Returns the chunk of a piece of text, with the probabilities of its tokens. `offset`: characters of the answer in front of it, which become
	/// those behind it.
	pub fn text(&self, index: usize, text: &str, scores: &[Scores], offset: &mut usize) -> Value {
		let logprobs = self.logprobs(scores, offset);
		match self.kind {
			Kind::Chat => self.chat_chunk(index, json!({ "content": text }), logprobs, None),
			Kind::Completion => {
				self.chunk("text_completion", vec![completion_choice(index, text, logprobs, None)])
			}
		}
	}

	/// Returns the chunk that ends a choice of a stream, with the reason.
	pub fn closing(&self, index: usize, end: End) -> Value {
		let reason = Some(finish_reason(end));
		match self.kind {
			Kind::Chat => self.chat_chunk(index, json!({}), Value::Null, reason),
			Kind::Completion => {
				self.chunk("text_completion", vec![completion_choice(index, "", Value::Null, reason)])
			}
		}
	}

	/// Returns the chunk with the figures of all choices, if it is wanted.
	pub fn counted(&self, summaries: &[Summary]) -> Option<Value> {
		self.has_usage.then(|| {
			let mut counted = self.with_choices(self.chunk_object(), Vec::new());
			insert(&mut counted, "usage", usage(summaries));
			counted
		})
	}

	fn chunk_object(&self) -> &'static str {
		match self.kind {
			Kind::Chat => "chat.completion.chunk",
			Kind::Completion => "text_completion",
		}
	}

	fn chat_chunk(&self, index: usize, delta: Value, logprobs: Value, finish_reason: Option<&str>) -> Value {
		let choice = json!({
			"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason,
		});
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

fn completion_choice(index: usize, text: &str, logprobs: Value, finish_reason: Option<&str>) -> Value {
	json!({ "text": text, "index": index, "logprobs": logprobs, "finish_reason": finish_reason })
}

/// Returns the figures of a request: its prompt once, and all answers. What was charged stands beside them, where the headers of
/// a stream are gone.
fn usage(summaries: &[Summary]) -> Value {
	let Usage { prompt, known, .. } = summaries.first().map(|summary| summary.usage).unwrap_or_default();
	let answer: usize = summaries.iter().map(|summary| summary.usage.answer).sum();
	let mut usage = json!({
		"prompt_tokens": prompt,
		"completion_tokens": answer,
		"total_tokens": prompt + answer,
		"prompt_tokens_details": { "cached_tokens": known },
	});
	if has_bill(summaries) {
		let receipts: Vec<&str> = summaries.iter().map(|summary| summary.receipt.as_str()).collect();
		let signed: Vec<&Value> =
			summaries.iter().filter_map(|summary| summary.bill.receipt.as_ref()).collect();
		let bill = json!({ "charged": charged(summaries).to_string(), "receipts": receipts, "signed_receipts": signed });
		insert(&mut usage, "blyan", bill);
	}
	usage
}

fn insert(object: &mut Value, key: &str, value: Value) {
	if let Value::Object(fields) = object {
		fields.insert(key.into(), value);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::till::Bill;
	use blyan_text::FinishReason;
	use std::time::Duration;

	fn head(kind: Kind, has_usage: bool) -> Head {
		let (id, model, fingerprint) = ("id".into(), "m".into(), "fp_0".into());
		Head { kind, id, created: 7, model, fingerprint, has_usage, words: None }
	}

	fn summary(charged: u128) -> Summary {
		Summary {
			outcome: Ok(End::ContextFull),
			usage: Usage { prompt: 5, known: 2, answer: 3 },
			first_token: None,
			duration: Duration::ZERO,
			receipt: "id".into(),
			bill: Bill { charged, ..Bill::default() },
		}
	}

	#[test]
	fn keys_that_the_interface_requires_are_there() {
		let choices =
			[Whole { text: "hi".into(), scores: Vec::new(), end: End::Finished(FinishReason::EndToken) }];
		let answer = head(Kind::Chat, false).whole(&choices, &[summary(0)]);
		let choice = answer["choices"][0].as_object().unwrap();
		for key in ["finish_reason", "index", "message", "logprobs"] {
			assert!(choice.contains_key(key), "{key}");
		}
		let message = choice["message"].as_object().unwrap();
		assert!(message.contains_key("refusal") && message["content"] == "hi");
		assert_eq!(choice["finish_reason"], "stop");
		assert_eq!(answer["usage"]["total_tokens"], 8);
		assert!(answer["usage"].get("blyan").is_none(), "nothing was charged");
	}

	#[test]
	fn figures_count_the_prompt_once_and_all_answers_and_what_was_charged() {
		let counted = head(Kind::Chat, true).counted(&[summary(10), summary(4)]).unwrap();
		assert_eq!(counted["usage"]["prompt_tokens"], 5);
		assert_eq!(counted["usage"]["completion_tokens"], 6);
		assert_eq!(counted["usage"]["blyan"]["charged"], "14");
	}

	#[test]
	fn a_stream_with_usage_has_the_key_in_every_chunk_and_its_value_in_the_last() {
		for kind in [Kind::Chat, Kind::Completion] {
			let head = head(kind, true);
			let last = head.closing(0, End::ContextFull);
			assert_eq!(last["choices"][0]["finish_reason"], "length");
			assert!(last.as_object().unwrap()["usage"].is_null());
			let counted = head.counted(&[summary(0)]).unwrap();
			assert_eq!(counted["choices"].as_array().unwrap().len(), 0);
			assert_eq!(counted["usage"]["completion_tokens"], 3);
			assert!(head.text(0, "x", &[], &mut 0).as_object().unwrap()["usage"].is_null());
		}
		let without = head(Kind::Chat, false);
		assert!(!without.text(0, "x", &[], &mut 0).as_object().unwrap().contains_key("usage"));
		assert_eq!(without.counted(&[summary(0)]), None);
	}
}
