//! Between the bytes a model speaks and the text a client reads.

/// Turns bytes that arrive one at a time into text, a character as soon as it is complete.
#[derive(Default)]
pub struct TextStream {
	pending: Vec<u8>,
	/// Of what is pending, bytes that the prompt ended with.
	of_prompt: usize,
}

impl TextStream {
	/// Text that continues a prompt. If the prompt ends inside a character and the answer completes it, the whole character
	/// is text of the answer.
	pub fn after(prompt: &[u8]) -> Self {
		let tails = (1..=prompt.len().min(3)).map(|len| &prompt[prompt.len() - len..]);
		let begun = |tail: &&[u8]| {
			std::str::from_utf8(tail)
				.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
		};
		let pending = tails.into_iter().find(begun).unwrap_or_default().to_vec();
		Self { of_prompt: pending.len(), pending }
	}

	/// The text that `byte` completes; empty while a character is incomplete. Bytes that are not UTF-8
	/// become the replacement character, but for those of the prompt, which become nothing.
	pub fn push(&mut self, byte: u8) -> String {
		self.pending.push(byte);
		let mut text = String::new();
		loop {
			match std::str::from_utf8(&self.pending) {
				Ok(valid) => {
					text.push_str(valid);
					let len = self.pending.len();
					self.drain(len);
					return text;
				}
				Err(error) => {
					let valid = error.valid_up_to();
					text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
					let Some(bad) = error.error_len() else {
						self.drain(valid);
						return text;
					};
					if valid + bad > self.of_prompt {
						text.push(char::REPLACEMENT_CHARACTER);
					}
					self.drain(valid + bad);
				}
			}
		}
	}

	fn drain(&mut self, len: usize) {
		self.pending.drain(..len);
		self.of_prompt = self.of_prompt.saturating_sub(len);
	}

	/// Returns the rest, when no more bytes come.
	pub fn finish(self) -> String {
		match self.pending.len() > self.of_prompt {
			true => String::from_utf8_lossy(&self.pending).into_owned(),
			false => String::new(),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn stream_after(prompt: &[u8], bytes: &[u8]) -> Vec<String> {
		let mut stream = TextStream::after(prompt);
		let mut texts: Vec<_> = bytes.iter().map(|&byte| stream.push(byte)).collect();
		texts.push(stream.finish());
		texts
	}

	fn stream(bytes: &[u8]) -> Vec<String> {
		stream_after(b"", bytes)
	}

	#[test]
	fn push_gives_a_character_when_its_last_byte_arrives() {
		assert_eq!(stream("aé".as_bytes()), ["a", "", "é", ""]);
		assert_eq!(stream("🦀".as_bytes()), ["", "", "", "🦀", ""]);
	}

	#[test]
	fn push_replaces_what_is_not_text() {
		assert_eq!(stream(&[0xff, b'a']), ["\u{fffd}", "a", ""]);
		assert_eq!(stream(&[0xc3, b'a']), ["", "\u{fffd}a", ""]);
		assert_eq!(stream(&[0xe2, 0x82]), ["", "", "\u{fffd}"]);
	}

	#[test]
	fn a_character_that_the_prompt_began_is_completed() {
		let crab = "🦀".as_bytes();
		for cut in 1..4 {
			let texts = stream_after(&[b"x", &crab[..cut]].concat(), &crab[cut..]);
			assert_eq!(texts.concat(), "🦀", "{cut} bytes in the prompt");
		}
		assert_eq!(stream_after(&crab[..3], b"ab"), ["a", "b", ""], "its bytes were the prompt's");
		assert_eq!(stream_after(&crab[..3], b""), [""]);
		assert_eq!(stream_after(&crab[..2], &crab[2..3]), ["", "\u{fffd}"]);
		assert_eq!(stream_after("é".as_bytes(), b"a"), ["a", ""]);
		assert_eq!(stream_after(&[0xff, 0x80], b"a"), ["a", ""]);
	}

	proptest! {
		#[test]
		fn the_pieces_are_the_whole_text(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
			let expected = String::from_utf8_lossy(&bytes);
			prop_assert_eq!(stream(&bytes).concat(), expected);
		}

		#[test]
		fn the_seam_between_prompt_and_answer_is_not_seen(text: String, at: prop::sample::Index) {
			let (prompt, answer) = text.as_bytes().split_at(at.index(text.len() + 1));
			// The character that the seam splits, and all behind it.
			let begun = (0..=prompt.len()).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
			let expected = if answer.is_empty() { "" } else { &text[begun..] };
			prop_assert_eq!(stream_after(prompt, answer).concat(), expected);
		}
	}
}
