//! `audit replay`: the same computation, done here.

use super::{answer, generation::Generations, score, sources::Sources, traces::Traces};
use crate::{
	args::{ReplayArgs, SourceArgs},
	client::Client,
	failure::{Failure, Kind, Outcome},
	names,
	output::Output,
	records::{self, ItemRecord, Record},
	referee::{self, Referee},
	session::Session,
	verdict,
};
use blyan_primitives::{SubmissionId, Verdict};
use serde_json::json;
use sp_core::crypto::AccountId32;
use std::{path::Path, sync::Arc};

/// The local result beside the operators' claims.
pub struct Replay {
	/// The local engine with the submission's jobs.
	pub referee: Arc<Referee>,
	/// The verdict that is right.
	pub own: Verdict,
	/// Claims in the order of the seats.
	pub claims: Vec<(AccountId32, Verdict)>,
}

/// Replays a submission, or what a file says.
pub async fn run(session: &Session, args: ReplayArgs) -> Outcome<()> {
	match args.subject.parse() {
		Ok(id) => submission(session, id, &args).await,
		Err(_) => file(session, &args).await,
	}
}

/// Evaluates a submission and compares.
async fn submission(session: &Session, id: SubmissionId, args: &ReplayArgs) -> Outcome<()> {
	if args.save_trace.is_some() || args.their_trace.is_some() {
		return Err(Failure::new("a trace is about one sequence of a file")
			.kind(Kind::Undecided)
			.next("write the score with --save FILE, then replay that file"));
	}
	let client = session.connect().await?;
	let replay = evaluate(session, &client, id, &args.sources).await?;
	if let Some(path) = &args.save {
		let mut records = Vec::new();
		for part in 0..referee::PARTS.min(replay.referee.jobs().len() as u8) {
			let items = replay.referee.items(part)?.unwrap_or_default();
			let items: Vec<ItemRecord> = items.iter().map(ItemRecord::from).collect();
			records.push(Record::Score(Box::new(score::record(&replay.referee, part, &items)?)));
		}
		records::write(path, &records)?;
		let text = format!("saved      {}, to compare sequence by sequence", path.display());
		session.output.event("saved", json!({ "file": path }), text);
	}
	let wrong = compare(&session.output, id, &replay);
	match wrong.len() {
		0 => Ok(()),
		wrong => Err(Failure::new(format!("{wrong} of {} claims are wrong", replay.claims.len()))
			.next(format!("have the chain prove it: blyan audit challenge {id}"))),
	}
}

/// Computes everything that a file says again.
async fn file(session: &Session, args: &ReplayArgs) -> Outcome<()> {
	let output = &session.output;
	let records = records::read(Path::new(&args.subject))?;
	if args.save.is_some() {
		return Err(Failure::new("--save writes what was computed for a submission, and this is a file")
			.kind(Kind::Undecided)
			.next("leave it out"));
	}
	let mut sources = Sources::open(session, &args.sources)?;
	let mut generations = Generations::new(&args.sources.model_dir);
	let traces = Traces::new(args);
	let (mut wrong, count, mut outcomes) = (0, records.len(), Vec::new());
	for record in records {
		let is_right = match record {
			Record::Answer(record) => answer::replay(output, &mut sources, &traces, *record).await?,
			Record::Generation(record) => {
				traces.ensure_unwanted()?;
				if args.save_outcome.is_some() {
					outcomes.push(generations.outcome((*record).clone()).await?);
				}
				generations.replay(output, *record).await?
			}
			Record::Score(record) => score::replay(output, &mut sources, &traces, *record).await?,
			Record::Trace(_) => {
				return Err(Failure::new("a trace alone says nothing that could be wrong")
					.kind(Kind::Undecided)
					.next("replay the answer or the score that it is about, with --their-trace"))
			}
		};
		wrong += usize::from(!is_right);
	}
	if let Some(path) = &args.save_outcome {
		std::fs::write(path, serde_json::to_vec_pretty(&outcomes)?)?;
		let text = format!("saved      {}, what a challenge or a defence claims", path.display());
		output.event("saved", json!({ "file": path }), text);
	}
	match wrong {
		0 => Ok(()),
		wrong => Err(Failure::new(format!("{wrong} of {count} records differ from what was computed here"))),
	}
}

/// Fetches what is missing and evaluates every part of a submission's verdict here.
pub async fn evaluate(
	session: &Session,
	client: &Client,
	id: SubmissionId,
	sources: &SourceArgs,
) -> Outcome<Replay> {
	let output = &session.output;
	let claims = client.verdicts(id).await?;
	let mut jobs = Vec::new();
	for part in 0..referee::PARTS {
		jobs.extend(client.job(id, part).await?);
	}
	if jobs.is_empty() {
		return Err(Failure::new(format!("the chain does not say what was computed for submission {id}"))
			.next(
				"before the draw there is nothing to replay, and once a decision has matured it is forgotten",
			));
	}
	let mut sources = Sources::open(session, sources)?;
	let referee = Arc::new(Referee::new(sources.store.clone(), jobs)?);
	sources.provide(referee.missing()).await?;
	let sequences: u32 = referee.jobs().iter().map(|job| job.sample).sum();
	let bar = output.bar("evaluation", sequences.into());
	let began_at = std::time::Instant::now();
	let own = {
		let referee = referee.clone();
		tokio::task::spawn_blocking(move || referee.verdict(|done| bar.set(done))).await??
	};
	let fields = json!({ "submission": id, "verdict": verdict::verdict_json(&own), "digest": own.digest(),
		"seconds": began_at.elapsed().as_secs_f64() });
	let text = format!(
		"computed   {}, digest {} (here, in {:.1} s)",
		verdict::verdict(&own, score::unit(referee.jobs())),
		names::short_hash(&own.digest()),
		began_at.elapsed().as_secs_f64()
	);
	output.event("replayed", fields, text);
	Ok(Replay { referee, own, claims })
}

/// Says for each claim whether it is right; returns those that are not.
pub fn compare<'a>(output: &Output, id: SubmissionId, replay: &'a Replay) -> Vec<&'a (AccountId32, Verdict)> {
	if replay.claims.is_empty() {
		output.say("no verdict has been revealed yet");
	}
	let mut wrong = Vec::new();
	for claim in &replay.claims {
		let (operator, claimed) = claim;
		let difference = referee::difference(claimed, &replay.own);
		let fields = json!({ "submission": id, "operator": operator, "digest": claimed.digest(),
			"equal": difference.is_none(), "difference": difference });
		let text = match &difference {
			None => format!("equal      {:<8} to the bit", names::short(operator)),
			Some(difference) => format!("wrong      {:<8} {difference}", names::short(operator)),
		};
		output.event("claim", fields, text);
		if difference.is_some() {
			wrong.push(claim);
		}
	}
	wrong
}
