//! Finds added tokens in a text, the longest at the leftmost place, as Hugging Face's tokenizers do.

use crate::{
	definition::{Added, AddedKind},
	error::TokenizerError,
	TokenId,
};
use aho_corasick::{AhoCorasick, MatchKind};
use std::ops::Range;

/// Part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Section<'t> {
	/// Bytes `start..` of the text, without an added token.
	Text { start: usize, text: &'t str },
	/// An added token.
	Token(TokenId),
}

/// Automaton over the contents of added tokens.
#[derive(Debug)]
pub(crate) struct Matcher {
	automaton: Option<AhoCorasick>,
	added: Vec<Added>,
}

impl Matcher {
	/// Takes the tokens of `added` that pass the filter.
	pub fn new(
		added: &[Added],
		tokens: &[String],
		filter: impl Fn(AddedKind) -> bool,
	) -> Result<Self, TokenizerError> {
		let added: Vec<_> = added.iter().filter(|added| filter(added.kind)).cloned().collect();
		let contents = added.iter().map(|added| &tokens[added.id as usize]);
		let automaton = match added.is_empty() {
			true => None,
			false => Some(
				AhoCorasick::builder()
					.match_kind(MatchKind::LeftmostLongest)
					.build(contents)
					.map_err(|error| TokenizerError::Malformed(format!("added tokens: {error}")))?,
			),
		};
		Ok(Self { automaton, added })
	}

	/// Splits a text into added tokens and what is between them. No section of text is empty.
	pub fn split<'t>(&self, text: &'t str) -> Vec<Section<'t>> {
		let mut sections = Vec::new();
		let mut done = 0;
		for (range, added) in self.find(text) {
			let Some(range) = stretched(text, range, added, done) else { continue };
			if done < range.start {
				sections.push(Section::Text { start: done, text: &text[done..range.start] });
			}
			sections.push(Section::Token(added.id));
			done = range.end;
		}
		if done < text.len() {
			sections.push(Section::Text { start: done, text: &text[done..] });
		}
		sections
	}

	fn find<'m>(&'m self, text: &'m str) -> impl Iterator<Item = (Range<usize>, &'m Added)> {
		let found = self.automaton.iter().flat_map(move |automaton| automaton.find_iter(text));
		found.map(|found| (found.range(), &self.added[found.pattern().as_usize()]))
	}
}

/// Applies a token's conditions to a match: `None` if it stands inside of a word though it must not, otherwise the match and
/// the white space that goes with it. What is before `done` already belongs to another match.
fn stretched(text: &str, range: Range<usize>, added: &Added, done: usize) -> Option<Range<usize>> {
	let (before, after) = (&text[..range.start], &text[range.end..]);
	let in_word = |char: char| char.is_alphanumeric() || char == '_';
	if added.single_word && (before.ends_with(in_word) || after.starts_with(in_word)) {
		return None;
	}
	let start = match added.left_strip {
		true => before.trim_end().len(),
		false => range.start,
	};
	let end = match added.right_strip {
		true => text.len() - after.trim_start().len(),
		false => range.end,
	};
	// White space that an earlier match took may reach over the start of this one only if it is white space itself.
	Some(start.max(done)..end.max(done))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn matcher(tokens: &[&str], change: impl Fn(&mut Added)) -> Matcher {
		let tokens: Vec<_> = tokens.iter().map(|token| (*token).to_owned()).collect();
		let mut added: Vec<_> =
			(0..tokens.len()).map(|id| Added::new(id as u32, AddedKind::Control)).collect();
		added.iter_mut().for_each(change);
		Matcher::new(&added, &tokens, |_| true).unwrap()
	}

	#[test]
	fn the_longest_token_wins_when_two_begin_at_one_place() {
		let matcher = matcher(&["<a>", "<a><b>"], |_| {});
		let sections = matcher.split("x<a><b><a>y");
		let expected = [
			Section::Text { start: 0, text: "x" },
			Section::Token(1),
			Section::Token(0),
			Section::Text { start: 10, text: "y" },
		];
		assert_eq!(sections, expected);
	}

	#[test]
	fn white_space_goes_with_the_token_when_it_strips() {
		let matcher = matcher(&["<a>"], |added| (added.left_strip, added.right_strip) = (true, true));
		let sections = matcher.split("x \n<a> \t<a>y");
		let expected = [
			Section::Text { start: 0, text: "x" },
			Section::Token(0),
			Section::Token(0),
			Section::Text { start: 11, text: "y" },
		];
		assert_eq!(sections, expected);
	}

	#[test]
	fn a_token_inside_of_a_word_is_text_when_it_is_a_single_word() {
		let matcher = matcher(&["cat"], |added| added.single_word = true);
		assert_eq!(matcher.split("concat"), [Section::Text { start: 0, text: "concat" }]);
		let expected = [Section::Text { start: 0, text: "a " }, Section::Token(0)];
		assert_eq!(matcher.split("a cat"), expected);
	}

	#[test]
	fn everything_is_text_when_there_is_no_token() {
		let matcher = matcher(&[], |_| {});
		assert_eq!(matcher.split("a"), [Section::Text { start: 0, text: "a" }]);
		assert_eq!(matcher.split(""), []);
	}
}
