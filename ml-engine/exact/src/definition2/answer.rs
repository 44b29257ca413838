//! Choices of an answer, as operators: each of them small enough to be computed again in a dispute.
//!
//! [`sample`](super::sampling::sample) looks at a whole vocabulary at once. Here the same choice is made of pieces: the kept tokens by a
//! [descent](super::nucleus), the best of each [`CHUNK`] of tokens, and the best of these. Both come to the same token, whatever
//! the logits and the settings (a property test holds it).
//!
//! | settings | operators behind the peaks |
//! |---|---|
//! | temperature 0, or top-p 0 | best of each chunk without noise, miss |
//! | top-p from 256 on | best of each chunk, miss |
//! | otherwise | five rounds of buckets, each with its narrowing, the last with the cut; best of each chunk; miss |
//!
//! Every operator has a row for each position. Rows of positions in front of the answer are zeros: nothing was chosen there.

use super::{
	loss::CHUNK,
	nucleus::{bucket_bytes, buckets, cut, distance, narrow, Cut, Narrowing, BUCKETS, BUCKET_BYTES, ROUNDS},
	sampling::noise_message,
};
use crate::{
	hash::blake2_256,
	sampling::{gumbel_q16, noise_word, Sampling, BYTES_PER_DIGEST, GUMBEL_MAX},
};
use alloc::{vec, vec::Vec};

/// Everything that the choices of an answer follow from, beside the model and the ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
	/// First position whose token was chosen: one less than the ids of the prompt.
	pub first: u32,
	/// Settings of the choices.
	pub sampling: Sampling,
}

impl Answer {
	/// Reports whether the favourite is chosen without noise.
	pub fn is_greedy(&self) -> bool {
		self.sampling.temperature == 0 || self.sampling.top_p == 0
	}

	/// Reports whether some tokens may not be chosen, so that a cut has to be found.
	pub fn has_nucleus(&self) -> bool {
		!self.is_greedy() && self.sampling.top_p < 256
	}

	/// Reports whether the token behind a position was chosen.
	pub fn has_chosen_behind(&self, position: usize) -> bool {
		position >= self.first as usize
	}
}

/// Best token of some, with its sum of noise and logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Favourite {
	/// Noise less the distance from the largest logit; without noise, less the gap.
	pub score: i64,
	/// The token.
	pub token: u32,
}

/// Least score that a token can have: the largest distance is 2^39.
const SCORE_MIN: i64 = -(1 << 40);

impl Favourite {
	/// Bytes of a favourite.
	pub const BYTES: usize = 12;
	/// Stands for a chunk of which no token is kept.
	pub const NONE: Self = Self { score: i64::MIN, token: u32::MAX };

	/// Returns the bytes: score, token.
	pub fn to_bytes(&self) -> [u8; Self::BYTES] {
		let mut bytes = [0; Self::BYTES];
		bytes[..8].copy_from_slice(&self.score.to_le_bytes());
		bytes[8..].copy_from_slice(&self.token.to_le_bytes());
		bytes
	}

	/// Reads the favourite of a chunk; `None` if that is no token of it, or has no score that a token can have.
	fn from_bytes(bytes: &[u8; Self::BYTES], chunk: usize, vocabulary: u32) -> Option<Self> {
		let (score, token) = bytes.split_first_chunk()?;
		let (score, token) = (i64::from_le_bytes(*score), u32::from_le_bytes(token.try_into().ok()?));
		let favourite = Self { score, token };
		let is_own = token as usize / CHUNK == chunk && token < vocabulary;
		let is_possible = is_own && (SCORE_MIN..=GUMBEL_MAX).contains(&score);
		(is_possible || favourite == Self::NONE).then_some(favourite)
	}

	/// Reports whether this one is chosen rather than another: the larger score, the lower token of equals.
	fn beats(&self, other: &Self) -> bool {
		self.score > other.score || (self.score == other.score && self.token < other.token)
	}
}

/// Returns the best token of a chunk, as chosen behind `position`, from its logits and the largest of all.
///
/// `cut` says which tokens are kept; all are without one.
pub fn best(
	answer: &Answer,
	logits: &[i32],
	largest: i32,
	cut: Option<&Cut>,
	chunk: usize,
	position: u32,
) -> Favourite {
	let (mut best, mut equals, mut digest) = (Favourite::NONE, 0, (None, [0; 32]));
	// A token is chosen behind one more than its position's number of tokens.
	let behind = u64::from(position) + 1;
	for (token, z) in ((chunk * CHUNK) as u32..).zip(logits) {
		let gap = largest.abs_diff(*z);
		if let Some(cut) = cut {
			equals += u32::from(gap == cut.gap);
			if !is_kept(cut, gap, chunk as u32, equals) {
				continue;
			}
		}
		let score = if answer.is_greedy() {
			-i64::from(gap)
		} else {
			// At most 2^39.
			let distance = distance(gap, answer.sampling.temperature) as i64;
			// No noise lifts it above the best so far.
			if GUMBEL_MAX - distance < best.score {
				continue;
			}
			let group = token / BYTES_PER_DIGEST as u32;
			// Neighbours share a digest.
			if digest.0 != Some(group) {
				let message = noise_message(&answer.sampling.seed, behind, group);
				digest = (Some(group), blake2_256(&[&message]));
			}
			gumbel_q16(noise_word(&digest.1, (token % BYTES_PER_DIGEST as u32) as u8)) - distance
		};
		let next = Favourite { score, token };
		if next.beats(&best) {
			best = next;
		}
	}
	best
}

/// Reports whether a token is kept: the one of its gap that is number `equals` of its chunk, counted from one.
fn is_kept(cut: &Cut, gap: u32, chunk: u32, equals: u32) -> bool {
	gap < cut.gap || (gap == cut.gap && (chunk < cut.chunk || (chunk == cut.chunk && equals <= cut.kept)))
}

/// Returns the token that a row of favourites leads to; `None` if it is of no vocabulary of this size.
pub fn chosen(favourites: &[u8], vocabulary: u32) -> Option<u32> {
	let mut best = Favourite::NONE;
	for (chunk, bytes) in favourites.as_chunks().0.iter().enumerate() {
		let favourite = Favourite::from_bytes(bytes, chunk, vocabulary)?;
		if favourite.beats(&best) {
			best = favourite;
		}
	}
	(best != Favourite::NONE).then_some(best.token)
}

/// Computes the rows of all operators of an answer's choices at one position, in the order of the program: from the buckets or the best to the
/// miss. `peaks` are those of the logits, `target` is the id that comes next.
pub fn rows(answer: &Answer, logits: &[i32], peaks: &[i32], position: u32, target: u32) -> Vec<Vec<u8>> {
	let chunks = peaks.len();
	if !answer.has_chosen_behind(position as usize) {
		let mut zeros = Vec::new();
		if answer.has_nucleus() {
			for round in 0..ROUNDS {
				let last = if round + 1 < ROUNDS { Narrowing::BYTES } else { Cut::BYTES };
				zeros.extend([vec![0; chunks * BUCKET_BYTES], vec![0; last]]);
			}
		}
		zeros.extend([vec![0; chunks * Favourite::BYTES], vec![0; 8]]);
		return zeros;
	}
	let Sampling { temperature, top_p, .. } = answer.sampling;
	let largest = peaks.iter().copied().max().unwrap_or(0);
	let (mut rows, mut narrowing, mut found): (Vec<Vec<u8>>, Option<Narrowing>, _) = (Vec::new(), None, None);
	for round in (0..ROUNDS).filter(|_| answer.has_nucleus()) {
		let prefix = narrowing.map_or(0, |narrowing| narrowing.prefix);
		let sums = logits.chunks(CHUNK).map(|chunk| buckets(chunk, largest, temperature, round, prefix));
		let sums: Vec<[u64; BUCKETS]> = sums.collect();
		rows.push(sums.iter().flat_map(bucket_bytes).collect());
		// A descent over sums of terms always ends.
		if round + 1 < ROUNDS {
			narrowing = narrow(&sums, narrowing.as_ref(), top_p);
			rows.push(narrowing.unwrap_or_default().to_bytes().to_vec());
		} else {
			found = cut(&sums, &narrowing.unwrap_or_default(), temperature);
			rows.push(found.unwrap_or_default().to_bytes().to_vec());
		}
	}
	let favourites = logits.chunks(CHUNK).enumerate().flat_map(|(chunk, logits)| {
		best(answer, logits, largest, found.as_ref(), chunk, position).to_bytes()
	});
	let favourites: Vec<u8> = favourites.collect();
	let token = chosen(&favourites, logits.len() as u32);
	rows.push(favourites);
	rows.push(u64::from(token != Some(target)).to_le_bytes().to_vec());
	rows
}

#[cfg(test)]
mod tests;
