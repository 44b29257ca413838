//! The engine as a service of the node: its blobs, its queue, and the door for off-chain workers.

pub mod genesis;
pub mod hardware;
mod measurement;
pub mod metrics;

use crate::cli::MlParams;
use blyan_engine::{
	blobs::{BlobError, BlobStore},
	decode::GenerationRequest,
	eval::JobLimits,
	kernel::Kernel,
	model::{ModelStore, StoreMetrics},
	packed::PackedCache,
	queue::{
		GenerationEvent, GenerationHandle, GenerationSink, JobQueue, ModelParts, QueueConfig, QueueMetrics,
		Turn,
	},
};
use blyan_host::MlEngine;
use blyan_primitives::{
	evolution::{BenchmarkJob, BenchmarkStatus},
	Comparison, CopyQuery, DatasetAuditJob, DatasetAuditStatus, EngineError, EvaluationJob, JobId, JobStatus,
	Measurement, ModelBody, ModelInfo, OpenComparison, OpenCopyQuery, Opening, Query,
};
use blyan_rpc_api::EngineStatus;
use genesis::{GenesisError, GenesisModel};
use parking_lot::RwLock;
use sc_service::Configuration;
use sp_core::H256;
use std::{
	path::PathBuf,
	sync::{Arc, OnceLock},
};

/// Folder of the blobs below a chain's own.
pub const BLOBS: &str = "blobs";
/// Folder of the experts that run packed, below a chain's own.
const PACKED: &str = "packed";
/// Generations that have their turn at once, if the engine has as many threads.
const SERVING_THREADS: usize = 2;
/// Prefixes of the names of the engine's threads; the others are those of the evaluator and of runners of open models.
const THREAD_PREFIXES: [&str; 3] = ["blyan-", "evaluate-", "model-"];
/// Blobs of one comparison of models that are asked for at a time.
const ASKED_AT_ONCE: usize = 256;

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
	/// The blob store cannot be opened.
	#[error("cannot open the blob store in {0:?}: {1}")]
	Store(PathBuf, BlobError),
	/// The genesis model cannot be used.
	#[error(transparent)]
	Genesis(#[from] GenesisError),
	/// The threads cannot be started.
	#[error("cannot start the engine's threads: {0:?}; the log says why")]
	Threads(EngineError),
}

/// The engine, its queue and its blobs.
pub struct EngineService {
	store: Arc<BlobStore>,
	/// Empty once the node shuts down.
	queue: RwLock<Option<JobQueue>>,
	threads: usize,
	/// Hears which blobs are missing.
	missing: OnceLock<Arc<dyn Fn(H256) + Send + Sync>>,
}

impl EngineService {
	/// Opens the store below the chain's folder, imports the genesis model and starts the threads.
	pub fn start(config: &Configuration, ml: &MlParams) -> Result<Self, StartError> {
		let path = config.data_path.join(BLOBS);
		let store = BlobStore::open(&path, ml.blob_store_bytes())
			.map_err(|error| StartError::Store(path.clone(), error))?;
		let store = Arc::new(store);
		let model = match &ml.genesis_model {
			Some(dir) => Some(GenesisModel::read(dir)?),
			None => GenesisModel::embedded()?,
		};
		match model {
			Some(model) => {
				log::info!("🧠 Genesis model: {} blobs in {}", model.import(&store)?, path.display())
			}
			None => log::warn!(
				"This node was built without a genesis model; say where one is with --genesis-model"
			),
		}
		let cores = std::thread::available_parallelism().map_or(1, usize::from);
		let threads = ml.engine_threads(cores);
		contain_panics();
		let packed = ml.packed_cache_bytes().and_then(|bytes| {
			PackedCache::open(config.data_path.join(PACKED), Kernel::best(), bytes)
				.inspect_err(|error| log::warn!("experts do not run packed: {error}"))
				.ok()
		});
		let models = match packed {
			Some(packed) => ModelStore::with_packed(store.clone(), ml.model_memory_bytes(), packed),
			None => ModelStore::new(store.clone(), ml.model_memory_bytes()),
		};
		let queue = JobQueue::new(
			QueueConfig {
				evaluation_threads: threads,
				serving_threads: threads.min(SERVING_THREADS),
				limits: JobLimits { open_model_bytes_max: ml.open_model_bytes(), ..JobLimits::default() },
				..Default::default()
			},
			Arc::new(models),
		)
		.map_err(StartError::Threads)?;
		log::info!("🧠 Engine: {threads} of {cores} cores, blobs up to {} MiB", ml.blob_store_limit);
		Ok(Self { store, queue: RwLock::new(Some(queue)), threads, missing: OnceLock::new() })
	}

	/// A guard that stops the threads when it is dropped, for the task manager to hold.
	pub fn stop_on_drop(self: &Arc<Self>) -> StopOnDrop {
		StopOnDrop(self.clone())
	}

	/// The blobs.
	pub fn store(&self) -> &BlobStore {
		&self.store
	}

	/// The same, shared, for tasks that outlive the call.
	pub fn shared_store(&self) -> Arc<BlobStore> {
		self.store.clone()
	}

	/// Has `hear` called with every blob that a job or a generation lacks, from any thread; it must not block. The first
	/// to ask for it is the only one.
	pub fn on_missing(&self, hear: impl Fn(H256) + Send + Sync + 'static) {
		let _ = self.missing.set(Arc::new(hear));
	}

	fn note<T>(&self, outcome: Result<T, EngineError>) -> Result<T, EngineError> {
		if let (Err(EngineError::BlobMissing(hash)), Some(hear)) = (&outcome, self.missing.get()) {
			hear(*hash);
		}
		outcome
	}

	/// Measures what this machine can do when nothing else wants to run, and hands it to `keep`.
	pub fn measure(&self, keep: impl FnOnce(Measurement) + Send + 'static) {
		let (threads, store_bytes) = (self.threads, self.store.bytes_max());
		let task = move |turn: &Turn<'_>| match measurement::take(turn, threads, store_bytes) {
			Ok(measurement) => {
				log::info!("🧠 This machine evaluates {} tokens a second", measurement.cpu_tokens_per_second);
				keep(measurement);
			}
			Err(EngineError::Cancelled) => {}
			Err(error) => log::warn!("cannot measure this machine: {error:?}"),
		};
		if let Err(error) = self.with_queue(|queue| queue.train(Box::new(task))) {
			log::warn!("cannot measure this machine: {error:?}");
		}
	}

	/// Returns the queue's figures; all zeros once the node shuts down.
	pub fn queue_metrics(&self) -> QueueMetrics {
		self.with_queue(|queue| Ok(queue.metrics())).unwrap_or_default()
	}

	/// Returns the figures of the models in memory; all zeros once the node shuts down.
	pub fn model_metrics(&self) -> StoreMetrics {
		self.with_queue(|queue| Ok(queue.models().metrics())).unwrap_or_default()
	}

	/// Returns the engine's status.
	pub fn status(&self) -> EngineStatus {
		let queue = self.queue_metrics();
		let QueueMetrics { queued, running, done, failed, put_off, generations_queued, generating, .. } =
			queue;
		EngineStatus {
			threads: self.threads,
			queued,
			running,
			done,
			failed,
			put_off,
			evaluated_sequences: queue.sequences,
			sequences_per_second: queue.sequences_per_second,
			generations_queued,
			generating,
			generations_parked: queue.generations_parked,
			rested_seconds: queue.rested_seconds,
			generated_bytes: queue.generated_bytes,
			openings_queued: queue.openings_queued,
			openings: queue.openings,
			openings_failed: queue.openings_failed,
			blobs: self.store.hashes().len(),
			store_bytes: self.store.used_bytes(),
			store_limit: self.store.bytes_max(),
		}
	}

	/// Queues a generation. Its events go to `sink`, which must not block. Clients take turns.
	pub fn generate(
		&self,
		client: u64,
		model: &ModelInfo,
		request: GenerationRequest,
		mut sink: GenerationSink,
	) -> Result<GenerationHandle, EngineError> {
		let hear = self.missing.get().cloned();
		let sink: GenerationSink = Box::new(move |event| {
			if let (GenerationEvent::Failed(EngineError::BlobMissing(hash)), Some(hear)) = (&event, &hear) {
				hear(*hash);
			}
			sink(event)
		});
		// Models of the second definition are not served; clients are told before they get here.
		let ModelBody::First { config, trunk } = model.body else { return Err(EngineError::NotAvailable) };
		let parts = ModelParts { config, trunk, heads: model.heads.iter().map(|head| head.block).collect() };
		self.with_queue(|queue| queue.generate(client, parts, request, sink))
	}

	fn with_queue<T>(
		&self,
		work: impl FnOnce(&JobQueue) -> Result<T, EngineError>,
	) -> Result<T, EngineError> {
		work(self.queue.read().as_ref().ok_or(EngineError::Cancelled)?)
	}
}

impl MlEngine for EngineService {
	fn submit_job(&self, job: EvaluationJob) -> Result<JobId, EngineError> {
		self.note(self.with_queue(|queue| queue.submit(job)))
	}

	fn poll(&self, id: JobId) -> Result<JobStatus, EngineError> {
		let status = self.with_queue(|queue| queue.poll(id))?;
		if let JobStatus::Failed(error) = &status {
			// What is lacking is fetched, and the job asked for again.
			let _ = self.note::<()>(Err(*error));
		}
		Ok(status)
	}

	fn cancel(&self, id: JobId) -> Result<(), EngineError> {
		self.with_queue(|queue| queue.cancel(id))
	}

	fn open(&self, job: EvaluationJob, query: Query) -> Result<Option<Opening>, EngineError> {
		self.note(self.with_queue(|queue| queue.open(job, query)))
	}

	fn has_blob(&self, hash: H256) -> Result<bool, EngineError> {
		let has = self.store.has(&hash);
		if !has {
			// An operator is to say whether it has them, so it wants them.
			let _ = self.note::<()>(Err(EngineError::BlobMissing(hash)));
		}
		Ok(has)
	}

	fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError> {
		self.with_queue(|queue| queue.find_copy(query))
	}

	fn find_open_copy(&self, query: OpenCopyQuery) -> Result<OpenComparison, EngineError> {
		self.with_queue(|queue| queue.find_open_copy(query))
	}

	fn audit_dataset(&self, job: DatasetAuditJob) -> Result<DatasetAuditStatus, EngineError> {
		self.note(self.with_queue(|queue| queue.audit_dataset(job)))
	}

	fn run_benchmark(&self, job: BenchmarkJob) -> Result<BenchmarkStatus, EngineError> {
		let run = |queue: &JobQueue| {
			let missing = queue.missing_blobs(&job);
			queue.run_benchmark(job).inspect_err(|error| {
				// A model has hundreds of parts: they are fetched together, and not one for each time that it is asked for.
				if let (EngineError::BlobMissing(_), Some(hear)) = (error, self.missing.get()) {
					missing.into_iter().take(ASKED_AT_ONCE).for_each(|hash| hear(hash));
				}
			})
		};
		self.with_queue(run)
	}
}

/// Stops the engine when dropped.
pub struct StopOnDrop(Arc<EngineService>);

impl Drop for StopOnDrop {
	fn drop(&mut self) {
		// Cancels what runs and waits for the threads, outside of the lock.
		let queue = self.0.queue.write().take();
		drop(queue);
	}
}

/// Keeps a panic inside a job from ending the node.
///
/// The node's panic hook ends the process, and it runs before the queue can catch the panic. On the engine's
/// own threads only the log hears of it, and the queue turns it into the job's error.
fn contain_panics() {
	static ONCE: std::sync::Once = std::sync::Once::new();
	ONCE.call_once(|| {
		let of_the_node = std::panic::take_hook();
		std::panic::set_hook(Box::new(move |panic| {
			let thread = std::thread::current();
			match thread.name() {
				Some(name) if THREAD_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => {
					log::error!("a job panicked on thread {name}: {panic}")
				}
				_ => of_the_node(panic),
			}
		}));
	});
}
