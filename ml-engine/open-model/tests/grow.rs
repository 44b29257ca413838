//! Grown models compute what their parents computed, to the bit, wherever that is promised.
#![allow(clippy::unwrap_used)]

mod files;

use blyan_exact::definition2::{
	golden::{self, Stream},
	Architecture, FeedForward, Network, Part, WeightKind,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	derive::{DeriveError, Parent},
	grow::{
		compare, grow, key,
		promise::{promise, Promise, Reason},
		Comparison, GrowError, Growth, GrowthError,
	},
	manifest::{Change, Step},
	target::TargetError,
	upcycle::{upcycle, Upcycling},
	Directory,
};
use files::runner;
use proptest::prelude::*;
use std::{fs, os::unix::fs::MetadataExt, path::Path};
use tempfile::TempDir;

const KINDS: [WeightKind; 4] =
	[WeightKind::Int8, WeightKind::Int4By32, WeightKind::Ternary, WeightKind::Int4By64];
/// Families with gates that add up to one, without sub-norms.
const MIXTRAL: usize = 4;
/// Gates that are shares of all experts.
const OLMOE: usize = 3;

/// Directory of a random model of an architecture.
fn model(architecture: Architecture, seed: u64) -> (TempDir, Parent) {
	let path = tempfile::tempdir().unwrap();
	files::write(&golden::random_model(architecture, &seed.to_le_bytes()), path.path());
	let parent = Parent::open(path.path()).unwrap();
	(path, parent)
}

fn architecture(family: usize) -> Architecture {
	golden::ARCHITECTURES[family].1()
}

/// A small architecture of any family, with networks of random widths and weights.
fn random_architecture(seed: u64) -> Architecture {
	let mut stream = Stream::new(&seed.to_le_bytes());
	let mut architecture = architecture(stream.below(golden::ARCHITECTURES.len()));
	architecture.bits.hidden = 8 + stream.below(5) as u8;
	let kinds = if architecture.d_model.is_multiple_of(64) { 4 } else { 3 };
	let mut network = || FeedForward {
		hidden: 64 * (1 + stream.below(3) as u32),
		gate: KINDS[stream.below(kinds)],
		up: KINDS[stream.below(kinds)],
		down: KINDS[stream.below(4)],
	};
	for layer in &mut architecture.layers {
		match &mut layer.network {
			Network::Dense(dense) => *dense = network(),
			Network::Routed(routing) => {
				routing.expert = network();
				routing.shared = routing.shared.map(|_| network());
			}
		}
	}
	architecture.validate().unwrap();
	architecture
}

/// Grows a model, and compares both on some prompts.
fn grown(parent: &Parent, growth: &Growth, prompts: usize) -> (TempDir, Comparison) {
	let out = tempfile::tempdir().unwrap();
	grow(parent, growth, out.path(), &|_, _| {}).unwrap();
	// Loading checks every byte of every part.
	let [mut before, mut after] =
		[parent.directory().path(), out.path()].map(|path| runner(path, Kernel::best(), 1));
	let key = key(parent, growth).unwrap();
	let comparison = compare(&mut before, &mut after, &key, prompts, |_| {}).unwrap();
	assert_eq!(comparison.prompts, prompts);
	(out, comparison)
}

fn ensure_bits(parent: &Parent, growth: &Growth, prompts: usize) -> TempDir {
	assert_eq!(promise(parent, growth).unwrap(), Promise::Bits, "{growth}");
	let (out, comparison) = grown(parent, growth, prompts);
	assert!(comparison.is_equal(), "{growth}: {comparison:?}");
	assert_eq!((comparison.largest, comparison.other_favourites), (0, 0));
	out
}

/// Of these random models, a token here and there goes to another expert where two logits of a router are nearly equal.
fn ensure_near(comparison: &Comparison) {
	assert!(comparison.other_favourites * 10 <= comparison.tokens, "{comparison:?}");
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(12))]

	#[test]
	fn widening_keeps_every_bit_of_models_without_sub_norms(seed: u64, doublings in 1_u32..=3) {
		let architecture = Architecture { sub_norms: false, ..random_architecture(seed) };
		let (_path, parent) = model(architecture, seed);
		ensure_bits(&parent, &Growth { widen: Some(1 << doublings), seed, ..Growth::default() }, 4);
	}

	#[test]
	fn widening_keeps_every_bit_of_models_with_sub_norms_and_no_eps(seed: u64) {
		let architecture = Architecture { sub_norms: true, eps: 0, ..random_architecture(seed) };
		let (_path, parent) = model(architecture, seed);
		ensure_bits(&parent, &Growth { widen: Some(2), seed, ..Growth::default() }, 4);
	}

	#[test]
	fn deepening_keeps_every_bit_of_every_model(seed: u64, deepen in prop::collection::vec(0_u8..2, 1..4)) {
		let (_path, parent) = model(random_architecture(seed), seed);
		ensure_bits(&parent, &Growth { deepen, seed, ..Growth::default() }, 4);
	}

	#[test]
	fn several_operations_at_once_keep_every_bit(seed: u64, layer in 0_u8..2) {
		let architecture = Architecture { sub_norms: false, ..random_architecture(seed) };
		let (_path, parent) = model(architecture, seed);
		let growth = Growth {
			deepen: vec![layer], widen: Some(2), context: Some(500), layers: Some(layer..layer + 1), seed, ..Growth::default()
		};
		ensure_bits(&parent, &growth, 4);
	}

	#[test]
	fn a_second_growth_starts_from_the_first(seed: u64) {
		let architecture = Architecture { sub_norms: false, ..random_architecture(seed) };
		let (_path, parent) = model(architecture, seed);
		let first = ensure_bits(&parent, &Growth { widen: Some(2), seed, ..Growth::default() }, 2);
		let first = Parent::open(first.path()).unwrap();
		let second = Growth { deepen: vec![1], widen: Some(2), seed, ..Growth::default() };
		let second = ensure_bits(&first, &second, 2);
		prop_assert_eq!(Directory::new(second.path()).manifest().unwrap().changes.len(), 2);
	}
}

fn top_1(family: usize) -> Architecture {
	let mut architecture = architecture(family);
	for layer in &mut architecture.layers {
		if let Network::Routed(routing) = &mut layer.network {
			routing.top_k = 1;
		}
	}
	architecture
}

#[test]
fn added_experts_keep_every_bit_with_top_1_whatever_their_weights_are() {
	let (_path, parent) = model(top_1(MIXTRAL), 1);
	for (added, noise_ppm) in [(4, 0), (4, 100_000), (7, 1_000_000)] {
		let growth = Growth { add_experts: Some(added), noise_ppm, ..Growth::default() };
		let out = ensure_bits(&parent, &growth, 24);
		let grown = Parent::open(out.path()).unwrap();
		assert_eq!(grown.architecture().routing(0).unwrap().experts, 4 + added);
		let root = |expert| grown.record(Part::Expert { layer: 0, expert }).unwrap().root.clone();
		let old = parent.record(Part::Expert { layer: 0, expert: 0 }).unwrap().root.clone();
		assert_eq!(root(0), old);
		assert_eq!(root(1) == old, noise_ppm == 0, "noise makes a copy another expert");
	}
}

#[test]
fn twice_the_experts_and_twice_the_top_k_keep_every_bit_of_top_1() {
	let (_path, parent) = model(top_1(MIXTRAL), 2);
	for factor in [2_u8, 4] {
		let added = 4 * (u16::from(factor) - 1);
		let growth = Growth { add_experts: Some(added), top_k: Some(factor), ..Growth::default() };
		ensure_bits(&parent, &growth, 24);
		let noisy = Growth { noise_ppm: 10_000, ..growth };
		assert_eq!(promise(&parent, &noisy).unwrap(), Promise::Changed(Reason::Choice));
		assert!(!grown(&parent, &noisy, 24).1.is_equal());
	}
}

#[test]
fn twice_the_experts_and_twice_the_top_k_round_the_gates_of_top_2() {
	let (_path, parent) = model(architecture(MIXTRAL), 3);
	let growth = Growth { add_experts: Some(4), top_k: Some(4), ..Growth::default() };
	assert_eq!(promise(&parent, &growth).unwrap(), Promise::Near(Reason::Gates));
	ensure_near(&grown(&parent, &growth, 24).1);
}

#[test]
fn growths_that_change_the_function_say_so_and_are_found_to() {
	let (_path, mixtral) = model(architecture(MIXTRAL), 4);
	let (_path, olmoe) = model(architecture(OLMOE), 4);
	let more = Growth { add_experts: Some(4), ..Growth::default() };
	let fewer = Growth { top_k: Some(1), ..Growth::default() };
	for (parent, growth, reason) in [
		(&mixtral, &more, Reason::Choice),
		(&mixtral, &fewer, Reason::Choice),
		(&olmoe, &more, Reason::AllExperts),
		(&olmoe, &fewer, Reason::Choice),
	] {
		assert_eq!(promise(parent, growth).unwrap(), Promise::Changed(reason), "{growth}");
		let (_out, comparison) = grown(parent, growth, 24);
		assert!(!comparison.is_equal() && comparison.largest > 0, "{growth}");
	}
}

#[test]
fn experts_that_were_never_trained_may_become_more_at_any_top_k() {
	let (_path, dense) = model(architecture(0), 5);
	for rank in [None, Some(8)] {
		let upcycled = tempfile::tempdir().unwrap();
		let settings = Upcycling { layers: 0..2, experts: 8, top_k: 2, rank };
		upcycle(&dense, &settings, upcycled.path(), Some(1), &|_, _| {}).unwrap();
		let parent = Parent::open(upcycled.path()).unwrap();
		for top_k in [2, 3] {
			let growth = Growth {
				add_experts: Some(8),
				top_k: Some(top_k),
				widen: Some(2),
				router_noise_ppm: 50_000,
				..Growth::default()
			};
			let out = ensure_bits(&parent, &growth, 12);
			let manifest = Directory::new(out.path()).manifest().unwrap();
			let kinds: Vec<bool> = manifest.changes.iter().map(|c| matches!(c.step, Step::Grow(_))).collect();
			assert_eq!(kinds, [false, true]);
		}
	}
}

#[test]
fn a_widened_sub_norm_is_promised_to_be_near_only() {
	for family in [5, 6, 7] {
		let (_path, parent) = model(architecture(family), 6);
		let growth = Growth { widen: Some(2), ..Growth::default() };
		assert_eq!(promise(&parent, &growth).unwrap(), Promise::Near(Reason::SubNorm));
		ensure_near(&grown(&parent, &growth, 12).1);
	}
}

#[test]
fn a_longer_context_keeps_every_file_and_reads_longer_texts() {
	let (path, parent) = model(architecture(0), 7);
	let growth = Growth { context: Some(200), ..Growth::default() };
	let out = ensure_bits(&parent, &growth, 12);
	let ids: Vec<u32> = (0..200).collect();
	let read = |path: &Path| {
		let mut runner = runner(path, Kernel::best(), 1);
		let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
		runner.read(&mut sequence, &ids, &mut logits).map(|()| logits.len())
	};
	assert!(read(path.path()).is_err());
	assert_eq!(read(out.path()), Ok(300));
}

#[test]
fn a_grown_model_shares_what_stays_the_same_and_says_where_it_comes_from() {
	let (path, parent) = model(architecture(0), 8);
	let growth = Growth { deepen: vec![0], seed: 9, ..Growth::default() };
	let out = tempfile::tempdir().unwrap();
	let derived = grow(&parent, &growth, out.path(), &|_, _| {}).unwrap();
	let inode = |path: &Path, part: Part| fs::metadata(Directory::new(path).part(part)).unwrap().ino();
	for (old, new) in [
		(Part::Embedding, Part::Embedding),
		(Part::Layer(0), Part::Layer(0)),
		(Part::Layer(1), Part::Layer(2)),
		(Part::Head, Part::Head),
	] {
		assert_eq!(inode(path.path(), old), inode(out.path(), new), "{new:?} is shared");
	}
	let silent = fs::metadata(Directory::new(out.path()).part(Part::Layer(1))).unwrap().len();
	assert_eq!(derived.written_bytes, silent);
	let directory = Directory::new(out.path());
	let manifest = directory.manifest().unwrap();
	directory.ensure_model_root(&manifest, &directory.architecture(&manifest).unwrap()).unwrap();
	let step = Step::Grow(growth.clone());
	assert_eq!(manifest.changes, [Change { parent: parent.manifest().model_root.clone(), step }]);
	assert_eq!(manifest.source, parent.manifest().source);
	// What is there already is not written over.
	let again = grow(&parent, &growth, out.path(), &|_, _| {}).unwrap_err();
	assert!(matches!(again, GrowError::Derive(DeriveError::Target(TargetError::Complete(_)))), "{again}");
}

#[test]
fn a_growth_follows_from_its_parent_its_settings_and_its_seed() {
	let (_path, parent) = model(top_1(MIXTRAL), 10);
	let root = |growth: &Growth| {
		let out = tempfile::tempdir().unwrap();
		grow(&parent, growth, out.path(), &|_, _| {}).unwrap().manifest.model_root
	};
	let widen = Growth { widen: Some(2), ..Growth::default() };
	assert_eq!(root(&widen), root(&widen));
	assert_ne!(root(&widen), root(&Growth { seed: 1, ..widen.clone() }));
	let experts = Growth { add_experts: Some(2), noise_ppm: 10_000, ..Growth::default() };
	assert_ne!(root(&experts), root(&Growth { seed: 1, ..experts.clone() }));
	assert_ne!(root(&experts), root(&Growth { noise_ppm: 20_000, ..experts.clone() }));
}

#[test]
fn settings_that_no_model_takes_write_nothing() {
	let (_path, parent) = model(architecture(0), 11);
	let out = tempfile::tempdir().unwrap();
	let refused = grow(&parent, &Growth { widen: Some(3), ..Growth::default() }, out.path(), &|_, _| {});
	assert!(matches!(refused, Err(GrowError::Settings(GrowthError::Factor(3)))));
	assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}
