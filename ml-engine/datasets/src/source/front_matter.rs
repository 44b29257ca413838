//! The front matter of a Hugging Face dataset's README.md: YAML between two lines of three dashes.

use serde::Deserialize;
use std::{
	fs::File,
	io::{self, Read},
	path::Path,
};

/// Bytes of a README.md that are looked at.
const BYTES_MAX: u64 = 1 << 20;

/// Fields that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FrontMatter {
	/// Licence as the hub writes it, such as `apache-2.0`.
	pub licence: Option<String>,
	/// The language, if there is exactly one.
	pub language: Option<String>,
}

/// One value or several, as the hub allows.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
	One(String),
	Many(Vec<String>),
}

impl OneOrMany {
	fn into_vec(self) -> Vec<String> {
		match self {
			Self::One(value) => vec![value],
			Self::Many(values) => values,
		}
	}
}

#[derive(Deserialize)]
struct Raw {
	license: Option<OneOrMany>,
	language: Option<OneOrMany>,
}

/// Reads a README.md; `None` if it has no front matter.
///
/// # Errors
///
/// The inner error says in words that the YAML is malformed.
pub(super) fn read(path: &Path) -> io::Result<Option<Result<FrontMatter, String>>> {
	let mut bytes = Vec::new();
	File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
	Ok(parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(text: &str) -> Option<Result<FrontMatter, String>> {
	let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
	let rest = text.strip_prefix("---\n")?;
	let end = match rest.starts_with("---\n") {
		true => 0,
		false => rest.find("\n---\n").or_else(|| rest.strip_suffix("\n---").map(str::len))?,
	};
	let yaml = rest.get(..end)?;
	if yaml.trim().is_empty() {
		return Some(Ok(FrontMatter::default()));
	}
	Some(serde_norway::from_str::<Raw>(yaml).map(front_matter).map_err(|error| error.to_string()))
}

fn front_matter(raw: Raw) -> FrontMatter {
	let licences = raw.license.map(OneOrMany::into_vec).unwrap_or_default();
	let mut languages = raw.language.map(OneOrMany::into_vec).unwrap_or_default();
	FrontMatter {
		// Of several licences each may hold for a part, so all must allow the use.
		licence: (!licences.is_empty()).then(|| licences.join(" AND ")),
		language: (languages.len() == 1).then(|| languages.remove(0)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn licence_and_language_are_read_as_the_hub_writes_them() {
		let read = |text: &str| parse(text).unwrap().unwrap();
		let one = read("---\nlicense: apache-2.0\nlanguage: en\npretty_name: Tales\nsize_categories:\n- 1K<n<10K\n---\n# Tales\n");
		assert_eq!(one.licence.as_deref(), Some("apache-2.0"));
		assert_eq!(one.language.as_deref(), Some("en"));
		let many =
			read("\u{feff}---\r\nlicense:\r\n- mit\r\n- cc-by-4.0\r\nlanguage:\r\n- en\r\n- de\r\n---\r\n");
		assert_eq!((many.licence.as_deref(), many.language), (Some("mit AND cc-by-4.0"), None));
		assert_eq!(read("---\n---\n"), FrontMatter::default());
	}

	#[test]
	fn a_readme_without_front_matter_is_a_text_and_broken_yaml_a_fault() {
		assert!(parse("# Title\n").is_none());
		assert!(parse("---\nnever closed\n").is_none());
		assert!(parse("---\nlicense: [mit\n---\n").unwrap().is_err());
	}
}
