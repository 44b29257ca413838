//! Finality of a development chain: one node seals it, there are no forks, and everybody takes that node's word.
//!
//! So a block is final as soon as it is imported, on nodes that follow too, and "the newest final block" needs no
//! proof: a node that joins asks a peer for its header and fetches that block's state (warp sync).

use super::{Block, Client};
use codec::{DecodeAll, Encode};
use sc_client_api::HeaderBackend;
use sc_consensus::{BlockImportParams, DefaultImportQueue, ForkChoiceStrategy, Verifier};
use sc_network_sync::strategy::warp::{
	EncodedProof, VerificationResult, Verifier as WarpVerifier, WarpSyncProvider,
};
use sc_service::Configuration;
use sp_consensus::BlockOrigin;
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

type Header = <Block as BlockT>::Header;
type Hash = <Block as BlockT>::Hash;
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The queue through which a development node imports what others sealed.
pub fn import_queue(
	client: Arc<Client>,
	spawner: &impl sp_core::traits::SpawnEssentialNamed,
	config: &Configuration,
) -> DefaultImportQueue<Block> {
	let verifier = FinalOnImport { client: client.clone() };
	DefaultImportQueue::new(verifier, Box::new(client), None, spawner, config.prometheus_registry())
}

/// Makes every block final that continues the chain. Blocks carry no seal, so there is nothing else to verify.
struct FinalOnImport {
	client: Arc<Client>,
}

#[async_trait::async_trait]
impl Verifier<Block> for FinalOnImport {
	async fn verify(&self, mut block: BlockImportParams<Block>) -> Result<BlockImportParams<Block>, String> {
		// What fills the gap below a state that was synced is older than the final block already.
		block.finalized =
			block.origin != BlockOrigin::GapSync && block.header.number > self.client.info().finalized_number;
		block.fork_choice = Some(ForkChoiceStrategy::LongestChain);
		Ok(block)
	}
}

/// Tells peers which block is final, and believes what they tell.
pub struct SealersWord {
	client: Arc<Client>,
}

impl SealersWord {
	/// For the node with this client.
	pub fn new(client: Arc<Client>) -> Arc<Self> {
		Arc::new(Self { client })
	}
}

impl WarpSyncProvider<Block> for SealersWord {
	fn generate(&self, _start: Hash) -> Result<EncodedProof, AnyError> {
		let info = self.client.info();
		let header = self.client.header(info.finalized_hash)?.ok_or("the final block has no header")?;
		Ok(EncodedProof(header.encode()))
	}

	fn create_verifier(&self) -> Box<dyn WarpVerifier<Block>> {
		Box::new(Believer { genesis: self.client.info().genesis_hash })
	}
}

struct Believer {
	genesis: Hash,
}

impl WarpVerifier<Block> for Believer {
	fn verify(&mut self, proof: &EncodedProof) -> Result<VerificationResult<Block>, AnyError> {
		Ok(VerificationResult::Complete(Header::decode_all(&mut &proof.0[..])?, Vec::new()))
	}

	fn next_proof_context(&self) -> Hash {
		self.genesis
	}

	fn status(&self) -> Option<String> {
		None
	}
}
