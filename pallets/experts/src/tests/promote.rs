//! Stories of promoting an expert, which a neighbour does through the registry's trait.

use super::mock::*;
use crate::{Error, Event, ExpertVersion, Heads, Models, VersionRecord, Versions};
use blyan_primitives::{traits::ExpertRegistry, BlobRef, BlockRef, ExpertHead, ExpertSlot};
use frame_support::{assert_noop, assert_ok};

#[test]
fn promote_replaces_the_head_when_its_parent_is_the_head() {
	ExtBuilder::default().build_and_check(|| {
		System::set_block_number(5);
		assert_eq!(Experts::promote(slot(1, 0), 0, &ALICE, block(20)), Ok(1));

		assert_eq!(Experts::head(slot(1, 0)), Some(ExpertHead { version: 1, block: block(20) }));
		assert_eq!(
			Versions::<Test>::get(slot(1, 0), 1),
			Some(VersionRecord {
				parent: Some(0),
				owner: Some(ALICE),
				block: block(20),
				promoted_at: 5,
				generation: 1,
				depends_on: Default::default(),
			})
		);
		assert_eq!(Models::<Test>::get(0).unwrap().generation, 1);
		assert_eq!(
			take_events(),
			[Event::HeadPromoted {
				slot: slot(1, 0),
				version: 1,
				parent: 0,
				owner: ALICE,
				block: block(20),
				generation: 1,
			}]
		);
	});
}

#[test]
fn promote_fails_when_another_version_became_the_head() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		assert_noop!(Experts::promote(slot(0, 0), 0, &BOB, block(21)), Error::<Test>::ParentNotHead);
		assert_noop!(Experts::promote(slot(0, 0), 2, &BOB, block(21)), Error::<Test>::ParentNotHead);
	});
}

#[test]
fn promote_fails_when_there_is_no_such_slot() {
	ExtBuilder::default().build_and_check(|| {
		let elsewhere = ExpertSlot { model: 1, ..slot(0, 0) };
		assert_noop!(Experts::promote(elsewhere, 0, &ALICE, block(20)), Error::<Test>::ModelUnknown);
		assert_noop!(Experts::promote(slot(2, 0), 0, &ALICE, block(20)), Error::<Test>::SlotUnknown);
		assert_noop!(Experts::promote(slot(0, 2), 0, &ALICE, block(20)), Error::<Test>::SlotUnknown);
	});
}

#[test]
fn promote_fails_when_the_blob_is_known_with_another_size() {
	ExtBuilder::default().build_and_check(|| {
		let resized = BlockRef { blob: BlobRef { size: 9, ..block(2).blob }, ..block(2) };
		assert_noop!(Experts::promote(slot(0, 0), 0, &ALICE, resized), Error::<Test>::BlobSizeDisagrees);
	});
}

#[test]
fn promote_forgets_the_oldest_version_when_the_history_is_full() {
	ExtBuilder::default().build_and_check(|| {
		for parent in 0..4 {
			assert_eq!(Experts::promote(slot(0, 0), parent, &ALICE, block(20 + parent)), Ok(parent + 1));
			Experts::do_try_state().unwrap();
		}
		let mut kept = Versions::<Test>::iter_key_prefix(slot(0, 0)).collect::<Vec<_>>();
		kept.sort();
		assert_eq!(kept, [2, 3, 4]);
	});
}

#[test]
fn promote_records_dependencies_when_they_exist() {
	ExtBuilder::default().build_and_check(|| {
		let neighbour = ExpertVersion { slot: slot(1, 1), version: 0 };
		assert_eq!(Experts::do_promote(slot(0, 0), 0, &ALICE, block(20), vec![neighbour]), Ok(1));
		assert_eq!(Versions::<Test>::get(slot(0, 0), 1).unwrap().depends_on.into_inner(), [neighbour]);
	});
}

#[test]
fn promote_fails_when_a_dependency_does_not_exist() {
	ExtBuilder::default().models(vec![genesis_model(); 2]).build_and_check(|| {
		let before = Heads::<Test>::get(slot(0, 0));
		for dependency in [
			// Itself: the shortest cycle there is.
			ExpertVersion { slot: slot(0, 0), version: 1 },
			ExpertVersion { slot: slot(1, 1), version: 1 },
			ExpertVersion { slot: slot(7, 7), version: 0 },
			// It exists, but in another model.
			ExpertVersion { slot: ExpertSlot { model: 1, ..slot(0, 0) }, version: 0 },
		] {
			assert_noop!(
				Experts::do_promote(slot(0, 0), 0, &ALICE, block(20), vec![dependency]),
				Error::<Test>::DependencyUnknown
			);
		}
		assert_noop!(
			Experts::do_promote(
				slot(0, 0),
				0,
				&ALICE,
				block(20),
				vec![ExpertVersion { slot: slot(1, 1), version: 0 }; 9]
			),
			Error::<Test>::TooManyDependencies
		);
		assert_eq!(Heads::<Test>::get(slot(0, 0)), before);
	});
}
