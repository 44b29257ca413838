//! `audit score`, and `audit replay` of what it wrote: losses sequence by sequence.

use super::{
	sources::{undecided, Sources},
	traces::{engine, Traces},
};
use crate::{
	args::{ScoreArgs, SourceArgs},
	client,
	failure::{Context, Failure, Kind, Outcome},
	model_dir::Manifest,
	open_dir::{holdout_ref, OpenModelDir},
	output::Output,
	records::{self, ItemRecord, Record, ScoreRecord},
	referee::Referee,
	session::Session,
	slot::SlotName,
	verdict::{self, Unit},
};
use blyan_engine::{
	eval::{Candidate, JobLimits},
	model::Model,
};
use blyan_exact::SlotIndex;
use blyan_open_model::Directory;
use blyan_primitives::{EvaluationJob, JobBody, PartIndex, Verdict};
use serde_json::json;
use std::{sync::Arc, time::Instant};

/// Scores an expert with a model in a folder.
pub async fn run(session: &Session, args: ScoreArgs) -> Outcome<()> {
	let output = &session.output;
	let bytes = std::fs::read(&args.expert).context(args.expert.display())?;
	let blob = [Some(args.expert.clone()), args.holdout.clone()].into_iter().flatten().collect();
	let source = SourceArgs { model_dir: vec![args.model_dir.clone()], blob };
	let mut sources = Sources::open(session, &source)?;
	let job = match Directory::new(&args.model_dir).is_complete() {
		true => open_job(&args, &bytes)?,
		false => {
			let manifest = sources.dirs.first().map(|dir| dir.manifest.clone());
			let manifest = manifest.ok_or_else(|| Failure::new("no folder was named"))?;
			first_job(&args, manifest, &bytes)?
		}
	};
	let referee = prepare(&mut sources, job).await?;
	let began_at = Instant::now();
	let (right, items) = compute(output, &referee).await?;
	let fields = json!({ "verdict": verdict::verdict_json(&right), "digest": right.digest() });
	let seconds = began_at.elapsed().as_secs_f64();
	let unit = unit(referee.jobs());
	output.event("score", fields, format!("score      {} ({seconds:.1} s)", verdict::verdict(&right, unit)));
	match &args.save {
		Some(path) => {
			records::write(path, &[Record::Score(Box::new(record(&referee, 0, &items)?))])?;
			let text = format!("saved      check it with: blyan audit replay {}", path.display());
			output.event("saved", json!({ "file": path }), text);
			Ok(())
		}
		None => Ok(()),
	}
}

/// Job about a model of the first definition in a folder.
fn first_job(args: &ScoreArgs, manifest: Manifest, expert: &[u8]) -> Outcome<EvaluationJob> {
	if args.holdout.is_some() {
		return Err(Failure::new("a folder of this kind has a holdout of its own")
			.kind(Kind::Undecided)
			.next("leave out --holdout, which is for directories of open models"));
	}
	Ok(EvaluationJob {
		definition: blyan_exact::DEFINITION,
		model: 0,
		body: JobBody::First { config: manifest.config, trunk: manifest.trunk },
		heads: manifest.heads,
		layer: args.slot.layer,
		expert: args.slot.expert,
		candidate: crate::engine::expert_ref(expert, &manifest.config)?,
		holdout: manifest.holdout,
		seed: client::hash(&args.seed.to_le_bytes()),
		sample: args.sample.min(manifest.holdout.sequences),
	})
}

/// Job about an open model in a directory.
fn open_job(args: &ScoreArgs, expert: &[u8]) -> Outcome<EvaluationJob> {
	let path = args.holdout.as_ref().ok_or_else(|| {
		Failure::new("a directory of an open model has no holdout").kind(Kind::Undecided).next(
			"name one with --holdout FILE; make it with: blyan model holdout DIR FILE.. --out holdout.bin",
		)
	})?;
	let holdout = holdout_ref(&std::fs::read(path).context(path.display())?, path)?;
	let model = OpenModelDir::open(&args.model_dir)?;
	let SlotName { layer, expert: index } = args.slot;
	Ok(EvaluationJob {
		definition: blyan_exact::definition2::REVISION,
		model: 0,
		body: model.job_body(),
		candidate: crate::engine::open_expert_ref(expert, &model.architecture, layer, index)?,
		heads: model.heads,
		layer,
		expert: index,
		holdout,
		seed: client::hash(&args.seed.to_le_bytes()),
		sample: args.sample.min(holdout.sequences),
	})
}

/// Returns the unit of scores of jobs about one model.
pub fn unit(jobs: &[EvaluationJob]) -> Unit {
	jobs.first().map_or(Unit::default(), |job| Unit::of(&job.body.model_body()))
}

/// Returns a referee's computation of one part of its verdict, as a record.
pub fn record(referee: &Referee, part: PartIndex, items: &[ItemRecord]) -> Outcome<ScoreRecord> {
	let job = referee.jobs().get(usize::from(part)).cloned();
	let job = job.ok_or_else(|| Failure::new(format!("there is no part {part}")))?;
	Ok(ScoreRecord { job, part, items: items.to_vec(), engine: engine() })
}

/// Checks a score, and says whether it is right.
pub async fn replay(
	output: &Output,
	sources: &mut Sources<'_>,
	traces: &Traces,
	record: ScoreRecord,
) -> Outcome<bool> {
	if record.job.config().is_none() {
		traces.ensure_unwanted()?;
	}
	let referee = prepare(sources, record.job.clone()).await?;
	let (right, items) = compute(output, &referee).await?;
	let first = first_difference(&record.items, &items);
	let fields = json!({ "equal": first.is_none(), "part": record.part, "sequences": items.len(),
		"verdict": verdict::verdict_json(&right), "engine": record.engine,
		"difference": first.as_ref().map(|(at, what)| json!({ "at": at, "what": what })) });
	let text = match &first {
		None => format!(
			"equal      {} sequences to the bit: {}",
			items.len(),
			verdict::verdict(&right, unit(referee.jobs()))
		),
		Some((at, what)) => format!("differs    at sequence {at} of the draw: {what}"),
	};
	output.event("score", fields, text);
	let at = traces.at.or(first.as_ref().map(|(at, _)| *at)).unwrap_or(0);
	if traces.is_wanted() && !items.is_empty() {
		let item = items.get(at).ok_or_else(|| {
			undecided(Failure::new(format!("there are {} sequences, so none is number {at}", items.len())))
		})?;
		let (models, sequence) = subject(&referee, item)?;
		let said = record.items.get(at);
		// The trace in question comes first.
		let models = match said.is_some_and(|said| said.is_about_candidate(item)) {
			true => [&models[1], &models[0]],
			false => [&models[0], &models[1]],
		};
		traces.show(output, &models, &sequence)?;
	}
	Ok(first.is_none())
}

/// The first sequence that differs, and how.
fn first_difference(said: &[ItemRecord], right: &[ItemRecord]) -> Option<(usize, String)> {
	let found = said.iter().zip(right).enumerate().find_map(|(at, (said, right))| {
		let (what, said, expected) = said.difference(right)?;
		Some((at, format!("{what} {said}, not {expected} (sequence {} of the holdout)", right.sequence)))
	});
	let lengths = || {
		let at = said.len().min(right.len());
		(said.len() != right.len())
			.then(|| (at, format!("{} sequences are listed, {} were drawn", said.len(), right.len())))
	};
	found.or_else(lengths)
}

/// Has everything that a job names, and an engine to do it with.
async fn prepare(sources: &mut Sources<'_>, job: EvaluationJob) -> Outcome<Arc<Referee>> {
	JobLimits::default()
		.check(&job)
		.map_err(|error| undecided(Failure::new(format!("that job cannot be computed: {error:?}"))))?;
	let referee = Referee::new(sources.store.clone(), vec![job])?;
	sources.provide(referee.missing()).await?;
	Ok(Arc::new(referee))
}

async fn compute(output: &Output, referee: &Arc<Referee>) -> Outcome<(Verdict, Vec<ItemRecord>)> {
	let sequences: u32 = referee.jobs().iter().map(|job| job.sample).sum();
	let bar = output.bar("evaluation", sequences.into());
	let referee = referee.clone();
	let work = move || {
		let right = referee.verdict(|done| bar.set(done))?;
		let items = referee.items(0)?.unwrap_or_default();
		Ok((right, items.iter().map(ItemRecord::from).collect()))
	};
	tokio::task::spawn_blocking(work).await?.map_err(undecided)
}

/// The baseline, the model with the candidate, and the bytes of a sequence.
fn subject(referee: &Referee, item: &ItemRecord) -> Outcome<([Model; 2], Vec<u8>)> {
	let job = referee.jobs().first().ok_or_else(|| Failure::new("there is no job"))?;
	let JobBody::First { config, trunk } = &job.body else {
		return Err(Failure::new("traces of open models are not written yet").kind(Kind::Undecided));
	};
	let models = referee.models();
	let baseline = models.load(config, trunk, &job.heads).context("the model").map_err(undecided)?;
	let weights = models.load_expert(config, &job.candidate).context("the candidate").map_err(undecided)?;
	let candidate = Candidate { slot: SlotIndex { layer: job.layer, expert: job.expert }, weights };
	let changed = candidate.put_into(&baseline).map_err(|error| Failure::new(format!("{error:?}")))?;
	let holdout = models.blobs().get(&job.holdout.blob.hash).context("the holdout").map_err(undecided)?;
	let len = usize::from(job.holdout.sequence_len);
	let sequence = holdout.chunks_exact(len).nth(item.sequence as usize);
	let sequence = sequence.ok_or_else(|| Failure::new("the holdout has no such sequence"))?;
	Ok(([(*baseline).clone(), changed], sequence.to_vec()))
}
