//! The table that a run ends with.

use serde::Serialize;
use std::{fmt::Write as _, time::Duration};

/// Verdict on a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
	/// Everything held.
	Passed,
	/// Something did not.
	Failed,
	/// It could not be played here.
	NotRun,
}

/// One scenario's row.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
	/// Its name.
	pub scenario: String,
	/// The fault that was injected, and observations meanwhile.
	pub done: String,
	/// Seconds from the end of the fault until every node had finalised two more blocks.
	pub resumed_after_s: Option<u64>,
	/// True if everything accepted before is still there.
	pub is_state_kept: Option<bool>,
	/// True if the books reconcile.
	pub do_books_reconcile: Option<bool>,
	/// Lines in logs that tell of a panic.
	pub panics: Option<usize>,
	/// The verdict.
	pub verdict: Verdict,
	/// Why it is not [`Verdict::Passed`].
	pub reason: Option<String>,
}

impl Row {
	/// A scenario that was not played, and why.
	pub fn not_run(scenario: &str, reason: &str) -> Self {
		Self {
			scenario: scenario.into(),
			done: String::new(),
			resumed_after_s: None,
			is_state_kept: None,
			do_books_reconcile: None,
			panics: None,
			verdict: Verdict::NotRun,
			reason: Some(reason.into()),
		}
	}

	/// A scenario that failed before it told anything else.
	pub fn failed(scenario: &str, reason: &str) -> Self {
		Self { verdict: Verdict::Failed, ..Self::not_run(scenario, reason) }
	}

	/// The same row with how long it took to resume.
	pub fn resumed(mut self, after: Duration) -> Self {
		self.resumed_after_s = Some(after.as_secs());
		self
	}
}

/// The rows as a table in Markdown.
pub fn table(rows: &[Row]) -> String {
	let mut table = String::from(
		"| scenario | what was done | finality resumed after | accepted state | books | panics | verdict |\n\
		|---|---|---|---|---|---|---|\n",
	);
	for row in rows {
		let yes = |value: Option<bool>, good: &str, bad: &str| match value {
			Some(true) => good.to_string(),
			Some(false) => bad.to_string(),
			None => "-".to_string(),
		};
		let verdict = match (row.verdict, &row.reason) {
			(Verdict::Passed, _) => "passed".to_string(),
			(Verdict::Failed, reason) => {
				format!("**failed**: {}", cell(reason.as_deref().unwrap_or_default()))
			}
			(Verdict::NotRun, reason) => format!("not run: {}", cell(reason.as_deref().unwrap_or_default())),
		};
		// Writing to a string cannot fail.
		let _ = writeln!(
			table,
			"| {} | {} | {} | {} | {} | {} | {verdict} |",
			row.scenario,
			cell(&row.done),
			row.resumed_after_s.map_or("-".to_string(), |seconds| format!("{seconds} s")),
			yes(row.is_state_kept, "kept", "lost"),
			yes(row.do_books_reconcile, "reconcile", "do not"),
			row.panics.map_or("-".to_string(), |count| count.to_string()),
		);
	}
	table
}

/// Text that stays within its cell.
fn cell(text: &str) -> String {
	text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn table_has_a_line_a_row_whatever_the_text() {
		let mut row = Row::not_run("clocks", "no faketime |\n here");
		row.done = "two\nlines".into();
		let table = table(&[row]);
		assert_eq!(table.lines().count(), 3);
		assert!(table.ends_with("| clocks | two lines | - | - | - | - | not run: no faketime \\| here |\n"));
	}
}
