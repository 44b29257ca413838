//! Between the bytes a model speaks and the text a client reads.

/// A prompt's bytes: `0x` and an even number of hexadecimal digits are bytes, anything else is UTF-8 text.
pub fn prompt_bytes(prompt: &str) -> Vec<u8> {
	prompt
		.strip_prefix("0x")
		.and_then(|digits| hex::decode(digits).ok())
		.unwrap_or_else(|| prompt.as_bytes().to_vec())
}

/// Turns bytes that arrive one at a time into text, a character as soon as it is complete.
#[derive(Default)]
pub struct TextStream {
	pending: Vec<u8>,
}

impl TextStream {
	/// The text that `byte` completes; empty while a character is incomplete. Bytes that are no UTF-8
	/// become the replacement character.
	pub fn push(&mut self, byte: u8) -> String {
		self.pending.push(byte);
		let mut text = String::new();
		loop {
			match std::str::from_utf8(&self.pending) {
				Ok(valid) => {
					text.push_str(valid);
					self.pending.clear();
					return text;
				}
				Err(error) => {
					let valid = error.valid_up_to();
					text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
					let Some(bad) = error.error_len() else {
						self.pending.drain(..valid);
						return text;
					};
					text.push(char::REPLACEMENT_CHARACTER);
					self.pending.drain(..valid + bad);
				}
			}
		}
	}

	/// What is left when no more bytes come.
	pub fn finish(self) -> String {
		String::from_utf8_lossy(&self.pending).into_owned()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn stream(bytes: &[u8]) -> Vec<String> {
		let mut stream = TextStream::default();
		let mut texts: Vec<_> = bytes.iter().map(|&byte| stream.push(byte)).collect();
		texts.push(stream.finish());
		texts
	}

	#[test]
	fn push_gives_a_character_when_its_last_byte_arrives() {
		assert_eq!(stream("aé".as_bytes()), ["a", "", "é", ""]);
		assert_eq!(stream("🦀".as_bytes()), ["", "", "", "🦀", ""]);
	}

	#[test]
	fn push_replaces_what_is_no_text() {
		assert_eq!(stream(&[0xff, b'a']), ["\u{fffd}", "a", ""]);
		assert_eq!(stream(&[0xc3, b'a']), ["", "\u{fffd}a", ""]);
		assert_eq!(stream(&[0xe2, 0x82]), ["", "", "\u{fffd}"]);
	}

	#[test]
	fn prompt_bytes_reads_hexadecimal_and_text() {
		assert_eq!(prompt_bytes("0x00ff"), [0, 255]);
		assert!(prompt_bytes("0x").is_empty());
		assert_eq!(prompt_bytes("0xyz"), b"0xyz");
		assert_eq!(prompt_bytes("0x1"), b"0x1");
		assert_eq!(prompt_bytes("fn main"), b"fn main");
	}
}
