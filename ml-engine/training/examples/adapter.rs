//! Trains the adapter of one expert of an open model, and measures the model before and after with the integer engine:
//!
//! ```text
//! cargo run -p blyan-training --example adapter -- MODEL --expert 0 --folder RUN
//!     --text DIR... --holdout DIR... --guard FILE --seconds 600
//! ```
//!
//! Directories are searched for Rust sources. What is held out must not lie in what is learned from.

use blyan_exact::definition2::{Architecture, Part};
use blyan_open_model::{
	directory,
	load::{load, load_unnamed},
	Directory, Runner,
};
use blyan_training::{
	open::{train_adapter, Sequence, Settings, Slot, Stage, Texts, TrainedAdapter},
	Progress,
};
use burn_flex::Flex;
use clap::Parser;
use core::ops::ControlFlow;
use std::{
	error::Error,
	fs,
	path::{Path, PathBuf},
	sync::Arc,
	time::Instant,
};

/// Longest source that is read: longer ones are tables and generated code.
const SOURCE_BYTES_MAX: u64 = 60_000;
/// Shortest source that is read.
const SOURCE_BYTES_MIN: u64 = 1_500;

#[derive(Parser)]
struct Arguments {
	/// Directory of the model.
	model: PathBuf,
	/// Layer; the last one if absent.
	#[arg(long)]
	layer: Option<u8>,
	/// Expert.
	#[arg(long, default_value_t = 0)]
	expert: u16,
	/// Directory of the run.
	#[arg(long)]
	folder: PathBuf,
	/// Directories and files to learn from.
	#[arg(long, num_args = 1.., required = true)]
	text: Vec<PathBuf>,
	/// Directories and files that are held out.
	#[arg(long, num_args = 1.., required = true)]
	holdout: Vec<PathBuf>,
	/// Other text that must not get worse.
	#[arg(long, num_args = 1..)]
	guard: Vec<PathBuf>,
	/// Seconds for everything but the final measurement.
	#[arg(long, default_value_t = 600.0)]
	seconds: f64,
	/// Part of these for the exact prefix.
	#[arg(long, default_value_t = 0.7)]
	prefix: f64,
	/// Tokens of a sequence.
	#[arg(long, default_value_t = 256)]
	positions: usize,
	/// Sequences that are measured.
	#[arg(long, default_value_t = 128)]
	sequences: usize,
	#[arg(long, default_value_t = 1_024)]
	batch: usize,
	#[arg(long, default_value_t = 64)]
	sample: usize,
	#[arg(long, default_value_t = 1e-3)]
	rate: f64,
	#[arg(long, default_value_t = 0.0)]
	decay: f64,
	#[arg(long, default_value_t = 0)]
	seed: u64,
	#[arg(long, default_value_t = 2)]
	threads: usize,
	/// Steps between two measurements of the held-out loss while training.
	#[arg(long, default_value_t = 200)]
	every: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
	let arguments = Arguments::parse();
	let directory = Directory::new(&arguments.model);
	let manifest = directory.manifest()?;
	let architecture = directory.architecture(&manifest)?;
	let layer = arguments.layer.unwrap_or((architecture.layers.len() - 1) as u8);
	let tokenizer = directory.tokenizer(&manifest)?;
	let cut = |text: &str| -> Result<Vec<Sequence>, Box<dyn Error>> {
		Ok(Sequence::cut(&tokenizer.encode(text)?, arguments.positions, |id| tokenizer.byte_count(&[id])))
	};
	let text = read(&arguments.text, &cut)?;
	let held = spread(read(&arguments.holdout, &cut)?, &arguments);
	let guard = spread(read(&arguments.guard, &cut)?, &arguments);
	println!("{} sequences to learn from, {} held out, {} guarded", text.len(), held.len(), guard.len());

	let started = Instant::now();
	let weights = load(&directory, &manifest, &architecture)?;
	let mut runner = Runner::on_this_machine(Arc::new(weights), Some(arguments.threads))?;
	let slot = Slot::open(&directory, &manifest, layer, arguments.expert)?;
	fs::create_dir_all(&arguments.folder)?;
	let trained = train(&arguments, &mut runner, &slot, &text, &held)?;
	println!("trained in {:.1} s, everything included", started.elapsed().as_secs_f64());
	drop(slot);

	let before = [measure(&mut runner, &held)?, measure(&mut runner, &guard)?];
	drop(runner);
	let part = Part::Expert { layer, expert: arguments.expert };
	let file = trained.file(&architecture, part)?;
	println!("{} bytes of {}", file.len(), directory::part_name(part));
	let candidate = with_part(&directory, &architecture, &arguments.folder, part, &file)?;
	let mut runner =
		Runner::on_this_machine(Arc::new(load_unnamed(&candidate, &architecture)?), Some(arguments.threads))?;
	for (name, sequences, before) in [("held out", &held, before[0]), ("guard", &guard, before[1])] {
		let after = measure(&mut runner, sequences)?;
		println!("{name}: {before:.5} to {after:.5} bits a byte, {:+.3} %", 100.0 * (after / before - 1.0));
	}
	Ok(())
}

/// Reads files, and the sources in directories.
fn read(
	paths: &[PathBuf],
	cut: &impl Fn(&str) -> Result<Vec<Sequence>, Box<dyn Error>>,
) -> Result<Vec<Sequence>, Box<dyn Error>> {
	let (mut files, mut sequences) = (Vec::new(), Vec::new());
	for path in paths {
		match path.is_dir() {
			true => sources(path, &mut files)?,
			false => files.push(path.clone()),
		}
	}
	for file in files {
		if let Ok(text) = fs::read_to_string(file) {
			sequences.extend(cut(&text)?);
		}
	}
	Ok(sequences)
}

/// Lists the Rust sources in a directory, in the order of their paths.
fn sources(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
	let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
	entries.sort_by_key(|entry| entry.path());
	for entry in entries {
		let (path, about) = (entry.path(), entry.metadata()?);
		if about.is_dir() {
			sources(&path, files)?;
		} else if path.extension().is_some_and(|extension| extension == "rs")
			&& (SOURCE_BYTES_MIN..SOURCE_BYTES_MAX).contains(&about.len())
		{
			files.push(path);
		}
	}
	Ok(())
}

/// Takes whole sequences evenly from a text.
fn spread(sequences: Vec<Sequence>, arguments: &Arguments) -> Vec<Sequence> {
	let whole = sequences.into_iter().filter(|sequence| sequence.ids.len() > arguments.positions);
	let whole = whole.collect::<Vec<_>>();
	let count = whole.len().min(arguments.sequences);
	(0..count).map(|index| whole[index * whole.len() / count].clone()).collect()
}

fn train(
	arguments: &Arguments,
	runner: &mut Runner,
	slot: &Slot,
	text: &[Sequence],
	held: &[Sequence],
) -> Result<TrainedAdapter, Box<dyn Error>> {
	let mut settings = Settings {
		folder: arguments.folder.clone(),
		prefix_seconds_max: Some(arguments.seconds * arguments.prefix),
		steps: u64::MAX,
		seconds_max: Some(arguments.seconds * (1.0 - arguments.prefix)),
		batch: arguments.batch,
		sample: arguments.sample,
		seed: arguments.seed,
		threads: arguments.threads,
		evaluate_every: arguments.every,
		..Settings::default()
	};
	settings.optimiser.learning_rate = arguments.rate;
	settings.optimiser.weight_decay = arguments.decay;
	let mut progress = |stage: &Stage| {
		match stage {
			Stage::Prefix { sequences, tokens, seconds, .. } if sequences % 100 == 0 => {
				println!("{seconds:6.1} s: {sequences} sequences, {tokens} tokens");
			}
			Stage::Update(Progress { step, seconds, loss_bits, holdout_bits: Some(held), .. }) => {
				println!("{seconds:6.1} s: step {step}, {loss_bits:.4} bits a byte, held out {held:.4}");
			}
			_ => {}
		}
		ControlFlow::Continue(())
	};
	// What is held out is a part of what is measured at the end.
	let texts = Texts { learn: text, held_out: &held[..held.len() / 4], guard: &[] };
	let trained = train_adapter::<Flex>(runner, slot, texts, &settings, &Default::default(), &mut progress)?;
	println!("{} updates, {} tokens of {} sequences", trained.steps, trained.tokens, trained.sequences);
	println!("rounding {:?}, held out {:?}", trained.rounding_errors, trained.holdout_bits);
	Ok(trained)
}

/// Measures bits per byte by the integer engine.
fn measure(runner: &mut Runner, sequences: &[Sequence]) -> Result<f64, Box<dyn Error>> {
	let mut bits = 0.0;
	for sequence in sequences {
		bits += runner.losses(&sequence.ids)?.into_iter().sum::<u64>() as f64 / 65_536.0;
	}
	Ok(bits / sequences.iter().map(Sequence::text_bytes).sum::<u64>().max(1) as f64)
}

/// Makes a directory of links to a model's parts, and of one part in the place of another.
fn with_part(
	parent: &Directory,
	architecture: &Architecture,
	folder: &Path,
	replaced: Part,
	file: &[u8],
) -> Result<Directory, Box<dyn Error>> {
	let candidate = Directory::new(&folder.join("candidate"));
	candidate.prepare()?;
	candidate.clear_parts()?;
	for part in directory::parts(architecture) {
		match part == replaced {
			true => fs::write(candidate.part(part), file)?,
			false => fs::hard_link(parent.part(part), candidate.part(part))?,
		}
	}
	Ok(candidate)
}
