//! Operators' nodes, with a fake engine, a keystore, a database and a transaction pool.

use super::*;
use crate::{rules, Audits, Call, Enrolments, JobSource, Phase, SeatState, Vote};
use blyan_host::MlEngine;
use blyan_primitives::{
	Comparison, CopyQuery, EngineError, EvaluationJob, EvaluationOutcome, JobId, JobStatus, Opening, Query,
};
use blyan_support::mocks::{Machine, Pool};
use codec::Encode;
use frame_support::traits::Hooks;
use parking_lot::Mutex;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::offchain::storage::StorageValueRef;
use std::collections::{BTreeMap, BTreeSet};

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
pub(crate) fn machine_of(operators: impl IntoIterator<Item = u32>) -> Machine<FakeEngine> {
	let machine = Machine::with_engine(FakeEngine::default());
	operators.into_iter().for_each(|seed| machine.add_key(&key_seed(seed)));
	machine
}

/// The process ends and begins again: the engine has forgotten everything, the disk nothing.
pub(crate) fn restart(machine: &Machine<FakeEngine>) {
	machine.engine.jobs.lock().clear();
}

/// A chain, and the pool that the machines share.
pub(crate) struct Network {
	pub(crate) world: sp_io::TestExternalities,
	pool: Pool,
}

impl Network {
	pub(crate) fn new(builder: ExtBuilder) -> Self {
		let mut world = builder.build();
		Self { pool: Pool::of(&mut world), world }
	}

	/// Runs a machine's worker at the current block and returns what it sends.
	pub(crate) fn work(&mut self, machine: &Machine<FakeEngine>) -> Vec<Call<Test>> {
		machine.attach_with_engine(&mut self.world);
		self.world.execute_with(|| AuditsPallet::offchain_worker(System::block_number()));
		let sent = self.pool.take::<Extrinsic>();
		sent.into_iter()
			.map(|transaction| match transaction.function {
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

fn network(builder: ExtBuilder) -> (Network, Machine<FakeEngine>) {
	let mut network = Network::new(builder.nobody_enrolled());
	let machine = machine_of(0..4);
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
	restart(&machine);
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
	restart(&machine);
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
fn an_outcome_of_one_fork_is_none_of_another_job_with_the_same_seed() {
	let (mut network, machine) = network(world());
	let audit = network.ask(open);
	assert_eq!(kinds(&network.work(&machine)), [1]);
	// On the fork that wins, a submission was accepted before the same seed fell on the model.
	network.ask(|| {
		Generation::set(1);
		Audits::<Test>::mutate(audit, |record| {
			let record = record.as_mut().unwrap();
			let job = Jobs::draw(&record.seed, record.job.sample()).unwrap();
			assert_ne!(core::mem::replace(&mut record.job, job), job);
		});
	});
	for _ in 0..5 {
		network.end_block();
	}
	let calls = network.work(&machine);
	let [Call::present { outcome, .. }] = &calls[..] else { panic!("the setter is to present: {calls:?}") };
	assert_eq!(*outcome, network.ask(|| truth(audit)));
}

/// Clients do not see these places, but seals that were made before an upgrade can be opened only with what lies there.
#[test]
fn worker_finds_what_earlier_runtimes_have_kept() {
	let mut network = Network::new(world().nobody_enrolled());
	let machine = machine_of(0..4);
	machine.attach_with_engine(&mut network.world);
	let master_of = |seed: u32| H256::repeat_byte(seed as u8);
	network.ask(|| {
		for seed in 0..4 {
			let place = [&b"blyan/audits/master"[..], &account(seed).encode()].concat();
			StorageValueRef::persistent(&place).set(&master_of(seed));
		}
	});
	let calls = network.work(&machine);
	let enrolled = |call: &Call<Test>| match call {
		Call::enrol { commitment, key, .. } => (key.clone(), *commitment),
		_ => panic!("no operator is enrolled"),
	};
	let enrolled: BTreeMap<_, _> = calls.iter().map(enrolled).collect();
	for seed in 0..4 {
		let nonce = rules::enrolment_nonce(&network.ask(System::block_number));
		let secret = blake2_256(&(b"blyan/audits/derived", b"coin", master_of(seed), nonce).encode());
		assert_eq!(enrolled[&key(seed)], rules::commitment(&H256(secret)));
	}
	network.arrive(calls);
	network.end_block();

	// An outcome, under the seed of its audit. The engine could not compute it any more.
	let audit = network.ask(open);
	let kept = network.ask(|| {
		let (record, kept) = (record(audit), EvaluationOutcome { job_root: H256([9; 32]), ..truth(audit) });
		let place = [&b"blyan/audits/note"[..], &[1], &audit.to_le_bytes(), &record.setter.encode()].concat();
		StorageValueRef::persistent(&place).set(&vec![(record.seed, kept)]);
		kept
	});
	*machine.engine.trouble.lock() = Some(EngineError::CandidateInvalid);
	let calls = network.work(&machine);
	let [Call::present { outcome, .. }] = &calls[..] else { panic!("the setter is to present: {calls:?}") };
	assert_eq!(*outcome, kept);
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
		machine.add_key(&key_seed(seed + 10));
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
	let stranger = machine_of([50]);
	assert_eq!(network.work(&stranger), []);
	let bystander = machine_of([]);
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
	for machine in [machine_of(0..4), machine_of(0..4)] {
		let mut network = Network::new(world().nobody_enrolled());
		for call in network.work(&machine) {
			let Call::enrol { commitment, .. } = call else { panic!("no operator is enrolled") };
			seen.insert(commitment);
		}
	}
	assert_eq!(seen.len(), 8);
}
