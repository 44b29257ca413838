//! `commit`, opening a commitment, and priority among submissions of the same block.

use super::*;
use crate::{
	CommitmentQueue, CommitmentQueueEnds, CommitmentRecord, Commitments, Error, Event, FirstCommitments,
	HoldReason, OpenBlobs, OpenRoots, OpenSubmissions, Phase, Queues,
};
use blyan_primitives::ExpertHead;
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use frame_support::{
	assert_noop, assert_ok,
	traits::fungible::{Inspect, InspectHold},
	weights::Weight,
};
use sp_core::H256;
use sp_keyring::Sr25519Keyring::{Alice, Bob, Charlie, Eve, One};

const AGE: u32 = 5;
const DEPOSIT: Balance = 10;
const FEE: Balance = 40;

/// A chain on which a commitment costs something, takes time, and bytes must be attested.
fn chain(story: impl FnOnce()) {
	ExtBuilder::default().build_and_check(|| {
		CommitAge::set(AGE);
		CommitDeposit::set(DEPOSIT);
		EvaluationFee::set(FEE);
		MinAttestations::set(2);
		story();
	});
}

fn thief() -> AccountId {
	One.to_account_id()
}

fn deposits(who: &AccountId) -> Balance {
	Balances::balance_on_hold(&HoldReason::Commitment.into(), who)
}

fn wait(blocks: u32) {
	run_to(System::block_number() + blocks);
}

/// Number of the submission that was made last.
fn last() -> u64 {
	Learning::submission_count() - 1
}

const PREEMPTED: Option<SubmissionOutcome> = Some(SubmissionOutcome::Rejected(RejectReason::Preempted));

#[test]
fn commit_holds_the_deposit_and_submit_returns_it() {
	chain(|| {
		let commitment = commitment(&miner(), slot(0), &block(1));
		assert_ok!(Learning::commit(signed(miner()), commitment));
		assert_eq!(events(), [Event::Committed { miner: miner(), commitment, deposit: DEPOSIT }]);
		let record = CommitmentRecord { commitment, committed_at: 1, deposit: DEPOSIT, place: 0 };
		assert_eq!(Commitments::<Test>::get(miner()), vec![record]);
		assert_eq!(deposits(&miner()), DEPOSIT);
		let info = Learning::commitments(miner())[0];
		assert_eq!((info.commitment, info.committed_at), (commitment, 1));
		assert_eq!((info.opens_at, info.expires_at), (1 + AGE, 1 + LIFETIME));

		wait(AGE);
		assert_ok!(open_as(miner(), slot(0), block(1)));
		assert_eq!(deposits(&miner()), 0);
		assert!(!Commitments::<Test>::contains_key(miner()) && !CommitmentQueue::<Test>::contains_key(0));
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT);
		// Once opened it is used up.
		assert_ok!(Learning::withdraw(signed(miner()), last()));
		assert_noop!(open_as(miner(), slot(0), block(1)), Error::<Test>::CommitmentUnknown);
	});
}

#[test]
fn submit_fails_when_the_commitment_is_too_young_expired_or_about_something_else() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		run_to(AGE);
		assert_noop!(open_as(miner(), slot(0), block(1)), Error::<Test>::CommitmentTooYoung);
		run_to(1 + LIFETIME);
		for (to, candidate) in [(slot(1), block(1)), (slot(0), block(2))] {
			assert_noop!(open_as(miner(), to, candidate), Error::<Test>::CommitmentUnknown);
		}
		let mut other_size = block(1);
		other_size.blob.size -= 1;
		assert_noop!(open_as(miner(), slot(0), other_size), Error::<Test>::CommitmentUnknown);
		// The last block is in time, the next one is not, even where no block had time to clean up.
		let open = || Learning::open_commitment(&miner(), &slot(0), &block(1), &OPENER);
		System::set_block_number(2 + LIFETIME);
		assert_eq!((Commitments::<Test>::get(miner()).len(), Learning::commitments(miner())), (1, vec![]));
		assert!(matches!(open(), Err(Error::<Test>::CommitmentUnknown)));
		System::set_block_number(1 + LIFETIME);
		assert_eq!(open().ok(), Some(1));
	});
}

#[test]
fn a_refused_submission_keeps_its_commitment() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		let head = Heads::get()[&slot(0)];
		Heads::mutate(|heads| heads.insert(slot(0), ExpertHead { version: 1, ..head }));
		let work = stamp(&miner(), &block(1), 6);
		assert_noop!(
			Learning::submit(signed(miner()), slot(0), 0, block(1), H256::zero(), work, OPENER),
			Error::<Test>::ParentNotHead
		);
		assert_eq!(deposits(&miner()), DEPOSIT);
		// Its miner may still offer it against the new head.
		assert_ok!(open_as(miner(), slot(0), block(1)));
	});
}

#[test]
fn an_expired_commitment_loses_its_deposit() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(1);
		assert_ok!(commit_as(miner(), slot(0), block(2)));
		run_to(1 + LIFETIME);
		end_block();
		assert_eq!((Slashed::get(), deposits(&miner())), (0, 2 * DEPOSIT), "it may be opened in this block");
		run_to(2 + LIFETIME);
		System::reset_events();
		end_block();
		let commitment = commitment(&miner(), slot(0), &block(1));
		assert_eq!(events(), [Event::CommitmentExpired { miner: miner(), commitment, deposit: DEPOSIT }]);
		assert_eq!((Slashed::get(), deposits(&miner())), (DEPOSIT, DEPOSIT));
		assert_eq!(CommitmentQueueEnds::<Test>::get(), (1, 2));
		run_to(4 + LIFETIME);
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT - 2 * DEPOSIT);
		assert_eq!((CommitmentQueue::<Test>::iter().count(), Commitments::<Test>::iter().count()), (0, 0));
		assert_eq!(CommitmentQueueEnds::<Test>::get(), (2, 2));
	});
}

#[test]
fn commitments_expire_as_far_as_a_block_has_room() {
	chain(|| {
		for seed in 1..=3 {
			assert_ok!(commit_as(miner(), slot(0), block(seed)));
		}
		System::set_block_number(2 + LIFETIME);
		let now = System::block_number();
		let step = <() as crate::WeightInfo>::expire_commitment();
		// Reads cost nothing here.
		assert_eq!(Learning::expire_commitments(now, Weight::zero()), Weight::zero());
		for left in [2, 1, 0] {
			assert_eq!(Learning::expire_commitments(now, step), step);
			assert_eq!(CommitmentQueue::<Test>::iter().count(), left);
			Learning::do_try_state().unwrap();
		}
		assert_eq!(Learning::expire_commitments(now, Weight::MAX), Weight::zero(), "nothing is left");
	});
}

/// A thousand commitments cost a thousand deposits, and no account has more of them open than it may have submissions.
#[test]
fn attack_fill_the_storage_with_commitments() {
	chain(|| {
		for seed in 1..=5 {
			assert_ok!(commit_as(thief(), slot(0), block(seed)));
		}
		assert_noop!(commit_as(thief(), slot(0), block(6)), Error::<Test>::TooManyCommitments);
		// They are in no other miner's way: each has places of its own.
		assert_ok!(commit_as(miner(), slot(0), block(6)));
		assert_noop!(commit_as(miner(), slot(0), block(6)), Error::<Test>::CommitmentKnown);
		run_to(3 + LIFETIME);
		assert_eq!(Balances::total_balance(&thief()), ENDOWMENT - 5 * DEPOSIT);
		assert_eq!(Commitments::<Test>::iter().count(), 0, "and what they occupied is free again");
		// An account without money has no commitment.
		assert!(commit_as(AccountId::new([77; 32]), slot(0), block(7)).is_err());
	});
}

/// Where blocks have no time to clean up, an account's own expired commitments are replaced, and cost as much.
#[test]
fn commit_replaces_expired_ones_of_its_account() {
	chain(|| {
		for seed in 1..=5 {
			assert_ok!(commit_as(miner(), slot(0), block(seed)));
		}
		System::set_block_number(2 + LIFETIME);
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		assert_eq!((Slashed::get(), deposits(&miner())), (5 * DEPOSIT, DEPOSIT));
		assert_eq!(Commitments::<Test>::get(miner()).len(), 1);
		// The gaps that they left are passed over.
		Learning::expire_commitments(System::block_number(), Weight::MAX);
		assert_eq!(CommitmentQueueEnds::<Test>::get(), (5, 6));
	});
}

/// A pending `submit` shows root, blob and salt. Copied with a higher tip it came first, its original failed with
/// `DuplicateBlock`, and its fee was gone.
#[test]
fn attack_copy_a_pending_submission_from_the_pool() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		// The original is in the pool now. Its copy has no commitment, and the original's is another account's.
		assert_noop!(open_as(thief(), slot(0), block(1)), Error::<Test>::CommitmentUnknown);
		assert_ok!(commit_as(thief(), slot(0), block(1)));
		assert_noop!(open_as(thief(), slot(0), block(1)), Error::<Test>::CommitmentTooYoung);
		// A colluding collator leaves the original out of two blocks.
		wait(2);
		assert_noop!(open_as(thief(), slot(0), block(1)), Error::<Test>::CommitmentTooYoung);
		assert_ok!(open_as(miner(), slot(0), block(1)));
		// Neither her root with other bytes nor her bytes under another root.
		let (mut her_root, mut her_bytes) = (block(2), block(3));
		her_root.tensor_root = block(1).tensor_root;
		her_bytes.blob = block(1).blob;
		for candidate in [her_root, her_bytes] {
			assert_ok!(commit_as(thief(), slot(0), candidate));
		}
		wait(AGE);
		for candidate in [block(1), her_root, her_bytes] {
			assert_noop!(open_as(thief(), slot(0), candidate), Error::<Test>::DuplicateBlock);
		}
		assert!(OpenSubmissions::<Test>::contains_key(0));
		assert_eq!(Learning::submission_count(), 1);
	});
}

/// The salt of a pending `submit` is public, and so is every commitment.
#[test]
fn attack_open_the_commitment_of_another_account() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		// The very same hash under another account: nothing opens it.
		let copied = commitment(&miner(), slot(0), &block(1));
		assert_ok!(Learning::commit(signed(thief()), copied));
		wait(AGE);
		assert_noop!(open_as(thief(), slot(0), block(1)), Error::<Test>::CommitmentUnknown);
		// It does not keep the original out either.
		assert_ok!(open_as(miner(), slot(0), block(1)));
		run_to(3 + LIFETIME);
		assert_eq!(Balances::total_balance(&thief()), ENDOWMENT - DEPOSIT, "the copy's deposit is lost");
	});
}

/// A squatter learns a root, and every collator helps it to come first. It stands there until the author's transaction
/// arrives, and pays for that.
#[test]
fn attack_squat_on_a_root_that_another_committed() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		let mut her_bytes = block(2);
		her_bytes.blob = block(1).blob;
		let mut her_root = block(3);
		her_root.tensor_root = block(1).tensor_root;
		for candidate in [her_root, her_bytes] {
			assert_ok!(commit_as(thief(), slot(0), candidate));
		}
		wait(AGE);
		let (root_squat, bytes_squat) = (0, 1);
		for candidate in [her_root, her_bytes] {
			assert_ok!(open_as(thief(), slot(0), candidate));
		}
		// One of them is queued already, since two operators attest to bytes that they do not have.
		for who in [Alice, Bob] {
			attest_as(who, root_squat, 3).unwrap();
		}
		assert_eq!(Queues::<Test>::get(0), vec![root_squat]);
		System::reset_events();
		assert_ok!(open_as(miner(), slot(0), block(1)));
		let reason = RejectReason::Preempted;
		let rejected = |submission| Event::Rejected { submission, miner: thief(), slot: slot(0), reason };
		assert_eq!(events()[..2], [rejected(root_squat), rejected(bytes_squat)]);
		assert_eq!((outcome(root_squat), outcome(bytes_squat)), (PREEMPTED, PREEMPTED));
		assert_eq!(OpenRoots::<Test>::get(block(1).tensor_root), Some(2));
		assert_eq!(OpenBlobs::<Test>::get(block(1).blob.hash), Some(2));
		assert_eq!(Queues::<Test>::get(0), vec![], "the author's bytes are still to come");
		// The fees of two places in a queue in which nothing stood yet.
		assert_eq!(Balances::total_balance(&thief()), ENDOWMENT - 2 * FEE);
		assert_eq!(crate::Miners::<Test>::get(thief()).uploads, 2, "and two uploads of its day");
	});
}

/// A squatter that is being evaluated delays the author by that evaluation, loses the fee, and is paid nothing.
#[test]
fn attack_squat_until_a_committee_sits() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		assert_ok!(commit_as(thief(), slot(0), block(1)));
		wait(AGE);
		assert_ok!(open_as(thief(), slot(0), block(1)));
		for who in [Alice, Bob] {
			attest_as(who, 0, 1).unwrap();
		}
		wait(DELAY + 1);
		assert!(evaluation(0).is_some());
		assert_noop!(open_as(miner(), slot(0), block(1)), Error::<Test>::DuplicateInEvaluation);
		// Only the author has the bytes, so no member finds anything.
		run_to(deadlines(0).reveal + 1);
		end_block();
		assert_eq!(outcome(0), Some(SubmissionOutcome::Expired(ExpiryReason::NoReports)));
		assert_eq!(Balances::total_balance(&thief()), ENDOWMENT - FEE);
		// The author's commitment is as good as before.
		assert_ok!(open_as(miner(), slot(0), block(1)));
		// And the squatter's next one is younger.
		assert_ok!(commit_as(thief(), slot(0), block(1)));
		wait(AGE);
		assert_noop!(open_as(thief(), slot(0), block(1)), Error::<Test>::DuplicateBlock);
	});
}

/// When a submission expires, its root and perhaps its bytes are public. A copier that committed while it was open would
/// be older than its second try.
#[test]
fn attack_take_over_a_root_when_its_submission_expires() {
	chain(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		assert_ok!(open_as(miner(), slot(0), block(1)));
		assert_ok!(commit_as(thief(), slot(0), block(1)));
		let mut her_bytes = block(2);
		her_bytes.blob = block(1).blob;
		assert_ok!(commit_as(thief(), slot(0), her_bytes));
		wait(BYTES + 2);
		assert_eq!(outcome(0), Some(SubmissionOutcome::Expired(ExpiryReason::BytesMissing)));
		assert_noop!(open_as(thief(), slot(0), block(1)), Error::<Test>::DuplicateBlock);
		assert_ok!(open_as(thief(), slot(0), her_bytes));
		// The second try is as old as the first commitment, so the relabelled copy makes way.
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		assert_ok!(open_as(miner(), slot(0), block(1)));
		assert_eq!(outcome(1), PREEMPTED);
		assert_eq!(FirstCommitments::<Test>::get(block(1).tensor_root).unwrap().committed_at, 1);
	});
}

/// Two miners that came to the same tensors by themselves: the first to commit is the first, and ties go to the first to
/// submit.
#[test]
fn the_oldest_commitment_has_priority_and_a_tie_goes_to_the_first_submission() {
	chain(|| {
		let eve = Eve.to_account_id();
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		assert_ok!(commit_as(eve.clone(), slot(0), block(1)));
		wait(AGE);
		assert_ok!(open_as(eve, slot(0), block(1)));
		assert_noop!(open_as(miner(), slot(0), block(1)), Error::<Test>::DuplicateBlock);
	});
}

#[test]
fn priority_is_forgotten_with_the_submission() {
	ExtBuilder::default().build_and_check(|| {
		let first = submit(1);
		assert_ok!(Learning::withdraw(signed(miner()), first));
		let copier = Charlie.to_account_id();
		wait(1);
		assert_noop!(submit_as(copier.clone(), slot(0), block(1)), Error::<Test>::DuplicateBlock);
		// Four more that are closed: as many as are remembered.
		run_to(DAY);
		for seed in 2..=5 {
			let other = submit(seed);
			assert_ok!(Learning::withdraw(signed(miner()), other));
		}
		assert_eq!(FirstCommitments::<Test>::iter().count(), 4);
		assert_ok!(submit_as(copier, slot(0), block(1)));
	});
}

/// Submissions that were made before there were commitments have the age of themselves.
#[test]
fn a_submission_without_a_commitment_counts_from_itself() {
	chain(|| {
		assert_ok!(commit_as(thief(), slot(0), block(1)));
		wait(AGE);
		assert_ok!(open_as(thief(), slot(0), block(1)));
		FirstCommitments::<Test>::remove(block(1).tensor_root);
		wait(1);
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		wait(AGE);
		assert_noop!(open_as(miner(), slot(0), block(1)), Error::<Test>::DuplicateBlock);
		assert!(matches!(OpenSubmissions::<Test>::get(0).unwrap().phase, Phase::Announced { .. }));
	});
}
