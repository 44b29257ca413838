//! An operator's node, with a fake engine, a keystore and a transaction pool.

use super::mock::*;
use crate::Call;
use blyan_host::MlEngine;
use blyan_primitives::{Comparison, CopyQuery, EngineError, EvaluationJob, JobId, JobStatus, Opening, Query};
use blyan_support::mocks::{Machine, Pool};
use sp_core::H256;

/// Has some blobs, and computes nothing.
struct Store(Vec<H256>);

impl MlEngine for Store {
	fn has_blob(&self, hash: H256) -> Result<bool, EngineError> {
		Ok(self.0.contains(&hash))
	}
	fn find_copy(&self, _: CopyQuery) -> Result<Comparison, EngineError> {
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

/// Runs a worker at the current block, and returns what it sends.
fn work(world: &mut sp_io::TestExternalities, pool: &Pool, machine: &Machine<Store>) -> Vec<Call<Test>> {
	machine.attach_with_engine(world);
	world.execute_with(|| Holdouts::attest_chunks(System::block_number()));
	let sent = pool.take::<Extrinsic>();
	sent.into_iter()
		.map(|transaction| match transaction.function {
			RuntimeCall::Holdouts(call) => call,
			_ => panic!("the worker sends messages of this pallet only"),
		})
		.collect()
}

#[test]
fn worker_attests_to_the_chunk_that_it_has_once() {
	let mut world = new_ext();
	let pool = Pool::of(&mut world);
	let keeper = world.execute_with(|| {
		sealed_with(3);
		ask(SUBMISSION);
		wait_for_appointment(SUBMISSION)
	});
	let machine_with = |blobs| {
		let machine = Machine::with_engine(Store(blobs));
		machine.add_key(&key_seed(1));
		machine
	};
	let (empty, full) = (machine_with(Vec::new()), machine_with(vec![name_of(&text(keeper))]));
	assert!(work(&mut world, &pool, &full).is_empty(), "nothing is open");
	world.execute_with(|| reveal(keeper, SUBMISSION, keeper)).unwrap();
	assert!(work(&mut world, &pool, &empty).is_empty());
	let sent = work(&mut world, &pool, &full);
	assert_eq!(sent.len(), 1);
	assert!(work(&mut world, &pool, &full).is_empty(), "it is on its way");
	world.execute_with(|| {
		sent.into_iter().for_each(|call| deliver(call).unwrap());
		run(6);
	});
	assert!(work(&mut world, &pool, &full).is_empty(), "it was counted");
}
