//! Upcycled models compute what their parents computed, to the bit, and take trained experts.
#![allow(clippy::unwrap_used)]

mod files;

use blyan_exact::definition2::{
	adapter::OwnedAdapter,
	block::{part_file, LoadedPart, PartView},
	golden::{self, Stream},
	routing::route,
	Architecture, Execution, Model, OwnedPart, Part, LOGIT_MAX,
};
use blyan_kernel::{definition2::linear, Kernel};
use blyan_open_model::{
	apply::{apply, apply_all, ApplyError, Replacement},
	derive::{DeriveError, Derived, Parent},
	directory,
	manifest::{Change, Replaced, Step},
	run::FeedForward,
	target::TargetError,
	upcycle::{upcycle, SettingsError, UpcycleError, Upcycling},
	Directory, DirectoryError, Runner,
};
use files::runner;
use std::{
	fs,
	os::unix::fs::MetadataExt,
	path::{Path, PathBuf},
	sync::{
		atomic::{AtomicBool, AtomicU64, Ordering},
		Mutex,
	},
};
use tempfile::TempDir;

/// Golden families whose layers are dense: 4-bit groups, bytes with biases, two kinds, ternary with sub-norms.
const DENSE: [usize; 4] = [0, 1, 2, 6];

fn settings(rank: Option<u8>) -> Upcycling {
	Upcycling { layers: 0..2, experts: 5, top_k: 2, rank }
}

/// Directory of a golden family.
fn parent(family: usize) -> (TempDir, Parent) {
	let path = tempfile::tempdir().unwrap();
	files::write(&golden::model(family), path.path());
	let parent = Parent::open(path.path()).unwrap();
	(path, parent)
}

fn upcycled(parent: &Parent, settings: &Upcycling) -> (TempDir, Derived) {
	let out = tempfile::tempdir().unwrap();
	let derived = upcycle(parent, settings, out.path(), Some(2), &|_, _| {}).unwrap();
	(out, derived)
}

fn prompt(stream: &mut Stream, vocabulary: u32, length_max: usize) -> Vec<u32> {
	(0..=stream.below(length_max)).map(|_| stream.below(vocabulary as usize) as u32).collect()
}

fn answer(runner: &mut Runner, ids: &[u32]) -> Vec<i32> {
	let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
	runner.read(&mut sequence, ids, &mut logits).unwrap();
	logits
}

/// Compares the answers to random prompts before and after an upcycling.
fn ensure_same_answers(family: usize, rank: Option<u8>, prompts: usize) {
	let (path, parent) = parent(family);
	let (out, _) = upcycled(&parent, &settings(rank));
	let [mut before, mut after] = [&path, &out].map(|path| runner(path.path(), Kernel::best(), 1));
	let mut stream = Stream::new(&[family as u8, rank.unwrap_or(0)]);
	for index in 0..prompts {
		let ids = prompt(&mut stream, parent.architecture().vocabulary, 12);
		assert_eq!(answer(&mut before, &ids), answer(&mut after, &ids), "prompt {index}: {ids:?}");
	}
}

#[test]
fn answers_stay_the_same_to_the_bit_when_layers_are_upcycled() {
	for family in DENSE {
		for rank in [None, Some(4), Some(17), Some(64)] {
			ensure_same_answers(family, rank, 500 / DENSE.len() / 4 + 1);
		}
	}
}

#[test]
#[ignore = "takes minutes; the same as above with ten thousand prompts"]
fn answers_stay_the_same_to_the_bit_for_ten_thousand_prompts() {
	for family in DENSE {
		for rank in [None, Some(16)] {
			ensure_same_answers(family, rank, 10_000 / DENSE.len() / 2);
		}
	}
}

#[test]
fn an_upcycled_model_shares_what_stays_the_same_and_says_where_it_comes_from() {
	let (path, parent) = parent(0);
	let settings = Upcycling { layers: 1..2, experts: 6, top_k: 3, rank: None };
	let (out, derived) = upcycled(&parent, &settings);
	let (_, again) = upcycled(&parent, &settings);
	assert_eq!(
		derived.manifest.model_root, again.manifest.model_root,
		"the root follows from parent and settings"
	);
	let inode = |path: &Path, part: Part| fs::metadata(Directory::new(path).part(part)).unwrap().ino();
	for part in [Part::Embedding, Part::Layer(0), Part::Head] {
		assert_eq!(inode(path.path(), part), inode(out.path(), part), "{part:?} is shared");
	}
	let expert = |expert| Part::Expert { layer: 1, expert };
	assert!((1..6).all(|index| inode(out.path(), expert(index)) == inode(out.path(), expert(0))));
	let bytes = |part| fs::metadata(Directory::new(out.path()).part(part)).unwrap().len();
	assert_eq!(derived.written_bytes, bytes(Part::Layer(1)) + bytes(expert(0)));
	let directory = Directory::new(out.path());
	let manifest = directory.manifest().unwrap();
	directory.ensure_model_root(&manifest, &directory.architecture(&manifest).unwrap()).unwrap();
	let step = Step::Upcycle(settings);
	assert_eq!(manifest.changes, [Change { parent: parent.manifest().model_root.clone(), step }]);
	assert_eq!(manifest.source, parent.manifest().source);
	assert_eq!(derived.parent_root, parent.manifest().model_root);
	assert!(!out.path().join("derive.json").exists());
	// The dense layer that is left can be upcycled later, with other settings.
	let other = Upcycling { layers: 0..1, experts: 3, top_k: 1, rank: Some(8) };
	let (both, _) = upcycled(&Parent::open(out.path()).unwrap(), &other);
	let manifest = Directory::new(both.path()).manifest().unwrap();
	assert_eq!(manifest.changes.len(), 2);
	let [mut before, mut after] = [&path, &both].map(|path| runner(path.path(), Kernel::best(), 2));
	assert_eq!(before.losses(&[3, 1, 4, 1, 5, 9, 2, 6]), after.losses(&[3, 1, 4, 1, 5, 9, 2, 6]));
}

#[test]
fn adapters_begin_with_random_first_matrices_and_zero_second_ones() {
	let (_path, parent) = parent(0);
	let (out, derived) = upcycled(&parent, &settings(Some(8)));
	let directory = Directory::new(out.path());
	let architecture = directory.architecture(&derived.manifest).unwrap();
	let mut firsts = Vec::new();
	for part in architecture.expert_parts() {
		let file = directory.open(&architecture, part).unwrap();
		let view = PartView::new(file.layout(), file.bytes()).unwrap();
		for section in file.layout().sections() {
			let codes = view.codes(section.name).unwrap();
			match section.name.shift_max() {
				0 => assert!(codes.bytes.iter().all(|&code| code == 0), "{part:?} {:?}", section.name),
				_ => firsts.push(codes.bytes.to_vec()),
			}
			assert_eq!(codes.shift, 0);
		}
	}
	let count = firsts.len();
	firsts.sort_unstable();
	firsts.dedup();
	assert_eq!((count, firsts.len()), (2 * 5 * 3, 2 * 5 * 3), "no two are the same");
	let sum: i64 = firsts.iter().flatten().map(|&code| i64::from(code as i8)).sum();
	let codes = firsts.iter().flatten().count() as i64;
	assert!(sum.abs() < codes, "mean of {codes} codes is {sum} / {codes}");
}

#[test]
fn an_upcycling_that_was_interrupted_goes_on_when_the_command_comes_again() {
	let (_path, parent) = parent(1);
	let settings = settings(Some(8));
	let (elsewhere, expected) = upcycled(&parent, &settings);
	let out = tempfile::tempdir().unwrap();
	let (parts, aside) = (out.path().join("parts"), out.path().join("aside"));
	// The disk fails after the first bytes.
	let is_gone = AtomicBool::new(false);
	let fail = |_, _| {
		if !is_gone.swap(true, Ordering::Relaxed) {
			fs::rename(&parts, &aside).unwrap();
		}
	};
	let failed = upcycle(&parent, &settings, out.path(), Some(1), &fail).unwrap_err();
	assert!(matches!(failed, UpcycleError::Derive(DeriveError::Interrupted(_))), "{failed}");
	assert!(failed.to_string().contains("the same command again goes on"), "{failed}");
	assert!(!Directory::new(out.path()).is_complete());
	fs::rename(&aside, &parts).unwrap();
	// One part was written whole, another one is damaged.
	let directory = Directory::new(out.path());
	let (layer, expert) = (Part::Layer(1), Part::Expert { layer: 1, expert: 2 });
	fs::copy(Directory::new(elsewhere.path()).part(layer), directory.part(layer)).unwrap();
	fs::write(directory.part(expert), b"half of it").unwrap();
	let seen = AtomicU64::new(0);
	let derived = upcycle(&parent, &settings, out.path(), Some(2), &|done, total| {
		assert!(done <= total, "{done} of {total}");
		seen.fetch_max(done, Ordering::Relaxed);
	});
	let derived = derived.unwrap();
	assert_eq!(derived.manifest.model_root, expected.manifest.model_root);
	assert_eq!(seen.into_inner(), derived.manifest.bytes());
	// Other settings find a complete model, and nothing is written over it.
	let refused = upcycle(&parent, &settings, out.path(), Some(1), &|_, _| {});
	assert!(is_complete(refused.map_err(derive_error)));
}

fn derive_error(error: UpcycleError) -> DeriveError {
	match error {
		UpcycleError::Derive(error) => error,
		other => panic!("{other}"),
	}
}

fn is_complete(result: Result<Derived, DeriveError>) -> bool {
	matches!(result, Err(DeriveError::Target(TargetError::Complete(_))))
}

#[test]
fn parts_of_another_interrupted_upcycling_are_cleared_away() {
	let (_path, parent) = parent(0);
	let (_, expected) = upcycled(&parent, &settings(None));
	let out = tempfile::tempdir().unwrap();
	fs::create_dir(out.path().join("parts")).unwrap();
	fs::write(out.path().join("derive.json"), b"another").unwrap();
	fs::write(out.path().join("parts/layer-09.tblk"), b"of another").unwrap();
	let derived = upcycle(&parent, &settings(None), out.path(), None, &|_, _| {}).unwrap();
	assert_eq!(derived.manifest.model_root, expected.manifest.model_root);
	assert!(!out.path().join("parts/layer-09.tblk").exists());
	// A directory with other files stays as it is.
	let other = tempfile::tempdir().unwrap();
	fs::write(other.path().join("precious.txt"), b"mine").unwrap();
	let refused = upcycle(&parent, &settings(None), other.path(), None, &|_, _| {}).map_err(derive_error);
	assert!(matches!(refused, Err(DeriveError::Target(TargetError::Occupied(_)))));
	assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}

#[test]
fn settings_that_no_model_takes_are_refused_by_name() {
	let (_path, parent) = parent(0);
	let refusal = |change: fn(&mut Upcycling)| {
		let mut settings = settings(None);
		change(&mut settings);
		let out = tempfile::tempdir().unwrap();
		match upcycle(&parent, &settings, out.path(), None, &|_, _| {}) {
			Err(UpcycleError::Settings(error)) => error,
			other => panic!("{other:?}"),
		}
	};
	assert_eq!(refusal(|s| s.layers = 1..3), SettingsError::Layers { layers: 1..3, count: 2 });
	assert_eq!(refusal(|s| s.layers = 1..1), SettingsError::Layers { layers: 1..1, count: 2 });
	assert_eq!(refusal(|s| s.experts = 0), SettingsError::Experts(0));
	assert_eq!(refusal(|s| s.experts = 1_025), SettingsError::Experts(1_025));
	assert_eq!(refusal(|s| s.top_k = 0), SettingsError::TopK { top_k: 0, experts: 5 });
	assert_eq!(refusal(|s| s.top_k = 6), SettingsError::TopK { top_k: 6, experts: 5 });
	assert_eq!(refusal(|s| (s.experts, s.top_k) = (40, 17)), SettingsError::TopK { top_k: 17, experts: 40 });
	assert_eq!(refusal(|s| s.rank = Some(3)), SettingsError::Rank(3));
	assert_eq!(refusal(|s| s.rank = Some(65)), SettingsError::Rank(65));
	let (out, _) = upcycled(&parent, &Upcycling { layers: 1..2, ..settings(None) });
	let routed = Parent::open(out.path()).unwrap();
	let out = tempfile::tempdir().unwrap();
	let refused = upcycle(&routed, &settings(None), out.path(), None, &|_, _| {});
	assert!(matches!(refused, Err(UpcycleError::Settings(SettingsError::Routed(1)))), "{refused:?}");
}

#[test]
fn a_damaged_parent_is_refused_by_its_file() {
	let (path, parent) = parent(0);
	let file = Directory::new(path.path()).part(Part::Layer(1));
	let mut bytes = fs::read(&file).unwrap();
	bytes[3_000] ^= 1;
	fs::write(&file, bytes).unwrap();
	let out = tempfile::tempdir().unwrap();
	let refused = upcycle(&parent, &settings(None), out.path(), None, &|_, _| {});
	assert!(
		matches!(&refused, Err(UpcycleError::Parent(DirectoryError::Part { path, .. })) if *path == file),
		"{refused:?}"
	);
}

/// Draws a trained expert of a slot, and writes its file.
fn trained(architecture: &Architecture, part: Part, seed: &[u8]) -> (OwnedPart, TempDir, PathBuf) {
	let mut stream = Stream::new(seed);
	let Part::Expert { layer, .. } = part else { panic!("{part:?} is not an expert") };
	let routing = architecture.routing(layer).unwrap();
	let tensors = match routing.adapter_rank {
		None => stream.part(architecture, part),
		Some(rank) => {
			let (d, hidden) = (usize::from(architecture.d_model), routing.expert.hidden as usize);
			let mut adapter = |rows: usize, cols: usize| {
				let mut codes = |count: usize| (0..count).map(|_| stream.draw() as i8).collect::<Vec<i8>>();
				let rank_codes = usize::from(rank);
				let (input, output) = (codes(rank_codes * cols), codes(rows * rank_codes));
				OwnedAdapter::new(rank, &input, &output, 7).unwrap()
			};
			OwnedPart::of_adapters(adapter(hidden, d), adapter(hidden, d), adapter(d, hidden))
		}
	};
	let dir = tempfile::tempdir().unwrap();
	let path = dir.path().join("expert.tblk");
	fs::write(&path, part_file(architecture, part, &tensors.view()).unwrap()).unwrap();
	(tensors, dir, path)
}

/// Reads a directory as a model of the definition, and returns its logits after each id.
fn reference(path: &Path, ids: &[u32]) -> Vec<Vec<i32>> {
	let directory = Directory::new(path);
	let manifest = directory.manifest().unwrap();
	let architecture = directory.architecture(&manifest).unwrap();
	let files: Vec<_> = directory::parts(&architecture)
		.into_iter()
		.map(|part| directory.open(&architecture, part).unwrap())
		.collect();
	let loaded: Vec<_> = files
		.iter()
		.map(|file| LoadedPart::new(PartView::new(file.layout(), file.bytes()).unwrap()))
		.collect();
	let mut parts: Vec<_> = loaded.iter().map(|part| part.tensors().unwrap()).collect();
	let experts = parts.split_off(architecture.parts().len());
	let model = Model::new(&architecture, parts, experts).unwrap();
	let mut execution = Execution::new(&model, ids.len() as u32).unwrap();
	ids.iter().map(|id| execution.push(*id).unwrap()).collect()
}

#[test]
fn trained_experts_are_applied_one_after_the_other_and_computed_as_the_definition_says() {
	for family in DENSE {
		for rank in [None, Some(1 + 3), Some(16), Some(33)] {
			let (_path, parent) = parent(family);
			let (first, derived) = upcycled(&parent, &settings(rank));
			let mut at = first;
			let mut root = derived.manifest.model_root;
			for (layer, expert) in [(0, 1), (1, 4), (1, 0), (0, 1), (0, 3)] {
				let parent = Parent::open(at.path()).unwrap();
				let part = Part::Expert { layer, expert };
				let (_, _dir, file) =
					trained(parent.architecture(), part, &[layer, expert as u8, family as u8]);
				let out = tempfile::tempdir().unwrap();
				let derived = match apply(&parent, (layer, expert), &file, out.path(), &|_, _| {}) {
					Err(ApplyError::Same { .. }) => continue,
					derived => derived.unwrap(),
				};
				assert_eq!(derived.parent_root, root);
				assert_ne!(derived.manifest.model_root, root);
				assert_eq!(derived.written_bytes, fs::metadata(&file).unwrap().len());
				(at, root) = (out, derived.manifest.model_root);
			}
			assert_eq!(Directory::new(at.path()).manifest().unwrap().changes.len(), 5);
			ensure_reference(at.path(), &format!("family {family}, rank {rank:?}"));
		}
	}
}

#[test]
fn experts_that_are_applied_at_once_make_the_model_that_they_make_one_by_one() {
	let (_path, dense) = parent(0);
	let (routed, before) = upcycled(&dense, &settings(Some(8)));
	let parent = Parent::open(routed.path()).unwrap();
	let slots = [(0, 1), (1, 4), (1, 0)];
	let files = slots.map(|(layer, expert)| {
		trained(parent.architecture(), Part::Expert { layer, expert }, &[layer, expert as u8])
	});
	let mut replacements = Vec::new();
	for ((layer, expert), (_, _, file)) in slots.into_iter().zip(&files) {
		replacements.push(Replacement { layer, expert, file });
	}
	let at_once = tempfile::tempdir().unwrap();
	let derived = apply_all(&parent, &replacements, at_once.path(), &|_, _| {}).unwrap();
	let mut at = routed;
	for Replacement { layer, expert, file } in replacements {
		let out = tempfile::tempdir().unwrap();
		apply(&Parent::open(at.path()).unwrap(), (layer, expert), file, out.path(), &|_, _| {}).unwrap();
		at = out;
	}
	let one_by_one = Directory::new(at.path()).manifest().unwrap();
	assert_eq!(derived.manifest.model_root, one_by_one.model_root);
	assert_eq!(derived.parent_root, before.manifest.model_root);
	// The step survives the manifest's file, and says which slots it changed.
	let read = Directory::new(at_once.path()).manifest().unwrap();
	let change = read.changes.last().unwrap();
	let Step::Experts(replaced) = &change.step else { panic!("{change:?} is another step") };
	let changed: Vec<_> = replaced.iter().map(|Replaced { layer, expert, .. }| (*layer, *expert)).collect();
	assert_eq!(changed, [(0, 1), (1, 0), (1, 4)]);
	assert!(change.to_string().starts_with("3 experts, those of 0.1, 1.0, 1.4, from 0x"), "{change}");
}

/// Compares every kernel and number of threads with the definition, position by position and all at once.
fn ensure_reference(path: &Path, case: &str) {
	let mut stream = Stream::new(b"ids");
	let ids: Vec<u32> = (0..40).map(|_| stream.below(300) as u32).collect();
	let expected = reference(path, &ids);
	for kernel in Kernel::available() {
		for threads in [1, 2, 3] {
			let mut runner = runner(path, kernel, threads);
			let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
			for (position, id) in ids.iter().enumerate() {
				runner.read(&mut sequence, &[*id], &mut logits).unwrap();
				assert_eq!(
					logits, expected[position],
					"{case}, {kernel}, {threads} threads, position {position}"
				);
			}
			for count in [7, 17, 40] {
				let logits = answer(&mut runner, &ids[..count]);
				assert_eq!(
					logits,
					expected[count - 1],
					"{case}, {kernel}, {threads} threads, {count} at once"
				);
			}
		}
	}
}

#[test]
fn experts_that_do_not_belong_to_a_slot_are_refused_by_name() {
	let (_path, dense) = parent(0);
	let (routed, _) = upcycled(&dense, &Upcycling { layers: 1..2, ..settings(Some(8)) });
	let parent = Parent::open(routed.path()).unwrap();
	let slot = Part::Expert { layer: 1, expert: 2 };
	let (_, _dir, file) = trained(parent.architecture(), slot, b"one");
	let out = tempfile::tempdir().unwrap();
	let refusal =
		|parent: &Parent, slot, file: &Path| apply(parent, slot, file, out.path(), &|_, _| {}).unwrap_err();
	let error = refusal(&dense, (1, 2), &file);
	assert!(matches!(error, ApplyError::NoRouter { layer: 1, .. }), "{error}");
	assert!(error.to_string().contains("blyan model upcycle"), "{error}");
	let error = refusal(&parent, (0, 2), &file);
	assert_eq!(error.to_string(), "layer 0 has no experts: choose one of layers 1");
	let error = refusal(&parent, (1, 5), &file);
	assert!(matches!(error, ApplyError::NoExpert { layer: 1, expert: 5, last: 4 }), "{error}");
	// An expert of another rank.
	let (other, _) = upcycled(&dense, &Upcycling { layers: 1..2, ..settings(Some(9)) });
	let other = Directory::new(other.path());
	let error = refusal(&parent, (1, 2), &other.part(slot));
	assert!(matches!(error, ApplyError::OtherShape { layer: 1, .. }), "{error}");
	let mut bytes = fs::read(&file).unwrap();
	let last = bytes.len() - 40;
	bytes[last] ^= 1;
	let damaged = _dir.path().join("damaged.tblk");
	fs::write(&damaged, bytes).unwrap();
	let error = refusal(&parent, (1, 2), &damaged);
	assert!(matches!(error, ApplyError::Damaged { .. }), "{error}");
	let error = refusal(&parent, (1, 2), &Directory::new(routed.path()).part(slot));
	assert!(matches!(error, ApplyError::Same { layer: 1, expert: 2, .. }), "{error}");
	assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn smollm2_answers_the_same_when_layers_are_upcycled_and_its_tokens_spread_over_the_experts() {
	let Some(path) = files::smollm2() else { return };
	let checkpoint = blyan_open_model::checkpoint::Checkpoint::open(&path).unwrap();
	let dense = tempfile::tempdir().unwrap();
	blyan_open_model::import(&checkpoint, Default::default(), dense.path(), &|_, _| {}).unwrap();
	let parent = Parent::open(dense.path()).unwrap();
	let mut before = runner(dense.path(), Kernel::best(), 2);
	let text = fs::read_to_string(
		Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src/run/lane.rs"),
	)
	.unwrap();
	let ids: Vec<u32> = parent.tokenizer().encode(&text).unwrap().into_iter().take(257).collect();
	let losses = before.losses(&ids).unwrap();
	for rank in [None, Some(16)] {
		let (out, derived) = upcycled(&parent, &Upcycling { layers: 26..30, experts: 8, top_k: 2, rank });
		let mut after = runner(out.path(), Kernel::best(), 2);
		assert_eq!(after.losses(&ids).unwrap(), losses, "rank {rank:?}");
		let mut stream = Stream::new(b"prompts");
		for _ in 0..20 {
			let ids = prompt(&mut stream, 49_152, 24);
			assert_eq!(answer(&mut before, &ids), answer(&mut after, &ids));
		}
		assert_eq!(derived.manifest.changes.len(), 1);
		ensure_spread(&mut after, &ids);
	}
}

/// Checks that no expert gets less than a tenth or more than three times of its share of tokens.
fn ensure_spread(runner: &mut Runner, ids: &[u32]) {
	let weights = runner.weights().clone();
	let counts = Mutex::new(vec![[0_usize; 8]; weights.layers.len()]);
	runner
		.observe(ids, &|layer, _, inputs| {
			let FeedForward::Routed(routed) = &weights.layers[layer].feed_forward else { return };
			let mut logits = vec![0; 8 * inputs.tokens()];
			linear(Kernel::best(), routed.router.view(), inputs.view(), 16, LOGIT_MAX, None, &mut logits);
			for logits in logits.chunks_exact(8) {
				for choice in route(logits, routed.top_k, true) {
					counts.lock().unwrap()[layer][choice.expert] += 1;
				}
			}
		})
		.unwrap();
	for (layer, counts) in counts.into_inner().unwrap().into_iter().enumerate().skip(26) {
		let share = counts.iter().sum::<usize>() / 8;
		assert_eq!(share, ids.len() / 4);
		assert!(
			counts.iter().all(|count| (share / 10..3 * share).contains(count)),
			"layer {layer}: {counts:?}"
		);
	}
}
