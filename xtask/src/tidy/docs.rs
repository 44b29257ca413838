//! Documents: every crate has one, their links lead somewhere, and the tests that they name exist.

use super::House;
use crate::tree::{folder, join, Tree};
use std::collections::BTreeSet;

/// Table of contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";

/// The page that names the test which plays each attack.
const THREATS: &str = "docs/threats.md";

/// Checks crates for documentation, and Markdown for links that lead nowhere and for tests that are not there.
pub fn check(house: &House) -> Vec<String> {
	let mut findings = Vec::new();
	for member in &house.members {
		let has_docs = |root: &String| house.tree.text(root).is_some_and(is_documented);
		let readme = format!("{}/README.md", member.dir);
		if !house.tree.exists(&readme) && !member.roots(&house.tree).iter().any(has_docs) {
			findings.push(format!(
				"{}: has neither README.md nor crate documentation; say in `//!` at the top of its root file what it is for",
				member.dir
			));
		}
	}
	for (path, text) in house.tree.texts().filter(|(path, _)| path.ends_with(".md")) {
		for (line, target) in links(text) {
			findings.extend(broken(&house.tree, path, &target).map(|why| format!("{path}:{line}: {why}")));
		}
	}
	findings.extend(unlisted(&house.tree));
	findings.extend(unplayed(&house.tree));
	findings
}

/// Tests that Markdown names and that no Rust file has: all of attacks, and on the page of threats every name of four words or more.
fn unplayed(tree: &Tree) -> Vec<String> {
	let is_rust = |(path, _): &(&str, &str)| path.ends_with(".rs");
	let functions: BTreeSet<&str> =
		tree.texts().filter(is_rust).flat_map(|(_, text)| functions(text)).collect();
	let mut findings = Vec::new();
	for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
		for (line, name) in prose(text).flat_map(|(line, words)| names(words).map(move |name| (line, name))) {
			let is_test = name.starts_with("attack_") || (path == THREATS && name.matches('_').count() >= 3);
			if is_test && !functions.contains(name) {
				findings.push(format!(
					"{path}:{line}: no test is called {name}; write it, or name the one that there is"
				));
			}
		}
	}
	findings
}

/// Names of the functions in Rust source.
fn functions(source: &str) -> impl Iterator<Item = &str> {
	let names = source.split("fn ").skip(1);
	names.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

/// Words between backticks that look like the name of a function.
fn names(line: &str) -> impl Iterator<Item = &str> {
	let is_name = |word: &&str| {
		!word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
	};
	line.split('`').skip(1).step_by(2).filter(is_name)
}

/// Pages of the book that its table of contents leaves out.
fn unlisted(tree: &Tree) -> Vec<String> {
	let Some(summary) = tree.text(SUMMARY) else { return Vec::new() };
	let listed: BTreeSet<String> =
		links(summary).iter().filter_map(|(_, target)| join(folder(SUMMARY), target)).collect();
	let pages = tree.below(folder(SUMMARY)).filter(|path| path.ends_with(".md") && *path != SUMMARY);
	let missing = pages.filter(|path| !listed.contains(*path));
	missing
		.map(|path| format!("{SUMMARY}: does not list {path}; add it to the part where its readers look"))
		.collect()
}

/// Reports whether a root file begins with documentation.
fn is_documented(text: &str) -> bool {
	let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
	first.starts_with("//!") || first.starts_with("#![doc")
}

/// Why a link leads nowhere, if so.
fn broken(tree: &Tree, from: &str, target: &str) -> Option<String> {
	if target.contains("://") || target.starts_with("mailto:") {
		return None;
	}
	let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
	let path = match file {
		"" => from.to_owned(),
		file => match join(folder(from), file) {
			Some(path) => path,
			None => return Some(format!("the link {target} leaves the tree")),
		},
	};
	if !path.is_empty() && !tree.exists(&path) {
		return Some(format!("the link {target} leads to {path}, which does not exist; mend or remove it"));
	}
	let text = tree.text(&path).filter(|_| !anchor.is_empty() && path.ends_with(".md"))?;
	(!anchors(text).contains(anchor))
		.then(|| format!("the link {target} names a heading that {path} does not have"))
}

/// Lines of Markdown outside of fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
	let mut fenced = false;
	text.lines().enumerate().filter_map(move |(index, line)| {
		let fence = line.trim_start().starts_with("```");
		fenced ^= fence;
		(!fenced && !fence).then_some((index + 1, line))
	})
}

/// Targets of the inline links of Markdown, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
	let mut links = Vec::new();
	for (number, line) in prose(text) {
		// Code between backticks shows links, it has none.
		let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
		for (at, opening) in plain.match_indices("](") {
			let rest = &plain[at + opening.len()..];
			let target = rest.split([')', ' ']).next().unwrap_or_default();
			links.push((number, target.to_owned()));
		}
	}
	links
}

/// Names by which the headings of Markdown can be linked.
fn anchors(text: &str) -> BTreeSet<String> {
	let headings =
		prose(text).filter_map(|(_, line)| Some(line.strip_prefix('#')?.trim_start_matches('#').trim()));
	headings
		.map(|heading| {
			let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
			kept.collect::<String>().to_lowercase().replace(' ', "-")
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::{super::fixture::*, *};

	#[test]
	fn check_fails_when_a_crate_has_no_docs() {
		let house = house(&[
			("a/Cargo.toml", &manifest("a", "")),
			("a/src/lib.rs", "#![no_std]\n"),
			("b/Cargo.toml", &manifest("b", "")),
			("b/src/main.rs", "//! A tool.\n"),
			("c/Cargo.toml", &manifest("c", "")),
			("c/src/lib.rs", ""),
			("c/README.md", "# C\n"),
		]);
		let findings = check(&house);
		assert_eq!(findings.len(), 1, "{findings:?}");
		assert!(findings[0].starts_with("a: has neither README.md nor"));
	}

	#[test]
	fn check_fails_when_a_link_leads_nowhere() {
		let house = house(&[
			("docs/a.md", "# One, two\n[ok](b.md#a-part) [ok](../docs) [ok](#one-two) [ok](https://x.y)\n`[code](gone.md)`\n"),
			("docs/b.md", "## A part\n```text\n[code](gone.md)\n```\n[bad](gone.md)\n[bad](a.md#three)\n[bad](../../x)\n"),
		]);
		let findings = check(&house);
		assert_eq!(findings.len(), 3, "{findings:?}");
		assert!(findings[0].starts_with("docs/b.md:5: the link gone.md leads to docs/gone.md"));
		assert!(findings[1].contains("names a heading"));
		assert!(findings[2].contains("leaves the tree"));
	}

	#[test]
	fn check_fails_when_a_page_names_a_test_that_is_not_there() {
		let house = house(&[
			("a/Cargo.toml", &manifest("a", "")),
			("a/src/lib.rs", "//! A.\n#[test]\nfn attack_take_all() {}\nfn money_is_never_lost() {}\n"),
			("a/README.md", "`attack_take_all`, `attack_take_more`, `a_metric_in_total`\n"),
			(
				"docs/threats.md",
				"| `attack_take_all`, `money_is_never_lost`, `money_is_never_found` | `set_code` |\n",
			),
		]);
		let findings = check(&house);
		assert_eq!(findings.len(), 2, "{findings:?}");
		assert!(findings[0].starts_with("a/README.md:1: no test is called attack_take_more"));
		assert!(findings[1].starts_with("docs/threats.md:1: no test is called money_is_never_found"));
	}

	#[test]
	fn check_fails_when_the_book_leaves_out_a_page() {
		let house = house(&[
			("docs/SUMMARY.md", "# Summary\n- [A](a.md)\n"),
			("docs/a.md", "# A\n"),
			("docs/b.md", "# B\n"),
		]);
		let findings = check(&house);
		assert_eq!(findings.len(), 1, "{findings:?}");
		assert!(findings[0].starts_with("docs/SUMMARY.md: does not list docs/b.md"));
	}
}
