//! Products of packed matrices with activations, and the rescaling of what is accumulated.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod vnni;

#[cfg(target_arch = "x86_64")]
use super::inputs::{Tile, GROUP};
use super::{
	matrix::{row_scale, scale, Line},
	rescale::Rescale,
	InputsView, Kernel, PackedView, WeightKind, ROWS,
};
use crate::Path;
use blyan_exact::definition2::{linear::excess, RESIDUAL_MAX};
use std::ops::Range;

/// Destination of accumulators.
pub(super) enum Destination<'a> {
	/// Outputs: rescaled, with one way for each token.
	Outputs(&'a [Rescale], &'a mut [i32]),
	/// The accumulators themselves.
	Sums(&'a mut [i64]),
}

/// Bytes of activations that are multiplied with every block of rows before the next ones are: half of a usual
/// second-level cache.
const CHUNK_BYTES: usize = 256 << 10;
/// Rows from which on outputs of many tokens are collected before they are stored: a vocabulary. Lines of such long rows
/// would fall on the same few places of a cache and leave it before they are complete.
const MANY_ROWS: usize = 4_096;
/// Rows of which outputs are collected.
const PART_ROWS: usize = 256;
/// Tokens whose outputs are collected, at most.
const PART_TOKENS: usize = 64;

/// Computes `linear` of the definition.
///
/// # Shapes
/// `inputs: [tokens, columns]`, `bias: [rows]`, `out: [tokens, rows]`.
pub fn linear(
	kernel: Kernel,
	weights: PackedView<'_>,
	inputs: InputsView<'_>,
	fraction: u32,
	bound: i32,
	bias: Option<&[i32]>,
	out: &mut [i32],
) {
	let (rows, tokens) = (weights.rows, inputs.tokens());
	ensure_shapes(kernel, weights, inputs, out.len());
	let before = excess(weights.peak, inputs.inputs.bits as u8, weights.columns);
	let power = fraction as i32 + before as i32 - weights.kind.unit();
	let rescales: Vec<Rescale> = (0..tokens)
		.map(|t| Rescale::new(weights.scale.times(inputs.scale(t)).shifted(power), before, bound))
		.collect();
	let chunk = chunk_tokens(weights);
	if tokens == 1 || rows < MANY_ROWS {
		let mut to = Destination::Outputs(&rescales, out);
		for first in (0..tokens).step_by(chunk) {
			multiply(kernel, weights, inputs, first..tokens.min(first + chunk), &mut to);
		}
	} else {
		let chunk = chunk.min(PART_TOKENS);
		let mut part = vec![0; PART_ROWS * chunk.min(tokens)];
		for first in (0..tokens).step_by(chunk) {
			let range = first..tokens.min(first + chunk);
			let (inputs, rescales) = (inputs.slice(range.clone()), &rescales[range.clone()]);
			for row in (0..rows).step_by(PART_ROWS) {
				let weights = weights.part(row..rows.min(row + PART_ROWS));
				let part = &mut part[..range.len() * weights.rows];
				multiply(kernel, weights, inputs, 0..range.len(), &mut Destination::Outputs(rescales, part));
				for (outputs, token) in part.chunks_exact(weights.rows).zip(range.clone()) {
					out[token * rows + row..][..weights.rows].copy_from_slice(outputs);
				}
			}
		}
	}
	if let Some(bias) = bias {
		for row in out.chunks_exact_mut(rows) {
			for (y, &bias) in row.iter_mut().zip(bias) {
				let sum = i64::from(*y) + i64::from(bias);
				*y = sum.clamp(-i64::from(bound), i64::from(bound)) as i32;
			}
		}
	}
}

/// Computes `accumulate` of the definition for every row: what [`linear`] rescales.
///
/// # Shapes
/// `inputs: [tokens, columns]`, `out: [tokens, rows]`.
pub fn accumulate(kernel: Kernel, weights: PackedView<'_>, inputs: InputsView<'_>, out: &mut [i64]) {
	ensure_shapes(kernel, weights, inputs, out.len());
	let (tokens, chunk) = (inputs.tokens(), chunk_tokens(weights));
	let mut to = Destination::Sums(out);
	for first in (0..tokens).step_by(chunk) {
		multiply(kernel, weights, inputs, first..tokens.min(first + chunk), &mut to);
	}
}

fn ensure_shapes(kernel: Kernel, weights: PackedView<'_>, inputs: InputsView<'_>, outputs: usize) {
	assert_eq!(inputs.inputs.width, weights.columns, "activations fit the columns");
	assert_eq!(inputs.inputs.kernel, kernel, "activations are in the order of this kernel");
	assert_eq!(outputs, inputs.tokens() * weights.rows, "an output for every row and token");
}

/// Returns the tokens that are multiplied with every block of rows before the next ones are.
fn chunk_tokens(weights: PackedView<'_>) -> usize {
	(CHUNK_BYTES / (2 * weights.columns)).next_multiple_of(super::TOKENS)
}

/// Multiplies some tokens with all rows of the matrix; shapes have been checked.
fn multiply(
	kernel: Kernel,
	weights: PackedView<'_>,
	inputs: InputsView<'_>,
	tokens: Range<usize>,
	to: &mut Destination<'_>,
) {
	match kernel.0 {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; shapes agree.
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => unsafe { vnni::multiply(weights, inputs, tokens, to) },
		// SAFETY: as above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx2 => unsafe { avx2::multiply(weights, inputs, tokens, to) },
		_ => portable(weights, inputs, tokens, to),
	}
}

/// Computes `embed` of the definition.
pub fn embed(weights: PackedView<'_>, token: usize, fraction: u32, out: &mut [i32]) {
	assert!(token < weights.rows && out.len() == weights.columns, "a row of the embedding");
	let power = fraction as i32 - weights.kind.unit();
	let rescale = Rescale::new(weights.scale.shifted(power), 0, RESIDUAL_MAX);
	let (block, lane) = (weights.block(token / ROWS), token % ROWS);
	let byte_of = |line: usize, column: usize| block[line].0[4 * lane + column % 4];
	for (column, h) in out.iter_mut().enumerate() {
		let weight = match (weights.kind, weights.kind.group()) {
			(_, Some(group)) => {
				let first = column / group * (1 + group / 8);
				let byte = byte_of(first + 1 + column % group / 8, column);
				let code = if column % 8 < 4 { byte & 15 } else { byte >> 4 };
				scale(&block[first], lane) * i64::from(code) + scale(&block[first], ROWS + lane)
			}
			(WeightKind::Int8, None) => {
				let code = byte_of(1 + column / 4, column) ^ 0x80;
				i64::from(code as i8) * row_scale(&block[0], lane)
			}
			(_, None) => i64::from((byte_of(column / 16, column) >> (column % 16 / 4 * 2)) & 3) - 1,
		};
		*h = rescale.apply(weight);
	}
}

/// Accumulators of a block of rows and one token.
type Sums = [i64; ROWS];

impl Destination<'_> {
	/// Takes the accumulators of a block and a token.
	#[inline(always)]
	fn store(&mut self, weights: &PackedView<'_>, index: usize, token: usize, sums: &Sums) {
		let places =
			token * weights.rows + index * ROWS..token * weights.rows + weights.rows.min((index + 1) * ROWS);
		match self {
			Self::Outputs(rescales, out) => {
				for (y, &sum) in out[places].iter_mut().zip(sums) {
					*y = rescales[token].apply(sum);
				}
			}
			Self::Sums(out) => out[places.clone()].copy_from_slice(&sums[..places.len()]),
		}
	}
}

fn portable(weights: PackedView<'_>, inputs: InputsView<'_>, tokens: Range<usize>, to: &mut Destination<'_>) {
	for index in 0..weights.blocks() {
		let block = weights.block(index);
		for token in tokens.clone() {
			let x = inputs.row(token);
			let sums = match weights.kind {
				WeightKind::Ternary => ternary(block, x),
				WeightKind::Int8 => int8(block, x),
				WeightKind::Int4By32 => int4(block, x, 32),
				WeightKind::Int4By64 => int4(block, x, 64),
			};
			to.store(&weights, index, token, &sums);
		}
	}
}

/// Returns the four bytes of each row of a line.
#[inline(always)]
fn words(line: &Line) -> [u32; ROWS] {
	std::array::from_fn(|row| {
		let [a, b, c, d] = line.0.as_chunks::<4>().0[row];
		u32::from_le_bytes([a, b, c, d])
	})
}

/// Adds the products of one column to the sums of all rows; its codes lie `shift` bits from the right.
#[inline(always)]
fn add(sums: &mut [i32; ROWS], words: &[u32; ROWS], shift: usize, mask: u32, q: i16) {
	for (sum, word) in sums.iter_mut().zip(words) {
		*sum += ((word >> shift) & mask) as i32 * i32::from(q);
	}
}

/// Sums of 65,536 columns stay below 2 * 2^11 * 2^16 = 2^28.
fn ternary(block: &[Line], x: &[i16]) -> Sums {
	let mut sums = [0_i32; ROWS];
	for (line, x) in block.iter().zip(x.as_chunks::<16>().0) {
		let words = words(line);
		for (column, &q) in x.iter().enumerate() {
			add(&mut sums, &words, column % 4 * 8 + column / 4 * 2, 3, q);
		}
	}
	let offset: i32 = x.iter().map(|&q| i32::from(q)).sum();
	sums.map(|sum| i64::from(sum - offset))
}

/// A thousand lines are 4,096 columns, whose sums stay below 255 * 2,047 * 4,096 < 2^31.
fn int8(block: &[Line], x: &[i16]) -> Sums {
	let mut totals = [0_i64; ROWS];
	for (lines, x) in block[1..].chunks(1024).zip(x.chunks(4096)) {
		let mut sums = [0_i32; ROWS];
		for (line, x) in lines.iter().zip(x.as_chunks::<4>().0) {
			let words = words(line);
			for (column, &q) in x.iter().enumerate() {
				add(&mut sums, &words, 8 * column, 255, q);
			}
		}
		let offset = 128 * x.iter().map(|&q| i64::from(q)).sum::<i64>();
		for (row, (total, sum)) in totals.iter_mut().zip(sums).enumerate() {
			*total += row_scale(&block[0], row) * (i64::from(sum) - offset);
		}
	}
	totals
}

/// A group's sums stay below 2^4 * 2^11 * 2^6 = 2^21.
fn int4(block: &[Line], x: &[i16], group: usize) -> Sums {
	let mut totals = [0_i64; ROWS];
	for (lines, x) in block.chunks_exact(1 + group / 8).zip(x.chunks_exact(group)) {
		let mut sums = [0_i32; ROWS];
		for (line, x) in lines[1..].iter().zip(x.as_chunks::<8>().0) {
			let words = words(line);
			for (column, &q) in x.iter().enumerate() {
				add(&mut sums, &words, column % 4 * 8 + column / 4 * 4, 15, q);
			}
		}
		let offset: i64 = x.iter().map(|&q| i64::from(q)).sum();
		for (row, (total, sum)) in totals.iter_mut().zip(sums).enumerate() {
			let (d, m) = (scale(&lines[0], row), scale(&lines[0], ROWS + row));
			*total += d * i64::from(sum) + m * offset;
		}
	}
	totals
}
