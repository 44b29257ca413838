//! One document and where it came from.

use blyan_exact::{blake2_256, merkle};
use serde::{Deserialize, Serialize};

/// One document and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
	/// The text.
	pub text: String,
	/// Where it came from, as in `serde-1.0.0/src/lib.rs`; `book.txt#2/7` for a piece of a longer text;
	/// `0f3c..#12.3` for piece 3 of record 12 of the file whose hash begins so.
	pub origin: String,
	/// Key shared by all versions of this document, as in `serde/src/lib.rs`, or `text/` and a hash of its words. Held
	/// out together.
	pub family: String,
	/// SPDX licence expression.
	pub license: String,
	/// Language as its source names it, as in `en`.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub language: Option<String>,
	/// Blake2b-256 of the text, lower-case hexadecimal.
	pub hash: String,
}

impl Document {
	/// A document with its hash.
	pub fn new(text: String, origin: String, family: String, license: String) -> Self {
		let hash = hexadecimal(&blake2_256(&[text.as_bytes()]));
		Self { text, origin, family, license, language: None, hash }
	}

	/// Reports whether the document belongs to the `percent` of families that are kept for judging.
	///
	/// By family and not by text: two versions of one file differ in a line, and training on one would
	/// give the other away.
	pub fn is_held_out(&self, percent: u8) -> bool {
		bucket("holdout", &self.family) % 100 < u32::from(percent)
	}

	/// Reports whether the hash is that of the text.
	pub fn is_whole(&self) -> bool {
		self.hash == hexadecimal(&blake2_256(&[self.text.as_bytes()]))
	}

	/// The canonical bytes: one line of JSON without spaces, the fields in the order of this type, no line end.
	///
	/// # Errors
	///
	/// Fails only if the serialiser does, which strings never make it do.
	pub fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
		serde_json::to_vec(self)
	}

	/// Leaf of the Merkle tree over a dataset: the hash of the canonical bytes.
	///
	/// # Errors
	///
	/// As [`Self::line`].
	pub fn leaf(&self) -> Result<[u8; 32], serde_json::Error> {
		Ok(merkle::leaf(&self.line()?))
	}
}

/// The family of a text that has no name of its own, by its words alone: the same wherever the file lies, however
/// it is named, indented or capitalised.
pub fn text_family(text: &str) -> String {
	let mut words = String::with_capacity(text.len());
	for word in text.split_whitespace() {
		if !words.is_empty() {
			words.push(' ');
		}
		match word.is_ascii() {
			true => words.extend(word.chars().map(|letter| letter.to_ascii_lowercase())),
			false => words.push_str(&word.to_lowercase()),
		}
	}
	let hash = hexadecimal(&blake2_256(&[words.as_bytes()]));
	format!("text/{}", &hash[..32])
}

/// A number that depends on nothing but the two strings, uniform over u32.
pub fn bucket(domain: &str, name: &str) -> u32 {
	let digest = blake2_256(&[domain.as_bytes(), b"\0", name.as_bytes()]);
	u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
	const DIGITS: &[u8; 16] = b"0123456789abcdef";
	let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
	bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Reads a hash in lower-case hexadecimal.
#[cfg(feature = "audit")]
pub(crate) fn hash(text: &str) -> Option<[u8; 32]> {
	let mut hash = [0; 32];
	for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
		*byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
	}
	(hexadecimal(&hash) == text).then_some(hash)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn the_family_of_a_text_is_its_words() {
		let family = text_family("Some  words\n\there");
		assert_eq!(family, text_family("some words here"));
		assert_ne!(family, text_family("some other words here"));
		assert_eq!(family.len(), "text/".len() + 32);
	}

	#[test]
	fn a_document_of_an_earlier_release_is_read_and_written_the_same() {
		let document = Document::new("words".into(), "a.txt".into(), "text/00".into(), "MIT".into());
		let line = document.line().unwrap();
		assert!(!String::from_utf8(line.clone()).unwrap().contains("language"));
		assert_eq!(serde_json::from_slice::<Document>(&line).unwrap(), document);
		assert!(document.is_whole());
		assert!(!Document { text: "other".into(), ..document }.is_whole());
	}

	proptest! {
		#[test]
		fn canonical_bytes_round_trip(text: String, language in prop::option::of("[a-z]{2}")) {
			let document = Document {
				language,
				..Document::new(text, "o".into(), text_family("x"), "MIT".into())
			};
			let line = document.line().unwrap();
			prop_assert!(!line.contains(&b'\n'));
			prop_assert_eq!(serde_json::from_slice::<Document>(&line).unwrap(), document);
		}

		#[test]
		fn hexadecimal_is_what_the_formatter_writes(bytes: Vec<u8>) {
			let wanted: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
			prop_assert_eq!(hexadecimal(&bytes), wanted);
		}

		#[test]
		fn held_out_depends_on_words_alone(words in prop::collection::vec("[a-z]{1,8}", 1..20), origin: String) {
			let document = |text: String, origin: &str| {
				let family = text_family(&text);
				Document::new(text, origin.into(), family, "MIT".into()).is_held_out(10)
			};
			let (spaced, lined) = (words.join(" "), words.join("\n\t").to_uppercase());
			prop_assert_eq!(document(spaced, &origin), document(lined, "other"));
		}
	}
}
