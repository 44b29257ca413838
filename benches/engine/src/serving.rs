//! Chat while a model is trained, and while candidates are evaluated: everything in one process, in one queue.
//!
//! Chats arrive at random (a Poisson process), and what is measured of each is the time to its first byte. A round is:
//! chats alone; training alone; both; evaluation alone; both. Training and evaluation use a thread a core, as they
//! would in a node, so that every chat meets a machine without a free core.

use crate::Options;
use blyan_engine::{
	blobs::BlobStore,
	block::block_ref,
	decode::GenerationRequest,
	kernel::Kernel,
	model::ModelStore,
	queue::{Demand, GenerationEvent, JobQueue, ModelParts, QueueConfig, Turn},
};
use blyan_exact::{ModelConfig, Sampling};
use blyan_primitives::{BlockRef, EvaluationJob, HoldoutRef, JobBody};
use blyan_training::{base, Corpus};
use burn_flex::Flex;
use serde_json::{json, Value};
use sp_core::H256;
use std::{
	error::Error,
	fs,
	ops::ControlFlow,
	path::Path,
	sync::{
		atomic::{AtomicBool, AtomicU64, Ordering},
		mpsc, Arc,
	},
	time::{Duration, Instant},
};

/// Mean time between two chats.
const INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of a chat's prompt, and of its answer.
const PROMPT_BYTES: usize = 64;
const ANSWER_BYTES: u32 = 32;
/// Rounds; each has its share of the time of every phase.
const ROUNDS: usize = 4;
/// Sequences of one training step: short steps, so that a few seconds hold many.
const BATCH: usize = 8;
/// Sequences of one evaluation.
const SAMPLE: u32 = 64;
/// Time limit of a step; the measurement is given up then.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of memory for models.
const CACHE_BYTES: u64 = 256 << 20;

/// Numbers that look random: SplitMix64.
struct Random(u64);

impl Random {
	fn next(&mut self) -> u64 {
		self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
		let mut z = self.0;
		z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
		z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
		z ^ (z >> 31)
	}

	/// Time until the next event of a Poisson process.
	fn pause(&mut self, mean: Duration) -> Duration {
		let part = ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
		mean.mul_f64(-part.ln())
	}
}

/// A node's engine with one model in it.
struct World {
	queue: Arc<JobQueue>,
	parts: ModelParts,
	holdout: HoldoutRef,
	text: Vec<u8>,
	random: Random,
	_dir: tempfile::TempDir,
}

impl World {
	fn load(dir: &Path, threads: usize) -> Result<Self, Box<dyn Error>> {
		let manifest: Value = serde_json::from_slice(&fs::read(dir.join("manifest.json"))?)?;
		let config: ModelConfig = serde_json::from_value(manifest["config"].clone())?;
		let holdout: HoldoutRef = serde_json::from_value(manifest["holdout"].clone())?;
		let store = tempfile::tempdir()?;
		let blobs = Arc::new(BlobStore::open(store.path(), 1 << 30)?);
		let put = |name: &str| -> Result<BlockRef, Box<dyn Error>> {
			let bytes = fs::read(dir.join(name))?;
			blobs.put(&bytes)?;
			Ok(block_ref(&bytes))
		};
		let trunk = put("trunk.tblk")?;
		let heads = (0..config.layers)
			.flat_map(|layer| (0..config.experts).map(move |expert| format!("l{layer}e{expert}.tblk")))
			.map(|name| put(&name))
			.collect::<Result<_, _>>()?;
		let text = fs::read(dir.join("holdout.bin"))?;
		blobs.put(&text)?;
		let models = Arc::new(ModelStore::new(blobs, CACHE_BYTES));
		let config_of_queue = QueueConfig {
			evaluation_threads: threads,
			serving_threads: 2.min(threads),
			..Default::default()
		};
		let queue = JobQueue::new(config_of_queue, models).map_err(|error| format!("{error:?}"))?;
		let parts = ModelParts { config, trunk, heads };
		Ok(Self { queue: Arc::new(queue), parts, holdout, text, random: Random(1), _dir: store })
	}

	/// Sends chats for so long; seconds to the first byte of each.
	fn chat(&mut self, length: Duration) -> Result<Vec<f64>, Box<dyn Error>> {
		let (tell, told) = mpsc::channel();
		let until = Instant::now() + length;
		let mut count = 0;
		loop {
			std::thread::sleep(self.random.pause(INTERVAL));
			if Instant::now() > until {
				break;
			}
			let at = self.random.next() as usize % (self.text.len() - PROMPT_BYTES);
			let request = GenerationRequest {
				prompt: self.text[at..at + PROMPT_BYTES].to_vec(),
				max_bytes: ANSWER_BYTES,
				sampling: Sampling { temperature: 256, top_p: 256, seed: [7; 32] },
			};
			let (tell, began) = (tell.clone(), Instant::now());
			let sink = move |event| {
				match event {
					GenerationEvent::Byte { index: 0, .. } => {
						drop(tell.send(Ok(began.elapsed().as_secs_f64())))
					}
					GenerationEvent::Failed(error) => drop(tell.send(Err(format!("{error:?}")))),
					_ => {}
				}
				Demand::More
			};
			self.queue
				.generate(count, self.parts.clone(), request, Box::new(sink))
				.map_err(|error| format!("{error:?}"))?;
			count += 1;
		}
		let waits =
			(0..count).map(|_| told.recv_timeout(Duration::from_secs(60))).collect::<Result<Vec<_>, _>>()?;
		Ok(waits.into_iter().collect::<Result<_, _>>()?)
	}

	/// Sleeps for so long.
	fn be_quiet(length: Duration) {
		std::thread::sleep(length);
	}
}

/// Training in the queue until it is dropped.
struct Trainer {
	bytes: Arc<AtomicU64>,
	stop: Arc<AtomicBool>,
	ended: mpsc::Receiver<()>,
}

impl Trainer {
	fn start(world: &World, threads: usize) -> Result<Self, Box<dyn Error>> {
		let (bytes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
		let (tell, ended) = mpsc::channel();
		let corpus = Corpus::new([world.text.as_slice()]);
		let (config, learned, stopped) = (world.parts.config, bytes.clone(), stop.clone());
		let task = move |turn: &Turn<'_>| {
			let options = base::Options { steps: u64::MAX, batch: BATCH, threads, ..Default::default() };
			let trained = base::train_base::<Flex>(
				&config,
				&corpus,
				&[],
				options,
				&Default::default(),
				&mut |progress| {
					learned.store(progress.bytes, Ordering::Relaxed);
					if stopped.load(Ordering::Relaxed) || turn.wait().is_err() {
						ControlFlow::Break(())
					} else {
						ControlFlow::Continue(())
					}
				},
			);
			if let Err(error) = trained {
				eprintln!("training failed: {error}");
			}
			let _ = tell.send(());
		};
		world.queue.train(Box::new(task)).map_err(|error| format!("{error:?}"))?;
		let trainer = Self { bytes, stop, ended };
		while trainer.bytes.load(Ordering::Relaxed) == 0 {
			if trainer.ended.try_recv().is_ok() {
				return Err("training ended at once".into());
			}
			std::thread::sleep(Duration::from_millis(5));
		}
		Ok(trainer)
	}

	/// Bytes per second while `work` runs.
	fn rate<T>(&self, work: impl FnOnce() -> T) -> Result<(f64, T), Box<dyn Error>> {
		rate(|| self.bytes.load(Ordering::Relaxed), work)
	}

	fn end(self) -> Result<(), Box<dyn Error>> {
		self.stop.store(true, Ordering::Relaxed);
		Ok(self.ended.recv()?)
	}
}

/// Returns a counter's rate per second while `work` runs, between two of its changes.
fn rate<T>(count: impl Fn() -> u64, work: impl FnOnce() -> T) -> Result<(f64, T), Box<dyn Error>> {
	let next_change = |from: u64| {
		let until = Instant::now() + PATIENCE;
		while Instant::now() < until {
			let now = count();
			if now != from {
				return Ok((now, Instant::now()));
			}
			std::thread::sleep(Duration::from_micros(500));
		}
		Err("this machine is too busy with other programs: what runs behind them stands still")
	};
	let (first, began) = next_change(count())?;
	let result = work();
	let (last, ended) = next_change(count())?;
	Ok(((last - first) as f64 / (ended - began).as_secs_f64(), result))
}

/// Evaluations one after another until it is dropped.
struct Feeder {
	stop: Arc<AtomicBool>,
	thread: Option<std::thread::JoinHandle<()>>,
}

impl Feeder {
	fn start(world: &World, round: usize) -> Self {
		let stop = Arc::new(AtomicBool::new(false));
		let (queue, stopped) = (world.queue.clone(), stop.clone());
		let ModelParts { config, trunk, heads } = world.parts.clone();
		let mut job = EvaluationJob {
			definition: blyan_exact::DEFINITION,
			model: 0,
			body: JobBody::First { config, trunk },
			candidate: heads[1],
			heads,
			layer: 0,
			expert: 0,
			holdout: world.holdout,
			seed: H256::zero(),
			sample: SAMPLE,
		};
		let thread = std::thread::spawn(move || {
			let mut seed = (round as u64) << 32;
			let mut submitted = Vec::new();
			while !stopped.load(Ordering::Relaxed) {
				if queue.metrics().queued < 2 {
					seed += 1;
					job.seed = H256::from_low_u64_be(seed);
					match queue.submit(job.clone()) {
						Ok(id) => submitted.push(id),
						Err(error) => return eprintln!("evaluation refused: {error:?}"),
					}
				}
				std::thread::sleep(Duration::from_millis(2));
			}
			for id in submitted {
				// Those that ended long ago are forgotten, which is as good.
				let _ = queue.cancel(id);
			}
		});
		Self { stop, thread: Some(thread) }
	}
}

impl Drop for Feeder {
	fn drop(&mut self) {
		self.stop.store(true, Ordering::Relaxed);
		if let Some(thread) = self.thread.take() {
			let _ = thread.join();
		}
	}
}

/// The value that `part` of all are not above.
fn quantile(waits: &[f64], part: f64) -> f64 {
	let mut sorted = waits.to_vec();
	sorted.sort_by(f64::total_cmp);
	sorted[((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len()) - 1]
}

fn mean(values: &[f64]) -> f64 {
	values.iter().sum::<f64>() / values.len() as f64
}

fn round(value: f64) -> f64 {
	(value * 1_000.0).round() / 1_000.0
}

/// Reports the waits measured in chats.
fn waits_report(waits: &[f64]) -> Value {
	json!({
		"chats": waits.len(),
		"first_byte_ms_p50": round(quantile(waits, 0.5) * 1e3),
		"first_byte_ms_p95": round(quantile(waits, 0.95) * 1e3),
		"first_byte_ms_max": round(quantile(waits, 1.0) * 1e3),
	})
}

/// Measures and reports.
pub fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
	let threads = std::thread::available_parallelism()?.get();
	let phase = Duration::from_secs_f64((options.seconds / ROUNDS as f64).max(1.0));
	let mut world = World::load(&options.model, threads)?;
	// The first answer loads the model.
	world.chat(Duration::from_secs(1))?;
	let (mut idle, mut training, mut evaluating) = (Vec::new(), Vec::new(), Vec::new());
	let (mut trained, mut evaluated) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
	for number in 0..ROUNDS {
		idle.extend(world.chat(phase)?);

		let trainer = Trainer::start(&world, threads)?;
		trained[0].push(trainer.rate(|| World::be_quiet(phase))?.0);
		let (rate_with_chats, waits) = trainer.rate(|| world.chat(phase))?;
		trained[1].push(rate_with_chats);
		training.extend(waits?);
		trainer.end()?;

		let feeder = Feeder::start(&world, number);
		let queue = world.queue.clone();
		let sequences = || queue.metrics().sequences;
		evaluated[0].push(rate(sequences, || World::be_quiet(phase))?.0);
		let (rate_with_chats, waits) = rate(sequences, || world.chat(phase))?;
		evaluated[1].push(rate_with_chats);
		evaluating.extend(waits?);
		drop(feeder);
		while world.queue.metrics().running + world.queue.metrics().queued > 0 {
			std::thread::sleep(Duration::from_millis(5));
		}
	}
	let tail = |waits: &[f64]| quantile(waits, 0.95);
	let [trained, evaluated] = [trained, evaluated].map(|pair| pair.map(|rates| mean(&rates)));
	let report = json!({
		"p95_training_to_idle": round(tail(&training) / tail(&idle)),
		"training_speed_kept": round(trained[1] / trained[0]),
		"p95_evaluating_to_idle": round(tail(&evaluating) / tail(&idle)),
		"evaluation_speed_kept": round(evaluated[1] / evaluated[0]),
		"threads": threads,
		"chats_per_second": 1.0 / INTERVAL.as_secs_f64(),
		"prompt_bytes": PROMPT_BYTES,
		"answer_bytes": ANSWER_BYTES,
		"idle": waits_report(&idle),
		"training": waits_report(&training),
		"evaluating": waits_report(&evaluating),
		"training_bytes_per_second": { "alone": trained[0].round(), "with_chats": trained[1].round() },
		"evaluation_sequences_per_second": { "alone": round(evaluated[0]), "with_chats": round(evaluated[1]) },
		"kernel": Kernel::best().name(),
	});
	eprintln!(
		"first byte, 95 %: {:.1} ms idle, {:.1} ms while training ({} x), {:.1} ms while evaluating ({} x)",
		tail(&idle) * 1e3,
		tail(&training) * 1e3,
		report["p95_training_to_idle"],
		tail(&evaluating) * 1e3,
		report["p95_evaluating_to_idle"],
	);
	eprintln!(
		"beside chats training keeps {} of its speed, evaluation {}",
		report["training_speed_kept"], report["evaluation_speed_kept"],
	);
	Ok(report)
}
