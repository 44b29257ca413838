//! When a development chain makes blocks.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{Chain, Files, NodeConfig};
use subxt_signer::sr25519::dev;

#[tokio::test(flavor = "multi_thread")]
async fn every_transaction_gets_a_block_at_once_when_blocks_are_made_on_demand() {
	let files = Files::new();
	let node = NodeConfig::new(&files.path("node")).operators(&[]).sealing_on_demand().start();
	let chain = Chain::connect(&node.url()).await;
	assert_eq!(chain.block_number().await, 0, "nobody demanded one");
	for number in 1..=10 {
		let remark = chain.call("System", "remark_with_event", &[4, number]).await;
		let events = chain.send(&dev::eve(), &remark).await.unwrap();
		assert!(events.iter().any(|event| event.name == "System.Remarked"));
		assert_eq!(chain.block_number().await, u64::from(number));
	}
	assert!(!node.log().contains("pool is empty"), "{}", node.log());
}
