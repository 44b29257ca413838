//! Votes: who has one, how it is counted, when it ends.

use super::mock::*;
use crate::*;
use blyan_primitives::{AuditReport, Ballot, DatasetReason, DatasetStage, DatasetTier, VoterProof};
use frame_support::{assert_noop, assert_ok};

type Failure = Error<Test>;

const NO: Ballot = Ballot::No { reason: DatasetReason::Bias };

#[test]
fn a_vote_by_all_makes_gold() {
	story(10, || {
		let dataset = approved(ALICE, 1);
		assert_eq!(stage(dataset), DatasetStage::Approved(DatasetTier::Gold));
		System::assert_has_event(Event::Approved { dataset, tier: DatasetTier::Gold }.into());
		let conduct = Conducts::<Test>::get(account(ALICE));
		assert_eq!((conduct.successes, conduct.failures), (1, 0));
	});
}

#[test]
fn figures_limit_the_tier_that_votes_would_give() {
	story(10, || {
		let dataset = reported(ALICE, 1, AuditReport { pii: 5_000, ..clean() });
		for voter in 0..10 {
			vote(dataset, voter, YES).unwrap();
		}
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Approved(DatasetTier::Silver));
	});
}

#[test]
fn people_who_refuse_records_limit_the_tier_that_votes_would_give() {
	for (refused, expected) in [
		(None, DatasetStage::Approved(DatasetTier::Gold)),
		(Some(50_000), DatasetStage::Approved(DatasetTier::Gold)),
		(Some(50_001), DatasetStage::Approved(DatasetTier::Silver)),
		(Some(400_000), DatasetStage::Approved(DatasetTier::Experimental)),
		(Some(400_001), DatasetStage::Rejected(DatasetReason::Quality)),
	] {
		RefusedByPeople::set(refused);
		story(10, || {
			let dataset = reported(ALICE, 1, clean());
			assert!(UnderReview::get().contains(&dataset));
			for voter in 0..10 {
				vote(dataset, voter, YES).unwrap();
			}
			run(VOTE_WINDOW + 2);
			assert_eq!(stage(dataset), expected);
			assert!(UnderReview::get().is_empty(), "the review is over");
		});
	}
}

#[test]
fn a_majority_against_rejects_for_its_reason() {
	story(10, || {
		let dataset = reported(ALICE, 1, clean());
		for voter in 0..10 {
			vote(dataset, voter, if voter < 4 { YES } else { NO }).unwrap();
		}
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Bias));
		assert_eq!(Conducts::<Test>::get(account(ALICE)).failures, 1);
	});
}

#[test]
fn little_participation_extends_once_and_no_vote_decides_nothing() {
	story(20, || {
		let dataset = reported(ALICE, 1, clean());
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Vote);
		assert!(record(dataset).vote.unwrap().extended);
		run(VOTE_EXTENSION + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::AuditTimeout));
		assert_eq!(Conducts::<Test>::get(account(ALICE)).offers, 0, "given back");
	});
}

#[test]
fn a_vote_is_decided_after_the_extension_by_those_who_voted() {
	story(20, || {
		let dataset = reported(ALICE, 1, clean());
		vote(dataset, 3, YES).unwrap();
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Vote);
		vote(dataset, 4, YES).unwrap();
		run(VOTE_EXTENSION + 2);
		assert_eq!(stage(dataset), DatasetStage::Approved(DatasetTier::Gold));
	});
}

#[test]
fn a_vote_is_final_valid_and_in_time() {
	story(10, || {
		let dataset = reported(ALICE, 1, clean());
		vote(dataset, 0, YES).unwrap();
		assert_noop!(vote(dataset, 0, NO), Failure::AlreadySaid);
		assert_noop!(vote(dataset, 1, Ballot::Yes { stars: Some(6) }), Failure::BallotInvalid);
		let timeout = Ballot::No { reason: DatasetReason::AuditTimeout };
		assert_noop!(vote(dataset, 1, timeout), Failure::BallotInvalid);
		assert_noop!(vote(dataset, BOB, YES), Failure::NotAVoter);
		// A proof of another account's place.
		let proof = DatasetsPallet::voter_proof(dataset, &account(2)).unwrap();
		assert_noop!(DatasetsPallet::vote(signed(BOB), dataset, YES, proof.clone()), Failure::NotAVoter);
		let moved = VoterProof { index: proof.index + 1, ..proof };
		assert_noop!(DatasetsPallet::vote(signed(2), dataset, YES, moved), Failure::NotAVoter);
		let proof = DatasetsPallet::voter_proof(dataset, &account(2)).unwrap();
		run_to(record(dataset).until + 1);
		assert_noop!(DatasetsPallet::vote(signed(2), dataset, YES, proof), Failure::WrongStage);
	});
}

#[test]
fn owners_have_one_vote_however_many_operators_they_run() {
	story(5, || {
		for operator in 100..120 {
			register_for(operator, 0);
		}
		let dataset = reported(ALICE, 1, clean());
		assert_eq!(record(dataset).vote.unwrap().voters, 5);
		vote(dataset, 0, YES).unwrap();
		assert_noop!(vote(dataset, 100, YES), Failure::NotAVoter);
	});
}

#[test]
fn contributors_have_no_vote_on_their_own_data() {
	story(6, || {
		register_for(100, ALICE);
		let dataset = reported(ALICE, 1, clean());
		assert_eq!(record(dataset).vote.unwrap().voters, 7);
		assert_noop!(vote(dataset, ALICE, YES), Failure::OwnDataset);
	});
}

#[test]
fn votes_of_one_hour_share_a_list_that_leaves_with_the_last() {
	story(9, || {
		let first = reported(ALICE, 1, clean());
		let second = reported(BOB, 2, clean());
		assert_eq!(Electorates::<Test>::iter().count(), 1);
		run(40);
		let third = reported(MINER, 3, clean());
		assert_eq!(Electorates::<Test>::iter().count(), 2);
		let list = |dataset| record(dataset).vote.unwrap().electorate;
		assert_eq!((list(first), list(second), list(third)), (0, 0, 1));
		run(VOTE_WINDOW + VOTE_EXTENSION + 10);
		assert_eq!(Electorates::<Test>::iter_keys().collect::<Vec<_>>(), [1], "the newest may serve again");
		assert_eq!(Voted::<Test>::iter().count(), 0);
	});
}

#[test]
fn withdraw_from_a_vote_counts_as_a_rejection() {
	story(9, || {
		let dataset = reported(ALICE, 1, clean());
		vote(dataset, 1, NO).unwrap();
		assert_ok!(DatasetsPallet::withdraw(signed(ALICE), dataset));
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Withdrawn));
		assert_eq!(Conducts::<Test>::get(account(ALICE)).failures, 1);
		assert!(Roots::<Test>::contains_key(record(dataset).root), "no second vote by the same data");
	});
}
