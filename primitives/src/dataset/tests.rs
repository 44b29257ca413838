use super::*;
use alloc::vec;
use proptest::prelude::*;

fn report() -> AuditReport {
	AuditReport {
		rules: 1,
		records: 100,
		bytes: 4_096,
		licence: LicenceFinding::Verified,
		copyright_hits: 0,
		pii: 0,
		toxicity: 10_000,
		duplicate_rate: 20_000,
		malformed: 0,
		languages: [
			LanguageShare { code: *b"en", share: 900_000 },
			LanguageShare { code: *b"de", share: 100_000 },
			LanguageShare::default(),
			LanguageShare::default(),
		],
		perplexity_improvement: None,
	}
}

fn manifest() -> TrainingManifest {
	let share = |dataset, share| DatasetShare { dataset: DatasetRef { dataset, version: 0 }, share };
	TrainingManifest {
		expert: H256([1; 32]),
		datasets: vec![share(1, 600_000), share(4, 400_000)].try_into().unwrap(),
		seed: 7,
		samples: 1_000,
		batch_roots: vec![H256([2; 32])].try_into().unwrap(),
		cpu_seconds: 60,
		gpu_seconds: 0,
		log: H256([3; 32]),
		started_at: 10,
		ended_at: 70,
	}
}

#[test]
fn reports_whose_numbers_contradict_each_other_are_implausible() {
	assert!(report().is_plausible());
	for broken in [
		AuditReport { records: 0, ..report() },
		AuditReport { bytes: SAMPLE_BYTES_MAX + 1, ..report() },
		AuditReport { copyright_hits: 101, ..report() },
		AuditReport { pii: MILLIONTHS + 1, ..report() },
		AuditReport { malformed: u32::MAX, ..report() },
		AuditReport { languages: [LanguageShare { code: *b"en", share: 300_000 }; LANGUAGES], ..report() },
		AuditReport {
			languages: [
				LanguageShare::default(),
				LanguageShare { code: *b"en", share: 1 },
				LanguageShare::default(),
				LanguageShare::default(),
			],
			..report()
		},
	] {
		assert!(!broken.is_plausible(), "{broken:?}");
	}
}

#[test]
fn seals_are_of_one_draw_one_salt_and_one_auditor() {
	let finding = AuditFinding::Examined(report());
	let (draw, salt) = (H256([1; 32]), H256([2; 32]));
	let seal = finding.seal(&draw, &salt, &1u32);
	for other in [
		finding.seal(&H256([9; 32]), &salt, &1u32),
		finding.seal(&draw, &H256([9; 32]), &1u32),
		finding.seal(&draw, &salt, &2u32),
		AuditFinding::Malformed.seal(&draw, &salt, &1u32),
		AuditFinding::Unavailable.seal(&draw, &salt, &1u32),
	] {
		assert_ne!(other, seal);
	}
}

#[test]
fn signed_bytes_differ_by_chain_draw_and_message() {
	let dataset = DatasetRef { dataset: 1, version: 0 };
	let seal = DatasetAuditMessage::Seal { dataset, seal: H256([5; 32]) };
	let payload = seal.signing_payload(&H256([1; 32]), &H256([2; 32]));
	assert_ne!(seal.signing_payload(&H256([9; 32]), &H256([2; 32])), payload);
	assert_ne!(seal.signing_payload(&H256([1; 32]), &H256([9; 32])), payload);
	let later = DatasetRef { version: 1, ..dataset };
	let other = DatasetAuditMessage::Seal { dataset: later, seal: H256([5; 32]) };
	assert_ne!(other.signing_payload(&H256([1; 32]), &H256([2; 32])), payload);
	assert_ne!(
		seal.kind(),
		DatasetAuditMessage::Reveal { dataset, finding: AuditFinding::Malformed, salt: H256::zero() }.kind()
	);
}

#[test]
fn ballots_have_one_to_five_stars_and_reasons_about_data() {
	assert!(Ballot::Yes { stars: None }.is_valid());
	assert!((1..=5).all(|stars| Ballot::Yes { stars: Some(stars) }.is_valid()));
	assert!(![0, 6, 255].into_iter().any(|stars| Ballot::Yes { stars: Some(stars) }.is_valid()));
	let allowed: Vec<bool> =
		DatasetReason::ALL.iter().map(|reason| Ballot::No { reason: *reason }.is_valid()).collect();
	assert_eq!(allowed, [true, true, true, true, true, false, false]);
}

#[test]
fn manifests_list_datasets_once_in_order_and_wholly() {
	assert!(manifest().is_valid());
	let with = |datasets: Vec<DatasetShare>| TrainingManifest {
		datasets: datasets.try_into().unwrap(),
		..manifest()
	};
	let [first, second] = [manifest().datasets[0], manifest().datasets[1]];
	for broken in [
		with(vec![]),
		with(vec![second, first]),
		with(vec![first, first]),
		with(vec![first]),
		with(vec![first, DatasetShare { share: 400_001, ..second }]),
		with(vec![DatasetShare { share: MILLIONTHS, ..first }, DatasetShare { share: 0, ..second }]),
		TrainingManifest { batch_roots: vec![].try_into().unwrap(), ..manifest() },
		TrainingManifest { started_at: 71, ..manifest() },
	] {
		assert!(!broken.is_valid(), "{broken:?}");
	}
}

#[test]
fn the_hash_of_a_manifest_is_what_clients_in_other_languages_write() {
	let mut expected = Vec::from([(TRAINING_MANIFEST_CONTEXT.len() as u8) << 2]);
	expected.extend_from_slice(TRAINING_MANIFEST_CONTEXT);
	expected.extend_from_slice(&[1; 32]);
	// Two datasets: number, version, share, all little endian.
	expected.push(2 << 2);
	for (dataset, share) in [(1u32, 600_000u32), (4, 400_000)] {
		expected.extend_from_slice(&dataset.to_le_bytes());
		expected.extend_from_slice(&0u16.to_le_bytes());
		expected.extend_from_slice(&share.to_le_bytes());
	}
	expected.extend_from_slice(&7u64.to_le_bytes());
	expected.extend_from_slice(&1_000u64.to_le_bytes());
	expected.push(1 << 2);
	expected.extend_from_slice(&[2; 32]);
	expected.extend_from_slice(&60u32.to_le_bytes());
	expected.extend_from_slice(&0u32.to_le_bytes());
	expected.extend_from_slice(&[3; 32]);
	expected.extend_from_slice(&10u64.to_le_bytes());
	expected.extend_from_slice(&70u64.to_le_bytes());
	assert_eq!(manifest().hash(), H256(sp_crypto_hashing::blake2_256(&expected)));
}

proptest! {
	#[test]
	fn voters_prove_their_own_place_only(count in 1u32..300, index in 0u32..300, other in 0u32..300) {
		let voters: Vec<u32> = (0..count).map(|one| one * 3).collect();
		let root = voter_root(&voters);
		let Some(proof) = VoterProof::of(&voters, index) else {
			prop_assert!(index >= count);
			return Ok(());
		};
		prop_assert!(proof.proves(&root, count, &(index * 3)));
		prop_assert!(!proof.proves(&root, count, &(index * 3 + 1)), "not a voter");
		if other != index {
			prop_assert!(!proof.proves(&root, count, &(other * 3)), "another voter's place");
			let moved = VoterProof { index: other, ..proof.clone() };
			prop_assert!(!moved.proves(&root, count, &(index * 3)), "a second place");
		}
	}

	#[test]
	fn findings_round_trip_and_any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
		if let Ok(finding) = AuditFinding::decode(&mut &bytes[..]) {
			let again = finding.encode();
			prop_assert_eq!(&again[..], &bytes[..again.len()]);
			prop_assert!(again.len() <= AuditFinding::max_encoded_len());
		}
	}
}
