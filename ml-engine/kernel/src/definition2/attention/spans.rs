//! Pieces of a cache, a run of whole vectors of positions at a time.

use super::{HeadCache, POSITIONS};
use std::ops::Range;

/// Consecutive vectors of positions that lie in one piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
	pub cache: &'a HeadCache,
	/// First vector, counted over all pieces.
	pub first: usize,
	/// First vector, counted within the piece.
	pub own: usize,
	/// Vectors.
	pub count: usize,
}

/// Returns the spans of some vectors, counted over all pieces, in order.
pub(super) fn spans<'a>(
	pieces: &'a [&'a HeadCache],
	vectors: Range<usize>,
) -> impl Iterator<Item = Span<'a>> {
	let mut end = 0;
	pieces.iter().filter_map(move |cache| {
		let begin = end;
		end += cache.len.div_ceil(POSITIONS);
		let (first, last) = (begin.max(vectors.start), end.min(vectors.end));
		(first < last).then(|| Span { cache, first, own: first - begin, count: last - first })
	})
}

/// Returns each of the first `vectors` vectors: its piece, its index over all pieces, and that within the piece.
#[inline(always)]
pub(super) fn each_vector<'a>(
	pieces: &'a [&'a HeadCache],
	vectors: usize,
) -> impl Iterator<Item = (&'a HeadCache, usize, usize)> {
	let each = |span: Span<'a>| (0..span.count).map(move |i| (span.cache, span.first + i, span.own + i));
	spans(pieces, 0..vectors).flat_map(each)
}

/// Ends the process in front of a kernel that would read past the pieces, which all hold what they say.
pub(super) fn ensure_vectors(pieces: &[&HeadCache], vectors: usize) {
	let whole = |cache: &HeadCache| {
		let places = cache.len.next_multiple_of(POSITIONS);
		let (keys, values) = (super::key_size(cache.size), super::value_size(cache.size));
		assert!(cache.maxima.len() >= places && cache.steps.len() >= places);
		assert!(cache.keys.len() >= places * keys && cache.values.len() >= places * values);
		places / POSITIONS
	};
	let held: usize = pieces.iter().map(|cache| whole(cache)).sum();
	assert!(vectors <= held, "positions lie in the cache");
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn spans_cover_every_vector_once_and_in_order() {
		let cache = |positions: usize| {
			let mut cache = HeadCache::new(2);
			(0..positions).for_each(|_| cache.push(&[1, 2], 3, &[4, 5], 6));
			cache
		};
		let caches = [cache(64), cache(16), cache(64), cache(5)];
		let pieces: Vec<&HeadCache> = caches.iter().collect();
		for start in 0..10 {
			for end in start..=10 {
				let mut next = start;
				for Span { cache, first, own, count } in spans(&pieces, start..end) {
					assert_eq!(first, next);
					assert!(count > 0 && own + count <= cache.len().div_ceil(POSITIONS));
					next += count;
				}
				assert_eq!(next, end);
			}
		}
		ensure_vectors(&pieces, 10);
	}
}
