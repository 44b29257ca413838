//! `audit challenge-answer`: from a wrong answer that an operator signed to its refutation.

use super::{
	challenge::{commit, ensure_bond, find_game, open},
	play::{conclude, Player, POLL},
	sources::undecided,
};
use crate::{
	amount,
	answer_referee::{never_wait, AnswerModel, AnswerReferee},
	args::ChallengeAnswerArgs,
	client::{answer_verdict, Client, Stage},
	commands::receipts,
	failure::{Failure, Kind, Outcome},
	keys::Account,
	local_model::LocalModel,
	names,
	output::Output,
	paying::check::Billed,
	session::Session,
};
use blyan_open_model::record::Difference;
use blyan_primitives::{finding_hash, EvaluationOutcome, SignedReceipt, Subject};
use codec::Encode;
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Interval at which the chain is asked whether a silent operator defends late: a day is long, and a clock of a game takes many blocks.
const LATE_POLL: Duration = Duration::from_secs(3);

/// State of a challenge, as its challenger has to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
	/// The operator has time left.
	Wait {
		/// Working time until which it has.
		until: u32,
	},
	/// It has not defended in time, and may do so late.
	Silence {
		/// Working time until which it may.
		until: u32,
	},
	/// It claims this outcome.
	Claim(EvaluationOutcome),
	/// The answer counts as wrong for good.
	Refuted,
	/// The challenge is over without that.
	Stands,
}

fn heard(stage: Option<Stage>, is_refuted: bool) -> Heard {
	match stage {
		Some(Stage::Open { until }) => Heard::Wait { until },
		Some(Stage::Silent { until }) => Heard::Silence { until },
		Some(Stage::Defended { outcome }) => Heard::Claim(outcome),
		None if is_refuted => Heard::Refuted,
		None => Heard::Stands,
	}
}

/// An answer with a token that its model does not choose.
struct Wrong {
	signed: SignedReceipt,
	referee: Arc<AnswerReferee>,
	outcome: EvaluationOutcome,
}

/// Everything that a challenge is made with.
struct Challenger<'a> {
	output: &'a Output,
	client: &'a Client,
	account: &'a Account,
	wrong: Wrong,
	/// The receipt's name on chain.
	receipt: H256,
	is_agreed: bool,
	/// This command.
	again: String,
}

/// Computes answers again, and challenges the first that is wrong.
pub async fn run(session: &Session, args: ChallengeAnswerArgs) -> Outcome<()> {
	let output = &session.output;
	let (client, account) = session.connect_as(&args.signer).await?;
	let genesis = H256(client.genesis());
	let billed = receipts::select(session, &args.receipt, &genesis)?;
	for billed in &billed {
		billed.ensure_sound(&genesis).map_err(|fault| undecided(Failure::new(fault)))?;
	}
	let count = billed.len();
	let Some(wrong) = first_wrong(output, billed, args.model.clone(), genesis).await? else {
		output.event(
			"right",
			json!({ "answers": count }),
			format!("right      {count} answers; nothing is sent"),
		);
		return Ok(());
	};
	let receipt = wrong.signed.id(&genesis);
	let again = format!("blyan audit challenge-answer {} --model {}", args.receipt, args.model.display());
	let challenger =
		Challenger { output, client: &client, account: &account, wrong, receipt, is_agreed: args.yes, again };
	challenger.run().await
}

/// Looks for the first answer with a token that the model does not choose.
async fn first_wrong(
	output: &Output,
	billed: Vec<Billed>,
	dir: PathBuf,
	genesis: H256,
) -> Outcome<Option<Wrong>> {
	let (said, spinner) = (output.clone(), output.spinner("computing"));
	let look = move || -> Outcome<Option<Wrong>> {
		let mut model = LocalModel::open(&dir, None).map_err(undecided)?;
		let checks = Arc::new(AnswerModel::of(&dir, &model, None)?);
		for billed in billed {
			let record = &billed.generation;
			let difference = record
				.ensure_about(&model.manifest)
				.and_then(|()| record.difference(&mut model.runner, &model.tokenizer));
			let difference = difference.map_err(|error| undecided(error.into()))?;
			let name = billed.signed.id(&genesis);
			let fields = json!({ "receipt": name, "equal": difference.is_none() });
			let text = in_words(&model, &name, difference.as_ref(), record.answer.len());
			said.event("answer", fields, text);
			if !matches!(difference, Some(Difference::Token { .. })) {
				continue;
			}
			let referee = Arc::new(AnswerReferee::new(checks.clone(), record, never_wait())?);
			referee.ensure_about(&billed.signed)?;
			let outcome = referee.outcome()?;
			if outcome.baseline_loss > 0 {
				referee.ensure_disputable()?;
				return Ok(Some(Wrong { signed: billed.signed, referee, outcome }));
			}
		}
		Ok(None)
	};
	let found = tokio::task::spawn_blocking(look).await?;
	drop(spinner);
	found
}

fn in_words(model: &LocalModel, name: &H256, difference: Option<&Difference>, tokens: usize) -> String {
	let name = names::short_hash(name);
	let token = |id: u32| format!("{id} {:?}", model.tokenizer.decode(&[id]));
	match difference {
		None => format!("equal      {name} all {tokens} tokens"),
		Some(Difference::Token { index, expected, found }) => format!(
			"wrong      {name} token {index} of {tokens} is {}, and the model says {}",
			token(*found),
			token(*expected)
		),
		Some(Difference::End { .. }) => {
			format!("equal      {name} all {tokens} tokens; why it ended is wrong, of which the chain takes no challenge")
		}
	}
}

impl Challenger<'_> {
	async fn run(self) -> Outcome<()> {
		match self.client.find_challenge(self.receipt).await? {
			None if self.client.is_receipt_refuted(self.receipt).await? => {
				return Err(Failure::new("the receipt was refuted already, and its charge returned")
					.kind(Kind::Refused));
			}
			None => self.challenge().await?,
			Some(challenge) => {
				let who = names::short(&challenge.challenger);
				let fields = json!({ "receipt": self.receipt, "challenger": challenge.challenger });
				let text = format!("challenged by {who} already; going on with it");
				self.output.event("challenge_found", fields, text);
			}
		}
		let Some(claimed) = self.defence().await? else { return Ok(()) };
		self.play(claimed).await
	}

	/// Commits to the finding, and challenges the receipt ten blocks later.
	async fn challenge(&self) -> Outcome<()> {
		let operator = self.ensure_answerable().await?;
		let bond = self.client.challenge_bond(&operator).await?;
		let fields = json!({ "receipt": self.receipt, "operator": operator, "bond": bond.to_string() });
		let text = format!(
			"bond       {} of {}, returned if the answer falls and lost if your own count does",
			amount::show(bond),
			self.account.name
		);
		self.output.event("bond", fields, text);
		ensure_bond(self.output, self.client, self.account, bond, self.is_agreed).await?;
		let arguments = (self.wrong.signed, self.wrong.outcome);
		let hash = finding_hash(&self.account.id(), "challenge_answer", &arguments);
		let age = self.client.dispute_terms().await?.commitment_age;
		commit(self.output, self.client, self.account, hash, age).await?;
		let sent =
			self.client.submit_encoded(self.account, "Answers", "challenge", &arguments.encode()).await?;
		let fields = json!({ "receipt": self.receipt, "operator": operator,
			"misses": self.wrong.outcome.baseline_loss, "block": sent.block, "fee": sent.fee().to_string() });
		let text = format!(
			"challenged receipt {} of {}: {} wrong tokens, fee {} (block {})",
			names::short_hash(&self.receipt),
			names::short(&operator),
			self.wrong.outcome.baseline_loss,
			amount::show(sent.fee()),
			sent.block
		);
		self.output.event("challenged", fields, text);
		Ok(())
	}

	/// Refuses before anything is paid what the chain would refuse. Returns the operator.
	async fn ensure_answerable(&self) -> Outcome<AccountId32> {
		let receipt = &self.wrong.signed.receipt;
		let refused = |words: &str| Err(Failure::new(words).kind(Kind::Refused));
		if !self.client.is_root_answerable(receipt.model_root).await? {
			return refused(
				"no registered model has the receipt's root, or had it lately: the chain cannot compute its answers",
			);
		}
		match self.client.key_operator(H256(self.wrong.signed.key.0)).await? {
			Some(operator) => Ok(operator),
			None => refused("no operator answers for the key of the receipt any more"),
		}
	}

	/// Waits for what the operator says. `None` if there is nothing left to play.
	///
	/// Silence is not the end: until it may not defend any more, an operator that lies waits for the moment at which none plays against it.
	async fn defence(&self) -> Outcome<Option<EvaluationOutcome>> {
		let spinner = self.output.spinner("defence");
		let mut is_said = false;
		loop {
			let (stage, is_refuted) =
				self.stage().await.map_err(|failure| failure.next(format!("go on with: {}", self.again)))?;
			match heard(stage, is_refuted) {
				Heard::Wait { until } => {
					spinner.note(format!("the operator has until block {until} of working time"));
					tokio::time::sleep(POLL).await;
				}
				Heard::Silence { until } => {
					if !is_said {
						is_said = true;
						self.say_silent(until);
					}
					spinner.note(format!("the operator may defend late until block {until} of working time"));
					tokio::time::sleep(LATE_POLL).await;
				}
				Heard::Claim(outcome) => return Ok(Some(outcome)),
				Heard::Refuted => {
					self.output.event("refuted", json!({ "receipt": self.receipt }), "refuted    the answer");
					return Ok(None);
				}
				Heard::Stands => {
					return Err(Failure::new("the challenge is over, and the answer was not refuted")
						.kind(Kind::Refused)
						.next(format!("challenge it again: {}", self.again)))
				}
			}
		}
	}

	/// Stage of the challenge, and whether the receipt counts as wrong.
	async fn stage(&self) -> Outcome<(Option<Stage>, bool)> {
		let challenge = self.client.find_challenge(self.receipt).await?;
		Ok((challenge.map(|challenge| challenge.stage), self.client.is_receipt_refuted(self.receipt).await?))
	}

	fn say_silent(&self, until: u32) {
		let fields = json!({ "receipt": self.receipt, "until": until });
		let text = format!(
			"silent     the operator has not defended: the answer counts as wrong, and what it cost is returned. Until block {until} of working time \
			it may still defend, falsely too, and your bond stays: this command waits, and plays if it does. Broken off, go on with: {}",
			self.again
		);
		self.output.event("silent", fields, text);
	}

	/// Plays against what the operator claims.
	async fn play(&self, claimed: EvaluationOutcome) -> Outcome<()> {
		let (subject, own) = (Subject::Answer(self.receipt), answer_verdict(self.wrong.outcome));
		let rival = answer_verdict(claimed).digest();
		let text = format!(
			"defended   by the claim {}, against {}",
			names::short_hash(&rival),
			names::short_hash(&own.digest())
		);
		self.output.event("defended", json!({ "receipt": self.receipt, "digest": rival }), text);
		let game = match find_game(self.client, subject, [own.digest(), rival]).await? {
			Some(game) => Some(game),
			// Another account challenged, or the first game was not played: the claim can be disputed by itself.
			None => {
				open(self.output, self.client, self.account, (subject, rival, own), self.is_agreed).await?
			}
		};
		let Some(game) = game else { return Ok(()) };
		let player = Player {
			output: self.output,
			client: self.client,
			account: self.account,
			referee: self.wrong.referee.clone(),
			own: own.digest(),
			resume: self.again.clone(),
		};
		let ended = player.play(game).await?;
		conclude(self.output, self.client, own.digest(), &ended).await
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn silence_is_waited_out_and_a_late_defence_is_played_against() {
		let late = EvaluationOutcome { sequences: 1, ..EvaluationOutcome::default() };
		assert_eq!(heard(Some(Stage::Open { until: 4 }), false), Heard::Wait { until: 4 });
		// It counts as wrong already, and is not over.
		assert_eq!(heard(Some(Stage::Silent { until: 9 }), true), Heard::Silence { until: 9 });
		assert_eq!(heard(Some(Stage::Defended { outcome: late }), false), Heard::Claim(late));
		assert_eq!((heard(None, true), heard(None, false)), (Heard::Refuted, Heard::Stands));
	}
}
