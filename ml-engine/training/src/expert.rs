//! Improving one expert of a finished model, with everything else frozen.

use super::{
	base::{mean_bits, network, scalar},
	checkpoint::{self, Header},
	convert::{export_expert, import, import_expert, EXPERT_FORMATS},
	corpus::Corpus,
	frozen::{freeze, is_last_layer, loss, Frozen},
	ops::{Rotary, TrainBackend},
	optimiser::{AdamW, OptimiserConfig},
	progress::{Clock, Progress},
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
	/// Where to keep a checkpoint. If the file exists, the run it belongs to is resumed.
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

/// What a run made.
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

	/// What the outcome depends on besides the model; see [`super::base::Options`].
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

/// A hash of all weights of the model that an expert is trained in.
fn digest<B: Backend>(weights: &[Tensor<B, 2>]) -> [u8; 32] {
	let mut all = Vec::new();
	for tensor in weights {
		all.extend(tensor.to_data().iter::<f32>().flat_map(f32::to_le_bytes));
	}
	blake2_256(&[&all])
}

/// An expert's latent weights: up, gain, down.
type LatentExpert<B> = [Tensor<B, 2>; 3];

fn quantised<B: TrainBackend>(latent: &LatentExpert<B>) -> LatentExpert<B> {
	core::array::from_fn(|i| B::quantise(latent[i].clone(), EXPERT_FORMATS[i]))
}

/// The frozen model, and the threads that run it.
struct Surroundings<'a, B: Backend> {
	config: &'a ModelConfig,
	slot: SlotIndex,
	tokens: usize,
	weights: Vec<Tensor<B, 2>>,
	rotary: Rotary<B>,
	workers: Workers,
	device: &'a B::Device,
}

/// What one update learned from a batch.
struct Lesson<B: Backend> {
	/// Mean gradient over the tokens that chose the expert; empty if none did.
	grads: Vec<Tensor<B, 2>>,
	/// Sum of the losses, nats, over `counted` bytes.
	loss: f64,
	counted: usize,
	/// Tokens that chose the expert.
	seen: usize,
}

impl<B: TrainBackend> Surroundings<'_, B> {
	/// Everything about these sequences that no update changes; one part a worker.
	fn freeze(&self, sequences: &[u8]) -> Vec<Frozen<B>> {
		let parts = self.workers.map(self.workers.split(sequences, self.tokens), |part| {
			let network = network::<B>(self.config, &self.weights, &self.rotary, false, self.device);
			freeze(&network, self.slot, part, self.tokens)
		});
		parts.into_iter().flatten().collect()
	}

	fn lesson(&self, batch: &[Frozen<B>], latent: &LatentExpert<B>) -> Lesson<B> {
		let weights = quantised(latent);
		let parts = self.workers.map(batch.iter().collect(), |part: &Frozen<B>| {
			let network = network::<B>(self.config, &self.weights, &self.rotary, false, self.device);
			let leaves =
				weights.clone().map(|leaf| Tensor::<Autodiff<B>, 2>::from_inner(leaf).require_grad());
			let loss = loss(&network, self.slot, &leaves, part, self.tokens);
			let sum = scalar(loss.clone().inner());
			let grads = loss.backward();
			let grads =
				leaves.map(|leaf| leaf.grad(&grads).unwrap_or_else(|| leaf.clone().inner().zeros_like()));
			(grads, sum, part.targets.len(), part.places.len())
		});
		let mut lesson = Lesson { grads: Vec::new(), loss: 0.0, counted: 0, seen: 0 };
		let mut grads = Vec::with_capacity(parts.len());
		for (of_part, loss, counted, seen) in parts {
			lesson.loss += loss;
			lesson.counted += counted;
			lesson.seen += seen;
			grads.push(of_part);
		}
		let share = 1.0 / lesson.seen.max(1) as f32;
		lesson.grads = B::sum_gradients(grads.into_iter().map(|grads| (grads.into(), share)).collect());
		lesson
	}

	/// Held-out loss of the model with this expert, bits per byte.
	fn measure(&self, latent: &LatentExpert<B>, holdout: &[u8]) -> f64 {
		let mut weights = self.weights.clone();
		replace_expert(self.config, &mut weights, self.slot, &quantised(latent));
		mean_bits(self.config, &weights, &self.rotary, holdout, self.tokens, &self.workers, self.device)
	}
}

/// Trains the expert in `slot` of an integer model on `data`.
///
/// `holdout` holds sequences of the run's length, one after another, to be measured on. `progress` hears of
/// every step and may stop the run; what has been learned by then is returned.
pub fn train_expert<B: TrainBackend>(
	config: &ModelConfig,
	trunk: &Trunk,
	all: &[&Expert],
	slot: SlotIndex,
	data: &Corpus,
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
	let holdout = &holdout[..holdout.len() / tokens * tokens];
	let weights = import::<B>(config, trunk, all, device)?;
	let rotary = rotary_of(config, trunk, tokens, device);
	let workers = Workers::new(options.threads)?;
	let mut header = Header {
		config: *config,
		settings: options.settings(slot, digest(&weights)),
		parts: workers.parts(),
		step: 0,
		bytes: 0,
		seconds: 0.0,
		remembered: Vec::new(),
		updates: 0,
	};
	let mut surroundings = Surroundings { config, slot, tokens, weights, rotary, workers, device };
	let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
	let mut latent = import_expert::<B>(all[index as usize], &mut rng, device);
	let mut optimiser = AdamW::new(options.optimiser, &latent);
	let measured = options.evaluate_every != 0 && !holdout.is_empty();
	let before = measured.then(|| surroundings.measure(&latent, holdout));
	let mut after = before;

	let mut remembered: Vec<Vec<Frozen<B>>> = Vec::new();
	if let Some(path) = options.checkpoint.as_ref().filter(|path| path.exists()) {
		let shapes = latent.each_ref().map(|tensor| tensor.dims());
		let saved = checkpoint::read(path, config, Some(&header.settings), &shapes, device)?;
		let refuse = |_| TrainError::Checkpoint { path: path.clone(), reason: "not an expert's".into() };
		latent = saved.weights.try_into().map_err(refuse)?;
		let (first, second, updates) = (saved.first, saved.second, saved.header.updates);
		optimiser = AdamW { config: options.optimiser, first, second, updates };
		header = saved.header;
		surroundings.workers = surroundings.workers.with_parts(header.parts);
		for step in &header.remembered {
			let sequences = data.batch(options.seed, *step, options.batch, tokens)?;
			remembered.push(surroundings.freeze(&sequences));
		}
	}
	let clock = Clock::resume(header.seconds);
	let done = |step: u64| {
		let by_steps = step as f64 / options.steps.max(1) as f64;
		options.seconds_max.map_or(by_steps, |limit| by_steps.max(clock.seconds() / limit))
	};
	let replay = if is_last_layer(config, slot) { options.replay } else { 0 };
	let (mut step, mut bytes, mut stopped) = (header.step, header.bytes, false);
	while step < options.steps && done(step) < 1.0 && !stopped {
		let mut rng = Corpus::stream(options.seed, step);
		let is_new = step % (replay as u64 + 1) == 0 || remembered.is_empty();
		let batch = if is_new {
			surroundings.freeze(&data.draw(&mut rng, options.batch, tokens))
		} else {
			remembered[rng.gen_range(0..remembered.len())].clone()
		};
		bytes += batch.iter().map(|part| part.bytes as u64).sum::<u64>();
		let Lesson { grads, loss, counted, .. } = surroundings.lesson(&batch, &latent);
		if is_new && replay > 0 {
			if remembered.len() == REMEMBERED_MAX {
				let forgotten = rng.gen_range(0..REMEMBERED_MAX);
				remembered.swap_remove(forgotten);
				header.remembered.swap_remove(forgotten);
			}
			remembered.push(batch);
			header.remembered.push(step);
		}
		if !loss.is_finite() {
			return Err(TrainError::Diverged { step });
		}
		let learning_rate = options.optimiser.learning_rate_at(done(step));
		let gradient_norm = if grads.is_empty() {
			0.0
		} else {
			let workers = &surroundings.workers;
			workers.share(|| B::update(&mut optimiser, &mut latent, &EXPERT_FORMATS, grads, learning_rate))
		};
		step += 1;
		let ended = step >= options.steps || done(step) >= 1.0;
		let due = measured && (ended || step % options.evaluate_every == 0);
		let holdout_bits = due.then(|| surroundings.measure(&latent, holdout));
		after = holdout_bits.or(after);
		stopped = progress(&Progress {
			step,
			steps: options.steps,
			done: done(step).min(1.0),
			loss_bits: loss / counted.max(1) as f64 / core::f64::consts::LN_2,
			holdout_bits,
			learning_rate,
			gradient_norm,
			bytes,
			seconds: clock.seconds(),
		})
		.is_break();
		if let Some(path) = &options.checkpoint {
			if step % options.checkpoint_every == 0 || ended || stopped {
				header =
					Header { step, bytes, seconds: clock.seconds(), updates: optimiser.updates, ..header };
				checkpoint::write(path, &header, &latent, &optimiser)?;
			}
		}
	}
	let expert = export_expert(config, &latent)?;
	let holdout_bits = before.zip(after);
	Ok(TrainedExpert { expert, steps: step, bytes, seconds: clock.seconds(), holdout_bits })
}

/// The rotary tables of a finished model.
fn rotary_of<B: Backend>(
	config: &ModelConfig,
	trunk: &Trunk,
	tokens: usize,
	device: &B::Device,
) -> Rotary<B> {
	let table = trunk.rotary.iter().flatten().copied().collect::<Vec<_>>();
	Rotary::new(&table, tokens, config.head_size(), device)
}

/// Puts one expert's tensors into a layer's stacks.
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

/// How often each expert of each layer is chosen on `sequences`, in row-major order; a measure of which
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
	let network = network::<B>(config, &weights, &rotary, false, device);
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
