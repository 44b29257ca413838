//! Traces of `audit replay`: written for the other side, and compared with what the other side has written.

use super::sources::undecided;
use crate::{
	args::ReplayArgs,
	failure::{Failure, Kind, Outcome},
	output::Output,
	records::{self, Record, TraceRecord},
};
use blyan_engine::{eval::Evaluator, kernel::Kernel, model::Model};
use serde_json::json;
use std::path::PathBuf;

/// Options for traces: which to write, which to compare with.
pub struct Traces {
	save: Option<PathBuf>,
	theirs: Option<PathBuf>,
	/// Where, if not at the first difference.
	pub at: Option<usize>,
}

/// Returns this program's version and kernel, to explain a difference.
pub fn engine() -> String {
	format!("blyan {}, {}", env!("CARGO_PKG_VERSION"), Kernel::best())
}

impl Traces {
	/// As asked for.
	pub fn new(args: &ReplayArgs) -> Self {
		Self { save: args.save_trace.clone(), theirs: args.their_trace.clone(), at: args.at }
	}

	/// Reports whether any trace was asked for.
	pub fn is_wanted(&self) -> bool {
		self.save.is_some() || self.theirs.is_some()
	}

	/// Refuses to write or to compare traces of a model that has none here.
	pub fn ensure_unwanted(&self) -> Outcome<()> {
		match self.is_wanted() {
			true => Err(undecided(
				Failure::new("traces of open models are not written yet")
					.next("leave out --save-trace and --their-trace; tokens are compared without them"),
			)),
			false => Ok(()),
		}
	}

	/// Evaluates a sequence with each of `models`, writes and compares; `true` if the other side's trace is all equal.
	pub fn show(&self, output: &Output, models: &[&Model], sequence: &[u8]) -> Outcome<bool> {
		let evaluator = Evaluator::new(Kernel::best(), 1)
			.map_err(|error| Failure::new(format!("the engine does not start: {error:?}")))?;
		let traces = models.iter().map(|model| TraceRecord::new(&evaluator, model, sequence, &engine()));
		let right = traces.collect::<Outcome<Vec<_>>>()?;
		let theirs = match &self.theirs {
			Some(path) => records::read(path)?,
			None => Vec::new(),
		};
		if let Some(path) = &self.save {
			let records: Vec<Record> =
				right.iter().map(|trace| Record::Trace(Box::new(trace.clone()))).collect();
			records::write(path, &records)?;
			let text = format!("trace      of {} bytes written to {}", sequence.len(), path.display());
			output.event("trace_saved", json!({ "file": path }), text);
		}
		if self.theirs.is_none() {
			return Ok(false);
		}
		let mut compared = 0;
		for right in &right {
			let is_same = |theirs: &TraceRecord| {
				theirs.model_root == right.model_root && theirs.sequence == right.sequence
			};
			let found = theirs.iter().find_map(|record| match record {
				Record::Trace(theirs) if is_same(theirs) => Some(theirs),
				_ => None,
			});
			let Some(theirs) = found else { continue };
			compared += 1;
			if let Some(difference) = theirs.difference(right) {
				let (operator, row) = (difference.operator, difference.row);
				let fields = json!({ "model_root": right.model_root, "operator": operator, "row": row });
				let text = format!(
					"parts      at operator {operator}, row {row}: everything in front of it is equal"
				);
				output.event("parts", fields, text);
				return Ok(false);
			}
		}
		if compared == 0 {
			return Err(undecided(
				Failure::new("their trace is about another model or another sequence")
					.kind(Kind::Undecided)
					.next("have it written for the same file and the same --at, with --save-trace"),
			));
		}
		output.event("traces_equal", json!({ "compared": compared }), "traces     are equal to the last row");
		Ok(true)
	}
}
