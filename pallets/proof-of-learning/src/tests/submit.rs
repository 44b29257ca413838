//! `submit` and `withdraw`.

use super::*;
use crate::{Error, Event, HoldReason, OpenSubmissions, Phase, Queues};
use blyan_primitives::PowStamp;
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_core::H256;
use sp_keyring::Sr25519Keyring;

fn held() -> Balance {
	Balances::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner())
}

#[test]
fn submit_holds_the_bond_and_queues_the_candidate() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		System::reset_events();
		assert_ok!(open_as(miner(), slot(0), block(1)));
		let record = OpenSubmissions::<Test>::get(0).unwrap();
		assert_eq!(record.claim.miner, miner());
		assert_eq!((record.claim.slot, record.claim.parent, record.claim.block), (slot(0), 0, block(1)));
		assert_eq!((record.bond, record.attempt), (BOND, 1));
		assert_eq!(record.phase, Phase::Queued { draw_from: 1 + DELAY });
		assert_eq!(Queues::<Test>::get(0), vec![0]);
		assert_eq!(held(), BOND);
		assert_eq!(
			events(),
			[Event::Submitted {
				submission: 0,
				miner: miner(),
				slot: slot(0),
				parent: 0,
				block: block(1),
				attempt: 1,
				bond: BOND,
				fee: 0,
			}]
		);
	});
}

#[test]
fn submit_fails_when_the_slot_does_not_exist() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(submit_as(miner(), slot(2), block(1)), Error::<Test>::SlotUnknown);
	});
}

#[test]
fn submit_fails_when_the_parent_is_not_the_head() {
	ExtBuilder::default().build_and_check(|| {
		let work = stamp(&miner(), &block(1), 6);
		assert_ok!(commit_as(miner(), slot(0), block(1)));
		assert_noop!(
			Learning::submit(signed(miner()), slot(0), 1, block(1), H256::zero(), work, OPENER),
			Error::<Test>::ParentNotHead
		);
	});
}

#[test]
fn submit_fails_when_the_blob_is_empty_or_too_large() {
	ExtBuilder::default().build_and_check(|| {
		for size in [0, 1_001] {
			let mut candidate = block(1);
			candidate.blob.size = size;
			assert_noop!(submit_as(miner(), slot(0), candidate), Error::<Test>::BlobSizeOutOfRange);
		}
	});
}

#[test]
fn submit_fails_when_the_block_is_a_head_or_open_already() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(submit_as(miner(), slot(0), block(100)), Error::<Test>::DuplicateBlock);
		KnownBlobs::mutate(|known| known.insert(block(7).blob.hash));
		assert_noop!(submit_as(miner(), slot(0), block(7)), Error::<Test>::DuplicateBlock);
		submit(1);
		let other = Sr25519Keyring::Eve.to_account_id();
		assert_noop!(submit_as(other.clone(), slot(1), block(1)), Error::<Test>::DuplicateBlock);
		// The same bytes under another root are caught too.
		let mut relabelled = block(2);
		relabelled.blob = block(1).blob;
		assert_noop!(submit_as(other, slot(1), relabelled), Error::<Test>::DuplicateBlock);
	});
}

#[test]
fn submit_works_again_with_a_block_whose_submission_is_closed() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(-1, 0));
		assert_ok!(submit_as(miner(), slot(0), block(1)));
	});
}

#[test]
fn submit_fails_when_the_work_is_too_weak_or_of_somebody_else() {
	ExtBuilder::default().build_and_check(|| {
		let candidate = block(1);
		let good = stamp(&miner(), &candidate, 6);
		let eve = Sr25519Keyring::Eve.to_account_id();
		for who in [miner(), eve.clone()] {
			assert_ok!(commit_as(who, slot(0), candidate));
		}
		let submit =
			|who, work| Learning::submit(signed(who), slot(0), 0, candidate, H256::zero(), work, OPENER);
		let weak = (0..)
			.map(|nonce| PowStamp { nonce, ..good })
			.find(|work| {
				let hash = System::block_hash(work.block);
				use codec::Encode;
				let work =
					blyan_primitives::pow_hash(&miner().encode(), &candidate.tensor_root, &hash, work.nonce);
				blyan_primitives::leading_zero_bits(&work) == 5
			})
			.unwrap();
		assert_noop!(submit(miner(), weak), Error::<Test>::PowTooWeak);
		// One of 64 accounts would get through by luck; Eve does not.
		assert_noop!(submit(eve, good), Error::<Test>::PowTooWeak);
		assert_ok!(submit(miner(), good));
	});
}

#[test]
fn submit_fails_when_the_work_names_an_old_or_future_block() {
	ExtBuilder::default().build_and_check(|| {
		let candidate = block(1);
		let old = stamp(&miner(), &candidate, 6);
		assert_ok!(commit_as(miner(), slot(0), candidate));
		let submit =
			|work| Learning::submit(signed(miner()), slot(0), 0, candidate, H256::zero(), work, OPENER);
		run_to(9);
		assert_noop!(submit(PowStamp { block: 9, nonce: 0 }), Error::<Test>::PowBlockUnknown);
		assert_noop!(submit(PowStamp { block: 100, nonce: 0 }), Error::<Test>::PowBlockUnknown);
		assert_noop!(submit(old), Error::<Test>::PowBlockUnknown);
		assert_ok!(submit(stamp(&miner(), &candidate, 6)));
	});
}

#[test]
fn submit_fails_when_the_miner_cannot_pay_the_bond() {
	ExtBuilder::default().build_and_check(|| {
		let poor = AccountId::new([77; 32]);
		assert!(submit_as(poor, slot(0), block(1)).is_err());
		assert_eq!(OpenSubmissions::<Test>::count(), 0);
	});
}

#[test]
fn submit_fails_when_the_quota_is_used_up_and_says_when_it_renews() {
	ExtBuilder::default().build_and_check(|| {
		run_to(150);
		for seed in 1..=4 {
			submit(seed);
		}
		assert_noop!(submit_as(miner(), slot(0), block(5)), Error::<Test>::QuotaExceeded { renews_in: 50 });
		let terms = Learning::terms(miner());
		assert_eq!((terms.quota_left, terms.quota_renews_in, terms.open_left), (0, 50, 1));
		// Withdrawing returns the bond, not the upload.
		assert_ok!(Learning::withdraw(signed(miner()), 3));
		assert_noop!(submit_as(miner(), slot(0), block(5)), Error::<Test>::QuotaExceeded { renews_in: 50 });
		run_to(200);
		assert_ok!(submit_as(miner(), slot(0), block(6)));
	});
}

#[test]
fn submit_fails_when_one_miner_or_all_have_too_many_open() {
	ExtBuilder::default().build_and_check(|| {
		run_to(198);
		for seed in 1..=4 {
			submit(seed);
		}
		// No draw takes place, so nothing closes before the next day.
		Eligible::set(Vec::new());
		run_to(200);
		submit(5);
		assert_noop!(submit_as(miner(), slot(0), block(6)), Error::<Test>::TooManyOpenByMiner);
		let eve = Sr25519Keyring::Eve.to_account_id();
		assert_ok!(submit_as(eve.clone(), slot(1), block(6)));
		assert_noop!(submit_as(eve, slot(1), block(7)), Error::<Test>::TooManyOpen);
	});
}

#[test]
fn withdraw_returns_the_bond_before_the_draw() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit(1);
		assert_ok!(Learning::withdraw(signed(miner()), submission));
		assert_eq!(held(), 0);
		assert_eq!(outcome(submission), Some(blyan_runtime_api::SubmissionOutcome::Withdrawn));
		assert_eq!(events().last(), Some(&Event::Withdrawn { submission, miner: miner() }));
	});
}

#[test]
fn withdraw_fails_for_others_for_unknown_ones_and_after_the_draw() {
	ExtBuilder::default().build_and_check(|| {
		let eve = Sr25519Keyring::Eve.to_account_id();
		let submission = submit(1);
		assert_noop!(Learning::withdraw(signed(eve), submission), Error::<Test>::NotTheMiner);
		assert_noop!(Learning::withdraw(signed(miner()), 9), Error::<Test>::SubmissionUnknown);
		run_to(1 + DELAY + 1);
		assert_noop!(Learning::withdraw(signed(miner()), submission), Error::<Test>::AlreadyDrawn);
	});
}

#[test]
fn terms_name_what_submit_asks_for() {
	ExtBuilder::default().build_and_check(|| {
		let terms = Learning::terms(miner());
		assert_eq!((terms.bond, terms.pow_bits, terms.trusted), (BOND, 6, false));
		assert_eq!((terms.quota_left, terms.quota_renews_in, terms.open_left), (4, DAY - 1, 5));
		submit(1);
		assert_eq!(Learning::terms(miner()).quota_left, 3);
	});
}
