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

/// The same without quotes, as files of environment variables have it.
const ENVIRONMENT: &str = r#"(?m)^(?:export )?[A-Z0-9_]*(?:PASSWORD|PASSWD|SECRET|API_?KEY|ACCESS_?KEY|AUTH_?TOKEN|PRIVATE_?KEY)[A-Z0-9_]*=([^"'\s]{16,128})[ \t\r]*$"#;

/// A password in a URL, as in `postgres://user:password@db.example.org`.
const IN_URL: &str = r#"://[^\s"'/:@<>]{0,64}:([^\s"'/@<>]{12,128})@[A-Za-z0-9\[]"#;

/// Parts of the names that [`ASSIGNED`] and [`ENVIRONMENT`] look for.
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

/// Beginnings of a literal that says where a secret is kept.
const PLACES: [&[u8]; 8] =
	[b"arn:", b"http:", b"https:", b"projects/", b"vault:", b"op://", b"env:", b"file:"];
/// Beginnings of a path. One key in base64 of 64 begins so, too, so that a path needs the name of a folder besides.
const PATHS: [&[u8]; 3] = [b"/", b"./", b"~/"];

/// Patterns, compiled.
pub(super) struct Secrets {
	marks: aho_corasick::AhoCorasick,
	services: RegexSet,
	examples: Vec<Regex>,
	private_key: Regex,
	signed_token: Regex,
	assigned: [Regex; 2],
	in_url: Regex,
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
			assigned: [regex(ASSIGNED), regex(ENVIRONMENT)],
			in_url: regex(IN_URL),
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
		let may_assign = text.contains(['"', '\'', '=']) && self.names.is_match(text);
		if (may_assign && self.has_assigned(bytes)) || self.has_password_in_url(bytes) {
			findings.push(Finding::AssignedSecret);
		}
	}

	/// Reports whether a URL has a password that looks drawn at random.
	fn has_password_in_url(&self, bytes: &[u8]) -> bool {
		self.in_url.captures_iter(bytes).any(|captures| {
			captures.get(1).is_some_and(|password| {
				let password = password.as_bytes();
				// Those that a service gives out may be of hexadecimal digits alone.
				let is_long = password.len() >= 24 && distinct(password) >= 10;
				password.iter().any(u8::is_ascii_digit)
					&& (is_long || (kinds(password) >= 3 && distinct(password) >= 9))
					&& !is_example(&password.to_ascii_lowercase())
			})
		})
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
		let mut found = self.assigned.iter().flat_map(|pattern| pattern.captures_iter(bytes));
		found.any(|captures| {
			captures.get(1).is_some_and(|literal| {
				let literal = literal.as_bytes();
				// Of 16 drawn letters 12 or more differ almost always; of words with hyphens fewer do.
				kinds(literal) >= 3
					&& literal.iter().any(u8::is_ascii_digit)
					&& distinct(literal) >= 12
					&& !is_example(&literal.to_ascii_lowercase())
					&& !is_place(literal)
			})
		})
	}
}

fn is_example(lower: &[u8]) -> bool {
	EXAMPLES.iter().any(|word| lower.windows(word.len()).any(|part| part == *word))
}

/// Reports whether a literal names a place or a message: by its beginning, or since it is words with signs between them.
fn is_place(literal: &[u8]) -> bool {
	let is_word = |part: &[u8]| {
		let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
		letters > 0 && part.len() - letters <= 2 && part.iter().skip(letters).all(u8::is_ascii_digit)
	};
	let parts: Vec<&[u8]> = literal.split(|byte| b"._-/:".contains(byte)).collect();
	let begins = |beginnings: &[&[u8]]| beginnings.iter().any(|beginning| literal.starts_with(beginning));
	let is_folder = |part: &&[u8]| part.len() > 2 && part.iter().all(u8::is_ascii_lowercase);
	begins(&PLACES)
		|| (begins(&PATHS) && parts.iter().any(is_folder))
		|| (parts.len() > 2 && parts.iter().all(|part| is_word(part)) && !is_three_sixes(literal, &parts))
}

/// Reports whether a literal has the form of the passwords that Apple's systems propose: three groups of six with hyphens.
fn is_three_sixes(literal: &[u8], parts: &[&[u8]]) -> bool {
	let hyphens = literal.iter().filter(|byte| **byte == b'-').count();
	hyphens == 2 && parts.len() == 3 && parts.iter().all(|part| part.len() == 6)
}

/// Kinds of signs in a literal: small letters, capitals, digits, others.
fn kinds(literal: &[u8]) -> usize {
	let kinds: [fn(&u8) -> bool; 4] =
		[u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, u8::is_ascii_punctuation];
	kinds.into_iter().filter(|kind| literal.iter().any(kind)).count()
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
			(format!("\nDB_PASS{}=kT9$wQz3LpX7vB2m\n", "WORD"), Finding::AssignedSecret),
			// The first release found these, or what they are part of.
			(
				format!("\nAWS_SECRET_ACCESS_K{}=/Zq3vT9xKp2LmW8rYs6Bn4Hd7Jf1Gc5Qa0Ve+x/Tk\n", "EY"),
				Finding::AssignedSecret,
			),
			(
				format!("secret_access_k{} = \"/Zq3vT9xKp2LmW8rYs6Bn4Hd7Jf1Gc5Qa0Ve+xyTk\"", "ey"),
				Finding::AssignedSecret,
			),
			(format!("pass{} = \"huswiv-Comzu3-xerpaq\"", "word"), Finding::AssignedSecret),
			(format!("postgres://app:{}@db.firm24.de:5432/app", "kT9wQz3LpX7vB2m"), Finding::AssignedSecret),
			(
				format!("redis://:{}@cache.firm24.de", "0e5751c026e543b2e8ab2eb06099daa1"),
				Finding::AssignedSecret,
			),
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
			"password = \"settings.Account.PasswordField2\"",
			"secret: 'arn:aws:secretsmanager:eu-west-1:210987654321:secret:App-Zq3vT9'",
			"DB_PASSWORD_FILE=/run/secrets/Db_password_20",
			"postgres://user:password@db.example.org and mysql://root:Pa55word12@db.example.org",
			"https://user:${DATABASE_PASSWORD_2}@db.example.org",
			"docker://alpine:3.18.4@sha256:0e5751c026e543b2",
		] {
			assert!(find(text).is_empty(), "{text}: {:?}", find(text));
		}
	}
}
