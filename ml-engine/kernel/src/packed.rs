//! Ternary weights in the order in which vectors want them: sixteen rows side by side.
//!
//! A vector of 64 bytes holds sixteen rows by sixteen columns:
//!
//! ```text
//! byte 4 r + b, bits 2 j and 2 j + 1: the code of row r, column 4 j + b      r < 16, b < 4, j < 4
//! ```
//!
//! Shifted by `2 j` and masked it is, in each 32-bit lane, four neighbouring columns of one row: what a dot-product
//! instruction multiplies with four neighbouring activations, the same in all lanes. So each lane ends as one output,
//! and no sum has to be added up across a vector. The vectors of one group of rows follow each other by column, the
//! groups by row; a last group of fewer rows is filled with codes of 0. Nothing is larger than before but by that.
//!
//! Row by row, sixteen columns are four bytes, and both orders of those four bytes are the transpose of each other.

#[cfg(target_arch = "x86_64")]
use super::Path;
use super::{activations::ActivationRows, ternary::TernaryView, Kernel};
use std::ops::Range;

/// Version of the byte order; stored beside packed weights.
pub const LAYOUT_VERSION: u16 = 1;
/// Rows side by side.
pub const GROUP_ROWS: usize = 16;
/// Columns of one vector.
const VECTOR_COLS: usize = 16;
/// Bytes of one vector.
const VECTOR_BYTES: usize = 64;

/// A packed ternary matrix: [`packed_len`] bytes.
#[derive(Clone, Copy, Debug)]
pub struct PackedView<'a> {
	/// The codes.
	pub codes: &'a [u8],
	/// Outputs.
	pub rows: usize,
	/// Inputs, a multiple of 64.
	pub cols: usize,
}

impl<'a> PackedView<'a> {
	/// Returns the rows in `range`, which begins at a multiple of [`GROUP_ROWS`].
	pub fn part(&self, range: Range<usize>) -> PackedView<'a> {
		assert!(range.start.is_multiple_of(GROUP_ROWS) && range.end <= self.rows, "whole groups of rows");
		let groups = range.start / GROUP_ROWS..range.end.div_ceil(GROUP_ROWS);
		let bytes = group_bytes(self.cols);
		let codes = &self.codes[groups.start * bytes..groups.end * bytes];
		PackedView { codes, rows: range.len(), cols: self.cols }
	}
}

impl PackedView<'_> {
	/// Returns the vectors of a group of rows.
	fn group(&self, index: usize) -> &[u8] {
		let bytes = group_bytes(self.cols);
		&self.codes[index * bytes..(index + 1) * bytes]
	}

	fn groups(&self) -> usize {
		self.rows.div_ceil(GROUP_ROWS)
	}
}

fn group_bytes(cols: usize) -> usize {
	cols / VECTOR_COLS * VECTOR_BYTES
}

/// Returns whether packed weights are multiplied faster than rows for some number of tokens: where there is a kernel
/// for them.
pub fn is_faster(kernel: Kernel) -> bool {
	is_faster_for(kernel, 1)
}

/// Returns whether packed weights are multiplied faster for so many tokens. With AVX2 rows are up to a tenth faster for
/// many.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables))]
pub fn is_faster_for(kernel: Kernel, tokens: usize) -> bool {
	match kernel.0 {
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => true,
		#[cfg(target_arch = "x86_64")]
		Path::Avx2 => tokens <= 64,
		_ => false,
	}
}

/// Returns the bytes of a packed matrix.
pub fn packed_len(rows: usize, cols: usize) -> usize {
	rows.div_ceil(GROUP_ROWS) * group_bytes(cols)
}

/// Transposes four bytes of four codes each, as a 4 by 4 matrix.
pub(crate) fn transpose(codes: u32) -> u32 {
	let swap = |x: u32, shift: u32, mask: u32| {
		let t = (x ^ (x >> shift)) & mask;
		x ^ t ^ (t << shift)
	};
	swap(swap(codes, 6, 0x00cc_00cc), 12, 0x0000_f0f0)
}

/// Packs a matrix that lies row by row.
///
/// # Shapes
/// `out`: [`packed_len`] bytes.
pub fn pack(weights: TernaryView<'_>, out: &mut [u8]) {
	assert!(weights.cols.is_multiple_of(64), "widths are multiples of 64");
	assert_eq!(weights.codes.len(), weights.rows * weights.cols / 4, "a section has its exact length");
	assert_eq!(out.len(), packed_len(weights.rows, weights.cols), "the caller asked how long it is");
	let row_bytes = weights.cols / 4;
	let groups = weights.codes.chunks(GROUP_ROWS * row_bytes);
	for (rows, vectors) in groups.zip(out.chunks_exact_mut(group_bytes(weights.cols))) {
		for (at, vector) in vectors.chunks_exact_mut(VECTOR_BYTES).enumerate() {
			let (lanes, _) = vector.as_chunks_mut::<4>();
			let mut rows = rows.chunks_exact(row_bytes);
			for lane in lanes {
				*lane = match rows.next() {
					Some(row) => {
						let four = &row[4 * at..4 * at + 4];
						transpose(u32::from_le_bytes([four[0], four[1], four[2], four[3]])).to_le_bytes()
					}
					None => [0; 4],
				};
			}
		}
	}
}

/// Computes the integer products of every row of `weights` with every row of `inputs`: [`super::ternary::multiply`],
/// faster.
///
/// # Shapes
/// `inputs: [tokens, cols]`, output: `[tokens, rows]`.
pub fn multiply(kernel: Kernel, weights: PackedView<'_>, inputs: &ActivationRows) -> Vec<i32> {
	let mut out = vec![0; inputs.tokens() * weights.rows];
	multiply_into(kernel, weights, inputs, &mut out);
	out
}

/// Runs [`multiply`] into existing memory, which is overwritten.
pub fn multiply_into(kernel: Kernel, weights: PackedView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	assert_eq!(out.len(), inputs.tokens() * weights.rows, "one output for every row and token");
	assert_eq!(weights.cols, inputs.width, "shapes follow from one configuration");
	assert_eq!(weights.codes.len(), packed_len(weights.rows, weights.cols), "packed for this shape");
	assert!(weights.cols.is_multiple_of(64), "widths are multiples of 64");
	assert_eq!(inputs.values.len(), inputs.tokens() * inputs.width, "rows are whole");
	match kernel.0 {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; the shapes were checked above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx2 => unsafe { avx2::multiply(weights, inputs, out) },
		// SAFETY: as above.
		#[cfg(target_arch = "x86_64")]
		Path::Avx512Vnni => unsafe { vnni::multiply(weights, inputs, out) },
		_ => portable(weights, inputs, out),
	}
}

fn portable(weights: PackedView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	let rows = weights.rows;
	for group in 0..weights.groups() {
		let first = group * GROUP_ROWS;
		for token in 0..inputs.tokens() {
			let x = inputs.row(token);
			let mut sums = [0_i32; GROUP_ROWS];
			for (vector, x) in
				weights.group(group).chunks_exact(VECTOR_BYTES).zip(x.as_chunks::<VECTOR_COLS>().0)
			{
				for (sum, lane) in sums.iter_mut().zip(vector.as_chunks::<4>().0) {
					for (j, four) in x.as_chunks::<4>().0.iter().enumerate() {
						for (&codes, &x) in lane.iter().zip(four) {
							*sum += i32::from((codes >> (2 * j)) & 3) * i32::from(x);
						}
					}
				}
			}
			store(&sums, first, token, rows, inputs.sums[token], out);
		}
	}
}

/// Takes the activations' sum off, since codes are one more than weights.
#[inline(always)]
fn store(sums: &[i32], first: usize, token: usize, rows: usize, offset: i32, out: &mut [i32]) {
	let out = &mut out[token * rows + first..(token + 1) * rows];
	for (out, sum) in out.iter_mut().zip(sums) {
		*out = sum - offset;
	}
}

#[cfg(target_arch = "x86_64")]
mod vnni {
	use super::*;
	use crate::ternary::{tile_tokens, vnni::lanes};
	use std::arch::x86_64::*;

	/// Groups of rows by tokens of a tile: each vector of weights is unpacked once for all of its tokens, and every
	/// activation read once for all of its groups.
	const TILE_GROUPS: usize = 4;
	const TILE_TOKENS: usize = 5;

	/// # Safety
	/// The processor has AVX-512 F, BW and VNNI; shapes agree.
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	pub unsafe fn multiply(weights: PackedView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
		let groups = weights.groups();
		if inputs.tokens() == 1 {
			for group in 0..groups {
				// SAFETY: as this function's.
				unsafe { one(weights, group, inputs, out) };
			}
			return;
		}
		let whole = groups - groups % TILE_GROUPS;
		// SAFETY: as this function's.
		unsafe {
			for group in (0..whole).step_by(TILE_GROUPS) {
				lines::<TILE_GROUPS>(weights, group, inputs, out);
			}
			for group in whole..groups {
				lines::<1>(weights, group, inputs, out);
			}
		}
	}

	/// Multiplies one group with a single token: weights are read in the order in which they lie, as memory likes it,
	/// with a sum for each of a byte's four codes.
	///
	/// # Safety
	/// As [`multiply`]'s; the group exists.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	unsafe fn one(weights: PackedView<'_>, group: usize, inputs: &ActivationRows, out: &mut [i32]) {
		let two_bits = _mm512_set1_epi8(3);
		let (codes, x) = (weights.group(group).as_ptr(), inputs.row(0).as_ptr());
		let mut sums = [_mm512_setzero_si512(); 4];
		for at in 0..weights.cols / VECTOR_COLS {
			// SAFETY: a group has `cols / 16` vectors, a row `cols` entries.
			let (packed, fours) = unsafe {
				let packed = _mm512_loadu_si512(codes.add(VECTOR_BYTES * at).cast());
				let x = x.add(VECTOR_COLS * at).cast::<i32>();
				(packed, std::array::from_fn::<_, 4, _>(|j| _mm512_set1_epi32(x.add(j).read_unaligned())))
			};
			let codes = [
				_mm512_and_si512(packed, two_bits),
				_mm512_and_si512(_mm512_srli_epi16::<2>(packed), two_bits),
				_mm512_and_si512(_mm512_srli_epi16::<4>(packed), two_bits),
				_mm512_and_si512(_mm512_srli_epi16::<6>(packed), two_bits),
			];
			for j in 0..4 {
				sums[j] = _mm512_dpbusd_epi32(sums[j], codes[j], fours[j]);
			}
		}
		let [a, b, c, d] = sums;
		let sum = _mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d));
		let first = group * GROUP_ROWS;
		let line = &mut out[first..];
		assert!(line.len() >= (weights.rows - first).min(GROUP_ROWS));
		let sum = _mm512_sub_epi32(sum, _mm512_set1_epi32(inputs.sums[0]));
		// SAFETY: masked to the rows there are, which the slice was just seen to hold.
		unsafe { _mm512_mask_storeu_epi32(line.as_mut_ptr(), lanes(weights.rows, first), sum) };
	}

	/// # Safety
	/// As [`multiply`]'s; groups `group..group + G` exist.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	unsafe fn lines<const G: usize>(
		weights: PackedView<'_>,
		group: usize,
		inputs: &ActivationRows,
		out: &mut [i32],
	) {
		let step = tile_tokens(inputs.tokens(), TILE_TOKENS);
		for token in (0..inputs.tokens()).step_by(step) {
			// SAFETY: as this function's.
			unsafe {
				match step.min(inputs.tokens() - token) {
					1 => tile::<G, 1>(weights, group, inputs, token, out),
					2 => tile::<G, 2>(weights, group, inputs, token, out),
					3 => tile::<G, 3>(weights, group, inputs, token, out),
					4 => tile::<G, 4>(weights, group, inputs, token, out),
					_ => tile::<G, TILE_TOKENS>(weights, group, inputs, token, out),
				}
			}
		}
	}

	/// # Safety
	/// As [`lines`]'s; tokens `token..token + T` exist.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
	unsafe fn tile<const G: usize, const T: usize>(
		weights: PackedView<'_>,
		group: usize,
		inputs: &ActivationRows,
		token: usize,
		out: &mut [i32],
	) {
		let two_bits = _mm512_set1_epi8(3);
		let codes: [*const u8; G] = std::array::from_fn(|g| weights.group(group + g).as_ptr());
		let x: [*const i8; T] = std::array::from_fn(|t| inputs.row(token + t).as_ptr());
		let mut sums = [[_mm512_setzero_si512(); T]; G];
		for at in 0..weights.cols / VECTOR_COLS {
			let mut packed = [_mm512_setzero_si512(); G];
			for (packed, codes) in packed.iter_mut().zip(codes) {
				// SAFETY: a group has `cols / 16` vectors.
				*packed = unsafe { _mm512_loadu_si512(codes.add(VECTOR_BYTES * at).cast()) };
			}
			macro_rules! columns {
				($j:literal) => {
					let mut fours = [_mm512_setzero_si512(); T];
					for (four, x) in fours.iter_mut().zip(x) {
						// SAFETY: a row has `cols` entries; four of them are read, wherever they lie.
						let four_entries =
							unsafe { x.add(VECTOR_COLS * at + 4 * $j).cast::<i32>().read_unaligned() };
						*four = _mm512_set1_epi32(four_entries);
					}
					for g in 0..G {
						let w = _mm512_and_si512(_mm512_srli_epi16::<{ 2 * $j }>(packed[g]), two_bits);
						for t in 0..T {
							sums[g][t] = _mm512_dpbusd_epi32(sums[g][t], w, fours[t]);
						}
					}
				};
			}
			columns!(0);
			columns!(1);
			columns!(2);
			columns!(3);
		}
		for (g, sums) in sums.into_iter().enumerate() {
			let first = (group + g) * GROUP_ROWS;
			for (t, sum) in sums.into_iter().enumerate() {
				let line = &mut out[(token + t) * weights.rows + first..];
				assert!(line.len() >= (weights.rows - first).min(GROUP_ROWS));
				let sum = _mm512_sub_epi32(sum, _mm512_set1_epi32(inputs.sums[token + t]));
				// SAFETY: masked to the rows there are, which the slice was just seen to hold.
				unsafe { _mm512_mask_storeu_epi32(line.as_mut_ptr(), lanes(weights.rows, first), sum) };
			}
		}
	}
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
	use super::*;
	use std::arch::x86_64::*;

	/// Rows of one vector of 32 bytes: half a group.
	const HALF_ROWS: usize = 8;
	/// Vectors whose products fit 16 bits together: each adds at most 4 * 2 * 2 * 128 = 2,048.
	const VECTORS_BEFORE_WIDENING: usize = 8;

	/// # Safety
	/// The processor has AVX2; shapes agree.
	#[target_feature(enable = "avx2")]
	pub unsafe fn multiply(weights: PackedView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
		let tokens = inputs.tokens();
		let pairs = tokens - tokens % 2;
		for group in 0..weights.groups() {
			// SAFETY: as this function's.
			unsafe {
				for token in (0..pairs).step_by(2) {
					tile::<2>(weights, group, inputs, token, out);
				}
				if pairs < tokens {
					tile::<1>(weights, group, inputs, pairs, out);
				}
			}
		}
	}

	/// # Safety
	/// As [`multiply`]'s; the group and tokens `token..token + T` exist.
	#[inline]
	#[target_feature(enable = "avx2")]
	unsafe fn tile<const T: usize>(
		weights: PackedView<'_>,
		group: usize,
		inputs: &ActivationRows,
		token: usize,
		out: &mut [i32],
	) {
		let (two_bits, ones) = (_mm256_set1_epi8(3), _mm256_set1_epi16(1));
		let codes = weights.group(group).as_ptr();
		let x: [*const i8; T] = std::array::from_fn(|t| inputs.row(token + t).as_ptr());
		let vectors = weights.cols / VECTOR_COLS;
		let mut sums = [[_mm256_setzero_si256(); T]; 2];
		let mut start = 0;
		while start < vectors {
			let end = (start + VECTORS_BEFORE_WIDENING).min(vectors);
			let mut pairs = [[_mm256_setzero_si256(); T]; 2];
			for at in start..end {
				// SAFETY: a group has `cols / 16` vectors of 64 bytes.
				let packed = unsafe {
					let vector = codes.add(VECTOR_BYTES * at);
					[_mm256_loadu_si256(vector.cast()), _mm256_loadu_si256(vector.add(32).cast())]
				};
				macro_rules! columns {
					($j:literal) => {
						let w: [__m256i; 2] = [
							_mm256_and_si256(_mm256_srli_epi16::<{ 2 * $j }>(packed[0]), two_bits),
							_mm256_and_si256(_mm256_srli_epi16::<{ 2 * $j }>(packed[1]), two_bits),
						];
						for t in 0..T {
							// SAFETY: a row has `cols` entries; four of them are read, wherever they lie.
							let four =
								unsafe { x[t].add(VECTOR_COLS * at + 4 * $j).cast::<i32>().read_unaligned() };
							let four = _mm256_set1_epi32(four);
							for half in 0..2 {
								let products = _mm256_maddubs_epi16(w[half], four);
								pairs[half][t] = _mm256_add_epi16(pairs[half][t], products);
							}
						}
					};
				}
				columns!(0);
				columns!(1);
				columns!(2);
				columns!(3);
			}
			for (sums, pairs) in sums.iter_mut().zip(pairs) {
				for (sum, pairs) in sums.iter_mut().zip(pairs) {
					*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
				}
			}
			start = end;
		}
		for (half, sums) in sums.into_iter().enumerate() {
			let first = group * GROUP_ROWS + half * HALF_ROWS;
			if first >= weights.rows {
				break;
			}
			for (t, sums) in sums.into_iter().enumerate() {
				let mut lanes = [0_i32; HALF_ROWS];
				// SAFETY: eight numbers are one vector.
				unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
				store(&lanes, first, token + t, weights.rows, inputs.sums[token + t], out);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::ternary;
	use proptest::prelude::*;

	/// Makes rows of activations with these values, by the means that every layer has.
	fn activations(seed: u64, tokens: usize, width: usize) -> ActivationRows {
		let mut state = seed;
		let stream: Vec<i32> = (0..tokens * width)
			.map(|_| {
				state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
				(state >> 40) as i32 - (1 << 23)
			})
			.collect();
		ActivationRows::norm_quant(Kernel::PORTABLE, &stream, &vec![256; width])
	}

	fn codes(seed: u64, len: usize) -> Vec<u8> {
		let mut state = seed;
		let mut code = || {
			state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
			((state >> 33) % 3) as u8
		};
		(0..len).map(|_| code() | code() << 2 | code() << 4 | code() << 6).collect()
	}

	fn packed(view: TernaryView<'_>) -> Vec<u8> {
		let mut out = vec![0xff; packed_len(view.rows, view.cols)];
		pack(view, &mut out);
		out
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(48))]

		#[test]
		fn every_kernel_gives_what_rows_give(rows in 1_usize..150, width in 1_usize..=9, tokens in 1_usize..=11, seed: u64) {
			let cols = 64 * width;
			let codes = codes(seed, rows * cols / 4);
			let view = TernaryView { codes: &codes, rows, cols };
			let inputs = activations(seed ^ 1, tokens, cols);
			let expected = ternary::multiply(Kernel::PORTABLE, view, &inputs);
			let packed = packed(view);
			for kernel in Kernel::available() {
				let found = multiply(kernel, PackedView { codes: &packed, rows, cols }, &inputs);
				prop_assert_eq!(&found, &expected, "{}", kernel);
			}
		}
	}

	#[test]
	fn the_largest_sums_are_held() {
		let (rows, cols) = (64, 2_048);
		for (code, value) in [(0b1010_1010, 127), (0b1010_1010, -127), (0, 127), (0b0101_0101, -127)] {
			let codes = vec![code; rows * cols / 4];
			let view = TernaryView { codes: &codes, rows, cols };
			let mut inputs = activations(1, 5, cols);
			inputs.values.fill(value);
			inputs.planes.fill(value);
			inputs.sums.fill(i32::from(value) * cols as i32);
			let expected = (i32::from(code & 3) - 1) * i32::from(value) * cols as i32;
			let packed = packed(view);
			for kernel in Kernel::available() {
				let found = multiply(kernel, PackedView { codes: &packed, rows, cols }, &inputs);
				assert!(found.iter().all(|&sum| sum == expected), "{kernel}");
			}
		}
	}

	#[test]
	fn transposing_twice_changes_nothing() {
		for codes in [0, 1, 0x1234_5678, 0xdead_beef, u32::MAX] {
			assert_eq!(transpose(transpose(codes)), codes);
		}
		// The second code of the first byte becomes the first of the second.
		assert_eq!(transpose(0b1000), 0b10 << 8);
	}
}
