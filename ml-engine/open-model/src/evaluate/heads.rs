//! Queries, keys and values, and attention over the positions so far.

use super::{
	batch::{Content, Heads},
	error::EvaluateError,
	pass::Pass,
	plan::Step,
	recorder::Recorder,
};
use blyan_exact::definition2::Role;
use blyan_kernel::{
	definition2::{attend, normalise, quantise_heads, rotate, HeadCache, Queries, Scratch},
	Kernel,
};
use rayon::prelude::*;

/// Query heads of consecutive positions, and the caches that they attend to.
struct Attend<'a> {
	kernel: Kernel,
	codes: &'a [i8],
	maxima: &'a [i32],
	/// Query heads of a position.
	heads: usize,
	caches: &'a [HeadCache],
	/// First position.
	first: usize,
}

impl<R: Recorder> Pass<'_, R> {
	/// Normalises, rotates and quantises the heads of queries or keys.
	pub(super) fn rotated_heads(&mut self, step: &Step, differing: &[u32]) -> Result<Content, EvaluateError> {
		let (kernel, width) = (self.means.kernel, self.input_width(step, 0)?);
		let mut rows = self.buffers.integers(self.rows(differing) * width);
		rows.copy_from_slice(&self.integers(step, 0, differing)?);
		if step.operator.tensors.len() > 1 {
			let norm = self.tensors.norm(step)?;
			normalise(kernel, &mut rows, norm.gain(), norm.eps);
		}
		let pairs = self.rotations.len() / self.piece.positions;
		for (row, (_, position)) in rows.chunks_exact_mut(width).zip(self.piece.rows(differing)) {
			let turns = &self.rotations[(position - self.piece.first) * pairs..][..pairs];
			rotate(kernel, row, turns);
		}
		let heads = self.quantised_heads(&rows);
		self.buffers.keep_integers(rows);
		Ok(Content::Heads(heads))
	}

	/// Quantises the heads of values.
	pub(super) fn value_heads(&mut self, step: &Step, differing: &[u32]) -> Result<Content, EvaluateError> {
		Ok(Content::Heads(self.quantised_heads(&self.integers(step, 0, differing)?)))
	}

	fn quantised_heads(&self, rows: &[i32]) -> Heads {
		let size = usize::from(self.plan.program().architecture().head_size);
		let mut heads = Heads { codes: vec![0; rows.len()], maxima: vec![0; rows.len() / size] };
		quantise_heads(self.means.kernel, rows, size, &mut heads.codes, &mut heads.maxima);
		heads
	}

	/// Appends the piece's keys and values to the caches, and attends with its queries.
	pub(super) fn attention(&mut self, step: &Step, differing: &[u32]) -> Result<Content, EvaluateError> {
		let Role::Attention(layer) = step.operator.role else {
			return Err(EvaluateError::Weights(step.operator.role));
		};
		let (piece, width) = (self.piece, step.width());
		let mut caches = std::mem::take(&mut self.caches[usize::from(layer)]);
		if !differing.is_empty() {
			// Up to this piece, the candidate's keys and values were the baseline's.
			let candidate = caches.candidate.get_or_insert_with(|| caches.baseline.clone());
			let rows: Vec<usize> = (piece.positions..2 * piece.positions).collect();
			self.push(step, candidate, &rows)?;
		}
		let rows: Vec<usize> = (0..piece.positions).collect();
		self.push(step, &mut caches.baseline, &rows)?;
		let mut out = self.buffers.integers(self.rows(differing) * width);
		let (baseline, candidate) = out.split_at_mut(piece.positions * width);
		let heads = usize::from(self.plan.program().architecture().heads);
		let queries = self.input(step, 0)?;
		let Content::Heads(Heads { codes, maxima }) = &queries.content else {
			return Err(EvaluateError::Weights(step.operator.role));
		};
		let (kernel, first) = (self.means.kernel, piece.first);
		Attend { kernel, codes, maxima, heads, caches: &caches.baseline, first }.run(
			self.means.threads,
			piece.positions,
			baseline,
		);
		if let Some(caches) = caches.candidate.as_ref().filter(|_| !differing.is_empty()) {
			let mut own = Heads::default();
			for position in differing {
				let row = queries.candidate_row(piece, *position);
				own.codes.extend_from_slice(&codes[row * width..(row + 1) * width]);
				own.maxima.extend_from_slice(&maxima[row * heads..(row + 1) * heads]);
			}
			Attend { kernel, codes: &own.codes, maxima: &own.maxima, heads, caches, first }.run(
				self.means.threads,
				piece.positions,
				candidate,
			);
		}
		self.caches[usize::from(layer)] = caches;
		Ok(Content::Integers(out))
	}

	/// Appends rows of the step's keys and values to caches.
	fn push(&self, step: &Step, caches: &mut [HeadCache], rows: &[usize]) -> Result<(), EvaluateError> {
		let (keys, values) = (self.input(step, 1)?, self.input(step, 2)?);
		let (Content::Heads(keys), Content::Heads(values)) = (&keys.content, &values.content) else {
			return Err(EvaluateError::Weights(step.operator.role));
		};
		let (heads, size) = (caches.len(), usize::from(self.plan.program().architecture().head_size));
		for row in rows {
			let ((keys, key_maxima), (values, value_maxima)) =
				(keys.row(*row, heads), values.row(*row, heads));
			let codes = keys.chunks_exact(size).zip(values.chunks_exact(size));
			let maxima = key_maxima.iter().zip(value_maxima);
			for (cache, ((key, value), (key_maximum, value_maximum))) in
				caches.iter_mut().zip(codes.zip(maxima))
			{
				cache.push(key, *key_maximum, value, *value_maximum);
			}
		}
		Ok(())
	}
}

impl Attend<'_> {
	/// Attends with all heads of so many positions.
	fn run(&self, threads: usize, positions: usize, out: &mut [i32]) {
		let share = positions.div_ceil(threads.max(1)).max(1);
		let width = out.len() / positions.max(1);
		if share == positions {
			return self.positions(0, width, out);
		}
		out.par_chunks_mut(share * width)
			.enumerate()
			.for_each(|(index, out)| self.positions(index * share, width, out));
	}

	/// Attends from a position on, as far as the output reaches.
	fn positions(&self, from: usize, width: usize, out: &mut [i32]) {
		let (group, size) = (self.heads / self.caches.len(), width / self.heads);
		let mut scratch = Scratch::default();
		for (head, cache) in self.caches.iter().enumerate() {
			let queries = Queries {
				codes: &self.codes[from * width + head * group * size..],
				code_stride: width,
				maxima: &self.maxima[from * self.heads + head * group..],
				maximum_stride: self.heads,
				group,
				tokens: out.len() / width,
				first: self.first + from + 1,
			};
			attend(self.kernel, queries, cache, &mut scratch, &mut out[head * group * size..], width);
		}
	}
}
