//! Medians, thresholds and tiers, as plain functions.

use super::mock::{clean, Limits};
use crate::{
	rules::{
		auto_reject, combine, is_agreed, is_upheld, meets, quorum, rating, reaches, reviewed, tier, Combined,
	},
	RejectLimits, Tally, TierRules,
};
use blyan_primitives::{AuditFinding, AuditReport, DatasetReason, DatasetTier, LicenceFinding, MILLIONTHS};
use frame_support::traits::Get;
use proptest::prelude::*;
use sp_core::H256;

fn tally(yes: u32, no: u32, stars: u32) -> Tally {
	Tally {
		electorate: 0,
		voters: yes + no,
		voter_root: H256::zero(),
		yes,
		no: [0, no, 0, 0, 0],
		stars: stars * yes,
		rated: yes,
		extended: false,
	}
}

fn rules() -> TierRules {
	Limits::get()
}

#[test]
fn a_fault_is_upheld_by_more_than_half_of_all_seats() {
	let toxic = AuditFinding::Examined(AuditReport { toxicity: 300_000, ..clean() });
	let sound = AuditFinding::Examined(clean());
	let limits: RejectLimits = Limits::get();
	assert!(is_upheld(&[toxic, AuditFinding::Malformed, toxic, sound], 5, &limits));
	let half = [toxic, toxic, sound, sound];
	assert!(matches!(combine(&half), Combined::Examined(report) if auto_reject(&report, &limits).is_some()));
	assert!(!is_upheld(&half, 5, &limits) && !is_upheld(&half, 4, &limits));
	assert!(!is_upheld(&[AuditFinding::Unavailable; 5], 5, &limits));
}

#[test]
fn thresholds_reject_above_and_not_at_the_limit() {
	let limits: RejectLimits = Limits::get();
	let reject = |report| auto_reject(&report, &limits);
	assert_eq!(reject(clean()), None);
	assert_eq!(
		reject(AuditReport { pii: 10_000, toxicity: 100_000, duplicate_rate: 950_000, ..clean() }),
		None
	);
	assert_eq!(reject(AuditReport { pii: 10_001, ..clean() }), Some(DatasetReason::Safety));
	assert_eq!(reject(AuditReport { toxicity: 100_001, ..clean() }), Some(DatasetReason::Safety));
	assert_eq!(reject(AuditReport { duplicate_rate: 950_001, ..clean() }), Some(DatasetReason::Duplicate));
	assert_eq!(reject(AuditReport { copyright_hits: 1, ..clean() }), Some(DatasetReason::Copyright));
	assert_eq!(
		reject(AuditReport { licence: LicenceFinding::Unknown, ..clean() }),
		Some(DatasetReason::Copyright)
	);
	assert_eq!(reject(AuditReport { malformed: 500_001, ..clean() }), Some(DatasetReason::Quality));
}

#[test]
fn a_dataset_that_wins_falls_to_the_best_tier_whose_limits_it_meets() {
	let all = tally(100, 0, 5);
	let with = |report| tier(&all, &report, &rules());
	assert_eq!(with(clean()), Ok(DatasetTier::Gold));
	assert_eq!(with(AuditReport { pii: 1, ..clean() }), Ok(DatasetTier::Silver));
	assert_eq!(with(AuditReport { toxicity: 50_000, ..clean() }), Ok(DatasetTier::Silver));
	assert_eq!(with(AuditReport { duplicate_rate: 200_000, ..clean() }), Ok(DatasetTier::Silver));
	assert_eq!(
		with(AuditReport { licence: LicenceFinding::Stated, ..clean() }),
		Ok(DatasetTier::Experimental)
	);
	assert_eq!(with(AuditReport { toxicity: 100_000, ..clean() }), Ok(DatasetTier::Experimental));
	assert_eq!(with(AuditReport { toxicity: 200_000, ..clean() }), Err(DatasetReason::Quality));
	// Exactly four stars do not exceed four, and no stars are no rating.
	assert_eq!(tier(&tally(100, 0, 4), &clean(), &rules()), Ok(DatasetTier::Silver));
	assert_eq!(tier(&Tally { rated: 0, stars: 0, ..all }, &clean(), &rules()), Ok(DatasetTier::Silver));
}

#[test]
fn shares_of_yes_lead_to_tiers_at_the_limit() {
	let of = |yes, no| tier(&tally(yes, no, 5), &clean(), &rules());
	assert_eq!(of(75, 25), Ok(DatasetTier::Gold));
	assert_eq!(of(74, 26), Ok(DatasetTier::Silver));
	assert_eq!(of(60, 40), Ok(DatasetTier::Silver));
	assert_eq!(of(59, 41), Ok(DatasetTier::Experimental));
	assert_eq!(of(50, 50), Ok(DatasetTier::Experimental));
	assert_eq!(of(49, 51), Err(DatasetReason::Quality));
	assert_eq!(of(0, 0), Err(DatasetReason::Copyright), "no vote is no approval");
}

#[test]
fn the_reason_of_a_vote_is_the_one_that_most_opponents_gave() {
	let tally = Tally { no: [1, 2, 5, 0, 5], ..tally(0, 13, 0) };
	assert_eq!(tally.main_reason(), DatasetReason::Safety);
	assert_eq!((tally.against(), tally.votes()), (13, 13));
}

#[test]
fn kinds_of_findings_need_more_than_half() {
	let examined = AuditFinding::Examined(clean());
	let (gone, broken) = (AuditFinding::Unavailable, AuditFinding::Malformed);
	assert_eq!(combine(&[examined, examined, gone]), Combined::Examined(clean()));
	assert_eq!(combine(&[gone, gone, examined]), Combined::Unavailable);
	assert_eq!(combine(&[broken, broken, broken, gone]), Combined::Malformed);
	assert_eq!(combine(&[examined, examined, gone, gone]), Combined::Divided);
	assert_eq!(combine(&[examined, gone, broken]), Combined::Divided);
	assert_eq!(combine(&[]), Combined::Divided);
	assert_eq!((0..=6).map(quorum).collect::<Vec<_>>(), [0, 1, 2, 2, 3, 4, 4]);
}

/// While operators change to a release with other rules, a committee has auditors of both.
#[test]
fn the_rules_of_more_than_half_decide_and_two_halves_decide_nothing() {
	let old = AuditReport { rules: 1, pii: 9_000, ..clean() };
	let new = AuditReport { rules: 2, pii: 20, toxicity: 70, ..clean() };
	let examined = AuditFinding::Examined;
	let combined = combine(&[examined(old), examined(new), examined(new), examined(old), examined(new)]);
	assert_eq!(combined, Combined::Examined(new));
	assert!(is_agreed(&examined(new), &combined) && !is_agreed(&examined(old), &combined));
	// The upper median of every figure would be a report by rules 2 with the figures of rules 1.
	assert_eq!(combine(&[examined(old), examined(new), examined(new), examined(old)]), Combined::Divided);
	// One who claims rules that no release has neither moves a figure nor decides.
	let alone = AuditReport { rules: u32::MAX, ..old };
	assert_eq!(combine(&[examined(new), examined(alone), examined(new)]), Combined::Examined(new));
	assert_eq!(combine(&[examined(new), examined(alone)]), Combined::Divided);
	assert_eq!(
		combine(&[examined(new), examined(new), examined(old), AuditFinding::Unavailable]),
		Combined::Divided
	);
}

#[test]
fn an_expected_gain_may_differ_and_nothing_else() {
	let report = |gain| AuditFinding::Examined(AuditReport { perplexity_improvement: gain, ..clean() });
	let findings = [report(Some(5)), report(Some(7)), report(None), report(Some(6)), report(Some(1_000))];
	let combined = combine(&findings);
	let expected = AuditReport { perplexity_improvement: Some(6), ..clean() };
	assert_eq!(combined, Combined::Examined(expected));
	assert!(findings.iter().all(|finding| is_agreed(finding, &combined)));
	let departed = AuditFinding::Examined(AuditReport { toxicity: 1, ..clean() });
	assert!(!is_agreed(&departed, &combined));
	assert!(!is_agreed(&AuditFinding::Malformed, &combined));
}

fn any_report() -> impl Strategy<Value = AuditReport> {
	let share = || 0..=MILLIONTHS;
	(share(), share(), share(), share(), 0u32..3, 0u8..3).prop_map(
		|(pii, toxicity, duplicate_rate, malformed, copyright_hits, licence)| AuditReport {
			pii,
			toxicity,
			duplicate_rate,
			malformed,
			copyright_hits,
			licence: match licence {
				0 => LicenceFinding::Verified,
				1 => LicenceFinding::Stated,
				_ => LicenceFinding::Unknown,
			},
			..clean()
		},
	)
}

proptest! {
	/// Gain of a minority of auditors, whatever they report and in whatever order: nothing, where the others agree.
	#[test]
	fn attack_a_minority_moves_no_figure(
		honest in any_report(), lies in proptest::collection::vec(any_report(), 0..4), shuffle: u64,
	) {
		let mut findings = vec![AuditFinding::Examined(honest); lies.len() + 1];
		findings.extend(lies.into_iter().map(AuditFinding::Examined));
		let len = findings.len();
		findings.rotate_left((shuffle % len as u64) as usize);
		prop_assert_eq!(combine(&findings), Combined::Examined(honest));
	}

	#[test]
	fn a_median_lies_between_what_honest_auditors_found(
		honest in proptest::collection::vec(any_report(), 3..6), lie in any_report(),
	) {
		let findings: Vec<_> = honest.iter().copied().chain([lie]).map(AuditFinding::Examined).collect();
		let Combined::Examined(median) = combine(&findings) else { panic!("all examined it") };
		for figure in [
			|report: &AuditReport| report.pii,
			|report: &AuditReport| report.toxicity,
			|report: &AuditReport| report.duplicate_rate,
			|report: &AuditReport| report.copyright_hits,
		] {
			let least = honest.iter().map(figure).min().unwrap();
			let most = honest.iter().map(figure).max().unwrap();
			prop_assert!((least..=most).contains(&figure(&median)));
		}
		prop_assert!(median.is_plausible());
	}

	/// More votes for it and better figures never lead to a lower tier.
	#[test]
	fn tiers_grow_with_votes_and_quality(
		report in any_report(), yes in 0u32..200, no in 0u32..200, more in 0u32..50, better in 0u32..300_000,
	) {
		let rank = |outcome: Result<DatasetTier, DatasetReason>| match outcome {
			Ok(DatasetTier::Gold) => 3,
			Ok(DatasetTier::Silver) => 2,
			Ok(DatasetTier::Experimental) => 1,
			Err(_) => 0,
		};
		let of = |yes, report: &AuditReport| rank(tier(&tally(yes, no, 5), report, &rules()));
		let improved = AuditReport {
			toxicity: report.toxicity.saturating_sub(better),
			duplicate_rate: report.duplicate_rate.saturating_sub(better),
			pii: report.pii.saturating_sub(better),
			..report
		};
		prop_assert!(of(yes + more, &report) >= of(yes, &report));
		prop_assert!(of(yes, &improved) >= of(yes, &report));
	}

	#[test]
	fn a_tier_meets_its_limits_and_no_better_one_would(report in any_report(), yes in 1u32..200, no in 0u32..200) {
		let tally = tally(yes, no, 5);
		let found = tier(&tally, &report, &rules());
		let rating = rating(&tally);
		let may = |tier, share| {
			meets(tier, &report, rating, &rules()) && reaches(tally.yes, tally.votes(), share)
		};
		let gold = may(DatasetTier::Gold, 750_000);
		let silver = may(DatasetTier::Silver, 600_000);
		let experimental = may(DatasetTier::Experimental, 500_000);
		match found {
			Ok(DatasetTier::Gold) => prop_assert!(gold),
			Ok(DatasetTier::Silver) => prop_assert!(silver && !gold),
			Ok(DatasetTier::Experimental) => prop_assert!(experimental && !silver && !gold),
			Err(_) => prop_assert!(!experimental && !silver && !gold),
		}
	}
}

proptest! {
	#[test]
	fn reviewed_makes_no_tier_better_and_no_refusal_more_makes_one_better(refused in 0u32..=MILLIONTHS, more in 0u32..=MILLIONTHS) {
		let limits = Limits::get();
		for tier in [DatasetTier::Gold, DatasetTier::Silver, DatasetTier::Experimental] {
			prop_assert_eq!(reviewed(tier, None, &limits), Some(tier));
			let few = reviewed(tier, Some(refused), &limits);
			let many = reviewed(tier, Some(refused.saturating_add(more)), &limits);
			prop_assert!(few.is_none_or(|few| few >= tier));
			prop_assert!(many.is_none_or(|many| few.is_some_and(|few| many >= few)));
		}
	}
}
