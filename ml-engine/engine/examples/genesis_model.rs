//! Makes the models in `models/` from the crate sources on this machine.
//!
//! ```text
//! cargo run --release -p blyan-engine --example genesis_model -- genesis 55 3 /tmp/work models/genesis
//!                                                    profile, minutes, threads, work folder, model folder
//! cargo run --release -p blyan-engine --example genesis_model -- genesis guard models/genesis
//!                                                    only the guard holdout of a model that is there
//! ```
//!
//! The base model learns from crates in buckets 0 to 191; the holdout is made of crates in buckets 192 to 255,
//! of which the base has seen nothing. The work folder keeps datasets and a checkpoint, so an interrupted
//! run goes on where it was. Zero minutes write the weights as they are.
//!
//! The guard holdout is everything that is not Rust: what a candidate that learned Rust must not get worse at. Its
//! files are held-out ones too.

use blyan_engine::{
	block::{block_ref, write_expert, write_trunk},
	dataset::{from_crates, read_jsonl, write_jsonl, CratesOptions, Document, Holdout, HoldoutOptions},
	train::{base, export, Corpus, Progress},
};
use blyan_exact::ModelConfig;
use burn_flex::Flex;
use serde_json::{json, Value};
use std::{
	collections::BTreeMap,
	error::Error,
	fs,
	ops::{ControlFlow, Range},
	path::{Path, PathBuf},
};

/// The guard holdout's file beside the manifest.
const GUARD_FILE: &str = "guard.bin";

/// One of the models this program makes.
struct Profile {
	name: &'static str,
	config: ModelConfig,
	/// Text of the base's dataset, and of the holdout's.
	dataset_bytes: [u64; 2],
	holdout_sequences: usize,
	guard_sequences: usize,
	batch: usize,
}

/// A kind of text in the guard holdout: extensions, buckets of the crates it is taken from, share in 1/32.
///
/// The base has read no file of these kinds. Prose repeats what a crate's own sources say, so it comes from crates
/// that the base has not seen; the others are too rare in those.
const GUARD: [(&[&str], Range<u16>, usize); 6] = [
	(&["md"], 192..256, 12),
	(&["c", "h"], 0..256, 8),
	// A manifest as its author wrote it; what is called `Cargo.toml` is generated.
	(&["toml", "orig"], 0..256, 4),
	(&["sh"], 0..256, 4),
	(&["json"], 0..256, 2),
	(&["js"], 0..256, 2),
];

const GENESIS: Profile = Profile {
	name: "Blyan Rust 2.4M",
	config: ModelConfig { d_model: 128, d_ff: 256, layers: 4, heads: 4, experts: 8, top_k: 2, context: 256 },
	dataset_bytes: [96 << 20, 96 << 20],
	holdout_sequences: 1_024,
	guard_sequences: 256,
	batch: 9,
};

/// Small enough to be trained and evaluated inside a test.
const TINY: Profile = Profile {
	name: "Blyan tiny",
	config: ModelConfig { d_model: 64, d_ff: 64, layers: 2, heads: 2, experts: 4, top_k: 2, context: 64 },
	dataset_bytes: [8 << 20, 24 << 20],
	holdout_sequences: 512,
	guard_sequences: 512,
	batch: 48,
};

/// The sources that cargo keeps.
fn registry() -> Result<PathBuf, Box<dyn Error>> {
	let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
	let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
	Ok(home.ok_or("neither CARGO_HOME nor HOME is set")?.join("registry/src"))
}

/// The crates a dataset is made of, written once.
fn dataset(path: &Path, buckets: Range<u16>, bytes_max: u64) -> Result<Vec<Document>, Box<dyn Error>> {
	if !path.exists() {
		let options = CratesOptions { buckets, bytes_max, ..Default::default() };
		write_jsonl(path, &from_crates(&registry()?, &options, &mut |_| ())?)?;
	}
	Ok(read_jsonl(path)?.collect::<Result<_, _>>()?)
}

/// The guard holdout of a profile.
fn guard(profile: &Profile) -> Result<Holdout, Box<dyn Error>> {
	let mut parts = Vec::new();
	for (extensions, buckets, share) in GUARD {
		let options = CratesOptions {
			buckets,
			extensions: extensions.iter().map(|extension| (*extension).into()).collect(),
			// Sources of whole C libraries lie in one crate: all of their files count, a few sequences each.
			crate_bytes_max: u64::MAX,
			..Default::default()
		};
		let documents = from_crates(&registry()?, &options, &mut |_| ())?;
		let options = HoldoutOptions {
			sequences: profile.guard_sequences * share / 32,
			sequence_len: usize::from(profile.config.context),
			..HoldoutOptions::default()
		};
		let part = Holdout::build(&documents, &options)?;
		println!("guard: {} sequences of {extensions:?} from {} files", part.sequences(), documents.len());
		parts.push(part);
	}
	Ok(Holdout::concat(&parts)?)
}

/// Gives a finished model its guard holdout.
fn add_guard(profile: &Profile, out: &Path) -> Result<(), Box<dyn Error>> {
	let path = out.join("manifest.json");
	let mut manifest: Value = serde_json::from_slice(&fs::read(&path)?)?;
	let files = manifest["files"].as_object_mut().ok_or("the manifest names no files")?;
	files.retain(|_, name| name != GUARD_FILE);
	let holdout = guard(profile)?;
	let reference = holdout.reference();
	files.insert(serde_json::from_value(json!(reference.blob.hash))?, json!(GUARD_FILE));
	manifest["guard"] = json!(reference);
	fs::write(out.join(GUARD_FILE), &holdout.bytes)?;
	fs::write(path, serde_json::to_string_pretty(&manifest)? + "\n")?;
	Ok(())
}

fn report(progress: &Progress) -> ControlFlow<()> {
	if progress.step.is_multiple_of(25) || progress.holdout_bits.is_some() {
		println!(
			"{:>6} {:5.1} % loss {:.4} holdout {:?} rate {:.5} norm {:.3} {:.0} bytes/s",
			progress.step,
			progress.done * 100.0,
			progress.loss_bits,
			progress.holdout_bits,
			progress.learning_rate,
			progress.gradient_norm,
			progress.bytes as f64 / progress.seconds
		);
	}
	ControlFlow::Continue(())
}

fn main() -> Result<(), Box<dyn Error>> {
	let arguments = std::env::args().skip(1).collect::<Vec<_>>();
	let profile = match arguments.first().map(String::as_str) {
		Some("genesis") => GENESIS,
		Some("tiny") => TINY,
		_ => return Err("the first argument must be a profile, genesis or tiny".into()),
	};
	let (minutes, threads, work, out) = match &arguments[1..] {
		[guard, out] if guard == "guard" => return add_guard(&profile, Path::new(out)),
		[minutes, threads, work, out] => (minutes, threads, work, out),
		_ => {
			return Err("usage: genesis_model PROFILE MINUTES THREADS WORK_FOLDER MODEL_FOLDER\n\
				or: genesis_model PROFILE guard MODEL_FOLDER"
				.into())
		}
	};
	let (work, out, minutes) = (Path::new(work), Path::new(out), minutes.parse::<f64>()?);
	fs::create_dir_all(work)?;
	fs::create_dir_all(out)?;
	let base = dataset(&work.join("base.jsonl"), 0..192, profile.dataset_bytes[0])?;
	let unseen = dataset(&work.join("demo.jsonl"), 192..256, profile.dataset_bytes[1])?;
	let config = profile.config;
	let tokens = usize::from(config.context);
	let holdout = Holdout::build(
		&unseen,
		&HoldoutOptions {
			sequences: profile.holdout_sequences,
			sequence_len: tokens,
			..HoldoutOptions::default()
		},
	)?;
	let corpus = Corpus::new(base.iter().map(|document| document.text.as_bytes()));
	let options = base::Options {
		steps: if minutes > 0.0 { 30_000 } else { 0 },
		seconds_max: (minutes > 0.0).then_some(minutes * 60.0),
		batch: profile.batch,
		threads: threads.parse()?,
		evaluate_every: 250,
		seed: 1,
		checkpoint: Some(work.join("genesis.ckpt")),
		checkpoint_every: 100,
		..base::Options::default()
	};
	let measured = &holdout.bytes[..holdout.bytes.len().min(128 * tokens)];
	let device = Default::default();
	let trained =
		base::train_base::<Flex>(&config, &corpus, measured, options.clone(), &device, &mut report)?;
	let weights = export(&config, &trained.latent)?;

	let mut files = BTreeMap::new();
	let mut put = |name: String, bytes: &[u8]| -> Result<_, Box<dyn Error>> {
		fs::write(out.join(&name), bytes)?;
		let block = block_ref(bytes);
		files.insert(block.blob.hash, name);
		Ok(block)
	};
	let trunk = put("trunk.tblk".into(), &write_trunk(&weights.trunk, &config)?)?;
	let mut heads = Vec::new();
	for (index, expert) in weights.experts.iter().enumerate() {
		let (layer, expert_index) =
			(index / usize::from(config.experts), index % usize::from(config.experts));
		heads.push(put(format!("l{layer}e{expert_index}.tblk"), &write_expert(expert, &config)?)?);
	}
	put("holdout.bin".into(), &holdout.bytes)?;
	let guard = guard(&profile)?;
	put(GUARD_FILE.into(), &guard.bytes)?;
	let manifest = json!({
		"name": profile.name,
		"config": config,
		"version": { "major": 1, "minor": 0, "patch": 0 },
		"trunk": trunk,
		"heads": heads,
		"holdout": holdout.reference(),
		"guard": guard.reference(),
		"files": files,
		"training": {
			"program": "cargo run --release -p blyan-engine --example genesis_model",
			"options": options,
			"documents": base.len(),
			"corpus_bytes": corpus.len(),
			"steps": trained.steps,
			"bytes": trained.bytes,
			"seconds": trained.seconds,
			"holdout_bits_per_byte_of_128_sequences": trained.holdout_bits,
		},
	});
	fs::write(out.join("manifest.json"), serde_json::to_string_pretty(&manifest)? + "\n")?;
	println!("{} steps, {} bytes, holdout {:?}", trained.steps, trained.bytes, trained.holdout_bits);
	Ok(())
}
