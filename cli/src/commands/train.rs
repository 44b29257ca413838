//! `train`: models, experts and adapters as files, without a chain.

pub mod adapter;

use super::{
	dataset::{documents_from_crates, find_registry, training_text, TrainingText, HELD_OUT_PERCENT},
	dataset_stage,
};
use crate::{
	args::{
		ChainData, DatasetName, TrainBaseArgs, TrainCommand, TrainExpertArgs, TrainingArgs, TrainingData,
	},
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
	learning::Mixture,
	mining::{self, BaseRun, LocalModel},
	model_dir::ModelDir,
	output::Output,
	session::Session,
};
use blyan_engine::{
	block::block_ref,
	dataset::{read_jsonl, Document, Holdout, HoldoutOptions},
};
use blyan_exact::ModelConfig;
use blyan_open_model::Directory;
use blyan_primitives::{DatasetMix, DatasetRef, DatasetStage, ExpertSlot};
use blyan_training::base;
use std::{path::Path, sync::Arc};

/// Text that is read from the registry when no dataset is named.
const DOCUMENT_BYTES: u64 = 64 << 20;

/// Trains.
pub async fn run(session: &Session, command: TrainCommand) -> Outcome<()> {
	match command {
		TrainCommand::Base(args) => base_model(session, args).await,
		TrainCommand::Expert(args) => one_expert(session, args).await,
		TrainCommand::Adapter(args) => adapter::run(&session.output, *args).await,
	}
}

async fn base_model(session: &Session, args: TrainBaseArgs) -> Outcome<()> {
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
	let (text, holdout) = base_text(session, &args, config).await?;
	let background = args.training.background;
	let run = BaseRun { name: args.name, config, text, holdout, options, background };
	mining::train_base(&session.output, run, &args.out).await
}

/// Text of a whole model, and what is measured on.
async fn base_text(
	session: &Session,
	args: &TrainBaseArgs,
	config: ModelConfig,
) -> Outcome<(Arc<TrainingText>, Holdout)> {
	let count = args.holdout_sequences;
	let of_chain = args.training.of_chain()?;
	if !of_chain.is_empty() {
		let text = mixed_text(session, &args.training, of_chain).await?;
		let mixed = text.clone();
		let held_out = tokio::task::spawn_blocking(move || {
			let mixture = mixed.mixture.as_deref().ok_or_else(|| Failure::new("no dataset is mixed"))?;
			holdout(&mixture.held_out(usize::MAX)?, &config, count)
		});
		return Ok((text, held_out.await??));
	}
	let dataset = args.training.file()?.map(Path::to_path_buf);
	let log = session.output.clone();
	let read = tokio::task::spawn_blocking(move || {
		let documents = documents(&log, dataset.as_deref())?;
		let holdout = holdout(&documents, &config, count)?;
		let text: TrainingText = documents.iter().collect();
		Ok::<_, Failure>((Arc::new(text), holdout))
	});
	read.await?
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
	if let [TrainingData::File(dataset)] = args.training.dataset.as_slice() {
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

async fn one_expert(session: &Session, args: TrainExpertArgs) -> Outcome<()> {
	let output = &session.output;
	ensure_first_definition(&args)?;
	let model = Arc::new(LocalModel::read(&ModelDir::open(&args.model)?)?);
	let of_chain = args.training.of_chain()?;
	let text = match of_chain.is_empty() {
		true => text(output, args.training.file()?).await?,
		false => mixed_text(session, &args.training, of_chain).await?,
	};
	let slot = ExpertSlot { model: 0, layer: args.slot.layer, expert: args.slot.expert };
	let trained = mining::train_expert(output, model, slot, text, &args.training, None).await?;
	write_private(&args.out, &trained.bytes)?;
	let facts = args.out.with_extension("json");
	let report = trained.manifest.to_string();
	write_private(&facts, report.as_bytes())?;
	trained.report(output);
	output.say(format!("wrote {} and {}", args.out.display(), facts.display()));
	if let Some(record) = trained.record {
		let files = record.write(&args.out, block_ref(&trained.bytes).tensor_root, report.as_bytes())?;
		output.say(format!(
			"wrote {}: submit it with: blyan submit {} --slot {}.{} --manifest {}",
			files.manifest.display(),
			args.out.display(),
			slot.layer,
			slot.expert,
			files.manifest.display()
		));
	}
	Ok(())
}

/// Datasets of the chain, in folders. The node is asked about those whose tiers no argument names.
async fn mixed_text(
	session: &Session,
	training: &TrainingArgs,
	of_chain: Vec<ChainData>,
) -> Outcome<Arc<TrainingText>> {
	let (mut data, mut roots) = (Vec::new(), Vec::new());
	let mut client = None;
	for one in of_chain {
		let tier = match one.tier {
			Some(tier) => tier,
			None => {
				let node = match client.take() {
					Some(node) => node,
					None => session.connect().await.map_err(|failure| {
						failure.next("start a node, or name tiers without one: --dataset N@V:gold=DIR")
					})?,
				};
				let DatasetRef { dataset, version } = one.dataset;
				let info = node.dataset(DatasetName { dataset, version: Some(version) }).await?;
				client = Some(node);
				roots.push((one.dataset, info.root));
				match info.stage {
					DatasetStage::Approved(tier) => tier,
					other => {
						let stage = dataset_stage::stage(other);
						return Err(Failure::new(format!(
							"dataset {dataset}.{version} is not in use: {stage}"
						))
						.kind(Kind::Refused)
						.next("leave it out: blyan dataset list"));
					}
				}
			}
		};
		data.push((one, tier));
	}
	let (output, mix) = (session.output.clone(), DatasetMix::from(training.mix));
	let text = tokio::task::spawn_blocking(move || {
		let mixture = Mixture::open(&output, mix, &data)?;
		mixture.ensure_roots(&roots)?;
		TrainingText::of_mixture(mixture)
	});
	Ok(Arc::new(text.await??))
}

/// The text to train on, read on a thread that may block.
pub async fn text(output: &Output, dataset: Option<&Path>) -> Outcome<Arc<TrainingText>> {
	let (log, dataset) = (output.clone(), dataset.map(Path::to_path_buf));
	let text = tokio::task::spawn_blocking(move || training_text(&log, dataset.as_deref()));
	Ok(Arc::new(text.await??))
}
