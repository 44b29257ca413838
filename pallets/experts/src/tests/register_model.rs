//! Stories of `register_model`.

use super::mock::*;
use crate::{
	BlobRecord, Blobs, Error, Event, Heads, ModelRecord, ModelSpec, Models, VersionRecord, Versions,
};
use blyan_primitives::{BlobRef, BlockRef, ExpertHead, ExpertSlot, ModelBody, ModelConfig, ModelVersion};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

#[test]
fn register_model_fills_every_slot_when_the_spec_is_valid() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(Experts::register_model(RuntimeOrigin::root(), spec(), Some(ALICE), blocks(11..=14)));

		assert_eq!(
			Models::<Test>::get(1),
			Some(ModelRecord { spec: spec(), owner: Some(ALICE), generation: 0 })
		);
		let last = ExpertSlot { model: 1, layer: 1, expert: 1 };
		assert_eq!(Heads::<Test>::get(last), Some(ExpertHead { version: 0, block: block(14) }));
		assert_eq!(
			Versions::<Test>::get(last, 0),
			Some(VersionRecord {
				parent: None,
				owner: Some(ALICE),
				block: block(14),
				promoted_at: 1,
				generation: 0,
				depends_on: Default::default(),
			})
		);
		// Both models have the same trunk.
		assert_eq!(
			Blobs::<Test>::get(block(TRUNK).blob.hash),
			Some(BlobRecord { size: TRUNK, references: 2, current: 2 })
		);
		assert_eq!(take_events(), [Event::ModelRegistered { model: 1, body: spec().body, version: VERSION }]);
	});
}

#[test]
fn register_model_fails_when_the_origin_is_not_the_configured_one() {
	ExtBuilder::default().build_and_check(|| {
		assert_noop!(
			Experts::register_model(RuntimeOrigin::signed(ALICE), spec(), None, blocks(11..=14)),
			DispatchError::BadOrigin
		);
	});
}

#[test]
fn register_model_fails_when_the_chain_has_no_room() {
	ExtBuilder::default().models(vec![genesis_model(); 3]).build_and_check(|| {
		assert_noop!(
			Experts::register_model(RuntimeOrigin::root(), spec(), None, blocks(11..=14)),
			Error::<Test>::TooManyModels
		);
	});
}

#[test]
fn register_model_fails_when_the_spec_is_invalid() {
	let config = |change: fn(&mut ModelConfig)| {
		let mut config = CONFIG;
		change(&mut config);
		ModelSpec { body: ModelBody::First { config, trunk: block(TRUNK) }, ..spec() }
	};
	let huge = BlockRef { blob: BlobRef { size: (1 << 30) + 1, ..block(7).blob }, ..block(7) };
	let heavy = ModelSpec { body: ModelBody::First { config: CONFIG, trunk: huge }, ..spec() };
	let mut nameless = spec();
	nameless.name = Default::default();
	let mut garbled = spec();
	garbled.name = vec![0xff].try_into().unwrap();
	let mut newer = spec();
	newer.compatible_from = ModelVersion { minor: VERSION.minor + 1, ..VERSION };
	let mut other_major = spec();
	other_major.compatible_from = ModelVersion { major: 0, ..VERSION };

	ExtBuilder::default().build_and_check(|| {
		for (spec, error) in [
			(nameless, Error::<Test>::NameInvalid),
			(garbled, Error::<Test>::NameInvalid),
			(newer, Error::<Test>::CompatibilityInvalid),
			(other_major, Error::<Test>::CompatibilityInvalid),
			(config(|config| config.top_k = 3), Error::<Test>::ConfigInvalid),
			(config(|config| config.layers = 9), Error::<Test>::TooManySlots),
			(config(|config| config.layers = 3), Error::<Test>::HeadCountWrong),
			(heavy, Error::<Test>::BlockTooLarge),
			(OpenModel::of("mixtral").spec, Error::<Test>::DefinitionWrong),
		] {
			assert_noop!(Experts::register_model(RuntimeOrigin::root(), spec, None, blocks(11..=14)), error);
		}
	});
}

#[test]
fn register_model_fails_when_an_expert_is_larger_than_the_chain_accepts() {
	ExtBuilder::default().build_and_check(|| {
		let mut heads = blocks(11..=14);
		heads[2].blob.size = (16 << 20) + 1;
		assert_noop!(
			Experts::register_model(RuntimeOrigin::root(), spec(), None, heads),
			Error::<Test>::BlockTooLarge
		);
	});
}

#[test]
fn register_model_fails_when_a_blob_is_known_with_another_size() {
	ExtBuilder::default().build_and_check(|| {
		let mut heads = blocks(11..=14);
		heads[3] = BlockRef { blob: BlobRef { size: 7, ..block(1).blob }, ..block(1) };
		assert_noop!(
			Experts::register_model(RuntimeOrigin::root(), spec(), None, heads),
			Error::<Test>::BlobSizeDisagrees
		);
	});
}
