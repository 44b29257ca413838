//! HellaSwag: an activity and the beginning of its description, and four endings.

use super::{records, Malformed};
use crate::{
	suite::{Skip, Suite},
	task::{Choice, Kind, Task},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
	ind: Option<u64>,
	activity_label: String,
	ctx_a: String,
	ctx_b: String,
	endings: Vec<String>,
	label: Option<Label>,
}

/// Index of the right ending: a number, or a string of one, empty in the test set.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
	Number(usize),
	Text(String),
}

impl Label {
	fn index(self) -> Option<usize> {
		match self {
			Self::Number(index) => Some(index),
			Self::Text(text) => text.trim().parse().ok(),
		}
	}
}

pub(super) fn parse(text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().enumerate().map(|(index, record)| {
		let context = format!("{}: {} {}", record.activity_label, record.ctx_a, capitalise(&record.ctx_b));
		let answer = record.label.and_then(Label::index).ok_or(Skip::NoAnswer)?;
		Ok(Task {
			id: format!("{stem}/{}", record.ind.unwrap_or(index as u64)),
			kind: Kind::Choice(Choice {
				context: plain(&context),
				choices: record.endings.iter().map(|ending| plain(ending)).collect(),
				answer,
			}),
		})
	}));
	Ok(())
}

/// Python's `str.capitalize`, but for letters whose title case is not their upper case: the first character in upper case, all
/// others in lower case.
fn capitalise(text: &str) -> String {
	let mut characters = text.chars();
	match characters.next() {
		Some(first) => first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect(),
		None => String::new(),
	}
}

/// Removes marks of WikiHow: ` [title]` becomes a full stop, other brackets go, and double spaces become single ones, once.
fn plain(text: &str) -> String {
	let text = text.trim().replace(" [title]", ". ");
	let (mut plain, mut rest) = (String::with_capacity(text.len()), text.as_str());
	while let Some((before, behind)) = rest.split_once('[') {
		// The pattern `\[.*?\]` does not cross the end of a line.
		let inside = behind.split_once(']').filter(|(inside, _)| !inside.contains('\n'));
		plain.push_str(before);
		match inside {
			Some((_, after)) => rest = after,
			None => {
				plain.push('[');
				rest = behind;
			}
		}
	}
	plain.push_str(rest);
	plain.replace("  ", " ")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn marks_are_removed_as_the_harness_removes_them() {
		assert_eq!(plain(" A [title] B [step] c [x\n] d "), "A. B c [x\n] d");
		assert_eq!(plain("a    b"), "a  b");
		assert_eq!(capitalise("then He goes"), "Then he goes");
		assert_eq!(capitalise(""), "");
	}
}
