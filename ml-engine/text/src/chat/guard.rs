//! Keeps messages from becoming control tokens.
//!
//! A template is code that may trim a message, split it, lower its letters, or glue it to anything. So the messages are marked
//! before it runs: a character that occurs nowhere else is put behind every character that a reserved token begins with,
//! and wherever what stands next to the message could complete a token. In what the template returns, reserved tokens are
//! then the template's own; the marks are removed before the text is encoded.

use super::message::{Message, Role};
use crate::tokenizer::Tokenizer;
use std::collections::BTreeSet;

/// Strings of reserved tokens.
pub(super) struct Guard {
	control: Vec<String>,
	markup: Vec<String>,
}

impl Guard {
	pub fn new(tokenizer: &Tokenizer) -> Self {
		let of = |control| {
			let reserved = tokenizer.reserved().filter(move |(_, is_control)| *is_control == control);
			reserved.map(|(content, _)| content.to_owned()).collect()
		};
		Self { control: of(true), markup: of(false) }
	}

	/// Marks a message. In the assistant's own words markup such as `</think>` stays what it is, since templates look for it
	/// and the model has written it.
	pub fn apply(&self, message: &Message, mark: char) -> Message {
		let (reserved, kept) = match message.role {
			Role::Assistant => ([&self.control[..], &[]], &self.markup[..]),
			Role::System | Role::User => ([&self.control[..], &self.markup], &[][..]),
		};
		let content = &message.content;
		let mut places = BTreeSet::new();
		for token in reserved.into_iter().flatten() {
			places.extend(overlaps(content, token));
		}
		places.extend(behind_first(content, reserved.into_iter().flatten(), kept));
		let (mut marked, mut done) = (String::with_capacity(content.len() + 4 * places.len()), 0);
		for place in places {
			marked.push_str(&content[done..place]);
			marked.push(mark);
			done = place;
		}
		marked.push_str(&content[done..]);
		Message { role: message.role, content: marked }
	}
}

/// Finds the places behind every character that one of `reserved` begins with, but where one of `kept` begins. White space is
/// left alone, so that a message can be trimmed.
fn behind_first<'r>(
	content: &str,
	reserved: impl Iterator<Item = &'r String>,
	kept: &[String],
) -> Vec<usize> {
	let firsts: BTreeSet<char> = reserved.filter_map(|token| token.chars().next()).collect();
	let is_first = |(_, char): &(usize, char)| !char.is_whitespace() && firsts.contains(char);
	let is_marked =
		|(at, _): &(usize, char)| !kept.iter().any(|token| content[*at..].starts_with(token.as_str()));
	let marked = content.char_indices().filter(is_first).filter(is_marked);
	marked.map(|(at, char)| at + char.len_utf8()).collect()
}

/// Finds a place inside of every way in which `token` may overlap `content`: whole, over its end, over its beginning, or
/// around all of it; with and without the white space around the content.
fn overlaps(content: &str, token: &str) -> Vec<usize> {
	let Some(first) = token.chars().next().map(char::len_utf8) else { return Vec::new() };
	// Only a first character that occurs again can begin an overlapping match; searching on from the next character finds it.
	let mut places = Vec::new();
	let mut from = 0;
	while let Some(at) = content[from..].find(token) {
		from += at + first;
		places.push(from);
	}
	let start = content.len() - content.trim_start().len();
	let end = content.trim_end().len().max(start);
	for range in [0..content.len(), start..end, 0..end, start..content.len()] {
		let part = &content[range.clone()];
		if part.is_empty() {
			continue;
		}
		if token.len() > part.len() && token.contains(part) {
			places.push(range.start);
			places.push(range.end);
		}
		for (at, _) in token.char_indices().skip(1) {
			let (head, tail) = token.split_at(at);
			if part.ends_with(head) {
				places.push(range.end - head.len() + first);
			}
			if part.starts_with(tail) {
				places.push(range.start);
			}
		}
	}
	places
}

/// Chooses a character that occurs neither in the messages nor in the template: a noncharacter, which no text should have, or
/// one for private use.
pub(super) fn mark(messages: &[Message], template: &str) -> char {
	let candidates = ('\u{FDD0}'..='\u{FDEF}').chain('\u{100000}'..='\u{10FFFD}');
	let used: BTreeSet<char> = messages
		.iter()
		.flat_map(|message| message.content.chars())
		.chain(template.chars())
		.filter(|char| *char >= '\u{FDD0}')
		.collect();
	let mut free = candidates.into_iter().filter(|char| !used.contains(char));
	// A message may hold all of them. It then loses its own U+FDD0, and still cannot undo a mark.
	free.next().unwrap_or('\u{FDD0}')
}
