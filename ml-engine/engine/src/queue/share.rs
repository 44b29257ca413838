//! Shares of serving and evaluation while both have work.
//!
//! For the time that serving takes, evaluation is owed as much of a core's time. Evaluation pays it off by computing, also
//! on other cores; where it gets none, serving rests for as long. So serving is no slower where cores are free, and
//! evaluation has half of one where they are not.

use std::time::Duration;

/// Debt up to which serving goes on: a few prompts of the genesis model.
const ALLOWANCE: Duration = Duration::from_millis(10);
/// Largest debt that is remembered, and so the longest rest.
const DEBT_MAX: Duration = Duration::from_secs(1);
/// Largest lead of evaluation that is remembered.
const LEAD_MAX: Duration = Duration::from_millis(100);

/// Account of both. Reads no clock.
#[derive(Debug, Default)]
pub(super) struct Share {
	/// Time that serving owes.
	debt: Duration,
	/// Time that evaluation is ahead by; zero while there is a debt.
	lead: Duration,
	/// Rests that evaluation has not yet used: what it computes then pays for nothing else.
	unused_rest: Duration,
	rested: Duration,
}

impl Share {
	/// Notes time that serving took while evaluation had work.
	pub(super) fn note_served(&mut self, took: Duration) {
		let beyond = took.saturating_sub(self.lead);
		self.lead = self.lead.saturating_sub(took);
		self.debt = (self.debt + beyond).min(DEBT_MAX);
	}

	/// Notes processor time of evaluation.
	pub(super) fn note_evaluated(&mut self, took: Duration) {
		let beyond = took.saturating_sub(self.unused_rest);
		self.unused_rest = self.unused_rest.saturating_sub(took);
		self.pay(beyond);
	}

	/// Notes a rest of serving.
	pub(super) fn note_rested(&mut self, took: Duration) {
		self.rested += took;
		self.unused_rest = (self.unused_rest + took).min(DEBT_MAX);
		self.pay(took);
	}

	fn pay(&mut self, time: Duration) {
		let beyond = time.saturating_sub(self.debt);
		self.debt = self.debt.saturating_sub(time);
		self.lead = (self.lead + beyond).min(LEAD_MAX);
	}

	/// Forgets who owes what, once evaluation has no work.
	pub(super) fn clear(&mut self) {
		*self = Self { rested: self.rested, ..Self::default() };
	}

	/// Returns how long serving rests before its next turn; `None` if it need not.
	pub(super) fn rest(&self) -> Option<Duration> {
		(self.debt > ALLOWANCE).then_some(self.debt)
	}

	/// Reports whether evaluation goes on although serving has work.
	pub(super) fn is_evaluation_due(&self) -> bool {
		!self.debt.is_zero()
	}

	/// Returns all rests.
	pub(super) fn rested(&self) -> Duration {
		self.rested
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const STEP: Duration = Duration::from_millis(1);

	/// Plays steps of one core that both want and evaluation gets only while serving rests; returns those that each had.
	fn one_core(steps: u32, evaluates: bool) -> (u32, u32) {
		let mut share = Share::default();
		let (mut served, mut evaluated, mut resting) = (0, 0, Duration::ZERO);
		for _ in 0..steps {
			if resting.is_zero() {
				resting = share.rest().unwrap_or_default();
			}
			if resting.is_zero() {
				served += 1;
				share.note_served(STEP);
				continue;
			}
			resting -= STEP;
			share.note_rested(STEP);
			if evaluates {
				evaluated += 1;
				share.note_evaluated(STEP);
			}
		}
		(served, evaluated)
	}

	#[test]
	fn evaluation_has_half_of_a_core_that_serving_wants_all_of() {
		let (served, evaluated) = one_core(10_000, true);
		assert!(served.abs_diff(evaluated) <= 20, "{served} and {evaluated}");
	}

	#[test]
	fn serving_has_half_of_a_core_when_evaluation_is_stuck() {
		let (served, _) = one_core(10_000, false);
		assert!(served.abs_diff(5_000) <= 20, "{served}");
	}

	#[test]
	fn serving_does_not_rest_when_evaluation_has_a_core_of_its_own() {
		let mut share = Share::default();
		for _ in 0..10_000 {
			share.note_served(STEP);
			assert_eq!(share.rest(), None);
			share.note_evaluated(STEP);
			assert!(!share.is_evaluation_due());
		}
		assert!(share.rested().is_zero());
	}

	#[test]
	fn no_debt_or_lead_lasts_for_long_and_none_outlasts_the_evaluation() {
		let mut share = Share::default();
		share.note_served(100 * DEBT_MAX);
		assert_eq!(share.rest(), Some(DEBT_MAX));
		share.note_evaluated(100 * DEBT_MAX);
		share.note_served(LEAD_MAX);
		assert!(!share.is_evaluation_due());
		share.note_served(STEP);
		assert!(share.is_evaluation_due());
		share.note_rested(STEP);
		share.note_served(DEBT_MAX);
		share.clear();
		assert_eq!((share.rest(), share.is_evaluation_due(), share.rested()), (None, false, STEP));
	}
}
