//! Choices of the definition at every position of a text that is known already, all positions at once.
//!
//! Generation reads token by token, because the next one is not known yet. A verifier of the answer has all of them: one
//! pass over all positions, as over a prompt, gives the logits in front of every token.

use super::{lane::Lane, means::Means, sample, RunError, Runner};
use blyan_exact::Sampling;
use rayon::prelude::*;

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
	let positions = lane.positions();
	let first = positions.len() - out.len();
	let places: Vec<usize> = (first..positions.len()).collect();
	lane.each_logits(means, &places, |place, logits| {
		out[place - first] = sample(sampling, logits, (positions.start + place + 1) as u64);
	});
}
