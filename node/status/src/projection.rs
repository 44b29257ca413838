//! Projection of a miner's earnings from what the chain shows.
//!
//! ```text
//! BLY an hour = n (R / S - fee)        n: attempts an hour     R: rewards of the window
//!                                      S: attempts judged      fee: price of an attempt
//! ```
//!
//! That is the income of the mean miner of the window, times the pace of this machine over the pace of the mean miner, less
//! fees: `R / (M H) * n / (S / (M H))` for M miners in H hours. Its range replaces the share of accepted attempts, A of S, by
//! the ends of its 95 % interval (Wilson). Everything else is taken to stay as it was. Estimates are in floats: nothing on
//! the chain depends on them.

use crate::amount::bly;
use blyan_runtime_api::{
	AccountId, Balance, BlockNumber, RejectReason, SubmissionInfo, SubmissionOutcome, SubmissionState,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Longest window, in blocks: a day of blocks of six seconds.
pub const WINDOW_BLOCKS: BlockNumber = 14_400;
/// Training runs of a machine whose mean is taken, the latest ones.
pub const RUNS_MAX: usize = 10;
/// Hours of the day that a quota is for.
const DAY_HOURS: f64 = 24.0;
/// Seconds in an hour.
const HOUR_SECONDS: f64 = 3_600.0;
/// Standard errors to either side of an interval of 95 %.
const Z: f64 = 1.96;

/// A machine's training runs, as it recorded them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
	/// Seconds that each took, the latest first.
	pub training_seconds: Vec<f64>,
}

/// Inputs of a projection besides submissions.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
	/// Best block.
	pub block: BlockNumber,
	/// First block of the window, before which not all submissions are known.
	pub from_block: BlockNumber,
	/// Seconds between blocks.
	pub seconds_per_block: Option<f64>,
	/// Price of an attempt now.
	pub fee: Balance,
	/// Attempts that the chain takes from the account in a day.
	pub quota: u32,
	/// Blocks that a commitment has to age.
	pub commit_age: BlockNumber,
	/// The machine; `None` if the program that asks does not train.
	pub machine: Option<&'a Machine>,
}

/// Projected earnings of a miner. A number is `null` where there is no data for it, and `reason` says which is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Projection {
	/// Expected BLY an hour, less fees.
	pub bly_per_hour: Option<f64>,
	/// Lower end of its range.
	pub low: Option<f64>,
	/// Upper end of its range.
	pub high: Option<f64>,
	/// Reason why there is no expectation.
	pub reason: Option<String>,
	/// BLY an hour of the mean miner of the window, before fees.
	pub mean_miner_bly_per_hour: Option<f64>,
	/// Observations on the chain.
	pub window: Option<Window>,
	/// Observations on this machine.
	pub machine: Option<Pace>,
}

/// Submissions of the window that have been judged, or expired.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
	/// First block.
	pub from_block: BlockNumber,
	/// Last block.
	pub to_block: BlockNumber,
	/// Hours between these, at the present mean time of a block.
	pub hours: Option<f64>,
	/// Attempts: submissions that were accepted, rejected or expired.
	pub attempts: u32,
	/// Of these, accepted and not refuted.
	pub accepted: u32,
	/// Accounts that made them.
	pub miners: u32,
	/// Rewards of the accepted ones, in BLY.
	pub reward_bly: f64,
	/// Attempts an hour of the mean miner.
	pub attempts_per_miner_hour: Option<f64>,
	/// Mean seconds from a submission to its decision, of those that can still be disputed.
	pub decision_seconds: Option<f64>,
}

impl Window {
	/// Describes it in a line.
	pub fn summary(&self) -> String {
		format!(
			"blocks {} to {}: {} of {} attempts accepted, {:.3} BLY paid, miners: {}",
			self.from_block, self.to_block, self.accepted, self.attempts, self.reward_bly, self.miners
		)
	}
}

/// Pace of a machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
	/// Training runs on record.
	pub runs: u32,
	/// Mean seconds of a run.
	pub training_seconds: f64,
	/// Seconds from the end of training to the decision; `null`, and taken as 0, where the chain shows none.
	pub waiting_seconds: Option<f64>,
	/// Attempts an hour, one after the other, as many as the quota allows.
	pub attempts_per_hour: f64,
	/// True if the quota allows fewer than the machine can make.
	pub is_limited_by_quota: bool,
	/// The same over the pace of the mean miner of the window.
	pub relative_pace: Option<f64>,
}

/// Projects earnings from submissions, oldest first, of which those before the window are left out.
pub fn project(submissions: &[SubmissionInfo], conditions: &Conditions<'_>) -> Projection {
	let window = Window::observe(submissions, conditions);
	let mean_miner_bly_per_hour = window
		.hours
		.filter(|hours| *hours > 0.0 && window.attempts > 0)
		.map(|hours| window.reward_bly / f64::from(window.miners) / hours);
	let pace = conditions.machine.and_then(|machine| Pace::of(machine, &window, conditions));
	let projection = Projection {
		mean_miner_bly_per_hour,
		machine: pace.clone(),
		window: Some(window.clone()),
		..Projection::default()
	};
	let blocks = conditions.block.saturating_sub(conditions.from_block);
	let reason = match (&pace, conditions.machine) {
		_ if window.attempts == 0 => format!("no submission of the last {blocks} blocks has been judged"),
		_ if window.accepted == 0 => format!(
			"no attempt of the last {blocks} blocks was accepted (judged: {}), so what one is worth is unknown",
			window.attempts
		),
		(None, None) => "the pace of a miner is known on its own machine only: blyan status --json".into(),
		(None, Some(_)) => {
			"this machine has no training run for this network on record: blyan mine makes one".into()
		}
		(Some(pace), _) => return Projection { ..expect(projection, &window, pace, conditions.fee) },
	};
	Projection { reason: Some(reason), ..projection }
}

/// Fills in the expectation and its range; the window has accepted attempts.
fn expect(projection: Projection, window: &Window, pace: &Pace, fee: Balance) -> Projection {
	let reward = window.reward_bly / f64::from(window.accepted);
	let (low, high) = wilson(window.accepted, window.attempts);
	let an_hour = |share: f64| Some(round(pace.attempts_per_hour * (share * reward - bly(fee))));
	Projection {
		bly_per_hour: an_hour(f64::from(window.accepted) / f64::from(window.attempts)),
		low: an_hour(low),
		high: an_hour(high),
		..projection
	}
}

impl Window {
	fn observe(submissions: &[SubmissionInfo], conditions: &Conditions<'_>) -> Self {
		let Conditions { block, from_block, seconds_per_block, .. } = *conditions;
		let hours = |blocks: f64| seconds_per_block.map(|seconds| blocks * seconds / HOUR_SECONDS);
		let mut window = Self {
			from_block,
			to_block: block,
			hours: hours(f64::from(block.saturating_sub(from_block))).map(round),
			..Self::default()
		};
		let mut miners = BTreeSet::<&AccountId>::new();
		let (mut reward, mut decided, mut waited) = (0u128, 0u32, 0u64);
		for info in submissions.iter().filter(|info| info.submitted_at >= from_block) {
			let Some(paid) = attempt(&info.state) else { continue };
			window.attempts = window.attempts.saturating_add(1);
			miners.insert(&info.miner);
			if let Some(paid) = paid {
				window.accepted = window.accepted.saturating_add(1);
				reward = reward.saturating_add(paid);
			}
			if let SubmissionState::Decided(decision) = &info.state {
				decided = decided.saturating_add(1);
				let blocks = decision.decided_at.saturating_sub(info.submitted_at);
				waited = waited.saturating_add(blocks.into());
			}
		}
		window.miners = u32::try_from(miners.len()).unwrap_or(u32::MAX);
		window.reward_bly = bly(reward);
		window.attempts_per_miner_hour = window
			.hours
			.filter(|hours| *hours > 0.0 && window.miners > 0)
			.map(|hours| round(f64::from(window.attempts) / f64::from(window.miners) / hours));
		window.decision_seconds = seconds_per_block
			.filter(|_| decided > 0)
			.map(|seconds| round(waited as f64 / f64::from(decided) * seconds));
		window
	}
}

/// An attempt that is over: the reward if it was accepted; `None` if it is open or was withdrawn.
fn attempt(state: &SubmissionState) -> Option<Option<Balance>> {
	let (outcome, is_refuted) = match state {
		SubmissionState::Decided(decision) => (&decision.outcome, decision.refuted),
		SubmissionState::Closed { outcome, .. } => (outcome, false),
		SubmissionState::Announced { .. }
		| SubmissionState::Queued { .. }
		| SubmissionState::Evaluating(_) => return None,
	};
	match outcome {
		SubmissionOutcome::Accepted { reward, .. } => Some((!is_refuted).then_some(*reward)),
		// Its miner came too late with the same tensors: no pace of training shows in it.
		SubmissionOutcome::Rejected(RejectReason::Preempted) | SubmissionOutcome::Withdrawn => None,
		SubmissionOutcome::Rejected(_) | SubmissionOutcome::Expired(_) => Some(None),
	}
}

impl Pace {
	/// `None` without a run.
	fn of(machine: &Machine, window: &Window, conditions: &Conditions<'_>) -> Option<Self> {
		let latest = &machine.training_seconds[..machine.training_seconds.len().min(RUNS_MAX)];
		let runs = u32::try_from(latest.len()).unwrap_or(u32::MAX);
		let training_seconds = latest.iter().sum::<f64>() / f64::from(runs.max(1));
		if !(training_seconds > 0.0 && training_seconds.is_finite()) {
			return None;
		}
		let aging = conditions.seconds_per_block.map(|seconds| seconds * f64::from(conditions.commit_age));
		let waiting_seconds = window.decision_seconds.zip(aging).map(|(decision, aging)| decision + aging);
		let by_time = HOUR_SECONDS / (training_seconds + waiting_seconds.unwrap_or(0.0));
		let by_quota = f64::from(conditions.quota) / DAY_HOURS;
		let attempts_per_hour = by_time.min(by_quota);
		let mean = window.attempts_per_miner_hour.filter(|mean| *mean > 0.0);
		Some(Self {
			runs,
			training_seconds: round(training_seconds),
			waiting_seconds: waiting_seconds.map(round),
			attempts_per_hour: round(attempts_per_hour),
			is_limited_by_quota: by_quota < by_time,
			relative_pace: mean.map(|mean| round(attempts_per_hour / mean)),
		})
	}
}

/// Interval of 95 % for a share of which `hits` of `tries` were seen.
fn wilson(hits: u32, tries: u32) -> (f64, f64) {
	let n = f64::from(tries.max(1));
	let share = f64::from(hits) / n;
	let scale = 1.0 + Z * Z / n;
	let centre = share + Z * Z / (2.0 * n);
	let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
	((centre - half).max(0.0) / scale, ((centre + half) / scale).min(1.0))
}

/// Six decimals: more are noise.
fn round(value: f64) -> f64 {
	(value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{amount::UNIT, facts::samples};
	use blyan_runtime_api::ExpiryReason;

	const REWARD: u128 = 10 * UNIT;

	fn closed(id: u64, miner: u8, outcome: SubmissionOutcome) -> SubmissionInfo {
		samples::submission(id, miner, SubmissionState::Closed { outcome, at: 900 })
	}

	fn accepted(id: u64, miner: u8) -> SubmissionInfo {
		closed(id, miner, SubmissionOutcome::Accepted { version: 1, improvement: 9, reward: REWARD })
	}

	fn rejected(id: u64, miner: u8) -> SubmissionInfo {
		closed(id, miner, SubmissionOutcome::Rejected(RejectReason::NotBetter { improvement: 1 }))
	}

	/// An hour of 600 blocks of six seconds.
	fn conditions(machine: Option<&Machine>) -> Conditions<'_> {
		Conditions {
			block: 1_000,
			from_block: 400,
			seconds_per_block: Some(6.0),
			fee: UNIT / 2,
			quota: 1_000,
			commit_age: 5,
			machine,
		}
	}

	fn minutes(minutes: f64) -> Machine {
		Machine { training_seconds: vec![minutes * 60.0; 3] }
	}

	#[test]
	fn project_multiplies_attempts_by_what_one_brought_less_its_fee() {
		let seen = [accepted(1, 1), rejected(2, 1), rejected(3, 2), accepted(4, 2)];
		let machine = minutes(3.0);
		let projection = project(&seen, &conditions(Some(&machine)));
		// 20 attempts of three minutes, half of them accepted for 10 BLY, each for a fee of half a BLY.
		assert_eq!(projection.bly_per_hour, Some(20.0 * (0.5 * 10.0 - 0.5)));
		assert_eq!(projection.reason, None);
		// 20 BLY in an hour for two miners.
		assert_eq!(projection.mean_miner_bly_per_hour, Some(10.0));
		let pace = projection.machine.unwrap();
		assert_eq!((pace.runs, pace.attempts_per_hour, pace.relative_pace), (3, 20.0, Some(10.0)));
		// The mean miner's income at ten times its pace, less fees, is the same number.
		assert_eq!(10.0 * 10.0 - 20.0 * 0.5, projection.bly_per_hour.unwrap());
	}

	#[test]
	fn the_range_is_wide_for_few_attempts_and_narrow_for_many() {
		let machine = minutes(3.0);
		let width = |count: u64| {
			let seen: Vec<_> =
				(0..count).flat_map(|id| [accepted(2 * id, 1), rejected(2 * id + 1, 1)]).collect();
			let projection = project(&seen, &conditions(Some(&machine)));
			let (low, high) = (projection.low.unwrap(), projection.high.unwrap());
			assert!(low < projection.bly_per_hour.unwrap() && projection.bly_per_hour.unwrap() < high);
			high - low
		};
		assert!(width(50) < width(2) / 3.0);
		let (low, high) = wilson(5, 10);
		assert!((low - 0.2366).abs() < 1e-3 && (high - 0.7634).abs() < 1e-3, "{low} {high}");
		assert_eq!(wilson(0, 10).0, 0.0);
		assert!(wilson(10, 10).1 <= 1.0);
	}

	#[test]
	fn project_gives_a_reason_and_no_number_when_data_is_missing() {
		let machine = minutes(3.0);
		let reason = |seen: &[SubmissionInfo], machine: Option<&Machine>| {
			let projection = project(seen, &conditions(machine));
			assert_eq!((projection.bly_per_hour, projection.low, projection.high), (None, None, None));
			projection.reason.unwrap()
		};
		assert!(reason(&[], Some(&machine)).contains("has been judged"));
		assert!(reason(&[rejected(1, 1)], Some(&machine)).contains("(judged: 1)"));
		assert!(reason(&[accepted(1, 1)], None).contains("its own machine"));
		assert!(reason(&[accepted(1, 1)], Some(&Machine::default())).contains("no training run"));
		let broken = Machine { training_seconds: vec![f64::NAN] };
		assert!(reason(&[accepted(1, 1)], Some(&broken)).contains("no training run"));
	}

	#[test]
	fn the_window_leaves_out_what_is_older_open_withdrawn_or_preempted_and_pays_nothing_for_the_refuted() {
		let machine = minutes(3.0);
		let mut old = accepted(0, 1);
		old.submitted_at = 399;
		let mut refuted = samples::decided(6, 1, REWARD);
		if let SubmissionState::Decided(decision) = &mut refuted.state {
			decision.refuted = true;
		}
		let seen = [
			old,
			accepted(1, 1),
			closed(2, 3, SubmissionOutcome::Withdrawn),
			closed(3, 3, SubmissionOutcome::Rejected(RejectReason::Preempted)),
			samples::submission(4, 4, SubmissionState::Queued { ahead: 0, draw_from: 7 }),
			closed(5, 1, SubmissionOutcome::Expired(ExpiryReason::BytesMissing)),
			refuted,
		];
		let window = project(&seen, &conditions(Some(&machine))).window.unwrap();
		assert_eq!((window.attempts, window.accepted, window.miners), (3, 1, 1));
		assert_eq!(window.reward_bly, 10.0);
	}

	#[test]
	fn attempts_are_bounded_by_the_quota_and_wait_for_decisions() {
		let machine = minutes(1.0);
		let seen = [samples::decided(1, 1, REWARD)];
		let projection = project(&seen, &conditions(Some(&machine)));
		// Submitted in block 500 and decided in 520; the commitment ages five more.
		let pace = projection.machine.unwrap();
		assert_eq!((pace.waiting_seconds, pace.attempts_per_hour), (Some(150.0), round(3_600.0 / 210.0)));
		assert!(!pace.is_limited_by_quota);
		let few = Conditions { quota: 24, ..conditions(Some(&machine)) };
		let pace = project(&seen, &few).machine.unwrap();
		assert_eq!((pace.attempts_per_hour, pace.is_limited_by_quota), (1.0, true));
	}

	#[test]
	fn hours_are_unknown_without_timestamps_and_the_expectation_needs_none() {
		let machine = minutes(3.0);
		let timeless = Conditions { seconds_per_block: None, ..conditions(Some(&machine)) };
		let projection = project(&[accepted(1, 1)], &timeless);
		assert_eq!((projection.mean_miner_bly_per_hour, projection.bly_per_hour), (None, Some(190.0)));
	}
}
