//! Benchmarks, and the worlds that the neighbours' benchmarks need.

use crate::{
	ArchitectureRecord, Blobs, Call, Config, Event, Heads, KeptVersions, ModelCount, ModelParts, ModelSpec,
	Pallet, Parts, WeightInfo, PARTS_MAX,
};
use alloc::vec::Vec;
use blyan_exact::definition2::{
	Activation, Architecture, Bits, FeedForward, LayerShape, Network, Part, QkNorm, Routing, WeightKind,
};
use blyan_primitives::{
	blocks_root, expert_bytes, part_bytes, record_id, BlobRef, BlockRef, ExpertSlot, ModelBody, ModelConfig,
	ModelVersion,
};
use codec::Encode;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{EnsureOrigin, Get},
	BoundedVec,
};
use sp_core::H256;

/// Most slots that a model of one layer has.
const LAYER_SLOTS_MAX: u32 = 512;

/// A block that no other number has.
fn block(number: u32) -> BlockRef {
	let hash = |domain: u8| H256(sp_io::hashing::blake2_256(&(domain, number).encode()));
	BlockRef { tensor_root: hash(0), blob: BlobRef { hash: hash(1), size: number } }
}

/// A model of one layer with `slots` experts and the longest name.
fn spec(slots: u32) -> ModelSpec {
	ModelSpec {
		name: [b'n'; crate::NAME_LEN_MAX as usize].to_vec().try_into().expect("as long as allowed; qed"),
		body: ModelBody::First {
			config: ModelConfig {
				d_model: 64,
				d_ff: 64,
				layers: 1,
				heads: 1,
				experts: slots as u16,
				top_k: 1,
				context: 64,
			},
			trunk: block(0),
		},
		version: ModelVersion { major: 1, minor: 0, patch: 0 },
		compatible_from: ModelVersion { major: 1, minor: 0, patch: 0 },
	}
}

/// An architecture of the second definition with so many parts, and with routed experts in its first layer.
fn architecture(parts: u32, experts: u32) -> Architecture {
	let kind = WeightKind::Int8;
	let expert = FeedForward { hidden: 32, gate: kind, up: kind, down: kind };
	let layer = |network| LayerShape { query: kind, key: kind, value: kind, output: kind, network };
	let routing = Routing {
		experts: experts as u16,
		top_k: 1,
		normalised: true,
		router: kind,
		expert,
		shared: Some(expert),
		adapter_rank: None,
	};
	let others = (3..parts).map(|_| layer(Network::Dense(expert)));
	Architecture {
		d_model: 32,
		heads: 1,
		kv_heads: 1,
		head_size: 32,
		vocabulary: 32,
		context: 32,
		fraction: 12,
		eps: 1,
		bits: Bits { input: 8, output: 8, hidden: 8 },
		biases: false,
		qk_norm: QkNorm::None,
		sub_norms: false,
		activation: Activation::SwiGlu,
		embedding: kind,
		head: None,
		layers: core::iter::once(layer(Network::Routed(routing))).chain(others).collect(),
	}
}

/// A block of this number and length.
fn sized(number: u32, bytes: Option<u64>) -> BlockRef {
	let block = block(number);
	let size = bytes.and_then(|bytes| u32::try_from(bytes).ok()).expect("a small part of the model; qed");
	BlockRef { blob: BlobRef { size, ..block.blob }, ..block }
}

/// A model of that architecture, whose blocks have the lengths that follow from it.
fn open_model(parts: u32, experts: u32) -> (ModelSpec, ArchitectureRecord, ModelParts, Vec<BlockRef>) {
	let architecture = architecture(parts, experts);
	let record = architecture.to_bytes();
	let own = (1_000_000u32..).zip(architecture.parts());
	let own: Vec<_> =
		own.map(|(number, part): (u32, Part)| sized(number, part_bytes(&architecture, part))).collect();
	let bytes = expert_bytes(&architecture, 0);
	let heads = (1..=experts).map(|number| sized(number, bytes)).collect();
	let body = ModelBody::Second { architecture: record_id(&record), parts: blocks_root(&own) };
	(
		ModelSpec { body, ..spec(1) },
		record.try_into().expect("at most 128 layers; qed"),
		own.try_into().expect("at most 130 parts; qed"),
		heads,
	)
}

/// Registers a model with as many slots as one layer may have and returns its first slot.
///
/// Reading and replacing a head costs the same in every model; reading a whole model costs most here.
pub(crate) fn register_largest_model<T: Config>() -> ExpertSlot {
	let slots = T::MaxSlots::get().min(LAYER_SLOTS_MAX);
	let heads = (1..=slots).map(block).collect::<Vec<_>>();
	let model = Pallet::<T>::do_register_model(spec(slots), None, &heads)
		.unwrap_or_else(|_| ModelCount::<T>::get().saturating_sub(1));
	ExpertSlot { model, layer: 0, expert: 0 }
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// The worst case: every block is a blob of its own, none known before.
	#[benchmark]
	fn register_model(
		h: Linear<1, { T::MaxSlots::get().min(LAYER_SLOTS_MAX) }>,
	) -> Result<(), BenchmarkError> {
		let origin = T::RegisterOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let model = ModelCount::<T>::get();
		let spec = spec(h);
		let body = spec.body;
		let version = spec.version;
		let heads: BoundedVec<_, T::MaxSlots> =
			(1..=h).map(block).collect::<Vec<_>>().try_into().expect("at most MaxSlots; qed");

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, spec, None, heads);

		let event: <T as frame_system::Config>::RuntimeEvent =
			Event::<T>::ModelRegistered { model, body, version }.into();
		frame_system::Pallet::<T>::assert_last_event(event);
		assert!(Heads::<T>::contains_key(ExpertSlot {
			model,
			layer: 0,
			expert: (h as u16).saturating_sub(1)
		}));
		assert!(Blobs::<T>::contains_key(block(h).blob.hash));
		Ok(())
	}

	// The worst case: every block is a blob of its own, none known before, and no model has the architecture.
	#[benchmark]
	fn register_open_model(
		p: Linear<3, { PARTS_MAX }>,
		h: Linear<1, { T::MaxSlots::get().min(LAYER_SLOTS_MAX) }>,
	) -> Result<(), BenchmarkError> {
		let origin = T::RegisterOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let model = ModelCount::<T>::get();
		let (spec, architecture, parts, heads) = open_model(p, h);
		let (body, version) = (spec.body, spec.version);
		let heads: BoundedVec<_, T::MaxSlots> = heads.try_into().expect("at most MaxSlots; qed");

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, spec, architecture, parts, None, heads);

		let event: <T as frame_system::Config>::RuntimeEvent =
			Event::<T>::ModelRegistered { model, body, version }.into();
		frame_system::Pallet::<T>::assert_last_event(event);
		assert_eq!(Parts::<T>::get(model).len() as u32, p);
		let last = ExpertSlot { model, layer: 0, expert: (h as u16).saturating_sub(1) };
		assert!(Heads::<T>::contains_key(last));
		Ok(())
	}

	// The worst case: a version that nothing needs any more, and its blob with it.
	#[benchmark]
	fn forget() -> Result<(), BenchmarkError> {
		let slot = register_largest_model::<T>();
		let owner: T::AccountId = whitelisted_caller();
		assert!(Pallet::<T>::do_keep(slot.model, 0));
		for version in 0..T::MaxHistory::get() {
			let block = block(1_000_000u32.saturating_add(version));
			Pallet::<T>::do_promote(slot, version, &owner, block, Vec::new())?;
		}
		assert!(KeptVersions::<T>::contains_key(slot, 0));
		Pallet::<T>::do_release(slot.model, 0);

		#[block]
		{
			Pallet::<T>::forget_unneeded(T::WeightInfo::forget());
		}

		assert!(!KeptVersions::<T>::contains_key(slot, 0));
		Ok(())
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::ExtBuilder::default().build(),
		crate::tests::mock::Test
	);
}
