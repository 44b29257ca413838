//! Training manifests: bound to a submission, and found both ways.

use super::mock::*;
use crate::*;
use blyan_primitives::{DatasetReason, DatasetRef, DatasetShare, SubmissionId, TrainingManifest};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

type Failure = Error<Test>;

fn manifest(datasets: &[DatasetRef]) -> TrainingManifest {
	let count = datasets.len() as u32;
	let mut shares: Vec<_> =
		datasets.iter().map(|dataset| DatasetShare { dataset: *dataset, share: 1_000_000 / count }).collect();
	shares[0].share += 1_000_000 % count;
	TrainingManifest {
		expert: H256([1; 32]),
		datasets: shares.try_into().unwrap(),
		seed: 1,
		samples: 100,
		batch_roots: vec![H256([2; 32])].try_into().unwrap(),
		cpu_seconds: 10,
		gpu_seconds: 0,
		log: H256([3; 32]),
		started_at: 1,
		ended_at: 2,
	}
}

/// A submission of the miner that carries this manifest.
fn submission(id: SubmissionId, manifest: &TrainingManifest) -> SubmissionId {
	let facts = SubmissionFacts { miner: account(MINER), expert: manifest.expert, manifest: manifest.hash() };
	Facts::mutate(|all| all.insert(id, facts));
	id
}

#[test]
fn declared_manifests_are_found_both_ways() {
	story(9, || {
		let (first, second) = (approved(ALICE, 1), approved(BOB, 2));
		let both = manifest(&[first, second]);
		let one = TrainingManifest { seed: 2, ..manifest(&[second]) };
		let (third, fourth) = (submission(30, &both), submission(31, &one));
		assert_ok!(DatasetsPallet::declare_manifest(signed(MINER), third, both.clone()));
		assert_ok!(DatasetsPallet::declare_manifest(signed(MINER), fourth, one));
		assert_eq!(DatasetsPallet::lineage(third).unwrap().manifest, both);
		assert_eq!(DatasetsPallet::submissions_of(first, 0, 100), [30]);
		assert_eq!(DatasetsPallet::submissions_of(second, 0, 100), [30, 31]);
		assert_eq!(DatasetsPallet::submissions_of(second, 1, 1), [31]);
		assert_eq!(DatasetsPallet::dataset(second).unwrap().uses, 2);
	});
}

#[test]
fn declare_manifest_fails_when_it_is_not_the_submissions() {
	story(9, || {
		let dataset = approved(ALICE, 1);
		let good = manifest(&[dataset]);
		let id = submission(30, &good);
		let declare = |who: u32, id, manifest| DatasetsPallet::declare_manifest(signed(who), id, manifest);
		assert_noop!(declare(MINER, 99, good.clone()), Failure::SubmissionUnknown);
		assert_noop!(declare(BOB, id, good.clone()), Failure::NotYourSubmission);
		let other = TrainingManifest { samples: 101, ..good.clone() };
		assert_noop!(declare(MINER, id, other), Failure::ManifestMismatch);
		let none = TrainingManifest { datasets: Default::default(), ..good.clone() };
		assert_noop!(declare(MINER, id, none), Failure::ManifestInvalid);
		assert_ok!(declare(MINER, id, good.clone()));
		assert_noop!(declare(MINER, id, good), Failure::AlreadyDeclared);
	});
}

#[test]
fn attack_carry_the_hash_of_another_experts_manifest() {
	story(9, || {
		let dataset = approved(ALICE, 1);
		let theirs = manifest(&[dataset]);
		// The submission names the manifest, and has other tensors.
		let facts = SubmissionFacts { miner: account(BOB), expert: H256([9; 32]), manifest: theirs.hash() };
		Facts::mutate(|all| all.insert(40, facts));
		assert_noop!(DatasetsPallet::declare_manifest(signed(BOB), 40, theirs), Failure::ManifestMismatch);
	});
}

#[test]
fn declare_manifest_fails_when_a_dataset_is_not_approved() {
	story(9, || {
		let dataset = approved(ALICE, 1);
		let unknown = DatasetRef { dataset: 77, version: 0 };
		let with_unknown = manifest(&[dataset, unknown]);
		let id = submission(30, &with_unknown);
		assert_noop!(
			DatasetsPallet::declare_manifest(signed(MINER), id, with_unknown),
			Failure::DatasetNotApproved { place: 1 }
		);
		let good = manifest(&[dataset]);
		let id = submission(31, &good);
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Safety));
		assert_noop!(
			DatasetsPallet::declare_manifest(signed(MINER), id, good),
			Failure::DatasetNotApproved { place: 0 }
		);
	});
}

#[test]
fn a_dataset_that_taught_an_expert_stays_known_without_its_bytes() {
	story(9, || {
		let dataset = approved(ALICE, 1);
		let good = manifest(&[dataset]);
		let id = submission(30, &good);
		assert_ok!(DatasetsPallet::declare_manifest(signed(MINER), id, good));
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Copyright));
		run(APPEAL_WINDOW + REJECTED_FOR + 10);
		assert_eq!(AnnouncedBlobs::<Test>::iter().count(), 0);
		assert!(Datasets::<Test>::contains_key(dataset));
		assert_eq!(DatasetsPallet::submissions_of(dataset, 0, 100), [30]);
	});
}

#[test]
fn attack_advance_a_forgotten_dataset_to_unannounce_the_manifest_of_another() {
	story(9, || {
		let dataset = approved(ALICE, 1);
		let good = manifest(&[dataset]);
		let id = submission(30, &good);
		assert_ok!(DatasetsPallet::declare_manifest(signed(MINER), id, good));
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Copyright));
		run(APPEAL_WINDOW + REJECTED_FOR + 10);
		// The same bytes are offered again, and nodes take them.
		let again = submit(BOB, offer(1)).unwrap();
		let hash = record(again).manifest.hash;
		assert!(AnnouncedBlobs::<Test>::contains_key(hash));
		assert_noop!(DatasetsPallet::advance(signed(MINER), dataset), Failure::NothingDue);
		assert!(AnnouncedBlobs::<Test>::contains_key(hash));
		assert!(Roots::<Test>::contains_key(record(again).root));
	});
}
