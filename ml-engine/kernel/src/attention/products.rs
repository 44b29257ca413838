//! The two products of attention: a query with keys, and probabilities with values.

use super::layout::{keys_len, ENTRIES, POSITIONS};
use crate::{Kernel, Path};

/// Computes the integer products of a query with the keys of the first `len` positions.
///
/// `products` has room for `len` rounded up to [`POSITIONS`]; entries from `len` on mean nothing.
pub fn key_products(
	kernel: Kernel,
	query: &[i8],
	keys: &[i8],
	stride: usize,
	len: usize,
	products: &mut [i32],
) {
	let padded = len.next_multiple_of(POSITIONS);
	assert!(padded <= stride && padded <= products.len() && stride.is_multiple_of(POSITIONS));
	assert!(keys.len() >= keys_len(stride, query.len()));
	match kernel.0 {
		#[cfg(target_arch = "x86_64")]
		// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked.
		Path::Avx2 | Path::Avx512Vnni => unsafe { x86::key_products_avx2(query, keys, stride, padded, products) },
		_ => {
			products[..padded].fill(0);
			for (four, row) in query.chunks(ENTRIES).zip(keys.chunks_exact(ENTRIES * stride)) {
				let four: [i32; ENTRIES] = std::array::from_fn(|i| four.get(i).map_or(0, |&q| i32::from(q)));
				for (product, key) in products[..len].iter_mut().zip(row.as_chunks::<ENTRIES>().0) {
					*product += four.iter().zip(key).map(|(q, &k)| q * i32::from(k)).sum::<i32>();
				}
			}
		}
	}
}

/// Computes the sum of values weighted by `probabilities` of at most 15 bits each: below 2^30 in magnitude.
pub fn weighted_values(kernel: Kernel, probabilities: &[i32], values: &[i8], out: &mut [i32]) {
	assert!(values.len() >= probabilities.len().next_multiple_of(2) * out.len());
	match kernel.0 {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked.
		#[cfg(target_arch = "x86_64")]
		Path::Avx2 | Path::Avx512Vnni if out.len().is_multiple_of(8) => unsafe {
			x86::weighted_avx2(probabilities, values, out)
		},
		_ => {
			out.fill(0);
			for (pair, row) in probabilities.chunks(2).zip(values.chunks_exact(2 * out.len())) {
				let (a, b) = (pair[0], pair.get(1).copied().unwrap_or(0));
				for (out, value) in out.iter_mut().zip(row.chunks_exact(2)) {
					*out += a * i32::from(value[0]) + b * i32::from(value[1]);
				}
			}
		}
	}
}

#[cfg(target_arch = "x86_64")]
mod x86 {
	use std::arch::x86_64::*;

	/// Packs two 16-bit numbers side by side.
	fn pair(low: i32, high: i32) -> i32 {
		(low & 0xffff) | (high << 16)
	}

	/// Packs four entries of 16 bits, zeros past the last.
	fn query_four(four: &[i8]) -> i64 {
		four.iter().rev().fold(0, |word, &entry| word << 16 | i64::from(entry as i16 as u16))
	}

	fn probability_pair(pair_of: &[i32]) -> i32 {
		pair(pair_of[0], pair_of.get(1).copied().unwrap_or(0))
	}

	/// # Safety
	/// AVX2; `keys` holds `keys_len` entries, `products` at least `padded`.
	#[target_feature(enable = "avx2")]
	pub unsafe fn key_products_avx2(
		query: &[i8],
		keys: &[i8],
		stride: usize,
		padded: usize,
		products: &mut [i32],
	) {
		for at in (0..padded).step_by(8) {
			// Two sums for each of four positions.
			let mut sums = [_mm256_setzero_si256(); 2];
			for (j, four) in query.chunks(super::ENTRIES).enumerate() {
				let query = _mm256_set1_epi64x(query_four(four));
				for (i, sum) in sums.iter_mut().enumerate() {
					let place = (j * stride + at + 4 * i) * super::ENTRIES;
					// SAFETY: four positions of row j, whose stride is not below `padded`.
					let key = unsafe { _mm_loadu_si128(keys.as_ptr().add(place).cast()) };
					*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(key), query));
				}
			}
			// Positions 0, 1, 4, 5 and 2, 3, 6, 7.
			let added = _mm256_hadd_epi32(sums[0], sums[1]);
			let added = _mm256_permute4x64_epi64::<0b11_01_10_00>(added);
			// SAFETY: `at + 8` is at most `padded`.
			unsafe { _mm256_storeu_si256(products.as_mut_ptr().add(at).cast(), added) };
		}
	}

	/// # Safety
	/// AVX2; `out` is a multiple of 8 long, `values` holds every pair of positions.
	#[target_feature(enable = "avx2")]
	pub unsafe fn weighted_avx2(probabilities: &[i32], values: &[i8], out: &mut [i32]) {
		let width = out.len();
		for entry in (0..width).step_by(8) {
			let mut sum = _mm256_setzero_si256();
			for (p, two) in probabilities.chunks(2).enumerate() {
				// SAFETY: 16 bytes from entry `entry` of pair p, and `entry + 8` is at most `width`.
				let value = unsafe { _mm_loadu_si128(values.as_ptr().add((p * width + entry) * 2).cast()) };
				let weight = _mm256_set1_epi32(probability_pair(two));
				sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(value), weight));
			}
			// SAFETY: `entry + 8` is at most `width`.
			unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(entry).cast(), sum) };
		}
	}
}
