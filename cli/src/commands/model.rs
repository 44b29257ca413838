//! `model`: open checkpoints as exact integer models.

mod change;
mod grow;
mod losses;
mod measure;
mod needs;
mod register;
mod registered;
mod usage;

pub use register::{sudo, upload};

use crate::{
	args::{ModelCommand, ModelImportArgs},
	failure::{Context, Outcome},
	local_model::LocalModel,
	output::{table, Output},
	session::Session,
};
use blyan_exact::definition2::Architecture;
use blyan_open_model::{
	checkpoint::{reference::Reference, Checkpoint},
	directory, import,
	measure::{cost, sequences, Cost, Cut},
	Directory, Manifest, Precision,
};
use serde_json::json;
use std::{path::Path, time::Instant};

/// Runs a command on models of open checkpoints.
pub async fn run(session: &Session, command: ModelCommand) -> Outcome<()> {
	match command {
		ModelCommand::Register(args) => register::run(session, args).await,
		ModelCommand::Upload { dir, holdout } => register::upload_again(session, dir, &holdout).await,
		ModelCommand::Show { model } => register::show(session, model).await,
		ModelCommand::Import(args) => here(session, move |output| import_checkpoint(output, &args)).await,
		ModelCommand::Inspect { dir, verify } => {
			here(session, move |output| inspect(output, &dir, verify)).await
		}
		ModelCommand::Measure(args) => here(session, move |output| measure::run(output, &args)).await,
		ModelCommand::Needs(args) => here(session, move |output| needs::run(output, &args)).await,
		ModelCommand::Upcycle(args) => here(session, move |output| change::upcycle(output, args)).await,
		ModelCommand::Grow(args) => here(session, move |output| grow::run(output, *args)).await,
		ModelCommand::Losses(args) => here(session, move |output| losses::run(output, &args)).await,
		ModelCommand::Usage(args) => here(session, move |output| usage::run(output, &args)).await,
		ModelCommand::Apply(args) => here(session, move |output| change::apply(output, &args)).await,
		ModelCommand::Holdout(args) => here(session, move |output| register::holdout(output, &args)).await,
	}
}

/// Runs a command that asks no node, on a thread that may block.
///
/// Ctrl-C ends the program at once; an import that was interrupted goes on with the same command.
async fn here(session: &Session, work: impl FnOnce(&Output) -> Outcome<()> + Send + 'static) -> Outcome<()> {
	let output = session.output.clone();
	tokio::task::spawn_blocking(move || work(&output)).await?
}

fn import_checkpoint(output: &Output, args: &ModelImportArgs) -> Outcome<()> {
	let started = Instant::now();
	let checkpoint = Checkpoint::open(&args.checkpoint).context(args.checkpoint.display())?;
	let text = match &args.measure {
		Some(path) => Some(std::fs::read_to_string(path).context(path.display())?),
		None => None,
	};
	let bar = output.byte_bar("importing", 0);
	let manifest = import(&checkpoint, Precision::default(), &args.out, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	drop(bar);
	let bytes = manifest.bytes();
	let seconds = started.elapsed().as_secs_f64();
	let value = json!({
		"dir": args.out, "model_root": format!("0x{}", manifest.model_root), "bytes": bytes,
		"parts": manifest.parts, "tokenizer": manifest.tokenizer, "seconds": seconds,
	});
	let shown = format!(
		"wrote        {}\nmodel root   0x{}\nparts        {}, {bytes} bytes\ntokenizer    0x{}\ntime         {seconds:.1} s",
		args.out.display(),
		manifest.model_root,
		manifest.parts.len(),
		manifest.tokenizer
	);
	output.result(&value, shown);
	match text {
		Some(text) => measure_text(output, args, &checkpoint, &text),
		None => {
			output.say(format!("talk to it with: blyan chat --model {}", args.out.display()));
			Ok(())
		}
	}
}

/// Shows the bits per byte of a text, in integers and in floats.
fn measure_text(output: &Output, args: &ModelImportArgs, checkpoint: &Checkpoint, text: &str) -> Outcome<()> {
	let LocalModel { tokenizer, mut runner, .. } = LocalModel::open(&args.out, None)?;
	let cut = Cut { sequences_max: args.sequences, ..Cut::default() };
	let sequences = sequences(&tokenizer, text, cut)?;
	let bar = output.bar("measuring", 2 * sequences.len() as u64);
	let cost = cost(&mut runner, &tokenizer, &sequences, |done| bar.set(done as u64))?;
	let reference = Reference::new(checkpoint);
	let mut bits = 0.0;
	for (index, ids) in sequences.iter().enumerate() {
		bits += reference.loss_bits(ids)?;
		bar.set((sequences.len() + index + 1) as u64);
	}
	drop(bar);
	let float = Cost { bits, ..cost };
	let (integer, float) = (cost.bits_per_byte(), float.bits_per_byte());
	let more = 100.0 * (integer / float - 1.0);
	let value = json!({
		"sequences": sequences.len(), "tokens": cost.tokens, "bytes": cost.bytes,
		"bits_per_byte": integer, "float_bits_per_byte": float,
	});
	let shown = format!(
		"measured     {} sequences, {} tokens, {} bytes\nintegers     {integer:.4} bits a byte\nfloats       \
		{float:.4} bits a byte; integers cost {more:+.2} %",
		sequences.len(),
		cost.tokens,
		cost.bytes
	);
	output.result(&value, shown);
	Ok(())
}

fn inspect(output: &Output, dir: &Path, verify: bool) -> Outcome<()> {
	let directory = Directory::new(dir);
	let manifest = directory.manifest()?;
	let architecture = directory.architecture(&manifest)?;
	if verify {
		check(output, &directory, &manifest, &architecture)?;
	}
	let bytes = manifest.bytes();
	let rows: Vec<Vec<String>> = manifest
		.parts
		.iter()
		.map(|part| vec![part.name.clone(), part.bytes.to_string(), format!("0x{}", part.root)])
		.collect();
	let source = |field: &str| match &manifest.source[field] {
		serde_json::Value::String(text) => text.clone(),
		_ => "not stated".into(),
	};
	let shape = directory::summary(&architecture);
	let changes: String = manifest.changes.iter().map(|step| format!("\nmade by      {step}")).collect();
	let shown = format!(
		"model        {}\nlicence      {}\norigin       {}\narchitecture {shape}\nmodel root   0x{}\ntokenizer    0x{}\n\
		bytes        {bytes}{changes}\n\n{}{}",
		source("name"),
		source("licence"),
		source("origin"),
		manifest.model_root,
		manifest.tokenizer,
		table(&["part", "bytes", "root"], &rows),
		if verify { "\n\nEvery byte was checked against these roots." } else { "" }
	);
	let value = json!({ "manifest": manifest, "architecture": shape, "bytes": bytes, "verified": verify });
	output.result(&value, shown);
	Ok(())
}

/// Checks the model root and every part.
fn check(
	output: &Output,
	directory: &Directory,
	manifest: &Manifest,
	architecture: &Architecture,
) -> Outcome<()> {
	directory.ensure_model_root(manifest, architecture)?;
	let parts = directory::parts(architecture);
	let bar = output.bar("checking", parts.len() as u64);
	for (index, (part, record)) in parts.iter().zip(&manifest.parts).enumerate() {
		directory.open(architecture, *part)?.ensure_root(&record.root)?;
		bar.set(index as u64 + 1);
	}
	drop(bar);
	directory.tokenizer(manifest)?;
	Ok(())
}
