//! The off-chain worker, with a fake engine, a keystore and a transaction pool.

use super::*;
use crate::Call;
use blyan_host::{MlEngine, MlEngineExt};
use blyan_primitives::{
	operator_key, EngineError, EvaluationJob, JobId, JobStatus, ScoreReport, SubmissionId, Verdict,
};
use codec::Decode;
use frame_support::traits::Hooks;
use parking_lot::{Mutex, RwLock};
use sp_core::offchain::{
	testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
	OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
};
use sp_keyring::Sr25519Keyring;
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::Arc;

/// Answers what it is told to, and remembers what it was asked.
struct FakeEngine {
	status: Mutex<JobStatus>,
	jobs: Mutex<Vec<EvaluationJob>>,
	cancelled: Mutex<Vec<JobId>>,
}

impl MlEngine for FakeEngine {
	fn submit_job(&self, job: EvaluationJob) -> Result<JobId, EngineError> {
		let id = job.id();
		self.jobs.lock().push(job);
		Ok(id)
	}
	fn poll(&self, id: JobId) -> Result<JobStatus, EngineError> {
		let is_known = self.jobs.lock().iter().any(|job| job.id() == id);
		is_known.then(|| self.status.lock().clone()).ok_or(EngineError::UnknownJob)
	}
	fn cancel(&self, id: JobId) -> Result<(), EngineError> {
		self.cancelled.lock().push(id);
		Ok(())
	}
}

/// A node with the keys of some operators and, mostly, an engine.
struct Node {
	world: sp_io::TestExternalities,
	engine: Arc<FakeEngine>,
	pool: Arc<RwLock<PoolState>>,
}

impl Node {
	fn new(keys: &[Sr25519Keyring], status: JobStatus) -> Self {
		let mut node = Self::without_engine(keys, status);
		node.world.register_extension(MlEngineExt(node.engine.clone()));
		node
	}

	fn without_engine(keys: &[Sr25519Keyring], status: JobStatus) -> Self {
		let mut world = ExtBuilder::default().build();
		let (offchain, _) = TestOffchainExt::new();
		let (transactions, pool) = TestTransactionPoolExt::new();
		let keystore = MemoryKeystore::new();
		for key in keys {
			let seed = key.to_seed();
			keystore.sr25519_generate_new(operator_key::KEY_TYPE, Some(&seed)).unwrap();
		}
		world.register_extension(OffchainDbExt::new(offchain.clone()));
		world.register_extension(OffchainWorkerExt::new(offchain));
		world.register_extension(TransactionPoolExt::new(transactions));
		world.register_extension(KeystoreExt::new(keystore));
		let engine = Arc::new(FakeEngine {
			status: Mutex::new(status),
			jobs: Mutex::default(),
			cancelled: Mutex::default(),
		});
		Self { world, engine, pool }
	}

	/// A submission that waits for its scores.
	fn drawn(&mut self) -> SubmissionId {
		self.world.execute_with(|| submit_and_draw(1))
	}

	/// Runs the worker at the current block and returns the reports it sent.
	fn work(&mut self) -> Vec<(ScoreReport, blyan_primitives::OperatorId)> {
		self.world.execute_with(|| Learning::offchain_worker(System::block_number()));
		let sent = core::mem::take(&mut self.pool.write().transactions);
		sent.iter()
			.map(|bytes| {
				let transaction = Extrinsic::decode(&mut bytes.as_slice()).unwrap();
				let RuntimeCall::Learning(Call::report_score { report, key, signature }) =
					transaction.function
				else {
					panic!("the worker sends reports only");
				};
				self.world.execute_with(|| {
					// What it sends must be what the chain accepts.
					assert!(Learning::authorize_report_score(
						frame_support::pallet_prelude::TransactionSource::Local,
						&report,
						&key,
						&signature
					)
					.is_ok());
				});
				(report, key)
			})
			.collect()
	}

	fn set(&mut self, status: JobStatus) {
		*self.engine.status.lock() = status;
	}

	fn run_to(&mut self, number: u32) {
		self.world.execute_with(|| run_to(number));
	}
}

fn done() -> (JobStatus, Verdict) {
	let verdict = score(64, 0);
	let Verdict::Scored(outcome) = verdict else { unreachable!("score is scored") };
	(JobStatus::Done(outcome), verdict)
}

#[test]
fn worker_asks_the_engine_and_reports_for_every_local_member() {
	let (status, verdict) = done();
	let mut node = Node::new(&OPERATORS[..2], JobStatus::Queued);
	let submission = node.drawn();
	assert_eq!(node.work(), []);
	node.set(JobStatus::Running { done: 1, total: SAMPLE });
	assert_eq!(node.work(), []);
	node.set(status);
	let mut sent = node.work();
	sent.sort_by_key(|(_, key)| key.clone());
	let mut expected = OPERATORS[..2]
		.iter()
		.map(|who| (ScoreReport { submission, verdict }, who.public().into()))
		.collect::<Vec<_>>();
	expected.sort_by_key(|(_, key): &(ScoreReport, blyan_primitives::OperatorId)| key.clone());
	assert_eq!(sent, expected);

	// One job for both members, and it says what the draw fixed.
	let jobs = node.engine.jobs.lock().clone();
	assert_eq!(jobs.len(), 1);
	node.world.execute_with(|| {
		let drawn = evaluation(submission).unwrap();
		assert_eq!((jobs[0].seed, jobs[0].sample, jobs[0].holdout), (drawn.seed, SAMPLE, holdout()));
		assert_eq!(jobs[0].heads, [block(100), block(101)]);
		assert_eq!((jobs[0].candidate, jobs[0].layer, jobs[0].expert), (block(1), 0, 0));
	});
}

#[test]
fn worker_sends_again_only_what_did_not_arrive() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	let submission = node.drawn();
	let at = node.world.execute_with(System::block_number);
	assert_eq!(node.work().len(), 1);
	assert_eq!(node.work(), [], "the same block twice");
	node.run_to(at + 4);
	assert_eq!(node.work(), [], "it may still be on its way");
	node.run_to(at + 5);
	assert_eq!(node.work().len(), 1, "it seems to be lost");
	node.world.execute_with(|| report_as(Sr25519Keyring::Alice, submission, done().1).unwrap());
	node.run_to(at + 11);
	assert_eq!(node.work(), [], "it is on the chain");
}

#[test]
fn worker_sends_again_after_a_fork_that_was_ahead() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	node.world.execute_with(|| Learning::offchain_worker(System::block_number() + 6));
	node.pool.write().transactions.clear();
	assert_eq!(node.work().len(), 1);
}

#[test]
fn worker_reports_an_invalid_candidate() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], JobStatus::Failed(EngineError::CandidateInvalid));
	let submission = node.drawn();
	let sent = node.work();
	assert_eq!(sent[0].0, ScoreReport { submission, verdict: Verdict::Invalid });
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
	let mut node = Node::without_engine(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	assert_eq!(node.work(), []);
	let mut node = Node::new(&[Sr25519Keyring::Dave], done().0);
	node.drawn();
	assert_eq!(node.work(), []);
}

#[test]
fn worker_stays_silent_when_the_model_moved_or_the_time_is_over() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], done().0);
	node.drawn();
	Generation::set(9);
	assert_eq!(node.work(), []);
	Generation::set(0);
	let deadline = node.world.execute_with(|| evaluation(0).unwrap().deadline);
	node.run_to(deadline);
	assert_eq!(node.work(), [], "the report could not be in a block before the deadline");
}

#[test]
fn worker_does_not_send_a_score_that_the_chain_would_refuse() {
	let (status, _) = done();
	let JobStatus::Done(mut outcome) = status else { unreachable!("done is done") };
	outcome.bytes += 1;
	let mut node = Node::new(&[Sr25519Keyring::Alice], JobStatus::Done(outcome));
	node.drawn();
	assert_eq!(node.work(), []);
}

#[test]
fn worker_cancels_a_job_that_was_decided_without_it() {
	let mut node = Node::new(&[Sr25519Keyring::Alice], JobStatus::Running { done: 1, total: SAMPLE });
	node.drawn();
	node.work();
	let slow = node.engine.jobs.lock()[0].id();
	let deadline = node.world.execute_with(|| evaluation(0).unwrap().deadline);
	node.world.execute_with(|| {
		run_to(deadline + 2);
		submit_and_draw(2);
	});
	assert!(node.engine.cancelled.lock().is_empty());
	node.work();
	assert_eq!(*node.engine.cancelled.lock(), [slow]);
	assert_eq!(node.engine.jobs.lock().len(), 2);
}
