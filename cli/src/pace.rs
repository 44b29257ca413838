//! Earlier training runs of this machine.

use crate::submissions::SubmissionRecord;
use blyan_status::projection::Machine;

/// Training runs of this machine, as the manifests of its kept blocks have them, the latest first.
pub fn machine(records: &[SubmissionRecord]) -> Machine {
	let seconds = records.iter().filter_map(|record| record.manifest["result"]["seconds"].as_f64());
	Machine { training_seconds: seconds.filter(|seconds| *seconds > 0.0).collect() }
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{home::Home, submissions::SubmissionStore};
	use blyan_primitives::{BlobRef, BlockRef, ExpertSlot};
	use serde_json::json;
	use sp_core::H256;

	#[test]
	fn the_pace_of_a_machine_is_read_from_manifests_that_have_one() {
		let dir = tempfile::tempdir().unwrap();
		let store = SubmissionStore::new(&Home::find(Some(dir.path().join("home"))).unwrap(), [7; 32]);
		let record = |manifest| {
			let slot = ExpertSlot { model: 0, layer: 1, expert: 2 };
			let blob = BlobRef { hash: H256::zero(), size: 1 };
			let block = BlockRef { tensor_root: H256::zero(), blob };
			store.record("ws://x", "5Eve".into(), slot, 3, block, H256::zero(), manifest)
		};
		let records = [
			record(json!({ "result": { "seconds": 61.5 } })),
			record(json!(null)),
			record(json!({ "result": { "seconds": 0 } })),
			record(json!({ "result": { "seconds": 30 } })),
		];
		assert_eq!(machine(&records).training_seconds, [61.5, 30.0]);
	}
}
