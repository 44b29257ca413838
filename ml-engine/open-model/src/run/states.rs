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
use blyan_kernel::{
	definition2::{linear, Inputs},
	Kernel,
};
use rayon::prelude::*;
use std::ops::Range;

/// States of some consecutive positions behind a layer.
pub struct States<'a> {
	lane: &'a Lane,
	/// Input of the layer's feed-forward part. `[tokens, d_model]`
	pub inputs: Inputs,
	/// Experts of each position, in the router's order; none in a dense layer.
	pub routes: Vec<Vec<Choice>>,
}

/// Returns the experts of each position in the router's order, none in a dense layer, and how many experts there are.
///
/// # Shapes
/// `inputs: [tokens, d_model]`, routes: `[tokens, top_k]`.
pub(super) fn routes(
	kernel: Kernel,
	feed_forward: &FeedForward,
	inputs: &Inputs,
) -> (Vec<Vec<Choice>>, usize) {
	let FeedForward::Routed(Routed { router, top_k, has_normalised_gates, .. }) = feed_forward else {
		return (vec![Vec::new(); inputs.tokens()], 0);
	};
	let experts = router.view().rows();
	let mut logits = vec![0; inputs.tokens() * experts];
	linear(kernel, router.view(), inputs.view(), u32::from(LOGIT_BITS), LOGIT_MAX, None, &mut logits);
	let rows = logits.chunks_exact(experts);
	(rows.map(|logits| route(logits, *top_k, *has_normalised_gates)).collect(), experts)
}

impl<'a> States<'a> {
	fn new(means: Means<'_>, layer: usize, lane: &'a Lane) -> Self {
		let inputs = lane.inputs().clone();
		let (routes, _) = routes(means.kernel, &means.weights.layers[layer].feed_forward, &inputs);
		Self { lane, inputs, routes }
	}

	/// Returns the positions.
	pub fn positions(&self) -> Range<usize> {
		self.lane.positions()
	}

	/// Returns the residual stream behind the layer. `[tokens, d_model]`
	pub fn stream(&self) -> &[i32] {
		self.lane.stream()
	}
}

/// Some consecutive positions behind the last layer.
pub struct Ends<'a> {
	means: Means<'a>,
	lane: &'a mut Lane,
}

impl Ends<'_> {
	/// Returns the positions.
	pub fn positions(&self) -> Range<usize> {
		self.lane.positions()
	}

	/// Computes the logits of some of these positions, given by their place among them.
	pub fn logits(&mut self, places: &[usize], each: impl FnMut(usize, &[i32])) {
		self.lane.each_logits(self.means, places, each);
	}
}

impl Runner {
	/// Runs a sequence through all layers. `visit` sees every position once behind `layer`, some at a time and on several
	/// threads; `finish` sees the same positions behind the last layer, with what `visit` returned. Results come back in the
	/// order of the positions.
	///
	/// # Errors
	/// Those of reading; [`RunError::Layer`] if the model has no such layer.
	pub fn states<V: Send, R: Send>(
		&mut self,
		ids: &[u32],
		layer: usize,
		visit: impl Fn(&States<'_>) -> V + Send + Sync,
		finish: impl Fn(V, Ends<'_>) -> R + Send + Sync,
	) -> Result<Vec<R>, RunError> {
		let layers = self.weights.layers.len();
		if layer >= layers {
			return Err(RunError::Layer { layer, layers });
		}
		let (mut sequence, mut visited, mut results) = (self.sequence(), Vec::new(), Vec::new());
		let stops = [layer + 1, layers];
		self.pass_through(&stops, &mut sequence, ids, None, |means, lanes, stop, _| {
			if stop == 0 {
				let seen = lanes.par_iter().map(|lane| visit(&States::new(means, layer, lane)));
				visited = seen.collect::<Vec<V>>();
			} else {
				let seen = std::mem::take(&mut visited).into_par_iter().zip(lanes.par_iter_mut());
				let ends = seen.map(|(visited, lane)| finish(visited, Ends { means, lane }));
				results.extend(ends.collect::<Vec<R>>());
			}
		})?;
		Ok(results)
	}
}
