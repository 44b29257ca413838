//! Models without some of their experts compute what their parents computed, to the bit, wherever that is promised.
#![allow(clippy::unwrap_used)]

mod files;

use blyan_exact::definition2::{
	golden::{self, Stream},
	Architecture, Network, Part, WeightKind,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	derive::Parent,
	evaluate::{never_stop, Subject},
	grow::{
		compare, grow, key, loss, never_chosen,
		promise::{promise, Promise, Reason},
		Comparison, Growth, LossError, LossPair, Slot,
	},
	load,
	run::{ExpertUse, Usage},
	upcycle::{upcycle, Upcycling},
	Directory, Evaluator, Holdout, HoldoutWriter,
};
use files::runner;
use proptest::prelude::*;
use std::{fs, os::unix::fs::MetadataExt, path::Path};
use tempfile::TempDir;

/// Gates that add up to one: two layers of four experts, top 2.
const MIXTRAL: usize = 4;
/// Gates that are shares of all experts.
const OLMOE: usize = 3;

/// A family's architecture with this top-k and these weights in its routers.
fn architecture(family: usize, top_k: u8, router: WeightKind) -> Architecture {
	let mut architecture = golden::ARCHITECTURES[family].1();
	for layer in &mut architecture.layers {
		if let Network::Routed(routing) = &mut layer.network {
			(routing.top_k, routing.router) = (top_k, router);
		}
	}
	architecture.validate().unwrap();
	architecture
}

/// Directory of a random model of an architecture.
fn model(architecture: Architecture, seed: u64) -> (TempDir, Parent) {
	let path = tempfile::tempdir().unwrap();
	files::write(&golden::random_model(architecture, &seed.to_le_bytes()), path.path());
	let parent = Parent::open(path.path()).unwrap();
	(path, parent)
}

fn retiring(slots: impl IntoIterator<Item = (u8, u16)>) -> Growth {
	let retire = slots.into_iter().map(|(layer, expert)| Slot { layer, expert }).collect();
	Growth { retire, ..Growth::default() }
}

/// Changes a model, and compares both on some prompts.
fn changed(parent: &Parent, growth: &Growth) -> (TempDir, Comparison) {
	let out = tempfile::tempdir().unwrap();
	grow(parent, growth, out.path(), &|_, _| {}).unwrap();
	// Loading checks every byte of every part.
	let [mut before, mut after] =
		[parent.directory().path(), out.path()].map(|path| runner(path, Kernel::best(), 1));
	let key = key(parent, growth).unwrap();
	(out, compare(&mut before, &mut after, &key, 12, |_| {}).unwrap())
}

fn ensure_bits(parent: &Parent, growth: &Growth) -> TempDir {
	assert_eq!(promise(parent, growth).unwrap(), Promise::Bits, "{growth}");
	let (out, comparison) = changed(parent, growth);
	assert!(comparison.is_equal(), "{growth}: {comparison:?}");
	out
}

fn ensure_changed(parent: &Parent, growth: &Growth, reason: Reason) {
	assert_eq!(promise(parent, growth).unwrap(), Promise::Changed(reason), "{growth}");
	let (_out, comparison) = changed(parent, growth);
	assert!(!comparison.is_equal() && comparison.largest > 0, "{growth}");
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(8))]

	/// Experts behind `top_k` others with their row are never chosen, so any of them may go, whatever their weights are.
	#[test]
	fn retiring_what_no_token_can_reach_keeps_every_bit(seed: u64, top_k in 1_u8..=2, more in 0_u16..4) {
		let mut stream = Stream::new(&seed.to_le_bytes());
		let router = [WeightKind::Int8, WeightKind::Ternary][stream.below(2)];
		let (_path, parent) = model(architecture(MIXTRAL, top_k, router), seed);
		// So many copies of each expert that the last ones stand behind `top_k` others.
		let added = 4 * (u16::from(top_k) + more);
		let growth = Growth { add_experts: Some(added), noise_ppm: 100_000, seed, ..Growth::default() };
		let grown = tempfile::tempdir().unwrap();
		grow(&parent, &growth, grown.path(), &|_, _| {}).unwrap();
		let grown = Parent::open(grown.path()).unwrap();
		let silent = |layer: u8| never_chosen(&grown, layer).unwrap();
		prop_assert!(silent(0).len() >= 4 * (1 + usize::from(more)));
		let some = (0..2).flat_map(|layer| silent(layer).into_iter().map(move |expert| (layer, expert)));
		let some: Vec<(u8, u16)> = some.filter(|_| stream.below(3) > 0).collect();
		if !some.is_empty() {
			ensure_bits(&grown, &retiring(some));
		}
	}
}

#[test]
fn retiring_the_copies_of_a_growth_returns_the_model_that_grew() {
	let (_path, parent) = model(architecture(MIXTRAL, 1, WeightKind::Int8), 1);
	let grown = tempfile::tempdir().unwrap();
	let growth = Growth { add_experts: Some(4), noise_ppm: 50_000, ..Growth::default() };
	grow(&parent, &growth, grown.path(), &|_, _| {}).unwrap();
	let grown = Parent::open(grown.path()).unwrap();
	let copies = (0..2).flat_map(|layer| [1, 3, 5, 7].map(|expert| (layer, expert)));
	let out = ensure_bits(&grown, &retiring(copies));
	assert_eq!(Directory::new(out.path()).manifest().unwrap().model_root, parent.manifest().model_root);
}

#[test]
fn retiring_an_expert_that_tokens_reach_says_so_and_is_found_to() {
	let (_path, parent) = model(architecture(MIXTRAL, 2, WeightKind::Int8), 2);
	assert!(never_chosen(&parent, 0).unwrap().is_empty());
	ensure_changed(&parent, &retiring([(0, 1)]), Reason::Choice);
	ensure_changed(&parent, &retiring([(0, 0), (1, 3)]), Reason::Choice);
	// A copy behind one equal row is reached by tokens that go to two experts.
	let growth = Growth { add_experts: Some(4), noise_ppm: 500_000, ..Growth::default() };
	let grown = tempfile::tempdir().unwrap();
	grow(&parent, &growth, grown.path(), &|_, _| {}).unwrap();
	let grown = Parent::open(grown.path()).unwrap();
	ensure_changed(&grown, &retiring([(0, 1), (0, 3), (0, 5), (0, 7)]), Reason::Choice);
}

#[test]
fn gates_that_are_shares_of_all_experts_change_with_any_that_goes() {
	let (_path, parent) = model(golden::ARCHITECTURES[OLMOE].1(), 3);
	ensure_changed(&parent, &retiring([(0, 7), (1, 2)]), Reason::FewerExperts);
}

#[test]
fn experts_that_were_never_trained_may_go_at_any_top_k() {
	let (_path, dense) = model(golden::ARCHITECTURES[0].1(), 4);
	for rank in [None, Some(8)] {
		let upcycled = tempfile::tempdir().unwrap();
		let settings = Upcycling { layers: 0..2, experts: 8, top_k: 3, rank };
		upcycle(&dense, &settings, upcycled.path(), Some(1), &|_, _| {}).unwrap();
		let parent = Parent::open(upcycled.path()).unwrap();
		let few = retiring([(0, 0), (0, 5), (1, 7)]);
		ensure_bits(&parent, &few);
		ensure_bits(&parent, &Growth { top_k: Some(1), ..few.clone() });
		// Retiring comes first, so that copies are of those that are left.
		ensure_bits(&parent, &Growth { add_experts: Some(6), top_k: Some(6), ..few });
		let one = retiring((0..7).map(|expert| (1, expert)));
		ensure_bits(&parent, &Growth { top_k: Some(1), ..one });
	}
}

#[test]
fn experts_that_stay_are_shared_and_their_rows_of_the_router_are_the_old_ones() {
	let (path, parent) = model(architecture(MIXTRAL, 2, WeightKind::Int8), 5);
	let growth = Growth { deepen: vec![0], ..retiring([(0, 1)]) };
	let (out, _) = changed(&parent, &growth);
	let small = Parent::open(out.path()).unwrap();
	let experts = |layer| small.architecture().routing(layer).unwrap().experts;
	assert_eq!([0, 1, 2].map(experts), [3, 3, 4], "a copy of the layer lacks the expert too");
	let inode = |path: &Path, part: Part| fs::metadata(Directory::new(path).part(part)).unwrap().ino();
	for (expert, from) in [(0, 0), (1, 2), (2, 3)] {
		let (old, new) = (Part::Expert { layer: 0, expert: from }, Part::Expert { layer: 0, expert });
		assert_eq!(inode(path.path(), old), inode(out.path(), new), "{expert} is shared");
	}
	let old = Part::Layer(1);
	assert_eq!(inode(path.path(), old), inode(out.path(), Part::Layer(2)));
	// Retiring what is left of a copy's neighbours leads to the same model on every machine.
	let again = tempfile::tempdir().unwrap();
	let again = grow(&parent, &growth, again.path(), &|_, _| {}).unwrap();
	assert_eq!(again.manifest.model_root, small.manifest().model_root);
}

/// Holdout of random sequences of a vocabulary, as bytes.
fn holdout(vocabulary: u32, sequences: usize, positions: u32) -> Vec<u8> {
	let mut stream = Stream::new(b"holdout");
	let mut file = std::io::Cursor::new(Vec::new());
	let mut writer = HoldoutWriter::of_vocabulary(&mut file, [1; 32], vocabulary, positions).unwrap();
	for _ in 0..sequences {
		let ids: Vec<u32> = (0..=positions).map(|_| stream.below(vocabulary as usize) as u32).collect();
		writer.sequence(&ids, 10).unwrap();
	}
	writer.finish().unwrap();
	file.into_inner()
}

fn loss_of(model: &Path, holdout: &Holdout<Vec<u8>>, indices: &[u32]) -> u64 {
	let mut runner = runner(model, Kernel::best(), 2);
	loss::<_, LossError>(&mut runner, holdout, indices, |_| Ok(())).unwrap()
}

#[test]
fn the_loss_of_a_model_is_the_sum_of_what_an_evaluation_finds() {
	let (path, parent) = model(architecture(MIXTRAL, 2, WeightKind::Int8), 6);
	let holdout = Holdout::read(holdout(parent.architecture().vocabulary, 5, 20)).unwrap();
	let weights = load(parent.directory(), parent.manifest(), parent.architecture()).unwrap();
	let subject = Subject { architecture: parent.architecture(), weights: &weights, candidate: None };
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	let found = evaluator.losses(subject, &holdout, &[4, 0, 2], &never_stop, &|_| ()).unwrap();
	let expected: u64 = found.iter().map(|losses| losses.baseline).sum();
	assert_eq!(loss_of(path.path(), &holdout, &[4, 0, 2]), expected);
	let mut runner = runner(path.path(), Kernel::best(), 1);
	let missing = loss::<_, LossError>(&mut runner, &holdout, &[5], |_| Ok(())).unwrap_err();
	assert!(matches!(missing, LossError::Sequence { index: 5, sequences: 5 }));
}

#[test]
fn what_a_change_costs_is_exact_and_held_against_its_bound() {
	let (path, parent) = model(architecture(MIXTRAL, 2, WeightKind::Int8), 7);
	let holdout = Holdout::read(holdout(parent.architecture().vocabulary, 6, 30)).unwrap();
	let all: Vec<u32> = (0..6).collect();
	let before = loss_of(path.path(), &holdout, &all);
	let (out, _) = changed(&parent, &retiring([(0, 2)]));
	let pair = LossPair { before, after: loss_of(out.path(), &holdout, &all) };
	assert_ne!(pair.before, pair.after);
	let rise = u32::try_from((-pair.gain_ppm()).max(0)).unwrap();
	assert!(pair.is_within(rise));
	assert!(rise == 0 || !pair.is_within(rise - 1));
	let exact = LossPair { before: 1_000_000, after: 1_020_000 };
	assert!(exact.is_within(20_000));
	assert!(!LossPair { after: 1_020_001, ..exact }.is_within(20_000));
}

#[test]
fn use_of_experts_counts_every_choice_and_none_of_what_cannot_be_chosen() {
	let (_path, parent) = model(architecture(MIXTRAL, 1, WeightKind::Int8), 8);
	let grown = tempfile::tempdir().unwrap();
	let growth = Growth { add_experts: Some(4), ..Growth::default() };
	grow(&parent, &growth, grown.path(), &|_, _| {}).unwrap();
	let ids: Vec<u32> = (0..50).collect();
	let count = |threads| {
		let mut usage = Usage::default();
		let mut runner = runner(grown.path(), Kernel::best(), threads);
		runner.count_use(&ids, &mut usage).unwrap();
		runner.count_use(&ids[..7], &mut usage).unwrap();
		usage
	};
	let usage = count(1);
	assert_eq!(usage, count(4));
	assert_eq!((usage.tokens, usage.layers.len()), (57, 2));
	for layer in &usage.layers {
		assert_eq!(layer.iter().map(|one| one.tokens).sum::<u64>(), 57);
		assert_eq!(layer.iter().map(|one| one.gates).sum::<u64>(), 57 << 15);
		assert!([1, 3, 5, 7].iter().all(|copy: &usize| layer[*copy] == ExpertUse::default()));
	}
}
