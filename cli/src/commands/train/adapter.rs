//! `train adapter`: one expert of an open model, trained and judged on this machine. `mine` shares its parts.

pub mod decision;
mod parent;
pub mod plan;
mod texts;

use crate::{
	args::TrainAdapterArgs,
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
	mining::adapter::{train, AdapterOfRun, AdapterRun},
	output::Output,
};
use blyan_open_model::{apply::apply, derive::Parent, load};
use blyan_training::open::{Guarded, Sequence, Settings};
use decision::{Bar, Verdict};
use plan::Plan;
use serde_json::json;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
};
use texts::Texts;

/// File of the adapter in the directory of its run.
pub const EXPERT_FILE: &str = "expert.tblk";

/// Trains an adapter, measures it, and puts it into the model if the rule of a chain accepts it.
pub async fn run(output: &Output, args: TrainAdapterArgs) -> Outcome<()> {
	let args = Arc::new(args);
	let prepared = {
		let (output, args) = (output.clone(), args.clone());
		tokio::task::spawn_blocking(move || prepare(&output, &args)).await??
	};
	let Prepared { plan, run, guard, folder } = prepared;
	let finished = train(output, run).await?;
	let output = output.clone();
	tokio::task::spawn_blocking(move || finish(&output, &args, &plan, &folder, finished, &guard)).await?
}

/// Everything that a run needs.
struct Prepared {
	plan: Plan,
	run: AdapterRun,
	/// Sequences of the guard.
	guard: Vec<Sequence>,
	/// Directory of the run.
	folder: PathBuf,
}

fn prepare(output: &Output, args: &TrainAdapterArgs) -> Outcome<Prepared> {
	ensure_new(&args.out)?;
	let folder = args.run.clone().unwrap_or_else(|| args.out.with_added_extension("run"));
	std::fs::create_dir_all(&folder).context(folder.display())?;
	let parent = parent::open(output, args, &folder)?;
	let plan = plan(args);
	plan.ensure_fits(parent.architecture().context)?;
	let Texts { text, held_out, guard, watched } = plan.texts(output, parent.tokenizer())?;
	let spinner = output.spinner("loading");
	let weights = Arc::new(load(parent.directory(), parent.manifest(), parent.architecture())?);
	drop(spinner);
	let settings = plan.settings(&folder, &Bar::of_new_chain())?;
	let (threads, background) = (plan.threads, plan.background);
	let slot = (args.layer, args.expert);
	let gate = None;
	let run =
		AdapterRun { parent, weights, slot, text, held_out, watched, settings, threads, background, gate };
	Ok(Prepared { plan, run, guard, folder })
}

/// Refuses to train for a directory that cannot be written in the end.
fn ensure_new(out: &Path) -> Outcome<()> {
	let is_taken = blyan_open_model::Directory::new(out).is_complete();
	let taken =
		|| Failure::new(format!("{} holds a model already", out.display())).next("name another --out");
	if is_taken {
		Err(taken())
	} else {
		Ok(())
	}
}

fn plan(args: &TrainAdapterArgs) -> Plan {
	let mut optimiser = Settings::default().optimiser;
	optimiser.learning_rate = args.learning_rate.unwrap_or(optimiser.learning_rate);
	Plan {
		data: args.data.clone(),
		guard: args.guard.clone(),
		limit_mib: args.limit,
		positions: args.positions,
		sequences: args.sequences,
		minutes: args.minutes,
		steps: args.steps,
		batch: args.batch,
		optimiser,
		seed: args.seed,
		threads: args.threads,
		background: args.background,
	}
}

/// Keeps the adapter of a run in its directory, and reports that it is there. Returns its path.
pub fn keep(output: &Output, folder: &Path, finished: &AdapterOfRun) -> Outcome<PathBuf> {
	let AdapterOfRun { run, trained, file, seconds } = finished;
	let path = folder.join(EXPERT_FILE);
	write_private(&path, file)?;
	let (layer, expert) = run.slot;
	let fields = json!({ "layer": layer, "expert": expert, "steps": trained.steps, "sequences": trained.sequences,
		"tokens": trained.tokens, "rounding_errors": trained.rounding_errors, "seconds": seconds, "file": path });
	let line = format!(
		"trained    layer {layer}, expert {expert}: {} steps on {} tokens of {} sequences in {seconds:.0} s; {}",
		trained.steps,
		trained.tokens,
		trained.sequences,
		path.display()
	);
	output.event("trained", fields, line);
	if let Some(guarded) = trained.guarded {
		report_guard(output, guarded);
	}
	Ok(path)
}

/// Reports how much of a run its guard let through.
fn report_guard(output: &Output, Guarded { share, trained, kept }: Guarded) {
	let fields = json!({ "share": share, "trained_bits_per_token": trained, "kept_bits_per_token": kept });
	let line = format!(
		"guard      {:.0} % of the way kept: {:+.4} +- {:.4} bits/token worse on what was watched, {:+.4} +- {:.4} with all of it",
		100.0 * share,
		kept[0],
		kept[1],
		trained[0],
		trained[1]
	);
	output.event("guarded", fields, line);
}

/// Keeps the adapter, measures it, and writes the model if it is accepted.
fn finish(
	output: &Output,
	args: &TrainAdapterArgs,
	plan: &Plan,
	folder: &Path,
	finished: AdapterOfRun,
	guard: &[Sequence],
) -> Outcome<()> {
	let path = keep(output, folder, &finished)?;
	let AdapterOfRun { run, file, .. } = finished;
	let (layer, expert) = run.slot;
	let verdict = Verdict::measure(output, plan.positions, &run, &file, guard, &Bar::of_new_chain())?;
	verdict.show(output);
	if !verdict.is_accepted() {
		let next = format!(
			"train longer or on more text; the adapter as it is: blyan model apply {} {} --layer {layer} --expert {expert} \
			--out {}",
			run.parent.directory().path().display(),
			path.display(),
			args.out.display()
		);
		return Err(Failure::new(verdict.reason()).kind(Kind::Refused).next(next));
	}
	write_model(output, &run.parent, (layer, expert), &path, &args.out)
}

fn write_model(output: &Output, parent: &Parent, slot: (u8, u16), file: &Path, out: &Path) -> Outcome<()> {
	let bar = output.byte_bar("writing", 0);
	let derived = apply(parent, slot, file, out, &|done, total| {
		bar.set_total(total);
		bar.set(done);
	})?;
	drop(bar);
	let root = &derived.manifest.model_root;
	let fields =
		json!({ "dir": out, "model_root": format!("0x{root}"), "written_bytes": derived.written_bytes });
	output.event("written", fields, format!("wrote      {}, model root 0x{root}", out.display()));
	Ok(())
}
