//! Scores and outcomes in words and in bits per byte.

use crate::{amount, names};
use blyan_primitives::{EvaluationOutcome, Verdict};
use blyan_runtime_api::{
	CommitteeSeat, DecidedSubmission, EvaluationStage, SubmissionInfo, SubmissionOutcome, SubmissionState,
};
use serde_json::{json, Value};

pub use blyan_status::outcome::{bits, explain as outcome, name as outcome_name, Unit};

/// Q16 to its value.
const Q16: f64 = 65_536.0;

/// One part of a score in bits per byte, or per token of an open model. For eyes only: the chain decides in integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
	/// The model as it was.
	pub baseline: f64,
	/// The model with the candidate.
	pub candidate: f64,
	/// Baseline less candidate.
	pub improvement: f64,
	/// Standard error of the improvement over the sample.
	pub standard_error: f64,
}

impl Gain {
	/// Converts what the evaluators reported.
	pub fn new(outcome: &EvaluationOutcome) -> Self {
		let bytes = (outcome.bytes as f64).max(1.0);
		let sequences = f64::from(outcome.sequences).max(1.0);
		let sum = outcome.sum_diff as f64 / Q16;
		let sum_sq = outcome.sum_diff_sq as f64 / (Q16 * Q16);
		let variance = (sum_sq - sum * sum / sequences).max(0.0) / (sequences - 1.0).max(1.0);
		Self {
			baseline: outcome.baseline_loss as f64 / Q16 / bytes,
			candidate: outcome.candidate_loss as f64 / Q16 / bytes,
			improvement: sum / bytes,
			// The mean over sequences has error sd / sqrt(n); a sequence has bytes / n bytes.
			standard_error: (variance / sequences).sqrt() * sequences / bytes,
		}
	}

	/// The improvement that `z` standard errors of bad luck would leave.
	pub fn lower_bound(&self, z: f64) -> f64 {
		self.improvement - z * self.standard_error
	}
}

/// A verdict as JSON. Sums that a double cannot hold are strings.
pub fn verdict_json(verdict: &Verdict) -> Value {
	match verdict {
		Verdict::Invalid => json!("Invalid"),
		Verdict::Scored(score) => json!({ "Scored": {
			"target": part_json(&score.target),
			"guard": score.guard.as_ref().map(part_json),
		} }),
	}
}

fn part_json(outcome: &EvaluationOutcome) -> Value {
	let gain = Gain::new(outcome);
	json!({
		"baseline_loss": outcome.baseline_loss.to_string(),
		"candidate_loss": outcome.candidate_loss.to_string(),
		"sum_diff": outcome.sum_diff.to_string(),
		"sum_diff_sq": outcome.sum_diff_sq.to_string(),
		"sequences": outcome.sequences,
		"bytes": outcome.bytes,
		"job_root": outcome.job_root,
		"baseline_bits_per_byte": gain.baseline,
		"candidate_bits_per_byte": gain.candidate,
		"improvement_bits_per_byte": gain.improvement,
		"standard_error": gain.standard_error,
	})
}

/// An outcome as JSON; the reward is a string in the smallest unit.
pub fn outcome_json(outcome: &SubmissionOutcome) -> Value {
	match outcome {
		SubmissionOutcome::Accepted { version, improvement, reward } => json!({ "Accepted": {
			"version": version,
			"improvement": improvement,
			"improvement_bits_per_byte": *improvement as f64 / Q16,
			"reward": reward.to_string(),
		} }),
		SubmissionOutcome::Rejected(reason) => json!({ "Rejected": reason }),
		SubmissionOutcome::Expired(reason) => json!({ "Expired": reason }),
		SubmissionOutcome::Withdrawn => json!("Withdrawn"),
	}
}

/// A verdict in one line.
pub fn verdict(verdict: &Verdict, unit: Unit) -> String {
	match verdict {
		Verdict::Invalid => "the bytes are no valid expert".into(),
		Verdict::Scored(score) => {
			let target = Gain::new(&score.target);
			let guard = score.guard.as_ref().map_or(String::new(), |guard| {
				let guard = Gain::new(guard);
				format!("; elsewhere {:.5} -> {:.5}", guard.baseline, guard.candidate)
			});
			format!(
				"{:.5} -> {:.5} bits/{unit} over {} {unit}s in {} sequences{guard}",
				target.baseline, target.candidate, score.target.bytes, score.target.sequences
			)
		}
	}
}

/// Where a submission stands, in a few words.
pub fn state(state: &SubmissionState) -> String {
	match state {
		SubmissionState::Announced { attested, needed, until } => {
			format!("{attested} of {needed} operators have its bytes, needed until block {until}")
		}
		SubmissionState::Queued { ahead: 0, draw_from } => format!("queued, draw from block {draw_from}"),
		SubmissionState::Queued { ahead, .. } => format!("queued behind {ahead}"),
		SubmissionState::Evaluating(active) => match active.stage {
			EvaluationStage::Sealing => {
				format!("evaluating, {} of {} sealed", active.sealed, active.committee.len())
			}
			EvaluationStage::Drawing => "sealed, a second committee is drawn".into(),
			EvaluationStage::Revealing => {
				format!("revealing, {} of {} revealed", active.revealed, active.committee.len())
			}
		},
		SubmissionState::Decided(decided) => {
			format!("{}, {}", outcome_name(&decided.outcome), standing(decided))
		}
		SubmissionState::Closed { outcome, .. } => outcome_name(outcome).into(),
	}
}

/// Describes how safe a decision is that has not matured.
fn standing(decided: &DecidedSubmission) -> String {
	match decided.disputes {
		_ if decided.refuted => "proven wrong".into(),
		0 => format!("may be disputed until block {}", decided.matures_at),
		1 => "disputed".into(),
		disputes => format!("disputed in {disputes} games"),
	}
}

/// Describes the part of a reward that is still on hold; `None` if nothing is about to be paid.
pub fn hold(decided: &DecidedSubmission) -> Option<String> {
	(decided.held > 0 && !decided.refuted).then(|| {
		format!(
			"{} on hold until block {} unless the score is disputed",
			amount::show(decided.held),
			decided.matures_at
		)
	})
}

fn seats(committee: &[CommitteeSeat], unit: Unit) -> impl Iterator<Item = String> + '_ {
	committee.iter().map(move |seat| {
		let said = match &seat.verdict {
			Some(said) => verdict(said, unit),
			None if seat.sealed => "sealed a verdict, and has not revealed it".into(),
			None => "has not sealed a verdict".into(),
		};
		format!("  {:<9} {said}", names::short(&seat.operator))
	})
}

/// A submission in several lines.
pub fn explain_submission(submission: &SubmissionInfo, unit: Unit) -> String {
	let slot = &submission.slot;
	let mut lines = vec![
		format!("submission  {}", submission.id),
		format!("expert      layer{}.expert{} of model {}", slot.layer, slot.expert, slot.model),
		format!("miner       {}", names::short(&submission.miner)),
		format!("parent      version {}", submission.parent),
		format!("block       {:?}, {} bytes", submission.block.tensor_root, submission.block.blob.size),
		format!("submitted   in block {}", submission.submitted_at),
	];
	match &submission.state {
		SubmissionState::Evaluating(active) => {
			lines.push(format!("state       {}", state(&submission.state)));
			lines.extend(seats(&active.committee, unit));
		}
		SubmissionState::Decided(decided) => {
			lines.push(format!(
				"state       {} (block {})",
				outcome(&decided.outcome, unit).0,
				decided.decided_at
			));
			lines.push(format!("decision    {}", standing(decided)));
			lines.extend(hold(decided).map(|held| format!("            {held}")));
			lines.extend(seats(&decided.committee, unit));
		}
		SubmissionState::Closed { outcome: closed, at } => {
			lines.push(format!("state       {} (block {at})", outcome(closed, unit).0));
		}
		queued => lines.push(format!("state       {}", state(queued))),
	}
	lines.join("\n")
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::H256;

	#[test]
	fn score_is_in_bits_per_byte() {
		// Two sequences of 4 bytes: differences of 2 and 4 bits.
		let one = 65_536u64;
		let outcome = EvaluationOutcome {
			baseline_loss: 32 * one,
			candidate_loss: 26 * one,
			sum_diff: 6 * one as i64,
			sum_diff_sq: 20 * u128::from(one) * u128::from(one),
			sequences: 2,
			bytes: 8,
			job_root: H256::zero(),
		};
		let gain = Gain::new(&outcome);
		assert_eq!((gain.baseline, gain.candidate, gain.improvement), (4.0, 3.25, 0.75));
		// Mean 3, variance 2, error of the mean 1 bit a sequence, a quarter a byte.
		assert!((gain.standard_error - 0.25).abs() < 1e-12);
		assert!((gain.lower_bound(2.0) - 0.25).abs() < 1e-12);
		assert_eq!(Gain::new(&EvaluationOutcome::default()).improvement, 0.0);
	}

	fn decided(disputes: u32, refuted: bool) -> DecidedSubmission {
		DecidedSubmission {
			draw: H256::zero(),
			outcome: SubmissionOutcome::Accepted { version: 1, improvement: 66, reward: 5 },
			decided_at: 10,
			matures_at: 610,
			disputes,
			refuted,
			digest: None,
			held: 1_500_000_000_000,
			committee: Vec::new(),
		}
	}

	#[test]
	fn a_decision_says_how_safe_it_is_and_what_it_holds() {
		let text = |disputes, refuted| state(&SubmissionState::Decided(decided(disputes, refuted)));
		assert_eq!(text(0, false), "accepted, may be disputed until block 610");
		assert_eq!(text(1, false), "accepted, disputed");
		assert_eq!(text(2, false), "accepted, disputed in 2 games");
		assert_eq!(text(2, true), "accepted, proven wrong");
		let held = hold(&decided(0, false)).unwrap();
		assert_eq!(held, "1.5 BLY on hold until block 610 unless the score is disputed");
		assert_eq!(hold(&decided(0, true)), None);
	}
}
