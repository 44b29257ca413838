//! HTML in which nothing but literals of this program is markup.

use std::fmt::{Display, Write};

/// A document being written.
#[derive(Default)]
pub struct Html(String);

impl Html {
	/// Appends markup, which only a literal can be.
	pub fn markup(&mut self, literal: &'static str) -> &mut Self {
		self.0.push_str(literal);
		self
	}

	/// Appends text, escaped for elements and quoted attributes alike.
	pub fn text(&mut self, text: impl Display) -> &mut Self {
		// Writing to a string cannot fail.
		let _ = write!(Escaping(&mut self.0), "{text}");
		self
	}

	/// Returns the document.
	pub fn finish(self) -> String {
		self.0
	}
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
	fn write_str(&mut self, text: &str) -> std::fmt::Result {
		for letter in text.chars() {
			match letter {
				'&' => self.0.push_str("&amp;"),
				'<' => self.0.push_str("&lt;"),
				'>' => self.0.push_str("&gt;"),
				'"' => self.0.push_str("&quot;"),
				'\'' => self.0.push_str("&#39;"),
				// Controls, and marks that turn the direction of what follows.
				'\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
				letter if letter.is_control() => self.0.push('\u{fffd}'),
				letter => self.0.push(letter),
			}
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn text_is_escaped_and_markup_is_not() {
		let mut html = Html::default();
		html.markup("<p title=\"").text("a\"b'c").markup("\">").text("<i>&\u{0}\u{202e}x").markup("</p>");
		assert_eq!(html.finish(), "<p title=\"a&quot;b&#39;c\">&lt;i&gt;&amp;\u{fffd}\u{fffd}x</p>");
	}
}
