//! Training of a whole model, from random weights.

use super::{
	checkpoint::{self, Header},
	corpus::{Corpus, TrainingSource},
	holdout::mean_bits,
	network::Network,
	ops::{scalar, Rotary, TrainBackend},
	optimiser::OptimiserConfig,
	progress::Progress,
	quantiser::Format,
	trainer::{Problem, Run, StepGradients, Trainer},
	weights::{parameter_specs, quantised, Latent},
	workers::Workers,
	TrainError,
};
use blyan_engine::quantise::rotary_table;
use blyan_exact::ModelConfig;
use burn::tensor::{backend::Backend, Tensor};
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
	/// File of the checkpoint. If the file exists, the run it belongs to is resumed.
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

	/// Describes everything that the outcome depends on. How long a run may take, how many threads it uses and how
	/// often it reports may change when it is resumed.
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

/// Model that a run has trained: latent weights and what it took.
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

/// Whole model as a training problem.
struct WholeModel<'a, B: Backend> {
	config: &'a ModelConfig,
	data: &'a dyn TrainingSource,
	holdout: &'a [u8],
	options: &'a Options,
	formats: Vec<Format>,
	rotary: Rotary<B>,
	workers: Workers,
	device: &'a B::Device,
}

impl<B: TrainBackend> WholeModel<'_, B> {
	/// Computes the gradient of one part of a batch, in the order of the parameters, and its mean loss in nats.
	fn part_gradient(&self, weights: &[Tensor<B, 2>], part: &[u8]) -> (Vec<Tensor<B, 2>>, f64) {
		let network = Network::new(self.config, weights, &self.rotary, true, self.device);
		let balance = self.options.balance;
		let forward = network.forward(part, self.options.tokens, balance > 0.0);
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
		(grads, loss)
	}
}

impl<B: TrainBackend> Problem<B> for WholeModel<'_, B> {
	fn formats(&self) -> &[Format] {
		&self.formats
	}

	fn workers(&self) -> &Workers {
		&self.workers
	}

	fn resume(&mut self, header: &Header) -> Result<(), TrainError> {
		self.workers.set_parts(header.parts);
		Ok(())
	}

	fn remembered(&self) -> &[u64] {
		&[]
	}

	fn gradients(&mut self, step: u64, latent: &[Tensor<B, 2>]) -> Result<StepGradients<B>, TrainError> {
		let Options { seed, batch, tokens, .. } = *self.options;
		let sequences = self.data.draw(&mut Corpus::stream(seed, step), step, batch, tokens)?;
		let weights = self.workers.share(|| quantised(self.config, latent));
		let of_parts = self.workers.map(self.workers.split(&sequences, tokens), |part| {
			(self.part_gradient(&weights, part), part.len())
		});
		let (mut parts, mut loss) = (Vec::with_capacity(of_parts.len()), 0.0);
		for ((grads, of_part), length) in of_parts {
			let share = length as f64 / sequences.len() as f64;
			loss += of_part * share;
			parts.push((grads, share as f32));
		}
		Ok(StepGradients { parts, loss, bytes: sequences.len() as u64 })
	}

	fn measure(&self, latent: &[Tensor<B, 2>]) -> Option<f64> {
		let weights = || quantised(self.config, latent);
		let Self { config, rotary, holdout, workers, device, .. } = self;
		let tokens = self.options.tokens;
		(!holdout.is_empty()).then(|| mean_bits(config, &weights(), rotary, holdout, tokens, workers, device))
	}
}

/// Trains a model on `data`, measuring on `holdout` (sequences of the run's length, one after another).
///
/// `progress` is called after every step and may stop the run, which then ends with a checkpoint, as after its
/// last step. Resumes from `options.checkpoint` if that file exists.
pub fn train_base<B: TrainBackend>(
	config: &ModelConfig,
	data: &dyn TrainingSource,
	holdout: &[u8],
	options: Options,
	device: &B::Device,
	progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Trained<B>, TrainError> {
	let options = options.init(config)?;
	let tokens = options.tokens;
	data.ensure_holds(tokens)?;
	let problem = WholeModel::<B> {
		config,
		data,
		holdout: &holdout[..holdout.len() / tokens * tokens],
		options: &options,
		formats: parameter_specs(config).iter().map(|spec| spec.format).collect(),
		rotary: Rotary::new(&rotary_table(config), tokens, config.head_size(), device),
		workers: Workers::new(options.threads)?,
		device,
	};
	let run = Run {
		steps: options.steps,
		seconds_max: options.seconds_max,
		evaluate_every: options.evaluate_every,
		checkpoint: options.checkpoint.as_deref(),
		checkpoint_every: options.checkpoint_every,
		optimiser: options.optimiser,
	};
	let initial = || Latent::init(config, options.seed, device).tensors;
	let subject = serde_json::json!(config);
	let trainer =
		Trainer::start(subject, options.settings(), problem, run, &shapes(config), initial, device)?;
	let finished = trainer.train(progress)?;
	let (steps, bytes, seconds) = (finished.steps, finished.bytes, finished.seconds);
	let at_the_end = finished.measured.filter(|(step, _)| *step == steps);
	let holdout_bits = at_the_end.map(|(_, bits)| bits);
	let latent = Latent { tensors: finished.latent };
	Ok(Trained { config: *config, latent, steps, bytes, seconds, holdout_bits })
}

/// Returns the shapes of a model's parameters.
fn shapes(config: &ModelConfig) -> Vec<[usize; 2]> {
	parameter_specs(config).into_iter().map(|spec| spec.shape).collect()
}

/// Reads the latent weights of a checkpoint, whatever run it belongs to.
pub fn latent_of_checkpoint<B: Backend>(
	path: &std::path::Path,
	config: &ModelConfig,
	device: &B::Device,
) -> Result<Latent<B>, TrainError> {
	Ok(Latent {
		tensors: checkpoint::read::<B>(path, &serde_json::json!(config), None, &shapes(config), device)?
			.weights,
	})
}
