//! AdamW with warm-up, cosine decay and clipping.

use super::quantiser::Format;
use burn::tensor::{backend::Backend, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimiserConfig {
	/// Learning rate after warm-up.
	pub learning_rate: f64,
	/// Part of the run, from 0 to 1, over which the learning rate rises from zero.
	pub warmup: f64,
	/// Learning rate at the end as a part of the peak.
	pub floor: f64,
	/// Decay of the first moment.
	pub beta1: f64,
	/// Decay of the second moment.
	pub beta2: f64,
	/// Pull of weight matrices towards zero, times the learning rate. Gains are not pulled.
	pub weight_decay: f64,
	/// Largest norm of the whole gradient; larger ones are scaled down to it.
	pub clip: f64,
}

impl Default for OptimiserConfig {
	fn default() -> Self {
		Self {
			learning_rate: 4e-3,
			warmup: 0.03,
			floor: 0.02,
			beta1: 0.9,
			beta2: 0.98,
			weight_decay: 0.05,
			clip: 1.0,
		}
	}
}

impl OptimiserConfig {
	/// The learning rate when `done` of the run, from 0 to 1, is over.
	pub fn learning_rate_at(&self, done: f64) -> f64 {
		let done = done.clamp(0.0, 1.0);
		if done < self.warmup {
			return self.learning_rate * done / self.warmup;
		}
		let along = (done - self.warmup) / (1.0 - self.warmup).max(1e-9);
		let cosine = 0.5 * (1.0 + (core::f64::consts::PI * along).cos());
		self.learning_rate * (self.floor + (1.0 - self.floor) * cosine)
	}
}

/// Moments of the gradient, one pair for each parameter.
#[derive(Clone, Debug)]
pub(crate) struct AdamW<B: Backend> {
	pub(crate) config: OptimiserConfig,
	pub(crate) first: Vec<Tensor<B, 2>>,
	pub(crate) second: Vec<Tensor<B, 2>>,
	/// Updates made so far.
	pub(crate) updates: u64,
}

impl<B: Backend> AdamW<B> {
	pub(crate) fn new(config: OptimiserConfig, parameters: &[Tensor<B, 2>]) -> Self {
		let zeros = || parameters.iter().map(Tensor::zeros_like).collect();
		Self { config, first: zeros(), second: zeros(), updates: 0 }
	}

	/// Moves `parameters` against `grads`; returns the gradient's norm before clipping.
	pub(crate) fn update(
		&mut self,
		parameters: &mut [Tensor<B, 2>],
		formats: &[Format],
		grads: Vec<Tensor<B, 2>>,
		learning_rate: f64,
	) -> f64 {
		self.updates += 1;
		let square_sum = grads
			.iter()
			.map(|grad| (grad.clone() * grad.clone()).sum())
			.reduce(|a, b| a + b)
			.map_or(0.0, |sum| f64::from(sum.into_data().iter::<f32>().next().unwrap_or(0.0)));
		let norm = square_sum.sqrt();
		let shrink = if norm > self.config.clip { self.config.clip / norm } else { 1.0 };
		let OptimiserConfig { beta1, beta2, weight_decay, .. } = self.config;
		let count = self.updates.min(1_000_000) as i32;
		let rate = learning_rate / (1.0 - beta1.powi(count));
		let unbias = 1.0 / (1.0 - beta2.powi(count));
		for (i, grad) in grads.into_iter().enumerate() {
			let square = (grad.clone() * grad.clone()).mul_scalar((1.0 - beta2) * shrink * shrink);
			let first = self.first[i].clone().mul_scalar(beta1) + grad.mul_scalar((1.0 - beta1) * shrink);
			let second = self.second[i].clone().mul_scalar(beta2) + square;
			let change =
				first.clone().mul_scalar(rate) / second.clone().mul_scalar(unbias).sqrt().add_scalar(1e-8);
			let decay = match formats[i] {
				Format::Gain => 0.0,
				_ => weight_decay * learning_rate,
			};
			parameters[i] = parameters[i].clone().mul_scalar(1.0 - decay) - change;
			self.first[i] = first;
			self.second[i] = second;
		}
		norm
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn learning_rate_rises_then_falls_to_its_floor() {
		let config = OptimiserConfig { learning_rate: 1.0, warmup: 0.1, floor: 0.1, ..Default::default() };
		assert_eq!(config.learning_rate_at(0.0), 0.0);
		assert!((config.learning_rate_at(0.05) - 0.5).abs() < 1e-9);
		assert!((config.learning_rate_at(0.1) - 1.0).abs() < 1e-9);
		assert!((config.learning_rate_at(0.55) - 0.55).abs() < 1e-9);
		assert!((config.learning_rate_at(1.0) - 0.1).abs() < 1e-9);
		assert!((config.learning_rate_at(2.0) - 0.1).abs() < 1e-9);
	}
}
