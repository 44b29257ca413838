//! Stories of `register_open_model`, and of models of the second definition that grow.

use super::mock::*;
use crate::{Architectures, BlobRecord, Blobs, CurrentBlobs, Error, Event, Heads, Models, Parts};
use blyan_exact::definition2::{Architecture, Network};
use blyan_primitives::{
	traits::{self, ArchitectureRegistry, BlobAnnouncements, ExpertRegistry},
	BlobRef, ExpertHead, ExpertShape, ExpertSlot, ModelBody,
};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::DispatchError;

/// A slot of the model that is registered beside the one of genesis.
fn slot_of(layer: u8, expert: u16) -> ExpertSlot {
	ExpertSlot { model: 1, layer, expert }
}

#[test]
fn register_open_model_fills_every_slot_when_body_and_record_agree() {
	ExtBuilder::default().build_and_check(|| {
		let open = OpenModel::of("olmoe");
		let ModelBody::Second { architecture: id, .. } = open.spec.body else { panic!("it is open") };
		assert_ok!(open.clone().register());

		let model = Experts::model(1).unwrap();
		assert_eq!((model.body, &model.parts), (open.spec.body, &open.parts.to_vec()));
		let heads: Vec<_> = model.heads.iter().map(|head| head.block).collect();
		assert_eq!(heads, open.heads.to_vec());
		assert_eq!((Experts::model_root(1), model.model_root()), (Some(open.root()), open.root()));
		assert_eq!(Experts::architecture(&id).as_ref(), Some(&open.architecture));
		assert_eq!(Experts::config(1), None);
		assert_eq!(Experts::slots(1).unwrap().0, [8, 8]);
		assert_eq!(Experts::shape(slot_of(1, 7)), Some(ExpertShape::Second { architecture: id, layer: 1 }));
		assert_eq!((Experts::shape(slot_of(1, 8)), Experts::shape(slot_of(2, 0))), (None, None));
		let bytes = blyan_primitives::expert_bytes(&open.architecture, 1);
		assert_eq!((Experts::expert_bytes(slot_of(1, 0)), Experts::expert_bytes(slot(0, 0))), (bytes, None));
		assert_eq!(
			take_events(),
			[Event::ModelRegistered { model: 1, body: open.spec.body, version: VERSION }]
		);
	});
}

#[test]
fn parts_are_announced_and_counted_as_a_trunk_is() {
	ExtBuilder::default().build_and_check(|| {
		let open = OpenModel::of("mixtral");
		assert_ok!(open.clone().register());
		assert_ok!(open.clone().register());
		for part in open.parts {
			let BlobRef { hash, size } = part.blob;
			assert_eq!(Experts::announced(&hash), Some(size));
			assert_eq!(CurrentBlobs::<Test>::announced(&hash), Some(size));
			assert_eq!(Blobs::<Test>::get(hash), Some(BlobRecord { size, references: 2, current: 2 }));
		}
		// Both have one architecture.
		assert_eq!(Architectures::<Test>::iter().count(), 1);
		assert_eq!(Parts::<Test>::iter().count(), 2);
	});
}

#[test]
fn heads_move_and_return_and_the_root_is_that_of_the_definition() {
	ExtBuilder::default().build_and_check(|| {
		let mut open = OpenModel::of("adapters");
		assert_ok!(open.clone().register());
		let before = open.root();
		// Four experts in the first layer, three in the second.
		let (slot, place) = (slot_of(1, 2), 6);
		let better = sized(900, Experts::expert_bytes(slot));
		assert_ok!(Experts::promote(slot, 0, &BOB, better));
		open.heads[place] = better;
		assert_eq!(Experts::model_root(1), Some(open.root()));
		assert_eq!(Heads::<Test>::get(slot), Some(ExpertHead { version: 1, block: better }));
		assert_eq!(Experts::model_at(1, 0).unwrap().model_root(), before);
		assert_ok!(Experts::revert(slot, 1));
		assert_eq!(Experts::model_root(1), Some(before));
		assert_noop!(Experts::promote(slot_of(1, 3), 0, &BOB, better), Error::<Test>::SlotUnknown);
	});
}

#[test]
fn a_model_without_routed_layers_is_registered_and_has_no_slots() {
	ExtBuilder::default().build_and_check(|| {
		let open = OpenModel::of("llama");
		assert!(open.heads.is_empty());
		assert_ok!(open.clone().register());
		assert_eq!(Experts::model_root(1), Some(open.root()));
		assert_eq!(Experts::slots(1).unwrap().count(), 0);
		assert!(Experts::model(1).unwrap().heads.is_empty());
		assert_noop!(Experts::promote(slot_of(0, 0), 0, &BOB, block(20)), Error::<Test>::SlotUnknown);
	});
}

#[test]
fn register_open_model_fails_when_the_origin_is_not_the_configured_one() {
	ExtBuilder::default().build_and_check(|| {
		let OpenModel { spec, record, parts, heads, .. } = OpenModel::of("mixtral");
		let origin = RuntimeOrigin::signed(ALICE);
		assert_noop!(
			Experts::register_open_model(origin, spec, record, parts, None, heads),
			DispatchError::BadOrigin
		);
	});
}

/// An architecture whose experts have 30 MiB: three matrices of 256 x 65,536 in groups of 32.
fn wide() -> Architecture {
	let mut wide = OpenModel::of("mixtral").architecture;
	for layer in &mut wide.layers {
		let Network::Routed(routing) = &mut layer.network else { panic!("every layer is routed") };
		routing.expert.hidden = 65_536;
	}
	Architecture { d_model: 256, heads: 16, ..wide }
}

#[test]
fn register_open_model_names_each_contradiction() {
	let changed = |change: fn(&mut OpenModel)| {
		let mut open = OpenModel::of("mixtral");
		change(&mut open);
		open
	};
	/// Makes the body agree with the parts again.
	fn settle(open: &mut OpenModel) {
		let parts = blyan_primitives::blocks_root(&open.parts);
		let architecture = blyan_primitives::record_id(&open.record);
		open.spec.body = ModelBody::Second { architecture, parts };
	}
	ExtBuilder::default().build_and_check(|| {
		for (open, error) in [
			(changed(|open| open.spec.body = spec().body), Error::<Test>::DefinitionWrong),
			(changed(|open| open.spec.name = Default::default()), Error::<Test>::NameInvalid),
			(changed(|open| open.record[0] = 1), Error::<Test>::ArchitectureInvalid),
			(
				changed(|open| {
					open.record.pop();
				}),
				Error::<Test>::ArchitectureInvalid,
			),
			(changed(|open| open.parts.as_mut().swap(0, 1)), Error::<Test>::BodyDisagrees),
			(changed(|open| open.record = OpenModel::of("olmoe").record), Error::<Test>::BodyDisagrees),
			(
				changed(|open| {
					open.parts.pop();
					settle(open);
				}),
				Error::<Test>::PartCountWrong,
			),
			(
				changed(|open| {
					open.parts[1].blob.size += 1;
					settle(open);
				}),
				Error::<Test>::BlockSizeWrong,
			),
			(
				changed(|open| {
					open.parts[1].blob.size = (1 << 30) + 1;
					settle(open);
				}),
				Error::<Test>::BlockTooLarge,
			),
			(changed(|open| open.heads[3].blob.size -= 1), Error::<Test>::BlockSizeWrong),
			(
				changed(|open| {
					open.heads.pop();
				}),
				Error::<Test>::HeadCountWrong,
			),
			(OpenModel::with(wide()), Error::<Test>::BlockTooLarge),
		] {
			assert_noop!(open.register(), error);
		}
		assert_eq!(Models::<Test>::iter().count(), 1);
	});
}

#[test]
fn register_open_model_fails_when_the_model_has_too_many_slots() {
	ExtBuilder::default().build_and_check(|| {
		let OpenModel { mut architecture, .. } = OpenModel::of("olmoe");
		let layer = architecture.layers[0];
		architecture.layers.push(layer);
		let record = architecture.to_bytes();
		let parts: Vec<_> = (200..)
			.zip(architecture.parts())
			.map(|(number, part)| sized(number, blyan_primitives::part_bytes(&architecture, part)))
			.collect();
		let body = ModelBody::Second {
			architecture: H256(sp_io::hashing::blake2_256(&record)),
			parts: blyan_primitives::blocks_root(&parts),
		};
		let spec = crate::ModelSpec { body, ..spec() };
		assert_noop!(
			Experts::register_open_model(
				RuntimeOrigin::root(),
				spec,
				record.try_into().unwrap(),
				parts.try_into().unwrap(),
				None,
				OpenModel::of("olmoe").heads
			),
			Error::<Test>::TooManySlots
		);
	});
}

#[test]
fn a_pallet_registers_a_model_for_the_network_within_the_same_bounds() {
	ExtBuilder::default().build_and_check(|| {
		let open = OpenModel::of("olmoe");
		let model = traits::OpenModel {
			name: b"evolution-0".to_vec(),
			architecture: open.architecture.to_bytes(),
			parts: open.parts.to_vec(),
			heads: open.heads.to_vec(),
		};
		assert_eq!(<Experts as traits::OpenModels>::register(model.clone()), Ok(1));
		assert_eq!(Experts::model_root(1), Some(open.root()));
		assert_eq!(Experts::version(slot_of(0, 0), 0), Some((open.heads[0], None)), "it is the network's");

		let fewer = traits::OpenModel { heads: open.heads[1..].to_vec(), ..model.clone() };
		let error = Error::<Test>::HeadCountWrong.into();
		assert_eq!(<Experts as traits::OpenModels>::register(fewer), Err(error));
		let nameless = traits::OpenModel { name: Vec::new(), ..model };
		let error = Error::<Test>::NameInvalid.into();
		assert_eq!(<Experts as traits::OpenModels>::register(nameless), Err(error));
		assert_eq!(Models::<Test>::iter().count(), 2, "a refusal leaves nothing behind");
	});
}
