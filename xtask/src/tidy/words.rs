//! Words that the project writes less of, and how its documentation reads.

use super::House;
use crate::{
	tree::{is_below, Tree},
	workspace::owner,
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Kind of count of [`count`].
pub const WORDS: &str = "times in this part";
/// Kind of count of [`questions`].
pub const QUESTIONS: &str = "doc comments that open with What, Who, Whether or How";

/// Where the words are listed.
const FILE: &str = "xtask/words.toml";
const OPENINGS: [&str; 4] = ["What", "Who", "Whether", "How"];
const IMPERSONAL: [&str; 3] = ["nobody", "somebody", "whoever"];
/// Files not written here: texts that models learn from, licences, lists of packages, and the list of words with its checks.
const OUTSIDE: [&str; 3] = ["models", "xtask", "target"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
	word: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
	/// The word as it occurs, or several words in a row.
	forms: Vec<String>,
	/// Advice on what to write in its place. Read by people.
	#[serde(rename = "instead")]
	_instead: String,
}

/// Occurrences of each listed word, by part of the tree and the word's first form.
pub fn count(house: &House) -> Result<BTreeMap<String, usize>> {
	let Some(text) = house.tree.text(FILE) else { return Ok(BTreeMap::new()) };
	let list: List = toml::from_str(text).with_context(|| format!("{FILE} does not say what it should"))?;
	let forms = list.word.iter().flat_map(|entry| {
		let name = entry.forms.first().map(String::as_str).unwrap_or_default();
		entry.forms.iter().map(move |form| (name, form.split(' ').collect::<Vec<_>>()))
	});
	let mut by_first: BTreeMap<&str, Vec<(&str, Vec<&str>)>> = BTreeMap::new();
	for (name, form) in forms.clone().collect::<Vec<_>>() {
		by_first.entry(form.first().copied().unwrap_or_default()).or_default().push((name, form));
	}
	let mut counts = BTreeMap::new();
	for (path, text) in written(&house.tree) {
		let lower = text.to_lowercase();
		let words: Vec<&str> = words(&lower).collect();
		for at in 0..words.len() {
			for (name, form) in by_first.get(words[at]).into_iter().flatten() {
				if words[at..].starts_with(form) {
					*counts.entry(format!("{}: {name}", part(house, path))).or_default() += 1;
				}
			}
		}
	}
	Ok(counts)
}

/// Doc comments that open with a question word, by part of the tree.
pub fn questions(house: &House) -> BTreeMap<String, usize> {
	let mut counts = BTreeMap::new();
	for (path, text) in written(&house.tree).filter(|(path, _)| path.ends_with(".rs")) {
		let count = doc_comments(text).iter().filter(|comment| opens_with_a_question(comment)).count();
		if count > 0 {
			*counts.entry(part(house, path).to_owned()).or_default() += count;
		}
	}
	counts
}

/// The two measures of the whole tree that LANGUAGE compares with other projects, as lines to print.
pub fn report(house: &House) -> Vec<String> {
	let sources = written(&house.tree).filter(|(path, _)| path.ends_with(".rs"));
	let comments: Vec<String> = sources.flat_map(|(_, text)| doc_comments(text)).collect();
	let open = comments.iter().filter(|comment| opens_with_a_question(comment)).count();
	let lower = comments.join(" ").to_lowercase();
	let total = words(&lower).count();
	let impersonal = words(&lower).filter(|word| IMPERSONAL.contains(word)).count();
	vec![
		format!(
			"{} of {} doc comments open with {} ({} in 1,000; the field has 7 to 29)",
			open,
			comments.len(),
			OPENINGS.join(", "),
			(open * 1_000).checked_div(comments.len()).unwrap_or_default(),
		),
		format!(
			"{impersonal} of {total} words of documentation are {} ({} in 10,000)",
			IMPERSONAL.join(", "),
			(impersonal * 10_000).checked_div(total).unwrap_or_default(),
		),
	]
}

/// Texts that people of this project write.
fn written(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
	tree.texts().filter(|(path, _)| {
		let data = [".json", ".lock", ".in"].iter().any(|ending| path.ends_with(ending));
		!data && !path.starts_with("LICENSE") && !OUTSIDE.iter().any(|dir| is_below(path, dir))
	})
}

/// The part of the tree that a file is counted with: its crate, or the folder at the top.
fn part<'a>(house: &'a House, path: &'a str) -> &'a str {
	let top = path.split_once('/').map_or("the root", |(top, _)| top);
	owner(&house.members, path).map_or(top, |member| &member.dir)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
	text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty())
}

/// Doc comments of a Rust file: lines in a row that begin with the same sign.
fn doc_comments(text: &str) -> Vec<String> {
	let mut comments: Vec<String> = Vec::new();
	let mut open = None;
	for line in text.lines() {
		let line = line.trim_start();
		let sign =
			["///", "//!"].into_iter().find(|sign| line.starts_with(sign) && !line.starts_with("////"));
		match (sign, comments.last_mut()) {
			(Some(sign), Some(comment)) if open == Some(sign) => {
				comment.push('\n');
				comment.push_str(line[sign.len()..].trim());
			}
			(Some(sign), _) => comments.push(line[sign.len()..].trim().to_owned()),
			_ => {}
		}
		open = sign;
	}
	comments
}

fn opens_with_a_question(comment: &str) -> bool {
	words(comment).next().is_some_and(|word| OPENINGS.contains(&word))
}

#[cfg(test)]
mod tests {
	use super::{super::fixture::*, *};

	const LIST: (&str, &str) = (
		"xtask/words.toml",
		"[[word]]\nforms = [\"nobody\"]\ninstead = \"no one role\"\n[[word]]\nforms = [\"in vain\", \"vainly\"]\ninstead = \"x\"\n",
	);

	#[test]
	fn count_finds_whole_words_and_phrases_by_part() {
		let house = house(&[
			LIST,
			("a/Cargo.toml", &manifest("a", "")),
			("a/src/lib.rs", "//! Nobody's, in\n//! vain; nobodys and in_vain.\nfn nobody() {}\n"),
			("docs/a.md", "nobody vainly\n"),
			("models/m.md", "nobody\n"),
		]);
		let counts = count(&house).unwrap();
		let expected = [("a: in vain", 2), ("a: nobody", 2), ("docs: in vain", 1), ("docs: nobody", 1)];
		assert_eq!(counts, expected.map(|(key, count)| (key.to_owned(), count)).into());
	}

	#[test]
	fn questions_count_comments_that_open_with_one() {
		let text = "//! What this is.\n//! What is counted once.\n\n/// Whether.\nfn a() {}\n/// Whatever.\n/// How.\nfn b() {}\n// Who.\n";
		let house = house(&[("a/Cargo.toml", &manifest("a", "")), ("a/src/lib.rs", text)]);
		assert_eq!(questions(&house), BTreeMap::from([("a".into(), 2)]));
		assert!(report(&house)[0].starts_with("2 of 3 doc comments open with"));
	}
}
