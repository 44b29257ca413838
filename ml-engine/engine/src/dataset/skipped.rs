//! Texts that did not become documents, by reason.

use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, fmt};

/// Why a file, a line, a part of one or a whole crate is not in a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
	/// Shorter than what teaches anything.
	TooShort,
	/// Larger than one file may be.
	TooLarge,
	/// Not UTF-8.
	NotUtf8,
	/// UTF-16, which begins with its own byte order mark.
	Utf16,
	/// Its first lines say that a program wrote it.
	Generated,
	/// It has lines that only programs write.
	LongLine,
	/// Its text is in the dataset already.
	Duplicate,
	/// No licence is named.
	LicenceMissing,
	/// A file holds the licence, and no SPDX expression names it.
	LicenceFileOnly,
	/// The licence is not an SPDX expression.
	LicenceUnknown,
	/// The licence does not let anyone train on it.
	LicenceNotPermissive,
	/// The crate's manifest cannot be read.
	ManifestUnreadable,
	/// Its crate has given as much text as one may.
	SourceFull,
	/// The dataset has reached its limit.
	OverLimit,
}

impl fmt::Display for SkipReason {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::TooShort => "too short",
			Self::TooLarge => "too large",
			Self::NotUtf8 => "not UTF-8",
			Self::Utf16 => "UTF-16",
			Self::Generated => "generated",
			Self::LongLine => "with lines that only programs write",
			Self::Duplicate => "duplicate",
			Self::LicenceMissing => "without a licence",
			Self::LicenceFileOnly => "with a licence file only",
			Self::LicenceUnknown => "with a licence that SPDX does not know",
			Self::LicenceNotPermissive => "with a licence that is not permissive",
			Self::ManifestUnreadable => "with a manifest that cannot be read",
			Self::SourceFull => "beyond one crate's share",
			Self::OverLimit => "beyond the limit",
		})
	}
}

/// Counts by reason, and the first case of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(BTreeMap<SkipReason, (u64, String)>);

impl Skipped {
	/// Counts one case.
	pub fn note(&mut self, reason: SkipReason, what: impl FnOnce() -> String) {
		self.0.entry(reason).or_insert_with(|| (0, what())).0 += 1;
	}

	/// Cases of one reason.
	pub fn count(&self, reason: SkipReason) -> u64 {
		self.0.get(&reason).map_or(0, |(count, _)| *count)
	}

	/// All cases.
	pub fn total(&self) -> u64 {
		self.0.values().map(|(count, _)| count).sum()
	}

	/// Reasons with their count and their first case.
	pub fn iter(&self) -> impl Iterator<Item = (SkipReason, u64, &str)> {
		self.0.iter().map(|(reason, (count, first))| (*reason, *count, first.as_str()))
	}

	/// The reason of most cases.
	pub fn main_reason(&self) -> Option<SkipReason> {
		self.iter().max_by_key(|(_, count, _)| *count).map(|(reason, ..)| reason)
	}
}

impl fmt::Display for Skipped {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		for (index, (reason, count, first)) in self.iter().enumerate() {
			let separator = if index == 0 { "" } else { ", " };
			write!(f, "{separator}{count} {reason} ({first})")?;
		}
		Ok(())
	}
}

impl Serialize for Skipped {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		#[derive(Serialize)]
		struct Case<'a> {
			count: u64,
			first: &'a str,
		}
		serializer.collect_map(self.iter().map(|(reason, count, first)| (reason, Case { count, first })))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn skipped_counts_by_reason_and_keeps_the_first_case() {
		let mut skipped = Skipped::default();
		for name in ["a", "b"] {
			skipped.note(SkipReason::TooShort, || name.into());
		}
		skipped.note(SkipReason::NotUtf8, || "c, line 3, byte 7".into());
		assert_eq!((skipped.total(), skipped.count(SkipReason::TooShort)), (3, 2));
		assert_eq!(skipped.main_reason(), Some(SkipReason::TooShort));
		assert_eq!(skipped.to_string(), "2 too short (a), 1 not UTF-8 (c, line 3, byte 7)");
		let json = serde_json::to_value(&skipped).unwrap();
		assert_eq!(json["not_utf8"], serde_json::json!({ "count": 1, "first": "c, line 3, byte 7" }));
	}
}
