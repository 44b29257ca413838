//! Journal of a miner's rounds for one model: what they took, and what came of them.
//!
//! ```text
//! $BLYAN_HOME/mining/<genesis>/rounds-<model>-<miner>.json    budget and rounds
//!                              rounds-<model>-<miner>.lock    held by the run that makes them
//! ```
//!
//! It is on disk before money is, so that no restart forgets what was spent.

use super::{
	adapter_run::Runs,
	budget::Budget,
	strategy::{choose, Arm, Strategy},
};
use crate::{
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
};
use blyan_primitives::{ModelId, SubmissionId};
use serde::{Deserialize, Serialize};
use std::{
	collections::BTreeMap,
	fs::{self, File},
	path::PathBuf,
	sync::{Mutex, PoisonError},
};

/// Version of the journal.
const VERSION: u32 = 1;
/// Rounds that are remembered: what an expert gained long ago says little about its slot now.
const ROUNDS_MAX: usize = 512;
/// Seconds of training that a submission of others is taken to have had while this miner has no rounds of its own.
const SECONDS_OF_OTHERS: u64 = 150;

/// Tries that all submissions of others to a slot count for together, at their mean gain. With more, a rival could keep this miner
/// away from a slot by worthless submissions to it.
const TRIES_OF_OTHERS_MAX: u64 = 2;

/// Layer and expert.
pub type Place = (u8, u16);

/// A round that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
	/// Slot that it was for.
	pub slot: Place,
	/// Its submission, if it came to one.
	pub submission: Option<SubmissionId>,
	/// Seconds of training.
	pub seconds: u64,
	/// Improvement in bits per byte, Q16; `None` if the round says nothing about its slot.
	pub gain: Option<u64>,
}

/// State on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
	version: u32,
	budget: Budget,
	rounds: Vec<Round>,
}

/// Journal of rounds. There is one at a time.
pub struct Journal {
	path: PathBuf,
	state: Mutex<State>,
	_lock: File,
}

impl Journal {
	/// Opens the journal of a miner and model, or begins it; `fresh` begins another budget.
	pub fn open(runs: &Runs, model: ModelId, miner: &str, fresh: bool) -> Outcome<Self> {
		let path = runs.beside(&format!("rounds-{model}-{miner}.json"));
		let beside = path.with_extension("lock");
		let lock = File::create(&beside).context(beside.display())?;
		if lock.try_lock().is_err() {
			let error = format!("another run makes rounds of {miner} for model {model}");
			return Err(Failure::new(error).kind(Kind::Refused).next("wait for its end, or use another key"));
		}
		let mut state = match fs::read(&path) {
			Ok(json) => serde_json::from_slice(&json)
				.ok()
				.filter(|state: &State| state.version == VERSION)
				.ok_or_else(|| {
				// To begin again in silence would forget what was spent.
				Failure::new(format!("{} is not a journal of this release", path.display()))
					.next("remove it to begin another budget, once nothing of the old one is open: blyan submissions")
			})?,
			Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
				State { version: VERSION, ..State::default() }
			}
			Err(error) => return Err(error).context(path.display()),
		};
		if fresh {
			state.budget = Budget::default();
		}
		let journal = Self { path, state: Mutex::new(state), _lock: lock };
		journal.change(|_| ())?;
		Ok(journal)
	}

	/// Changes the state and writes it.
	fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Outcome<T> {
		let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
		let result = change(&mut state);
		write_private(&self.path, serde_json::to_string_pretty(&*state)?.as_bytes())?;
		Ok(result)
	}

	/// Changes the budget; it is on disk when this returns.
	pub fn spend<T>(&self, change: impl FnOnce(&mut Budget) -> T) -> Outcome<T> {
		self.change(|state| change(&mut state.budget))
	}

	/// Returns the budget.
	pub fn budget(&self) -> Budget {
		self.state.lock().unwrap_or_else(PoisonError::into_inner).budget.clone()
	}

	/// Adds a round, unless its submission is noted already.
	pub fn note(&self, round: Round) -> Outcome<()> {
		self.change(|state| {
			let is_known = |known: &Round| known.submission.is_some() && known.submission == round.submission;
			if state.rounds.iter().any(is_known) {
				return;
			}
			state.rounds.push(round);
			let excess = state.rounds.len().saturating_sub(ROUNDS_MAX);
			state.rounds.drain(..excess);
		})
	}

	/// Returns the rounds, the oldest first.
	pub fn rounds(&self) -> Vec<Round> {
		self.state.lock().unwrap_or_else(PoisonError::into_inner).rounds.clone()
	}
}

/// Knowledge by which the slot of a round is chosen.
#[derive(Clone, Debug)]
pub struct Experience {
	/// Rule of the choice.
	pub strategy: Strategy,
	/// Rounds of this miner.
	pub rounds: Vec<Round>,
	/// Submissions of others that were decided, with their improvements in bits per byte, Q16.
	pub others: Vec<(Place, u64)>,
}

impl Experience {
	/// Reports whether the choice asks for the router's choices.
	pub fn needs_usage(&self) -> bool {
		self.strategy != Strategy::RoundRobin
	}

	/// Chooses one of these slots, with the router's choices of each.
	pub fn choose(&self, uses: &[(Place, u64)]) -> Option<Place> {
		let mut arms: BTreeMap<Place, Arm> = uses
			.iter()
			.map(|(slot, uses)| (*slot, Arm { slot: *slot, uses: *uses, ..Arm::default() }))
			.collect();
		for round in &self.rounds {
			let Some(arm) = arms.get_mut(&round.slot) else { continue };
			arm.rounds = arm.rounds.saturating_add(1);
			if let Some(gain) = round.gain {
				arm.note(round.seconds, gain);
			}
		}
		let seconds = self.seconds_of_others();
		for (slot, (count, gain)) in self.others_by_slot() {
			let Some(arm) = arms.get_mut(&slot) else { continue };
			for _ in 0..count.min(TRIES_OF_OTHERS_MAX) {
				arm.note(seconds, gain / count);
			}
		}
		let arms: Vec<Arm> = arms.into_values().collect();
		choose(self.strategy, &arms)
	}

	/// Counts the submissions of others, and adds up what they gained.
	fn others_by_slot(&self) -> BTreeMap<Place, (u64, u64)> {
		let mut sums: BTreeMap<Place, (u64, u64)> = BTreeMap::new();
		for (slot, gain) in &self.others {
			let (count, sum) = sums.entry(*slot).or_default();
			*count = count.saturating_add(1);
			*sum = sum.saturating_add(*gain);
		}
		sums
	}

	/// Returns the mean of this miner's rounds: the chain does not know how long others trained.
	fn seconds_of_others(&self) -> u64 {
		let seconds = self.rounds.iter().map(|round| round.seconds).fold(0, u64::saturating_add);
		match seconds.checked_div(self.rounds.len() as u64) {
			Some(0) | None => SECONDS_OF_OTHERS,
			Some(mean) => mean,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{home::Home, mining::budget::Prices};
	use sp_core::H256;

	fn round(slot: Place, submission: SubmissionId, gain: Option<u64>) -> Round {
		Round { slot, submission: Some(submission), seconds: 100, gain }
	}

	#[test]
	fn a_restart_forgets_neither_money_nor_rounds_and_fresh_forgets_the_money() {
		let dir = tempfile::tempdir().unwrap();
		let runs = Runs::open(&Home::find(Some(dir.path().join("home"))).unwrap(), [9; 32]).unwrap();
		let prices = Prices { bond: 100, fee_max: 50, deposit: 7, transactions: 3 };
		let journal = Journal::open(&runs, 1, "5Dave", false).unwrap();
		journal.spend(|budget| budget.reserve(Some(200), H256([1; 32]), 0, &prices)).unwrap().unwrap();
		journal.note(round((0, 1), 4, Some(9))).unwrap();
		journal.note(round((0, 1), 4, Some(9))).unwrap();
		let Err(failure) = Journal::open(&runs, 1, "5Dave", false) else { panic!("two runs of one budget") };
		assert_eq!(failure.kind, Kind::Refused);
		Journal::open(&runs, 1, "5Eve", false).unwrap();
		drop(journal);
		let journal = Journal::open(&runs, 1, "5Dave", false).unwrap();
		assert_eq!(journal.budget().spent() + journal.budget().held(), 160);
		assert!(journal
			.spend(|budget| budget.reserve(Some(200), H256([2; 32]), 0, &prices))
			.unwrap()
			.is_err());
		assert_eq!(journal.rounds().len(), 1, "a submission is one round");
		drop(journal);
		let journal = Journal::open(&runs, 1, "5Dave", true).unwrap();
		assert_eq!(journal.budget(), Budget::default());
		assert_eq!(journal.rounds().len(), 1);
	}

	#[test]
	fn a_damaged_journal_is_not_taken_for_an_empty_one() {
		let dir = tempfile::tempdir().unwrap();
		let runs = Runs::open(&Home::find(Some(dir.path().join("home"))).unwrap(), [9; 32]).unwrap();
		drop(Journal::open(&runs, 1, "5Dave", false).unwrap());
		fs::write(runs.beside("rounds-1-5Dave.json"), b"{\"version\":").unwrap();
		let Err(failure) = Journal::open(&runs, 1, "5Dave", false) else { panic!("it is damaged") };
		assert!(failure.next.unwrap().contains("remove it"));
	}

	#[test]
	fn what_others_gained_counts_and_slots_that_are_gone_do_not() {
		let uses = [((0, 0), 5), ((0, 1), 1), ((1, 0), 1)];
		let mut experience = Experience { strategy: Strategy::Auto, rounds: Vec::new(), others: Vec::new() };
		assert_eq!(experience.choose(&uses), Some((0, 0)), "the most used one");
		experience.others = vec![((0, 0), 0), ((0, 1), 0), ((1, 0), 900), ((7, 7), 5_000)];
		assert_eq!(experience.choose(&uses), Some((1, 0)));
		experience.strategy = Strategy::RoundRobin;
		experience.rounds = vec![round((0, 0), 1, None), round((0, 1), 2, None)];
		assert_eq!(experience.choose(&uses), Some((1, 0)));
		assert_eq!(experience.choose(&[]), None);
	}

	#[test]
	fn attack_refusals_of_a_rival_keep_a_miner_away_from_a_slot_for_a_while_only() {
		let uses = [((0, 0), 1), ((0, 1), 1), ((0, 2), 1), ((0, 3), 1)];
		let others = vec![((0, 2), 0); 150];
		let mut experience = Experience { strategy: Strategy::Auto, rounds: Vec::new(), others };
		for number in 0..300 {
			let slot = experience.choose(&uses).unwrap();
			experience.rounds.push(round(slot, number, Some(if slot == (0, 2) { 400 } else { 100 })));
		}
		let good = experience.rounds.iter().filter(|round| round.slot == (0, 2)).count();
		assert!(good > 150, "{good} of 300 rounds");
	}
}
