//! Attention in plain loops, one query after the other.

use super::*;
use crate::math::exp2_neg;

/// Computes sums, totals and shifts of all rows.
pub(super) fn attend(kernel: Kernel, pieces: &[&HeadCache], scratch: &mut Scratch) {
	let Some(size) = pieces.first().map(|piece| piece.size) else { return };
	let (padded, padded_key) = (value_size(size), key_size(size));
	let Scratch { scores, sums, queries, rows, .. } = scratch;
	sums.clear();
	sums.resize(rows.len() * padded, 0);
	let queries = queries.chunks_exact(padded_key);
	for ((row, query), sums) in rows.iter_mut().zip(queries).zip(sums.chunks_exact_mut(padded)) {
		let vectors = row.len.div_ceil(POSITIONS);
		scores.resize(vectors * POSITIONS, 0);
		let mut largest = i32::MIN;
		for Span { cache, first, own, count } in spans(pieces, 0..vectors) {
			let products = &mut scores[first * POSITIONS..][..count * POSITIONS];
			let bytes = POSITIONS * padded_key;
			dots(kernel, query, &cache.keys[own * bytes..(own + count) * bytes], row.offset, products);
			let seen = products.len().min(row.len - first * POSITIONS);
			let maxima = &cache.maxima[own * POSITIONS..];
			largest = largest.max(rescale(kernel, &mut products[..seen], maxima, row.rescale));
		}
		let scores = &mut scores[..row.len];
		row.total = probabilities(kernel, scores, largest);
		let mut most = 0;
		for Span { cache, first, own, count } in spans(pieces, 0..vectors) {
			let end = row.len.min((first + count) * POSITIONS);
			let steps = &cache.steps[own * POSITIONS..];
			most = most.max(largest_product(kernel, &scores[first * POSITIONS..end], steps));
		}
		row.excess = (64 - most.leading_zeros()).saturating_sub(15);
		for Span { cache, first, own, count } in spans(pieces, 0..vectors) {
			let end = row.len.min((first + count) * POSITIONS);
			let weights = &mut scores[first * POSITIONS..end];
			shorten(kernel, weights, &cache.steps[own * POSITIONS..], row.excess);
			weigh(kernel, weights, &cache.values[own * POSITIONS * padded..], sums);
		}
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
	/// Returns the largest product of a probability and its step.
	pub fn largest_product(probabilities: &[i32], steps: &[i32]) -> i64 {
		let mut largest = 0;
		for (&p, &step) in probabilities.iter().zip(steps) {
			largest = largest.max(i64::from(p) * i64::from(step));
		}
		largest
	}
}

crate::versions! {
	/// Turns probabilities into weights.
	pub fn shorten(probabilities: &mut [i32], steps: &[i32], excess: u32) {
		let half = (1_i64 << excess) >> 1;
		for (p, &step) in probabilities.iter_mut().zip(steps) {
			let weight = (i64::from(*p) * i64::from(step) + half) >> excess;
			*p = weight.min(i64::from(PROBABILITY_MAX)) as i32;
		}
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
