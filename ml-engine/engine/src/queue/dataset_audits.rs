//! Audits of datasets.

use super::{background::run_behind_serving, contained, give_way, JobQueue, Shared};
use crate::dataset_audit;
use blyan_exact::blake2_256;
use blyan_primitives::{AuditFinding, DatasetAuditJob, DatasetAuditStatus, EngineError};
use codec::Encode;
use sp_core::H256;

impl JobQueue {
	/// Audits a dataset. Begins and answers [`DatasetAuditStatus::Running`] while that lasts; asking again gives the answer. An
	/// error, such as a blob that is not here, is told once, and asking again tries again.
	pub fn audit_dataset(&self, job: DatasetAuditJob) -> Result<DatasetAuditStatus, EngineError> {
		if !self.shared.models.blobs().has(&job.manifest.hash) {
			return Err(EngineError::BlobMissing(job.manifest.hash));
		}
		let key = H256(blake2_256(&[&job.encode()]));
		let waiting_max = self.shared.config.dataset_audits_max;
		let finding = self.shared.state.lock().dataset_audits.find(key, job, waiting_max);
		self.shared.changed.notify_all();
		Ok(finding?.map_or(DatasetAuditStatus::Running, DatasetAuditStatus::Done))
	}
}

/// The auditing thread. Its work fans out over threads of its own.
pub(super) fn audit(shared: &Shared) {
	run_behind_serving();
	let threads = rayon::ThreadPoolBuilder::new()
		.num_threads(shared.config.evaluation_threads)
		.thread_name(|index| format!("blyan-audit-{index}"))
		.build();
	let threads = match threads {
		Ok(threads) => Some(threads),
		Err(error) => {
			log::error!("cannot start the threads that audit datasets: {error}");
			None
		}
	};
	loop {
		let (key, job) = {
			let mut state = shared.state.lock();
			loop {
				if state.stopping {
					return;
				}
				if let Some(next) = state.dataset_audits.start_next() {
					break next;
				}
				shared.changed.wait(&mut state);
			}
		};
		let checkpoint = || give_way(shared, |state| state.stopping);
		let run = || dataset_audit::run(&job, shared.models.blobs(), &checkpoint);
		let audit = || -> Result<AuditFinding, EngineError> {
			threads.as_ref().ok_or(EngineError::Internal)?.install(run)
		};
		let found = contained(audit).unwrap_or(Err(EngineError::Internal));
		match &found {
			Err(EngineError::BlobMissing(hash)) => {
				log::debug!("the audit of manifest {:?} waits for blob {hash:?}", job.manifest.hash);
			}
			Err(error) => log::info!("cannot audit manifest {:?}: {error:?}", job.manifest.hash),
			Ok(_) => {}
		}
		shared.state.lock().dataset_audits.finish(key, found, shared.config.dataset_audits_max);
		shared.changed.notify_all();
	}
}
