//! `mine --repeat`: one expert after the other, within a budget.
//!
//! A round chooses a slot, trains, submits, and waits for the decision. Its money is set aside in the journal first
//! ([`crate::mining::budget`]). A round that was interrupted is gone on with like any other run.

use super::{
	kept::{self, Miner, Unfinished},
	progress::Rounds,
};
use crate::{
	amount,
	client::{self, as_u128},
	commands::submit::{self, Candidate},
	failure::{Failure, Kind, Outcome},
	mining::{
		adapter_run::Runs,
		budget::{Bond, Exceeded, Outlay, Prices},
		journal::{Experience, Journal, Round},
		strategy::gain_of,
	},
	submissions::SubmissionRecord,
};
use blyan_primitives::{ExpertSlot, SubmissionId};
use blyan_runtime_api::{SubmissionState, SubmissionTerms};
use serde_json::json;
use std::{
	sync::atomic::{AtomicBool, AtomicU32, Ordering},
	time::Duration,
};

/// Fees of the two transactions of a submission, at most, while the chain is not busy: more than ten times what they are.
const TRANSACTIONS: u128 = amount::UNIT / 20;
/// Pause before the chain is asked for its terms again.
const TERMS_POLL: Duration = Duration::from_secs(12);
/// Latest submissions that a choice of a slot takes into account.
const SEARCHED: u32 = 200;

/// Makes rounds until the budget is used up, or as many as were asked for are over.
pub async fn run(miner: Miner<'_>) -> Outcome<()> {
	let Miner { session, client, account, args, .. } = miner;
	let runs = Runs::open(&session.home, client.genesis())?;
	let rounds = Rounds {
		journal: Journal::open(&runs, args.model, &account.address(), args.fresh)?,
		limit: args.rounds.max_spend,
		strategy: args.rounds.strategy.unwrap_or_default(),
		has_ended: AtomicBool::new(false),
		made: AtomicU32::new(0),
	};
	let miner = Miner { rounds: Some(&rounds), ..miner };
	rounds.refresh(miner).await?;
	rounds.report_budget(miner, &prices(miner).await?);
	while args.rounds.rounds.is_none_or(|most| rounds.made() < most) {
		if !rounds.one(miner).await? {
			break;
		}
	}
	Ok(())
}

/// Returns the prices of a submission now, with a bound on the fees of its transactions.
async fn prices(miner: Miner<'_>) -> Outcome<Prices> {
	let Miner { client, account, .. } = miner;
	let terms = client.terms(&account.id()).await?;
	let transactions = TRANSACTIONS.saturating_mul(client.fee_multiplier().await?);
	Ok(Prices::new(&terms, transactions))
}

/// Waits until the chain takes another submission of this miner, as far as quota and open submissions are concerned.
pub async fn wait_for_quota(miner: Miner<'_>) -> Outcome<()> {
	let Miner { session, client, account, .. } = miner;
	let mut is_reported = false;
	loop {
		let SubmissionTerms { quota_left, quota_renews_in, open_left, .. } =
			client.terms(&account.id()).await?;
		if quota_left > 0 && open_left > 0 {
			return Ok(());
		}
		if !is_reported {
			is_reported = true;
			let fields = json!({ "quota_left": quota_left, "quota_renews_in": quota_renews_in, "open_left": open_left });
			let text = match quota_left {
				0 => format!(
					"waiting    the quota of the day is used up; it renews in {quota_renews_in} blocks"
				),
				_ => "waiting    as many submissions are open as one miner may have".into(),
			};
			session.output.event("waiting", fields, text);
		}
		tokio::time::sleep(TERMS_POLL).await;
	}
}

impl Rounds {
	/// Returns the number of rounds that are over.
	pub fn made(&self) -> u32 {
		self.made.load(Ordering::Relaxed)
	}

	/// Makes a round; false if the budget has none left.
	async fn one(&self, miner: Miner<'_>) -> Outcome<bool> {
		self.refresh(miner).await?;
		self.has_ended.store(false, Ordering::Relaxed);
		let most = prices(miner).await?.most();
		let result = match self.journal.budget().ensure(self.limit, most) {
			Ok(()) => super::once(miner).await,
			// What is on chain is paid for, and waiting for it costs nothing.
			Err(exceeded) => match kept::unfinished(miner).await?.filter(Unfinished::is_paid_for) {
				Some(unfinished) => kept::finish(miner, unfinished).await,
				None => return self.used_up(miner, exceeded),
			},
		};
		match result {
			Ok(()) => {}
			Err(failure) if self.has_ended.load(Ordering::Relaxed) => {
				let fields = json!({ "reason": failure.message });
				miner.session.output.event("failed", fields, format!("failed     {}", failure.message));
			}
			Err(failure) => return Err(failure),
		}
		self.made.fetch_add(1, Ordering::Relaxed);
		self.refresh(miner).await?;
		self.report_round(miner);
		Ok(true)
	}

	/// Ends the rounds because of the budget; it is a failure if there was none.
	fn used_up(&self, miner: Miner<'_>, exceeded: Exceeded) -> Outcome<bool> {
		let Exceeded { counted, needed, limit } = exceeded;
		let words = format!(
			"{} of {} are spent or on hold, and a round may take {}",
			amount::show(counted),
			amount::show(limit),
			amount::show(needed)
		);
		if self.made() == 0 {
			return Err(Failure::new(format!("no round is within the budget: {words}"))
				.kind(Kind::Refused)
				.next(
				"give a larger --max-spend, wait until bonds return, or begin another budget with --fresh",
			));
		}
		let fields = json!({ "counted": counted.to_string(), "needed": needed.to_string(), "limit": limit.to_string() });
		miner.session.output.event("budget_used_up", fields, format!("budget     used up: {words}"));
		Ok(false)
	}

	fn report_budget(&self, miner: Miner<'_>, prices: &Prices) {
		let budget = self.journal.budget();
		let limit = self.limit.map(|limit| limit.to_string());
		let fields = json!({ "limit": limit, "spent": budget.spent().to_string(), "held": budget.held().to_string(),
			"round_most": prices.most().to_string(), "bond": prices.bond.to_string() });
		let of = match self.limit {
			Some(limit) => format!("at most {}", amount::show(limit)),
			None => "no limit but the account's balance (--max-spend sets one)".into(),
		};
		let text = format!(
			"budget     {of}: {} spent, {} on hold; a round spends or holds at most {}, of which a bond of {} comes back for honest work",
			amount::show(budget.spent()),
			amount::show(budget.held()),
			amount::show(prices.most()),
			amount::show(prices.bond)
		);
		miner.session.output.event("budget", fields, text);
	}

	fn report_round(&self, miner: Miner<'_>) {
		let (budget, made) = (self.journal.budget(), self.made());
		let (spent, held) = (budget.spent(), budget.held());
		let last = self.journal.rounds().pop();
		let fields =
			json!({ "round": made, "spent": spent.to_string(), "held": held.to_string(), "last": last });
		let text = format!(
			"round      {made} is over: {} spent and {} on hold in all",
			amount::show(spent),
			amount::show(held)
		);
		miner.session.output.event("round", fields, text);
	}

	/// Reads from the chain what became of bonds on hold.
	pub async fn refresh(&self, miner: Miner<'_>) -> Outcome<()> {
		let Miner { client, account, .. } = miner;
		for outlay in self.journal.budget().open() {
			let root = outlay.root;
			let found = submit::find(client, &account.id(), &root, outlay.submission).await?;
			match found.filter(|info| outlay.may_be(info.id)) {
				Some(info) => {
					self.note_placed(miner, &root, info.id, info.submitted_at.into()).await?;
					self.journal.spend(|budget| budget.settle(root, Bond::of(&info.state)))?;
				}
				// The chain has forgotten it; what became of the bond cannot be read any more.
				None if outlay.submission.is_some() => {
					self.journal.spend(|budget| budget.settle(root, Bond::Lost))?;
				}
				None => {}
			}
		}
		Ok(())
	}

	/// Notes the fee and bond of a submission, which its event states. Without the event what was set aside stays so.
	async fn note_placed(
		&self,
		miner: Miner<'_>,
		root: &sp_core::H256,
		id: SubmissionId,
		block: u64,
	) -> Outcome<()> {
		let is_noted = |outlay: &Outlay| outlay.root == *root && outlay.submission.is_none();
		if !self.journal.budget().open().iter().any(is_noted) {
			return Ok(());
		}
		// A node that prunes may not have the block's state any more.
		let Ok(events) = miner.client.events(block).await else { return Ok(()) };
		let number = |fields: &serde_json::Value, name: &str| as_u128(&fields[name]);
		let submitted =
			events.iter().filter(|(pallet, event, _)| pallet == "ProofOfLearning" && event == "Submitted");
		let paid = submitted
			.filter(|(_, _, fields)| number(fields, "submission") == Some(id.into()))
			.find_map(|(_, _, fields)| number(fields, "fee").zip(number(fields, "bond")));
		if let Some(paid) = paid {
			self.journal.spend(|budget| budget.place(*root, id, paid))?;
		}
		Ok(())
	}

	/// Puts a kept candidate on chain as [`submit::put`] does, once its money is set aside.
	pub async fn put(
		&self,
		miner: Miner<'_>,
		candidate: &Candidate,
		record: &mut SubmissionRecord,
	) -> Outcome<(SubmissionId, u64)> {
		let Miner { session, client, account, store, .. } = miner;
		let (output, root) = (&session.output, record.block.tensor_root);
		if record.sent {
			// What an earlier run sent is paid for, and must not be paid for again.
			client::wait_for_pool(client, output, account).await?;
		}
		self.refresh(miner).await?;
		if let Some(info) = submit::find_open(client, account, record).await? {
			let placed = submit::resumed(output, &info);
			record.submission = Some(placed.0);
			store.update(record)?;
			return Ok(placed);
		}
		submit::ensure_can_submit(client, account).await?;
		let prices = prices(miner).await?;
		let since = client.submission_count().await?;
		let reserved = self.journal.spend(|budget| budget.reserve(self.limit, root, since, &prices))?;
		reserved.map_err(|Exceeded { counted, needed, limit }| {
			Failure::new(format!(
				"the budget does not cover this submission: {} of {} are spent or on hold, and it may take {}",
				amount::show(counted),
				amount::show(limit),
				amount::show(needed)
			))
			.kind(Kind::Refused)
			.next("the block is kept: the same command with a larger --max-spend submits it")
		})?;
		match submit::put(client, output, account, candidate, store, record).await {
			Ok(placed) => {
				self.note_placed(miner, &root, placed.0, placed.1).await?;
				Ok(placed)
			}
			Err(failure) => {
				// Refused by the chain, it is nowhere; for any other reason it may still be included.
				if failure.kind == Kind::Refused {
					self.journal.spend(|budget| budget.fail(root, &prices))?;
				}
				Err(failure)
			}
		}
	}

	/// Notes the end of a round whose block was handed in, if there is one.
	pub async fn note_end(
		&self,
		miner: Miner<'_>,
		record: &SubmissionRecord,
		failure: Option<&Failure>,
	) -> Outcome<()> {
		let slot = (record.slot.layer, record.slot.expert);
		let seconds = record.manifest["result"]["seconds"].as_f64().unwrap_or_default() as u64;
		let is_late = |failure: &Failure| {
			["ParentNotHead", "DuplicateBlock"].iter().any(|error| failure.message.contains(error))
		};
		if failure.is_some_and(is_late) {
			return self.note(Round { slot, submission: None, seconds, gain: None });
		}
		let (client, account) = (miner.client, miner.account);
		let found = submit::find(client, &account.id(), &record.block.tensor_root, record.submission).await?;
		let Some(info) = found else { return Ok(()) };
		let outcome = match &info.state {
			SubmissionState::Decided(decided) => decided.outcome,
			SubmissionState::Closed { outcome, .. } => *outcome,
			_ => return Ok(()),
		};
		self.note(Round { slot, submission: Some(info.id), seconds, gain: gain_of(&outcome) })
	}

	/// Notes a round whose expert is not worth a submission.
	pub fn note_worthless(&self, slot: ExpertSlot, seconds: f64) -> Outcome<()> {
		self.note(Round {
			slot: (slot.layer, slot.expert),
			submission: None,
			seconds: seconds as u64,
			gain: Some(0),
		})
	}

	fn note(&self, round: Round) -> Outcome<()> {
		self.has_ended.store(true, Ordering::Relaxed);
		self.journal.note(round)
	}

	/// Collects what the choice of a slot goes by.
	pub async fn experience(&self, miner: Miner<'_>) -> Outcome<Experience> {
		let rounds = self.journal.rounds();
		let latest = miner.client.submissions(SEARCHED).await?;
		let is_own = |id: SubmissionId| rounds.iter().any(|round| round.submission == Some(id));
		let others = latest.iter().filter(|info| info.slot.model == miner.args.model && !is_own(info.id));
		let others = others.filter_map(|info| {
			let outcome = match &info.state {
				SubmissionState::Decided(decided) => &decided.outcome,
				SubmissionState::Closed { outcome, .. } => outcome,
				_ => return None,
			};
			Some(((info.slot.layer, info.slot.expert), gain_of(outcome)?))
		});
		let others = others.collect();
		Ok(Experience { strategy: self.strategy, rounds, others })
	}
}
