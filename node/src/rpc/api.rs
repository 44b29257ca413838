//! `blyan_*`: what the methods are, and how they are answered.

use super::{
	error::{self, BUSY, NOT_ANNOUNCED, NOT_FOUND},
	generate::{GenerateEvent, GenerateParams, GenerateRequest, GenerateSummary, Seconds},
	text::TextStream,
};
use crate::{
	exchange::{Exchange, ExchangeStatus},
	ml::{model_root, EngineService, EngineStatus},
	service::{Block, Client, Hash},
};
use base64::{engine::general_purpose::STANDARD, Engine as _};
use blyan_engine::{
	blobs::{BlobError, UploadStatus},
	queue::GenerationEvent,
	tiles::ProvenTile,
};
use blyan_primitives::{EngineError, ExpertHead, ExpertSlot, ModelId, ModelInfo, SubmissionId};
use blyan_runtime_api::{LearningApi, ModelsApi, OperatorInfo, OperatorsApi, ServingApi, SubmissionInfo};

use futures::FutureExt;
use jsonrpsee::{
	core::{async_trait, RpcResult, SubscriptionResult},
	proc_macros::rpc,
	types::ErrorObjectOwned,
	PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink,
};
use sc_rpc::SubscriptionTaskExecutor;
use serde::Serialize;
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::H256;
use std::{
	ops::ControlFlow,
	sync::{
		atomic::{AtomicUsize, Ordering},
		Arc,
	},
	time::Instant,
};
use tokio::sync::mpsc;

/// Submissions in one answer if the client does not say how many, and at most.
const SUBMISSIONS_DEFAULT: u32 = 20;
const SUBMISSIONS_MAX: u32 = 100;
/// Largest chunk of an upload in one call, in bytes.
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Largest piece of a blob in one answer, in bytes.
const BLOB_BYTES_MAX: u32 = 4 << 20;
/// Generations that may run or wait at the same time.
const GENERATIONS_MAX: usize = 32;

/// One expert of a model.
#[derive(Debug, Clone, Serialize)]
pub struct ExpertEntry {
	/// Where it is.
	pub slot: ExpertSlot,
	/// What fills the slot.
	#[serde(flatten)]
	pub head: ExpertHead,
	/// Whether this node has its bytes.
	pub stored: bool,
}

/// How an upload stands.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Upload {
	/// Bytes received so far.
	pub received: u64,
	/// Whether the blob is in the store.
	pub complete: bool,
}

/// A piece of a blob.
#[derive(Debug, Clone, Serialize)]
pub struct BlobPiece {
	/// Position of the first byte.
	pub offset: u64,
	/// Length of the whole blob.
	pub total: u64,
	/// The bytes.
	pub data_base64: String,
}

/// A tile of a block, to be checked against the block's tensor root.
#[derive(Debug, Clone, Serialize)]
pub struct TileAnswer {
	/// The bytes.
	pub data_base64: String,
	/// Merkle root over the block's tiles.
	pub tiles_root: H256,
	/// Siblings from the tile up to it.
	pub path: Vec<H256>,
}

/// Models, submissions, operators, blobs and text.
#[rpc(server, namespace = "blyan")]
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

	/// What the engine is doing, and what its store holds.
	#[method(name = "engineStatus", blocking)]
	fn engine_status(&self) -> RpcResult<EngineStatus>;

	/// Which blobs this node is fetching from others, what it sends to them, and how its store is filled.
	#[method(name = "exchangeStatus", blocking)]
	fn exchange_status(&self) -> RpcResult<ExchangeStatus>;

	/// Takes a chunk of a blob that the chain has announced. Chunks come in order, of at most 1 MiB.
	#[method(name = "uploadBlob", blocking)]
	fn upload_blob(&self, hash: H256, offset: u64, total: u64, data_base64: String) -> RpcResult<Upload>;

	/// Whether this node has a blob.
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
	async fn subscribe_generate(&self, request: GenerateRequest) -> SubscriptionResult;
}

/// The answers.
pub struct Blyan {
	client: Arc<Client>,
	engine: Arc<EngineService>,
	exchange: Arc<Exchange>,
	executor: SubscriptionTaskExecutor,
	generations: Arc<AtomicUsize>,
}

impl Blyan {
	/// The answers from this client and engine.
	pub fn new(
		client: Arc<Client>,
		engine: Arc<EngineService>,
		exchange: Arc<Exchange>,
		executor: SubscriptionTaskExecutor,
	) -> Self {
		Self { client, engine, exchange, executor, generations: Default::default() }
	}

	/// Asks the runtime at the best block.
	fn ask<T, E: std::fmt::Display>(
		&self,
		question: impl FnOnce(sp_api::ApiRef<<Client as ProvideRuntimeApi<Block>>::Api>, Hash) -> Result<T, E>,
	) -> RpcResult<T> {
		question(self.client.runtime_api(), self.client.info().best_hash).map_err(error::runtime)
	}

	fn find_model(&self, id: ModelId) -> RpcResult<ModelInfo> {
		self.ask(|api, at| api.model(at, id))?.ok_or_else(|| {
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
		let slots = (0..info.config.layers).flat_map(|layer| {
			(0..info.config.experts).map(move |expert| ExpertSlot { model, layer, expert })
		});
		Ok(slots
			.zip(info.heads)
			.map(|(slot, head)| ExpertEntry {
				slot,
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

	fn upload_blob(&self, hash: H256, offset: u64, total: u64, data_base64: String) -> RpcResult<Upload> {
		if data_base64.len() > CHUNK_BYTES_MAX.div_ceil(3) * 4 {
			return Err(error::invalid(format!("a chunk holds at most {CHUNK_BYTES_MAX} bytes")));
		}
		if self.engine.store().has(&hash) {
			return Ok(Upload { received: total, complete: true });
		}
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
		let chunk = STANDARD
			.decode(data_base64)
			.map_err(|cause| error::invalid(format!("`data_base64` is not standard base64: {cause}")))?;
		let write = || self.engine.store().write_chunk(&hash, total, offset, &chunk);
		let written = match write() {
			Err(BlobError::QuotaExceeded { .. }) => {
				self.exchange.make_room(total).map_err(error::blob)?;
				write()
			}
			written => written,
		};
		let UploadStatus { received, complete } = written.map_err(error::blob)?;
		if complete {
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
		request: GenerateRequest,
	) -> SubscriptionResult {
		let prepared = Place::take(&self.generations).and_then(|place| {
			let params = request.validate(rand_seed())?;
			let model = self.find_model(params.model)?;
			let price_per_byte = self.ask(|api, at| api.price_per_byte(at))?;
			Ok(Generation { engine: self.engine.clone(), model, params, price_per_byte, _place: place })
		});
		let generation = match prepared {
			Ok(generation) => generation,
			Err(refusal) => {
				pending.reject(refusal).await;
				return Ok(());
			}
		};
		let sink = pending.accept().await?;
		self.executor.spawn("blyan-generate", Some("rpc"), generation.stream(sink).boxed());
		Ok(())
	}
}

/// A seed for those who do not care.
fn rand_seed() -> u64 {
	u64::from_le_bytes(H256::random().0[..8].try_into().unwrap_or_default())
}

/// One of the places among the generations under way; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
	fn take(count: &Arc<AtomicUsize>) -> Result<Self, ErrorObjectOwned> {
		let place = Self(count.clone());
		if count.fetch_add(1, Ordering::SeqCst) >= GENERATIONS_MAX {
			return Err(error::error(
				BUSY,
				format!("{GENERATIONS_MAX} generations are under way on this node; try again shortly"),
			));
		}
		Ok(place)
	}
}

impl Drop for Place {
	fn drop(&mut self) {
		self.0.fetch_sub(1, Ordering::SeqCst);
	}
}

/// A generation that was accepted.
struct Generation {
	engine: Arc<EngineService>,
	model: ModelInfo,
	params: GenerateParams,
	price_per_byte: u128,
	_place: Place,
}

impl Generation {
	/// Streams the answer until it ends or the client goes.
	async fn stream(self, sink: SubscriptionSink) {
		let Self { engine, model, params: GenerateParams { request, .. }, price_per_byte, _place } = self;
		// Every event fits, so the engine never waits for a slow reader; and it stops when nobody reads.
		let (sender, mut events) = mpsc::channel(request.max_bytes as usize + 1);
		let started = Instant::now();
		let forward = move |event| match sender.try_send(event) {
			Ok(()) => ControlFlow::Continue(()),
			Err(_) => ControlFlow::Break(()),
		};
		if let Err(cause) = engine.generate(&model, request, Box::new(forward)) {
			let _ = send(&sink, &GenerateEvent::Failed { error: explain(cause) }).await;
			return;
		}
		let mut text = TextStream::default();
		loop {
			let event = tokio::select! {
				event = events.recv() => event,
				() = sink.closed() => return,
			};
			let (message, is_last) = match event {
				Some(GenerationEvent::Byte { index, byte }) => (
					GenerateEvent::Byte { byte_hex: hex::encode([byte]), text: text.push(byte), index },
					false,
				),
				Some(GenerationEvent::Done(done)) => {
					let generated_bytes = done.generated.len() as u64;
					let price =
						price_per_byte.saturating_mul(u128::from(done.prompt_bytes + generated_bytes));
					let summary = GenerateSummary {
						done: true,
						text: std::mem::take(&mut text).finish(),
						prompt_bytes: done.prompt_bytes,
						generated_bytes,
						operations: done.operations,
						seconds: Seconds(started.elapsed()),
						model_root: model_root(&model),
						price_planck: price.to_string(),
						charged: false,
					};
					(GenerateEvent::Done(summary), true)
				}
				Some(GenerationEvent::Failed(cause)) => {
					(GenerateEvent::Failed { error: explain(cause) }, true)
				}
				None => (GenerateEvent::Failed { error: explain(EngineError::Cancelled) }, true),
			};
			if send(&sink, &message).await.is_err() || is_last {
				return;
			}
		}
	}
}

/// Sends one message; fails when the client is gone.
async fn send(sink: &SubscriptionSink, event: &GenerateEvent) -> Result<(), ()> {
	let message = SubscriptionMessage::from_json(event).map_err(|_| ())?;
	sink.send(message).await.map_err(|_| ())
}

/// What an engine's refusal means for a client.
fn explain(cause: EngineError) -> String {
	match cause {
		EngineError::BlobMissing(hash) => {
			format!("this node lacks the model's blob {hash:?} and fetches it now; try again shortly, or ask another node")
		}
		EngineError::Busy => "the engine's queue is full; try again shortly".into(),
		EngineError::Cancelled => "the node is shutting down".into(),
		EngineError::ModelTooLarge => "the model is larger than this node accepts; ask another node".into(),
		other => format!("the engine failed ({other:?}); the node's log says how"),
	}
}
