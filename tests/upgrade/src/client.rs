//! A client that was compiled for one release of the runtime, and used with later ones.
//!
//! Its types come from `snapshots/client.scale`, the metadata of the last release that broke clients, less what this client
//! does not use. Nothing here follows a change of the runtime: where one makes these calls fail, it breaks everybody's.

use std::collections::BTreeMap;
use subxt::{
	config::{DefaultExtrinsicParamsBuilder, SubstrateConfig},
	utils::{AccountId32, H256},
	OnlineClient,
};
use subxt_signer::sr25519::Keypair;

/// The chain as that release's metadata describes it.
#[subxt::subxt(
	runtime_metadata_path = "snapshots/client.scale",
	derive_for_all_types = "Clone, PartialEq, Eq"
)]
#[allow(missing_docs, clippy::all)]
pub mod chain {}

// Cargo does not see what the macro reads: without this, a new snapshot would be compiled in by chance only.
const _: &[u8] = include_bytes!("../snapshots/client.scale");

use chain::runtime_types::{
	blyan_primitives::{
		model::{BlobRef, BlockRef, ExpertSlot, ModelInfo},
		pow::PowStamp,
	},
	blyan_runtime_api::records::{SubmissionInfo, SubmissionState},
};

/// Why a question or a transaction failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A connection that is kept while the runtime changes.
pub struct Client(OnlineClient<SubstrateConfig>);

/// State that an upgrade must leave unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
	/// Least that an account may hold.
	pub existential_deposit: u128,
	/// All money.
	pub issuance: u128,
	/// Spendable and held balances of the accounts that were asked for.
	pub accounts: Vec<(u128, u128)>,
	/// The first model, with all of its heads.
	pub model: ModelInfo,
	/// Nodes of its tree of heads, whose root names the model, by level and place.
	pub head_tree: BTreeMap<(u8, u32), H256>,
	/// Stakes by operator.
	pub operators: BTreeMap<[u8; 32], u128>,
	/// Every submission that the chain remembers.
	pub submissions: Vec<SubmissionInfo>,
}

impl State {
	/// Blocks from which on no dispute about a decided submission may begin.
	pub fn deadlines(&mut self) -> impl Iterator<Item = &mut u32> {
		self.submissions.iter_mut().filter_map(|submission| match &mut submission.state {
			SubmissionState::Decided(decided) => Some(&mut decided.matures_at),
			_ => None,
		})
	}
}

/// A candidate: the tensors' root, and hash and size of the file they are in.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
	/// Root over the tensors.
	pub tensor_root: H256,
	/// Hash of the file.
	pub blob: H256,
	/// Its bytes.
	pub size: u32,
}

impl Client {
	/// Connects to a node.
	pub async fn connect(url: &str) -> Result<Self, Failure> {
		Ok(Self(OnlineClient::from_insecure_url(url).await?))
	}

	/// The state after a block, as this release reads it.
	pub async fn state(&self, block: u64, accounts: &[[u8; 32]]) -> Result<State, Failure> {
		let at = self.0.at_block(block).await?;
		let storage = at.storage();
		let mut balances = Vec::new();
		for account in accounts {
			let info = storage.fetch(chain::storage().system().account(), (AccountId32(*account),)).await?;
			let data = info.decode()?.data;
			balances.push((data.free, data.reserved));
		}
		let mut head_tree = BTreeMap::new();
		let mut nodes = storage.iter(chain::storage().experts().head_tree(), (0,)).await?;
		while let Some(node) = nodes.next().await {
			let node = node?;
			let (_, place) = node.key()?.decode()?;
			head_tree.insert(place, node.value().decode()?);
		}
		let apis = at.runtime_apis();
		let operators = apis.call(chain::runtime_apis().operators_api().operators()).await?;
		let count = apis.call(chain::runtime_apis().learning_api().submission_count()).await?;
		let from = count.saturating_sub(100);
		Ok(State {
			existential_deposit: at.constants().entry(chain::constants().balances().existential_deposit())?,
			issuance: storage.fetch(chain::storage().balances().total_issuance(), ()).await?.decode()?,
			accounts: balances,
			model: apis
				.call(chain::runtime_apis().models_api().model(0))
				.await?
				.ok_or("the chain has no model")?,
			head_tree,
			operators: operators.into_iter().map(|operator| (operator.account.0, operator.stake)).collect(),
			submissions: apis.call(chain::runtime_apis().learning_api().submissions(from, 100)).await?,
		})
	}

	/// Sends money and returns what arrived, as the event says.
	pub async fn transfer(&self, from: &Keypair, to: [u8; 32], amount: u128) -> Result<u128, Failure> {
		let call = chain::transactions().balances().transfer_keep_alive(AccountId32(to).into(), amount);
		let events = self
			.0
			.tx()
			.await?
			.sign_and_submit_then_watch(&call, from, immortal())
			.await?
			.wait_for_finalized_success()
			.await?;
		let moved = events
			.find_first::<chain::balances::events::Transfer>()
			.ok_or("a transfer that succeeds says so")??;
		Ok(moved.amount)
	}

	/// Signs a transfer without sending it: the bytes are those of the release that runs now.
	pub async fn sign_transfer(
		&self,
		from: &Keypair,
		to: [u8; 32],
		amount: u128,
	) -> Result<Vec<u8>, Failure> {
		let call = chain::transactions().balances().transfer_keep_alive(AccountId32(to).into(), amount);
		Ok(self.0.tx().await?.create_signed(&call, from, immortal()).await?.into_encoded())
	}

	/// Submits a candidate for a slot of the first model. `stamp` is the proof of work: a block, and a nonce over it.
	/// Returns the submission's number and its bond.
	pub async fn submit(
		&self,
		miner: &Keypair,
		(layer, expert): (u8, u16),
		parent: u32,
		candidate: Candidate,
		(block, nonce): (u32, u64),
		salt: H256,
	) -> Result<(u64, u128), Failure> {
		let Candidate { tensor_root, blob, size } = candidate;
		let call = chain::transactions().proof_of_learning().submit(
			ExpertSlot { model: 0, layer, expert },
			parent,
			BlockRef { tensor_root, blob: BlobRef { hash: blob, size } },
			H256::zero(),
			PowStamp { block, nonce },
			salt,
		);
		let events = self
			.0
			.tx()
			.await?
			.sign_and_submit_then_watch(&call, miner, immortal())
			.await?
			.wait_for_finalized_success()
			.await?;
		let submitted = events
			.find_first::<chain::proof_of_learning::events::Submitted>()
			.ok_or("a submission that succeeds says so")??;
		Ok((submitted.submission, submitted.bond))
	}
}

type Params =
	<<SubstrateConfig as subxt::Config>::TransactionExtensions as subxt::config::TransactionExtensions<
		SubstrateConfig,
	>>::Params;

/// A development chain finalises a block at once, and an era that begins with it can reach the transaction
/// pool before the block does.
fn immortal() -> Params {
	DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new().immortal().build()
}
