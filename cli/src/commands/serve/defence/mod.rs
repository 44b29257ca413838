//! Unattended defence of answers: looks for challenges of an operator's receipts, defends those that are right, and plays the games about them.
//!
//! ```text
//! look ──> challenge ──> kept answer, computed again ──> right ──> defend ──> games, to their end
//!            (storage)      (one at a time, gives way        │
//!                            to answers that are served)     `─> wrong: nothing is sent, and no more is served
//!      ──> offence of a game that a clock decided ──> kept answer, computed again ──> right ──> appeal ──> its game, to its end
//! ```
//!
//! Nothing is remembered that must be right: every look reads what stands from a block that stays, so a defender that was stopped, lost its
//! node, or saw a fork goes on where the chain is. It acts on silence as on an open challenge: a late defence takes the offence back.

mod appeals;
mod bench;
mod court;
#[cfg(test)]
mod tests;
mod upkeep;

pub use appeals::Accusation;
pub use bench::KeptAnswers;
pub use court::NodeCourt;
pub use upkeep::upkeep;

use crate::{
	client::{answer_verdict, Challenge, Stage},
	failure::{Failure, Kind, Outcome},
	names,
	output::Output,
	referee::Openings,
};
use blyan_primitives::{EvaluationOutcome, Subject};
use blyan_runtime_api::disputes::{GameId, GameInfo};
use futures::future::BoxFuture;
use serde_json::json;
use sp_core::H256;
use std::{
	collections::{HashMap, HashSet},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Interval of looks: half a block.
const LOOK: Duration = Duration::from_secs(3);
/// Time after which something that failed is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The chain as a defender sees it.
pub trait Court: Send + Sync + 'static {
	/// Challenges of the operator's receipts.
	fn challenges(&self) -> BoxFuture<'_, Outcome<Vec<Challenge>>>;

	/// Reports whether a receipt counts as wrong.
	fn is_refuted(&self, receipt: H256) -> BoxFuture<'_, Outcome<bool>>;

	/// Open games about a subject.
	fn games(&self, subject: Subject) -> BoxFuture<'_, Outcome<Vec<GameInfo>>>;

	/// Commits the operator to how it came to an answer.
	fn defend(&self, receipt: H256, outcome: EvaluationOutcome) -> BoxFuture<'_, Outcome<()>>;

	/// Offences of the operator that are not decided, about claims of its that the chain has not computed.
	fn accusations(&self) -> BoxFuture<'_, Outcome<Vec<Accusation>>>;

	/// Claims about a subject that have fallen.
	fn fallen(&self, subject: Subject) -> BoxFuture<'_, Outcome<Vec<H256>>>;

	/// Appeals against an offence in the operator's name. Reports whether the claim is computed again; otherwise a judge decides.
	fn appeal(&self, offence: u64) -> BoxFuture<'_, Outcome<bool>>;

	/// Plays a game to its end for the claim with this digest.
	fn play(&self, game: GameId, own: H256, referee: Arc<dyn Openings>) -> BoxFuture<'_, Outcome<()>>;
}

/// Finding about a challenged answer.
#[derive(Clone)]
pub enum Checked {
	/// No token is another than the model chooses.
	Right(EvaluationOutcome, Arc<dyn Openings>),
	/// So many are.
	Wrong(u64),
	/// The answer is not among those that are kept.
	Unknown,
	/// Its model, of this root, is not on this machine.
	NoModel(String),
}

/// Answers that were signed for, and the means to compute them again.
pub trait Bench: Send + Sync + 'static {
	/// Computes the answer of a receipt again. Takes long.
	fn check(&self, receipt: H256) -> Outcome<Checked>;

	/// Gives no more answers.
	fn withhold(&self, reason: String);
}

/// Something to do, which is done once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
	/// Defend a receipt.
	Defend(H256),
	/// Play a game.
	Play(GameId),
	/// Appeal against an offence.
	Appeal(u64),
}

#[derive(Default)]
struct State {
	/// Challenges by the last look.
	known: HashSet<H256>,
	/// Undecided offences by the last look, with the receipts that they are about.
	accused: HashMap<u64, H256>,
	checked: HashMap<H256, Checked>,
	under_way: HashSet<Work>,
	resting: HashMap<Work, Instant>,
	/// Words about what failed last.
	complaints: HashMap<Work, String>,
	/// Receipts about which everything was said.
	reported: HashSet<H256>,
}

impl State {
	/// Forgets what was found out about a receipt of which nothing stands any more.
	fn forget(&mut self, receipt: H256) {
		if !self.known.contains(&receipt) && !self.accused.values().any(|accused| *accused == receipt) {
			self.checked.remove(&receipt);
			self.reported.remove(&receipt);
		}
	}
}

/// Defender of an operator's receipts.
pub struct Defender<C, B> {
	court: C,
	bench: B,
	output: Output,
	/// Computations at the same time in front of defences.
	places: Semaphore,
	/// The same in front of games: their clocks are short, and a flood of challenges must not let them wait.
	game_places: Semaphore,
	state: Mutex<State>,
}

impl<C: Court, B: Bench> Defender<C, B> {
	/// Makes a defender that knows nothing yet.
	pub fn new(court: C, bench: B, output: Output) -> Arc<Self> {
		let (places, game_places) = (Semaphore::new(1), Semaphore::new(1));
		Arc::new(Self { court, bench, output, places, game_places, state: Mutex::default() })
	}

	/// Looks and acts for ever.
	pub async fn run(self: Arc<Self>) {
		let mut has_failed = false;
		loop {
			match self.look().await {
				Ok(()) => has_failed = false,
				// One line for an outage.
				Err(failure) if !has_failed => {
					has_failed = true;
					self.output.warn(format_args!(
						"challenges of answers cannot be looked for: {}; it is tried again until the node answers",
						failure.message
					));
				}
				Err(_) => {}
			}
			tokio::time::sleep(LOOK).await;
		}
	}

	/// Looks once, and begins what is to be done. What was begun goes on beside the next look.
	async fn look(self: &Arc<Self>) -> Outcome<()> {
		let mut challenges = self.court.challenges().await?;
		self.note(&challenges).await?;
		// Those whose time is over first come first.
		challenges.sort_by_key(|challenge| match challenge.stage {
			Stage::Open { until } => (0, until),
			Stage::Silent { until } => (1, until),
			Stage::Defended { .. } => (2, 0),
		});
		let mut looked = Ok(());
		for challenge in challenges {
			match challenge.stage {
				Stage::Open { .. } | Stage::Silent { .. } => {
					let (defender, receipt) = (self.clone(), challenge.receipt);
					self.begin(Work::Defend(receipt), async move { defender.defend(challenge).await });
				}
				// Games of which nothing can be read stop none of the others.
				Stage::Defended { outcome } => {
					looked = looked.and(self.look_at_games(challenge, outcome).await)
				}
			}
		}
		looked.and(self.look_at_accusations().await)
	}

	/// Says what is new and what is over.
	async fn note(&self, challenges: &[Challenge]) -> Outcome<()> {
		let over: Vec<H256> = {
			let mut state = self.lock();
			for challenge in challenges {
				if state.known.insert(challenge.receipt) {
					self.announce(challenge);
				}
			}
			let stands = |receipt: &H256| challenges.iter().any(|challenge| challenge.receipt == *receipt);
			state.known.iter().filter(|receipt| !stands(receipt)).copied().collect()
		};
		for receipt in over {
			let is_refuted = self.court.is_refuted(receipt).await?;
			let mut state = self.lock();
			state.known.remove(&receipt);
			state.forget(receipt);
			state.resting.remove(&Work::Defend(receipt));
			state.complaints.remove(&Work::Defend(receipt));
			let name = names::short_hash(&receipt);
			let text = match is_refuted {
				false => format!("the challenge of receipt {name} is over: the answer stands"),
				true => format!(
					"the challenge of receipt {name} is over: the answer counts as wrong (blyan audit offences ACCOUNT)"
				),
			};
			self.output.event("challenge_closed", json!({ "receipt": receipt, "refuted": is_refuted }), text);
		}
		Ok(())
	}

	fn announce(&self, challenge: &Challenge) {
		let (stage, text) = match challenge.stage {
			Stage::Open { until } => ("open", format!("it is to be defended before block {until} of working time")),
			Stage::Silent { until } => (
				"silent",
				format!("its time is over, and a defence before block {until} of working time takes the offence back"),
			),
			Stage::Defended { .. } => ("defended", "it is defended".into()),
		};
		let fields = json!({ "receipt": challenge.receipt, "challenger": challenge.challenger, "stage": stage,
			"key": challenge.key, "model_root": challenge.model_root });
		let (name, who) = (names::short_hash(&challenge.receipt), names::short(&challenge.challenger));
		self.output.event("challenged", fields, format!("receipt {name} is challenged by {who}: {text}"));
	}

	/// Begins to play the games about a claim of this operator's.
	async fn look_at_games(
		self: &Arc<Self>,
		challenge: Challenge,
		claimed: EvaluationOutcome,
	) -> Outcome<()> {
		let own = answer_verdict(claimed).digest();
		for game in self.court.games(challenge.subject()).await? {
			if game.ended.is_some() || !game.digests.contains(&own) {
				continue;
			}
			let (defender, receipt, id) = (self.clone(), challenge.receipt, game.id);
			self.begin(Work::Play(id), async move { defender.play(receipt, own, id).await });
		}
		Ok(())
	}

	/// Does something beside everything else, unless it is under way or has just failed.
	fn begin(
		self: &Arc<Self>,
		work: Work,
		task: impl std::future::Future<Output = Outcome<()>> + Send + 'static,
	) {
		{
			let mut state = self.lock();
			let is_resting = state.resting.get(&work).is_some_and(|until| Instant::now() < *until);
			if is_resting || !state.under_way.insert(work) {
				return;
			}
		}
		let defender = self.clone();
		tokio::spawn(async move {
			let done = task.await;
			if let Err(failure) = done {
				defender.rest(work);
				// The look that fails next says that the node is away.
				if failure.kind != Kind::Unreachable {
					defender.complain(work, &failure);
				}
			}
			defender.lock().under_way.remove(&work);
		});
	}

	fn complain(&self, work: Work, failure: &Failure) {
		let what = match work {
			Work::Defend(receipt) => format!("receipt {} is not defended", names::short_hash(&receipt)),
			Work::Play(game) => format!("game {game} is not played to its end"),
			Work::Appeal(offence) => format!("offence {offence} is not appealed"),
		};
		let next = failure.next.as_deref().unwrap_or("it is tried again");
		let words = format!("{what}: {}; {next}", failure.message);
		// The same thing is said once, however often it is tried.
		let last = self.lock().complaints.insert(work, words.clone());
		if last.as_ref() != Some(&words) {
			self.output.warn(words);
		}
	}

	/// Computes an answer again, once for all questions about it. `places`: those for work of the same urgency.
	async fn checked(self: &Arc<Self>, receipt: H256, places: &Semaphore) -> Outcome<Checked> {
		let known = || self.lock().checked.get(&receipt).cloned();
		if let Some(checked) = known() {
			return Ok(checked);
		}
		// A semaphore that is never closed.
		let _place = places.acquire().await?;
		if let Some(checked) = known() {
			return Ok(checked);
		}
		let defender = self.clone();
		let checked = tokio::task::spawn_blocking(move || defender.bench.check(receipt)).await??;
		// What is missing may be there the next time: another model, a store that was brought back.
		if matches!(checked, Checked::Right(..) | Checked::Wrong(_)) {
			self.lock().checked.insert(receipt, checked.clone());
		}
		Ok(checked)
	}

	/// Defends a receipt, if its answer is right.
	async fn defend(self: &Arc<Self>, challenge: Challenge) -> Outcome<()> {
		let receipt = challenge.receipt;
		match self.checked(receipt, &self.places).await? {
			Checked::Right(outcome, _) => {
				self.court.defend(receipt, outcome).await?;
				// A look that began before does not see it yet.
				self.rest(Work::Defend(receipt));
				let fields = json!({ "receipt": receipt, "digest": answer_verdict(outcome).digest() });
				let text = format!("receipt {} is right, and defended", names::short_hash(&receipt));
				self.output.event("defended", fields, text);
				Ok(())
			}
			checked => {
				self.report(receipt, &checked);
				self.rest(Work::Defend(receipt));
				Ok(())
			}
		}
	}

	/// Plays a game about the claim with this digest, which was made for this operator.
	async fn play(self: &Arc<Self>, receipt: H256, own: H256, id: GameId) -> Outcome<()> {
		match self.checked(receipt, &self.game_places).await? {
			Checked::Right(outcome, referee) if answer_verdict(outcome).digest() == own => {
				self.court.play(id, own, referee).await
			}
			Checked::Right(..) => {
				self.rest(Work::Play(id));
				Err(Self::foreign())
			}
			checked => {
				self.report(receipt, &checked);
				self.rest(Work::Play(id));
				Ok(())
			}
		}
	}

	/// Failure of a claim that another program made with the operator's key.
	fn foreign() -> Failure {
		Failure::new("the claim that was made for the operator is not what this machine computes")
			.next("it cannot be played for: see which account has the operator's key")
	}

	/// Says, once for each receipt, why it is not defended.
	fn report(&self, receipt: H256, checked: &Checked) {
		let name = names::short_hash(&receipt);
		if !self.lock().reported.insert(receipt) {
			return;
		}
		let (reason, text) = match checked {
			Checked::Right(..) => return,
			Checked::Wrong(misses) => (
				"wrong",
				format!(
					"RECEIPT {name} IS WRONG: {misses} of its tokens are not what the model gives, by what this machine computes now. It is not \
					defended, and no more answers are given. Look for faults of the machine (memory, overclocking) and of the model's \
					files; the offence costs half of the stake"
				),
			),
			Checked::Unknown => (
				"unknown",
				format!(
					"RECEIPT {name} IS CHALLENGED AND CANNOT BE DEFENDED: it is signed with a key of this operator, and the till's store has no such \
					answer. If a server of another offer of this operator signed it, that one defends it. Otherwise bring the store back that \
					signed it, or look for a thief that has the key; without a defence it costs half of the stake"
				),
			),
			Checked::NoModel(root) => (
				"no_model",
				format!(
					"RECEIPT {name} IS CHALLENGED AND ITS MODEL 0x{root} IS NOT SERVED HERE: start the server again with --also-defend DIR, the directory \
					of that model; without a defence it costs half of the stake"
				),
			),
		};
		if let Checked::Wrong(_) = checked {
			self.bench.withhold(format!("its answer of receipt {receipt:?} was wrong"));
		}
		self.output.event("undefended", json!({ "receipt": receipt, "reason": reason }), &text);
		self.output.warn(&text);
	}

	/// Lets something rest, although it has not failed.
	fn rest(&self, work: Work) {
		self.lock().resting.insert(work, Instant::now() + RETRY);
	}

	fn lock(&self) -> MutexGuard<'_, State> {
		// Every change is complete before anything that could panic.
		self.state.lock().unwrap_or_else(PoisonError::into_inner)
	}
}
