//! Keys and passwords: known beginnings first, then what an assignment in source code gives away.

use crate::Finding;
use regex::bytes::{Regex, RegexSet};

/// Patterns of issuers, each with a beginning that [`MARKS`] has. Sources: the issuers' own documentation.
const SERVICE_KEYS: [&str; 17] = [
	// Amazon.
	r"(?-u:\b)(?:AKIA|ASIA)[A-Z2-7]{16}(?-u:\b)",
	// GitHub: classic, fine-grained.
	r"(?-u:\b)(?:ghp_|gho_|ghu_|ghs_|ghr_)[A-Za-z0-9]{36}",
	r"(?-u:\b)github_pat_[A-Za-z0-9_]{60,}",
	// GitLab.
	r"(?-u:\b)glpat-[A-Za-z0-9_-]{20,}",
	// Anthropic, OpenAI.
	r"(?-u:\b)sk-ant-[A-Za-z0-9_-]{20,}",
	r"(?-u:\b)(?:sk-proj-|sk-svcacct-)[A-Za-z0-9_-]{20,}",
	r"(?-u:\b)sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
	// Google.
	r"(?-u:\b)AIza[A-Za-z0-9_-]{35}",
	// Slack.
	r"(?-u:\b)xox[abprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}",
	r"hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}",
	// Stripe.
	r"(?-u:\b)[rs]k_live_[A-Za-z0-9]{20,}",
	// npm, PyPI, Hugging Face.
	r"(?-u:\b)npm_[A-Za-z0-9]{36}",
	r"(?-u:\b)pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
	r"(?-u:\b)hf_[A-Za-z]{34}(?-u:\b)",
	// SendGrid.
	r"(?-u:\b)SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
	// DigitalOcean.
	r"(?-u:\b)dop_v1_[a-f0-9]{64}",
	// Azure storage.
	r"AccountKey=[A-Za-z0-9+/]{86}==",
];

/// Bytes of which a text with a service's key has at least one.
const MARKS: [&str; 26] = [
	"AKIA",
	"ASIA",
	"ghp_",
	"gho_",
	"ghu_",
	"ghs_",
	"ghr_",
	"github_pat_",
	"glpat-",
	"sk-ant-",
	"sk-proj-",
	"sk-svcacct-",
	"T3BlbkFJ",
	"AIza",
	"xox",
	"hooks.slack",
	"k_live_",
	"npm_",
	"pypi-",
	"hf_",
	"SG.",
	"dop_v1_",
	"AccountKey=",
	"-----BEGIN",
	"eyJ",
	"PRIVATE KEY",
];

/// A private key in PEM, with a body: code that speaks of keys has the line alone.
const PRIVATE_KEY: &str = r"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+(?:[A-Za-z0-9+/=]{20,}|Proc-Type:|Version:)";
/// A signed token: header, claims, signature.
const SIGNED_TOKEN: &str = r"(?-u:\b)eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}";
/// A literal that is assigned to a name of a secret.
const ASSIGNED: &str = r#"(?i)(?:passw(?:or)?d|secret|api_?key|access_?key|auth_?token|private_?key|client_?secret)["']?\s*(?::|=|:=|=>)\s*["']([^"'\s]{16,128})["']"#;

/// Parts of the names that [`ASSIGNED`] looks for.
const NAMES: [&str; 10] = [
	"passw",
	"secret",
	"api_key",
	"apikey",
	"access_key",
	"accesskey",
	"auth_token",
	"authtoken",
	"private_key",
	"privatekey",
];

/// Words inside a literal that is only an example.
const EXAMPLES: [&[u8]; 12] = [
	b"example",
	b"sample",
	b"your",
	b"xxxx",
	b"test",
	b"dummy",
	b"changeme",
	b"placeholder",
	b"fake",
	b"${",
	b"{{",
	b"<",
];

/// Patterns, compiled.
pub(super) struct Secrets {
	marks: aho_corasick::AhoCorasick,
	services: RegexSet,
	examples: Vec<Regex>,
	private_key: Regex,
	signed_token: Regex,
	assigned: Regex,
	names: aho_corasick::AhoCorasick,
}

impl Secrets {
	/// Compiles the patterns.
	pub fn new() -> Self {
		let regex = |pattern: &str| Regex::new(pattern).expect("a constant that the tests compile; qed");
		let words = |words: &[&str], any_case: bool| {
			aho_corasick::AhoCorasick::builder()
				.ascii_case_insensitive(any_case)
				.build(words)
				.expect("a constant that the tests compile; qed")
		};
		Self {
			marks: words(&MARKS, false),
			services: RegexSet::new(SERVICE_KEYS).expect("a constant that the tests compile; qed"),
			examples: SERVICE_KEYS.iter().map(|pattern| regex(pattern)).collect(),
			private_key: regex(PRIVATE_KEY),
			signed_token: regex(SIGNED_TOKEN),
			assigned: regex(ASSIGNED),
			names: words(&NAMES, true),
		}
	}

	/// Adds the kinds of secrets in a text.
	pub fn find(&self, text: &str, findings: &mut Vec<Finding>) {
		let bytes = text.as_bytes();
		if self.marks.is_match(text) {
			if self.services.is_match(bytes) && self.has_service_key(bytes) {
				findings.push(Finding::ServiceKey);
			}
			if self.private_key.is_match(bytes) {
				findings.push(Finding::PrivateKey);
			}
			if self.signed_token.is_match(bytes) {
				findings.push(Finding::SignedToken);
			}
		}
		if (text.contains('"') || text.contains('\''))
			&& self.names.is_match(text)
			&& self.has_assigned(bytes)
		{
			findings.push(Finding::AssignedSecret);
		}
	}

	/// Reports whether one of the matches is more than an example.
	fn has_service_key(&self, bytes: &[u8]) -> bool {
		let matching = self.services.matches(bytes);
		let mut patterns = matching.iter().filter_map(|index| self.examples.get(index));
		patterns.any(|pattern| {
			pattern.find_iter(bytes).any(|found| {
				let lower = found.as_bytes().to_ascii_lowercase();
				!is_example(&lower) && distinct(&lower) >= 8
			})
		})
	}

	/// Reports whether a literal that is assigned to a secret's name looks drawn at random.
	fn has_assigned(&self, bytes: &[u8]) -> bool {
		self.assigned.captures_iter(bytes).any(|captures| {
			captures.get(1).is_some_and(|literal| {
				let literal = literal.as_bytes();
				let has = |kind: fn(&u8) -> bool| literal.iter().any(kind);
				let kinds = [
					has(u8::is_ascii_lowercase),
					has(u8::is_ascii_uppercase),
					has(u8::is_ascii_digit),
					has(u8::is_ascii_punctuation),
				];
				let kinds = kinds.into_iter().filter(|kind| *kind).count();
				// Of 16 drawn letters 12 or more differ almost always; of words with hyphens fewer do.
				kinds >= 3
					&& has(u8::is_ascii_digit)
					&& distinct(literal) >= 12
					&& !is_example(&literal.to_ascii_lowercase())
			})
		})
	}
}

fn is_example(lower: &[u8]) -> bool {
	EXAMPLES.iter().any(|word| lower.windows(word.len()).any(|part| part == *word))
}

/// Different bytes in a literal.
fn distinct(bytes: &[u8]) -> usize {
	let mut seen = [false; 256];
	for byte in bytes {
		if let Some(seen) = seen.get_mut(usize::from(*byte)) {
			*seen = true;
		}
	}
	seen.iter().filter(|seen| **seen).count()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn find(text: &str) -> Vec<Finding> {
		let mut findings = Vec::new();
		Secrets::new().find(text, &mut findings);
		findings
	}

	#[test]
	fn every_pattern_has_its_mark() {
		let marks = MARKS.map(str::to_string);
		for pattern in SERVICE_KEYS {
			let plain = pattern.replace(r"(?-u:\b)", "").replace('\\', "");
			let has_mark = marks.iter().any(|mark| plain.contains(mark.as_str()));
			assert!(has_mark, "{pattern}");
		}
	}

	#[test]
	fn keys_are_found_and_examples_and_hashes_are_not() {
		let body = "Zq3vT9xKp2LmW8rYs6Bn4Hd7Jf1Gc5Qa0Ve";
		// Put together here, so that no scanner takes this file for a leak.
		let keys = [
			(format!("{}{}", "AKI", "A2QZ7XWPLK4MNB3VC"), Finding::ServiceKey),
			(format!("{}p_{body}1", "gh"), Finding::ServiceKey),
			(format!("{}{body}", "sk-a".to_string() + "nt-"), Finding::ServiceKey),
			(format!("{}{}", "AIz", "a".to_string() + body), Finding::ServiceKey),
			(format!("{} PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ", "-----BEGIN"), Finding::PrivateKey),
			(format!("{}J{body}.eyJ{body}.{body}", "ey"), Finding::SignedToken),
			(format!("pass{} = \"kT9$wQz3LpX7vB2m\"", "word"), Finding::AssignedSecret),
		];
		for (text, finding) in keys {
			let found = find(&format!("key: {text} and more"));
			assert_eq!(found, [finding], "{text}");
		}
		for text in [
			"AKIAIOSFODNN7EXAMPLE",
			"sk-ant-...",
			"0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
			"-----BEGIN PRIVATE KEY----- is the first line",
			"password = \"your-password-goes-here-1A\"",
			"let key = \"user_settings_panel\";",
			"hf_transfer_is_a_library",
		] {
			assert!(find(text).is_empty(), "{text}: {:?}", find(text));
		}
	}
}
