mod comparisons;
mod dataset_audits;
mod openings;
mod serving;

use super::*;
use crate::{
	blobs::BlobStore,
	block::{self, blob_ref, block_ref},
	eval::JobLimits,
};
use blyan_exact::{golden, merkle, tree::Item, Sampling, Trace};
use blyan_primitives::{draw_indices, EvaluationOutcome, HoldoutRef, JobBody};
use sp_core::H256;
use std::{
	sync::mpsc,
	time::{Duration, Instant},
};

pub(super) struct World {
	_dir: tempfile::TempDir,
	pub(super) models: Arc<ModelStore>,
	pub(super) golden: golden::OwnedModel,
	pub(super) holdout: Vec<u8>,
	pub(super) job: EvaluationJob,
	pub(super) config: ModelConfig,
	pub(super) trunk: BlockRef,
}

impl World {
	pub(super) fn new() -> Self {
		Self::with_model_memory(1 << 24)
	}

	/// The same with so many bytes for blocks in memory.
	pub(super) fn with_model_memory(bytes_max: u64) -> Self {
		let dir = tempfile::tempdir().unwrap();
		let blobs = Arc::new(BlobStore::open(dir.path(), 1 << 24).unwrap());
		let golden = golden::model();
		let config = golden.config;
		let put = |file: Vec<u8>| {
			blobs.put(&file).unwrap();
			block_ref(&file)
		};
		let trunk = put(block::write_trunk(&golden.trunk, &config).unwrap());
		let heads = golden.experts.iter().map(|e| put(block::write_expert(e, &config).unwrap())).collect();
		let candidate = golden::random_expert(&config, b"candidate");
		let candidate = put(block::write_expert(&candidate, &config).unwrap());
		let holdout: Vec<u8> = (0..32_u32 * 48).map(|i| (i * i / 7 + i) as u8).collect();
		blobs.put(&holdout).unwrap();
		let job = EvaluationJob {
			definition: blyan_exact::DEFINITION,
			model: 0,
			body: JobBody::First { config, trunk },
			heads,
			layer: 1,
			expert: 2,
			candidate,
			holdout: HoldoutRef {
				root: H256(merkle::root_of(holdout.chunks(48))),
				blob: blob_ref(&holdout),
				sequences: 32,
				sequence_len: 48,
			},
			seed: H256([9; 32]),
			sample: 10,
		};
		let models = Arc::new(ModelStore::new(blobs, bytes_max));
		Self { _dir: dir, models, golden, holdout, job, config, trunk }
	}

	pub(super) fn queue(&self) -> JobQueue {
		JobQueue::new(small(), self.models.clone()).unwrap()
	}

	fn parts(&self) -> ModelParts {
		ModelParts { config: self.config, trunk: self.trunk, heads: self.job.heads.clone() }
	}

	/// Runs the job to its end on one thread: of several, those after the first find another reason to fail.
	fn ending(&self, job: EvaluationJob) -> JobStatus {
		let config = QueueConfig { evaluation_threads: 1, ..small() };
		let queue = JobQueue::new(config, self.models.clone()).unwrap();
		let id = queue.submit(job).unwrap();
		wait(&queue, id)
	}
}

pub(super) fn small() -> QueueConfig {
	QueueConfig { evaluation_threads: 2, jobs_max: 2, results_max: 2, ..QueueConfig::default() }
}

pub(super) fn wait_until(mut reached: impl FnMut() -> bool) {
	let deadline = Instant::now() + Duration::from_secs(60);
	while !reached() {
		assert!(Instant::now() < deadline, "the queue is stuck");
		std::thread::sleep(Duration::from_millis(1));
	}
}

pub(super) fn wait(queue: &JobQueue, id: JobId) -> JobStatus {
	let ended = || match queue.poll(id).unwrap() {
		status @ (JobStatus::Done(_) | JobStatus::Failed(_)) => Some(status),
		_ => None,
	};
	wait_until(|| ended().is_some());
	ended().unwrap()
}

/// Finds nothing.
fn no_search() -> Search {
	Box::new(|_, _, _| Err(EngineError::NotAvailable))
}

/// A queue whose work waits for a signal at every call and then does as told.
fn held(world: &World, outcome: Result<Vec<Item>, EngineError>) -> (JobQueue, mpsc::Sender<()>) {
	let (release, gate) = mpsc::channel();
	let gate = Mutex::new(gate);
	let work: Work = Box::new(move |_, checkpoint| {
		while gate.lock().recv_timeout(Duration::from_millis(1)).is_err() {
			checkpoint(0)?;
		}
		outcome.clone()
	});
	(JobQueue::with_work(small(), world.models.clone(), work, no_search()).unwrap(), release)
}

#[test]
fn a_job_gives_what_the_definition_computes() {
	let world = World::new();
	let JobStatus::Done(got) = world.ending(world.job.clone()) else { panic!("no outcome") };
	let mut changed = world.golden.clone();
	changed.experts[6] = golden::random_expert(&changed.config, b"candidate");
	let indices = draw_indices(&world.job.seed, 32, 10);
	let items: Vec<Item> = indices
		.iter()
		.map(|&sequence| {
			let bytes = &world.holdout[sequence as usize * 48..][..48];
			let claim = |model: &golden::OwnedModel| {
				let trace = Trace::of(&model.view(), bytes).unwrap();
				(trace.loss(), trace.root())
			};
			let ((baseline, baseline_trace), (candidate, candidate_trace)) =
				(claim(&world.golden), claim(&changed));
			Item { sequence, baseline, candidate, baseline_trace, candidate_trace }
		})
		.collect();
	assert_eq!(got, crate::eval::outcome(&items, 48));
	assert_eq!((got.sequences, got.bytes), (10, 480));
}

#[test]
fn the_same_job_is_one_job_and_results_are_kept() {
	let world = World::new();
	let queue = world.queue();
	let id = queue.submit(world.job.clone()).unwrap();
	assert_eq!(queue.submit(world.job.clone()).unwrap(), id);
	let first = wait(&queue, id);
	assert_eq!(queue.submit(world.job.clone()).unwrap(), id);
	assert_eq!(queue.poll(id).unwrap(), first);
	queue.cancel(id).unwrap();
	assert_eq!(queue.poll(id).unwrap(), first);
	let metrics = queue.metrics();
	assert_eq!((metrics.queued, metrics.running, metrics.done, metrics.failed), (0, 0, 1, 0));
	assert_eq!(metrics.sequences, 10);
	assert!(metrics.sequences_per_second > 0.0);
	assert_eq!(queue.poll(H256([1; 32])), Err(EngineError::UnknownJob));
	assert_eq!(queue.cancel(H256([1; 32])), Err(EngineError::UnknownJob));
}

#[test]
fn malformed_and_oversized_jobs_are_refused_at_the_door() {
	let world = World::new();
	let queue = world.queue();
	let mutations: [fn(&mut EvaluationJob); 9] = [
		|job| {
			if let JobBody::First { config, .. } = &mut job.body {
				config.d_model = 65;
			}
		},
		|job| job.heads.truncate(1),
		|job| job.layer = 2,
		|job| job.expert = 4,
		|job| job.sample = 0,
		|job| job.sample = 33,
		|job| job.holdout.sequence_len = 0,
		|job| job.holdout.sequence_len = 65,
		|job| job.holdout.blob.size += 1,
	];
	for (i, mutate) in mutations.into_iter().enumerate() {
		let mut job = world.job.clone();
		mutate(&mut job);
		assert_eq!(queue.submit(job), Err(EngineError::JobMalformed), "mutation {i}");
	}
	let limits = JobLimits { model_bytes_max: 1_000, ..JobLimits::default() };
	let queue = JobQueue::new(QueueConfig { limits, ..small() }, world.models.clone()).unwrap();
	assert_eq!(queue.submit(world.job.clone()), Err(EngineError::ModelTooLarge));
}

#[test]
fn missing_blobs_are_named_and_the_job_can_be_tried_again() {
	let world = World::new();
	let job = &world.job;
	for hash in
		[world.trunk.blob.hash, job.heads[3].blob.hash, job.candidate.blob.hash, job.holdout.blob.hash]
	{
		let world = World::new();
		let bytes = world.models.blobs().get(&hash).unwrap();
		world.models.blobs().remove(&hash).unwrap();
		let queue = world.queue();
		let id = queue.submit(world.job.clone()).unwrap();
		assert_eq!(wait(&queue, id), JobStatus::Failed(EngineError::BlobMissing(hash)));
		world.models.blobs().put(&bytes).unwrap();
		queue.submit(world.job.clone()).unwrap();
		assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
	}
}

#[test]
fn a_job_that_waits_for_bytes_is_put_off_once_and_has_not_failed() {
	let world = World::new();
	let hash = world.job.candidate.blob.hash;
	let bytes = world.models.blobs().get(&hash).unwrap();
	world.models.blobs().remove(&hash).unwrap();
	let queue = world.queue();
	// An operator's worker asks with every block.
	for _ in 0..20 {
		let id = queue.submit(world.job.clone()).unwrap();
		assert_eq!(wait(&queue, id), JobStatus::Failed(EngineError::BlobMissing(hash)));
	}
	let metrics = queue.metrics();
	assert_eq!((metrics.put_off, metrics.failed, metrics.evaluation_durations.count), (1, 0, 1));
	world.models.blobs().put(&bytes).unwrap();
	let id = queue.submit(world.job.clone()).unwrap();
	assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
	assert_eq!((queue.metrics().put_off, queue.metrics().failed, queue.metrics().done), (1, 0, 1));
}

#[test]
fn a_damaged_part_of_the_model_is_corrupt_and_a_damaged_candidate_is_fetched_again() {
	let damage = |world: &World, hash: H256| {
		let path = world.models.blobs().dir().join(format!("{hash:x}"));
		let mut bytes = std::fs::read(&path).unwrap();
		bytes[200] ^= 1;
		std::fs::write(path, bytes).unwrap();
	};
	let parts: [fn(&World) -> H256; 3] = [
		|world| world.trunk.blob.hash,
		|world| world.job.heads[0].blob.hash,
		|world| world.job.holdout.blob.hash,
	];
	for part in parts {
		let world = World::new();
		let hash = part(&world);
		damage(&world, hash);
		assert_eq!(world.ending(world.job.clone()), JobStatus::Failed(EngineError::BlobCorrupt(hash)));
	}
	let world = World::new();
	let hash = world.job.candidate.blob.hash;
	damage(&world, hash);
	assert_eq!(world.ending(world.job.clone()), JobStatus::Failed(EngineError::BlobMissing(hash)));
	assert!(!world.models.blobs().has(&hash));
}

#[test]
fn another_holdout_root_is_corrupt() {
	let world = World::new();
	let mut job = world.job.clone();
	job.holdout.root = H256([1; 32]);
	let hash = job.holdout.blob.hash;
	assert_eq!(world.ending(job), JobStatus::Failed(EngineError::BlobCorrupt(hash)));
}

#[test]
fn bytes_that_are_no_expert_make_the_candidate_invalid() {
	let world = World::new();
	let good = world.models.blobs().get(&world.job.candidate.blob.hash).unwrap();
	let mut lying = good.clone();
	lying[9] ^= 1;
	let mut flipped = good.clone();
	flipped[300] ^= 1;
	for bytes in [b"noise".to_vec(), lying, flipped, good[..good.len() - 1].to_vec()] {
		world.models.blobs().put(&bytes).unwrap();
		let mut job = world.job.clone();
		job.candidate = block_ref(&bytes);
		assert_eq!(world.ending(job), JobStatus::Failed(EngineError::CandidateInvalid));
	}
	let mut other_root = world.job.clone();
	other_root.candidate.tensor_root = H256([1; 32]);
	assert_eq!(world.ending(other_root), JobStatus::Failed(EngineError::CandidateInvalid));
	let mut other_size = world.job.clone();
	other_size.candidate.blob.size += 1;
	assert_eq!(world.ending(other_size), JobStatus::Failed(EngineError::CandidateInvalid));
	let mut trunk = world.job.clone();
	trunk.candidate = world.trunk;
	assert_eq!(world.ending(trunk), JobStatus::Failed(EngineError::CandidateInvalid));
}

#[test]
fn a_panic_fails_its_job_and_nothing_else() {
	let world = World::new();
	let calls = std::sync::atomic::AtomicU32::new(0);
	let work: Work = Box::new(move |_, _| {
		if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
			panic!("this panic belongs to the test");
		}
		Ok(Vec::new())
	});
	let queue = JobQueue::with_work(small(), world.models.clone(), work, no_search()).unwrap();
	let id = queue.submit(world.job.clone()).unwrap();
	assert_eq!(wait(&queue, id), JobStatus::Failed(EngineError::Internal));
	queue.submit(world.job.clone()).unwrap();
	assert_eq!(wait(&queue, id), JobStatus::Done(EvaluationOutcome::default()));
}

#[test]
fn the_queue_is_bounded_and_forgets_old_results() {
	let world = World::new();
	let (queue, release) = held(&world, Ok(Vec::new()));
	let job = |seed: u8| EvaluationJob { seed: H256([seed; 32]), ..world.job.clone() };
	let first = queue.submit(job(0)).unwrap();
	wait_until(|| matches!(queue.poll(first), Ok(JobStatus::Running { done: 0, total: 10 })));
	let (second, third) = (queue.submit(job(1)).unwrap(), queue.submit(job(2)).unwrap());
	assert_eq!(queue.submit(job(3)), Err(EngineError::Busy));
	assert_eq!(queue.poll(third), Ok(JobStatus::Queued));
	assert_eq!((queue.metrics().queued, queue.metrics().running), (2, 1));
	for _ in 0..3 {
		release.send(()).unwrap();
	}
	wait(&queue, third);
	assert_eq!(queue.poll(first), Err(EngineError::UnknownJob));
	assert!(matches!(queue.poll(second), Ok(JobStatus::Done(_))));
}

#[test]
fn cancel_ends_waiting_and_running_jobs() {
	let world = World::new();
	let (queue, _release) = held(&world, Ok(Vec::new()));
	let running = queue.submit(world.job.clone()).unwrap();
	wait_until(|| matches!(queue.poll(running), Ok(JobStatus::Running { .. })));
	let waiting = queue.submit(EvaluationJob { sample: 3, ..world.job.clone() }).unwrap();
	queue.cancel(waiting).unwrap();
	assert_eq!(queue.poll(waiting), Ok(JobStatus::Failed(EngineError::Cancelled)));
	queue.cancel(running).unwrap();
	assert_eq!(wait(&queue, running), JobStatus::Failed(EngineError::Cancelled));
}

#[test]
fn dropping_the_queue_ends_what_runs() {
	let world = World::new();
	let (queue, _release) = held(&world, Ok(Vec::new()));
	let id = queue.submit(world.job.clone()).unwrap();
	queue.train(Box::new(|turn| while turn.wait().is_ok() {})).unwrap();
	wait_until(|| matches!(queue.poll(id), Ok(JobStatus::Running { .. })));
	drop(queue);
}

#[test]
fn the_end_does_not_wait_for_training_that_gets_no_processor() {
	let world = World::new();
	let queue = world.queue();
	let (started, has_started) = mpsc::channel();
	let (release, gate) = mpsc::channel::<()>();
	let step = move |_: &Turn<'_>| {
		started.send(()).unwrap();
		let _ = gate.recv();
	};
	queue.train(Box::new(step)).unwrap();
	has_started.recv().unwrap();
	let began = Instant::now();
	drop(queue);
	assert!(began.elapsed() < Duration::from_secs(10));
	drop(release);
}

fn request(max_bytes: u32) -> GenerationRequest {
	let sampling = Sampling { temperature: 256, top_p: 256, seed: [3; 32] };
	GenerationRequest { prompt: b"hello".to_vec(), max_bytes, sampling }
}

#[test]
fn a_generation_streams_its_bytes_and_ends() {
	let world = World::new();
	let queue = world.queue();
	let (sender, events) = mpsc::channel();
	let sink: GenerationSink = Box::new(move |event| match sender.send(event) {
		Ok(()) => Demand::More,
		Err(_) => Demand::Nothing,
	});
	queue.generate(1, world.parts(), request(20), sink).unwrap();
	let events: Vec<GenerationEvent> = events.iter().collect();
	let Some(GenerationEvent::Done(summary)) = events.last() else { panic!("no end") };
	let bytes: Vec<u8> = events
		.iter()
		.filter_map(|event| match event {
			GenerationEvent::Byte { byte, .. } => Some(*byte),
			_ => None,
		})
		.collect();
	assert_eq!((bytes.len(), summary.prompt_bytes), (20, 5));
	assert_eq!(bytes, summary.generated);
	wait_until(|| queue.metrics().generating == 0);
	assert_eq!(queue.metrics().generated_bytes, 20);
	let refused = queue.generate(1, world.parts(), request(u32::MAX), Box::new(|_| Demand::Nothing));
	assert_eq!(refused.err(), Some(EngineError::JobMalformed));
}

/// A sink that says when it is dropped, and how the generation ended.
fn watched() -> (GenerationSink, mpsc::Receiver<GenerationEvent>) {
	let (sender, events) = mpsc::channel();
	let sink = move |event| match sender.send(event) {
		Ok(()) => Demand::More,
		Err(_) => Demand::Nothing,
	};
	(Box::new(sink), events)
}

/// No clock: a busy machine may take a second to wake a thread. What counts is that nothing is computed any more.
#[test]
fn a_generation_that_is_given_up_computes_no_further_byte() {
	let world = World::new();
	let config = QueueConfig { serving_threads: 1, ..small() };
	let queue = JobQueue::new(config, world.models.clone()).unwrap();
	let (mut sink, running) = watched();
	let (resume, held) = mpsc::channel::<()>();
	let holding: GenerationSink = Box::new(move |event| {
		let first = matches!(event, GenerationEvent::Byte { index: 0, .. });
		let flow = sink(event);
		if first {
			let _ = held.recv();
		}
		flow
	});
	let handle = queue.generate(1, world.parts(), request(16 * 1_024), holding).unwrap();
	assert!(matches!(running.recv().unwrap(), GenerationEvent::Byte { index: 0, .. }));
	let (sink, waiting) = watched();
	let second = queue.generate(1, world.parts(), request(5), sink).unwrap();
	// The only thread is held by the first, so the second ends without one.
	second.cancel();
	assert_eq!(waiting.iter().collect::<Vec<_>>(), [GenerationEvent::Failed(EngineError::Cancelled)]);
	handle.cancel();
	resume.send(()).unwrap();
	assert_eq!(running.iter().collect::<Vec<_>>(), [GenerationEvent::Failed(EngineError::Cancelled)]);
	wait_until(|| queue.metrics().generating == 0);
	assert_eq!(queue.shared.serving.load(Ordering::Relaxed), 0);
	handle.cancel();
}

#[test]
fn a_generation_without_its_model_fails() {
	let world = World::new();
	let queue = world.queue();
	world.models.blobs().remove(&world.trunk.blob.hash).unwrap();
	let (sender, events) = mpsc::channel();
	let sink: GenerationSink = Box::new(move |event| {
		let _ = sender.send(event);
		Demand::More
	});
	queue.generate(1, world.parts(), request(5), sink).unwrap();
	let expected = GenerationEvent::Failed(EngineError::BlobMissing(world.trunk.blob.hash));
	assert_eq!(events.iter().collect::<Vec<_>>(), [expected]);
}

#[test]
fn serving_pauses_evaluation_and_evaluation_pauses_training() {
	let world = World::new();
	let config = QueueConfig { evaluation_patience: Duration::from_secs(600), ..small() };
	let queue = JobQueue::new(config, world.models.clone()).unwrap();
	// A generation that is held in its sink keeps serving busy.
	let (release, gate) = mpsc::channel::<()>();
	let sink: GenerationSink = Box::new(move |event| match event {
		GenerationEvent::Byte { index: 0, .. } => {
			let _ = gate.recv();
			Demand::Nothing
		}
		_ => Demand::More,
	});
	queue.generate(1, world.parts(), request(5), sink).unwrap();
	wait_until(|| queue.metrics().generating == 1);
	let id = queue.submit(world.job.clone()).unwrap();
	let (steps, trained) = mpsc::channel();
	queue
		.train(Box::new(move |turn| {
			if turn.wait().is_ok() {
				let _ = steps.send(());
			}
		}))
		.unwrap();
	wait_until(|| matches!(queue.poll(id), Ok(JobStatus::Running { .. })));
	std::thread::sleep(Duration::from_millis(50));
	assert_eq!(queue.poll(id), Ok(JobStatus::Running { done: 0, total: 10 }));
	assert!(trained.try_recv().is_err());
	release.send(()).unwrap();
	assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
	trained.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn constant_serving_does_not_starve_evaluation() {
	let world = World::new();
	let config = QueueConfig { evaluation_patience: Duration::from_millis(5), ..small() };
	let queue = JobQueue::new(config, world.models.clone()).unwrap();
	let (release, gate) = mpsc::channel::<()>();
	let sink: GenerationSink = Box::new(move |_| {
		let _ = gate.recv();
		Demand::Nothing
	});
	queue.generate(1, world.parts(), request(5), sink).unwrap();
	let id = queue.submit(world.job.clone()).unwrap();
	assert!(matches!(wait(&queue, id), JobStatus::Done(_)));
	drop(release);
}
