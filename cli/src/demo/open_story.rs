//! Scenario of the demo about an open model: one that people can talk to.
//!
//! Each step is a command of this program, printed before it runs, so that the whole can be repeated by hand.

use super::{miner, Stages};
use crate::{
	args::{
		ChatArgs, ChatModel, DemoArgs, LocalChatArgs, MineArgs, MineOpenArgs, MineRoundsArgs, ModelApplyArgs,
		ModelCommand, ModelHoldoutArgs, ModelImportArgs, ModelRegisterArgs, ModelUpcycleArgs, SignerArgs,
		TrainingArgs, TrainingData, WaitingArgs,
	},
	client::{self, Client},
	commands::{
		dataset::{documents_from_crates, find_registry, prose_from_crates, UNSEEN_BUCKETS},
		local_chat, mine, model,
		submit::{self, Candidate},
	},
	engine,
	failure::{Context, Failure, Outcome},
	keys::Account,
	local_model::LocalModel,
	output::Output,
	plot::{self, Point},
	session::Session,
	slot::SlotName,
};
use blyan_engine::dataset::{write_jsonl, Document};
use blyan_open_model::{
	measure::{cost, sequences, Cut},
	Directory,
};
use blyan_primitives::ExpertSlot;
use blyan_runtime_api::SubmissionOutcome;
use serde_json::json;
use std::{
	ops::Range,
	path::{Path, PathBuf},
	time::Duration,
};

/// First bucket of the crates that nothing is learned from: samples are made of them.
const MEASURED_FROM: u16 = 240;
/// Source text to learn from. A few minutes take in a small part of it.
const LEARNED_BYTES: u64 = 4 << 20;
/// Prose to learn from beside it, so that the model does not forget how people write.
const LEARNED_PROSE_BYTES: u64 = 2 << 20;
/// Source text that candidates are measured on: about 160 sequences.
const HOLDOUT_BYTES: usize = 128 << 10;
/// Prose on which a candidate must not be worse: about 40 sequences.
const GUARD_BYTES: usize = 40 << 10;
/// Text that the plot is measured on.
const PLOT_SEQUENCES: usize = 24;
/// Bytes of one document in a sample, so that it has many.
const SAMPLED_OF_DOCUMENT: usize = 2 << 10;
/// Experts of the layer that gets some, those that a token is routed to, and their rank.
const EXPERTS: u16 = 8;
/// Experts that a token is routed to.
const TOP_K: u8 = 2;
/// Rank of an expert.
const RANK: u8 = 16;
/// Predicted tokens of a sequence.
const POSITIONS: u32 = 256;
/// Seconds that a decision may take on a slow machine.
const DECISION_SECONDS: u64 = 1_200;
/// Seed of the worthless expert.
const NOISE_SEED: u64 = 1;
/// Tokens of an answer.
const ANSWER_TOKENS: usize = 96;

/// Files that are made before the node starts.
pub struct Prepared {
	/// Model with experts, as it is registered.
	model: PathBuf,
	/// Expert to train.
	slot: SlotName,
	/// Text to learn from.
	data: PathBuf,
	/// Holdout, and the text that it is made of.
	holdout: [PathBuf; 2],
	/// Guard, and the text that it is made of.
	guard: [PathBuf; 2],
	/// The same text as documents, which a miner watches.
	watched: PathBuf,
}

/// Imports the checkpoint, gives its last layer experts, and gathers text.
pub async fn prepare(
	session: &Session,
	dir: &Path,
	checkpoint: &Path,
	stages: &mut Stages,
) -> Outcome<Prepared> {
	let output = &session.output;
	let folder = dir.join("open");
	if folder.exists() {
		std::fs::remove_dir_all(&folder).context(folder.display())?;
	}
	std::fs::create_dir_all(&folder).context(folder.display())?;
	let file = |name: &str| folder.join(name);

	stages.begin("open model");
	let (dense, routed) = (file("dense"), file("model"));
	say(output, &format!("model import {} --out {}", checkpoint.display(), dense.display()));
	let import = ModelImportArgs {
		checkpoint: checkpoint.into(),
		out: dense.clone(),
		measure: None,
		sequences: POSITIONS as usize,
	};
	model::run(session, ModelCommand::Import(import)).await?;
	let layer = last_layer(&dense)?;
	say(
		output,
		&format!(
			"model upcycle {} --out {} --layers {layer} --experts {EXPERTS} --top-k {TOP_K} --rank {RANK}",
			dense.display(),
			routed.display()
		),
	);
	let upcycle = ModelUpcycleArgs {
		dir: dense,
		out: routed.clone(),
		layers: layer..layer.saturating_add(1),
		experts: EXPERTS,
		top_k: TOP_K,
		rank: Some(RANK),
		threads: None,
	};
	model::run(session, ModelCommand::Upcycle(upcycle)).await?;

	stages.begin("texts");
	let prepared = Prepared {
		slot: SlotName { layer, expert: 0 },
		data: file("data.jsonl"),
		holdout: [file("holdout.bin"), file("holdout.txt")],
		guard: [file("guard.bin"), file("guard.txt")],
		watched: file("guard.jsonl"),
		model: routed,
	};
	let targets =
		[&prepared.data, &prepared.holdout[1], &prepared.guard[1], &prepared.watched].map(Clone::clone);
	let log = output.clone();
	tokio::task::spawn_blocking(move || gather(&log, &targets)).await??;
	write_holdouts(session, &prepared).await?;
	Ok(prepared)
}

/// Writes holdout and guard as sequences of the model's tokens.
async fn write_holdouts(session: &Session, prepared: &Prepared) -> Outcome<()> {
	let output = &session.output;
	for [out, text] in [&prepared.holdout, &prepared.guard] {
		say(
			output,
			&format!("model holdout {} {} --out {}", prepared.model.display(), text.display(), out.display()),
		);
		let args = ModelHoldoutArgs {
			dir: prepared.model.clone(),
			texts: vec![text.clone()],
			out: out.clone(),
			positions: POSITIONS,
		};
		model::run(session, ModelCommand::Holdout(args)).await?;
	}
	Ok(())
}

/// Registers the model, trains an expert of it, tries to cheat, and talks to the model before and after.
pub async fn tell(
	session: &Session,
	client: &Client,
	dir: &Path,
	args: &DemoArgs,
	prepared: Prepared,
	stages: &mut Stages,
) -> Outcome<()> {
	let output = &session.output;
	stages.begin("answer before");
	ask(session, &prepared.model, args, &dir.join("open/before.json")).await?;
	let before = bits_per_byte(output, &prepared.model, &prepared.holdout[1]).await?;

	stages.begin("registration");
	let id = register(session, client, &prepared).await?;

	stages.begin("miner");
	let miner = miner::hire(output, client, dir).await?;
	let expert = dir.join("expert.tblk");
	stages.begin("training and decision");
	mine_once(session, client, &miner, args, &prepared, id, &expert).await?;

	stages.begin("noise");
	refuse_noise(output, client, &miner, &prepared, id, &expert).await?;

	stages.begin("answer after");
	let improved = dir.join("open/improved");
	let SlotName { layer, expert: index } = prepared.slot;
	say(
		output,
		&format!(
			"model apply {} {} --layer {layer} --expert {index} --out {}",
			prepared.model.display(),
			expert.display(),
			improved.display()
		),
	);
	let apply = ModelApplyArgs {
		dir: prepared.model.clone(),
		file: expert,
		layer,
		expert: index,
		out: improved.clone(),
	};
	model::run(session, ModelCommand::Apply(apply)).await?;
	ask(session, &improved, args, &dir.join("open/after.json")).await?;
	let after = bits_per_byte(output, &improved, &prepared.holdout[1]).await?;

	stages.begin("plot");
	let path = dir.join("bits-per-byte.svg");
	let points = [
		Point { label: "as imported".into(), bits_per_byte: before, error: 0.0 },
		Point { label: format!("layer{layer}.expert{index}"), bits_per_byte: after, error: 0.0 },
	];
	plot::draw(&path, "Bits per byte of crates that nothing was learned from", &points)?;
	let fields = json!({ "file": path, "before": before, "after": after });
	let text = format!("plot       {}: {before:.4} -> {after:.4} bits a byte", path.display());
	output.event("plot", fields, text);
	output.say(format!(
		"\ntalk to it  blyan chat --model {model}\nserve it    blyan serve --model {model}",
		model = improved.display()
	));
	Ok(())
}

/// Prints a command before it runs.
fn say(output: &Output, command: &str) {
	output.say(format!("\n$ blyan {command}"));
}

fn last_layer(dir: &Path) -> Outcome<u8> {
	let directory = Directory::new(dir);
	let architecture = directory.architecture(&directory.manifest()?)?;
	let last = architecture.layers.len().checked_sub(1).and_then(|last| u8::try_from(last).ok());
	last.ok_or_else(|| Failure::new("the checkpoint has no layers").next("name another with --checkpoint"))
}

/// Writes what is learned from, and the texts of holdout and guard, from the crates on this machine.
fn gather(output: &Output, [data, holdout, guard, watched]: &[PathBuf; 4]) -> Outcome<()> {
	let registry = find_registry()?;
	let Range { start, end } = UNSEEN_BUCKETS;
	let mut learned = documents_from_crates(output, &registry, start..MEASURED_FROM, LEARNED_BYTES)?;
	learned.extend(prose_from_crates(output, &registry, start..MEASURED_FROM, LEARNED_PROSE_BYTES)?);
	write_jsonl(data, &learned).context("dataset")?;
	let measured = MEASURED_FROM..end;
	let source = documents_from_crates(output, &registry, measured.clone(), LEARNED_BYTES)?;
	write_sample(holdout, &sample(&source, HOLDOUT_BYTES))?;
	let prose = prose_from_crates(output, &registry, measured, LEARNED_PROSE_BYTES)?;
	let prose = sample(&prose, GUARD_BYTES);
	write_sample(guard, &prose)?;
	write_jsonl(watched, &prose).context("guard")?;
	let bytes: usize = learned.iter().map(|document| document.text.len()).sum();
	let fields = json!({ "documents": learned.len(), "bytes": bytes });
	let text = format!(
		"dataset    {} documents, {:.1} MiB to learn from; crates of {} buckets are left for judging",
		learned.len(),
		bytes as f64 / f64::from(1 << 20),
		end - MEASURED_FROM
	);
	output.event("dataset", fields, text);
	Ok(())
}

/// Takes the beginnings of documents until there is enough.
fn sample(documents: &[Document], bytes_max: usize) -> Vec<Document> {
	let mut bytes = 0;
	let beginnings = documents.iter().map(|document| {
		let end = document.text.floor_char_boundary(SAMPLED_OF_DOCUMENT);
		let Document { text, origin, family, license, .. } = document;
		Document::new(text[..end].to_owned(), origin.clone(), family.clone(), license.clone())
	});
	let is_wanted = |document: &Document| {
		let before = bytes;
		bytes += document.text.len();
		before < bytes_max
	};
	beginnings.take_while(is_wanted).collect()
}

/// Writes documents, one behind the other.
fn write_sample(path: &Path, documents: &[Document]) -> Outcome<()> {
	let text: String = documents.iter().flat_map(|document| [document.text.as_str(), "\n"]).collect();
	if text.is_empty() {
		return Err(Failure::new("the crates on this machine have no text to measure on")
			.next("build something with more dependencies first, or leave --checkpoint out"));
	}
	std::fs::write(path, text).context(path.display())
}

/// Asks the question at temperature zero and shows the answer.
async fn ask(session: &Session, model: &Path, args: &DemoArgs, save: &Path) -> Outcome<()> {
	let question = &args.question;
	say(
		&session.output,
		&format!("chat --model {} --temperature 0 --prompt \"{question}\"", model.display()),
	);
	let chat = ChatArgs {
		model: ChatModel::Directory(model.into()),
		prompt: Some(question.clone()),
		prompt_hex: None,
		max_bytes: 0,
		temperature: 0.0,
		top_p: 1.0,
		seed: Some(0),
		save: Some(save.into()),
		session: None,
		verify: None,
		local: LocalChatArgs { max_tokens: Some(ANSWER_TOKENS), ..LocalChatArgs::default() },
	};
	local_chat::run(session, chat, model.into()).await
}

/// Measures a model on a text, exactly.
async fn bits_per_byte(output: &Output, model: &Path, text: &Path) -> Outcome<f64> {
	let (output, dir, path) = (output.clone(), model.to_path_buf(), text.to_path_buf());
	tokio::task::spawn_blocking(move || {
		let text = std::fs::read_to_string(&path).context(path.display())?;
		let LocalModel { tokenizer, mut runner, .. } = LocalModel::open(&dir, None)?;
		let sequences =
			sequences(&tokenizer, &text, Cut { sequences_max: PLOT_SEQUENCES, ..Cut::default() })?;
		let bar = output.bar("measuring", sequences.len() as u64);
		let cost = cost(&mut runner, &tokenizer, &sequences, |done| bar.set(done as u64))?;
		Ok(cost.bits_per_byte())
	})
	.await?
}

async fn register(session: &Session, client: &Client, prepared: &Prepared) -> Outcome<u32> {
	let [holdout, guard] = [&prepared.holdout[0], &prepared.guard[0]];
	say(
		&session.output,
		&format!(
			"model register {} --holdout {} --guard {} --suri //Alice",
			prepared.model.display(),
			holdout.display(),
			guard.display()
		),
	);
	let args = ModelRegisterArgs {
		dir: prepared.model.clone(),
		name: None,
		holdout: Some(holdout.clone()),
		guard: Some(guard.clone()),
		owner: None,
		again: false,
		calls: false,
		no_upload: false,
		signer: SignerArgs { key: None, suri: Some("//Alice".into()) },
	};
	model::run(session, ModelCommand::Register(args)).await?;
	let models = client.models().await?;
	models.last().copied().ok_or_else(|| {
		Failure::new("the chain lists no models").next("look at the node's log, beside the demo's files")
	})
}

/// Trains an expert, judges it here, submits it, and follows it to its acceptance.
async fn mine_once(
	session: &Session,
	client: &Client,
	miner: &Account,
	args: &DemoArgs,
	prepared: &Prepared,
	model: u32,
	expert: &Path,
) -> Outcome<()> {
	let SlotName { layer, expert: index } = prepared.slot;
	say(
		&session.output,
		&format!(
			"mine --model {model} --model-dir {} --slot {layer}.{index} --dataset {} --guard {} --minutes {}",
			prepared.model.display(),
			prepared.data.display(),
			prepared.watched.display(),
			args.minutes
		),
	);
	let mine = MineArgs {
		model,
		slot: Some(prepared.slot),
		out: Some(expert.into()),
		fresh: true,
		open: MineOpenArgs {
			model_dir: Some(prepared.model.clone()),
			guard: vec![prepared.watched.clone()],
			limit: None,
			submit_anyway: false,
			threads: None,
		},
		training: TrainingArgs {
			dataset: vec![TrainingData::File(prepared.data.clone())],
			minutes: Some(args.minutes),
			..TrainingArgs::default()
		},
		rounds: MineRoundsArgs::default(),
		signer: SignerArgs::default(),
		waiting: WaitingArgs { no_wait: false, timeout: DECISION_SECONDS },
	};
	mine::with(session, client, miner, &mine).await
}

/// Submits the accepted expert with its numbers shuffled, which must be refused.
async fn refuse_noise(
	output: &Output,
	client: &Client,
	miner: &Account,
	prepared: &Prepared,
	model: u32,
	expert: &Path,
) -> Outcome<()> {
	let SlotName { layer, expert: index } = prepared.slot;
	let slot = ExpertSlot { model, layer, expert: index };
	let directory = Directory::new(&prepared.model);
	let architecture = directory.architecture(&directory.manifest()?)?;
	let trained = std::fs::read(expert).context(expert.display())?;
	let bytes = engine::shuffled(trained, &architecture, prepared.slot, NOISE_SEED)?;
	output.say("the same expert is submitted with its numbers shuffled");
	let parent = submit::head(client, slot).await?.version;
	let candidate = Candidate { slot, parent, bytes, manifest: Default::default() };
	let salt = crate::commitment::new_salt();
	let (id, block) = submit::submit(client, output, miner, &candidate, &salt).await?;
	client::upload(client, output, &candidate.bytes).await?;
	let decision = client::follow(client, output, id, block, Duration::from_secs(DECISION_SECONDS)).await?;
	match decision.outcome {
		SubmissionOutcome::Rejected(_) => Ok(()),
		outcome => Err(Failure::new(format!("the worthless expert was not refused: {outcome:?}"))
			.next(format!("look at the submission: blyan submissions {id}"))),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn document(text: &str) -> Document {
		Document::new(text.into(), "a-1.0.0/lib.rs".into(), "a/lib.rs".into(), "MIT".into())
	}

	#[test]
	fn a_sample_takes_the_beginnings_of_many_documents() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("sample.txt");
		let long = "é".repeat(SAMPLED_OF_DOCUMENT);
		let documents = [document(&long), document("fn main() {}")];
		write_sample(&path, &sample(&documents, 1 << 20)).unwrap();
		let text = std::fs::read_to_string(&path).unwrap();
		assert_eq!(text.len(), SAMPLED_OF_DOCUMENT + 1 + "fn main() {}\n".len());
		assert_eq!(sample(&[document("first"), document("second")], 1), [document("first")]);
	}

	#[test]
	fn a_machine_without_text_is_told_what_to_do() {
		let folder = tempfile::tempdir().unwrap();
		let failure = write_sample(&folder.path().join("sample.txt"), &[]).unwrap_err();
		assert!(failure.next.unwrap().contains("--checkpoint"));
	}
}
