//! L0: the filter that every node runs before any model.
//!
//! A verdict depends on the text and the [`Rules`] alone: no order, no clock, no float, no random seed. Two honest nodes find the
//! same, so a verdict can be compared byte for byte.

mod check_digits;
mod contact;
mod near;
mod notices;
mod personal;
mod scan;
mod secrets;
mod shape;
mod toxic;

pub use near::{Bands, NearIndex, Runs, BANDS};
#[cfg(feature = "pipeline")]
pub(crate) use notices::beginning;

use crate::{Finding, Reason};
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
pub const RULES_VERSION: u16 = 1;

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
	pub fn notice(&self, beginning: &str) -> Option<Reason> {
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
