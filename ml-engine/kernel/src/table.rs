//! 8-bit weights times 8-bit activations: router and head.

use super::{rows::ActivationRows, Kernel, Path};

/// A matrix of signed bytes as it lies in a block.
#[derive(Clone, Copy, Debug)]
pub struct TableView<'a> {
	/// `rows * cols` weights, two's complement.
	pub weights: &'a [u8],
	/// Sum of each row's weights.
	pub row_sums: &'a [i32],
	/// Outputs.
	pub rows: usize,
	/// Inputs, a multiple of 64.
	pub cols: usize,
}

impl TableView<'_> {
	/// One row.
	pub fn row(&self, index: usize) -> &[u8] {
		&self.weights[index * self.cols..(index + 1) * self.cols]
	}
}

/// The sums that [`TableView`] wants.
pub fn row_sums(weights: &[u8], cols: usize) -> Vec<i32> {
	weights.chunks_exact(cols).map(|row| row.iter().map(|&w| i32::from(w as i8)).sum()).collect()
}

/// Integer products of every row of `weights` with every row of `inputs`.
///
/// # Shapes
/// `inputs: [tokens, cols]`, output: `[tokens, rows]`.
pub fn multiply(kernel: Kernel, weights: TableView<'_>, inputs: &ActivationRows) -> Vec<i32> {
	let mut out = vec![0; inputs.tokens() * weights.rows];
	multiply_into(kernel, weights, inputs, &mut out);
	out
}

/// [`multiply`] into memory that is there already; whatever it held is overwritten.
pub fn multiply_into(kernel: Kernel, weights: TableView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	assert_eq!(out.len(), inputs.tokens() * weights.rows, "one output for every row and token");
	assert_eq!(weights.cols, inputs.width, "shapes follow from one configuration");
	assert_eq!(weights.weights.len(), weights.rows * weights.cols, "a section has its exact length");
	assert!(weights.cols.is_multiple_of(64), "widths are multiples of 64");
	match kernel.0 {
		Path::Portable => portable(weights, inputs, out),
		// SAFETY: a kernel of this kind exists only where its instructions were detected; the shapes were
		// checked above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx2 => unsafe { avx2(weights, inputs, out) },
		// SAFETY: as above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => unsafe { vnni(weights, inputs, out) },
		// Compilers use NEON in plain loops wherever it exists, which is everywhere.
		#[cfg(target_arch = "aarch64")]
		Path::Neon | Path::NeonSdot => portable(weights, inputs, out),
	}
}

fn portable(weights: TableView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	for row in 0..weights.rows {
		let line = weights.row(row);
		for token in 0..inputs.tokens() {
			let products = line.iter().zip(inputs.row(token));
			out[token * weights.rows + row] =
				products.map(|(&w, &x)| i32::from(w as i8) * i32::from(x)).sum();
		}
	}
}

/// Activations become unsigned by adding 128, and `128 * sum(w)` comes off again.
///
/// # Safety
/// The processor has AVX-512 F, BW and VNNI; rows are multiples of 64 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn vnni(weights: TableView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	use std::arch::x86_64::*;
	let flip = _mm512_set1_epi8(-128);
	for token in 0..inputs.tokens() {
		let x = inputs.row(token);
		let mut row = 0;
		while row < weights.rows {
			// Four rows share the loads of the activations; a last group of fewer repeats its last row.
			let lines: [&[u8]; 4] = std::array::from_fn(|i| weights.row((row + i).min(weights.rows - 1)));
			let mut sums = [_mm512_setzero_si512(); 4];
			for at in (0..weights.cols).step_by(64) {
				// SAFETY: rows are multiples of 64 bytes and `at + 64` is at most their length.
				let unsigned =
					unsafe { _mm512_xor_si512(_mm512_loadu_si512(x.as_ptr().add(at).cast()), flip) };
				for (sum, line) in sums.iter_mut().zip(lines) {
					// SAFETY: as above.
					let w = unsafe { _mm512_loadu_si512(line.as_ptr().add(at).cast()) };
					*sum = _mm512_dpbusd_epi32(*sum, unsigned, w);
				}
			}
			for (i, sum) in sums.into_iter().enumerate().take(weights.rows - row) {
				out[token * weights.rows + row + i] =
					_mm512_reduce_add_epi32(sum) - 128 * weights.row_sums[row + i];
			}
			row += 4;
		}
	}
}

/// # Safety
/// The processor has AVX2; rows are multiples of 64 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(weights: TableView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	use std::arch::x86_64::*;
	for token in 0..inputs.tokens() {
		let x = inputs.row(token);
		for row in 0..weights.rows {
			let line = weights.row(row);
			let mut sum = _mm256_setzero_si256();
			for at in (0..weights.cols).step_by(16) {
				// SAFETY: rows are multiples of 16 bytes and `at + 16` is at most their length.
				let (w, x) = unsafe {
					(
						_mm_loadu_si128(line.as_ptr().add(at).cast()),
						_mm_loadu_si128(x.as_ptr().add(at).cast()),
					)
				};
				let products = _mm256_madd_epi16(_mm256_cvtepi8_epi16(w), _mm256_cvtepi8_epi16(x));
				sum = _mm256_add_epi32(sum, products);
			}
			out[token * weights.rows + row] = super::ternary::avx2::horizontal_sum(sum);
		}
	}
}
