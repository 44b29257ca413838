//! `blyan_*`: answers to the methods.

use super::{
	error,
	generate::{refusal, Generation, Generations, STALLED_MAX},
	request::GenerateParams,
};
use crate::{
	chain_view::{self, slots},
	exchange::Exchange,
	ml::EngineService,
	places::Place,
	service::{Block, Client, Hash},
};
use base64::{engine::general_purpose::STANDARD, Engine as _};
use blyan_engine::{
	blobs::{BlobError, UploadStatus, Uploader},
	tiles::ProvenTile,
};
use blyan_primitives::{ExpertSlot, ModelId, ModelInfo, SubmissionId};
use blyan_rpc_api::{
	code::{ENGINE, NOT_ANNOUNCED, NOT_FOUND},
	BlobPiece, BlyanApiServer, EngineStatus, ExchangeStatus, ExpertEntry, GenerateAnswer, TileAnswer, Upload,
	BLOB_BYTES_MAX, CHUNK_BYTES_MAX,
};
use blyan_runtime_api::{LearningApi, ModelsApi, OperatorInfo, OperatorsApi, ServingApi, SubmissionInfo};
use futures::FutureExt;
use jsonrpsee::{
	core::{async_trait, JsonRawValue, RpcResult, SubscriptionResult},
	ConnectionId, Extensions, PendingSubscriptionSink,
};
use sc_rpc::SubscriptionTaskExecutor;
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::H256;
use std::sync::{
	atomic::{AtomicUsize, Ordering},
	Arc,
};
use tokio::time::timeout;

/// Submissions in one answer if the client does not say how many, and at most.
const SUBMISSIONS_DEFAULT: u32 = 20;
const SUBMISSIONS_MAX: u32 = 100;
/// The answers.
pub struct Blyan {
	client: Arc<Client>,
	engine: Arc<EngineService>,
	exchange: Arc<Exchange>,
	executor: SubscriptionTaskExecutor,
	generations: Arc<Generations>,
}

impl Blyan {
	/// The answers from this client and engine.
	pub fn new(
		client: Arc<Client>,
		engine: Arc<EngineService>,
		exchange: Arc<Exchange>,
		executor: SubscriptionTaskExecutor,
		generations: Arc<Generations>,
	) -> Self {
		Self { client, engine, exchange, executor, generations }
	}

	/// Reads a request and has the engine begin with it.
	fn begin(&self, request: &JsonRawValue, place: Place<usize>) -> RpcResult<Generation> {
		let params = GenerateParams::read(request, rand_seed())?;
		let model = self.find_model(params.model)?;
		if model.config().is_none() {
			return Err(error::error(
				ENGINE,
				format!(
					"model {} follows the second definition, and nodes generate text with models of the first; run it where \
					 its files are: blyan chat --model DIR",
					model.id
				),
			));
		}
		let price_per_byte = self.ask(|api, at| api.price_per_byte(at))?;
		Generation::start(&self.engine, &model, params, price_per_byte, place).map_err(refusal)
	}

	/// Asks the runtime at the best block.
	fn ask<T, E: std::fmt::Display>(
		&self,
		question: impl FnOnce(sp_api::ApiRef<<Client as ProvideRuntimeApi<Block>>::Api>, Hash) -> Result<T, E>,
	) -> RpcResult<T> {
		question(self.client.runtime_api(), self.client.info().best_hash).map_err(error::runtime)
	}

	fn find_model(&self, id: ModelId) -> RpcResult<ModelInfo> {
		self.ask(|api, at| chain_view::model(&*api, at, id))?.ok_or_else(|| {
			error::error(NOT_FOUND, format!("there is no model {id}; `blyan_models` lists those there are"))
		})
	}
}

#[async_trait]
impl BlyanApiServer for Blyan {
	fn model(&self, id: ModelId) -> RpcResult<ModelInfo> {
		self.find_model(id)
	}

	fn models(&self) -> RpcResult<Vec<ModelId>> {
		self.ask(|api, at| api.models(at))
	}

	fn experts(&self, model: ModelId) -> RpcResult<Vec<ExpertEntry>> {
		let info = self.find_model(model)?;
		let slots = self.ask(|api, at| slots(&*api, at, &info))?;
		Ok(slots
			.iter()
			.zip(info.heads)
			.map(|((layer, expert), head)| ExpertEntry {
				slot: ExpertSlot { model, layer, expert },
				head,
				stored: self.engine.store().has(&head.block.blob.hash),
			})
			.collect())
	}

	fn submissions(&self, start: Option<SubmissionId>, count: Option<u32>) -> RpcResult<Vec<SubmissionInfo>> {
		let count = count.unwrap_or(SUBMISSIONS_DEFAULT);
		if count == 0 || count > SUBMISSIONS_MAX {
			return Err(error::invalid(format!("`count` must be between 1 and {SUBMISSIONS_MAX}")));
		}
		let start = match start {
			Some(start) => start,
			None => self.ask(|api, at| api.submission_count(at))?.saturating_sub(count.into()),
		};
		self.ask(|api, at| api.submissions(at, start, count))
	}

	fn submission(&self, id: SubmissionId) -> RpcResult<SubmissionInfo> {
		self.ask(|api, at| api.submission(at, id))?.ok_or_else(|| {
			error::error(
				NOT_FOUND,
				format!("there is no submission {id}, or it was closed long ago; `blyan_submissions` lists the latest"),
			)
		})
	}

	fn operators(&self) -> RpcResult<Vec<OperatorInfo>> {
		self.ask(|api, at| api.operators(at))
	}

	fn engine_status(&self) -> RpcResult<EngineStatus> {
		Ok(self.engine.status())
	}

	fn exchange_status(&self) -> RpcResult<ExchangeStatus> {
		Ok(self.exchange.status())
	}

	fn upload_blob(
		&self,
		extensions: &Extensions,
		hash: H256,
		offset: u64,
		total: u64,
		data_base64: String,
	) -> RpcResult<Upload> {
		let chunk = chunk(&data_base64)?;
		let store = self.engine.store();
		if !store.has(&hash) {
			let announced = self.ask(|api, at| api.blob_announced(at, hash))?.ok_or_else(|| {
				error::error(
					NOT_ANNOUNCED,
					"no model, holdout or open submission names this blob; submit it on chain first, then upload it",
				)
			})?;
			if total != u64::from(announced) {
				return Err(error::invalid(format!(
					"the chain announced this blob with {announced} bytes, not {total}; upload the file that was submitted"
				)));
			}
		}
		let uploader = Uploader(connection(extensions) as u64);
		let write = || store.write_chunk(uploader, &hash, total, offset, &chunk);
		let was_here = store.has(&hash);
		let written = match write() {
			Err(BlobError::QuotaExceeded { .. }) => {
				self.exchange.make_room(total).map_err(error::blob)?;
				write()
			}
			written => written,
		};
		let UploadStatus { received, complete } = written.map_err(error::blob)?;
		if complete && !was_here {
			log::info!("📦 Blob {hash:?} of {total} bytes was uploaded");
			self.exchange.note_stored(hash);
		}
		Ok(Upload { received, complete })
	}

	fn has_blob(&self, hash: H256) -> RpcResult<bool> {
		Ok(self.engine.store().has(&hash))
	}

	fn blob(&self, hash: H256, offset: u64, len: u32) -> RpcResult<BlobPiece> {
		if len == 0 || len > BLOB_BYTES_MAX {
			return Err(error::invalid(format!("`len` must be between 1 and {BLOB_BYTES_MAX}")));
		}
		let store = self.engine.store();
		let total = store.size(&hash).ok_or_else(|| error::blob(BlobError::Missing(hash)))?;
		if offset > total {
			return Err(error::invalid(format!("`offset` is past the blob's {total} bytes")));
		}
		let bytes = store.read_range(&hash, offset, len as usize).map_err(error::blob)?;
		Ok(BlobPiece { offset, total, data_base64: STANDARD.encode(bytes) })
	}

	fn tile(&self, hash: H256, tile: u32) -> RpcResult<TileAnswer> {
		let ProvenTile { bytes, tiles, path } =
			ProvenTile::read(self.engine.store(), &hash, tile).map_err(error::tile)?;
		Ok(TileAnswer { data_base64: STANDARD.encode(bytes), tiles_root: tiles, path })
	}

	async fn subscribe_generate(
		&self,
		pending: PendingSubscriptionSink,
		request: Box<JsonRawValue>,
	) -> SubscriptionResult {
		let place = self.generations.stream(pending.connection_id().0);
		match place.and_then(|place| self.begin(&request, place)) {
			Ok(generation) => {
				// A connection that takes not even this is not served.
				let Ok(accepted) = timeout(STALLED_MAX, pending.accept()).await else { return Ok(()) };
				let sink = accepted?;
				let streaming = generation.stream(sink, self.generations.turn());
				self.executor.spawn("blyan-generate", Some("rpc"), streaming.boxed());
			}
			Err(refusal) => pending.reject(refusal).await,
		}
		Ok(())
	}

	async fn generate_once(
		&self,
		extensions: &Extensions,
		request: Box<JsonRawValue>,
	) -> RpcResult<GenerateAnswer> {
		let place = self.generations.at_once(connection(extensions))?;
		self.begin(&request, place)?.collect().await
	}
}

/// The bytes of a chunk.
fn chunk(data_base64: &str) -> RpcResult<Vec<u8>> {
	if data_base64.len() > CHUNK_BYTES_MAX.div_ceil(3) * 4 {
		return Err(error::invalid(format!("a chunk holds at most {CHUNK_BYTES_MAX} bytes")));
	}
	STANDARD
		.decode(data_base64)
		.map_err(|cause| error::invalid(format!("`data_base64` is not standard base64: {cause}")))
}

/// The connection that a call came over, as its listener counts them; over HTTP each call is one. A call that came over
/// none, from inside of the node, is like no other.
fn connection(extensions: &Extensions) -> usize {
	static INSIDE: AtomicUsize = AtomicUsize::new(0);
	match extensions.get::<ConnectionId>() {
		Some(ConnectionId(id)) => *id,
		None => usize::MAX - INSIDE.fetch_add(1, Ordering::Relaxed),
	}
}

/// A seed where the client names none.
fn rand_seed() -> u64 {
	u64::from_le_bytes(H256::random().0[..8].try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_chunk_that_is_not_base64_or_too_long_is_refused() {
		assert_eq!(chunk("YWJj").expect("base64"), b"abc");
		let error = chunk("!!!!").expect_err("refused");
		assert!(
			error.code() == blyan_rpc_api::code::INVALID_PARAMS && error.message().contains("data_base64")
		);
		let long = "A".repeat(CHUNK_BYTES_MAX.div_ceil(3) * 4 + 1);
		assert!(chunk(&long).expect_err("refused").message().contains("1048576"));
	}

	#[test]
	fn calls_of_one_connection_belong_together_and_others_do_not() {
		let call = |id: usize| {
			let mut extensions = Extensions::new();
			extensions.insert(ConnectionId(id));
			connection(&extensions)
		};
		assert_eq!(call(3), call(3));
		assert_ne!(call(3), call(4));
		let inside = || connection(&Extensions::new());
		assert_ne!(inside(), inside());
	}
}
