//! Answers of this server, computed again.

use super::{Bench, Checked};
use crate::{
	answer_referee::{AnswerModel, AnswerReferee, Wait},
	failure::{Failure, Outcome},
};
use blyan_gateway::Gateway;
use blyan_open_model::Directory;
use blyan_primitives::EvaluationOutcome;
use blyan_till::Cashier;
use sp_core::H256;
use std::{
	collections::HashMap,
	path::PathBuf,
	sync::{Arc, Mutex, PoisonError, Weak},
	time::{Duration, Instant},
};

/// Longest pause in front of a layer while answers are served.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Answers that the till keeps, the model that is served, and those that were served before.
pub struct KeptAnswers {
	cashier: Arc<Cashier>,
	gateway: Arc<Gateway>,
	served: Arc<AnswerModel>,
	/// Directories of models that were served before.
	former: Vec<PathBuf>,
	/// Those of them about which challenges stand.
	loaded: Shared<AnswerModel>,
	wait: Wait,
}

impl KeptAnswers {
	/// Takes a till, and the model of its server. `former`: directories of models that were served before, which are loaded when a challenge is about one.
	pub fn new(
		cashier: Arc<Cashier>,
		gateway: Arc<Gateway>,
		served: Arc<AnswerModel>,
		former: Vec<PathBuf>,
	) -> Self {
		let wait = giving_way(gateway.clone());
		Self { cashier, gateway, served, former, loaded: Shared::default(), wait }
	}

	/// Finds the model of this root.
	fn model(&self, root: &str) -> Outcome<Option<Arc<AnswerModel>>> {
		if self.served.root() == root {
			return Ok(Some(self.served.clone()));
		}
		let mut unreadable = None;
		for dir in &self.former {
			match Directory::new(dir).manifest() {
				Ok(manifest) if manifest.model_root == root => {
					return self.loaded.get(root, || AnswerModel::open(dir, Some(1))).map(Some);
				}
				Ok(_) => {}
				Err(error) => unreadable = Some(error),
			}
		}
		// It may be the one.
		unreadable.map_or(Ok(None), |error| Err(error.into()))
	}
}

impl Bench for KeptAnswers {
	fn check(&self, receipt: H256) -> Outcome<Checked> {
		let kept = self.cashier.kept_answer(&receipt)?;
		let Some((kept, record)) = kept.and_then(|kept| kept.record().map(|record| (kept, record))) else {
			return Ok(Checked::Unknown);
		};
		let Some(model) = self.model(&record.model_root)? else {
			return Ok(Checked::NoModel(record.model_root));
		};
		let (outcome, referee) = confirmed(|| {
			let referee = AnswerReferee::new(model.clone(), &record, self.wait.clone())?;
			referee.ensure_about(&kept.signed)?;
			Ok((referee.outcome()?, referee))
		})?;
		Ok(match outcome.baseline_loss {
			0 => Checked::Right(outcome, Arc::new(referee)),
			misses => Checked::Wrong(misses),
		})
	}

	fn withhold(&self, reason: String) {
		self.gateway.withhold(reason);
	}
}

/// Gives half of the time to answers that are served: rests as long as it has worked, while there are any.
fn giving_way(gateway: Arc<Gateway>) -> Wait {
	let rested_at = Mutex::new(Instant::now());
	Arc::new(move || {
		let mut rested_at = rested_at.lock().unwrap_or_else(PoisonError::into_inner);
		if gateway.engine().load().active > 0 {
			std::thread::sleep(rested_at.elapsed().min(PAUSE_MAX));
		}
		*rested_at = Instant::now();
	})
}

/// Computes an answer again if it seems to be wrong: that ends the serving and costs half of a stake, and a bit that flipped in this machine is no
/// wrong answer.
fn confirmed<T>(compute: impl Fn() -> Outcome<(EvaluationOutcome, T)>) -> Outcome<(EvaluationOutcome, T)> {
	let first = compute()?;
	if first.0.baseline_loss == 0 {
		return Ok(first);
	}
	let second = compute()?;
	match first.0 == second.0 {
		true => Ok(second),
		false => Err(Failure::new("this machine has computed the answer twice, and came to two results")
			.next("it is tried again; look for faults of the machine (memory, overclocking)")),
	}
}

/// Things that are large: one of a name at a time, for as long as it is in use.
struct Shared<T>(Mutex<HashMap<String, Weak<T>>>);

impl<T> Default for Shared<T> {
	fn default() -> Self {
		Self(Mutex::default())
	}
}

impl<T> Shared<T> {
	/// Returns the one that is in use, or loads it.
	fn get(&self, name: &str, load: impl FnOnce() -> Outcome<T>) -> Outcome<Arc<T>> {
		let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some(found) = held.get(name).and_then(Weak::upgrade) {
			return Ok(found);
		}
		let loaded = Arc::new(load()?);
		held.insert(name.to_owned(), Arc::downgrade(&loaded));
		Ok(loaded)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::cell::Cell;

	#[test]
	fn a_former_model_is_loaded_once_however_many_challenges_are_about_it() {
		let (shared, loads) = (Shared::default(), Cell::new(0));
		let load = || {
			loads.set(loads.get() + 1);
			Ok(loads.get())
		};
		let one = shared.get("a", load).unwrap();
		let other = shared.get("a", load).unwrap();
		assert!(Arc::ptr_eq(&one, &other));
		assert_eq!(*shared.get("b", load).unwrap(), 2);
		drop((one, other));
		assert_eq!(*shared.get("a", load).unwrap(), 3, "it was let go when no challenge stood any more");
		assert!(shared.get("c", || Err(Failure::new("no such directory"))).is_err());
	}

	#[test]
	fn an_answer_counts_as_wrong_once_two_computations_agree_on_it() {
		let outcome = |misses| EvaluationOutcome { baseline_loss: misses, ..EvaluationOutcome::default() };
		let found = |misses: [u64; 2]| {
			let place = Cell::new(0_usize);
			let found = confirmed(|| {
				place.set(place.get() + 1);
				Ok((outcome(misses[place.get() - 1]), ()))
			});
			(found.ok().map(|(outcome, ())| outcome.baseline_loss), place.get())
		};
		assert_eq!(found([0, 9]), (Some(0), 1), "what is right is computed once");
		assert_eq!(found([2, 2]), (Some(2), 2));
		assert_eq!(found([2, 0]), (None, 2));
	}
}
