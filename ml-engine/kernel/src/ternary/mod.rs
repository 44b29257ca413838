//! Ternary weights in two bits times 8-bit activations.
//!
//! Weights are stored as `w + 1`, so a product is `sum(code * x) - sum(x)` with codes 0, 1 and 2: unsigned
//! bytes times signed bytes, which is what the multiply-add instructions take.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
pub(crate) mod vnni;

use super::{activations::ActivationRows, Kernel, Path};
use std::ops::Range;

/// A packed ternary matrix: `rows * cols / 4` bytes, four weights a byte.
#[derive(Clone, Copy, Debug)]
pub struct TernaryView<'a> {
	/// The codes.
	pub codes: &'a [u8],
	/// Outputs.
	pub rows: usize,
	/// Inputs, a multiple of 64.
	pub cols: usize,
}

impl<'a> TernaryView<'a> {
	/// Returns the rows in `range`.
	pub fn part(&self, range: Range<usize>) -> TernaryView<'a> {
		let bytes = self.cols / 4;
		let codes = &self.codes[range.start * bytes..range.end * bytes];
		TernaryView { codes, rows: range.len(), cols: self.cols }
	}
}

impl TernaryView<'_> {
	fn row(&self, index: usize) -> &[u8] {
		let bytes = self.cols / 4;
		&self.codes[index * bytes..(index + 1) * bytes]
	}
}

/// Computes the integer products of every row of `weights` with every row of `inputs`.
///
/// # Shapes
/// `inputs: [tokens, cols]`, output: `[tokens, rows]`.
pub fn multiply(kernel: Kernel, weights: TernaryView<'_>, inputs: &ActivationRows) -> Vec<i32> {
	let mut out = vec![0; inputs.tokens() * weights.rows];
	multiply_into(kernel, weights, inputs, &mut out);
	out
}

/// Returns the tokens of a tile, if `most` fit one: so many that all tiles are about as full.
pub(crate) fn tile_tokens(tokens: usize, most: usize) -> usize {
	tokens.div_ceil(tokens.div_ceil(most).max(1)).max(1)
}

/// Runs [`multiply`] into existing memory, which is overwritten.
pub fn multiply_into(kernel: Kernel, weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	assert_eq!(out.len(), inputs.tokens() * weights.rows, "one output for every row and token");
	assert_eq!(weights.cols, inputs.width, "shapes follow from one configuration");
	assert_eq!(weights.codes.len(), weights.rows * weights.cols / 4, "a section has its exact length");
	assert!(weights.cols.is_multiple_of(64), "widths are multiples of 64");
	match kernel.0 {
		Path::Portable => portable(weights, inputs, out),
		// SAFETY: a kernel of this kind exists only where its instructions were detected; the shapes were
		// checked above, and `ActivationRows` pads its planes.
		#[cfg(target_arch = "x86_64")]
		Path::Avx2 => unsafe { avx2::multiply(weights, inputs, out) },
		// SAFETY: as above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => unsafe { vnni::multiply(weights, inputs, out) },
		#[cfg(target_arch = "aarch64")]
		Path::Neon => neon::multiply_plain(weights, inputs, out),
		// SAFETY: as above.
		#[cfg(target_arch = "aarch64")]
		Path::NeonSdot => unsafe { neon::multiply_sdot(weights, inputs, out) },
	}
}

fn portable(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	let mut unpacked = vec![0_i8; weights.cols];
	for row in 0..weights.rows {
		for (four, &byte) in unpacked.chunks_exact_mut(4).zip(weights.row(row)) {
			for (j, weight) in four.iter_mut().enumerate() {
				*weight = ((byte >> (2 * j)) & 3) as i8 - 1;
			}
		}
		for token in 0..inputs.tokens() {
			let products = unpacked.iter().zip(inputs.row(token));
			out[token * weights.rows + row] = products.map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
		}
	}
}
