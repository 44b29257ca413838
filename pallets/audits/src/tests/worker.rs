//! Operators' nodes, with a fake engine, a keystore, a database and a transaction pool.

use super::*;
use crate::{Audits, Call, Enrolments, Phase, SeatState, Vote};
use blyan_host::{MlEngine, MlEngineExt};
use blyan_primitives::{
	operator_key, Comparison, CopyQuery, EngineError, EvaluationJob, JobId, JobStatus, Opening, Query,
};
use codec::Decode;
use frame_support::traits::Hooks;
use parking_lot::{Mutex, RwLock};
use sp_core::{
	offchain::{
		testing::{PoolState, TestOffchainExt, TestTransactionPoolExt},
		OffchainDbExt, OffchainWorkerExt, TransactionPoolExt,
	},
	H256,
};
use sp_keystore::{testing::MemoryKeystore, Keystore, KeystoreExt};
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{
		atomic::{AtomicU8, Ordering},
		Arc,
	},
};

/// Evaluates at once, unless it is told otherwise.
#[derive(Default)]
pub(crate) struct FakeEngine {
	/// Jobs it knows.
	pub(crate) jobs: Mutex<BTreeMap<JobId, EvaluationJob>>,
	/// Error that it returns instead of a result.
	pub(crate) trouble: Mutex<Option<EngineError>>,
	/// True while it is still busy with everything.
	pub(crate) is_slow: Mutex<bool>,
	/// Number of times it was asked to start something.
	pub(crate) starts: Mutex<u32>,
}

impl MlEngine for FakeEngine {
	fn find_copy(&self, _: CopyQuery) -> Result<Comparison, EngineError> {
		Err(EngineError::NotAvailable)
	}
	fn has_blob(&self, _: sp_core::H256) -> Result<bool, EngineError> {
		Ok(true)
	}
	fn submit_job(&self, job: EvaluationJob) -> Result<JobId, EngineError> {
		*self.starts.lock() += 1;
		let id = job.id();
		self.jobs.lock().insert(id, job);
		Ok(id)
	}
	fn poll(&self, id: JobId) -> Result<JobStatus, EngineError> {
		let jobs = self.jobs.lock();
		let job = jobs.get(&id).ok_or(EngineError::UnknownJob)?;
		if let Some(error) = *self.trouble.lock() {
			return Ok(JobStatus::Failed(error));
		}
		if *self.is_slow.lock() {
			return Ok(JobStatus::Running { done: 0, total: job.sample });
		}
		Ok(JobStatus::Done(truth_of(job)))
	}
	fn cancel(&self, _: JobId) -> Result<(), EngineError> {
		Ok(())
	}
	fn open(&self, _: EvaluationJob, _: Query) -> Result<Option<Opening>, EngineError> {
		Err(EngineError::NotAvailable)
	}
}

/// A machine with the keys of some operators.
pub(crate) struct Machine {
	pub(crate) keystore: MemoryKeystore,
	pub(crate) disk: TestOffchainExt,
	pub(crate) engine: Arc<FakeEngine>,
}

impl Machine {
	pub(crate) fn new(operators: impl IntoIterator<Item = u32>) -> Self {
		let keystore = MemoryKeystore::new();
		for seed in operators {
			keystore.sr25519_generate_new(operator_key::KEY_TYPE, Some(&key_seed(seed))).unwrap();
		}
		Self { keystore, disk: new_disk(), engine: Arc::default() }
	}

	/// The process ends and begins again: the engine has forgotten everything, the disk nothing.
	pub(crate) fn restart(&self) {
		self.engine.jobs.lock().clear();
	}

	/// The disk is lost; the keys were kept elsewhere.
	pub(crate) fn lose_disk(&mut self) {
		self.disk = new_disk();
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
pub(crate) struct Network {
	pub(crate) world: sp_io::TestExternalities,
	pool: Arc<RwLock<PoolState>>,
}

impl Network {
	pub(crate) fn new(builder: ExtBuilder) -> Self {
		let mut world = builder.build();
		let (transactions, pool) = TestTransactionPoolExt::new();
		world.register_extension(TransactionPoolExt::new(transactions));
		Self { world, pool }
	}

	/// Runs a machine's worker at the current block and returns what it sends.
	pub(crate) fn work(&mut self, machine: &Machine) -> Vec<Call<Test>> {
		// A machine's disk keeps what earlier runs wrote.
		let (disk, keystore) = (machine.disk.clone(), machine.keystore.clone());
		self.world.register_extension(OffchainDbExt::new(disk.clone()));
		self.world.register_extension(OffchainWorkerExt::new(disk));
		self.world.register_extension(KeystoreExt::new(keystore));
		self.world.register_extension(MlEngineExt(machine.engine.clone()));
		self.world.execute_with(|| AuditsPallet::offchain_worker(System::block_number()));
		let sent = core::mem::take(&mut self.pool.write().transactions);
		sent.iter()
			.map(|bytes| match Extrinsic::decode(&mut bytes.as_slice()).unwrap().function {
				RuntimeCall::AuditsPallet(call) => call,
				_ => panic!("the worker sends messages of this pallet only"),
			})
			.collect()
	}

	/// Delivers a machine's messages, which the chain must accept.
	pub(crate) fn arrive(&mut self, calls: Vec<Call<Test>>) {
		for call in calls {
			self.world.execute_with(|| deliver(call.into()).unwrap());
		}
	}

	pub(crate) fn end_block(&mut self) {
		self.world.execute_with(|| {
			end_block();
			begin_next();
		});
	}

	fn ask<R>(&mut self, question: impl FnOnce() -> R) -> R {
		self.world.execute_with(question)
	}
}

fn kinds(calls: &[Call<Test>]) -> Vec<u8> {
	calls
		.iter()
		.map(|call| match call {
			Call::enrol { .. } => 0,
			Call::present { .. } => 1,
			Call::vote { .. } => 2,
			Call::reveal_setter { .. } => 3,
			Call::reveal_vote { .. } => 4,
			_ => panic!("no operator's message"),
		})
		.collect()
}

fn network(builder: ExtBuilder) -> (Network, Machine) {
	let mut network = Network::new(builder.nobody_enrolled());
	let machine = Machine::new(0..4);
	let calls = network.work(&machine);
	assert_eq!(kinds(&calls), [0; 4]);
	network.arrive(calls);
	network.end_block();
	(network, machine)
}

#[test]
fn worker_plays_a_whole_audit_unattended() {
	for forced in [false, true] {
		let builder = world();
		let builder = if forced { builder.all_forced() } else { builder };
		let (mut network, machine) = network(builder);
		network.ask(open);
		let mut said = Vec::new();
		for _ in 0..4 {
			let calls = network.work(&machine);
			said.extend(kinds(&calls));
			network.arrive(calls);
			network.end_block();
		}
		said.sort();
		assert_eq!(said, [1, 2, 2, 2, 3, 4, 4, 4]);
		network.ask(|| {
			assert!(!Audits::<Test>::contains_key(0), "settled");
			assert_eq!(crimes(), []);
			let paid = PURSE - Envelope::get();
			assert_eq!(paid, PAY + 3 * if forced { BOUNTY } else { PAY });
		});
		assert_eq!(machine.engine.jobs.lock().len(), 1, "one job for all");
		// Everybody can set again.
		network.ask(|| {
			AuditsPallet::do_try_state().unwrap();
			open();
		});
		assert_eq!(kinds(&network.work(&machine)), [1]);
		TrapShare::set(0);
	}
}

#[test]
fn the_setter_evaluates_first_whatever_its_coin_says() {
	let mut paths = Vec::new();
	for forced in [false, true] {
		let builder = world();
		let (mut network, machine) = network(if forced { builder.all_forced() } else { builder });
		network.ask(open);
		*machine.engine.is_slow.lock() = true;
		assert_eq!(network.work(&machine), []);
		assert_eq!(network.work(&machine), [], "no answer without an evaluation");
		let asked =
			(machine.engine.jobs.lock().keys().copied().collect::<Vec<_>>(), *machine.engine.starts.lock());
		assert_eq!(asked.1, 1);
		*machine.engine.is_slow.lock() = false;
		assert_eq!(kinds(&network.work(&machine)), [1]);
		paths.push((asked.1, *machine.engine.starts.lock()));
		TrapShare::set(0);
	}
	assert_eq!(paths[0], paths[1]);
}

#[test]
fn worker_says_the_same_after_a_restart() {
	let (mut network, machine) = network(world());
	let audit = network.ask(open);
	let presented = network.work(&machine);
	network.arrive(presented);
	network.end_block();
	let votes = network.work(&machine);
	// They got lost, and the node began anew some blocks later.
	machine.restart();
	for _ in 0..5 {
		network.end_block();
	}
	let again = network.work(&machine);
	let seals = |calls: &[Call<Test>]| -> Vec<_> {
		calls
			.iter()
			.map(|call| match call {
				Call::vote { seal, key, .. } => (*seal, key.clone()),
				_ => panic!("votes are due"),
			})
			.collect()
	};
	assert_eq!(seals(&votes), seals(&again));
	network.arrive(votes);
	network.end_block();
	machine.restart();
	// Even the model has moved meanwhile, and its history is gone.
	Generation::set(5);
	HistoryLost::set(true);
	let reveals = network.work(&machine);
	assert_eq!(reveals.len(), 4);
	network.arrive(reveals);
	network.end_block();
	network.ask(|| {
		assert!(!Audits::<Test>::contains_key(audit));
		assert_eq!(crimes(), []);
	});
}

#[test]
fn worker_says_again_only_what_did_not_arrive() {
	let (mut network, machine) = network(world());
	network.ask(open);
	assert_eq!(network.work(&machine).len(), 1);
	assert_eq!(network.work(&machine), [], "the same block twice");
	for _ in 0..4 {
		network.end_block();
		assert_eq!(network.work(&machine), [], "it may still be on its way");
	}
	network.end_block();
	let again = network.work(&machine);
	assert_eq!(again.len(), 1, "it seems to be lost");
	network.arrive(again);
	assert_eq!(kinds(&network.work(&machine)), [2; 3], "it is on the chain");
}

#[test]
fn an_engine_in_trouble_means_silence() {
	for error in
		[EngineError::BlobMissing(H256([1; 32])), EngineError::ModelTooLarge, EngineError::CandidateInvalid]
	{
		let (mut network, machine) = network(world());
		network.ask(open);
		*machine.engine.trouble.lock() = Some(error);
		for _ in 0..=WINDOW {
			assert_eq!(network.work(&machine), []);
			network.end_block();
		}
		network.ask(|| {
			end_block();
			assert!(Audits::<Test>::iter_keys().next().is_none(), "void");
			assert_eq!(crimes(), []);
		});
	}
}

#[test]
fn worker_stays_silent_without_a_job_that_matches_the_statement() {
	let (mut network, machine) = network(world());
	network.ask(open);
	Generation::set(1);
	HistoryLost::set(true);
	assert_eq!(network.work(&machine), []);
	HistoryLost::set(false);
	assert_eq!(kinds(&network.work(&machine)), [1], "the model moved, its history is there");
}

#[test]
fn a_node_that_lost_its_disk_enrols_again_and_keeps_silent_about_what_it_cannot_open() {
	let (mut network, mut machine) = network(world());
	let audit = network.ask(open);
	machine.lose_disk();
	let calls = network.work(&machine);
	assert_eq!(calls, [], "the commitments are too young, the audit's secret is lost");
	for _ in 0..ENROL_EVERY {
		network.end_block();
	}
	let calls = network.work(&machine);
	assert_eq!(kinds(&calls), [0; 4]);
	network.arrive(calls);
	network.end_block();
	let until = network.ask(|| *record(audit).until());
	network.ask(|| run_past(until));
	network.ask(|| {
		assert_eq!(crimes(), [], "silence costs no stake");
		assert_eq!(Enrolments::<Test>::iter().filter(|(_, e)| e.setting.is_some()).count(), 0);
		begin_next();
		open();
	});
	assert_eq!(kinds(&network.work(&machine)), [1]);
}

#[test]
fn an_operator_may_change_its_key_in_the_middle() {
	let (mut network, machine) = network(world());
	let audit = network.ask(open);
	for _ in 0..2 {
		let calls = network.work(&machine);
		network.arrive(calls);
		network.end_block();
	}
	// Everybody's new key lies in the keystore beside the old one.
	for seed in 0..4 {
		machine.keystore.sr25519_generate_new(operator_key::KEY_TYPE, Some(&key_seed(seed + 10))).unwrap();
	}
	Keys::set((0..4).map(|seed| (key(seed + 10), account(seed))).collect());
	let calls = network.work(&machine);
	assert_eq!(calls.len(), 4);
	network.arrive(calls);
	network.end_block();
	network.ask(|| {
		assert!(!Audits::<Test>::contains_key(audit));
		assert_eq!(crimes(), []);
	});
}

#[test]
fn worker_stays_silent_without_a_key_and_about_other_peoples_audits() {
	let (mut network, _) = network(world());
	network.ask(open);
	let stranger = Machine::new([50]);
	assert_eq!(network.work(&stranger), []);
	let bystander = Machine::new([]);
	assert_eq!(network.work(&bystander), []);
}

#[test]
fn worker_catches_a_forced_error_and_confirms_a_true_answer() {
	for forced in [false, true] {
		let builder = world();
		let (mut network, machine) = network(if forced { builder.all_forced() } else { builder });
		let audit = network.ask(open);
		for _ in 0..2 {
			let calls = network.work(&machine);
			network.arrive(calls);
			network.end_block();
		}
		let calls = network.work(&machine);
		for call in &calls {
			if let Call::reveal_vote { vote, .. } = call {
				let truth = network.ask(|| truth(audit));
				assert_eq!(*vote, if forced { Vote::Deny(truth) } else { Vote::Confirm });
			}
		}
		network.ask(|| {
			let record = record(audit);
			assert!(matches!(record.phase, Phase::Revealing { .. }));
			assert!(record.seats.iter().all(|seat| matches!(seat.state, SeatState::Sealed(_))));
		});
		TrapShare::set(0);
	}
}

#[test]
fn secrets_differ_from_machine_to_machine_and_from_key_to_key() {
	let mut seen = BTreeSet::new();
	for machine in [Machine::new(0..4), Machine::new(0..4)] {
		let mut network = Network::new(world().nobody_enrolled());
		for call in network.work(&machine) {
			let Call::enrol { commitment, .. } = call else { panic!("nobody is enrolled") };
			seen.insert(commitment);
		}
	}
	assert_eq!(seen.len(), 8);
}
