//! Choices of the definition at every position of a text that is known already, all positions at once.
//!
//! Generation reads token by token, because the next one is not known yet. A verifier of the answer has all of them: one
//! pass over all positions, as over a prompt, gives the logits in front of every token.

use super::{lane::Lane, means::Means, sample, RunError, Runner};
use blyan_exact::Sampling;
use rayon::prelude::*;

/// Positions whose logits are in memory at a time.
const LOGIT_POSITIONS: usize = 8;

impl Runner {
	/// Returns the token that the definition chooses behind each position of `ids` from `first` on.
	///
	/// # Shapes
	/// `ids: [positions]`, output: `[positions - first]`; none if `first` lies behind the last position.
	pub fn choices(&mut self, ids: &[u32], first: usize, sampling: &Sampling) -> Result<Vec<u32>, RunError> {
		let mut sequence = self.sequence();
		let mut choices = vec![0; ids.len().saturating_sub(first)];
		self.pass(&mut sequence, ids, None, |means, lanes, _| {
			let (mut rest, mut at) = (choices.as_mut_slice(), first);
			let mut wanted: Vec<(&mut Lane, &mut [u32])> = Vec::with_capacity(lanes.len());
			for lane in lanes {
				// The first position may lie in front of this lane, in it or past it.
				let positions = lane.positions();
				let (start, end) = (positions.start.max(first), positions.end.max(first));
				let (_, behind) = std::mem::take(&mut rest).split_at_mut(start - at);
				let (out, behind) = behind.split_at_mut(end - start);
				(rest, at) = (behind, end);
				if !out.is_empty() {
					wanted.push((lane, out));
				}
			}
			match wanted.as_mut_slice() {
				[(lane, out)] => choose(lane, means, sampling, out),
				wanted => wanted.par_iter_mut().for_each(|(lane, out)| choose(lane, means, sampling, out)),
			}
		})?;
		Ok(choices)
	}
}

/// Chooses behind the last positions of a lane, as many as `out` has places.
fn choose(lane: &mut Lane, means: Means<'_>, sampling: &Sampling, out: &mut [u32]) {
	let vocabulary = means.weights.shape.vocabulary;
	let positions = lane.positions();
	let mut position = positions.end - out.len();
	let mut logits = Vec::new();
	for out in out.chunks_mut(LOGIT_POSITIONS) {
		let row = position - positions.start;
		let places: Vec<usize> = (row..row + out.len()).collect();
		lane.logits_of(means, &places, &mut logits);
		for (choice, logits) in out.iter_mut().zip(logits.chunks_exact(vocabulary)) {
			position += 1;
			*choice = sample(sampling, logits, position as u64);
		}
	}
}
