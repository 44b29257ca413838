//! Products of states and matrices that are decoded block by block.

use crate::weight::Weight;
use gemm::Parallelism;
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a matrix that are decoded at a time.
const BLOCK_ROWS: usize = 64;

/// Multiplies states by some rows of a matrix.
///
/// # Shapes
/// `states: [tokens, columns]`, output: `[tokens, rows]`
pub fn multiply(weight: &Weight<'_>, rows: Range<usize>, states: &[f32]) -> Vec<f32> {
	let columns = weight.columns();
	let tokens = states.len() / columns;
	let starts: Vec<usize> = rows.clone().step_by(BLOCK_ROWS).collect();
	// Products of each block, [rows of the block, tokens].
	let products: Vec<Vec<f32>> = starts
		.into_par_iter()
		.map(|start| {
			let block = start..(start + BLOCK_ROWS).min(rows.end);
			let mut decoded = vec![0.0; block.len() * columns];
			weight.read_rows(block.clone(), &mut decoded);
			product(&decoded, states, block.len(), columns, tokens)
		})
		.collect();
	let mut out = vec![0.0; tokens * rows.len()];
	for (row, products) in products.iter().flat_map(|block| block.chunks_exact(tokens.max(1))).enumerate() {
		products.iter().enumerate().for_each(|(token, value)| out[token * rows.len() + row] = *value);
	}
	out
}

/// `matrix: [rows, columns]`, `states: [tokens, columns]`, output: `[rows, tokens]`.
fn product(matrix: &[f32], states: &[f32], rows: usize, columns: usize, tokens: usize) -> Vec<f32> {
	assert_eq!((matrix.len(), states.len()), (rows * columns, tokens * columns), "whole matrices");
	let mut out = vec![0.0; rows * tokens];
	let (width, wide) = (columns as isize, tokens as isize);
	// SAFETY: the strides address exactly the elements of the three slices, whose lengths are asserted above; the
	// output is not read.
	unsafe {
		gemm::gemm(
			rows,
			tokens,
			columns,
			out.as_mut_ptr(),
			1,
			wide,
			false,
			matrix.as_ptr(),
			1,
			width,
			states.as_ptr(),
			width,
			1,
			0.0,
			1.0,
			false,
			false,
			false,
			Parallelism::None,
		);
	}
	out
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::encoding::Encoding;

	#[test]
	fn multiply_gives_the_sums_of_products() {
		let matrix: Vec<f32> = (0..70 * 3).map(|i| (i % 7) as f32 - 3.0).collect();
		let bytes: Vec<u8> = matrix.iter().flat_map(|w| w.to_le_bytes()).collect();
		let states = [1.0, 2.0, -1.0, 0.5, 0.0, 4.0];
		let out = multiply(&Weight::new(&bytes, Encoding::F32, 70, 3), 2..69, &states);
		for (token, state) in states.chunks_exact(3).enumerate() {
			for row in 2..69 {
				let expected: f32 = matrix[row * 3..][..3].iter().zip(state).map(|(w, x)| w * x).sum();
				assert_eq!(out[token * 67 + row - 2], expected, "token {token} row {row}");
			}
		}
	}
}
