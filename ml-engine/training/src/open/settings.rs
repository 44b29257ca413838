//! Settings of a run.

use super::slot::Slot;
use crate::{optimiser::OptimiserConfig, TrainError};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
	/// Directory of the run's cache and checkpoint. A run that is in it already is resumed.
	#[serde(skip)]
	pub folder: PathBuf,
	/// Most sequences that are put through the exact model; 0 takes all.
	pub sequences_max: usize,
	/// Seconds after which no further sequence is put through the exact model.
	pub prefix_seconds_max: Option<f64>,
	/// Updates to make.
	pub steps: u64,
	/// Seconds after which updates end, with the learning rate fully decayed, even if steps are left.
	pub seconds_max: Option<f64>,
	/// Tokens an update learns from.
	pub batch: usize,
	/// Tokens of the vocabulary that stand for all of it, besides the target.
	pub sample: usize,
	/// The optimiser.
	pub optimiser: OptimiserConfig,
	/// Seed of everything random.
	pub seed: u64,
	/// Worker threads of updates; 0 takes one for every core.
	pub threads: usize,
	/// Measure the held-out loss every so many steps, and at the end; 0 never.
	pub evaluate_every: u64,
	/// Steps between checkpoints; the last step always writes one.
	pub checkpoint_every: u64,
	/// Loss on the guard that is allowed, bits a token. Updates do not depend on it.
	#[serde(skip)]
	pub guard_tolerance: f64,
}

impl Default for Settings {
	fn default() -> Self {
		Self {
			folder: PathBuf::new(),
			sequences_max: 0,
			prefix_seconds_max: None,
			steps: 2_000,
			seconds_max: None,
			batch: 1_024,
			sample: 64,
			optimiser: OptimiserConfig {
				learning_rate: 1e-3,
				warmup: 0.05,
				floor: 0.0,
				weight_decay: 0.0,
				beta2: 0.99,
				..OptimiserConfig::default()
			},
			seed: 0,
			threads: 0,
			evaluate_every: 0,
			checkpoint_every: 100,
			guard_tolerance: 0.0,
		}
	}
}

impl Settings {
	/// Refuses what cannot work.
	pub(super) fn ensure(&self, slot: &Slot) -> Result<(), TrainError> {
		let refuse = |name, reason: &str| Err(TrainError::Option { name, reason: reason.into() });
		let is_positive = |limit: Option<f64>| limit.is_none_or(|limit| limit > 0.0);
		if self.batch == 0 {
			return refuse("batch", "must be at least 1");
		}
		if self.sample == 0 || self.sample >= slot.vocabulary {
			return refuse("sample", "must be at least 1 and below the size of the vocabulary");
		}
		if !is_positive(self.seconds_max) {
			return refuse("seconds_max", "must be positive");
		}
		if !is_positive(self.prefix_seconds_max) {
			return refuse("prefix_seconds_max", "must be positive");
		}
		if self.guard_tolerance.is_nan() || self.guard_tolerance < 0.0 {
			return refuse("guard_tolerance", "must not be negative");
		}
		if self.checkpoint_every == 0 {
			return refuse("checkpoint_every", "must be at least 1");
		}
		Ok(())
	}

	/// Describes everything that the outcome of updates depends on, besides the tokens.
	pub(super) fn lasting(&self) -> Self {
		let defaults = Self::default();
		Self {
			sequences_max: 0,
			prefix_seconds_max: None,
			steps: defaults.steps,
			seconds_max: None,
			threads: 0,
			evaluate_every: 0,
			checkpoint_every: defaults.checkpoint_every,
			..self.clone()
		}
	}
}
