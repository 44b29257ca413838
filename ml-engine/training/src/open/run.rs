//! A run: the prefix first, then updates.

use super::{
	cache::Cache,
	guard::{step_back, Guarded},
	held::Held,
	latent::{latent, of_codes, tensors},
	network::{Adapters, Network},
	prefix::Prefix,
	rounding::{round, Rounded},
	sequence::Sequence,
	settings::Settings,
	slot::Slot,
	tokens::{Tokens, Widths},
};
use crate::{
	checkpoint::Header,
	corpus::Corpus,
	lock::lock,
	ops::{scalar, TrainBackend},
	progress::{Clock, Progress},
	quantiser::Format,
	trainer::{Finished, Problem, Run, StepGradients, Trainer},
	workers::Workers,
	TrainError,
};
use blyan_exact::{
	blake2_256,
	definition2::{block::part_file, Architecture, OwnedPart, Part},
	Hash,
};
use blyan_open_model::Runner;
use burn::{backend::Autodiff, tensor::Tensor};
use core::ops::ControlFlow;
use rand::{seq::SliceRandom, Rng};
use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};
use serde_json::json;

/// Report of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
	/// The exact model reads the text.
	Prefix {
		/// Sequences read so far, by earlier runs too.
		sequences: usize,
		/// Sequences of the text.
		of: usize,
		/// Tokens that were routed to the expert.
		tokens: usize,
		/// Seconds of this run.
		seconds: f64,
	},
	/// An update was made.
	Update(Progress),
}

/// Adapter that a run has trained, and what it took.
#[derive(Clone, Debug)]
pub struct TrainedAdapter {
	/// Part of the expert, ready to be written.
	pub part: OwnedPart,
	/// Sizes of the rounding errors of gate, up and down as parts of what was trained.
	pub rounding_errors: [f64; 3],
	/// Sequences that the exact model has read.
	pub sequences: usize,
	/// Tokens of these that were routed to the expert.
	pub tokens: usize,
	/// Updates made.
	pub steps: u64,
	/// Seconds that updates took.
	pub seconds: f64,
	/// Held-out loss before the first update, at the end and after rounding, bits per byte, if it was measured.
	pub holdout_bits: Option<[f64; 3]>,
	/// Share of the training that a guard let through, if there is one.
	pub guarded: Option<Guarded>,
}

/// Texts of a run, as sequences of the model's tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
	/// To learn from.
	pub learn: &'a [Sequence],
	/// Measured and never learned from.
	pub held_out: &'a [Sequence],
	/// Must not get worse.
	pub guard: &'a [Sequence],
}

impl TrainedAdapter {
	/// Returns the file of the expert, to be submitted or put into a model; `part` is the slot that was trained.
	///
	/// # Errors
	/// [`TrainError::OtherShape`] if the architecture's slot is of another shape.
	pub fn file(&self, architecture: &Architecture, part: Part) -> Result<Vec<u8>, TrainError> {
		part_file(architecture, part, &self.part.view()).map_err(TrainError::OtherShape)
	}
}

/// File of the cache.
const CACHE: &str = "tokens.cache";
/// File of the checkpoint.
const CHECKPOINT: &str = "adapter.ckpt";
/// Formats of an adapter's matrices.
const FORMATS: [Format; 6] = [Format::I8; 6];
/// Names of the projections in errors.
const NAMES: [&str; 3] = ["gate", "up", "down"];

/// Hashes the ids of a text.
fn hash(sequences: &[&Sequence]) -> Hash {
	let mut bytes = Vec::new();
	for sequence in sequences {
		bytes.extend((sequence.ids.len() as u32).to_le_bytes());
		bytes.extend(sequence.ids.iter().flat_map(|id| id.to_le_bytes()));
	}
	blake2_256(&[&bytes])
}

/// Adapter behind a cached prefix, as a training problem.
struct AdapterInModel<'a, B: TrainBackend> {
	network: &'a Network<B>,
	cache: &'a Cache,
	held: &'a Held<'a, B>,
	settings: &'a Settings,
	workers: Workers,
}

impl<B: TrainBackend> AdapterInModel<'_, B> {
	/// Draws the tokens of a step, in parts: any tokens, or whole sequences where tokens depend on each other.
	fn batch(&self, step: u64) -> Result<Vec<Vec<Tokens>>, TrainError> {
		let mut rng = Corpus::stream(self.settings.seed, step);
		let (batch, parts) = (self.settings.batch, self.workers.parts());
		let count = self.cache.tokens();
		if !self.network.takes_sequences() {
			let mut places = (0..batch).map(|_| rng.gen_range(0..count)).collect::<Vec<_>>();
			// In the order of the file.
			places.sort_unstable();
			let tokens = self.cache.read(&places)?;
			let parts = tokens.split(tokens.len().div_ceil(parts));
			return Ok(parts.iter().map(|part| self.network.pieces(part)).collect());
		}
		let filled = self.cache.filled();
		let sequences = (batch * filled.len() / count.max(1)).max(parts);
		let mut drawn = (0..sequences).map(|_| filled[rng.gen_range(0..filled.len())]).collect::<Vec<_>>();
		drawn.sort_unstable();
		let read = |sequence: &usize| self.cache.read(&self.cache.tokens_of(*sequence).collect::<Vec<_>>());
		let tokens = drawn.iter().map(read).collect::<Result<Vec<_>, _>>()?;
		Ok(self.workers.parts_of(&tokens).into_iter().map(<[Tokens]>::to_vec).collect())
	}

	/// Computes the sums of the gradients and of the losses, nats, over some tokens.
	fn part_gradient(&self, latent: &[Tensor<B, 2>], pieces: &[Tokens]) -> (Vec<Tensor<B, 2>>, f64) {
		let mut sums: Option<Vec<Tensor<B, 2>>> = None;
		let losses = pieces.iter().flat_map(|piece| &piece.losses);
		let mut loss = losses.map(|loss| f64::from(*loss)).sum::<f64>();
		for piece in pieces {
			let leaves: Adapters<Autodiff<B>> =
				core::array::from_fn(|i| Tensor::from_inner(latent[i].clone()).require_grad());
			let sum = self.network.differences(piece, &leaves).sum();
			loss += scalar(sum.clone().inner());
			let grads = sum.backward();
			let grads = leaves
				.iter()
				.map(|leaf| leaf.grad(&grads).unwrap_or_else(|| leaf.clone().inner().zeros_like()))
				.collect::<Vec<_>>();
			sums = Some(match sums {
				Some(sums) => sums.into_iter().zip(grads).map(|(sum, grad)| sum + grad).collect(),
				None => grads,
			});
		}
		(sums.unwrap_or_default(), loss)
	}
}

impl<B: TrainBackend> Problem<B> for AdapterInModel<'_, B> {
	fn formats(&self) -> &[Format] {
		&FORMATS
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
		let parts = self.batch(step)?;
		let pieces = || parts.iter().flatten();
		let text_bytes =
			pieces().flat_map(|piece| &piece.text_bytes).map(|bytes| f64::from(*bytes)).sum::<f64>();
		let tokens = pieces().map(|piece| self.network.counted(piece)).sum::<usize>();
		let of_parts =
			self.workers.map(parts.iter().collect(), |part: &Vec<Tokens>| self.part_gradient(latent, part));
		let share = 1.0 / tokens.max(1) as f32;
		let loss = of_parts.iter().map(|(_, loss)| loss).sum::<f64>() / text_bytes.max(1.0);
		let parts = of_parts.into_iter().map(|(grads, _)| (grads, share)).collect();
		Ok(StepGradients { parts, loss, bytes: text_bytes as u64 })
	}

	fn measure(&self, latent: &[Tensor<B, 2>]) -> Option<f64> {
		self.held.bits(&self.workers, latent)
	}
}

/// Trains the expert of a slot on a text.
///
/// `runner` runs the model that the slot is of. Sequences are taken in an order that follows from the seed. `progress` is called after every sequence of the prefix and after every update, and
/// may stop either: what has been learned by then is returned. The same settings and the same folder go on with a run that
/// was interrupted, to the same bits unless it is limited by time.
///
/// # Errors
/// [`TrainError::Option`] for settings that cannot work, [`TrainError::Cache`] and [`TrainError::Checkpoint`] if the folder
/// holds another run, [`TrainError::NeverChosen`] if the text teaches the expert nothing.
pub fn train_adapter<B: TrainBackend>(
	runner: &mut Runner,
	slot: &Slot,
	texts: Texts<'_>,
	settings: &Settings,
	device: &B::Device,
	progress: &mut dyn FnMut(&Stage) -> ControlFlow<()>,
) -> Result<TrainedAdapter, TrainError> {
	settings.ensure(slot)?;
	let folder = &settings.folder;
	std::fs::create_dir_all(folder).map_err(|source| TrainError::Io { path: folder.clone(), source })?;
	// Two runs would append to one cache. The checkpoint has a lock of its own, which the trainer takes later.
	let _is_alone = lock(&folder.join(CACHE))?;
	let checkpoint = folder.join(CHECKPOINT);
	let network = Network::<B>::new(slot, device);
	let parent = tensors::<B>(slot, latent(slot, settings.seed), device);
	let widths = Widths { d_model: slot.d_model, sample: settings.sample + 1 };
	let prefix = Prefix { slot, network: &network, parent: &parent, widths, seed: settings.seed };
	let order = order(texts.learn, settings);
	let mut cache = open_cache(slot, &order, settings, widths)?;
	// Updates draw from all tokens: once they have begun, there must be no more.
	let is_read = checkpoint.exists() || read_text(&prefix, runner, &order, &mut cache, settings, progress)?;
	if cache.tokens() == 0 && is_read {
		let Slot { layer, expert, .. } = *slot;
		return Err(TrainError::NeverChosen { layer, expert, sequences: cache.sequences() });
	}
	let held = Held::read(&prefix, runner, texts.held_out)?;
	let guard = Held::read(&prefix, runner, texts.guard)?;
	let workers = Workers::new(settings.threads)?;
	let run = Run {
		steps: if is_read { settings.steps } else { 0 },
		seconds_max: settings.seconds_max,
		evaluate_every: settings.evaluate_every,
		checkpoint: is_read.then_some(checkpoint.as_path()),
		checkpoint_every: settings.checkpoint_every,
		optimiser: settings.optimiser,
	};
	let threads = Workers::new(settings.threads)?;
	let problem =
		AdapterInModel { network: &network, cache: &cache, held: &held, settings, workers: threads };
	let mut finished = update(slot, problem, run, &parent, device, progress)?;
	let guarded = guarded(&guard, &workers, (&parent, texts.guard), &mut finished, settings);
	let rounded = round_all(slot, &finished, guarded)?;
	let after = held.bits(&workers, &finished.latent);
	let exported = held.bits(&workers, &tensors::<B>(slot, of_codes(slot, &rounded), device));
	let bits = [held.bits(&workers, &parent), after, exported];
	Ok(TrainedAdapter {
		rounding_errors: rounded.each_ref().map(|of| of.error),
		part: part(rounded),
		sequences: cache.sequences(),
		tokens: cache.tokens(),
		steps: finished.steps,
		seconds: finished.seconds,
		holdout_bits: match bits {
			[Some(before), Some(after), Some(exported)] => Some([before, after, exported]),
			_ => None,
		},
		guarded,
	})
}

/// Goes back from what was trained until the guard is not worse; `None` without a guard or an update.
fn guarded<B: TrainBackend>(
	held: &Held<'_, B>,
	workers: &Workers,
	(parent, guard): (&Adapters<B>, &[Sequence]),
	finished: &mut Finished<B>,
	settings: &Settings,
) -> Option<Guarded> {
	let tokens =
		guard.iter().map(|sequence| sequence.ids.len().saturating_sub(1)).filter(|tokens| *tokens > 0);
	let (sequences, tokens) =
		tokens.fold((0_u32, 0), |(sequences, sum), tokens| (sequences + 1, sum + tokens));
	if sequences == 0 || finished.steps == 0 {
		return None;
	}
	let positions = tokens as f64 / f64::from(sequences);
	let (latent, guarded) =
		step_back(held, workers, parent, &finished.latent, positions, settings.guard_tolerance);
	finished.latent = latent;
	Some(guarded)
}

/// Returns the sequences in the order in which they are read.
fn order<'a>(text: &'a [Sequence], settings: &Settings) -> Vec<&'a Sequence> {
	let mut order = text.iter().filter(|sequence| sequence.ids.len() > 1).collect::<Vec<_>>();
	order.shuffle(&mut ChaCha8Rng::seed_from_u64(settings.seed));
	order
}

/// Opens the cache of a run; refuses that of another.
fn open_cache(
	slot: &Slot,
	order: &[&Sequence],
	settings: &Settings,
	widths: Widths,
) -> Result<Cache, TrainError> {
	let header = json!({
		"model": hex::encode(slot.model),
		"layer": slot.layer,
		"expert": slot.expert,
		"text": hex::encode(hash(order)),
		"sample": widths.sample,
		"seed": settings.seed,
	});
	Cache::open(&settings.folder.join(CACHE), &header, widths)
}

/// Puts the text through the exact model, as far as the settings want; returns whether that is done, and not stopped.
fn read_text<B: TrainBackend>(
	prefix: &Prefix<'_, B>,
	runner: &mut Runner,
	order: &[&Sequence],
	cache: &mut Cache,
	settings: &Settings,
	progress: &mut dyn FnMut(&Stage) -> ControlFlow<()>,
) -> Result<bool, TrainError> {
	let of = match settings.sequences_max {
		0 => order.len(),
		most => order.len().min(most),
	};
	let mut clock = Clock::resume(0.0);
	while cache.sequences() < of {
		let seconds = clock.seconds();
		if settings.prefix_seconds_max.is_some_and(|most| seconds >= most) {
			break;
		}
		let number = cache.sequences();
		let seen = prefix.see(runner, order[number], number as u64, false)?;
		cache.append(&seen.tokens)?;
		let (sequences, tokens, seconds) = (cache.sequences(), cache.tokens(), clock.seconds());
		let stage = Stage::Prefix { sequences, of, tokens, seconds };
		if clock.exclude(|| progress(&stage)).is_break() {
			cache.sync()?;
			return Ok(false);
		}
	}
	cache.sync()?;
	Ok(true)
}

/// Makes the updates.
fn update<B: TrainBackend>(
	slot: &Slot,
	problem: AdapterInModel<'_, B>,
	run: Run<'_>,
	parent: &Adapters<B>,
	device: &B::Device,
	progress: &mut dyn FnMut(&Stage) -> ControlFlow<()>,
) -> Result<Finished<B>, TrainError> {
	let (cache, settings) = (problem.cache, problem.settings);
	let subject = json!({ "model": hex::encode(slot.model), "layer": slot.layer, "expert": slot.expert });
	let settings = format!("adapter of {} tokens {}", cache.tokens(), json!(settings.lasting()));
	let trainer =
		Trainer::start(subject, settings, problem, run, &slot.shapes(), || parent.to_vec(), device)?;
	trainer.train(&mut |report| progress(&Stage::Update(report.clone())))
}

/// Rounds what was trained; if nothing is left of it, returns the parent's own codes.
fn round_all<B: TrainBackend>(
	slot: &Slot,
	finished: &Finished<B>,
	guarded: Option<Guarded>,
) -> Result<[Rounded; 3], TrainError> {
	let is_parent = finished.steps == 0 || guarded.is_some_and(|guarded| guarded.share == 0.0);
	let values = |index: usize| finished.latent[index].to_data().iter::<f32>().collect::<Vec<_>>();
	let projection = |index: usize| {
		let of = &slot.projections[index];
		if is_parent {
			return Ok(Rounded { adapter: of.adapter.clone(), error: 0.0 });
		}
		let (first, second) = (values(2 * index), values(2 * index + 1));
		round(slot.rank.into(), &first, &second, of.unit, NAMES[index])
	};
	Ok([projection(0)?, projection(1)?, projection(2)?])
}

fn part(rounded: [Rounded; 3]) -> OwnedPart {
	let [gate, up, down] = rounded.map(|of| of.adapter);
	OwnedPart::of_adapters(gate, up, down)
}
