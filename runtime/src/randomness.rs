//! The relay chain's randomness, as of this block's relay parent.
//!
//! The collator proves three values with every block: the VRF output of the relay parent's author, and
//! the randomness of one and of two epochs ago. The seed kept here is a hash over all that are present.
//!
//! What each adds: an epoch's randomness cannot be chosen by any single validator but stays the same
//! for hours, so on its own it would tell a miner the draw before the submission; the author's VRF output is
//! new in every relay block and cannot be chosen either, only withheld, at the price of the block. Together
//! nobody knows the seed before the relay parent exists.
//!
//! A development chain has no relay chain, and its mock values can be foreseen. Its genesis sets
//! [`MixParentHash`], which stirs in the parent block's hash. A live chain leaves it unset, because a
//! collator can grind the hash of its own block.

pub use pallet::*;

use alloc::vec::Vec;
use codec::{Decode, Encode, MaxEncodedLen};
use cumulus_pallet_parachain_system::{relay_state_snapshot::RelayChainStateProof, OnSystemEvent};
use cumulus_primitives_core::{
	relay_chain::well_known_keys::{
		CURRENT_BLOCK_RANDOMNESS, ONE_EPOCH_AGO_RANDOMNESS, TWO_EPOCHS_AGO_RANDOMNESS,
	},
	PersistedValidationData,
};
use frame_support::{
	pallet_prelude::*,
	traits::{Get, Randomness},
};
use frame_system::pallet_prelude::*;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_io::hashing::blake2_256;

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	#[pallet::config]
	pub trait Config: frame_system::Config<Hash = H256> {}

	// The next runtime's `SeedRecord` has one more field.
	const STORAGE_VERSION: StorageVersion = StorageVersion::new(if cfg!(feature = "next") { 1 } else { 0 });

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	/// Hash over the relay chain's random values, and the block that brought them in.
	/// Written once a block by the parachain inherent; absent before the first.
	#[pallet::storage]
	pub type Seed<T: Config> = StorageValue<_, SeedRecord<BlockNumberFor<T>>, OptionQuery>;

	/// Whether the parent block's hash is stirred in. Set in genesis by development chains only.
	#[pallet::storage]
	pub type MixParentHash<T: Config> = StorageValue<_, bool, ValueQuery>;

	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// Initial value of [`MixParentHash`].
		pub mix_parent_hash: bool,
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			MixParentHash::<T>::put(self.mix_parent_hash);
		}
	}
}

/// A seed as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct SeedRecord<BlockNumber> {
	/// The seed.
	pub seed: H256,
	/// Block that brought it in.
	pub since: BlockNumber,
	/// How many of the relay chain's values it is made of; 0 if that was not noted.
	#[cfg(feature = "next")]
	pub values: u8,
}

impl<T: Config> OnSystemEvent for Pallet<T> {
	fn on_validation_data(_: &PersistedValidationData) {}

	fn on_validation_code_applied() {}

	fn on_relay_state_proof(proof: &RelayChainStateProof) -> Weight {
		// The relay chain stores the author's VRF output as an `Option` of its own.
		let author = proof.read_optional_entry::<Option<[u8; 32]>>(CURRENT_BLOCK_RANDOMNESS);
		let epochs = [ONE_EPOCH_AGO_RANDOMNESS, TWO_EPOCHS_AGO_RANDOMNESS]
			.map(|key| proof.read_optional_entry::<[u8; 32]>(key).ok().flatten());
		note_values::<T>(author.ok().flatten().flatten(), epochs);
		T::DbWeight::get().reads_writes(1, 1)
	}
}

/// Replaces the seed, unless the proof carries no value at all.
fn note_values<T: Config>(author: Option<[u8; 32]>, epochs: [Option<[u8; 32]>; 2]) {
	let values: Vec<[u8; 32]> = author.into_iter().chain(epochs.into_iter().flatten()).collect();
	let mix = MixParentHash::<T>::get();
	if values.is_empty() && !mix {
		return;
	}
	let parent = mix.then(frame_system::Pallet::<T>::parent_hash);
	let seed = H256(blake2_256(&(b"blyan/relay-randomness/1", author, epochs, parent).encode()));
	Seed::<T>::put(SeedRecord {
		seed,
		since: frame_system::Pallet::<T>::block_number(),
		#[cfg(feature = "next")]
		values: values.len() as u8,
	});
}

impl<T: Config> Randomness<H256, BlockNumberFor<T>> for Pallet<T> {
	/// Seed for `subject`, and the block since which it could be known.
	///
	/// Before the first seed: zero hashed with the subject, known since ever, so no careful caller uses it.
	fn random(subject: &[u8]) -> (H256, BlockNumberFor<T>) {
		let SeedRecord { seed, since, .. } = Seed::<T>::get().unwrap_or_default();
		(H256(blake2_256(&(seed, subject).encode())), since)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Runtime, System};

	fn in_block(number: u32, parent: u8, run: impl FnOnce()) {
		System::set_block_number(number);
		System::set_parent_hash(H256([parent; 32]));
		run();
	}

	#[test]
	fn seed_changes_with_every_value_and_ignores_the_parent_by_default() {
		sp_io::TestExternalities::default().execute_with(|| {
			let seed_of = |author: u8, epoch: u8, parent: u8| {
				in_block(1, parent, || note_values::<Runtime>(Some([author; 32]), [Some([epoch; 32]), None]));
				Pallet::<Runtime>::random(b"x").0
			};
			let base = seed_of(1, 2, 3);
			assert_eq!(base, seed_of(1, 2, 4));
			assert_ne!(base, seed_of(9, 2, 3));
			assert_ne!(base, seed_of(1, 9, 3));
			MixParentHash::<Runtime>::put(true);
			assert_ne!(seed_of(1, 2, 3), seed_of(1, 2, 4));
		});
	}

	#[test]
	fn seed_stays_when_the_proof_carries_nothing() {
		sp_io::TestExternalities::default().execute_with(|| {
			in_block(1, 0, || note_values::<Runtime>(Some([1; 32]), [None, None]));
			let before = Pallet::<Runtime>::random(b"x");
			in_block(2, 0, || note_values::<Runtime>(None, [None, None]));
			assert_eq!(Pallet::<Runtime>::random(b"x"), before);
			assert_eq!(before.1, 1);
		});
	}
}
