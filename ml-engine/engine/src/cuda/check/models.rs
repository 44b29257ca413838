//! Checks of whole models, and their speed.

use super::{difference, matmul, Source, Verdict};
use crate::{
	cuda::{operators::Into, Device, DeviceError},
	eval::{never_stop, Candidate, LossDevice},
	model::{expert_from_weights, Model},
};
use blyan_exact::{golden, ModelConfig, ModelError, RESIDUAL_MAX};
use rayon::prelude::*;
use std::{sync::Arc, time::Instant};

/// Turns a model that cannot be made, or a failure of the GPU, into an error.
fn broken(error: impl std::fmt::Debug) -> DeviceError {
	DeviceError::Driver(format!("{error:?}"))
}

/// Compares the loss of the golden text.
pub fn golden_model(device: &Device) -> Result<Verdict, DeviceError> {
	let started = Instant::now();
	let exact = golden::model();
	let model = Model::from_weights(&exact.config, &exact.trunk, &exact.experts).map_err(broken)?;
	let got = device.losses(&model, &[golden::TEXT], &never_stop).map_err(broken)?;
	let difference = difference("loss", &got, &[golden::LOSS], 1);
	Ok(Verdict { name: "golden model", rows: 1, took: started.elapsed(), difference })
}

/// Compares the losses of random texts by `count` random models, without and with a candidate in a random slot.
pub fn random_models(device: &Device, count: usize, seed: u64) -> Result<Verdict, DeviceError> {
	let started = Instant::now();
	let mut source = Source(seed);
	let (mut rows, mut found) = (0, None);
	for _ in 0..count {
		let config = architecture(&mut source);
		let exact = golden::random_model(config, &source.next().to_le_bytes());
		let expert = golden::random_expert(&config, &source.next().to_le_bytes());
		let slot = source.below(config.slots() as usize);
		let mut changed = exact.clone();
		changed.experts[slot] = expert.clone();
		let (len, sequences) = (1 + source.below(usize::from(config.context)), 1 + source.below(9));
		let text = source.bytes(len * sequences);
		let sequences: Vec<&[u8]> = text.chunks(len).collect();
		let model = Model::from_weights(&config, &exact.trunk, &exact.experts).map_err(broken)?;
		let candidate = Candidate {
			slot: config
				.slot_at(slot as u32)
				.ok_or_else(|| broken("the slot is drawn below the number of slots"))?,
			weights: Arc::new(expert_from_weights(&config, &expert).map_err(broken)?),
		};
		let other = candidate.put_into(&model).map_err(broken)?;
		let got =
			device.paired_losses(&model, &other, &candidate, &sequences, &never_stop).map_err(broken)?;
		let views = (exact.view(), changed.view());
		let pair = |bytes: &&[u8]| Ok((views.0.sequence_loss(bytes)?, views.1.sequence_loss(bytes)?));
		let expected: Result<Vec<_>, ModelError> = sequences.par_iter().map(pair).collect();
		rows += sequences.len();
		found = difference(&format!("losses of {config:?}"), &got, &expected.map_err(broken)?, 1);
		if found.is_some() {
			break;
		}
	}
	Ok(Verdict { name: "random models", rows, took: started.elapsed(), difference: found })
}

/// Draws an architecture small enough for the definition to be quick, odd in every respect.
fn architecture(source: &mut Source) -> ModelConfig {
	loop {
		let experts = 1 + source.below(9) as u16;
		let config = ModelConfig {
			d_model: source.width(4) as u16,
			d_ff: source.width(6) as u16,
			layers: 1 + source.below(3) as u8,
			heads: 1 + source.below(32) as u8,
			experts,
			top_k: 1 + source.below(2).min(usize::from(experts) - 1) as u8,
			context: 1 + source.below(80) as u16,
		};
		if config.validate().is_ok() {
			return config;
		}
	}
}

/// Speed of a GPU.
#[derive(Clone, Copy, Debug)]
pub struct Speed {
	/// Tokens a second of the model a chain starts with, 256 bytes a sequence.
	pub genesis_tokens_per_second: f64,
	/// The same of the largest layers there can be: 512 and 2,048 wide, eight experts, four layers.
	pub largest_tokens_per_second: f64,
	/// Additions and multiplications a second of ternary products, 2,048 inputs to 512 outputs, in 10^12.
	pub matmul_tops: f64,
}

/// Measures it, the best of several runs each.
pub fn speed(device: &Device) -> Result<Speed, DeviceError> {
	let genesis =
		ModelConfig { d_model: 256, d_ff: 512, layers: 4, heads: 8, experts: 8, top_k: 1, context: 256 };
	let largest =
		ModelConfig { d_model: 512, d_ff: 2_048, layers: 4, heads: 8, experts: 8, top_k: 2, context: 256 };
	Ok(Speed {
		genesis_tokens_per_second: tokens_per_second(device, genesis)?,
		largest_tokens_per_second: tokens_per_second(device, largest)?,
		matmul_tops: matmul_tops(device)?,
	})
}

const RUNS: usize = 5;

/// Returns the seconds of the fastest run; the first one, which fills caches, does not count.
fn fastest(mut body: impl FnMut() -> Result<(), DeviceError>) -> Result<f64, DeviceError> {
	body()?;
	let mut best = f64::INFINITY;
	for _ in 0..RUNS {
		let started = Instant::now();
		body()?;
		best = best.min(started.elapsed().as_secs_f64());
	}
	Ok(best)
}

fn tokens_per_second(device: &Device, config: ModelConfig) -> Result<f64, DeviceError> {
	let exact = golden::random_model(config, b"speed");
	let model = Model::from_weights(&config, &exact.trunk, &exact.experts).map_err(broken)?;
	let text = Source(1).bytes(512 * 256);
	let sequences: Vec<&[u8]> = text.chunks(256).collect();
	let seconds = fastest(|| match device.losses(&model, &sequences, &never_stop).map_err(broken)?.len() {
		512 => Ok(()),
		_ => Err(broken("the GPU failed")),
	})?;
	Ok(text.len() as f64 / seconds)
}

fn matmul_tops(device: &Device) -> Result<f64, DeviceError> {
	const LAUNCHES: usize = 20;
	let (driver, mut source) = (device.driver(), Source(2));
	let (tokens, outputs, width) = (32_768, 512, 2_048);
	let weights = (0..outputs * width).map(|_| source.below(3) as i8 - 1).collect();
	let matrix = blyan_exact::Matrix { rows: outputs, cols: width, weights, scale: source.scale() };
	let packed = matmul::pack_ternary(driver, &matrix)?;
	let inputs = driver.activations(tokens, width)?;
	let mut out = driver.room(tokens * outputs)?;
	let seconds = fastest(|| {
		for _ in 0..LAUNCHES {
			driver.ternary_matmul(&inputs, tokens, &packed, Into::Outputs(&mut out, RESIDUAL_MAX))?;
		}
		driver.wait()
	})?;
	Ok(2.0 * (LAUNCHES * tokens * outputs * width) as f64 / seconds / 1e12)
}
