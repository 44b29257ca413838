//! The methods, and the records of blobs and experts.

use crate::{json::read_by_value, EngineStatus, ExchangeStatus, GenerateAnswer, GenerateEvent};
use blyan_primitives::{ExpertHead, ExpertSlot, ModelId, ModelInfo, SubmissionId};
use blyan_runtime_api::{OperatorInfo, SubmissionInfo};
use jsonrpsee::{
	core::{JsonRawValue, RpcResult, SubscriptionResult},
	proc_macros::rpc,
};
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Largest chunk of an upload in one call, in bytes.
pub const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Largest piece of a blob in one answer, in bytes.
pub const BLOB_BYTES_MAX: u32 = 4 << 20;

/// One expert of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct ExpertEntry {
	/// Where it is.
	pub slot: ExpertSlot,
	/// The expert that fills the slot.
	#[serde(flatten)]
	pub head: ExpertHead,
	/// True if this node has its bytes.
	pub stored: bool,
}

read_by_value!(ExpertEntry);

/// State of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
	/// Bytes that this connection sent without a gap from the first on: where to go on. All, if the blob is here.
	pub received: u64,
	/// True once the blob is in the store.
	pub complete: bool,
}

/// A piece of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobPiece {
	/// Position of the first byte.
	pub offset: u64,
	/// Length of the whole blob.
	pub total: u64,
	/// The bytes.
	pub data_base64: String,
}

/// A tile of a block, to be checked against the block's tensor root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileAnswer {
	/// The bytes.
	pub data_base64: String,
	/// Merkle root over the block's tiles.
	pub tiles_root: H256,
	/// Siblings from the tile up to it.
	pub path: Vec<H256>,
}

/// Models, submissions, operators, blobs and text.
///
/// Arguments are given by position.
#[cfg_attr(all(feature = "client", feature = "server"), rpc(client, server, namespace = "blyan"))]
#[cfg_attr(all(feature = "client", not(feature = "server")), rpc(client, namespace = "blyan"))]
#[cfg_attr(all(feature = "server", not(feature = "client")), rpc(server, namespace = "blyan"))]
pub trait BlyanApi {
	/// One model with the current expert of every slot.
	#[method(name = "model", blocking)]
	fn model(&self, id: ModelId) -> RpcResult<ModelInfo>;

	/// Identifiers of all models.
	#[method(name = "models", blocking)]
	fn models(&self) -> RpcResult<Vec<ModelId>>;

	/// The experts of a model in row-major order, and which of them this node has.
	#[method(name = "experts", blocking)]
	fn experts(&self, model: ModelId) -> RpcResult<Vec<ExpertEntry>>;

	/// `count` submissions from `start` on; without `start` the latest.
	#[method(name = "submissions", blocking)]
	fn submissions(&self, start: Option<SubmissionId>, count: Option<u32>) -> RpcResult<Vec<SubmissionInfo>>;

	/// One submission.
	#[method(name = "submission", blocking)]
	fn submission(&self, id: SubmissionId) -> RpcResult<SubmissionInfo>;

	/// Every registered operator.
	#[method(name = "operators", blocking)]
	fn operators(&self) -> RpcResult<Vec<OperatorInfo>>;

	/// Returns the status of the engine, and the usage of its store.
	#[method(name = "engineStatus", blocking)]
	fn engine_status(&self) -> RpcResult<EngineStatus>;

	/// Which blobs this node is fetching from others, what it sends to them, and how its store is filled.
	#[method(name = "exchangeStatus", blocking)]
	fn exchange_status(&self) -> RpcResult<ExchangeStatus>;

	/// Takes a chunk of a blob that the chain has announced: at most 1 MiB, in any order, over one connection. Over HTTP
	/// each call is a connection of its own, so a blob must fit into one chunk there.
	#[method(name = "uploadBlob", blocking, with_extensions)]
	fn upload_blob(&self, hash: H256, offset: u64, total: u64, data_base64: String) -> RpcResult<Upload>;

	/// Reports whether this node has a blob.
	#[method(name = "hasBlob", blocking)]
	fn has_blob(&self, hash: H256) -> RpcResult<bool>;

	/// Up to `len` bytes of a blob from `offset` on.
	#[method(name = "blob", blocking)]
	fn blob(&self, hash: H256, offset: u64, len: u32) -> RpcResult<BlobPiece>;

	/// A tile of the trunk or expert with this blob hash, and its proof. Tiles are counted from 0.
	#[method(name = "tile", blocking)]
	fn tile(&self, hash: H256, tile: u32) -> RpcResult<TileAnswer>;

	/// Continues a prompt and streams the answer byte by byte.
	#[subscription(
		name = "subscribeGenerate" => "generate",
		unsubscribe = "unsubscribeGenerate",
		item = GenerateEvent
	)]
	async fn subscribe_generate(&self, request: Box<JsonRawValue>) -> SubscriptionResult;

	/// Continues a prompt and answers when all of it is there. For clients that speak HTTP only; few are served at once.
	#[method(name = "generateOnce", with_extensions)]
	async fn generate_once(&self, request: Box<JsonRawValue>) -> RpcResult<GenerateAnswer>;
}
