//! Known breaches of the rules that the tree does not keep everywhere yet. They may shrink, never grow.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where the ratchets are kept.
pub const FILE: &str = "xtask/ratchet.json";

/// Kinds of count in [`Ratchet::counts`], and the advice of a finding of each.
const ADVICE: [(&str, &str); 5] = [
	(super::lengths::FILES, "move one of its ideas to a file of its own"),
	(super::lengths::FUNCTIONS, "give one of its steps a name of its own"),
	(super::pallets::RETIRED, "name the file after what it holds; xtask/src/tidy/pallets.rs lists the names"),
	(super::words::WORDS, "xtask/words.toml says what to write instead, `git grep -iw` shows where"),
	(
		super::words::QUESTIONS,
		"open a type's doc with a noun, a function's with a verb; `git grep -nE '//[/!] (What|Who|Whether|How) '` shows them",
	),
];

/// Counts as listed, or as measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratchet {
	/// Files that depend on each other in a circle; each circle in the order of paths.
	pub circles: BTreeSet<Vec<String>>,
	/// Counts by kind, then by what is counted.
	pub counts: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Ratchet {
	/// Reads the list; without one, nothing is listed.
	pub fn parse(text: Option<&str>) -> Result<Self> {
		let parse = |text| {
			serde_json::from_str(text).with_context(|| format!("{FILE} is damaged; restore it from git"))
		};
		text.map_or_else(|| Ok(Self::default()), parse)
	}

	/// The list as it is written to disk.
	pub fn text(&self) -> Result<String> {
		Ok(serde_json::to_string_pretty(self)? + "\n")
	}

	/// Findings where `measured` is worse than this list, and where the list names what is gone.
	pub fn findings(&self, measured: &Self) -> Vec<String> {
		let mut findings = Vec::new();
		for circle in &measured.circles {
			if !self.circles.iter().any(|listed| is_part(circle, listed)) {
				findings.push(format!(
					"{}: these files depend on each other in a circle; move what both sides need to a file below them",
					circle.join(", ")
				));
			}
		}
		for circle in self.circles.difference(&measured.circles) {
			findings.push(format!(
				"{}: this circle is gone or smaller; cargo xtask tidy --update",
				circle.join(", ")
			));
		}
		for (kind, counts) in &measured.counts {
			let advice = ADVICE.iter().find(|(name, _)| name == kind).map_or("", |(_, advice)| advice);
			for (key, count) in counts {
				let listed = self.count(kind, key);
				if *count > listed {
					let limit = if listed == 0 { String::new() } else { format!(", up from {listed}") };
					findings.push(format!("{key}: {count} {kind}{limit}; {advice}"));
				}
			}
		}
		for (kind, counts) in &self.counts {
			for key in counts.keys().filter(|key| measured.count(kind, key) == 0) {
				findings.push(format!(
					"{key}: listed in {FILE} under {kind:?}, but in order now; cargo xtask tidy --update"
				));
			}
		}
		findings
	}

	/// Number of counts that could be lower.
	pub fn slack(&self, measured: &Self) -> usize {
		let lower = |(kind, key, listed)| (1..listed).contains(&measured.count(kind, key));
		self.entries().filter(|entry| lower(*entry)).count()
	}

	/// This list lowered to what was measured, and what that changed.
	pub fn lowered(&self, measured: &Self) -> (Self, Vec<String>) {
		let mut next = Self::default();
		for listed in &self.circles {
			next.circles.extend(measured.circles.iter().filter(|circle| is_part(circle, listed)).cloned());
		}
		let mut changes = Vec::new();
		for circle in self.circles.difference(&next.circles) {
			changes.push(format!("lowered: circle {}", circle.join(", ")));
		}
		for kind in measured.counts.keys() {
			next.counts.entry(kind.clone()).or_default();
		}
		for (kind, key, listed) in self.entries() {
			let count = measured.count(kind, key).min(listed);
			if count < listed {
				changes.push(format!("lowered: {key}: {kind} from {listed} to {count}"));
			}
			if count > 0 {
				next.counts.entry(kind.into()).or_default().insert(key.into(), count);
			}
		}
		(next, changes)
	}

	/// Returns the counts that taking `measured` for the list would raise.
	pub fn raised(&self, measured: &Self) -> Vec<String> {
		let circles = measured
			.circles
			.iter()
			.filter(|circle| !self.circles.iter().any(|listed| is_part(circle, listed)));
		let circles = circles.map(|circle| format!("raised: circle {}", circle.join(", ")));
		let counts = measured.entries().filter(|(kind, key, count)| *count > self.count(kind, key));
		let counts = counts.map(|(kind, key, count)| {
			format!("raised: {key}: {kind} from {} to {count}", self.count(kind, key))
		});
		circles.chain(counts).collect()
	}

	fn count(&self, kind: &str, key: &str) -> usize {
		self.counts.get(kind).and_then(|counts| counts.get(key)).copied().unwrap_or_default()
	}

	fn entries(&self) -> impl Iterator<Item = (&str, &str, usize)> {
		self.counts.iter().flat_map(|(kind, counts)| {
			counts.iter().map(move |(key, count)| (kind.as_str(), key.as_str(), *count))
		})
	}
}

/// Reports whether every file of `circle` belongs to the circle `listed`.
fn is_part(circle: &[String], listed: &[String]) -> bool {
	circle.iter().all(|file| listed.contains(file))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn ratchet(circles: &[&[&str]], counts: &[(&str, usize)]) -> Ratchet {
		let circle = |files: &&[&str]| files.iter().map(ToString::to_string).collect();
		let counts = counts.iter().map(|(key, count)| (key.to_string(), *count)).collect();
		Ratchet {
			circles: circles.iter().map(circle).collect(),
			counts: BTreeMap::from([(crate::tidy::words::WORDS.to_owned(), counts)]),
		}
	}

	#[test]
	fn findings_are_none_when_nothing_grew() {
		let listed = ratchet(&[&["a", "b"]], &[("docs: nobody", 3)]);
		assert!(listed.findings(&listed).is_empty());
		let better = ratchet(&[&["a", "b"]], &[("docs: nobody", 2)]);
		assert!(listed.findings(&better).is_empty());
		assert_eq!(listed.slack(&better), 1);
	}

	#[test]
	fn findings_name_what_grew_and_what_is_new() {
		let listed = ratchet(&[&["a", "b"]], &[("docs: nobody", 3)]);
		let worse = ratchet(&[&["a", "b"], &["c", "d"]], &[("docs: nobody", 4), ("cli: anew", 1)]);
		let findings = listed.findings(&worse);
		assert_eq!(findings.len(), 3, "{findings:?}");
		assert!(findings[0].starts_with("c, d: these files depend on each other"));
		assert!(findings[1].starts_with("cli: anew: 1 "));
		assert!(findings[2].contains("4 ") && findings[2].contains("up from 3"));
	}

	#[test]
	fn findings_ask_for_an_update_when_a_circle_shrank_or_an_entry_is_gone() {
		let listed = ratchet(&[&["a", "b", "c"], &["d", "e"]], &[("docs: nobody", 3)]);
		let better = ratchet(&[&["a", "b"]], &[]);
		let findings = listed.findings(&better);
		assert_eq!(findings.len(), 3, "{findings:?}");
		assert!(findings.iter().all(|finding| finding.ends_with("cargo xtask tidy --update")));
		assert_eq!(listed.lowered(&better).0, better);
	}

	#[test]
	fn lowered_never_raises_and_raised_names_every_rise() {
		let listed = ratchet(&[], &[("docs: nobody", 3)]);
		let worse = ratchet(&[&["a", "b"]], &[("docs: nobody", 4), ("cli: anew", 1)]);
		let (next, changes) = listed.lowered(&worse);
		assert_eq!(next, listed);
		assert!(changes.is_empty());
		assert_eq!(listed.raised(&worse).len(), 3);
	}

	#[test]
	fn parse_fails_when_the_file_is_damaged() {
		assert!(Ratchet::parse(Some("{")).err().unwrap().to_string().contains("restore it from git"));
		assert_eq!(Ratchet::parse(Some(&Ratchet::default().text().unwrap())).unwrap(), Ratchet::default());
	}
}
