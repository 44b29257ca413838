//! The relay chain's randomness, as of this block's relay parent.
//!
//! The collator proves three values with every block: the VRF output of the relay parent's author, and
//! the randomness of one and of two epochs ago. The seed kept here is a hash over all that are present.
//!
//! What each adds: an epoch's randomness cannot be chosen by any single validator but stays the same
//! for hours, so on its own it would tell a miner the draw before the submission; the author's VRF output is
//! new in every relay block and cannot be chosen either, only withheld, at the price of the block. Together
//! no party knows the seed before the relay parent exists.
//!
//! The seed of the newest relay parent alone would leave authors a choice: of the block that commits to something, made
//! when a later seed is known already, and of the block that draws. So draws are by appointment
//! ([`AppointedRandomness`]): a commitment names the relay-chain block [`APPOINTMENT_LEAD`] ahead of its own relay
//! parent, and its seed is made of those of the first [`DRAW_PARENTS`] relay parents from there on, in whatever block it
//! is used. One would not do: a validator of the relay chain can reckon its own VRF outputs hours ahead. The seeds
//! of [`SEED_HISTORY`] relay parents are kept in a ring for it.
//!
//! A development chain has no relay chain, and its mock values can be foreseen. Its genesis sets
//! [`MixParentHash`], which stirs in the parent block's hash and shortens appointments to the next relay parent. A
//! live chain leaves it unset, because a collator can grind the hash of its own block.

pub use pallet::*;

use crate::constants::{APPOINTMENT_LEAD, DRAW_PARENTS, SEED_HISTORY};
use alloc::vec::Vec;
use blyan_primitives::randomness::{Appointed, AppointedRandomness, RelayNumber, NEVER};
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

/// Randomness by appointment: seeds of the relay chain's blocks, kept for the draws that named them.
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

	/// The newest relay parent, and how many seeds were kept so far. Written once a block by the parachain inherent.
	#[pallet::storage]
	pub type Newest<T: Config> = StorageValue<_, Horizon<BlockNumberFor<T>>, OptionQuery>;

	/// Seeds by relay parent: a ring of [`SEED_HISTORY`] places that are written in turn, so at most as many entries.
	// Twox64Concat: the pallet counts the keys up, so they cannot be ground.
	#[pallet::storage]
	pub type Seeds<T: Config> = StorageMap<_, Twox64Concat, u32, KeptSeed, OptionQuery>;

	/// True if the parent block's hash is stirred in. Set in genesis by development chains only.
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
#[scale_info(capture_docs = "always")]
pub struct SeedRecord<BlockNumber> {
	/// The seed.
	pub seed: H256,
	/// Block that brought it in.
	pub since: BlockNumber,
	/// Number of the relay chain's values it is made of; 0 if that was not noted.
	#[cfg(feature = "next")]
	pub values: u8,
}

/// Reach of the history of seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct Horizon<BlockNumber> {
	/// The newest relay parent.
	pub relay_parent: RelayNumber,
	/// The last block that was built on it.
	pub at: BlockNumber,
	/// Seeds that were kept so far, those included that were overwritten.
	pub kept: u32,
}

/// The seed of a relay parent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct KeptSeed {
	/// The relay parent's number.
	pub relay_parent: RelayNumber,
	/// Its seed.
	pub seed: H256,
}

impl<T: Config> OnSystemEvent for Pallet<T> {
	/// Runs after `on_relay_state_proof`, which makes the seed and accounts for both.
	fn on_validation_data(data: &PersistedValidationData) {
		note_relay_parent::<T>(data.relay_parent_number);
	}

	fn on_validation_code_applied() {}

	fn on_relay_state_proof(proof: &RelayChainStateProof) -> Weight {
		// The relay chain stores the author's VRF output as an `Option` of its own.
		let author = proof.read_optional_entry::<Option<[u8; 32]>>(CURRENT_BLOCK_RANDOMNESS);
		let epochs = [ONE_EPOCH_AGO_RANDOMNESS, TWO_EPOCHS_AGO_RANDOMNESS]
			.map(|key| proof.read_optional_entry::<[u8; 32]>(key).ok().flatten());
		note_values::<T>(author.ok().flatten().flatten(), epochs);
		// The flag, the seed twice, the horizon and the newest kept seed; the seed, the horizon and a place of the ring.
		T::DbWeight::get().reads_writes(5, 3)
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

/// Keeps this block's seed as that of `relay_parent`, unless an earlier block on it did.
fn note_relay_parent<T: Config>(relay_parent: RelayNumber) {
	let now = frame_system::Pallet::<T>::block_number();
	let mut kept = Newest::<T>::get().map_or(0, |horizon| horizon.kept);
	let fresh = Seed::<T>::get().filter(|record| record.since == now);
	let last = kept.checked_sub(1).and_then(kept_seed::<T>);
	let is_newer = last.is_none_or(|last| last.relay_parent < relay_parent);
	if let Some(SeedRecord { seed, .. }) = fresh.filter(|_| is_newer) {
		Seeds::<T>::insert(place(kept), KeptSeed { relay_parent, seed });
		kept = kept.saturating_add(1);
	}
	Newest::<T>::put(Horizon { relay_parent, at: now, kept });
}

/// The ring's place for the seed that is the `index`th, counted from 0.
fn place(index: u32) -> u32 {
	index.checked_rem(SEED_HISTORY).unwrap_or_default()
}

fn kept_seed<T: Config>(index: u32) -> Option<KeptSeed> {
	Seeds::<T>::get(place(index))
}

/// Index of the first seed that an appointment takes: that of the first relay parent from there on. `Err` if there is none
/// yet, or none any more.
///
/// Relay parents in the ring are strictly increasing, so the one looked for is at most as many places back as
/// the newest is ahead of the appointment: it is that place if no relay parent was skipped, and a binary search finds it
/// otherwise. At most 17 reads.
fn first_seed<T: Config>(appointment: RelayNumber, kept: u32) -> Result<u32, Appointed> {
	let last = kept.checked_sub(1).ok_or(Appointed::Pending)?;
	let newest = kept_seed::<T>(last).ok_or(Appointed::Missed)?;
	let ahead = newest.relay_parent.checked_sub(appointment).ok_or(Appointed::Pending)?;
	let oldest = kept.saturating_sub(SEED_HISTORY);
	let mut low = last.saturating_sub(ahead).max(oldest);
	let first = kept_seed::<T>(low).ok_or(Appointed::Missed)?;
	if first.relay_parent >= appointment {
		// Before the oldest of a full ring there may have been one that came sooner.
		let is_lost = first.relay_parent > appointment && oldest > 0;
		return if is_lost { Err(Appointed::Missed) } else { Ok(low) };
	}
	// The seed at `low` is too old, and the one at `high` is not.
	let mut high = last;
	while high.saturating_sub(low) > 1 {
		let middle = low.midpoint(high);
		if kept_seed::<T>(middle).is_some_and(|kept| kept.relay_parent >= appointment) {
			high = middle;
		} else {
			low = middle;
		}
	}
	Ok(high)
}

/// The seeds that an appointment takes; `Err` while they are not complete, or if they are lost.
fn seeds_of<T: Config>(appointment: RelayNumber) -> Result<Vec<H256>, Appointed> {
	let kept = Newest::<T>::get().map_or(0, |horizon| horizon.kept);
	let first = first_seed::<T>(appointment, kept)?;
	let count = if MixParentHash::<T>::get() { 1 } else { DRAW_PARENTS };
	let end = first.saturating_add(count);
	if end > kept {
		return Err(Appointed::Pending);
	}
	let seeds = (first..end).map(|index| kept_seed::<T>(index).map(|kept| kept.seed));
	seeds.collect::<Option<_>>().ok_or(Appointed::Missed)
}

impl<T: Config> AppointedRandomness for Pallet<T> {
	fn appoint() -> RelayNumber {
		let now = frame_system::Pallet::<T>::block_number();
		let lead = if MixParentHash::<T>::get() { 1 } else { APPOINTMENT_LEAD };
		// An older relay parent will not do: after a pause, what lies ahead of it may be known.
		let horizon = Newest::<T>::get().filter(|horizon| horizon.at == now);
		horizon.map_or(NEVER, |horizon| horizon.relay_parent.saturating_add(lead))
	}

	fn seed_of(appointment: RelayNumber, subject: &[u8]) -> Appointed {
		match seeds_of::<T>(appointment) {
			Ok(seeds) => {
				let drawn = (b"blyan/appointment/1", seeds, appointment, subject);
				Appointed::Seed(H256(blake2_256(&drawn.encode())))
			}
			Err(reason) => reason,
		}
	}
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

	/// Block `number` on `relay_parent`, whose author's value is `value`.
	fn block_on(number: u32, relay_parent: u32, value: u8) {
		in_block(number, number as u8, || {
			note_values::<Runtime>(Some([value; 32]), [None, None]);
			note_relay_parent::<Runtime>(relay_parent);
		});
	}

	fn seed_of(appointment: u32) -> Appointed {
		Pallet::<Runtime>::seed_of(appointment, b"x")
	}

	/// The relay parent whose seed an appointment takes first.
	fn first_of(appointment: u32) -> Result<u32, Appointed> {
		let kept = Newest::<Runtime>::get().expect("a seed was kept").kept;
		first_seed::<Runtime>(appointment, kept)
			.map(|index| kept_seed::<Runtime>(index).expect("it is in the ring").relay_parent)
	}

	#[test]
	fn an_appointment_is_ahead_of_every_relay_parent_that_an_author_can_know() {
		sp_io::TestExternalities::default().execute_with(|| {
			block_on(1, 100, 1);
			let appointment = Pallet::<Runtime>::appoint();
			assert_eq!(appointment, 100 + APPOINTMENT_LEAD);
			// The attack: the committing block is withheld until later relay parents are known, and the next are built on them.
			for (number, relay_parent) in (2..).zip(100..appointment + DRAW_PARENTS - 1) {
				block_on(number, relay_parent, relay_parent as u8);
				assert_eq!(seed_of(appointment), Appointed::Pending, "relay parent {relay_parent}");
			}
			block_on(50, appointment + DRAW_PARENTS - 1, 200);
			assert!(matches!(seed_of(appointment), Appointed::Seed(_)));
		});
	}

	#[test]
	fn an_appointment_keeps_its_seed_when_the_blocks_after_it_are_full_or_skipped() {
		sp_io::TestExternalities::default().execute_with(|| {
			block_on(1, 100, 1);
			let appointment = Pallet::<Runtime>::appoint();
			// The relay chain went past the appointment between two blocks.
			for number in 2..2 + DRAW_PARENTS {
				assert_eq!(seed_of(appointment), Appointed::Pending);
				block_on(number, appointment + 3 * number, 7);
			}
			let seed = seed_of(appointment);
			assert!(matches!(seed, Appointed::Seed(_)));
			for number in 2 + DRAW_PARENTS..100 {
				block_on(number, appointment + 3 * number, number as u8);
				assert_eq!(seed_of(appointment), seed, "block {number}");
			}
			assert_ne!(seed, Pallet::<Runtime>::seed_of(appointment, b"y"));
		});
	}

	#[test]
	fn every_relay_parent_of_a_draw_changes_its_seed() {
		let seed = |changed: Option<u32>| {
			sp_io::TestExternalities::default().execute_with(|| {
				for number in 1..=DRAW_PARENTS {
					block_on(number, number, if changed == Some(number) { 9 } else { 1 });
				}
				seed_of(1)
			})
		};
		for changed in 1..=DRAW_PARENTS {
			assert_ne!(seed(Some(changed)), seed(None), "relay parent {changed}");
		}
	}

	#[test]
	fn blocks_on_one_relay_parent_share_the_seed_of_the_first() {
		sp_io::TestExternalities::default().execute_with(|| {
			MixParentHash::<Runtime>::put(true);
			block_on(1, 10, 1);
			let first = seed_of(10);
			assert_eq!(Pallet::<Runtime>::appoint(), 11);
			block_on(2, 10, 1);
			assert_eq!((seed_of(10), seed_of(11)), (first, Appointed::Pending));
			assert_eq!(Newest::<Runtime>::get().expect("a seed was kept").kept, 1);
			block_on(3, 11, 1);
			assert!(matches!(seed_of(11), Appointed::Seed(_)));
		});
	}

	#[test]
	fn every_appointment_finds_the_first_seed_from_it_on_until_it_is_overwritten() {
		sp_io::TestExternalities::default().execute_with(|| {
			// Some relay parents are skipped, and there are more than the ring has room for.
			let mut parents = vec![7u32];
			for step in 0..SEED_HISTORY + 200 {
				parents.push(parents.last().expect("there is a first one") + 1 + (step * step) % 5 % 4);
			}
			for (number, parent) in (1..).zip(&parents) {
				block_on(number, *parent, number as u8);
			}
			let kept = &parents[parents.len() - SEED_HISTORY as usize..];
			let [oldest, .., newest] = kept else { panic!("more than two are kept") };
			for appointment in (*oldest..=*newest).step_by(7).chain([*oldest, *newest]) {
				let expected = kept.iter().find(|parent| **parent >= appointment).expect("one came after it");
				assert_eq!(first_of(appointment), Ok(*expected), "appointment {appointment}");
			}
			assert_eq!(seed_of(oldest - 1), Appointed::Missed);
			assert_eq!(seed_of(8), Appointed::Missed);
			assert_eq!(seed_of(newest + 1), Appointed::Pending);
			assert_eq!(seed_of(NEVER), Appointed::Pending);
		});
	}

	#[test]
	fn an_appointment_never_comes_when_the_relay_parent_is_not_known_yet() {
		sp_io::TestExternalities::default().execute_with(|| {
			assert_eq!(Pallet::<Runtime>::appoint(), NEVER);
			assert_eq!(seed_of(0), Appointed::Pending);
			block_on(1, 10, 1);
			System::set_block_number(2);
			assert_eq!(Pallet::<Runtime>::appoint(), NEVER, "a hook before the inherents");
		});
	}

	#[test]
	fn a_relay_parent_without_values_has_no_seed() {
		sp_io::TestExternalities::default().execute_with(|| {
			block_on(1, 10, 1);
			in_block(2, 2, || {
				note_values::<Runtime>(None, [None, None]);
				note_relay_parent::<Runtime>(20);
			});
			assert_eq!(seed_of(15), Appointed::Pending);
			assert_eq!(Pallet::<Runtime>::appoint(), 20 + APPOINTMENT_LEAD);
			block_on(3, 21, 3);
			assert_eq!(first_of(15), Ok(21));
		});
	}
}
