//! Following a submission block by block, and saying what happens as it happens.

use super::Client;
use crate::{
	amount,
	failure::{Context, Failure, Outcome},
	names,
	output::Output,
	verdict::{self, Score},
};
use blyan_primitives::{BlockRef, ExpertSlot, SubmissionId, Verdict, VersionIndex};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome, SubmissionState, SubmissionTerms};
use codec::Decode;
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
use std::time::{Duration, Instant};

/// How often the node is asked for a new block.
const POLL: Duration = Duration::from_millis(250);
const PALLET: &str = "ProofOfLearning";

/// What became of a submission.
#[derive(Clone, Debug)]
pub struct Submission {
	/// Its number.
	pub id: SubmissionId,
	/// How it ended.
	pub outcome: SubmissionOutcome,
	/// What each member said.
	pub reports: Vec<Report>,
}

/// What one member of the committee said.
#[derive(Clone, Debug)]
pub struct Report {
	/// Its verdict.
	pub verdict: Verdict,
	/// Hash of the verdict: equal hashes are equal to the bit.
	pub digest: H256,
}

impl Submission {
	/// The score that most of the committee reported.
	pub fn score(&self) -> Option<Score> {
		majority(&self.reports)
	}
}

fn majority(reports: &[Report]) -> Option<Score> {
	let count = |digest: &H256| reports.iter().filter(|report| report.digest == *digest).count();
	let report = reports.iter().max_by_key(|report| count(&report.digest))?;
	match &report.verdict {
		Verdict::Scored(outcome) => Some(Score::new(outcome)),
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
	let terms = client.terms(&client.submission(id).await?.miner).await?;
	let mut follower = Follower { output, id, terms, attempt: 1, committee: Vec::new(), reports: Vec::new() };
	let mut next = from;
	loop {
		let finalised = client.finalised_block().await?;
		while next <= finalised {
			if let Some(outcome) = follower.block(client, next).await? {
				return Ok(Submission { id, outcome, reports: follower.reports });
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
		if follower.committee.is_empty() {
			if let SubmissionState::Queued { ahead, draw_from } = client.submission(id).await?.state {
				spinner.note(format!("block {finalised}; draw from block {draw_from}, {ahead} ahead"));
			}
		} else {
			let (reported, of) = (follower.reports.len(), follower.committee.len());
			spinner.note(format!("block {finalised}; {reported} of {of} operators reported"));
		}
		tokio::time::sleep(POLL).await;
	}
}

struct Follower<'a> {
	output: &'a Output,
	id: SubmissionId,
	terms: SubmissionTerms,
	/// Which attempt of its miner at this slot it is.
	attempt: u32,
	committee: Vec<AccountId32>,
	reports: Vec<Report>,
}

impl Follower<'_> {
	/// Reads one block; `Some` when it holds the decision.
	async fn block(&mut self, client: &Client, number: u64) -> Outcome<Option<SubmissionOutcome>> {
		let mut decision = None;
		let mut paid = Vec::new();
		let events = client.api.at_block(number).await?.events().fetch().await?;
		for event in events.iter() {
			let event = event?;
			let bytes = event.field_bytes();
			if event.pallet_name() != PALLET || u64::decode(&mut &bytes[..]).ok() != Some(self.id) {
				continue;
			}
			match event.event_name() {
				"Submitted" => {
					let (_, _, _, _, _, attempt): (
						SubmissionId,
						AccountId32,
						ExpertSlot,
						VersionIndex,
						BlockRef,
						u32,
					) = read(bytes)?;
					self.attempt = attempt;
				}
				"CommitteeDrawn" => self.on_committee(number, read(bytes)?),
				"ScoreReported" => self.on_report(number, read(bytes)?),
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
				"ValidatorPaid" => {
					let (_, operator, planck): (SubmissionId, AccountId32, u128) = read(bytes)?;
					paid.push((operator, planck));
				}
				"BondSlashed" => {
					let (_, _, planck): (SubmissionId, AccountId32, u128) = read(bytes)?;
					let fields =
						json!({ "submission": self.id, "amount": planck.to_string(), "block": number });
					let text = format!("bond       {} lost", amount::show(planck));
					self.output.event("bond_slashed", fields, text);
				}
				_ => {}
			}
		}
		if let Some(outcome) = &decision {
			self.on_decision(number, outcome, &paid);
		}
		Ok(decision)
	}

	fn on_committee(&mut self, block: u64, event: (SubmissionId, Vec<AccountId32>, H256, u32, u32)) {
		let (_, committee, seed, sample, deadline) = event;
		let members: Vec<String> = committee.iter().map(names::short).collect();
		let fields = json!({ "submission": self.id, "block": block, "committee": committee, "seed": seed,
			"sample": sample, "deadline": deadline });
		let text = format!(
			"committee  {} (block {block}); {sample} sequences drawn with seed {}",
			members.join(", "),
			names::short_hash(&seed)
		);
		self.output.event("committee", fields, text);
		self.committee = committee;
	}

	fn on_report(&mut self, block: u64, event: (SubmissionId, AccountId32, Verdict, H256)) {
		let (_, operator, verdict, digest) = event;
		let fields = json!({ "submission": self.id, "block": block, "operator": operator,
			"verdict": verdict::verdict_json(&verdict), "digest": digest });
		let text = format!(
			"score      {:<8} {}, digest {} (block {block})",
			names::short(&operator),
			verdict::verdict(&verdict),
			names::short_hash(&digest)
		);
		self.output.event("score", fields, text);
		self.reports.push(Report { verdict, digest });
		if self.reports.len() == self.committee.len() && self.reports.len() > 1 {
			let count = self.reports.len();
			let is_equal = self.reports.windows(2).all(|pair| pair[0].digest == pair[1].digest);
			let text = match is_equal {
				true => format!("agreement  {count} of {count} scores are equal to the bit"),
				false => format!("agreement  the {count} scores differ"),
			};
			self.output.event("agreement", json!({ "submission": self.id, "equal": is_equal }), text);
		}
	}

	fn on_decision(&self, block: u64, outcome: &SubmissionOutcome, paid: &[(AccountId32, u128)]) {
		if let Some(score) = majority(&self.reports) {
			let z = verdict::standard_errors(self.terms.z_milli, self.attempt);
			let required = verdict::bits(self.terms.delta.into());
			let fields = json!({ "submission": self.id, "improvement": score.improvement,
				"standard_error": score.standard_error, "z": z, "lower_bound": score.lower_bound(z),
				"required": required });
			let text = format!(
				"bound      improvement {:+.5} bits/byte, at least {:+.5} with {z:.2} standard errors; {required:.5} required",
				score.improvement,
				score.lower_bound(z)
			);
			self.output.event("bound", fields, text);
		}
		let (text, next) = verdict::outcome(outcome);
		let fields = json!({ "submission": self.id, "block": block,
			"outcome": verdict::outcome_json(outcome), "next": next });
		self.output.event("decision", fields, format!("decision   {text} (block {block})"));
		let total: u128 = paid.iter().map(|(_, planck)| planck).sum();
		if total > 0 {
			let names: Vec<String> = paid.iter().map(|(operator, _)| names::short(operator)).collect();
			let fields = json!({ "submission": self.id, "operators": paid.iter()
				.map(|(operator, planck)| json!({ "operator": operator, "amount": planck.to_string() }))
				.collect::<Vec<_>>() });
			let text = format!("operators  {} paid to {}", amount::show(total), names.join(", "));
			self.output.event("operators_paid", fields, text);
		}
	}
}

fn read<T: Decode>(mut bytes: &[u8]) -> Outcome<T> {
	T::decode(&mut bytes)
		.context_next("an event of the chain", "this program is older than the chain; update it")
}
