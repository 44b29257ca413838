//! Attention of the query heads of one key/value head, over the positions that each token sees.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod cache;
mod plain;
mod spans;

pub use cache::HeadCache;

use super::{rescale::Rescale, Kernel, Real};
use blyan_exact::{
	attention::PROBABILITY_MAX,
	definition2::{
		attention::{KEY_SHIFT, LOG2_E_BY_127_SQUARED_Q62},
		LOGIT_MAX, PROJECTION_MAX,
	},
};
use cache::{key_size, value_size, POSITIONS};
#[cfg(target_arch = "x86_64")]
use spans::each_vector;
use spans::{spans, Span};

/// Positions whose weighted values fit 32 bits: 512 * 32,767 * 127 < 2^31.
const WEIGHED: usize = 512;

/// Quantised queries of one key/value head: of consecutive tokens, `group` heads each.
#[derive(Clone, Copy, Debug)]
pub struct Queries<'a> {
	/// From the group's first head on; a token every `code_stride`.
	pub codes: &'a [i8],
	/// Entries from one token to the next.
	pub code_stride: usize,
	/// Largest magnitudes, Q12: from the group's first head on, a token every `maximum_stride`.
	pub maxima: &'a [i32],
	/// Maxima from one token to the next.
	pub maximum_stride: usize,
	/// Query heads that share the key/value head.
	pub group: usize,
	/// Consecutive tokens.
	pub tokens: usize,
	/// Positions that the first token sees, its own included; each token sees one more than the one before.
	pub first: usize,
}

/// Memory of [`attend`] that is kept between calls.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
	/// Scores, then probabilities, then weights: `[rows, padded positions]`.
	scores: Vec<i32>,
	/// Sums of weighted values: `[rows, value size]`.
	sums: Vec<i64>,
	/// Queries with their padding: `[rows, key size]`.
	queries: Vec<i8>,
	/// The same in 16 bits, for kernels that multiply pairs: even entries in front of odd ones in each four.
	#[cfg(target_arch = "x86_64")]
	words: Vec<i16>,
	rows: Vec<Row>,
}

/// One head of one token.
#[derive(Clone, Copy, Debug)]
struct Row {
	/// Positions that it sees.
	len: usize,
	rescale: Rescale,
	/// Index of its first entry in the output.
	out: usize,
	/// -128 times the sum of its entries: what codes of keys, 128 too large, add to a product.
	offset: i32,
	/// Sum of its probabilities.
	total: i64,
	/// Bits that its weights were shifted right by.
	excess: u32,
}

/// Computes `attend` of the definition for every query.
///
/// # Shapes
/// `out`: `[group, head_size]` a token, a token every `out_stride`.
pub fn attend(
	kernel: Kernel,
	queries: Queries<'_>,
	cache: &HeadCache,
	scratch: &mut Scratch,
	out: &mut [i32],
	out_stride: usize,
) {
	attend_pieces(kernel, queries, &[cache], scratch, out, out_stride);
}

/// Computes [`attend`] over a cache in pieces, each going on where the one before ends. All but the last hold a multiple of
/// 16 positions.
///
/// # Shapes
/// As [`attend`]'s.
pub fn attend_pieces(
	kernel: Kernel,
	queries: Queries<'_>,
	pieces: &[&HeadCache],
	scratch: &mut Scratch,
	out: &mut [i32],
	out_stride: usize,
) {
	let Some((cache, whole)) = pieces.split_last() else { panic!("a query sees a position") };
	let seen = whole.iter().map(|piece| piece.len).sum::<usize>() + cache.len;
	let are_whole = whole.iter().all(|piece| piece.len % POSITIONS == 0 && piece.size == cache.size);
	assert!(are_whole, "pieces of one head are whole blocks of {POSITIONS} positions");
	let Queries { tokens, first, .. } = queries;
	assert!(first > 0 && tokens > 0 && first + tokens - 1 <= seen, "positions lie in the cache");
	scratch.set_rows(queries, cache, out_stride);
	#[cfg(target_arch = "x86_64")]
	match kernel.0 {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; the pieces have room for whole
		// blocks of as many positions as the last token sees.
		crate::Path::Avx512Vnni => unsafe { avx512::attend(pieces, scratch) },
		// SAFETY: as above.
		crate::Path::Avx2 => unsafe { avx2::attend(pieces, scratch) },
		_ => plain::attend(kernel, pieces, scratch),
	}
	#[cfg(not(target_arch = "x86_64"))]
	plain::attend(kernel, pieces, scratch);
	finish(kernel, cache.size, scratch, out);
}

impl Scratch {
	/// Copies the queries, and finds the way from each one's products to its scores.
	fn set_rows(&mut self, queries: Queries<'_>, cache: &HeadCache, out_stride: usize) {
		let Queries { group, tokens, first, .. } = queries;
		let (size, padded) = (cache.size, key_size(cache.size));
		let log2_e = Real::from_integer(LOG2_E_BY_127_SQUARED_Q62).shifted(-62);
		self.rows.clear();
		self.queries.clear();
		for (token, head) in (0..tokens).flat_map(|token| (0..group).map(move |head| (token, head))) {
			let codes = &queries.codes[token * queries.code_stride + head * size..][..size];
			self.queries.extend_from_slice(codes);
			self.queries.resize((self.rows.len() + 1) * padded, 0);
			let maximum = queries.maxima[token * queries.maximum_stride + head];
			// Maxima of query and key in Q12, scores in Q16.
			let scale =
				Real::from_integer(maximum.unsigned_abs().into()).times(log2_e).times(cache.inverse_root);
			self.rows.push(Row {
				len: first + token,
				rescale: Rescale::new(scale.shifted(16 - 24 + KEY_SHIFT as i32), KEY_SHIFT, LOGIT_MAX),
				out: token * out_stride + head * size,
				offset: -128 * codes.iter().map(|&q| i32::from(q)).sum::<i32>(),
				total: 0,
				excess: 0,
			});
		}
	}
}

/// Brings the sums of all rows to Q12.
fn finish(kernel: Kernel, size: usize, scratch: &Scratch, out: &mut [i32]) {
	for (row, sums) in scratch.rows.iter().zip(scratch.sums.chunks_exact(value_size(size))) {
		let out = &mut out[row.out..row.out + size];
		normalise(kernel, &sums[..size], row.total, row.excess, out);
	}
}

crate::versions! {
	/// Computes `div_round(sum << 8, total) * 2^(excess - 16)`, rounded and clamped.
	///
	/// Magnitudes n = 256 |sum| are below 2^47 and totals at most 2^32. The rounded quotient is the integer part of
	/// n / total + 1/2, a multiple of 1 / 2 total; a quarter of 1 / total is added, so that it is as far from every integer.
	/// Doubles err by less than 2^-51 of it and of 1, which is below 2^-3 / total.
	pub fn normalise(sums: &[i64], total: i64, excess: u32, out: &mut [i32]) {
		let reciprocal = 1.0 / total as f64;
		let (left, right) = (excess.saturating_sub(16), 16_u32.saturating_sub(excess));
		let half = (1_i64 << right) >> 1;
		for (out, &sum) in out.iter_mut().zip(sums) {
			let sign = sum >> 63;
			let magnitude = ((sum ^ sign) - sign) << 8;
			let quotient = (magnitude as f64 + 0.25) * reciprocal + 0.5;
			// SAFETY: at most 2^30.
			let quotient: i64 = unsafe { quotient.to_int_unchecked() };
			let magnitude = (((quotient << left) + half) >> right).min(i64::from(PROJECTION_MAX));
			*out = ((magnitude ^ sign) - sign) as i32;
		}
	}
}
