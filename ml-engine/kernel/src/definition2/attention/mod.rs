//! Attention of the query heads of one key/value head, over the positions that each token sees.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod cache;

pub use cache::HeadCache;

use super::{rescale::Rescale, Kernel, Real};
use crate::math::exp2_neg;
use blyan_exact::{
	attention::PROBABILITY_MAX,
	definition2::{
		attention::{KEY_SHIFT, LOG2_E_BY_127_SQUARED_Q62},
		LOGIT_MAX, PROJECTION_MAX,
	},
};
use cache::{key_size, value_size, POSITIONS};

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
	let Queries { group, tokens, first, .. } = queries;
	let (size, padded) = (cache.size, key_size(cache.size));
	assert!(first > 0 && tokens > 0 && first + tokens - 1 <= cache.len, "positions lie in the cache");
	let log2_e = Real::from_integer(LOG2_E_BY_127_SQUARED_Q62).shifted(-62);
	scratch.rows.clear();
	scratch.queries.clear();
	for (token, head) in (0..tokens).flat_map(|token| (0..group).map(move |head| (token, head))) {
		let codes = &queries.codes[token * queries.code_stride + head * size..][..size];
		scratch.queries.extend_from_slice(codes);
		scratch.queries.resize((scratch.rows.len() + 1) * padded, 0);
		let maximum = queries.maxima[token * queries.maximum_stride + head];
		// Maxima of query and key in Q12, scores in Q16.
		let scale = Real::from_integer(maximum.unsigned_abs().into()).times(log2_e).times(cache.inverse_root);
		scratch.rows.push(Row {
			len: first + token,
			rescale: Rescale::new(scale.shifted(16 - 24 + KEY_SHIFT as i32), KEY_SHIFT, LOGIT_MAX),
			out: token * out_stride + head * size,
			offset: -128 * codes.iter().map(|&q| i32::from(q)).sum::<i32>(),
			total: 0,
			excess: 0,
		});
	}
	#[cfg(target_arch = "x86_64")]
	if kernel.0 == crate::Path::Avx512Vnni {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; the cache has room for whole
		// blocks of as many positions as the last token sees.
		unsafe { avx512::attend(cache, scratch) };
		return finish(kernel, cache, scratch, 0, out);
	}
	plain(kernel, cache, scratch);
	finish(kernel, cache, scratch, 0, out);
}

/// Brings the sums of all rows to Q12.
fn finish(kernel: Kernel, cache: &HeadCache, scratch: &Scratch, first: usize, out: &mut [i32]) {
	let padded = value_size(cache.size);
	for (row, sums) in scratch.rows[first..].iter().zip(scratch.sums.chunks_exact(padded)) {
		let out = &mut out[row.out..row.out + cache.size];
		normalise(kernel, &sums[..cache.size], row.total, row.excess, out);
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

/// Computes sums, totals and shifts of all rows, one after the other.
fn plain(kernel: Kernel, cache: &HeadCache, scratch: &mut Scratch) {
	let padded = value_size(cache.size);
	scratch.sums.clear();
	scratch.sums.resize(scratch.rows.len() * padded, 0);
	let queries = scratch.queries.chunks_exact(key_size(cache.size));
	let rows = scratch.rows.iter_mut().zip(queries).zip(scratch.sums.chunks_exact_mut(padded));
	for ((row, query), sums) in rows {
		scratch.scores.resize(row.len.next_multiple_of(POSITIONS), 0);
		dots(kernel, query, &cache.keys, row.offset, &mut scratch.scores);
		let scores = &mut scratch.scores[..row.len];
		let largest = rescale(kernel, scores, &cache.maxima, row.rescale);
		row.total = probabilities(kernel, scores, largest);
		row.excess = weights(kernel, scores, &cache.steps);
		weigh(kernel, scores, &cache.values, sums);
	}
}

crate::versions! {
	/// Multiplies a query with all keys.
	pub fn dots(query: &[i8], keys: &[u8], offset: i32, products: &mut [i32]) {
		for (keys, products) in keys.chunks_exact(16 * query.len()).zip(products.as_chunks_mut::<16>().0) {
			let mut sums = [offset; 16];
			for (keys, four) in keys.as_chunks::<64>().0.iter().zip(query.as_chunks::<4>().0) {
				for (sum, key) in sums.iter_mut().zip(keys.as_chunks::<4>().0) {
					for (&k, &q) in key.iter().zip(four) {
						*sum += i32::from(k) * i32::from(q);
					}
				}
			}
			*products = sums;
		}
	}
}

crate::versions! {
	/// Turns dot products into scores; returns the largest.
	pub fn rescale(products: &mut [i32], maxima: &[i32], rescale: Rescale) -> i32 {
		let mut largest = i32::MIN;
		for (product, &maximum) in products.iter_mut().zip(maxima) {
			*product = rescale.apply(i64::from(*product) * i64::from(maximum));
			largest = largest.max(*product);
		}
		largest
	}
}

crate::versions! {
	/// Turns scores into probabilities; returns their sum.
	pub fn probabilities(scores: &mut [i32], largest: i32) -> i64 {
		let mut total = 0;
		for score in scores {
			let power = exp2_neg(largest.wrapping_sub(*score) as u32);
			let probability = (power >> 15).min(PROBABILITY_MAX);
			*score = probability as i32;
			total += i64::from(probability);
		}
		total
	}
}

crate::versions! {
	/// Turns probabilities into weights; returns the bits that they are shifted by.
	pub fn weights(probabilities: &mut [i32], steps: &[i32]) -> u32 {
		let mut largest = 0;
		for (&p, &step) in probabilities.iter().zip(steps) {
			largest = largest.max(i64::from(p) * i64::from(step));
		}
		let excess = (64 - largest.leading_zeros()).saturating_sub(15);
		let half = (1_i64 << excess) >> 1;
		for (p, &step) in probabilities.iter_mut().zip(steps) {
			let weight = (i64::from(*p) * i64::from(step) + half) >> excess;
			*p = weight.min(i64::from(PROBABILITY_MAX)) as i32;
		}
		excess
	}
}

crate::versions! {
	/// Adds up weighted values.
	pub fn weigh(weights: &[i32], values: &[i8], sums: &mut [i64]) {
		let size = sums.len();
		for (weights, values) in weights.chunks(WEIGHED).zip(values.chunks(WEIGHED * size)) {
			let mut part = [0_i32; 256];
			for (pair, values) in weights.chunks(2).zip(values.chunks_exact(2 * size)) {
				let (even, odd) = (pair[0], pair.get(1).copied().unwrap_or(0));
				for (sum, two) in part.iter_mut().zip(values.as_chunks::<2>().0) {
					*sum += even * i32::from(two[0]) + odd * i32::from(two[1]);
				}
			}
			for (sum, part) in sums.iter_mut().zip(part) {
				*sum += i64::from(part);
			}
		}
	}
}
