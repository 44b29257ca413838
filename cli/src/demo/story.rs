//! Scenario of the demo, in order.

use super::{miner, Stages};
use crate::{
	amount,
	args::{ChatArgs, ChatModel, DemoArgs, LocalChatArgs, TrainingArgs},
	chain_model::first_config,
	client::{self, Client, Submission},
	commands::{
		chat,
		dataset::{
			documents_from_crates, documents_from_files, find_own_sources, find_registry, TrainingText,
			UNSEEN_BUCKETS,
		},
		submit::{self, Candidate},
		train,
	},
	engine,
	failure::{Context, Failure, Outcome},
	keys::Account,
	mining::{self, BaseRun, LocalModel},
	names,
	output::Output,
	plot::{self, Point},
};
use blyan_engine::dataset::{write_jsonl, Document, Licence};
use blyan_exact::ModelConfig;
use blyan_primitives::ExpertSlot;
use blyan_runtime_api::SubmissionOutcome;
use blyan_training::base;
use serde_json::json;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};

/// Text to train on; more would only take longer to read.
const DATASET_BYTES: u64 = 32 << 20;
/// A decision that takes longer than this will not come.
const DECISION_TIMEOUT: Duration = Duration::from_secs(300);
/// Seed of the text before and after, so that only the model differs.
const TEXT_SEED: u64 = 7;
/// Training of the tiny model: enough to know letters, little enough to leave something to learn.
const TINY_STEPS: u64 = 20;
/// Sequences that candidates for the tiny model are measured on.
const TINY_HOLDOUT: usize = 256;
/// Seed of the worthless expert.
const NOISE_SEED: u64 = 1;

/// Files that are made before the node starts.
pub struct Prepared {
	/// Text to train on.
	text: Arc<TrainingText>,
	/// Genesis model other than the built-in one.
	pub model: Option<PathBuf>,
}

/// Builds the dataset, and for `--fast` a tiny model.
pub async fn prepare(output: &Output, dir: &Path, args: &DemoArgs, stages: &mut Stages) -> Outcome<Prepared> {
	stages.begin("dataset");
	let (log, folder, options) = (output.clone(), dir.to_path_buf(), args.clone());
	let documents = tokio::task::spawn_blocking(move || dataset(&log, &folder, &options)).await??;
	let training: Arc<TrainingText> = Arc::new(documents.iter().collect());
	let corpus = &training.corpus;
	let fields = json!({ "documents": corpus.documents(), "bytes": corpus.len() });
	let text = format!(
		"dataset    {} documents, {:.1} MiB to train on; every tenth is left for judging",
		corpus.documents(),
		corpus.len() as f64 / f64::from(1 << 20)
	);
	output.event("dataset", fields, text);
	let model = match (&args.model, args.fast) {
		(Some(model), _) => Some(model.clone()),
		(None, true) => {
			stages.begin("tiny model");
			let out = dir.join("model");
			tiny_model(output, &documents, training.clone(), &out).await?;
			Some(out)
		}
		(None, false) => None,
	};
	Ok(Prepared { text: training, model })
}

fn dataset(output: &Output, dir: &Path, args: &DemoArgs) -> Outcome<Vec<Document>> {
	if let Some(path) = &args.dataset {
		return train::documents(output, Some(path));
	}
	let documents = match find_registry()
		.and_then(|registry| documents_from_crates(output, &registry, UNSEEN_BUCKETS, DATASET_BYTES))
	{
		Ok(documents) => documents,
		Err(_) => {
			let own = find_own_sources().ok_or_else(|| {
				Failure::new("there is no text to train on").next("name a dataset with --dataset FILE")
			})?;
			output.say("no crate sources on this machine; training on this project's own");
			// Not all of it: builds lie beside the sources.
			let folders = ["cli", "docs", "ml-engine", "node", "pallets", "primitives", "runtime"];
			let folders: Vec<_> =
				folders.iter().map(|name| own.join(name)).filter(|path| path.is_dir()).collect();
			documents_from_files(output, &folders, Licence::parse("Apache-2.0 OR MIT")?)?
		}
	};
	let path = dir.join("dataset.jsonl");
	write_jsonl(&path, &documents).context("dataset")?;
	Ok(documents)
}

/// A model that is trained in seconds, for tests of the demo itself.
async fn tiny_model(
	output: &Output,
	documents: &[Document],
	text: Arc<TrainingText>,
	out: &Path,
) -> Outcome<()> {
	let config =
		ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 2, experts: 2, top_k: 1, context: 64 };
	let holdout = train::holdout(documents, &config, TINY_HOLDOUT)?;
	let options = base::Options { steps: TINY_STEPS, batch: 8, ..Default::default() };
	let run = BaseRun { name: "tiny".into(), config, text, holdout, options, background: false };
	mining::train_base(output, run, out).await
}

/// Trains, submits, tries to cheat, and talks to the model before and after.
pub async fn tell(
	output: &Output,
	client: &Client,
	dir: &Path,
	args: &DemoArgs,
	prepared: Prepared,
	stages: &mut Stages,
) -> Outcome<()> {
	introduce(output, client).await?;
	stages.begin("text before");
	let before = text(output, client, args, "text_before").await?;

	stages.begin("miner");
	let miner = miner::hire(output, client, dir).await?;

	let mut points = Vec::new();
	let mut is_accepted = false;
	for round in 0..args.rounds.max(1) {
		let learn_from = prepared.text.clone();
		is_accepted |=
			improve(output, client, dir, args, &miner, learn_from, round, &mut points, stages).await?;
	}

	stages.begin("noise");
	refuse_noise(output, client, &miner, args).await?;

	stages.begin("text after");
	let after = text(output, client, args, "text_after").await?;
	let is_same = before == after;
	if is_accepted && is_same {
		output.say("(the sampled bytes happen to be the same; ask for more with --prompt)");
	}

	stages.begin("plot");
	let path = dir.join("bits-per-byte.svg");
	if points.is_empty() {
		output.warn("no expert was scored, so there is nothing to plot");
	} else {
		plot::draw(&path, "Bits per byte of the model on chain", &points)?;
		let values: Vec<_> = points
			.iter()
			.map(|point| json!({ "label": point.label, "bits_per_byte": point.bits_per_byte }))
			.collect();
		let fields = json!({ "file": path, "points": values });
		output.event("plot", fields, format!("plot       {}", path.display()));
	}
	if !is_accepted {
		return Err(Failure::new("no expert was accepted: the training was too short to show")
			.next("run again with more time: blyan demo --minutes 5"));
	}
	Ok(())
}

async fn introduce(output: &Output, client: &Client) -> Outcome<()> {
	let network = client.network().await?;
	let model = client.model(0).await?;
	let operators = client.operators().await?;
	let names: Vec<String> = operators.iter().map(|operator| names::short(&operator.account)).collect();
	let config = &first_config(&model)?;
	let fields = json!({ "network": network, "config": config, "operators": operators.len() });
	let text = format!(
		"chain      {} (genesis {}..)\nmodel      {}: {} layers of {} experts, top {}, width {}, context {}\n\
		operators  {}",
		network.chain,
		&network.genesis[..10],
		String::from_utf8_lossy(&model.name),
		config.layers,
		config.experts,
		config.top_k,
		config.d_model,
		config.context,
		names.join(", ")
	);
	output.event("chain", fields, text);
	Ok(())
}

async fn text(output: &Output, client: &Client, args: &DemoArgs, event: &str) -> Outcome<String> {
	let chat = ChatArgs {
		model: ChatModel::Chain(0),
		prompt: None,
		prompt_hex: None,
		max_bytes: 160,
		temperature: 0.5,
		top_p: 0.9,
		seed: Some(TEXT_SEED),
		save: None,
		session: None,
		verify: None,
		local: LocalChatArgs::default(),
	};
	let answer = chat::generate(client, &chat, &chat::Prompt::Text(args.prompt.clone()), |_| ()).await?;
	let fields = json!({ "prompt": args.prompt, "text": answer.text, "cost": answer.cost });
	let shown = format!("{}{}", args.prompt, answer.text).replace('\n', "\n  | ");
	output.event(event, fields, format!("  | {shown}\n  {}", answer.cost_line()));
	Ok(answer.text)
}

/// Trains one expert and follows it to its decision; says whether it was accepted.
async fn improve(
	output: &Output,
	client: &Client,
	dir: &Path,
	args: &DemoArgs,
	miner: &Account,
	learn_from: Arc<TrainingText>,
	round: u32,
	points: &mut Vec<Point>,
	stages: &mut Stages,
) -> Outcome<bool> {
	stages.begin("training");
	let info = client.model(0).await?;
	let model = Arc::new(LocalModel::fetch(output, client, &dir.join("blobs"), &info).await?);
	let slot = match args.slot {
		Some(slot) if round == 0 => ExpertSlot { model: 0, layer: slot.layer, expert: slot.expert },
		_ => {
			let (model, learn_from) = (model.clone(), learn_from.clone());
			tokio::task::spawn_blocking(move || model.choose_slot(0, &learn_from.corpus, 0)).await??
		}
	};
	let training = TrainingArgs {
		minutes: args.steps.is_none().then_some(args.minutes),
		steps: args.steps,
		seed: Some(u64::from(round)),
		..TrainingArgs::default()
	};
	let parent = submit::head(client, slot).await?.version;
	let trained = mining::train_expert(output, model, slot, learn_from, &training, None).await?;
	keep(dir, &trained)?;
	trained.report(output);

	stages.begin("submission");
	let candidate = Candidate {
		slot,
		parent,
		manifest: client::hash(trained.manifest.to_string().as_bytes()),
		bytes: trained.bytes,
	};
	let submission = submit_and_follow(output, client, miner, &candidate).await?;
	let is_accepted = matches!(submission.outcome, SubmissionOutcome::Accepted { .. });
	if let Some(gain) = submission.gain() {
		if points.is_empty() {
			points.push(Point { label: "genesis".into(), bits_per_byte: gain.baseline, error: 0.0 });
		}
		if is_accepted {
			// Every decision has its own sample: the gain is what was measured, so gains are chained.
			let last = points.last().map_or(gain.baseline, |point| point.bits_per_byte);
			points.push(Point {
				label: format!("layer{}.expert{}", slot.layer, slot.expert),
				bits_per_byte: last - gain.improvement,
				error: gain.standard_error,
			});
		}
	}
	if is_accepted {
		let head = submit::head(client, slot).await?;
		let balance = client.balance(&miner.id()).await?;
		let fields = json!({ "slot": slot, "head": head, "balance": balance.free.to_string(),
			"held": balance.held.to_string() });
		let text = format!(
			"new head   layer{}.expert{} is version {}, tensors {}; the miner has {}, and {} on hold",
			slot.layer,
			slot.expert,
			head.version,
			names::short_hash(&head.block.tensor_root),
			amount::show(balance.free),
			amount::show(balance.held)
		);
		output.event("new_head", fields, text);
	}
	Ok(is_accepted)
}

/// Keeps an expert beside the demo's other files.
fn keep(dir: &Path, trained: &mining::TrainedExpert) -> Outcome<()> {
	std::fs::write(dir.join("expert.tblk"), &trained.bytes).context("expert.tblk")?;
	std::fs::write(dir.join("expert.json"), trained.manifest.to_string()).context("expert.json")
}

async fn submit_and_follow(
	output: &Output,
	client: &Client,
	miner: &Account,
	candidate: &Candidate,
) -> Outcome<Submission> {
	let (id, block) =
		submit::submit(client, output, miner, candidate, &crate::commitment::new_salt()).await?;
	client::upload(client, output, &candidate.bytes).await?;
	client::follow(client, output, id, block, DECISION_TIMEOUT).await
}

/// Submits random weights, which must be refused.
async fn refuse_noise(output: &Output, client: &Client, miner: &Account, args: &DemoArgs) -> Outcome<()> {
	let model = client.model(0).await?;
	let slot = args.slot.map_or(ExpertSlot { model: 0, layer: 0, expert: 0 }, |slot| ExpertSlot {
		model: 0,
		layer: slot.layer,
		expert: slot.expert,
	});
	let head = submit::head(client, slot).await?;
	let current = client::download(client, output, &head.block.blob).await?;
	let bytes = engine::noise(&current, &first_config(&model)?, NOISE_SEED)?;
	output.say("an expert of random weights is submitted too");
	let candidate = Candidate { slot, parent: head.version, bytes, manifest: Default::default() };
	let submission = submit_and_follow(output, client, miner, &candidate).await?;
	match submission.outcome {
		SubmissionOutcome::Rejected(_) => Ok(()),
		outcome => Err(Failure::new(format!("the worthless expert was not refused: {outcome:?}"))
			.next("look at the submission: blyan submissions 1")),
	}
}
