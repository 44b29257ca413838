//! Cost of a node and its chain.

use blyan_e2e::{Chain, NodeConfig, Submission};
use blyan_primitives::{BlobRef, BlockRef, ExpertSlot, PowStamp};
use codec::Encode;
use serde_json::{json, Value};
use sp_core::H256;
use std::{path::Path, time::Duration};
use subxt_signer::sr25519::dev;

/// Submissions whose weight is added up.
const SUBMISSIONS: u64 = 1_000;
/// Idle time before memory is read: caches of the start are filled by then.
const SETTLE: Duration = Duration::from_secs(20);

/// Memory of an idle node, and the weight of many submissions.
pub async fn measure(model: &Path) -> (Value, Value) {
	let dir = tempfile::tempdir().expect("the temporary directory can be written");
	let mut config = NodeConfig::new(dir.path());
	config.model = Some(model.to_path_buf());
	config.block_time_ms = 3_000;
	let node = config.start();
	let chain = Chain::connect(&node.url()).await;
	tokio::time::sleep(SETTLE).await;
	let memory = json!({
		"resident_mib": resident_kib(node.process_id()) / 1024,
		"idle_seconds": SETTLE.as_secs(),
		"block_ms": 3_000,
	});
	eprintln!("idle node: {} MiB resident", memory["resident_mib"]);

	let hash = H256::repeat_byte(1);
	let submission = Submission {
		slot: ExpertSlot { model: 0, layer: 0, expert: 0 },
		parent: 0,
		block: BlockRef { tensor_root: hash, blob: BlobRef { hash, size: 1 << 16 } },
		manifest: hash,
		// Only its size matters here: nothing is sent.
		stamp: PowStamp { block: 0, nonce: 0 },
		salt: hash,
	};
	let call = chain.call("ProofOfLearning", "submit", &submission.encode()).await;
	let cost = chain.cost(&dev::ferdie(), &call).await;
	let (computation_limit, proof_limit) = chain.block_limit().await;
	let computation = cost.computation_ps * SUBMISSIONS;
	// A proof carries the transactions too.
	let proof = (cost.proof_bytes + u64::from(cost.extrinsic_bytes)) * SUBMISSIONS;
	let share = |amount: u64, limit: u64| amount as f64 / limit as f64;
	let submissions = json!({
		"count": SUBMISSIONS,
		"extrinsic_bytes_each": cost.extrinsic_bytes,
		"fee_planck_each": cost.fee_planck.to_string(),
		"computation_ms": computation as f64 / 1e9,
		"proof_bytes": proof,
		"blocks_by_computation": share(computation, computation_limit),
		"blocks_by_proof": share(proof, proof_limit),
		"block_computation_ms": computation_limit as f64 / 1e9,
		"block_proof_bytes": proof_limit,
	});
	eprintln!(
		"{SUBMISSIONS} submissions: {:.1} ms and {:.2} MiB of proof; {:.2} and {:.2} blocks",
		computation as f64 / 1e9,
		proof as f64 / (1 << 20) as f64,
		share(computation, computation_limit),
		share(proof, proof_limit),
	);
	(memory, submissions)
}

/// Memory of a process that is really there, in KiB.
fn resident_kib(process: u32) -> u64 {
	let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the node is running");
	let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells the resident size");
	line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("the size is a number of KiB")
}
