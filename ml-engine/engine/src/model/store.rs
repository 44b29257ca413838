//! Loading models from blobs, each block once.

use super::{
	cache::{Cache, Counts, NoRoom, Pinned},
	usage::{Heats, Trail},
	ExpertSource, ExpertWeights, Model, TrunkWeights,
};
use crate::{
	blobs::{BlobError, BlobStore},
	block::{BlockError, BlockShape, TensorBlock},
	packed::{packed_bytes, PackedCache, PackedExpert},
};
use blyan_exact::ModelConfig;
use blyan_primitives::{BlockRef, EngineError};
use parking_lot::{Condvar, Mutex};
use sp_core::H256;
use std::{
	fmt,
	sync::{
		atomic::{AtomicU64, Ordering},
		mpsc::{sync_channel, Receiver, SyncSender},
		Arc, OnceLock, Weak,
	},
};

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
		/// Description of the fault.
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
	/// Blocks in use leave no room for another within the budget.
	#[error(
		"blob {hash:?} takes {needed} bytes, and {in_use} of the {bytes_max} that models may take are in use: \
		 raise the budget, or stream the expert"
	)]
	NoRoom {
		/// The blob.
		hash: H256,
		/// Bytes that the block takes.
		needed: u64,
		/// Bytes of what is in use.
		in_use: u64,
		/// The budget.
		bytes_max: u64,
	},
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
	/// Translates this error for a job, if it happened to a part of the model itself.
	pub fn as_engine_error(&self) -> EngineError {
		match self {
			Self::BlobMissing(hash) => EngineError::BlobMissing(*hash),
			Self::BlobCorrupt(hash)
			| Self::BlobSize { hash, .. }
			| Self::Block { hash, .. }
			| Self::TensorRoot { hash } => EngineError::BlobCorrupt(*hash),
			Self::Malformed => EngineError::JobMalformed,
			Self::NoRoom { needed, bytes_max, .. } if needed > bytes_max => {
				log::error!("{self}");
				EngineError::ModelTooLarge
			}
			// Others will be done some time.
			Self::NoRoom { .. } => EngineError::Busy,
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

impl Pinned for Loaded {
	fn is_pinned(&self) -> bool {
		// The cache's own is one. New ones are made of it under the cache's lock only.
		match self {
			Self::Trunk(weights) => Arc::strong_count(weights) > 1,
			Self::Expert(weights) => Arc::strong_count(weights) > 1,
		}
	}
}

/// Metrics of a store; counters count since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreMetrics {
	/// Bytes of blocks that are ready, in use or not, or being loaded.
	pub bytes: u64,
	/// Most that these may be.
	pub bytes_max: u64,
	/// Blocks that are ready.
	pub blocks: u64,
	/// Blocks that were asked for and ready.
	pub hits: u64,
	/// Blocks that were asked for and had to be opened and verified.
	pub misses: u64,
	/// Blocks that were dropped to make room.
	pub evictions: u64,
	/// Blocks that were not loaded because what is in use left no room.
	pub refusals: u64,
	/// Experts loaded because those that they follow were used.
	pub prefetches: u64,
	/// Of these, such that were used then.
	pub prefetches_used: u64,
	/// Experts that were brought into their packed form, from the cache on disk or newly packed.
	pub packed: u64,
}

/// Experts that may wait to be loaded ahead of their use. More would come too late.
const TASKS_MAX: usize = 16;
/// Heat from which on an expert is packed: so many uses, lately, that it will likely see more.
const HOT: f64 = 64.0;
/// Uses of a hot expert after which packing it is tried, and tried again.
const PACK_EVERY: u64 = 64;

/// Loads blocks from a [`BlobStore`], verifies them once and keeps those used last.
///
/// Shared by evaluation and generation; clones share everything. A block is a mapped file, every page of which
/// verification has touched, so its length is what it takes: the blocks in use, those kept ready and those being loaded
/// never exceed the budget together. What was used least recently goes first, unless it is held; when what is
/// held leaves no room, loading fails and says so.
#[derive(Clone)]
pub struct ModelStore(Arc<Shared>);

struct Shared {
	blobs: Arc<BlobStore>,
	cache: Mutex<Cache<Key, Loaded>>,
	/// Signals that something which was being loaded no longer is.
	ended: Condvar,
	heats: Mutex<Heats>,
	worker: OnceLock<Option<SyncSender<Task>>>,
	packed: Option<PackedCache>,
	packed_count: AtomicU64,
}

/// Background task of the store's own thread.
enum Task {
	/// Load an expert that is likely to be used next.
	Load(Key),
	/// Bring an expert that is used often into the form that runs fastest.
	Pack(Key),
}

impl fmt::Debug for ModelStore {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.debug_struct("ModelStore").field("metrics", &self.metrics()).finish_non_exhaustive()
	}
}

impl ModelStore {
	/// Keeps up to `cache_bytes_max` bytes of blocks in memory, those in use included.
	pub fn new(blobs: Arc<BlobStore>, cache_bytes_max: u64) -> Self {
		Self::init(blobs, cache_bytes_max, None)
	}

	/// The same, and keeps experts that are used often in their packed form on disk, if that makes them faster here.
	pub fn with_packed(blobs: Arc<BlobStore>, cache_bytes_max: u64, packed: PackedCache) -> Self {
		Self::init(blobs, cache_bytes_max, Some(packed).filter(PackedCache::is_worth_it))
	}

	fn init(blobs: Arc<BlobStore>, cache_bytes_max: u64, packed: Option<PackedCache>) -> Self {
		Self(Arc::new(Shared {
			blobs,
			cache: Mutex::new(Cache::new(cache_bytes_max)),
			ended: Condvar::new(),
			heats: Mutex::default(),
			worker: OnceLock::new(),
			packed,
			packed_count: AtomicU64::new(0),
		}))
	}

	/// The store the blocks come from.
	pub fn blobs(&self) -> &Arc<BlobStore> {
		&self.0.blobs
	}

	/// Bytes of blocks that are ready now or being loaded.
	pub fn cached_bytes(&self) -> u64 {
		self.0.cache.lock().bytes()
	}

	/// Returns the metrics of the store.
	pub fn metrics(&self) -> StoreMetrics {
		let cache = self.0.cache.lock();
		let Counts { hits, misses, evictions, refusals, guesses, guesses_used } = cache.counts();
		StoreMetrics {
			bytes: cache.bytes(),
			bytes_max: cache.bytes_max(),
			blocks: cache.len() as u64,
			hits,
			misses,
			evictions,
			refusals,
			prefetches: guesses,
			prefetches_used: guesses_used,
			packed: self.0.packed_count.load(Ordering::Relaxed),
		}
	}

	/// The experts used most of late, by tensor root: decayed counts of uses, the hottest first.
	pub fn hottest(&self, count: usize) -> Vec<(H256, f64)> {
		self.0.heats.lock().hottest(count)
	}

	/// Returns the recent usage (hotness) of an expert.
	pub fn heat(&self, tensor_root: &H256) -> f64 {
		self.0.heats.lock().of(tensor_root)
	}

	/// Drops every block that is not in use, and gives its memory back; returns how many bytes that were.
	pub fn drop_idle(&self) -> u64 {
		self.0.cache.lock().drop_idle()
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
		if let Some(missing) = heads.iter().find(|head| !self.0.blobs.has(&head.blob.hash)) {
			return Err(LoadError::BlobMissing(missing.blob.hash));
		}
		let roots = heads.iter().map(|head| head.tensor_root).collect();
		let source = StoredExperts::new(self.clone(), *config, heads.to_vec());
		let model = Model::with_source(trunk, roots, Arc::new(source));
		model.map(Arc::new).map_err(|_| LoadError::Malformed)
	}

	/// A trunk.
	pub fn load_trunk(
		&self,
		config: &ModelConfig,
		reference: &BlockRef,
	) -> Result<Arc<TrunkWeights>, LoadError> {
		match self.0.loaded((*reference, BlockShape::Trunk(*config)))? {
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
		let (heat, uses) = self.0.heats.lock().note(reference.tensor_root);
		let key = (*reference, BlockShape::expert_of(config));
		match self.0.loaded(key)? {
			Loaded::Expert(expert) => {
				// Again and again while it is hot: the first tries may come while it is in use.
				let is_time = heat >= HOT && uses.is_multiple_of(PACK_EVERY);
				if self.0.packed.is_some() && is_time && !expert.is_packed() {
					self.do_later(Task::Pack(key));
				}
				Ok(expert)
			}
			Loaded::Trunk(_) => Err(LoadError::Malformed),
		}
	}

	/// Loads an expert on a thread of its own, unless it is there, or not hotter than what would have to go for it.
	/// Returns at once; an expert that cannot be loaded is none.
	pub fn prefetch(&self, config: &ModelConfig, reference: &BlockRef) {
		let key = (*reference, BlockShape::expert_of(config));
		if !self.0.cache.lock().is_known(&key) && self.0.blobs.has(&reference.blob.hash) {
			self.do_later(Task::Load(key));
		}
	}

	fn do_later(&self, task: Task) {
		let worker = self.0.worker.get_or_init(|| {
			let (tasks, queue) = sync_channel(TASKS_MAX);
			let shared = Arc::downgrade(&self.0);
			let thread = std::thread::Builder::new().name("blyan-experts".into());
			match thread.spawn(move || work(&shared, &queue)) {
				Ok(_) => Some(tasks),
				Err(error) => {
					log::warn!("experts are neither loaded ahead of their use nor packed: {error}");
					None
				}
			}
		});
		if let Some(worker) = worker {
			// If it is busy, this would come too late.
			let _ = worker.try_send(task);
		}
	}
}

/// Does what there is to do until the store is gone.
fn work(shared: &Weak<Shared>, tasks: &Receiver<Task>) {
	while let Ok(task) = tasks.recv() {
		let Some(shared) = shared.upgrade() else { return };
		match task {
			Task::Load(key) => {
				if let Err(error) = shared.load_ahead(key) {
					log::debug!("an expert was not loaded ahead of its use: {error}");
				}
			}
			Task::Pack(key) => shared.pack(key),
		}
	}
}

/// Bytes that a block of this length takes once its tensors have been taken out of it.
fn resident_bytes(len: u64, shape: &BlockShape) -> u64 {
	let copies = match *shape {
		// The gain.
		BlockShape::Expert { d_ff, .. } => 2 * u64::from(d_ff),
		// Gains, angles, the sums of the rows of all 8-bit tables, and attention's matrices again as most kernels want
		// them: four of d by d, four weights a byte.
		BlockShape::Trunk(config) => {
			let (d, layers) = (u64::from(config.d_model), u64::from(config.layers));
			let angles = 2 * u64::from(config.context) * config.head_size() as u64;
			let sums = 4 * (2 * blyan_exact::VOCAB as u64 + layers * u64::from(config.experts));
			2 * d * (3 * layers + 1) + angles + sums + layers * d * d
		}
	};
	len.next_multiple_of(PAGE_BYTES) + copies
}

/// A mapping takes whole pages.
const PAGE_BYTES: u64 = 4_096;

impl Shared {
	/// Bytes to set aside for a block, in whichever form it will be.
	fn bytes_of(&self, (reference, shape): &Key) -> u64 {
		let len = u64::from(reference.blob.size);
		let packed = if self.packed.is_some() { packed_bytes(*shape) } else { 0 };
		resident_bytes(len.max(packed), shape)
	}

	/// Returns the block under a key, loading it now if no other thread is at it.
	fn loaded(&self, key: Key) -> Result<Loaded, LoadError> {
		let mut cache = self.cache.lock();
		loop {
			if let Some(loaded) = cache.get(&key) {
				return Ok(loaded);
			}
			if !cache.is_loading(&key) {
				break;
			}
			self.ended.wait(&mut cache);
		}
		let bytes = self.bytes_of(&key);
		cache.begin(key, bytes).map_err(|NoRoom { needed, in_use, bytes_max }| {
			let hash = key.0.blob.hash;
			LoadError::NoRoom { hash, needed, in_use, bytes_max }
		})?;
		drop(cache);
		Loading { shared: self, key, is_guess: false }.finish()
	}

	/// Loads an expert if what is colder leaves room for it.
	fn load_ahead(&self, key: Key) -> Result<(), LoadError> {
		let mut cache = self.cache.lock();
		if cache.is_known(&key) {
			return Ok(());
		}
		let bytes = self.bytes_of(&key);
		let heats = self.heats.lock();
		let own = heats.of(&key.0.tensor_root);
		let is_colder = |(reference, shape): &Key| {
			matches!(shape, BlockShape::Expert { .. }) && heats.of(&reference.tensor_root) < own
		};
		if cache.begin_guess(key, bytes, is_colder).is_err() {
			return Ok(());
		}
		drop((cache, heats));
		Loading { shared: self, key, is_guess: true }.finish().map(drop)
	}

	/// Puts the packed form of an expert in its place, if the expert is not in use right now.
	fn pack(&self, key: Key) {
		let (reference, shape) = key;
		let Some(packed) = &self.packed else { return };
		let found = packed.get(shape, &reference.tensor_root);
		let made = found.map_or_else(
			|| {
				packed.put(&self.open(&key).ok()?).unwrap_or_else(|error| {
					log::warn!("an expert was not packed: {error}");
					None
				})
			},
			Some,
		);
		let Some(weights) = made.and_then(|packed| self.unpack(&key, packed)) else { return };
		let bytes = resident_bytes(packed_bytes(shape), &shape);
		if self.cache.lock().replace_idle(key, Loaded::Expert(Arc::new(weights)), bytes) {
			self.packed_count.fetch_add(1, Ordering::Relaxed);
		}
	}

	/// An expert from its packed form; the block is mapped, and nothing of it read but its header.
	fn unpack(&self, (reference, shape): &Key, packed: PackedExpert) -> Option<ExpertWeights> {
		let path = self.blobs.path_of(&reference.blob.hash)?;
		let block = TensorBlock::open(&path, *shape).ok()?;
		if block.tensor_root() != reference.tensor_root {
			return None;
		}
		ExpertWeights::from_packed(Arc::new(block), &Arc::new(packed)).ok()
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

	fn init(&self, key: &Key) -> Result<Loaded, LoadError> {
		let packed = self.packed.as_ref().and_then(|packed| packed.get(key.1, &key.0.tensor_root));
		if let Some(weights) = packed.and_then(|packed| self.unpack(key, packed)) {
			self.packed_count.fetch_add(1, Ordering::Relaxed);
			return Ok(Loaded::Expert(Arc::new(weights)));
		}
		let block = Arc::new(self.open(key)?);
		let loaded = match key.1 {
			BlockShape::Trunk(_) => TrunkWeights::new(block).map(|weights| Loaded::Trunk(Arc::new(weights))),
			BlockShape::Expert { .. } => {
				ExpertWeights::new(block).map(|weights| Loaded::Expert(Arc::new(weights)))
			}
		};
		loaded.map_err(|error| LoadError::Block { hash: key.0.blob.hash, error })
	}
}

/// A block that is being loaded outside the lock. Other threads that want it wait until this is over, however it ends.
struct Loading<'a> {
	shared: &'a Shared,
	key: Key,
	is_guess: bool,
}

impl Loading<'_> {
	fn finish(self) -> Result<Loaded, LoadError> {
		let loaded = self.shared.init(&self.key)?;
		self.shared.cache.lock().end(self.key, Some(loaded.clone()), self.is_guess);
		Ok(loaded)
	}
}

impl Drop for Loading<'_> {
	fn drop(&mut self) {
		// Does nothing if it was loaded; otherwise its bytes are free again.
		self.shared.cache.lock().end(self.key, None, self.is_guess);
		self.shared.ended.notify_all();
	}
}

/// The experts of one model, each opened and verified when a token is first routed to it, and those that are likely to
/// follow it loaded ahead.
#[derive(Debug)]
pub struct StoredExperts {
	store: ModelStore,
	config: ModelConfig,
	heads: Vec<BlockRef>,
	trail: Mutex<Trail>,
}

impl StoredExperts {
	/// For a model of these experts, in row-major order.
	pub fn new(store: ModelStore, config: ModelConfig, heads: Vec<BlockRef>) -> Self {
		Self { store, config, heads, trail: Mutex::new(Trail::new(config.experts.into())) }
	}
}

impl ExpertSource for StoredExperts {
	fn expert(&self, slot: usize) -> Result<Arc<ExpertWeights>, LoadError> {
		let head = self.heads.get(slot).ok_or(LoadError::Malformed)?;
		let next = self.trail.lock().note(slot);
		for head in next.into_iter().filter_map(|slot| self.heads.get(slot)) {
			self.store.prefetch(&self.config, head);
		}
		self.store.load_expert(&self.config, head)
	}
}
