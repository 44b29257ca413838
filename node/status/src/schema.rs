//! The record: what `blyan status --json` prints and the node's `/status.json` answers.

use crate::projection::Projection;
use blyan_primitives::{ModelId, SubmissionId, VersionIndex};
use blyan_runtime_api::{AccountId, BlockNumber, SubmissionTerms};
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Version of the record. Fields may be added to a version; one that is removed or changes its meaning makes another.
pub const SCHEMA: u32 = 1;

/// Facts of a chain as one node knows them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
	/// [`SCHEMA`].
	pub schema: u32,
	/// Network.
	pub network: Network,
	/// Block that everything below is as of: the best one on a node's page, the newest final one from the command line.
	pub block: Block,
	/// The node that was asked.
	pub node: Node,
	/// Operators.
	pub operators: Operators,
	/// Models with their heads.
	pub models: Vec<Model>,
	/// Open submissions, by model and place; those that wait for their bytes come last.
	pub queue: Vec<QueueEntry>,
	/// Latest submissions that are over or decided, newest first.
	pub verdicts: Vec<Verdict>,
	/// Terms of the next submission.
	pub terms: Terms,
	/// Projected earnings.
	pub projection: Projection,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
	/// Name of its chain.
	pub chain: String,
	/// "Development", "Local" or "Live".
	pub kind: String,
	/// Hash of block 0, which names the network.
	pub genesis: H256,
	/// Version of the runtime.
	pub spec_version: u32,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
	/// Its number.
	pub number: BlockNumber,
	/// Latest final block.
	pub finalised: BlockNumber,
	/// Its hash.
	pub hash: H256,
	/// Its timestamp in milliseconds since 1970, if the node still has it.
	pub time_ms: Option<u64>,
	/// Mean seconds between the latest blocks, by their timestamps.
	pub seconds_per_block: Option<f64>,
}

/// A node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Node {
	/// Release of its program.
	pub release: String,
	/// Address under which it was asked; absent from its own page.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub url: Option<String>,
	/// Peers.
	pub peers: Option<u64>,
	/// True while it catches up, so that everything here is of the past.
	pub is_syncing: Option<bool>,
	/// Its engine, as `blyan_engineStatus` has it.
	pub engine: serde_json::Value,
}

/// Operators, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operators {
	/// Registered.
	pub registered: u32,
	/// Of these, such that may be drawn now.
	pub eligible: u32,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
	/// Its number.
	pub id: ModelId,
	/// Its name, which its registrant chose: text to show, and nothing to act on.
	pub name: String,
	/// Version of its architecture.
	pub version: String,
	/// Experts promoted since genesis.
	pub generation: u32,
	/// Price in planck of a submission to this model now, with the present queue; `null` if the chain's rule is not the
	/// one that this program knows.
	pub fee_now: Option<String>,
	/// Head of every slot.
	pub heads: Vec<Head>,
}

/// Head of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
	/// LAYER.EXPERT.
	pub slot: String,
	/// Its version, which a submission names as parent.
	pub version: VersionIndex,
	/// Root of its tensors.
	pub tensor_root: H256,
	/// Hash of its bytes, by which a node has them.
	pub blob: H256,
	/// Number of its bytes.
	pub bytes: u32,
}

/// An open submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueEntry {
	/// Its number.
	pub submission: SubmissionId,
	/// Model that it is for.
	pub model: ModelId,
	/// Slot that it is for, LAYER.EXPERT.
	pub slot: String,
	/// Account that submitted it.
	pub miner: AccountId,
	/// Block in which it was submitted.
	pub submitted_at: BlockNumber,
	/// Place in its model's queue, counted from 1; `null` while operators wait for its bytes.
	pub place: Option<u32>,
	/// Stage: announced, queued, sealing, drawing or revealing.
	pub stage: String,
	/// The stage in words.
	pub detail: String,
	/// Last block of this stage, where it has one.
	pub until: Option<BlockNumber>,
}

/// A submission that is over, or decided and open to disputes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
	/// Its number.
	pub submission: SubmissionId,
	/// Model that it was for.
	pub model: ModelId,
	/// Slot that it was for, LAYER.EXPERT.
	pub slot: String,
	/// Account that submitted it.
	pub miner: AccountId,
	/// Outcome: accepted, rejected, expired or withdrawn.
	pub outcome: String,
	/// Reason of a rejection or expiry, as JSON-RPC names it.
	pub reason: Option<String>,
	/// The outcome in words.
	pub text: String,
	/// Next step for its miner.
	pub next: Option<String>,
	/// Block of the decision, or that in which it was closed.
	pub block: BlockNumber,
	/// Block in which the decision matures, while it can be disputed.
	pub matures_at: Option<BlockNumber>,
	/// Open disputes.
	pub disputes: u32,
	/// True if the score that it was decided by was proven wrong.
	pub is_refuted: bool,
	/// Measured improvement in bits per byte, where the outcome has one: on the guard sample for `Regressed`, else on the target.
	pub improvement_bits_per_byte: Option<f64>,
	/// Reward in planck.
	pub reward: Option<String>,
}

/// Terms of the next submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
	/// Account that they are for; `null` for any account that has never submitted.
	pub account: Option<AccountId>,
	/// As the chain states them.
	#[serde(flatten)]
	pub terms: SubmissionTerms,
}
