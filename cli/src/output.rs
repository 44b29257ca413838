//! Output of a command: sentences for people, or JSON lines for programs.

use crate::{
	failure::{ExitStatus, Failure},
	progress::{self, Bar},
};
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;
use serde_json::{json, Value};
use std::{
	fmt::Display,
	io::{IsTerminal, Write},
};

/// Text that others chose, without what a terminal would obey.
pub fn printable(text: &str) -> String {
	text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Where a command's words go. Progress bars are drawn only for a person at a terminal.
#[derive(Clone)]
pub struct Output {
	json: bool,
	bars: MultiProgress,
}

impl Output {
	/// `json`: one JSON value a line on standard output, and nothing else.
	pub fn new(json: bool) -> Self {
		let bars = MultiProgress::new();
		if json || !std::io::stderr().is_terminal() {
			bars.set_draw_target(ProgressDrawTarget::hidden());
		}
		Self { json, bars }
	}

	/// Reports whether output goes to programs.
	pub fn is_json(&self) -> bool {
		self.json
	}

	/// Reports whether progress bars are drawn.
	pub fn has_bars(&self) -> bool {
		!self.bars.is_hidden()
	}

	/// A sentence for people; programs do not see it.
	pub fn say(&self, text: impl Display) {
		if !self.json {
			self.bars.suspend(|| print_line(text));
		}
	}

	/// A result: `value` for programs, `text` for people.
	pub fn result(&self, value: &impl Serialize, text: impl Display) {
		if self.json {
			self.print_json(value);
		} else {
			self.say(text);
		}
	}

	/// Something that happened on the way: `{"event": name, ..fields}` for programs, `text` for people.
	pub fn event(&self, name: &str, fields: Value, text: impl Display) {
		if self.json {
			let mut object = json!({ "event": name });
			if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
				object.extend(fields);
			}
			self.print_json(&object);
		} else {
			self.say(text);
		}
	}

	/// A warning, on standard error.
	pub fn warn(&self, text: impl Display) {
		if self.json {
			eprintln!("{}", json!({ "warning": text.to_string() }));
		} else {
			self.bars.suspend(|| eprintln!("warning: {text}"));
		}
	}

	/// The end of a command that failed, on standard error.
	pub fn failure(&self, failure: &Failure) {
		if self.json {
			let error = json!({
				"error": failure.message,
				"next": failure.next,
				"code": failure.kind.exit_code(),
			});
			eprintln!("{error}");
		} else {
			eprintln!("error: {}", failure.message);
			if let Some(next) = &failure.next {
				eprintln!(" next: {next}");
			}
		}
	}

	/// A progress bar over `total` steps, with rate and time left.
	pub fn bar(&self, label: &str, total: u64) -> Bar {
		progress::bar(&self.bars, label, total)
	}

	/// A progress bar over `total` bytes.
	pub fn byte_bar(&self, label: &str, total: u64) -> Bar {
		progress::byte_bar(&self.bars, label, total)
	}

	/// A spinner for work of unknown length.
	pub fn spinner(&self, label: &str) -> Bar {
		progress::spinner(&self.bars, label)
	}

	fn print_json(&self, value: &impl Serialize) {
		match serde_json::to_string(value) {
			Ok(text) => print_line(text),
			Err(error) => eprintln!("{}", json!({ "error": error.to_string() })),
		}
	}
}

/// Prints a line. A closed pipe, as behind `head`, is not an error: no reader is left to report it to.
fn print_line(text: impl Display) {
	let _ = writeln!(std::io::stdout(), "{text}");
}

/// Columns of text, each as wide as its widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
	let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
	for row in rows {
		for (width, cell) in widths.iter_mut().zip(row) {
			*width = (*width).max(cell.chars().count());
		}
	}
	let line = |cells: Vec<&str>| {
		let padded: Vec<String> =
			cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
		padded.join("  ").trim_end().to_string()
	};
	let mut lines = vec![line(head.to_vec())];
	lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
	lines.join("\n")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn table_aligns_columns_to_the_widest_cell() {
		let rows = vec![vec!["0.0".into(), "genesis".into()], vec!["12.34".into(), "x".into()]];
		assert_eq!(table(&["slot", "owner"], &rows), "slot   owner\n0.0    genesis\n12.34  x");
	}
}
