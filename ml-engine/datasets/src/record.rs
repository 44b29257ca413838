//! One line of a blob, as it has to be: canonical, and all that it says of itself true.

use crate::{text_family, Document};

/// Reads a line; its licence and its text are not judged.
///
/// # Errors
///
/// The first thing that is not as a job writes it.
pub(crate) fn read(line: &[u8]) -> Result<Document, String> {
	let document: Document = serde_json::from_slice(line).map_err(|error| error.to_string())?;
	if document.line().ok().as_deref() != Some(line) {
		return Err("it is not in its canonical form".into());
	}
	if !document.is_whole() {
		return Err("its hash is not that of its text".into());
	}
	if document.family != text_family(&document.text) {
		return Err("its family is not that of its words".into());
	}
	if !is_origin(&document.origin) {
		return Err("its origin is not a file's hash and a place in it".into());
	}
	if document.language.as_deref().is_some_and(|tag| language(tag).is_none()) {
		return Err("its language is not a language tag".into());
	}
	Ok(document)
}

/// Reports whether an origin is one that a job writes: a hash and a place. Anything else could be a path.
pub(crate) fn is_origin(origin: &str) -> bool {
	let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
	origin.split_once('#').is_some_and(|(id, place)| {
		let is_id = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
		is_id && place.split_once('.').is_some_and(|(row, piece)| is_number(row) && is_number(piece))
	})
}

/// A language tag, as in `en` or `pt-BR`; anything else could be a remark.
pub(crate) fn language(tag: &str) -> Option<String> {
	let is_tag =
		(2..=16).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
	is_tag.then(|| tag.to_string())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_origin_is_a_hash_and_a_place_and_never_a_path() {
		let id = "0f3c".repeat(8);
		assert!(is_origin(&format!("{id}#12.3")));
		for origin in ["/srv/jane/a.txt", "a.txt#1.1", "", "#1.1"] {
			assert!(!is_origin(origin), "{origin}");
		}
		for place in ["", "#", "#1", "#1.", "#1.jane", "#a.1", "#1.1/jane"] {
			assert!(!is_origin(&format!("{id}{place}")), "{place}");
		}
		assert_eq!(language("pt-BR").as_deref(), Some("pt-BR"));
		assert_eq!(language("written by jane"), None);
	}
}
