//! Runs on tiny models: what comes out computes what was trained.

use super::*;
use crate::{OptimiserConfig, TrainError};
use blyan_exact::definition2::{
	golden::{self, OwnedModel, Stream},
	Architecture, Network, Routing, WeightKind,
};
use blyan_kernel::Kernel;
use blyan_open_model::{load, Runner};
use burn_flex::Flex;
use core::ops::ControlFlow;
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};
use std::{path::Path, sync::Arc};

pub(super) const ROOT: [u8; 32] = [7; 32];
const LAYER: u8 = 1;
const RANK: u8 = 4;
/// Families whose last layer is tried: SwiGLU over groups of four bits, squared ReLU behind sub-norms over ternary weights.
const FAMILIES: [&str; 2] = ["llama", "bitnet"];

/// Makes a tiny model of a family whose last layer has adapters.
fn model(family: &str) -> OwnedModel {
	let (_, architecture) = golden::ARCHITECTURES.iter().find(|(name, _)| *name == family).unwrap();
	with_adapters(architecture(), LAYER, family)
}

/// Makes a random model of an architecture one of whose layers has adapters.
pub(super) fn with_adapters(mut architecture: Architecture, layer: u8, seed: &str) -> OwnedModel {
	let layer = &mut architecture.layers[usize::from(layer)];
	let expert = match layer.network {
		Network::Dense(expert) => expert,
		Network::Routed(routing) => routing.expert,
	};
	layer.network = Network::Routed(Routing {
		experts: 3,
		top_k: 2,
		normalised: true,
		router: WeightKind::Int8,
		expert,
		shared: None,
		adapter_rank: Some(RANK),
	});
	golden::random_model(architecture, seed.as_bytes())
}

pub(super) fn runner(model: &OwnedModel) -> Runner {
	let weights = load::weights(&model.view().unwrap()).unwrap();
	Runner::new(Arc::new(weights), Kernel::best(), 2).unwrap()
}

fn slot(model: &OwnedModel, expert: u16) -> Slot {
	Slot::of_model(&model.view().unwrap(), ROOT, LAYER, expert).unwrap()
}

/// Makes a text of few tokens of the vocabulary, most of them the one before plus three.
pub(super) fn text(seed: &[u8], sequences: usize) -> Vec<Sequence> {
	let mut stream = Stream::new(seed);
	let mut sequence = || {
		let mut ids = vec![stream.below(40) as u32];
		while ids.len() < 33 {
			let last = ids[ids.len() - 1];
			ids.push(if stream.below(5) > 0 { (last + 3) % 40 } else { stream.below(40) as u32 });
		}
		Sequence { bytes: ids[1..].iter().map(|id| 1 + *id as u16 % 4).collect(), ids }
	};
	(0..sequences).map(|_| sequence()).collect()
}

pub(super) fn settings(folder: &Path, steps: u64) -> Settings {
	Settings {
		folder: folder.into(),
		steps,
		batch: 128,
		sample: 32,
		threads: 2,
		seed: 3,
		checkpoint_every: 5,
		optimiser: OptimiserConfig { learning_rate: 1e-2, ..Settings::default().optimiser },
		..Settings::default()
	}
}

pub(super) fn go_on(_: &Stage) -> ControlFlow<()> {
	ControlFlow::Continue(())
}

fn train(model: &OwnedModel, settings: &Settings) -> Result<TrainedAdapter, TrainError> {
	let (text, held) = (text(b"learn", 24), text(b"hold out", 12));
	let slot = slot(model, 1);
	let texts = Texts { learn: &text, held_out: &held, guard: &[] };
	train_adapter::<Flex>(&mut runner(model), &slot, texts, settings, &Default::default(), &mut go_on)
}

/// Bits per byte as the chain would measure them.
pub(super) fn exact_bits(model: &OwnedModel) -> f64 {
	let (mut runner, held) = (runner(model), text(b"hold out", 12));
	let losses = held.iter().flat_map(|sequence| runner.losses(&sequence.ids).unwrap());
	let bits = losses.map(|loss| loss as f64 / 65_536.0).sum::<f64>();
	bits / held.iter().map(Sequence::text_bytes).sum::<u64>() as f64
}

#[test]
fn train_adapter_improves_the_integer_model_as_much_as_the_float_model() {
	for family in FAMILIES {
		let folder = tempfile::tempdir().unwrap();
		let mut model = model(family);
		let before = exact_bits(&model);
		let trained = train(&model, &settings(folder.path(), 120)).unwrap();
		let [float_before, float_after, rounded] = trained.holdout_bits.unwrap();
		assert!((before / float_before - 1.0).abs() < 1e-4, "{family}: {before} is not {float_before}");
		model.experts[1] = trained.part;
		let after = exact_bits(&model);
		let gain = float_before - float_after;
		assert!(gain > 0.01 * before, "{family}: {float_before} to {float_after}");
		assert!(
			(rounded - float_after).abs() < 0.02 * gain,
			"{family}: rounding made {rounded} of {float_after}"
		);
		// A sample of 32 of 300 tokens estimates the loss; the rest is in the same tokens that were measured.
		assert!((before - after) / gain > 0.9, "{family}: {before} to {after}, not to {float_after}");
		assert!(trained.rounding_errors.iter().all(|error| *error < 0.03), "{:?}", trained.rounding_errors);
	}
}

#[test]
fn train_adapter_is_refused_while_another_run_reads_into_its_folder() {
	let (model, folder) = (model("llama"), tempfile::tempdir().unwrap());
	let settings = settings(folder.path(), 1);
	let other = crate::lock::lock(&folder.path().join("tokens.cache")).unwrap();
	let refused = train(&model, &settings).unwrap_err().to_string();
	assert!(refused.contains("tokens.cache") && refused.contains("under way"), "{refused}");
	assert!(!folder.path().join("tokens.cache").exists(), "nothing was written");
	drop(other);
	train(&model, &settings).unwrap();
}

#[test]
fn train_adapter_goes_on_from_where_it_was_stopped() {
	let model = model("llama");
	let whole = {
		let folder = tempfile::tempdir().unwrap();
		train(&model, &settings(folder.path(), 12)).unwrap()
	};
	let folder = tempfile::tempdir().unwrap();
	let settings = settings(folder.path(), 12);
	let slot = slot(&model, 1);
	let run = |progress: &mut dyn FnMut(&Stage) -> ControlFlow<()>| {
		let (text, held) = (text(b"learn", 24), text(b"hold out", 12));
		let device = Default::default();
		let texts = Texts { learn: &text, held_out: &held, guard: &[] };
		train_adapter::<Flex>(&mut runner(&model), &slot, texts, &settings, &device, progress).unwrap()
	};
	let stopped = run(&mut |stage| match stage {
		Stage::Prefix { sequences: 5, .. } => ControlFlow::Break(()),
		_ => ControlFlow::Continue(()),
	});
	assert_eq!((stopped.sequences, stopped.steps), (5, 0));
	assert_eq!(stopped.part, model.experts[1], "nothing was learned yet");
	let mut sequences = Vec::new();
	let stopped = run(&mut |stage| match stage {
		Stage::Prefix { sequences: read, .. } => {
			sequences.push(*read);
			ControlFlow::Continue(())
		}
		Stage::Update(progress) if progress.step == 7 => ControlFlow::Break(()),
		Stage::Update(_) => ControlFlow::Continue(()),
	});
	assert_eq!((sequences[0], stopped.steps), (6, 7));
	let resumed = run(&mut go_on);
	assert_eq!((resumed.steps, resumed.tokens), (12, whole.tokens));
	assert!(resumed.part == whole.part, "an interruption changed the outcome");
	assert_eq!(resumed.holdout_bits, whole.holdout_bits);
}

#[test]
fn train_adapter_goes_on_from_an_adapter_that_was_trained() {
	let folder = tempfile::tempdir().unwrap();
	let mut model = model("llama");
	let first = train(&model, &settings(folder.path(), 40)).unwrap();
	model.experts[1] = first.part;
	let folder = tempfile::tempdir().unwrap();
	let second = train(&model, &settings(folder.path(), 40)).unwrap();
	let ([_, _, rounded], [before, after, _]) = (first.holdout_bits.unwrap(), second.holdout_bits.unwrap());
	assert!((before / rounded - 1.0).abs() < 5e-3, "{before} is not {rounded}");
	assert!(after < before);
}

#[test]
fn train_adapter_returns_the_parents_codes_when_it_makes_no_update() {
	let folder = tempfile::tempdir().unwrap();
	let model = model("llama");
	let trained = train(&model, &settings(folder.path(), 0)).unwrap();
	assert_eq!(trained.part, model.experts[1]);
	let [before, after, rounded] = trained.holdout_bits.unwrap();
	assert_eq!(before, after);
	// The same product, of factors that are scaled otherwise.
	assert!((rounded / before - 1.0).abs() < 1e-4, "{before} is not {rounded}");
}

/// Makes a text of other tokens, which a model forgets that learns from the first.
fn other_text(seed: &[u8], sequences: usize) -> Vec<Sequence> {
	let mut sequences = text(seed, sequences);
	sequences.iter_mut().flat_map(|sequence| &mut sequence.ids).for_each(|id| *id += 100);
	sequences
}

/// Bits that a model needs for a text.
fn bits(model: &OwnedModel, text: &[Sequence]) -> f64 {
	let mut runner = runner(model);
	let losses = text.iter().flat_map(|sequence| runner.losses(&sequence.ids).unwrap());
	losses.map(|loss| loss as f64 / 65_536.0).sum()
}

#[test]
fn train_adapter_goes_back_until_the_guard_is_not_worse() {
	let model = model("llama");
	let (learn, held) = (text(b"learn", 24), text(b"hold out", 12));
	let (guard, judged) = (other_text(b"guard", 48), other_text(b"judge", 48));
	let slot = slot(&model, 1);
	let train = |guard: &[Sequence], guard_tolerance: f64| {
		let folder = tempfile::tempdir().unwrap();
		let settings = Settings { guard_tolerance, ..settings(folder.path(), 120) };
		let texts = Texts { learn: &learn, held_out: &held, guard };
		let device = Default::default();
		let trained =
			train_adapter::<Flex>(&mut runner(&model), &slot, texts, &settings, &device, &mut go_on).unwrap();
		let mut candidate = model.clone();
		candidate.experts[1] = trained.part.clone();
		// Bits a token on guard sequences that were not watched, and bits of what is held out.
		let worse = (bits(&candidate, &judged) - bits(&model, &judged)) / (48.0 * 32.0);
		(trained, worse, bits(&model, &held) - bits(&candidate, &held))
	};
	let (alone, lost, gained) = train(&[], 0.0);
	assert!(alone.guarded.is_none() && lost > 0.0 && gained > 0.0, "{lost} lost, {gained} gained");
	let tolerance = lost / 3.0;
	let (trained, less, kept) = train(&guard, tolerance);
	let guarded = trained.guarded.unwrap();
	assert!(guarded.share > 0.0 && guarded.share < 1.0, "{guarded:?}");
	assert!(guarded.trained[0] > tolerance && guarded.kept[0] <= tolerance, "{guarded:?} of {tolerance}");
	assert!(
		less < 1.25 * tolerance,
		"{less} of {lost} lost on other sequences, where {tolerance} are allowed"
	);
	// A twentieth of the way is as short as the codes are coarse: rounding takes most of its share of the gain.
	assert!(kept > 0.0, "{kept} of {gained} gained with {guarded:?}");
	// A guard that minds nothing changes nothing, and one that minds everything leaves the parent.
	let (same, ..) = train(&guard, 100.0);
	assert!(same.part == alone.part && same.guarded.unwrap().share == 1.0);
	let (parent, ..) = train(&guard, 0.0);
	assert_eq!((parent.part == model.experts[1], parent.guarded.unwrap().share), (true, 0.0));
}

/// Folder of the run that a test kills; the run is this test program in another process.
const FOLDER: &str = "BLYAN_ADAPTER_FOLDER";

#[test]
#[ignore = "the process that a_killed_run_goes_on_to_the_same_adapter kills"]
fn adapter_process() {
	if let Some(folder) = std::env::var_os(FOLDER) {
		let trained = train(&model("llama"), &settings(Path::new(&folder), 40)).unwrap();
		let bytes = trained.part.0.iter().flat_map(|(_, tensor)| match tensor {
			blyan_exact::definition2::OwnedTensor::Codes(codes) => codes.bytes.clone(),
			_ => Vec::new(),
		});
		let bytes = bytes.collect::<Vec<_>>();
		crate::checkpoint::write_atomically(&Path::new(&folder).join("codes"), &bytes).unwrap();
	}
}

#[test]
fn a_killed_run_goes_on_to_the_same_adapter() {
	let start = |folder: &Path| {
		std::process::Command::new(std::env::current_exe().unwrap())
			.args(["--exact", "open::tests::adapter_process", "--ignored", "--test-threads", "1"])
			.env(FOLDER, folder)
			.stdout(std::process::Stdio::null())
			.spawn()
			.unwrap()
	};
	let (undisturbed, disturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
	assert!(start(undisturbed.path()).wait().unwrap().success());
	let expected = std::fs::read(undisturbed.path().join("codes")).unwrap();
	let mut rng = ChaCha8Rng::seed_from_u64(5);
	let has = |name: &str| disturbed.path().join(name).exists();
	let (mut in_prefix, mut in_updates) = (0, 0);
	while !has("codes") && in_prefix + in_updates < 12 {
		let mut run = start(disturbed.path());
		// However slow this machine is, a run gets as far as its files.
		while !has("tokens.cache") && run.try_wait().unwrap().is_none() {
			std::thread::sleep(std::time::Duration::from_millis(1));
		}
		std::thread::sleep(std::time::Duration::from_millis(rng.gen_range(5..150)));
		// SIGKILL: nothing of the process runs after it.
		run.kill().unwrap();
		run.wait().unwrap();
		match has("adapter.ckpt") {
			true => in_updates += 1,
			false => in_prefix += 1,
		}
	}
	assert!(start(disturbed.path()).wait().unwrap().success());
	assert!(in_prefix + in_updates > 0);
	let resumed = std::fs::read(disturbed.path().join("codes")).unwrap();
	assert!(
		resumed == expected,
		"{in_prefix} kills in the prefix and {in_updates} behind it changed the outcome"
	);
}

#[test]
fn train_adapter_refuses_what_cannot_work() {
	let folder = tempfile::tempdir().unwrap();
	let owned = model("llama");
	let refused = |settings: Settings| train(&owned, &settings).unwrap_err();
	let option = |settings| match refused(settings) {
		TrainError::Option { name, .. } => name,
		error => panic!("{error}"),
	};
	let base = || settings(folder.path(), 5);
	assert_eq!(option(Settings { batch: 0, ..base() }), "batch");
	assert_eq!(option(Settings { sample: 300, ..base() }), "sample");
	assert_eq!(option(Settings { seconds_max: Some(0.0), ..base() }), "seconds_max");
	assert_eq!(option(Settings { prefix_seconds_max: Some(f64::NAN), ..base() }), "prefix_seconds_max");
	assert_eq!(option(Settings { checkpoint_every: 0, ..base() }), "checkpoint_every");
	assert_eq!(option(Settings { guard_tolerance: f64::NAN, ..base() }), "guard_tolerance");
	// A folder that holds another run.
	train(&owned, &base()).unwrap();
	assert!(matches!(refused(Settings { seed: 4, ..base() }), TrainError::Cache { .. }));
	assert!(matches!(refused(Settings { batch: 64, ..base() }), TrainError::Checkpoint { .. }));

	let (view, dense) = (owned.view().unwrap(), golden::model(0));
	let attempt = |layer, expert| Slot::of_model(&view, ROOT, layer, expert).map(drop).unwrap_err();
	assert!(matches!(attempt(1, 3), TrainError::NoSuchSlot { layer: 1, expert: 3 }));
	assert!(matches!(attempt(2, 0), TrainError::NoSuchSlot { layer: 2, expert: 0 }));
	assert!(matches!(attempt(0, 0), TrainError::NoAdapters { layer: 0 }));
	let view = dense.view().unwrap();
	let refused = Slot::of_model(&view, ROOT, 1, 0).map(drop).unwrap_err();
	assert!(refused.to_string().contains("upcycle"), "{refused}");
}
