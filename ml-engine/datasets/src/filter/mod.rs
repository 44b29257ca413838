//! L0: the filter that every node runs before any model.
//!
//! A verdict depends on the text and the [`Rules`] alone: no order, no clock, no float, no random seed. Two honest nodes find the
//! same, so a verdict can be compared byte for byte.

mod arithmetic;
mod check_digits;
mod contact;
mod copies;
mod near;
mod notices;
mod personal;
mod scan;
mod secrets;
mod shape;
mod toxic;

pub use copies::{copies, CopyOf};
pub use near::{Bands, NearIndex, Runs, BANDS};
#[cfg(feature = "pipeline")]
pub(crate) use notices::beginning;

use crate::{cut, Finding, Reason};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::{is_nfkc_quick, IsNormalized, UnicodeNormalization};

/// Rules of the filter. They are part of a manifest, since a check has to apply the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
	/// Takes texts under licences that are not permissive.
	pub any_licence: bool,
	/// Shorter texts are left out.
	pub bytes_min: usize,
	/// Takes texts that a program wrote.
	pub keep_generated: bool,
	/// Takes personal data, secrets and abuse: of texts that stay on this machine. No manifest has this, since what it describes is published.
	#[serde(skip)]
	pub stays_here: bool,
	/// Version of the rules: another one may judge otherwise.
	pub version: u16,
}

/// Version of the rules of this release.
pub const RULES_VERSION: u16 = 3;

impl Default for Rules {
	fn default() -> Self {
		Self {
			any_licence: false,
			bytes_min: 20,
			keep_generated: false,
			stays_here: false,
			version: RULES_VERSION,
		}
	}
}

/// Result for one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
	/// Why the text is left out; `None` keeps it.
	pub reason: Option<Reason>,
	/// Kinds of findings, in the order of their numbers, each once.
	pub findings: Vec<Finding>,
}

/// Result for a text that may be too long for one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged<'a> {
	/// The documents that it is cut into, which together are the text, each with its verdict.
	pub pieces: Vec<(&'a str, Verdict)>,
	/// Secrets that no piece has whole.
	pub across: Vec<Finding>,
}

/// The filter with its patterns compiled.
pub struct Filter {
	rules: Rules,
	secrets: secrets::Secrets,
	toxic: toxic::Toxic,
}

impl Filter {
	/// Compiles the patterns; takes some milliseconds.
	pub fn new(rules: Rules) -> Self {
		Self { rules, secrets: secrets::Secrets::new(), toxic: toxic::Toxic::new() }
	}

	/// Returns the reason for which no piece of a text is taken: what is said at its beginning holds for all of it, and its later
	/// pieces do not say it again.
	fn notice(&self, beginning: &str) -> Option<Reason> {
		notices::read(beginning, self.rules.any_licence, self.rules.keep_generated).reason
	}

	/// Returns the kinds of secrets in a text that is to be cut. A key may begin in one piece and go on in the next, neither of which
	/// has all that it is recognised by. None where they are taken.
	pub fn secrets(&self, text: &str) -> Vec<Finding> {
		let mut findings = Vec::new();
		if self.rules.stays_here {
			return findings;
		}
		self.secrets.find(&folded(text), &mut findings);
		findings
	}

	/// Judges a text as the documents of at most `document_bytes_max` bytes that it is cut into. A notice at its beginning and a
	/// secret anywhere in it hold for all of them. `beginning` is that of the file if the text is a stretch of one.
	pub fn judge_whole<'a>(
		&self,
		text: &'a str,
		beginning: Option<&str>,
		document_bytes_max: usize,
	) -> Judged<'a> {
		let pieces = cut::pieces(text, document_bytes_max);
		let is_cut = pieces.len() > 1;
		let notice = match beginning {
			Some(beginning) => self.notice(beginning),
			None if is_cut => self.notice(text),
			None => None,
		};
		// Looked for before the text is cut: a private key whose first line is in the piece before is only letters and digits.
		let secrets = if is_cut { self.secrets(text) } else { Vec::new() };
		let reason = notice.or((!secrets.is_empty()).then_some(Reason::Secret));
		let judge = |piece| {
			let verdict = self.judge(piece);
			(piece, Verdict { reason: verdict.reason.or(reason), ..verdict })
		};
		let pieces: Vec<(&str, Verdict)> = pieces.into_iter().map(judge).collect();
		let is_seen = |secret: &Finding| pieces.iter().any(|(_, verdict)| verdict.findings.contains(secret));
		let across = secrets.into_iter().filter(|secret| !is_seen(secret)).collect();
		Judged { pieces, across }
	}

	/// Judges one text. A text whose shape is refused is not looked into further.
	pub fn judge(&self, text: &str) -> Verdict {
		if let Some(reason) = shape::judge(text, self.rules.bytes_min) {
			return Verdict { reason: Some(reason), findings: Vec::new() };
		}
		let mut findings = Vec::new();
		let notices = notices::read(text, self.rules.any_licence, self.rules.keep_generated);
		if notices.has_licence {
			findings.push(Finding::LicenceHeader);
		}
		let folded = folded(text);
		self.secrets.find(&folded, &mut findings);
		let has_secret = findings.iter().any(|finding| *finding != Finding::LicenceHeader);
		let before = findings.len();
		personal::find(&folded, &mut findings);
		let has_personal = findings.len() > before;
		let is_toxic = self.toxic.is_toxic(&folded);
		findings.extend(is_toxic.then_some(Finding::Abuse));
		// A wrong sum is no reason to leave a text out: it is counted, and the contributor decides.
		findings.extend(arithmetic::has_falsehood(&folded).then_some(Finding::FalseArithmetic));
		findings.sort_unstable();
		findings.dedup();
		let is_refused = !self.rules.stays_here;
		let reasons = [
			notices.reason,
			(has_secret && is_refused).then_some(Reason::Secret),
			(has_personal && is_refused).then_some(Reason::PersonalData),
			(is_toxic && is_refused).then_some(Reason::Toxic),
		];
		Verdict { reason: reasons.into_iter().flatten().next(), findings }
	}
}

/// Folds characters that look alike: full-width digits and mathematical letters are digits and letters to a reader.
fn folded(text: &str) -> Cow<'_, str> {
	match text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
		true => Cow::Borrowed(text),
		false => Cow::Owned(text.nfkc().collect()),
	}
}

#[cfg(test)]
mod tests;
