//! Use of experts: how often the routers of a model choose each, and what share of the gates it has.

use super::{states::routes, RunError, Runner};
use std::sync::{Mutex, PoisonError};

/// Use of one expert over some text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpertUse {
	/// Tokens that were routed to it.
	pub tokens: u64,
	/// Sum of its gates, in units of 2^-15.
	pub gates: u64,
}

/// Use of all experts over some text: one list a layer, empty for a dense one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
	/// Tokens that were read.
	pub tokens: u64,
	/// Experts of each layer, in their order.
	pub layers: Vec<Vec<ExpertUse>>,
}

impl Runner {
	/// Reads a sequence, and adds the choices of all routers to `usage`, which is empty or of this very model. The numbers are the same on any
	/// number of threads.
	///
	/// # Errors
	/// Those of reading.
	pub fn count_use(&mut self, ids: &[u32], usage: &mut Usage) -> Result<(), RunError> {
		let (weights, kernel) = (self.weights.clone(), self.kernel);
		usage.layers.resize_with(weights.layers.len(), Vec::new);
		let layers: Vec<Mutex<&mut Vec<ExpertUse>>> = usage.layers.iter_mut().map(Mutex::new).collect();
		self.observe(ids, &|layer, _, inputs| {
			let feed_forward = &weights.layers[layer].feed_forward;
			let (routes, experts) = routes(kernel, feed_forward, inputs);
			let mut uses = layers[layer].lock().unwrap_or_else(PoisonError::into_inner);
			uses.resize(experts, ExpertUse::default());
			for choice in routes.iter().flatten() {
				uses[choice.expert].tokens += 1;
				uses[choice.expert].gates += u64::from(choice.gate);
			}
		})?;
		usage.tokens += ids.len() as u64;
		Ok(())
	}
}
