//! Pure rules: how reports combine, what rejects, which tier a dataset gets. Plain integers in, plain integers out.

use crate::types::{RejectLimits, ReviewLimits, Tally, TierLimits, TierRules};
use alloc::vec::Vec;
use blyan_primitives::{
	AuditFinding, AuditReport, DatasetReason, DatasetTier, LanguageShare, LicenceFinding, LANGUAGES,
	MILLIONTHS,
};

/// Combination of the findings of a committee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant)]
pub enum Combined {
	/// More than half examined the sample by one version of the rules: the median of every figure.
	Examined(AuditReport),
	/// More than half could not get the bytes.
	Unavailable,
	/// More than half found something else than was offered.
	Malformed,
	/// No kind of finding has more than half.
	Divided,
}

/// Findings without which a committee of `seats` decides nothing: two thirds, rounded up.
pub fn quorum(seats: u32) -> u32 {
	seats.saturating_mul(2).div_ceil(3)
}

/// Combines findings.
///
/// The median of each figure, so that a minority moves none of them beyond what some other auditor found. Of an even number, the
/// worse of the two in the middle: the higher share, the lower gain, the worse licence.
///
/// Of reports by several versions of the filter's rules, those of the version that more than half of the committee has count: other
/// rules find other figures in the same records, and a median over both would be a report that no auditor made, so that none is paid.
pub fn combine(findings: &[AuditFinding]) -> Combined {
	let is_most = |count: usize| count.saturating_mul(2) > findings.len();
	let count = |of: AuditFinding| findings.iter().filter(|finding| **finding == of).count();
	let mut reports: Vec<&AuditReport> = findings
		.iter()
		.filter_map(|finding| match finding {
			AuditFinding::Examined(report) => Some(report),
			_ => None,
		})
		.collect();
	if is_most(count(AuditFinding::Malformed)) {
		return Combined::Malformed;
	}
	if is_most(count(AuditFinding::Unavailable)) {
		return Combined::Unavailable;
	}
	let of_version = |rules: u32| reports.iter().filter(|report| report.rules == rules).count();
	let version = reports.iter().map(|report| report.rules).max_by_key(|rules| of_version(*rules));
	reports.retain(|report| Some(report.rules) == version);
	match median_report(&reports) {
		Some(report) if is_most(reports.len()) => Combined::Examined(report),
		_ => Combined::Divided,
	}
}

/// The upper median.
fn median<V: Ord + Copy>(values: impl Iterator<Item = V>) -> Option<V> {
	let mut values: Vec<V> = values.collect();
	values.sort_unstable();
	values.get(values.len() / 2).copied()
}

fn median_report(reports: &[&AuditReport]) -> Option<AuditReport> {
	macro_rules! figure {
		($name:ident) => {
			median(reports.iter().map(|report| report.$name))?
		};
	}
	let gains = || reports.iter().filter_map(|report| report.perplexity_improvement);
	Some(AuditReport {
		rules: figure!(rules),
		records: figure!(records),
		bytes: figure!(bytes),
		licence: figure!(licence),
		copyright_hits: figure!(copyright_hits),
		pii: figure!(pii),
		toxicity: figure!(toxicity),
		duplicate_rate: figure!(duplicate_rate),
		malformed: figure!(malformed),
		languages: median_languages(reports),
		perplexity_improvement: median(gains().map(core::cmp::Reverse)).map(|gain| gain.0),
	})
}

/// The list of languages that most reports agree on; of several, the one whose bytes are the smallest. Languages decide nothing,
/// and medians of shares would be a list that no auditor found.
fn median_languages(reports: &[&AuditReport]) -> [LanguageShare; LANGUAGES] {
	let bytes = |list: &[LanguageShare; LANGUAGES]| list.map(|one| (one.code, one.share));
	let backers =
		|list: &[LanguageShare; LANGUAGES]| reports.iter().filter(|report| report.languages == *list).count();
	reports
		.iter()
		.map(|report| &report.languages)
		.max_by_key(|list| (backers(list), core::cmp::Reverse(bytes(list))))
		.copied()
		.unwrap_or_default()
}

/// Reports whether an auditor is paid for its finding: it is what the committee found, in every figure that is exact.
pub fn is_agreed(finding: &AuditFinding, combined: &Combined) -> bool {
	match (finding, combined) {
		(AuditFinding::Examined(report), Combined::Examined(median)) => {
			report.exact_part() == median.exact_part()
		}
		(AuditFinding::Unavailable, Combined::Unavailable)
		| (AuditFinding::Malformed, Combined::Malformed) => true,
		_ => false,
	}
}

/// Returns why a dataset is rejected without a vote; `None` if it is not.
pub fn auto_reject(report: &AuditReport, limits: &RejectLimits) -> Option<DatasetReason> {
	if report.copyright_hits > 0 || report.licence == LicenceFinding::Unknown {
		return Some(DatasetReason::Copyright);
	}
	if report.pii > limits.pii || report.toxicity > limits.toxicity {
		return Some(DatasetReason::Safety);
	}
	if report.duplicate_rate > limits.duplicate_rate {
		return Some(DatasetReason::Duplicate);
	}
	(report.malformed > limits.malformed).then_some(DatasetReason::Quality)
}

/// Reports whether more than half of a committee's `seats` found a dataset beyond the limits, each by its own figures. The median of
/// an even number is the worse one, so with a silent colleague half of the reports, two of five seats, would be enough for it.
pub fn is_upheld(findings: &[AuditFinding], seats: usize, limits: &RejectLimits) -> bool {
	let is_fault = |finding: &&AuditFinding| match finding {
		AuditFinding::Examined(report) => auto_reject(report, limits).is_some(),
		AuditFinding::Malformed => true,
		AuditFinding::Unavailable => false,
	};
	findings.iter().filter(is_fault).count().saturating_mul(2) > seats
}

/// Mean of the stars, in millionths of a star; `None` if there are none.
pub fn rating(tally: &Tally) -> Option<u64> {
	u64::from(tally.stars).saturating_mul(MILLIONTHS.into()).checked_div(tally.rated.into())
}

/// Reports whether `part` of `whole` is at least `share` millionths.
pub fn reaches(part: u32, whole: u32, share: u32) -> bool {
	let part = u64::from(part).saturating_mul(MILLIONTHS.into());
	part >= u64::from(whole).saturating_mul(share.into())
}

/// Reports whether figures and rating meet the limits of a tier.
pub fn meets(tier: DatasetTier, report: &AuditReport, rating: Option<u64>, rules: &TierRules) -> bool {
	let TierLimits { toxicity, duplicate_rate, .. } = *limits(tier, rules);
	let is_below = report.toxicity < toxicity && report.duplicate_rate < duplicate_rate;
	let is_verified = report.licence == LicenceFinding::Verified;
	is_below
		&& match tier {
			DatasetTier::Gold => {
				is_verified && report.pii == 0 && rating.is_some_and(|rating| rating > rules.rating.into())
			}
			DatasetTier::Silver => is_verified,
			DatasetTier::Experimental => report.copyright_hits == 0,
		}
}

/// Returns the tier that a vote and the figures lead to: the best whose share of yes it has and whose limits it meets.
///
/// # Errors
///
/// Returns the reason for which it gets none.
pub fn tier(tally: &Tally, report: &AuditReport, rules: &TierRules) -> Result<DatasetTier, DatasetReason> {
	let votes = tally.votes();
	let has_share = |tier| votes > 0 && reaches(tally.yes, votes, limits(tier, rules).yes);
	if !has_share(DatasetTier::Experimental) {
		return Err(tally.main_reason());
	}
	best(DatasetTier::Gold, report, rating(tally), rules, has_share).ok_or(DatasetReason::Quality)
}

/// The best tier from `from` down that passes `may` and whose limits are met.
pub fn best(
	from: DatasetTier,
	report: &AuditReport,
	rating: Option<u64>,
	rules: &TierRules,
	may: impl Fn(DatasetTier) -> bool,
) -> Option<DatasetTier> {
	[DatasetTier::Gold, DatasetTier::Silver, DatasetTier::Experimental]
		.into_iter()
		.filter(|tier| *tier >= from)
		.find(|tier| may(*tier) && meets(*tier, report, rating, rules))
}

/// The best tier from `tier` down whose limit the share of records refused by people does not exceed. Without a review it is `tier`:
/// a review never makes a tier better.
pub fn reviewed(tier: DatasetTier, refused: Option<u32>, limits: &ReviewLimits) -> Option<DatasetTier> {
	let Some(refused) = refused else { return Some(tier) };
	[
		(DatasetTier::Gold, limits.gold),
		(DatasetTier::Silver, limits.silver),
		(DatasetTier::Experimental, limits.experimental),
	]
	.into_iter()
	.find(|(one, limit)| *one >= tier && refused <= *limit)
	.map(|(one, _)| one)
}

fn limits(tier: DatasetTier, rules: &TierRules) -> &TierLimits {
	match tier {
		DatasetTier::Gold => &rules.gold,
		DatasetTier::Silver => &rules.silver,
		DatasetTier::Experimental => &rules.experimental,
	}
}
