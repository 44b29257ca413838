//! Migrations of the storage, one for each version that it had.

use crate::{Config, ModelName, ModelRecord, ModelRecordOf, ModelSpec, Models, Pallet};
use blyan_primitives::{BlockRef, ModelBody, ModelConfig, ModelVersion};
use codec::{Decode, Encode};
use core::marker::PhantomData;
use frame_support::{
	migrations::VersionedMigration,
	traits::{Get, UncheckedOnRuntimeUpgrade},
	weights::Weight,
};
#[cfg(feature = "try-runtime")]
use {alloc::vec::Vec, frame_support::ensure, sp_runtime::TryRuntimeError};

/// From version 1, whose models all follow the first definition, to version 2, whose models have a body of either.
///
/// Within one block: there are at most `MaxModels` records of about 200 bytes.
pub type BodiesOfModels<T> =
	VersionedMigration<1, 2, GiveBodies<T>, Pallet<T>, <T as frame_system::Config>::DbWeight>;

/// Specification of a model in version 1.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct OldSpec {
	pub(crate) name: ModelName,
	pub(crate) config: ModelConfig,
	pub(crate) version: ModelVersion,
	pub(crate) compatible_from: ModelVersion,
	pub(crate) trunk: BlockRef,
}

/// Record of a model in version 1.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct OldRecord<AccountId> {
	pub(crate) spec: OldSpec,
	pub(crate) owner: Option<AccountId>,
	pub(crate) generation: u32,
}

impl<AccountId> From<OldRecord<AccountId>> for ModelRecord<AccountId> {
	fn from(old: OldRecord<AccountId>) -> Self {
		let OldRecord { spec, owner, generation } = old;
		let OldSpec { name, config, version, compatible_from, trunk } = spec;
		let spec = ModelSpec { name, body: ModelBody::First { config, trunk }, version, compatible_from };
		Self { spec, owner, generation }
	}
}

/// The migration of [`BodiesOfModels`], without its check of versions.
pub struct GiveBodies<T>(PhantomData<T>);

impl<T: Config> UncheckedOnRuntimeUpgrade for GiveBodies<T> {
	fn on_runtime_upgrade() -> Weight {
		let mut records = 0_u64;
		Models::<T>::translate_values(|old: OldRecord<T::AccountId>| {
			records = records.saturating_add(1);
			Some(ModelRecordOf::<T>::from(old))
		});
		T::DbWeight::get().reads_writes(records.saturating_add(1), records)
	}

	#[cfg(feature = "try-runtime")]
	fn pre_upgrade() -> Result<Vec<u8>, TryRuntimeError> {
		Ok(crate::ModelCount::<T>::get().encode())
	}

	#[cfg(feature = "try-runtime")]
	fn post_upgrade(before: Vec<u8>) -> Result<(), TryRuntimeError> {
		let count = u32::decode(&mut before.as_slice()).map_err(|_| "written by pre_upgrade")?;
		ensure!((0..count).all(|model| Models::<T>::get(model).is_some()), "a model was lost");
		Pallet::<T>::do_try_state()
	}
}
