//! Following a submission block by block, and saying what happens as it happens.

use crate::{
	amount,
	client::Client,
	failure::{Context, Failure, Outcome},
	names,
	output::Output,
	verdict::{self, Gain, Unit},
};
use blyan_primitives::{ExpertSlot, Score, SubmissionId, Verdict, VersionIndex};
use blyan_runtime_api::{
	ActiveEvaluation, DecidedSubmission, ExpiryReason, RejectReason, SubmissionOutcome, SubmissionState,
};
use codec::Decode;
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
use std::time::{Duration, Instant};

/// Interval at which the node is asked for a new block.
const POLL: Duration = Duration::from_millis(250);
const PALLET: &str = "ProofOfLearning";

/// A submission and its end.
#[derive(Clone, Debug)]
pub struct Submission {
	/// Its number.
	pub id: SubmissionId,
	/// Its outcome.
	pub outcome: SubmissionOutcome,
	/// Unit of its scores.
	pub unit: Unit,
	/// Verdict revealed by each seat.
	pub reports: Vec<Report>,
}

/// Verdict of one seat of the committee.
#[derive(Clone, Debug)]
pub struct Report {
	/// Its verdict.
	pub verdict: Verdict,
	/// Hash of the verdict: equal hashes are equal to the bit.
	pub digest: H256,
}

impl Submission {
	/// Returns the gain that most of the committee measured on the sample that decides.
	pub fn gain(&self) -> Option<Gain> {
		majority(&self.reports).map(|score| Gain::new(&score.target))
	}
}

fn majority(reports: &[Report]) -> Option<Score> {
	let count = |digest: &H256| reports.iter().filter(|report| report.digest == *digest).count();
	let report = reports.iter().max_by_key(|report| count(&report.digest))?;
	match &report.verdict {
		Verdict::Scored(score) => Some(*score),
		Verdict::Invalid => None,
	}
}

/// Follows a submission that is on chain since block `from`, and prints each stage once.
pub async fn follow(
	client: &Client,
	output: &Output,
	id: SubmissionId,
	from: u64,
	timeout: Duration,
) -> Outcome<Submission> {
	let started = Instant::now();
	let spinner = output.spinner("waiting");
	let model = client.submission(id).await?.slot.model;
	let unit = Unit::of(&client.model(model).await?.body);
	let mut follower = Follower { output, id, unit, evaluation: None, sealed: 0, reports: Vec::new() };
	let mut next = from;
	loop {
		let finalised = client.finalised_block().await?;
		while next <= finalised {
			if let Some(ended) = follower.block(client, next).await? {
				return Ok(ended);
			}
			next += 1;
		}
		if started.elapsed() > timeout {
			return Err(Failure::new(format!(
				"submission {id} is not decided after {} s",
				timeout.as_secs()
			))
			.next(format!("it goes on without you; look again with: blyan submissions {id} --follow")));
		}
		match &follower.evaluation {
			None => {
				if let SubmissionState::Queued { ahead, draw_from } = client.submission(id).await?.state {
					spinner.note(format!("block {finalised}; draw from block {draw_from}, {ahead} ahead"));
				}
			}
			Some(evaluation) => {
				let (sealed, revealed) = (follower.sealed, follower.reports.len());
				let of = evaluation.committee.len();
				spinner.note(format!(
					"block {finalised}; of {of} operators {sealed} sealed, {revealed} revealed"
				));
			}
		}
		tokio::time::sleep(POLL).await;
	}
}

struct Follower<'a> {
	output: &'a Output,
	id: SubmissionId,
	unit: Unit,
	/// The evaluation as it was drawn.
	evaluation: Option<ActiveEvaluation>,
	sealed: usize,
	reports: Vec<Report>,
}

impl Follower<'_> {
	/// Reads one block; `Some` when it holds the decision.
	async fn block(&mut self, client: &Client, number: u64) -> Outcome<Option<Submission>> {
		let mut decision = None;
		let events = client.at(number).await?.events().fetch().await?;
		for event in events.iter() {
			let event = event?;
			let bytes = event.field_bytes();
			if event.pallet_name() != PALLET || u64::decode(&mut &bytes[..]).ok() != Some(self.id) {
				continue;
			}
			match event.event_name() {
				"CommitteeDrawn" => {
					let state = client.submission_at(self.id, number).await?.map(|info| info.state);
					if let Some(SubmissionState::Evaluating(evaluation)) = state {
						self.on_committee(number, evaluation);
					}
				}
				"ScoreSealed" => self.on_seal(number, read(bytes)?),
				"ScoreRevealed" => self.on_report(number, read(bytes)?),
				"Accepted" => {
					let (_, _, _, version, improvement, reward): (
						SubmissionId,
						AccountId32,
						ExpertSlot,
						u32,
						u64,
						u128,
					) = read(bytes)?;
					decision = Some(SubmissionOutcome::Accepted { version, improvement, reward });
				}
				"Rejected" => {
					let (_, _, _, reason): (SubmissionId, AccountId32, ExpertSlot, RejectReason) =
						read(bytes)?;
					decision = Some(SubmissionOutcome::Rejected(reason));
				}
				"Expired" => {
					let (_, _, reason): (SubmissionId, AccountId32, ExpiryReason) = read(bytes)?;
					decision = Some(SubmissionOutcome::Expired(reason));
				}
				"Withdrawn" => decision = Some(SubmissionOutcome::Withdrawn),
				name @ ("DecisionRefuted" | "Matured") => {
					if name == "DecisionRefuted" {
						self.on_refuted(number, read(bytes)?);
					}
					if let Some(outcome) = self.end_at(client, number).await? {
						return Ok(Some(self.end(outcome)));
					}
				}
				"Returned" => {
					let fields = json!({ "submission": self.id, "block": number });
					let text = format!("returned   another committee will judge it (block {number})");
					self.output.event("returned", fields, text);
					self.evaluation = None;
				}
				_ => {}
			}
		}
		let Some(outcome) = decision else { return Ok(None) };
		let decided = self.decided_at(client, number).await?;
		self.on_decision(number, &outcome, decided.as_ref());
		// A decision of long ago may have been reversed since; then this is not the end.
		let stands = match client.submission(self.id).await?.state {
			SubmissionState::Decided(now) => !now.refuted && u64::from(now.decided_at) == number,
			SubmissionState::Closed { outcome: last, .. } => last == outcome,
			SubmissionState::Announced { .. }
			| SubmissionState::Queued { .. }
			| SubmissionState::Evaluating(_) => false,
		};
		Ok(stands.then(|| self.end(outcome)))
	}

	fn end(&mut self, outcome: SubmissionOutcome) -> Submission {
		Submission { id: self.id, outcome, unit: self.unit, reports: std::mem::take(&mut self.reports) }
	}

	/// The decision as it was after a block, if it could still be disputed then.
	async fn decided_at(&self, client: &Client, block: u64) -> Outcome<Option<DecidedSubmission>> {
		Ok(match client.submission_at(self.id, block).await?.map(|info| info.state) {
			Some(SubmissionState::Decided(decided)) => Some(decided),
			_ => None,
		})
	}

	/// Tells how the submission had ended by a block; `None` as long as it may still be judged.
	async fn end_at(&self, client: &Client, block: u64) -> Outcome<Option<SubmissionOutcome>> {
		Ok(match client.submission_at(self.id, block).await?.map(|info| info.state) {
			// While others dispute it, it may be judged again.
			Some(SubmissionState::Decided(decided)) if decided.disputes == 0 => Some(decided.outcome),
			Some(SubmissionState::Closed { outcome, .. }) => Some(outcome),
			_ => None,
		})
	}

	fn on_refuted(&self, block: u64, event: (SubmissionId, H256, Option<VersionIndex>, u128)) {
		let (_, digest, reverted_to, cancelled) = event;
		let fields = json!({ "submission": self.id, "block": block, "digest": digest,
			"reverted_to": reverted_to, "cancelled": cancelled.to_string() });
		let head = reverted_to
			.map_or(String::new(), |version| format!("; the head of before is back, as version {version}"));
		let text = format!(
			"refuted    the score {} was proven wrong: {} of the reward cancelled{head} (block {block})",
			names::short_hash(&digest),
			amount::show(cancelled)
		);
		self.output.event("decision_refuted", fields, text);
	}

	fn on_committee(&mut self, block: u64, evaluation: ActiveEvaluation) {
		let members: Vec<&AccountId32> = evaluation.committee.iter().map(|seat| &seat.operator).collect();
		let ActiveEvaluation { seed, sample, seal_deadline, reveal_deadline, .. } = &evaluation;
		let fields = json!({ "submission": self.id, "block": block, "committee": members, "seed": seed,
			"sample": sample, "guard": evaluation.guard.is_some(), "seal_deadline": seal_deadline,
			"reveal_deadline": reveal_deadline });
		let names: Vec<String> = members.into_iter().map(names::short).collect();
		let guard = if evaluation.guard.is_some() { ", and as many from elsewhere," } else { "" };
		let text = format!(
			"committee  {} (block {block}); {sample} sequences{guard} drawn with seed {}",
			names.join(", "),
			names::short_hash(seed)
		);
		self.output.event("committee", fields, text);
		// An earlier committee's work is over: a refuted decision may send a submission back.
		(self.sealed, self.reports) = (0, Vec::new());
		self.evaluation = Some(evaluation);
	}

	fn seats(&self) -> usize {
		self.evaluation.as_ref().map_or(0, |evaluation| evaluation.committee.len())
	}

	fn on_seal(&mut self, block: u64, event: (SubmissionId, AccountId32, H256)) {
		let (_, operator, seal) = event;
		self.sealed += 1;
		let (sealed, of) = (self.sealed, self.seats());
		let fields = json!({ "submission": self.id, "block": block, "operator": operator, "seal": seal,
			"sealed": sealed, "of": of });
		let text = format!(
			"sealed     {sealed} of {of}: {:<8} {} (block {block})",
			names::short(&operator),
			names::short_hash(&seal)
		);
		self.output.event("sealed", fields, text);
	}

	fn on_report(&mut self, block: u64, event: (SubmissionId, AccountId32, Verdict, H256)) {
		let (_, operator, verdict, digest) = event;
		let fields = json!({ "submission": self.id, "block": block, "operator": operator,
			"verdict": verdict::verdict_json(&verdict), "digest": digest });
		let text = format!(
			"revealed   {:<8} {}, digest {} (block {block})",
			names::short(&operator),
			verdict::verdict(&verdict, self.unit),
			names::short_hash(&digest)
		);
		self.output.event("score", fields, text);
		self.reports.push(Report { verdict, digest });
		if self.reports.len() == self.seats() && self.reports.len() > 1 {
			let count = self.reports.len();
			let is_equal = self.reports.windows(2).all(|pair| pair[0].digest == pair[1].digest);
			let text = match is_equal {
				true => format!("agreement  {count} of {count} scores are equal to the bit"),
				false => format!("agreement  the {count} scores differ"),
			};
			self.output.event("agreement", json!({ "submission": self.id, "equal": is_equal }), text);
		}
	}

	fn on_decision(&self, block: u64, outcome: &SubmissionOutcome, decided: Option<&DecidedSubmission>) {
		if let (Some(score), Some(evaluation)) = (majority(&self.reports), &self.evaluation) {
			self.on_bound(&score, evaluation);
		}
		let (text, next) = verdict::outcome(outcome, self.unit);
		let held = decided.and_then(verdict::hold).map_or(String::new(), |held| format!("; {held}"));
		let fields = json!({ "submission": self.id, "block": block,
			"outcome": verdict::outcome_json(outcome), "next": next,
			"held": decided.map(|decided| decided.held.to_string()),
			"disputable_until": decided.map(|decided| decided.matures_at) });
		self.output.event("decision", fields, format!("decision   {text}{held} (block {block})"));
	}

	/// Compares the score with the required bound.
	fn on_bound(&self, score: &Score, evaluation: &ActiveEvaluation) {
		let target = Gain::new(&score.target);
		let t = f64::from(evaluation.t_milli) / 1_000.0;
		let required = verdict::bits(evaluation.delta.into());
		let tolerance = verdict::bits(evaluation.guard_tolerance.into());
		let unit = self.unit;
		let guard = score.guard.as_ref().map(Gain::new);
		let fields = json!({ "submission": self.id, "improvement": target.improvement,
			"standard_error": target.standard_error, "standard_errors": t,
			"lower_bound": target.lower_bound(t), "required": required,
			"guard": guard.map(|guard| json!({ "improvement": guard.improvement,
				"standard_error": guard.standard_error, "tolerance": tolerance })) });
		let guard = guard.map_or(String::new(), |guard| {
			format!(
				"\nguard      {:+.5} bits/{unit} elsewhere, give or take {:.5}; a loss of {tolerance:.5} is tolerated",
				guard.improvement, guard.standard_error
			)
		});
		let text = format!(
			"bound      improvement {:+.5} bits/{unit}, at least {:+.5} with {t:.2} standard errors; {required:.5} required{guard}",
			target.improvement,
			target.lower_bound(t)
		);
		self.output.event("bound", fields, text);
	}
}

fn read<T: Decode>(mut bytes: &[u8]) -> Outcome<T> {
	T::decode(&mut bytes)
		.context_next("an event of the chain", "this program is older than the chain; update it")
}
