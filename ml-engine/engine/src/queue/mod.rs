//! The engine's threads, and who may use them when.
//!
//! Three classes of work: serving, evaluation, training. Each has its own threads, so nothing waits behind a long
//! job of a lower class; lower classes pause between small steps while higher ones have work, and run at a lower
//! priority until then: training in the scheduler's idle class ([`run_in_background`]). An evaluation pauses between
//! groups of sequences, but not below its share ([`share`]): operators must report in time.
//!
//! Clients take turns ([`turns`]), and a generation whose reader is behind takes none ([`Demand`]).
//!
//! Comparisons of two models in suites of tasks run behind evaluations, on a thread of their own, task by task ([`benchmarks`]).
//!
//! Beside evaluations, on a thread of its own, the queue opens what outcomes commit to, for disputes: their clocks run
//! while an evaluation may take minutes. What one opening needed is kept for the next.
//!
//! A job is named by its hash. Submitting it twice is submitting it once; results are kept until newer ones
//! push them out. After a restart nothing is remembered, and a caller that wants a result submits again. A panic
//! inside a job becomes [`EngineError::Internal`] of that job.

mod asked;
mod background;
mod benchmarks;
mod comparisons;
mod config;
mod dataset_audits;
mod findings;
mod generation;
mod metrics;
mod serving;
mod share;
mod state;
#[cfg(test)]
mod tests;
mod turns;

pub use background::run_in_background;
use background::{run_behind_serving, thread_time};
pub use config::QueueConfig;
pub use generation::GenerationHandle;
pub use metrics::{Durations, QueueMetrics, DURATION_BOUNDS};

use crate::{
	decode::{GenerationRequest, GenerationSummary},
	eval::{evaluate_job, outcome, positions, Checkpoint, Evaluator, Finding, Need},
	kernel::Kernel,
	model::ModelStore,
};
use blyan_exact::{tree::Item, ModelConfig};
use blyan_primitives::{BlockRef, EngineError, EvaluationJob, JobId, JobStatus, Opening, Query};
use generation::{Flags, Generation, Stage};
use parking_lot::{Condvar, Mutex};
use serving::serve;
use state::{State, Task};
use std::{
	cell::Cell,
	panic::{catch_unwind, AssertUnwindSafe},
	sync::{
		atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
		Arc,
	},
	thread::JoinHandle,
	time::{Duration, Instant},
};

/// The model a generation runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelParts {
	/// Architecture.
	pub config: ModelConfig,
	/// Everything that is not an expert.
	pub trunk: BlockRef,
	/// Experts in row-major order.
	pub heads: Vec<BlockRef>,
}

/// Event of a generation, in this order: bytes, then exactly one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenerationEvent {
	/// The next byte.
	Byte {
		/// Its index, from zero.
		index: u32,
		/// The byte.
		byte: u8,
	},
	/// Finished, or broken off by the sink.
	Done(GenerationSummary),
	/// Ended without a result.
	Failed(EngineError),
}

/// Demand of a sink after an event: backpressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
	/// Takes more.
	More,
	/// Takes more after [`GenerationHandle::resume`]. Until then the generation is parked: it takes no turns, for as long
	/// as the handle's holder wants.
	Later,
	/// Takes nothing more, so the generation ends.
	Nothing,
}

/// Takes the events of a generation on a serving thread, so it must not block.
pub type GenerationSink = Box<dyn FnMut(GenerationEvent) -> Demand + Send>;

/// A long task of the lowest class, and with it all threads that it starts. It calls [`Turn::wait`] between steps
/// and ends when that fails.
pub type TrainingTask = Box<dyn FnOnce(&Turn<'_>) + Send>;

/// Work of the evaluation thread on a job.
type Work = Box<dyn Fn(&EvaluationJob, Checkpoint<'_>) -> Result<Vec<Item>, EngineError> + Send + Sync>;

/// Search of the opening thread.
type Search =
	Box<dyn Fn(&EvaluationJob, &Need, Checkpoint<'_>) -> Result<Finding, EngineError> + Send + Sync>;

struct Shared {
	config: QueueConfig,
	state: Mutex<State>,
	/// Signals every change of `state` that a thread may be waiting for.
	changed: Condvar,
	/// Generations that wait for their turn or have it, for those who must not wait for `state`.
	serving: AtomicUsize,
	/// Nanoseconds that evaluation computed for and [`State::share`] has not noted yet.
	evaluated: AtomicU64,
	models: Arc<ModelStore>,
	kernel: Kernel,
	/// Threads that read prompts together.
	readers: Arc<rayon::ThreadPool>,
	work: Work,
	search: Search,
}

/// Interval at which work of a lower priority checks whether it may go on.
///
/// They never wait for the queue's lock. A thread that waits for a lock may be handed it, and would keep serving
/// waiting until the scheduler has a core for it.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// The right of a training task to go on.
pub struct Turn<'a>(&'a Shared);

impl Turn<'_> {
	/// Returns when nothing of a higher class has work; fails when the queue shuts down.
	pub fn wait(&self) -> Result<(), EngineError> {
		loop {
			match self.0.state.try_lock() {
				Some(state) if state.stopping => return Err(EngineError::Cancelled),
				Some(state) if !state.is_serving() && !state.is_evaluating() => return Ok(()),
				_ => {}
			}
			std::thread::sleep(LOOK_EVERY);
		}
	}
}

/// Time for which the end of the queue waits for training. Its threads run when nothing else wants to, which on a busy
/// machine may be never; they hold nothing that others wait for.
const TRAINING_ENDS: Duration = Duration::from_millis(200);

/// Jobs in, results out. Dropping it cancels what runs and waits for its threads, for training a moment only.
pub struct JobQueue {
	shared: Arc<Shared>,
	threads: Vec<JoinHandle<()>>,
	trainer: Option<JoinHandle<()>>,
}

impl JobQueue {
	/// Starts the threads.
	pub fn new(config: QueueConfig, models: Arc<ModelStore>) -> Result<Self, EngineError> {
		// The evaluator's threads inherit the priority of the one that starts them.
		let start = || {
			run_behind_serving();
			Evaluator::new(config.kernel, config.evaluation_threads)
		};
		let started = std::thread::scope(|scope| scope.spawn(start).join());
		let evaluator = Arc::new(started.unwrap_or(Err(EngineError::Internal))?);
		let limits = config.limits;
		let (store, evaluating) = (models.clone(), evaluator.clone());
		let work: Work =
			Box::new(move |job, checkpoint| evaluate_job(job, &limits, &store, &evaluating, checkpoint));
		let store = models.clone();
		let search: Search =
			Box::new(move |job, need, checkpoint| need.find(job, &limits, &store, &evaluator, checkpoint));
		Self::with_work(config, models, work, search)
	}

	fn with_work(
		config: QueueConfig,
		models: Arc<ModelStore>,
		work: Work,
		search: Search,
	) -> Result<Self, EngineError> {
		let serving_threads = config.serving_threads.max(1);
		let kernel = config.kernel;
		let readers = rayon::ThreadPoolBuilder::new()
			.num_threads(config.evaluation_threads)
			.thread_name(|index| format!("blyan-read-{index}"))
			.build();
		let readers = Arc::new(readers.map_err(|error| {
			log::error!("cannot start the threads that read prompts: {error}");
			EngineError::Internal
		})?);
		let (state, changed) = (Mutex::new(State::default()), Condvar::new());
		let (serving, evaluated) = (AtomicUsize::new(0), AtomicU64::new(0));
		let shared =
			Shared { config, state, changed, serving, evaluated, models, kernel, readers, work, search };
		let shared = Arc::new(shared);
		let mut queue = Self { shared, threads: Vec::new(), trainer: None };
		for index in 0..serving_threads {
			let server = queue.spawn(format!("blyan-serve-{index}"), serve)?;
			queue.threads.push(server);
		}
		let evaluators = [
			("blyan-evaluate", evaluate as fn(&Shared)),
			("blyan-open", open),
			("blyan-compare", comparisons::compare),
			("blyan-audit", dataset_audits::audit),
			("blyan-benchmark", benchmarks::measure),
		];
		for (name, body) in evaluators {
			let evaluator = queue.spawn(name.into(), body)?;
			queue.threads.push(evaluator);
		}
		queue.trainer = Some(queue.spawn("blyan-train".into(), train)?);
		Ok(queue)
	}

	fn spawn(&self, name: String, body: fn(&Shared)) -> Result<JoinHandle<()>, EngineError> {
		let shared = self.shared.clone();
		let thread = std::thread::Builder::new().name(name).spawn(move || body(&shared));
		thread.map_err(|error| {
			log::error!("cannot start an engine thread: {error}");
			EngineError::Internal
		})
	}

	/// The models this queue works on.
	pub fn models(&self) -> &Arc<ModelStore> {
		&self.shared.models
	}

	/// Queues a job. One that is queued, running, done or failed for good is not queued again, and neither is one that
	/// still lacks the blob that it last ended for: it stays failed, and asking for it costs nothing.
	pub fn submit(&self, job: EvaluationJob) -> Result<JobId, EngineError> {
		self.shared.config.limits.check(&job)?;
		let id = job.id();
		let mut state = self.shared.state.lock();
		if state.lack_of(&id).is_some_and(|blob| !self.shared.models.blobs().has(&blob)) {
			return Ok(id);
		}
		state.submit(id, job, self.shared.config.jobs_max)?;
		drop(state);
		self.shared.changed.notify_all();
		Ok(id)
	}

	/// Where a job stands.
	pub fn poll(&self, id: JobId) -> Result<JobStatus, EngineError> {
		self.shared.state.lock().status(&id).ok_or(EngineError::UnknownJob)
	}

	/// Gives up on an evaluation, or on a comparison of two models. Cancelling one that has ended changes nothing.
	pub fn cancel(&self, id: JobId) -> Result<(), EngineError> {
		let mut state = self.shared.state.lock();
		if !state.cancel_benchmark(&id) {
			state.cancel(&id, self.shared.config.results_max)?;
		}
		drop(state);
		self.shared.changed.notify_all();
		Ok(())
	}

	/// Opens a place in what `job` computes, for a dispute. The job need not have been submitted.
	///
	/// Begins to compute what the opening needs and answers `None` while that lasts. Something that could not be
	/// computed is told once, to the next who asks; asking again tries again.
	pub fn open(&self, job: EvaluationJob, query: Query) -> Result<Option<Opening>, EngineError> {
		self.shared.config.limits.check(&job)?;
		let key = (job.id(), Need::of(&job, &query)?);
		let found = self.shared.state.lock().find(key, &job, self.shared.config.openings_max)?;
		match found {
			Some(finding) => finding.answer(&job, &query).map(Some),
			None => {
				self.shared.changed.notify_all();
				Ok(None)
			}
		}
	}

	/// Queues a generation; everything that happens to it goes to `sink`, which is dropped when the engine is done with it.
	/// The handle gives it up. Generations of different clients take turns; those of one share the client's turns.
	pub fn generate(
		&self,
		client: u64,
		model: ModelParts,
		request: GenerationRequest,
		sink: GenerationSink,
	) -> Result<GenerationHandle, EngineError> {
		let config = &self.shared.config;
		if request.max_bytes > config.generation_bytes_max
			|| request.prompt.len() > config.prompt_bytes_max as usize
		{
			return Err(EngineError::JobMalformed);
		}
		let mut state = self.shared.state.lock();
		if state.generations() >= config.generations_max {
			return Err(EngineError::Busy);
		}
		self.shared.serving.fetch_add(1, Ordering::Relaxed);
		let flags = Arc::new(Flags::default());
		let (stage, took) = (Stage::New(model, request), Duration::ZERO);
		state.line.push(client, Generation { client, stage, sink, flags: flags.clone(), took });
		drop(state);
		self.shared.changed.notify_all();
		Ok(GenerationHandle::new(&self.shared, flags))
	}

	/// Queues a training task.
	pub fn train(&self, task: TrainingTask) -> Result<(), EngineError> {
		let mut state = self.shared.state.lock();
		if state.trainings.len() >= self.shared.config.trainings_max {
			return Err(EngineError::Busy);
		}
		state.trainings.push_back(Task(task));
		drop(state);
		self.shared.changed.notify_all();
		Ok(())
	}

	/// Returns the metrics of the queue.
	pub fn metrics(&self) -> QueueMetrics {
		self.shared.state.lock().metrics()
	}
}

impl Drop for JobQueue {
	fn drop(&mut self) {
		self.shared.state.lock().stop();
		self.shared.changed.notify_all();
		let until = Instant::now() + TRAINING_ENDS;
		let mut ending = std::mem::take(&mut self.threads);
		if let Some(trainer) = self.trainer.take() {
			while !trainer.is_finished() && Instant::now() < until {
				std::thread::sleep(LOOK_EVERY);
			}
			match trainer.is_finished() {
				true => ending.push(trainer),
				false => log::debug!("training is left behind"),
			}
		}
		for thread in ending {
			if thread.join().is_err() {
				log::error!("an engine thread panicked outside a job");
			}
		}
	}
}

/// Runs `body`; a panic is logged by its hook and becomes `None`.
fn contained<T>(body: impl FnOnce() -> T) -> Option<T> {
	catch_unwind(AssertUnwindSafe(body)).ok()
}

/// The evaluation thread. Its work fans out over the evaluator's own pool.
fn evaluate(shared: &Shared) {
	loop {
		let (id, job) = {
			let mut state = shared.state.lock();
			loop {
				if state.stopping {
					return;
				}
				if let Some(next) = state.start_next() {
					break next;
				}
				shared.changed.wait(&mut state);
			}
		};
		let started = Instant::now();
		let finished = AtomicU32::new(0);
		let checkpoint = |newly: u32| {
			finished.fetch_add(newly, Ordering::Relaxed);
			give_way(shared, |state| {
				state.note_progress(&id, finished.swap(0, Ordering::Relaxed));
				state.is_cancelled(&id)
			})
		};
		let evaluated = contained(|| (shared.work)(&job, &checkpoint)).unwrap_or(Err(EngineError::Internal));
		let result = evaluated.map(|items| (outcome(&items, positions(&job)), items));
		let mut state = shared.state.lock();
		match &result {
			Err(EngineError::BlobMissing(hash)) if state.note_lack(&id, *hash) => {
				log::info!("evaluation {id:?} waits for blob {hash:?}");
			}
			Err(EngineError::BlobMissing(hash)) => {
				log::debug!("evaluation {id:?} still waits for blob {hash:?}");
			}
			Err(error) => log::info!("evaluation {id:?} failed: {error:?}"),
			Ok(_) => {}
		}
		state.note_progress(&id, finished.swap(0, Ordering::Relaxed));
		state.finish(&id, result, started.elapsed(), &shared.config);
		drop(state);
		shared.changed.notify_all();
	}
}

impl Shared {
	/// Returns the time that serving must rest for, from all that evaluation has computed.
	fn rest(&self, state: &mut State) -> Option<Duration> {
		let evaluated = Duration::from_nanos(self.evaluated.swap(0, Ordering::Relaxed));
		match state.is_evaluating() {
			true => state.share.note_evaluated(evaluated),
			false => state.share.clear(),
		}
		state.share.rest()
	}
}

thread_local! {
	/// Processor time of this thread at the end of its last pause for serving.
	static GONE_ON_AT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Pauses for serving, for a bounded time and not below evaluation's share; fails if the work has been given up, which
/// `is_given_up` finds out whenever no other thread has the state.
fn give_way(shared: &Shared, is_given_up: impl Fn(&mut State) -> bool) -> Result<(), EngineError> {
	let computed = thread_time().saturating_sub(GONE_ON_AT.get());
	shared.evaluated.fetch_add(computed.as_nanos() as u64, Ordering::Relaxed);
	let until = Instant::now() + shared.config.evaluation_patience;
	loop {
		let mut is_due = shared.serving.load(Ordering::Relaxed) == 0;
		if let Some(mut state) = shared.state.try_lock() {
			if is_given_up(&mut state) {
				return Err(EngineError::Cancelled);
			}
			shared.rest(&mut state);
			is_due |= state.share.is_evaluation_due();
		}
		if is_due || Instant::now() >= until {
			GONE_ON_AT.set(thread_time());
			return Ok(());
		}
		std::thread::sleep(LOOK_EVERY);
	}
}

/// The opening thread. Its work fans out over the evaluator's pool.
fn open(shared: &Shared) {
	loop {
		let (key, job) = {
			let mut state = shared.state.lock();
			loop {
				if state.stopping {
					return;
				}
				if let Some(next) = state.start_opening() {
					break next;
				}
				shared.changed.wait(&mut state);
			}
		};
		let started = Instant::now();
		let checkpoint = |_: u32| give_way(shared, |state| state.stopping);
		let result =
			contained(|| (shared.search)(&job, &key.1, &checkpoint)).unwrap_or(Err(EngineError::Internal));
		if let Err(error) = &result {
			log::info!("cannot open {:?} of evaluation {:?}: {error:?}", key.1, key.0);
		}
		shared.state.lock().finish_opening(key, result, started.elapsed(), &shared.config);
		shared.changed.notify_all();
	}
}

/// The training thread.
fn train(shared: &Shared) {
	run_in_background();
	loop {
		let Task(task) = {
			let mut state = shared.state.lock();
			loop {
				if state.stopping {
					return;
				}
				if let Some(task) = state.trainings.pop_front() {
					state.training = true;
					break task;
				}
				shared.changed.wait(&mut state);
			}
		};
		if contained(|| task(&Turn(shared))).is_none() {
			log::error!("a training task panicked");
		}
		shared.state.lock().training = false;
	}
}
