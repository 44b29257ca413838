//! The door between the runtime and the native engine: eight host functions over hashes and small structs.
//!
//! Only `Hooks::offchain_worker` may call them. A relay chain that validates our blocks does not know these
//! imports and traps when one is called, so nothing on a block's execution path may touch them. Where no
//! engine is registered (block building, import, runtime APIs) every function answers
//! [`EngineError::NotAvailable`].
//!
//! The node implements [`MlEngine`] and registers it as [`MlEngineExt`] for off-chain workers alone. This
//! crate knows neither what an engine does nor who asks.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

mod copies;
mod legacy;

// The native half of the macro names `Vec`.
#[cfg(not(substrate_runtime))]
use alloc::vec::Vec;
use blyan_primitives::{
	evolution::{BenchmarkJob, BenchmarkStatus},
	Comparison, CopyQuery, DatasetAuditJob, DatasetAuditStatus, EngineError, EvaluationJob, JobId, JobStatus,
	OpenComparison, OpenCopyQuery, Opening, Query,
};
use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime_interface::{
	pass_by::{AllocateAndReturnByCodec, PassFatPointerAndRead, PassPointerAndReadCopy},
	runtime_interface,
};

#[cfg(not(substrate_runtime))]
use sp_externalities::ExternalitiesExt;

/// Interface of the node's engine for off-chain workers. Calls return at once; work happens on the engine's
/// own threads.
#[cfg(not(substrate_runtime))]
pub trait MlEngine: Send + Sync {
	/// Queues `job` and returns its identifier. A job that is queued, running or done is not queued again.
	fn submit_job(&self, job: EvaluationJob) -> Result<JobId, EngineError>;
	/// Where the job stands; [`EngineError::UnknownJob`] if it was never submitted or has been forgotten.
	fn poll(&self, id: JobId) -> Result<JobStatus, EngineError>;
	/// Gives up on an evaluation or a comparison of models. Cancelling one that has ended changes nothing.
	fn cancel(&self, id: JobId) -> Result<(), EngineError>;
	/// Opens a place in what the engine computes for `job`. Starts the work and returns `None` while it lasts; asking
	/// again later gives the answer. The job need not have been submitted before.
	fn open(&self, job: EvaluationJob, query: Query) -> Result<Option<Opening>, EngineError>;
	/// Reports whether all bytes of this hash are here, verified. If not, the node may begin to look for them.
	fn has_blob(&self, hash: H256) -> Result<bool, EngineError>;
	/// Compares a candidate with earlier experts. Starts the work and returns [`Comparison::Running`] while it lasts; asking
	/// again later gives the answer. [`EngineError::BlobMissing`] if the candidate or its parent is not here; the node does not
	/// look for them.
	fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError>;
	/// Compares a candidate of an open model with earlier experts, as [`Self::find_copy`] does for the first definition.
	fn find_open_copy(&self, _query: OpenCopyQuery) -> Result<OpenComparison, EngineError> {
		Err(EngineError::NotAvailable)
	}
	/// Audits a dataset. Starts the work and returns [`DatasetAuditStatus::Running`] while it lasts; asking again later gives the
	/// answer. [`EngineError::BlobMissing`] names the manifest or a blob of the sample that is not here; the node may begin to
	/// look for it.
	fn audit_dataset(&self, _job: DatasetAuditJob) -> Result<DatasetAuditStatus, EngineError> {
		Err(EngineError::NotAvailable)
	}
	/// Measures two models in suites of tasks. Starts the work and returns [`BenchmarkStatus::Running`] while it lasts; asking again
	/// later gives the answer. [`EngineError::BlobMissing`] names a blob that is not here; the node may begin to look for all that
	/// are not. An error is told once, and asking again begins again.
	fn run_benchmark(&self, _job: BenchmarkJob) -> Result<BenchmarkStatus, EngineError> {
		Err(EngineError::NotAvailable)
	}
}

#[cfg(not(substrate_runtime))]
sp_externalities::decl_extension! {
	/// Carries the engine into the context of an off-chain worker.
	pub struct MlEngineExt(alloc::sync::Arc<dyn MlEngine>);
}

/// Largest encoded job or comparison the host will look at. A model has at most 128 x 1,024 slots of 68 bytes each, and the
/// chain remembers fewer experts of one slot.
const JOB_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Decodes a job that came across the boundary; all of the input must belong to it.
pub fn decode_job(bytes: &[u8]) -> Result<EvaluationJob, EngineError> {
	if bytes.len() > JOB_BYTES_MAX {
		return Err(EngineError::JobMalformed);
	}
	decode_whole(bytes)
}

/// Decodes a query that came across the boundary; all of the input must belong to it.
pub fn decode_query(bytes: &[u8]) -> Result<Query, EngineError> {
	decode_whole(bytes)
}

/// Decodes an audit that came across the boundary; all of the input must belong to it.
pub fn decode_dataset_audit(bytes: &[u8]) -> Result<DatasetAuditJob, EngineError> {
	decode_whole(bytes)
}

/// Decodes a comparison of two models that came across the boundary; all of the input must belong to it.
pub fn decode_benchmark(bytes: &[u8]) -> Result<BenchmarkJob, EngineError> {
	if bytes.len() > 2 * JOB_BYTES_MAX {
		return Err(EngineError::JobMalformed);
	}
	decode_whole(bytes)
}

fn decode_whole<T: Decode>(bytes: &[u8]) -> Result<T, EngineError> {
	let mut input = bytes;
	match T::decode(&mut input) {
		Ok(value) if input.is_empty() => Ok(value),
		_ => Err(EngineError::JobMalformed),
	}
}

/// The host functions as the runtime sees them.
///
/// A job crosses as its SCALE bytes and is decoded here: the macro's own decoding panics on bytes it cannot
/// read, and a runtime upgrade that changes the job must not stop a node that has not been updated yet.
#[runtime_interface]
pub trait MlEngineHost {
	/// Queues a job as runtimes encoded it before jobs named the version of their definition. Refused: what such a job is to
	/// be computed by is not known.
	#[version(1, register_only)]
	fn submit_job(
		&mut self,
		_job: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<JobId, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(_)) => Err(EngineError::JobMalformed),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Queues a job as runtimes encoded it while every model followed the first definition.
	///
	/// The identifier is that of the job as it is encoded now. Such a runtime polls under its own first, is told that no job has
	/// it, submits again, which queues nothing twice, and polls under this one.
	#[version(2, register_only)]
	fn submit_job(
		&mut self,
		job: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<JobId, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => legacy::decode_job(job).and_then(|job| engine.submit_job(job)),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Queues a job, given as the SCALE encoding of an `EvaluationJob`.
	#[version(3)]
	fn submit_job(
		&mut self,
		job: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<JobId, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => decode_job(job).and_then(|job| engine.submit_job(job)),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Where the job stands.
	fn poll(
		&mut self,
		id: PassPointerAndReadCopy<[u8; 32], 32>,
	) -> AllocateAndReturnByCodec<Result<JobStatus, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => engine.poll(id.into()),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Gives up on a job.
	fn cancel(
		&mut self,
		id: PassPointerAndReadCopy<[u8; 32], 32>,
	) -> AllocateAndReturnByCodec<Result<(), EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => engine.cancel(id.into()),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Opens a place in a job as runtimes encoded it before jobs named the version of their definition. Refused.
	#[version(1, register_only)]
	fn open(
		&mut self,
		_job: PassFatPointerAndRead<&[u8]>,
		_query: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<Option<Opening>, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(_)) => Err(EngineError::JobMalformed),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Opens a place in a job as runtimes encoded it while every model followed the first definition, and answers in their encoding.
	#[version(2, register_only)]
	fn open(
		&mut self,
		job: PassFatPointerAndRead<&[u8]>,
		query: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<legacy::Opened> {
		let opened = match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => {
				decode_query(query).and_then(|query| engine.open(legacy::decode_job(job)?, query))
			}
			None => Err(EngineError::NotAvailable),
		};
		legacy::Opened(opened)
	}

	/// Opens a place in a job's computation; both are given as SCALE encodings.
	#[version(3)]
	fn open(
		&mut self,
		job: PassFatPointerAndRead<&[u8]>,
		query: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<Option<Opening>, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => {
				decode_query(query).and_then(|query| engine.open(decode_job(job)?, query))
			}
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Reports whether all bytes of a hash are here.
	fn has_blob(
		&mut self,
		hash: PassPointerAndReadCopy<[u8; 32], 32>,
	) -> AllocateAndReturnByCodec<Result<bool, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => engine.has_blob(hash.into()),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Compares a candidate with earlier experts, given as the SCALE encoding of a `CopyQuery`, or of an `OpenCopyQuery` behind
	/// the bytes that tell it apart.
	fn find_copy(
		&mut self,
		query: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<copies::Found, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => copies::find(&**engine, query),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Audits a dataset, given as the SCALE encoding of a `DatasetAuditJob`.
	fn audit_dataset(
		&mut self,
		job: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<DatasetAuditStatus, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => decode_dataset_audit(job).and_then(|job| engine.audit_dataset(job)),
			None => Err(EngineError::NotAvailable),
		}
	}

	/// Measures two models in suites of tasks, given as the SCALE encoding of a `BenchmarkJob`.
	fn run_benchmark(
		&mut self,
		job: PassFatPointerAndRead<&[u8]>,
	) -> AllocateAndReturnByCodec<Result<BenchmarkStatus, EngineError>> {
		match self.extension::<MlEngineExt>() {
			Some(MlEngineExt(engine)) => decode_benchmark(job).and_then(|job| engine.run_benchmark(job)),
			None => Err(EngineError::NotAvailable),
		}
	}
}

/// For the node's executor: `type HostFunctions = (ParachainHostFunctions, blyan_host::HostFunctions);`
#[cfg(not(substrate_runtime))]
pub use ml_engine_host::HostFunctions;

/// Calls the host, unless this runtime was built to run where no host has the engine: its calls are then not even imported.
fn ask<T>(call: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
	if cfg!(feature = "detached") {
		Err(EngineError::NotAvailable)
	} else {
		call()
	}
}

/// Queues `job` with the engine beside this off-chain worker and returns its identifier.
pub fn submit_job(job: &EvaluationJob) -> Result<JobId, EngineError> {
	ask(|| ml_engine_host::submit_job(&job.encode()))
}

/// Where a job stands.
pub fn poll(id: JobId) -> Result<JobStatus, EngineError> {
	ask(|| ml_engine_host::poll(id.0))
}

/// Gives up on an evaluation or a comparison of models.
pub fn cancel(id: JobId) -> Result<(), EngineError> {
	ask(|| ml_engine_host::cancel(id.0))
}

/// Reports whether all bytes of this hash are on this node.
pub fn has_blob(hash: H256) -> Result<bool, EngineError> {
	ask(|| ml_engine_host::has_blob(hash.0))
}

/// Opens a place in what `job` computes; `None` while the engine is at work on it.
pub fn open(job: &EvaluationJob, query: &Query) -> Result<Option<Opening>, EngineError> {
	ask(|| ml_engine_host::open(&job.encode(), &query.encode()))
}

/// Compares a candidate with earlier experts of its slot.
pub fn find_copy(query: &CopyQuery) -> Result<Comparison, EngineError> {
	ask(|| ml_engine_host::find_copy(&query.encode())?.first())
}

/// Compares a candidate of an open model with earlier experts of its slot. A node of a release that knows no such query answers
/// [`EngineError::JobMalformed`].
pub fn find_open_copy(query: &OpenCopyQuery) -> Result<OpenComparison, EngineError> {
	ask(|| ml_engine_host::find_copy(&copies::encode_open(query))?.open())
}

/// Audits the sample of a dataset that a draw takes.
pub fn audit_dataset(job: &DatasetAuditJob) -> Result<DatasetAuditStatus, EngineError> {
	ask(|| ml_engine_host::audit_dataset(&job.encode()))
}

/// Measures two models in suites of tasks. `cancel` with the job's identifier gives it up.
pub fn run_benchmark(job: &BenchmarkJob) -> Result<BenchmarkStatus, EngineError> {
	ask(|| ml_engine_host::run_benchmark(&job.encode()))
}

#[cfg(test)]
mod tests;
