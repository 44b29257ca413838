//! The manifest: what a snapshot is, and the hash of every byte of it.

use super::SnapshotError;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_crypto_hashing::blake2_256;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// The format that this node writes and reads.
pub const FORMAT: u32 = 1;
/// Most bytes of a manifest: a database has some hundred files, a store some ten thousand blobs.
const BYTES_MAX: u64 = 64 << 20;

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPoint {
	/// Its number.
	pub number: u32,
	/// Its hash.
	pub hash: H256,
	/// Root of its state.
	pub state_root: H256,
}

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
	/// Where it goes: `database/NAME` or `blobs/HASH`.
	pub path: String,
	/// Its length in bytes.
	pub size: u64,
	/// blake2-256 of its bytes.
	pub blake2_256: H256,
}

/// The archive as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveEntry {
	/// Its length in bytes.
	pub size: u64,
	/// blake2-256 of its bytes.
	pub blake2_256: H256,
}

/// Description of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
	/// Version of this format.
	pub format: u32,
	/// The node that wrote it.
	pub created_by: String,
	/// The chain's name.
	pub chain: String,
	/// The chain's identifier.
	pub chain_id: String,
	/// Hash of block 0.
	pub genesis: H256,
	/// The newest final block. Its state is in the snapshot.
	pub finalized: BlockPoint,
	/// Entries of that state.
	pub state_entries: u64,
	/// Version of the runtime in that state.
	pub spec_version: u32,
	/// Kind of the database.
	pub database: String,
	/// The archive.
	pub archive: ArchiveEntry,
	/// Its files, in order.
	pub files: Vec<FileEntry>,
}

impl Manifest {
	/// The file that describes this archive.
	pub fn path_for(archive: &Path) -> PathBuf {
		let mut name = archive.as_os_str().to_owned();
		name.push(".json");
		name.into()
	}

	/// Reads the manifest of an archive and compares its hash with the one that was asked for.
	pub fn read(archive: &Path, expected: Option<H256>) -> Result<(Self, H256), SnapshotError> {
		let path = Self::path_for(archive);
		let size = fs::metadata(&path).map_err(SnapshotError::io(&path))?.len();
		if size > BYTES_MAX {
			return Err(SnapshotError::Damaged(format!("its manifest is {size} bytes long")));
		}
		let bytes = fs::read(&path).map_err(SnapshotError::io(&path))?;
		let hash = H256(blake2_256(&bytes));
		if let Some(expected) = expected.filter(|expected| *expected != hash) {
			return Err(SnapshotError::AnotherSnapshot {
				expected: format!("{expected:?}"),
				actual: format!("{hash:?}"),
			});
		}
		/// Fields that every format has.
		#[derive(Deserialize)]
		struct Any {
			format: u32,
		}
		let Any { format } =
			serde_json::from_slice(&bytes).map_err(|error| SnapshotError::Manifest(path.clone(), error))?;
		if format != FORMAT {
			return Err(SnapshotError::Format(format, FORMAT));
		}
		let manifest =
			serde_json::from_slice(&bytes).map_err(|error| SnapshotError::Manifest(path, error))?;
		Ok((manifest, hash))
	}

	/// Writes it beside its archive and returns its hash.
	pub fn write(&self, archive: &Path) -> Result<H256, SnapshotError> {
		let path = Self::path_for(archive);
		let bytes =
			serde_json::to_vec_pretty(self).map_err(|error| SnapshotError::Manifest(path.clone(), error))?;
		fs::write(&path, &bytes).map_err(SnapshotError::io(&path))?;
		Ok(H256(blake2_256(&bytes)))
	}

	/// Bytes of all files.
	pub fn unpacked_bytes(&self) -> u64 {
		self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
	}
}
