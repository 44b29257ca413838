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
		Path::Avx512Vnni => unsafe { vnni::multiply(weights, inputs, out) },
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

/// Tiles of sixteen rows by eight tokens, a lane of a sum a row. Activations become unsigned by adding 128, and
/// `128 * sum(w)` comes off again.
#[cfg(target_arch = "x86_64")]
mod vnni {
	use super::{ActivationRows, TableView};
	use crate::ternary::vnni::{lanes, transpose};
	use std::arch::x86_64::*;

	/// Rows of a tile.
	const ROWS: usize = 16;
	/// Tokens of a tile.
	const TOKENS: usize = 8;

	/// # Safety
	/// The processor has AVX-512 F, BW and VNNI; rows are multiples of 64 bytes, and shapes agree.
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	pub unsafe fn multiply(weights: TableView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
		let mut panel = vec![_mm512_setzero_si512(); weights.cols / 4];
		for row in (0..weights.rows).step_by(ROWS) {
			for (part, columns) in panel.chunks_exact_mut(16).enumerate() {
				let mut lines = [_mm512_setzero_si512(); ROWS];
				for (line, row) in lines.iter_mut().zip(row..weights.rows) {
					// SAFETY: 64 bytes of the row, which is a multiple of that long.
					*line = unsafe { _mm512_loadu_si512(weights.row(row).as_ptr().add(64 * part).cast()) };
				}
				columns.copy_from_slice(&transpose(lines));
			}
			let lanes = lanes(weights.rows, row);
			assert!(weights.row_sums.len() == weights.rows);
			// SAFETY: masked to the rows there are.
			let sums = unsafe { _mm512_maskz_loadu_epi32(lanes, weights.row_sums.as_ptr().add(row)) };
			let less = _mm512_slli_epi32::<7>(sums);
			let whole = inputs.tokens() - inputs.tokens() % TOKENS;
			let mut store = |token: usize, sums: &[__m512i]| {
				for (t, &sum) in sums.iter().enumerate() {
					let line = &mut out[(token + t) * weights.rows + row..];
					assert!(line.len() >= ROWS.min(weights.rows - row));
					let sum = _mm512_sub_epi32(sum, less);
					// SAFETY: masked to the rows there are, which the slice was just seen to hold.
					unsafe { _mm512_mask_storeu_epi32(line.as_mut_ptr(), lanes, sum) };
				}
			};
			for token in (0..whole).step_by(TOKENS) {
				store(token, &tile::<TOKENS>(&panel, inputs, token));
			}
			for token in whole..inputs.tokens() {
				store(token, &tile::<1>(&panel, inputs, token));
			}
		}
	}

	/// Sums of a panel's rows for `T` tokens.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	fn tile<const T: usize>(panel: &[__m512i], inputs: &ActivationRows, token: usize) -> [__m512i; T] {
		let rows: [&[i8]; T] = std::array::from_fn(|t| inputs.row(token + t));
		let mut sums = [_mm512_setzero_si512(); T];
		for (word, &columns) in panel.iter().enumerate() {
			for (sum, row) in sums.iter_mut().zip(rows) {
				// SAFETY: a row has four bytes for every entry of the panel.
				let four = unsafe { row.as_ptr().add(4 * word).cast::<u32>().read_unaligned() };
				*sum = _mm512_dpbusd_epi32(*sum, _mm512_set1_epi32((four ^ 0x8080_8080) as i32), columns);
			}
		}
		sums
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
