//! Whatever is promoted in whatever order, the invariants hold; and each of them notices its breach.

use super::mock::*;
use crate::{
	Architectures, Blobs, HeadTree, Heads, KeptGenerations, KeptQueued, ModelCount, Models, Parts, Versions,
};
use blyan_primitives::{traits::ExpertRegistry, ModelBody};
use proptest::prelude::*;
use sp_core::H256;

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn invariants_hold_under_any_promotions_and_reversions(
		promotions in prop::collection::vec((0u8..3, 0u16..3, 0u32..3, 0u32..8, prop::bool::weighted(0.3)), 0..40),
		keeps in prop::collection::vec(any::<(bool, bool)>(), 40),
	) {
		ExtBuilder::default().build_and_check(|| {
			let mut kept = Vec::new();
			for ((layer, expert, parent, number, is_revert), (keeps, gives_up)) in promotions.into_iter().zip(keeps) {
				let generation = Experts::generation(0).unwrap();
				if keeps && Experts::keep(0, generation) {
					kept.push((generation, Experts::model(0)));
				}
				if gives_up && !kept.is_empty() {
					Experts::release(0, kept.swap_remove(number as usize % kept.len()).0);
				}
				Experts::forget_unneeded(frame_support::weights::Weight::MAX);
				for (generation, model) in &kept {
					assert_eq!(Experts::model_at(0, *generation), *model);
				}
				let before = Experts::head(slot(layer, expert));
				if is_revert {
					let current = before.map_or(0, |head| head.version);
					let is_possible = before.is_some() && current > 0;
					assert_eq!(Experts::revert(slot(layer, expert), current).is_ok(), is_possible);
					continue;
				}
				let result = Experts::promote(slot(layer, expert), parent, &ALICE, block(number));
				let is_current = before.is_some_and(|head| head.version == parent);
				assert_eq!(result.is_ok(), is_current);
			}
		});
	}
}

/// Applies a breach to a sound world and returns what the invariants say.
fn complaint(breach: fn()) -> &'static str {
	ExtBuilder::default().build().execute_with(|| {
		OpenModel::of("mixtral").register().unwrap();
		Experts::promote(slot(0, 0), 0, &ALICE, block(20)).unwrap();
		Experts::do_try_state().unwrap();
		breach();
		match Experts::do_try_state() {
			Err(sp_runtime::TryRuntimeError::Other(complaint)) => complaint,
			other => panic!("the breach went unnoticed: {other:?}"),
		}
	})
}

#[test]
fn invariants_notice_each_breach() {
	assert_eq!(complaint(|| ModelCount::<Test>::put(1)), "a model has no number");
	assert_eq!(complaint(|| Heads::<Test>::remove(slot(0, 0))), "a slot has no head");
	assert_eq!(
		complaint(|| HeadTree::<Test>::insert(0, (2, 0), H256::zero())),
		"a model's root is not that of its heads"
	);
	assert_eq!(complaint(|| HeadTree::<Test>::remove(0, (0, 3))), "a tree has too few or too many nodes");
	assert_eq!(complaint(|| HeadTree::<Test>::insert(7, (0, 3), H256::zero())), "a tree belongs to no model");
	assert_eq!(
		complaint(|| Models::<Test>::mutate(0, |model| model.as_mut().unwrap().generation = 7)),
		"a generation was not counted"
	);
	assert_eq!(
		complaint(|| Parts::<Test>::mutate(1, |parts| parts.as_mut().swap(0, 1))),
		"a model's parts are not those of its body"
	);
	assert_eq!(complaint(|| Parts::<Test>::remove(1)), "a model has too few or too many parts");
	assert_eq!(
		complaint(|| Parts::<Test>::insert(0, Parts::<Test>::get(1))),
		"a model of the first definition has parts"
	);
	assert_eq!(complaint(|| Parts::<Test>::insert(7, Parts::<Test>::get(1))), "parts belong to no model");
	assert_eq!(
		complaint(|| Architectures::<Test>::insert(H256::zero(), OpenModel::of("olmoe").record)),
		"an architecture belongs to no model"
	);
	assert_eq!(
		complaint(|| { Architectures::<Test>::drain().for_each(drop) }),
		"a model has no architecture"
	);
	assert_eq!(
		complaint(|| Models::<Test>::mutate(1, |model| {
			let ModelBody::Second { parts, .. } = &mut model.as_mut().unwrap().spec.body else { return };
			*parts = H256::zero();
		})),
		"a model's parts are not those of its body"
	);
	assert_eq!(complaint(|| Versions::<Test>::remove(slot(0, 0), 1)), "a head has no record");
	assert_eq!(complaint(|| Versions::<Test>::remove(slot(0, 0), 0)), "the history has a gap");
	assert_eq!(
		complaint(|| Versions::<Test>::mutate(slot(0, 0), 1, |record| {
			record.as_mut().unwrap().generation = 0;
		})),
		"a version depends on a later one"
	);
	assert_eq!(
		complaint(|| KeptGenerations::<Test>::insert(
			0,
			frame_support::BoundedVec::truncate_from(vec![(9, 1)])
		)),
		"a generation is kept for nothing"
	);
	assert_eq!(
		complaint(|| KeptQueued::<Test>::insert(7, crate::ExpertVersion { slot: slot(0, 0), version: 0 })),
		"the queue has places outside of it"
	);
	assert_eq!(complaint(|| Blobs::<Test>::remove(block(20).blob.hash)), "the blobs were not counted");
}
