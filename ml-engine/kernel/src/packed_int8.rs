//! 8-bit weights times 8-bit activations, sixteen outputs at once: router and head.
//!
//! One instruction multiplies four bytes by four bytes and adds the products up, for every place of a vector. So four
//! entries of each of sixteen rows stand side by side, and no sum ever has to cross a vector:
//!
//! ```text
//! [rows / 16][cols / 4][16][4]     the last panel is filled up with rows of zeros
//! ```

#[cfg(target_arch = "x86_64")]
use super::Path;
use super::{activations::ActivationRows, Kernel};

/// Rows of a panel.
const ROWS: usize = 16;
/// Bytes of a step through a panel: four entries of every row.
const STEP: usize = 4 * ROWS;

/// 8-bit matrix packed in panels.
#[derive(Clone, Debug)]
pub struct PackedInt8 {
	weights: Vec<i8>,
	/// Sum of each row's weights, rows of zeros included. Only some kernels need them.
	#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
	row_sums: Vec<i32>,
	rows: usize,
	cols: usize,
}

impl PackedInt8 {
	/// Packs rows as they lie in a block: `[rows, cols]`, two's complement, `cols` a multiple of 64 and at most 512.
	pub fn new(bytes: &[u8], cols: usize) -> Self {
		assert!(cols.is_multiple_of(64) && (1..=512).contains(&cols) && bytes.len().is_multiple_of(cols));
		let rows = bytes.len() / cols;
		let padded = rows.next_multiple_of(ROWS);
		let (mut weights, mut row_sums) = (vec![0; padded * cols], vec![0; padded]);
		for (row, entries) in bytes.chunks_exact(cols).enumerate() {
			let panel = row / ROWS * ROWS * cols;
			for (at, four) in entries.chunks_exact(4).enumerate() {
				for (place, &byte) in weights[panel + at * STEP + row % ROWS * 4..].iter_mut().zip(four) {
					*place = byte as i8;
					row_sums[row] += i32::from(byte as i8);
				}
			}
		}
		Self { weights, row_sums, rows, cols }
	}

	/// Returns the number of outputs.
	pub fn rows(&self) -> usize {
		self.rows
	}

	/// Computes the integer products of every row with every row of `inputs`; `out` is overwritten.
	///
	/// # Shapes
	/// `inputs: [tokens, cols]`, `out: [tokens, rows]`.
	pub fn multiply_into(&self, kernel: Kernel, inputs: &ActivationRows, out: &mut [i32]) {
		assert_eq!(self.cols, inputs.width, "shapes follow from one configuration");
		assert_eq!(out.len(), inputs.tokens() * self.rows, "one output for every row and token");
		for panel in 0..self.weights.len() / (ROWS * self.cols) {
			let weights = &self.weights[panel * ROWS * self.cols..(panel + 1) * ROWS * self.cols];
			#[cfg(target_arch = "x86_64")]
			let sums = &self.row_sums[panel * ROWS..(panel + 1) * ROWS];
			let rows = panel * ROWS..((panel + 1) * ROWS).min(self.rows);
			let mut token = 0;
			while token < inputs.tokens() {
				// Tokens that share the loads of the weights.
				let count = if inputs.tokens() - token >= 4 { 4 } else { 1 };
				let mut products = [[0; ROWS]; 4];
				let x: [&[i8]; 4] = std::array::from_fn(|i| inputs.row(token + i.min(count - 1)));
				match (kernel.0, count) {
					// SAFETY: a kernel of this kind exists only where its instructions were detected; a panel has as many
					// steps as a row has fours, and rows are of one length.
					#[cfg(target_arch = "x86_64")]
					(Path::Avx512Vnni, 4) => products = unsafe { x86::vnni(weights, sums, x) },
					// SAFETY: as above.
					#[cfg(target_arch = "x86_64")]
					(Path::Avx512Vnni, _) => [products[0]] = unsafe { x86::vnni(weights, sums, [x[0]]) },
					// SAFETY: as above.
					#[cfg(target_arch = "x86_64")]
					(Path::Avx2, _) => {
						for (products, x) in products.iter_mut().zip(x).take(count) {
							*products = unsafe { x86::avx2(weights, x) };
						}
					}
					_ => {
						for (products, x) in products.iter_mut().zip(x).take(count) {
							*products = portable(weights, x);
						}
					}
				}
				for (i, products) in products.iter().enumerate().take(count) {
					let out = &mut out[(token + i) * self.rows..(token + i + 1) * self.rows];
					out[rows.clone()].copy_from_slice(&products[..rows.len()]);
				}
				token += count;
			}
		}
	}
}

fn portable(weights: &[i8], x: &[i8]) -> [i32; ROWS] {
	let mut sums = [0; ROWS];
	for (step, x) in weights.chunks_exact(STEP).zip(x.chunks_exact(4)) {
		for (sum, w) in sums.iter_mut().zip(step.chunks_exact(4)) {
			*sum += w.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum::<i32>();
		}
	}
	sums
}

#[cfg(target_arch = "x86_64")]
mod x86 {
	use super::{ROWS, STEP};
	use std::arch::x86_64::*;

	/// Activations become unsigned by adding 128, and `128 * sum(w)` comes off again.
	///
	/// # Safety
	/// AVX-512 F and VNNI; `weights` has [`STEP`] bytes for every four entries of each of `x`, which are a multiple of 16,
	/// and `row_sums` has [`ROWS`] entries.
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	pub unsafe fn vnni<const T: usize>(weights: &[i8], row_sums: &[i32], x: [&[i8]; T]) -> [[i32; ROWS]; T] {
		// SAFETY: there are ROWS of them.
		let row_sums = unsafe { _mm512_loadu_si512(row_sums.as_ptr().cast()) };
		// Four sums a token, so that no instruction waits for the one before it.
		let mut sums = [[_mm512_setzero_si512(); 4]; T];
		let flip = 0x8080_8080_u32 as i32;
		for four in 0..weights.len() / (4 * STEP) {
			for (i, step) in (4 * four..4 * four + 4).enumerate() {
				// SAFETY: a whole step.
				let w = unsafe { _mm512_loadu_si512(weights.as_ptr().add(step * STEP).cast()) };
				for t in 0..T {
					// SAFETY: a row has four entries for every step.
					let x = unsafe { x[t].as_ptr().add(4 * step).cast::<i32>().read_unaligned() };
					sums[t][i] = _mm512_dpbusd_epi32(sums[t][i], _mm512_set1_epi32(x ^ flip), w);
				}
			}
		}
		let offset = _mm512_slli_epi32::<7>(row_sums);
		let mut out = [[0; ROWS]; T];
		for (out, [a, b, c, d]) in out.iter_mut().zip(sums) {
			let sum = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
			let sum = _mm512_sub_epi32(sum, offset);
			// SAFETY: ROWS numbers of four bytes.
			unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), sum) };
		}
		out
	}

	/// # Safety
	/// AVX2; otherwise as [`vnni`].
	#[target_feature(enable = "avx2")]
	pub unsafe fn avx2(weights: &[i8], x: &[i8]) -> [i32; ROWS] {
		// Each holds two halves of the sums of four rows.
		let mut sums = [_mm256_setzero_si256(); 4];
		for step in 0..weights.len() / STEP {
			// SAFETY: a row has four entries for every step.
			let x = unsafe { x.as_ptr().add(4 * step).cast::<i32>().read_unaligned() };
			let x = _mm256_cvtepi8_epi16(_mm_set1_epi32(x));
			for (quarter, sum) in sums.iter_mut().enumerate() {
				// SAFETY: a quarter of a step, four rows.
				let w = unsafe { _mm_loadu_si128(weights.as_ptr().add(step * STEP + 16 * quarter).cast()) };
				*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(w), x));
			}
		}
		let mut halves = [0_i32; 2 * ROWS];
		for (quarter, sum) in sums.into_iter().enumerate() {
			// SAFETY: eight numbers a quarter.
			unsafe { _mm256_storeu_si256(halves.as_mut_ptr().add(8 * quarter).cast(), sum) };
		}
		std::array::from_fn(|row| halves[2 * row] + halves[2 * row + 1])
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn products_hold_at_the_extremes() {
		for (weight, sign) in [(i8::MIN, -128), (i8::MAX, 127)] {
			let matrix = PackedInt8::new(&[weight as u8; 3 * 512], 512);
			// A row of equal numbers becomes one of 127s.
			for (h, x) in [(1 << 22, 127), (-(1 << 22), -127)] {
				for kernel in Kernel::available() {
					let inputs = ActivationRows::norm_quant(kernel, &[h; 5 * 512], &[1; 512]);
					let mut out = [0; 15];
					matrix.multiply_into(kernel, &inputs, &mut out);
					assert_eq!(out, [512 * x * sign; 15], "{kernel}");
				}
			}
		}
	}

	proptest! {
		#[test]
		fn products_are_those_of_the_definition(
			seed: [u8; 8], rows in 1_usize..70, cols in 1_usize..=8, tokens in 1_usize..=9,
		) {
			let cols = 64 * cols;
			let mut state = u64::from_le_bytes(seed);
			let mut next = || {
				state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
				(state >> 40) as u8
			};
			let bytes: Vec<u8> = (0..rows * cols).map(|_| next()).collect();
			let stream: Vec<i32> = (0..tokens * cols).map(|_| i32::from(next() as i8) << 8).collect();
			let matrix = PackedInt8::new(&bytes, cols);
			prop_assert_eq!(matrix.rows(), rows);
			for kernel in Kernel::available() {
				let inputs = ActivationRows::norm_quant(kernel, &stream, &vec![256; cols]);
				let mut out = vec![i32::MIN; tokens * rows];
				matrix.multiply_into(kernel, &inputs, &mut out);
				for (token, out) in out.chunks_exact(rows).enumerate() {
					for (row, &product) in bytes.chunks_exact(cols).zip(out) {
						let row: Vec<i8> = row.iter().map(|&byte| byte as i8).collect();
						prop_assert_eq!(product, blyan_exact::dot(&row, inputs.row(token)), "{}", kernel);
					}
				}
			}
		}
	}
}
