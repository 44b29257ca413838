//! AdamW with warm-up, a falling learning rate and clipping.

use super::quantiser::Format;
use burn::tensor::{backend::Backend, Tensor};
use serde::{Deserialize, Serialize};

/// Schedule of the learning rate after its warm-up.
///
/// Schedules are functions of the part of the run that is over, and not of a count of steps as the tensor
/// library's are: a run may be limited by time, and then the number of steps is not known beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
	/// Stays at its peak.
	Constant,
	/// Falls to the floor in a straight line.
	Linear,
	/// Falls to the floor along half a cosine.
	#[default]
	Cosine,
}

impl Schedule {
	/// Returns a height between 1 at the peak and 0 at the floor, when `along` of the way between them is over.
	fn height(self, along: f64) -> f64 {
		match self {
			Self::Constant => 1.0,
			Self::Linear => 1.0 - along,
			Self::Cosine => 0.5 * (1.0 + (core::f64::consts::PI * along).cos()),
		}
	}
}

impl core::str::FromStr for Schedule {
	type Err = String;

	fn from_str(name: &str) -> Result<Self, String> {
		match name {
			"constant" => Ok(Self::Constant),
			"linear" => Ok(Self::Linear),
			"cosine" => Ok(Self::Cosine),
			_ => Err(format!("there is no schedule {name:?}; say constant, linear or cosine")),
		}
	}
}

/// Settings of the optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimiserConfig {
	/// Learning rate after warm-up.
	pub learning_rate: f64,
	/// Part of the run, from 0 to 1, over which the learning rate rises from zero.
	pub warmup: f64,
	/// Schedule of the learning rate from there.
	#[serde(default)]
	pub schedule: Schedule,
	/// Learning rate at the end as a part of the peak; a constant schedule never gets there.
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
			schedule: Schedule::Cosine,
			floor: 0.02,
			beta1: 0.9,
			beta2: 0.98,
			weight_decay: 0.05,
			clip: 1.0,
		}
	}
}

impl OptimiserConfig {
	/// Returns the learning rate when `done` of the run, from 0 to 1, is over.
	pub fn learning_rate_at(&self, done: f64) -> f64 {
		let done = done.clamp(0.0, 1.0);
		if done < self.warmup {
			return self.learning_rate * done / self.warmup;
		}
		let along = (done - self.warmup) / (1.0 - self.warmup).max(1e-9);
		self.learning_rate * (self.floor + (1.0 - self.floor) * self.schedule.height(along))
	}
}

/// Factors of one step of AdamW, the same for every number.
#[derive(Clone, Copy, Debug)]
pub struct Stride {
	/// Decay of the moments.
	pub(super) betas: [f32; 2],
	/// Factor of the gradient, for clipping.
	pub(super) shrink: f32,
	/// Learning rate over the first moment's bias.
	pub(super) rate: f32,
	/// One over the second moment's bias.
	pub(super) unbias: f32,
	/// Factor of a weight matrix, for its decay.
	pub(super) keep: f32,
}

impl Stride {
	/// Adapts to parameters of one format: gains are not pulled towards zero.
	pub(super) fn of(self, format: Format) -> Self {
		match format {
			Format::Gain => Self { keep: 1.0, ..self },
			_ => self,
		}
	}
}

/// Moments of the gradient, one pair for each parameter.
#[derive(Clone, Debug)]
pub struct AdamW<B: Backend> {
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

	/// Begins an update with a gradient of this norm.
	pub(super) fn stride(&mut self, norm: f64, learning_rate: f64) -> Stride {
		self.updates += 1;
		let OptimiserConfig { beta1, beta2, weight_decay, clip, .. } = self.config;
		let count = self.updates.min(1_000_000) as i32;
		Stride {
			betas: [beta1 as f32, beta2 as f32],
			shrink: if norm > clip { (clip / norm) as f32 } else { 1.0 },
			rate: (learning_rate / (1.0 - beta1.powi(count))) as f32,
			unbias: (1.0 / (1.0 - beta2.powi(count))) as f32,
			keep: (1.0 - weight_decay * learning_rate) as f32,
		}
	}

	/// Moves `parameters` against `grads`; returns the gradient's norm before clipping.
	pub(super) fn update(
		&mut self,
		parameters: &mut [Tensor<B, 2>],
		formats: &[Format],
		grads: Vec<Tensor<B, 2>>,
		learning_rate: f64,
	) -> f64 {
		let square_sum = grads
			.iter()
			.map(|grad| (grad.clone() * grad.clone()).sum())
			.reduce(|a, b| a + b)
			.map_or(0.0, |sum| f64::from(sum.into_data().iter::<f32>().next().unwrap_or(0.0)));
		let norm = square_sum.sqrt();
		let stride = self.stride(norm, learning_rate);
		for (i, grad) in grads.into_iter().enumerate() {
			let Stride { betas: [beta1, beta2], shrink, rate, unbias, keep } = stride.of(formats[i]);
			let grad = grad.mul_scalar(shrink);
			let square = (grad.clone() * grad.clone()).mul_scalar(1.0 - beta2);
			let first = self.first[i].clone().mul_scalar(beta1) + grad.mul_scalar(1.0 - beta1);
			let second = self.second[i].clone().mul_scalar(beta2) + square;
			let change =
				first.clone().mul_scalar(rate) / second.clone().mul_scalar(unbias).sqrt().add_scalar(1e-8);
			parameters[i] = parameters[i].clone().mul_scalar(keep) - change;
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
	#[test]
	fn schedules_end_where_they_say() {
		let at = |schedule, done| {
			let config = OptimiserConfig {
				learning_rate: 2.0,
				warmup: 0.2,
				floor: 0.1,
				schedule,
				..OptimiserConfig::default()
			};
			config.learning_rate_at(done)
		};
		for schedule in ["constant", "linear", "cosine"].map(|name| name.parse::<Schedule>().unwrap()) {
			assert!((at(schedule, 0.1) - 1.0).abs() < 1e-9, "the warm-up is the same for all");
			assert!((at(schedule, 0.2) - 2.0).abs() < 1e-9);
		}
		assert_eq!(at(Schedule::Constant, 1.0), 2.0);
		assert!((at(Schedule::Linear, 0.6) - 1.1).abs() < 1e-9);
		assert!((at(Schedule::Linear, 0.4) - 1.55).abs() < 1e-9);
		assert!((at(Schedule::Cosine, 0.6) - 1.1).abs() < 1e-9);
		assert!(at(Schedule::Cosine, 0.4) > 1.6);
		assert!((at(Schedule::Linear, 1.0) - 0.2).abs() < 1e-9);
		assert!("steps".parse::<Schedule>().unwrap_err().contains("cosine"));
	}
}
