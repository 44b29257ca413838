//! Ternary weights in two bits times 8-bit activations.
//!
//! Weights are stored as `w + 1`, so a product is `sum(code * x) - sum(x)` with codes 0, 1 and 2: unsigned
//! bytes times signed bytes, which is what the multiply-add instructions take.

use super::{rows::ActivationRows, Kernel, Path};

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

impl TernaryView<'_> {
	fn row(&self, index: usize) -> &[u8] {
		let bytes = self.cols / 4;
		&self.codes[index * bytes..(index + 1) * bytes]
	}
}

/// Integer products of every row of `weights` with every row of `inputs`.
///
/// # Shapes
/// `inputs: [tokens, cols]`, output: `[tokens, rows]`.
pub fn multiply(kernel: Kernel, weights: TernaryView<'_>, inputs: &ActivationRows) -> Vec<i32> {
	let mut out = vec![0; inputs.tokens() * weights.rows];
	multiply_into(kernel, weights, inputs, &mut out);
	out
}

/// [`multiply`] into memory that is there already; whatever it held is overwritten.
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
		// SAFETY: as above; whoever has AVX-512 has AVX2. One token has no tile to fill, and the shorter vectors'
		// sums are sooner added up: half the time at 256 columns.
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni if inputs.tokens() == 1 => unsafe { avx2::multiply(weights, inputs, out) },
		// SAFETY: as above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => unsafe { vnni::multiply(weights, inputs, out) },
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

#[cfg(target_arch = "x86_64")]
mod vnni {
	use super::*;
	use std::arch::x86_64::*;

	/// Tiles of four rows by four tokens, so that each load feeds four multiplications.
	///
	/// # Safety
	/// The processor has AVX-512 F, BW and VNNI; shapes agree.
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	pub unsafe fn multiply(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
		let (rows, tokens) = (weights.rows, inputs.tokens());
		let whole = tokens - tokens % 4;
		// Rows are a multiple of 64 in every model, so they come in fours.
		for row in (0..rows).step_by(4) {
			let codes: [&[u8]; 4] = std::array::from_fn(|i| weights.row((row + i).min(rows - 1)));
			for token in (0..whole).step_by(4) {
				let planes = std::array::from_fn(|i| inputs.row_planes(token + i).as_ptr());
				// SAFETY: as this function's.
				let tile = unsafe { tile::<4>(&codes, planes, inputs.plane_stride()) };
				store(&tile, row, rows, token, &inputs.sums, out);
			}
			for token in whole..tokens {
				let planes = [inputs.row_planes(token).as_ptr()];
				// SAFETY: as this function's.
				let tile = unsafe { tile::<1>(&codes, planes, inputs.plane_stride()) };
				store(&tile, row, rows, token, &inputs.sums, out);
			}
		}
	}

	#[inline(always)]
	fn store<const T: usize>(
		tile: &[[i32; T]; 4],
		row: usize,
		rows: usize,
		token: usize,
		sums: &[i32],
		out: &mut [i32],
	) {
		for (r, line) in tile.iter().enumerate().take(rows - row) {
			for (t, &sum) in line.iter().enumerate() {
				out[(token + t) * rows + row + r] = sum - sums[token + t];
			}
		}
	}

	/// # Safety
	/// Each of `planes` points to four planes of `stride` bytes; a row of codes is no longer than a plane.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	unsafe fn tile<const T: usize>(
		codes: &[&[u8]; 4],
		planes: [*const i8; T],
		stride: usize,
	) -> [[i32; T]; 4] {
		let two_bits = _mm512_set1_epi8(3);
		let mut sums = [[_mm512_setzero_si512(); T]; 4];
		let bytes = codes[0].len();
		let mut at = 0;
		while at < bytes {
			// Codes past the end of the row are read as zero; activations there are zero too.
			let left = (bytes - at).min(64);
			let mask = if left == 64 { u64::MAX } else { (1 << left) - 1 };
			let mut packed = [_mm512_setzero_si512(); 4];
			for (packed, row) in packed.iter_mut().zip(codes) {
				// SAFETY: masked to the bytes that the row has left.
				*packed = unsafe { _mm512_maskz_loadu_epi8(mask, row.as_ptr().add(at).cast()) };
			}
			macro_rules! plane {
				($j:literal) => {
					let mut x = [_mm512_setzero_si512(); T];
					for (x, plane) in x.iter_mut().zip(planes) {
						// SAFETY: `at` is a multiple of 64 below the stride, which is one as well.
						*x = unsafe { _mm512_loadu_si512(plane.add($j * stride + at).cast()) };
					}
					for r in 0..4 {
						let w = _mm512_and_si512(_mm512_srli_epi16::<{ 2 * $j }>(packed[r]), two_bits);
						for t in 0..T {
							sums[r][t] = _mm512_dpbusd_epi32(sums[r][t], w, x[t]);
						}
					}
				};
			}
			plane!(0);
			plane!(1);
			plane!(2);
			plane!(3);
			at += 64;
		}
		let mut out = [[0; T]; 4];
		for r in 0..4 {
			for t in 0..T {
				out[r][t] = _mm512_reduce_add_epi32(sums[r][t]);
			}
		}
		out
	}
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
	use super::*;
	use std::arch::x86_64::*;

	/// # Safety
	/// The processor has AVX2; shapes agree.
	#[target_feature(enable = "avx2")]
	pub unsafe fn multiply(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
		let rows = weights.rows;
		let tokens = inputs.tokens();
		let pairs = tokens - tokens % 2;
		for row in 0..rows {
			let codes = weights.row(row);
			for token in (0..pairs).step_by(2) {
				let planes = [inputs.row_planes(token).as_ptr(), inputs.row_planes(token + 1).as_ptr()];
				// SAFETY: as this function's.
				let sums = unsafe { line::<2>(codes, planes, inputs.plane_stride()) };
				out[token * rows + row] = sums[0] - inputs.sums[token];
				out[(token + 1) * rows + row] = sums[1] - inputs.sums[token + 1];
			}
			if pairs < tokens {
				let planes = [inputs.row_planes(pairs).as_ptr()];
				// SAFETY: as this function's.
				let sums = unsafe { line::<1>(codes, planes, inputs.plane_stride()) };
				out[pairs * rows + row] = sums[0] - inputs.sums[pairs];
			}
		}
	}

	/// # Safety
	/// Each of `planes` points to four planes of `stride` bytes; a row of codes is a multiple of 16 bytes and
	/// no longer than a plane.
	#[inline]
	#[target_feature(enable = "avx2")]
	unsafe fn line<const T: usize>(codes: &[u8], planes: [*const i8; T], stride: usize) -> [i32; T] {
		let two_bits = _mm256_set1_epi8(3);
		let ones = _mm256_set1_epi16(1);
		let mut sums = [_mm256_setzero_si256(); T];
		let mut at = 0;
		while at < codes.len() {
			let packed = if codes.len() - at >= 32 {
				// SAFETY: 32 bytes are left.
				unsafe { _mm256_loadu_si256(codes.as_ptr().add(at).cast()) }
			} else {
				// SAFETY: rows are a multiple of 16 bytes, so 16 are left; the upper half becomes zero.
				unsafe { _mm256_zextsi128_si256(_mm_loadu_si128(codes.as_ptr().add(at).cast())) }
			};
			let codes_of = [
				_mm256_and_si256(packed, two_bits),
				_mm256_and_si256(_mm256_srli_epi16::<2>(packed), two_bits),
				_mm256_and_si256(_mm256_srli_epi16::<4>(packed), two_bits),
				_mm256_and_si256(_mm256_srli_epi16::<6>(packed), two_bits),
			];
			for t in 0..T {
				// A pair is at most 2 * 2 * 127 = 508, and four of them 2,032: far from the 16-bit limit.
				let mut pairs = _mm256_setzero_si256();
				for (j, &w) in codes_of.iter().enumerate() {
					// SAFETY: `at + 32` is at most the stride, a multiple of 64 not below the row's length.
					let x = unsafe { _mm256_loadu_si256(planes[t].add(j * stride + at).cast()) };
					pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(w, x));
				}
				sums[t] = _mm256_add_epi32(sums[t], _mm256_madd_epi16(pairs, ones));
			}
			at += 32;
		}
		sums.map(|sum| horizontal_sum(sum))
	}

	#[inline]
	#[target_feature(enable = "avx2")]
	pub(in crate::kernel) fn horizontal_sum(x: __m256i) -> i32 {
		let x = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
		let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0x4e>(x));
		_mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32::<0xb1>(x)))
	}
}
#[cfg(target_arch = "x86_64")]
pub(in crate::kernel) use avx2::horizontal_sum;
