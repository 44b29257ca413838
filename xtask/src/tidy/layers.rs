//! Which crate may be built with which: `xtask/layers.toml`, the table of ARCHITECTURE.md as a check.

use super::House;
use crate::workspace::{dirs_by_name, Member};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where the list is kept.
pub const FILE: &str = "xtask/layers.toml";
const TABLE: &str = "ARCHITECTURE.md";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
	parts: BTreeMap<String, Part>,
}

/// Dependencies that one crate may be built with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
	/// Folders of the crates of this workspace that it may use.
	uses: BTreeSet<String>,
	/// Those that its tests, examples and benches may use as well.
	#[serde(default)]
	tests_use: BTreeSet<String>,
	/// Packages from outside that it must not use; a `*` at the end stands for any rest.
	#[serde(default)]
	refuses: Vec<String>,
}

/// Compares every dependency with the list, and the list with the crates and the table.
pub fn check(house: &House) -> Result<Vec<String>> {
	let text = house.tree.text(FILE).with_context(|| format!("{FILE} is missing; restore it from git"))?;
	let layers: Layers =
		toml::from_str(text).with_context(|| format!("{FILE} does not say what it should"))?;
	let dirs = dirs_by_name(&house.members);
	let mut findings = Vec::new();
	for member in &house.members {
		match layers.parts.get(&member.dir) {
			Some(part) => findings.extend(compare(member, part, &dirs)),
			None => findings.push(format!(
				"{}: not in {FILE}; add [parts.{:?}] with what it may use, and a row to the table of {TABLE}",
				member.dir, member.dir
			)),
		}
	}
	let exists = |dir: &str| house.members.iter().any(|member| member.dir == dir);
	for (dir, part) in &layers.parts {
		for gone in part.uses.iter().chain(&part.tests_use).chain([dir]).filter(|dir| !exists(dir)) {
			findings.push(format!(
				"{FILE}: names {gone} in [parts.{dir:?}], which is no crate of the workspace; remove it"
			));
		}
	}
	findings.extend(undrawn(house));
	Ok(findings)
}

/// Dependencies of a crate that its part of the list does not allow, and allowances that it does not need.
fn compare(member: &Member, part: &Part, dirs: &BTreeMap<&str, &str>) -> Vec<String> {
	let mut findings = Vec::new();
	let local = |names: &BTreeSet<String>| -> BTreeSet<String> {
		names.iter().filter_map(|name| dirs.get(name.as_str())).map(ToString::to_string).collect()
	};
	let (uses, tests_use) = (local(&member.uses), local(&member.tests_use));
	let dir = &member.dir;
	for other in uses.difference(&part.uses) {
		findings.push(format!(
			"{dir}: depends on {other}, which {FILE} does not allow. Take a trait or a type of a crate below both instead; if the \
			layers themselves should change, add {other:?} to `uses` of [parts.{dir:?}] and change {TABLE}"
		));
	}
	for other in
		tests_use.iter().filter(|other| !part.uses.contains(*other) && !part.tests_use.contains(*other))
	{
		findings.push(format!(
			"{dir}: its tests depend on {other}, which {FILE} does not allow. Take a fake of it; if the tests need the real one, add \
			{other:?} to `tests_use` of [parts.{dir:?}]"
		));
	}
	let unused = part.uses.difference(&uses).chain(part.tests_use.difference(&tests_use));
	for other in unused.filter(|other| dirs.values().any(|dir| dir == other)) {
		findings
			.push(format!("{FILE}: allows {other:?} in [parts.{dir:?}], which does not use it; remove it"));
	}
	for package in &member.uses {
		if let Some(refused) = part.refuses.iter().find(|refused| matches(package, refused)) {
			findings.push(format!(
				"{dir}: depends on {package}, and {FILE} refuses {refused:?} there: {TABLE} says what {dir} must never know"
			));
		}
	}
	findings
}

/// Reports whether `pattern`, which may end in `*`, stands for `package`.
fn matches(package: &str, pattern: &str) -> bool {
	pattern.strip_suffix('*').map_or(package == pattern, |beginning| package.starts_with(beginning))
}

/// Crates without a row in the table of ARCHITECTURE.md, neither of their own nor of a folder above.
fn undrawn(house: &House) -> Vec<String> {
	let table = house.tree.text(TABLE).unwrap_or_default();
	let named: BTreeSet<&str> = table
		.lines()
		.filter_map(|line| line.strip_prefix("| ")?.split('|').next())
		.flat_map(|cell| cell.split('`').skip(1).step_by(2))
		.collect();
	let is_named = |dir: &str| named.iter().any(|name| dir == *name || crate::tree::is_below(dir, name));
	let missing = house.members.iter().filter(|member| !is_named(&member.dir));
	missing
		.map(|member| {
			format!("{TABLE}: has no row for {}; say what it is for and what it must never know", member.dir)
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::{super::fixture::*, *};

	const DRAWN: (&str, &str) = ("ARCHITECTURE.md", "| part |\n|---|\n| `a`, `b` | x |\n| `t` | y |\n");

	fn with(layers: &str, a: &str) -> Vec<String> {
		check(&house(&[
			("a/Cargo.toml", &manifest("pallet-a", a)),
			("b/Cargo.toml", &manifest("b", "")),
			("t/fake/Cargo.toml", &manifest("fake", "")),
			("xtask/layers.toml", layers),
			DRAWN,
		]))
		.unwrap()
	}

	const OTHERS: &str = "[parts.b]\nuses = []\n[parts.\"t/fake\"]\nuses = []\n";

	#[test]
	fn check_passes_when_every_edge_is_allowed() {
		let layers =
			format!("{OTHERS}[parts.a]\nuses = [\"b\"]\ntests_use = [\"t/fake\"]\nrefuses = [\"sc-*\"]\n");
		let findings =
			with(&layers, "[dependencies]\nb = \"1\"\nserde = \"1\"\n[dev-dependencies]\nfake = \"1\"\n");
		assert_eq!(findings, [""; 0]);
	}

	#[test]
	fn check_fails_when_an_edge_is_not_allowed() {
		let layers = format!("{OTHERS}[parts.a]\nuses = []\nrefuses = [\"sc-*\"]\n");
		let findings =
			with(&layers, "[dependencies]\nb = \"1\"\nsc-cli = \"1\"\n[dev-dependencies]\nfake = \"1\"\n");
		assert_eq!(findings.len(), 3, "{findings:?}");
		assert!(findings[0].starts_with("a: depends on b, which xtask/layers.toml does not allow"));
		assert!(findings[1].starts_with("a: its tests depend on t/fake"));
		assert!(findings[2].starts_with("a: depends on sc-cli"));
	}

	#[test]
	fn check_fails_when_the_list_names_what_is_not_there() {
		let layers = format!("{OTHERS}[parts.a]\nuses = [\"b\"]\n[parts.gone]\nuses = []\n");
		let findings = with(&layers, "");
		assert_eq!(findings.len(), 2, "{findings:?}");
		assert!(findings[0].contains("allows \"b\" in [parts.\"a\"], which does not use it"));
		assert!(findings[1].contains("names gone"));
	}

	#[test]
	fn check_fails_when_a_crate_is_in_neither_table() {
		let findings =
			check(&house(&[("c/Cargo.toml", &manifest("c", "")), ("xtask/layers.toml", "[parts]\n"), DRAWN]))
				.unwrap();
		assert_eq!(findings.len(), 2, "{findings:?}");
		assert!(findings[0].starts_with("c: not in xtask/layers.toml"));
		assert!(findings[1].starts_with("ARCHITECTURE.md: has no row for c"));
	}
}
