//! Which part of a text a model sees when it chooses a byte.

use blyan_exact::ModelConfig;
use std::ops::Range;

/// A stretch of text that is read without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
	/// Index in the text of the first byte that the model sees, behind token 0.
	pub start: usize,
	/// Indices in the text of the bytes that are chosen in this window.
	pub bytes: Range<usize>,
}

impl Window {
	/// Bytes in front of the first one that is chosen here.
	pub fn unchosen(&self) -> usize {
		self.bytes.start - self.start
	}
}

/// Returns how many bytes at the end of a prompt the model reads: all that fit behind token 0.
pub fn prompt_bytes_seen(config: &ModelConfig, prompt_len: usize) -> usize {
	prompt_len.min(usize::from(config.context).saturating_sub(1))
}

/// The windows of a generation, in order: what [`super::Generator`] reads, known in advance.
#[derive(Clone, Debug)]
pub struct Windows {
	context: usize,
	/// Where the next window starts, and its first byte that is chosen.
	next: (usize, usize),
	end: usize,
}

impl Windows {
	/// For a text of `text_len` bytes whose first `prompt_len` are the prompt. No windows if nothing was generated.
	pub fn new(config: &ModelConfig, prompt_len: usize, text_len: usize) -> Self {
		let context = usize::from(config.context);
		let start = prompt_len - prompt_bytes_seen(config, prompt_len);
		Self { context, next: (start, prompt_len), end: text_len }
	}
}

impl Iterator for Windows {
	type Item = Window;

	fn next(&mut self) -> Option<Window> {
		let (start, first) = self.next;
		if first >= self.end {
			return None;
		}
		// Token 0 and the `context - 1` bytes behind it; the byte after those is the last one chosen.
		let full = start + self.context;
		self.next = (full - self.context / 2, full);
		Some(Window { start, bytes: first..full.min(self.end) })
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn windows(context: u16, prompt: usize, text: usize) -> Vec<(usize, Range<usize>)> {
		let config =
			ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 1, top_k: 1, context };
		Windows::new(&config, prompt, text).map(|window| (window.start, window.bytes)).collect()
	}

	#[test]
	fn windows_begin_again_with_the_last_half() {
		assert_eq!(windows(8, 3, 3), []);
		assert_eq!(windows(8, 3, 8), [(0, 3..8)]);
		assert_eq!(windows(8, 3, 9), [(0, 3..8), (4, 8..9)]);
		assert_eq!(windows(8, 3, 14), [(0, 3..8), (4, 8..12), (8, 12..14)]);
	}

	#[test]
	fn a_prompt_that_does_not_fit_is_cut_to_what_does() {
		assert_eq!(windows(8, 7, 9), [(0, 7..8), (4, 8..9)]);
		// One byte more of prompt is one byte less of its beginning, not half of it.
		assert_eq!(windows(8, 8, 10), [(1, 8..9), (5, 9..10)]);
		assert_eq!(windows(8, 100, 106), [(93, 100..101), (97, 101..105), (101, 105..106)]);
	}

	#[test]
	fn a_context_of_one_sees_nothing_but_its_beginning() {
		assert_eq!(windows(1, 0, 2), [(0, 0..1), (1, 1..2)]);
		assert_eq!(windows(1, 5, 7), [(5, 5..6), (6, 6..7)]);
	}
}
