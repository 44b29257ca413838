//! SPDX licence expressions, and which of them let anyone train on a text.

use spdx::{error::Reason, identifiers::LICENSES, Expression};

/// Licences that ask for no more than attribution, or the same terms for changed files.
const PERMISSIVE: &[&str] = &[
	"0BSD",
	"Apache-2.0",
	"BSD-1-Clause",
	"BSD-2-Clause",
	"BSD-3-Clause",
	"BSL-1.0",
	"BlueOak-1.0.0",
	"CC-BY-3.0",
	"CC-BY-4.0",
	"CC0-1.0",
	"CDLA-Permissive-2.0",
	"ISC",
	"MIT",
	"MIT-0",
	"MPL-2.0",
	"NCSA",
	"ODC-By-1.0",
	"PDDL-1.0",
	"PostgreSQL",
	"UPL-1.0",
	"Unicode-3.0",
	"Unicode-DFS-2016",
	"Unlicense",
	"WTFPL",
	"X11",
	"Zlib",
];

/// Names less alike than this are not what was meant.
const LIKENESS_MIN: f64 = 0.6;

/// An SPDX licence expression with known identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licence {
	expression: String,
	is_permissive: bool,
}

/// Why a text is not an SPDX licence expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LicenceError {
	/// There is none.
	#[error("the licence is empty")]
	Empty,
	/// It names a licence that SPDX does not know.
	#[error("\"{term}\" in \"{expression}\" is not an SPDX licence identifier{}", meant(nearest))]
	Unknown {
		/// The expression.
		expression: String,
		/// The part that is unknown.
		term: String,
		/// The expression that is probably meant.
		nearest: Option<String>,
	},
	/// Its identifiers are known, or could be, and it is not well-formed.
	#[error("\"{expression}\" is not an SPDX licence expression: {reason}{}", meant(nearest))]
	Malformed {
		/// The expression.
		expression: String,
		/// Description of the fault.
		reason: String,
		/// The expression that is probably meant.
		nearest: Option<String>,
	},
}

fn meant(nearest: &Option<String>) -> String {
	nearest.as_ref().map_or(String::new(), |nearest| format!("; is \"{nearest}\" meant?"))
}

impl LicenceError {
	/// The expression that is probably meant.
	pub fn nearest(&self) -> Option<&str> {
		match self {
			Self::Empty => None,
			Self::Unknown { nearest, .. } | Self::Malformed { nearest, .. } => nearest.as_deref(),
		}
	}
}

impl Licence {
	/// Reads an expression as SPDX defines it; identifiers are case-sensitive. What is not one is refused with the
	/// expression that comes nearest.
	pub fn parse(expression: &str) -> Result<Self, LicenceError> {
		let expression = expression.trim();
		if expression.is_empty() {
			return Err(LicenceError::Empty);
		}
		match Expression::parse(expression) {
			Ok(parsed) => Ok(Self { expression: expression.into(), is_permissive: is_permissive(&parsed) }),
			Err(error) => {
				let canonical = Expression::canonicalize(expression).ok().flatten();
				let canonical = canonical.filter(|canonical| Expression::parse(canonical).is_ok());
				let term = expression.get(error.span.clone()).unwrap_or(expression).trim().to_string();
				let expression = expression.to_string();
				Err(match error.reason {
					Reason::UnknownLicense | Reason::UnknownTerm | Reason::UnknownException => {
						let nearest = canonical.or_else(|| nearest(&term));
						LicenceError::Unknown { expression, term, nearest }
					}
					reason => {
						LicenceError::Malformed { expression, reason: reason.to_string(), nearest: canonical }
					}
				})
			}
		}
	}

	/// Reads an expression as crates write it: `MIT/Apache-2.0` and the names of older days are put right.
	pub fn parse_lax(expression: &str) -> Result<Self, LicenceError> {
		let canonical = Expression::canonicalize(expression.trim()).ok().flatten();
		Self::parse(canonical.as_deref().unwrap_or(expression))
	}

	/// Reads a licence as descriptions of datasets name it: identifiers in any case, and the addresses of licence texts.
	pub fn parse_described(text: &str) -> Result<Self, LicenceError> {
		let words: Vec<String> = text.split_whitespace().map(described_word).collect();
		Self::parse_lax(&words.join(" "))
	}

	/// Reports whether every identifier of another expression is in this one, as `MIT` is in `MIT OR Apache-2.0`.
	pub fn names(&self, other: &Self) -> bool {
		identifiers(&other.expression).all(|id| identifiers(&self.expression).any(|own| own == id))
	}

	/// The expression.
	pub fn as_str(&self) -> &str {
		&self.expression
	}

	/// Reports whether permissive licences alone satisfy it.
	///
	/// `OR` needs one side, `AND` both and binds tighter; `WITH` only adds permissions.
	pub fn is_permissive(&self) -> bool {
		self.is_permissive
	}
}

/// Identifiers of an expression.
fn identifiers(expression: &str) -> impl Iterator<Item = &str> {
	let words = expression.split(|letter: char| letter.is_whitespace() || "()".contains(letter));
	words.filter(|word| !["", "AND", "OR", "WITH"].contains(word))
}

/// An identifier as SPDX writes it; any other word as it is.
fn described_word(word: &str) -> String {
	let lower = word.to_ascii_lowercase();
	let address =
		lower.split_once("://").map(|(_, rest)| rest.trim_start_matches("www.").trim_end_matches('/'));
	let name = match address {
		None => lower.clone(),
		Some(address) => {
			let last = address.rsplit('/').next().unwrap_or_default();
			let last = ["html", "txt", "json", "php"].iter().fold(last, |name, end| {
				name.strip_suffix(end).and_then(|name| name.strip_suffix('.')).unwrap_or(name)
			});
			let parts: Vec<&str> = address.split('/').collect();
			match parts.as_slice() {
				["creativecommons.org", "publicdomain", "zero", version, ..] => format!("cc0-{version}"),
				["creativecommons.org", "licenses", kind, version, ..] => format!("cc-{kind}-{version}"),
				["apache.org", "licenses", "license-2.0" | "license-2.0.html" | "license-2.0.txt"] => {
					"apache-2.0".into()
				}
				_ => last.to_string(),
			}
		}
	};
	let name = match name.as_str() {
		"odc-by" => "odc-by-1.0",
		"pddl" => "pddl-1.0",
		"cc0" => "cc0-1.0",
		name => name,
	};
	let known = LICENSES.iter().find(|license| license.name.eq_ignore_ascii_case(name));
	known.map_or_else(|| word.to_string(), |license| license.name.to_string())
}

fn is_permissive(expression: &Expression) -> bool {
	expression.evaluate(|required| required.license.id().is_some_and(|id| PERMISSIVE.contains(&id.name)))
}

/// The identifier that is most like `term`, unless none is.
fn nearest(term: &str) -> Option<String> {
	if let Some((id, _)) = spdx::imprecise_license_id(term) {
		return Some(id.name.into());
	}
	let lower = term.to_ascii_lowercase();
	let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&lower, &name.to_ascii_lowercase());
	LICENSES
		.iter()
		.map(|license| (likeness(license.name), license.name))
		.filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
		.max_by(|a, b| a.0.total_cmp(&b.0))
		.map(|(_, name)| name.into())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn is_permissive_follows_the_expression() {
		let is_permissive = |text: &str| Licence::parse_lax(text).unwrap().is_permissive();
		for yes in [
			"MIT",
			"MIT OR Apache-2.0",
			"MIT/Apache-2.0",
			"GPL-3.0 OR MIT",
			"(MIT OR Apache-2.0) AND Unicode-3.0",
			"Apache-2.0 WITH LLVM-exception",
			"Apache-2.0 WITH Classpath-exception-2.0",
			"CC-BY-4.0",
		] {
			assert!(is_permissive(yes), "{yes}");
		}
		for no in ["GPL-3.0", "MIT AND GPL-3.0-only", "CC-BY-NC-4.0", "CC-BY-SA-4.0", "LicenseRef-mine"] {
			assert!(!is_permissive(no), "{no}");
		}
	}

	#[test]
	fn parse_refuses_what_spdx_does_not_know_and_names_what_is_nearest() {
		for (text, nearest) in [
			("mit", Some("MIT")),
			("Apache 2.0", Some("Apache-2.0")),
			("MIT/Apache-2.0", Some("MIT OR Apache-2.0")),
			("Apach-2.0", Some("Apache-2.0")),
			("banana", None),
			("Proprietary", None),
			("(MIT", None),
			("MIT)", None),
			("MIT OR", None),
			("MIT Apache-2.0", None),
			("MIT AND Proprietary", None),
		] {
			let error = Licence::parse(text).unwrap_err();
			assert_eq!(error.nearest(), nearest, "{text}: {error}");
			assert!(error.to_string().contains(text), "{error}");
		}
		assert_eq!(Licence::parse("  "), Err(LicenceError::Empty));
		assert!(Licence::parse("MIT AND Proprietary").unwrap_err().to_string().contains("\"Proprietary\""));
	}

	#[test]
	fn an_expression_names_its_parts() {
		let parse = |text: &str| Licence::parse(text).unwrap();
		let both = parse("MIT OR Apache-2.0");
		assert!(both.names(&parse("MIT")) && both.names(&parse("Apache-2.0 AND MIT")));
		assert!(!both.names(&parse("ISC")) && !parse("MIT").names(&both));
	}

	#[test]
	fn parse_described_reads_the_names_of_hubs_and_the_addresses_of_texts() {
		for (text, written) in [
			("apache-2.0", "Apache-2.0"),
			("mit AND cc-by-4.0", "MIT AND CC-BY-4.0"),
			("odc-by", "ODC-By-1.0"),
			("https://creativecommons.org/licenses/by-nc/4.0/", "CC-BY-NC-4.0"),
			("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
			("https://spdx.org/licenses/BSD-3-Clause.html", "BSD-3-Clause"),
			("https://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
			("https://opensource.org/licenses/MIT", "MIT"),
		] {
			assert_eq!(Licence::parse_described(text).unwrap().as_str(), written, "{text}");
		}
		assert!(Licence::parse_described("banana").is_err());
	}

	#[test]
	fn parse_lax_writes_expressions_as_spdx_does() {
		for (text, written) in [
			("MIT/Apache-2.0", "MIT OR Apache-2.0"),
			("MIT or Apache-2.0", "MIT OR Apache-2.0"),
			(" MIT ", "MIT"),
		] {
			assert_eq!(Licence::parse_lax(text).unwrap().as_str(), written);
		}
	}
}
