//! Loading models from blobs, each block once.

use super::{ExpertSource, ExpertWeights, Model, TrunkWeights};
use crate::{
	blobs::{BlobError, BlobStore},
	block::{BlockError, BlockShape, TensorBlock},
};
use blyan_exact::ModelConfig;
use blyan_primitives::{BlockRef, EngineError};
use parking_lot::Mutex;
use sp_core::H256;
use std::{collections::HashMap, fmt, sync::Arc};

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
	/// A blob is not in the store.
	#[error("blob {0:?} is not in the store")]
	BlobMissing(H256),
	/// A blob's bytes do not have its hash. The store has dropped them.
	#[error("blob {0:?} was damaged and has been dropped")]
	BlobCorrupt(H256),
	/// A blob has the right hash but another length than announced.
	#[error("blob {hash:?} has {found} bytes, {announced} were announced")]
	BlobSize {
		/// The blob.
		hash: H256,
		/// Its length.
		found: u64,
		/// The length it was announced with.
		announced: u32,
	},
	/// A blob is no block of the shape it should be.
	#[error("blob {hash:?} is not the block it should be: {error}")]
	Block {
		/// The blob.
		hash: H256,
		/// What is wrong with it.
		error: BlockError,
	},
	/// A block's tensor root is another than announced.
	#[error("blob {hash:?} has another tensor root than announced")]
	TensorRoot {
		/// The blob.
		hash: H256,
	},
	/// The configuration is out of bounds or the number of heads is not that of its slots.
	#[error("the configuration and the heads contradict each other")]
	Malformed,
	/// The store cannot be read.
	#[error("the blob store cannot be read: {0}")]
	Store(BlobError),
}

impl From<BlobError> for LoadError {
	fn from(error: BlobError) -> Self {
		match error {
			BlobError::Missing(hash) => Self::BlobMissing(hash),
			BlobError::Corrupt(hash) => Self::BlobCorrupt(hash),
			other => Self::Store(other),
		}
	}
}

impl LoadError {
	/// What this means for a job, if it happened to a part of the model itself.
	pub fn as_engine_error(&self) -> EngineError {
		match self {
			Self::BlobMissing(hash) => EngineError::BlobMissing(*hash),
			Self::BlobCorrupt(hash)
			| Self::BlobSize { hash, .. }
			| Self::Block { hash, .. }
			| Self::TensorRoot { hash } => EngineError::BlobCorrupt(*hash),
			Self::Malformed => EngineError::JobMalformed,
			Self::Store(error) => {
				log::error!("the blob store failed: {error}");
				EngineError::Internal
			}
		}
	}
}

/// A block as one shape: two models may share an expert, and a hash alone does not say what it is used as.
type Key = (BlockRef, BlockShape);

#[derive(Clone)]
enum Loaded {
	Trunk(Arc<TrunkWeights>),
	Expert(Arc<ExpertWeights>),
}

struct Entry {
	loaded: Loaded,
	bytes: u64,
	last_used: u64,
}

#[derive(Default)]
struct Cache {
	entries: HashMap<Key, Entry>,
	bytes: u64,
	clock: u64,
}

/// Loads blocks from a [`BlobStore`], verifies them once and keeps those used last.
///
/// Shared by evaluation and generation. Blocks are mapped files, so what the cache bounds is mostly address
/// space and page cache. What it forgets while a model is in use is verified again when that model needs it.
///
/// Clones share the cache.
#[derive(Clone)]
pub struct ModelStore {
	blobs: Arc<BlobStore>,
	cache_bytes_max: u64,
	cache: Arc<Mutex<Cache>>,
}

impl fmt::Debug for ModelStore {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("ModelStore").field("cached_bytes", &self.cached_bytes()).finish_non_exhaustive()
	}
}

/// The experts of one model, each opened and verified when a token is first routed to it.
#[derive(Debug)]
struct StoredExperts {
	store: ModelStore,
	config: ModelConfig,
	heads: Vec<BlockRef>,
}

impl ExpertSource for StoredExperts {
	fn expert(&self, slot: usize) -> Result<Arc<ExpertWeights>, LoadError> {
		self.store.load_expert(&self.config, self.heads.get(slot).ok_or(LoadError::Malformed)?)
	}
}

impl ModelStore {
	/// Keeps up to `cache_bytes_max` bytes of blocks ready.
	pub fn new(blobs: Arc<BlobStore>, cache_bytes_max: u64) -> Self {
		Self { blobs, cache_bytes_max, cache: Arc::default() }
	}

	/// The store the blocks come from.
	pub fn blobs(&self) -> &Arc<BlobStore> {
		&self.blobs
	}

	/// Bytes of blocks that are ready now.
	pub fn cached_bytes(&self) -> u64 {
		self.cache.lock().bytes
	}

	/// A model from its parts, `heads` in row-major order.
	///
	/// The trunk is verified. Experts only have to be there; what is wrong with one shows when a token is routed to it.
	pub fn load(
		&self,
		config: &ModelConfig,
		trunk: &BlockRef,
		heads: &[BlockRef],
	) -> Result<Arc<Model>, LoadError> {
		if config.validate().is_err() || heads.len() != config.slots() as usize {
			return Err(LoadError::Malformed);
		}
		let trunk = self.load_trunk(config, trunk)?;
		if let Some(missing) = heads.iter().find(|head| !self.blobs.has(&head.blob.hash)) {
			return Err(LoadError::BlobMissing(missing.blob.hash));
		}
		let roots = heads.iter().map(|head| head.tensor_root).collect();
		let source = StoredExperts { store: self.clone(), config: *config, heads: heads.to_vec() };
		let model = Model::with_source(trunk, roots, Arc::new(source));
		model.map(Arc::new).map_err(|_| LoadError::Malformed)
	}

	/// A trunk.
	pub fn load_trunk(
		&self,
		config: &ModelConfig,
		reference: &BlockRef,
	) -> Result<Arc<TrunkWeights>, LoadError> {
		let key = (*reference, BlockShape::Trunk(*config));
		let loaded = self.cached(key, |block| Ok(Loaded::Trunk(Arc::new(TrunkWeights::new(block)?))))?;
		match loaded {
			Loaded::Trunk(trunk) => Ok(trunk),
			Loaded::Expert(_) => Err(LoadError::Malformed),
		}
	}

	/// One expert for any slot of a model of this configuration.
	pub fn load_expert(
		&self,
		config: &ModelConfig,
		reference: &BlockRef,
	) -> Result<Arc<ExpertWeights>, LoadError> {
		let key = (*reference, BlockShape::expert_of(config));
		let loaded = self.cached(key, |block| Ok(Loaded::Expert(Arc::new(ExpertWeights::new(block)?))))?;
		match loaded {
			Loaded::Expert(expert) => Ok(expert),
			Loaded::Trunk(_) => Err(LoadError::Malformed),
		}
	}

	fn cached(
		&self,
		key: Key,
		init: impl FnOnce(Arc<TensorBlock>) -> Result<Loaded, BlockError>,
	) -> Result<Loaded, LoadError> {
		{
			let mut cache = self.cache.lock();
			cache.clock += 1;
			let now = cache.clock;
			if let Some(entry) = cache.entries.get_mut(&key) {
				entry.last_used = now;
				return Ok(entry.loaded.clone());
			}
		}
		// Verified outside the lock: two callers may do it twice, neither waits for the other.
		let block = self.open(&key)?;
		let bytes = block.bytes().len() as u64;
		let hash = key.0.blob.hash;
		let loaded = init(Arc::new(block)).map_err(|error| LoadError::Block { hash, error })?;
		self.keep(key, loaded.clone(), bytes);
		Ok(loaded)
	}

	/// Maps a blob whose hash and size are as announced, and checks its header and root.
	fn open(&self, (reference, shape): &Key) -> Result<TensorBlock, LoadError> {
		let hash = reference.blob.hash;
		let path = self.blobs.verified_path(&hash)?;
		let block = TensorBlock::open(&path, *shape).map_err(|error| match error {
			BlockError::Io(error) => LoadError::Store(BlobError::Io(error)),
			error => LoadError::Block { hash, error },
		})?;
		let found = block.bytes().len() as u64;
		if found != u64::from(reference.blob.size) {
			return Err(LoadError::BlobSize { hash, found, announced: reference.blob.size });
		}
		if block.tensor_root() != reference.tensor_root {
			return Err(LoadError::TensorRoot { hash });
		}
		Ok(block)
	}

	fn keep(&self, key: Key, loaded: Loaded, bytes: u64) {
		let mut cache = self.cache.lock();
		let last_used = cache.clock;
		if cache.entries.insert(key, Entry { loaded, bytes, last_used }).is_none() {
			cache.bytes += bytes;
		}
		while cache.bytes > self.cache_bytes_max && cache.entries.len() > 1 {
			let oldest = cache.entries.iter().filter(|(k, _)| **k != key).min_by_key(|(_, e)| e.last_used);
			let Some(oldest) = oldest.map(|(key, _)| *key) else { return };
			if let Some(entry) = cache.entries.remove(&oldest) {
				cache.bytes -= entry.bytes;
			}
		}
	}
}
