//! Training a whole model from nothing.

use super::{
	checkpoint::{self, Header},
	corpus::Corpus,
	network::Network,
	ops::{Rotary, TrainBackend},
	optimiser::{AdamW, OptimiserConfig},
	progress::{Clock, Progress},
	quantiser::Format,
	weights::{parameter_specs, Latent},
	workers::Workers,
	TrainError,
};
use blyan_engine::quantise::rotary_table;
use blyan_exact::ModelConfig;
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor},
};
use core::ops::ControlFlow;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
	/// Updates to make.
	pub steps: u64,
	/// Stop, with the learning rate fully decayed, after this many seconds even if steps are left.
	pub seconds_max: Option<f64>,
	/// Sequences an update learns from.
	pub batch: usize,
	/// Bytes of a sequence, at most the model's context; 0 takes the whole context.
	pub tokens: usize,
	/// The optimiser.
	pub optimiser: OptimiserConfig,
	/// Weight of the load-balancing loss.
	pub balance: f64,
	/// Seed of weights and sequences.
	pub seed: u64,
	/// Worker threads; 0 takes one for every core.
	pub threads: usize,
	/// Measure the held-out loss every so many steps, and at the end; 0 never.
	pub evaluate_every: u64,
	/// Where to keep a checkpoint. If the file exists, the run it belongs to is resumed.
	#[serde(skip)]
	pub checkpoint: Option<PathBuf>,
	/// Steps between checkpoints; the last step always writes one.
	pub checkpoint_every: u64,
}

impl Default for Options {
	fn default() -> Self {
		Self {
			steps: 2_000,
			seconds_max: None,
			batch: 32,
			tokens: 0,
			optimiser: OptimiserConfig::default(),
			balance: 0.01,
			seed: 0,
			threads: 0,
			evaluate_every: 0,
			checkpoint: None,
			checkpoint_every: 200,
		}
	}
}

impl Options {
	/// Fills in defaults that depend on the model, and refuses what cannot work.
	fn init(mut self, config: &ModelConfig) -> Result<Self, TrainError> {
		config.validate()?;
		let refuse = |name, reason: &str| Err(TrainError::Option { name, reason: reason.into() });
		if self.tokens == 0 {
			self.tokens = usize::from(config.context);
		}
		if self.tokens < 2 || self.tokens > usize::from(config.context) {
			return refuse("tokens", "must be between 2 and the model's context");
		}
		if self.batch == 0 {
			return refuse("batch", "must be at least 1");
		}
		if self.checkpoint_every == 0 {
			return refuse("checkpoint_every", "must be at least 1");
		}
		if self.seconds_max.is_some_and(|limit| limit.is_nan() || limit <= 0.0) {
			return refuse("seconds_max", "must be positive");
		}
		Ok(self)
	}

	/// What the outcome depends on. How long a run may take, how many threads it uses and how often it reports
	/// may change when it is resumed.
	fn settings(&self) -> String {
		let defaults = Self::default();
		let lasting = Self {
			steps: defaults.steps,
			seconds_max: None,
			threads: 0,
			evaluate_every: 0,
			checkpoint: None,
			checkpoint_every: defaults.checkpoint_every,
			..self.clone()
		};
		format!("base {}", serde_json::json!(lasting))
	}
}

/// A model in training: latent weights and everything needed to go on.
pub struct Trained<B: Backend> {
	/// Architecture.
	pub config: ModelConfig,
	/// Latent weights.
	pub latent: Latent<B>,
	/// Updates made.
	pub steps: u64,
	/// Bytes learned from, repetitions counted.
	pub bytes: u64,
	/// Seconds spent, over all resumed parts.
	pub seconds: f64,
	/// Held-out loss at the end, bits per byte, if there was held-out text.
	pub holdout_bits: Option<f64>,
}

/// Gradient of one part of a batch, in the order of the parameters, and its loss in nats.
struct PartGradient<B: Backend> {
	grads: Vec<Tensor<B, 2>>,
	loss: f64,
}

/// A network over `weights`, tracked if gradients are wanted.
pub(crate) fn network<B: Backend>(
	config: &ModelConfig,
	weights: &[Tensor<B, 2>],
	rotary: &Rotary<B>,
	tracked: bool,
	device: &B::Device,
) -> Network<B> {
	let weights = weights
		.iter()
		.map(|weight| {
			let leaf = Tensor::<Autodiff<B>, 2>::from_inner(weight.clone());
			if tracked {
				leaf.require_grad()
			} else {
				leaf
			}
		})
		.collect();
	Network { config: *config, weights, rotary: rotary.clone(), device: device.clone() }
}

/// First number of a tensor.
pub(crate) fn scalar<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> f64 {
	tensor.into_data().iter::<f32>().next().map_or(f64::NAN, f64::from)
}

/// Mean loss over sequences of `tokens` bytes, in bits per byte.
pub(crate) fn mean_bits<B: TrainBackend>(
	config: &ModelConfig,
	weights: &[Tensor<B, 2>],
	rotary: &Rotary<B>,
	sequences: &[u8],
	tokens: usize,
	workers: &Workers,
	device: &B::Device,
) -> f64 {
	let parts = workers.split(sequences, tokens);
	let sums = workers.map(parts, |part| {
		let network = network::<B>(config, weights, rotary, false, device);
		// Small batches: what one keeps for the next operator then stays in the cache.
		part.chunks(4 * tokens)
			.map(|chunk| scalar(network.forward(chunk, tokens, false).loss) * chunk.len() as f64)
			.sum::<f64>()
	});
	sums.into_iter().sum::<f64>() / sequences.len() as f64 / core::f64::consts::LN_2
}

fn part_gradient<B: TrainBackend>(
	network: &Network<B>,
	part: &[u8],
	tokens: usize,
	balance: f64,
) -> PartGradient<B> {
	let forward = network.forward(part, tokens, balance > 0.0);
	let loss = scalar(forward.loss.clone().inner());
	let total = match forward.balance {
		Some(of_layers) => forward.loss + of_layers.mul_scalar(balance),
		None => forward.loss,
	};
	let grads = total.backward();
	let grads = network
		.weights
		.iter()
		.map(|weight| weight.grad(&grads).unwrap_or_else(|| weight.clone().inner().zeros_like()))
		.collect();
	PartGradient { grads, loss }
}

/// Trains a model on `data`, measuring on `holdout` (sequences of the run's length, one after another).
///
/// `progress` hears of every step and may stop the run, which then ends with a checkpoint, as after its
/// last step. Resumes from `options.checkpoint` if that file exists.
pub fn train_base<B: TrainBackend>(
	config: &ModelConfig,
	data: &Corpus,
	holdout: &[u8],
	options: Options,
	device: &B::Device,
	progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Trained<B>, TrainError> {
	let options = options.init(config)?;
	let tokens = options.tokens;
	data.ensure_holds(tokens)?;
	let holdout = &holdout[..holdout.len() / tokens * tokens];
	let workers = Workers::new(options.threads)?;
	let formats = parameter_specs(config).iter().map(|spec| spec.format).collect::<Vec<Format>>();
	let rotary = Rotary::<B>::new(&rotary_table(config), tokens, config.head_size(), device);

	let mut header = Header {
		config: *config,
		settings: options.settings(),
		parts: workers.parts(),
		step: 0,
		bytes: 0,
		seconds: 0.0,
		remembered: Vec::new(),
		updates: 0,
	};
	let (mut latent, mut optimiser);
	match &options.checkpoint {
		Some(path) if path.exists() => {
			let saved = checkpoint::read(path, config, Some(&header.settings), &shapes(config), device)?;
			let (first, second, updates) = (saved.first, saved.second, saved.header.updates);
			latent = Latent { tensors: saved.weights };
			optimiser = AdamW { config: options.optimiser, first, second, updates };
			header = saved.header;
		}
		_ => {
			latent = Latent::<B>::init(config, options.seed, device);
			optimiser = AdamW::new(options.optimiser, &latent.tensors);
		}
	}
	let workers = workers.with_parts(header.parts);
	let (mut step, mut bytes) = (header.step, header.bytes);
	let clock = Clock::resume(header.seconds);
	let done = |step: u64, seconds: f64| {
		let by_steps = step as f64 / options.steps.max(1) as f64;
		options.seconds_max.map_or(by_steps, |limit| by_steps.max(seconds / limit))
	};
	let mut holdout_bits = None;
	let mut stopped = false;
	while step < options.steps && done(step, clock.seconds()) < 1.0 && !stopped {
		let sequences = data.batch(options.seed, step, options.batch, tokens)?;
		let weights = workers.share(|| latent.quantised(config));
		let parts = workers.map(workers.split(&sequences, tokens), |part| {
			let network = network::<B>(config, &weights, &rotary, true, device);
			(part_gradient(&network, part, tokens, options.balance), part.len())
		});
		let mut loss = 0.0;
		let mut shares = Vec::with_capacity(parts.len());
		for (part, length) in parts {
			let share = length as f64 / sequences.len() as f64;
			loss += part.loss * share;
			shares.push((part.grads, share as f32));
		}
		if !loss.is_finite() {
			return Err(TrainError::Diverged { step });
		}
		let learning_rate = options.optimiser.learning_rate_at(done(step, clock.seconds()));
		let gradient_norm = workers.share(|| {
			let grads = B::sum_gradients(shares);
			B::update(&mut optimiser, &mut latent.tensors, &formats, grads, learning_rate)
		});
		step += 1;
		bytes += sequences.len() as u64;
		let ended = step >= options.steps || done(step, clock.seconds()) >= 1.0;
		let due = options.evaluate_every != 0 && (step % options.evaluate_every == 0 || ended);
		holdout_bits = (due && !holdout.is_empty()).then(|| {
			mean_bits(config, &latent.quantised(config), &rotary, holdout, tokens, &workers, device)
		});
		let report = Progress {
			step,
			steps: options.steps,
			done: done(step, clock.seconds()).min(1.0),
			loss_bits: loss / core::f64::consts::LN_2,
			holdout_bits,
			learning_rate,
			gradient_norm,
			bytes,
			seconds: clock.seconds(),
		};
		stopped = progress(&report).is_break();
		if let Some(path) = &options.checkpoint {
			if step % options.checkpoint_every == 0 || ended || stopped {
				header =
					Header { step, bytes, seconds: clock.seconds(), updates: optimiser.updates, ..header };
				checkpoint::write(path, &header, &latent.tensors, &optimiser)?;
			}
		}
	}
	Ok(Trained { config: *config, latent, steps: step, bytes, seconds: clock.seconds(), holdout_bits })
}

/// Shapes of a model's parameters.
fn shapes(config: &ModelConfig) -> Vec<[usize; 2]> {
	parameter_specs(config).into_iter().map(|spec| spec.shape).collect()
}

/// The latent weights of a checkpoint, whatever run it belongs to.
pub fn latent_of_checkpoint<B: Backend>(
	path: &std::path::Path,
	config: &ModelConfig,
	device: &B::Device,
) -> Result<Latent<B>, TrainError> {
	Ok(Latent { tensors: checkpoint::read::<B>(path, config, None, &shapes(config), device)?.weights })
}
