//! Benchmarks, and the worlds that the neighbours' benchmarks need.

use crate::{Blobs, Call, Config, Event, Heads, KeptVersions, ModelCount, ModelSpec, Pallet, WeightInfo};
use alloc::vec::Vec;
use blyan_primitives::{BlobRef, BlockRef, ExpertSlot, ModelConfig, ModelVersion};
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
		config: ModelConfig {
			d_model: 64,
			d_ff: 64,
			layers: 1,
			heads: 1,
			experts: slots as u16,
			top_k: 1,
			context: 64,
		},
		version: ModelVersion { major: 1, minor: 0, patch: 0 },
		compatible_from: ModelVersion { major: 1, minor: 0, patch: 0 },
		trunk: block(0),
	}
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
		let config = spec.config;
		let version = spec.version;
		let heads: BoundedVec<_, T::MaxSlots> =
			(1..=h).map(block).collect::<Vec<_>>().try_into().expect("at most MaxSlots; qed");

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, spec, None, heads);

		let event: <T as frame_system::Config>::RuntimeEvent =
			Event::<T>::ModelRegistered { model, config, version }.into();
		frame_system::Pallet::<T>::assert_last_event(event);
		assert!(Heads::<T>::contains_key(ExpertSlot {
			model,
			layer: 0,
			expert: (h as u16).saturating_sub(1)
		}));
		assert!(Blobs::<T>::contains_key(block(h).blob.hash));
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
