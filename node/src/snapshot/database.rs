//! A chain's database as a folder of files: whether it is in use, what is in it, and which files are the chain's.

use super::{manifest::BlockPoint, progress::Progress, SnapshotError};
use crate::service::{Backend, Block, HostFunctions};
use blyan_primitives::HARDWARE_KEY;
use codec::Decode;
use sc_chain_spec::construct_genesis_block;
use sc_client_api::{
	backend::BlockImportOperation as _, in_mem, Backend as _, HeaderBackend, TrieCacheContext,
};
use sc_executor::WasmExecutor;
use sc_service::{ChainSpec, Configuration, DatabaseSource};
use sp_core::{
	offchain::{storage::OffchainDb, DbExternalities, StorageKind},
	storage::well_known_keys,
	traits::ReadRuntimeVersion,
	H256,
};
use sp_runtime::traits::Block as BlockT;
use sp_state_machine::{Backend as _, BasicExternalities, IterArgs};
use sp_version::RuntimeVersion;
use std::{
	fs::{self, File, TryLockError},
	path::{Path, PathBuf},
	sync::Arc,
};

/// The file whose presence makes a folder a database; it names the columns and the salt of their keys.
const METADATA: &str = "metadata";
/// The file that the database's user holds locked.
const LOCK: &str = "lock";
/// Prefixes of the files of the off-chain workers' column. Their contents belong to this machine alone.
const OWN: [&str; 2] = ["index_09_", "table_09_"];
/// Prefixes of the files of the chain's columns. Columns have two digits.
const COLUMNS: [&str; 2] = ["index_", "table_"];

/// Contents of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
	/// Hash of block 0.
	pub genesis: H256,
	/// The newest final block.
	pub finalized: BlockPoint,
	/// Entries of its state, each of which could be read.
	pub state_entries: u64,
	/// Version of the runtime in that state.
	pub spec_version: u32,
}

/// Where a chain's database is and where its blobs are.
#[derive(Clone, Debug)]
pub struct ChainFolder {
	/// The chain's own folder.
	pub chain: PathBuf,
	/// The database.
	pub database: PathBuf,
	/// The blobs.
	pub blobs: PathBuf,
}

impl ChainFolder {
	/// The folders of a configuration.
	pub fn of(config: &Configuration) -> Self {
		let chain = config.base_path.config_dir(config.chain_spec.id());
		Self { database: chain.join("paritydb").join("full"), blobs: chain.join(crate::ml::BLOBS), chain }
	}
}

/// Reports whether there is a database.
pub fn exists(folder: &Path) -> bool {
	folder.join(METADATA).is_file()
}

/// Keeps others from opening a database until it is dropped.
pub struct Locked {
	_file: File,
}

/// Locks a database, as a node does.
pub fn lock(folder: &Path) -> Result<Locked, SnapshotError> {
	let path = folder.join(LOCK);
	let file = File::options()
		.create(true)
		.truncate(false)
		.write(true)
		.open(&path)
		.map_err(SnapshotError::io(&path))?;
	match file.try_lock() {
		Ok(()) => Ok(Locked { _file: file }),
		Err(TryLockError::WouldBlock) => Err(SnapshotError::InUse(folder.to_path_buf())),
		Err(TryLockError::Error(error)) => Err(SnapshotError::Io(path, error)),
	}
}

/// Lists the chain's files of a database that is not in use, by name and in order.
pub fn chain_files(folder: &Path) -> Result<Vec<String>, SnapshotError> {
	let is_chains = |name: &str| {
		name == METADATA
			|| (COLUMNS.iter().any(|prefix| name.starts_with(prefix))
				&& !OWN.iter().any(|prefix| name.starts_with(prefix)))
	};
	files(folder, is_chains)
}

/// The files of a folder that `wanted` wants, by name and in order.
pub fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, SnapshotError> {
	let mut names = Vec::new();
	for entry in fs::read_dir(folder).map_err(SnapshotError::io(folder))? {
		let entry = entry.map_err(SnapshotError::io(folder))?;
		let is_file = entry.file_type().map_err(SnapshotError::io(folder))?.is_file();
		let name = entry.file_name().to_string_lossy().into_owned();
		if is_file && wanted(&name) {
			names.push(name);
		}
	}
	names.sort();
	Ok(names)
}

/// Opens a database that is there. Whatever its log still held is in its tables when it is closed again.
fn open(config: &Configuration, folder: &Path) -> Result<Arc<Backend>, SnapshotError> {
	if !exists(folder) {
		return Err(SnapshotError::NoDatabase(folder.to_path_buf()));
	}
	// Says that the database is in use in words of our own.
	drop(lock(folder)?);
	let mut settings = config.db_config();
	settings.source = DatabaseSource::ParityDb { path: folder.to_path_buf() };
	// As it was made, and nothing is pruned by looking.
	settings.state_pruning = None;
	settings.blocks_pruning = sc_service::BlocksPruning::KeepAll;
	settings.metrics_registry = None;
	Ok(sc_service::new_db_backend(settings)?)
}

/// Reads what is in a database, down to the last entry of its final state.
pub fn facts(config: &Configuration, folder: &Path) -> Result<Facts, SnapshotError> {
	let backend = open(config, folder)?;
	let info = backend.blockchain().info();
	let (number, hash) = (info.finalized_number, info.finalized_hash);
	let header = backend
		.blockchain()
		.header(hash)?
		.ok_or_else(|| SnapshotError::Database(format!("the final block #{number} has no header")))?;
	let state = backend.state_at(hash, TrieCacheContext::Untrusted)?;
	let unreadable =
		|error: String| SnapshotError::Database(format!("the state of block #{number}: {error}"));
	let code = state
		.storage(well_known_keys::CODE)
		.map_err(unreadable)?
		.ok_or_else(|| unreadable("it has no runtime".into()))?;
	let progress = Progress::count("state");
	let mut state_entries = 0u64;
	for entry in state.pairs(IterArgs::default()).map_err(unreadable)? {
		entry.map_err(unreadable)?;
		state_entries = state_entries.saturating_add(1);
		progress.add(1);
	}
	Ok(Facts {
		genesis: info.genesis_hash,
		finalized: BlockPoint { number, hash, state_root: header.state_root },
		state_entries,
		spec_version: runtime_version(&code)?.spec_version,
	})
}

/// Hash of a specification's block 0.
pub fn genesis_hash(spec: &dyn ChainSpec) -> Result<H256, SnapshotError> {
	let storage = spec.as_storage_builder().build_storage().map_err(SnapshotError::Database)?;
	let code = storage
		.top
		.get(well_known_keys::CODE)
		.ok_or_else(|| SnapshotError::Database("the chain's specification has no runtime".into()))?;
	let version = runtime_version(code)?.state_version();
	let memory = in_mem::Backend::<Block>::new();
	let root = memory.begin_operation()?.set_genesis_state(storage, false, version)?;
	Ok(construct_genesis_block::<Block>(root, version).hash())
}

fn runtime_version(code: &[u8]) -> Result<RuntimeVersion, SnapshotError> {
	let executor = WasmExecutor::<HostFunctions>::builder().build();
	let encoded = executor
		.read_runtime_version(code, &mut BasicExternalities::new_empty())
		.map_err(SnapshotError::Database)?;
	RuntimeVersion::decode(&mut &encoded[..])
		.map_err(|error| SnapshotError::Database(format!("the runtime's version: {error}")))
}

/// Fate of the off-chain workers' memory when one database took the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
	/// All of it is there again: both databases are of this machine.
	Kept,
	/// Only what identifies the machine is.
	HardwareOnly,
}

/// Brings what is this machine's own from the database that goes to the one that comes.
pub fn carry_over(config: &Configuration, from: &Path, to: &Path) -> Result<Memory, SnapshotError> {
	let hardware = {
		// Closing it moves the rest of its log into its tables.
		let backend = open(config, from)?;
		let storage = backend.offchain_storage();
		storage.and_then(|storage| {
			OffchainDb::new(storage).local_storage_get(StorageKind::PERSISTENT, HARDWARE_KEY)
		})
	};
	// Keys are hashed with the database's salt. Copies of one database share it, and with it the column's files.
	let salt = |folder: &Path| -> Result<Option<String>, SnapshotError> {
		let path = folder.join(METADATA);
		let text = fs::read_to_string(&path).map_err(SnapshotError::io(&path))?;
		Ok(text.lines().find(|line| line.starts_with("salt=")).map(str::to_string))
	};
	let (theirs, ours) = (salt(to)?, salt(from)?);
	if ours.is_some() && ours == theirs {
		for name in files(from, |name| OWN.iter().any(|prefix| name.starts_with(prefix)))? {
			let path = to.join(&name);
			fs::copy(from.join(&name), &path).map_err(SnapshotError::io(&path))?;
		}
		return Ok(Memory::Kept);
	}
	if let (Some(hardware), Some(storage)) = (hardware, open(config, to)?.offchain_storage()) {
		OffchainDb::new(storage).local_storage_set(StorageKind::PERSISTENT, HARDWARE_KEY, &hardware);
	}
	Ok(Memory::HardwareOnly)
}
