//! Top-p without sorting: the cut-off of the kept tokens, found by a radix descent over their gaps.
//!
//! [`sampling`](super::sampling) keeps the tokens nearest to the favourite whose terms reach top-p together, in the order of their gap
//! (the largest logit less theirs), then of their id. A sort of a whole vocabulary is no block of a dispute. So the sums of terms are
//! taken by bucket, six bits of the gap at a time, over chunks of [`CHUNK`] logits each ([`buckets`]); the first bucket
//! that reaches the share is descended into ([`narrow`]); and the last round ends at one gap, at which the tokens that
//! are kept of one chunk are counted ([`cut`]). Terms of one gap are equal, which is why a count suffices.

use super::loss::CHUNK;
use crate::exponential::exp2_neg;
use alloc::vec::Vec;

/// Bits of a gap that one round descends by.
const BUCKET_BITS: u32 = 6;
/// Buckets of a round.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
/// Rounds of a descent. From 2^30 on every term is zero at any temperature: 2^30 * 2^8 / 65,535 is more than 31 bits in Q16.
pub const ROUNDS: u8 = 5;
/// Bytes of a chunk's sums of a round.
pub const BUCKET_BYTES: usize = 8 * BUCKETS;
/// Largest sum of the terms of a chunk.
const SUM_MAX: u64 = (CHUNK as u64) << 24;
/// Largest share that is needed of all terms: those of 64 chunks.
const NEEDED_MAX: u64 = SUM_MAX << 6;

/// Returns the distance (Q16) of a gap at a temperature above zero. At most 2^31 * 2^8 before the division.
pub fn distance(gap: u32, temperature: u16) -> u64 {
	(u64::from(gap) << 8) / u64::from(temperature.max(1))
}

/// Returns the term of a gap in the sum of all, Q24.
pub fn term(gap: u32, temperature: u16) -> u64 {
	u64::from(exp2_neg(u32::try_from(distance(gap, temperature)).unwrap_or(u32::MAX)) >> 6)
}

/// A descent on its way: the gaps that are looked at next, and what the tokens in front of them come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
	/// Leading bits of these gaps: six a round.
	pub prefix: u32,
	/// Sum of the terms in front of them, less than is needed.
	pub before: u64,
	/// Least sum that the kept tokens reach.
	pub needed: u64,
}

/// End of a descent: the tokens that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
	/// Every token of a smaller gap is kept. Of this gap, those of the chunks in front of `chunk` are.
	pub gap: u32,
	/// The last chunk of which tokens of this gap are kept.
	pub chunk: u32,
	/// Number of its tokens of this gap that are kept, the lowest ids first: at least one.
	pub kept: u32,
}

impl Narrowing {
	/// Bytes of a narrowing.
	pub const BYTES: usize = 20;

	/// Returns the bytes: prefix, sum in front, sum that is needed.
	pub fn to_bytes(&self) -> [u8; Self::BYTES] {
		let mut bytes = [0; Self::BYTES];
		bytes[..4].copy_from_slice(&self.prefix.to_le_bytes());
		bytes[4..12].copy_from_slice(&self.before.to_le_bytes());
		bytes[12..].copy_from_slice(&self.needed.to_le_bytes());
		bytes
	}

	/// Reads what `round` of a descent comes to; `None` if no descent does.
	pub fn from_bytes(bytes: &[u8], round: u8) -> Option<Self> {
		let (prefix, rest) = bytes.split_first_chunk()?;
		let (before, needed) = rest.split_first_chunk()?;
		let narrowing = Self {
			prefix: u32::from_le_bytes(*prefix),
			before: u64::from_le_bytes(*before),
			needed: u64::from_le_bytes(needed.try_into().ok()?),
		};
		let bits = BUCKET_BITS * (u32::from(round.min(ROUNDS - 1)) + 1);
		let is_possible = narrowing.prefix >> bits == 0
			&& narrowing.before < narrowing.needed
			&& narrowing.needed <= NEEDED_MAX;
		is_possible.then_some(narrowing)
	}
}

impl Cut {
	/// Bytes of a cut.
	pub const BYTES: usize = 12;

	/// Returns the bytes: gap, chunk, count.
	pub fn to_bytes(&self) -> [u8; Self::BYTES] {
		let mut bytes = [0; Self::BYTES];
		for (four, word) in bytes.as_chunks_mut().0.iter_mut().zip([self.gap, self.chunk, self.kept]) {
			*four = word.to_le_bytes();
		}
		bytes
	}

	/// Reads what [`Self::to_bytes`] writes; `None` if no descent over so many chunks ends like that.
	pub fn from_bytes(bytes: &[u8], chunks: usize) -> Option<Self> {
		let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
		let &[gap, chunk, kept] = words.as_slice() else { return None };
		let is_possible = bytes.len() == Self::BYTES
			&& gap >> (BUCKET_BITS * u32::from(ROUNDS)) == 0
			&& (chunk as usize) < chunks
			&& (1..=CHUNK as u32).contains(&kept);
		is_possible.then_some(Self { gap, chunk, kept })
	}
}

/// Returns the sums of a chunk's terms by the next six bits of their gaps, of those gaps that begin with `prefix`.
///
/// In round 0 every gap below 2^30 does. At most 2^36 each.
pub fn buckets(logits: &[i32], largest: i32, temperature: u16, round: u8, prefix: u32) -> [u64; BUCKETS] {
	let mut sums = [0; BUCKETS];
	let shift = BUCKET_BITS * u32::from((ROUNDS - 1).saturating_sub(round));
	for z in logits {
		let gap = largest.abs_diff(*z);
		let leading = gap >> shift;
		if leading >> BUCKET_BITS == prefix {
			sums[leading as usize % BUCKETS] += term(gap, temperature);
		}
	}
	sums
}

/// Returns the bytes of sums, little endian.
pub fn bucket_bytes(sums: &[u64; BUCKETS]) -> Vec<u8> {
	sums.iter().flat_map(|sum| sum.to_le_bytes()).collect()
}

/// Reads the sums of all chunks, one after another; `None` if some are no sums of terms.
pub fn buckets_from_bytes(bytes: &[u8]) -> Option<Vec<[u64; BUCKETS]>> {
	let sums: Vec<u64> = bytes.as_chunks().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect();
	sums.iter().all(|sum| *sum <= SUM_MAX).then(|| sums.as_chunks().0.to_vec())
}

/// Returns the first bucket with which the sum of all terms reaches what is needed, and the sum in front of it.
fn reaching(chunks: &[[u64; BUCKETS]], before: u64, needed: u64) -> Option<(usize, u64)> {
	let mut before = before;
	for bucket in 0..BUCKETS {
		// At most 64 chunks: below 2^43 each, and 2^49 in all.
		let sum: u64 = chunks.iter().map(|sums| sums[bucket]).sum();
		if before + sum >= needed {
			return Some((bucket, before));
		}
		before += sum;
	}
	None
}

/// Returns the least sum that the kept tokens reach, from the sums of round 0: `top_p` (Q8) of all terms, rounded up.
fn needed(chunks: &[[u64; BUCKETS]], top_p: u16) -> u64 {
	let total: u64 = chunks.iter().flatten().sum();
	// Below 2^43 * 2^8.
	(total * u64::from(top_p)).div_ceil(256)
}

/// Descends by one round. `earlier` is what the round before came to; `None` in round 0. Returns `None` if the sums are of no descent.
pub fn narrow(chunks: &[[u64; BUCKETS]], earlier: Option<&Narrowing>, top_p: u16) -> Option<Narrowing> {
	let Narrowing { prefix, before, needed } = match earlier {
		Some(earlier) => *earlier,
		None => Narrowing { needed: needed(chunks, top_p), ..Narrowing::default() },
	};
	let (bucket, before) = reaching(chunks, before, needed).filter(|(_, before)| *before < needed)?;
	Some(Narrowing { prefix: (prefix << BUCKET_BITS) | bucket as u32, before, needed })
}

/// Ends a descent with the sums of its last round. Returns `None` if they are of no descent.
pub fn cut(chunks: &[[u64; BUCKETS]], earlier: &Narrowing, temperature: u16) -> Option<Cut> {
	let (bucket, before) = reaching(chunks, earlier.before, earlier.needed)?;
	let gap = (earlier.prefix << BUCKET_BITS) | bucket as u32;
	let term = term(gap, temperature);
	// Terms that are zero add nothing, so a bucket of them reaches nothing.
	let mut missing = (earlier.needed - before).div_ceil(term.max(1));
	for (chunk, sums) in (0..).zip(chunks) {
		let sum = sums[bucket];
		let count = sum.checked_div(term).filter(|count| count * term == sum && *count <= CHUNK as u64)?;
		if missing <= count {
			// At most 4,096.
			return (missing > 0).then_some(Cut { gap, chunk, kept: missing as u32 });
		}
		missing -= count;
	}
	None
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::golden::Stream;
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn gaps_beyond_the_descent_have_no_term() {
		for temperature in [1, 256, u16::MAX] {
			assert_eq!([1 << 30, 1 << 31].map(|gap| term(gap, temperature)), [0, 0]);
		}
		assert_eq!((term(0, 1), term(0, u16::MAX)), (1 << 24, 1 << 24));
	}

	/// Runs a descent over the logits of a vocabulary.
	fn descend(logits: &[i32], temperature: u16, top_p: u16) -> Option<Cut> {
		let largest = *logits.iter().max()?;
		let sums = |round, prefix| {
			let chunks =
				logits.chunks(CHUNK).map(|chunk| buckets(chunk, largest, temperature, round, prefix));
			chunks.collect::<Vec<_>>()
		};
		let mut narrowing = narrow(&sums(0, 0), None, top_p)?;
		for round in 1..ROUNDS - 1 {
			narrowing = narrow(&sums(round, narrowing.prefix), Some(&narrowing), top_p)?;
			assert_eq!(Narrowing::from_bytes(&narrowing.to_bytes(), round), Some(narrowing));
		}
		let cut = cut(&sums(ROUNDS - 1, narrowing.prefix), &narrowing, temperature)?;
		assert_eq!(Cut::from_bytes(&cut.to_bytes(), logits.len().div_ceil(CHUNK)), Some(cut));
		Some(cut)
	}

	#[test]
	fn equal_logits_are_kept_by_their_ids() {
		let logits = vec![7; 10_000];
		// Of 10,000 equal terms, 128 in 256 are 5,000: the first chunk and 904 of the second.
		assert_eq!(descend(&logits, 256, 128), Some(Cut { gap: 0, chunk: 1, kept: 904 }));
		assert_eq!(descend(&logits, 256, 1), Some(Cut { gap: 0, chunk: 0, kept: 40 }));
		assert_eq!(descend(&logits, 256, 255), Some(Cut { gap: 0, chunk: 2, kept: 1_769 }));
	}

	#[test]
	fn sums_of_no_descent_come_to_nothing() {
		let mut sums = [[0; BUCKETS]; 2];
		assert_eq!(narrow(&sums, None, 128), None, "all terms are zero");
		let narrowing = Narrowing { prefix: 3, before: 5, needed: 9 };
		assert_eq!(narrow(&sums, Some(&narrowing), 128), None, "what is needed is not there");
		assert_eq!(cut(&sums, &narrowing, 256), None);
		sums[1][2] = (1 << 24) + 1;
		assert_eq!(
			cut(&sums, &Narrowing { prefix: 0, before: 0, needed: 1 }, 256),
			None,
			"no sum of equal terms"
		);
		assert_eq!(buckets_from_bytes(&bucket_bytes(&[SUM_MAX + 1; BUCKETS])), None);
		assert_eq!(buckets_from_bytes(&bucket_bytes(&[SUM_MAX; BUCKETS])), Some(vec![[SUM_MAX; BUCKETS]]));
	}

	#[test]
	fn records_of_no_descent_are_refused() {
		let narrowing = Narrowing { prefix: 63, before: 8, needed: 9 };
		assert_eq!(Narrowing::from_bytes(&narrowing.to_bytes(), 0), Some(narrowing));
		for wrong in [
			Narrowing { prefix: 64, ..narrowing },
			Narrowing { before: 9, ..narrowing },
			Narrowing { needed: NEEDED_MAX + 1, ..narrowing },
		] {
			assert_eq!(Narrowing::from_bytes(&wrong.to_bytes(), 0), None, "{wrong:?}");
		}
		assert_eq!(Narrowing::from_bytes(&[1; 19], 0), None);
		let cut = Cut { gap: 5, chunk: 1, kept: 4_096 };
		assert_eq!(Cut::from_bytes(&cut.to_bytes(), 2), Some(cut));
		for wrong in [
			Cut { gap: 1 << 30, ..cut },
			Cut { chunk: 2, ..cut },
			Cut { kept: 0, ..cut },
			Cut { kept: 4_097, ..cut },
		] {
			assert_eq!(Cut::from_bytes(&wrong.to_bytes(), 2), None, "{wrong:?}");
		}
		assert_eq!(Cut::from_bytes(&cut.to_bytes()[..8], 2), None);
	}

	proptest! {
		/// The kept tokens are the fewest favourites that reach the share: found by sorting here.
		#[test]
		fn a_descent_keeps_what_sorting_keeps(
			seed: u64, len in 1_usize..9_000, spread in 0_u32..=30, temperature in 1_u16.., top_p in 1_u16..256,
		) {
			let mut stream = Stream::new(&seed.to_le_bytes());
			let logits: Vec<i32> = (0..len).map(|_| stream.within(1 << spread)).collect();
			let largest = *logits.iter().max().unwrap();
			let mut order: Vec<usize> = (0..len).collect();
			order.sort_by_key(|&token| (core::cmp::Reverse(logits[token]), token));
			let weigh = |token: &usize| term(largest.abs_diff(logits[*token]), temperature);
			let total: u64 = order.iter().map(weigh).sum();
			let (mut reached, mut kept) = (0, Vec::new());
			for token in &order {
				if reached << 8 >= total * u64::from(top_p) {
					break;
				}
				reached += weigh(token);
				kept.push(*token);
			}
			let last = *kept.last().unwrap();
			let gap = largest.abs_diff(logits[last]);
			let chunk = last / CHUNK;
			let equal = |token: &&usize| logits[**token] == logits[last] && **token / CHUNK == chunk;
			let expected = Cut { gap, chunk: chunk as u32, kept: kept.iter().filter(equal).count() as u32 };
			prop_assert_eq!(descend(&logits, temperature, top_p), Some(expected));
		}
	}
}
