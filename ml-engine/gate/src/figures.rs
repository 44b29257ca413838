//! Sums over the records of a dataset.

use crate::{finding::GateFinding, gate::Judgement};
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Counts of what the gate found, with the first case of each finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
	/// Records that were looked at.
	pub records: u64,
	/// Records by finding.
	pub findings: BTreeMap<GateFinding, u64>,
	/// The first case of each finding.
	pub first: BTreeMap<GateFinding, String>,
	/// Records by the language that the classifier is sure of; source code is `code`.
	pub languages: BTreeMap<&'static str, u64>,
}

impl Figures {
	/// Counts a record; `place` names it if it is the first of a finding.
	pub fn add(&mut self, judgement: &Judgement, place: impl Fn() -> String) {
		self.records += 1;
		for finding in &judgement.findings {
			*self.findings.entry(*finding).or_default() += 1;
			self.first.entry(*finding).or_insert_with(&place);
		}
		if let Some(language) = judgement.language {
			*self.languages.entry(language).or_default() += 1;
		}
	}
}

impl fmt::Display for Figures {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{} records", self.records)?;
		for (finding, count) in &self.findings {
			write!(f, ", {count} {finding}")?;
			if let Some(first) = self.first.get(finding) {
				write!(f, " ({first})")?;
			}
		}
		if self.findings.is_empty() {
			f.write_str(", no advice")?;
		}
		if !self.languages.is_empty() {
			let mut languages: Vec<_> = self.languages.iter().collect();
			languages.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
			let list: Vec<String> =
				languages.iter().take(5).map(|(name, count)| format!("{name} {count}")).collect();
			write!(f, "; languages: {}", list.join(", "))?;
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn figures_count_by_finding_and_keep_the_first_case() {
		let mut figures = Figures::default();
		assert_eq!(figures.to_string(), "0 records, no advice");
		let toxic = Judgement {
			quality: 0,
			toxicity: 999,
			language: Some("en"),
			findings: vec![GateFinding::ToxicModel],
		};
		figures.add(&toxic, || "a".into());
		figures.add(&toxic, || "b".into());
		figures.add(&Judgement { findings: Vec::new(), language: Some("de"), ..toxic }, || "c".into());
		assert_eq!(figures.to_string(), "3 records, 2 toxic by the model (a); languages: en 2, de 1");
		let value = serde_json::to_value(&figures).unwrap();
		assert_eq!(value["findings"]["toxic_model"], 2);
		assert_eq!(value["first"]["toxic_model"], "a");
	}
}
