//! Figures of an audit.

use super::records::Judged;
use crate::{filter::RULES_VERSION, Fault, Finding, Licence, Reason};
use blyan_exact::{merkle, Hash};
use serde::Serialize;
use std::collections::BTreeMap;

/// Languages that a report names.
pub const LANGUAGES_MAX: usize = 4;
/// Parts that a whole has.
const MILLION: u64 = 1_000_000;

/// Report of an audit: counts of drawn records, the same on every machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditReport {
	/// Fault of the dataset as a whole; everything else is zero then.
	pub fault: Option<Fault>,
	/// Version of the filter's rules.
	pub rules: u16,
	/// Records that were drawn.
	pub sampled: u32,
	/// Bytes of them, line ends included.
	pub sampled_bytes: u32,
	/// Merkle root over them: which they were.
	pub sample_root: Hash,
	/// True if the dataset's licence and that of every drawn record is permissive, and no notice in a text says otherwise.
	pub licence_verified: bool,
	/// Records that are not as a job writes them.
	pub malformed: u32,
	/// Records under a licence that SPDX does not know or that is not permissive, by their own word or a notice in the text.
	pub unlicensed: u32,
	/// Records with a notice that forbids copying.
	pub proprietary: u32,
	/// Records with personal data.
	pub personal: u32,
	/// Records with keys or passwords.
	pub secret: u32,
	/// Records with either.
	pub private: u32,
	/// Toxic records.
	pub toxic: u32,
	/// Records that are copies, exact or near, of others in the drawn blobs.
	pub duplicate: u32,
	/// Records whose characters were lost in a conversion, or that hold control characters.
	pub encoding: u32,
	/// Records of a shape that teaches nothing: too short, hardly a letter, repetitive, unbroken, generated.
	pub shape: u32,
	/// Mean bytes of text of a record.
	pub text_bytes_mean: u32,
	/// Languages of most records, as the records name them: code of ISO 639-1 and count; the more common first.
	pub languages: Vec<(String, u32)>,
	#[serde(skip)]
	counts: BTreeMap<String, u32>,
	#[serde(skip)]
	text_bytes: u64,
}

impl AuditReport {
	/// A report without a record yet.
	pub(super) fn new(licence: &str) -> Self {
		let licence_verified = Licence::parse(licence).is_ok_and(|licence| licence.is_permissive());
		Self { rules: RULES_VERSION, licence_verified, ..Self::default() }
	}

	/// Report on a dataset that is not what it says.
	pub fn of_fault(fault: Fault) -> Self {
		Self { fault: Some(fault), rules: RULES_VERSION, ..Self::default() }
	}

	/// Count of drawn records in parts per million of them, rounded down; zero if none was drawn.
	pub fn ppm(&self, count: u32) -> u32 {
		let part = (u64::from(count) * MILLION).checked_div(self.sampled.into()).unwrap_or_default();
		u32::try_from(part).unwrap_or(u32::MAX)
	}

	/// Counts a record.
	pub(super) fn add(&mut self, judged: &Judged, is_duplicate: bool) {
		self.sampled += 1;
		self.sampled_bytes += u32::try_from(judged.bytes).unwrap_or_default();
		self.duplicate += u32::from(is_duplicate);
		let Some(document) = &judged.document else {
			self.malformed += 1;
			return;
		};
		self.text_bytes += document.text_bytes as u64;
		if let Some(code) = document.language.as_deref().and_then(code) {
			*self.counts.entry(code).or_default() += 1;
		}
		let has = |kinds: std::ops::RangeInclusive<Finding>| {
			u32::from(document.findings.iter().any(|finding| kinds.contains(finding)))
		};
		let personal = has(Finding::Email..=Finding::IpAddress);
		let secret = has(Finding::ServiceKey..=Finding::AssignedSecret);
		self.personal += personal;
		self.secret += secret;
		self.private += personal | secret;
		self.toxic += has(Finding::Abuse..=Finding::Abuse);
		let mut is_unlicensed = !document.is_licensed;
		match document.reason {
			Some(Reason::Proprietary) => self.proprietary += 1,
			Some(Reason::LicenceUnknown | Reason::LicenceNotPermissive) => is_unlicensed = true,
			Some(Reason::EncodingDamaged | Reason::ControlCharacters | Reason::Nul) => self.encoding += 1,
			Some(Reason::PersonalData | Reason::Secret | Reason::Toxic) | None => {}
			Some(_) => self.shape += 1,
		}
		self.unlicensed += u32::from(is_unlicensed);
	}

	/// Makes the figures that are of all records.
	pub(super) fn close(&mut self, leaves: &[Hash]) {
		self.sample_root = merkle::root(leaves);
		self.licence_verified &= self.unlicensed == 0 && self.proprietary == 0;
		let read = self.sampled.saturating_sub(self.malformed);
		let mean = self.text_bytes.checked_div(read.into()).unwrap_or_default();
		self.text_bytes_mean = u32::try_from(mean).unwrap_or(u32::MAX);
		let mut languages: Vec<(String, u32)> = std::mem::take(&mut self.counts).into_iter().collect();
		languages.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
		languages.truncate(LANGUAGES_MAX);
		self.languages = languages;
		self.text_bytes = 0;
	}
}

/// Code of two small letters in front of a language tag; `None` for languages that have no such code.
fn code(tag: &str) -> Option<String> {
	let code = tag.split('-').next().filter(|code| code.len() == 2)?;
	code.bytes().all(|byte| byte.is_ascii_alphabetic()).then(|| code.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn parts_are_of_the_drawn_records_and_round_down() {
		let report = AuditReport { sampled: 3, ..AuditReport::default() };
		assert_eq!((report.ppm(0), report.ppm(1), report.ppm(3)), (0, 333_333, 1_000_000));
		assert_eq!(AuditReport::default().ppm(7), 0);
	}

	#[test]
	fn codes_are_two_small_letters() {
		let codes = ["pt-BR", "EN", "de", "gsw", "e1", ""].map(code);
		assert_eq!(codes, [Some("pt".into()), Some("en".into()), Some("de".into()), None, None, None]);
	}

	#[test]
	fn languages_are_the_most_common_and_equal_ones_in_their_order() {
		let mut report = AuditReport::new("MIT");
		let counts = [("aa", 1), ("bb", 3), ("cc", 3), ("dd", 2), ("ee", 1)];
		report.counts = counts.into_iter().map(|(name, count)| (name.to_string(), count)).collect();
		report.close(&[]);
		let names: Vec<&str> = report.languages.iter().map(|(name, _)| name.as_str()).collect();
		assert_eq!(names, ["bb", "cc", "dd", "aa"]);
	}
}
