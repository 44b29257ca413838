//! Properties of the rules.

use super::mock::refusing;
use crate::{rules::*, types::*};
use codec::{Decode, Encode};
use proptest::prelude::*;
use sp_core::H256;

fn answer() -> impl Strategy<Value = Answer> {
	prop_oneof![
		Just(Answer::Keep),
		Just(Answer::Unsure),
		Just(Answer::Refuse(RecordReason::Copyright)),
		Just(Answer::Refuse(RecordReason::Bias)),
	]
}

proptest! {
	#[test]
	fn distinct_draws_as_many_different_records_as_there_are(seed: [u8; 32], total in 1u64..u64::MAX, count in 1..=RECORDS_MAX) {
		let drawn = distinct(&H256(seed), b"records", total, count);
		prop_assert_eq!(drawn.len() as u64, total.min(count.into()));
		prop_assert!(drawn.windows(2).all(|two| two[0] < two[1]));
		prop_assert!(drawn.iter().all(|place| *place < total));
	}

	#[test]
	fn decide_needs_more_than_half_of_all_seats(answers in prop::collection::vec(answer(), 0..16), silent in 0u32..4) {
		let seats = answers.len() as u32 + silent;
		let keep = answers.iter().filter(|one| **one == Answer::Keep).count() as u32;
		let refuse = answers.iter().filter(|one| matches!(one, Answer::Refuse(_))).count() as u32;
		let expected = if keep * 2 > seats {
			Some(false)
		} else {
			(refuse * 2 > seats).then_some(true)
		};
		prop_assert_eq!(decide(seats, answers.into_iter()), expected);
	}

	#[test]
	fn share_refused_is_a_share(decisions in prop::collection::vec(any::<Option<bool>>(), 0..32)) {
		let decided = decisions.iter().flatten().count();
		let share = share_refused(&decisions);
		prop_assert_eq!(share.is_some(), decided > 0 && decided * 2 >= decisions.len());
		prop_assert!(share.unwrap_or(0) <= 1_000_000);
	}

	#[test]
	fn add_keeps_agreement_below_what_was_judged(agreed in 0u32..100, extra in 0u32..100, more in 0u32..100, max in 1u32..200) {
		let score = Score { agreed, judged: agreed.saturating_add(extra) };
		let sum = add(score, Score { agreed: more, judged: more }, max);
		prop_assert!(sum.agreed <= sum.judged);
	}

	#[test]
	fn answers_survive_their_encoding(answers in prop::collection::vec(answer(), 0..=RECORDS_MAX as usize)) {
		let answers = Answers::try_from(answers).unwrap();
		prop_assert_eq!(Answers::decode(&mut &answers.encode()[..]).unwrap(), answers);
	}
}

#[test]
fn agreement_counts_kept_and_refused_records_apart() {
	let decisions: Vec<_> = (0..10).map(|place| (place != 9).then_some(place < 4)).collect();
	let (kept, refused) = agreement(&refusing(2), &decisions);
	assert_eq!(kept, Score { agreed: 5, judged: 5 });
	assert_eq!(refused, Score { agreed: 2, judged: 4 });
}
