//! Storage of earlier versions.

use super::mock::*;
use crate::{
	migrations::{BodiesOfModels, OldRecord, OldSpec},
	ModelSpec, Models,
};
use codec::Encode;
use frame_support::{
	storage::unhashed,
	traits::{GetStorageVersion, OnRuntimeUpgrade, StorageVersion},
};

#[test]
fn models_of_version_1_become_models_of_the_first_definition() {
	ExtBuilder::default().build_and_check(|| {
		let expected = Models::<Test>::get(0).unwrap();
		let ModelSpec { name, version, compatible_from, .. } = spec();
		let old = OldRecord::<u64> {
			spec: OldSpec { name, config: CONFIG, version, compatible_from, trunk: block(TRUNK) },
			owner: expected.owner,
			generation: expected.generation,
		};
		unhashed::put_raw(&Models::<Test>::hashed_key_for(0), &old.encode());
		assert_ne!(Models::<Test>::get(0).as_ref(), Some(&expected));
		StorageVersion::new(1).put::<Experts>();
		BodiesOfModels::<Test>::on_runtime_upgrade();
		assert_eq!(Models::<Test>::get(0), Some(expected.clone()));
		assert_eq!(Experts::on_chain_storage_version(), StorageVersion::new(2));
		// Once more changes nothing.
		BodiesOfModels::<Test>::on_runtime_upgrade();
		assert_eq!(Models::<Test>::get(0), Some(expected));
	});
}
