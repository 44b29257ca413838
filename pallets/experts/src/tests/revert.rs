//! Taking a head back, and the models of earlier generations.

use super::mock::*;
use crate::{Error, Event, Heads, VersionRecord, Versions};
use blyan_primitives::{
	traits::{BlobAnnouncements, ExpertRegistry},
	ExpertHead, ExpertSlot,
};
use frame_support::{assert_noop, assert_ok};

#[test]
fn revert_makes_the_parents_tensors_the_head_again() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		assert_ok!(Experts::promote(slot(0, 0), 1, &BOB, block(21)));
		take_events();
		System::set_block_number(7);
		assert_eq!(Experts::revert(slot(0, 0), 2), Ok(3));
		assert_eq!(Heads::<Test>::get(slot(0, 0)), Some(ExpertHead { version: 3, block: block(20) }));
		assert_eq!(
			Versions::<Test>::get(slot(0, 0), 3),
			Some(VersionRecord {
				parent: Some(2),
				owner: Some(ALICE),
				block: block(20),
				promoted_at: 7,
				generation: 3,
				depends_on: Default::default(),
			})
		);
		assert_eq!(
			take_events(),
			[Event::HeadReverted {
				slot: slot(0, 0),
				version: 3,
				reverted: 2,
				restored: 1,
				block: block(20),
				generation: 3,
			}]
		);
		// What was the head for a while is still needed to judge those who said that it is better.
		assert_eq!(Experts::announced(&block(21).blob.hash), Some(21));
	});
}

#[test]
fn revert_fails_when_the_version_is_not_the_head() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		assert_ok!(Experts::promote(slot(0, 0), 1, &BOB, block(21)));
		assert_noop!(Experts::revert(slot(0, 0), 1), Error::<Test>::VersionNotHead);
		assert_noop!(Experts::revert(slot(0, 0), 3), Error::<Test>::VersionNotHead);
		assert_noop!(Experts::revert(slot(7, 0), 0), Error::<Test>::SlotUnknown);
		assert_noop!(Experts::revert(ExpertSlot { model: 9, ..slot(0, 0) }, 0), Error::<Test>::ModelUnknown);
	});
}

#[test]
fn revert_fails_when_there_is_no_parent() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(Experts::revert(slot(0, 0), 0), Error::<Test>::ParentForgotten);
	});
}

#[test]
fn model_at_rebuilds_earlier_generations_as_far_as_history_goes_back() {
	ExtBuilder::default().build_and_check(|| {
		let mut seen = vec![Experts::model(0).unwrap()];
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		seen.push(Experts::model(0).unwrap());
		assert_ok!(Experts::promote(slot(1, 1), 0, &ALICE, block(21)));
		seen.push(Experts::model(0).unwrap());
		assert_ok!(Experts::revert(slot(0, 0), 1));
		seen.push(Experts::model(0).unwrap());
		for (generation, model) in seen.iter().enumerate() {
			assert_eq!(Experts::model_at(0, generation as u32).as_ref(), Some(model));
		}
		assert_eq!(Experts::model_at(0, 4), None);
		assert_eq!(Experts::model_at(1, 0), None);
		// The history has three places; the fourth version of a slot makes its first one forgotten.
		assert_ok!(Experts::promote(slot(0, 0), 2, &ALICE, block(22)));
		assert_eq!(Experts::model_at(0, 0), None);
		assert_eq!(Experts::model_at(0, 1).as_ref(), Some(&seen[1]));
	});
}
