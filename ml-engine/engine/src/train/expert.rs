//! Improving one expert of a finished model, with everything else frozen.

use super::{
	base::{mean_bits, network, scalar},
	convert::{export_expert, import, import_expert, EXPERT_FORMATS},
	corpus::Corpus,
	network::{Network, Routed},
	ops::{experts, ExpertWeights, Rotary, Routing},
	optimiser::{AdamW, OptimiserConfig},
	progress::{Clock, Progress},
	quantiser::quantise,
	weights::layer_indices,
	workers::Workers,
	TrainError,
};
use blyan_exact::{Expert, ModelConfig, Trunk};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Int, Tensor, TensorData},
};
use core::ops::ControlFlow;
use rand::Rng;
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};
use serde::{Deserialize, Serialize};

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
	/// Seed of the latent weights and of the sequences.
	pub seed: u64,
	/// Updates on remembered batches for each on a new one. Remembering is cheap in the last layer, where all
	/// that is needed of a batch are the inputs of the expert; other layers do not repeat.
	pub replay: usize,
	/// Worker threads; 0 takes one for every core.
	pub threads: usize,
	/// Measure the held-out loss every so many steps, and at the end; 0 never.
	pub evaluate_every: u64,
}

impl Default for Options {
	fn default() -> Self {
		Self {
			steps: 1_000,
			seconds_max: Some(150.0),
			batch: 32,
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
		}
	}
}

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

/// One expert's place: layer, then expert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
	/// The layer.
	pub layer: u8,
	/// The expert in it.
	pub expert: u16,
}

/// The part of a step that does not depend on the expert's weights.
#[derive(Clone)]
struct Frozen<B: Backend> {
	/// Residual stream with everything but the expert's contribution. `[tokens, d_model]`.
	stream: Tensor<B, 2>,
	/// Input of the expert. `[tokens, d_model]`.
	input: Tensor<B, 2>,
	/// Gates of all places. `[tokens, top_k]`.
	gates: Tensor<B, 2>,
	/// Places that chose the expert.
	places: Vec<i32>,
	top_k: usize,
	/// The bytes to predict; whole sequences, or in the last layer only those of `places`.
	targets: Vec<u8>,
	/// Bytes of text this was computed from.
	bytes: usize,
}

/// Whether nothing comes after the slot but the head.
fn is_last_layer(config: &ModelConfig, slot: Slot) -> bool {
	slot.layer + 1 == config.layers
}

/// Runs the model up to the slot's layer, and that layer's other experts. `None` if no token chose the expert.
///
/// In the last layer only the tokens that chose the expert depend on it; the rest is left out.
fn freeze<B: Backend>(
	network: &Network<B>,
	slot: Slot,
	sequences: &[u8],
	tokens: usize,
) -> Option<Frozen<B>> {
	let heads = network.heads(sequences.len() / tokens);
	let mut h = network.embed(sequences, tokens);
	for layer in 0..usize::from(slot.layer) {
		h = network.attend(layer, &heads, h);
		let routed = network.route(layer, h.clone(), false);
		h = h + network.expert_sum(layer, &routed);
	}
	let layer = usize::from(slot.layer);
	h = network.attend(layer, &heads, h);
	let Routed { input, gates, mut routing, .. } = network.route(layer, h.clone(), false);
	let top_k = routing.top_k;
	let mut places = core::mem::take(&mut routing.chosen[usize::from(slot.expert)]);
	if places.is_empty() {
		return None;
	}
	let others = Routed { input: input.clone(), gates: gates.clone(), routing, balance: None };
	let stream = (h + network.expert_sum(layer, &others)).inner();
	let (input, gates, bytes) = (input.inner(), gates.inner(), sequences.len());
	if !is_last_layer(&network.config, slot) {
		return Some(Frozen { stream, input, gates, places, top_k, targets: sequences.into(), bytes });
	}
	let rows = places.iter().map(|place| place / top_k as i32).collect::<Vec<_>>();
	let targets = rows.iter().map(|row| sequences[*row as usize]).collect();
	let index = Tensor::<B, 1, Int>::from_data(TensorData::new(rows, [places.len()]), &network.device);
	for (row, place) in places.iter_mut().enumerate() {
		*place = (row * top_k) as i32 + *place % top_k as i32;
	}
	Some(Frozen {
		stream: stream.select(0, index.clone()),
		input: input.select(0, index.clone()),
		gates: gates.select(0, index),
		places,
		top_k,
		targets,
		bytes,
	})
}

/// The expert's weights on the tape, quantised.
type Leaves<B> = [Tensor<Autodiff<B>, 2>; 3];

/// Sum of the losses of the frozen part's targets, nats.
fn loss<B: Backend>(
	network: &Network<B>,
	slot: Slot,
	leaves: &Leaves<B>,
	frozen: &Frozen<B>,
	tokens: usize,
) -> Tensor<Autodiff<B>, 1> {
	let [up, gain, down] = leaves.clone();
	let constant = |tensor: &Tensor<B, 2>| Tensor::<Autodiff<B>, 2>::from_inner(tensor.clone());
	let routing = Routing { chosen: vec![frozen.places.clone()], top_k: frozen.top_k };
	let weights = ExpertWeights { up, gain, down };
	let spoken = experts(constant(&frozen.input), weights, constant(&frozen.gates), &routing);
	let mut h = constant(&frozen.stream) + spoken;
	if !is_last_layer(&network.config, slot) {
		let heads = network.heads(frozen.targets.len() / tokens);
		for layer in usize::from(slot.layer) + 1..usize::from(network.config.layers) {
			h = network.attend(layer, &heads, h);
			let routed = network.route(layer, h.clone(), false);
			h = h + network.expert_sum(layer, &routed);
		}
	}
	network.losses(h, &frozen.targets).sum()
}

/// Trains the expert in `slot` of an integer model on `data`.
///
/// `progress` hears of every step and may stop the run; what has been learned by then is returned.
pub fn train_expert<B: Backend>(
	config: &ModelConfig,
	trunk: &Trunk,
	all: &[&Expert],
	slot: Slot,
	data: &Corpus,
	holdout: &[u8],
	options: Options,
	device: &B::Device,
	progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<TrainedExpert, TrainError> {
	let refuse = |name, reason: &str| Err(TrainError::Option { name, reason: reason.into() });
	let Some(index) = config.slot_index(slot.layer, slot.expert) else {
		return Err(TrainError::NoSuchSlot { layer: slot.layer, expert: slot.expert });
	};
	let tokens = if options.tokens == 0 { usize::from(config.context) } else { options.tokens };
	if tokens < 2 || tokens > usize::from(config.context) {
		return refuse("tokens", "must be between 2 and the model's context");
	}
	if options.batch == 0 {
		return refuse("batch", "must be at least 1");
	}
	data.ensure_holds(tokens)?;
	let holdout = &holdout[..holdout.len() / tokens * tokens];
	let mut weights = import::<B>(config, trunk, all, device)?;
	let table = trunk.rotary.iter().flatten().copied().collect::<Vec<_>>();
	let rotary = Rotary::<B>::new(&table, tokens, config.head_size(), device);
	let workers = Workers::new(options.threads)?;
	let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
	let mut latent = import_expert::<B>(all[index as usize], &mut rng, device);
	let mut optimiser = AdamW::new(options.optimiser, &latent);
	let quantised = |latent: &[Tensor<B, 2>; 3]| {
		core::array::from_fn::<_, 3, _>(|i| quantise(latent[i].clone(), EXPERT_FORMATS[i]))
	};
	let mut measure = |latent: &[Tensor<B, 2>; 3]| {
		replace_expert(config, &mut weights, slot, &quantised(latent));
		mean_bits(config, &weights, &rotary, holdout, tokens, &workers, device)
	};
	let measured = options.evaluate_every != 0 && !holdout.is_empty();
	let before = measured.then(|| measure(&latent));
	let mut after = before;
	let frozen = import::<B>(config, trunk, all, device)?;
	let clock = Clock::resume(0.0);

	let done = |step: u64| {
		let by_steps = step as f64 / options.steps.max(1) as f64;
		options.seconds_max.map_or(by_steps, |limit| by_steps.max(clock.seconds() / limit))
	};
	let replay = if is_last_layer(config, slot) { options.replay } else { 0 };
	let mut remembered: Vec<Vec<Frozen<B>>> = Vec::new();
	let (mut step, mut bytes, mut stopped) = (0, 0u64, false);
	while step < options.steps && done(step) < 1.0 && !stopped {
		rng.set_stream(step + 1);
		let is_new = step % (replay as u64 + 1) == 0 || remembered.is_empty();
		let batch = if is_new {
			let sequences = data.draw(&mut rng, options.batch, tokens);
			let parts = workers.map(workers.split(&sequences, tokens), |part| {
				freeze(&network::<B>(config, &frozen, &rotary, false, device), slot, part, tokens)
			});
			parts.into_iter().flatten().collect::<Vec<_>>()
		} else {
			remembered[rng.gen_range(0..remembered.len())].clone()
		};
		bytes += batch.iter().map(|part| part.bytes as u64).sum::<u64>();
		let leaves = quantised(&latent);
		let parts = workers.map(batch.iter().collect(), |part: &Frozen<B>| {
			let network = network::<B>(config, &frozen, &rotary, false, device);
			let leaves = leaves.clone().map(|leaf| Tensor::<Autodiff<B>, 2>::from_inner(leaf).require_grad());
			let loss = loss(&network, slot, &leaves, part, tokens);
			let sum = scalar(loss.clone().inner());
			let grads = loss.backward();
			let grads =
				leaves.map(|leaf| leaf.grad(&grads).unwrap_or_else(|| leaf.clone().inner().zeros_like()));
			(grads, sum, part.targets.len(), part.places.len())
		});
		if is_new && replay > 0 {
			if remembered.len() == REMEMBERED_MAX {
				remembered.swap_remove(rng.gen_range(0..REMEMBERED_MAX));
			}
			remembered.push(batch);
		}
		let (mut sum, mut counted, mut seen) = (0.0, 0, 0);
		let mut total: Option<[Tensor<B, 2>; 3]> = None;
		for (grads, part_sum, part_counted, part_seen) in parts {
			sum += part_sum;
			counted += part_counted;
			seen += part_seen;
			total = Some(match total {
				Some([a, b, c]) => {
					let [x, y, z] = grads;
					[a + x, b + y, c + z]
				}
				None => grads,
			});
		}
		let rate = options.optimiser.learning_rate_at(done(step));
		let mut gradient_norm = 0.0;
		if let Some(total) = total {
			if !sum.is_finite() {
				return Err(TrainError::Diverged { step });
			}
			let grads = total.into_iter().map(|grad| grad.div_scalar(seen as f64)).collect();
			gradient_norm = optimiser.update(&mut latent, &EXPERT_FORMATS, grads, rate);
		}
		step += 1;
		let ended = step >= options.steps || done(step) >= 1.0;
		let holdout_bits =
			(measured && (ended || step % options.evaluate_every == 0)).then(|| measure(&latent));
		after = holdout_bits.or(after);
		stopped = progress(&Progress {
			step,
			steps: options.steps,
			done: done(step).min(1.0),
			loss_bits: sum / counted.max(1) as f64 / core::f64::consts::LN_2,
			holdout_bits,
			learning_rate: rate,
			gradient_norm,
			bytes,
			seconds: clock.seconds(),
		})
		.is_break();
	}
	let expert = export_expert(config, &latent)?;
	let holdout_bits = before.zip(after);
	Ok(TrainedExpert { expert, steps: step, bytes, seconds: clock.seconds(), holdout_bits })
}

/// Puts one expert's tensors into a layer's stacks.
fn replace_expert<B: Backend>(
	config: &ModelConfig,
	weights: &mut [Tensor<B, 2>],
	slot: Slot,
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
pub fn usage<B: Backend>(
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
	let table = trunk.rotary.iter().flatten().copied().collect::<Vec<_>>();
	let rotary = Rotary::<B>::new(&table, tokens, config.head_size(), device);
	let network = network::<B>(config, &weights, &rotary, false, device);
	let mut counts = vec![0u64; config.slots() as usize];
	for part in sequences.chunks(4 * tokens) {
		let heads = network.heads(part.len() / tokens);
		let mut h = network.embed(part, tokens);
		for layer in 0..usize::from(config.layers) {
			h = network.attend(layer, &heads, h);
			let routed = network.route(layer, h.clone(), false);
			h = h + network.expert_sum(layer, &routed);
			for (expert, chosen) in routed.routing.chosen.iter().enumerate() {
				counts[layer * usize::from(config.experts) + expert] += chosen.len() as u64;
			}
		}
	}
	Ok(counts)
}
