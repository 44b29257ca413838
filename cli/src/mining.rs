//! The miner's work: fetch a model, choose an expert, train it.

use crate::{
	args::TrainingArgs,
	chain_model::first_config,
	client::{self, Client},
	commands::dataset::TrainingText,
	failure::{Context, Failure, Outcome},
	home::{create_private_dir, write_private},
	learning::{record::RunFacts, RunRecord, RunStart},
	model_dir::{self, ModelDir},
	output::Output,
	progress::Bar,
};
use blyan_engine::{
	block::{write_expert, BlockShape, TensorBlock},
	dataset::Holdout,
	queue::run_in_background,
};
use blyan_exact::{Expert, ModelConfig, SlotIndex, Trunk};
use blyan_primitives::{blocks_root, BlobRef, ExpertSlot, ModelInfo, VersionIndex};
use blyan_training::{
	base, ensure_checkpoint_is_free, expert, export, Corpus, ExactWeights, OptimiserConfig, Progress,
	TrainBackend, TrainError,
};
use burn_flex::Flex;
use serde_json::{json, Value};
use std::{
	cmp::Reverse,
	fs,
	ops::ControlFlow,
	path::{Path, PathBuf},
	sync::Arc,
	time::{Duration, Instant},
};

/// Calls a function that is generic over the tensor library's backend with the best device of this machine.
///
/// Whichever it is, only the speed differs in kind: what comes out is judged by the exact network.
macro_rules! on_best_device {
	($output:expr, $function:ident($($argument:expr),*)) => {{
		#[cfg(feature = "cuda")]
		let trained = match blyan_training::cuda_device() {
			Ok(device) => $function::<burn_cuda::Cuda>(&device, $($argument),*),
			Err(error) => {
				$output.say(format!("training on the processor: {error}"));
				$function::<Flex>(&Default::default(), $($argument),*)
			},
		};
		#[cfg(not(feature = "cuda"))]
		let trained = {
			let _ = &$output;
			$function::<Flex>(&Default::default(), $($argument),*)
		};
		trained
	}};
}

// Behind the macro, which it uses.
pub mod adapter;
pub mod adapter_run;
pub mod adapter_slot;
pub mod budget;
pub mod idle;
pub mod journal;
pub mod open_copy;
pub mod strategy;

use idle::Gate;

/// Between two lines about the loss when no bar is drawn.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Weight of the newest step in the loss that is shown.
const SMOOTHING: f64 = 0.05;
/// Sequences on which the router's choices are counted.
const USAGE_SEQUENCES: usize = 32;

/// A model's weights on this machine.
pub struct LocalModel {
	/// Architecture.
	pub config: ModelConfig,
	/// Versions of the heads, row-major; empty for a model that is on no chain.
	pub versions: Vec<VersionIndex>,
	trunk: Trunk,
	experts: Vec<Expert>,
}

impl LocalModel {
	/// Fetches a model from the node. Blobs are kept in `cache` and fetched once.
	pub async fn fetch(output: &Output, client: &Client, cache: &Path, info: &ModelInfo) -> Outcome<Self> {
		let config = first_config(info)?;
		let trunk = info.trunk().ok_or_else(|| Failure::new("the model has no trunk"))?;
		create_private_dir(cache)?;
		let trunk = cached(output, client, cache, &trunk.blob).await?;
		let mut experts = Vec::new();
		let bar = output.bar("model", info.heads.len() as u64);
		for head in &info.heads {
			experts.push(cached(output, client, cache, &head.block.blob).await?);
			bar.set(experts.len() as u64);
		}
		let versions = info.heads.iter().map(|head| head.version).collect();
		Self::parse(config, trunk, experts, versions)
	}

	/// Reads a model from a folder.
	pub fn read(dir: &ModelDir) -> Outcome<Self> {
		let manifest = &dir.manifest;
		let trunk = dir.read(&manifest.trunk.blob.hash)?;
		let experts: Outcome<Vec<_>> = manifest.heads.iter().map(|head| dir.read(&head.blob.hash)).collect();
		Self::parse(manifest.config, trunk, experts?, Vec::new())
	}

	fn parse(
		config: ModelConfig,
		trunk: Vec<u8>,
		experts: Vec<Vec<u8>>,
		versions: Vec<VersionIndex>,
	) -> Outcome<Self> {
		let trunk = TensorBlock::from_bytes(trunk, BlockShape::Trunk(config))
			.and_then(|block| block.to_trunk())
			.context("the model's trunk")?;
		let expert = |bytes| {
			TensorBlock::from_bytes(bytes, BlockShape::expert_of(&config)).and_then(|block| block.to_expert())
		};
		let experts: Result<Vec<_>, _> = experts.into_iter().map(expert).collect();
		Ok(Self { config, versions, trunk, experts: experts.context("an expert of the model")? })
	}

	/// The slot that is worth training: of those with the lowest version the one in the lowest layer, and of
	/// those the one that the router chooses most often on this text.
	///
	/// What the lowest layer learns passes through every later one. On the genesis model two minutes there
	/// gained 0.0059 +- 0.0006 bits per byte; six minutes in the last layer, where a step costs less, gained
	/// 0.0052 +- 0.0016.
	pub fn choose_slot(&self, model: u32, corpus: &Corpus, seed: u64) -> Outcome<ExpertSlot> {
		let counts = self.usage(corpus, seed)?;
		let per_layer = usize::from(self.config.experts).max(1);
		let lowest = self.versions.iter().min().copied().unwrap_or_default();
		let best = counts
			.iter()
			.enumerate()
			.filter(|(index, _)| self.versions.get(*index).is_none_or(|version| *version == lowest))
			.max_by_key(|(index, count)| (Reverse(index / per_layer), **count))
			.map_or(0, |(index, _)| index);
		Ok(ExpertSlot {
			model,
			layer: u8::try_from(best / per_layer)?,
			expert: u16::try_from(best % per_layer)?,
		})
	}
}

impl LocalModel {
	/// Counts the router's choices of each expert on a few sequences of a text, row-major.
	pub fn usage(&self, corpus: &Corpus, seed: u64) -> Outcome<Vec<u64>> {
		let tokens = usize::from(self.config.context);
		let sample = corpus.sample(seed, USAGE_SEQUENCES, tokens)?;
		let experts: Vec<&Expert> = self.experts.iter().collect();
		// A few sequences: not worth a GPU.
		let device = Default::default();
		Ok(expert::usage::<Flex>(&self.config, &self.trunk, &experts, &sample, tokens, &device)?)
	}
}

/// Path of a blob in the cache.
fn cache_path(cache: &Path, blob: &BlobRef) -> PathBuf {
	cache.join(hex::encode(blob.hash))
}

/// Returns a blob from the cache, where it is put if it has to be fetched.
pub async fn cached(output: &Output, client: &Client, cache: &Path, blob: &BlobRef) -> Outcome<Vec<u8>> {
	let path = cache_path(cache, blob);
	if let Ok(bytes) = fs::read(&path) {
		if client::hash(&bytes) == blob.hash {
			return Ok(bytes);
		}
	}
	let bytes = client::download(client, output, blob).await?;
	write_private(&path, &bytes)?;
	Ok(bytes)
}

/// An expert that was trained.
pub struct TrainedExpert {
	/// Its TensorBlock.
	pub bytes: Vec<u8>,
	/// Facts of the training run; the chain keeps their hash.
	pub manifest: Value,
	/// Bits per byte of text that was held out here, before and after, if they were measured.
	pub held_out: Option<(f64, f64)>,
	/// Seconds of training.
	pub seconds: f64,
	/// Record of a run on datasets of the chain.
	pub record: Option<RunRecord>,
	report: (Value, String),
}

impl TrainedExpert {
	/// Reports the result of the training: once it is on disk, so that no report is made of work that a crash may still take.
	pub fn report(&self, output: &Output) {
		let (fields, line) = self.report.clone();
		output.event("trained", fields, line);
	}
}

/// The seed of an expert: the one that was given, that of the checkpoint, or a new one.
fn own_seed(training: &TrainingArgs) -> Outcome<u64> {
	let fresh = || training.seed.unwrap_or_else(rand::random);
	let Some(checkpoint) = &training.checkpoint else { return Ok(fresh()) };
	// The seed of a run that is under way must stay, even before that run has written its first checkpoint.
	ensure_checkpoint_is_free(checkpoint)?;
	let path = checkpoint.with_added_extension("seed");
	// A checkpoint of an earlier release was made with seed 0 and has no such file.
	if training.seed.is_none() && checkpoint.exists() {
		return match fs::read_to_string(&path) {
			Ok(text) => text.trim().parse().map_err(|_| {
				Failure::new(format!("{} holds no seed", path.display())).next(format!(
					"give the run's own with --seed, or delete {} and train again",
					checkpoint.display()
				))
			}),
			Err(_) => Ok(0),
		};
	}
	let seed = fresh();
	write_private(&path, seed.to_string().as_bytes())?;
	Ok(seed)
}

/// Trains the expert in `slot`, showing the loss; it passes `gate` after every step. The result is reported when the caller has kept it.
pub async fn train_expert(
	output: &Output,
	model: Arc<LocalModel>,
	slot: ExpertSlot,
	text: Arc<TrainingText>,
	training: &TrainingArgs,
	gate: Option<Gate>,
) -> Outcome<TrainedExpert> {
	let defaults = expert::Options::default();
	let (steps, seconds_max) = limits(training, defaults.steps, defaults.seconds_max)?;
	let options = expert::Options {
		steps,
		seconds_max,
		batch: training.batch.unwrap_or(defaults.batch),
		optimiser: optimiser(training, defaults.optimiser)?,
		checkpoint: training.checkpoint.clone(),
		seed: own_seed(training)?,
		// Before the first step and after the last.
		evaluate_every: u64::MAX,
		..defaults
	};
	let start = run_start(&text, training.checkpoint.as_deref())?;
	let meter = Meter::new(output, options.steps, options.seconds_max);
	let (output, background) = (output.clone(), training.background);
	on_training_thread(background, move || {
		let experts: Vec<&Expert> = model.experts.iter().collect();
		let place = SlotIndex { layer: slot.layer, expert: slot.expert };
		let config = &model.config;
		let mut meter = meter;
		let mut note = |progress: &Progress| {
			if let Some(gate) = &gate {
				gate.pass(&output);
			}
			meter.note(progress)
		};
		let trained =
			on_best_device!(&output, expert_on(&model, &experts, place, &text, options.clone(), &mut note))?;
		let last = meter.finish();
		let fields = json!({ "slot": slot, "steps": trained.steps, "bytes": trained.bytes,
			"seconds": trained.seconds, "loss_first": last.0, "loss_last": last.1,
			"held_out": trained.holdout_bits });
		let held_out = trained.holdout_bits.map_or(String::new(), |(before, after)| {
			format!("; on text held out here {before:.4} -> {after:.4} bits/byte")
		});
		let line = format!(
			"trained    layer{}.expert{}: {} steps, {:.1} MiB in {:.0} s{held_out}",
			slot.layer,
			slot.expert,
			trained.steps,
			trained.bytes as f64 / f64::from(1 << 20),
			trained.seconds,
		);
		let mut manifest = json!({ "program": concat!("blyan ", env!("CARGO_PKG_VERSION")), "slot": slot,
			"options": options, "corpus": { "documents": text.corpus.documents(), "bytes": text.corpus.len() },
			"result": fields.clone() });
		if let Some(mixture) = &text.mixture {
			manifest["datasets"] = json!(mixture.datasets());
		}
		let bytes = write_expert(&trained.expert, config)?;
		let record = record(&output, &text, start, || facts_of(&trained, &options));
		let (held_out, seconds) = (trained.holdout_bits, trained.seconds);
		Ok(TrainedExpert { bytes, manifest, held_out, seconds, record, report: (fields, line) })
	})
	.await
}

/// The beginning of a run on datasets of the chain.
fn run_start(text: &TrainingText, checkpoint: Option<&Path>) -> Outcome<Option<RunStart>> {
	let Some(mixture) = &text.mixture else { return Ok(None) };
	// What is kept beside the checkpoint of a run that is under way must stay.
	checkpoint.map(ensure_checkpoint_is_free).transpose()?;
	RunStart::of(mixture, checkpoint).map(Some)
}

/// The facts of an expert's run that its record is made of.
fn facts_of(trained: &expert::TrainedExpert, options: &expert::Options) -> RunFacts {
	let expert::Drawn { sequences, length, stride, batches } = trained.drawn;
	RunFacts {
		seed: options.seed,
		sequences,
		length,
		stride,
		batches,
		seconds: trained.seconds,
		threads: threads(options.threads),
		is_on_gpu: is_on_gpu(),
		holdout_bits: trained.holdout_bits,
	}
}

/// The record of a run on datasets of the chain. Where there can be none, what was learned is still worth keeping.
fn record(
	output: &Output,
	text: &TrainingText,
	start: Option<RunStart>,
	facts: impl FnOnce() -> RunFacts,
) -> Option<RunRecord> {
	let (mixture, start) = text.mixture.as_deref().zip(start)?;
	RunRecord::new(mixture, start, &facts())
		.inspect_err(|failure| output.warn(format!("no manifest is written: {}", failure.message)))
		.ok()
}

/// Threads of a run; all cores where none are named.
fn threads(named: usize) -> usize {
	match named {
		0 => std::thread::available_parallelism().map_or(1, usize::from),
		named => named,
	}
}

/// Reports whether updates are made on a GPU, as `on_best_device` decides it.
fn is_on_gpu() -> bool {
	#[cfg(feature = "cuda")]
	let is_there = blyan_training::cuda_device().is_ok();
	#[cfg(not(feature = "cuda"))]
	let is_there = false;
	is_there
}

/// A whole model.
pub struct BaseRun {
	/// Name of the model.
	pub name: String,
	/// Architecture.
	pub config: ModelConfig,
	/// Text to train on.
	pub text: Arc<TrainingText>,
	/// Test sequences on which candidates will be measured.
	pub holdout: Holdout,
	/// Settings.
	pub options: base::Options,
	/// Use only what everything else leaves of the processors.
	pub background: bool,
}

/// Runs `work` on a thread of its own, whose priority the threads that it starts inherit.
async fn on_training_thread<T: Send + 'static>(
	background: bool,
	work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
	let (tell, told) = tokio::sync::oneshot::channel();
	std::thread::Builder::new().name("training".into()).spawn(move || {
		if background {
			run_in_background();
		}
		// The receiver is gone if the program is ending.
		let _ = tell.send(work());
	})?;
	told.await.map_err(|_| Failure::new("training ended without a result; its error is above"))?
}

/// Trains a whole model and writes it as a folder.
pub async fn train_base(output: &Output, run: BaseRun, out: &Path) -> Outcome<()> {
	let start = run_start(&run.text, run.options.checkpoint.as_deref())?;
	let meter = Meter::new(output, run.options.steps, run.options.seconds_max);
	let (output, out) = (output.clone(), out.to_path_buf());
	on_training_thread(run.background, move || {
		let BaseRun { name, config, text, holdout, options, .. } = run;
		let mut meter = meter;
		let mut note = |progress: &Progress| meter.note(progress);
		let (weights, result, drawn) =
			on_best_device!(&output, base_on(&config, &text, &holdout, options.clone(), &mut note))?;
		let last = meter.finish();
		let mut facts =
			json!({ "program": concat!("blyan ", env!("CARGO_PKG_VERSION")), "options": options });
		facts["result"] = result.clone();
		let report = facts.to_string();
		let manifest = model_dir::write(&out, &name, &config, &weights, &holdout, facts)?;
		let facts = || RunFacts { is_on_gpu: is_on_gpu(), ..drawn };
		if let Some(record) = record(&output, &text, start, facts) {
			// Not one expert, but all of them.
			let experts = blocks_root(&manifest.heads);
			write_private(&out.join("training.json"), report.as_bytes())?;
			let files = record.write(&out.join("training"), experts, report.as_bytes())?;
			output.say(format!("wrote {}", files.manifest.display()));
		}
		let size: u64 = manifest.heads.iter().chain([&manifest.trunk]).map(|b| u64::from(b.blob.size)).sum();
		let fields = json!({ "dir": out, "result": result, "loss_last": last.1, "bytes": size });
		let loss = if last.1.is_nan() { "untrained".into() } else { format!("loss {:.4} bits/byte", last.1) };
		let line = format!("trained    \"{name}\": {loss}, {} KiB in {}", size >> 10, out.display());
		output.event("trained", fields, line);
		Ok(())
	})
	.await
}

fn expert_on<B: TrainBackend>(
	device: &B::Device,
	model: &LocalModel,
	experts: &[&Expert],
	place: SlotIndex,
	text: &TrainingText,
	options: expert::Options,
	note: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<expert::TrainedExpert, TrainError> {
	let LocalModel { config, trunk, .. } = model;
	let check = text.check(usize::from(config.context));
	let source = text.source(options.seed);
	expert::train_expert::<B>(config, trunk, experts, place, &source, &check, options, device, note)
}

fn base_on<B: TrainBackend>(
	device: &B::Device,
	config: &ModelConfig,
	text: &TrainingText,
	holdout: &Holdout,
	options: base::Options,
	note: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(ExactWeights, Value, RunFacts), TrainError> {
	let source = text.source(options.seed);
	let mut drawn = RunFacts {
		seed: options.seed,
		sequences: options.batch,
		length: config.context.into(),
		stride: 1,
		batches: 0,
		seconds: 0.0,
		threads: threads(options.threads),
		is_on_gpu: false,
		holdout_bits: None,
	};
	let trained = base::train_base::<B>(config, &source, &holdout.bytes, options, device, note)?;
	(drawn.batches, drawn.seconds) = (trained.steps, trained.seconds);
	let result = json!({ "steps": trained.steps, "bytes": trained.bytes, "seconds": trained.seconds,
		"holdout_bits_per_byte": trained.holdout_bits });
	Ok((export::<B>(config, &trained.latent)?, result, drawn))
}

/// Limits of training: minutes, steps, or the earlier of both.
pub fn limits(training: &TrainingArgs, steps: u64, seconds: Option<f64>) -> Outcome<(u64, Option<f64>)> {
	let minutes = training.minutes.map(|minutes| minutes * 60.0);
	if minutes.is_some_and(|seconds| !(seconds > 0.0 && seconds.is_finite())) {
		return Err(Failure::new("--minutes must be positive").next("try --minutes 3"));
	}
	Ok(match (minutes, training.steps) {
		(None, None) => (steps, seconds),
		(None, Some(steps)) => (steps, None),
		(Some(seconds), None) => (u64::MAX, Some(seconds)),
		(Some(seconds), Some(steps)) => (steps, Some(seconds)),
	})
}

/// The optimiser with the learning rate that was asked for.
pub fn optimiser(training: &TrainingArgs, defaults: OptimiserConfig) -> Outcome<OptimiserConfig> {
	let learning_rate = training.learning_rate.unwrap_or(defaults.learning_rate);
	let schedule = training.schedule.unwrap_or(defaults.schedule);
	let warmup = training.warmup.unwrap_or(defaults.warmup);
	if !(0.0..=1.0).contains(&warmup) {
		return Err(Failure::new("--warmup is a part of the run, from 0 to 1").next("try --warmup 0.05"));
	}
	Ok(OptimiserConfig { learning_rate, schedule, warmup, ..defaults })
}

/// Shows how far a run is: a bar for a person at a terminal, lines otherwise.
struct Meter {
	output: Output,
	bar: Bar,
	/// Thousandths of a run that is limited by time, else steps.
	by_time: bool,
	reported: Instant,
	smooth: Option<f64>,
	first: Option<f64>,
}

impl Meter {
	fn new(output: &Output, steps: u64, seconds_max: Option<f64>) -> Self {
		let by_time = seconds_max.is_some();
		Self {
			output: output.clone(),
			bar: output.bar("training", if by_time { 1_000 } else { steps }),
			by_time,
			reported: Instant::now(),
			smooth: None,
			first: None,
		}
	}

	fn note(&mut self, progress: &Progress) -> ControlFlow<()> {
		let old = self.smooth.unwrap_or(progress.loss_bits);
		let smooth = old + SMOOTHING * (progress.loss_bits - old);
		self.smooth = Some(smooth);
		self.first.get_or_insert(progress.loss_bits);
		let rate = progress.bytes as f64 / progress.seconds.max(1e-9);
		self.bar.set(if self.by_time { (progress.done * 1_000.0) as u64 } else { progress.step });
		let note = format!("step {} loss {smooth:.4} bits/byte, {:.1} kB/s", progress.step, rate / 1e3);
		self.bar.note(note);
		if !self.output.has_bars() && (self.reported.elapsed() >= REPORT_EVERY || progress.step == 1) {
			self.reported = Instant::now();
			let left = progress.seconds / progress.done.max(1e-9) - progress.seconds;
			let fields = json!({ "step": progress.step, "done": progress.done, "loss": smooth,
				"holdout": progress.holdout_bits, "seconds": progress.seconds, "bytes": progress.bytes });
			let text = format!(
				"training   {:>3.0} %  step {:<6} loss {smooth:.4} bits/byte  {:.1} kB/s  {left:.0} s left",
				progress.done * 100.0,
				progress.step,
				rate / 1e3
			);
			self.output.event("training", fields, text);
		}
		ControlFlow::Continue(())
	}

	/// The first loss and the smoothed last one.
	fn finish(self) -> (f64, f64) {
		(self.first.unwrap_or(f64::NAN), self.smooth.unwrap_or(f64::NAN))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn training(minutes: Option<f64>, steps: Option<u64>) -> TrainingArgs {
		TrainingArgs { minutes, steps, ..TrainingArgs::default() }
	}

	#[test]
	fn a_seed_stays_beside_its_checkpoint_and_is_another_for_another_run() {
		let dir = tempfile::tempdir().unwrap();
		let checkpoint = dir.path().join("run.ckpt");
		let of = |seed| {
			own_seed(&TrainingArgs { checkpoint: Some(checkpoint.clone()), seed, ..training(None, None) })
		};
		let first = of(None).unwrap();
		assert_ne!(of(None).unwrap(), first, "there is no checkpoint, so it is another run");
		assert_eq!(of(Some(7)).unwrap(), 7);
		fs::write(&checkpoint, b"of seed 7").unwrap();
		assert_eq!(of(None).unwrap(), 7);
		fs::write(checkpoint.with_added_extension("seed"), b"").unwrap();
		let failure = of(None).unwrap_err();
		assert!(failure.next.unwrap().contains("--seed"));

		// While another run is under way its seed is not replaced.
		let other = fs::File::create(checkpoint.with_extension("lock")).unwrap();
		other.try_lock().unwrap();
		let failure = of(Some(9)).unwrap_err();
		assert!(failure.message.contains("under way"), "{}", failure.message);
		assert_eq!(fs::read(checkpoint.with_added_extension("seed")).unwrap(), b"");
	}

	#[test]
	fn limits_take_what_was_said() {
		let of = |minutes, steps| limits(&training(minutes, steps), 10, Some(5.0)).unwrap();
		assert_eq!(of(None, None), (10, Some(5.0)));
		assert_eq!(of(Some(2.0), None), (u64::MAX, Some(120.0)));
		assert_eq!(of(None, Some(7)), (7, None));
		assert_eq!(of(Some(2.0), Some(7)), (7, Some(120.0)));
		for minutes in [0.0, -1.0, f64::NAN, f64::INFINITY] {
			assert!(limits(&training(Some(minutes), None), 10, None).is_err());
		}
	}
}
