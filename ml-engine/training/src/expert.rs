//! Training of one expert of a finished model, with everything else frozen.

use super::{
	checkpoint::Header,
	convert::{export_expert, import, import_expert, EXPERT_FORMATS},
	corpus::{Corpus, TrainingSource},
	frozen::{freeze, is_last_layer, loss, Frozen},
	holdout::mean_bits,
	network::Network,
	ops::{scalar, Rotary, TrainBackend},
	optimiser::OptimiserConfig,
	progress::Progress,
	quantiser::Format,
	trainer::{Problem, Run, StepGradients, Trainer},
	weights::layer_indices,
	workers::Workers,
	TrainError,
};
use blyan_exact::{blake2_256, Expert, ModelConfig, SlotIndex, Trunk};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor},
};
use core::ops::ControlFlow;
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
	/// Updates to make.
	pub steps: u64,
	/// Stop, with the learning rate fully decayed, after this many seconds even if steps are left.
	pub seconds_max: Option<f64>,
	/// Sequences an update learns from; 0 takes as many as make 4,096 bytes.
	pub batch: usize,
	/// Bytes of a sequence, at most the model's context; 0 takes the whole context.
	pub tokens: usize,
	/// The optimiser.
	pub optimiser: OptimiserConfig,
	/// Seed of the latent weights and of the sequences.
	pub seed: u64,
	/// Updates on remembered batches for each on a new one. Remembering is cheap in the last layer, where all
	/// that is needed of a batch are the inputs of the expert; other layers do not repeat.
	pub replay: usize,
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
			steps: 1_000,
			seconds_max: Some(150.0),
			batch: 0,
			tokens: 0,
			optimiser: OptimiserConfig {
				learning_rate: 1e-3,
				warmup: 0.05,
				floor: 0.0,
				weight_decay: 0.0,
				beta2: 0.99,
				..OptimiserConfig::default()
			},
			seed: 0,
			replay: 3,
			threads: 0,
			evaluate_every: 0,
			checkpoint: None,
			checkpoint_every: 100,
		}
	}
}

/// Bytes of a batch unless said otherwise. Larger batches make too few updates in the minutes a miner has.
const BATCH_BYTES: usize = 4_096;
/// Batches that are remembered for [`Options::replay`].
const REMEMBERED_MAX: usize = 96;

/// Expert that a run has trained, and what it took.
pub struct TrainedExpert {
	/// The expert, ready to be written and submitted.
	pub expert: Expert,
	/// Updates made.
	pub steps: u64,
	/// Bytes learned from, repetitions counted.
	pub bytes: u64,
	/// Seconds spent.
	pub seconds: f64,
	/// Held-out loss before the first step and at the end, bits per byte, if it was measured.
	pub holdout_bits: Option<(f64, f64)>,
	/// Batches that were drawn.
	pub drawn: Drawn,
}

/// Batches that a run drew: those of steps 0, `stride`, twice `stride` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
	/// Sequences of a batch.
	pub sequences: usize,
	/// Bytes of a sequence.
	pub length: usize,
	/// Steps from one new batch to the next.
	pub stride: u64,
	/// Number of batches.
	pub batches: u64,
}

impl Options {
	/// Fills in defaults that depend on the model, and refuses what cannot work.
	fn init(mut self, config: &ModelConfig) -> Result<Self, TrainError> {
		let refuse = |name, reason: &str| Err(TrainError::Option { name, reason: reason.into() });
		if self.tokens == 0 {
			self.tokens = usize::from(config.context);
		}
		if self.tokens < 2 || self.tokens > usize::from(config.context) {
			return refuse("tokens", "must be between 2 and the model's context");
		}
		if self.batch == 0 {
			self.batch = (BATCH_BYTES / self.tokens).max(1);
		}
		if self.seconds_max.is_some_and(|limit| limit.is_nan() || limit <= 0.0) {
			return refuse("seconds_max", "must be positive");
		}
		if self.checkpoint_every == 0 {
			return refuse("checkpoint_every", "must be at least 1");
		}
		Ok(self)
	}

	/// Returns the number of steps from one new batch to the next.
	fn stride(&self, config: &ModelConfig, slot: SlotIndex) -> u64 {
		if is_last_layer(config, slot) {
			self.replay as u64 + 1
		} else {
			1
		}
	}

	/// Describes everything that the outcome depends on besides the model; see [`super::base::Options`].
	fn settings(&self, slot: SlotIndex, start: [u8; 32]) -> String {
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
		format!("expert {} {} of {start:02x?} {}", slot.layer, slot.expert, serde_json::json!(lasting))
	}
}

/// Hashes all weights of the model that an expert is trained in.
fn digest<B: Backend>(weights: &[Tensor<B, 2>]) -> [u8; 32] {
	let mut all = Vec::new();
	for tensor in weights {
		all.extend(tensor.to_data().iter::<f32>().flat_map(f32::to_le_bytes));
	}
	blake2_256(&[&all])
}

/// Rounds an expert's latent weights: up, gain, down.
fn quantised<B: TrainBackend>(latent: &[Tensor<B, 2>]) -> [Tensor<B, 2>; 3] {
	core::array::from_fn(|i| B::quantise(latent[i].clone(), EXPERT_FORMATS[i]))
}

/// Expert in a frozen model, as a training problem.
struct ExpertInModel<'a, B: Backend> {
	config: &'a ModelConfig,
	slot: SlotIndex,
	data: &'a dyn TrainingSource,
	holdout: &'a [u8],
	options: &'a Options,
	weights: Vec<Tensor<B, 2>>,
	rotary: Rotary<B>,
	workers: Workers,
	device: &'a B::Device,
	/// Batches for [`Options::replay`], and the steps they are from.
	remembered: Vec<Vec<Frozen<B>>>,
	remembered_steps: Vec<u64>,
}

impl<B: TrainBackend> ExpertInModel<'_, B> {
	fn network(&self) -> Network<B> {
		Network::new(self.config, &self.weights, &self.rotary, false, self.device)
	}

	/// Computes everything about these sequences that no update changes, in one part per worker.
	fn freeze(&self, sequences: &[u8]) -> Vec<Frozen<B>> {
		let tokens = self.options.tokens;
		let parts = self.workers.map(self.workers.split(sequences, tokens), |part| {
			freeze(&self.network(), self.slot, part, tokens)
		});
		parts.into_iter().flatten().collect()
	}

	/// Computes the gradients of a batch: their mean over the tokens that chose the expert.
	fn batch_gradients(&self, batch: &[Frozen<B>], latent: &[Tensor<B, 2>]) -> StepGradients<B> {
		let weights = quantised(latent);
		let of_parts = self.workers.map(batch.iter().collect(), |part: &Frozen<B>| {
			let network = self.network();
			let leaves =
				weights.clone().map(|leaf| Tensor::<Autodiff<B>, 2>::from_inner(leaf).require_grad());
			let loss = loss(&network, self.slot, &leaves, part, self.options.tokens);
			let sum = scalar(loss.clone().inner());
			let grads = loss.backward();
			let grads =
				leaves.map(|leaf| leaf.grad(&grads).unwrap_or_else(|| leaf.clone().inner().zeros_like()));
			(grads, sum)
		});
		let counted = batch.iter().map(|part| part.targets.len()).sum::<usize>();
		let tokens = batch.iter().map(|part| part.places.len()).sum::<usize>();
		let share = 1.0 / tokens.max(1) as f32;
		let loss = of_parts.iter().map(|(_, sum)| sum).sum::<f64>() / counted.max(1) as f64;
		let parts = of_parts.into_iter().map(|(grads, _)| (grads.into(), share)).collect();
		StepGradients { parts, loss, bytes: batch.iter().map(|part| part.bytes as u64).sum() }
	}

	/// Keeps a batch for replay; drops a random one if there are too many.
	fn remember(&mut self, step: u64, batch: Vec<Frozen<B>>, rng: &mut impl Rng) {
		if self.remembered.len() == REMEMBERED_MAX {
			let forgotten = rng.gen_range(0..REMEMBERED_MAX);
			self.remembered.swap_remove(forgotten);
			self.remembered_steps.swap_remove(forgotten);
		}
		self.remembered.push(batch);
		self.remembered_steps.push(step);
	}
}

impl<B: TrainBackend> Problem<B> for ExpertInModel<'_, B> {
	fn formats(&self) -> &[Format] {
		&EXPERT_FORMATS
	}

	fn workers(&self) -> &Workers {
		&self.workers
	}

	fn resume(&mut self, header: &Header) -> Result<(), TrainError> {
		self.workers.set_parts(header.parts);
		let Options { seed, batch, tokens, .. } = *self.options;
		for &step in &header.remembered {
			let sequences = self.data.draw(&mut Corpus::stream(seed, step), step, batch, tokens)?;
			self.remembered.push(self.freeze(&sequences));
			self.remembered_steps.push(step);
		}
		Ok(())
	}

	fn remembered(&self) -> &[u64] {
		&self.remembered_steps
	}

	fn gradients(&mut self, step: u64, latent: &[Tensor<B, 2>]) -> Result<StepGradients<B>, TrainError> {
		let Options { seed, batch, tokens, .. } = *self.options;
		let stride = self.options.stride(self.config, self.slot);
		let mut rng = Corpus::stream(seed, step);
		let is_new = step.is_multiple_of(stride) || self.remembered.is_empty();
		let batch = if is_new {
			self.freeze(&self.data.draw(&mut rng, step, batch, tokens)?)
		} else {
			self.remembered[rng.gen_range(0..self.remembered.len())].clone()
		};
		let gradients = self.batch_gradients(&batch, latent);
		if is_new && stride > 1 {
			self.remember(step, batch, &mut rng);
		}
		Ok(gradients)
	}

	fn measure(&self, latent: &[Tensor<B, 2>]) -> Option<f64> {
		if self.holdout.is_empty() {
			return None;
		}
		let mut weights = self.weights.clone();
		replace_expert(self.config, &mut weights, self.slot, &quantised(latent));
		let Self { config, rotary, holdout, workers, device, .. } = self;
		Some(mean_bits(config, &weights, rotary, holdout, self.options.tokens, workers, device))
	}
}

/// Trains the expert in `slot` of an integer model on `data`.
///
/// `holdout` holds sequences of the run's length, one after another, to be measured on. `progress` is called after
/// every step and may stop the run; what has been learned by then is returned.
pub fn train_expert<B: TrainBackend>(
	config: &ModelConfig,
	trunk: &Trunk,
	all: &[&Expert],
	slot: SlotIndex,
	data: &dyn TrainingSource,
	holdout: &[u8],
	options: Options,
	device: &B::Device,
	progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<TrainedExpert, TrainError> {
	let Some(index) = config.slot_index(slot.layer, slot.expert) else {
		return Err(TrainError::NoSuchSlot { layer: slot.layer, expert: slot.expert });
	};
	let options = options.init(config)?;
	let tokens = options.tokens;
	data.ensure_holds(tokens)?;
	let weights = import::<B>(config, trunk, all, device)?;
	let settings = options.settings(slot, digest(&weights));
	let problem = ExpertInModel {
		config,
		slot,
		data,
		holdout: &holdout[..holdout.len() / tokens * tokens],
		options: &options,
		weights,
		rotary: rotary_of(config, trunk, tokens, device),
		workers: Workers::new(options.threads)?,
		device,
		remembered: Vec::new(),
		remembered_steps: Vec::new(),
	};
	let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
	let latent = import_expert::<B>(all[index as usize], &mut rng, device);
	let before = if options.evaluate_every == 0 { None } else { problem.measure(&latent) };
	let run = Run {
		steps: options.steps,
		seconds_max: options.seconds_max,
		evaluate_every: options.evaluate_every,
		checkpoint: options.checkpoint.as_deref(),
		checkpoint_every: options.checkpoint_every,
		optimiser: options.optimiser,
	};
	let shapes = latent.each_ref().map(|tensor| tensor.dims());
	let subject = serde_json::json!(config);
	let trainer = Trainer::start(subject, settings, problem, run, &shapes, || latent.into(), device)?;
	let finished = trainer.train(progress)?;
	let (steps, bytes, seconds) = (finished.steps, finished.bytes, finished.seconds);
	let after = finished.measured.map(|(_, bits)| bits).or(before);
	let expert = export_expert(config, &finished.latent)?;
	let stride = options.stride(config, slot);
	let drawn = Drawn { sequences: options.batch, length: tokens, stride, batches: steps.div_ceil(stride) };
	Ok(TrainedExpert { expert, steps, bytes, seconds, holdout_bits: before.zip(after), drawn })
}

/// Returns the rotary tables of a finished model.
fn rotary_of<B: Backend>(
	config: &ModelConfig,
	trunk: &Trunk,
	tokens: usize,
	device: &B::Device,
) -> Rotary<B> {
	let table = trunk.rotary.iter().flatten().copied().collect::<Vec<_>>();
	Rotary::new(&table, tokens, config.head_size(), device)
}

/// Writes one expert's tensors into a layer's stacks.
fn replace_expert<B: Backend>(
	config: &ModelConfig,
	weights: &mut [Tensor<B, 2>],
	slot: SlotIndex,
	expert: &[Tensor<B, 2>; 3],
) {
	let at = layer_indices(usize::from(slot.layer));
	let (d, f, e) = (usize::from(config.d_model), usize::from(config.d_ff), usize::from(slot.expert));
	for (index, rows, part) in [(at.up, f, 0), (at.gain, 1, 1), (at.down, d, 2)] {
		let columns = weights[index].dims()[1];
		weights[index] =
			weights[index].clone().slice_assign([e * rows..(e + 1) * rows, 0..columns], expert[part].clone());
	}
}

/// Counts how often each expert of each layer is chosen on `sequences`, in row-major order; a measure of which
/// slots are worth training.
pub fn usage<B: TrainBackend>(
	config: &ModelConfig,
	trunk: &Trunk,
	all: &[&Expert],
	sequences: &[u8],
	tokens: usize,
	device: &B::Device,
) -> Result<Vec<u64>, TrainError> {
	if tokens < 2 || tokens > usize::from(config.context) || sequences.len() < tokens {
		return Err(TrainError::TooLittleData { have: sequences.len(), need: tokens });
	}
	let sequences = &sequences[..sequences.len() / tokens * tokens];
	let weights = import::<B>(config, trunk, all, device)?;
	let rotary = rotary_of(config, trunk, tokens, device);
	let network = Network::<B>::new(config, &weights, &rotary, false, device);
	let mut counts = vec![0u64; config.slots() as usize];
	for part in sequences.chunks(4 * tokens) {
		let heads = network.heads(part.len() / tokens);
		let mut h = network.embed(part, tokens);
		for layer in 0..usize::from(config.layers) {
			let (next, routed) = network.layer(layer, &heads, h, false);
			h = next;
			for (expert, chosen) in routed.routing.chosen.iter().enumerate() {
				counts[layer * usize::from(config.experts) + expert] += chosen.len() as u64;
			}
		}
	}
	Ok(counts)
}
