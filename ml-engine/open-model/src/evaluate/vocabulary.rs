//! Logits, their peaks and sums, and losses, or the choices of an answer: some rows at a time, so that a vocabulary's logits need little memory.

use super::{
	batch::{Content, Output, Side},
	error::EvaluateError,
	pass::{ensure_fits, Pass},
	plan::Step,
	recorder::{self, Recorder, RowPlace},
};
use blyan_exact::definition2::{answer, loss::loss_from, Answer, Kind};
use blyan_kernel::definition2::{linear, peaks, sums, TOKENS};
use rayon::prelude::*;

/// Rows of one thread whose logits are in memory at a time. The head is read once for all of them: with half as many,
/// threads wait for memory where the instruction set is a fast one.
const ROWS: usize = 4 * TOKENS;

/// Steps behind the logits for some rows: what each row comes to.
#[derive(Default)]
struct Tail {
	peaks: Vec<i32>,
	sums: Vec<u64>,
	/// Losses, or misses of an answer.
	losses: Vec<u64>,
	/// Of an answer, the rows of each operator of its choices: `[operators][rows]`, one after another.
	choices: Vec<Vec<u8>>,
}

impl<R: Recorder> Pass<'_, R> {
	/// Computes the losses of all rows, and adds them to the totals.
	pub(super) fn vocabulary(&mut self, step: &Step) -> Result<Output, EvaluateError> {
		let unknown = EvaluateError::Weights(step.operator.role);
		let Kind::Linear { fraction, bound, .. } = step.operator.kind else { return Err(unknown) };
		let (matrix, threads) = (self.tensors.matrix(step)?, self.means.threads.max(1));
		let input = step.inputs.first().and_then(|input| self.outputs[*input].take());
		let Some(Output { differing, content: Content::Activations(inputs) }) = &input else {
			return Err(unknown);
		};
		ensure_fits(step, matrix, inputs.width())?;
		let rows: Vec<(Side, usize)> = self.piece.rows(differing).collect();
		let (width, kernel) = (step.width(), self.means.kernel);
		let mut logits = std::mem::take(&mut self.buffers.logits);
		let mut all = Vec::with_capacity(rows.len());
		for first in (0..rows.len()).step_by(ROWS * threads) {
			let some = first..rows.len().min(first + ROWS * threads);
			logits.resize(some.len() * width, 0);
			let product = |(index, out): (usize, &mut [i32])| {
				let from = some.start + index * ROWS;
				let part = inputs.part(from..some.end.min(from + ROWS));
				linear(kernel, matrix, part, fraction.into(), bound, None, out);
			};
			let parts = logits.chunks_mut(ROWS * width);
			match parts.len() {
				1 => parts.enumerate().for_each(product),
				_ => logits.par_chunks_mut(ROWS * width).enumerate().for_each(product),
			}
			let tail = self.tail(&logits, width, &rows[some.clone()]);
			self.record_tail(step, &rows[some], &logits, &tail);
			all.extend(tail.losses);
		}
		self.buffers.logits = logits;
		self.add_losses(differing, &all);
		if let (Some(place), Some(input)) = (step.inputs.first(), input) {
			self.outputs[*place] = Some(input);
		}
		Ok(Output { differing: Vec::new(), content: Content::Nothing })
	}

	fn tail(&self, logits: &[i32], width: usize, rows: &[(Side, usize)]) -> Tail {
		let (mut tail, kernel) = (Tail::default(), self.means.kernel);
		for (logits, (_, position)) in logits.chunks_exact(width).zip(rows) {
			let (first_peak, first_sum) = (tail.peaks.len(), tail.sums.len());
			peaks(kernel, logits, &mut tail.peaks);
			if self.plan.program().answer().is_some() {
				continue;
			}
			let peaks = &tail.peaks[first_peak..];
			let largest = peaks.iter().copied().max().unwrap_or(0);
			sums(kernel, logits, largest, &mut tail.sums);
			let target = self.ids[position + 1] as usize;
			let loss = loss_from(peaks, &tail.sums[first_sum..], logits[target]);
			tail.losses.push(loss);
		}
		if let Some(answer) = self.plan.program().answer() {
			self.choose(answer, logits, width, rows, &mut tail);
		}
		tail
	}

	/// Computes the choices of an answer behind some rows, and whether each is the id that comes next.
	fn choose(&self, answer: &Answer, logits: &[i32], width: usize, rows: &[(Side, usize)], tail: &mut Tail) {
		let chunks = tail.peaks.len() / rows.len().max(1);
		let (peaks, ids) = (tail.peaks.par_chunks_exact(chunks.max(1)), self.ids);
		let computed: Vec<Vec<Vec<u8>>> = logits
			.par_chunks_exact(width)
			.zip(peaks)
			.zip(rows)
			.map(|((logits, peaks), (_, position))| {
				// Positions are below 2^17.
				answer::rows(answer, logits, peaks, *position as u32, ids[position + 1])
			})
			.collect();
		tail.choices = vec![Vec::new(); computed.first().map_or(0, Vec::len)];
		for operators in computed {
			let miss = operators.last().and_then(|miss| miss.first_chunk());
			tail.losses.push(miss.map_or(0, |miss| u64::from_le_bytes(*miss)));
			for (all, row) in tail.choices.iter_mut().zip(operators) {
				all.extend(row);
			}
		}
	}

	fn record_tail(&mut self, step: &Step, rows: &[(Side, usize)], logits: &[i32], tail: &Tail) {
		if !R::IS_ACTIVE {
			return;
		}
		let places = |operator| -> Vec<RowPlace> {
			rows.iter().map(|&(side, position)| RowPlace { operator, side, position }).collect()
		};
		let Some((&[logit, peak], behind)) = step.operators.split_first_chunk() else { return };
		self.recorder.rows(&places(logit), &recorder::integers(logits));
		self.recorder.rows(&places(peak), &recorder::integers(&tail.peaks));
		for (operator, bytes) in behind.iter().zip(&tail.choices) {
			self.recorder.rows(&places(*operator), bytes);
		}
		let (true, &[sum, loss]) = (tail.choices.is_empty(), behind) else { return };
		self.recorder.rows(&places(sum), &recorder::wide_integers(&tail.sums));
		self.recorder.rows(&places(loss), &recorder::wide_integers(&tail.losses));
	}

	/// Adds the losses of a piece: the candidate's is the baseline's where it has no row of its own.
	fn add_losses(&mut self, differing: &[u32], losses: &[u64]) {
		let (baseline, candidate) = losses.split_at(self.piece.positions);
		let shared: u64 = baseline.iter().sum();
		let replaced: u64 = differing.iter().map(|position| baseline[*position as usize]).sum();
		self.losses[0] += shared;
		self.losses[1] += shared - replaced + candidate.iter().sum::<u64>();
	}
}
