//! Mining of an open model: an adapter of the chain's model, trained in the user's copy of it and judged here before it is paid for.

use super::kept::{self, Miner};
use crate::{
	args::MineArgs,
	chain_model::ChainModel,
	client,
	commands::{
		submit::Candidate,
		train::adapter::{
			self,
			decision::{Bar, Verdict},
			plan::Plan,
		},
	},
	failure::{Context, Failure, Kind, Outcome},
	mining::{
		self,
		adapter::{train, AdapterOfRun, AdapterRun},
		adapter_run::{model_root, RunRecord, Runs},
		adapter_slot,
		idle::{self, Gate, Watcher},
		journal::Experience,
		open_copy,
	},
	output::Output,
	slot::SlotName,
};
use blyan_open_model::{derive::Parent, load, Runner};
use blyan_primitives::ExpertSlot;
use blyan_runtime_api::SubmissionTerms;
use blyan_training::open::{Sequence, Settings};
use serde_json::{json, Value};
use std::{
	path::{Path, PathBuf},
	sync::Arc,
};

/// Tokens that an update learns from where nothing else is said.
const BATCH: usize = 1_024;
/// Mebibytes of text where nothing else is said.
const LIMIT_MIB: u64 = 8;

/// Mines an adapter, or goes on with one that an earlier run was training.
pub async fn mine(miner: Miner<'_>, chain: Arc<ChainModel>, terms: &SubmissionTerms) -> Outcome<()> {
	let Miner { session, client, account, args, .. } = miner;
	let output = &session.output;
	let dir = model_dir(args)?;
	let plan = plan(miner, &chain, terms).await?;
	let named = args.slot.map(|name| adapter_slot::named(&chain, name)).transpose()?;
	let runs = Runs::open(&session.home, client.genesis())?;
	let resumed = resumable(miner, &chain, &runs)?;
	let model = match &resumed {
		Some(run) => run.model.clone(),
		None => open_copy::current(output, client, &session.home, &chain, dir).await?,
	};
	let bar = Bar::of_chain(terms);
	let mut watcher = miner.watcher()?;
	let experience = match (miner.rounds, &resumed, named) {
		(Some(rounds), None, None) => Some(rounds.experience(miner).await?),
		_ => None,
	};
	let prepared = {
		let gate = watcher.as_ref().map(Watcher::gate);
		let (output, plan, chain, runs) = (output.clone(), plan.clone(), chain.clone(), runs.clone());
		let slot = resumed.as_ref().map(|run| run.slot).or(named);
		let miner = account.address();
		let is_resumed = resumed.is_some();
		let preparation =
			Preparation { output, plan, bar, chain, runs, slot, experience, miner, is_resumed, gate };
		let prepare = move || preparation.run(&model);
		tokio::task::spawn_blocking(prepare).await??
	};
	let Prepared { run, guard, record, folder } = prepared;
	let trained = idle::during(watcher.as_mut(), train(output, run)).await;
	let finished = trained.map_err(|failure| explain_other_run(failure, &folder))?;
	let (finished, verdict) = {
		let (output, folder) = (output.clone(), folder.clone());
		let judge = move || judge(&output, &folder, finished, &guard, plan.positions, &bar);
		tokio::task::spawn_blocking(judge).await??
	};
	if !verdict.is_accepted() && !args.open.submit_anyway {
		if let Some(rounds) = miner.rounds {
			// The next round is another one: training on in this slot is not better than any other choice.
			runs.remove(&record)?;
			rounds.note_worthless(record.slot, finished.seconds)?;
		}
		return Err(not_worth_its_fee(args, &verdict, &finished, &folder));
	}
	let facts = facts(&finished, &record);
	let manifest = client::hash(facts.to_string().as_bytes());
	let candidate = Candidate { slot: record.slot, parent: record.parent, bytes: finished.file, manifest };
	let submission = kept::keep(miner, &candidate, &chain, facts)?;
	kept::report(miner, &submission);
	// What it has learned is in the block, and the same run again would make the same tensors.
	if let Err(failure) = runs.remove(&record) {
		output.warn(failure.message);
	}
	kept::hand_in(miner, &candidate, submission).await
}

/// Returns the directory of the model; refuses options that are for models of the first definition.
fn model_dir(args: &MineArgs) -> Outcome<&Path> {
	let id = args.model;
	let refused = |error: String| Failure::new(error).kind(Kind::Refused);
	if args.training.checkpoint.is_some() {
		let error = "--checkpoint is for models of the first definition; runs of open models are kept below the home directory";
		return Err(refused(error.into())
			.next("leave it out: the same command goes on with a run that was interrupted"));
	}
	args.open.model_dir.as_deref().ok_or_else(|| {
		refused(format!("model {id} is an open model, and its tokenizer and parts are not on the chain")).next(format!(
			"import the checkpoint that it came from (blyan model import FILE --out DIR; blyan model show {id} names it), and pass \
			--model-dir DIR"
		))
	})
}

/// Returns the plan of a run by which the chain will judge: sequences of its holdout's length, as many as a committee evaluates.
async fn plan(miner: Miner<'_>, chain: &ChainModel, terms: &SubmissionTerms) -> Outcome<Plan> {
	let Miner { client, args, .. } = miner;
	let MineArgs { training, open, .. } = args;
	let id = chain.info.id;
	let holdout = client.holdout(id).await?.ok_or_else(|| {
		Failure::new(format!("model {id} has no holdout, so no expert of it can be judged"))
			.kind(Kind::Refused)
			.next("wait until one is registered: blyan model register DIR --holdout FILE")
	})?;
	// Refuses limits that are none; what they are where nothing is said is the plan's matter.
	mining::limits(training, u64::MAX, None)?;
	Ok(Plan {
		data: training.file()?.into_iter().map(Into::into).collect(),
		guard: open.guard.clone(),
		limit_mib: open.limit.unwrap_or(LIMIT_MIB),
		positions: chain.info.body.positions(&holdout).into(),
		sequences: terms.sample as usize,
		minutes: training.minutes,
		steps: training.steps,
		batch: training.batch.unwrap_or(BATCH),
		optimiser: mining::optimiser(training, Settings::default().optimiser)?,
		seed: training.seed,
		threads: open.threads,
		background: training.background,
	})
}

/// Returns a run of this miner that can go on. Runs whose slot has another head, or whose model is gone, are removed; so are those
/// that `--fresh` replaces.
fn resumable(miner: Miner<'_>, chain: &ChainModel, runs: &Runs) -> Outcome<Option<RunRecord>> {
	let Miner { session, account, args, .. } = miner;
	let mut resumed = None;
	for run in runs.of(&account.address(), chain.info.id)? {
		let ExpertSlot { layer, expert, .. } = run.slot;
		let is_wanted = args.slot.is_none_or(|name| name == SlotName { layer, expert });
		let is_of_head = chain.head(run.slot).is_ok_and(|head| head.version == run.parent);
		if is_of_head && run.has_model() {
			if is_wanted && miner.is_fresh() {
				runs.remove(&run)?;
			} else if is_wanted {
				resumed.get_or_insert(run);
			}
			continue;
		}
		let why = if is_of_head { "its model is gone" } else { "another expert has taken the slot" };
		let fields = json!({ "slot": run.slot, "parent": run.parent, "reason": why });
		match runs.remove(&run) {
			Ok(()) => {
				let text = format!(
					"dropped    the training of layer{layer}.expert{expert} from version {}: {why}",
					run.parent
				);
				session.output.event("dropped", fields, text);
			}
			// Another process is in it, and will find out by itself.
			Err(failure) => session.output.warn(failure.message),
		}
	}
	Ok(resumed)
}

/// Makes everything that a run needs, on a thread that may block.
struct Preparation {
	output: Output,
	plan: Plan,
	/// Requirements that the chain will judge by.
	bar: Bar,
	chain: Arc<ChainModel>,
	runs: Runs,
	/// Slot; chosen if absent.
	slot: Option<ExpertSlot>,
	/// Experience by which one of several rounds chooses.
	experience: Option<Experience>,
	/// Address of the miner.
	miner: String,
	is_resumed: bool,
	/// Passed after every step of the training.
	gate: Option<Gate>,
}

/// Everything that a run needs.
struct Prepared {
	run: AdapterRun,
	/// Sequences of the guard.
	guard: Vec<Sequence>,
	record: RunRecord,
	/// Directory of the run.
	folder: PathBuf,
}

impl Preparation {
	/// Reads the model and the texts, chooses the slot, and begins the run.
	fn run(self, model: &Path) -> Outcome<Prepared> {
		let Self { output, plan, bar, chain, runs, slot, experience, miner, is_resumed, gate } = self;
		let parent = Parent::open(model)?;
		plan.ensure_fits(parent.architecture().context)?;
		let texts = plan.texts(&output, parent.tokenizer())?;
		let spinner = output.spinner("loading");
		let weights = Arc::new(load(parent.directory(), parent.manifest(), parent.architecture())?);
		drop(spinner);
		let slot = match slot {
			Some(slot) => slot,
			None => {
				let mut runner = Runner::on_this_machine(weights.clone(), plan.threads)?;
				match &experience {
					Some(experience) => {
						adapter_slot::by_experience(&chain, experience, &mut runner, &texts.text)?
					}
					None => adapter_slot::choose(&chain, &mut runner, &texts.text)?,
				}
			}
		};
		let head = chain.head(slot)?.version;
		let root = model_root(model).ok_or_else(|| {
			Failure::new(format!("{} has no model root", model.display())).next("import the model again")
		})?;
		let record = RunRecord { slot, parent: head, miner, model: model.into(), model_root: root };
		let folder = runs.begin(&record)?;
		let settings = plan.settings(&folder, &bar)?;
		report_start(&output, &record, is_resumed);
		let run = AdapterRun {
			parent,
			weights,
			slot: (slot.layer, slot.expert),
			text: texts.text,
			held_out: texts.held_out,
			watched: texts.watched,
			settings,
			threads: plan.threads,
			background: plan.background,
			gate,
		};
		Ok(Prepared { run, guard: texts.guard, record, folder })
	}
}

fn report_start(output: &Output, record: &RunRecord, is_resumed: bool) {
	let RunRecord { slot, parent, miner, model, .. } = record;
	let fields =
		json!({ "slot": slot, "parent": parent, "miner": miner, "dir": model, "resumed": is_resumed });
	let goes_on = if is_resumed { ", where an earlier run ended" } else { "" };
	let ExpertSlot { model, layer, expert } = slot;
	let line = format!(
		"mining     layer{layer}.expert{expert} of model {model} from version {parent} as {miner}{goes_on}"
	);
	output.event("mining", fields, line);
}

/// Writes the adapter to its run's directory, and measures it as the chain would.
fn judge(
	output: &Output,
	folder: &Path,
	finished: AdapterOfRun,
	guard: &[Sequence],
	positions: usize,
	bar: &Bar,
) -> Outcome<(AdapterOfRun, Verdict)> {
	adapter::keep(output, folder, &finished)?;
	let verdict = Verdict::measure(output, positions, &finished.run, &finished.file, guard, bar)?;
	verdict.show(output);
	Ok((finished, verdict))
}

/// Adds the way out to the failure of a run whose directory was begun with another text or other settings.
fn explain_other_run(failure: Failure, folder: &Path) -> Failure {
	let is_about_folder = failure.message.contains(&folder.display().to_string());
	match failure.next.is_none() && is_about_folder {
		true => failure
			.next("the same text and settings go on with the run that is there; --fresh removes it and begins another"),
		false => failure,
	}
}

/// The end of a run whose adapter the chain would not accept: nothing was sent.
fn not_worth_its_fee(args: &MineArgs, verdict: &Verdict, finished: &AdapterOfRun, folder: &Path) -> Failure {
	if let Some(path) = &args.out {
		if let Err(failure) = std::fs::write(path, &finished.file).context(path.display()) {
			return failure;
		}
	}
	let next = format!(
		"nothing was sent, and the adapter is {}: the same command with a later limit (--minutes, --steps) trains on, --fresh with \
		other text begins again, and --submit-anyway pays for the chain's own verdict",
		folder.join(adapter::EXPERT_FILE).display()
	);
	Failure::new(format!("not submitted: {}", verdict.reason())).kind(Kind::Refused).next(next)
}

/// Returns the facts of a run; the chain keeps their hash.
fn facts(finished: &AdapterOfRun, record: &RunRecord) -> Value {
	let AdapterOfRun { run, trained, seconds, .. } = finished;
	let bytes: u64 = run.text.iter().map(Sequence::text_bytes).sum();
	json!({
		"program": concat!("blyan ", env!("CARGO_PKG_VERSION")),
		"slot": record.slot,
		"model_root": record.model_root,
		"options": run.settings,
		"corpus": { "sequences": run.text.len(), "bytes": bytes },
		"result": { "steps": trained.steps, "sequences": trained.sequences, "tokens": trained.tokens,
			"rounding_errors": trained.rounding_errors, "guard_share": trained.guarded.map(|guarded| guarded.share), "seconds": seconds },
	})
}
