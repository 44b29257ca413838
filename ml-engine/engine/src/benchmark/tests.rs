//! Comparisons of small random models, through the queue and without it: what `blyan benchmark run` reports of each.

#[path = "../../../open-model/tests/support/mod.rs"]
mod talk;

use super::*;
use crate::{
	block::blob_ref,
	eval::JobLimits,
	model::ModelStore,
	queue::{JobQueue, QueueConfig},
};
use blyan_benchmarks::Outcome;
use blyan_exact::definition2::{
	block::{claimed_root, part_file},
	golden::{self, OwnedModel},
	model_root, OwnedPart, Part, REVISION,
};
use blyan_open_model::load;
use blyan_primitives::{
	evolution::{BenchmarkStatus, SuiteChoice, SuiteName, TokenizerRef, TASKS_MAX},
	BlobRef, ModelConfig,
};
use std::{
	cell::Cell,
	sync::atomic::Ordering,
	time::{Duration, Instant},
};
use talk::{tokenizer, END};

/// Family with experts, of which a candidate has others.
const MIXTRAL: usize = 4;

struct World {
	_dir: tempfile::TempDir,
	models: Arc<ModelStore>,
	golden: [OwnedModel; 2],
	job: BenchmarkJob,
}

fn put(blobs: &BlobStore, file: &[u8]) -> BlockRef {
	blobs.put(file).unwrap();
	BlockRef { tensor_root: H256(claimed_root(file).unwrap_or_default()), blob: blob_ref(file) }
}

fn benchmark_model(blobs: &BlobStore, generation: u32, model: &OwnedModel) -> BenchmarkModel {
	let architecture = &model.architecture;
	let block =
		|part: Part, own: &OwnedPart| put(blobs, &part_file(architecture, part, &own.view()).unwrap());
	let parts = architecture.parts().into_iter().zip(&model.parts).map(|(part, own)| block(part, own));
	let body = JobBody::Second { architecture: architecture.to_bytes(), parts: parts.collect() };
	let heads = architecture.expert_parts().zip(&model.experts).map(|(part, own)| block(part, own));
	BenchmarkModel { model: 1, generation, body, heads: heads.collect() }
}

impl World {
	/// A base, and a candidate of this context.
	fn new(context: u32) -> Self {
		let model = |context, seed: &[u8]| {
			let mut architecture = golden::ARCHITECTURES[MIXTRAL].1();
			architecture.context = context;
			golden::random_model(architecture, seed)
		};
		let golden = [model(512, b"base"), model(context, b"candidate")];
		let dir = tempfile::tempdir().unwrap();
		let blobs = Arc::new(BlobStore::open(dir.path(), 1 << 26).unwrap());
		let [base, candidate] = [(0, &golden[0]), (1, &golden[1])]
			.map(|(generation, model)| benchmark_model(&blobs, generation, model));
		let file = tokenizer().to_canonical().to_vec();
		blobs.put(&file).unwrap();
		let suites = [
			(SuiteName::Patterns, 3),
			(SuiteName::Addition, 2),
			(SuiteName::Expressions, 2),
			(SuiteName::Copying, 3),
		];
		let suites = suites.map(|(suite, tasks)| SuiteChoice { suite, tasks }).to_vec();
		let job = BenchmarkJob {
			definition: REVISION,
			rules: BenchmarkJob::RULES,
			base,
			candidate,
			tokenizer: TokenizerRef { blob: blob_ref(&file), ends: vec![END].try_into().unwrap() },
			suites: suites.try_into().unwrap(),
			entropy: H256([7; 32]),
		};
		let models = Arc::new(ModelStore::new(blobs, 1 << 24));
		Self { _dir: dir, models, golden, job }
	}

	fn run(&self, job: &BenchmarkJob, progress: Progress<'_>) -> Result<BenchmarkOutcome, EngineError> {
		let means = Means { kernel: Kernel::best(), threads: 1, progress, watch: &|_| {} };
		run(job, self.models.blobs(), means)
	}

	/// Reports of a model in all suites, by the library that the command line uses.
	fn reports(&self, side: usize) -> Vec<Report> {
		let own = &self.golden[side];
		let weights = Arc::new(load::weights(&own.view().unwrap()).unwrap());
		let runner = Runner::new(weights, Kernel::best(), 1).unwrap();
		let roots = |blocks: &[BlockRef]| blocks.iter().map(|block| block.tensor_root.0).collect::<Vec<_>>();
		let side = [&self.job.base, &self.job.candidate][side];
		let JobBody::Second { parts, .. } = &side.body else { panic!("it is of the second definition") };
		let root = model_root(&own.architecture, &roots(parts), &roots(&side.heads));
		let mut model = OpenModel::new(hex::encode(root), runner, tokenizer(), vec![END]);
		let seed = held_out_seed(&self.job.entropy.0);
		let mut reports = Vec::new();
		for choice in self.job.suites.iter() {
			let generated = Generated::by_name(choice.suite.name()).unwrap();
			let tasks = (&seed, choice.tasks as usize);
			reports.push(run_generated(&mut model, generated, tasks, Vec::new(), |_| Ok(())).unwrap());
		}
		reports
	}

	fn queue(&self) -> JobQueue {
		let config = QueueConfig { evaluation_threads: 1, ..QueueConfig::default() };
		JobQueue::new(config, self.models.clone()).unwrap()
	}
}

fn never_stop(_: u32) -> Result<(), EngineError> {
	Ok(())
}

fn ending(queue: &JobQueue, job: &BenchmarkJob) -> Result<BenchmarkOutcome, EngineError> {
	let deadline = Instant::now() + Duration::from_secs(120);
	loop {
		match queue.run_benchmark(job.clone())? {
			BenchmarkStatus::Done(outcome) => return Ok(outcome),
			BenchmarkStatus::Running { done, total } => assert!(done <= total && total == 20),
		}
		assert!(Instant::now() < deadline, "the queue is stuck");
		std::thread::sleep(Duration::from_millis(1));
	}
}

#[test]
fn an_outcome_is_what_the_command_line_reports_of_both_models() {
	let world = World::new(512);
	let queue = world.queue();
	let outcome = ending(&queue, &world.job).unwrap();
	assert!(outcome.is_about(&world.job.suites));
	let reports = [world.reports(0), world.reports(1)];
	for (index, suite) in outcome.suites.iter().enumerate() {
		let expected = [&reports[0][index], &reports[1][index]];
		let found = [(suite.base, suite.base_root), (suite.candidate, suite.candidate_root)];
		for (report, (tally, root)) in expected.into_iter().zip(found) {
			assert_eq!(u64::from(tally.right), report.right, "{:?}", suite.suite);
			assert_eq!(u64::from(tally.total), report.tasks);
			assert_eq!(hex::encode(root), report.root);
		}
		assert_ne!(suite.base_root, suite.candidate_root);
	}
	assert_eq!(ending(&queue, &world.job).unwrap(), outcome, "it is remembered");
	assert_eq!(queue.cancel(world.job.id()), Ok(()), "cancelling what has ended changes nothing");
	assert_eq!(ending(&queue, &world.job).unwrap(), outcome);
	assert_eq!(queue.cancel(H256([3; 32])), Err(EngineError::UnknownJob));
}

#[test]
fn a_comparison_that_was_interrupted_goes_on_behind_its_last_task() {
	let world = World::new(512);
	for stop_at in [1, 4, 10, 13, 19] {
		let stop = |done: u32| -> Result<(), EngineError> {
			if done == stop_at {
				Err(EngineError::Cancelled)
			} else {
				Ok(())
			}
		};
		assert_eq!(world.run(&world.job, &stop), Err(EngineError::Cancelled), "{stop_at}");
		let calls = Cell::new(Vec::<u32>::new());
		let note = |done: u32| -> Result<(), EngineError> {
			let mut all = calls.take();
			all.push(done);
			calls.set(all);
			Ok(())
		};
		let resumed = world.run(&world.job, &note).unwrap();
		// Behind each of the 8 suites' beginnings, and behind each task that was not done.
		let calls = calls.take();
		assert_eq!((calls.len() as u32, calls.last()), (8 + 20 - stop_at, Some(&20)), "{stop_at}");
		assert_eq!(resumed, world.run(&world.job, &never_stop).unwrap());
		// Nothing is left of a comparison that has ended.
		assert!(std::fs::read_dir(world.models.blobs().dir().join("benchmarks")).unwrap().next().is_none());
	}
}

#[test]
fn results_of_other_tasks_are_dropped_and_the_comparison_begins_at_its_first_task() {
	let world = World::new(512);
	let name = format!("base-{}", SuiteName::Patterns.name());
	let (journal, _) = Journal::open(world.models.blobs().dir(), world.job.id(), &name).unwrap();
	let outcome = Outcome::Arithmetic { text: String::new(), found: None, is_right: false };
	journal.add(&TaskResult { id: "another".into(), is_cut: false, outcome });
	assert_eq!(world.run(&world.job, &never_stop), Err(EngineError::Internal));
	let calls = Cell::new(0_u32);
	let note = |_: u32| -> Result<(), EngineError> {
		calls.set(calls.get() + 1);
		Ok(())
	};
	assert!(world.run(&world.job, &note).is_ok());
	assert_eq!(calls.get(), 8 + 20, "nothing was taken over");
}

#[test]
fn a_comparison_that_is_given_up_ends_in_the_middle_of_a_task() {
	let world = World::new(512);
	let watch = |flag: &Arc<AtomicBool>| flag.store(true, Ordering::Relaxed);
	let means = Means { kernel: Kernel::best(), threads: 1, progress: &never_stop, watch: &watch };
	assert_eq!(run(&world.job, world.models.blobs(), means), Err(EngineError::Cancelled));
}

#[test]
fn every_blob_that_is_not_here_is_named() {
	let world = World::new(512);
	let mut job = world.job.clone();
	let lacking = |number| BlobRef { hash: H256([number; 32]), size: 5 };
	job.candidate.heads[1].blob = lacking(1);
	job.tokenizer.blob = lacking(2);
	let queue = world.queue();
	assert_eq!(queue.missing_blobs(&job), [H256([1; 32]), H256([2; 32])]);
	assert!(queue.missing_blobs(&world.job).is_empty());
	assert_eq!(queue.run_benchmark(job.clone()), Err(EngineError::BlobMissing(H256([1; 32]))));
	assert_eq!(world.run(&job, &never_stop), Err(EngineError::BlobMissing(H256([1; 32]))));
}

#[test]
fn a_candidate_that_no_machine_can_measure_is_told_from_a_base_that_none_can() {
	let world = World::new(512);
	let wrong = |model: &BenchmarkModel| {
		let mut model = model.clone();
		model.heads[0].tensor_root = H256([9; 32]);
		model
	};
	let candidate = BenchmarkJob { candidate: wrong(&world.job.candidate), ..world.job.clone() };
	assert_eq!(world.run(&candidate, &never_stop), Err(EngineError::CandidateInvalid));
	let base = BenchmarkJob { base: wrong(&world.job.base), ..world.job.clone() };
	assert_eq!(world.run(&base, &never_stop), Err(EngineError::JobMalformed));
	let file = b"no tokenizer".as_slice();
	world.models.blobs().put(file).unwrap();
	let mut tokenizer = world.job.clone();
	tokenizer.tokenizer.blob = blob_ref(file);
	assert_eq!(world.run(&tokenizer, &never_stop), Err(EngineError::JobMalformed));
	// No answer fits a context of 16 tokens.
	let short = World::new(16);
	assert_eq!(short.run(&short.job, &never_stop), Err(EngineError::CandidateInvalid));
}

#[test]
fn jobs_that_contradict_themselves_are_refused_before_anything_is_read() {
	let World { job, .. } = World::new(512);
	let limits = JobLimits::default();
	assert_eq!(limits.check_benchmark(&job), Ok(()));
	let unknown = [
		BenchmarkJob { definition: REVISION + 1, ..job.clone() },
		BenchmarkJob { rules: BenchmarkJob::RULES + 1, ..job.clone() },
	];
	for job in unknown {
		assert_eq!(limits.check_benchmark(&job), Err(EngineError::DefinitionUnknown));
	}
	let suites = |suites: &[(SuiteName, u32)]| {
		let suites = suites.iter().map(|(suite, tasks)| SuiteChoice { suite: *suite, tasks: *tasks });
		BenchmarkJob { suites: suites.collect::<Vec<_>>().try_into().unwrap(), ..job.clone() }
	};
	let mut parts = job.clone();
	let JobBody::Second { parts: own, .. } = &mut parts.base.body else { panic!("of the second") };
	own.pop();
	let mut heads = job.clone();
	heads.candidate.heads.pop();
	let mut first = job.clone();
	let config = ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 1, top_k: 1, context: 8 };
	first.base.body = JobBody::First { config, trunk: job.candidate.heads[0] };
	let mut tokenizer = job.clone();
	tokenizer.tokenizer.blob.size = limits.tokenizer_bytes_max + 1;
	let malformed = [
		suites(&[]),
		suites(&[(SuiteName::Copying, 0)]),
		suites(&[(SuiteName::Copying, TASKS_MAX + 1)]),
		suites(&[(SuiteName::Copying, 1), (SuiteName::Addition, 1), (SuiteName::Copying, 1)]),
		parts,
		heads,
		first,
		tokenizer,
	];
	for job in malformed {
		assert_eq!(limits.check_benchmark(&job), Err(EngineError::JobMalformed), "{job:?}");
	}
	let small = JobLimits { open_model_bytes_max: 1_000, ..limits };
	assert_eq!(small.check_benchmark(&job), Err(EngineError::ModelTooLarge));
}
