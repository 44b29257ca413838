//! Counts by closed list, with the first case of each.

use crate::{Finding, Note, Reason};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Counts of what was looked at, left out, found and put right. Integers only; adding two is the same in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
	/// Findings in all texts, kept or not.
	pub findings: BTreeMap<Finding, u64>,
	/// Texts, lines and files left out.
	pub left_out: BTreeMap<Reason, u64>,
	/// Repairs.
	pub notes: BTreeMap<Note, u64>,
	/// Rows, lines and files that were looked at.
	pub read: u64,
}

impl Counts {
	/// Counts something that is left out.
	pub fn leave_out(&mut self, reason: Reason) {
		*self.left_out.entry(reason).or_default() += 1;
	}

	/// Counts a repair.
	pub fn note(&mut self, note: Note) {
		*self.notes.entry(note).or_default() += 1;
	}

	/// Counts a finding.
	pub fn find(&mut self, finding: Finding) {
		*self.findings.entry(finding).or_default() += 1;
	}

	/// Cases of one reason.
	pub fn left_out_for(&self, reason: Reason) -> u64 {
		self.left_out.get(&reason).copied().unwrap_or_default()
	}

	/// All cases of all reasons.
	pub fn left_out_total(&self) -> u64 {
		self.left_out.values().sum()
	}

	/// Adds other counts.
	pub fn add(&mut self, other: &Self) {
		fn sum<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
			for (key, count) in from {
				*into.entry(*key).or_default() += count;
			}
		}
		sum(&mut self.findings, &other.findings);
		sum(&mut self.left_out, &other.left_out);
		sum(&mut self.notes, &other.notes);
		self.read += other.read;
	}
}

/// Counts, and where the first case of each reason stands. The places are for the contributor's eyes: they name
/// files, and never enter a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
	/// The counts.
	pub counts: Counts,
	/// The first case of each reason.
	pub first: BTreeMap<Reason, String>,
}

impl Tally {
	/// Counts something that is left out, and keeps its place if it is the first.
	pub fn leave_out(&mut self, reason: Reason, place: impl FnOnce() -> String) {
		self.counts.leave_out(reason);
		self.first.entry(reason).or_insert_with(place);
	}

	/// The reason of most cases.
	pub fn main_reason(&self) -> Option<Reason> {
		// The last of equals would be taken otherwise.
		self.counts.left_out.iter().rev().max_by_key(|(_, count)| **count).map(|(reason, _)| *reason)
	}
}

impl fmt::Display for Tally {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		if self.counts.left_out.is_empty() {
			return f.write_str("nothing");
		}
		for (index, (reason, count)) in self.counts.left_out.iter().enumerate() {
			let separator = if index == 0 { "" } else { ", " };
			write!(f, "{separator}{count} {reason}")?;
			if let Some(first) = self.first.get(reason) {
				write!(f, " ({first})")?;
			}
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_tally_counts_by_reason_and_keeps_the_first_case() {
		let mut tally = Tally::default();
		assert_eq!(tally.to_string(), "nothing");
		for place in ["a", "b"] {
			tally.leave_out(Reason::TooShort, || place.into());
		}
		tally.leave_out(Reason::NotUtf8, || "c, line 3".into());
		assert_eq!(tally.to_string(), "1 not UTF-8 (c, line 3), 2 too short (a)");
		assert_eq!(tally.main_reason(), Some(Reason::TooShort));
		assert_eq!(tally.counts.left_out_total(), 3);
	}

	#[test]
	fn counts_add_up_and_round_trip() {
		let mut counts = Counts { read: 2, ..Counts::default() };
		counts.leave_out(Reason::Toxic);
		counts.note(Note::Cut);
		counts.find(Finding::Iban);
		let mut twice = counts.clone();
		twice.add(&counts);
		assert_eq!((twice.read, twice.left_out_for(Reason::Toxic), twice.notes[&Note::Cut]), (4, 2, 2));
		let text = serde_json::to_string(&twice).unwrap();
		assert_eq!(serde_json::from_str::<Counts>(&text).unwrap(), twice);
	}
}
