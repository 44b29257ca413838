//! This runtime one release ahead, for tests that upgrade a running chain.
//!
//! It stands for every kind of change that a release makes without breaking clients:
//!
//! - a pallet is added, with a call, an event, a constant and storage;
//! - a stored record gains a field ([`SeedRecord`]), which a versioned migration fills in within one block;
//! - a map is copied ([`Heads`] to [`HeadRoots`]) by a migration that takes several blocks.
//!
//! Nothing of it is compiled into a release.

pub use pallet::*;

use crate::{
	randomness::{self, SeedRecord},
	BlockNumber, Runtime, RUNTIME_API_VERSIONS,
};
use blyan_primitives::{ExpertHead, ExpertSlot};
use frame_support::{
	migrations::{MigrationId, SteppedMigration, SteppedMigrationError, VersionedMigration},
	pallet_prelude::*,
	traits::UncheckedOnRuntimeUpgrade,
	weights::WeightMeter,
};
use frame_system::pallet_prelude::*;
use pallet_experts::Heads;
use sp_core::H256;
use sp_version::RuntimeVersion;
#[cfg(feature = "try-runtime")]
use {
	alloc::vec::Vec,
	codec::{Decode, Encode},
	frame_support::ensure,
	sp_runtime::TryRuntimeError,
};

/// One more than the release it follows, which `tests/upgrade` holds it to.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: alloc::borrow::Cow::Borrowed("blyan"),
	impl_name: alloc::borrow::Cow::Borrowed("blyan"),
	authoring_version: 1,
	spec_version: 8,
	impl_version: 0,
	apis: RUNTIME_API_VERSIONS,
	transaction_version: 3,
	system_version: 1,
};

/// Few enough for the smallest model to take several blocks.
const HEADS_PER_BLOCK: u32 = 3;

/// Migrations of the first block.
pub type SingleBlock =
	VersionedMigration<0, 1, NoteValues, crate::RelayRandomness, <Runtime as frame_system::Config>::DbWeight>;

/// Migrations that take several blocks.
pub type MultiBlock = (CopyHeadRoots,);

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// Heads that a block's step of the migration copies.
		#[pallet::constant]
		type HeadsPerBlock: Get<u32>;
	}

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// Tensor root of every head at the time of the upgrade. Written by the migration alone.
	// Twox64Concat: the keys are those of another map, which cannot be ground.
	#[pallet::storage]
	pub type HeadRoots<T: Config> = StorageMap<_, Twox64Concat, ExpertSlot, H256>;

	#[pallet::event]
	#[pallet::generate_deposit(fn deposit_event)]
	pub enum Event<T: Config> {
		/// The new call was used.
		Noted {
			/// The account.
			who: T::AccountId,
			/// Its message.
			what: H256,
		},
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Say something that the runtime before could not hear.
		///
		/// Emits [`Event::Noted`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::DbWeight::get().reads_writes(1, 1))]
		pub fn note(origin: OriginFor<T>, what: H256) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::deposit_event(Event::Noted { who, what });
			Ok(())
		}
	}
}

impl Config for Runtime {
	type HeadsPerBlock = ConstU32<HEADS_PER_BLOCK>;
}

/// Gives the stored seed its new field.
pub struct NoteValues;

/// The record as the release before wrote it.
type OldSeed = (H256, BlockNumber);

impl UncheckedOnRuntimeUpgrade for NoteValues {
	fn on_runtime_upgrade() -> Weight {
		let translated = randomness::Seed::<Runtime>::translate(|old: Option<OldSeed>| {
			old.map(|(seed, since)| SeedRecord { seed, since, values: 0 })
		});
		if translated.is_err() {
			// Leaving it is safe: the next block's inherent writes a new one, and nothing is drawn from none.
			log::error!("the stored seed is not what the release before wrote");
		}
		<Runtime as frame_system::Config>::DbWeight::get().reads_writes(1, 1)
	}

	#[cfg(feature = "try-runtime")]
	fn pre_upgrade() -> Result<Vec<u8>, TryRuntimeError> {
		let raw = frame_support::storage::unhashed::get_raw(&randomness::Seed::<Runtime>::hashed_key());
		raw.as_ref().map_or(Ok(()), |bytes| {
			OldSeed::decode(&mut &bytes[..]).map(drop).map_err(|_| "the old seed cannot be read")
		})?;
		Ok(raw.encode())
	}

	#[cfg(feature = "try-runtime")]
	fn post_upgrade(before: Vec<u8>) -> Result<(), TryRuntimeError> {
		let before = Option::<Vec<u8>>::decode(&mut &before[..]).map_err(|_| "written by pre_upgrade")?;
		let before = before.and_then(|bytes| OldSeed::decode(&mut &bytes[..]).ok());
		let after = randomness::Seed::<Runtime>::get().map(|record| (record.seed, record.since));
		ensure!(before == after, "the migration changed the seed");
		Ok(())
	}
}

/// Copies the tensor roots of all heads, a few in every block.
pub struct CopyHeadRoots;

impl SteppedMigration for CopyHeadRoots {
	/// The slot that was copied last.
	type Cursor = ExpertSlot;
	type Identifier = MigrationId<9>;

	fn id() -> Self::Identifier {
		MigrationId { pallet_id: *b"rehearsal", version_from: 0, version_to: 1 }
	}

	fn step(
		last: Option<Self::Cursor>,
		meter: &mut WeightMeter,
	) -> Result<Option<Self::Cursor>, SteppedMigrationError> {
		// One read more than heads, to find that there are none left. A block has room for one step.
		let heads = u64::from(HEADS_PER_BLOCK);
		let required = <Runtime as frame_system::Config>::DbWeight::get().reads_writes(heads + 1, heads);
		if meter.try_consume(required).is_err() {
			return Err(SteppedMigrationError::InsufficientWeight { required });
		}
		let heads = match last {
			Some(slot) => Heads::<Runtime>::iter_from(Heads::<Runtime>::hashed_key_for(slot)),
			None => Heads::<Runtime>::iter(),
		};
		let mut copied = None;
		for (slot, ExpertHead { block, .. }) in heads.take(HEADS_PER_BLOCK as usize) {
			HeadRoots::<Runtime>::insert(slot, block.tensor_root);
			copied = Some(slot);
		}
		Ok(copied)
	}

	#[cfg(feature = "try-runtime")]
	fn post_upgrade(_: Vec<u8>) -> Result<(), TryRuntimeError> {
		let mut heads = Heads::<Runtime>::iter();
		let is_copied = |(slot, head): (ExpertSlot, ExpertHead)| {
			HeadRoots::<Runtime>::get(slot) == Some(head.block.tensor_root)
		};
		ensure!(heads.all(is_copied), "a head was not copied");
		Ok(())
	}
}
