//! Auditors' nodes, with a fake engine, a keystore, a database and a transaction pool.

use super::mock::*;
use crate::{worker::notes, Audits, Call, SeatState};
use blyan_host::MlEngine;
use blyan_primitives::{
	AuditFinding, AuditReport, Comparison, CopyQuery, DatasetAuditJob, DatasetAuditMessage,
	DatasetAuditStatus, DatasetReason, DatasetRef, DatasetStage, EngineError, EvaluationJob, JobId,
	JobStatus, Opening, Query, SAMPLE_BYTES_MAX,
};
use blyan_support::mocks::{Machine, Pool};
use codec::Encode;
use parking_lot::Mutex;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::offchain::storage::StorageValueRef;

/// Answers every question about an audit alike, and remembers them.
struct FakeEngine {
	answer: Mutex<Result<DatasetAuditStatus, EngineError>>,
	asked: Mutex<Vec<DatasetAuditJob>>,
}

impl Default for FakeEngine {
	fn default() -> Self {
		let answer = Ok(DatasetAuditStatus::Done(AuditFinding::Examined(clean())));
		Self { answer: Mutex::new(answer), asked: Mutex::default() }
	}
}

impl MlEngine for FakeEngine {
	fn audit_dataset(&self, job: DatasetAuditJob) -> Result<DatasetAuditStatus, EngineError> {
		self.asked.lock().push(job);
		*self.answer.lock()
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
	fn cancel(&self, _: JobId) -> Result<(), EngineError> {
		Err(EngineError::NotAvailable)
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
fn answers(machine: &Machine<FakeEngine>, answer: Result<DatasetAuditStatus, EngineError>) {
	*machine.engine.answer.lock() = answer;
}

/// A chain, and the pool that the machines share.
struct Network {
	world: sp_io::TestExternalities,
	pool: Pool,
}

impl Network {
	/// Five operators, and a dataset whose committee is drawn.
	fn new() -> (Self, DatasetRef) {
		let mut world = new_ext_with(5);
		let mut network = Self { pool: Pool::of(&mut world), world };
		let dataset = network.ask(|| {
			let dataset = audited(ALICE, 1);
			assert_eq!(drawn(dataset).len(), 5);
			dataset
		});
		(network, dataset)
	}

	fn ask<R>(&mut self, question: impl FnOnce() -> R) -> R {
		self.world.execute_with(question)
	}

	/// Runs a machine's worker at the current block and returns what it sends.
	fn work(&mut self, machine: &Machine<FakeEngine>) -> Vec<Call<Test>> {
		machine.attach_with_engine(&mut self.world);
		self.world.execute_with(|| DatasetsPallet::work(System::block_number()));
		let sent = self.pool.take::<Extrinsic>();
		sent.into_iter()
			.map(|transaction| match transaction.function {
				RuntimeCall::DatasetsPallet(call) => call,
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
fn worker_audits_unattended_and_asks_for_what_was_offered() {
	let (mut network, dataset) = Network::new();
	let machine = machine_of(0..5);
	let seals = network.work(&machine);
	assert_eq!(kinds(&seals), (5, 0));
	let job = machine.engine.asked.lock()[0].clone();
	network.ask(|| {
		let (offered, audit) = (record(dataset), audit(dataset));
		assert_eq!((job.draw, job.licence, job.manifest), (audit.draw, offered.licence, offered.manifest));
		assert_eq!((job.root, job.records, job.bytes), (offered.root, offered.records, offered.bytes));
		assert_eq!((job.blobs, job.sample_bytes_max), (1, SAMPLE_BYTES_MAX));
	});
	network.arrive(seals);
	let openings = network.work(&machine);
	assert_eq!(kinds(&openings), (0, 5));
	network.arrive(openings);
	network.ask(|| {
		assert_eq!(stage(dataset), DatasetStage::Vote);
		assert_eq!(record(dataset).report, Some(clean()));
		DatasetsPallet::do_try_state().unwrap();
	});
	assert_eq!(kinds(&network.work(&machine)), (0, 0), "nothing is owed any more");
}

#[test]
fn worker_sends_again_only_what_did_not_arrive() {
	let (mut network, _) = Network::new();
	let machine = machine_of(0..2);
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
	let (mut network, dataset) = Network::new();
	let (machine, mut other) = (machine_of(0..3), machine_of(3..5));
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
	network.ask(|| assert!(Audits::<Test>::contains_key(dataset)));
}

#[test]
fn worker_waits_for_a_blob_until_shortly_before_the_end_and_says_so_then() {
	let (mut network, dataset) = Network::new();
	let machine = machine_of(0..5);
	answers(&machine, Err(EngineError::BlobMissing(H256([7; 32]))));
	assert_eq!(kinds(&network.work(&machine)), (0, 0));
	network.ask(|| run_to(audit(dataset).until - 6));
	let seals = network.work(&machine);
	assert_eq!(kinds(&seals), (5, 0));
	// Even if it comes now: what is sealed is what will be opened.
	network.arrive(seals);
	answers(&machine, Ok(DatasetAuditStatus::Done(AuditFinding::Examined(clean()))));
	let openings = network.work(&machine);
	assert!(openings
		.iter()
		.all(|call| matches!(call, Call::reveal { finding: AuditFinding::Unavailable, .. })));
	network.arrive(openings);
	network.ask(|| assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Withdrawn)));
}

#[test]
fn worker_keeps_silent_while_the_engine_works_and_when_it_contradicts_itself() {
	let (mut network, dataset) = Network::new();
	let machine = machine_of(0..5);
	let absurd = AuditReport { records: 0, ..clean() };
	for answer in [
		Ok(DatasetAuditStatus::Running),
		Ok(DatasetAuditStatus::Done(AuditFinding::Examined(absurd))),
		Err(EngineError::Busy),
		Err(EngineError::NotAvailable),
	] {
		answers(&machine, answer);
		assert_eq!(kinds(&network.work(&machine)), (0, 0), "{answer:?}");
	}
	network.ask(|| {
		assert!(audit(dataset).seats.iter().all(|seat| seat.state == SeatState::Waiting));
	});
	let stranger = machine_of(500..502);
	assert_eq!(kinds(&network.work(&stranger)), (0, 0));
	assert!(stranger.engine.asked.lock().is_empty(), "keys that audit nothing cost the engine nothing");
}

/// Clients do not see these places, but seals that were made before an upgrade can be opened only with what lies there.
#[test]
fn worker_opens_a_seal_with_what_an_earlier_runtime_has_kept() {
	let (mut network, dataset) = Network::new();
	let machine = machine_of(0..1);
	machine.attach_with_engine(&mut network.world);
	let (master, finding) = (H256([7; 32]), AuditFinding::Malformed);
	network.ask(|| {
		let (draw, owner) = (audit(dataset).draw, account(0).encode());
		let place = [&b"blyan/datasets/master"[..], &owner].concat();
		StorageValueRef::persistent(&place).set(&master);
		let place = [&b"blyan/datasets/note"[..], &[1], &dataset.dataset.to_le_bytes(), &owner].concat();
		StorageValueRef::persistent(&place).set(&vec![(draw, finding)]);
		let salt = H256(blake2_256(&(b"blyan/datasets/salt", master, draw).encode()));
		let seal_of_zero = finding.seal(&draw, &salt, &account(0));
		deliver(call(DatasetAuditMessage::Seal { dataset, seal: seal_of_zero }, 0)).unwrap();
		(1..5).for_each(|who| seal(dataset, who, finding).unwrap());
		run(1);
	});
	// The engine would say something else now.
	let calls = network.work(&machine);
	assert!(matches!(&calls[..], [Call::reveal { finding: AuditFinding::Malformed, .. }]), "{calls:?}");
}

#[test]
fn the_first_finding_of_a_draw_is_not_replaced_by_a_run_that_is_late() {
	let (mut network, dataset) = Network::new();
	machine_of(0..1).attach(&mut network.world);
	network.ask(|| {
		let (draw, first) = (audit(dataset).draw, AuditFinding::Examined(clean()));
		let notes = notes(&dataset, &account(0));
		assert!(notes.keep(draw, first));
		assert!(!notes.keep(draw, AuditFinding::Unavailable));
		assert_eq!(notes.recall(&draw), Some(first));
		assert!(notes.keep(H256([1; 32]), AuditFinding::Malformed), "another draw");
	});
}
