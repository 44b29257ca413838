//! Experts that are adapters of their layer's network: what the network accumulates is computed once for all of them.

use super::{
	batch::{Content, Output},
	error::EvaluateError,
	jobs::Jobs,
	pass::{ensure_fits, Pass},
	plan::Step,
	recorder::Recorder,
};
use blyan_kernel::definition2::{accumulate, adapt, Adapted, Inputs};
use std::ops::Range;

/// Bytes of a low-rank sum.
const SUM_BYTES: usize = 8;

impl<R: Recorder> Pass<'_, R> {
	/// Computes the low-rank sums of all jobs, if they are recorded: adapted products compute them by themselves.
	pub(super) fn adapter_sums(&self, step: &Step, layer: u8, jobs: &Jobs) -> Result<Content, EvaluateError> {
		if !R::IS_ACTIVE {
			return Ok(Content::Nothing);
		}
		let unknown = EvaluateError::Weights(step.operator.role);
		let (_, name) = step.tensor(0).ok_or(unknown.clone())?;
		let (input, rank) = (self.input(step, 0)?, step.operator.shape.row_bytes / SUM_BYTES);
		let inputs = adapted_inputs(input).ok_or(unknown.clone())?;
		let mut sums = vec![0; jobs.jobs().len() * rank];
		for (chosen, range) in jobs.groups() {
			let adapter = self.tensors.expert(step, layer, *chosen)?.adapter(name);
			let adapter = adapter.filter(|adapter| adapter.rank() == rank).ok_or(unknown.clone())?;
			let out = &mut sums[range.start * rank..range.end * rank];
			adapter.low_rank(self.means.kernel, inputs, &self.adapted_rows(input, jobs, range), out);
		}
		Ok(Content::ExpertSums(sums))
	}

	/// Multiplies the rows of all jobs by the layer's matrix, each with its expert's adapter.
	pub(super) fn adapted_products(
		&mut self,
		step: &Step,
		layer: u8,
		jobs: &Jobs,
		(fraction, bound): (u8, i32),
	) -> Result<Content, EvaluateError> {
		let (unknown, width) = (EvaluateError::Weights(step.operator.role), step.width());
		let (_, name) = step.tensor(0).ok_or(unknown.clone())?;
		let (kernel, base) = (self.means.kernel, self.tensors.matrix(step)?);
		let mut out = self.buffers.integers(jobs.jobs().len() * width);
		let mut sums = std::mem::take(&mut self.buffers.sums);
		let input = self.input(step, 0)?;
		let inputs = adapted_inputs(input).ok_or(unknown.clone())?;
		ensure_fits(step, base, inputs.width())?;
		sums.resize(inputs.tokens() * width, 0);
		accumulate(kernel, base, inputs.view(), &mut sums);
		for (chosen, range) in jobs.groups() {
			let adapter = self.tensors.expert(step, layer, *chosen)?.adapter(name).ok_or(unknown.clone())?;
			let adapted = Adapted { base, sums: &sums, adapter };
			let rows = self.adapted_rows(input, jobs, range);
			let out = &mut out[range.start * width..range.end * width];
			adapt(kernel, adapted, inputs, &rows, fraction.into(), bound, out);
		}
		self.buffers.sums = sums;
		Ok(Content::ExpertIntegers(out))
	}

	/// Returns the rows of an input that some jobs read: of the stream's activations, or of the jobs' own.
	fn adapted_rows(&self, input: &Output, jobs: &Jobs, range: &Range<usize>) -> Vec<u32> {
		match input.content {
			Content::ExpertActivations(_) => range.clone().map(|job| job as u32).collect(),
			_ => self.rows_of(input, jobs, range),
		}
	}
}

/// Returns the batch of activations that all adapters of a step read.
fn adapted_inputs(input: &Output) -> Option<&Inputs> {
	match &input.content {
		Content::Activations(inputs) => Some(inputs),
		Content::ExpertActivations(batches) => match batches.as_slice() {
			[inputs] => Some(inputs),
			_ => None,
		},
		_ => None,
	}
}
