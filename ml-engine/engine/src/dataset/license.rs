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
