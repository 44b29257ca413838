//! Auditors' nodes, with a fake engine, a keystore, a database and a transaction pool.

use super::mock::*;
use crate::{
	worker::{recall, remember},
	Audits, Call, SeatState,
};
use blyan_host::{MlEngine, MlEngineExt};
use blyan_primitives::{
	operator_key, AuditFinding, AuditReport, Comparison, CopyQuery, DatasetAuditJob, DatasetAuditStatus,
	DatasetReason, DatasetRef, DatasetStage, EngineError, EvaluationJob, JobId, JobStatus, Opening, Query,
	SAMPLE_BYTES_MAX,
};
use codec::Decode;
use parking_lot::{Mutex, RwLock};
use sp_core::{
	offchain::{
		testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
		OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
	},
	H256,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::sync::{
	atomic::{AtomicU8, Ordering},
	Arc,
};

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
struct Machine {
	keystore: MemoryKeystore,
	disk: TestOffchainExt,
	engine: Arc<FakeEngine>,
}

impl Machine {
	fn new(operators: impl IntoIterator<Item = u32>) -> Self {
		let keystore = MemoryKeystore::new();
		for seed in operators {
			keystore.sr25519_generate_new(operator_key::KEY_TYPE, Some(&key_seed(seed))).unwrap();
		}
		Self { keystore, disk: new_disk(), engine: Arc::default() }
	}

	fn answers(&self, answer: Result<DatasetAuditStatus, EngineError>) {
		*self.engine.answer.lock() = answer;
	}
}

/// An empty disk in a machine whose randomness is its own.
fn new_disk() -> TestOffchainExt {
	static MACHINES: AtomicU8 = AtomicU8::new(1);
	let (disk, state) = TestOffchainExt::new();
	state.write().seed = [MACHINES.fetch_add(1, Ordering::Relaxed); 32];
	disk
}

/// A chain, and the pool that the machines share.
struct Network {
	world: sp_io::TestExternalities,
	pool: Arc<RwLock<PoolState>>,
}

impl Network {
	/// Five operators, and a dataset whose committee is drawn.
	fn new() -> (Self, DatasetRef) {
		let mut world = new_ext_with(5);
		let (transactions, pool) = TestTransactionPoolExt::new();
		world.register_extension(TransactionPoolExt::new(transactions));
		let mut network = Self { world, pool };
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
	fn work(&mut self, machine: &Machine) -> Vec<Call<Test>> {
		// A machine's disk keeps what earlier runs wrote.
		let (disk, keystore) = (machine.disk.clone(), machine.keystore.clone());
		self.world.register_extension(OffchainDbExt::new(disk.clone()));
		self.world.register_extension(OffchainWorkerExt::new(disk));
		self.world.register_extension(KeystoreExt::new(keystore));
		self.world.register_extension(MlEngineExt(machine.engine.clone()));
		self.world.execute_with(|| DatasetsPallet::work(System::block_number()));
		let sent = core::mem::take(&mut self.pool.write().transactions);
		sent.iter()
			.map(|bytes| match Extrinsic::decode(&mut bytes.as_slice()).unwrap().function {
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
	let machine = Machine::new(0..5);
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
	let machine = Machine::new(0..2);
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
	let (machine, mut other) = (Machine::new(0..3), Machine::new(3..5));
	for one in [&machine, &other] {
		let seals = network.work(one);
		network.ask(|| seals.into_iter().for_each(|call| deliver(call).unwrap()));
	}
	network.ask(|| run(1));
	// The engine's blobs have gone, and it has forgotten everything.
	machine.answers(Err(EngineError::NotAvailable));
	assert_eq!(kinds(&network.work(&machine)), (0, 3));
	other.disk = new_disk();
	assert_eq!(kinds(&network.work(&other)), (0, 0), "what was sealed with a lost secret cannot be opened");
	network.ask(|| assert!(Audits::<Test>::contains_key(dataset)));
}

#[test]
fn worker_waits_for_a_blob_until_shortly_before_the_end_and_says_so_then() {
	let (mut network, dataset) = Network::new();
	let machine = Machine::new(0..5);
	machine.answers(Err(EngineError::BlobMissing(H256([7; 32]))));
	assert_eq!(kinds(&network.work(&machine)), (0, 0));
	network.ask(|| run_to(audit(dataset).until - 6));
	let seals = network.work(&machine);
	assert_eq!(kinds(&seals), (5, 0));
	// Even if it comes now: what is sealed is what will be opened.
	network.arrive(seals);
	machine.answers(Ok(DatasetAuditStatus::Done(AuditFinding::Examined(clean()))));
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
	let machine = Machine::new(0..5);
	let absurd = AuditReport { records: 0, ..clean() };
	for answer in [
		Ok(DatasetAuditStatus::Running),
		Ok(DatasetAuditStatus::Done(AuditFinding::Examined(absurd))),
		Err(EngineError::Busy),
		Err(EngineError::NotAvailable),
	] {
		machine.answers(answer);
		assert_eq!(kinds(&network.work(&machine)), (0, 0), "{answer:?}");
	}
	network.ask(|| {
		assert!(audit(dataset).seats.iter().all(|seat| seat.state == SeatState::Waiting));
	});
	let stranger = Machine::new(500..502);
	assert_eq!(kinds(&network.work(&stranger)), (0, 0));
	assert!(stranger.engine.asked.lock().is_empty(), "keys that audit nothing cost the engine nothing");
}

#[test]
fn the_first_finding_of_a_draw_is_not_replaced_by_a_run_that_is_late() {
	let (mut network, dataset) = Network::new();
	let machine = Machine::new(0..1);
	network.world.register_extension(OffchainDbExt::new(machine.disk.clone()));
	network.world.register_extension(OffchainWorkerExt::new(machine.disk.clone()));
	network.ask(|| {
		let (draw, owner, first) = (audit(dataset).draw, account(0), AuditFinding::Examined(clean()));
		assert!(remember(&dataset, &draw, &owner, first));
		assert!(!remember(&dataset, &draw, &owner, AuditFinding::Unavailable));
		assert_eq!(recall(&dataset, &draw, &owner), Some(first));
		assert!(remember(&dataset, &H256([1; 32]), &owner, AuditFinding::Malformed), "another draw");
	});
}
