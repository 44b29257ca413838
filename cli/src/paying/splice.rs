//! One stream for a client out of the streams of several operators.
//!
//! ```text
//! first operator    one|, two|, and
//! second operator   one, |two, and three|, four     held against what was sent, and the rest is sent
//! client            one|, two|, and| three|, four
//! ```
//!
//! An answer follows from the model, the prompt, the settings and the seed. So a second operator that is asked the same begins with what the first one
//! has sent, and where it does not, one of both is wrong. Events of the first operator pass as they came; those of others get the first one's name of the
//! answer, which a client has seen already.

use super::pieces::Pieces;
use axum::body::Bytes;
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;

/// Keys of an event that are the first operator's.
const HEAD: [&str; 4] = ["id", "created", "model", "system_fingerprint"];
/// Lists of probabilities in a completion's event, one entry a token.
const TOKEN_LISTS: [&str; 4] = ["tokens", "token_logprobs", "top_logprobs", "text_offset"];
/// Largest event: one that does not end is no event.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// Part of a spliced stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
	/// Bytes for the client.
	Pass(Bytes),
	/// The operator ends its answer with this error.
	Failed(Bytes),
	/// The operator's answer is another than the one that was sent.
	Differs(Difference),
}

/// Place at which two operators' answers to one request part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
	/// Index of the choice.
	pub choice: u64,
	/// Text of it that the client has.
	pub sent: String,
	/// Text that the other operator has in its place, as far as it came.
	pub other: String,
}

/// Bytes of a choice's text that one operator has said or repeated, and whether it came to the end of it.
pub type Said = (usize, bool);

/// One choice of an answer.
#[derive(Debug, Default)]
struct Choice {
	/// Text that was sent.
	sent: String,
	/// Entries of probabilities that were sent.
	entries: usize,
	has_role: bool,
	has_ended: bool,
	/// True if this operator came to the end.
	ends_here: bool,
	/// Bytes of the text that this operator has repeated.
	text_at: usize,
	/// Entries that it has repeated.
	entries_at: usize,
}

/// Splices streams.
#[derive(Debug, Default)]
pub struct Splice {
	choices: BTreeMap<u64, Choice>,
	head: Option<Map<String, Value>>,
	/// True from the second operator on.
	is_again: bool,
	pieces: Pieces,
	has_figures: bool,
	is_done: bool,
}

impl Splice {
	/// Begins with the next operator's stream.
	pub fn again(&mut self) {
		self.is_again = true;
		self.pieces.clear();
		for choice in self.choices.values_mut() {
			(choice.text_at, choice.entries_at, choice.ends_here) = (0, 0, false);
		}
	}

	/// Returns what the present operator has said of each choice.
	pub fn said(&self) -> BTreeMap<u64, Said> {
		self.choices.iter().map(|(index, choice)| (*index, (choice.text_at, choice.ends_here))).collect()
	}

	/// Reports whether the answer came to its end.
	pub fn is_done(&self) -> bool {
		self.is_done
	}

	/// Reports whether any words were sent.
	pub fn has_words(&self) -> bool {
		self.choices.values().any(|choice| !choice.sent.is_empty())
	}

	/// Takes the next bytes of an operator's stream.
	pub fn push(&mut self, bytes: &[u8]) -> Vec<Part> {
		let events = self.pieces.push(bytes, b"\n\n");
		let mut parts: Vec<_> = events.into_iter().filter_map(|event| self.event(event)).collect();
		if self.pieces.rest().len() > EVENT_BYTES_MAX {
			self.pieces.clear();
			parts.push(Part::Failed(Bytes::from_static(b"")));
		}
		parts
	}

	fn event(&mut self, event: Vec<u8>) -> Option<Part> {
		let data = event.strip_prefix(b"data:").map(<[u8]>::trim_ascii);
		if data == Some(b"[DONE]".as_slice()) {
			if let Some(difference) = self.cut_short() {
				return Some(Part::Differs(difference));
			}
			self.is_done = true;
			return Some(Part::Pass(event.into()));
		}
		// Comments, and what this program does not know, is nothing that was sent before.
		let value = data.and_then(|data| serde_json::from_slice::<Value>(data).ok());
		let Some(Value::Object(mut value)) = value else { return Some(Part::Pass(event.into())) };
		if value.contains_key("error") {
			return Some(Part::Failed(event.into()));
		}
		if self.head.is_none() {
			let head = HEAD.iter().filter_map(|key| Some(((*key).to_owned(), value.get(*key)?.clone())));
			self.head = Some(head.collect());
		}
		if value.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty) {
			// Figures, which come once.
			let is_new = !std::mem::replace(&mut self.has_figures, true) || !self.is_again;
			return is_new.then(|| Part::Pass(self.renamed(value, event)));
		}
		let choices = value.get_mut("choices").and_then(Value::as_array_mut)?;
		let mut difference = None;
		choices.retain_mut(|choice| match self.choices.entry(index(choice)).or_default().take(choice) {
			Ok(is_new) => is_new,
			Err(found) => {
				difference = Some(found);
				false
			}
		});
		if let Some(difference) = difference {
			return Some(Part::Differs(difference));
		}
		let has_new = !choices.is_empty() || !self.is_again;
		has_new.then(|| Part::Pass(self.renamed(value, event)))
	}

	/// Returns a choice of which this operator has not said all that was sent.
	fn cut_short(&self) -> Option<Difference> {
		let (choice, found) = self.choices.iter().find(|(_, choice)| choice.text_at < choice.sent.len())?;
		let other = found.sent.get(..found.text_at).unwrap_or_default().to_owned();
		Some(Difference { choice: *choice, sent: found.sent.clone(), other })
	}

	/// Gives an event of a second operator the names of the first.
	fn renamed(&self, mut value: Map<String, Value>, event: Vec<u8>) -> Bytes {
		if !self.is_again {
			return event.into();
		}
		value.extend(self.head.clone().unwrap_or_default());
		format!("data: {}\n\n", Value::Object(value)).into()
	}
}

/// Index of a choice in an event.
fn index(choice: &Value) -> u64 {
	choice["index"].as_u64().unwrap_or_default()
}

impl Choice {
	/// Takes a part of the choice, removes from it what was sent, and reports whether anything is left.
	fn take(&mut self, part: &mut Value) -> Result<bool, Difference> {
		let choice = index(part);
		let mut is_new = false;
		if let Some(text) = text_of(part) {
			// Behind an end that another operator came to there is no more text.
			let has_end = self.has_ended && !self.ends_here;
			let new = self.new_text(text).filter(|new| new.is_empty() || !has_end);
			let new = new.ok_or_else(|| Difference {
				choice,
				sent: self.sent.clone(),
				other: [self.sent.get(..self.text_at).unwrap_or_default(), text].concat(),
			})?;
			is_new |= !new.is_empty();
			let new = new.to_owned();
			self.text_at = self.text_at.saturating_add(text.len());
			self.sent.push_str(&new);
			set_text(part, new);
		}
		is_new |= self.take_entries(part.get_mut("logprobs"));
		if part["delta"]["role"].is_string() {
			is_new |= !self.has_role;
			self.has_role = true;
		}
		if part["finish_reason"].is_string() {
			if self.text_at < self.sent.len() {
				let other = self.sent.get(..self.text_at).unwrap_or_default().to_owned();
				return Err(Difference { choice, sent: self.sent.clone(), other });
			}
			is_new |= !self.has_ended;
			(self.has_ended, self.ends_here) = (true, true);
		}
		Ok(is_new)
	}

	/// Returns the part of a text that was not sent; `None` if another was.
	fn new_text<'a>(&self, text: &'a str) -> Option<&'a str> {
		let sent = self.sent.get(self.text_at..)?;
		match sent.strip_prefix(text) {
			// All of it was sent.
			Some(_) => Some(""),
			None => text.strip_prefix(sent),
		}
	}

	/// Removes probabilities that were sent, and reports whether others are left.
	fn take_entries(&mut self, logprobs: Option<&mut Value>) -> bool {
		let Some(Value::Object(lists)) = logprobs else { return false };
		let names = || ["content"].into_iter().chain(TOKEN_LISTS);
		let first = names().find_map(|name| lists.get(name)?.as_array());
		let count = first.map_or(0, Vec::len);
		let known = self.entries.saturating_sub(self.entries_at).min(count);
		for name in names() {
			if let Some(list) = lists.get_mut(name).and_then(Value::as_array_mut) {
				list.drain(..known.min(list.len()));
			}
		}
		self.entries_at = self.entries_at.saturating_add(count);
		self.entries = self.entries.max(self.entries_at);
		count > known
	}
}

/// Text of a part of a choice: of a chat or a completion.
fn text_of(part: &Value) -> Option<&str> {
	part["delta"]["content"].as_str().or_else(|| part["text"].as_str())
}

fn set_text(part: &mut Value, text: String) {
	match part["delta"]["content"].is_string() {
		true => part["delta"]["content"] = json!(text),
		false => part["text"] = json!(text),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A chat's stream of these pieces.
	fn stream(id: &str, pieces: &[&str], has_usage: bool) -> String {
		let chunk = |choices: Value| {
			let value = json!({ "id": id, "object": "chat.completion.chunk", "created": 5, "model": id, "choices": choices });
			format!("data: {value}\n\n")
		};
		let choice = |delta: Value, reason: Option<&str>| json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }]);
		let mut text = chunk(choice(json!({ "role": "assistant", "content": "" }), None));
		text.push_str(": still here\n\n");
		for piece in pieces {
			text.push_str(&chunk(choice(json!({ "content": piece }), None)));
		}
		text.push_str(&chunk(choice(json!({}), Some("stop"))));
		if has_usage {
			text.push_str(&chunk(json!([])));
		}
		text.push_str("data: [DONE]\n\n");
		text
	}

	/// Bytes for the client out of so many bytes of a first stream and all of a second, which comes in pieces of this size.
	fn spliced(first: &str, cut: usize, second: &str, size: usize) -> Result<String, Difference> {
		let mut splice = Splice::default();
		let mut bytes = Vec::new();
		let mut take = |splice: &mut Splice, stream: &[u8]| {
			for piece in stream.chunks(size) {
				for part in splice.push(piece) {
					match part {
						Part::Pass(part) => bytes.extend_from_slice(&part),
						Part::Failed(error) => panic!("{error:?}"),
						Part::Differs(difference) => return Err(difference),
					}
				}
			}
			Ok(())
		};
		take(&mut splice, &first.as_bytes()[..cut])?;
		if !splice.is_done() {
			splice.again();
			take(&mut splice, second.as_bytes())?;
		}
		assert!(splice.is_done());
		Ok(String::from_utf8(bytes).unwrap())
	}

	/// Text, names, roles and ends of a stream.
	fn read(stream: &str) -> (String, Vec<String>, usize, usize) {
		let (mut text, mut names, mut roles, mut ends) = (String::new(), Vec::new(), 0, 0);
		for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
			let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
			names.push(value["id"].as_str().unwrap().to_owned());
			let choice = &value["choices"][0];
			text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
			roles += usize::from(choice["delta"]["role"].is_string());
			ends += usize::from(choice["finish_reason"].is_string());
		}
		names.dedup();
		(text, names, roles, ends)
	}

	#[test]
	fn a_client_sees_one_answer_wherever_the_first_operator_dies_and_however_the_second_cuts_its_pieces() {
		let first = stream("a", &["caf\u{e9}", ", ", "world ", "\u{1f600}"], true);
		let second = stream("b", &["c", "a", "f", "\u{e9}, ", "world \u{1f600}"], true);
		let lone = read(&first);
		for cut in 0..=first.len() {
			for size in [3, 10_000] {
				let (text, names, roles, ends) = read(&spliced(&first, cut, &second, size).unwrap());
				assert_eq!((&text, roles, ends), (&lone.0, 1, 1), "cut at {cut}");
				// Only where nothing was seen of the first is the answer the second's.
				assert_eq!(names.len(), 1, "cut at {cut}: {names:?}");
			}
		}
	}

	#[test]
	fn an_operator_that_is_not_followed_by_another_is_passed_on_as_it_came() {
		let first = stream("a", &["he", "y"], true);
		assert_eq!(spliced(&first, first.len(), "", 5).unwrap(), first);
	}

	#[test]
	fn another_text_a_shorter_and_a_longer_one_are_told_apart() {
		let first = stream("a", &["hello", " world"], false);
		let cut = first.rfind("data: {").unwrap();
		let differs = |pieces: &[&str]| spliced(&first, cut, &stream("b", pieces, false), 9).unwrap_err();
		let difference = differs(&["he", "is"]);
		assert_eq!(
			(difference.sent.as_str(), difference.other.as_str()),
			("hello world", ["he", "is"].concat().as_str())
		);
		assert_eq!(differs(&["hello"]).other, "hello", "it ends before what was sent");
		let longer = stream("b", &["hello world", "!"], false);
		let (text, ..) = read(&spliced(&first, cut, &longer, 9).unwrap());
		assert_eq!(text, "hello world!", "the first had not come to its end");
	}

	#[test]
	fn a_text_that_goes_on_behind_its_end_is_another() {
		let first = stream("a", &["hello"], false);
		let cut = first.find("data: [DONE]").unwrap();
		let difference = spliced(&first, cut, &stream("b", &["hel", "lo!"], false), 9).unwrap_err();
		assert_eq!((difference.sent.as_str(), difference.other.as_str()), ("hello", "hello!"));
		let (text, _, _, ends) = read(&spliced(&first, cut, &stream("b", &["hel", "lo"], false), 9).unwrap());
		assert_eq!((text.as_str(), ends), ("hello", 1));
	}

	#[test]
	fn attack_by_an_operator_that_ends_an_answer_which_it_has_not_repeated() {
		let first = stream("a", &["hello", " world"], false);
		let cut = first.rfind("data: {").unwrap();
		for (second, other) in [("data: [DONE]\n\n".to_owned(), ""), (stream("b", &["hel"], false), "hel")] {
			let difference = spliced(&first, cut, &second, 9).unwrap_err();
			assert_eq!((difference.sent.as_str(), difference.other.as_str()), ("hello world", other));
		}
	}

	#[test]
	fn each_operator_has_said_what_came_of_it() {
		let (mut splice, text) = (Splice::default(), stream("a", &["hello", " world"], false));
		splice.push(text.as_bytes().split_at(text.find(" world").unwrap()).0);
		assert_eq!(splice.said(), BTreeMap::from([(0, (5, false))]));
		splice.again();
		assert_eq!(splice.said(), BTreeMap::from([(0, (0, false))]), "nothing came of the second");
		splice.again();
		splice.push(text.as_bytes());
		assert_eq!(splice.said(), BTreeMap::from([(0, (11, true))]));
	}

	#[test]
	fn attack_by_a_large_event_in_small_pieces_is_searched_once() {
		let mut splice = Splice::default();
		let event = format!(": {}\n\n", "x".repeat(EVENT_BYTES_MAX / 2)).into_bytes();
		let mut parts = Vec::new();
		for piece in event.chunks(64) {
			parts.extend(splice.push(piece));
			assert!(splice.pieces.unsearched() <= 1);
		}
		assert_eq!(parts, [Part::Pass(event.into())]);
	}

	#[test]
	fn an_error_is_no_part_of_the_answer() {
		let mut splice = Splice::default();
		let error = "data: {\"error\":{\"code\":\"shutting_down\"}}\n\n";
		let failed = splice.push(error.as_bytes());
		assert_eq!(failed, [Part::Failed(Bytes::from_static(error.as_bytes()))]);
		assert!(!splice.is_done());
	}

	#[test]
	fn probabilities_are_sent_once_for_each_token() {
		let chat = |pieces: &[(&str, Vec<u8>)]| -> String {
			let chunk = |(text, tokens): &(&str, Vec<u8>)| {
				let content: Vec<Value> = tokens.iter().map(|token| json!({ "token": token })).collect();
				let choice = json!({ "index": 0, "delta": { "content": text }, "logprobs": { "content": content },
					"finish_reason": null });
				format!("data: {}\n\n", json!({ "id": "a", "choices": [choice] }))
			};
			pieces.iter().map(chunk).collect::<String>() + "data: [DONE]\n\n"
		};
		let first = chat(&[("ab", vec![1, 2]), ("c", vec![3])]);
		let second = chat(&[("a", vec![1]), ("bcd", vec![2, 3, 4])]);
		let cut = first.len() - "data: [DONE]\n\n".len();
		let stream = spliced(&first, cut, &second, 10_000).unwrap();
		let mut tokens = Vec::new();
		for line in stream.lines().filter_map(|line| line.strip_prefix("data: {")) {
			let value: Value = serde_json::from_str(&format!("{{{line}")).unwrap();
			let content = value["choices"][0]["logprobs"]["content"].as_array().unwrap();
			tokens.extend(content.iter().map(|entry| entry["token"].as_u64().unwrap()));
		}
		assert_eq!(tokens, [1, 2, 3, 4]);
		let lists = |from: u64, to: u64| {
			let list: Vec<u64> = (from..to).collect();
			json!({ "tokens": list, "token_logprobs": list, "top_logprobs": null, "text_offset": list })
		};
		let mut choice = Choice { entries: 3, ..Choice::default() };
		let mut logprobs = lists(0, 5);
		assert!(choice.take_entries(Some(&mut logprobs)));
		assert_eq!(logprobs, lists(3, 5));
		assert_eq!(choice.entries, 5);
	}

	#[test]
	fn an_event_without_end_is_given_up() {
		let mut splice = Splice::default();
		assert!(splice.push(&vec![b'x'; EVENT_BYTES_MAX]).is_empty());
		assert!(matches!(splice.push(b"x").as_slice(), [Part::Failed(_)]));
	}
}
