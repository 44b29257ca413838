//! The two products of attention, over keys and values stored in pairs.
//!
//! 8-bit entries become 16 bits, and one instruction multiplies and adds two of them: so keys keep two
//! neighbouring entries of a head together, values two neighbouring positions.
//!
//! ```text
//! keys    [head_size / 2][stride][2]     entries 2j and 2j + 1 of every position
//! values  [stride / 2][head_size][2]     positions 2p and 2p + 1 of every entry
//! ```
//!
//! `stride` is the number of positions there is room for, a multiple of [`POSITIONS`].

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod exponential;

use super::Kernel;
#[cfg(target_arch = "x86_64")]
use super::{rows::QueryFactor, Path};

/// Positions that are multiplied at once.
pub const POSITIONS: usize = 16;

/// Index of an entry of a key.
pub fn key_index(stride: usize, position: usize, entry: usize) -> usize {
	(entry / 2 * stride + position) * 2 + entry % 2
}

/// Index of an entry of a value.
pub fn value_index(head_size: usize, position: usize, entry: usize) -> usize {
	(position / 2 * head_size + entry) * 2 + position % 2
}

/// The whole of [`crate::rows::attend`] in one, where this kernel has that for heads of this size: whether it has.
#[cfg(target_arch = "x86_64")]
pub(crate) fn attend(
	kernel: Kernel,
	query: &[i8],
	factor: QueryFactor,
	keys: &[i8],
	stride: usize,
	maxima: &[i32],
	values: &[i8],
	scratch: &mut [i32],
	out: &mut [i32],
) -> bool {
	match kernel.0 {
		Path::Avx512Vnni if out.len().is_multiple_of(16) && out.len() <= avx512::ENTRIES => {
			let padded = maxima.len().next_multiple_of(POSITIONS);
			assert!(query.len() == out.len() && padded <= stride && padded <= scratch.len());
			assert!(keys.len() >= query.len() * stride && values.len() >= query.len() * padded);
			// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked.
			unsafe { avx512::attend(query, factor, keys, stride, maxima, values, scratch, out) };
			true
		}
		_ => false,
	}
}

/// Integer products of a query with the keys of the first `len` positions.
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
	assert!(query.len().is_multiple_of(2) && keys.len() >= query.len() * stride);
	match kernel.0 {
		#[cfg(target_arch = "x86_64")]
		// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked.
		Path::Avx2 | Path::Avx512Vnni => unsafe { x86::key_products_avx2(query, keys, stride, padded, products) },
		_ => {
			products[..padded].fill(0);
			for (pair, row) in query.chunks_exact(2).zip(keys.chunks_exact(2 * stride)) {
				let (a, b) = (i32::from(pair[0]), i32::from(pair[1]));
				for (product, key) in products[..len].iter_mut().zip(row.chunks_exact(2)) {
					*product += a * i32::from(key[0]) + b * i32::from(key[1]);
				}
			}
		}
	}
}

/// Sum of values weighted by `probabilities`, at most 15 bits each: below 2^30 in magnitude.
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

	/// Two 16-bit numbers side by side.
	fn pair(low: i32, high: i32) -> i32 {
		(low & 0xffff) | (high << 16)
	}

	fn query_pair(query: &[i8], j: usize) -> i32 {
		pair(i32::from(query[2 * j]), i32::from(query[2 * j + 1]))
	}

	fn probability_pair(pair_of: &[i32]) -> i32 {
		pair(pair_of[0], pair_of.get(1).copied().unwrap_or(0))
	}

	/// # Safety
	/// AVX2; `keys` holds `query.len() * stride` entries, `products` at least `padded`.
	#[target_feature(enable = "avx2")]
	pub unsafe fn key_products_avx2(
		query: &[i8],
		keys: &[i8],
		stride: usize,
		padded: usize,
		products: &mut [i32],
	) {
		for at in (0..padded).step_by(8) {
			let mut sum = _mm256_setzero_si256();
			for j in 0..query.len() / 2 {
				// SAFETY: 16 entries from position `at` of row j, whose stride is not below `padded`.
				let key = unsafe { _mm_loadu_si128(keys.as_ptr().add((j * stride + at) * 2).cast()) };
				let query = _mm256_set1_epi32(query_pair(query, j));
				sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(key), query));
			}
			// SAFETY: `at + 8` is at most `padded`.
			unsafe { _mm256_storeu_si256(products.as_mut_ptr().add(at).cast(), sum) };
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
