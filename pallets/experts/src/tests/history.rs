//! Generations that something refers to stay readable, and nothing else does.

use super::mock::*;
use crate::{Blobs, KeptGenerations, KeptQueued, KeptVersions};
use blyan_primitives::traits::{BlobAnnouncements, ExpertRegistry};
use frame_support::{assert_ok, weights::Weight};

/// Promotes the next head of a slot.
fn promote(expert: u16, number: u32) {
	let parent = Experts::head(slot(0, expert)).unwrap().version;
	assert_ok!(Experts::promote(slot(0, expert), parent, &ALICE, block(number)));
}

/// Has `on_idle` look at every kept version once.
fn sweep() {
	for _ in 0..KeptQueued::<Test>::iter().count() {
		Experts::forget_unneeded(Weight::MAX);
	}
}

fn kept() -> usize {
	KeptVersions::<Test>::iter().count()
}

/// A miner that cut one improvement into sixteen slices made every older claim impossible to defend, and every older lie
/// impossible to refute: what they were measured against was forgotten.
#[test]
fn attack_outrun_the_history_of_a_slot_with_slices() {
	ExtBuilder::default().build_and_check(|| {
		promote(0, 20);
		let before = Experts::model(0).unwrap();
		let root = Experts::model_root(0);
		assert!(Experts::keep(0, before.generation), "a draw refers to it");
		for number in 30..60 {
			promote(0, number);
		}
		assert_eq!(Experts::model_at(0, before.generation).as_ref(), Some(&before));
		assert_ne!(Experts::model_root(0), root);
		assert_eq!(Experts::announced(&block(20).blob.hash), Some(20), "nodes keep and exchange its bytes");
		assert_eq!(kept(), 1, "of thirty versions one is needed");
		assert_eq!(Experts::model_at(0, before.generation + 5), None, "what nothing refers to is forgotten");
		sweep();
		assert_eq!(Experts::model_at(0, before.generation).as_ref(), Some(&before));
		Experts::release(0, before.generation);
		sweep();
		assert_eq!(kept(), 0);
		assert_eq!(Experts::model_at(0, before.generation), None);
		assert!(!Blobs::<Test>::contains_key(block(20).blob.hash));
	});
}

#[test]
fn keep_counts_references_and_each_is_released_once() {
	ExtBuilder::default().build_and_check(|| {
		assert!(Experts::keep(0, 0) && Experts::keep(0, 0));
		for number in 20..30 {
			promote(0, number);
		}
		Experts::release(0, 0);
		sweep();
		assert!(Experts::model_at(0, 0).is_some());
		assert!(Experts::keep(0, 0), "a case refers to what a decision refers to");
		Experts::release(0, 0);
		Experts::release(0, 0);
		sweep();
		assert!(Experts::model_at(0, 0).is_none());
		Experts::release(0, 0);
	});
}

#[test]
fn keep_fails_when_there_is_no_room_or_it_is_too_late() {
	ExtBuilder::default().build_and_check(|| {
		assert!(!Experts::keep(7, 0), "no model has this number");
		for generation in 0..4 {
			assert!(Experts::keep(0, generation));
			promote(0, 20 + generation);
		}
		assert!(!Experts::keep(0, 4), "four are kept");
		assert!(Experts::keep(0, 2), "one more reference to one of them needs no room");
		Experts::release(0, 3);
		assert!(!Experts::keep(0, 3), "versions of an earlier generation may be gone");
		assert!(!Experts::keep(0, 5), "no one knows a later one");
		assert!(Experts::keep(0, 4));
		assert_eq!(KeptGenerations::<Test>::get(0).to_vec(), [(0, 1), (1, 1), (2, 2), (4, 1)]);
	});
}

#[test]
fn kept_versions_are_found_where_others_of_their_slot_are_gone() {
	ExtBuilder::default().build_and_check(|| {
		let mut seen = vec![Experts::model(0).unwrap()];
		assert!(Experts::keep(0, 0));
		for number in 20..40 {
			promote((number % 2) as u16, number);
			seen.push(Experts::model(0).unwrap());
			let generation = number - 19;
			if generation.is_multiple_of(9) {
				assert!(Experts::keep(0, generation));
			}
		}
		for generation in [0u32, 9, 18] {
			assert_eq!(Experts::model_at(0, generation).as_ref(), Some(&seen[generation as usize]));
		}
		for (generation, model) in seen.iter().enumerate() {
			let read = Experts::model_at(0, generation as u32);
			assert!(read.is_none_or(|read| read == *model), "a wrong model at {generation}");
		}
	});
}
