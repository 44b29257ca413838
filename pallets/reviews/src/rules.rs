//! Rules: plain integers in, plain integers out.

use crate::types::{Answer, Answers, ReputeRules, Score};
use alloc::{collections::BTreeSet, vec::Vec};
use blyan_primitives::MILLIONTHS;
use codec::Encode;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Seats that must answer: two thirds, rounded up.
pub fn quorum(seats: u32) -> u32 {
	seats.saturating_mul(2).div_ceil(3)
}

/// A number below `total` for one turn of a draw; zero if `total` is zero.
pub fn pick(seed: &H256, subject: &[u8], turn: u32, total: u64) -> u64 {
	let hash = blake2_256(&(subject, seed, turn).encode());
	let number = hash.iter().take(16).fold(0u128, |sum, byte| sum.wrapping_shl(8) | u128::from(*byte));
	let place = number.checked_rem(u128::from(total)).unwrap_or(0);
	u64::try_from(place).unwrap_or(0)
}

/// `count` distinct numbers below `total`, ascending; all of them if there are no more.
///
/// Numbers that were drawn already are drawn again, so each set is as likely as every other. It gives up after as many draws as
/// a fair seed never needs.
pub fn distinct(seed: &H256, subject: &[u8], total: u64, count: u32) -> Vec<u64> {
	if total <= u64::from(count) {
		return (0..total).collect();
	}
	let wanted = usize::try_from(count).unwrap_or(usize::MAX);
	let mut chosen = BTreeSet::new();
	for turn in 0..count.saturating_mul(64) {
		if chosen.len() >= wanted {
			break;
		}
		chosen.insert(pick(seed, subject, turn, total));
	}
	chosen.into_iter().collect()
}

/// Decision of a committee of `seats` about one record: `Some(true)` if it refuses it, `None` if it is not decided.
///
/// One side needs more than half of all seats, so those who are silent or unsure help neither.
pub fn decide(seats: u32, answers: impl Iterator<Item = Answer>) -> Option<bool> {
	let (mut keep, mut refuse) = (0u32, 0u32);
	for answer in answers {
		match answer {
			Answer::Keep => keep = keep.saturating_add(1),
			Answer::Refuse(_) => refuse = refuse.saturating_add(1),
			Answer::Unsure => {}
		}
	}
	let is_most = |count: u32| count.saturating_mul(2) > seats;
	match (is_most(keep), is_most(refuse)) {
		(true, _) => Some(false),
		(_, true) => Some(true),
		_ => None,
	}
}

/// Decisions about each of `records` records.
pub fn decisions(seats: u32, records: usize, opened: &[&Answers]) -> Vec<Option<bool>> {
	let mut decided = Vec::new();
	for record in 0..records {
		let answers: Vec<Answer> = opened.iter().filter_map(|answers| answers.get(record).copied()).collect();
		decided.push(decide(seats, answers.into_iter()));
	}
	decided
}

/// Share of refused records in millionths of the decided ones, if at least half of all were decided.
pub fn share_refused(decisions: &[Option<bool>]) -> Option<u32> {
	let decided = decisions.iter().flatten().count();
	let refused = decisions.iter().flatten().filter(|is_refused| **is_refused).count();
	if decided == 0 || decided.saturating_mul(2) < decisions.len() {
		return None;
	}
	let (decided, refused) = (u64::try_from(decided).ok()?, u64::try_from(refused).ok()?);
	u32::try_from(refused.saturating_mul(MILLIONTHS.into()).checked_div(decided)?).ok()
}

/// Agreement of one reviewer in one review: with what was kept, and with what was refused. An unsure answer is not judged.
pub fn agreement(answers: &Answers, decisions: &[Option<bool>]) -> (Score, Score) {
	let (mut kept, mut refused) = (Score::default(), Score::default());
	for (answer, decision) in answers.iter().zip(decisions) {
		let (Some(is_refused), said) = (*decision, *answer) else { continue };
		let has_refused = match said {
			Answer::Keep => false,
			Answer::Refuse(_) => true,
			Answer::Unsure => continue,
		};
		let score = if is_refused { &mut refused } else { &mut kept };
		score.judged = score.judged.saturating_add(1);
		if has_refused == is_refused {
			score.agreed = score.agreed.saturating_add(1);
		}
	}
	(kept, refused)
}

/// A score with what was added; both figures are halved when there are more than `judged_max`.
pub fn add(score: Score, more: Score, judged_max: u32) -> Score {
	let agreed = score.agreed.saturating_add(more.agreed);
	let judged = score.judged.saturating_add(more.judged);
	if judged > judged_max {
		return Score { agreed: agreed / 2, judged: judged.div_ceil(2) };
	}
	Score { agreed, judged }
}

/// Reports whether a score is one of too few records, or good enough.
pub fn is_good(score: Score, rules: &ReputeRules) -> bool {
	let has = u64::from(score.agreed).saturating_mul(MILLIONTHS.into());
	let needs = u64::from(score.judged).saturating_mul(rules.accuracy_min.into());
	score.judged < rules.judged_min || has >= needs
}

/// Records that a reviewer is paid for: those on which it agreed with a decision, or half of them as long as its record is short.
/// None if, in this review alone, it disagreed on more of them than the rules allow: who answers at random is not paid for luck.
pub fn paid(kept: Score, refused: Score, judged_before: u32, rules: &ReputeRules) -> u32 {
	let all = Score {
		agreed: kept.agreed.saturating_add(refused.agreed),
		judged: kept.judged.saturating_add(refused.judged),
	};
	let is_bad = u64::from(all.agreed).saturating_mul(MILLIONTHS.into())
		< u64::from(all.judged).saturating_mul(rules.accuracy_min.into());
	// Without one refused record among the agreed ones it may as well have read nothing.
	let has_passed_over = refused.judged > 0 && refused.agreed == 0;
	match (is_bad || has_passed_over, judged_before < rules.judged_min) {
		(true, _) => 0,
		(false, true) => all.agreed / 2,
		(false, false) => all.agreed,
	}
}
