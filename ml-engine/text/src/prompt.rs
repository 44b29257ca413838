//! Rendered conversations, before they are encoded.

use std::fmt;

/// Rendered conversation. Where a message contains a control token's string, a mark keeps it from being one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
	guarded: String,
	mark: char,
}

impl Prompt {
	/// Takes a text in which `mark` stands inside of all that must not be parsed.
	pub(crate) fn new(guarded: String, mark: char) -> Self {
		Self { guarded, mark }
	}

	/// Returns the text in which only the template's control tokens can be found.
	pub(crate) fn guarded(&self) -> &str {
		&self.guarded
	}

	/// Removes the marks from a section of the guarded text.
	pub(crate) fn unguarded(&self, section: &str) -> String {
		section.replace(self.mark, "")
	}
}

impl fmt::Display for Prompt {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.unguarded(&self.guarded))
	}
}
