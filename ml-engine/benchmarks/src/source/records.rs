//! Records of JSON: lines, a list, or single objects over several lines.

use super::Malformed;
use serde::de::DeserializeOwned;
use serde_json::Deserializer;

/// Reads all records of a text. A list is read like lines.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Malformed> {
	let malformed =
		|error: serde_json::Error| Malformed { line: error.line() as u64, reason: error.to_string() };
	if text.trim_start().starts_with('[') {
		return serde_json::from_str(text).map_err(malformed);
	}
	Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().map_err(malformed)
}
