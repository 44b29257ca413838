//! Claimed losses of a model and a candidate on sequences, one by one.

use super::Format;
use blyan_exact::tree::Item;
use blyan_primitives::{EvaluationJob, PartIndex};
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// One sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemRecord {
	/// Index of the sequence in the holdout.
	pub sequence: u32,
	/// Loss of the model as it is, bits in Q16.
	pub baseline: u64,
	/// Loss with the candidate.
	pub candidate: u64,
	/// Root of the trace of the first.
	pub baseline_trace: H256,
	/// Root of the trace of the second.
	pub candidate_trace: H256,
}

impl From<&Item> for ItemRecord {
	fn from(item: &Item) -> Self {
		Self {
			sequence: item.sequence,
			baseline: item.baseline,
			candidate: item.candidate,
			baseline_trace: H256(item.baseline_trace),
			candidate_trace: H256(item.candidate_trace),
		}
	}
}

impl ItemRecord {
	/// The first field in which this differs from what is right: its name, what is said here, and what is right.
	pub fn difference(&self, right: &Self) -> Option<(&'static str, String, String)> {
		let fields = |item: &Self| {
			[
				("sequence", item.sequence.to_string()),
				("loss of the baseline", item.baseline.to_string()),
				("loss with the candidate", item.candidate.to_string()),
				("trace of the baseline", format!("{:?}", item.baseline_trace)),
				("trace with the candidate", format!("{:?}", item.candidate_trace)),
			]
		};
		let mut pairs = fields(self).into_iter().zip(fields(right));
		pairs.find(|(said, right)| said != right).map(|((what, said), (_, right))| (what, said, right))
	}

	/// Reports whether the candidate's trace is the one to look into: the baseline's is right.
	pub fn is_about_candidate(&self, right: &Self) -> bool {
		(self.baseline, self.baseline_trace) == (right.baseline, right.baseline_trace)
	}
}

/// One part of a verdict: the job, which names models and sequences by their roots, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRecord {
	/// The job that was computed.
	pub job: EvaluationJob,
	/// 0 for the target sample, 1 for the guard sample.
	pub part: PartIndex,
	/// Sequences in the order of the draw.
	pub items: Vec<ItemRecord>,
	/// Versions of the programs that took part, to explain a difference.
	pub engine: String,
}

impl Format for ScoreRecord {
	const FORMAT: &'static str = "blyan/score";
}
