//! Migrations under the checks that only the `try-runtime` feature compiles: their own, and every pallet's invariants.
//!
//! `cargo test -p blyan-runtime --features try-runtime,next --test migrations` rehearses the next release's.
#![cfg(feature = "try-runtime")]
#![allow(clippy::unwrap_used)]

mod common;

use blyan_runtime::{Executive, RelayRandomness, VERSION};
use codec::Encode;
use frame_support::{
	storage::unhashed,
	traits::{GetStorageVersion, StorageVersion},
};
use frame_try_runtime::UpgradeCheckSelect;
use sp_core::H256;

#[test]
fn every_invariant_holds_after_the_upgrade() {
	common::development().execute_with(|| {
		// As the release before left it: one version behind, and its seed in its own layout.
		frame_system::LastRuntimeUpgrade::<blyan_runtime::Runtime>::mutate(|last| {
			last.as_mut().unwrap().spec_version = (VERSION.spec_version - 1).into();
		});
		StorageVersion::new(0).put::<RelayRandomness>();
		let seed = (H256::repeat_byte(1), 1u32);
		let key = blyan_runtime::randomness::Seed::<blyan_runtime::Runtime>::hashed_key();
		unhashed::put_raw(&key, &seed.encode());

		Executive::try_runtime_upgrade(UpgradeCheckSelect::All).unwrap();
		let record = blyan_runtime::randomness::Seed::<blyan_runtime::Runtime>::get().unwrap();
		assert_eq!((record.seed, record.since), seed);
		assert_eq!(
			RelayRandomness::on_chain_storage_version(),
			RelayRandomness::in_code_storage_version(),
			"a storage version was raised without a migration"
		);
	});
}

#[cfg(feature = "next")]
#[test]
fn the_long_migration_comes_to_its_end() {
	use blyan_runtime::next::{CopyHeadRoots, HeadRoots};
	use frame_support::{migrations::SteppedMigration, weights::WeightMeter};

	common::development().execute_with(|| {
		let before = CopyHeadRoots::pre_upgrade().unwrap();
		let (mut cursor, mut steps) = (None, 0);
		loop {
			let mut meter = WeightMeter::new();
			cursor = CopyHeadRoots::transactional_step(cursor, &mut meter).unwrap();
			steps += 1;
			if cursor.is_none() {
				break;
			}
		}
		CopyHeadRoots::post_upgrade(before).unwrap();
		let copied = HeadRoots::<blyan_runtime::Runtime>::iter().count();
		assert!(steps > copied / 3, "{copied} heads in {steps} steps");
	});
}

/// A chain of release 2: its models know no other definition than the first.
#[cfg(not(feature = "next"))]
#[test]
fn models_of_the_release_before_get_a_body() {
	use blyan_primitives::ModelBody;
	use blyan_runtime::{Disputes, Experts, Runtime};
	use pallet_experts::Models;

	common::development().execute_with(|| {
		frame_system::LastRuntimeUpgrade::<Runtime>::mutate(|last| {
			last.as_mut().unwrap().spec_version = (VERSION.spec_version - 1).into();
		});
		let record = Models::<Runtime>::get(0).unwrap();
		let spec = &record.spec;
		let ModelBody::First { config, trunk } = spec.body else { panic!("it is the genesis model") };
		let old = (&spec.name, config, spec.version, spec.compatible_from, trunk);
		let old = (old, &record.owner, record.generation).encode();
		unhashed::put_raw(&Models::<Runtime>::hashed_key_for(0), &old);
		StorageVersion::new(1).put::<Experts>();
		StorageVersion::new(1).put::<Disputes>();

		Executive::try_runtime_upgrade(UpgradeCheckSelect::All).unwrap();
		assert_eq!(Models::<Runtime>::get(0), Some(record));
		assert_eq!(Experts::on_chain_storage_version(), StorageVersion::new(2));
	});
}
