//! Finality of a development chain: one node seals it, there are no forks, and all other nodes trust that node.
//!
//! So a block is final once it is imported, on nodes that follow too, and "the newest final block" needs no
//! proof: a node that joins asks a peer for its header and fetches that block's state (warp sync).

use super::{Block, Client};
use codec::{DecodeAll, Encode};
use sc_client_api::{Finalizer, HeaderBackend};
use sc_consensus::{
	BlockCheckParams, BlockImport, BlockImportParams, DefaultImportQueue, ForkChoiceStrategy, ImportResult,
	Verifier,
};
use sc_network_sync::strategy::warp::{
	EncodedProof, VerificationResult, Verifier as WarpVerifier, WarpSyncProvider,
};
use sc_service::Configuration;
use sp_consensus::{BlockOrigin, Error as ConsensusError};
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
	let import = FinalOnImport { client };
	DefaultImportQueue::new(NoSeal, Box::new(import), None, spawner, config.prometheus_registry())
}

/// Blocks carry no seal, so there is nothing to verify.
struct NoSeal;

#[async_trait::async_trait]
impl Verifier<Block> for NoSeal {
	async fn verify(&self, mut block: BlockImportParams<Block>) -> Result<BlockImportParams<Block>, String> {
		// A state is asked for by the header of a final block.
		block.finalized = block.with_state();
		block.fork_choice = Some(ForkChoiceStrategy::LongestChain);
		Ok(block)
	}
}

/// Finalises every block that continues the chain, as the node that sealed it did.
///
/// In a step of its own: a block that is imported as final already never gets its state out of the overlay of states that
/// may yet be dropped, so memory would grow and nothing be pruned.
struct FinalOnImport {
	client: Arc<Client>,
}

#[async_trait::async_trait]
impl BlockImport<Block> for FinalOnImport {
	type Error = ConsensusError;

	async fn check_block(&self, block: BlockCheckParams<Block>) -> Result<ImportResult, Self::Error> {
		self.client.check_block(block).await
	}

	async fn import_block(&self, block: BlockImportParams<Block>) -> Result<ImportResult, Self::Error> {
		let (hash, number, origin) = (block.post_hash(), block.header.number, block.origin);
		let result = self.client.import_block(block).await?;
		// What fills the gap below a state that was synced is older than the final block.
		let continues = origin != BlockOrigin::GapSync && number > self.client.info().finalized_number;
		if matches!(result, ImportResult::Imported(_)) && continues {
			let is_news = origin != BlockOrigin::NetworkInitialSync;
			let finalised = self.client.finalize_block(hash, None, is_news);
			finalised.map_err(|error| ConsensusError::ClientImport(error.to_string()))?;
		}
		Ok(result)
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
