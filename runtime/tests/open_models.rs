//! Models of the second definition in the runtime: in the first block, and registered later.

mod common;

use blyan_exact::definition2::{golden, model_root, Architecture};
use blyan_primitives::{
	blocks_root, expert_bytes, part_bytes, record_id, traits::ExpertRegistry, BlobRef, BlockRef, HoldoutRef,
	ModelBody, ModelVersion, OpenCopyEvidence, OperatorId, OperatorSignature, Original, Projection,
	ShownAdapter, Slots, SHOWN_BYTES_MAX, SHOWN_LEAVES_MAX, SHOWN_SCALES_MAX,
};
use blyan_runtime::{
	configs::MAX_EXPERT_BYTES, genesis_presets, AccountId, Experts, Runtime, RuntimeCall, RuntimeOrigin,
};
use codec::Encode;
use frame_support::{
	assert_ok,
	dispatch::GetDispatchInfo,
	traits::Authorize,
	weights::{constants::WEIGHT_REF_TIME_PER_NANOS, Weight},
};
use pallet_audits::JobSource;
use serde_json::json;
use sp_core::{Pair, H256};
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::Alice;
use sp_runtime::traits::Dispatchable;

/// The version of all models here.
const VERSION: ModelVersion = ModelVersion { major: 1, minor: 0, patch: 0 };

/// An architecture with adapters in both of its layers.
fn architecture() -> Architecture {
	let (_, architecture) =
		golden::ARCHITECTURES.into_iter().find(|(name, _)| *name == "adapters").expect("it is a family");
	architecture()
}

/// A block that no other number has, of a length of its own.
fn block(number: u32, bytes: Option<u64>) -> BlockRef {
	let size = bytes.and_then(|bytes| u32::try_from(bytes).ok()).expect("the model has the part");
	let hash = |domain: u8| H256(blake2_256(&[&[domain], &number.to_le_bytes()[..]].concat()));
	BlockRef { tensor_root: hash(0), blob: BlobRef { hash: hash(1), size } }
}

/// Parts and experts of the architecture.
fn blocks(architecture: &Architecture) -> (Vec<BlockRef>, Vec<BlockRef>) {
	let parts = (0..).zip(architecture.parts());
	let parts = parts.map(|(number, part)| block(number, part_bytes(architecture, part))).collect();
	let slots = Slots::second(architecture);
	let heads = (1_000..).zip(slots.iter());
	let heads = heads.map(|(number, (layer, _))| block(number, expert_bytes(architecture, layer))).collect();
	(parts, heads)
}

/// A holdout of 300 sequences of 33 token ids.
fn holdout() -> HoldoutRef {
	let blob = BlobRef { hash: H256::repeat_byte(9), size: 96 + 300 * (4 * 33 + 4) };
	HoldoutRef { root: H256::repeat_byte(8), blob, sequences: 300, sequence_len: 33 }
}

/// The root that the definition gives a model of these blocks.
fn root_of(architecture: &Architecture, parts: &[BlockRef], heads: &[BlockRef]) -> H256 {
	let roots =
		|blocks: &[BlockRef]| blocks.iter().map(|block| block.tensor_root.0).collect::<Vec<[u8; 32]>>();
	H256(model_root(architecture, &roots(parts), &roots(heads)))
}

/// Registers the model as number 1, and its holdout.
fn register_as_second(architecture: &Architecture) {
	let (parts, heads) = blocks(architecture);
	let record = architecture.to_bytes();
	let spec = pallet_experts::ModelSpec {
		name: b"open".to_vec().try_into().expect("short"),
		body: ModelBody::Second { architecture: record_id(&record), parts: blocks_root(&parts) },
		version: VERSION,
		compatible_from: VERSION,
	};
	let call: RuntimeCall = pallet_experts::Call::register_open_model {
		spec,
		architecture: record.try_into().expect("a valid architecture has at most 128 layers"),
		parts: parts.try_into().expect("and two parts more"),
		owner: None,
		heads: heads.try_into().expect("few"),
	}
	.into();
	assert_ok!(call.dispatch(RuntimeOrigin::root()));
	let holdout = holdout();
	let call: RuntimeCall = pallet_proof_of_learning::Call::register_holdout { model: 1, holdout }.into();
	assert_ok!(call.dispatch(RuntimeOrigin::root()));
}

#[test]
fn a_chain_may_start_with_a_model_of_the_second_definition() {
	let architecture = architecture();
	let (parts, heads) = blocks(&architecture);
	let record = sp_core::bytes::to_hex(&architecture.to_bytes(), false);
	let manifest = json!({
		"name": "open",
		"architecture": record,
		"version": VERSION,
		"parts": parts,
		"heads": heads,
		"holdout": holdout(),
		"source": { "licence": "Apache-2.0" },
	});
	let patch = genesis_presets::development_with_model(&manifest.to_string()).expect("it can be read");
	common::chain_from(patch).execute_with(|| {
		let model = <Experts as ExpertRegistry<AccountId>>::model(0).expect("the genesis model");
		assert_eq!((model.name.as_slice(), &model.parts), (&b"open"[..], &parts));
		assert_eq!(model.model_root(), root_of(&architecture, &parts, &heads));
		assert_eq!(pallet_proof_of_learning::Holdouts::<Runtime>::get(0), Some(holdout()));
	});
}

#[test]
fn root_registers_a_model_and_its_holdout_beside_the_first_one() {
	common::development().execute_with(|| {
		let architecture = architecture();
		let (parts, heads) = blocks(&architecture);
		let record = architecture.to_bytes();
		register_as_second(&architecture);

		let root = <Experts as ExpertRegistry<AccountId>>::model_root(1);
		assert_eq!(root, Some(root_of(&architecture, &parts, &heads)));
		let kept = pallet_experts::Architectures::<Runtime>::get(record_id(&record));
		assert_eq!(kept.map(|record| record.into_inner()), Some(record));
	});
}

/// Operators are watched by audits, which only models of the first definition give jobs for.
#[test]
fn audits_do_not_get_rarer_beside_models_of_the_second_definition() {
	common::development().execute_with(|| {
		let blob = BlobRef { hash: H256::repeat_byte(7), size: 64 * 16 };
		let own = HoldoutRef { root: H256::repeat_byte(6), blob, sequences: 64, sequence_len: 16 };
		pallet_proof_of_learning::Holdouts::<Runtime>::insert(0, own);
		let draw = |seed| <Runtime as pallet_audits::Config>::Jobs::draw(&H256::repeat_byte(seed), 8);
		let draws = || (0..16_u8).map(draw).collect::<Vec<_>>();
		let before = draws();
		assert!(before.iter().all(Option::is_some), "the genesis model has experts that differ");
		register_as_second(&architecture());
		assert_eq!(draws(), before);
	});
}

/// The largest models that are named in the documents: 1,024 experts of OLMoE in 16 layers, and 256 in the 32 of a 7B model.
#[test]
fn registering_a_large_model_fits_a_block() {
	common::development().execute_with(|| {
		for (layers, experts) in [(16, 1_024), (32, 256)] {
			let block = |number| block(number, Some(MAX_EXPERT_BYTES.into()));
			let parts: Vec<_> = (0..layers + 2).map(block).collect();
			let heads: Vec<_> = (1_000..1_000 + experts).map(block).collect();
			let body = ModelBody::Second { architecture: H256::zero(), parts: blocks_root(&parts) };
			let call: RuntimeCall = pallet_experts::Call::register_open_model {
				spec: pallet_experts::ModelSpec {
					name: b"large".to_vec().try_into().expect("short"),
					body,
					version: VERSION,
					compatible_from: VERSION,
				},
				architecture: Default::default(),
				parts: parts.try_into().expect("at most 130"),
				owner: None,
				heads: heads.try_into().expect("at most MaxSlots"),
			}
			.into();
			let weight = call.get_dispatch_info().call_weight;
			let room = blyan_runtime::NORMAL_BLOCK_WEIGHT;
			assert!(weight.all_lte(room), "{layers} layers, {experts} experts: {weight:?} of {room:?}");
		}
	});
}

/// Evidence about adapters that fills every bound.
fn largest_evidence() -> OpenCopyEvidence {
	let adapter = ShownAdapter {
		scales: vec![1; SHOWN_SCALES_MAX as usize].try_into().expect("it is the bound"),
		leaves: vec![H256::zero(); SHOWN_LEAVES_MAX as usize].try_into().expect("it is the bound"),
		bytes: vec![1; SHOWN_BYTES_MAX as usize].try_into().expect("it is the bound"),
	};
	OpenCopyEvidence {
		projection: Projection::Up,
		original: adapter.clone(),
		original_parent: Some(adapter.clone()),
		copy_parent: adapter.clone(),
		copy: adapter,
	}
}

#[test]
fn the_largest_report_about_adapters_weighs_what_its_products_take_and_fits_a_block() {
	let evidence = Box::new(largest_evidence());
	let call: RuntimeCall = pallet_proof_of_learning::Call::report_open_copy_as_operator {
		copy: 1,
		original: Original::Submission(0),
		evidence,
		key: OperatorId::from(Alice.public()),
		signature: OperatorSignature::from(Alice.pair().sign(b"")),
	}
	.into();
	// Ten products of each byte with the 64 others of the largest rank, at a nanosecond each.
	let products = u64::from(SHOWN_BYTES_MAX) * 10 * 64 * WEIGHT_REF_TIME_PER_NANOS;
	let (dispatch, check) = (call.get_dispatch_info().call_weight, call.weight_of_authorize());
	assert!(dispatch.ref_time() > products && check.ref_time() > products, "{dispatch:?}, {check:?}");
	let bytes = Weight::from_parts(0, call.encoded_size() as u64);
	let all = dispatch.saturating_add(check).saturating_add(bytes);
	let room = blyan_runtime::NORMAL_BLOCK_WEIGHT;
	assert!(all.all_lte(room), "{all:?} of {room:?}");
}
