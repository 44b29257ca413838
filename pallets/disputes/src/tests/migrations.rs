//! Storage of earlier versions.

use super::*;
use crate::{
	migrations::{OldCase, ShapesOfCases},
	Cases,
};
use blyan_primitives::ExpertShape;
use codec::Encode;
use frame_support::{
	storage::unhashed,
	traits::{GetStorageVersion, OnRuntimeUpgrade, StorageVersion},
};

#[test]
fn cases_of_version_1_are_about_experts_of_the_first_definition() {
	story(|| {
		all_claim(honest());
		Disputes::note_offence(SUBJECT);
		let expected = Cases::<Test>::get(SUBJECT).unwrap();
		let (block, ExpertShape::First(config)) = expected.candidate.unwrap() else {
			unreachable!("the candidate is of the first definition")
		};
		let old = OldCase {
			statements: expected.statements,
			origins: expected.origins,
			claims: expected.claims.clone(),
			candidate: Some((block, config)),
			offences: expected.offences,
			pledges: expected.pledges.clone(),
		};
		unhashed::put_raw(&Cases::<Test>::hashed_key_for(SUBJECT), &old.encode());
		assert_ne!(Cases::<Test>::get(SUBJECT).as_ref(), Some(&expected));
		StorageVersion::new(1).put::<Disputes>();
		ShapesOfCases::<Test>::on_runtime_upgrade();
		assert_eq!(Cases::<Test>::get(SUBJECT), Some(expected.clone()));
		assert_eq!(Disputes::on_chain_storage_version(), StorageVersion::new(2));
		// Once more changes nothing.
		ShapesOfCases::<Test>::on_runtime_upgrade();
		assert_eq!(Cases::<Test>::get(SUBJECT), Some(expected));
		Disputes::note_decided(SUBJECT);
	});
}
