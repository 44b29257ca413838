//! States of a layer, position by position: what a model has computed in front of and behind its feed-forward part.

use super::{
	lane::Lane,
	means::Means,
	weights::{FeedForward, Routed},
	RunError, Runner,
};
use blyan_exact::definition2::{
	linear::LOGIT_BITS,
	routing::{route, Choice},
	LOGIT_MAX,
};
use blyan_kernel::definition2::{linear, Inputs};
use rayon::prelude::*;
use std::ops::Range;

/// Positions whose logits are in memory at a time.
const LOGIT_POSITIONS: usize = 8;

/// States of some consecutive positions behind a layer.
pub struct States<'a> {
	means: Means<'a>,
	lane: &'a mut Lane,
	/// Input of the layer's feed-forward part. `[tokens, d_model]`
	pub inputs: Inputs,
	/// Experts of each position, in the router's order; none in a dense layer.
	pub routes: Vec<Vec<Choice>>,
}

impl<'a> States<'a> {
	fn new(means: Means<'a>, layer: usize, lane: &'a mut Lane) -> Self {
		let inputs = lane.inputs().clone();
		let routes = match &means.weights.layers[layer].feed_forward {
			FeedForward::Dense(_) => vec![Vec::new(); inputs.tokens()],
			FeedForward::Routed(Routed { router, top_k, has_normalised_gates, .. }) => {
				let experts = router.view().rows();
				let mut logits = vec![0; inputs.tokens() * experts];
				let fraction = u32::from(LOGIT_BITS);
				linear(means.kernel, router.view(), inputs.view(), fraction, LOGIT_MAX, None, &mut logits);
				let rows = logits.chunks_exact(experts);
				rows.map(|logits| route(logits, *top_k, *has_normalised_gates)).collect()
			}
		};
		Self { means, lane, inputs, routes }
	}

	/// Returns the positions.
	pub fn positions(&self) -> Range<usize> {
		self.lane.positions()
	}

	/// Returns the residual stream behind the layer. `[tokens, d_model]`
	pub fn stream(&self) -> &[i32] {
		self.lane.stream()
	}

	/// Computes the logits of some of these positions, given by their place among them. Only behind the last layer are
	/// they the model's.
	pub fn logits(&mut self, places: &[usize], mut each: impl FnMut(usize, &[i32])) {
		let vocabulary = self.means.weights.shape.vocabulary;
		let mut logits = Vec::new();
		for places in places.chunks(LOGIT_POSITIONS) {
			self.lane.logits_of(self.means, places, &mut logits);
			places.iter().zip(logits.chunks_exact(vocabulary)).for_each(|(place, row)| each(*place, row));
		}
	}
}

impl Runner {
	/// Runs a sequence through the layers up to and including `layer`; `visit` sees every position once, some at a time
	/// and on several threads, and its results come back in the order of the positions.
	///
	/// # Errors
	/// Those of reading; [`RunError::Layer`] if the model has no such layer.
	pub fn states<R: Send>(
		&mut self,
		ids: &[u32],
		layer: usize,
		visit: impl Fn(States<'_>) -> R + Send + Sync,
	) -> Result<Vec<R>, RunError> {
		let layers = self.weights.layers.len();
		if layer >= layers {
			return Err(RunError::Layer { layer, layers });
		}
		let (mut sequence, mut results) = (self.sequence(), Vec::new());
		self.pass_through(layer + 1, &mut sequence, ids, None, |means, lanes, _| {
			let seen = lanes.par_iter_mut().map(|lane| visit(States::new(means, layer, lane)));
			results.extend(seen.collect::<Vec<R>>());
		})?;
		Ok(results)
	}
}
