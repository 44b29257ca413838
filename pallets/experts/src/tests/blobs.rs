//! Which blobs the node is told to expect.

use super::mock::*;
use crate::CurrentBlobs;
use blyan_primitives::traits::{BlobAnnouncements, ExpertRegistry};
use frame_support::assert_ok;

fn announced(number: u32) -> Option<u32> {
	Experts::announced(&block(number).blob.hash)
}

#[test]
fn announced_knows_trunk_and_heads_and_nothing_else() {
	ExtBuilder::default().build_and_check(|| {
		assert_eq!(announced(TRUNK), Some(TRUNK));
		assert_eq!(announced(4), Some(4));
		assert_eq!(announced(5), None);
	});
}

#[test]
fn announced_remembers_a_replaced_head_as_long_as_its_version() {
	ExtBuilder::default().build_and_check(|| {
		let in_use = |number: u32| CurrentBlobs::<Test>::announced(&block(number).blob.hash);
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		assert_eq!((announced(20), in_use(20)), (Some(20), Some(20)));
		assert_eq!((announced(1), in_use(1)), (Some(1), None));
		assert_ok!(Experts::promote(slot(0, 0), 1, &ALICE, block(21)));
		assert_eq!(announced(1), Some(1));
		// The history has three places.
		assert_ok!(Experts::promote(slot(0, 0), 2, &ALICE, block(22)));
		assert_eq!(announced(1), None);
		assert_eq!(announced(20), Some(20));
	});
}

#[test]
fn announced_keeps_a_blob_when_another_slot_still_has_it() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::promote(slot(0, 1), 0, &ALICE, block(1)));
		for (parent, number) in [20, 21, 22].into_iter().enumerate() {
			assert_ok!(Experts::promote(slot(0, 0), parent as u32, &ALICE, block(number)));
		}
		assert_eq!(announced(1), Some(1));
		// The same bytes may also follow themselves.
		assert_ok!(Experts::promote(slot(0, 0), 3, &ALICE, block(22)));
		assert_eq!(announced(22), Some(22));
	});
}
