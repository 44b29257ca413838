//! Which blobs the node is told to expect.

use super::mock::*;
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
fn announced_follows_the_head_when_it_moves() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		assert_eq!(announced(1), None);
		assert_eq!(announced(20), Some(20));
	});
}

#[test]
fn announced_keeps_a_blob_when_another_slot_still_has_it() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::promote(slot(0, 1), 0, &ALICE, block(1)));
		assert_ok!(Experts::promote(slot(0, 0), 0, &ALICE, block(20)));
		assert_eq!(announced(1), Some(1));
		// The same bytes may also follow themselves.
		assert_ok!(Experts::promote(slot(0, 0), 1, &ALICE, block(20)));
		assert_eq!(announced(20), Some(20));
	});
}
