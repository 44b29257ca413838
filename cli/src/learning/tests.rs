//! Runs on small datasets, recorded, checked and tampered with.

use super::{
	record::{read_log, RunFacts},
	*,
};
use crate::{args::ChainData, failure::Kind, output::Output};
use blyan_datasets::{
	job::{create, Options, Sizes},
	reader::Reader,
	Licence,
};
use blyan_primitives::{DatasetMix, DatasetRef, DatasetTier, TrainingLog, TrainingManifest};
use blyan_training::TrainingSource;
use rand::{rngs::StdRng, SeedableRng};
use sp_core::H256;
use std::{
	fs,
	path::{Path, PathBuf},
};

const SEED: u64 = 11;
const SEQUENCES: usize = 4;
const LENGTH: usize = 64;
const STRIDE: u64 = 4;
const BATCHES: u64 = 40;

/// Makes a dataset of texts that no other number has.
fn dataset(folder: &Path, number: u32) -> PathBuf {
	let word = |text: u32, place: u32| {
		let hash = sp_crypto_hashing::blake2_256(&[number, text, place].map(u32::to_le_bytes).concat());
		hash.iter().take(6).map(|byte| char::from(b'a' + byte % 23)).collect::<String>()
	};
	let text = |text: u32| (0..60).map(|place| word(text, place)).collect::<Vec<_>>().join(" ");
	let lines: String = (0..40)
		.map(|seed| format!("{}\n", serde_json::json!({ "text": format!("{}.", text(seed)) })))
		.collect();
	let source = folder.join(format!("{number}.jsonl"));
	fs::write(&source, lines).unwrap();
	let options = Options {
		licence: Some(Licence::parse("CC0-1.0").unwrap()),
		sizes: Sizes { blob_bytes_max: 6_000, ..Sizes::default() },
		..Options::default()
	};
	let out = folder.join(format!("dataset-{number}"));
	create(&[source], &out, &options, &mut |_| true).unwrap();
	out
}

fn name(dataset: u32) -> DatasetRef {
	DatasetRef { dataset, version: 0 }
}

/// Two datasets, gold and silver.
fn data(folder: &Path) -> Vec<(ChainData, DatasetTier)> {
	let of = |number: u32, tier: DatasetTier| {
		let folder = dataset(folder, number);
		(ChainData { dataset: name(number), tier: Some(tier), folder }, tier)
	};
	vec![of(7, DatasetTier::Gold), of(3, DatasetTier::Silver)]
}

fn folders(data: &[(ChainData, DatasetTier)]) -> Vec<ChainData> {
	data.iter().map(|(data, _)| data.clone()).collect()
}

fn mixture(mix: DatasetMix, data: &[(ChainData, DatasetTier)]) -> Mixture {
	Mixture::open(&Output::new(true), mix, data).unwrap()
}

fn facts() -> RunFacts {
	RunFacts {
		seed: SEED,
		sequences: SEQUENCES,
		length: LENGTH,
		stride: STRIDE,
		batches: BATCHES,
		seconds: 1.5,
		threads: 2,
		is_on_gpu: false,
		holdout_bits: Some((2.0, 1.9)),
	}
}

/// A run that is over, as its files.
struct Recorded {
	manifest: TrainingManifest,
	log: TrainingLog,
	leaves: Vec<H256>,
}

fn recorded(folder: &Path, mixture: &Mixture) -> Recorded {
	let start = RunStart::of(mixture, None).unwrap();
	let record = RunRecord::new(mixture, start, &facts()).unwrap();
	let files = record.write(&folder.join("expert.tblk"), H256([5; 32]), b"report").unwrap();
	let manifest = read_manifest(&files.manifest).unwrap();
	let (log, leaves) = read_log(&files.log).unwrap();
	Recorded { manifest, log, leaves }
}

#[test]
fn a_trainers_batches_are_the_verifiers_for_every_mix() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let gold = &all[..1];
	let mixes: [(DatasetMix, &[_]); 3] =
		[(DatasetMix::Balanced, &all[..]), (DatasetMix::Gold, gold), (DatasetMix::DiversityMax, &all[..])];
	for (mix, data) in mixes {
		let trained = mixture(mix, data);
		let run = recorded(folder.path(), &trained);
		// What a verifier has: the files, and folders of its own.
		let own = Mixture::of_log(&run.log, &folders(data)).unwrap().unwrap();
		let source = trained.source(SEED);
		let mut stream = StdRng::seed_from_u64(0);
		for batch in 0..BATCHES {
			let step = batch * STRIDE;
			let learned = source.draw(&mut stream, step, SEQUENCES, LENGTH).unwrap();
			assert_eq!(learned.len(), SEQUENCES * LENGTH);
			let again = own.batch(&run.log.order(), step, SEQUENCES as u32, LENGTH as u32).unwrap();
			assert_eq!(learned, again, "{mix:?}, step {step}");
		}
		assert_eq!(check_log(&run.manifest, &run.log, &run.leaves).unwrap(), None);
		let every: Vec<u32> = (0..run.log.batches).collect();
		assert_eq!(check_batches(&own, &run.log, &run.leaves, &every).unwrap(), None);
		assert_eq!((run.manifest.cpu_seconds, run.manifest.gpu_seconds), (4, 0));
		assert_eq!(run.manifest.samples, BATCHES * SEQUENCES as u64);
		assert!(run.manifest.batch_roots.len() > 1, "epochs: {}", run.manifest.batch_roots.len());
	}
}

#[test]
fn what_is_held_out_is_in_no_batch() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let mixture = mixture(DatasetMix::Balanced, &all);
	let held_out = mixture.held_out(usize::MAX).unwrap();
	assert!(!held_out.is_empty(), "a tenth of the families");
	let source = mixture.source(SEED);
	let mut stream = StdRng::seed_from_u64(0);
	for step in 0..200 {
		let batch = source.draw(&mut stream, step, SEQUENCES, LENGTH).unwrap();
		for document in &held_out {
			let beginning = &document.text.as_bytes()[..20];
			assert!(!batch.windows(20).any(|window| window == beginning), "step {step}");
		}
	}
}

#[test]
fn attack_a_batch_that_was_not_drawn_is_found_and_its_proof_refutes_it_without_the_data() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let mixture = mixture(DatasetMix::Balanced, &all);
	let Recorded { manifest, log, mut leaves } = recorded(folder.path(), &mixture);
	// A miner that learned from other text commits to that.
	leaves[9] = H256([1; 32]);
	let manifest = TrainingManifest { batch_roots: log.roots(&leaves).try_into().unwrap(), ..manifest };
	assert_eq!(check_log(&manifest, &log, &leaves).unwrap(), None, "its roots are those of its leaves");
	let found = check_batches(&mixture, &log, &leaves, &[3, 9, 20]).unwrap();
	assert_eq!(found, Some(ManifestFault::BatchMismatch(9)));
	assert_eq!(found.unwrap().failure().kind, Kind::Refused);

	let proof = |batch: u32| BatchProof::make(&mixture, &manifest, &log, &leaves, batch).unwrap();
	let carried = serde_json::to_string(&proof(9)).unwrap();
	let refuted: BatchProof = serde_json::from_str(&carried).unwrap();
	assert!(!refuted.check().unwrap());
	assert!(proof(8).check().unwrap());
}

#[test]
fn attack_a_proof_with_other_records_leaves_or_datasets_shows_nothing() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let mixture = mixture(DatasetMix::Balanced, &all);
	let Recorded { manifest, log, leaves } = recorded(folder.path(), &mixture);
	let good = BatchProof::make(&mixture, &manifest, &log, &leaves, 8).unwrap();
	assert!(good.check().unwrap());
	let mut without = good.clone();
	without.records.pop();
	let mut turned = good.clone();
	turned.datasets.reverse();
	let other_leaf = BatchProof { leaf: H256([1; 32]), ..good.clone() };
	let other_place = BatchProof { batch: 9, ..good.clone() };
	let other_log = BatchProof { log: TrainingLog { seed: 1, ..log }, ..good.clone() };
	let mut other_text = good.clone();
	let line = other_text.records[0].line.replacen("CC0-1.0", "MIT", 1);
	assert_ne!(line, other_text.records[0].line);
	other_text.records[0].line = line;
	for forged in [without, turned, other_leaf, other_place, other_log, other_text] {
		let failure = forged.check().unwrap_err();
		assert_eq!(failure.kind, Kind::Undecided, "{}", failure.message);
	}
}

#[test]
fn a_log_that_contradicts_its_manifest_is_a_fault_and_a_strange_log_decides_nothing() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let Recorded { manifest, log, leaves } = recorded(folder.path(), &mixture(DatasetMix::Balanced, &all));
	let more = TrainingManifest { samples: manifest.samples + 1, ..manifest.clone() };
	assert_eq!(check_log(&more, &log, &leaves).unwrap(), Some(ManifestFault::BatchMismatch(0)));
	let strange = TrainingLog { seed: 1, ..log.clone() };
	assert_eq!(check_log(&manifest, &strange, &leaves).unwrap_err().kind, Kind::Undecided);
	assert_eq!(check_log(&manifest, &log, &leaves[1..]).unwrap_err().kind, Kind::Undecided);
}

#[test]
fn a_dataset_with_another_root_is_unknown_and_a_missing_one_decides_nothing() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let Recorded { log, .. } = recorded(folder.path(), &mixture(DatasetMix::Balanced, &all));
	let mut swapped = folders(&all);
	swapped[0].folder = dataset(folder.path(), 8);
	assert_eq!(Mixture::of_log(&log, &swapped).unwrap().unwrap_err(), name(7));
	let fault = ManifestFault::DatasetUnknown(name(7)).failure();
	assert!(fault.message.starts_with("DatasetUnknown(7@0)"), "{}", fault.message);
	let opened = mixture(DatasetMix::Balanced, &all);
	let roots: Vec<_> = opened.datasets().iter().map(|one| (one.dataset, one.root)).collect();
	opened.ensure_roots(&roots).unwrap();
	let refused = opened.ensure_roots(&[(name(7), H256([1; 32]))]).unwrap_err();
	assert!(refused.message.contains("7@0 holds another root"), "{}", refused.message);
	let missing = Mixture::of_log(&log, &folders(&all)[..1]).unwrap_err();
	assert_eq!(missing.kind, Kind::Undecided);
}

#[test]
fn gains_that_differ_by_more_than_a_tenth_are_inconsistent() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let Recorded { log, .. } = recorded(folder.path(), &mixture(DatasetMix::Balanced, &all));
	// A tenth of a bit in Q16.
	let expected = log.expected_gain.unwrap();
	assert!((6_553..=6_554).contains(&expected), "{expected}");
	assert_eq!(check_gain(&log, Some(6_400)), None);
	assert_eq!(check_gain(&log, None), None);
	let fault = ManifestFault::GainInconsistent { expected, measured: 3_000 };
	assert_eq!(check_gain(&log, Some(3_000)), Some(fault));
}

#[test]
fn a_resumed_run_keeps_its_data_and_its_beginning() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let checkpoint = folder.path().join("run.ckpt");
	let balanced = mixture(DatasetMix::Balanced, &all);
	let start = RunStart { started_at: 5, ..RunStart::of(&balanced, Some(checkpoint.as_path())).unwrap() };
	// The trainer was killed behind its first checkpoint, and goes on later.
	fs::write(&checkpoint, b"weights").unwrap();
	fs::write(checkpoint.with_added_extension("data"), serde_json::to_string(&start).unwrap()).unwrap();
	assert_eq!(RunStart::of(&balanced, Some(checkpoint.as_path())).unwrap(), start);
	let other = mixture(DatasetMix::DiversityMax, &all);
	let refused = RunStart::of(&other, Some(checkpoint.as_path())).unwrap_err();
	assert!(refused.message.contains("on other data"), "{}", refused.message);
	fs::remove_file(checkpoint.with_added_extension("data")).unwrap();
	assert!(RunStart::of(&balanced, Some(checkpoint.as_path())).is_err());
}

#[test]
fn a_submission_carries_the_hash_of_the_manifest_and_of_any_other_file_that_of_its_bytes() {
	let folder = tempfile::tempdir().unwrap();
	let all = data(folder.path());
	let run = recorded(folder.path(), &mixture(DatasetMix::Balanced, &all));
	let bytes = fs::read(folder.path().join("expert.manifest")).unwrap();
	assert_eq!(manifest_hash(&bytes), run.manifest.hash());
	assert_eq!(manifest_hash(&bytes[1..]), crate::client::hash(&bytes[1..]));
	assert_eq!(manifest_hash(b"{}"), crate::client::hash(b"{}"));
	assert!(Reader::open(&all[0].0.folder).is_ok());
}
