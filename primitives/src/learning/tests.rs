use super::*;
use alloc::{format, string::String, vec};
use core::convert::Infallible;
use proptest::prelude::*;

fn name(dataset: u32) -> DatasetRef {
	DatasetRef { dataset, version: 0 }
}

fn planned() -> Vec<PlannedDataset> {
	vec![
		PlannedDataset { dataset: name(1), root: H256([1; 32]), records: 100, share: 600_000 },
		PlannedDataset { dataset: name(4), root: H256([2; 32]), records: 7, share: 400_000 },
	]
}

fn log(sequences: u32, batches: u32) -> TrainingLog {
	TrainingLog {
		mix: DatasetMix::Balanced,
		datasets: planned().try_into().unwrap(),
		seed: 7,
		sequences,
		length: 16,
		stride: 4,
		batches,
		expected_gain: Some(300),
		report: H256([9; 32]),
	}
}

/// Text of a record; one in ten is held out.
fn text(dataset: usize, record: u64) -> Result<Option<Vec<u8>>, Infallible> {
	let words: String = format!("{dataset}/{record} ").repeat(1 + record as usize % 5);
	Ok((record % 10 != 3).then(|| words.into_bytes()))
}

fn leaves(log: &TrainingLog) -> Vec<H256> {
	let order = log.order();
	(0..log.batches)
		.map(|batch| {
			let step = log.step(batch);
			let bytes = order.batch(step, log.sequences, log.length, &mut text).unwrap().unwrap();
			batch_leaf(step, &bytes)
		})
		.collect()
}

fn manifest(log: &TrainingLog, leaves: &[H256]) -> TrainingManifest {
	let shares: Vec<DatasetShare> = log.datasets.iter().map(|one| entry(one.dataset, one.share)).collect();
	TrainingManifest {
		expert: H256([5; 32]),
		datasets: shares.try_into().unwrap(),
		seed: log.seed,
		samples: log.samples(),
		batch_roots: log.roots(leaves).try_into().unwrap(),
		cpu_seconds: 1,
		gpu_seconds: 0,
		log: log.hash(),
		started_at: 1,
		ended_at: 2,
	}
}

#[test]
fn draws_are_pinned_by_a_golden_vector() {
	let order = BatchOrder::new(&planned(), 7);
	for ((step, sequence, turn), (dataset, record, place)) in DRAWS {
		assert_eq!(order.draw(step, sequence, turn), Some(Draw { dataset, record, place }));
	}
}

// Computed independently with Python's hashlib.blake2b and struct.
const DRAWS: [((u64, u32, u32), (usize, u64, u64)); 5] = [
	((0, 0, 0), (1, 5, 7_668_767_343_376_469_583)),
	((0, 0, 1), (0, 21, 4_957_925_279_242_724_165)),
	((1, 0, 0), (1, 6, 15_279_272_266_750_571_057)),
	((5, 3, 0), (0, 15, 1_309_348_771_347_471_356)),
	((1 << 40, 31, 1_023), (1, 0, 3_105_555_006_639_369_722)),
];

#[test]
fn batches_and_their_leaves_are_pinned_by_a_golden_vector() {
	let order = BatchOrder::new(&planned(), 7);
	let batch = order.batch(4, 3, 16, &mut text).unwrap().unwrap();
	assert_eq!(batch, b"\x000/12 0/12 0/12 0/84 0/84 0/84 0\x000/80 \x000/18 0/18");
	// The same, with the hash over them.
	let leaf = "1e2fdc7010f08f6c4beae5b0e4104bfb3f959009ae75bf48c1b00fc8d436124f";
	assert_eq!(format!("{:?}", batch_leaf(4, &batch)), format!("0x{leaf}"));
}

#[test]
fn a_balanced_mixture_is_sixty_thirty_ten_and_leaves_no_part_to_missing_tiers() {
	let [gold, silver, experimental] = TIERS;
	let shares = |mix: DatasetMix, tiers: &[DatasetTier]| -> Vec<u32> {
		let all: Vec<_> = tiers.iter().zip(1..).map(|(tier, id)| (name(id), *tier)).collect();
		mix.shares(&all).unwrap().iter().map(|one| one.share).collect()
	};
	assert_eq!(shares(DatasetMix::Balanced, &[gold, silver, experimental]), [600_000, 300_000, 100_000]);
	assert_eq!(shares(DatasetMix::Balanced, &[experimental, gold, gold]), [142_858, 428_571, 428_571]);
	assert_eq!(shares(DatasetMix::Balanced, &[experimental]), [1_000_000]);
	assert_eq!(shares(DatasetMix::Gold, &[gold, gold, gold]), [333_334, 333_333, 333_333]);
	assert_eq!(shares(DatasetMix::DiversityMax, &[gold, experimental]), [500_000, 500_000]);
}

#[test]
fn datasets_that_cannot_be_mixed_are_refused_by_name() {
	let [gold, silver, _] = TIERS;
	let all = [(name(2), silver), (name(1), gold)];
	assert_eq!(DatasetMix::Gold.shares(&all), Err(MixError::NotGold(name(2))));
	assert_eq!(DatasetMix::Balanced.shares(&[]), Err(MixError::Empty));
	assert_eq!(
		DatasetMix::Balanced.shares(&[(name(1), gold), (name(1), silver)]),
		Err(MixError::Twice(name(1)))
	);
	let many: Vec<_> = (0..101).map(|id| (name(id), gold)).collect();
	assert_eq!(DatasetMix::DiversityMax.shares(&many), Err(MixError::TooMany));
}

#[test]
fn an_order_is_another_with_any_root_share_or_seed() {
	let order = BatchOrder::new(&planned(), 7);
	let first = order.draw(0, 0, 0);
	let mut other_root = planned();
	other_root[1].root = H256([3; 32]);
	let mut other_share = planned();
	(other_share[0].share, other_share[1].share) = (599_999, 400_001);
	for other in
		[BatchOrder::new(&planned(), 8), BatchOrder::new(&other_root, 7), BatchOrder::new(&other_share, 7)]
	{
		assert_ne!(other.draw(0, 0, 0), first);
	}
}

#[test]
fn records_that_are_held_out_are_never_in_a_batch() {
	let order = BatchOrder::new(&planned(), 7);
	let mut nothing = |_: usize, _: u64| Ok::<Option<Vec<u8>>, Infallible>(None);
	assert_eq!(order.sequence(0, 0, 16, &mut nothing), Ok(None));
	for step in 0..50 {
		let batch = order.batch(step, 4, 64, &mut text).unwrap().unwrap();
		let batch = String::from_utf8(batch).unwrap();
		assert!(!batch.contains("/3 ") && !batch.contains("/13 ") && !batch.contains("/93 "), "{batch}");
	}
}

#[test]
fn attack_a_manifest_about_other_samples_seeds_or_shares_is_not_of_the_log() {
	let log = log(4, 30);
	let good = manifest(&log, &leaves(&log));
	assert!(log.is_valid() && log.is_of(&good) && good.is_valid());
	let mut other_shares = good.clone();
	other_shares.datasets[0].share -= 1;
	for broken in [
		TrainingManifest { samples: good.samples + 1, ..good.clone() },
		TrainingManifest { seed: 8, ..good.clone() },
		TrainingManifest { log: H256::zero(), ..good.clone() },
		TrainingManifest { batch_roots: vec![H256::zero(); 3].try_into().unwrap(), ..good.clone() },
		other_shares,
	] {
		assert!(!log.is_of(&broken), "{broken:?}");
	}
	for invalid in [
		TrainingLog { batches: 0, ..log.clone() },
		TrainingLog { stride: 0, ..log.clone() },
		TrainingLog { length: 0, ..log.clone() },
		TrainingLog { sequences: u32::MAX, ..log.clone() },
		TrainingLog { datasets: vec![planned()[0]].try_into().unwrap(), ..log.clone() },
	] {
		assert!(!invalid.is_valid(), "{invalid:?}");
	}
}

#[test]
fn gains_may_differ_by_a_tenth() {
	for (expected, measured, is_consistent) in
		[(100, 100, true), (100, 90, true), (100, 89, false), (0, 0, true), (0, 1, false), (-100, 100, false)]
	{
		assert_eq!(is_gain_consistent(expected, measured), is_consistent, "{expected} {measured}");
		assert_eq!(is_gain_consistent(measured, expected), is_consistent, "{measured} {expected}");
	}
	assert!(!is_gain_consistent(i64::MIN, i64::MAX));
}

proptest! {
	#[test]
	fn shares_add_up_to_the_whole_for_any_tiers(tiers in proptest::collection::vec(0usize..3, 1..=100)) {
		let all: Vec<_> = tiers.iter().zip(1..).map(|(tier, id)| (name(id), TIERS[*tier])).collect();
		for mix in [DatasetMix::Balanced, DatasetMix::DiversityMax] {
			let shares = mix.shares(&all).unwrap();
			prop_assert_eq!(shares.iter().map(|one| one.share).sum::<u32>(), MILLIONTHS);
			prop_assert!(shares.iter().all(|one| one.share > 0));
			let mut turned = all.clone();
			turned.reverse();
			prop_assert_eq!(mix.shares(&turned).unwrap(), shares);
		}
	}

	#[test]
	fn every_batch_proves_its_own_place_and_no_other(sequences in 1u32..6, batches in 1u32..80, at: u32, other: u32) {
		let log = log(sequences, batches);
		let leaves = leaves(&log);
		let manifest = manifest(&log, &leaves);
		prop_assert!(log.is_of(&manifest));
		let (batch, other) = (at % batches, other % batches);
		let leaf = leaves[batch as usize];
		let path = log.path(&leaves, batch).unwrap();
		prop_assert!(log.proves(&manifest, batch, &leaf, &path));
		prop_assert!(!log.proves(&manifest, batch, &H256([7; 32]), &path));
		prop_assert!(!log.proves(&manifest, batches, &leaf, &path));
		if other != batch {
			prop_assert!(!log.proves(&manifest, other, &leaf, &path));
		}
		prop_assert!(log.path(&leaves, batches).is_none());
	}

	#[test]
	fn checks_draw_the_share_and_at_least_one(batches in 1u32..2_000, share in 0..=MILLIONTHS, seed: [u8; 32]) {
		let checked = log(1, batches).checked(&H256(seed), share);
		let wanted = (u64::from(batches) * u64::from(share)).div_ceil(u64::from(MILLIONTHS)).max(1);
		prop_assert_eq!(checked.len() as u64, wanted);
		prop_assert!(checked.iter().all(|batch| *batch < batches));
	}

	#[test]
	fn sequences_are_as_long_as_asked_for_and_the_same_again(step: u64, sequence: u32, length in 1u32..300, seed: u64) {
		let order = BatchOrder::new(&planned(), seed);
		let make = || order.sequence(step, sequence, length, &mut text).unwrap().unwrap();
		let bytes = make();
		prop_assert_eq!(bytes.len(), length as usize);
		prop_assert_eq!(make(), bytes);
	}

	#[test]
	fn epochs_fit_a_manifest(sequences in 1u32.., batches in 1u32..) {
		let log = log(sequences, batches);
		let epochs = batches.div_ceil(log.epoch_batches());
		prop_assert!((1..=MANIFEST_EPOCHS_MAX).contains(&epochs));
		let (epoch, place, count) = log.place(batches - 1).unwrap();
		prop_assert_eq!((epoch + 1, place + 1), (epochs, count));
	}
}
