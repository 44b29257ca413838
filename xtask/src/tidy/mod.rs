//! `cargo xtask tidy`: what no compiler checks, and what keeps the tree in the shape that ARCHITECTURE.md describes.
//!
//! Every check is a function from the tree to findings, so a test shows each a tree that breaks its rule. Rules that the
//! tree does not keep everywhere yet are ratchets: `xtask/ratchet.json` lists where, and how far; it may only shrink.

pub mod circles;
mod docs;
pub mod layers;
mod lengths;
pub mod pallets;
mod paths;
mod ratchet;
pub mod scripts;
mod words;

use crate::{
	facts::{self, FileFacts},
	tree::Tree,
	workspace::{self, Member},
};
use anyhow::{bail, Result};
use ratchet::Ratchet;
use std::{collections::BTreeMap, fs, path::Path};

/// Treatment of the ratchets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
	/// Compare with them.
	Check,
	/// Lower them to what the tree has now; never raise one.
	Update,
	/// Take the tree as it is, and print what that raises.
	Rebase,
}

/// The tree with everything that several checks need of it.
pub struct House {
	/// Its files.
	pub tree: Tree,
	/// Its crates.
	pub members: Vec<Member>,
	/// Its Rust files.
	pub facts: BTreeMap<String, FileFacts>,
}

impl House {
	/// Parses manifests and Rust files.
	pub fn new(tree: Tree) -> Result<Self> {
		Ok(Self { members: workspace::members(&tree)?, facts: facts::of_tree(&tree)?, tree })
	}
}

/// Checks the tree at `root`. Fails with the number of findings, which are printed one a line.
pub fn run(root: &Path, mode: Mode) -> Result<()> {
	let house = House::new(Tree::read(root)?)?;
	let measured = measure(&house)?;
	let mut listed = Ratchet::parse(house.tree.text(ratchet::FILE))?;
	if mode != Mode::Check {
		let (next, changes) = match mode {
			Mode::Update => listed.lowered(&measured),
			_ => (measured.clone(), listed.raised(&measured)),
		};
		fs::write(root.join(ratchet::FILE), next.text()?)?;
		changes.iter().for_each(|change| eprintln!("{change}"));
		listed = next;
	}
	let mut findings = findings(&house)?;
	findings.extend(listed.findings(&measured));
	for line in words::report(&house) {
		eprintln!("{line}");
	}
	let slack = listed.slack(&measured);
	if slack > 0 {
		eprintln!("{slack} ratchets can be lowered: cargo xtask tidy --update");
	}
	findings.iter().for_each(|finding| eprintln!("error: {finding}"));
	match findings.len() {
		0 => Ok(()),
		count => bail!("{count} findings; each says what to do"),
	}
}

/// Findings of the rules that hold everywhere.
fn findings(house: &House) -> Result<Vec<String>> {
	let mut findings = layers::check(house)?;
	findings.extend(pallets::check(house));
	findings.extend(docs::check(house));
	findings.extend(scripts::check(&house.tree)?);
	findings.extend(paths::check(&house.tree));
	Ok(findings)
}

/// Measures everything that the ratchets count.
fn measure(house: &House) -> Result<Ratchet> {
	let mut measured = Ratchet { circles: circles::find(house), ..Ratchet::default() };
	measured.counts.insert(lengths::FILES.into(), lengths::files(house));
	measured.counts.insert(lengths::FUNCTIONS.into(), lengths::functions(house));
	measured.counts.insert(pallets::RETIRED.into(), pallets::retired(house));
	measured.counts.insert(words::WORDS.into(), words::count(house)?);
	measured.counts.insert(words::QUESTIONS.into(), words::questions(house));
	Ok(measured)
}

#[cfg(test)]
pub(crate) mod fixture {
	use super::*;

	/// A house of these files; a workspace of the crates among them is written around it.
	pub fn house(files: &[(&str, &str)]) -> House {
		let mut tree = Tree::default();
		let mut members = Vec::new();
		for (path, text) in files {
			tree.insert(*path, *text);
			members.extend(path.strip_suffix("/Cargo.toml").map(|dir| format!("{dir:?}")));
		}
		tree.insert("Cargo.toml", format!("[workspace]\nmembers = [{}]\n", members.join(", ")));
		House::new(tree).unwrap()
	}

	/// A manifest of the package `name` with these tables.
	pub fn manifest(name: &str, tables: &str) -> String {
		format!("[package]\nname = {name:?}\n{tables}")
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::process::Command;

	/// A checkout of one crate whose documentation has a word of the list.
	fn checkout(doc: &str) -> tempfile::TempDir {
		let root = tempfile::tempdir().unwrap();
		let write = |path: &str, text: &str| {
			let path = root.path().join(path);
			fs::create_dir_all(path.parent().unwrap()).unwrap();
			fs::write(path, text).unwrap();
		};
		write("Cargo.toml", "[workspace]\nmembers = [\"a\"]\n");
		write("ARCHITECTURE.md", "| `a` | a crate |\n");
		write("xtask/layers.toml", "[parts.a]\nuses = []\n");
		write("xtask/words.toml", "[[word]]\nforms = [\"anew\"]\ninstead = \"again\"\n");
		write("a/Cargo.toml", "[package]\nname = \"a\"\n");
		write("a/src/lib.rs", doc);
		assert!(Command::new("git").arg("init").arg("-q").current_dir(&root).status().unwrap().success());
		root
	}

	#[test]
	fn run_fails_until_the_tree_is_taken_as_it_is_and_again_when_the_list_is_too_long() {
		let root = checkout("//! Begins anew, and anew.\n");
		let run = |mode| run(root.path(), mode);
		assert!(run(Mode::Check).unwrap_err().to_string().starts_with("1 findings"));
		assert!(run(Mode::Update).is_err(), "an update raises nothing");
		run(Mode::Rebase).unwrap();
		run(Mode::Check).unwrap();

		fs::write(root.path().join("a/src/lib.rs"), "//! Begins again.\n").unwrap();
		assert!(run(Mode::Check).is_err(), "the list names what is gone");
		run(Mode::Update).unwrap();
		run(Mode::Check).unwrap();
	}

	#[test]
	fn run_fails_when_the_folder_is_no_checkout() {
		let root = tempfile::tempdir().unwrap();
		assert!(run(root.path(), Mode::Check)
			.unwrap_err()
			.to_string()
			.contains("run this in a git checkout"));
	}
}
