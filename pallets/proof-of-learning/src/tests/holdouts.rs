//! `register_holdout`, and which blobs the chain announces.

use super::*;
use crate::{Error, Event, GuardHoldouts, Holdouts};
use blyan_primitives::{traits::BlobAnnouncements, HoldoutRef};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

#[test]
fn register_holdout_replaces_the_sequences_of_a_model() {
	ExtBuilder::default().build_and_check(|| {
		let mut other = holdout();
		other.root = H256([1; 32]);
		assert_ok!(Learning::register_holdout(RuntimeOrigin::root(), 0, other));
		assert_eq!(Holdouts::<Test>::get(0), Some(other));
		assert_eq!(events(), [Event::HoldoutRegistered { model: 0, holdout: other }]);
	});
}

#[test]
fn register_holdout_fails_for_others_and_for_unknown_models() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(
			Learning::register_holdout(signed(miner()), 0, holdout()),
			sp_runtime::DispatchError::BadOrigin
		);
		assert_noop!(
			Learning::register_holdout(RuntimeOrigin::root(), 5, holdout()),
			Error::<Test>::ModelUnknown
		);
	});
}

#[test]
fn register_holdout_fails_when_the_numbers_do_not_fit() {
	ExtBuilder::default().build_and_check(|| {
		let good = holdout();
		let sized = |sequences: u32, sequence_len: u16| {
			let mut sized = HoldoutRef { sequences, sequence_len, ..good };
			sized.blob.size = sequences.wrapping_mul(sequence_len.into());
			sized
		};
		let mut short = good;
		short.blob.size -= 1;
		for wrong in [short, sized(1, 16), sized(10, 0), sized(10, CONFIG.context + 1), sized(u32::MAX, 32)] {
			assert_noop!(
				Learning::register_holdout(RuntimeOrigin::root(), 0, wrong),
				Error::<Test>::HoldoutMalformed
			);
		}
		assert_ok!(Learning::register_holdout(RuntimeOrigin::root(), 0, sized(2, CONFIG.context)));
	});
}

#[test]
fn register_guard_works_like_register_holdout() {
	ExtBuilder::default().build_and_check(|| {
		let register = |origin, model, holdout| Learning::register_guard(origin, model, holdout);
		assert_noop!(register(signed(miner()), 0, guard()), sp_runtime::DispatchError::BadOrigin);
		assert_noop!(register(RuntimeOrigin::root(), 5, guard()), Error::<Test>::ModelUnknown);
		let mut short = guard();
		short.blob.size -= 1;
		assert_noop!(register(RuntimeOrigin::root(), 0, short), Error::<Test>::HoldoutMalformed);
		assert_ok!(register(RuntimeOrigin::root(), 0, guard()));
		assert_eq!(GuardHoldouts::<Test>::get(0), Some(guard()));
		assert_eq!(events(), [Event::GuardRegistered { model: 0, holdout: guard() }]);
		assert_eq!(Learning::announced(&guard().blob.hash), Some(guard().blob.size));
	});
}

#[test]
fn an_evaluation_keeps_the_holdouts_of_its_draw() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let submission = submit_and_draw(1);
		let (mut other, mut other_guard) = (holdout(), guard());
		other.blob.hash = H256([1; 32]);
		other_guard.blob.hash = H256([2; 32]);
		for model in [0, 1] {
			assert_ok!(Learning::register_holdout(RuntimeOrigin::root(), model, other));
			assert_ok!(Learning::register_guard(RuntimeOrigin::root(), model, other_guard));
		}
		let terms = evaluation(submission).unwrap().terms;
		assert_eq!((terms.target.holdout, terms.guard.unwrap().holdout), (holdout(), guard()));
		// The two samples are drawn apart.
		assert_ne!(terms.target.seed, terms.guard.unwrap().seed);
		// Their bytes stay announced as long as they are needed: until the decision has matured.
		let announced = |holdout: HoldoutRef| Learning::announced(&holdout.blob.hash).is_some();
		assert!([holdout(), guard(), other, other_guard].into_iter().all(announced));
		all_report(submission, guarded_score(0, 0));
		end_block();
		assert!([holdout(), guard(), other, other_guard].into_iter().all(announced));
		run_to_maturity(submission);
		assert_eq!([holdout(), guard(), other, other_guard].map(announced), [false, false, true, true]);
	});
}

#[test]
fn a_candidate_is_announced_until_nobody_can_dispute_it() {
	ExtBuilder::default().build_and_check(|| {
		let hash = block(1).blob.hash;
		assert_eq!(Learning::announced(&hash), None);
		let submission = submit(1);
		assert_eq!(Learning::announced(&hash), Some(500));
		assert_ok!(Learning::withdraw(signed(miner()), submission));
		assert_eq!(Learning::announced(&hash), None);
		let submission = submit_and_draw(1);
		all_report(submission, score(0, 0));
		end_block();
		assert_eq!(Learning::announced(&hash), Some(500));
		run_to_maturity(submission);
		assert_eq!(Learning::announced(&hash), None);
	});
}
