//! `train`: models, experts and adapters as files, without a chain.

pub mod adapter;

use super::dataset::{documents_from_crates, find_registry, training_text, TrainingText, HELD_OUT_PERCENT};
use crate::{
	args::{TrainBaseArgs, TrainCommand, TrainExpertArgs},
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
	mining::{self, BaseRun, LocalModel},
	model_dir::ModelDir,
	output::Output,
	session::Session,
};
use blyan_engine::dataset::{read_jsonl, Document, Holdout, HoldoutOptions};
use blyan_exact::ModelConfig;
use blyan_open_model::Directory;
use blyan_primitives::ExpertSlot;
use blyan_training::base;
use std::{path::Path, sync::Arc};

/// Text that is read from the registry when no dataset is named.
const DOCUMENT_BYTES: u64 = 64 << 20;

/// Trains.
pub async fn run(session: &Session, command: TrainCommand) -> Outcome<()> {
	match command {
		TrainCommand::Base(args) => base_model(&session.output, args).await,
		TrainCommand::Expert(args) => one_expert(&session.output, args).await,
		TrainCommand::Adapter(args) => adapter::run(&session.output, *args).await,
	}
}

async fn base_model(output: &Output, args: TrainBaseArgs) -> Outcome<()> {
	let config = ModelConfig {
		d_model: args.d_model,
		d_ff: args.d_ff,
		layers: args.layers,
		heads: args.heads,
		experts: args.experts,
		top_k: args.top_k,
		context: args.context,
	};
	config.validate()?;
	let defaults = base::Options::default();
	let (steps, seconds_max) = mining::limits(&args.training, defaults.steps, defaults.seconds_max)?;
	let options = base::Options {
		steps,
		seconds_max,
		batch: args.training.batch.unwrap_or(defaults.batch),
		optimiser: mining::optimiser(&args.training, defaults.optimiser)?,
		seed: args.training.seed.unwrap_or(0),
		evaluate_every: args.evaluate_every,
		checkpoint: args.training.checkpoint.clone(),
		..defaults
	};
	let (log, dataset, count) = (output.clone(), args.training.dataset.clone(), args.holdout_sequences);
	let (text, holdout) = tokio::task::spawn_blocking(move || {
		let documents = documents(&log, dataset.as_deref())?;
		let holdout = holdout(&documents, &config, count)?;
		let text: TrainingText = documents.iter().collect();
		Ok::<_, Failure>((text, holdout))
	})
	.await??;
	let background = args.training.background;
	let run = BaseRun { name: args.name, config, text: Arc::new(text), holdout, options, background };
	mining::train_base(output, run, &args.out).await
}

/// The documents of a dataset file, or those on this machine.
pub fn documents(output: &Output, dataset: Option<&Path>) -> Outcome<Vec<Document>> {
	match dataset {
		Some(path) => read_jsonl(path)
			.and_then(|documents| documents.collect())
			.context_next("dataset", "make one with: blyan dataset from-crates"),
		None => documents_from_crates(output, &find_registry()?, 0..256, DOCUMENT_BYTES),
	}
}

/// Sequences to measure on, as many as are asked for or, of a small dataset, as many as there are.
pub fn holdout(documents: &[Document], config: &ModelConfig, sequences: usize) -> Outcome<Holdout> {
	use blyan_engine::dataset::DatasetError;
	let options = HoldoutOptions {
		sequences,
		sequence_len: usize::from(config.context),
		percent: HELD_OUT_PERCENT,
		..Default::default()
	};
	match Holdout::build(documents, &options) {
		Err(DatasetError::HoldoutTooSmall { have, .. }) if have > 1 => {
			Ok(Holdout::build(documents, &HoldoutOptions { sequences: have, ..options })?)
		}
		built => built.context_next("holdout", "name a larger dataset"),
	}
}

/// Refuses open models, whose experts another command trains, and names that command.
fn ensure_first_definition(args: &TrainExpertArgs) -> Outcome<()> {
	if !Directory::new(&args.model).is_complete() {
		return Ok(());
	}
	let (dir, slot) = (args.model.display(), args.slot);
	let mut next =
		format!("blyan train adapter --model {dir} --layer {} --expert {}", slot.layer, slot.expert);
	if let Some(dataset) = &args.training.dataset {
		next += &format!(" --data {}", dataset.display());
	}
	if let Some(minutes) = args.training.minutes {
		next += &format!(" --minutes {minutes}");
	}
	if let Some(steps) = args.training.steps {
		next += &format!(" --steps {steps}");
	}
	let out = args.model.with_added_extension("trained");
	let error = format!("{dir} is an open model, and its experts are adapters");
	Err(Failure::new(error).kind(Kind::Refused).next(format!("{next} --out {}", out.display())))
}

async fn one_expert(output: &Output, args: TrainExpertArgs) -> Outcome<()> {
	ensure_first_definition(&args)?;
	let model = Arc::new(LocalModel::read(&ModelDir::open(&args.model)?)?);
	let text = text(output, args.training.dataset.as_deref()).await?;
	let slot = ExpertSlot { model: 0, layer: args.slot.layer, expert: args.slot.expert };
	let trained = mining::train_expert(output, model, slot, text, &args.training).await?;
	write_private(&args.out, &trained.bytes)?;
	let facts = args.out.with_extension("json");
	write_private(&facts, trained.manifest.to_string().as_bytes())?;
	trained.report(output);
	output.say(format!("wrote {} and {}", args.out.display(), facts.display()));
	Ok(())
}

/// The text to train on, read on a thread that may block.
pub async fn text(output: &Output, dataset: Option<&Path>) -> Outcome<Arc<TrainingText>> {
	let (log, dataset) = (output.clone(), dataset.map(Path::to_path_buf));
	let text = tokio::task::spawn_blocking(move || training_text(&log, dataset.as_deref()));
	Ok(Arc::new(text.await??))
}
