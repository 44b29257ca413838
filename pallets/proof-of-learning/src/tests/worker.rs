//! The off-chain worker, with a fake engine, a keystore and a transaction pool.

use super::*;
use crate::{Call, Queues};
use blyan_host::MlEngine;
use blyan_primitives::{
	Comparison, CopyQuery, EngineError, EvaluationJob, JobId, JobStatus, OpenComparison, OpenCopyQuery,
	Opening, Query, Score, ScoreReport, ScoreSeal, SubmissionId, Verdict,
};
use blyan_support::mocks::{Machine, Pool};
use frame_support::traits::Hooks;
use parking_lot::Mutex;
use sp_keyring::Sr25519Keyring;
use sp_runtime::offchain::storage::StorageValueRef;
use std::{collections::BTreeMap, sync::Arc};

/// Answers what it is told to, and remembers what it was asked.
pub(super) struct FakeEngine {
	status: Mutex<JobStatus>,
	answers: Mutex<BTreeMap<JobId, JobStatus>>,
	jobs: Mutex<Vec<EvaluationJob>>,
	cancelled: Mutex<Vec<JobId>>,
	blobs: Mutex<Vec<sp_core::H256>>,
	/// Files that are compared.
	pub(super) experts: super::copy_reports::Experts,
	/// Adapters that are compared.
	pub(super) adapters: super::open_copy_reports::Adapters,
}

impl MlEngine for FakeEngine {
	fn has_blob(&self, hash: sp_core::H256) -> Result<bool, EngineError> {
		Ok(self.blobs.lock().contains(&hash))
	}
	fn submit_job(&self, job: EvaluationJob) -> Result<JobId, EngineError> {
		let id = job.id();
		self.jobs.lock().push(job);
		Ok(id)
	}
	fn poll(&self, id: JobId) -> Result<JobStatus, EngineError> {
		let is_known = self.jobs.lock().iter().any(|job| job.id() == id);
		let answer = self.answers.lock().get(&id).cloned();
		is_known.then(|| answer.unwrap_or_else(|| self.status.lock().clone())).ok_or(EngineError::UnknownJob)
	}
	fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError> {
		self.experts.find_copy(query)
	}
	fn find_open_copy(&self, query: OpenCopyQuery) -> Result<OpenComparison, EngineError> {
		self.adapters.find_open_copy(query)
	}
	fn open(&self, _: EvaluationJob, _: Query) -> Result<Option<Opening>, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn cancel(&self, id: JobId) -> Result<(), EngineError> {
		self.cancelled.lock().push(id);
		Ok(())
	}
}

/// A node with the keys of some operators and, mostly, an engine.
pub(super) struct Node {
	pub(super) world: sp_io::TestExternalities,
	pub(super) engine: Arc<FakeEngine>,
	machine: Machine<FakeEngine>,
	pool: Pool,
}

impl Node {
	pub(super) fn new(keys: &[Sr25519Keyring], status: JobStatus) -> Self {
		Self::of(ExtBuilder::default(), keys, status)
	}

	fn of(world: ExtBuilder, keys: &[Sr25519Keyring], status: JobStatus) -> Self {
		let mut node = Self::without_engine(world, keys, status);
		node.machine.attach_with_engine(&mut node.world);
		node
	}

	fn without_engine(world: ExtBuilder, keys: &[Sr25519Keyring], status: JobStatus) -> Self {
		let mut world = world.build();
		let engine = FakeEngine {
			status: Mutex::new(status),
			answers: Mutex::default(),
			jobs: Mutex::default(),
			cancelled: Mutex::default(),
			blobs: Mutex::default(),
			experts: Default::default(),
			adapters: Default::default(),
		};
		let machine = Machine::with_engine(engine);
		keys.iter().for_each(|key| machine.add_key(&key.to_seed()));
		machine.attach(&mut world);
		Self { pool: Pool::of(&mut world), engine: machine.engine.clone(), machine, world }
	}

	/// A submission that waits for its scores.
	fn drawn(&mut self) -> SubmissionId {
		self.world.execute_with(|| submit_and_draw(1))
	}

	/// Runs the worker at the current block and returns what it sent, the seals first.
	pub(super) fn work(&mut self) -> Vec<Call<Test>> {
		self.world.execute_with(|| Learning::offchain_worker(System::block_number()));
		let sent = self.pool.take::<Extrinsic>();
		sent.into_iter()
			.map(|transaction| {
				let RuntimeCall::Learning(call) = transaction.function else {
					panic!("the worker sends seals and verdicts only");
				};
				// What it sends must be what the chain accepts.
				self.world.execute_with(|| authorise(call.clone()).unwrap());
				call
			})
			.collect()
	}

	/// Runs the worker and puts what it sent into a block. Returns how much that was.
	fn work_and_include(&mut self) -> usize {
		let calls = self.work();
		for call in &calls {
			self.world.execute_with(|| include(call.clone()).unwrap());
		}
		calls.len()
	}

	fn set(&mut self, status: JobStatus) {
		*self.engine.status.lock() = status;
	}

	pub(super) fn run_to(&mut self, number: u32) {
		self.world.execute_with(|| run_to(number));
	}

	/// The others of the committee seal the same.
	fn others_seal(&mut self, submission: SubmissionId, verdict: Verdict) {
		self.world.execute_with(|| {
			for who in OPERATORS {
				let seat = evaluation(submission).unwrap().seat(&who.to_account_id()).cloned();
				if seat.unwrap().seal.is_none() {
					seal_as(who, submission, verdict).unwrap();
				}
			}
		});
	}
}

/// What every job comes to.
fn done() -> (JobStatus, Verdict) {
	let outcome = measured(64, 0, SEQUENCE);
	(JobStatus::Done(outcome), Verdict::Scored(Score { target: outcome, guard: None }))
}

fn seals(calls: &[Call<Test>]) -> Vec<ScoreSeal> {
	let seal = |call: &Call<Test>| match call {
		Call::commit_score { seal, .. } => *seal,
		_ => panic!("only seals were due"),
	};
	calls.iter().map(seal).collect()
}

fn reveals(calls: &[Call<Test>]) -> Vec<ScoreReport> {
	let report = |call: &Call<Test>| match call {
		Call::reveal_score { report, .. } => *report,
		_ => panic!("only verdicts were due"),
	};
	calls.iter().map(report).collect()
}

#[test]
fn worker_asks_the_engine_seals_for_every_local_member_and_reveals() {
	let (status, verdict) = done();
	let mut node = Node::new(&OPERATORS[..2], JobStatus::Queued);
	let submission = node.drawn();
	assert_eq!(node.work(), []);
	node.set(JobStatus::Running { done: 1, total: SAMPLE });
	assert_eq!(node.work(), []);
	node.set(status);
	let sent = node.work();
	let sealed = seals(&sent);
	assert_eq!(sealed.len(), 2);
	assert_ne!(sealed[0].seal, sealed[1].seal, "equal verdicts, different seals");
	for call in sent {
		node.world.execute_with(|| include(call).unwrap());
	}
	assert_eq!(node.work(), [], "Charlie may still seal");
	node.others_seal(submission, verdict);
	let revealed = reveals(&node.work());
	assert_eq!(revealed, [ScoreReport { submission, verdict }; 2]);

	// One job for both members, and it says what the draw fixed.
	let jobs = node.engine.jobs.lock().clone();
	assert_eq!(jobs.len(), 1);
	node.world.execute_with(|| {
		let target = evaluation(submission).unwrap().terms.target;
		assert_eq!((jobs[0].seed, jobs[0].sample, jobs[0].holdout), (target.seed, SAMPLE, holdout()));
		assert_eq!(jobs[0].heads, [block(100), block(101)]);
		assert_eq!((jobs[0].candidate, jobs[0].layer, jobs[0].expert), (block(1), 0, 0));
	});
}

#[test]
fn worker_runs_the_guard_job_too() {
	let mut node = Node::of(ExtBuilder::default().with_guard(), &[Sr25519Keyring::Alice], JobStatus::Queued);
	let submission = node.drawn();
	assert_eq!(node.work(), []);
	let jobs = node.engine.jobs.lock().clone();
	assert_eq!(jobs.len(), 2, "both are started at once");
	let terms = node.world.execute_with(|| evaluation(submission).unwrap().terms);
	assert_eq!((jobs[0].holdout, jobs[0].seed), (holdout(), terms.target.seed));
	assert_eq!((jobs[1].holdout, jobs[1].seed), (guard(), terms.guard.unwrap().seed));
	assert_eq!(jobs[0].heads, jobs[1].heads);
	let (target, guarded) = (measured(64, 0, SEQUENCE), measured(-1, 0, GUARD_SEQUENCE));
	node.engine.answers.lock().insert(jobs[0].id(), JobStatus::Done(target));
	assert_eq!(node.work(), [], "one of two is done");
	node.engine.answers.lock().insert(jobs[1].id(), JobStatus::Done(guarded));
	assert_eq!(node.work_and_include(), 1);
	let verdict = Verdict::Scored(Score { target, guard: Some(guarded) });
	node.others_seal(submission, verdict);
	assert_eq!(reveals(&node.work()), [ScoreReport { submission, verdict }]);
}

#[test]
fn worker_reveals_after_a_restart_what_it_had_sealed() {
	let (status, verdict) = done();
	let mut node = Node::new(&[Sr25519Keyring::Alice], status);
	let submission = node.drawn();
	assert_eq!(node.work_and_include(), 1);
	node.others_seal(submission, verdict);
	// The process ends: the engine forgets everything, and would even say something else now.
	node.engine.jobs.lock().clear();
	node.set(JobStatus::Done(measured(-64, 0, SEQUENCE)));
	assert_eq!(reveals(&node.work()), [ScoreReport { submission, verdict }]);
	assert!(node.engine.jobs.lock().is_empty(), "nothing is computed again");
}

/// Clients do not see this place, but seals that were made before an upgrade can be opened only with what lies there.
#[test]
fn worker_opens_a_seal_with_what_an_earlier_runtime_has_kept() {
	let alice = Sr25519Keyring::Alice;
	let mut node = Node::new(&[alice], done().0);
	let submission = node.drawn();
	let kept = Verdict::Scored(Score { target: measured(-64, 0, SEQUENCE), guard: None });
	node.world.execute_with(|| {
		seal_as(alice, submission, kept).unwrap();
		let model = slot(0).model.to_le_bytes();
		let place = [&b"blyan/learning/promises"[..], &model, &alice.to_raw_public()].concat();
		let promise = (submission, draw_id(submission), kept, salt(alice), Some(1u32), None::<u32>);
		StorageValueRef::persistent(&place).set(&vec![promise]);
	});
	node.others_seal(submission, kept);
	assert_eq!(reveals(&node.work()), [ScoreReport { submission, verdict: kept }]);
	assert!(node.engine.jobs.lock().is_empty(), "nothing is computed again");
}

#[test]
fn worker_never_makes_a_second_seal() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	let first = seals(&node.work());
	let at = node.world.execute_with(System::block_number);
	node.set(JobStatus::Done(measured(-64, 0, SEQUENCE)));
	// Other entropy, another result: the promise stands.
	node.machine.offchain().write().seed = [9; 32];
	node.run_to(at + 5);
	assert_eq!(seals(&node.work()), first);
}

#[test]
fn worker_sends_again_only_what_did_not_arrive() {
	let (status, verdict) = done();
	let mut node = Node::new(&[Sr25519Keyring::Alice], status);
	let submission = node.drawn();
	let at = node.world.execute_with(System::block_number);
	assert_eq!(node.work().len(), 1);
	assert_eq!(node.work(), [], "the same block twice");
	node.run_to(at + 4);
	assert_eq!(node.work(), [], "it may still be on its way");
	node.run_to(at + 5);
	assert_eq!(node.work_and_include(), 1, "it seems to be lost");
	assert_eq!(node.work(), [], "it is on the chain");
	node.others_seal(submission, verdict);
	assert_eq!(node.work().len(), 1);
	assert_eq!(node.work(), [], "the same block twice");
	node.run_to(at + 10);
	assert_eq!(node.work_and_include(), 1, "it seems to be lost");
	assert_eq!(node.work(), [], "it is on the chain");
}

#[test]
fn worker_sends_again_after_a_fork_that_was_ahead() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	node.world.execute_with(|| {
		let here = System::block_number();
		System::set_block_number(here + 6);
		Learning::offchain_worker(here + 6);
		System::set_block_number(here);
	});
	node.pool.take::<Extrinsic>();
	assert_eq!(node.work().len(), 1);
}

#[test]
fn worker_keeps_apart_what_has_one_number_on_two_forks() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	let submission = node.drawn();
	let here = seals(&node.work());
	let swap = |world: &mut sp_io::TestExternalities, seed| {
		world.execute_with(|| {
			crate::OpenSubmissions::<Test>::mutate(submission, |record| {
				record.as_mut().unwrap().claim.block = block(seed);
			})
		})
	};
	swap(&mut node.world, 77);
	let there = seals(&node.work());
	assert_ne!(here, there);
	// A seal of the other fork is not opened here: that would be a score of another expert.
	node.world.execute_with(|| {
		run_to(deadlines(submission).seal);
		crate::OpenSubmissions::<Test>::mutate(submission, |record| {
			let Some(crate::Phase::Evaluating(drawn)) = record.as_mut().map(|record| &mut record.phase)
			else {
				panic!("it is being evaluated")
			};
			for seat in drawn.seats.iter_mut() {
				seat.seal = Some(here[0].seal);
			}
		})
	});
	assert_eq!(node.work(), []);
	swap(&mut node.world, 1);
	assert_eq!(node.work().len(), 1);
}

#[test]
fn worker_finds_an_invalid_candidate() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], JobStatus::Failed(EngineError::CandidateInvalid));
	let submission = node.drawn();
	assert_eq!(node.work_and_include(), 1);
	node.others_seal(submission, Verdict::Invalid);
	assert_eq!(reveals(&node.work()), [ScoreReport { submission, verdict: Verdict::Invalid }]);
}

#[test]
fn worker_starts_a_failed_job_again_when_that_can_help() {
	let missing = JobStatus::Failed(EngineError::BlobMissing(block(1).blob.hash));
	let mut node = Node::new(&[Sr25519Keyring::Alice], missing);
	node.drawn();
	assert_eq!(node.work(), []);
	assert_eq!(node.work(), []);
	let (status, _) = done();
	node.set(status);
	assert_eq!(node.work().len(), 1);
	assert!(node.engine.jobs.lock().len() >= 2, "the job was started again");

	let mut node = Node::new(&[Sr25519Keyring::Alice], JobStatus::Failed(EngineError::ModelTooLarge));
	node.drawn();
	node.work();
	node.work();
	assert_eq!(node.engine.jobs.lock().len(), 1, "starting again would not help");
}

#[test]
fn worker_stays_silent_without_a_key_an_engine_or_a_seat() {
	let mut node = Node::new(&[], done().0);
	node.drawn();
	assert_eq!(node.work(), []);
	let mut node = Node::without_engine(ExtBuilder::default(), &[Sr25519Keyring::Alice], done().0);
	node.drawn();
	assert_eq!(node.work(), []);
	let mut node = Node::new(&[Sr25519Keyring::Dave], done().0);
	node.drawn();
	assert_eq!(node.work(), []);
}

#[test]
fn worker_finishes_when_the_model_moved_and_stops_when_the_baseline_is_forgotten() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	History::set(Default::default());
	assert_eq!(node.work(), []);
	History::set([(0, Heads::get())].into());
	Generation::set(9);
	assert_eq!(node.work().len(), 1);
}

#[test]
fn worker_stays_silent_when_the_time_is_over() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	let deadline = node.world.execute_with(|| deadlines(0).seal);
	node.run_to(deadline);
	assert_eq!(node.work(), [], "the seal could not be in a block before the deadline");

	let (status, verdict) = done();
	let mut node = Node::new(&[Sr25519Keyring::Alice], status);
	let submission = node.drawn();
	node.work_and_include();
	node.others_seal(submission, verdict);
	let deadline = node.world.execute_with(|| deadlines(0).reveal);
	node.run_to(deadline);
	assert_eq!(node.work(), [], "the verdict could not be in a block before the deadline");
}

#[test]
fn worker_does_not_seal_a_score_that_the_chain_would_refuse() {
	let mut outcome = measured(64, 0, SEQUENCE);
	outcome.bytes += 1;
	let mut node = Node::new(&[Sr25519Keyring::Alice], JobStatus::Done(outcome));
	node.drawn();
	assert_eq!(node.work(), []);
}

#[test]
fn worker_cancels_jobs_that_were_decided_without_it() {
	let running = JobStatus::Running { done: 1, total: SAMPLE };
	let mut node = Node::of(ExtBuilder::default().with_guard(), &[Sr25519Keyring::Alice], running);
	node.drawn();
	node.work();
	let slow: Vec<_> = node.engine.jobs.lock().iter().map(|job| job.id()).collect();
	assert_eq!(slow.len(), 2);
	node.world.execute_with(|| {
		run_to(deadlines(0).seal + 2);
		submit_and_draw(2);
	});
	assert!(node.engine.cancelled.lock().is_empty());
	node.work();
	assert_eq!(*node.engine.cancelled.lock(), slow);
	assert_eq!(node.engine.jobs.lock().len(), 4);
}

#[test]
fn worker_attests_bytes_when_the_node_has_them() {
	let mut node = Node::new(&[Sr25519Keyring::Alice, Sr25519Keyring::Bob], JobStatus::Queued);
	node.world.execute_with(|| {
		MinAttestations::set(2);
		submit(1);
	});
	assert_eq!(node.work(), [], "the bytes are not here");
	node.engine.blobs.lock().push(block(1).blob.hash);
	let sent = node.work();
	assert_eq!(sent.len(), 2, "one for each operator of this node");
	assert_eq!(node.work(), [], "not again a block later");
	node.world.execute_with(|| {
		for call in sent {
			include(call).unwrap();
		}
		assert!(Queues::<Test>::get(0).contains(&0));
	});
	assert_eq!(node.work(), [], "nothing is left to say");
}
