//! Evaluators' nodes, with a fake engine, a keystore, a database and a transaction pool.

use super::mock::*;
use crate::{worker::notes, Call, Evaluation, SeatState};
use blyan_host::MlEngine;
use blyan_primitives::{
	evolution::{BenchmarkFinding, BenchmarkJob, BenchmarkStatus, EpochOutcome, EpochPhase},
	Comparison, CopyQuery, EngineError, EvaluationJob, JobBody, JobId, JobStatus, Opening, Query,
};
use blyan_support::mocks::{Machine, Pool};
use parking_lot::Mutex;
use sp_core::H256;

/// Answers every question about a comparison alike, and remembers them.
struct FakeEngine {
	answer: Mutex<Result<BenchmarkStatus, EngineError>>,
	asked: Mutex<Vec<BenchmarkJob>>,
	cancelled: Mutex<Vec<JobId>>,
}

impl Default for FakeEngine {
	fn default() -> Self {
		Self {
			answer: Mutex::new(Ok(BenchmarkStatus::Done(outcome(40, 90)))),
			asked: Mutex::default(),
			cancelled: Mutex::default(),
		}
	}
}

impl MlEngine for FakeEngine {
	fn run_benchmark(&self, job: BenchmarkJob) -> Result<BenchmarkStatus, EngineError> {
		self.asked.lock().push(job);
		self.answer.lock().clone()
	}
	fn find_copy(&self, _: CopyQuery) -> Result<Comparison, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn has_blob(&self, _: H256) -> Result<bool, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn submit_job(&self, _: EvaluationJob) -> Result<JobId, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn poll(&self, _: JobId) -> Result<JobStatus, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn cancel(&self, job: JobId) -> Result<(), EngineError> {
		self.cancelled.lock().push(job);
		Ok(())
	}
	fn open(&self, _: EvaluationJob, _: Query) -> Result<Option<Opening>, EngineError> {
		Err(EngineError::NotAvailable)
	}
}

/// A machine with the keys of some operators.
fn machine_of(operators: impl IntoIterator<Item = u32>) -> Machine<FakeEngine> {
	let machine = Machine::with_engine(FakeEngine::default());
	operators.into_iter().for_each(|seed| machine.add_key(&key_seed(seed)));
	machine
}

/// Has a machine's engine answer this from now on.
fn answers(machine: &Machine<FakeEngine>, answer: Result<BenchmarkStatus, EngineError>) {
	*machine.engine.answer.lock() = answer;
}

/// A chain, and the pool that the machines share.
struct Network {
	world: sp_io::TestExternalities,
	pool: Pool,
	evaluators: Vec<u32>,
}

impl Network {
	/// Nine operators, and a candidate whose committee is drawn.
	fn new() -> Self {
		let mut world = new_ext_with(OPERATORS);
		let mut network = Self { pool: Pool::of(&mut world), world, evaluators: Vec::new() };
		network.evaluators = network.ask(|| {
			delivered();
			drawn()
		});
		assert_eq!(network.evaluators.len(), 5);
		network
	}

	fn ask<R>(&mut self, question: impl FnOnce() -> R) -> R {
		self.world.execute_with(question)
	}

	/// Runs a machine's worker at the current block and returns what it sends.
	fn work(&mut self, machine: &Machine<FakeEngine>) -> Vec<Call<Test>> {
		machine.attach_with_engine(&mut self.world);
		self.world.execute_with(|| Evolution::work(System::block_number()));
		let sent = self.pool.take::<Extrinsic>();
		sent.into_iter()
			.map(|transaction| match transaction.function {
				RuntimeCall::Evolution(call) => call,
				_ => panic!("the worker sends messages of this pallet only"),
			})
			.collect()
	}

	/// Delivers messages, which the chain must accept, and ends the block.
	fn arrive(&mut self, calls: Vec<Call<Test>>) {
		self.ask(|| {
			calls.into_iter().for_each(|call| deliver(call).unwrap());
			run(1);
		});
	}
}

/// Number of seals, and of openings.
fn kinds(calls: &[Call<Test>]) -> (usize, usize) {
	let count = |is: fn(&Call<Test>) -> bool| calls.iter().filter(|call| is(call)).count();
	(count(|call| matches!(call, Call::seal { .. })), count(|call| matches!(call, Call::reveal { .. })))
}

#[test]
fn worker_measures_unattended_and_asks_for_what_is_compared() {
	let mut network = Network::new();
	let machine = machine_of(0..OPERATORS);
	let seals = network.work(&machine);
	assert_eq!(kinds(&seals), (5, 0));
	let job = machine.engine.asked.lock()[0].clone();
	network.ask(|| {
		assert_eq!(Some(job.clone()), Evolution::benchmark_job());
		assert_eq!((job.base.model, job.candidate.model), (BASE, epoch().comparison.unwrap().candidate));
		assert_eq!((job.entropy, &job.suites, &job.tokenizer), (evaluation().draw, &suites(), &tokenizer()));
		let (parts, heads) = blocks(b"candidate", &target());
		let body = JobBody::Second { architecture: target().to_bytes(), parts };
		assert_eq!((job.candidate.body, job.candidate.heads), (body, heads));
	});
	network.arrive(seals);
	let openings = network.work(&machine);
	assert_eq!(kinds(&openings), (0, 5));
	network.arrive(openings);
	network.ask(|| assert_eq!(ended(0), EpochOutcome::Promoted { gain_ppm: 1_000_000 }));
	assert_eq!(kinds(&network.work(&machine)), (0, 0), "nothing is owed any more");
}

#[test]
fn worker_sends_again_only_what_did_not_arrive() {
	let mut network = Network::new();
	let machine = machine_of(network.evaluators[..2].to_vec());
	assert_eq!(kinds(&network.work(&machine)), (2, 0));
	assert_eq!(kinds(&network.work(&machine)), (0, 0));
	network.ask(|| run(5));
	let again = network.work(&machine);
	assert_eq!(kinds(&again), (2, 0));
	network.arrive(again);
	network.ask(|| run(6));
	assert_eq!(kinds(&network.work(&machine)), (0, 0));
}

#[test]
fn worker_opens_its_seal_after_a_restart_and_keeps_silent_without_its_disk() {
	let mut network = Network::new();
	let machine = machine_of(network.evaluators[..3].to_vec());
	let mut other = machine_of(network.evaluators[3..].to_vec());
	for one in [&machine, &other] {
		let seals = network.work(one);
		network.ask(|| seals.into_iter().for_each(|call| deliver(call).unwrap()));
	}
	network.ask(|| run(1));
	// The engine's blobs have gone, and it has forgotten everything.
	answers(&machine, Err(EngineError::NotAvailable));
	assert_eq!(kinds(&network.work(&machine)), (0, 3));
	other.lose_disk();
	assert_eq!(kinds(&network.work(&other)), (0, 0), "what was sealed with a lost secret cannot be opened");
}

#[test]
fn worker_says_that_a_candidates_blob_is_missing_shortly_before_the_end_and_never_of_the_bases() {
	let mut network = Network::new();
	let machine = machine_of(0..OPERATORS);
	let of = |seed: &[u8], architecture| blocks(seed, &architecture).1[0].blob.hash;
	let (candidates, bases) = (of(b"candidate", target()), of(b"base", base()));
	answers(&machine, Err(EngineError::BlobMissing(candidates)));
	assert_eq!(kinds(&network.work(&machine)), (0, 0));
	network.ask(|| {
		while System::block_number() + 6 < evaluation().until {
			run(1);
		}
	});
	for silent in [bases, H256([7; 32]), tokenizer().blob.hash] {
		answers(&machine, Err(EngineError::BlobMissing(silent)));
		assert_eq!(kinds(&network.work(&machine)), (0, 0));
	}
	answers(&machine, Err(EngineError::BlobMissing(candidates)));
	let seals = network.work(&machine);
	assert_eq!(kinds(&seals), (5, 0));
	network.arrive(seals);
	// Even if it comes now: what is sealed is what will be opened.
	answers(&machine, Ok(BenchmarkStatus::Done(outcome(40, 90))));
	let openings = network.work(&machine);
	let is_unavailable =
		|call: &Call<Test>| matches!(call, Call::reveal { finding: BenchmarkFinding::Unavailable, .. });
	assert!(openings.len() == 5 && openings.iter().all(is_unavailable));
	network.arrive(openings);
	network.ask(|| assert_eq!(ended(0), EpochOutcome::Unavailable));
}

#[test]
fn worker_seals_that_a_candidate_is_no_model() {
	let mut network = Network::new();
	let machine = machine_of(0..OPERATORS);
	answers(&machine, Err(EngineError::CandidateInvalid));
	let seals = network.work(&machine);
	network.arrive(seals);
	let openings = network.work(&machine);
	network.arrive(openings);
	network.ask(|| assert_eq!(ended(0), EpochOutcome::Malformed));
}

#[test]
fn worker_keeps_silent_while_the_engine_works_and_when_it_contradicts_itself() {
	let mut network = Network::new();
	let machine = machine_of(0..OPERATORS);
	let mut absurd = outcome(40, 90);
	absurd.suites[0].base.right = TASKS + 1;
	for answer in [
		Ok(BenchmarkStatus::Running { done: 3, total: 1_000 }),
		Ok(BenchmarkStatus::Done(absurd)),
		Err(EngineError::Busy),
		Err(EngineError::NotAvailable),
		Err(EngineError::DefinitionUnknown),
		Err(EngineError::BlobCorrupt(H256([7; 32]))),
	] {
		answers(&machine, answer.clone());
		assert_eq!(kinds(&network.work(&machine)), (0, 0), "{answer:?}");
	}
	network.ask(|| {
		assert!(evaluation().seats.iter().all(|seat| seat.state == SeatState::Waiting));
		run_to(EpochPhase::Rest);
	});
	let stranger = machine_of(500..502);
	assert_eq!(kinds(&network.work(&stranger)), (0, 0));
	assert!(stranger.engine.asked.lock().is_empty(), "keys that measure nothing cost the engine nothing");
}

#[test]
fn the_first_finding_of_a_draw_is_not_replaced_by_a_run_that_is_late() {
	let mut network = Network::new();
	machine_of(0..1).attach(&mut network.world);
	network.ask(|| {
		let (draw, first) = (evaluation().draw, measured(40, 90));
		let notes = notes(&account(0));
		assert!(notes.keep(draw, first.clone()));
		assert!(!notes.keep(draw, BenchmarkFinding::Unavailable));
		assert_eq!(notes.recall(&draw), Some(first));
		assert!(notes.keep(H256([1; 32]), BenchmarkFinding::Malformed), "another draw");
	});
}

#[test]
fn worker_cancels_a_comparison_once_it_is_over() {
	let mut network = Network::new();
	let machine = machine_of(0..OPERATORS);
	answers(&machine, Ok(BenchmarkStatus::Running { done: 1, total: 9 }));
	assert!(network.work(&machine).is_empty());
	network.ask(|| run(1));
	assert!(network.work(&machine).is_empty());
	let job = machine.engine.asked.lock()[0].id();
	assert!(machine.engine.cancelled.lock().is_empty(), "it is still wanted");

	network.ask(|| {
		let draw = Evaluation::<Test>::get().unwrap().draw;
		while Evaluation::<Test>::get().is_some_and(|evaluation| evaluation.draw == draw) {
			run(1);
		}
	});
	network.work(&machine);
	network.work(&machine);
	assert_eq!(*machine.engine.cancelled.lock(), [job]);
}
