//! `audit replay`: the same computation, done here.

use crate::{
	client::{self, Client},
	failure::{Failure, Outcome},
	names,
	output::Output,
	referee::{self, Referee},
	session::Session,
	verdict,
};
use blyan_primitives::{SubmissionId, Verdict};
use serde_json::json;
use sp_core::crypto::AccountId32;
use std::sync::Arc;

/// What was computed here, and what operators claim.
pub struct Replay {
	/// The local engine with the submission's jobs.
	pub referee: Arc<Referee>,
	/// The verdict that is right.
	pub own: Verdict,
	/// Claims in the order of the seats.
	pub claims: Vec<(AccountId32, Verdict)>,
}

/// Evaluates a submission and compares.
pub async fn run(session: &Session, id: SubmissionId) -> Outcome<()> {
	let client = session.connect().await?;
	let replay = evaluate(session, &client, id).await?;
	let wrong = compare(&session.output, id, &replay);
	match wrong.len() {
		0 => Ok(()),
		wrong => Err(Failure::new(format!("{wrong} of {} claims are wrong", replay.claims.len()))
			.next(format!("have the chain prove it: blyan audit challenge {id}"))),
	}
}

/// Fetches what is missing and evaluates every part of a submission's verdict here.
pub async fn evaluate(session: &Session, client: &Client, id: SubmissionId) -> Outcome<Replay> {
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
	let referee = Arc::new(Referee::new(&session.home, jobs)?);
	for blob in referee.missing() {
		referee.put(&client::download(client, output, &blob).await?)?;
	}
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
		verdict::verdict(&own),
		names::short_hash(&own.digest()),
		began_at.elapsed().as_secs_f64()
	);
	output.event("replayed", fields, text);
	Ok(Replay { referee, own, claims })
}

/// Says for each claim whether it is right; returns those that are not.
pub fn compare<'a>(output: &Output, id: SubmissionId, replay: &'a Replay) -> Vec<&'a (AccountId32, Verdict)> {
	if replay.claims.is_empty() {
		output.say("nobody has revealed a verdict yet");
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
