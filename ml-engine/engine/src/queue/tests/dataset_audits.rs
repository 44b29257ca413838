//! Audits of datasets, through the queue. What they find is told in `dataset_audit`.

use super::*;
use blyan_primitives::{AuditFinding, BlobRef, DatasetAuditJob, DatasetAuditStatus};

fn job(manifest: BlobRef, draw: u8) -> DatasetAuditJob {
	DatasetAuditJob {
		draw: H256([draw; 32]),
		licence: b"MIT".to_vec().try_into().unwrap(),
		manifest,
		root: H256::zero(),
		records: 1,
		bytes: 1,
		blobs: 1,
		sample_bytes_max: 1 << 20,
	}
}

#[test]
fn an_audit_runs_beside_the_queue_and_one_that_lacks_its_manifest_names_it() {
	let world = World::new();
	let queue = world.queue();
	let bytes = b"not a manifest";
	let blob = block::blob_ref(bytes);
	assert_eq!(queue.audit_dataset(job(blob, 1)), Err(EngineError::BlobMissing(blob.hash)));
	world.models.blobs().put(bytes).unwrap();
	for draw in [1, 2, 1] {
		wait_until(|| queue.audit_dataset(job(blob, draw)) != Ok(DatasetAuditStatus::Running));
		let done = Ok(DatasetAuditStatus::Done(AuditFinding::Malformed));
		assert_eq!(queue.audit_dataset(job(blob, draw)), done);
	}
}
