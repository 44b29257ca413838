//! The interface of this project beside OpenAI's: a stream that tells the cost so far with every piece of text.
//!
//! ```text
//! GET /chat/stream?prompt=hello&max_tokens=100
//! event: stream_start   data: {"type": "stream_start", "stream_id", "input_cost", "max_tokens", "receipt"}
//! event: token          data: {"type": "token", "token", "tokens", "cumulative_cost", "tokens_per_second"}
//! event: stream_end     data: {"type": "stream_end", "total_tokens", "total_cost", "duration", "finish_reason", "receipt"}
//! event: error          data: {"type": "error", "error": {..}}
//! ```
//!
//! Costs are strings of planck, since a number of JSON does not hold them. They are what this answer is charged: the second attempt at one that
//! broke off begins at nothing.

use crate::{
	answer::finish_reason,
	error::ApiError,
	generation::Begun,
	logprobs,
	piece::{Piece, Reader, Summary},
	till::Meter,
};
use axum::response::sse::Event;
use blyan_text::Tokenizer;
use futures::{stream, Stream, StreamExt};
use serde_json::{json, Map, Value};
use std::{sync::Arc, time::Instant};

/// Parameters of the query.
const PARAMETERS: [&str; 5] = ["max_tokens", "temperature", "top_p", "seed", "stop"];

/// Makes the body of a chat of the query of a route.
pub fn body(model: &str, query: &str) -> Result<Vec<u8>, ApiError> {
	let (mut prompt, mut body) = (None, Map::new());
	for (name, value) in form_urlencoded::parse(query.as_bytes()) {
		match name.as_ref() {
			"prompt" => prompt = Some(value.into_owned()),
			"stop" => drop(body.insert("stop".into(), value.into_owned().into())),
			name if PARAMETERS.contains(&name) => {
				let number = serde_json::from_str::<Value>(&value).ok().filter(Value::is_number);
				let number = number.ok_or_else(|| {
					ApiError::wrong_type(name, "a number", &Value::String(value.clone().into_owned()))
				})?;
				body.insert(name.into(), number);
			}
			name => {
				let known = PARAMETERS.join(", ");
				let message = format!("unknown parameter: '{name}'; give prompt and any of {known}");
				return Err(ApiError::invalid(name, "unknown_parameter", message));
			}
		}
	}
	let prompt = prompt.ok_or_else(|| {
		let message = "missing required parameter: 'prompt'";
		ApiError::invalid("prompt", "missing_required_parameter", message)
	})?;
	body.insert("model".into(), model.into());
	body.insert("messages".into(), json!([{ "role": "user", "content": prompt }]));
	Ok(Value::Object(body).to_string().into_bytes())
}

/// Returns the events of one answer.
pub fn events(begun: Begun) -> impl Stream<Item = Event> + Send {
	messages(begun).map(|message| {
		let name = message.get("type").and_then(Value::as_str).unwrap_or("error").to_owned();
		Event::default().event(name).data(message.to_string())
	})
}

/// Returns the messages of one answer. Dropping them cancels it.
pub fn messages(mut begun: Begun) -> impl Stream<Item = Value> + Send {
	let (id, meter, words) = (begun.head.id, begun.meter, begun.head.words);
	// This interface has one answer a request.
	begun.readers.truncate(1);
	let start = json!({
		"type": "stream_start", "stream_id": id, "input_cost": meter.charge(0).to_string(),
		// A client that cancels gets no last message, and its answer has a receipt all the same.
		"max_tokens": begun.tokens_max, "receipt": id,
	});
	let (reader, began_at) = (begun.readers.pop(), Instant::now());
	let progress = Progress { id, meter, words, reader, first: None, began_at };
	let rest = stream::unfold(progress, |mut progress| async move {
		let message = progress.next().await?;
		Some((message, progress))
	});
	stream::iter([start]).chain(rest)
}

/// One answer on its way.
struct Progress {
	id: String,
	meter: Meter,
	/// Words for tokens, if probabilities are wanted.
	words: Option<Arc<Tokenizer>>,
	/// Its parts; `None` behind the last.
	reader: Option<Reader>,
	/// Time of the first text and the tokens until then.
	first: Option<(Instant, usize)>,
	began_at: Instant,
}

impl Progress {
	async fn next(&mut self) -> Option<Value> {
		let piece = self.reader.as_mut()?.next().await;
		Some(match piece {
			Some(Piece::Text { text, tokens, scores }) => {
				let (since, before) = *self.first.get_or_insert_with(|| (Instant::now(), tokens));
				let seconds = since.elapsed().as_secs_f64();
				let speed = if seconds > 0.0 { (tokens - before) as f64 / seconds } else { 0.0 };
				let cost = self.meter.charge(u32::try_from(tokens).unwrap_or(u32::MAX));
				let mut message = json!({
					"type": "token", "stream_id": self.id, "token": text, "tokens": tokens,
					"cumulative_cost": cost.to_string(), "tokens_per_second": speed,
				});
				if let (Some(words), Value::Object(fields)) = (&self.words, &mut message) {
					fields.insert("logprobs".into(), logprobs::chat(words, &scores));
				}
				message
			}
			Some(Piece::Done(summary)) => {
				self.reader = None;
				self.end(*summary)
			}
			None => {
				self.reader = None;
				self.failed(&ApiError::failed("the generation was given up"))
			}
		})
	}

	fn end(&self, summary: Summary) -> Value {
		match summary.outcome {
			Ok(end) => json!({
				"type": "stream_end", "stream_id": self.id, "total_tokens": summary.usage.answer,
				"total_cost": summary.bill.charged.to_string(), "duration": self.began_at.elapsed().as_secs_f64(),
				"finish_reason": finish_reason(end), "receipt": summary.receipt,
				"signed_receipt": summary.bill.receipt,
			}),
			Err(error) => self.failed(&error),
		}
	}

	fn failed(&self, error: &ApiError) -> Value {
		failure(&self.id, error)
	}
}

/// Returns the message of a failure.
pub fn failure(id: &str, error: &ApiError) -> Value {
	let mut message = error.body();
	if let Value::Object(fields) = &mut message {
		fields.insert("type".into(), "error".into());
		fields.insert("stream_id".into(), id.into());
	}
	message
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn a_query_becomes_a_chat_of_one_message() {
		let body = body("m", "prompt=caf%C3%A9+au+lait%26&max_tokens=5&seed=7&temperature=0.5").unwrap();
		let body: Value = serde_json::from_slice(&body).unwrap();
		assert_eq!(body["messages"][0], json!({ "role": "user", "content": "café au lait&" }));
		assert_eq!((&body["max_tokens"], &body["seed"], &body["model"]), (&json!(5), &json!(7), &json!("m")));
	}

	#[test]
	fn a_query_that_is_not_understood_is_refused_by_name() {
		for (query, param) in [
			("", "prompt"),
			("max_tokens=5", "prompt"),
			("prompt=a&colour=red", "colour"),
			("prompt=a&max_tokens=many", "max_tokens"),
			("prompt=a&seed=\"5\"", "seed"),
		] {
			assert_eq!(body("m", query).unwrap_err().param.as_deref(), Some(param), "{query}");
		}
	}

	proptest! {
		#[test]
		fn any_query_is_read_or_refused_by_name(query: String) {
			match body("m", &query) {
				Ok(body) => prop_assert!(serde_json::from_slice::<Value>(&body).is_ok()),
				Err(error) => prop_assert!(error.param.is_some()),
			}
		}
	}
}
