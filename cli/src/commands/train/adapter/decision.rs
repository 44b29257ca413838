//! Verdict on a candidate: the integer engine's losses, and the rule of a chain.

use crate::{
	failure::{Context, Outcome},
	mining::adapter::AdapterRun,
	output::Output,
	verdict::{self, Gain, Unit},
};
use blyan_open_model::evaluate::{Candidate, Compared, Evaluator, Subject};
use blyan_primitives::{
	acceptance::{judge, standard_errors, Judgement, Rule},
	EvaluationOutcome, Score,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome, SubmissionTerms};
use blyan_training::open::{Cutter, Sequence};
use serde_json::json;
use sp_core::H256;

/// Requirements of a chain that a candidate has to meet.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
	rule: Rule,
}

impl Bar {
	/// Takes those of a new chain for a miner's first attempt.
	pub fn of_new_chain() -> Self {
		Self { rule: Rule::of_new_chain(0) }
	}

	/// Takes those of a chain for a miner's next attempt.
	pub fn of_chain(terms: &SubmissionTerms) -> Self {
		let SubmissionTerms { delta, alpha, attempts, guard_tolerance, .. } = *terms;
		let attempt = attempts.saturating_add(1);
		Self { rule: Rule { delta, alpha, attempt, guard_tolerance, ..Rule::of_new_chain(0) } }
	}

	/// Returns the loss on the guard that is tolerated, bits a token.
	pub fn guard_tolerance(&self) -> f64 {
		f64::from(self.rule.guard_tolerance) / 65_536.0
	}

	/// Returns the rule for a guard of so many predicted positions. What earlier acceptances used up of a chain's budget for its
	/// own guard says nothing about this text, so all of it is left.
	fn rule(&self, guard_positions: u64) -> Rule {
		Rule { guard_left: Rule::of_new_chain(guard_positions).guard_left, ..self.rule }
	}
}

/// Score of a candidate, and the decision that follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
	score: Score,
	/// Bytes of text that the tokens of both samples stand for, for people: a chain counts tokens.
	text_bytes: [u64; 2],
	rule: Rule,
	judgement: Judgement,
}

impl Verdict {
	/// Measures parent and candidate on what is held out and on the guard, in sequences of so many predicted tokens.
	pub fn measure(
		output: &Output,
		positions: usize,
		run: &AdapterRun,
		file: &[u8],
		guard: &[Sequence],
		bar: &Bar,
	) -> Outcome<Self> {
		let (layer, expert) = run.slot;
		let architecture = run.parent.architecture();
		let candidate = Candidate::from_file(architecture, layer, expert, file)?;
		let subject = Subject { architecture, weights: &run.weights, candidate: Some(&candidate) };
		let evaluator = Evaluator::on_this_machine(run.threads)?;
		let cutter = Cutter { tokenizer: run.parent.tokenizer(), positions };
		let progress = output.bar("evaluating", (run.held_out.len() + guard.len()) as u64);
		let compare = |sequences: &[Sequence], before: usize| -> Outcome<Compared> {
			let holdout = cutter.holdout(sequences)?;
			evaluator
				.compare(subject, &holdout, &|done| progress.set((before + done) as u64))
				.context("evaluating")
		};
		let target = compare(&run.held_out, 0)?;
		let guard = match guard {
			[] => None,
			guard => Some(compare(guard, run.held_out.len())?),
		};
		Self::of(&target, guard.as_ref(), u16::try_from(positions)?, bar)
	}

	fn of(target: &Compared, guard: Option<&Compared>, positions: u16, bar: &Bar) -> Outcome<Self> {
		let guard_outcome = guard.map(|guard| outcome(guard, positions)).transpose()?;
		let score = Score { target: outcome(target, positions)?, guard: guard_outcome };
		let rule = bar.rule(guard_outcome.map_or(0, |guard| guard.bytes));
		let judgement = judge(&score, positions, positions, &rule);
		let text_bytes = [target.text_bytes, guard.map_or(0, |guard| guard.text_bytes)];
		Ok(Self { score, text_bytes, rule, judgement })
	}

	/// Reports whether the rule accepts the candidate.
	pub fn is_accepted(&self) -> bool {
		matches!(self.judgement, Judgement::Accept(_))
	}

	/// Describes the decision in a sentence.
	pub fn reason(&self) -> String {
		let reason = match self.judgement {
			Judgement::Accept(improvement) => {
				let bits = improvement as f64 / 65_536.0;
				return format!("accepted: {bits:.5} bits/token better, as a chain would decide");
			}
			Judgement::NotBetter(improvement) => RejectReason::NotBetter { improvement },
			Judgement::NotCertain(improvement) => RejectReason::NotCertain { improvement },
			Judgement::Regressed(improvement) => RejectReason::Regressed { improvement },
		};
		verdict::outcome(&SubmissionOutcome::Rejected(reason), Unit::Token).0
	}

	/// Shows bits per byte before and after, and the decision.
	pub fn show(&self, output: &Output) {
		let needed = standard_errors(self.rule.alpha, self.rule.attempt, self.score.target.sequences);
		let fields = json!({
			"text_bytes": { "target": self.text_bytes[0], "guard": self.text_bytes[1] },
			"score": verdict::verdict_json(&blyan_primitives::Verdict::Scored(self.score)),
			"accepted": self.is_accepted(), "decision": self.reason(),
			"rule": { "delta": self.rule.delta, "alpha": self.rule.alpha, "attempt": self.rule.attempt,
				"guard_tolerance": self.rule.guard_tolerance, "standard_errors_needed_milli": needed },
		});
		let [target_bytes, guard_bytes] = self.text_bytes;
		let mut lines = vec![line("held out", &self.score.target, target_bytes)];
		match &self.score.guard {
			Some(guard) => lines.push(line("guard", guard, guard_bytes)),
			None => lines.push("guard      not measured: name other text with --guard".into()),
		}
		lines.push(format!("decision   {}", self.reason()));
		output.event("judged", fields, lines.join("\n"));
	}
}

fn line(name: &str, part: &EvaluationOutcome, text_bytes: u64) -> String {
	let Gain { baseline, candidate, improvement, standard_error } =
		Gain::new(&EvaluationOutcome { bytes: text_bytes, ..*part });
	format!(
		"{name:<10} {baseline:.5} -> {candidate:.5} bits/byte, {improvement:+.5} +- {standard_error:.5} over {text_bytes} bytes, \
		{} tokens in {} sequences",
		part.bytes, part.sequences
	)
}

/// Returns sums as an operator reports them, without the root of a trace.
fn outcome(compared: &Compared, positions: u16) -> Outcome<EvaluationOutcome> {
	let totals = compared.totals;
	Ok(EvaluationOutcome {
		baseline_loss: totals.baseline,
		candidate_loss: totals.candidate,
		sum_diff: i64::try_from(i128::from(totals.baseline) - i128::from(totals.candidate))?,
		sum_diff_sq: totals.squares,
		sequences: compared.sequences,
		bytes: u64::from(compared.sequences) * u64::from(positions),
		job_root: H256::zero(),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::tree::Totals;

	/// Predicted tokens of a sequence; each stands for three bytes.
	const POSITIONS: u16 = 200;

	/// Makes a comparison of so many sequences, each better by about so many bits per token.
	fn compared(sequences: u32, gain: f64) -> Compared {
		let mut totals = Totals::default();
		for sequence in 0..sequences {
			let scatter = if sequence % 2 == 0 { 1.5 } else { 0.5 };
			let better = gain * scatter * f64::from(POSITIONS) * 65_536.0;
			let baseline = 900u64 << 16;
			let candidate = baseline.checked_add_signed(-(better as i64)).unwrap();
			let squares = u128::from(baseline.abs_diff(candidate)).pow(2);
			totals = totals.plus(&Totals { baseline, candidate, squares });
		}
		Compared { totals, sequences, text_bytes: 3 * u64::from(POSITIONS) * u64::from(sequences) }
	}

	#[test]
	fn the_decision_is_that_of_a_chain() {
		let verdict = |target: Compared, guard: Option<Compared>| {
			Verdict::of(&target, guard.as_ref(), POSITIONS, &Bar::of_new_chain()).unwrap()
		};
		let accepted = verdict(compared(256, 0.01), Some(compared(256, -0.001)));
		assert!(accepted.is_accepted(), "{accepted:?}");
		assert!(accepted.reason().starts_with("accepted: 0.0"), "{}", accepted.reason());
		for (refused, reason) in [
			(verdict(compared(256, -0.01), None), "worse"),
			(verdict(compared(256, 0.0004), None), "below what is required"),
			(verdict(compared(4, 0.01), None), "luck"),
			(verdict(compared(256, 0.01), Some(compared(256, -0.01))), "guard"),
		] {
			assert!(!refused.is_accepted());
			assert!(refused.reason().contains(reason), "{reason}: {}", refused.reason());
		}
	}

	#[test]
	fn each_attempt_of_a_miner_has_to_be_surer_than_the_one_before() {
		let terms = |attempts| SubmissionTerms {
			bond: 0,
			fee: 0,
			fee_max: 0,
			pow_bits: 0,
			pow_window: 0,
			trusted: false,
			quota_left: 1,
			quota_renews_in: 0,
			open_left: 1,
			block_bytes_max: 1,
			delta: blyan_primitives::acceptance::DELTA,
			alpha: blyan_primitives::acceptance::ALPHA,
			attempts,
			t_milli: 0,
			guard_tolerance: blyan_primitives::acceptance::GUARD_TOLERANCE,
			sample: 256,
			commit_age: 0,
			commit_deposit: 0,
		};
		// About six standard errors.
		let better = compared(14, 0.0053);
		let verdict = |bar| Verdict::of(&better, None, POSITIONS, &bar).unwrap();
		let first = verdict(Bar::of_chain(&terms(0)));
		assert!(first.is_accepted(), "{first:?}");
		assert_eq!(first.judgement, verdict(Bar::of_new_chain()).judgement);
		let needed =
			|verdict: Verdict| standard_errors(verdict.rule.alpha, verdict.rule.attempt, 14).unwrap();
		let later = verdict(Bar::of_chain(&terms(1_000)));
		assert!(needed(later) > needed(first));
		assert!(matches!(later.judgement, Judgement::NotCertain(_)), "{later:?}");
	}
}
